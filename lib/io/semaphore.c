/* SPDX-License-Identifier: ISC */
/* semaphore - at most so many at a time */
#include <leat/semaphore.h>

#include "io/permits.h"

struct leat_semaphore {
	lt_permits permits;
};

static const lt_object_ops semaphore_ops = { .name = "a semaphore", .end = lt_permits_end, .describe = lt_permits_describe };

leat_semaphore *leat_semaphore_new_at(leat_loop *loop, size_t permits, const char *where)
{
	return (leat_semaphore *)lt_permits_new(loop, permits, &semaphore_ops, "acquire", where);
}

void leat_semaphore_free(leat_semaphore *semaphore)
{
	lt_object_free((lt_object *)semaphore);
}

leat_io *leat_semaphore_run_at(leat_semaphore *semaphore, leat_fn fn, leat_ctx ctx, const char *where)
{
	return lt_permits_run(&semaphore->permits, fn, ctx, where);
}

leat_io *leat_semaphore_acquire_at(leat_semaphore *semaphore, const char *where)
{
	return lt_permits_acquire(&semaphore->permits, where);
}

bool leat_semaphore_try(leat_semaphore *semaphore)
{
	return lt_permits_try(&semaphore->permits);
}

void leat_semaphore_release_at(leat_semaphore *semaphore, const char *where)
{
	if (!lt_permits_release(&semaphore->permits))
		lt_abort("%s: released a semaphore of which no permit is out (made at %s)", where,
		         semaphore->permits.object.where);
}

size_t leat_semaphore_left(const leat_semaphore *semaphore)
{
	return semaphore->permits.object.dead ? 0 : semaphore->permits.left;
}

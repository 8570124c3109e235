/* SPDX-License-Identifier: ISC */
/* mutex - one at a time */
#include <stdio.h>

#include <leat/mutex.h>

#include "io/permits.h"

struct leat_mutex {
	lt_permits permits;
};

static int mutex_describe(const lt_object *object, char *out, size_t room)
{
	const lt_permits *permits = &((const leat_mutex *)(const void *)object)->permits;

	return snprintf(out, room, "locked%s%s, %zu in line", permits->taken ? " at " : "",
	                permits->taken ? permits->taken : "", permits->line.count);
}

static const lt_object_ops mutex_ops = { .name = "a mutex", .end = lt_permits_end, .describe = mutex_describe };

leat_mutex *leat_mutex_new_at(leat_loop *loop, const char *where)
{
	return (leat_mutex *)lt_permits_new(loop, 1, &mutex_ops, "lock", where);
}

void leat_mutex_free(leat_mutex *mutex)
{
	lt_object_free((lt_object *)mutex);
}

leat_io *leat_mutex_run_at(leat_mutex *mutex, leat_fn fn, leat_ctx ctx, const char *where)
{
	return lt_permits_run(&mutex->permits, fn, ctx, where);
}

leat_io *leat_mutex_lock_at(leat_mutex *mutex, const char *where)
{
	return lt_permits_acquire(&mutex->permits, where);
}

bool leat_mutex_try(leat_mutex *mutex)
{
	return lt_permits_try(&mutex->permits);
}

void leat_mutex_unlock_at(leat_mutex *mutex, const char *where)
{
	if (!lt_permits_release(&mutex->permits))
		lt_abort("%s: unlocked a mutex that is not locked (made at %s)", where, mutex->permits.object.where);
}

/* SPDX-License-Identifier: ISC */
/* all - every value, in order; the first failure fails it */
#include "io/many.h"

static void all_arrive(leat_loop *loop, leat_io *self, leat_io *source)
{
	lt_many *many = lt_many_of(self);

	if (lt_is_error(&source->u.outcome))
		lt_many_finish(loop, self, source);
	else if (--many->left == 0)
		lt_many_results(loop, self);
}

static const lt_kind all_kind = {
	.name = "all", .arrive = all_arrive, .drop = lt_many_drop, .next = lt_many_next,
	.each = lt_many_each, .describe = lt_many_describe, .counts = true
};

leat_io *leat_io_all_at(leat_loop *loop, leat_io *const *ios, size_t count, const char *where)
{
	leat_io *self = lt_many_new(loop, ios, count, &all_kind, where);

	if (count == 0 && !(self->flags & LT_IMMORTAL))
		lt_many_results(loop, self);
	return self;
}

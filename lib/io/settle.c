/* SPDX-License-Identifier: ISC */
/* settle - every outcome, in order, when all have one */
#include "io/many.h"

static void settle_arrive(leat_loop *loop, leat_io *self, leat_io *source)
{
	(void)source;
	if (--lt_many_of(self)->left == 0)
		lt_many_results(loop, self);
}

static const lt_kind settle_kind = {
	.name = "settle", .arrive = settle_arrive, .drop = lt_many_drop, .next = lt_many_next,
	.each = lt_many_each, .describe = lt_many_describe, .counts = true
};

leat_io *leat_io_settle_at(leat_loop *loop, leat_io *const *ios, size_t count, const char *where)
{
	leat_io *self = lt_many_new(loop, ios, count, &settle_kind, where);

	if (count == 0 && !(self->flags & LT_IMMORTAL))
		lt_many_results(loop, self);
	return self;
}

/* SPDX-License-Identifier: ISC */
/* race - the first runner to settle wins, the others are cancelled */
#include "io/many.h"

static void race_arrive(leat_loop *loop, leat_io *self, leat_io *source)
{
	lt_many_finish(loop, self, source);
}

static const lt_kind race_kind = {
	.name = "race", .arrive = race_arrive, .drop = lt_many_drop, .next = lt_many_next,
	.each = lt_many_each
};

leat_io *leat_io_race_at(leat_loop *loop, leat_io *const *ios, size_t count, const char *where)
{
	if (count == 0)
		return leat_io_fail_at(loop, leat_error_make_at(&leat_core_errors, LEAT_INVALID, where), where);
	return lt_many_new(loop, ios, count, &race_kind, where);
}

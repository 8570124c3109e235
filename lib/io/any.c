/* SPDX-License-Identifier: ISC */
/* any - the first success; the last failure when there is none */
#include "io/many.h"

static void any_arrive(leat_loop *loop, leat_io *self, leat_io *source)
{
	lt_many *many = lt_many_of(self);

	if (!lt_is_error(&source->u.outcome) || --many->left == 0) {
		lt_many_finish(loop, self, source);
		return;
	}
	lt_many_forget(many, source);
	lt_cell_free(loop, source);
}

static const lt_kind any_kind = {
	.name = "any", .arrive = any_arrive, .drop = lt_many_drop, .next = lt_many_next,
	.each = lt_many_each, .describe = lt_many_describe
};

leat_io *leat_io_any_at(leat_loop *loop, leat_io *const *ios, size_t count, const char *where)
{
	if (count == 0)
		return leat_io_fail_at(loop, leat_error_make_at(&leat_core_errors, LEAT_INVALID, where), where);
	return lt_many_new(loop, ios, count, &any_kind, where);
}

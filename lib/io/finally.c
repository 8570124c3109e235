/* SPDX-License-Identifier: ISC */
/* finally - a callback on success and on failure; the outcome passes on
 *
 * While the callback's io is pending the cell is a KEEP: the settled source
 * stays aside, in `other`, with the outcome that is to pass on.
 */
#include "io/io.h"

leat_io *leat_io_finally_at(leat_io *io, leat_fn fn, leat_ctx ctx, const char *where)
{
	lt_io_check(io, "leat_io_finally", where);
	return lt_io_chain_call(io, LT_FINALLY, fn, &ctx, where);
}

static leat_io *kept(leat_io *self)
{
	return (leat_io *)self->u.call.other;
}

static void drop_kept(leat_loop *loop, leat_io *source)
{
	lt_outcome_drop(&source->u.outcome);
	lt_cell_free(loop, source);
}

/* The callback's io has settled, or there is none: which outcome is it?  What
 * the other one destroys may cancel self. */
static void decide(leat_loop *loop, leat_io *self, leat_io *inner)
{
	leat_io *source = kept(self), *outcome = source;

	self->flags |= LT_RUNNING;
	if (inner && lt_is_error(&inner->u.outcome)) {
		outcome = inner;
		self->u.call.other = 0;
		drop_kept(loop, source);
	} else if (inner) {
		lt_io_raze(loop, inner);
	}
	self->flags &= (uint8_t)~LT_RUNNING;
	self->u.call.other = 0;
	if (self->flags & LT_DOOMED) {
		lt_io_raze(loop, outcome);
		lt_io_drop_ctx(loop, self);
		lt_cell_free(loop, self);
		return;
	}
	lt_io_skip(loop, self, outcome);
}

static void keep_arrive(leat_loop *loop, leat_io *self, leat_io *inner)
{
	inner->waiter = 0;
	self->source = NULL;
	decide(loop, self, inner);
}

static void keep_drop(leat_loop *loop, leat_io *self)
{
	drop_kept(loop, kept(self));
	lt_io_drop_ctx(loop, self);
}

/* What the callback sees: it may look at the value, not take it. */
static leat_result view(leat_loop *loop, leat_io *source)
{
	leat_result result = { .where = source->where, .loop = loop };

	if (lt_is_error(&source->u.outcome)) {
		result.type = &leat_error_type;
		result.as.error = source->u.outcome.as.error;
	} else if (source->u.outcome.type) {
		result.type = &lt_view_type;
		result.as.value.pointer = source;
	}
	return result;
}

static void finally_arrive(leat_loop *loop, leat_io *self, leat_io *source)
{
	leat_result result = view(loop, source);
	leat_io *inner;

	self->source = NULL;
	self->u.call.other = (uintptr_t)source;
	self->kind = LT_KEEP;
	if (self->flags & LT_MOVED)
		self->u.call.destroy = NULL;
	self->flags |= LT_RUNNING;
	inner = self->u.call.fn(self->u.call.ctx, &result);
	if (self->flags & LT_DOOMED)
		drop_kept(loop, source);
	if (lt_io_end_if_doomed(loop, self, inner))
		return;
	if (!inner) {
		decide(loop, self, NULL);
		return;
	}
	lt_io_check_adoption(loop, self, inner);
	inner = lt_io_past_forward(loop, inner);
	if (inner->phase == LT_SETTLED) {
		keep_arrive(loop, self, inner);
		return;
	}
	self->source = inner;
	inner->waiter = (uintptr_t)self;
}

const lt_kind lt_finally_kind = { .name = "finally", .arrive = finally_arrive, .drop = lt_io_drop_ctx };
const lt_kind lt_keep_kind = { .name = "finally", .arrive = keep_arrive, .drop = keep_drop };

/* SPDX-License-Identifier: ISC */
/* repeat - a step, again while it resolves true
 *
 * Nobody's frame is above a step: it runs from the queue, or from the arrival
 * of the step before.  One that settled at once waits its turn in the queue.
 */
#include "io/io.h"

/* The number that tells it to go on has arrived.  False: that has cancelled self. */
static bool take_number(leat_loop *loop, leat_io *self, leat_io *inner)
{
	if (inner->flags & LT_IMMORTAL)
		return true;
	self->flags |= LT_RUNNING;
	lt_delivered(&inner->u.outcome);
	lt_cell_free(loop, inner);
	return !lt_io_end_if_doomed(loop, self, NULL);
}

static void repeat_arrive(leat_loop *loop, leat_io *self, leat_io *source)
{
	if (!lt_says_again(&source->u.outcome)) {
		lt_io_skip(loop, self, source);
		return;
	}
	self->source = NULL;
	if (take_number(loop, self, source))
		lt_repeat_step(loop, self);
}

static void step_settled(leat_loop *loop, leat_io *self, leat_io *inner)
{
	if (inner && lt_says_again(&inner->u.outcome)) {
		if (take_number(loop, self, inner))
			lt_enqueue(loop, self);
	} else {
		lt_io_skip(loop, self, inner);
	}
}

void lt_repeat_step(leat_loop *loop, leat_io *self)
{
	leat_result result;
	leat_io *inner;

	result.type = NULL;
	result.where = self->where;
	result.loop = loop;
	if (self->flags & LT_MOVED)
		self->u.call.destroy = NULL;
	self->flags |= LT_RUNNING;
	inner = self->u.call.fn(self->u.call.ctx, &result);
	if (__builtin_expect(self->flags & LT_DOOMED, 0)) {
		lt_io_end_if_doomed(loop, self, inner);
		return;
	}
	self->flags &= (uint8_t)~LT_RUNNING;
	if (inner) {
		lt_io_check_adoption(loop, self, inner);
		inner = lt_io_past_forward(loop, inner);
	}
	if (!inner || inner->phase == LT_SETTLED) {
		step_settled(loop, self, inner);
		return;
	}
	self->source = inner;
	inner->waiter = (uintptr_t)self;
}

leat_io *leat_io_repeat_at(leat_loop *loop, leat_fn fn, leat_ctx ctx, const char *where)
{
	leat_io *self = loop->closing ? NULL : lt_io_take_cell(loop, LT_REPEAT, where);

	if (!self) {
		lt_ctx_drop(ctx);
		return lt_io_refused(loop);
	}
	lt_io_set_call(self, fn, &ctx);
	lt_enqueue(loop, self);
	return self;
}

const lt_kind lt_repeat_kind = {
	.name = "repeat", .arrive = repeat_arrive, .drop = lt_io_drop_ctx, .start = lt_repeat_step
};

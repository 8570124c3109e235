/* SPDX-License-Identifier: ISC */
/* adopt - an io that a callback gave takes the callback's place
 *
 * Settled, its outcome goes over; pending, it is spliced in before whoever waits, or
 * where that cannot be, the cell stays and passes on: held by its context (LT_HOLD),
 * or at the top of a chain (LT_FORWARD).  The context ends before the io is heard.
 */
#include "io/adopt.h"

/* ---- contexts ---- */

void lt_ctx_drop(leat_ctx ctx)
{
	if (ctx.destroy)
		ctx.destroy(ctx.data);
}

void lt_io_drop_ctx(leat_loop *loop, leat_io *self)
{
	void (*destroy)(void *) = self->u.call.destroy;

	if (!destroy)
		return;
	if (loop->late && !(self->flags & LT_QUEUED)) {
		loop->unwinding++;
		lt_enqueue(loop, self);
		return;
	}
	self->u.call.destroy = NULL;
	destroy(self->u.call.ctx);
}

/* What a destructor cancels is dropped right after it, as inside a cancel. */
static void destroy_ctx(leat_loop *loop, void (*destroy)(void *), void *ctx)
{
	bool outer = loop->razing;

	loop->razing = true;
	destroy(ctx);
	loop->razing = outer;
	if (!outer && loop->doomed)
		lt_io_raze_doomed(loop);
}

bool lt_io_end_ctx(leat_io *self)
{
	void (*destroy)(void *) = self->u.call.destroy;

	if (!destroy)
		return true;
	self->u.call.destroy = NULL;
	self->flags |= LT_RUNNING;
	destroy_ctx(lt_cell_loop(self), destroy, self->u.call.ctx);
	self->flags &= (uint8_t)~LT_RUNNING;
	return !(self->flags & LT_DOOMED);
}

/* ---- adopting ---- */

static bool is_many(const leat_io *io)
{
	return io->kind == LT_CUSTOM && io->u.custom.kind->next;
}

/* Its source is a source, not the next in the queue. */
static bool is_waiting(const leat_io *io)
{
	return io->phase == LT_PENDING && !(io->flags & LT_QUEUED);
}

/* Whether inner waits for self: down its sources, or - where they fan out -
 * up from self. */
bool lt_io_waits_for(const leat_io *inner, const leat_io *self)
{
	const leat_io *at = inner;

	while (at && is_waiting(at) && !is_many(at)) {
		if (at == self)
			return true;
		at = at->source;
	}
	if (!at || !is_waiting(at))
		return at == self;
	for (at = self; at; at = lt_waiter_cell(at))
		if (at == inner)
			return true;
	return false;
}

void lt_io_check_adoption_slowly(const leat_io *self, const leat_io *inner)
{
	if (inner->phase != LT_PENDING && inner->phase != LT_SETTLED)
		lt_abort("%s: a callback gave an io that is gone", self->where);
	if (lt_cell_loop(inner) != lt_cell_loop(self))
		lt_abort("%s: a callback gave an io of another loop (made at %s)", self->where, inner->where);
	if (lt_io_waits_for(inner, self))
		lt_abort("%s: a callback gave an io that waits for itself (made at %s)", self->where, inner->where);
	if (inner->waiter)
		lt_abort("%s: a callback gave an io that was given away before (made at %s)", self->where, inner->where);
}

/* A repeat waits and is told to go on: it stands in the queue itself. */
static inline bool goes_on(const leat_io *self, const leat_io *inner)
{
	const leat_io *waiter = lt_waiter_cell(self);

	return waiter && waiter->kind == LT_REPEAT && lt_says_again(&inner->u.outcome) &&
	       !inner->u.outcome.as.value.giver;
}

void lt_io_take_over(leat_loop *loop, leat_io *self, leat_io *inner)
{
	bool mortal = inner && !(inner->flags & LT_IMMORTAL);

	self->source = NULL;
	if (!inner) {
		lt_io_settle_with_nothing(loop, self);
		return;
	}
	if (goes_on(self, inner)) {
		lt_enqueue(loop, (leat_io *)self->waiter);
		lt_cell_free(loop, self);
	} else {
		lt_outcome_copy(&self->u.outcome, &inner->u.outcome);
		lt_io_note_lost(self, inner);
		lt_settled(loop, self);
	}
	if (mortal)
		lt_cell_free(loop, inner);
}

void lt_io_adopt_settled(leat_loop *loop, leat_io *self, leat_io *inner)
{
	if (!self->u.call.destroy) {
		lt_io_take_over(loop, self, inner);
		return;
	}
	/* a cancel inside the destructor finds the outcome where it always is */
	if (inner && !(inner->flags & LT_IMMORTAL)) {
		self->source = inner;
		inner->waiter = (uintptr_t)self;
	}
	if (!lt_io_end_ctx(self)) {
		lt_cell_free(loop, self);
		return;
	}
	lt_io_take_over(loop, self, inner);
}

/* The waiter of self waits for inner from now on; self is gone. */
static void splice(leat_loop *loop, leat_io *self, leat_io *waiter, leat_io *inner)
{
	inner->waiter = (uintptr_t)waiter;
	waiter->source = inner;
	lt_cell_free(loop, self);
}

static void adopt_pending(leat_loop *loop, leat_io *self, leat_io *inner)
{
	leat_io *waiter = lt_waiter_cell(self);

	if (!self->u.call.destroy && lt_io_follows(self)) {
		lt_io_follow(loop, self, inner);
		return;
	}
	if (self->u.call.destroy) {
		self->kind = LT_HOLD;
	} else if (waiter && !is_many(waiter) && !(waiter->flags & LT_QUEUED)) {
		splice(loop, self, waiter, inner);
		return;
	} else {
		self->flags |= LT_FORWARD;
	}
	self->source = inner;
	inner->waiter = (uintptr_t)self;
}

void lt_io_adopt(leat_loop *loop, leat_io *self, leat_io *inner)
{
	if (inner)
		inner = lt_io_past_forward(loop, inner);
	if (!inner || inner->phase == LT_SETTLED)
		lt_io_adopt_settled(loop, self, inner);
	else
		adopt_pending(loop, self, inner);
}

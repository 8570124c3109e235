/* SPDX-License-Identifier: ISC */
/* fiber - a function on a stack of its own, and its result as an io
 *
 * Before it begins a fiber is a cell with its function and context, and stands
 * in the ready queue.  Popped, it gets a stack; from then on its cell holds the
 * lt_fiber at the top of that.  Parked, the cell waits for its source as any
 * other does, so cancelling, adopting and the rest know nothing of fibers.
 *
 *	new --popped--> running --await--> parked --source settled--> running
 *	                   |                  |
 *	              fn returned         cancelled: doomed, and queued to unwind
 *	                   v
 *	        a cell that adopts what fn gave, as after a callback
 *
 * A doomed fiber's awaits fail at once, so it runs to its end when it is popped.
 * The contexts of those who waited for it go through the queue behind it
 * (lt_io_drop_ctx): what a fiber borrows from them is there while it unwinds.
 *
 * Read resume first.  It runs on the loop's stack; park and live on the fiber's.
 */
#include "io/fiber.h"
#include "io/unwind.h"

enum { IN_A_ROW = 128 /* awaits of ios that have settled, before others get a turn */ };

static lt_fiber *fiber_of(const leat_io *self)
{
	return (lt_fiber *)self->u.call.other;
}

/* ---- on the fiber's stack ---- */

/* To the loop, and back. */
static LT_PLAIN void leave(lt_fiber *fiber, bool for_good)
{
	lt_tell_leaving(&fiber->tell, for_good);
	lt_switch(&fiber->place, &fiber->back);
	lt_tell_entered(&fiber->tell);
}

/* Where a stack begins.  The next fiber of one that is kept warm comes back
 * here, where switches are portable. */
static LT_PLAIN void live(void *arg)
{
	lt_fiber *fiber = arg;

	lt_tell_entered(&fiber->tell);
	for (;;) {
		fiber->inner = fiber->fn(fiber->self->u.call.ctx, lt_cell_loop(fiber->self));
		fiber->over = true;
		leave(fiber, true);
	}
}

/* ---- on the loop's stack ---- */

static LT_PLAIN void enter(lt_fiber *fiber)
{
	lt_tell_entering(&fiber->tell);
	if (fiber->ready) {
		lt_switch(&fiber->back, &fiber->place);
	} else {
		lt_fresh fresh = { fiber->stack->low, (unsigned char *)fiber, live, fiber };

		fiber->ready = true;
		lt_switch_begin(&fiber->back, &fresh);
	}
	lt_tell_left(&fiber->tell);
}

/* Its function has returned: the cell becomes one whose callback has. */
static void finish(leat_loop *loop, leat_io *self, lt_fiber *fiber)
{
	leat_io *inner = fiber->inner;
	lt_unwind *unwind = fiber->unwind;

	lt_tell_over(&fiber->tell);
	lt_stack_give(loop, lt_loop_stacks(loop), fiber->stack, fiber->class);
	self->kind = LT_THEN;
	if (__builtin_expect(self->flags & LT_DOOMED, 0)) {
		loop->unwinding--;
		lt_io_end_if_doomed(loop, self, inner);
		lt_unwind_leave(unwind);
		return;
	}
	self->flags &= (uint8_t)~LT_RUNNING;
	if (inner)
		lt_io_check_adoption(loop, self, inner);
	lt_io_adopt(loop, self, inner);
}

/* To the fiber, until it parks or is over. */
static void resume(leat_loop *loop, leat_io *self, lt_fiber *fiber)
{
	self->flags |= LT_RUNNING;
	fiber->credit = IN_A_ROW;
	loop->fiber = fiber;
	loop->heir = fiber->unwind;
	enter(fiber);
	loop->fiber = NULL;
	if (fiber->over)
		finish(loop, self, fiber);
	else
		self->flags &= (uint8_t)~LT_RUNNING;
	loop->heir = NULL;
}

static void fiber_arrive(leat_loop *loop, leat_io *self, leat_io *source)
{
	lt_fiber *fiber = fiber_of(self);

	self->source = NULL;
	fiber->got = source;
	resume(loop, self, fiber);
}

/* After a yield, or to unwind. */
static void fiber_start(leat_loop *loop, leat_io *self)
{
	resume(loop, self, fiber_of(self));
}

/* Cancelled, also while it is running: it unwinds by itself. */
static void fiber_drop(leat_loop *loop, leat_io *self)
{
	lt_fiber *fiber = fiber_of(self);

	fiber->unwind = lt_unwind_join(loop);
	loop->unwinding++;
	loop->late = true;
	if (self->flags & LT_RUNNING)
		loop->heir = fiber->unwind;
	else if (!(self->flags & LT_QUEUED))
		lt_enqueue(loop, self);
}

static const lt_kind fiber_kind = {
	.name = "fiber", .arrive = fiber_arrive, .start = fiber_start, .drop = fiber_drop, .unwind = fiber_start
};

/* ---- beginning ---- */

static void refuse(leat_loop *loop, leat_io *self)
{
	const char *where = self->where;

	if (lt_io_end_ctx(self))
		lt_settle_error(loop, self, leat_error_make_at(&leat_core_errors, LEAT_NOMEM, where));
	else
		lt_cell_free(loop, self);
}

/* At the top of its stack. */
static lt_fiber *place_fiber(const lt_stack *stack, unsigned class)
{
	unsigned char *top = stack->low + lt_stack_room(class);

	return (lt_fiber *)(void *)((uintptr_t)(top - sizeof(lt_fiber)) & ~(uintptr_t)63);
}

static void new_start(leat_loop *loop, leat_io *self)
{
	uint8_t class = self->spare;
	lt_stack *stack = lt_stack_take(loop, lt_loop_stacks(loop), class);
	leat_fiber_fn fn = (leat_fiber_fn)self->u.call.other;
	lt_fiber *fiber;

	if (!stack) {
		refuse(loop, self);
		return;
	}
	fiber = place_fiber(stack, class);
	fiber->self = self;
	fiber->fn = fn;
	fiber->unwind = NULL;
	fiber->stack = stack;
	fiber->class = class;
	fiber->over = false;
#ifdef LT_SWITCH_ASM
	fiber->ready = false;
#endif
	lt_tell_made(&fiber->tell, stack->low, (size_t)((unsigned char *)fiber - stack->low));
	self->u.custom.kind = &fiber_kind;
	self->u.call.other = (uintptr_t)fiber;
	if (self->flags & LT_MOVED)
		self->u.call.destroy = NULL;
	resume(loop, self, fiber);
}

static const lt_kind new_kind = { .name = "fiber", .start = new_start, .drop = lt_io_drop_ctx };

/* Why it cannot be; LEAT_NONE: it can, in that class. */
static leat_kind refusal(leat_loop *loop, const leat_fiber_options *options, unsigned *class)
{
	size_t bytes = options && lt_has(options, stack_bytes) ? options->stack_bytes : LEAT_FIBER_STACK_USUAL;
	const lt_stacks *stacks;

	if (bytes < LEAT_FIBER_STACK_LEAST)
		return LEAT_INVALID;
	stacks = lt_stacks_of(loop);
	*class = lt_stack_class(bytes);
	if (!stacks || *class == LT_STACK_CLASSES)
		return LEAT_NOMEM;
	return stacks->forbidden ? LEAT_UNSUPPORTED : LEAT_NONE;
}

leat_io *leat_fiber_at(leat_loop *loop, const leat_fiber_options *options, leat_fiber_fn fn, leat_ctx ctx,
                       const char *where)
{
	unsigned class = 0;
	leat_kind kind = loop->closing ? LEAT_CLOSED : refusal(loop, options, &class);
	leat_io *self = kind == LEAT_NONE ? lt_io_take_cell(loop, LT_CUSTOM, where) : NULL;

	if (!self) {
		lt_ctx_drop(ctx);
		if (kind == LEAT_INVALID || kind == LEAT_UNSUPPORTED)
			return leat_io_fail_at(loop, leat_error_make_at(&leat_core_errors, kind, where), where);
		return lt_io_refused(loop);
	}
	self->u.custom.kind = &new_kind;
	self->u.call.ctx = ctx.data;
	self->u.call.destroy = ctx.destroy;
	self->u.call.other = (uintptr_t)fn;
	self->spare = (uint8_t)class;
	if (ctx.moved)
		self->flags |= LT_MOVED;
	lt_enqueue(loop, self);
	return self;
}

/* ---- waiting ---- */

/* Until it is popped again; false: it was cancelled. */
static bool yield(leat_loop *loop, lt_fiber *fiber)
{
	lt_enqueue(loop, fiber->self);
	leave(fiber, false);
	return !(fiber->self->flags & LT_DOOMED);
}

/* Until the source has settled; false: it was cancelled, and the source is gone. */
static bool park(leat_loop *loop, lt_fiber *fiber, leat_io *source)
{
	fiber->got = NULL;
	fiber->self->source = source;
	source->waiter = (uintptr_t)fiber->self;
	if (source->phase == LT_SETTLED)
		lt_enqueue(loop, source);
	leave(fiber, false);
	return fiber->got;
}

static void take_result(leat_loop *loop, leat_io *got, leat_result *result)
{
	result->where = got->where;
	result->loop = loop;
	lt_outcome_copy(lt_result_outcome(result), &got->u.outcome);
	lt_cell_free(loop, got);
	lt_delivered(lt_result_outcome(result));
}

/* The usual ones are seen at a glance: settled, or a chain down to a leaf. */
static void check_source(const leat_io *self, const leat_io *io, const char *where)
{
	const leat_io *at = io;

	while (at->phase == LT_PENDING && at->kind == LT_THEN)
		at = at->source;
	if (at->phase == LT_SETTLED || at->kind == LT_LEAF)
		return;
	if (lt_io_waits_for(io, self))
		lt_abort("%s: a fiber waits for itself (made at %s)", where, self->where);
}

leat_kind lt_fiber_await(leat_loop *loop, leat_io *io, leat_result *result, const char *where)
{
	lt_fiber *fiber = loop->fiber;

	lt_loop_check_thread(loop);
	if (io->phase == LT_SETTLED && fiber->credit > 0) {
		fiber->credit--;
		return leat_io_try(io, result) ? LEAT_NONE : LEAT_OTHER;
	}
	if (fiber->self->flags & LT_DOOMED) {
		lt_io_cancel(io);
		return LEAT_CANCELLED;
	}
	if (io->flags & LT_IMMORTAL) {
		if (!yield(loop, fiber))
			return LEAT_CANCELLED;
		return leat_io_try(io, result) ? LEAT_NONE : LEAT_OTHER;
	}
	check_source(fiber->self, io, where);
	if (!park(loop, fiber, lt_io_past_forward(loop, io)))
		return LEAT_CANCELLED;
	take_result(loop, fiber->got, result);
	return LEAT_NONE;
}

bool leat_fiber_yield(leat_loop *loop)
{
	if (!lt_fiber_may_park(loop))
		return true;
	return !(loop->fiber->self->flags & LT_DOOMED) && yield(loop, loop->fiber);
}

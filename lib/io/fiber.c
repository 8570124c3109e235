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
 * Read run first.  It is on the loop's stack; lt_fiber_wait and live on the fiber's.
 */
#include <leat/options.h>

#include "io/fiber.h"
#include "io/unwind.h"

enum { IN_A_ROW = 128 /* awaits of ios that have settled, before others get a turn */ };

static inline lt_fiber *fiber_of(const leat_io *self)
{
	return (lt_fiber *)self->u.call.other;
}

/* ---- on the fiber's stack ---- */

#ifdef LT_TOLD
LT_PLAIN void lt_fiber_leave(lt_fiber *fiber, bool for_good)
{
	lt_tell_leaving(&fiber->tell, for_good);
	lt_switch(&fiber->place, &fiber->back);
	lt_tell_entered(&fiber->tell);
}
#endif

/* Where a stack begins.  The next fiber of one that is kept warm comes back
 * here, where switches are portable. */
static LT_PLAIN void live(void *arg)
{
	lt_fiber *fiber = arg;

	lt_tell_entered(&fiber->tell);
	for (;;) {
		fiber->inner = fiber->fn(fiber->self->u.call.ctx, lt_cell_loop(fiber->self));
		fiber->over = true;
		lt_fiber_leave(fiber, true);
	}
}

/* ---- on the loop's stack ---- */

LT_PLAIN_OUT void enter(lt_fiber *fiber)
{
	lt_tell_entering(&fiber->tell);
	lt_switch(&fiber->back, &fiber->place);
	lt_tell_left(&fiber->tell);
}

LT_PLAIN_OUT void begin(lt_fiber *fiber)
{
	lt_fresh fresh = { fiber->stack->low, (unsigned char *)fiber, live, fiber };

	fiber->ready = true;
	lt_tell_entering(&fiber->tell);
	lt_switch_begin(&fiber->back, &fresh);
	lt_tell_left(&fiber->tell);
}

/* Its function has returned: the cell becomes one whose callback has. */
static __attribute__((noinline)) void finish(leat_loop *loop, leat_io *self, lt_fiber *fiber)
{
	leat_io *inner = fiber->inner;
	lt_unwind *unwind = fiber->unwind;

	lt_tell_over(&fiber->tell);
	lt_stack_give(loop, lt_loop_stacks(loop), fiber->stack, fiber->class);
	lt_io_become(self, LT_THEN);
	if (__builtin_expect(self->flags & LT_DOOMED, 0)) {
		loop->unwinding--;
		lt_io_end_if_doomed(loop, self, inner);
		loop->heir = NULL;
		lt_unwind_leave(unwind);
		return;
	}
	lt_io_unflag(self, LT_RUNNING);
	if (inner)
		lt_io_check_adoption(loop, self, inner);
	lt_io_adopt(loop, self, inner);
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

/* The rest is in take_turn. */
const lt_kind lt_fiber_kind = { .name = "fiber", .drop = fiber_drop };

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

/* Gives it a stack; NULL without: then the io has failed. */
static inline lt_fiber *furnish(leat_loop *loop, leat_io *self)
{
	uint8_t class = self->spare;
	lt_stack *stack = lt_stack_take(loop, lt_loop_stacks(loop), class);
	lt_fiber *fiber;

	if (__builtin_expect(!stack, 0)) {
		refuse(loop, self);
		return NULL;
	}
	fiber = place_fiber(stack, class);
	fiber->self = self;
	fiber->class = class;
	fiber->over = false;
	fiber->fn = self->u.call.fiber;
	fiber->unwind = NULL;
	fiber->stack = stack;
	lt_tell_made(&fiber->tell, stack->low, (size_t)((unsigned char *)fiber - stack->low));
	lt_io_become(self, LT_FIBER);
	self->u.call.other = (uintptr_t)fiber;
	if (self->flags & LT_MOVED)
		self->u.call.destroy = NULL;
	return fiber;
}

const lt_kind lt_spawn_kind = { .name = "fiber", .drop = lt_io_drop_ctx };

/* ---- running ---- */

/* Until it parks or is over. */
static inline void run(leat_loop *loop, lt_fiber *fiber, bool begins)
{
	lt_io_flag(fiber->self, LT_RUNNING);
	fiber->credit = IN_A_ROW;
	fiber->turned_in_place = lt_turned_in_place;
	loop->fiber = fiber;
	if (begins)
		begin(fiber);
	else
		enter(fiber);
	fiber = loop->fiber;
	loop->fiber = NULL;
	if (fiber->over)
		finish(loop, fiber->self, fiber);
	else
		lt_io_unflag(fiber->self, LT_RUNNING);
}

static inline void take_turn(leat_loop *loop, leat_io *io)
{
	lt_fiber *fiber;

	if (io->phase == LT_SETTLED) {
		leat_io *self = (leat_io *)io->waiter;

		fiber = fiber_of(self);
		self->source = NULL;
		fiber->got = io;
		run(loop, fiber, false);
		return;
	}
	io->source = NULL;
	if (io->kind == LT_SPAWN) {
		fiber = furnish(loop, io);
		if (fiber)
			run(loop, fiber, !LT_SWITCH_KEEPS || !fiber->ready);
		return;
	}
	fiber = fiber_of(io);
	fiber->got = NULL;
	loop->heir = fiber->unwind;
	run(loop, fiber, false);
}

/* A frame of its own where the loop is left, from one fiber to the next: no
 * return is mispredicted between them (switch.h). */
size_t lt_fiber_run_ready(leat_loop *loop, leat_io *io, size_t left)
{
	for (;;) {
		take_turn(loop, io);
		left--;
		for (;;) {
			if (left == 0 || !loop->ready.head)
				return left;
			io = lt_pop(loop);
			if (!lt_io_run_unless_fiber(loop, io))
				break;
			left--;
		}
	}
}

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
	leat_kind kind;
	leat_io *self;

	leat_options_check_at(options, "leat_fiber_options", where);
	kind = loop->closing ? LEAT_CLOSED : refusal(loop, options, &class);
	self = kind == LEAT_NONE ? lt_io_take_cell(loop, LT_SPAWN, where) : NULL;

	if (!self) {
		lt_ctx_drop(ctx);
		if (kind == LEAT_INVALID || kind == LEAT_UNSUPPORTED)
			return leat_io_fail_at(loop, leat_error_make_at(&leat_core_errors, kind, where), where);
		return lt_io_refused(loop);
	}
	self->u.call.fiber = fn;
	self->u.call.ctx = ctx.data;
	self->u.call.destroy = ctx.destroy;
	lt_io_set_spare(self, (uint8_t)class);
	if (ctx.moved)
		lt_io_flag(self, LT_MOVED);
	lt_enqueue(loop, self);
	return self;
}

/* ---- waiting ---- */

/* The usual ones are seen at a glance: a chain down to what has settled or a leaf. */
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

/* Nothing is waited for any more.  Where the loop is freed that waits for the fiber, which
 * need never end as long as all that it awaits has succeeded already. */
static bool is_over(const leat_loop *loop, const lt_fiber *fiber, const leat_io *io)
{
	if (fiber->self->flags & LT_DOOMED)
		return true;
	return lt_loop_closing(loop) && io->phase == LT_SETTLED && !lt_is_error(&io->u.outcome);
}

leat_io *lt_fiber_wait_any(leat_loop *loop, leat_io *io, leat_kind *why, const char *where)
{
	lt_fiber *fiber = loop->fiber;

	lt_loop_check_thread(loop);
	*why = LEAT_CANCELLED;
	if (is_over(loop, fiber, io)) {
		lt_io_cancel(io);
		return NULL;
	}
	if (io->flags & LT_IMMORTAL)
		return lt_fiber_yield(loop, fiber) ? io : NULL;
	check_source(fiber->self, io, where);
	io = lt_io_past_forward(loop, io);
	if (io->phase == LT_SETTLED) {
		io->waiter = (uintptr_t)fiber->self;
		lt_enqueue(loop, io);
	}
	return lt_fiber_wait(fiber, io);
}

bool leat_fiber_yield(leat_loop *loop)
{
	if (!lt_fiber_may_park(loop))
		return true;
	if (lt_loop_closing(loop) || (loop->fiber->self->flags & LT_DOOMED))
		return false;
	return lt_fiber_yield(loop, loop->fiber) && !lt_loop_closing(loop);
}

/* SPDX-License-Identifier: ISC */
/* io - the cell: settle, announce, run
 *
 * Read run_one first: everything that happens, happens from there.  A
 * settled cell is popped and handed to its waiter, whose kind decides; a
 * callback's frame is marked LT_RUNNING, and whoever cancels the cell while it
 * is, marks it LT_DOOMED and leaves the rest to the frame.
 */
#include "io/adopt.h"
#include "io/many.h"
#include "io/trace.h"

static const lt_kind leaf_kind = { .name = "leaf" };

static const lt_kind *const kinds[LT_KINDS] = {
	[LT_LEAF] = &leaf_kind,   [LT_THEN] = &lt_then_kind,       [LT_CATCH] = &lt_catch_kind,
	[LT_BRANCH] = &lt_branch_kind, [LT_FINALLY] = &lt_finally_kind, [LT_KEEP] = &lt_keep_kind,
	[LT_HOLD] = &lt_hold_kind, [LT_REPEAT] = &lt_repeat_kind,
	[LT_SPAWN] = &lt_spawn_kind, [LT_FIBER] = &lt_fiber_kind,
};

const lt_kind *lt_io_kind(const leat_io *io)
{
	return io->kind == LT_CUSTOM ? io->u.custom.kind : kinds[io->kind];
}

const char *lt_io_kind_name(const leat_io *io)
{
	if (io->kind == LT_CUSTOM && io->phase == LT_SETTLED)
		return "many"; /* its kind made room for the outcome */
	return lt_io_kind(io)->name;
}

leat_loop *leat_io_loop(const leat_io *io)
{
	return lt_cell_loop(io);
}

/* ---- refusals ---- */

leat_io *lt_io_settled(leat_loop *loop, lt_outcome *outcome, const char *where)
{
	leat_io *io = lt_io_take_cell(loop, LT_LEAF, where);

	if (!io) {
		lt_outcome_drop(outcome);
		return lt_io_nomem(loop);
	}
	io->u.outcome = *outcome;
	io->phase = LT_SETTLED;
	return io;
}

void lt_io_misused(const leat_io *io, const char *call, const char *where)
{
	if (!io)
		lt_abort("%s: %s was given NULL for an io", where, call);
	if (io->phase != LT_PENDING && io->phase != LT_SETTLED)
		lt_abort("%s: %s was given an io that is gone", where, call);
	lt_abort("%s: %s was given an io that was given away before (made at %s)", where, call, io->where);
}

/* ---- settling ---- */

void lt_settle_error(leat_loop *loop, leat_io *io, leat_error error)
{
	io->u.outcome = lt_failure(error);
	lt_settled(loop, io);
}

/* The waiter takes the outcome over: it only passes it on. */
static leat_io *forward(leat_loop *loop, leat_io *io, leat_io *waiter)
{
	lt_outcome_copy(&waiter->u.outcome, &io->u.outcome);
	lt_io_note_lost(waiter, io);
	waiter->flags &= (uint8_t)~LT_FORWARD;
	waiter->source = NULL;
	waiter->phase = LT_SETTLED;
	lt_cell_free(loop, io);
	return waiter;
}

/* One of many that succeeded, and not the last: its outcome stays with it. */
static bool is_counted(const leat_io *io, leat_io *waiter)
{
	lt_many *many;

	if (!(waiter->flags & LT_COUNTS) || lt_is_error(&io->u.outcome))
		return false;
	many = lt_many_of(waiter);
	if (many->left == 1)
		return false;
	many->left--;
	return true;
}

void lt_settled_slowly(leat_loop *loop, leat_io *io)
{
	leat_io *waiter = lt_waiter_cell(io);

	while (waiter && (waiter->flags & LT_FORWARD)) {
		io = forward(loop, io, waiter);
		if (io->flags & LT_DOOMED)
			return;
		waiter = lt_waiter_cell(io);
	}
	if (!io->waiter || (waiter && is_counted(io, waiter)))
		return;
	lt_enqueue(loop, io);
}

/* ---- taking an io as a source ---- */

/* A pre-made one, as a cell of its own; NULL without memory. */
static leat_io *claim(leat_loop *loop, leat_io *io)
{
	lt_outcome outcome;

	if (!(io->flags & LT_IMMORTAL))
		return io;
	outcome = io->u.outcome;
	io = lt_io_settled(loop, &outcome, io->where);
	return io->flags & LT_IMMORTAL ? NULL : io;
}

/* A forward at the top has no waiter yet: its source takes its place. */
leat_io *lt_io_past_forward(leat_loop *loop, leat_io *io)
{
	leat_io *source;

	if (!(io->flags & LT_FORWARD))
		return io;
	source = io->source;
	lt_cell_free(loop, io);
	return source;
}

bool lt_io_attach(leat_loop *loop, leat_io *self, leat_io **io)
{
	leat_io *source = claim(loop, *io);

	if (!source)
		return false;
	source->waiter = (uintptr_t)self;
	*io = source;
	if (source->phase == LT_SETTLED)
		lt_settled_slowly(loop, source);
	return true;
}

leat_io *lt_io_as_source(leat_loop *loop, leat_io *io)
{
	return claim(loop, lt_io_past_forward(loop, io));
}

/* ---- watching ---- */

bool lt_io_watch(leat_io *io, lt_watch *watch)
{
	leat_loop *loop = lt_cell_loop(io);

	io = claim(loop, io);
	if (!io)
		return false;
	io->waiter = (uintptr_t)watch | LT_WATCH | (watch->ops->follows ? LT_FOLLOWS : 0);
	if (io->phase == LT_SETTLED)
		lt_enqueue(loop, io);
	return true;
}

struct matching {
	bool (*match)(lt_watch *, void *);
	void *arg;
};

static void cancel_if_watched(leat_loop *loop, leat_io *io, void *arg)
{
	const struct matching *matching = arg;

	if ((io->flags & LT_DOOMED) || !lt_is_watch(io->waiter))
		return;
	if (!matching->match(lt_watch_of(io), matching->arg))
		return;
	io->waiter = 0;
	lt_io_raze(loop, io);
}

void lt_io_cancel_watched(leat_loop *loop, bool (*match)(lt_watch *, void *), void *arg)
{
	lt_pool_walk(loop, cancel_if_watched, &(struct matching){ .match = match, .arg = arg });
}

/* ---- running ---- */

bool lt_io_end_if_doomed(leat_loop *loop, leat_io *self, leat_io *inner)
{
	self->flags &= (uint8_t)~LT_RUNNING;
	if (!(self->flags & LT_DOOMED))
		return false;
	lt_io_cancel(inner);
	lt_io_drop_ctx(loop, self);
	lt_cell_free(loop, self);
	return true;
}

/* The usual: a chain without more ado, for a watch that does not mind. */
static inline bool may_follow(const leat_loop *loop, const leat_io *self, const leat_io *inner)
{
	return !inner->waiter && lt_cell_loop(inner) == loop && lt_is_then_on_end(inner) && !self->u.call.destroy &&
	       lt_io_follows(self);
}

/* Passes on what the callback of self gave. */
static inline void take_inner(leat_loop *loop, leat_io *self, leat_io *inner)
{
	if (inner)
		lt_io_check_adoption(loop, self, inner);
	if (self->u.call.destroy || (inner && inner->phase == LT_PENDING))
		lt_io_adopt(loop, self, inner);
	else
		lt_io_take_over(loop, self, inner);
}

/* Runs fn, or self's own where that is NULL. */
static inline __attribute__((always_inline)) void call(leat_loop *loop, leat_io *self, leat_io *source, leat_fn fn)
{
	leat_result *result = lt_io_show(loop, source);
	leat_io *inner = NULL;

	self->source = NULL;
	lt_io_flag(self, LT_RUNNING);
	lt_delivered(&source->u.outcome); /* which may cancel self */
	if (__builtin_expect(!(self->flags & (LT_DOOMED | LT_MOVED)), 1)) {
		inner = (fn ? fn : self->u.call.fn)(self->u.call.ctx, result);
	} else if (!(self->flags & LT_DOOMED)) {
		self->u.call.destroy = NULL;
		inner = (fn ? fn : self->u.call.fn)(self->u.call.ctx, result);
	}
	lt_io_put_away(loop, source);
	if (__builtin_expect(self->flags & LT_DOOMED, 0)) {
		lt_io_end_if_doomed(loop, self, inner);
		return;
	}
	if (inner && may_follow(loop, self, inner)) {
		lt_io_follow(loop, self, inner);
		return;
	}
	lt_io_unflag(self, LT_RUNNING);
	if (inner || self->u.call.destroy)
		take_inner(loop, self, inner);
	else
		lt_io_settle_with_nothing(loop, self);
}

void lt_io_call(leat_loop *loop, leat_io *self, leat_io *source, leat_fn fn)
{
	call(loop, self, source, fn);
}

void lt_io_skip(leat_loop *loop, leat_io *self, leat_io *source)
{
	self->source = NULL;
	lt_io_adopt_settled(loop, self, source);
}

static void tell_watch(leat_loop *loop, leat_io *io)
{
	lt_watch *watch = lt_watch_of(io);

	watch->ops->settled(watch, loop, lt_io_show(loop, io));
	lt_io_put_away(loop, io);
}

/* Cancelled while it was queued, or queued because it was cancelled. */
static void end_doomed(leat_loop *loop, leat_io *io)
{
	bool pending = io->phase == LT_PENDING;

	if (pending && io->kind > LT_LEAF && io->u.call.destroy) {
		loop->unwinding--;
		lt_io_drop_ctx(loop, io);
	}
	lt_cell_free(loop, io);
}

static __attribute__((noinline)) void run_other(leat_loop *loop, leat_io *io)
{
	leat_io *waiter = lt_waiter_cell(io);

	io->source = NULL;
	if (io->flags & LT_DOOMED)
		end_doomed(loop, io);
	else if (io->phase == LT_PENDING)
		lt_io_kind(io)->start(loop, io);
	else if (!waiter)
		tell_watch(loop, io);
	else
		lt_io_kind(waiter)->arrive(loop, waiter, io);
}

/* The usual: a success that a then waits for. */
static inline bool is_for_then(const leat_io *io)
{
	return lt_io_is_any(io, LT_SETTLED, LT_DOOMED) && !lt_is_error(&io->u.outcome) && !lt_is_watch(io->waiter) &&
	       ((leat_io *)io->waiter)->kind == LT_THEN;
}

/* What it waited for has come, it has yielded or was cancelled, or it begins. */
static inline bool is_fibers_turn(const leat_io *io)
{
	if (io->phase == LT_PENDING)
		return io->kind == LT_FIBER || lt_io_is(io, LT_PENDING, LT_SPAWN, LT_DOOMED);
	return !(io->flags & LT_DOOMED) && !lt_is_watch(io->waiter) && ((leat_io *)io->waiter)->kind == LT_FIBER;
}

static inline __attribute__((always_inline)) bool run_one(leat_loop *loop, leat_io *io)
{
	if (__builtin_expect(is_for_then(io), 1)) {
		leat_io *waiter = (leat_io *)io->waiter;

		call(loop, waiter, io, NULL); /* which frees io */
		return false;
	}
	io->flags &= (uint8_t)~LT_QUEUED;
	if (lt_io_is(io, LT_PENDING, LT_REPEAT, LT_DOOMED)) {
		io->source = NULL;
		lt_repeat_step(loop, io);
		return false;
	}
	if (is_fibers_turn(io))
		return true;
	run_other(loop, io);
	return false;
}

bool lt_io_run_unless_fiber(leat_loop *loop, leat_io *io)
{
	return !run_one(loop, io);
}

void lt_io_run_one(leat_loop *loop, leat_io *io)
{
	lt_pop(loop);
	if (!lt_io_run_unless_fiber(loop, io))
		lt_fiber_run_ready(loop, io, 1);
}

/* Gives what is left of the budget. */
static inline size_t run_ready(leat_loop *loop, size_t left)
{
	while (left > 0 && loop->ready.head) {
		leat_io *io = lt_pop(loop);

		if (__builtin_expect(run_one(loop, io), 0))
			left = lt_fiber_run_ready(loop, io, left);
		else
			left--;
	}
	return left;
}

static inline void run_round(leat_loop *loop)
{
	loop->running = loop->tails;
	loop->tails = &lt_tails_end;
	while (loop->running != &lt_tails_end) {
		lt_tail *tail = loop->running;

		loop->running = tail->next;
		tail->next = NULL;
		tail->run(tail);
	}
}

enum { TAIL_ROUNDS = 16 };

/* Those who asked for the end of the turn while it was going on: libevent has its turn
 * before them, for they wait for what it says. */
static LT_COLD void put_off(leat_loop *loop)
{
	lt_tail **last = &loop->later;

	while (*last != &lt_tails_end)
		last = &(*last)->next;
	*last = loop->tails;
	loop->tails = loop->later;
	loop->later = &lt_tails_end;
}

/* What a layer sends to the flow below leaves in the same turn: a round for each
 * layer.  Those that are queued again and again wait for the next turn. */
static inline void run_tails(leat_loop *loop)
{
	int rounds = TAIL_ROUNDS;

	loop->in_tails = true;
	do
		run_round(loop);
	while (__builtin_expect(loop->tails != &lt_tails_end, 0) && --rounds > 0);
	loop->in_tails = false;
	if (__builtin_expect(loop->later != &lt_tails_end, 0))
		put_off(loop);
}

size_t lt_io_drain(leat_loop *loop, size_t budget)
{
	size_t left = budget;

	loop->draining = loop->quiet = true;
	do {
		left = run_ready(loop, left);
		if (loop->tails != &lt_tails_end)
			run_tails(loop);
	} while (loop->ready.head && left > 0);
	loop->draining = loop->quiet = false;
	loop->turns++;
	loop->callbacks += budget - left;
	return budget - left;
}

/* A hook may end the trace: what is left is for the next turn. */
size_t lt_io_drain_watched(leat_loop *loop, size_t budget)
{
	size_t left = budget;

	loop->draining = loop->quiet = true;
	do {
		left -= lt_trace_run_ready(loop, left);
		if (loop->tails != &lt_tails_end)
			run_tails(loop);
	} while (loop->ready.head && left > 0 && loop->trace);
	loop->draining = loop->quiet = false;
	loop->turns++;
	loop->callbacks += budget - left;
	return budget - left;
}

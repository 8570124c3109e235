/* SPDX-License-Identifier: ISC */
/* io - the cell: settle, announce, adopt
 *
 * Read run_one first: everything that happens, happens from there.  A
 * settled cell is popped and handed to its waiter, whose kind decides; a
 * callback's frame is marked LT_RUNNING, and whoever cancels the cell while it
 * is, marks it LT_DOOMED and leaves the rest to the frame.
 */
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

bool lt_io_end_ctx(leat_io *self)
{
	void (*destroy)(void *) = self->u.call.destroy;

	if (!destroy)
		return true;
	self->u.call.destroy = NULL;
	self->flags |= LT_RUNNING;
	destroy(self->u.call.ctx);
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

static inline void settle_with_nothing(leat_loop *loop, leat_io *self)
{
	self->u.outcome.type = NULL;
	lt_settled(loop, self);
}

/* Self settles as inner has; inner is gone. */
static void take_over(leat_loop *loop, leat_io *self, leat_io *inner)
{
	bool mortal = inner && !(inner->flags & LT_IMMORTAL);

	self->source = NULL;
	if (!inner) {
		settle_with_nothing(loop, self);
		return;
	}
	if (goes_on(self, inner)) {
		lt_enqueue(loop, (leat_io *)self->waiter);
		lt_cell_free(loop, self);
	} else {
		lt_outcome_copy(&self->u.outcome, &inner->u.outcome);
		lt_settled(loop, self);
	}
	if (mortal)
		lt_cell_free(loop, inner);
}

static void adopt_settled(leat_loop *loop, leat_io *self, leat_io *inner)
{
	if (!self->u.call.destroy) {
		take_over(loop, self, inner);
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
	take_over(loop, self, inner);
}

/* The waiter of self waits for inner from now on; self is gone. */
static void splice(leat_loop *loop, leat_io *self, leat_io *waiter, leat_io *inner)
{
	inner->waiter = (uintptr_t)waiter;
	waiter->source = inner;
	lt_cell_free(loop, self);
}

/* Its watch does not mind which io it waits for. */
static inline bool follows(const leat_io *self)
{
	return self->waiter & LT_FOLLOWS;
}

static inline void follow(leat_loop *loop, leat_io *self, leat_io *inner)
{
	inner->waiter = self->waiter;
	lt_cell_free(loop, self);
}

static void adopt_pending(leat_loop *loop, leat_io *self, leat_io *inner)
{
	leat_io *waiter = lt_waiter_cell(self);

	if (!self->u.call.destroy && follows(self)) {
		follow(loop, self, inner);
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
		adopt_settled(loop, self, inner);
	else
		adopt_pending(loop, self, inner);
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
	       follows(self);
}

/* Passes on what the callback of self gave. */
static inline void take_inner(leat_loop *loop, leat_io *self, leat_io *inner)
{
	if (inner)
		lt_io_check_adoption(loop, self, inner);
	if (self->u.call.destroy || (inner && inner->phase == LT_PENDING))
		lt_io_adopt(loop, self, inner);
	else
		take_over(loop, self, inner);
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
		follow(loop, self, inner);
		return;
	}
	lt_io_unflag(self, LT_RUNNING);
	if (inner || self->u.call.destroy)
		take_inner(loop, self, inner);
	else
		settle_with_nothing(loop, self);
}

void lt_io_call(leat_loop *loop, leat_io *self, leat_io *source, leat_fn fn)
{
	call(loop, self, source, fn);
}

void lt_io_skip(leat_loop *loop, leat_io *self, leat_io *source)
{
	self->source = NULL;
	adopt_settled(loop, self, source);
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

/* ---- detaching ---- */

void lt_io_unhandled(leat_loop *loop, leat_error error, const char *where)
{
	if (leat_error_is(error, LEAT_CANCELLED))
		return;
	loop->unhandled++;
	if (loop->trace)
		lt_trace_unhandled(loop, error, where);
	if (loop->options.unhandled)
		loop->options.unhandled(loop->options.ctx, &(leat_unhandled){ .error = error, .where = where });
}

static void detached_settled(lt_watch *watch, leat_loop *loop, leat_result *result)
{
	(void)watch;
	lt_delivered(lt_result_outcome(result));
	/* a failure, or an ending that was cut short */
	if (result->type && result->type->plain && leat_error_set(result->as.error))
		lt_io_unhandled(loop, result->as.error, result->where);
}

static const lt_watch_ops detached_ops = { .settled = detached_settled, .follows = true, .name = "detached" };
static lt_watch detached = { .ops = &detached_ops };

/* A success without anything that would have to be told or destroyed. */
static inline bool is_bare_success(const leat_io *io)
{
	const lt_outcome *o = &io->u.outcome;

	return io->phase == LT_SETTLED && (!o->type || (o->type == &leat_int_type && !o->as.value.giver));
}

void leat_io_detach(leat_io *io)
{
	leat_loop *loop;

	lt_io_check(io, "leat_io_detach", LEAT_HERE);
	loop = lt_cell_loop(io);
	if (is_bare_success(io)) {
		if (!(io->flags & LT_IMMORTAL))
			lt_cell_free(loop, io);
		return;
	}
	if (!lt_io_watch(io, &detached) && lt_is_error(&io->u.outcome))
		lt_io_unhandled(loop, io->u.outcome.as.error, io->where);
}

/* ---- trying ---- */

static __attribute__((noinline)) bool deliver(lt_outcome *o)
{
	lt_delivered(o);
	return true;
}

static inline bool delivered(lt_outcome *o)
{
	return !o->type || o->type->plain || !o->as.value.giver || deliver(o);
}

static __attribute__((noinline)) bool not_yet(const leat_io *io)
{
	lt_io_check(io, "leat_io_try", LEAT_HERE);
	return false;
}

bool leat_io_try(leat_io *io, leat_result *result)
{
	leat_loop *loop;

	if (__builtin_expect(!io || io->phase != LT_SETTLED || io->waiter, 0))
		return not_yet(io);
	loop = lt_cell_loop(io);
	result->where = io->where;
	result->loop = loop;
	if (io == loop->done) {
		result->type = NULL;
		return true;
	}
	lt_outcome_copy(lt_result_outcome(result), &io->u.outcome);
	if (!(io->flags & LT_IMMORTAL))
		lt_cell_free(loop, io);
	return delivered(lt_result_outcome(result));
}

static void visit_io(leat_loop *loop, leat_io *io, void *arg)
{
	void **visit = arg;
	leat_io_visitor visitor;

	(void)loop;
	if (io->flags & (LT_IMMORTAL | LT_DOOMED))
		return;
	memcpy(&visitor, &visit[0], sizeof visitor);
	visitor(visit[1], io->where, lt_io_kind_name(io), io->phase == LT_SETTLED);
}

void leat_loop_each_io(leat_loop *loop, leat_io_visitor visit, void *ctx)
{
	void *pair[2] = { NULL, ctx };

	memcpy(&pair[0], &visit, sizeof visit);
	lt_pool_walk(loop, visit_io, pair);
}

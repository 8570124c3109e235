/* SPDX-License-Identifier: ISC */
/* scope_wait - an io that settles when a scope has ended; and one with a deadline
 *
 * The scope knows the waits; a drain is a cell on a wait.
 */
#include <stdio.h>

#include "io/scope.h"

/* ---- waiting ---- */

static lt_scope_wait *wait_of(const leat_io *self)
{
	return (lt_scope_wait *)(uintptr_t)self->u.custom.word;
}

static leat_io *cell_of(lt_scope_wait *wait)
{
	return (leat_io *)(void *)((char *)wait - offsetof(leat_io, u.custom.word));
}

static void leave(lt_scope_wait *wait)
{
	*wait->at = wait->list.next;
	if (wait->list.next)
		wait->list.next->at = wait->at;
	wait->at = NULL;
	wait->list.members = NULL;
}

static lt_outcome outcome_of(leat_scope *scope)
{
	scope->told = leat_error_set(scope->error);
	if (scope->told)
		return lt_failure(scope->error);
	/* of the end of the loop, which its members do not fail with */
	return scope->loop->closing ? lt_failure(leat_error_core(LEAT_CANCELLED)) : (lt_outcome){ 0 };
}

void lt_scope_settle_waits(leat_scope *scope)
{
	while (scope->waits) {
		lt_scope_wait *wait = scope->waits;
		lt_outcome outcome = outcome_of(scope);

		leave(wait);
		lt_settle(scope->loop, cell_of(wait), &outcome);
	}
}

/* Its sources, when it is cancelled: so the members have gone, and unwound, before what
 * waited for the scope does. */
static leat_io *wait_next(leat_io *self)
{
	lt_scope_wait *wait = wait_of(self);
	leat_scope *scope = wait->scope;
	leat_io *member;

	if (wait->at) {
		leave(wait);
		if (leat_error_set(scope->error))
			scope->told = true; /* and does not want to know */
		if (!scope->waits)
			wait->list.members = lt_scope_give_up(scope);
	}
	member = lt_scope_next(&wait->list.members);
	if (member)
		member->waiter = (uintptr_t)self;
	return member;
}

static int wait_describe(const leat_io *self, char *out, size_t room)
{
	const leat_scope *scope = wait_of(self)->scope;

	if (scope->unwinding)
		return snprintf(out, room, "of a scope %s, cancelled, which unwinds", scope->where);
	return snprintf(out, room, "of a scope %s, which holds %zu", scope->where, scope->count);
}

/* The end of the scope settles it. */
static const lt_kind wait_kind = { .name = "scope", .next = wait_next, .describe = wait_describe };

bool lt_scope_is_awaited_by(const leat_scope *scope, const leat_io *io)
{
	while (io && io->phase == LT_PENDING && !(io->flags & LT_QUEUED)) {
		if (io->kind == LT_CUSTOM && io->u.custom.kind == &wait_kind)
			return wait_of(io)->scope == scope;
		if (io->kind == LT_LEAF || (io->kind == LT_CUSTOM && io->u.custom.kind->next))
			return false;
		io = io->source;
	}
	return false;
}

leat_io *leat_scope_wait_at(leat_scope *scope, const char *where)
{
	leat_loop *loop = scope->loop;
	leat_io *self = loop->closing ? NULL : lt_io_take_cell(loop, LT_CUSTOM, where);
	lt_scope_wait *wait;

	if (!self)
		return lt_io_refused(loop);
	self->u.custom.kind = &wait_kind;
	wait = wait_of(self);
	*wait = (lt_scope_wait){ .list.next = scope->waits, .at = &scope->waits, .scope = scope };
	if (scope->waits)
		scope->waits->at = &wait->list.next;
	scope->waits = wait;
	if (lt_scope_has_ended(scope))
		lt_scope_settle_waits(scope);
	return self;
}

/* ---- draining ---- */

/* What stands in the payload after its kind.  First the timer; when the time is
 * up the tail, for what is ready then may end by itself; then what was cut.
 * Which of them it is, the second word tells. */
typedef union drain {
	lt_timer timer;
	lt_tail tail;
	struct {
		int64_t members;
		void *nothing;
	} cut;
} drain;
static_assert(sizeof(drain) <= 24, "fits a cell");
static_assert(offsetof(lt_timer, fire) == offsetof(lt_tail, run), "one word tells");

static void on_time_up(lt_timer *timer);
static void on_turn_end(lt_tail *tail);

static drain *drain_of(leat_io *self)
{
	return (drain *)(void *)self->u.custom.word;
}

static leat_io *self_of(void *word)
{
	return (leat_io *)(void *)((char *)word - offsetof(leat_io, u.custom.word));
}

static bool is_cut(const drain *d)
{
	return !d->cut.nothing;
}

static void rest(leat_loop *loop, drain *d)
{
	if (d->tail.run == on_turn_end)
		lt_loop_not_at_end(loop, &d->tail);
	else if (!is_cut(d))
		lt_timer_stop(loop, &d->timer);
}

/* After the cut the wait fails with CANCELLED where nothing else had failed. */
static void drain_arrive(leat_loop *loop, leat_io *self, leat_io *source)
{
	lt_outcome outcome = lt_io_consume(loop, source);
	drain *d = drain_of(self);

	rest(loop, d);
	self->source = NULL;
	if (!lt_is_error(&outcome))
		outcome = (lt_outcome){ .type = &leat_int_type };
	else if (is_cut(d) && leat_error_is(outcome.as.error, LEAT_CANCELLED))
		outcome = (lt_outcome){ .type = &leat_int_type, .as.value.integer = d->cut.members };
	lt_settle(loop, self, &outcome);
}

static void drain_drop(leat_loop *loop, leat_io *self)
{
	rest(loop, drain_of(self));
}

static void on_time_up(lt_timer *timer)
{
	leat_io *self = self_of(timer);
	drain *d = drain_of(self);

	d->tail = (lt_tail){ .run = on_turn_end };
	lt_loop_add_tail(lt_cell_loop(self), &d->tail);
}

/* Cancelling the members settles the wait, which then arrives. */
static void on_turn_end(lt_tail *tail)
{
	leat_io *self = self_of(tail), *source = self->source;
	leat_scope *scope;

	if (source->phase == LT_SETTLED)
		return; /* it is in the queue, and wins */
	scope = wait_of(source)->scope;
	drain_of(self)->cut.members = (int64_t)scope->count;
	drain_of(self)->cut.nothing = NULL;
	self->flags |= LT_RUNNING;
	leat_scope_cancel(scope);
	self->flags &= (uint8_t)~LT_RUNNING;
	if (self->flags & LT_DOOMED)
		lt_cell_free(lt_cell_loop(self), self);
}

static int drain_describe(const leat_io *self, char *out, size_t room)
{
	const drain *d = (const drain *)(const void *)self->u.custom.word;

	if (is_cut(d))
		return snprintf(out, room, "time was up, %lld cancelled", (long long)d->cut.members);
	if (d->tail.run == on_turn_end)
		return snprintf(out, room, "time is up");
	return lt_timer_describe(lt_cell_loop(self), &d->timer, out, room);
}

static const lt_kind drain_kind = {
	.name = "scope drain", .arrive = drain_arrive, .drop = drain_drop, .describe = drain_describe
};

static leat_io *drained(leat_scope *scope, const char *where)
{
	lt_outcome outcome = outcome_of(scope);

	if (!lt_is_error(&outcome))
		return leat_io_int_at(scope->loop, 0, where);
	return leat_io_fail_at(scope->loop, outcome.as.error, where);
}

/* Its wait comes last, for what fails before it must not cancel the scope. */
leat_io *leat_scope_drain_at(leat_scope *scope, int64_t timeout_ms, const char *where)
{
	leat_loop *loop = scope->loop;
	leat_io *self;
	drain *d;

	if (lt_scope_has_ended(scope))
		return drained(scope, where);
	self = loop->closing ? NULL : lt_io_take_cell(loop, LT_CUSTOM, where);
	if (!self)
		return lt_io_refused(loop);
	self->u.custom.kind = &drain_kind;
	d = drain_of(self);
	d->timer = (lt_timer){ .fire = on_time_up };
	if (timeout_ms < 0 || lt_timer_start(loop, &d->timer, lt_loop_after_ms(loop, timeout_ms))) {
		self->source = leat_scope_wait_at(scope, where);
		if (lt_io_attach(loop, self, &self->source))
			return self;
		rest(loop, d);
	}
	lt_cell_free(loop, self);
	return lt_io_nomem(loop);
}

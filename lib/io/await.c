/* SPDX-License-Identifier: ISC */
/* await - wait in place: turn the loop until the io settles, or park the fiber */
#include <event2/event.h>

#include "io/dump.h"
#include "io/fiber.h"

_Thread_local uint32_t lt_turned_in_place;

typedef struct waiting {
	lt_watch watch;
	bool done;
	leat_result result;
} waiting;

static void on_settled(lt_watch *watch, leat_loop *loop, leat_result *result)
{
	waiting *w = (waiting *)watch;

	w->done = true;
	lt_loop_look(loop);
	w->result = *result;
	result->type = NULL;
	lt_delivered(lt_result_outcome(&w->result));
}

static const lt_watch_ops waiting_ops = { .settled = on_settled, .name = "awaited" };

/* Whether anything is left that could happen: what is queued, or an event that
 * is not one of ours without a reader. */
static bool could_settle(leat_loop *loop)
{
	if (loop->readerless <= 0 || loop->kicked || loop->ready.head)
		return true;
	return event_base_get_num_events(loop->base, EVENT_BASE_COUNT_ADDED | EVENT_BASE_COUNT_ACTIVE) >
	       loop->readerless;
}

/* As event_base_loop.  Where each event of ours has its reader nothing can be
 * found out between the turns: they go on until lt_loop_look, which saves what
 * libevent does to begin and to end. */
static int turn_on(leat_loop *loop)
{
	int left;

	if (loop->awaits > 1)
		return -1;
	loop->broken = false;
	loop->endless = loop->readerless <= 0;
	left = event_base_loop(loop->base, loop->endless ? 0 : EVLOOP_ONCE);
	loop->endless = false;
	return left;
}

static bool is_interrupted(leat_loop *loop)
{
	return (event_base_got_break(loop->base) && !loop->broken) || event_base_got_exit(loop->base);
}

/* LEAT_NONE when it is done. */
static leat_kind turn_until_done(leat_loop *loop, waiting *w)
{
	while (!w->done) {
		int left;

		if (!could_settle(loop))
			return LEAT_DEADLOCK;
		left = turn_on(loop);
		if (w->done)
			break;
		if (loop->free_asked)
			return LEAT_CANCELLED;
		if (left < 0)
			return LEAT_NESTED;
		if (left > 0 && !loop->kicked)
			return LEAT_DEADLOCK;
		if (is_interrupted(loop))
			return LEAT_INTERRUPTED;
	}
	return LEAT_NONE;
}

/* Fills the result in with a failure; always false. */
static bool fail(leat_loop *loop, leat_kind kind, leat_result *result, const char *where)
{
	if (result) {
		*lt_result_outcome(result) = lt_failure(leat_error_make_at(&leat_core_errors, kind, where));
		result->where = where;
		result->loop = loop;
	}
	return false;
}

static bool hand_over(leat_result *from, leat_result *to)
{
	bool ok = leat_result_ok(from);

	if (to)
		*to = *from;
	else
		leat_result_clear(from);
	return ok;
}

static bool wait(leat_io *io, leat_result *result, const char *where)
{
	leat_loop *loop = lt_cell_loop(io);
	waiting w = { .watch.ops = &waiting_ops };
	leat_kind kind;

	lt_io_watch(io, &w.watch); /* pending: needs no memory */
	loop->awaits++;
	lt_turned_in_place++;
	kind = turn_until_done(loop, &w);
	loop->awaits--;
	lt_turned_in_place--;
	if (kind == LEAT_CANCELLED)
		lt_loop_end(loop, false); /* which settles it */
	if (kind == LEAT_DEADLOCK)
		lt_dump_deadlock(loop, io, where); /* to a hook, which may end the io, and the loop */
	if (w.done)
		kind = LEAT_NONE;
	else if (loop->gone)
		kind = LEAT_CANCELLED;
	else if (kind != LEAT_NONE) {
		io->waiter = 0;
		lt_io_raze(loop, io);
	}
	return kind == LEAT_NONE ? hand_over(&w.result, result) : fail(loop, kind, result, where);
}

static __attribute__((noinline)) bool await_on_main(leat_io *io, leat_result *result, const char *where)
{
	leat_loop *loop = lt_cell_loop(io);
	leat_result there;
	bool ok;

	if (leat_io_try(io, &there)) {
		ok = hand_over(&there, result);
		lt_loop_end_if_asked(loop);
		return ok;
	}
	if (loop->draining || loop->razing) {
		lt_io_cancel(io);
		return fail(loop, loop->forked ? LEAT_CLOSED : LEAT_NESTED, result, where);
	}
	lt_loop_hold(loop);
	ok = wait(io, result, where);
	if (loop->free_asked && !loop->awaits)
		lt_loop_end(loop, false);
	lt_loop_release(loop);
	return ok;
}

/* ---- in a fiber ---- */

/* Gives the io, settled; NULL: why not stands in *why, and the io is gone.
 * Inline, see lt_fiber_leave. */
static inline leat_io *wait_in_fiber(leat_loop *loop, leat_io *io, leat_kind *why, const char *where)
{
	lt_fiber *fiber = loop->fiber;
	leat_io *got;

	lt_loop_check_thread(loop);
	if (__builtin_expect(!lt_io_is(io, LT_PENDING, LT_LEAF, LT_FORWARD) || (fiber->self->flags & LT_DOOMED), 0)) {
		if (io->phase != LT_SETTLED || !lt_fiber_spend(fiber))
			return lt_fiber_wait_any(loop, io, why, where);
		return io;
	}
	got = lt_fiber_wait(fiber, io);
	if (__builtin_expect(!got, 0))
		*why = LEAT_CANCELLED;
	return got;
}

static inline void free_got(leat_loop *loop, leat_io *got)
{
	if (!(got->flags & LT_IMMORTAL))
		lt_cell_free(loop, got);
}

static inline bool take_got(leat_loop *loop, leat_io *got, leat_result *result)
{
	leat_result there, *to = result ? result : &there;
	bool ok = !lt_is_error(&got->u.outcome);

	to->where = got->where;
	to->loop = loop;
	lt_outcome_copy(lt_result_outcome(to), &got->u.outcome);
	free_got(loop, got);
	lt_delivered(lt_result_outcome(to));
	if (!result)
		leat_result_clear(to);
	return ok;
}

/* ---- either ---- */

static __attribute__((noinline)) bool await_slowly(leat_io *io, leat_result *result, const char *where)
{
	leat_kind why = LEAT_NONE;
	leat_loop *loop;
	leat_io *got;

	lt_io_check(io, "leat_await", where);
	loop = lt_cell_loop(io);
	if (!lt_fiber_may_park(loop))
		return await_on_main(io, result, where);
	got = wait_in_fiber(loop, io, &why, where);
	return got ? take_got(loop, got, result) : fail(loop, why, result, where);
}

/* A success with nothing that is there needs no frame. */
bool leat_await_at(leat_io *io, leat_result *result, const char *where)
{
	leat_loop *loop;

	if (result || !io || io->phase != LT_SETTLED || io->waiter || !(io->flags & LT_IMMORTAL) || io->u.outcome.type)
		return await_slowly(io, result, where);
	loop = lt_cell_loop(io);
	if (loop->fiber && !lt_fiber_spend(loop->fiber))
		return await_slowly(io, result, where);
	return true;
}

/* ---- by type ---- */

static bool await_why(leat_io *io, leat_result *result, leat_error *why, const char *where)
{
	bool ok = leat_await_at(io, result, where);

	if (why)
		*why = leat_result_error(result);
	return ok;
}

int64_t leat_await_int_at(leat_io *io, leat_error *why, const char *where)
{
	leat_result result;

	return await_why(io, &result, why, where) ? leat_result_int_at(&result, where) : 0;
}

static __attribute__((noinline)) leat_buf *await_buf_slowly(leat_io *io, leat_error *why, const char *where)
{
	leat_result result;

	return await_why(io, &result, why, where) ? leat_result_buf_at(&result, where) : NULL;
}

static leat_buf *take_buf(leat_loop *loop, leat_io *got, leat_error *why, const char *where)
{
	leat_buf *buf = got->u.outcome.as.value.pointer;
	leat_result result;
	bool ok;

	if (__builtin_expect(got->u.outcome.type == &leat_buf_type, 1)) {
		lt_delivered(&got->u.outcome);
		lt_cell_free(loop, got);
		if (why)
			*why = (leat_error){ 0 };
		return buf;
	}
	ok = take_got(loop, got, &result);
	if (why)
		*why = leat_result_error(&result);
	return ok ? leat_result_buf_at(&result, where) : NULL;
}

/* The usual in a fiber: a read that has to wait. */
leat_buf *leat_await_buf_at(leat_io *io, leat_error *why, const char *where)
{
	leat_loop *loop;
	lt_fiber *fiber;
	leat_io *got;

	if (!io || !lt_io_is(io, LT_PENDING, LT_LEAF, LT_FORWARD) || io->waiter)
		return await_buf_slowly(io, why, where);
	loop = lt_cell_loop(io);
	fiber = loop->fiber;
	if (!lt_fiber_may_park(loop) || (fiber->self->flags & LT_DOOMED))
		return await_buf_slowly(io, why, where);
	lt_loop_check_thread(loop);
	got = lt_fiber_wait(fiber, io);
	if (__builtin_expect(got != NULL, 1))
		return take_buf(loop, got, why, where);
	if (why)
		*why = leat_error_make_at(&leat_core_errors, LEAT_CANCELLED, where);
	return NULL;
}

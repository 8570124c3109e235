/* SPDX-License-Identifier: ISC */
/* close - the guard's ends: flush, shutdown, close and abort
 *
 * Read lt_flow_progress first: it is called whenever something has changed and
 * takes each step that has become possible - flushed, told the peer, seen the
 * peer's end, done.  The pace of a close is one timer: a stall limit while
 * there is something to send, the linger time after our end was sent.
 */
#include "flow/flow.h"

/* ---- deadlines ---- */

/* Where it is our own reader that is waited for, the peer is not to blame. */
static void on_pace(lt_timer *timer)
{
	lt_rare *rare = (lt_rare *)(void *)((char *)timer - offsetof(lt_rare, pace));
	leat_flow *flow = rare->flow;

	if (!rare->patience.slot) {
		lt_flow_cut(flow, leat_error_core(LEAT_TIMEOUT));
		return;
	}
	flow->refs++;
	lt_flow_late_look(flow);
	lt_flow_paced(flow);
	lt_flow_unref(flow);
}

static void on_limit(lt_timer *timer)
{
	lt_rare *rare = (lt_rare *)(void *)((char *)timer - offsetof(lt_rare, limit));

	lt_flow_cut(rare->flow, leat_error_core(LEAT_TIMEOUT));
}

/* False: no memory, or never. */
static bool set_timer(leat_flow *flow, lt_timer *timer, void (*fire)(lt_timer *), int64_t ms)
{
	if (ms < 0)
		return true;
	timer->fire = fire;
	return lt_timer_start(flow->loop, timer, lt_loop_after_ms(flow->loop, ms));
}

void lt_flow_paced(leat_flow *flow)
{
	lt_rare *rare = flow->rare;
	int64_t ms = flow->bits & LT_F_TOLD ? rare->limits.linger_ms : rare->limits.stall_ms;

	if (lt_flow_ended(flow))
		return;
	lt_timer_stop(flow->loop, &rare->pace);
	if (!set_timer(flow, &rare->pace, on_pace, ms))
		lt_flow_cut(flow, leat_error_core(LEAT_NOMEM));
}

void lt_flow_stop_timers(leat_flow *flow)
{
	lt_rare *rare = flow->rare;

	if (!rare)
		return;
	lt_timer_stop(flow->loop, &rare->pace);
	lt_timer_stop(flow->loop, &rare->limit);
	lt_timer_stop(flow->loop, &rare->idle);
	lt_timer_stop(flow->loop, &rare->again);
	lt_timer_stop(flow->loop, &rare->patience);
}

/* ---- the end of the transport ---- */

static void settle_closers(leat_flow *flow)
{
	lt_outcome ending = { .type = &leat_ending_type, .as.error = flow->rare->ending };

	lt_waiters_settle(flow, &flow->rare->closers, &ending);
}

static void shell(leat_flow *flow)
{
	leat_flow_listens(flow, false);
	flow->bits |= LT_F_CLOSED;
	lt_flow_stop_timers(flow);
	lt_loop_move_to_shells(flow->loop, LT_FLOWS, &flow->resident);
}

/* Everybody who waits is told; the closes last. */
static void settle_all(leat_flow *flow, leat_error error)
{
	lt_outcome failure = lt_failure(error);

	lt_flow_read_fail(flow, error);
	lt_flow_write_end(flow, error);
	if (!flow->rare)
		return;
	lt_waiters_settle(flow, &flow->rare->flushing, &failure);
	lt_waiters_settle(flow, &flow->rare->flushers, &failure);
	lt_waiters_settle(flow, &flow->rare->shutters, &failure);
	settle_closers(flow);
}

/* `end` is the op that lets go of the transport. */
static void end_now(leat_flow *flow, leat_error why, void (*end)(leat_flow *, void *))
{
	flow->refs++;
	if (flow->rare)
		flow->rare->ending = why;
	shell(flow);
	flow->bits |= LT_F_ABORTED;
	lt_flow_recall(flow, LEAT_BOTH, leat_error_make_at(&leat_core_errors, LEAT_CLOSED, why.where));
	lt_flow_drop_keeps(flow);
	if (end)
		end(lt_flow_self(flow), lt_flow_state(flow));
	lt_flow_drop_kept(flow);
	settle_all(flow, leat_error_make_at(&leat_core_errors, LEAT_CLOSED, why.where));
	lt_flow_unref(flow);
}

void lt_flow_cut(leat_flow *flow, leat_error why)
{
	if (!lt_flow_ended(flow))
		end_now(flow, why, lt_has(flow->ops, abort) ? flow->ops->abort : NULL);
}

void lt_flow_let_go(leat_flow *flow, leat_error why)
{
	const uint32_t said_all = LT_F_CLOSING | LT_F_TOLD;

	if (lt_flow_ended(flow))
		return;
	if ((flow->bits & (said_all | LT_F_WRITE_ERROR)) == said_all)
		end_now(flow, why, lt_has(flow->ops, close) ? flow->ops->close : NULL);
	else
		lt_flow_cut(flow, why);
}

void leat_flow_abort(leat_flow *flow)
{
	lt_flow_cut(flow, leat_error_core(LEAT_CLOSED));
}

/* Both directions have shut, in order or not. */
static void finish(leat_flow *flow)
{
	lt_rare *rare = flow->rare;
	leat_error ending = { 0 };

	if (flow->bits & LT_F_WRITE_ERROR)
		ending = flow->bits & LT_F_NOMEM_WRITE ? leat_error_core(LEAT_NOMEM) : rare->write_error;
	if (flow->bits & LT_F_READ_ERROR)
		ending = flow->bits & LT_F_NOMEM_READ ? leat_error_core(LEAT_NOMEM) : rare->read_error;
	rare->ending = ending;
	rare->last_owed = (flow->bits & LT_F_HELD) || lt_flow_kept(flow) > 0 || flow->reads != rare->reads_before;
	shell(flow);
	lt_flow_drop_keeps(flow);
	if (lt_has(flow->ops, close))
		flow->ops->close(lt_flow_self(flow), lt_flow_state(flow));
	settle_all(flow, leat_error_core(LEAT_CLOSED));
}

/* ---- progress ---- */

/* To the end of an empty one. */
static void move_ring(lt_ring *to, lt_ring *from)
{
	*to = *from;
	to->next->prev = to->prev->next = to;
	from->next = from->prev = from;
}

/* Who comes while ops->flush is being answered is not meant by the answer. */
static void flush_step(leat_flow *flow)
{
	lt_rare *rare = flow->rare;

	if (!rare)
		return;
	if (flow->bits & LT_F_WRITE_ERROR) {
		lt_outcome failure = lt_failure(lt_flow_write_error(flow));

		lt_waiters_settle(flow, &rare->flushing, &failure);
		lt_waiters_settle(flow, &rare->flushers, &failure);
	} else if (lt_ring_empty(&rare->flushers) || lt_flow_queued(flow) > 0 || (flow->bits & LT_F_FLUSHING)) {
		return;
	} else if (lt_has(flow->ops, flush)) {
		flow->bits |= LT_F_FLUSHING;
		move_ring(&rare->flushing, &rare->flushers);
		flow->ops->flush(lt_flow_self(flow), lt_flow_state(flow));
	} else {
		lt_waiters_settle(flow, &rare->flushers, &(lt_outcome){ 0 });
	}
}

static bool can_skip_telling(const leat_flow *flow)
{
	return (flow->bits & LT_F_WRITE_ERROR) || !lt_has(flow->ops, shutdown) ||
	       (flow->ops->close_tells && (flow->bits & LT_F_CLOSING) && (flow->bits & LT_F_READ_END));
}

static void tell_step(leat_flow *flow)
{
	bool done = lt_flow_queued(flow) == 0 || (flow->bits & LT_F_WRITE_ERROR);

	if (!(flow->bits & LT_F_WRITE_SHUT) || !done || (flow->bits & LT_F_TOLD))
		return;
	if (can_skip_telling(flow)) {
		flow->bits |= LT_F_TELLING | LT_F_TOLD;
	} else if (!(flow->bits & LT_F_TELLING)) {
		flow->bits |= LT_F_TELLING;
		flow->ops->shutdown(lt_flow_self(flow), lt_flow_state(flow));
	}
}

/* What a shutdown says that the peer was not told of.  Whatever the peer did is no failure
 * of it [T4]; that there was no memory was not the peer's doing, who waits for the end. */
static leat_error shutdown_error(const leat_flow *flow)
{
	leat_error error = flow->bits & LT_F_WRITE_ERROR ? lt_flow_write_error(flow) : (leat_error){ 0 };

	return leat_error_is(error, LEAT_NOMEM) ? error : (leat_error){ 0 };
}

static void told_step(leat_flow *flow)
{
	leat_error error;
	lt_outcome outcome = { 0 };

	if (!(flow->bits & LT_F_TOLD) || !flow->rare)
		return;
	error = shutdown_error(flow);
	if (leat_error_set(error))
		outcome = lt_failure(error);
	lt_waiters_settle(flow, &flow->rare->shutters, &outcome);
}

static bool is_done(const leat_flow *flow)
{
	return (flow->bits & LT_F_CLOSING) && (flow->bits & LT_F_TOLD) &&
	       (flow->bits & (LT_F_READ_END | LT_F_READ_ERROR));
}

void lt_flow_progress(leat_flow *flow)
{
	if (lt_flow_ended(flow))
		return;
	flow->refs++;
	flush_step(flow);
	if (!lt_flow_ended(flow))
		tell_step(flow);
	if (!lt_flow_ended(flow))
		told_step(flow);
	if (!lt_flow_ended(flow) && (flow->bits & LT_F_CLOSING) && lt_flow_write_failed_here(flow))
		lt_flow_cut(flow, flow->rare->write_error); /* the peer must not take what it has for all */
	else if (!lt_flow_ended(flow) && is_done(flow))
		finish(flow);
	else if (!lt_flow_ended(flow) && (flow->bits & LT_F_CLOSING))
		lt_flow_ask(flow);
	lt_flow_unref(flow);
}

void leat_flow_told(leat_flow *self)
{
	leat_flow *flow = lt_flow_of(self);

	if (lt_flow_ended(flow) || (flow->bits & LT_F_TOLD))
		return;
	flow->bits |= LT_F_TOLD;
	if (flow->bits & LT_F_CLOSING)
		lt_flow_paced(flow);
	lt_flow_progress(flow);
}

/* ---- shutdown ---- */

static const leat_leaf shutdown_leaf = {
	.size = sizeof(leat_leaf), .name = "shutdown", .state_bytes = sizeof(lt_waiter), .cancel = lt_waiter_cancel,
	.describe = lt_waiter_describe
};

static void shut_reading(leat_flow *flow)
{
	flow->bits |= LT_F_READ_SHUT;
	lt_flow_drop_kept(flow);
	lt_flow_read_over(flow);
	lt_flow_ask(flow);
}

static leat_io *shut(leat_flow *flow, leat_direction direction, const char *where)
{
	leat_io *io;

	lt_flow_recall(flow, direction, (leat_error){ 0 });
	if (direction & LEAT_READ)
		shut_reading(flow);
	if (lt_flow_ended(flow)) /* by the release of what was dropped */
		return lt_flow_refuse(flow, lt_flow_refusal(flow), where);
	if (!(direction & LEAT_WRITE))
		return leat_io_done_at(flow->loop, where);
	if (flow->bits & LT_F_TOLD)
		return leat_error_set(shutdown_error(flow)) ? lt_flow_refuse(flow, shutdown_error(flow), where) :
		                                              leat_io_done_at(flow->loop, where);
	if (!lt_flow_rare(flow))
		return lt_io_nomem(flow->loop);
	io = lt_waiter_new(flow, &flow->rare->shutters, &shutdown_leaf, where);
	if (io->flags & LT_IMMORTAL)
		return io;
	flow->bits |= LT_F_WRITE_SHUT;
	lt_flow_send_now(flow);
	lt_flow_progress(flow);
	return io;
}

/* What is dropped or sent may be released, and that may drop the last handle. */
leat_io *leat_flow_shutdown_at(leat_flow *flow, leat_direction direction, const char *where)
{
	leat_io *io;

	if (lt_flow_ended(flow))
		return lt_flow_refuse(flow, lt_flow_refusal(flow), where);
	leat_flow_ref(flow);
	io = shut(flow, direction, where);
	lt_flow_unref(flow);
	return io;
}

/* ---- close ---- */

/* The last of them: nobody waits for the end any more. */
static void close_cancel(void *state)
{
	lt_waiter *waiter = state;
	leat_flow *flow = waiter->flow;

	lt_waiter_leave(waiter);
	if (lt_ring_empty(&flow->rare->closers))
		leat_flow_abort(flow);
	lt_flow_unref(flow);
}

static const leat_leaf close_leaf = {
	.size = sizeof(leat_leaf), .name = "close", .state_bytes = sizeof(lt_waiter), .cancel = close_cancel,
	.describe = lt_waiter_describe
};

static leat_io *closed_already(leat_flow *flow, const char *where)
{
	leat_error ending = flow->rare && !(flow->bits & (LT_F_STILLBORN | LT_F_MOVED)) ? flow->rare->ending
	                                                                                : lt_flow_refusal(flow);
	lt_outcome outcome = { .type = &leat_ending_type, .as.error = ending };

	if (lt_loop_closing(flow->loop))
		return lt_io_closed(flow->loop);
	return lt_io_settled(flow->loop, &outcome, where);
}

static void limit_close(leat_flow *flow)
{
	lt_rare *rare = flow->rare;

	lt_timer_stop(flow->loop, &rare->limit);
	if (!lt_flow_ended(flow) && !set_timer(flow, &rare->limit, on_limit, rare->limits.close_ms))
		lt_flow_cut(flow, leat_error_core(LEAT_NOMEM));
}

static void begin_close(leat_flow *flow)
{
	lt_rare *rare = flow->rare;

	flow->bits |= LT_F_CLOSING | LT_F_WRITE_SHUT;
	lt_flow_late_begin(flow);
	lt_timer_stop(flow->loop, &rare->idle);
	lt_flow_send_now(flow);
	lt_flow_progress(flow);
	if (lt_flow_ended(flow))
		return;
	if (!rare->pace.slot)
		lt_flow_paced(flow);
	limit_close(flow);
}

static leat_io *start_close(leat_flow *flow, const char *where)
{
	leat_io *io;

	lt_flow_recall(flow, LEAT_BOTH, (leat_error){ 0 });
	if (lt_flow_ended(flow))
		return closed_already(flow, where);
	io = lt_flow_rare(flow) ? lt_waiter_new(flow, &flow->rare->closers, &close_leaf, where)
	                        : lt_io_nomem(flow->loop);
	if (io->flags & LT_IMMORTAL) { /* no memory to close in order */
		flow->bits |= LT_F_CLOSING;
		lt_flow_let_go(flow, leat_error_core(LEAT_NOMEM));
		return io;
	}
	if (!(flow->bits & LT_F_CLOSING))
		begin_close(flow);
	return io;
}

/* What is sent may be released, and that may drop the last handle; so may who
 * had a lease. */
leat_io *leat_flow_close_at(leat_flow *flow, const char *where)
{
	leat_io *io;

	leat_flow_ref(flow);
	io = start_close(flow, where);
	lt_flow_unref(flow);
	return io;
}

/* ---- the idle limit: looks four times per limit whether anything moved ---- */

enum { IDLE_LOOKS = 4 };

/* The limit may be the longest there is; negative: none. */
static int64_t idle_look_ms(const lt_rare *rare)
{
	int64_t ms = rare->limits.idle_ms;

	return ms < 0 ? ms : ms / IDLE_LOOKS + (ms % IDLE_LOOKS > 0);
}

static void on_idle(lt_timer *timer)
{
	lt_rare *rare = (lt_rare *)(void *)((char *)timer - offsetof(lt_rare, idle));
	leat_flow *flow = rare->flow;
	uint64_t mark = flow->read_bytes + flow->written_bytes - lt_flow_queued(flow);
	leat_error timeout = leat_error_core(LEAT_TIMEOUT);

	flow->refs++; /* what is failed may hold the last other one */
	rare->idle_ticks = mark == rare->idle_mark ? rare->idle_ticks + 1 : 0;
	rare->idle_mark = mark;
	if (rare->idle_ticks >= IDLE_LOOKS) {
		rare->idle_ticks = 0;
		lt_flow_read_fail(flow, timeout);
		if (lt_flow_writer_waits(flow))
			lt_flow_writer_fail(flow, timeout);
		lt_flow_recall(flow, LEAT_BOTH, timeout);
	}
	if (!lt_flow_ended(flow))
		set_timer(flow, &rare->idle, on_idle, idle_look_ms(rare));
	lt_flow_unref(flow);
}

static bool start_idle(leat_flow *flow)
{
	lt_rare *rare = flow->rare;

	lt_timer_stop(flow->loop, &rare->idle);
	if (rare->limits.idle_ms < 0)
		return true;
	rare->idle_ticks = 0;
	rare->idle_mark = flow->read_bytes + flow->written_bytes - lt_flow_queued(flow);
	return set_timer(flow, &rare->idle, on_idle, idle_look_ms(rare));
}

/* ---- limits that were set ---- */

bool lt_flow_time_anew(leat_flow *flow)
{
	if (!(flow->bits & LT_F_CLOSING))
		return start_idle(flow);
	lt_flow_paced(flow);
	limit_close(flow);
	return !lt_flow_ended(flow);
}

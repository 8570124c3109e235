/* SPDX-License-Identifier: ISC */
/* life - A1 to A5: abort, handles, the loop's end, at any moment */
#include <stdlib.h>

#include "contract/talk.h"

static void a1_abort_never_waits(void)
{
	leat_flow_abort(b);
	expect_size(ends_live(), 1);
	expect_true(info(b).closed);
	leat_flow_abort(b);
	hears_cut(a);
}

static void a1_pending_operations_fail_with_closed(void)
{
	uint64_t end;
	leat_io *waiting = fill(b, MUCH, &end), *flushed = leat_flow_flush(b);
	leat_io *telling = leat_flow_shutdown(b, LEAT_WRITE), *closing = leat_flow_close(b);

	settle();
	leat_flow_abort(b);
	expect_fails(waiting, LEAT_CLOSED);
	expect_fails(flushed, LEAT_CLOSED);
	whatever(telling);
	expect_ends(closing, LEAT_CLOSED);
}

static void a1_a_pending_read_fails_with_closed(void)
{
	leat_io *reading = leat_flow_read(a);
	char memory[4];

	settle();
	leat_flow_abort(a);
	expect_fails(reading, LEAT_CLOSED);
	fresh();
	reading = leat_flow_read_into(a, memory, 4, 4);
	say(b, "ab");
	settle();
	leat_flow_abort(a);
	expect_fails(reading, LEAT_CLOSED);
}

static void a1_the_peer_sees_a_reset(void)
{
	leat_io *reading = leat_flow_read(a);

	settle();
	leat_flow_abort(b);
	expect_null(get(reading).buf);
	hears_cut(a);
}

static void a1_an_abort_after_the_end_fails_a_blocked_write(void)
{
	uint64_t end;
	leat_io *waiting = fill(b, MUCH, &end), *told = leat_flow_shutdown(a, LEAT_WRITE);

	expect_end(b);
	expect_done(told);
	leat_flow_abort(a);
	expect_broken(outcome(waiting));
}

/* ---- cut at any moment ---- */

struct talkers {
	struct pump out[2], in[2];
	leat_io *ios[4];
};

static leat_io *shut_after(void *ctx, leat_result *result)
{
	return leat_flow_shutdown(ctx, LEAT_WRITE);
}

static leat_io *talks(struct pump *pump, leat_flow *flow)
{
	return leat_io_then(pump_out(pump, flow, 30000, 7000), shut_after, leat_ctx_borrow(flow));
}

static void start_talking(struct talkers *t)
{
	t->ios[0] = talks(&t->out[0], a);
	t->ios[1] = talks(&t->out[1], b);
	t->ios[2] = pump_in(&t->in[0], a);
	t->ios[3] = pump_in(&t->in[1], b);
}

static void stop_talking(struct talkers *t)
{
	for (int i = 0; i < 4; i++)
		whatever(t->ios[i]);
	for (int i = 0; i < 2; i++) {
		expect_false(t->in[i].wrong);
		expect(t->in[i].at <= 30000);
	}
}

enum { MOMENTS = 80 };

/* Every moment, or fewer where time is dear (valgrind). */
static int next_moment(int moment)
{
	return moment + (getenv("CK_TIMEOUT_MULTIPLIER") ? 9 : 1);
}

static void at_any_moment(void (*deed)(struct talkers *t))
{
	for (int moment = 0; moment < MOMENTS; moment = next_moment(moment)) {
		struct talkers t;

		start_talking(&t);
		for (int i = 0; i < moment; i++)
			stage_pass(&stage);
		deed(&t);
		stop_talking(&t);
		fresh();
	}
}


static void abort_b(struct talkers *t)
{
	leat_flow_abort(b);
}

static void abort_both(struct talkers *t)
{
	leat_flow_abort(b);
	leat_flow_abort(a);
}

static void close_both(struct talkers *t)
{
	part();
}

static void unref_b(struct talkers *t)
{
	leat_io_cancel(t->ios[1]);
	leat_io_cancel(t->ios[3]);
	drop(&b);
	t->ios[1] = leat_io_done(stage.loop);
	t->ios[3] = leat_io_done(stage.loop);
}

static void talk_both_ways(void)
{
	struct talkers t;

	start_talking(&t);
	for (int i = 0; i < 4; i++)
		expect_done(t.ios[i]);
	for (int i = 0; i < 2; i++) {
		expect_false(t.in[i].wrong);
		expect_int(t.in[i].at, 30000);
	}
	part();
}

static void a1_aborted_at_any_moment_nothing_stays_pending(void)
{
	talk_both_ways();
	fresh();
	at_any_moment(abort_b);
}

static void a1_both_aborted_at_any_moment(void)
{
	at_any_moment(abort_both);
}

static void a2_both_closed_at_any_moment(void)
{
	at_any_moment(close_both);
}

static void a3_dropped_at_any_moment(void)
{
	at_any_moment(unref_b);
}

/* ---- inside the flow's own callbacks ---- */

static leat_io *kept_close;

static leat_io *close_here(void *ctx, leat_result *result)
{
	kept_close = leat_flow_close(a);
	return NULL;
}

static leat_io *abort_here(void *ctx, leat_result *result)
{
	leat_flow_abort(a);
	return NULL;
}

static leat_io *unref_here(void *ctx, leat_result *result)
{
	drop(&a);
	return NULL;
}

static leat_io *abort_and_unref_both(void *ctx, leat_result *result)
{
	if (b)
		leat_flow_abort(b);
	drop(&b);
	if (a)
		leat_flow_abort(a);
	drop(&a);
	return NULL;
}

static void read_and(leat_fn deed)
{
	leat_io *reading = leat_io_then(leat_flow_read(a), deed, leat_ctx_none());

	say(b, "now");
	expect_done(reading);
}

static void a2_close_inside_the_own_reads_callback(void)
{
	read_and(close_here);
	expect_ends(leat_flow_close(b), LEAT_NONE);
	expect_ends(kept_close, LEAT_NONE);
}

static void a2_abort_inside_the_own_reads_callback(void)
{
	read_and(abort_here);
	expect_fails(leat_flow_read(a), LEAT_CLOSED);
}

static void a2_unref_inside_the_own_reads_callback(void)
{
	read_and(unref_here);
	expect_size(ends_live(), 1);
}

static void a2_both_freed_inside_a_reads_callback(void)
{
	read_and(abort_and_unref_both);
	expect_size(ends_live(), 0);
}

static void a2_freed_inside_a_writes_callback(void)
{
	expect_done(leat_io_then(leat_flow_write(b, "x", 1), abort_and_unref_both, leat_ctx_none()));
	expect_size(ends_live(), 0);
}

static void a2_freed_inside_a_flushs_callback(void)
{
	leat_io *reading = kind->alone ? leat_io_done(stage.loop) : leat_flow_read(a);

	leat_io_detach(leat_flow_write(b, "x", 1));
	expect_done(leat_io_then(leat_flow_flush(b), abort_and_unref_both, leat_ctx_none()));
	whatever(reading);
	expect_size(ends_live(), 0);
}

static void a2_freed_inside_a_shutdowns_callback(void)
{
	expect_done(leat_io_then(leat_flow_shutdown(b, LEAT_WRITE), abort_and_unref_both, leat_ctx_none()));
	expect_size(ends_live(), 0);
}

static void a2_freed_inside_a_closes_callback(void)
{
	leat_io *closing = leat_io_then(leat_flow_close(b), abort_and_unref_both, leat_ctx_none());

	leat_io_detach(leat_io_then(leat_flow_close(a), abort_and_unref_both, leat_ctx_none()));
	expect_done(closing);
	settle();
	expect_size(ends_live(), 0);
}

static leat_io *expect_closed_read(void *ctx, leat_result *result)
{
	expect_kind(leat_result_error(result), LEAT_CLOSED);
	drop(&a);
	return NULL;
}

static void a2_freed_inside_the_callback_of_a_failed_read(void)
{
	leat_io *reading = leat_io_catch(leat_flow_read(a), leat_match_all(), expect_closed_read, leat_ctx_none());

	leat_flow_abort(a);
	expect_done(reading);
	expect_null(a);
}

/* Continuations never run inside the call that caused them. */
static void a2_continuations_run_later_from_the_queue(void)
{
	leat_io *reading = leat_io_catch(leat_flow_read(a), leat_match_all(), expect_closed_read, leat_ctx_none());

	leat_flow_abort(a);
	expect_some(a);
	expect_pending(reading);
	expect_done(reading);
	expect_null(a);
}

static leat_io *free_loop_here(void *ctx, leat_result *result)
{
	leat_loop_free(stage.loop);
	stage.loop = NULL;
	return NULL;
}

/* The stage turns the base till the loop is gone; then the handles are shells. */
static void turn_out(void)
{
	while (stage.loop)
		event_base_loop(stage.base, EVLOOP_ONCE);
	settle();
	drop(&a);
	drop(&b);
	stage.reports = stage.unhandled = 0;
}

static void a2_the_loop_freed_inside_a_reads_callback(void)
{
	leat_io_detach(leat_io_then(leat_flow_read(a), free_loop_here, leat_ctx_none()));
	leat_io_detach(leat_flow_write(b, "x", 1));
	turn_out();
}

static void a2_the_loop_freed_inside_a_writes_callback(void)
{
	leat_io_detach(leat_io_then(leat_flow_write(b, "x", 1), free_loop_here, leat_ctx_none()));
	turn_out();
}

static void a2_the_loop_freed_inside_a_closes_callback(void)
{
	leat_io_detach(leat_io_then(leat_flow_close(b), free_loop_here, leat_ctx_none()));
	leat_io_detach(leat_flow_close(a));
	turn_out();
}

/* ---- the handle ---- */

static void everything_is_closed(leat_flow *flow)
{
	char memory[1];
	leat_error limits;

	expect_fails(leat_flow_read(flow), LEAT_CLOSED);
	expect_fails(leat_flow_read_into(flow, memory, 1, 1), LEAT_CLOSED);
	expect_fails(leat_flow_write(flow, "x", 1), LEAT_CLOSED);
	expect_fails(leat_flow_writev(flow, NULL, 0), LEAT_CLOSED);
	expect_fails(leat_flow_send(flow, leat_buf_copy(stage.loop, "x", 1)), LEAT_CLOSED);
	expect_fails(leat_flow_flush(flow), LEAT_CLOSED);
	whatever(leat_flow_shutdown(flow, LEAT_BOTH));
	whatever(leat_flow_close(flow));
	limits = leat_flow_set_limits(flow, &LIMITS(.linger_ms = 1));
	expect_kind(limits, LEAT_CLOSED);
	leat_flow_unread(flow, leat_buf_copy(stage.loop, "x", 1));
	leat_flow_abort(flow);
	expect_true(info(flow).closed);
	expect_ptr(leat_flow_loop(flow), stage.loop);
}

static void a3_after_abort_everything_is_closed(void)
{
	leat_flow_abort(a);
	everything_is_closed(a);
}

static void a3_after_close_everything_is_closed(void)
{
	part();
	everything_is_closed(a);
	everything_is_closed(b);
}

static void a3_the_handle_is_counted(void)
{
	leat_flow *second = leat_flow_ref(a);

	drop(&a);
	say(b, "still there");
	expect_hears(second, "still there");
	drop(&second);
	expect_size(ends_live(), 1);
}

static void a3_the_last_unref_aborts(void)
{
	drop(&b);
	expect_size(ends_live(), 1);
	hears_cut(a);
}

static void a3_a_taken_flow_is_closed_through_its_old_handle(void)
{
	leat_flow *old = leat_flow_ref(a);

	a = leat_flow_take(a);
	everything_is_closed(old);
	drop(&old);
	say(b, "through the new one");
	expect_hears(a, "through the new one");
}

static void a3_what_arrived_goes_with_a_taken_flow(void)
{
	leat_io *reading = leat_flow_read(a);

	say(b, "early");
	settle();
	leat_io_cancel(reading);
	leat_flow_unread(a, leat_buf_copy(stage.loop, "first ", 6));
	a = leat_flow_take(a);
	expect_hears(a, "first early");
}

/* ---- the loop's end ---- */

static unsigned destroyed, ran;

static void destroy(void *data)
{
	destroyed++;
}

static leat_io *run(void *ctx, leat_result *result)
{
	ran++;
	return NULL;
}

static void watch(leat_io *io)
{
	leat_io_detach(leat_io_branch(io, run, run, leat_ctx_own(&destroyed, destroy)));
}

static void a4_freeing_the_loop_ends_each_pending_io_once(void)
{
	uint64_t end;

	destroyed = ran = 0;
	watch(fill(b, 16384, &end));
	watch(leat_flow_flush(b));
	watch(leat_flow_close(b));
	leat_loop_free(stage.loop);
	stage.loop = NULL;
	expect_int(destroyed, 3);
	expect_int(ran, 3);
	expect(stage.reports > 0);
	turn_out();
}

static void a4_a_pending_read_ends_with_the_loop(void)
{
	destroyed = ran = 0;
	watch(leat_flow_read(a));
	settle();
	leat_loop_free(stage.loop);
	stage.loop = NULL;
	expect_int(destroyed, 1);
	expect_int(ran, 1);
	turn_out();
}

/* Nobody holds a handle: the read alone did. */
static void a4_what_nobody_holds_is_not_reported(void)
{
	leat_io_detach(leat_flow_read(a));
	drop(&a);
	drop(&b);
	settle();
	leat_loop_free(stage.loop);
	stage.loop = NULL;
	expect_int(stage.reports, 0);
	stage.unhandled = 0;
}

static void a4_the_loop_freed_at_any_moment(void)
{
	for (int moment = 0; moment < MOMENTS; moment = next_moment(moment)) {
		struct talkers t;

		start_talking(&t);
		for (int i = 0; i < 4; i++)
			leat_io_detach(t.ios[i]);
		for (int i = 0; i < moment; i++)
			stage_pass(&stage);
		leat_loop_free(stage.loop);
		stage.loop = NULL;
		turn_out();
		stage_close(&stage);
		stage_open(&stage, 1);
		fresh();
	}
}

/* The base goes with the loop, whatever libevent has put off. */
static void a4_a_base_of_the_loops_own_goes_with_it(void)
{
	leat_loop_options options = { .size = sizeof options, .memory = &stage.oom.memory };
	leat_loop *loop = leat_loop_new(NULL, &options);
	leat_flow *ends[2] = { NULL, NULL };

	expect_true(kind->make(loop, ends));
	watch(leat_flow_read(ends[0]));
	leat_io_detach(leat_flow_write(ends[1], "x", 1));
	leat_loop_free(loop);
	leat_flow_unref(ends[0]);
	leat_flow_unref(ends[1]);
}

/* ---- upgrades ---- */

static void a5_an_upgrade_takes_the_flow_also_when_it_fails(void)
{
	leat_io *reading = leat_flow_read(a);
	leat_flow *layer;

	settle();
	layer = layer_over(stage.loop, a);
	a = NULL;
	whatever(reading);
	expect_fails(leat_flow_read(layer), LEAT_BUSY);
	whatever(leat_flow_write(layer, "x", 1));
	expect_true(leat_error_set(outcome(leat_flow_flush(layer))));
	drop(&layer);
	expect_size(ends_live(), 1);
}

static void a5_taking_a_busy_flow_is_refused(void)
{
	leat_io *reading = leat_flow_read(a);
	leat_flow *taken;

	settle();
	taken = leat_flow_take(a);
	a = NULL;
	expect_fails(reading, LEAT_CLOSED);
	expect_fails(leat_flow_read(taken), LEAT_BUSY);
	expect_fails(leat_flow_write(taken, "x", 1), LEAT_BUSY);
	drop(&taken);
	expect_size(ends_live(), 1);
}

const struct clause life_clauses[] = {
	CLAUSE(a1_abort_never_waits, ANY),
	CLAUSE(a1_pending_operations_fail_with_closed, ANY),
	CLAUSE(a1_a_pending_read_fails_with_closed, ANY),
	CLAUSE(a1_the_peer_sees_a_reset, ANY),
	CLAUSE(a1_an_abort_after_the_end_fails_a_blocked_write, DUPLEX),
	CLAUSE(a1_aborted_at_any_moment_nothing_stays_pending, DUPLEX | SMALL_TURNS),
	CLAUSE(a1_both_aborted_at_any_moment, DUPLEX | SMALL_TURNS),
	CLAUSE(a2_both_closed_at_any_moment, DUPLEX | SMALL_TURNS),
	CLAUSE(a2_close_inside_the_own_reads_callback, ANY),
	CLAUSE(a2_abort_inside_the_own_reads_callback, ANY),
	CLAUSE(a2_unref_inside_the_own_reads_callback, ANY),
	CLAUSE(a2_both_freed_inside_a_reads_callback, ANY),
	CLAUSE(a2_freed_inside_a_writes_callback, ALONE),
	CLAUSE(a2_freed_inside_a_flushs_callback, ALONE),
	CLAUSE(a2_freed_inside_a_shutdowns_callback, ALONE),
	CLAUSE(a2_freed_inside_a_closes_callback, ALONE),
	CLAUSE(a2_freed_inside_the_callback_of_a_failed_read, ANY),
	CLAUSE(a2_continuations_run_later_from_the_queue, ANY),
	CLAUSE(a2_the_loop_freed_inside_a_reads_callback, ANY),
	CLAUSE(a2_the_loop_freed_inside_a_writes_callback, ALONE),
	CLAUSE(a2_the_loop_freed_inside_a_closes_callback, ALONE),
	CLAUSE(a3_dropped_at_any_moment, DUPLEX | SMALL_TURNS),
	CLAUSE(a3_after_abort_everything_is_closed, ALONE),
	CLAUSE(a3_after_close_everything_is_closed, ALONE),
	CLAUSE(a3_the_handle_is_counted, ANY),
	CLAUSE(a3_the_last_unref_aborts, ANY),
	CLAUSE(a3_a_taken_flow_is_closed_through_its_old_handle, ANY),
	CLAUSE(a3_what_arrived_goes_with_a_taken_flow, ANY),
	CLAUSE(a4_freeing_the_loop_ends_each_pending_io_once, ANY),
	CLAUSE(a4_a_pending_read_ends_with_the_loop, ANY),
	CLAUSE(a4_what_nobody_holds_is_not_reported, ANY),
	CLAUSE(a4_a_base_of_the_loops_own_goes_with_it, ALONE),
	CLAUSE(a4_the_loop_freed_at_any_moment, DUPLEX | SMALL_TURNS),
	CLAUSE(a5_an_upgrade_takes_the_flow_also_when_it_fails, ANY),
	CLAUSE(a5_taking_a_busy_flow_is_refused, ANY),
	{ 0 },
};

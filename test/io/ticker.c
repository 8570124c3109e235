/* SPDX-License-Identifier: ISC */
/* ticker - on the beat, and what was missed is one */
#include <leat/ticker.h>

#include "support/starve.h"
#include "support/suite.h"
#include "support/sweep.h"

static leat_ticker *ticker;

static void open_ticker(struct world *w, int64_t period_ms)
{
	tape_clear();
	world_open(w);
	ticker = leat_ticker_new(w->loop, period_ms);
}

static void close_ticker(struct world *w)
{
	leat_ticker_free(ticker);
	world_run(w);
	expect_size(world_stats(w).ios_live, 0);
	expect_size(world_stats(w).timers_live, 0);
	world_close(w);
	expect_no_things();
	tape_expect("");
}

/* ---- by hand ---- */

START_TEST(it_ticks_at_whole_periods)
{
	struct world w;
	leat_io *io;

	open_ticker(&w, 100);
	for (int i = 0; i < 3; i++) {
		io = leat_ticker_next(ticker);
		world_pass(&w, 99);
		expect_true(is_pending(io));
		world_pass(&w, 1);
		expect_int(settled_int(io), 1);
	}
	close_ticker(&w);
}
END_TEST

START_TEST(what_nobody_took_is_one_and_comes_at_once)
{
	struct world w;
	leat_io *io;

	open_ticker(&w, 100);
	world_pass(&w, 350);
	expect_int(settled_int(leat_ticker_next(ticker)), 3);
	io = leat_ticker_next(ticker);
	world_pass(&w, 49);
	expect_true(is_pending(io));
	world_pass(&w, 1);
	expect_int(settled_int(io), 1);
	close_ticker(&w);
}
END_TEST

START_TEST(one_seen_late_does_not_move_the_next)
{
	struct world w;
	leat_io *io;

	open_ticker(&w, 100);
	io = leat_ticker_next(ticker);
	world_pass(&w, 270);
	expect_int(settled_int(io), 2);
	io = leat_ticker_next(ticker);
	world_pass(&w, 30);
	expect_int(settled_int(io), 1);
	close_ticker(&w);
}
END_TEST

START_TEST(while_nobody_waits_there_is_no_timer)
{
	struct world w;
	leat_io *io;

	open_ticker(&w, 100);
	expect_size(world_stats(&w).timers_live, 0);
	io = leat_ticker_next(ticker);
	expect_size(world_stats(&w).timers_live, 1);
	leat_io_cancel(io);
	expect_size(world_stats(&w).timers_live, 0);
	close_ticker(&w);
}
END_TEST

START_TEST(a_cancel_leaves_the_ticks_for_the_next)
{
	struct world w;
	leat_io *io;

	open_ticker(&w, 100);
	io = leat_ticker_next(ticker);
	if (_i == 0)
		leat_io_cancel(io);
	world_pass(&w, 200);
	if (_i == 1)
		leat_io_cancel(io);
	world_pass(&w, 100);
	expect_int(settled_int(leat_ticker_next(ticker)), 3);
	close_ticker(&w);
}
END_TEST

START_TEST(one_at_a_time)
{
	struct world w;
	leat_io *io;

	open_ticker(&w, 100);
	io = leat_ticker_next(ticker);
	expect_settled(leat_ticker_next(ticker), LEAT_BUSY);
	world_pass(&w, 100);
	expect_int(settled_int(io), 1);
	close_ticker(&w);
}
END_TEST

START_TEST(a_period_must_be_positive)
{
	struct world w;

	open_ticker(&w, -_i);
	expect_settled(leat_ticker_next(ticker), LEAT_INVALID);
	close_ticker(&w);
}
END_TEST

START_TEST(a_huge_period_is_never)
{
	struct world w;
	leat_io *io;

	open_ticker(&w, INT64_MAX);
	io = leat_ticker_next(ticker);
	world_pass(&w, INT64_C(1000) * 3600 * 24 * 366 * 100);
	expect_true(is_pending(io));
	leat_io_cancel(io);
	close_ticker(&w);
}
END_TEST

START_TEST(freed_while_waited_for_the_wait_fails)
{
	struct world w;
	leat_io *io, *lent;

	open_ticker(&w, 100);
	world_pass(&w, 100);
	lent = leat_ticker_next(ticker);
	io = leat_ticker_next(ticker);
	leat_ticker_free(ticker);
	ticker = NULL;
	expect_settled(io, LEAT_CLOSED);
	leat_io_cancel(lent);
	close_ticker(&w);
}
END_TEST

START_TEST(after_its_loop_it_is_a_shell)
{
	struct world w;

	tape_clear();
	world_open(&w);
	ticker = leat_ticker_new(w.loop, 100);
	leat_io_detach(leat_io_catch(leat_ticker_next(ticker), leat_match_all(), say_kind, leat_ctx_none()));
	leat_loop_free(w.loop);
	tape_expect("closed");
	ck_assert_ptr_nonnull(strstr(w.report, "a ticker made at"));
	expect_settled(leat_ticker_next(ticker), LEAT_CLOSED);
	leat_ticker_free(ticker);
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

START_TEST(a_stillborn_one_may_outlive_its_loop)
{
	struct world w;

	world_open(&w);
	ticker = leat_ticker_new(w.loop, 0);
	leat_loop_free(w.loop);
	expect_size(w.reports, 0);
	expect_settled(leat_ticker_next(ticker), LEAT_CLOSED);
	leat_ticker_free(ticker);
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

/* ---- every ---- */

static leat_io *every_io;

static leat_io *tick(void *ms, leat_result *ticks)
{
	tape_addf("%d", (int)leat_result_int(ticks));
	thing_moment();
	if (*(int *)ms < 0)
		return leat_io_fail(leat_result_loop(ticks), leat_error_core(LEAT_RESET));
	return *(int *)ms ? leat_sleep(leat_result_loop(ticks), *(int *)ms) : NULL;
}

static void open_every(struct world *w, int *ms)
{
	tape_clear();
	world_open(w);
	ticker = NULL;
	every_io = leat_every(w->loop, 100, tick, leat_ctx_borrow(ms));
}

START_TEST(every_period_it_runs)
{
	struct world w;
	int ms = 0;

	open_every(&w, &ms);
	for (int i = 0; i < 5; i++)
		world_pass(&w, 50);
	tape_expect("1 1");
	world_pass(&w, 250);
	tape_expect("3");
	leat_io_cancel(every_io);
	close_ticker(&w);
}
END_TEST

START_TEST(it_never_runs_beside_itself_and_what_it_missed_is_one)
{
	struct world w;
	int ms = 250;

	open_every(&w, &ms);
	world_run(&w);
	world_pass(&w, 100);
	tape_expect("1");
	world_pass(&w, 100);
	world_pass(&w, 100);
	tape_expect("");
	world_pass(&w, 50);
	tape_expect("2");
	leat_io_cancel(every_io);
	close_ticker(&w);
}
END_TEST

START_TEST(a_failure_ends_it)
{
	struct world w;
	int ms = -1;

	open_every(&w, &ms);
	world_run(&w);
	world_pass(&w, 100);
	tape_expect("1");
	expect_settled(every_io, LEAT_RESET);
	close_ticker(&w);
}
END_TEST

static leat_io *give_thing(void *ctx, leat_result *ticks)
{
	(void)ctx;
	return leat_io_ptr(leat_result_loop(ticks), thing("v"), &thing_type);
}

START_TEST(its_values_are_dropped)
{
	struct world w;

	tape_clear();
	world_open(&w);
	ticker = NULL;
	every_io = leat_every(w.loop, 100, give_thing, thing_owned("c"));
	world_run(&w);
	world_pass(&w, 100);
	world_pass(&w, 100);
	tape_expect("~v ~v");
	leat_io_cancel(every_io);
	tape_expect("~c");
	close_ticker(&w);
}
END_TEST

static leat_io *take_once(void *data, leat_result *ticks)
{
	static void *taken;

	(void)ticks;
	if (data != taken)
		thing_take(data);
	taken = data;
	return NULL;
}

START_TEST(a_moved_context_is_the_first_runs)
{
	struct world w;

	tape_clear();
	world_open(&w);
	ticker = NULL;
	every_io = leat_every(w.loop, 100, take_once, thing_moved("c"));
	world_run(&w);
	world_pass(&w, 100);
	world_pass(&w, 100);
	leat_io_cancel(every_io);
	leat_io_cancel(leat_every(w.loop, 100, never, thing_moved("d")));
	tape_expect("~d");
	close_ticker(&w);
}
END_TEST

static leat_io *cancel_every(void *ctx, leat_result *ticks)
{
	leat_io_cancel(every_io);
	tape_addf("still %s", (char *)ctx);
	return leat_io_attach(leat_sleep(leat_result_loop(ticks), 10), thing_owned("given"));
}

START_TEST(it_may_be_cancelled_by_itself)
{
	struct world w;

	tape_clear();
	world_open(&w);
	ticker = NULL;
	every_io = leat_every(w.loop, 100, cancel_every, thing_owned("c"));
	world_run(&w);
	world_pass(&w, 100);
	tape_expect("still c ~given ~c");
	close_ticker(&w);
}
END_TEST

static leat_io *cancel_and_give_nothing(void *ctx, leat_result *ticks)
{
	(void)ticks;
	leat_io_cancel(every_io);
	tape_addf("still %s", (char *)ctx);
	return NULL;
}

START_TEST(cancelled_by_itself_it_may_give_nothing)
{
	struct world w;

	tape_clear();
	world_open(&w);
	ticker = NULL;
	every_io = leat_every(w.loop, 100, cancel_and_give_nothing, thing_owned("c"));
	world_run(&w);
	world_pass(&w, 100);
	tape_expect("still c ~c");
	close_ticker(&w);
}
END_TEST

START_TEST(every_nothing_is_invalid)
{
	struct world w;
	leat_io *io;

	tape_clear();
	world_open(&w);
	ticker = NULL;
	io = leat_every(w.loop, 0, never, thing_owned("c"));
	world_run(&w);
	expect_settled(io, LEAT_INVALID);
	tape_expect("~c");
	close_ticker(&w);
}
END_TEST

/* ---- sweeps ---- */

static int pause_ms = 15;

static leat_io *start(struct world *w)
{
	leat_io *ios[2];

	ticker = leat_ticker_new(w->loop, 10);
	ios[0] = leat_every(w->loop, 10, tick, leat_ctx_borrow(&pause_ms));
	ios[1] = leat_io_then(leat_ticker_next(ticker), say_int, thing_owned("c"));
	ios[0] = leat_io_timeout(ios[0], 45);
	return leat_io_then(leat_io_settle(w->loop, ios, 2), say_done, thing_owned("d"));
}

static bool play(struct world *w, size_t n)
{
	if (n >= 6)
		return false;
	w->now_ns += 10 * 1000000;
	return true;
}

static void free_ticker(void)
{
	leat_ticker_free(ticker);
}

static leat_io *start_next(struct world *w)
{
	ticker = leat_ticker_new(w->loop, 10);
	return leat_io_then(leat_io_timeout(leat_ticker_next(ticker), 100), say_int, thing_owned("c"));
}

START_TEST(cancelled_at_any_point_nothing_is_left)
{
	sweep(&(struct sweep_program){ "leat_every: beside a next", start, play, free_ticker });
}
END_TEST

static void six_ticks(void)
{
	bool delivered = strchr(tape_text, '1') != NULL;

	if (!delivered)
		expect_int(settled_int(leat_ticker_next(ticker)), 6);
	leat_ticker_free(ticker);
}

START_TEST(cancelled_before_they_were_delivered_no_tick_is_lost)
{
	sweep(&(struct sweep_program){ "leat_ticker_next", start_next, play, six_ticks });
}
END_TEST

static void ticks(struct world *w)
{
	leat_io *io = start(w);

	for (int i = 0; i < 6; i++)
		world_pass(w, 10);
	settled(io);
	leat_ticker_free(ticker);
}

START_TEST(any_allocation_may_fail)
{
	starve(ticks);
}
END_TEST

SUITE("ticker",
	it_ticks_at_whole_periods,
	what_nobody_took_is_one_and_comes_at_once,
	one_seen_late_does_not_move_the_next,
	while_nobody_waits_there_is_no_timer,
	EACH(a_cancel_leaves_the_ticks_for_the_next, 2),
	one_at_a_time,
	EACH(a_period_must_be_positive, 2),
	a_huge_period_is_never,
	freed_while_waited_for_the_wait_fails,
	after_its_loop_it_is_a_shell,
	a_stillborn_one_may_outlive_its_loop,
	every_period_it_runs,
	it_never_runs_beside_itself_and_what_it_missed_is_one,
	a_failure_ends_it,
	its_values_are_dropped,
	a_moved_context_is_the_first_runs,
	it_may_be_cancelled_by_itself,
	cancelled_by_itself_it_may_give_nothing,
	every_nothing_is_invalid,
	cancelled_at_any_point_nothing_is_left,
	cancelled_before_they_were_delivered_no_tick_is_lost,
	any_allocation_may_fail)

/* SPDX-License-Identifier: ISC */
/* timer - sleep, timeout and deadline, with the clock in our hand */
#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

START_TEST(a_sleep_ends_when_its_time_has_come_and_not_before)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	io = leat_sleep(w.loop, 100);
	world_pass(&w, 99);
	expect_true(is_pending(io));
	world_pass(&w, 1);
	expect_ok(settled(io));
	world_close(&w);
}
END_TEST

START_TEST(sleeps_end_in_the_order_of_their_times)
{
	static const int times[] = { 70, 20, 90, 10, 50, 30, 80, 60, 40, 0 };
	struct world w;
	leat_io *ios[10];
	char words[10][4];

	world_open(&w);
	tape_clear();
	for (int i = 0; i < 10; i++) {
		snprintf(words[i], sizeof words[i], "%d", times[i] & 127);
		ios[i] = leat_io_then(leat_sleep(w.loop, times[i]), say, word(words[i]));
	}
	world_pass(&w, 100);
	tape_expect("0 10 20 30 40 50 60 70 80 90");
	for (int i = 0; i < 10; i++)
		expect_ok(settled(ios[i]));
	world_close(&w);
}
END_TEST

START_TEST(sleeps_of_one_time_end_in_the_order_they_began)
{
	struct world w;
	leat_io *ios[26];
	char words[26][2] = { { 0 } };

	world_open(&w);
	tape_clear();
	for (int i = 0; i < 26; i++) {
		words[i][0] = (char)('a' + i);
		ios[i] = leat_io_then(leat_sleep(w.loop, 10), say, word(words[i]));
	}
	world_pass(&w, 10);
	tape_expect("a b c d e f g h i j k l m n o p q r s t u v w x y z");
	for (int i = 0; i < 26; i++)
		expect_ok(settled(ios[i]));
	world_close(&w);
}
END_TEST

START_TEST(zero_is_at_once_from_the_queue)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_then(leat_sleep(w.loop, 0), say, word("slept"));
	tape_expect("");
	world_run(&w);
	tape_expect("slept");
	expect_ok(settled(io));
	world_close(&w);
}
END_TEST

START_TEST(negative_and_huge_are_never)
{
	static const int64_t times[] = { -1, INT64_MIN, INT64_MAX, INT64_MAX / 1000000 };
	struct world w;
	leat_io *io;

	world_open(&w);
	io = leat_sleep(w.loop, times[_i]);
	world_pass(&w, INT64_C(1000) * 3600 * 24 * 366 * 100);
	expect_true(is_pending(io));
	leat_io_cancel(io);
	expect_size(world_stats(&w).timers_live, 0);
	world_close(&w);
}
END_TEST

START_TEST(a_cancelled_sleep_leaves_no_deadline)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	io = leat_sleep(w.loop, 100);
	expect_size(world_stats(&w).timers_live, 1);
	leat_io_cancel(io);
	expect_size(world_stats(&w).timers_live, 0);
	world_close(&w);
}
END_TEST

START_TEST(a_timeout_passes_the_outcome_on)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	io = leat_io_timeout(pending(w.loop, &maker), 100);
	leat_resolve_int(maker, 5);
	world_run(&w);
	expect_int(settled_int(io), 5);
	io = leat_io_timeout(pending(w.loop, &maker), 100);
	leat_reject(maker, leat_error_core(LEAT_RESET));
	world_run(&w);
	expect_settled(io, LEAT_RESET);
	expect_size(world_stats(&w).timers_live, 0);
	world_close(&w);
}
END_TEST

START_TEST(when_time_is_up_the_io_is_cancelled)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_then(pending(w.loop, &maker), never, thing_owned("c"));
	io = leat_io_timeout(io, 100);
	world_pass(&w, 99);
	expect_true(is_pending(io));
	world_pass(&w, 1);
	tape_expect("~c");
	expect_false(leat_maker_live(maker));
	expect_settled(io, LEAT_TIMEOUT);
	world_close(&w);
}
END_TEST

START_TEST(the_place_of_a_timeout_is_where_it_was_asked_for)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	io = leat_io_timeout_at(pending(w.loop, &maker), 1, "the timeout");
	world_pass(&w, 1);
	expect_str(settled(io).where, "the timeout");
	world_close(&w);
}
END_TEST

START_TEST(an_outcome_that_is_there_when_time_is_up_wins)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	io = leat_io_timeout(pending(w.loop, &maker), 100);
	w.now_ns += INT64_C(500) * 1000000;
	leat_resolve_int(maker, 5);
	world_run(&w);
	expect_int(settled_int(io), 5);
	io = leat_io_timeout(leat_io_int(w.loop, 6), 0);
	world_run(&w);
	expect_int(settled_int(io), 6);
	world_close(&w);
}
END_TEST

START_TEST(a_timeout_of_zero_is_up_at_once)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	io = leat_io_timeout(pending(w.loop, &maker), 0);
	world_run(&w);
	expect_settled(io, LEAT_TIMEOUT);
	world_close(&w);
}
END_TEST

START_TEST(a_timeout_that_is_negative_or_huge_never_comes)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	io = leat_io_timeout(pending(w.loop, &maker), _i ? -1 : INT64_MAX);
	world_pass(&w, INT64_C(1000) * 3600 * 24 * 366 * 100);
	expect_true(is_pending(io));
	leat_resolve(maker);
	world_run(&w);
	expect_ok(settled(io));
	world_close(&w);
}
END_TEST

START_TEST(a_deadline_is_a_point_of_the_loops_clock)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	io = leat_io_deadline(pending(w.loop, &maker), leat_loop_now_ms(w.loop) + 50);
	world_pass(&w, 49);
	expect_true(is_pending(io));
	world_pass(&w, 1);
	expect_settled(io, LEAT_TIMEOUT);
	io = leat_io_deadline(pending(w.loop, &maker), leat_loop_now_ms(w.loop) - 1);
	world_run(&w);
	expect_settled(io, LEAT_TIMEOUT);
	world_close(&w);
}
END_TEST

START_TEST(a_deadline_long_past_is_past)
{
	static const int64_t past[] = { INT64_MIN, INT64_MIN / 1000000 - 1, INT64_MIN / 1000000, -1, 0 };
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	io = leat_io_deadline(pending(w.loop, &maker), past[_i]);
	world_run(&w);
	expect_settled(io, LEAT_TIMEOUT);
	world_close(&w);
}
END_TEST

START_TEST(a_value_goes_back_through_a_timeout)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_timeout(pending(w.loop, &maker), 100);
	io = leat_io_then(io, never, thing_owned("c"));
	lender_resolve(maker, thing("v"));
	leat_io_cancel(io);
	tape_expect("<v ~c");
	world_close(&w);
}
END_TEST

START_TEST(timeouts_nest_and_the_shortest_is_the_first)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	io = leat_io_timeout_at(pending(w.loop, &maker), 100, "inner");
	io = leat_io_timeout_at(io, 50, "outer");
	world_pass(&w, 50);
	expect_str(settled(io).where, "outer");
	io = leat_io_timeout_at(pending(w.loop, &maker), 50, "inner");
	io = leat_io_timeout_at(io, 100, "outer");
	world_pass(&w, 50);
	expect_str(settled(io).where, "inner");
	expect_size(world_stats(&w).timers_live, 0);
	world_close(&w);
}
END_TEST

START_TEST(a_thousand_deadlines_are_kept_in_order)
{
	struct world w;
	leat_io *ios[1000];
	unsigned random = 7;

	world_open(&w);
	for (int i = 0; i < 1000; i++) {
		random = random * 1103515245u + 12345u;
		ios[i] = leat_sleep(w.loop, 1 + i);
		if (random & 0x10000)
			leat_io_cancel(ios[i]), ios[i] = NULL;
	}
	for (int i = 0; i < 1000; i++) {
		if (ios[i])
			expect_true(is_pending(ios[i]));
		world_pass(&w, 1);
		if (ios[i])
			expect_ok(settled(ios[i]));
	}
	world_close(&w);
}
END_TEST

START_TEST(the_clock_is_the_users)
{
	struct world w;

	world_open(&w);
	w.now_ns = INT64_C(123456789);
	expect_int(leat_loop_now_ns(w.loop), 123456789);
	expect_int(leat_loop_now_ms(w.loop), 123);
	world_close(&w);
}
END_TEST

START_TEST(real_time_passes_too)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	int64_t began = leat_loop_now_ms(loop);

	expect_true(leat_await(leat_sleep(loop, 3), NULL));
	ck_assert_int_ge(leat_loop_now_ms(loop), began + 3);
	leat_loop_free(loop);
}
END_TEST

SUITE("timer",
	a_sleep_ends_when_its_time_has_come_and_not_before,
	sleeps_end_in_the_order_of_their_times,
	sleeps_of_one_time_end_in_the_order_they_began,
	zero_is_at_once_from_the_queue,
	EACH(negative_and_huge_are_never, 4),
	a_cancelled_sleep_leaves_no_deadline,
	a_timeout_passes_the_outcome_on,
	when_time_is_up_the_io_is_cancelled,
	the_place_of_a_timeout_is_where_it_was_asked_for,
	an_outcome_that_is_there_when_time_is_up_wins,
	a_timeout_of_zero_is_up_at_once,
	EACH(a_timeout_that_is_negative_or_huge_never_comes, 2),
	a_deadline_is_a_point_of_the_loops_clock,
	EACH(a_deadline_long_past_is_past, 5),
	a_value_goes_back_through_a_timeout,
	timeouts_nest_and_the_shortest_is_the_first,
	a_thousand_deadlines_are_kept_in_order,
	the_clock_is_the_users,
	real_time_passes_too)

/* SPDX-License-Identifier: ISC */
/* race - as the first that settles */
#include "support/many.h"
#include "support/suite.h"

START_TEST(it_settles_as_the_first_does_and_cancels_the_rest)
{
	struct many m;
	leat_io *io;

	many_open(&m);
	io = leat_io_race(m.w.loop, m.ios, 3);
	leat_resolve_int(m.makers[1], 1);
	world_run(&m.w);
	expect_int(settled_int(io), 1);
	expect_size(strlen(tape_text), strlen("x0 x2"));
	tape_clear();
	many_close(&m);
}
END_TEST

START_TEST(a_failure_wins_as_well)
{
	struct many m;
	leat_io *io;

	many_open(&m);
	io = leat_io_race(m.w.loop, m.ios, 3);
	leat_reject(m.makers[0], leat_error_core(LEAT_RESET));
	world_run(&m.w);
	expect_settled(io, LEAT_RESET);
	tape_clear();
	many_close(&m);
}
END_TEST

START_TEST(the_earlier_of_two_in_one_turn_wins_and_the_later_goes_back)
{
	struct many m;
	leat_result result;
	leat_io *io;

	many_open(&m);
	io = leat_io_race(m.w.loop, m.ios, 3);
	lender_resolve(m.makers[2], thing("c"));
	lender_resolve(m.makers[0], thing("a"));
	world_run(&m.w);
	ck_assert_ptr_nonnull(strstr(tape_text, "<a"));
	tape_clear();
	expect_true(leat_io_try(io, &result));
	tape_expect(">c");
	expect_str((char *)leat_result_peek(&result), "c");
	leat_result_clear(&result);
	tape_expect("~c");
	many_close(&m);
}
END_TEST

START_TEST(a_lent_value_goes_back_through_it_before_contexts_go)
{
	struct many m;
	leat_io *io;

	many_open(&m);
	io = leat_io_then(leat_io_race(m.w.loop, m.ios, 3), never, thing_owned("c"));
	lender_resolve(m.makers[0], thing("a"));
	leat_io_cancel(io);
	ck_assert_ptr_nonnull(strstr(tape_text, "<a"));
	expect_str(strstr(tape_text, "~c"), "~c");
	tape_clear();
	many_close(&m);
}
END_TEST

START_TEST(none_is_invalid)
{
	struct world w;

	world_open(&w);
	expect_settled(leat_io_race(w.loop, NULL, 0), LEAT_INVALID);
	world_close(&w);
}
END_TEST

START_TEST(one_is_itself)
{
	struct many m;
	leat_io *io;

	many_open(&m);
	io = leat_io_race(m.w.loop, m.ios, 1);
	leat_resolve_int(m.makers[0], 5);
	leat_io_cancel(m.ios[1]);
	leat_io_cancel(m.ios[2]);
	tape_expect("x1 x2");
	world_run(&m.w);
	expect_int(settled_int(io), 5);
	many_close(&m);
}
END_TEST

START_TEST(the_failure_of_a_loser_is_dropped_with_it)
{
	struct many m;
	leat_io *io;

	many_open(&m);
	io = leat_io_race(m.w.loop, m.ios, 3);
	leat_resolve(m.makers[0]);
	leat_reject(m.makers[1], leat_error_core(LEAT_RESET));
	world_run(&m.w);
	expect_ok(settled(io));
	tape_clear();
	many_close(&m);
}
END_TEST

static leat_io *root;

static void cancel_root(void *ctx)
{
	(void)ctx;
	leat_io_cancel(root);
	root = NULL;
}

START_TEST(a_loser_that_goes_may_cancel_the_race)
{
	struct many m;

	many_open(&m);
	m.ios[1] = leat_io_then(m.ios[1], never, leat_ctx_own(&m, cancel_root));
	root = leat_io_race(m.w.loop, m.ios, 3);
	leat_resolve(m.makers[0]);
	world_run(&m.w);
	expect_null(root);
	expect_size(strlen(tape_text), strlen("x1 x2"));
	tape_clear();
	many_close(&m);
}
END_TEST

SUITE("race",
	it_settles_as_the_first_does_and_cancels_the_rest,
	a_failure_wins_as_well,
	the_earlier_of_two_in_one_turn_wins_and_the_later_goes_back,
	a_lent_value_goes_back_through_it_before_contexts_go,
	none_is_invalid,
	one_is_itself,
	the_failure_of_a_loser_is_dropped_with_it,
	a_loser_that_goes_may_cancel_the_race)

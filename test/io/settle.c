/* SPDX-License-Identifier: ISC */
/* settle - every outcome, in order */
#include "support/many.h"
#include "support/suite.h"

START_TEST(it_resolves_with_every_outcome_in_the_order_of_the_ios)
{
	struct many m;
	leat_result result;
	leat_io *io;

	many_open(&m);
	io = leat_io_settle(m.w.loop, m.ios, 3);
	leat_reject(m.makers[2], leat_error_core(LEAT_RESET));
	leat_resolve(m.makers[1]);
	world_run(&m.w);
	expect_true(is_pending(io));
	leat_resolve_int(m.makers[0], 9);
	world_run(&m.w);
	expect_true(leat_io_try(io, &result));
	expect_true(leat_result_ok(&result));
	expect_size(leat_result_count(&result), 3);
	expect_int(leat_result_int(leat_result_each(&result, 0)), 9);
	expect_true(leat_result_ok(leat_result_each(&result, 1)));
	expect_kind(leat_result_error(leat_result_each(&result, 2)), LEAT_RESET);
	leat_result_clear(&result);
	many_close(&m);
}
END_TEST

START_TEST(its_failures_are_handled)
{
	struct many m;
	leat_io *io;

	many_open(&m);
	io = leat_io_settle(m.w.loop, m.ios, 3);
	for (int i = 0; i < 3; i++)
		leat_reject(m.makers[i], leat_error_core(LEAT_RESET));
	world_run(&m.w);
	expect_ok(settled(io));
	many_close(&m);
}
END_TEST

START_TEST(none_resolves_at_once)
{
	struct world w;

	world_open(&w);
	expect_ok(settled(leat_io_settle(w.loop, NULL, 0)));
	world_close(&w);
}
END_TEST

START_TEST(lent_values_go_back_when_it_is_cancelled)
{
	struct many m;
	leat_io *io;

	many_open(&m);
	io = leat_io_settle(m.w.loop, m.ios, 3);
	lender_resolve(m.makers[0], thing("a"));
	world_run(&m.w);
	leat_reject(m.makers[1], leat_error_core(LEAT_RESET));
	world_run(&m.w);
	leat_io_cancel(io);
	ck_assert_ptr_nonnull(strstr(tape_text, "<a"));
	ck_assert_ptr_nonnull(strstr(tape_text, "x2"));
	tape_clear();
	many_close(&m);
}
END_TEST

START_TEST(a_value_in_it_may_be_taken)
{
	struct many m;
	leat_result result;
	leat_io *io;

	many_open(&m);
	io = leat_io_settle(m.w.loop, m.ios, 3);
	for (int i = 0; i < 3; i++)
		leat_resolve_ptr(m.makers[i], thing("v"), &thing_type);
	world_run(&m.w);
	expect_true(leat_io_try(io, &result));
	thing_take(leat_result_ptr(leat_result_each(&result, 1), &thing_type));
	leat_result_clear(&result);
	tape_expect("~v ~v");
	many_close(&m);
}
END_TEST

SUITE("settle",
	it_resolves_with_every_outcome_in_the_order_of_the_ios,
	its_failures_are_handled,
	none_resolves_at_once,
	lent_values_go_back_when_it_is_cancelled,
	a_value_in_it_may_be_taken)

/* SPDX-License-Identifier: ISC */
/* all - every value, in order, or the first failure */
#include "support/many.h"
#include "support/small.h"
#include "support/suite.h"

START_TEST(it_resolves_with_every_value_in_the_order_of_the_ios)
{
	struct many m;
	leat_result result;
	leat_io *io;

	many_open(&m);
	io = leat_io_all(m.w.loop, m.ios, 3);
	leat_resolve_int(m.makers[2], 2);
	leat_resolve_int(m.makers[0], 0);
	world_run(&m.w);
	expect_true(is_pending(io));
	leat_resolve_int(m.makers[1], 1);
	world_run(&m.w);
	expect_true(leat_io_try(io, &result));
	expect_size(leat_result_count(&result), 3);
	for (int i = 0; i < 3; i++)
		expect_int(leat_result_int(leat_result_each(&result, (size_t)i)), i);
	leat_result_clear(&result);
	many_close(&m);
}
END_TEST

START_TEST(the_first_failure_fails_it_and_cancels_the_rest)
{
	struct many m;
	leat_io *io;

	many_open(&m);
	io = leat_io_all(m.w.loop, m.ios, 3);
	leat_resolve_ptr(m.makers[0], thing("v"), &thing_type);
	leat_reject(m.makers[1], leat_error_core(LEAT_RESET));
	world_run(&m.w);
	expect_settled(io, LEAT_RESET);
	ck_assert_ptr_nonnull(strstr(tape_text, "x2"));
	ck_assert_ptr_nonnull(strstr(tape_text, "~v"));
	tape_clear();
	many_close(&m);
}
END_TEST

START_TEST(a_lent_value_goes_back_when_another_fails)
{
	struct many m;
	leat_io *io;

	many_open(&m);
	io = leat_io_all(m.w.loop, m.ios, 3);
	lender_resolve(m.makers[0], thing("v"));
	world_run(&m.w);
	leat_reject(m.makers[1], leat_error_core(LEAT_RESET));
	world_run(&m.w);
	expect_settled(io, LEAT_RESET);
	ck_assert_ptr_nonnull(strstr(tape_text, "<v"));
	ck_assert_ptr_null(strstr(tape_text, ">v"));
	tape_clear();
	many_close(&m);
}
END_TEST

START_TEST(none_resolves_at_once)
{
	struct world w;
	leat_result result;

	world_open(&w);
	expect_true(leat_io_try(leat_io_all(w.loop, NULL, 0), &result));
	expect_true(leat_result_ok(&result));
	expect_size(leat_result_count(&result), 0);
	leat_result_clear(&result);
	world_close(&w);
}
END_TEST

static leat_io *take_middle(void *ctx, leat_result *result)
{
	(void)ctx;
	thing_take(leat_result_ptr(leat_result_each(result, 1), &thing_type));
	return NULL;
}

START_TEST(values_that_nobody_takes_are_destroyed)
{
	struct many m;
	leat_io *io;

	many_open(&m);
	io = leat_io_then(leat_io_all(m.w.loop, m.ios, 3), take_middle, leat_ctx_none());
	leat_resolve_ptr(m.makers[0], thing("a"), &thing_type);
	leat_resolve_ptr(m.makers[1], thing("b"), &thing_type);
	leat_resolve_ptr(m.makers[2], thing("c"), &thing_type);
	world_run(&m.w);
	expect_ok(settled(io));
	tape_expect("~a ~c");
	many_close(&m);
}
END_TEST

START_TEST(cancelling_it_cancels_each)
{
	struct many m;

	many_open(&m);
	leat_io_cancel(leat_io_all(m.w.loop, m.ios, 3));
	expect_size(strlen(tape_text), strlen("x0 x1 x2"));
	tape_clear();
	many_close(&m);
}
END_TEST

START_TEST(cancelling_it_gives_back_what_has_come)
{
	struct many m;
	leat_io *io;

	many_open(&m);
	io = leat_io_then(leat_io_all(m.w.loop, m.ios, 3), never, thing_owned("c"));
	lender_resolve(m.makers[0], thing("v"));
	world_run(&m.w);
	lender_resolve(m.makers[1], thing("u"));
	leat_io_cancel(io);
	ck_assert_ptr_nonnull(strstr(tape_text, "<v"));
	ck_assert_ptr_nonnull(strstr(tape_text, "<u"));
	expect_str(strstr(tape_text, "~c"), "~c");
	tape_clear();
	many_close(&m);
}
END_TEST

START_TEST(lent_values_are_delivered_with_it)
{
	struct many m;
	leat_result result;
	leat_io *io;

	many_open(&m);
	io = leat_io_all(m.w.loop, m.ios, 3);
	lender_resolve(m.makers[0], thing("a"));
	lender_resolve(m.makers[1], thing("b"));
	leat_resolve(m.makers[2]);
	world_run(&m.w);
	tape_expect("");
	expect_true(leat_io_try(io, &result));
	tape_expect(">a >b");
	leat_result_clear(&result);
	tape_expect("~a ~b");
	many_close(&m);
}
END_TEST

START_TEST(lent_values_go_back_when_the_list_is_not_delivered)
{
	struct many m;
	leat_io *io;

	many_open(&m);
	io = leat_io_all(m.w.loop, m.ios, 3);
	lender_resolve(m.makers[0], thing("a"));
	lender_resolve(m.makers[1], thing("b"));
	leat_resolve_ptr(m.makers[2], thing("c"), &thing_type);
	world_run(&m.w);
	tape_expect("");
	leat_io_cancel(io);
	expect_size(strlen(tape_text), strlen("<a <b ~c"));
	ck_assert_ptr_nonnull(strstr(tape_text, "<a"));
	ck_assert_ptr_nonnull(strstr(tape_text, "<b"));
	tape_clear();
	many_close(&m);
}
END_TEST

START_TEST(ios_that_have_settled_before_are_as_good)
{
	struct world w;
	leat_io *ios[100], *io;
	leat_result result;

	world_open(&w);
	for (int i = 0; i < 100; i++)
		ios[i] = leat_io_int(w.loop, i);
	io = leat_io_all(w.loop, ios, 100);
	world_run(&w);
	expect_true(leat_io_try(io, &result));
	expect_int(leat_result_int(leat_result_each(&result, 99)), 99);
	leat_result_clear(&result);
	ios[0] = leat_io_int(w.loop, 1);
	ios[1] = failed(w.loop, LEAT_LIMIT);
	ios[2] = failed(w.loop, LEAT_RESET);
	io = leat_io_all(w.loop, ios, 3);
	world_run(&w);
	expect_settled(io, LEAT_LIMIT);
	world_close(&w);
}
END_TEST

/* ---- results among results ---- */

static leat_io *nest(leat_loop *loop, leat_maker *maker)
{
	leat_io *io = leat_io_new(loop, maker, NULL, NULL);

	for (size_t i = many(100000); i > 0; i--)
		io = leat_io_all(loop, &io, 1);
	return io;
}

static const char *nest_is_taken(void)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	leat_maker maker;
	leat_io *io = nest(loop, &maker);
	leat_result result;

	leat_resolve_int(maker, 1);
	if (!leat_await(io, &result) || leat_result_count(&result) != 1)
		return "it has not settled";
	leat_result_clear(&result);
	leat_loop_free(loop);
	return NULL;
}

static const char *nest_is_dropped(void)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	leat_maker maker;
	leat_io *io = nest(loop, &maker);

	leat_resolve_int(maker, 1);
	while (leat_loop_run_ready(loop) > 0) {
	}
	leat_io_cancel(io);
	leat_loop_free(loop);
	return NULL;
}

START_TEST(a_deep_nest_needs_a_small_stack)
{
	on_a_small_stack(nest_is_taken);
	on_a_small_stack(nest_is_dropped);
}
END_TEST

/* Each lent value goes back, or is delivered, once, wherever it is. */
START_TEST(lent_values_deep_inside_go_back_or_are_delivered)
{
	struct many m;
	leat_io *io;
	leat_result result;

	many_open(&m);
	io = leat_io_all(m.w.loop, (leat_io *[]){ leat_io_all(m.w.loop, m.ios, 2), m.ios[2] }, 2);
	for (int i = 0; i < 3; i++)
		lender_resolve(m.makers[i], thing("v"));
	world_run(&m.w);
	if (_i == 0) {
		leat_io_cancel(io);
		tape_expect("<v <v <v");
	} else {
		expect_true(leat_io_try(io, &result));
		tape_expect(">v >v >v");
		leat_result_clear(&result);
		tape_expect("~v ~v ~v");
	}
	tape_clear();
	many_close(&m);
}
END_TEST

SUITE("all",
	a_deep_nest_needs_a_small_stack,
	EACH(lent_values_deep_inside_go_back_or_are_delivered, 2),
	it_resolves_with_every_value_in_the_order_of_the_ios,
	the_first_failure_fails_it_and_cancels_the_rest,
	a_lent_value_goes_back_when_another_fails,
	none_resolves_at_once,
	values_that_nobody_takes_are_destroyed,
	cancelling_it_cancels_each,
	cancelling_it_gives_back_what_has_come,
	lent_values_are_delivered_with_it,
	lent_values_go_back_when_the_list_is_not_delivered,
	ios_that_have_settled_before_are_as_good)

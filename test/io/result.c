/* SPDX-License-Identifier: ISC */
/* result - a settled outcome, looked at */
#include <leat/buf.h>

#include "support/dies.h"
#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

static leat_result result_of(leat_io *io)
{
	leat_result result;

	expect_true(leat_io_try(io, &result));
	return result;
}

START_TEST(nothing_is_a_success)
{
	struct world w;
	leat_result result;

	world_open(&w);
	result = result_of(leat_io_done(w.loop));
	expect_true(leat_result_ok(&result));
	expect_ok(leat_result_error(&result));
	expect_null(leat_result_peek(&result));
	leat_result_clear(&result);
	world_close(&w);
}
END_TEST

START_TEST(it_knows_its_loop_and_where_its_io_was_made)
{
	struct world w;
	leat_result result;

	world_open(&w);
	result = result_of(leat_io_int_at(w.loop, 7, "made here"));
	expect_ptr(leat_result_loop(&result), w.loop);
	expect_str(result.where, "made here");
	world_close(&w);
}
END_TEST

START_TEST(a_place_is_a_file_and_a_line)
{
	struct world w;
	leat_result result;
	const char *place;

	world_open(&w);
	result = result_of(leat_io_int(w.loop, 7)), place = LEAT_HERE;
	expect_str(result.where, place);
	world_close(&w);
}
END_TEST

START_TEST(looking_does_not_take)
{
	struct world w;
	leat_result result;

	world_open(&w);
	tape_clear();
	result = result_of(leat_io_ptr(w.loop, thing("v"), &thing_type));
	expect_str((char *)leat_result_peek(&result), "v");
	tape_expect("");
	leat_result_clear(&result);
	tape_expect("~v");
	world_close(&w);
}
END_TEST

START_TEST(clearing_twice_is_clearing_once)
{
	struct world w;
	leat_result result;

	world_open(&w);
	tape_clear();
	result = result_of(leat_io_ptr(w.loop, thing("v"), &thing_type));
	leat_result_clear(&result);
	leat_result_clear(&result);
	tape_expect("~v");
	world_close(&w);
}
END_TEST

START_TEST(clearing_does_not_destroy_what_was_taken)
{
	struct world w;
	leat_result result;

	world_open(&w);
	tape_clear();
	result = result_of(leat_io_ptr(w.loop, thing("v"), &thing_type));
	thing_take(leat_result_ptr(&result, &thing_type));
	leat_result_clear(&result);
	tape_expect("");
	world_close(&w);
}
END_TEST

START_TEST(passing_it_on_empties_it)
{
	struct world w;
	leat_result result, again;

	world_open(&w);
	tape_clear();
	result = result_of(leat_io_ptr(w.loop, thing("v"), &thing_type));
	again = result_of(leat_result_pass(&result));
	leat_result_clear(&result);
	tape_expect("");
	expect_str((char *)leat_result_peek(&again), "v");
	leat_result_clear(&again);
	tape_expect("~v");
	result = result_of(failed(w.loop, LEAT_RESET));
	expect_settled(leat_result_pass(&result), LEAT_RESET);
	world_close(&w);
}
END_TEST

START_TEST(a_type_without_destroy_leaves_its_values)
{
	static const leat_type plain = { .size = sizeof plain, .name = "static" };
	struct world w;
	leat_result result;
	int value;

	world_open(&w);
	result = result_of(leat_io_ptr(w.loop, &value, &plain));
	leat_result_clear(&result);
	leat_io_cancel(leat_io_ptr(w.loop, &value, &plain));
	world_close(&w);
}
END_TEST

START_TEST(a_result_on_the_stack_needs_no_clearing_where_nothing_is_in_it)
{
	struct world w;
	leat_result result;

	world_open(&w);
	result = result_of(leat_io_int(w.loop, 5));
	expect_int(leat_result_int(&result), 5);
	expect_int(leat_result_int(&result), 5);
	world_close(&w);
}
END_TEST

/* ---- misuse ---- */

static void ask_number_of_a_thing(void)
{
	struct world w;
	leat_result result;

	world_open(&w);
	result = result_of(leat_io_ptr_at(w.loop, thing("v"), &thing_type, "made here"));
	(void)leat_result_int_at(&result, "asked here");
}

START_TEST(the_wrong_type_aborts_and_names_both_places)
{
	expect_dies(ask_number_of_a_thing, "leat:", "made here", "asked here", "thing", "int");
}
END_TEST

static void ask_number_of_a_failure(void)
{
	struct world w;
	leat_result result;

	world_open(&w);
	result = result_of(leat_io_fail_at(w.loop, leat_error_core(LEAT_RESET), "made here"));
	(void)leat_result_int_at(&result, "asked here");
}

START_TEST(of_a_failure_it_says_what_failed)
{
	expect_dies(ask_number_of_a_failure, "leat:", "made here", "asked here", "int", "error: the peer cut the stream");
}
END_TEST

static void ask_buf_of_nothing(void)
{
	struct world w;
	leat_result result;
	leat_io *io;

	world_open(&w);
	io = leat_io_then_at(leat_io_done(w.loop), say_done, word("x"), "made here");
	world_run(&w);
	result = result_of(io);
	leat_buf_unref(leat_result_buf_at(&result, "asked here"));
}

START_TEST(nothing_is_no_buf)
{
	expect_dies(ask_buf_of_nothing, "leat:", "made here", "asked here");
}
END_TEST

static void ask_value_of_a_failure(void)
{
	struct world w;
	leat_result result;

	world_open(&w);
	result = result_of(leat_io_fail_at(w.loop, leat_error_core(LEAT_RESET), "made here"));
	(void)leat_result_int_at(&result, "asked here");
}

START_TEST(a_failure_has_no_value)
{
	expect_dies(ask_value_of_a_failure, "leat:", "made here", "asked here");
}
END_TEST

static const leat_type same_words = { .size = sizeof same_words, .name = "thing" };

static void ask_with_a_lookalike(void)
{
	struct world w;
	leat_result result;

	world_open(&w);
	result = result_of(leat_io_ptr_at(w.loop, thing("v"), &thing_type, "made here"));
	(void)leat_result_ptr_at(&result, &same_words, "asked here");
}

START_TEST(types_are_compared_by_address)
{
	expect_dies(ask_with_a_lookalike, "leat:", "made here", "asked here");
}
END_TEST

static void ask_past_the_last(void)
{
	struct world w;
	leat_result result;
	leat_io *ios[1], *io;

	world_open(&w);
	ios[0] = leat_io_int(w.loop, 1);
	io = leat_io_all(w.loop, ios, 1);
	world_run(&w);
	result = result_of(io);
	(void)leat_result_each_at(&result, 1, "asked here");
}

START_TEST(past_the_last_there_is_nothing)
{
	expect_dies(ask_past_the_last, "leat:", "asked here");
}
END_TEST

SUITE("result",
	nothing_is_a_success,
	it_knows_its_loop_and_where_its_io_was_made,
	a_place_is_a_file_and_a_line,
	looking_does_not_take,
	clearing_twice_is_clearing_once,
	clearing_does_not_destroy_what_was_taken,
	passing_it_on_empties_it,
	a_type_without_destroy_leaves_its_values,
	a_result_on_the_stack_needs_no_clearing_where_nothing_is_in_it,
	the_wrong_type_aborts_and_names_both_places, of_a_failure_it_says_what_failed,
	nothing_is_no_buf,
	a_failure_has_no_value,
	types_are_compared_by_address,
	past_the_last_there_is_nothing)

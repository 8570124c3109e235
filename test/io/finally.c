/* SPDX-License-Identifier: ISC */
/* finally - on success and on failure, and the outcome goes on */
#include "support/dies.h"
#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

START_TEST(it_runs_after_a_success_and_the_value_goes_on)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_finally(leat_io_int(w.loop, 4), say_done, word("ran"));
	world_run(&w);
	tape_expect("ran");
	expect_int(settled_int(io), 4);
	world_close(&w);
}
END_TEST

START_TEST(it_runs_after_a_failure_and_the_failure_goes_on)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_finally(failed(w.loop, LEAT_RESET), say_kind, leat_ctx_none());
	world_run(&w);
	tape_expect("reset");
	expect_settled(io, LEAT_RESET);
	world_close(&w);
}
END_TEST

static leat_io *look(void *ctx, leat_result *result)
{
	(void)ctx;
	tape_add(leat_result_peek(result));
	return NULL;
}

START_TEST(it_may_look_and_the_value_goes_on)
{
	struct world w;
	leat_result result;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_finally(leat_io_ptr(w.loop, thing("v"), &thing_type), look, leat_ctx_none());
	world_run(&w);
	tape_expect("v");
	expect_true(leat_io_try(io, &result));
	thing_take(leat_result_ptr(&result, &thing_type));
	expect_no_things();
	world_close(&w);
}
END_TEST

static leat_io *snatch(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)leat_result_ptr_at(result, &thing_type, "snatched here");
	return NULL;
}

static void take_in_finally(void)
{
	struct world w;

	world_open(&w);
	leat_io_detach(leat_io_finally(leat_io_ptr(w.loop, thing("v"), &thing_type), snatch, leat_ctx_none()));
	world_run(&w);
}

START_TEST(taking_the_value_aborts)
{
	expect_dies(take_in_finally, "leat:", "snatched here");
}
END_TEST

static leat_io *give(void *io, leat_result *result)
{
	(void)result;
	return io;
}

START_TEST(the_outcome_waits_for_the_io_it_gave)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	io = leat_io_finally(leat_io_int(w.loop, 4), give, leat_ctx_borrow(pending(w.loop, &maker)));
	world_run(&w);
	expect_true(is_pending(io));
	leat_resolve_int(maker, 5);
	world_run(&w);
	expect_int(settled_int(io), 4);
	world_close(&w);
}
END_TEST

START_TEST(a_value_of_the_io_it_gave_is_destroyed)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_ptr(w.loop, thing("clean"), &thing_type);
	io = leat_io_finally(leat_io_int(w.loop, 4), give, leat_ctx_borrow(io));
	world_run(&w);
	tape_expect("~clean");
	expect_int(settled_int(io), 4);
	world_close(&w);
}
END_TEST

START_TEST(its_own_failure_replaces_the_outcome)
{
	struct world w;
	leat_error error;
	leat_io *io, *late;
	leat_maker maker;

	world_open(&w);
	tape_clear();
	error = leat_error_core(LEAT_LIMIT);
	io = leat_io_ptr(w.loop, thing("v"), &thing_type);
	io = leat_io_finally(io, fail_with, leat_ctx_borrow(&error));
	late = leat_io_ptr(w.loop, thing("u"), &thing_type);
	late = leat_io_finally(late, give, leat_ctx_borrow(pending(w.loop, &maker)));
	world_run(&w);
	tape_expect("~v");
	leat_reject(maker, error);
	world_run(&w);
	tape_expect("~u");
	expect_settled(io, LEAT_LIMIT);
	expect_settled(late, LEAT_LIMIT);
	world_close(&w);
}
END_TEST

START_TEST(it_does_not_run_on_cancel_but_its_context_goes)
{
	struct world w;
	leat_maker maker;

	world_open(&w);
	tape_clear();
	leat_io_cancel(leat_io_finally(pending(w.loop, &maker), never, thing_owned("c")));
	tape_expect("~c");
	world_run(&w);
	world_close(&w);
}
END_TEST

START_TEST(cancelled_while_it_waits_the_value_goes_back_first)
{
	struct world w;
	leat_maker value, clean;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_finally(pending(w.loop, &value), give, leat_ctx_borrow(pending(w.loop, &clean)));
	io = leat_io_catch(io, leat_match_all(), never, thing_owned("c"));
	lender_resolve(value, thing("v"));
	world_run(&w);
	tape_expect("");
	leat_io_cancel(io);
	tape_expect("<v ~c");
	expect_false(leat_maker_live(clean));
	world_close(&w);
}
END_TEST

START_TEST(looking_is_not_getting)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_finally(pending(w.loop, &maker), look, leat_ctx_none());
	lender_resolve(maker, thing("v"));
	world_run(&w);
	tape_expect("v");
	leat_io_cancel(io);
	tape_expect("<v");
	world_close(&w);
}
END_TEST

SUITE("finally",
	it_runs_after_a_success_and_the_value_goes_on,
	it_runs_after_a_failure_and_the_failure_goes_on,
	it_may_look_and_the_value_goes_on,
	taking_the_value_aborts,
	the_outcome_waits_for_the_io_it_gave,
	a_value_of_the_io_it_gave_is_destroyed,
	its_own_failure_replaces_the_outcome,
	it_does_not_run_on_cancel_but_its_context_goes,
	cancelled_while_it_waits_the_value_goes_back_first,
	looking_is_not_getting)

/* SPDX-License-Identifier: ISC */
/* branch - exactly one of two */
#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

START_TEST(success_takes_the_first_way)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_branch(leat_io_int(w.loop, 4), say_int, never, thing_owned("c"));
	world_run(&w);
	tape_expect("4 ~c");
	expect_int(settled_int(io), 4);
	world_close(&w);
}
END_TEST

START_TEST(failure_takes_the_second_way)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_branch(failed(w.loop, LEAT_RESET), never, say_kind, thing_owned("c"));
	world_run(&w);
	tape_expect("reset ~c");
	expect_ok(settled(io));
	world_close(&w);
}
END_TEST

START_TEST(a_failure_of_the_first_way_does_not_take_the_second)
{
	struct world w;
	leat_error error;
	leat_io *io;

	world_open(&w);
	error = leat_error_core(LEAT_LIMIT);
	io = leat_io_branch(leat_io_done(w.loop), fail_with, never, leat_ctx_borrow(&error));
	world_run(&w);
	expect_settled(io, LEAT_LIMIT);
	world_close(&w);
}
END_TEST

START_TEST(a_missing_way_lets_its_case_pass_by)
{
	struct world w;
	leat_io *good, *bad;

	world_open(&w);
	tape_clear();
	good = leat_io_branch(leat_io_int(w.loop, 4), NULL, never, thing_owned("a"));
	bad = leat_io_branch(failed(w.loop, LEAT_RESET), never, NULL, thing_moved("b"));
	world_run(&w);
	tape_expect("~a ~b");
	expect_int(settled_int(good), 4);
	expect_settled(bad, LEAT_RESET);
	world_close(&w);
}
END_TEST

START_TEST(a_moved_context_belongs_to_the_way_that_runs)
{
	struct world w;
	leat_io *good, *bad;

	world_open(&w);
	tape_clear();
	good = leat_io_branch(leat_io_done(w.loop), say_take, never, thing_moved("a"));
	bad = leat_io_branch(failed(w.loop, LEAT_RESET), never, say_take, thing_moved("b"));
	world_run(&w);
	tape_expect("a b");
	expect_no_things();
	expect_ok(settled(good));
	expect_settled(bad, LEAT_RESET);
	world_close(&w);
}
END_TEST

START_TEST(holding_keeps_a_context_until_the_outcome_and_passes_it_on)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_hold(pending(w.loop, &maker), thing_owned("h"));
	io = leat_io_then(io, say_int, leat_ctx_none());
	world_run(&w);
	tape_expect("");
	leat_resolve_int(maker, 4);
	world_run(&w);
	tape_expect("~h 4");
	expect_int(settled_int(io), 4);
	leat_io_cancel(leat_io_hold(pending(w.loop, &maker), thing_owned("h")));
	tape_expect("~h");
	world_close(&w);
}
END_TEST

SUITE("branch",
	success_takes_the_first_way,
	failure_takes_the_second_way,
	a_failure_of_the_first_way_does_not_take_the_second,
	a_missing_way_lets_its_case_pass_by,
	a_moved_context_belongs_to_the_way_that_runs,
	holding_keeps_a_context_until_the_outcome_and_passes_it_on)

/* SPDX-License-Identifier: ISC */
/* detach - lets it run on its own; a failure nobody handled is told */
#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

/* What does not fail is the same for both. */
static void (*const lets_run[])(leat_io *) = { leat_io_detach, leat_io_ignore };

START_TEST(it_runs_to_its_end)
{
	struct world w;
	leat_maker maker;

	world_open(&w);
	tape_clear();
	lets_run[_i](leat_io_then(pending(w.loop, &maker), say, thing_owned("a")));
	leat_resolve(maker);
	world_run(&w);
	tape_expect("a ~a");
	expect_size(world_stats(&w).ios_live, 0);
	world_close(&w);
}
END_TEST

START_TEST(its_value_goes)
{
	struct world w;

	world_open(&w);
	tape_clear();
	lets_run[_i](leat_io_ptr(w.loop, thing("v"), &thing_type));
	lets_run[_i](leat_io_int(w.loop, 7));
	lets_run[_i](leat_io_done(w.loop));
	world_run(&w);
	tape_expect("~v");
	expect_no_things();
	expect_size(world_stats(&w).ios_live, 0);
	world_close(&w);
}
END_TEST

START_TEST(its_failure_reaches_the_hook_and_the_counter_with_both_places)
{
	struct world w;

	world_open(&w);
	leat_io_detach(leat_io_fail_at(w.loop, leat_error_make_at(&leat_core_errors, LEAT_RESET, "arose"), "made"));
	expect_size(w.unhandled, 0);
	world_run(&w);
	expect_size(w.unhandled, 1);
	expect_size(world_stats(&w).unhandled, 1);
	expect_kind(w.last.error, LEAT_RESET);
	expect_str(w.last.error.where, "arose");
	expect_str(w.last.where, "made");
	world_end(&w);
}
END_TEST

START_TEST(a_failure_that_passes_a_chain_is_told_once)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = failed(w.loop, LEAT_RESET);
	for (int i = 0; i < 5; i++)
		io = leat_io_then(io, never, leat_ctx_none());
	leat_io_detach(leat_io_finally(io, say_done, word("end")));
	world_run(&w);
	tape_expect("end");
	expect_size(w.unhandled, 1);
	world_end(&w);
}
END_TEST

START_TEST(a_failure_that_was_caught_is_not_told)
{
	struct world w;

	world_open(&w);
	tape_clear();
	leat_io_detach(leat_io_catch(failed(w.loop, LEAT_RESET), leat_match_all(), say_done, word("caught")));
	world_run(&w);
	tape_expect("caught");
	world_close(&w);
}
END_TEST

START_TEST(cancelled_is_silent)
{
	struct world w;

	world_open(&w);
	leat_io_detach(failed(w.loop, LEAT_CANCELLED));
	world_run(&w);
	expect_size(world_stats(&w).unhandled, 0);
	world_close(&w);
}
END_TEST

START_TEST(without_a_hook_it_is_counted_still)
{
	leat_loop_stats stats = { .size = sizeof stats };
	leat_loop *loop = leat_loop_new(NULL, NULL);

	leat_io_detach(failed(loop, LEAT_RESET));
	leat_loop_run_ready(loop);
	leat_loop_stats_get(loop, &stats);
	expect_size(stats.unhandled, 1);
	leat_loop_free(loop);
}
END_TEST

SUITE("detach",
	EACH(it_runs_to_its_end, 2),
	EACH(its_value_goes, 2),
	its_failure_reaches_the_hook_and_the_counter_with_both_places,
	a_failure_that_passes_a_chain_is_told_once,
	a_failure_that_was_caught_is_not_told,
	cancelled_is_silent,
	without_a_hook_it_is_counted_still)

/* SPDX-License-Identifier: ISC */
/* ignore - lets it run on its own, however it ends; what it shares with detach is tried there */
#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

START_TEST(its_failure_is_told_to_nobody)
{
	struct world w;
	leat_maker maker;

	world_open(&w);
	leat_io_ignore(leat_io_fail(w.loop, leat_error_core(LEAT_RESET)));
	leat_io_ignore(leat_io_then(pending(w.loop, &maker), say, thing_owned("a")));
	leat_reject(maker, leat_error_core(LEAT_RESET));
	world_run(&w);
	expect_size(w.unhandled, 0);
	expect_size(world_stats(&w).unhandled, 0);
	expect_size(world_stats(&w).ios_live, 0);
	expect_no_things();
	world_close(&w);
}
END_TEST

START_TEST(so_is_one_that_there_was_no_memory_for)
{
	struct world w;

	world_open(&w);
	w.oom.fail_at = w.oom.calls + 1;
	for (int i = 0; i < 1000; i++)
		leat_io_ignore(leat_sleep(w.loop, 60000));
	expect_true(w.oom.failed);
	world_run(&w);
	expect_size(w.unhandled, 0);
	world_end(&w);
}
END_TEST

SUITE("ignore", its_failure_is_told_to_nobody, so_is_one_that_there_was_no_memory_for)

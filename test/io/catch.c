/* SPDX-License-Identifier: ISC */
/* catch - what comes after a failure */
#include <errno.h>

#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

static const leat_error_domain weather = { .size = sizeof weather, .name = "weather" };

START_TEST(it_runs_with_the_error_and_handles_it)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_catch(failed(w.loop, LEAT_RESET), leat_match_all(), say_kind, leat_ctx_none());
	world_run(&w);
	tape_expect("reset");
	expect_ok(settled(io));
	world_close(&w);
}
END_TEST

START_TEST(a_success_passes_by_untouched)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_catch(leat_io_int(w.loop, 3), leat_match_all(), never, thing_owned("c"));
	world_run(&w);
	tape_expect("~c");
	expect_int(settled_int(io), 3);
	world_close(&w);
}
END_TEST

START_TEST(it_selects_by_kind)
{
	struct world w;
	leat_io *hit, *miss;

	world_open(&w);
	tape_clear();
	hit = leat_io_catch(failed(w.loop, LEAT_TIMEOUT), leat_match_kind(LEAT_TIMEOUT), say_kind, leat_ctx_none());
	miss = leat_io_catch(failed(w.loop, LEAT_RESET), leat_match_kind(LEAT_TIMEOUT), never, thing_owned("c"));
	world_run(&w);
	tape_expect("timeout ~c");
	expect_ok(settled(hit));
	expect_settled(miss, LEAT_RESET);
	world_close(&w);
}
END_TEST

START_TEST(a_kind_is_found_in_every_domain)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_fail(w.loop, leat_error_errno(ECONNREFUSED));
	io = leat_io_catch(io, leat_match_kind(LEAT_REFUSED), say_kind, leat_ctx_none());
	world_run(&w);
	tape_expect("refused");
	expect_ok(settled(io));
	world_close(&w);
}
END_TEST

START_TEST(it_selects_by_domain)
{
	struct world w;
	leat_io *hit, *miss;

	world_open(&w);
	tape_clear();
	hit = leat_io_fail(w.loop, leat_error_make(&weather, 3));
	hit = leat_io_catch(hit, leat_match_domain(&weather), say_kind, leat_ctx_none());
	miss = leat_io_catch(failed(w.loop, LEAT_OTHER), leat_match_domain(&weather), never, leat_ctx_none());
	world_run(&w);
	tape_expect("other");
	expect_ok(settled(hit));
	expect_settled(miss, LEAT_OTHER);
	world_close(&w);
}
END_TEST

START_TEST(a_failure_inside_it_is_the_new_outcome)
{
	struct world w;
	leat_error error;
	leat_io *io;

	world_open(&w);
	error = leat_error_core(LEAT_LIMIT);
	io = leat_io_catch(failed(w.loop, LEAT_RESET), leat_match_all(), fail_with, leat_ctx_borrow(&error));
	world_run(&w);
	expect_settled(io, LEAT_LIMIT);
	world_close(&w);
}
END_TEST

START_TEST(passing_the_result_on_fails_as_before)
{
	struct world w;
	leat_io *io;
	leat_error error;

	world_open(&w);
	tape_clear();
	io = leat_io_fail(w.loop, leat_error_make_at(&leat_core_errors, LEAT_RESET, "there"));
	io = leat_io_catch(io, leat_match_all(), say, word("seen"));
	world_run(&w);
	tape_expect("seen");
	error = settled(io);
	expect_kind(error, LEAT_RESET);
	expect_str(error.where, "there");
	world_close(&w);
}
END_TEST

START_TEST(it_may_recover_with_a_value)
{
	struct world w;
	leat_io *io, *spare;
	leat_maker maker;

	world_open(&w);
	tape_clear();
	spare = pending(w.loop, &maker);
	leat_resolve_int(maker, 8);
	io = leat_io_catch(failed(w.loop, LEAT_RESET), leat_match_all(), say_done, word("lost"));
	io = leat_io_then(io, say_done, word("found"));
	world_run(&w);
	tape_expect("lost found");
	expect_ok(settled(io));
	expect_int(settled_int(spare), 8);
	world_close(&w);
}
END_TEST

SUITE("catch",
	it_runs_with_the_error_and_handles_it,
	a_success_passes_by_untouched,
	it_selects_by_kind,
	a_kind_is_found_in_every_domain,
	it_selects_by_domain,
	a_failure_inside_it_is_the_new_outcome,
	passing_the_result_on_fails_as_before,
	it_may_recover_with_a_value)

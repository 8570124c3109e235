/* SPDX-License-Identifier: ISC */
/* then - what comes after a success */
#include "support/dies.h"
#include "support/small.h"
#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

START_TEST(it_runs_with_the_value_after_a_success)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_then(leat_io_int(w.loop, 42), say_int, leat_ctx_none());
	world_run(&w);
	tape_expect("42");
	expect_int(settled_int(io), 42);
	world_close(&w);
}
END_TEST

START_TEST(a_failure_passes_by_and_frees_the_context)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_then(failed(w.loop, LEAT_RESET), never, thing_owned("a"));
	io = leat_io_then(io, never, thing_moved("b"));
	world_run(&w);
	tape_expect("~a ~b");
	expect_settled(io, LEAT_RESET);
	world_close(&w);
}
END_TEST

START_TEST(it_runs_once_the_io_settles)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_then(pending(w.loop, &maker), say, word("ran"));
	world_run(&w);
	tape_expect("");
	leat_resolve(maker);
	world_run(&w);
	tape_expect("ran");
	expect_ok(settled(io));
	world_close(&w);
}
END_TEST

START_TEST(null_is_success_with_nothing)
{
	struct world w;
	leat_result result;
	leat_io *io;

	world_open(&w);
	io = leat_io_then(leat_io_int(w.loop, 1), say_done, word("x"));
	world_run(&w);
	expect_true(leat_io_try(io, &result));
	expect_true(leat_result_ok(&result));
	expect_null(result.type);
	tape_clear();
	world_close(&w);
}
END_TEST

static leat_io *give(void *io, leat_result *result)
{
	(void)result;
	return io;
}

START_TEST(the_io_it_gives_is_adopted_settled_failed_or_pending)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	io = leat_io_then(leat_io_done(w.loop), give, leat_ctx_borrow(leat_io_int(w.loop, 5)));
	world_run(&w);
	expect_int(settled_int(io), 5);
	io = leat_io_then(leat_io_done(w.loop), give, leat_ctx_borrow(failed(w.loop, LEAT_LIMIT)));
	world_run(&w);
	expect_settled(io, LEAT_LIMIT);
	io = leat_io_then(leat_io_done(w.loop), give, leat_ctx_borrow(pending(w.loop, &maker)));
	world_run(&w);
	expect_true(is_pending(io));
	leat_resolve_int(maker, 6);
	world_run(&w);
	expect_int(settled_int(io), 6);
	world_close(&w);
}
END_TEST

START_TEST(what_is_not_taken_is_destroyed_after_the_callback)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_ptr(w.loop, thing("v"), &thing_type);
	io = leat_io_then(io, say_done, word("ran"));
	world_run(&w);
	tape_expect("ran ~v");
	expect_ok(settled(io));
	world_close(&w);
}
END_TEST

START_TEST(continuations_run_first_in_first_out)
{
	struct world w;
	leat_io *a, *b, *c;
	leat_maker maker;

	world_open(&w);
	tape_clear();
	a = leat_io_then(leat_io_done(w.loop), say, word("a1"));
	a = leat_io_then(a, say, word("a2"));
	b = leat_io_then(pending(w.loop, &maker), say, word("b1"));
	b = leat_io_then(b, say, word("b2"));
	leat_resolve(maker);
	c = leat_io_then(leat_io_done(w.loop), say, word("c1"));
	c = leat_io_then(c, say, word("c2"));
	world_run(&w);
	tape_expect("a1 b1 c1 a2 b2 c2");
	expect_ok(settled(a));
	expect_ok(settled(b));
	expect_ok(settled(c));
	world_close(&w);
}
END_TEST

START_TEST(its_place_is_in_the_result)
{
	struct world w;
	leat_result result;
	leat_io *io;

	world_open(&w);
	io = leat_io_then_at(leat_io_done(w.loop), say_done, word("x"), "the then");
	world_run(&w);
	expect_true(leat_io_try(io, &result));
	expect_str(result.where, "the then");
	tape_clear();
	world_close(&w);
}
END_TEST

/* ---- long ones, on a small stack ---- */

enum { LONG = 1000000 };
static size_t long_steps;

static leat_io *count(void *ctx, leat_result *result)
{
	(void)ctx;
	long_steps++;
	return leat_result_pass(result);
}

static void count_destroyed(void *ctx)
{
	(void)ctx;
	long_steps++;
}

static leat_io *long_chain(leat_io *io, leat_ctx ctx)
{
	long_steps = 0;
	for (size_t i = many(LONG); i > 0; i--)
		io = leat_io_then(io, count, ctx);
	return io;
}

static const char *settle_long(void)
{
	struct world w;
	leat_maker maker;
	leat_io *io;
	leat_result result;

	if (!world_try(&w, 0, 0))
		return "no world";
	io = long_chain(pending(w.loop, &maker), leat_ctx_none());
	leat_resolve_int(maker, 9);
	world_run(&w);
	if (!leat_io_try(io, &result) || leat_result_int(&result) != 9)
		return "the value did not get through";
	leat_loop_free(w.loop);
	event_base_free(w.base);
	return long_steps == many(LONG) ? NULL : "not every step ran";
}

START_TEST(a_chain_a_million_deep_settles_on_a_small_stack)
{
	on_a_small_stack(settle_long);
}
END_TEST

static const char *fail_long(void)
{
	struct world w;
	leat_maker maker;
	leat_io *io;
	leat_result result;

	if (!world_try(&w, 0, 0))
		return "no world";
	io = long_chain(pending(w.loop, &maker), leat_ctx_own(&w, count_destroyed));
	leat_reject(maker, leat_error_core(LEAT_RESET));
	world_run(&w);
	if (!leat_io_try(io, &result) || !leat_error_is(leat_result_error(&result), LEAT_RESET))
		return "the failure did not get through";
	leat_loop_free(w.loop);
	event_base_free(w.base);
	return long_steps == many(LONG) ? NULL : "not every context was destroyed once";
}

START_TEST(a_failure_passes_a_million_links_on_a_small_stack)
{
	on_a_small_stack(fail_long);
}
END_TEST

static const char *cancel_long(void)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	if (!world_try(&w, 0, 0))
		return "no world";
	io = long_chain(pending(w.loop, &maker), leat_ctx_own(&w, count_destroyed));
	leat_io_cancel(io);
	leat_loop_free(w.loop);
	event_base_free(w.base);
	return long_steps == many(LONG) ? NULL : "not every context was destroyed once";
}

START_TEST(a_chain_a_million_deep_is_cancelled_on_a_small_stack)
{
	on_a_small_stack(cancel_long);
}
END_TEST

static const char *free_long(void)
{
	struct world w;
	leat_maker maker;

	if (!world_try(&w, 0, 0))
		return "no world";
	leat_io_detach(long_chain(pending(w.loop, &maker), leat_ctx_own(&w, count_destroyed)));
	leat_loop_free(w.loop);
	event_base_free(w.base);
	return long_steps == many(LONG) ? NULL : "not every context was destroyed once";
}

START_TEST(a_chain_a_million_deep_ends_with_its_loop_on_a_small_stack)
{
	on_a_small_stack(free_long);
}
END_TEST

/* ---- recursion by giving ios ---- */

struct rounds {
	leat_loop *loop;
	size_t left;
	size_t most; /* ios alive at once */
};

static leat_io *round_again(void *ctx, leat_result *result)
{
	struct rounds *rounds = ctx;
	leat_loop_stats stats = { .size = sizeof stats };

	(void)result;
	leat_loop_stats_get(rounds->loop, &stats);
	if (stats.ios_live > rounds->most)
		rounds->most = stats.ios_live;
	if (rounds->left-- == 0)
		return leat_io_int(rounds->loop, 1);
	return leat_io_then(leat_sleep(rounds->loop, 0), round_again, leat_ctx_borrow(rounds));
}

START_TEST(a_million_rounds_of_recursion_need_constant_memory)
{
	struct world w;
	struct rounds rounds;
	leat_io *io;

	world_open(&w);
	rounds = (struct rounds){ .loop = w.loop, .left = many(1000000) };
	io = leat_io_then(leat_io_done(w.loop), round_again, leat_ctx_borrow(&rounds));
	world_run(&w);
	expect_int(settled_int(io), 1);
	ck_assert_uint_lt(rounds.most, 10);
	world_close(&w);
}
END_TEST

/* ---- adopting what must not be adopted ---- */

static leat_io *loop_back;

static leat_io *give_back_then(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	return loop_back;
}

static leat_io *wait_for_back(void *ctx, leat_result *result)
{
	(void)ctx;
	return leat_io_then_at(leat_io_done(leat_result_loop(result)), give_back_then, leat_ctx_none(), "the inner");
}

static void adopt_itself(void)
{
	struct world w;

	world_open(&w);
	loop_back = leat_io_then_at(leat_io_done(w.loop), give_back_then, leat_ctx_none(), "the then");
	world_run(&w);
}

START_TEST(adopting_itself_aborts)
{
	expect_dies(adopt_itself, "leat:", "the then");
}
END_TEST

static void adopt_an_ancestor(void)
{
	struct world w;

	world_open(&w);
	loop_back = leat_io_then_at(leat_io_done(w.loop), wait_for_back, leat_ctx_none(), "the outer");
	world_run(&w);
}

START_TEST(adopting_an_ancestor_aborts)
{
	expect_dies(adopt_an_ancestor, "leat:", "the outer");
}
END_TEST

static void adopt_a_race_it_is_in(void)
{
	struct world w;
	leat_io *ios[2];

	world_open(&w);
	ios[0] = leat_io_then_at(leat_io_done(w.loop), give_back_then, leat_ctx_none(), "the runner");
	ios[1] = leat_sleep(w.loop, 1000);
	loop_back = leat_io_race_at(w.loop, ios, 2, "the race");
	world_run(&w);
}

START_TEST(adopting_a_race_it_runs_in_aborts)
{
	expect_dies(adopt_a_race_it_is_in, "leat:", "the runner", "the race");
}
END_TEST

static void adopt_a_stranger(void)
{
	struct world w, other;
	leat_maker maker;

	world_open(&w);
	world_open(&other);
	loop_back = leat_io_new_at(other.loop, &maker, NULL, NULL, "the stranger");
	leat_io_detach(leat_io_then_at(leat_io_done(w.loop), give_back_then, leat_ctx_none(), "the then"));
	world_run(&w);
}

START_TEST(adopting_another_loops_io_aborts)
{
	expect_dies(adopt_a_stranger, "leat:", "the then", "the stranger");
}
END_TEST

static void take_twice(void)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	io = leat_io_new_at(w.loop, &maker, NULL, NULL, "made here");
	leat_io_detach(leat_io_then(io, never, leat_ctx_none()));
	leat_io_detach(leat_io_then_at(io, never, leat_ctx_none(), "taken again here"));
}

START_TEST(an_io_given_away_cannot_be_taken_again)
{
	expect_dies(take_twice, "leat:", "made here", "taken again here");
}
END_TEST

SUITE("then",
	it_runs_with_the_value_after_a_success,
	a_failure_passes_by_and_frees_the_context,
	it_runs_once_the_io_settles,
	null_is_success_with_nothing,
	the_io_it_gives_is_adopted_settled_failed_or_pending,
	what_is_not_taken_is_destroyed_after_the_callback,
	continuations_run_first_in_first_out,
	its_place_is_in_the_result,
	a_chain_a_million_deep_settles_on_a_small_stack,
	a_failure_passes_a_million_links_on_a_small_stack,
	a_chain_a_million_deep_is_cancelled_on_a_small_stack,
	a_chain_a_million_deep_ends_with_its_loop_on_a_small_stack,
	a_million_rounds_of_recursion_need_constant_memory,
	adopting_itself_aborts,
	adopting_an_ancestor_aborts,
	adopting_a_race_it_runs_in_aborts,
	adopting_another_loops_io_aborts,
	an_io_given_away_cannot_be_taken_again)

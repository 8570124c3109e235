/* SPDX-License-Identifier: ISC */
/* fiber - a function on a stack of its own, and its result as an io */
#include <fenv.h>
#include <unistd.h>

#include <event2/event.h>

#include <leat/buf.h>
#include <leat/fiber.h>

#include "support/dies.h"
#include "support/fibers.h"
#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

static void open_world(void)
{
	tape_clear();
	world_open(&w);
}

/* ---- its life ---- */

static leat_io *say_and_give(void *word, leat_loop *loop)
{
	tape_add(word);
	return leat_io_int(loop, 7);
}

START_TEST(it_begins_from_the_queue_and_gives_what_its_function_gave)
{
	leat_io *io;

	open_world();
	io = leat_fiber(w.loop, say_and_give, word("in"));
	tape_expect("");
	expect_true(is_pending(io));
	world_run(&w);
	tape_expect("in");
	expect_int(settled_int(io), 7);
	close_world();
}
END_TEST

static leat_io *give_nothing(void *ctx, leat_loop *loop)
{
	(void)ctx;
	(void)loop;
	return NULL;
}

START_TEST(null_is_success_with_nothing)
{
	open_world();
	expect_true(leat_await(leat_fiber(w.loop, give_nothing, leat_ctx_none()), NULL));
	close_world();
}
END_TEST

static leat_io *give_pending(void *ctx, leat_loop *loop)
{
	(void)ctx;
	return pending(loop, &makers[0]);
}

START_TEST(an_io_that_it_gives_is_adopted)
{
	leat_io *io;

	open_world();
	io = leat_io_then(leat_fiber(w.loop, give_pending, thing_owned("ctx")), say_int, leat_ctx_none());
	world_run(&w);
	tape_expect("");
	leat_resolve_int(makers[0], 3);
	world_run(&w);
	tape_expect("~ctx 3");
	expect_int(settled_int(io), 3);
	close_world();
}
END_TEST

static leat_io *give_failure(void *ctx, leat_loop *loop)
{
	(void)ctx;
	return failed(loop, LEAT_PROTOCOL);
}

START_TEST(its_failure_is_its_ios)
{
	leat_io *io;

	open_world();
	io = leat_fiber(w.loop, give_failure, leat_ctx_none());
	world_run(&w);
	expect_settled(io, LEAT_PROTOCOL);
	close_world();
}
END_TEST

static leat_io *wait_twice(void *ctx, leat_loop *loop)
{
	tape_add("a");
	say_await(pending(loop, &makers[0]));
	tape_add("b");
	say_await(pending(loop, &makers[1]));
	tape_add("c");
	return leat_io_int(loop, (intptr_t)ctx);
}

START_TEST(an_await_parks_it_and_the_loop_goes_on)
{
	leat_io *io;

	open_world();
	io = leat_fiber(w.loop, wait_twice, leat_ctx_borrow((void *)9));
	leat_io_detach(leat_io_then(leat_io_done(w.loop), say_done, word("aside")));
	world_run(&w);
	tape_expect("a aside");
	leat_resolve_int(makers[0], 1);
	tape_expect("");
	world_run(&w);
	tape_expect("1 b");
	leat_reject(makers[1], leat_error_core(LEAT_RESET));
	world_run(&w);
	tape_expect("reset c");
	expect_int(settled_int(io), 9);
	close_world();
}
END_TEST

static leat_io *wait_by_type(void *ctx, leat_loop *loop)
{
	leat_buf *buf = leat_await_buf(leat_io_then(leat_io_buf(loop, leat_buf_copy(loop, "hay", 3)), say, word("")), NULL);
	leat_result result;

	(void)ctx;
	expect_bytes(leat_buf_data(buf), leat_buf_size(buf), "hay");
	leat_buf_unref(buf);
	expect_true(leat_await(leat_sleep(loop, 0), NULL));
	expect_true(leat_await(leat_io_then(leat_io_ptr(loop, thing("v"), &thing_type), say, word("")), &result));
	thing_take(leat_result_ptr(&result, &thing_type));
	expect_true(leat_await(leat_io_then(leat_io_ptr(loop, thing("v"), &thing_type), say, word("")), NULL));
	return NULL;
}

START_TEST(what_it_waits_for_may_be_of_any_type)
{
	leat_io *io;

	open_world();
	io = leat_fiber(w.loop, wait_by_type, leat_ctx_none());
	world_run(&w);
	world_pass(&w, 1);
	expect_ok(settled(io));
	close_world();
}
END_TEST

static leat_io *wait_lent(void *ctx, leat_loop *loop)
{
	leat_result result;

	(void)ctx;
	expect_true(leat_await(pending(loop, &makers[0]), &result));
	tape_add("got");
	leat_result_clear(&result);
	return NULL;
}

START_TEST(a_value_that_reached_it_is_delivered)
{
	leat_io *io;

	open_world();
	io = leat_fiber(w.loop, wait_lent, leat_ctx_none());
	world_run(&w);
	lender_resolve(makers[0], thing("v"));
	tape_expect("");
	world_run(&w);
	tape_expect(">v got ~v");
	expect_ok(settled(io));
	close_world();
}
END_TEST

static leat_io *count_ready(void *count, leat_loop *loop)
{
	for (int i = 0; i < 1000; i++) {
		expect_true(leat_await(i % 2 ? leat_io_done(loop) : leat_io_int(loop, 5), NULL));
		++*(int *)count;
	}
	return NULL;
}

static leat_io *note_count(void *count, leat_result *result)
{
	(void)result;
	tape_addf("%d", *(int *)count);
	return NULL;
}

START_TEST(a_fiber_that_never_has_to_wait_lets_others_have_a_turn)
{
	int count = 0;
	leat_io *io;

	open_world();
	io = leat_fiber(w.loop, count_ready, leat_ctx_borrow(&count));
	leat_io_detach(leat_io_then(leat_io_done(w.loop), note_count, leat_ctx_borrow(&count)));
	world_run(&w);
	expect_int(count, 1000);
	expect_true(atoi(tape_text) > 0 && atoi(tape_text) < 1000);
	expect_ok(settled(io));
	close_world();
}
END_TEST

static leat_io *yield_thrice(void *word, leat_loop *loop)
{
	for (int i = 0; i < 3; i++) {
		tape_add(word);
		expect_true(leat_fiber_yield(loop));
	}
	return NULL;
}

START_TEST(yielding_fibers_take_turns)
{
	leat_io *ios[2];

	open_world();
	ios[0] = leat_fiber(w.loop, yield_thrice, word("a"));
	ios[1] = leat_fiber(w.loop, yield_thrice, word("b"));
	world_run(&w);
	tape_expect("a b a b a b");
	expect_ok(settled(ios[0]));
	expect_ok(settled(ios[1]));
	expect_true(leat_fiber_yield(w.loop)); /* not in a fiber: nothing */
	close_world();
}
END_TEST

static leat_io *deep(void *depth, leat_loop *loop)
{
	intptr_t left = (intptr_t)depth;
	int64_t below;

	if (left == 0)
		return leat_io_int(loop, 1);
	below = leat_await_int(leat_fiber(loop, deep, leat_ctx_borrow((void *)(left - 1))), NULL);
	return leat_io_int(loop, below + 1);
}

START_TEST(fibers_wait_for_fibers)
{
	open_world();
	expect_int(leat_await_int(leat_fiber(w.loop, deep, leat_ctx_borrow((void *)300)), NULL), 301);
	close_world();
}
END_TEST

static leat_io *hop(void *left, leat_loop *loop)
{
	if (--*(int *)left == 0)
		return NULL;
	return leat_fiber(loop, hop, leat_ctx_borrow(left));
}

START_TEST(one_that_gives_the_next_for_ever_needs_one_stack)
{
	int left = SUITE_SLOWNESS > 1 ? 3000 : 100000;

	open_world();
	expect_true(leat_await(leat_fiber(w.loop, hop, leat_ctx_borrow(&left)), NULL));
	expect_true(world_stats(&w).memory_bytes < 1 << 20);
	close_world();
}
END_TEST

static leat_io *wait_first(void *ctx, leat_loop *loop)
{
	(void)ctx;
	say_await(pending(loop, &makers[0]));
	return leat_io_int(loop, 1);
}

START_TEST(stacks_are_used_again)
{
	enum { MANY = 1000 };
	static leat_io *ios[MANY];
	static leat_maker each[MANY];

	open_world();
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < MANY; i++) {
			ios[i] = leat_fiber(w.loop, wait_first, leat_ctx_none());
			world_run(&w);
			each[i] = makers[0];
		}
		for (int i = 0; i < MANY; i++) {
			leat_resolve_int(each[i], 1);
			world_run(&w);
			tape_clear();
			expect_int(settled_int(ios[i]), 1);
		}
	}
	close_world();
}
END_TEST

static leat_io *change_rounding(void *ctx, leat_loop *loop)
{
	fesetround(FE_UPWARD);
	leat_io_detach(wait_first(ctx, loop));
	tape_add(fegetround() == FE_UPWARD ? "up" : "not up");
	return NULL;
}

START_TEST(it_keeps_its_own_rounding_of_floats)
{
	leat_io *io;

	open_world();
	io = leat_fiber(w.loop, change_rounding, leat_ctx_none());
	world_run(&w);
#ifndef LT_PORTABLE_FIBERS
	expect_int(fegetround(), FE_TONEAREST);
#endif
	fesetround(FE_TONEAREST);
	leat_resolve_int(makers[0], 1);
	world_run(&w);
#ifndef LT_PORTABLE_FIBERS
	tape_expect("1 up");
#endif
	fesetround(FE_TONEAREST);
	expect_ok(settled(io));
	close_world();
}
END_TEST

/* ---- contexts ---- */

START_TEST(an_owned_context_lives_until_the_outcome_is_there)
{
	leat_io *io;

	open_world();
	io = leat_fiber(w.loop, wait_first, thing_owned("ctx"));
	world_run(&w);
	tape_expect("");
	leat_resolve_int(makers[0], 1);
	world_run(&w);
	tape_expect("1 ~ctx");
	expect_int(settled_int(io), 1);
	close_world();
}
END_TEST

static leat_io *take_it(void *data, leat_loop *loop)
{
	tape_add(data);
	thing_take(data);
	return wait_first(NULL, loop);
}

START_TEST(a_moved_context_is_the_fibers)
{
	leat_io *io;

	open_world();
	leat_io_cancel(leat_fiber(w.loop, take_it, thing_moved("skipped")));
	tape_expect("~skipped");
	io = leat_fiber(w.loop, take_it, thing_moved("ctx"));
	world_run(&w);
	tape_expect("ctx");
	leat_io_cancel(io);
	world_run(&w);
	tape_expect("cancelled");
	close_world();
}
END_TEST

/* ---- nested ---- */

static leat_io *await_in_callback(void *ctx, leat_result *result)
{
	(void)ctx;
	say_await(pending(leat_result_loop(result), &makers[1]));
	return NULL;
}

START_TEST(in_a_callback_it_is_nested_while_fibers_are_parked)
{
	leat_io *io;

	open_world();
	io = leat_fiber(w.loop, wait_first, leat_ctx_none());
	leat_io_detach(leat_io_then(leat_io_done(w.loop), await_in_callback, leat_ctx_none()));
	world_run(&w);
	tape_expect("nested");
	leat_io_cancel(io);
	world_run(&w);
	tape_clear();
	close_world();
}
END_TEST

static void await_in_destructor(void *data)
{
	(void)data;
	say_await(pending(w.loop, &makers[1]));
	say_await(leat_io_int(w.loop, 4)); /* there already: given anywhere */
}

static leat_io *cancel_something(void *ctx, leat_loop *loop)
{
	(void)ctx;
	leat_io_cancel(leat_io_then(pending(loop, &makers[0]), never, leat_ctx_own(NULL, await_in_destructor)));
	tape_add("and on");
	say_await(leat_io_int(loop, 5));
	return NULL;
}

START_TEST(in_a_destructor_that_a_fibers_cancel_runs_it_is_nested)
{
	leat_io *io;

	open_world();
	io = leat_fiber(w.loop, cancel_something, leat_ctx_none());
	world_run(&w);
	tape_expect("nested 4 and on 5");
	expect_ok(settled(io));
	close_world();
}
END_TEST

static leat_loop *other_loop;

static leat_io *await_the_first_loops(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	say_await(pending(w.loop, &makers[0]));
	return NULL;
}

/* A callback of the other loop, on this fiber's stack. */
static leat_io *await_the_other_loops(void *ctx, leat_loop *loop)
{
	(void)ctx;
	expect_true(leat_await(leat_io_then(leat_io_done(other_loop), await_the_first_loops, leat_ctx_none()), NULL));
	tape_add("back");
	say_await(pending(loop, &makers[1]));
	return NULL;
}

START_TEST(a_callback_of_another_loop_that_it_awaits_cannot_park_it)
{
	leat_io *io;

	open_world();
	other_loop = leat_loop_new(NULL, NULL);
	io = leat_fiber(w.loop, await_the_other_loops, leat_ctx_none());
	world_run(&w);
	tape_expect("nested back");
	leat_resolve_int(makers[1], 2);
	world_run(&w);
	tape_expect("2");
	expect_ok(settled(io));
	leat_loop_free(other_loop);
	close_world();
}
END_TEST

static void await_in_event(evutil_socket_t fd, short what, void *maker)
{
	(void)fd;
	(void)what;
	say_await(pending(w.loop, &makers[0]));
	leat_resolve(*(leat_maker *)maker);
}

static leat_io *await_an_event(void *ctx, leat_loop *loop)
{
	leat_maker maker;
	leat_io *io = leat_io_new(other_loop, &maker, NULL, NULL);

	(void)ctx;
	(void)loop;
	event_base_once(leat_loop_base(other_loop), -1, EV_TIMEOUT, await_in_event, &maker, &(struct timeval){ 0, 0 });
	tape_add(leat_await(io, NULL) ? "back" : "failed");
	return NULL;
}

START_TEST(nor_can_an_event_of_its_base)
{
	leat_io *io;

	open_world();
	other_loop = leat_loop_new(NULL, NULL);
	io = leat_fiber(w.loop, await_an_event, leat_ctx_none());
	world_run(&w);
	tape_expect("nested back");
	expect_ok(settled(io));
	leat_loop_free(other_loop);
	close_world();
}
END_TEST

static leat_io *turn_the_loop(void *ctx, leat_loop *loop)
{
	(void)ctx;
	expect_size(leat_loop_run_ready(loop), 0);
	return NULL;
}

START_TEST(nothing_else_runs_inside_it)
{
	leat_io *io;

	open_world();
	io = leat_fiber(w.loop, turn_the_loop, leat_ctx_none());
	leat_io_detach(leat_io_then(leat_io_done(w.loop), say_done, word("later")));
	world_run(&w);
	expect_ok(settled(io));
	tape_expect("later");
	close_world();
}
END_TEST

/* ---- what bad use gets ---- */

START_TEST(a_stack_too_small_is_invalid)
{
	leat_fiber_options small = { .size = sizeof small, .stack_bytes = LEAT_FIBER_STACK_LEAST - 1 };

	open_world();
	expect_settled(leat_fiber_with(w.loop, &small, say_and_give, thing_owned("ctx")), LEAT_INVALID);
	tape_expect("~ctx");
	close_world();
}
END_TEST

START_TEST(a_stack_too_large_is_no_memory)
{
	leat_fiber_options large = { .size = sizeof large, .stack_bytes = SIZE_MAX / 2 };

	open_world();
	expect_settled(leat_fiber_with(w.loop, &large, say_and_give, thing_owned("ctx")), LEAT_NOMEM);
	tape_expect("~ctx");
	close_world();
}
END_TEST

START_TEST(without_address_space_it_is_no_memory_on_the_io)
{
	leat_fiber_options large = { .size = sizeof large, .stack_bytes = 1 << 30 };
	struct rlimit before, low;
	leat_io *io;

	if (suite_on_valgrind() || SUITE_SLOWNESS > 1) /* they need some themselves */
		return;
	open_world();
	io = leat_fiber_with(w.loop, &large, say_and_give, thing_owned("ctx"));
	getrlimit(RLIMIT_AS, &before);
	low = (struct rlimit){ .rlim_cur = 64 << 20, .rlim_max = before.rlim_max };
	expect_int(setrlimit(RLIMIT_AS, &low), 0);
	world_run(&w);
	setrlimit(RLIMIT_AS, &before);
	tape_expect("~ctx");
	expect_settled(io, LEAT_NOMEM);
	expect_int(leat_await_int(leat_fiber(w.loop, say_and_give, word("in")), NULL), 7);
	close_world();
}
END_TEST

START_TEST(options_of_an_older_program_are_shorter)
{
	size_t options[2] = { sizeof(size_t), 1 /* not looked at */ };
	leat_io *io;

	open_world();
	io = leat_fiber_with(w.loop, (leat_fiber_options *)(void *)options, say_and_give, word("in"));
	world_run(&w);
	tape_expect("in");
	expect_int(settled_int(io), 7);
	close_world();
}
END_TEST

static leat_io *own_io;

static leat_io *wait_for_itself(void *ctx, leat_loop *loop)
{
	(void)ctx;
	(void)loop;
	leat_await(own_io, NULL);
	return NULL;
}

static void run_one_that_waits_for_itself(void)
{
	open_world();
	own_io = leat_fiber_at(w.loop, NULL, wait_for_itself, leat_ctx_none(), "the snake");
	world_run(&w);
}

START_TEST(one_that_waits_for_itself_aborts_and_is_named)
{
	expect_dies(run_one_that_waits_for_itself, "waits for itself", "the snake");
}
END_TEST

SUITE("fiber", it_begins_from_the_queue_and_gives_what_its_function_gave, null_is_success_with_nothing,
	an_io_that_it_gives_is_adopted, its_failure_is_its_ios, an_await_parks_it_and_the_loop_goes_on,
	what_it_waits_for_may_be_of_any_type, a_value_that_reached_it_is_delivered,
	a_fiber_that_never_has_to_wait_lets_others_have_a_turn, yielding_fibers_take_turns,
	fibers_wait_for_fibers, one_that_gives_the_next_for_ever_needs_one_stack, stacks_are_used_again,
	it_keeps_its_own_rounding_of_floats, an_owned_context_lives_until_the_outcome_is_there,
	a_moved_context_is_the_fibers, in_a_callback_it_is_nested_while_fibers_are_parked,
	in_a_destructor_that_a_fibers_cancel_runs_it_is_nested,
	a_callback_of_another_loop_that_it_awaits_cannot_park_it,
	nor_can_an_event_of_its_base, nothing_else_runs_inside_it,
	a_stack_too_small_is_invalid, a_stack_too_large_is_no_memory,
	without_address_space_it_is_no_memory_on_the_io, options_of_an_older_program_are_shorter,
	one_that_waits_for_itself_aborts_and_is_named)

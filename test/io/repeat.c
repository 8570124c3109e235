/* SPDX-License-Identifier: ISC */
/* repeat - again while the answer is not 0 */
#include "support/small.h"
#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

struct counting {
	leat_loop *loop;
	size_t left, ran;
};

static leat_io *count_down(void *ctx, leat_result *result)
{
	struct counting *c = ctx;

	(void)result;
	thing_moment();
	c->ran++;
	return leat_io_int(c->loop, c->left-- > 1);
}

START_TEST(it_goes_on_while_the_answer_is_not_0)
{
	struct world w;
	struct counting c;
	leat_io *io;

	world_open(&w);
	c = (struct counting){ .loop = w.loop, .left = 5 };
	io = leat_io_repeat(w.loop, count_down, leat_ctx_borrow(&c));
	world_run(&w);
	expect_size(c.ran, 5);
	expect_int(settled_int(io), 0);
	world_close(&w);
}
END_TEST

START_TEST(no_step_runs_inside_the_call)
{
	struct world w;

	world_open(&w);
	leat_io_cancel(leat_io_repeat(w.loop, never, leat_ctx_none()));
	world_run(&w);
	world_close(&w);
}
END_TEST

static leat_io *end_with(void *io, leat_result *result)
{
	expect_true(leat_result_ok(result));
	expect_null(result->type);
	return io;
}

START_TEST(any_other_success_ends_it_with_its_value)
{
	struct world w;
	leat_result result;
	leat_io *io;

	world_open(&w);
	io = leat_io_ptr(w.loop, thing(""), &thing_type);
	io = leat_io_repeat(w.loop, end_with, leat_ctx_borrow(io));
	world_run(&w);
	expect_true(leat_io_try(io, &result));
	thing_take(leat_result_ptr(&result, &thing_type));
	io = leat_io_repeat(w.loop, end_with, leat_ctx_none());
	world_run(&w);
	expect_ok(settled(io));
	world_close(&w);
}
END_TEST

START_TEST(a_failure_fails_it)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	io = leat_io_repeat(w.loop, end_with, leat_ctx_borrow(failed(w.loop, LEAT_RESET)));
	world_run(&w);
	expect_settled(io, LEAT_RESET);
	world_close(&w);
}
END_TEST

static leat_maker step_maker;

static leat_io *wait_for_it(void *text, leat_result *result)
{
	tape_add(text);
	return pending(leat_result_loop(result), &step_maker);
}

START_TEST(a_step_may_take_its_time)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_repeat(w.loop, wait_for_it, thing_owned("s"));
	world_run(&w);
	tape_expect("s");
	leat_resolve_int(step_maker, 1);
	world_run(&w);
	tape_expect("s");
	leat_resolve_int(step_maker, 0);
	world_run(&w);
	tape_expect("~s");
	expect_int(settled_int(io), 0);
	world_close(&w);
}
END_TEST

START_TEST(cancelling_it_cancels_the_step_that_runs)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_repeat(w.loop, wait_for_it, thing_owned("s"));
	world_run(&w);
	leat_io_cancel(io);
	tape_expect("s ~s");
	expect_false(leat_maker_live(step_maker));
	world_close(&w);
}
END_TEST

static leat_io *cancel_whole(void *root, leat_result *result)
{
	leat_io **io = root;

	leat_io_cancel(*io);
	return leat_io_int(leat_result_loop(result), 1);
}

START_TEST(a_step_may_cancel_it)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	io = leat_io_repeat(w.loop, cancel_whole, leat_ctx_borrow(&io));
	world_run(&w);
	expect_size(world_stats(&w).ios_live, 0);
	world_close(&w);
}
END_TEST

static leat_io *take_ctx(void *ctx, leat_result *result)
{
	(void)result;
	thing_take(ctx);
	return NULL;
}

START_TEST(a_moved_context_belongs_to_its_first_step)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_repeat(w.loop, take_ctx, thing_moved("a"));
	world_run(&w);
	expect_ok(settled(io));
	leat_io_cancel(leat_io_repeat(w.loop, never, thing_moved("b")));
	tape_expect("~b");
	expect_no_things();
	world_close(&w);
}
END_TEST

START_TEST(ten_million_steps_need_constant_memory)
{
	struct world w;
	struct counting c;
	size_t bytes, calls;
	leat_io *io;

	world_open(&w);
	c = (struct counting){ .loop = w.loop, .left = many(10000000) };
	bytes = world_stats(&w).memory_bytes;
	calls = w.oom.calls;
	io = leat_io_repeat(w.loop, count_down, leat_ctx_borrow(&c));
	world_run(&w);
	expect_int(settled_int(io), 0);
	expect_size(c.ran, many(10000000));
	ck_assert_uint_le(world_stats(&w).memory_bytes, bytes + (1 << 20));
	ck_assert_uint_le(w.oom.calls, calls + 4);
	world_close(&w);
}
END_TEST

static leat_io *count_down_late(void *ctx, leat_result *result)
{
	struct counting *c = ctx;

	(void)result;
	c->ran++;
	return leat_io_then(leat_sleep(c->loop, 0), count_down, leat_ctx_borrow(c));
}

static const char *long_late(void)
{
	struct world w;
	struct counting c;
	size_t bytes;
	leat_io *io;
	leat_result result;

	if (!world_try(&w, 0, 0))
		return "no world";
	c = (struct counting){ .loop = w.loop, .left = many(1000000) };
	bytes = world_stats(&w).memory_bytes;
	io = leat_io_repeat(w.loop, count_down_late, leat_ctx_borrow(&c));
	world_run(&w);
	if (!leat_io_try(io, &result))
		return "it did not end";
	if (world_stats(&w).memory_bytes > bytes + (1 << 20))
		return "it grew";
	leat_loop_free(w.loop);
	event_base_free(w.base);
	return c.ran == 2 * many(1000000) ? NULL : "not every step ran once";
}

START_TEST(a_million_steps_that_wait_need_a_small_stack)
{
	on_a_small_stack(long_late);
}
END_TEST

SUITE("repeat",
	it_goes_on_while_the_answer_is_not_0,
	no_step_runs_inside_the_call,
	any_other_success_ends_it_with_its_value,
	a_failure_fails_it,
	a_step_may_take_its_time,
	cancelling_it_cancels_the_step_that_runs,
	a_step_may_cancel_it,
	a_moved_context_belongs_to_its_first_step,
	ten_million_steps_need_constant_memory,
	a_million_steps_that_wait_need_a_small_stack)

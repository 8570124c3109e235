/* SPDX-License-Identifier: ISC */
/* channel_nomem - what was there before a failure is there after it */
#include "support/starve.h"

#include "kit/ends.h" /* last: its world has a short name */

/* ---- failures ---- */

START_TEST(bytes_before_a_failure_are_still_there)
{
	begin();
	feed("one\ntwo");
	expect_gives(leat_channel_line(near, 10), "[one]");
	leat_flow_abort(far);
	world_run(&w);
	expect_gives(leat_channel_line(near, 10), "reset");
	expect_gives(leat_channel_exactly(near, 4), "reset");
	expect_gives(leat_channel_exactly(near, 3), "[two]");
	expect_gives(leat_channel_exactly(near, 3), "reset");
	finish();
}
END_TEST

START_TEST(a_stillborn_flow_fails_it_with_its_reason)
{
	world_open(&w);
	near = leat_channel_new(leat_flow_stillborn(w.loop, leat_error_core(LEAT_DENIED)));
	expect_gives(leat_channel_line(near, 10), "denied");
	leat_channel_put(near, "x", 1);
	expect_kind(why(leat_channel_flush(near)), LEAT_DENIED);
	leat_channel_free(near);
	world_close(&w);
}
END_TEST

static bool starved;

static void *starved_alloc(void *ctx, size_t bytes)
{
	(void)ctx;
	return starved ? NULL : malloc(bytes);
}

static void starved_release(void *ctx, void *memory)
{
	(void)ctx;
	free(memory);
}

static const leat_memory starved_memory = {
	.size = sizeof(leat_memory), .alloc = starved_alloc, .release = starved_release
};

/* Nothing is left in stock for a record. */
static leat_channel *channel_without_memory(leat_loop *loop, leat_flow *flow)
{
	leat_buf *all[1000];
	leat_channel *channel;
	size_t n = 0;

	starved = true;
	while (!leat_buf_failed(all[n] = leat_buf_new(loop, 400)))
		expect(++n < 1000);
	channel = leat_channel_new(flow);
	while (n > 0)
		leat_buf_unref(all[--n]);
	starved = false;
	return channel;
}

START_TEST(without_memory_it_is_stillborn)
{
	leat_loop *loop = leat_loop_new(NULL, &(leat_loop_options){ .size = sizeof(leat_loop_options),
		.memory = &starved_memory });
	leat_flow *flow = leat_flow_null(loop);
	leat_channel *channel = channel_without_memory(loop, flow);
	size_t bytes;

	expect_kind(settled(leat_channel_line(channel, 9)), LEAT_NOMEM);
	leat_channel_put(channel, "x", 1);
	leat_channel_printf(channel, "%d", 1);
	leat_channel_set_put_limit(channel, 9);
	expect_kind(settled(leat_channel_flush(channel)), LEAT_NOMEM);
	expect_null(leat_channel_try_line(channel, 9));
	expect_size(leat_channel_buffered(channel), 0);
	expect_size((leat_channel_peek(channel, &bytes), bytes), 0);
	expect_size(leat_channel_consume(channel, 1), 0);
	expect_size(leat_channel_room(channel), 0);
	expect_false(leat_channel_cut_short(channel));
	expect_ptr(leat_channel_flow(channel), flow);
	leat_channel_free(channel);
	leat_loop_free(loop);
}
END_TEST

/* Both go on until nothing is left to run; either may fail. */
static void both(struct world *world, leat_io *one, leat_io *other)
{
	world_run(world);
	leat_io_cancel(one);
	leat_io_cancel(other);
}

static void use_all(struct world *world)
{
	open_on(world->loop);
	leat_channel_printf(near, "%s\n", "out");
	both(world, leat_channel_flush(near), leat_flow_write(far, "li", 2));
	for (int i = 0; i < 3; i++)
		both(world, leat_channel_line(near, 10), leat_flow_write(far, "ne\nx", 4));
	both(world, leat_channel_ensure(near, 3), NULL);
	both(world, leat_frame_receive(near, NULL), NULL);
	both(world, leat_frame_send(near, NULL, "frame", 5), leat_channel_drop_line(near));
	leat_buf_unref(leat_channel_try_line(near, 100));
	close_ends();
	world_run(world);
}

START_TEST(any_allocation_may_fail)
{
	starve(use_all);
}
END_TEST

enum { PART = 40000, PARTS = 4 };

/* Large enough to be in no stock, so that each join asks for memory. */
static void feed_parts(struct world *world)
{
	static char part[PART];

	for (int i = 0; i < PARTS; i++) {
		memset(part, 'a' + i, PART);
		both(world, leat_flow_write(far, part, PART), NULL);
	}
}

/* Gives whether it failed; else all of it came, in order. */
static bool read_parts(struct world *world)
{
	leat_io *io = leat_channel_exactly(near, PARTS * PART);
	leat_result result;
	leat_buf *buf;

	feed_parts(world);
	if (!leat_io_try(io, &result)) {
		leat_io_cancel(io);
		return true;
	}
	if (!leat_result_ok(&result))
		return true;
	buf = leat_result_buf(&result);
	expect_size(leat_buf_size(buf), PARTS * PART);
	for (size_t i = 0; i < PARTS * PART; i++)
		expect(((const char *)leat_buf_data(buf))[i] == (char)('a' + i / PART));
	leat_buf_unref(buf);
	return false;
}

START_TEST(without_memory_to_join_nothing_is_lost)
{
	bool failed = true;

	for (size_t nth = 1; failed && nth < 100; nth++) {
		leat_buf *buf;
		leat_io *io;

		begin();
		w.oom.fail_at = w.oom.calls + nth;
		failed = read_parts(&w);
		if (failed) {
			leat_flow_info info = { .size = sizeof info };
			leat_result result;

			io = leat_channel_exactly(near, PARTS * PART);
			feed_end();
			expect_true(leat_io_try(io, &result));
			expect_true(leat_result_ok(&result));
			buf = leat_result_buf(&result);
			for (size_t i = 1; i < leat_buf_size(buf); i++)
				expect(((const char *)leat_buf_data(buf))[i] >= ((const char *)leat_buf_data(buf))[i - 1]);
			leat_flow_info_get(far, &info);
			ck_assert_msg(leat_buf_size(buf) == info.written_bytes, "%zu bytes of %zu, call %zu failing",
				leat_buf_size(buf), (size_t)info.written_bytes, nth);
			leat_buf_unref(buf);
		}
		finish();
	}
	expect_false(failed);
}
END_TEST

SUITE("channel_nomem",
	bytes_before_a_failure_are_still_there,
	a_stillborn_flow_fails_it_with_its_reason,
	without_memory_it_is_stillborn,
	any_allocation_may_fail,
	without_memory_to_join_nothing_is_lost)

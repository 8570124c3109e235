/* SPDX-License-Identifier: ISC */
/* channel - runs, integers, cutters; and the flow that is given back */
#include "kit/ends.h"

/* ---- so many bytes ---- */

START_TEST(exactly_waits_for_all_of_it)
{
	leat_io *io;

	begin();
	io = leat_channel_exactly(near, 6);
	feed("abc");
	expect_str(outcome(&io), "pending");
	feed("defgh");
	expect_str(outcome(&io), "[abcdef]");
	expect_gives(leat_channel_exactly(near, 0), "[]");
	feed_end();
	expect_gives(leat_channel_exactly(near, SIZE_MAX), "[gh]");
	expect_true(leat_channel_cut_short(near));
	expect_gives(leat_channel_exactly(near, 2), "END");
	finish();
}
END_TEST

START_TEST(a_large_run_in_many_pieces_is_whole)
{
	enum { BYTES = 100000 };
	static char text[BYTES];
	leat_result result;
	leat_buf *buf;
	leat_io *io;

	world_open(&w);
	for (size_t i = 0; i < BYTES; i++)
		text[i] = (char)(i * 7 + i / 251);
	near = source_channel((struct source){ .text = text, .bytes = BYTES, .seed = 5, .most = 3000 });
	io = leat_channel_exactly(near, BYTES - 1);
	world_run(&w);
	expect_true(leat_io_try(io, &result));
	buf = leat_result_buf(&result);
	expect_size(leat_buf_size(buf), BYTES - 1);
	expect_mem(leat_buf_data(buf), text, BYTES - 1);
	leat_buf_unref(buf);
	leat_channel_free(near);
	world_close(&w);
}
END_TEST

START_TEST(a_value_keeps_while_more_is_read)
{
	leat_io *io;
	leat_buf *first;

	begin();
	feed("on");
	io = leat_channel_line(near, 10);
	feed("e\ntw");
	world_run(&w);
	first = leat_await_buf(io, NULL);
	io = leat_channel_line(near, 10);
	feed("o\nthree\n");
	expect_str(outcome(&io), "[two]");
	expect_gives(leat_channel_line(near, 10), "[three]");
	expect_bytes(leat_buf_data(first), leat_buf_size(first), "one");
	leat_buf_unref(first);
	finish();
}
END_TEST

START_TEST(read_gives_what_is_there)
{
	leat_io *io;

	begin();
	feed("line\nrest");
	expect_gives(leat_channel_line(near, 10), "[line]");
	expect_gives(leat_channel_read(near), "[rest]");
	io = leat_channel_read(near);
	expect_str(outcome(&io), "pending");
	feed("more");
	expect_str(outcome(&io), "[more]");
	feed_end();
	expect_gives(leat_channel_read(near), "END");
	finish();
}
END_TEST

START_TEST(ensured_bytes_stand_together_and_stay)
{
	leat_io *io;
	size_t bytes;

	begin();
	expect_size((leat_channel_peek(near, &bytes), bytes), 0);
	io = leat_channel_ensure(near, 6);
	feed("abc");
	feed("defgh");
	expect_int(number(io), 6);
	expect_mem(leat_channel_peek(near, &bytes), "abcdef", 6);
	expect(bytes >= 6);
	expect_size(leat_channel_consume(near, 4), 4);
	expect_gives(leat_channel_exactly(near, 3), "[efg]");
	feed_end();
	expect_int(number(leat_channel_ensure(near, 5)), 1);
	expect_size(leat_channel_consume(near, 5), 1);
	expect_int(number(leat_channel_ensure(near, 5)), 0);
	finish();
}
END_TEST

START_TEST(integers_are_read_in_both_orders)
{
	leat_io *io;

	begin();
	say_bytes("\x01\x02\x03\x04\x01\x02\x03\x04\xff\xff\xff\xff\xff\xff\xff\xfe\x80\x11", 18);
	expect_int(number(leat_channel_be(near, 4)), 0x01020304);
	expect_int(number(leat_channel_le(near, 4)), 0x04030201);
	expect_int(number(leat_channel_be(near, 8)), -2);
	expect_int(number(leat_channel_le(near, 1)), 0x80);
	io = leat_channel_be(near, 3);
	say_bytes("\x22", 1);
	expect_str((is_pending(io) ? "pending" : "settled"), "pending");
	say_bytes("\x33", 1);
	expect_int(number(io), 0x112233);
	expect_kind(why(leat_channel_be(near, 0)), LEAT_INVALID);
	expect_kind(why(leat_channel_le(near, 9)), LEAT_INVALID);
	say_bytes("\x44", 1);
	feed_end();
	expect_kind(why(leat_channel_be(near, 2)), LEAT_TRUNCATED);
	expect_int(number(leat_channel_be(near, 1)), 0x44);
	finish();
}
END_TEST

static leat_error greedy_cutter(const void *ctx, const void *data, size_t bytes, leat_cut *cut)
{
	(void)data;
	*cut = *(const leat_cut *)ctx;
	if (cut->need == SIZE_MAX)
		cut->need = bytes;
	return (leat_error){ 0 };
}

START_TEST(a_cutter_of_your_own_cuts)
{
	world_open(&w);
	for (size_t i = 0; i < 12; i++) {
		near = source_channel((struct source){ .text = "3abc02deX1", .bytes = 10, .cuts = { i, i + 1 } });
		expect_gives(leat_channel_cut(near, digit_cutter, NULL), "[abc]");
		expect_gives(leat_channel_cut(near, digit_cutter, NULL), "[]");
		expect_gives(leat_channel_cut(near, digit_cutter, NULL), "[de]");
		expect_gives(leat_channel_cut(near, digit_cutter, NULL), "protocol");
		expect_gives(leat_channel_exactly(near, 1), "[X]");
		expect_gives(leat_channel_cut(near, digit_cutter, NULL), "truncated");
		expect_gives(leat_channel_exactly(near, 1), "[1]");
		expect_gives(leat_channel_cut(near, digit_cutter, NULL), "END");
		leat_channel_free(near);
	}
	world_close(&w);
}
END_TEST

START_TEST(a_cut_without_sense_is_invalid)
{
	static const leat_cut cuts[] = {
		{ .used = 0 }, { .used = 4 }, { .used = 2, .from = 3 }, { .used = 2, .bytes = 3 },
		{ .used = 2, .from = 1, .bytes = SIZE_MAX }, { .need = SIZE_MAX },
	};

	begin();
	feed("abc");
	for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++)
		expect_gives(leat_channel_cut(near, greedy_cutter, &cuts[i]), "invalid");
	expect_gives(leat_channel_read(near), "[abc]");
	finish();
}
END_TEST

START_TEST(one_read_at_a_time)
{
	leat_io *io;

	begin();
	io = leat_channel_line(near, 10);
	expect_gives(leat_channel_read(near), "busy");
	feed("one\ntwo\n");
	expect_gives(leat_channel_read(near), "busy");
	expect_str(outcome(&io), "[one]");
	expect_gives(leat_channel_line(near, 10), "[two]");
	finish();
}
END_TEST

/* ---- giving the flow back ---- */

START_TEST(the_flow_comes_back_with_what_was_not_consumed)
{
	leat_flow *flow;
	char rest[14] = "";
	leat_io *io;

	begin();
	feed("one\ntw");
	expect_gives(leat_channel_line(near, 10), "[one]");
	io = leat_channel_line(near, 10);
	feed("o three");
	expect_str((is_pending(io) ? "pending" : ""), "pending");
	flow = leat_channel_leave(near);
	expect_kind(why(io), LEAT_CLOSED);
	feed(" four");
	io = leat_flow_read_into(flow, rest, 14, 14);
	expect_int(number(io), 14);
	expect_mem(rest, "two three four", 14);
	leat_flow_unref(flow);
	near = NULL;
	finish();
}
END_TEST

static leat_flow *left;

static void leave_here(void *ctx)
{
	(void)ctx;
	left = leat_channel_leave(near);
	near = NULL;
}

static leat_io *cancel_here(void *io, leat_result *result)
{
	leat_buf_unref(leat_result_buf(result));
	leat_io_cancel(io);
	return NULL;
}

/* By a destructor inside a cancel, in the turn in which more has come: before it for
 * the channel. */
START_TEST(it_comes_back_in_order_wherever_it_is_left)
{
	leat_flow *ends[2];
	leat_io *io, *line;

	begin();
	leat_flow_pair(w.loop, ends);
	feed("AB");
	line = leat_channel_line(near, 10);
	world_run(&w);
	io = leat_io_attach(leat_sleep(w.loop, 1000), leat_ctx_own(near, leave_here));
	leat_io_detach(leat_io_then(leat_flow_read(ends[0]), cancel_here, leat_ctx_borrow(io)));
	leat_io_detach(leat_flow_write(ends[1], "x", 1));
	leat_io_detach(leat_flow_write(far, "CD", 2));
	world_run(&w);
	expect_kind(why(line), LEAT_CLOSED);
	expect_gives(leat_flow_read(left), "[AB]");
	expect_gives(leat_flow_read(left), "[CD]");
	feed("EF");
	expect_gives(leat_flow_read(left), "[EF]");
	leat_flow_unref(left);
	for (int i = 0; i < 2; i++)
		leat_flow_unref(ends[i]);
	finish();
}
END_TEST

START_TEST(a_value_on_its_way_counts_as_consumed)
{
	leat_flow *flow;
	leat_io *io;

	begin();
	feed("one\ntwo");
	io = leat_channel_line(near, 10);
	world_run(&w);
	flow = leat_channel_leave(near);
	expect_str(outcome(&io), "[one]");
	io = leat_flow_read(flow);
	expect_str(outcome(&io), "[two]");
	leat_flow_unref(flow);
	near = NULL;
	finish();
}
END_TEST

static leat_io *on_its_way;

static void cancel_and_leave_here(void *ctx)
{
	leat_io_cancel(on_its_way);
	leave_here(ctx);
}

/* In whatever order, and inside a destructor. */
START_TEST(a_value_on_its_way_that_is_cancelled_comes_back_too)
{
	char both[8] = "";
	leat_io *io;

	begin();
	feed("one\ntwo");
	on_its_way = leat_channel_line(near, 10);
	world_run(&w);
	if (_i == 0) {
		cancel_and_leave_here(NULL);
	} else if (_i == 1) {
		leave_here(NULL);
		leat_io_cancel(on_its_way);
	} else {
		leat_io_cancel(leat_io_attach(leat_sleep(w.loop, 1000), leat_ctx_own(near, cancel_and_leave_here)));
	}
	io = leat_flow_read_into(left, both, 7, 7);
	expect_int(number(io), 7);
	expect_mem(both, "one\ntwo", 7);
	leat_flow_unref(left);
	finish();
}
END_TEST

static leat_io *free_here(void *ctx, leat_result *result)
{
	(void)ctx;
	leat_channel_free(near);
	near = NULL;
	return leat_result_pass(result);
}

START_TEST(it_may_be_freed_in_the_callback_of_its_own_read)
{
	leat_io *io;

	begin();
	io = leat_io_then(leat_channel_line(near, 10), free_here, leat_ctx_none());
	feed("one\ntwo\n");
	expect_str(outcome(&io), "[one]");
	finish();
}
END_TEST

static void free_near(void *ctx)
{
	(void)ctx;
	leat_channel_free(near);
	near = NULL;
}

static bool gave_wrapped;

static void wrapped_read(leat_flow *self, void *state)
{
	(void)state;
	if (!gave_wrapped)
		leat_flow_give(self, leat_buf_wrap(leat_flow_loop(self), "no line", 7, free_near, NULL));
	gave_wrapped = true;
}

static const leat_flow_ops wrapped_ops = {
	.size = sizeof(leat_flow_ops), .name = "wrapped", .directions = LEAT_READ, .read = wrapped_read
};

START_TEST(it_may_be_freed_when_a_buf_is)
{
	void *state;
	leat_io *io;

	world_open(&w);
	gave_wrapped = false;
	near = leat_channel_new(leat_flow_new(w.loop, &wrapped_ops, &state));
	io = leat_channel_drop_line(near);
	expect_kind(why(io), LEAT_CLOSED);
	expect_null(near);
	world_close(&w);
}
END_TEST

START_TEST(it_may_outlive_its_loop)
{
	leat_io *io, *late;

	begin();
	feed("one\ntwo");
	expect_gives(leat_channel_line(near, 10), "[one]");
	leat_channel_put(near, "x", 1);
	io = leat_io_catch(leat_channel_line(near, 10), leat_match_all(), say_kind, leat_ctx_none());
	world_run(&w);
	leat_io_detach(io);
	leat_loop_free(w.loop);
	expect(strcmp(tape_text, "closed") == 0 || strcmp(tape_text, "cancelled") == 0);
	tape_clear();
	late = leat_channel_line(near, 10);
	leat_io_cancel(late);
	leat_io_cancel(leat_channel_flush(near));
	close_ends();
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

/* ---- in a fiber ---- */

static leat_io *talk(void *ctx, leat_loop *loop)
{
	leat_error error;
	leat_buf *line;
	int lines = 0;

	(void)ctx;
	while ((line = leat_await_buf(leat_channel_line(near, 10), &error))) {
		leat_channel_printf(near, "%d:", ++lines);
		leat_channel_put(near, leat_buf_data(line), leat_buf_size(line));
		leat_buf_unref(line);
		expect_true(leat_await(leat_channel_flush(near), NULL));
	}
	expect_ok(error);
	return leat_io_int(loop, lines);
}

START_TEST(a_fiber_reads_it_straight_down)
{
	leat_io *io;

	begin();
	io = leat_fiber(w.loop, talk, leat_ctx_none());
	feed("a\nb");
	feed("c\nlast");
	feed_end();
	expect_int(number(io), 3);
	expect_heard("[1:a]");
	expect_heard("[2:bc]");
	expect_heard("[3:last]");
	finish();
}
END_TEST

SUITE("channel",
	exactly_waits_for_all_of_it,
	a_large_run_in_many_pieces_is_whole,
	a_value_keeps_while_more_is_read,
	read_gives_what_is_there,
	ensured_bytes_stand_together_and_stay,
	integers_are_read_in_both_orders,
	a_cutter_of_your_own_cuts,
	a_cut_without_sense_is_invalid,
	one_read_at_a_time,
	the_flow_comes_back_with_what_was_not_consumed,
	it_comes_back_in_order_wherever_it_is_left,
	a_value_on_its_way_counts_as_consumed,
	EACH(a_value_on_its_way_that_is_cancelled_comes_back_too, 3),
	it_may_be_freed_in_the_callback_of_its_own_read,
	it_may_be_freed_when_a_buf_is,
	it_may_outlive_its_loop,
	a_fiber_reads_it_straight_down)

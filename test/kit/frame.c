/* SPDX-License-Identifier: ISC */
/* frame - every length in every width, and none believed above the limit */
#include <stdio.h>

#include <leat/leat.h>

#include "support/suite.h"
#include "support/world.h"

#define FORMAT(...) (&(const leat_frame_format){ .size = sizeof(leat_frame_format), __VA_ARGS__ })

static struct world w;
static leat_channel *near, *far;

static void begin(void)
{
	leat_flow *ends[2];

	world_open(&w);
	leat_flow_pair(w.loop, ends);
	near = leat_channel_new(ends[0]);
	far = leat_channel_new(ends[1]);
}

static void finish(void)
{
	leat_channel_free(near);
	leat_channel_free(far);
	world_close(&w);
}

static void feed(const char *bytes, size_t n)
{
	leat_channel_put(far, bytes, n);
	leat_io_detach(leat_channel_flush(far));
	world_run(&w);
}

static void feed_end(void)
{
	leat_io_detach(leat_flow_shutdown(leat_channel_flow(far), LEAT_WRITE));
	world_run(&w);
}

static const char *receive(const leat_frame_format *format)
{
	static char words[64];
	leat_result result;
	leat_buf *buf;
	leat_io *io = leat_frame_receive(near, format);

	world_run(&w);
	if (!leat_io_try(io, &result)) {
		leat_io_cancel(io);
		return "pending";
	}
	if (!leat_result_ok(&result))
		return leat_kind_name(leat_error_kind(leat_result_error(&result)));
	buf = leat_result_buf(&result);
	if (!buf)
		return "END";
	if (leat_buf_size(buf) > 32)
		snprintf(words, sizeof words, "[%zu bytes]", leat_buf_size(buf));
	else
		snprintf(words, sizeof words, "[%.*s]", (int)leat_buf_size(buf), (const char *)leat_buf_data(buf));
	leat_buf_unref(buf);
	return words;
}

static leat_error send_frame(const leat_frame_format *format, const void *data, size_t bytes)
{
	leat_result result;
	leat_io *io = leat_frame_send(far, format, data, bytes);
	leat_error error = { 0 };

	world_run(&w);
	expect_true(leat_io_try(io, &result));
	error = leat_result_error(&result);
	leat_result_clear(&result);
	return error;
}

static const leat_frame_format formats[] = {
	{ .size = sizeof(leat_frame_format), .width = 1 },
	{ .size = sizeof(leat_frame_format), .width = 2 },
	{ .size = sizeof(leat_frame_format), .width = 2, .little = true },
	{ .size = sizeof(leat_frame_format), .width = 4 },
	{ .size = sizeof(leat_frame_format), .width = 4, .little = true },
	{ .size = sizeof(leat_frame_format), .width = 8 },
	{ .size = sizeof(leat_frame_format), .width = 8, .little = true },
	{ .size = sizeof(leat_frame_format) },
};
enum { FORMATS = sizeof formats / sizeof *formats };

START_TEST(what_is_sent_is_received)
{
	const leat_frame_format *format = &formats[_i];
	char many[255] = "";

	begin();
	expect_ok(send_frame(format, "hello", 5));
	expect_ok(send_frame(format, NULL, 0));
	expect_ok(send_frame(format, many, sizeof many));
	expect_str(receive(format), "[hello]");
	expect_str(receive(format), "[]");
	expect_str(receive(format), "[255 bytes]");
	expect_str(receive(format), "pending");
	feed_end();
	expect_str(receive(format), "END");
	expect_str(receive(format), "END");
	finish();
}
END_TEST

START_TEST(the_bytes_are_those_of_the_format)
{
	leat_io *io;
	leat_result result;
	leat_buf *buf;

	begin();
	leat_frame_put(far, FORMAT(.width = 2), "a", 1);
	leat_frame_put(far, FORMAT(.width = 2, .little = true), "b", 1);
	leat_frame_put(far, NULL, "c", 1);
	leat_frame_put(far, FORMAT(.width = 8), "d", 1);
	leat_io_detach(leat_channel_flush(far));
	io = leat_channel_exactly(near, 20);
	world_run(&w);
	expect_true(leat_io_try(io, &result));
	buf = leat_result_buf(&result);
	expect_mem(leat_buf_data(buf), "\0\1a\1\0b\0\0\0\1c\0\0\0\0\0\0\0\1d", 20);
	leat_buf_unref(buf);
	finish();
}
END_TEST

START_TEST(messages_may_be_cut_anywhere)
{
	static const char bytes[] = "\0\3abc\0\0\0\1d";

	for (size_t i = 0; i < sizeof bytes; i++) {
		begin();
		feed(bytes, i);
		leat_io_cancel(leat_frame_receive(near, FORMAT(.width = 2)));
		expect_str(i < 5 ? receive(FORMAT(.width = 2)) : "pending", "pending");
		feed(bytes + i, sizeof bytes - 1 - i);
		expect_str(receive(FORMAT(.width = 2)), "[abc]");
		expect_str(receive(FORMAT(.width = 2)), "[]");
		expect_str(receive(FORMAT(.width = 2)), "[d]");
		finish();
	}
}
END_TEST

/* A length that is a lie, in 8 bytes. */
static void lie(uint64_t length)
{
	leat_loop_stats before;

	begin();
	before = world_stats(&w);
	leat_channel_put_be(far, length, 8);
	leat_io_detach(leat_channel_flush(far));
	expect_str(receive(FORMAT(.width = 8, .max_bytes = 100)), "limit");
	expect_str(receive(FORMAT(.width = 8, .max_bytes = 100)), "limit");
	expect_size(leat_channel_buffered(near), 8);
	expect(world_stats(&w).memory_bytes < before.memory_bytes + 65536);
	finish();
}

START_TEST(a_length_above_the_limit_is_refused_before_memory_is_taken)
{
	static const uint64_t lengths[] = {
		101, 1u << 31, UINT32_MAX, UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_MAX - 8, UINT64_MAX - 7, UINT64_MAX,
	};

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
		lie(lengths[i]);
}
END_TEST

/* Allowed, for who allows it; and nothing is taken before it is there. */
START_TEST(a_length_is_not_memory)
{
	size_t bytes;

	begin();
	leat_channel_put_be(far, SIZE_MAX - 8, 8);
	leat_channel_put(far, "abc", 3);
	leat_io_detach(leat_channel_flush(far));
	expect_str(receive(FORMAT(.width = 8, .max_bytes = SIZE_MAX)), "pending");
	bytes = world_stats(&w).memory_bytes;
	expect(bytes < 1 << 20);
	feed_end();
	expect_str(receive(FORMAT(.width = 8, .max_bytes = SIZE_MAX)), "truncated");
	expect_size(leat_channel_buffered(near), 11);
	finish();
}
END_TEST

START_TEST(the_limit_itself_is_allowed)
{
	begin();
	expect_ok(send_frame(FORMAT(.max_bytes = 5), "12345", 5));
	expect_str(receive(FORMAT(.max_bytes = 4)), "limit");
	expect_str(receive(FORMAT(.max_bytes = 5)), "[12345]");
	expect_kind(send_frame(FORMAT(.max_bytes = 5), "123456", 6), LEAT_LIMIT);
	expect_str(receive(FORMAT(.max_bytes = 5)), "pending");
	finish();
}
END_TEST

START_TEST(a_message_must_fit_its_width)
{
	static char many[70000];

	begin();
	expect_kind(send_frame(FORMAT(.width = 1), many, 256), LEAT_LIMIT);
	expect_kind(send_frame(FORMAT(.width = 2), many, 65536), LEAT_LIMIT);
	expect_kind(send_frame(FORMAT(.width = 3), many, 1), LEAT_INVALID);
	expect_str(receive(FORMAT(.width = 3)), "invalid");
	expect_ok(send_frame(FORMAT(.width = 1), many, 255));
	expect_str(receive(FORMAT(.width = 1)), "[255 bytes]");
	finish();
}
END_TEST

START_TEST(the_end_inside_a_message_is_told)
{
	for (size_t i = 1; i < 5; i++) {
		begin();
		feed("\0\3abc", i);
		feed_end();
		expect_str(receive(FORMAT(.width = 2)), "truncated");
		expect_str(receive(FORMAT(.width = 2)), "truncated");
		expect_size(leat_channel_buffered(near), i);
		finish();
	}
}
END_TEST

START_TEST(frames_and_lines_share_a_channel)
{
	leat_buf *line;

	begin();
	feed("hello\n\0\0\0\2hibye\n", 16);
	expect_str(receive(FORMAT(.max_bytes = 9)), "limit"); /* "hell" */
	line = leat_channel_try_line(near, 9);
	expect_bytes(leat_buf_data(line), leat_buf_size(line), "hello");
	leat_buf_unref(line);
	expect_str(receive(NULL), "[hi]");
	line = leat_channel_try_line(near, 9);
	expect_bytes(leat_buf_data(line), leat_buf_size(line), "bye");
	leat_buf_unref(line);
	finish();
}
END_TEST

START_TEST(a_short_format_means_the_default)
{
	const leat_frame_format old = { .size = offsetof(leat_frame_format, little), .width = 2, .little = true, .max_bytes = 1 };

	begin();
	feed("\0\3abc", 5);
	expect_str(receive(&old), "[abc]");
	finish();
}
END_TEST

SUITE("frame",
	EACH(what_is_sent_is_received, FORMATS),
	the_bytes_are_those_of_the_format,
	messages_may_be_cut_anywhere,
	a_length_above_the_limit_is_refused_before_memory_is_taken,
	a_length_is_not_memory,
	the_limit_itself_is_allowed,
	a_message_must_fit_its_width,
	the_end_inside_a_message_is_told,
	frames_and_lines_share_a_channel,
	a_short_format_means_the_default)

/* SPDX-License-Identifier: ISC */
/* channel_cancel - no byte is lost to a cancel, at whatever moment */
#include "support/sweep.h"

#include "kit/ends.h" /* last: its world has a short name */

/* ---- cancelling ---- */

static const struct read {
	leat_io *(*start)(void);
	const char *text, *gives, *rest;
} reads[] = {
	{ start_line, "line\r\nrest", "[line]", "[rest]" },
	{ start_until, "line\r\nrest", "[line]", "[rest]" },
	{ start_exactly, "line rest", "[line ]", "[rest]" },
	{ start_cut, "4linerest", "[line]", "[rest]" },
	{ start_frame, "\4linerest", "[line]", "[rest]" },
};
enum { READS = sizeof reads / sizeof *reads };

/* `k` bytes arrive, it is cancelled - before it could be delivered, if so -, the
 * others arrive. */
static void cancel_after(const struct read *r, size_t k, bool late)
{
	leat_io *io;

	begin();
	if (late)
		say_bytes(r->text, k);
	io = r->start();
	if (!late)
		say_bytes(r->text, k);
	leat_io_cancel(io);
	io = k % 2 ? NULL : r->start();
	feed(r->text + k);
	if (!io)
		io = r->start();
	expect_str(outcome(&io), r->gives);
	feed_end();
	expect_gives(leat_channel_exactly(near, 100), r->rest);
	finish();
}

START_TEST(a_cancelled_read_loses_nothing)
{
	const struct read *r = &reads[_i];

	for (size_t k = 0; k <= strlen(r->text); k++) {
		cancel_after(r, k, false);
		cancel_after(r, k, true);
	}
}
END_TEST

START_TEST(a_cancelled_read_is_not_cancelled_below)
{
	leat_io *io;

	begin();
	io = leat_channel_line(near, 10);
	world_run(&w);
	leat_io_cancel(io);
	io = leat_flow_read(leat_channel_flow(near));
	expect_str(outcome(&io), "busy");
	feed("kept\n");
	expect_size(leat_channel_buffered(near), 5);
	expect_gives(leat_channel_line(near, 10), "[kept]");
	finish();
}
END_TEST

START_TEST(a_cancelled_integer_is_still_there)
{
	leat_io *io;

	begin();
	feed("\1\2");
	leat_io_cancel(leat_channel_be(near, 2));
	world_run(&w);
	leat_io_cancel(leat_channel_be(near, 2));
	io = leat_channel_be(near, 2);
	expect_int(number(io), 0x102);
	finish();
}
END_TEST

START_TEST(a_timeout_loses_nothing)
{
	leat_io *io;

	begin();
	io = leat_io_timeout(leat_channel_line(near, 10), 100);
	feed("ha");
	world_pass(&w, 100);
	expect_str(outcome(&io), "timeout");
	feed("lf\n");
	expect_gives(leat_channel_line(near, 10), "[half]");
	finish();
}
END_TEST

/* ---- cancelled at every point ---- */

static char seen[100];

static leat_io *saw(void *text, leat_result *result)
{
	size_t used = strlen(seen);
	leat_buf *buf;

	(void)text;
	if (result->type == &leat_int_type) {
		snprintf(seen + used, sizeof seen - used, "%d|", (int)leat_result_int(result));
	} else if ((buf = leat_result_buf(result))) {
		snprintf(seen + used, sizeof seen - used, "%.*s|", (int)leat_buf_size(buf), (const char *)leat_buf_data(buf));
		leat_buf_unref(buf);
	}
	thing_moment();
	return NULL;
}

static leat_io *start_read(void)
{
	return leat_channel_read(near);
}

static leat_io *start_drop(void)
{
	return leat_channel_drop_line(near);
}

static leat_io *start_ensure(void)
{
	return leat_channel_ensure(near, 3);
}

static leat_io *start_be(void)
{
	return leat_channel_be(near, 2);
}

static leat_io *start_le(void)
{
	return leat_channel_le(near, 2);
}

static leat_io *start_twice(struct world *world);
static bool play_text(struct world *world, size_t n);
static void nothing_was_lost(void);
static leat_io *start_flushes(struct world *world);
static leat_io *start_sends(struct world *world);
static bool play_hearing(struct world *world, size_t n);
static void nothing_is_halved(void);

/* Each is read twice; of the text so many bytes are left. */
static const struct row {
	struct sweep_program program;
	leat_io *(*start)(void);
	const char *text;
	size_t bytes, left;
	const char *wanted; /* NULL: does not matter */
} rows[] = {
	{ { "leat_channel_line", start_twice, play_text, nothing_was_lost }, start_line, "on\r\ntwo\n.", 9, 1, "on|two|" },
	{ { "leat_channel_until", start_twice, play_text, nothing_was_lost }, start_until, "a\r\r\nb\r\n.", 8, 1, "a\r|b|" },
	{ { "leat_channel_exactly", start_twice, play_text, nothing_was_lost }, start_exactly, "12345abcde.", 11, 1,
	  "12345|abcde|" },
	{ { "leat_channel_read", start_twice, play_text, nothing_was_lost }, start_read, "123456789", 9, 0, NULL },
	{ { "leat_channel_cut", start_twice, play_text, nothing_was_lost }, start_cut, "2ab1c.", 6, 1, "ab|c|" },
	{ { "leat_frame_receive", start_twice, play_text, nothing_was_lost }, start_frame, "\2ab\1c.", 6, 1, "ab|c|" },
	{ { "leat_channel_drop_line", start_twice, play_text, nothing_was_lost }, start_drop, "abcdefg\nxy\n.", 12, 1, NULL },
	{ { "leat_channel_ensure", start_twice, play_text, nothing_was_lost }, start_ensure, "abcdef", 6, 6, "3|3|" },
	{ { "leat_channel_be", start_twice, play_text, nothing_was_lost }, start_be, "\1\2\3\4.", 5, 1, "258|772|" },
	{ { "leat_channel_le", start_twice, play_text, nothing_was_lost }, start_le, "\1\2\3\4.", 5, 1, "513|1027|" },
	{ { "leat_channel_flush", start_flushes, play_hearing, nothing_is_halved }, NULL, NULL, 0, 0, NULL },
	{ { "leat_frame_send", start_sends, play_hearing, nothing_is_halved }, NULL, NULL, 0, 0, NULL },
};
enum { ROWS = sizeof rows / sizeof *rows };
static const struct row *row;

static leat_io *once_more(void *text, leat_result *result)
{
	(void)text;
	(void)result;
	thing_moment();
	return leat_io_then(row->start(), saw, thing_owned("c2"));
}

static leat_io *start_twice(struct world *world)
{
	leat_io *io;

	seen[0] = '\0';
	open_on(world->loop);
	io = leat_io_then(row->start(), saw, thing_owned("c1"));
	return leat_io_then(io, once_more, thing_owned("c3"));
}

/* Two bytes at a time. */
static bool play_text(struct world *world, size_t n)
{
	size_t at = 2 * n;

	(void)world;
	if (at < row->bytes)
		leat_io_detach(leat_flow_write(far, row->text + at, row->bytes - at < 2 ? 1 : 2));
	return at < row->bytes;
}

static size_t seen_values(void)
{
	size_t n = 0;

	for (const char *at = seen; (at = strchr(at, '|')); at++)
		n++;
	return n;
}

static void run_sweep(void)
{
	while (leat_loop_run_ready(sweep_world->loop) > 0) {
	}
}

static void see_more(void)
{
	leat_io *io = leat_io_then(row->start(), saw, leat_ctx_none());

	run_sweep();
	expect_settled(io, LEAT_NONE);
}

/* What the chain did not see is there, in order. */
static void nothing_was_lost(void)
{
	while (seen_values() < 2 || (row->start == start_read && strlen(seen) - seen_values() < row->bytes))
		see_more();
	if (row->wanted)
		expect_str(seen, row->wanted);
	leat_io_cancel(leat_channel_ensure(near, 1000)); /* what is in the flow comes up */
	run_sweep();
	expect_size(leat_channel_buffered(near), row->left);
	close_ends();
	run_sweep();
}

static leat_io *hearing;
static char heard[100];

static leat_io *took_heard(void *ctx, leat_result *result)
{
	leat_buf *buf = leat_result_buf(result);

	(void)ctx;
	if (buf)
		strncat(heard, leat_buf_data(buf), leat_buf_size(buf));
	leat_buf_unref(buf);
	return leat_io_int(leat_result_loop(result), 1);
}

static leat_io *hear_on(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	return leat_io_then(leat_flow_read(far), took_heard, leat_ctx_none());
}

static void hear_all(struct world *world)
{
	if (!hearing)
		hearing = leat_io_repeat(world->loop, hear_on, leat_ctx_none());
}

static void open_narrow(struct world *world)
{
	leat_flow_limits limits = { .size = sizeof limits, .high_water_bytes = 2 };

	open_on(world->loop);
	expect_ok(leat_flow_set_limits(leat_channel_flow(near), &limits));
	expect_ok(leat_flow_set_limits(far, &limits));
	heard[0] = '\0';
}

static leat_io *flush_second(void *text, leat_result *result)
{
	(void)text;
	(void)result;
	thing_moment();
	leat_channel_printf(near, "\6sec%s", "ond");
	return leat_channel_flush(near);
}

static leat_io *start_flushes(struct world *world)
{
	open_narrow(world);
	leat_channel_put(near, "\5fi", 3);
	leat_channel_put(near, "rst", 3);
	return leat_io_then(leat_channel_flush(near), flush_second, thing_owned("c1"));
}

static leat_io *send_second(void *text, leat_result *result)
{
	leat_frame_format format = { .size = sizeof format, .width = 1 };

	(void)text;
	(void)result;
	thing_moment();
	return leat_frame_send(near, &format, "second", 6);
}

static leat_io *start_sends(struct world *world)
{
	leat_frame_format format = { .size = sizeof format, .width = 1 };

	open_narrow(world);
	return leat_io_then(leat_frame_send(near, &format, "first", 5), send_second, thing_owned("c1"));
}

static bool play_hearing(struct world *world, size_t n)
{
	if (n == 1)
		hear_all(world);
	return n < 3;
}

/* Each batch came whole or not at all, and others come after it. */
static void nothing_is_halved(void)
{
	leat_io *io;

	hear_all(sweep_world);
	run_sweep();
	leat_channel_put(near, "end", 3);
	io = leat_channel_flush(near);
	run_sweep();
	expect_settled(io, LEAT_NONE);
	ck_assert_msg(strcmp(heard, "end") == 0 || strcmp(heard, "\5firstend") == 0 || strcmp(heard, "\5first\6secondend") == 0,
		"heard %s", heard);
	leat_io_cancel(hearing);
	hearing = NULL;
	close_ends();
	run_sweep();
}

START_TEST(cancelled_at_every_point_no_byte_is_lost)
{
	row = &rows[_i];
	sweep(&row->program);
}
END_TEST

SUITE("channel_cancel",
	EACH(a_cancelled_read_loses_nothing, READS),
	a_cancelled_read_is_not_cancelled_below,
	a_cancelled_integer_is_still_there,
	a_timeout_loses_nothing,
	EACH(cancelled_at_every_point_no_byte_is_lost, ROWS))

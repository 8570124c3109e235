/* SPDX-License-Identifier: ISC */
/* channel - the same values however the bytes arrive, and none lost to a cancel */
#include <stdio.h>

#include <leat/leat.h>

#include "support/starve.h"
#include "support/suite.h"
#include "support/sweep.h"

/* `near` is the channel over one end of a pair, `far` the other end. */
static struct world w;
static leat_flow *far;
static leat_channel *near;

static void open_on(leat_loop *loop)
{
	leat_flow *ends[2];

	leat_flow_pair(loop, ends);
	far = ends[0];
	near = leat_channel_new(ends[1]);
}

static void begin(void)
{
	world_open(&w);
	open_on(w.loop);
}

static void close_ends(void)
{
	leat_channel_free(near);
	leat_flow_unref(far);
	near = NULL;
	far = NULL;
}

static void finish(void)
{
	close_ends();
	world_close(&w);
}

static void say_bytes(const char *words, size_t bytes)
{
	leat_io_detach(leat_flow_write(far, words, bytes));
	world_run(&w);
}

static void feed(const char *words)
{
	say_bytes(words, strlen(words));
}

static void feed_end(void)
{
	leat_io_detach(leat_flow_shutdown(far, LEAT_WRITE));
	world_run(&w);
}

/* ---- what came of an io ---- */

static char got[8192];

/* "[value]", "END", the word of an error, or "pending" where it waits still. */
static const char *outcome(leat_io **io)
{
	leat_result result;
	leat_buf *buf;

	world_run(&w);
	if (!leat_io_try(*io, &result))
		return "pending";
	*io = NULL;
	if (!leat_result_ok(&result))
		return leat_kind_name(leat_error_kind(leat_result_error(&result)));
	buf = leat_result_buf(&result);
	if (!buf)
		return "END";
	snprintf(got, sizeof got, "[%.*s]", (int)leat_buf_size(buf), (const char *)leat_buf_data(buf));
	leat_buf_unref(buf);
	return got;
}

#define expect_gives(io, wanted)                     \
	do {                                         \
		leat_io *io_ = (io);                 \
		expect_str(outcome(&io_), wanted);   \
		leat_io_cancel(io_);                 \
	} while (0)

static int64_t number(leat_io *io)
{
	world_run(&w);
	return settled_int(io);
}

static leat_error why(leat_io *io)
{
	world_run(&w);
	return settled(io);
}

/* What is sent arrives at the far end. */
static void expect_heard(const char *words)
{
	leat_io *io = leat_flow_read(far);

	expect_str(outcome(&io), words);
	leat_io_cancel(io);
}

/* ---- a flow that gives one text in pieces ---- */

struct source {
	const char *text;
	size_t bytes, at;
	size_t cuts[2];   /* a piece ends here */
	uint32_t seed;    /* not 0: pieces of 1 to `most` bytes */
	size_t most;
};

static struct source source;

static size_t piece_end(void)
{
	size_t end = source.bytes;

	for (int i = 0; i < 2; i++)
		if (source.cuts[i] > source.at && source.cuts[i] < end)
			end = source.cuts[i];
	if (source.seed) {
		source.seed = source.seed * 1664525 + 1013904223;
		if (end - source.at > 1 + (source.seed >> 8) % source.most)
			end = source.at + 1 + (source.seed >> 8) % source.most;
	}
	return end;
}

static void source_read(leat_flow *self, void *state)
{
	size_t begin = source.at;

	(void)state;
	if (begin == source.bytes) {
		leat_flow_give_end(self);
		return;
	}
	source.at = piece_end();
	leat_flow_give(self, leat_buf_copy(leat_flow_loop(self), source.text + begin, source.at - begin));
}

static const leat_flow_ops source_ops = {
	.size = sizeof(leat_flow_ops), .name = "source", .directions = LEAT_READ, .read = source_read
};

static leat_channel *source_channel(struct source s)
{
	void *state;

	source = s;
	return leat_channel_new(leat_flow_new(w.loop, &source_ops, &state));
}

/* ---- lines ---- */

enum { LIMIT = 12 };

/* What a reader of lines is to make of the text, by other means. */
static void model(const char *text, size_t bytes, char *out)
{
	size_t at = 0;

	out[0] = '\0';
	while (at < bytes) {
		const char *lf = memchr(text + at, '\n', bytes - at);
		size_t line = lf ? (size_t)(lf - text) - at : bytes - at;
		size_t shown = lf && line > 0 && text[at + line - 1] == '\r' ? line - 1 : line;

		if (shown > LIMIT)
			strcat(out, "limit ");
		else
			sprintf(out + strlen(out), "[%.*s] ", (int)shown, text + at);
		at += line + (lf ? 1 : 0);
	}
	strcat(out, "END");
}

/* The same by the channel; `tries`: what is there is taken without an io. */
static void read_lines(leat_channel *channel, bool tries, char *out)
{
	const char *word = "";

	out[0] = '\0';
	while (strcmp(word, "END") != 0) {
		leat_buf *buf = tries ? leat_channel_try_line(channel, LIMIT) : NULL;
		leat_io *io = buf ? leat_io_buf(w.loop, buf) : leat_channel_line(channel, LIMIT);

		word = outcome(&io);
		expect_null(io);
		strcat(out, word);
		if (strcmp(word, "END") != 0)
			strcat(out, " ");
		if (strcmp(word, "limit") == 0)
			expect(number(leat_channel_drop_line(channel)) > LIMIT);
	}
}

static const char *const texts[] = {
	"",
	"\n",
	"one",
	"one\ntwo\r\n\n\r\nthree\r",
	"\r\r\n\rx\ry\n",
	"exactly 12 b\nexactly 12 b\r\nexactly 12 b\rx\nthirteen byte\n",
	"exactly 12 b",
	"exactly 12 b\r",
	"thirteen byte",
	"short\nmuch too long to be a line\nshort again\r\nand the last one is too long",
	"twelve bytes\r\r\n\n\n",
};
enum { TEXTS = sizeof texts / sizeof *texts };

static void check_lines(struct source s)
{
	char wanted[1024], lines[1024];

	model(s.text, s.bytes, wanted);
	for (int tries = 0; tries < 2; tries++) {
		leat_channel *channel = source_channel(s);

		read_lines(channel, tries, lines);
		ck_assert_msg(strcmp(lines, wanted) == 0, "cut at %zu and %zu, seed %u: %s, wanted %s", s.cuts[0], s.cuts[1],
			s.seed, lines, wanted);
		leat_channel_free(channel);
	}
}

START_TEST(lines_are_the_same_however_they_are_cut)
{
	const char *text = texts[_i];
	size_t bytes = strlen(text);

	world_open(&w);
	for (size_t i = 0; i <= bytes; i++)
		for (size_t j = i; j <= bytes; j++)
			check_lines((struct source){ .text = text, .bytes = bytes, .cuts = { i, j } });
	for (uint32_t seed = 1; seed <= 50; seed++)
		check_lines((struct source){ .text = text, .bytes = bytes, .seed = seed, .most = 1 + seed % 7 });
	world_close(&w);
}
END_TEST

START_TEST(random_texts_in_random_pieces_give_the_right_lines)
{
	char text[200];
	uint32_t seed = 1;

	world_open(&w);
	for (int round = 0; round < 2000; round++) {
		size_t bytes = (size_t)round % sizeof text;

		for (size_t i = 0; i < bytes; i++) {
			seed = seed * 1664525 + 1013904223;
			text[i] = "a\nb\rcdef\r\nghijkl"[(seed >> 10) % 16];
		}
		check_lines((struct source){ .text = text, .bytes = bytes, .seed = seed | 1, .most = 1 + seed % 40 });
	}
	world_close(&w);
}
END_TEST

START_TEST(a_line_comes_without_its_end)
{
	begin();
	feed("one\ntwo\r\n\nlast");
	expect_gives(leat_channel_line(near, 100), "[one]");
	expect_gives(leat_channel_line(near, 100), "[two]");
	expect_gives(leat_channel_line(near, 100), "[]");
	expect_false(leat_channel_cut_short(near));
	feed_end();
	expect_gives(leat_channel_line(near, 100), "[last]");
	expect_true(leat_channel_cut_short(near));
	expect_gives(leat_channel_line(near, 100), "END");
	expect_gives(leat_channel_line(near, 100), "END");
	finish();
}
END_TEST

START_TEST(a_line_over_the_limit_consumes_nothing)
{
	begin();
	feed("abcdef\nxyz\n");
	expect_gives(leat_channel_line(near, 5), "limit");
	expect_gives(leat_channel_line(near, 0), "limit");
	expect_size(leat_channel_buffered(near), 11);
	expect_gives(leat_channel_line(near, 6), "[abcdef]");
	expect_gives(leat_channel_line(near, 3), "[xyz]");
	finish();
}
END_TEST

START_TEST(a_line_without_end_is_refused_as_soon_as_it_is_too_long)
{
	leat_io *io;

	begin();
	io = leat_channel_line(near, 5);
	feed("abcde");
	expect_str(outcome(&io), "pending");
	feed("\r");
	expect_str(outcome(&io), "pending");
	feed("f");
	expect_str(outcome(&io), "limit");
	io = leat_channel_line(near, SIZE_MAX);
	feed("\n");
	expect_str(outcome(&io), "[abcde\rf]");
	finish();
}
END_TEST

START_TEST(a_dropped_line_needs_no_memory)
{
	char many[4096];
	leat_io *io;

	begin();
	memset(many, 'x', sizeof many);
	io = leat_channel_drop_line(near);
	for (int i = 0; i < 100; i++) {
		say_bytes(many, sizeof many);
		expect_size(leat_channel_buffered(near), 0);
	}
	feed("\nnext\n");
	expect_int(number(io), 100 * 4096 + 1);
	expect_gives(leat_channel_line(near, 10), "[next]");
	feed("rest");
	feed_end();
	expect_int(number(leat_channel_drop_line(near)), 4);
	expect_int(number(leat_channel_drop_line(near)), 0);
	finish();
}
END_TEST

/* ---- the others ---- */

START_TEST(a_delimiter_may_be_cut_anywhere)
{
	static const char text[] = "aab--b-\r\n--bb-\r\n--b-\r-\r\n-";
	const char *word = "";
	char all[100];

	world_open(&w);
	for (size_t i = 0; i < sizeof text; i++) {
		for (size_t j = i; j < sizeof text; j++) {
			near = source_channel((struct source){ .text = text, .bytes = sizeof text - 1, .cuts = { i, j } });
			for (all[0] = '\0', word = ""; strcmp(word, "END") != 0; strcat(all, word)) {
				leat_io *io = leat_channel_until(near, "-\r\n-", 4, 12);

				word = outcome(&io);
			}
			expect_str(all, "[aab--b][-bb][-b-\r]END");
			leat_channel_free(near);
		}
	}
	world_close(&w);
}
END_TEST

START_TEST(a_delimiter_must_come_within_the_limit)
{
	begin();
	feed("abc::def");
	expect_gives(leat_channel_until(near, "::", 2, 2), "limit");
	expect_gives(leat_channel_until(near, "::", 2, 3), "[abc]");
	expect_gives(leat_channel_until(near, "::", 2, 1), "limit");
	expect_gives(leat_channel_until(near, "", 0, 9), "invalid");
	expect_gives(leat_channel_until(near, "12345678901234567", 17, 9), "invalid");
	feed_end();
	expect_gives(leat_channel_until(near, "::", 2, 2), "limit");
	expect_gives(leat_channel_until(near, "::", 2, 9), "[def]");
	expect_true(leat_channel_cut_short(near));
	finish();
}
END_TEST

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

/* A digit, and that many bytes. */
static leat_error digit_cutter(const void *ctx, const void *data, size_t bytes, leat_cut *cut)
{
	size_t length = (size_t)(*(const char *)data - '0');

	(void)ctx;
	if (length > 9)
		return leat_error_core(LEAT_PROTOCOL);
	cut->from = 1;
	cut->bytes = length;
	cut->used = length + 1;
	if (bytes < cut->used)
		cut->need = cut->used;
	return (leat_error){ 0 };
}

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

START_TEST(try_line_takes_only_what_is_there)
{
	leat_buf *line;
	leat_io *io;

	begin();
	feed("one\ntwo");
	expect_null(leat_channel_try_line(near, 10));
	expect_gives(leat_channel_line(near, 10), "[one]");
	expect_null(leat_channel_try_line(near, 10));
	io = leat_channel_line(near, 10);
	expect_null(leat_channel_try_line(near, 10));
	feed("\nthree\nfour\n");
	expect_null(leat_channel_try_line(near, 10)); /* another is on its way */
	expect_size(leat_channel_consume(near, 1), 0);
	expect_str(outcome(&io), "[two]");
	line = leat_channel_try_line(near, 10);
	expect_bytes(leat_buf_data(line), leat_buf_size(line), "three");
	leat_buf_unref(line);
	expect_null(leat_channel_try_line(near, 3));
	expect_gives(leat_channel_line(near, 4), "[four]");
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

/* ---- cancelling ---- */

static leat_io *start_line(void)
{
	return leat_channel_line(near, 20);
}

static leat_io *start_until(void)
{
	return leat_channel_until(near, "\r\n", 2, 20);
}

static leat_io *start_exactly(void)
{
	return leat_channel_exactly(near, 5);
}

static leat_io *start_cut(void)
{
	return leat_channel_cut(near, digit_cutter, NULL);
}

static leat_io *start_frame(void)
{
	static const leat_frame_format format = { .size = sizeof(leat_frame_format), .width = 1 };

	return leat_frame_receive(near, &format);
}

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

/* ---- writing ---- */

START_TEST(what_is_put_goes_out_together)
{
	leat_flow_info info = { .size = sizeof info };

	begin();
	leat_channel_put(near, "one ", 4);
	leat_channel_put(near, NULL, 0);
	leat_channel_printf(near, "%d-%s ", 2, "two");
	leat_channel_put_be(near, 0x31323334, 3);
	leat_channel_put_le(near, 0x31323334, 3);
	expect_size(leat_channel_room(near), LEAT_PUT_LIMIT_USUAL - 16);
	world_run(&w);
	leat_flow_info_get(leat_channel_flow(near), &info);
	expect_size(info.written_bytes, 0);
	expect_settled(leat_channel_flush(near), LEAT_NONE);
	leat_flow_info_get(leat_channel_flow(near), &info);
	expect_size(info.writes, 1);
	expect_heard("[one 2-two 234432]");
	expect_settled(leat_channel_flush(near), LEAT_NONE);
	leat_flow_info_get(leat_channel_flow(near), &info);
	expect_size(info.writes, 1);
	finish();
}
END_TEST

START_TEST(a_put_over_the_limit_fails_the_flush_and_sends_nothing)
{
	begin();
	leat_channel_set_put_limit(near, 5);
	leat_channel_put(near, "12345", 5);
	expect_size(leat_channel_room(near), 0);
	expect_settled(leat_channel_flush(near), LEAT_NONE);
	leat_channel_put(near, "123", 3);
	leat_channel_put(near, "456", 3);
	leat_channel_put(near, "7", 1);
	expect_kind(why(leat_channel_flush(near)), LEAT_LIMIT);
	leat_channel_printf(near, "%s", "123456");
	expect_kind(why(leat_channel_flush(near)), LEAT_LIMIT);
	leat_channel_put_be(near, 1, 9);
	expect_kind(why(leat_channel_flush(near)), LEAT_INVALID);
	leat_channel_printf(near, "%s", "abcde");
	expect_settled(leat_channel_flush(near), LEAT_NONE);
	expect_heard("[12345]");
	expect_heard("[abcde]");
	finish();
}
END_TEST

START_TEST(long_words_are_printed_whole)
{
	char words[2001];
	leat_io *io;

	begin();
	memset(words, 'w', 2000);
	words[2000] = '\0';
	leat_channel_set_put_limit(near, 2000);
	leat_channel_printf(near, "%s", words);
	expect_size(leat_channel_room(near), 0);
	expect_settled(leat_channel_flush(near), LEAT_NONE);
	io = leat_flow_read(far);
	outcome(&io);
	expect_size(strlen(got), 2002);
	expect_mem(got + 1, words, 2000);
	leat_channel_printf(near, "%s!", words);
	expect_kind(why(leat_channel_flush(near)), LEAT_LIMIT);
	finish();
}
END_TEST

START_TEST(a_flush_of_a_busy_flow_keeps_what_was_put)
{
	leat_flow_limits limits = { .size = sizeof limits, .high_water_bytes = 4 };
	leat_io *first;

	begin();
	expect_ok(leat_flow_set_limits(leat_channel_flow(near), &limits));
	expect_ok(leat_flow_set_limits(far, &limits));
	leat_channel_put(near, "first", 5);
	first = leat_channel_flush(near);
	world_run(&w);
	leat_channel_put(near, "thi", 3);
	expect_kind(why(leat_channel_flush(near)), LEAT_BUSY);
	leat_channel_put(near, "rd", 2);
	expect_heard("[first]");
	world_run(&w);
	expect_settled(first, LEAT_NONE);
	leat_io_detach(leat_channel_flush(near));
	expect_heard("[third]");
	finish();
}
END_TEST

START_TEST(a_flow_that_ended_fails_the_flush)
{
	begin();
	leat_flow_abort(leat_channel_flow(near));
	leat_channel_put(near, "x", 1);
	expect_kind(why(leat_channel_flush(near)), LEAT_CLOSED);
	expect_gives(leat_channel_line(near, 9), "closed");
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
	EACH(lines_are_the_same_however_they_are_cut, TEXTS),
	random_texts_in_random_pieces_give_the_right_lines,
	a_line_comes_without_its_end,
	a_line_over_the_limit_consumes_nothing,
	a_line_without_end_is_refused_as_soon_as_it_is_too_long,
	a_dropped_line_needs_no_memory,
	a_delimiter_may_be_cut_anywhere,
	a_delimiter_must_come_within_the_limit,
	exactly_waits_for_all_of_it,
	a_large_run_in_many_pieces_is_whole,
	a_value_keeps_while_more_is_read,
	read_gives_what_is_there,
	ensured_bytes_stand_together_and_stay,
	integers_are_read_in_both_orders,
	a_cutter_of_your_own_cuts,
	a_cut_without_sense_is_invalid,
	try_line_takes_only_what_is_there,
	one_read_at_a_time,
	EACH(a_cancelled_read_loses_nothing, READS),
	a_cancelled_read_is_not_cancelled_below,
	a_cancelled_integer_is_still_there,
	a_timeout_loses_nothing,
	EACH(cancelled_at_every_point_no_byte_is_lost, ROWS),
	bytes_before_a_failure_are_still_there,
	a_stillborn_flow_fails_it_with_its_reason,
	without_memory_it_is_stillborn,
	any_allocation_may_fail,
	without_memory_to_join_nothing_is_lost,
	what_is_put_goes_out_together,
	a_put_over_the_limit_fails_the_flush_and_sends_nothing,
	long_words_are_printed_whole,
	a_flush_of_a_busy_flow_keeps_what_was_put,
	a_flow_that_ended_fails_the_flush,
	the_flow_comes_back_with_what_was_not_consumed,
	a_value_on_its_way_counts_as_consumed,
	it_may_be_freed_in_the_callback_of_its_own_read,
	it_may_be_freed_when_a_buf_is,
	it_may_outlive_its_loop,
	a_fiber_reads_it_straight_down)

/* SPDX-License-Identifier: ISC */
/* channel_line - lines and what ends with a delimiter, however they are cut */
#include "kit/ends.h"

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

/* ---- delimiters ---- */

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

/* ---- without an io ---- */

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

SUITE("channel_line",
	EACH(lines_are_the_same_however_they_are_cut, TEXTS),
	random_texts_in_random_pieces_give_the_right_lines,
	a_line_comes_without_its_end,
	a_line_over_the_limit_consumes_nothing,
	a_line_without_end_is_refused_as_soon_as_it_is_too_long,
	a_dropped_line_needs_no_memory,
	a_delimiter_may_be_cut_anywhere,
	a_delimiter_must_come_within_the_limit,
	try_line_takes_only_what_is_there)

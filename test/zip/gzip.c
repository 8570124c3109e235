/* SPDX-License-Identifier: ISC */
/* gzip - what the program gzip writes we read, and what we write it reads */
#include <stdio.h>
#include <unistd.h>

#include <leat/child.h>
#include <leat/loop.h>
#include <leat/zlib.h>

#include "zip/zip.h"

static leat_flow *gzip(leat_flow *below) { return leat_zlib_new(below, NULL); }
static const leat_zlib_options quick = { .size = sizeof quick, .level = 1, .holds = true };
static leat_flow *fast(leat_flow *below) { return leat_zlib_new(below, &quick); }
static const zip_make makes[] = { gzip, fast };
static const size_t sizes[] = { 0, 1, 70000, 2000000 };

/* What the program makes of the text. */
static struct text run(const char *const *argv, const struct text *text)
{
	const leat_run_options options = { .size = sizeof options, .input = text->at, .input_bytes = text->bytes,
		.limit_bytes = 16 << 20 };
	leat_loop *loop = leat_loop_new(NULL, NULL);
	struct text all = { NULL, 0, { 0 } };
	leat_result result;
	leat_ran *ran;

	expect_true(leat_await(leat_run(loop, argv, &options), &result));
	ran = leat_result_ran(&result);
	expect_int(ran->status, 0);
	text_add(&all, leat_buf_data(ran->out), leat_buf_size(ran->out));
	leat_ran_free(ran);
	leat_result_clear(&result);
	leat_loop_free(loop);
	return all;
}

static bool have_gzip(void)
{
	return access("/bin/gzip", X_OK) == 0 || access("/usr/bin/gzip", X_OK) == 0;
}

START_TEST(gunzip_reads_what_we_write)
{
	const char *const argv[] = { "gzip", "-dc", NULL };

	for (int i = 0; i < 4 && have_gzip(); i++) {
		struct text text = text_of(sizes[i]), whole = packed(makes[_i], &text), back = run(argv, &whole);

		expect_same(&back, &text);
		text_free(&text);
		text_free(&whole);
		text_free(&back);
	}
}
END_TEST

START_TEST(we_read_what_gzip_writes)
{
	const char *const argv[] = { "gzip", _i ? "-9c" : "-1nc", NULL };

	for (int i = 0; i < 4 && have_gzip(); i++) {
		struct text text = text_of(sizes[i]), whole = run(argv, &text), back = unpacked(gzip, whole.at, whole.bytes, 5000);

		expect_same(&back, &text);
		text_free(&text);
		text_free(&whole);
		text_free(&back);
	}
}
END_TEST

/* Straight through the pipes of the program, which knows nothing of a loop. */
START_TEST(a_flow_over_the_programs_pipes)
{
	static const char *const ways[2][3] = { { "gzip", "-c", NULL }, { "gzip", "-dc", NULL } };
	const leat_child_options pipes = { .size = sizeof pipes, .in = { .source = LEAT_CHILD_PIPE },
		.out = { .source = LEAT_CHILD_PIPE } };
	leat_loop *loop = leat_loop_new(NULL, NULL);
	leat_child *child;
	leat_flow *in, *out;
	char words[64];
	int n;

	if (!have_gzip()) {
		leat_loop_free(loop);
		return;
	}
	child = leat_child_new(loop, ways[_i], &pipes);
	in = leat_flow_ref(leat_child_in(child));
	out = leat_flow_ref(leat_child_out(child));
	if (_i == 0)
		out = gzip(out);
	else
		in = gzip(in);
	expect_true(leat_await(leat_flow_write(in, "through a program", 17), NULL));
	expect_true(leat_await(leat_flow_shutdown(in, LEAT_WRITE), NULL));
	n = (int)leat_await_int(leat_flow_read_into(out, words, sizeof words, sizeof words), NULL);
	expect_bytes(words, (size_t)n, "through a program");
	leat_flow_unref(in);
	leat_flow_unref(out);
	leat_child_unref(child);
	leat_loop_free(loop);
}
END_TEST

SUITE("gzip", EACH(gunzip_reads_what_we_write, 2), EACH(we_read_what_gzip_writes, 2),
	EACH(a_flow_over_the_programs_pipes, 2))

/* SPDX-License-Identifier: ISC */
/* zlib - what goes in at one end comes out at the other, and nothing else does */
#include <leat/zlib.h>

#include "support/dies.h"
#include "zip/zip.h"

#define OPTIONS(...) (&(leat_zlib_options){ .size = sizeof(leat_zlib_options), __VA_ARGS__ })

static leat_flow *gzip(leat_flow *below) { return leat_zlib_new(below, NULL); }
static leat_flow *zlib(leat_flow *below) { return leat_zlib_new(below, OPTIONS(.format = LEAT_ZLIB_ZLIB)); }
static leat_flow *raw(leat_flow *below) { return leat_zlib_new(below, OPTIONS(.format = LEAT_ZLIB_RAW)); }
static leat_flow *fast(leat_flow *below) { return leat_zlib_new(below, OPTIONS(.level = 1, .window_bits = 9)); }
static leat_flow *small(leat_flow *below) { return leat_zlib_new(below, OPTIONS(.level = 9, .holds = true)); }
static leat_flow *stored(leat_flow *below) { return leat_zlib_new(below, OPTIONS(.level = LEAT_ZLIB_STORED)); }

static const zip_make makes[] = { gzip, zlib, raw, fast, small, stored };
enum { MAKES = sizeof makes / sizeof *makes };

/* ---- whole ---- */

START_TEST(what_is_written_is_read)
{
	static const size_t sizes[] = { 0, 1, 300, 65536, 300000 };
	static const size_t pieces[] = { 1, 1000, SIZE_MAX };

	for (size_t i = 0; i < 15; i++) {
		struct text text = text_of(sizes[i % 5]), small_one = packed(makes[_i], &text), back;
		size_t piece = pieces[i / 5] == 1 && sizes[i % 5] > 1000 ? 100 : pieces[i / 5];

		back = unpacked(makes[_i], small_one.at, small_one.bytes, piece);
		expect_same(&back, &text);
		if (makes[_i] != stored && text.bytes > 65536)
			expect_true(small_one.bytes < text.bytes / 2);
		text_free(&text);
		text_free(&small_one);
		text_free(&back);
	}
}
END_TEST

START_TEST(both_ways_at_once)
{
	struct text text = text_of(300000), heard[2];
	leat_flow *ends[2];

	world_open(&w);
	leat_flow_pair(w.loop, ends);
	for (int i = 0; i < 2; i++) {
		ends[i] = makes[_i](ends[i]);
		leat_io_detach(leat_flow_write(ends[i], text.at, text.bytes));
		leat_io_detach(leat_flow_shutdown(ends[i], LEAT_WRITE));
	}
	for (int i = 0; i < 2; i++) {
		heard[i] = hear_all(ends[i]);
		expect_same(&heard[i], &text);
		text_free(&heard[i]);
		leat_io_detach(leat_flow_close(ends[i]));
		leat_flow_unref(ends[i]);
	}
	text_free(&text);
	world_run(&w);
	world_close(&w);
}
END_TEST

START_TEST(a_message_arrives_without_a_flush)
{
	leat_flow *other;
	leat_buf *buf;

	open_over(makes[_i]);
	other = makes[_i](peer);
	peer = other;
	for (int i = 0; i < 3; i++) {
		leat_io *reading = leat_flow_read(other);
		leat_result result;

		expect_done(leat_flow_write(flow, "hello", 5));
		if (makes[_i] == small)
			expect_done(leat_flow_flush(flow));
		expect_true(leat_io_try(reading, &result));
		buf = leat_result_buf(&result);
		expect_bytes(leat_buf_data(buf), leat_buf_size(buf), "hello");
		leat_buf_unref(buf);
	}
	leave();
}
END_TEST

START_TEST(one_that_holds_keeps_a_message_for_more)
{
	struct text all;

	open_over(small);
	expect_done(leat_flow_write(flow, "hello", 5));
	all = hear_all(peer);
	expect_size(all.bytes, 0);
	text_free(&all);
	leave();
}
END_TEST

/* ---- cut, garbled, too much ---- */

START_TEST(cut_at_every_byte_it_is_truncated_after_what_came)
{
	struct text text = text_of(200), whole = packed(makes[_i], &text);

	for (size_t bytes = 0; bytes < whole.bytes; bytes++) {
		for (size_t piece = 1; piece < 500; piece += 400) {
			struct text got = unpacked(makes[_i], whole.at, bytes, piece);

			expect_kind(got.error, LEAT_TRUNCATED);
			expect_true(got.bytes <= text.bytes);
			expect_mem(got.at, text.at, got.bytes);
			text_free(&got);
		}
	}
	text_free(&text);
	text_free(&whole);
}
END_TEST

START_TEST(with_any_bit_turned_it_is_an_error_or_the_same)
{
	struct text text = text_of(60), whole = packed(makes[_i], &text);

	for (size_t bit = 0; bit < 8 * whole.bytes; bit++) {
		struct text got;

		whole.at[bit / 8] ^= (unsigned char)(1 << bit % 8);
		got = unpacked(makes[_i], whole.at, whole.bytes, bit % 2 ? 1 : SIZE_MAX);
		if (makes[_i] == raw) /* it has no check */
			expect_false(leat_error_is(got.error, LEAT_DEADLOCK));
		else if (!leat_error_set(got.error))
			expect_same(&got, &text);
		else if (!leat_error_is(got.error, LEAT_TRUNCATED))
			expect_kind(got.error, LEAT_PROTOCOL);
		text_free(&got);
		whole.at[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	text_free(&text);
	text_free(&whole);
}
END_TEST

START_TEST(further_members_are_read_and_garbage_is_not)
{
	struct text text = text_of(1000), whole = packed(makes[_i], &text), got;
	bool is_gzip = makes[_i] != zlib && makes[_i] != raw;
	size_t one = whole.bytes;

	for (size_t piece = 1; piece < 2000; piece += 700) {
		text_add(&whole, whole.at, one);
		got = unpacked(makes[_i], whole.at, whole.bytes, piece);
		expect_kind(got.error, is_gzip ? LEAT_NONE : LEAT_PROTOCOL);
		expect_size(got.bytes, is_gzip ? 2 * text.bytes : text.bytes);
		text_free(&got);
		whole.bytes = one;
		text_add(&whole, "garbage", 7);
		got = unpacked(makes[_i], whole.at, whole.bytes, piece);
		expect_kind(got.error, LEAT_PROTOCOL);
		expect_size(got.bytes, text.bytes);
		text_free(&got);
		whole.bytes = one;
	}
	text_free(&text);
	text_free(&whole);
}
END_TEST

/* One byte is enough to see it: alone, and after a whole stream. */
START_TEST(a_single_byte_that_begins_nothing_is_no_cut_stream)
{
	static const struct {
		zip_make make;
		const char *byte;
		leat_kind alone, after;
	} rows[] = {
		{ gzip, "\n", LEAT_PROTOCOL, LEAT_PROTOCOL },
		{ gzip, "\x1f", LEAT_TRUNCATED, LEAT_TRUNCATED },
		{ zlib, "\n", LEAT_PROTOCOL, LEAT_PROTOCOL },
		{ zlib, "\x98", LEAT_PROTOCOL, LEAT_PROTOCOL },
		{ zlib, "\x78", LEAT_TRUNCATED, LEAT_PROTOCOL },
		{ raw, "\n", LEAT_TRUNCATED, LEAT_PROTOCOL }, /* a block begins so */
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct text text = text_of(1000), whole = packed(rows[i].make, &text), got;

		got = unpacked(rows[i].make, rows[i].byte, 1, 1);
		expect_kind(got.error, rows[i].alone);
		expect_size(got.bytes, 0);
		text_free(&got);
		text_add(&whole, rows[i].byte, 1);
		got = unpacked(rows[i].make, whole.at, whole.bytes, whole.bytes);
		expect_kind(got.error, rows[i].after);
		expect_size(got.bytes, text.bytes);
		text_free(&got);
		text_free(&text);
		text_free(&whole);
	}
}
END_TEST

START_TEST(what_is_wrong_is_said)
{
	char words[64];
	struct text got;

	open_over(gzip);
	expect_str(leat_zlib_why(flow), "");
	leat_io_detach(leat_flow_write(peer, "GET / HTTP/1.0\r\n\r\n", 18));
	got = hear_all(flow);
	expect_kind(got.error, LEAT_PROTOCOL);
	expect_ptr(got.error.domain, &leat_zlib_errors);
	leat_error_print(got.error, words, sizeof words);
	expect_str(words, "zlib: data error");
	expect_str(leat_zlib_why(flow), "incorrect header check");
	expect_str(leat_zlib_why(peer), "");
	for (int code = -20; code < 20; code++)
		expect_true(leat_error_print(leat_error_make(&leat_zlib_errors, code), words, sizeof words) > 5);
	text_free(&got);
	leave();
	open_over(gzip);
	leat_flow_abort(flow);
	expect_str(leat_zlib_why(flow), "");
	leave();
}
END_TEST

/* ---- limits ---- */

static leat_zlib_options limits;
static leat_flow *limited(leat_flow *below) { return leat_zlib_new(below, &limits); }

static struct text bomb(size_t bytes)
{
	struct text zeros = { calloc(bytes, 1), bytes, { 0 } }, all = packed(small, &zeros);

	text_free(&zeros);
	return all;
}

START_TEST(as_much_as_is_allowed_and_not_a_byte_more)
{
	static const size_t sizes[] = { 1, 2, 255, 65535, 65536, 65537, 1000000 };
	struct text got, all;

	for (size_t i = 0; i < 7 * 2; i++) {
		size_t bytes = sizes[i / 2], piece = i % 2 ? 1 : SIZE_MAX;

		all = bomb(bytes);
		limits = *OPTIONS(.max_bytes = bytes);
		got = unpacked(limited, all.at, all.bytes, piece);
		expect_ok(got.error);
		expect_size(got.bytes, bytes);
		text_free(&got);
		text_free(&all);
		all = bomb(bytes + 1);
		got = unpacked(limited, all.at, all.bytes, piece);
		expect_kind(got.error, LEAT_LIMIT);
		expect_size(got.bytes, bytes);
		text_free(&got);
		text_free(&all);
	}
}
END_TEST

START_TEST(members_share_the_limit)
{
	struct text all = bomb(1000), got;

	text_add(&all, all.at, all.bytes);
	limits = *OPTIONS(.max_bytes = 1999);
	got = unpacked(limited, all.at, all.bytes, SIZE_MAX);
	expect_kind(got.error, LEAT_LIMIT);
	expect_size(got.bytes, 1999);
	text_free(&got);
	text_free(&all);
}
END_TEST

START_TEST(a_ratio_stops_a_bomb_early)
{
	struct text all = bomb(10000000), got;

	limits = *OPTIONS(.max_ratio = 100);
	got = unpacked(limited, all.at, all.bytes, SIZE_MAX);
	expect_kind(got.error, LEAT_LIMIT);
	expect_true(got.bytes < 2000000);
	text_free(&got);
	limits = *OPTIONS(.max_ratio = 1033);
	got = unpacked(limited, all.at, all.bytes, SIZE_MAX);
	expect_ok(got.error);
	expect_size(got.bytes, 10000000);
	text_free(&got);
	text_free(&all);
}
END_TEST

START_TEST(options_that_make_no_sense_are_invalid)
{
	const leat_zlib_options wrong[] = { *OPTIONS(.level = 10), *OPTIONS(.level = -2), *OPTIONS(.window_bits = 8),
		*OPTIONS(.window_bits = 16), *OPTIONS(.format = (leat_zlib_format)3) };

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		limits = wrong[i];
		open_over(limited);
		expect_fails(leat_flow_read(flow), LEAT_INVALID);
		expect_fails(leat_flow_read(peer), LEAT_RESET);
		leave();
	}
}
END_TEST

START_TEST(a_larger_window_than_ours_is_refused)
{
	struct text text = text_of(100000), whole = packed(zlib, &text), got;

	limits = *OPTIONS(.format = LEAT_ZLIB_ZLIB, .window_bits = 9);
	got = unpacked(limited, whole.at, whole.bytes, SIZE_MAX);
	expect_kind(got.error, LEAT_PROTOCOL);
	text_free(&got);
	text_free(&text);
	text_free(&whole);
}
END_TEST

/* ---- a peer that goes ---- */

START_TEST(reset_at_every_byte_it_is_a_reset)
{
	struct text text = text_of(150), whole = packed(makes[_i], &text), got;

	for (size_t bytes = 0; bytes < whole.bytes; bytes++) {
		leat_io *reading, *writing;

		open_over(makes[_i]);
		reading = leat_flow_read(flow);
		if (bytes > 0)
			expect_done(leat_flow_write(peer, whole.at, bytes));
		writing = leat_flow_write(flow, text.at, text.bytes);
		leat_flow_abort(peer);
		world_run(&w);
		leat_io_cancel(reading);
		leat_io_cancel(writing);
		got = hear_all(flow);
		expect_kind(got.error, LEAT_RESET);
		expect_fails(leat_flow_write(flow, "x", 1), LEAT_CLOSED);
		text_free(&got);
		leave();
	}
	text_free(&text);
	text_free(&whole);
}
END_TEST

/* ---- without memory ---- */

static void ends_somehow(struct world *world, leat_io *io)
{
	world_run(world);
	leat_io_cancel(io);
}

static void talk(struct world *world)
{
	leat_flow *ends[2];

	leat_flow_pair(world->loop, ends);
	for (int i = 0; i < 2; i++)
		ends[i] = gzip(ends[i]);
	leat_io_cancel(leat_flow_write(ends[0], "cancelled", 9));
	ends_somehow(world, leat_flow_write(ends[0], "question", 8));
	ends_somehow(world, leat_flow_read(ends[1]));
	ends_somehow(world, leat_flow_write(ends[1], "answer", 6));
	ends_somehow(world, leat_flow_read(ends[0]));
	ends_somehow(world, leat_flow_flush(ends[0]));
	ends_somehow(world, leat_flow_shutdown(ends[0], LEAT_WRITE));
	ends_somehow(world, leat_flow_read(ends[1]));
	ends_somehow(world, leat_flow_close(ends[1]));
	for (int i = 0; i < 2; i++)
		leat_flow_unref(ends[i]);
	world_run(world);
	world->unhandled = 0;
}

START_TEST(each_allocation_of_ours_and_of_zlibs_may_fail)
{
	size_t times = 0;

	OOM_EACH(&w.oom) {
		size_t at = w.oom.fail_at;

		times++;
		if (!world_try(&w, at, 0))
			continue;
		talk(&w);
		world_end(&w);
	}
	expect_true(times > 15); /* zlib asks five times to write and twice to read, at each end */
	starve(talk);
}
END_TEST

START_TEST(what_was_read_without_memory_is_said)
{
	struct text text = text_of(100), whole = packed(gzip, &text), got;

	open_over(gzip);
	leat_io_detach(leat_flow_write(peer, whole.at, whole.bytes));
	w.oom.fail_at = w.oom.calls + 2;
	got = hear_all(flow);
	expect_kind(got.error, LEAT_NOMEM);
	text_free(&got);
	text_free(&text);
	text_free(&whole);
	leave();
}
END_TEST

static void take_options(void)
{
	leat_flow *ends[2];

	world_open(&w);
	leat_flow_pair(w.loop, ends);
	leat_flow_unref(leat_zlib_new(ends[0], &(leat_zlib_options){ .max_bytes = 1 }));
}

START_TEST(a_struct_without_its_size_is_named)
{
	expect_dies(take_options, "zlib.c:", "a leat_zlib_options was given whose size is 0");
}
END_TEST

/* ---- one way ---- */

static leat_error end_of(leat_flow *ending)
{
	leat_result result;
	leat_error error;

	leat_await(leat_flow_close(ending), &result);
	error = leat_result_ending(&result);
	leat_result_clear(&result);
	leat_flow_unref(ending);
	return error;
}

/* A pipe has one direction, and so has what stands on it: nothing is missing at the end. */
START_TEST(what_has_one_direction_ends_in_order)
{
	struct text text = text_of(3000), heard = { NULL, 0, { 0 } };
	leat_flow *in, *out;
	leat_buf *buf;
	int ends[2];

	world_open(&w);
	expect_int(pipe(ends), 0);
	out = makes[_i](leat_flow_from_fd(w.loop, ends[1]));
	in = makes[_i](leat_flow_from_fd(w.loop, ends[0]));
	expect_ok(outcome(leat_flow_write(out, text.at, text.bytes)));
	expect_ok(end_of(out));
	while ((buf = leat_await_buf(leat_flow_read(in), &heard.error))) {
		text_add(&heard, leat_buf_data(buf), leat_buf_size(buf));
		leat_buf_unref(buf);
	}
	expect_same(&heard, &text);
	expect_kind(outcome(leat_flow_write(in, "x", 1)), LEAT_UNSUPPORTED);
	expect_ok(end_of(in));
	text_free(&heard);
	text_free(&text);
	world_close(&w);
}
END_TEST

SUITE("zlib", EACH(what_has_one_direction_ends_in_order, MAKES), EACH(what_is_written_is_read, MAKES),
	EACH(both_ways_at_once, MAKES),
	EACH(a_message_arrives_without_a_flush, MAKES), one_that_holds_keeps_a_message_for_more,
	EACH(cut_at_every_byte_it_is_truncated_after_what_came, MAKES),
	EACH(with_any_bit_turned_it_is_an_error_or_the_same, MAKES),
	EACH(further_members_are_read_and_garbage_is_not, MAKES),
	a_single_byte_that_begins_nothing_is_no_cut_stream, what_is_wrong_is_said,
	as_much_as_is_allowed_and_not_a_byte_more, members_share_the_limit, a_ratio_stops_a_bomb_early,
	options_that_make_no_sense_are_invalid, a_larger_window_than_ours_is_refused,
	EACH(reset_at_every_byte_it_is_a_reset, MAKES), each_allocation_of_ours_and_of_zlibs_may_fail,
	what_was_read_without_memory_is_said,
	a_struct_without_its_size_is_named)

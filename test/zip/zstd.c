/* SPDX-License-Identifier: ISC */
/* zstd - the same as of zlib, by Zstandard */
#include <leat/zstd.h>

#include "support/dies.h"
#include "zip/zip.h"

#define OPTIONS(...) (&(leat_zstd_options){ .size = sizeof(leat_zstd_options), __VA_ARGS__ })

static leat_flow *usual(leat_flow *below) { return leat_zstd_new(below, NULL); }
static leat_flow *fast(leat_flow *below) { return leat_zstd_new(below, OPTIONS(.level = -1)); }
static leat_flow *small(leat_flow *below) { return leat_zstd_new(below, OPTIONS(.level = 9, .holds = true)); }

static const zip_make makes[] = { usual, fast, small };
enum { MAKES = sizeof makes / sizeof *makes };

START_TEST(what_is_written_is_read)
{
	static const size_t sizes[] = { 0, 1, 300, 65536, 3000000 };
	static const size_t pieces[] = { 1, 1000, SIZE_MAX };

	for (size_t i = 0; i < 15; i++) {
		struct text text = text_of(sizes[i % 5]), whole = packed(makes[_i], &text), back;
		size_t piece = pieces[i / 5] == 1 && sizes[i % 5] > 1000 ? 1000 : pieces[i / 5];

		back = unpacked(usual, whole.at, whole.bytes, piece);
		expect_same(&back, &text);
		if (text.bytes > 300 && makes[_i] != fast)
			expect_true(whole.bytes < text.bytes / 2);
		text_free(&text);
		text_free(&whole);
		text_free(&back);
	}
}
END_TEST

START_TEST(a_message_arrives_without_a_flush)
{
	leat_buf *buf;

	open_over(usual);
	peer = usual(peer);
	for (int i = 0; i < 3; i++) {
		leat_io *reading = leat_flow_read(peer);
		leat_result result;

		expect_done(leat_flow_write(flow, "hello", 5));
		expect_true(leat_io_try(reading, &result));
		buf = leat_result_buf(&result);
		expect_bytes(leat_buf_data(buf), leat_buf_size(buf), "hello");
		leat_buf_unref(buf);
	}
	leave();
}
END_TEST

START_TEST(cut_at_every_byte_it_is_truncated_after_what_came)
{
	struct text text = text_of(300), whole = packed(usual, &text);

	for (size_t bytes = 0; bytes < whole.bytes; bytes++) {
		struct text got = unpacked(usual, whole.at, bytes, bytes % 2 ? 1 : SIZE_MAX);

		expect_kind(got.error, LEAT_TRUNCATED);
		expect_mem(got.at, text.at, got.bytes);
		text_free(&got);
	}
	text_free(&text);
	text_free(&whole);
}
END_TEST

START_TEST(with_any_bit_turned_it_is_an_error_or_the_same)
{
	struct text text = text_of(60), whole = packed(usual, &text);

	for (size_t bit = 0; bit < 8 * whole.bytes; bit++) {
		struct text got;
		char words[100];

		whole.at[bit / 8] ^= (unsigned char)(1 << bit % 8);
		got = unpacked(usual, whole.at, whole.bytes, bit % 2 ? 1 : SIZE_MAX);
		whole.at[bit / 8] ^= (unsigned char)(1 << bit % 8);
		expect_false(leat_error_is(got.error, LEAT_DEADLOCK) || leat_error_is(got.error, LEAT_NOMEM));
		expect_true(leat_error_print(got.error, words, sizeof words) > 0);
		if (!leat_error_set(got.error) && got.bytes > 0) /* one may become a frame to be skipped */
			expect_same(&got, &text);
		text_free(&got);
	}
	text_free(&text);
	text_free(&whole);
}
END_TEST

START_TEST(further_frames_are_read_and_garbage_is_not)
{
	struct text text = text_of(1000), whole = packed(usual, &text), got;
	size_t one = whole.bytes;

	text_add(&whole, whole.at, one);
	got = unpacked(usual, whole.at, whole.bytes, 7);
	expect_ok(got.error);
	expect_size(got.bytes, 2 * text.bytes);
	text_free(&got);
	whole.bytes = one;
	text_add(&whole, "garbage", 7);
	got = unpacked(usual, whole.at, whole.bytes, 7);
	expect_kind(got.error, LEAT_PROTOCOL);
	expect_ptr(got.error.domain, &leat_zstd_errors);
	expect_size(got.bytes, text.bytes);
	text_free(&got);
	text_free(&text);
	text_free(&whole);
}
END_TEST

/* However it comes; in one frame that says its length, and in one that does not. */
START_TEST(a_wrong_checksum_comes_after_all_bytes)
{
	static const unsigned char tiny[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x24, 5, 5 << 3 | 1, 0, 0, 'h', 'e', 'l', 'l', 'o',
		1, 2, 3, 4 };
	static const size_t sizes[] = { 5, 1000, 300000 };
	struct text got, text, whole;

	for (size_t piece = 1; piece < 2000000; piece *= 3) {
		got = unpacked(usual, tiny, sizeof tiny, piece);
		expect_kind(got.error, LEAT_PROTOCOL);
		expect_size(got.bytes, 5);
		expect_mem(got.at, "hello", 5);
		text_free(&got);
	}
	for (int i = 0; i < 6; i++) {
		text = i < 3 ? text_of(sizes[i]) : (struct text){ calloc(sizes[i - 3], 1), sizes[i - 3], { 0 } };
		whole = packed(usual, &text);
		whole.at[whole.bytes - 1] ^= 1;
		got = unpacked(usual, whole.at, whole.bytes, _i ? whole.bytes : 1000);
		expect_kind(got.error, LEAT_PROTOCOL);
		got.error = (leat_error){ 0 };
		expect_same(&got, &text);
		text_free(&text);
		text_free(&whole);
		text_free(&got);
	}
}
END_TEST

static leat_zstd_options limits;
static leat_flow *limited(leat_flow *below) { return leat_zstd_new(below, &limits); }

static struct text bomb(size_t bytes)
{
	struct text zeros = { calloc(bytes, 1), bytes, { 0 } }, all = packed(small, &zeros);

	text_free(&zeros);
	return all;
}

START_TEST(as_much_as_is_allowed_and_not_a_byte_more)
{
	static const size_t sizes[] = { 1, 255, 65536, 65537, 1000000 };

	for (size_t i = 0; i < 5 * 2; i++) {
		size_t bytes = sizes[i / 2];
		struct text all = bomb(bytes + i % 2), got;

		limits = *OPTIONS(.max_bytes = bytes);
		got = unpacked(limited, all.at, all.bytes, i % 4 ? SIZE_MAX : 1);
		expect_kind(got.error, i % 2 ? LEAT_LIMIT : LEAT_NONE);
		expect_size(got.bytes, bytes);
		text_free(&got);
		text_free(&all);
	}
}
END_TEST

START_TEST(a_ratio_stops_a_bomb_early)
{
	struct text all = bomb(10000000), got;

	limits = *OPTIONS(.max_ratio = 100);
	got = unpacked(limited, all.at, all.bytes, SIZE_MAX);
	expect_kind(got.error, LEAT_LIMIT);
	expect_true(got.bytes < 1000000);
	text_free(&got);
	text_free(&all);
}
END_TEST

START_TEST(a_frame_that_asks_for_much_memory_is_refused)
{
	struct text text = text_of(3000000), whole = packed(small, &text), got;

	limits = *OPTIONS(.window_bits = 17);
	got = unpacked(limited, whole.at, whole.bytes, SIZE_MAX);
	expect_kind(got.error, LEAT_LIMIT);
	expect_size(got.bytes, 0);
	text_free(&got);
	text_free(&text);
	text_free(&whole);
}
END_TEST

START_TEST(options_that_make_no_sense_are_invalid)
{
	const leat_zstd_options wrong[] = { *OPTIONS(.level = 100), *OPTIONS(.level = -1000000), *OPTIONS(.window_bits = 9),
		*OPTIONS(.window_bits = 32) };

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		limits = wrong[i];
		open_over(limited);
		expect_fails(leat_flow_read(flow), LEAT_INVALID);
		expect_fails(leat_flow_read(peer), LEAT_RESET);
		leave();
	}
}
END_TEST

static void ends_somehow(struct world *world, leat_io *io)
{
	for (int i = 0; i < 4; i++)
		world_run(world);
	leat_io_cancel(io);
}

START_TEST(each_allocation_of_ours_and_of_zstds_may_fail)
{
	OOM_EACH(&w.oom) {
		size_t at = w.oom.fail_at;
		leat_flow *ends[2];

		if (!world_try(&w, at, 0))
			continue;
		leat_flow_pair(w.loop, ends);
		for (int i = 0; i < 2; i++)
			ends[i] = usual(ends[i]);
		ends_somehow(&w, leat_flow_write(ends[0], "question", 8));
		ends_somehow(&w, leat_flow_read(ends[1]));
		ends_somehow(&w, leat_flow_write(ends[1], "answer", 6));
		ends_somehow(&w, leat_flow_read(ends[0]));
		ends_somehow(&w, leat_flow_shutdown(ends[0], LEAT_WRITE));
		ends_somehow(&w, leat_flow_close(ends[1]));
		for (int i = 0; i < 2; i++)
			leat_flow_unref(ends[i]);
		world_run(&w);
		world_end(&w);
	}
}
END_TEST

static void take_options(void)
{
	leat_flow *ends[2];

	world_open(&w);
	leat_flow_pair(w.loop, ends);
	leat_flow_unref(leat_zstd_new(ends[0], &(leat_zstd_options){ .max_bytes = 1 }));
}

START_TEST(a_struct_without_its_size_is_named)
{
	expect_dies(take_options, "zstd.c:", "a leat_zstd_options was given whose size is 0");
}
END_TEST

SUITE("zstd", EACH(what_is_written_is_read, MAKES), a_message_arrives_without_a_flush,
	cut_at_every_byte_it_is_truncated_after_what_came, with_any_bit_turned_it_is_an_error_or_the_same,
	EACH(a_wrong_checksum_comes_after_all_bytes, 2),
	further_frames_are_read_and_garbage_is_not, as_much_as_is_allowed_and_not_a_byte_more, a_ratio_stops_a_bomb_early,
	a_frame_that_asks_for_much_memory_is_refused, options_that_make_no_sense_are_invalid,
	each_allocation_of_ours_and_of_zstds_may_fail,
	a_struct_without_its_size_is_named)

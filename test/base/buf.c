/* SPDX-License-Identifier: ISC */
/* buf - many handles on the same bytes, which go with the last */
#include <sys/uio.h>

#include "base/buf.h"

#include "support/expect.h"
#include "support/oom.h"
#include "support/suite.h"

static struct oom door;
static lt_mem mem;

static void begin(void)
{
	oom_init(&door, 0);
	lt_mem_init(&mem, &door.memory);
}

/* Nothing may be left but what is kept. */
static void end(void)
{
	lt_mem_end(&mem);
	expect_size(door.live, 0);
}

static leat_buf *text(const char *words)
{
	return lt_buf_copy(&mem, words, strlen(words));
}

#define expect_text(buf, wanted) expect_bytes(leat_buf_data(buf), leat_buf_size(buf), wanted)

static int released;

static void on_release(void *ctx)
{
	released += *(int *)ctx;
}

static int one = 1;

static leat_buf *wrapped(const char *words)
{
	released = 0;
	return lt_buf_wrap(&mem, words, strlen(words), on_release, &one);
}

/* ---- making ---- */

START_TEST(a_new_buf_is_filled_through_its_space)
{
	static const size_t sizes[] = { 0, 1, 32, 33, 4096, 65536, 65537, 1 << 20 };
	size_t size = sizes[_i];
	leat_buf *buf;

	begin();
	buf = lt_buf_new(&mem, size);
	expect_false(leat_buf_failed(buf));
	expect_size(leat_buf_size(buf), size);
	expect_some(leat_buf_data(buf));
	expect_ptr(leat_buf_space(buf), leat_buf_data(buf));
	memset(leat_buf_space(buf), 'x', size);
	leat_buf_unref(buf);
	end();
}
END_TEST

START_TEST(header_and_bytes_are_one_allocation)
{
	begin();
	leat_buf_unref(text("hello"));
	expect_size(door.calls, 1);
	leat_buf_unref(lt_buf_new(&mem, 1 << 20));
	expect_size(door.calls, 2);
	end();
}
END_TEST

START_TEST(the_steady_path_does_not_allocate)
{
	begin();
	for (int i = 0; i < 1000; i++) {
		leat_buf *buf = text("hello"), *slice = leat_buf_slice(buf, 1, 2);

		leat_buf_unref(buf);
		leat_buf_unref(slice);
	}
	expect_size(door.calls, 2);
	end();
}
END_TEST

START_TEST(a_copy_is_independent)
{
	char words[] = "hello";
	leat_buf *buf;

	begin();
	buf = lt_buf_copy(&mem, words, 5);
	words[0] = 'j';
	expect_text(buf, "hello");
	leat_buf_unref(buf);
	buf = lt_buf_copy(&mem, NULL, 0);
	expect_size(leat_buf_size(buf), 0);
	leat_buf_unref(buf);
	end();
}
END_TEST

START_TEST(wrapped_memory_is_released_once_with_the_last_handle)
{
	const char *words = "static words";
	leat_buf *buf, *slice, *of_slice;

	begin();
	buf = wrapped(words);
	expect_ptr(leat_buf_data(buf), words);
	slice = leat_buf_slice(buf, 7, 5);
	of_slice = leat_buf_slice(slice, 1, 2);
	leat_buf_ref(buf);
	leat_buf_unref(buf);
	leat_buf_unref(buf);
	leat_buf_unref(slice);
	expect_int(released, 0);
	expect_text(of_slice, "or");
	leat_buf_unref(of_slice);
	expect_int(released, 1);
	end();
}
END_TEST

START_TEST(memory_that_lives_for_ever_needs_no_release)
{
	leat_buf *buf;

	begin();
	buf = lt_buf_wrap(&mem, "words", 5, NULL, NULL);
	expect_text(buf, "words");
	leat_buf_unref(buf);
	end();
}
END_TEST

START_TEST(wrapping_nothing_has_data_that_is_not_null)
{
	leat_buf *buf;

	begin();
	released = 0;
	buf = lt_buf_wrap(&mem, NULL, 0, on_release, &one);
	expect_some(leat_buf_data(buf));
	expect_false(leat_buf_failed(buf));
	leat_buf_unref(buf);
	expect_int(released, 1);
	end();
}
END_TEST

START_TEST(without_memory_a_wrap_fails_and_releases)
{
	oom_init(&door, 1);
	lt_mem_init(&mem, &door.memory);
	leat_buf *buf = wrapped("words");

	expect_true(leat_buf_failed(buf));
	expect_int(released, 1);
	leat_buf_unref(buf);
	expect_int(released, 1);
	end();
}
END_TEST

static void unref_it(void *ctx)
{
	leat_buf_unref(ctx);
}

START_TEST(a_release_may_end_another_buf)
{
	leat_buf *inner, *outer;

	begin();
	inner = text("hello");
	outer = lt_buf_wrap(&mem, leat_buf_data(inner), leat_buf_size(inner), unref_it, inner);
	expect_text(outer, "hello");
	leat_buf_unref(outer);
	end();
}
END_TEST

/* ---- slices ---- */

START_TEST(a_slice_copies_nothing)
{
	leat_buf *buf, *slice;

	begin();
	buf = text("hello world");
	slice = leat_buf_slice(buf, 6, 5);
	expect_ptr(leat_buf_data(slice), (const char *)leat_buf_data(buf) + 6);
	leat_buf_unref(buf);
	expect_text(slice, "world");
	leat_buf_unref(slice);
	end();
}
END_TEST

START_TEST(what_reaches_past_the_end_is_cut_off)
{
	static const struct {
		size_t offset, bytes;
		const char *words;
	} cuts[] = {
		{ 0, SIZE_MAX, "hello" }, { 3, SIZE_MAX, "lo" }, { 5, 1, "" }, { 6, 1, "" }, { SIZE_MAX, SIZE_MAX, "" },
	};
	leat_buf *buf, *slice;

	begin();
	buf = text("hello");
	slice = leat_buf_slice(buf, cuts[_i].offset, cuts[_i].bytes);
	expect_text(slice, cuts[_i].words);
	expect_false(leat_buf_failed(slice));
	expect_some(leat_buf_data(slice));
	leat_buf_unref(slice);
	leat_buf_unref(buf);
	end();
}
END_TEST

START_TEST(a_slice_of_a_cut_buf_ends_where_that_ends)
{
	leat_buf *buf, *slice;

	begin();
	buf = text("hello");
	leat_buf_cut(buf, 4);
	leat_buf_skip(buf, 1);
	slice = leat_buf_slice(buf, 1, 100);
	expect_text(slice, "ll");
	leat_buf_unref(buf);
	leat_buf_unref(slice);
	end();
}
END_TEST

START_TEST(a_slice_of_a_slice_does_not_need_it)
{
	leat_buf *buf, *slice, *of_slice;

	begin();
	buf = text("hello world");
	slice = leat_buf_slice(buf, 2, 7);
	of_slice = leat_buf_slice(slice, 1, 100);
	leat_buf_unref(slice);
	leat_buf_unref(buf);
	expect_text(of_slice, "lo wor");
	leat_buf_unref(of_slice);
	end();
}
END_TEST

START_TEST(a_slice_of_a_large_buf_frees_it)
{
	leat_buf *buf, *slice;

	begin();
	buf = lt_buf_new(&mem, 1 << 20);
	slice = leat_buf_slice(buf, 1 << 19, 10);
	leat_buf_unref(buf);
	leat_buf_unref(slice);
	end();
}
END_TEST

/* ---- join, iovec ---- */

START_TEST(joining_copies_in_order)
{
	leat_buf *parts[4], *joined;

	begin();
	parts[0] = text("one ");
	parts[1] = text("");
	parts[2] = leat_buf_slice(parts[0], 0, 2);
	parts[3] = text("ly");
	joined = lt_buf_join(&mem, parts, 4);
	expect_text(joined, "one only");
	for (int i = 0; i < 4; i++)
		leat_buf_unref(parts[i]);
	expect_text(joined, "one only");
	leat_buf_unref(joined);
	joined = lt_buf_join(&mem, NULL, 0);
	expect_size(leat_buf_size(joined), 0);
	expect_false(leat_buf_failed(joined));
	leat_buf_unref(joined);
	end();
}
END_TEST

START_TEST(a_failed_part_fails_the_whole)
{
	leat_buf *parts[2];

	begin();
	parts[0] = text("one");
	parts[1] = lt_buf_failed();
	expect_true(leat_buf_failed(lt_buf_join(&mem, parts, 2)));
	leat_buf_unref(parts[0]);
	end();
}
END_TEST

START_TEST(a_sum_beyond_all_memory_fails)
{
	static const struct iovec huge[] = { { (void *)1, SIZE_MAX - 10 }, { (void *)1, 11 } };
	leat_buf *parts[2];

	begin();
	expect_true(leat_buf_failed(lt_buf_from_iovec(&mem, huge, 2)));
	expect_true(leat_buf_failed(lt_buf_new(&mem, SIZE_MAX)));
	expect_true(leat_buf_failed(lt_buf_new(&mem, SIZE_MAX - 40)));
	parts[0] = lt_buf_wrap(&mem, "", SIZE_MAX - 10, NULL, NULL);
	parts[1] = lt_buf_wrap(&mem, "", 11, NULL, NULL);
	expect_true(leat_buf_failed(lt_buf_join(&mem, parts, 2)));
	leat_buf_unref(parts[0]);
	leat_buf_unref(parts[1]);
	end();
}
END_TEST

START_TEST(from_iovec_copies_in_order)
{
	char one_words[] = "one", two_words[] = " two";
	struct iovec parts[] = { { one_words, 3 }, { NULL, 0 }, { two_words, 4 } };
	leat_buf *buf;

	begin();
	buf = lt_buf_from_iovec(&mem, parts, 3);
	expect_text(buf, "one two");
	leat_buf_unref(buf);
	buf = lt_buf_from_iovec(&mem, NULL, 0);
	expect_size(leat_buf_size(buf), 0);
	leat_buf_unref(buf);
	end();
}
END_TEST

START_TEST(fewer_than_no_parts_fail)
{
	struct iovec part = { (char[]){ 'o' }, 1 };

	begin();
	expect_true(leat_buf_failed(lt_buf_from_iovec(&mem, &part, -1)));
	end();
}
END_TEST

START_TEST(to_iovec_fills_what_has_bytes_and_room)
{
	leat_buf *bufs[3];
	struct iovec parts[3];

	begin();
	bufs[0] = text("one");
	bufs[1] = text("");
	bufs[2] = text("three");
	expect_int(leat_buf_to_iovec(bufs, 3, parts, 3), 2);
	expect_ptr(parts[0].iov_base, leat_buf_data(bufs[0]));
	expect_bytes(parts[1].iov_base, parts[1].iov_len, "three");
	expect_int(leat_buf_to_iovec(bufs, 3, parts, 1), 1);
	expect_int(leat_buf_to_iovec(bufs, 3, parts, 0), 0);
	for (int i = 0; i < 3; i++)
		leat_buf_unref(bufs[i]);
	end();
}
END_TEST

/* ---- looking and changing ---- */

START_TEST(only_who_alone_holds_the_block_may_write)
{
	leat_buf *buf, *slice;

	begin();
	buf = text("hello");
	leat_buf_ref(buf);
	expect_null(leat_buf_space(buf));
	leat_buf_unref(buf);
	expect_some(leat_buf_space(buf));
	slice = leat_buf_slice(buf, 1, 2);
	expect_null(leat_buf_space(buf));
	expect_null(leat_buf_space(slice));
	leat_buf_unref(buf);
	expect_ptr(leat_buf_space(slice), leat_buf_data(slice));
	leat_buf_ref(slice);
	expect_null(leat_buf_space(slice));
	leat_buf_unref(slice);
	leat_buf_unref(slice);
	end();
}
END_TEST

START_TEST(wrapped_and_failed_bufs_are_not_written)
{
	leat_buf *buf, *slice;

	begin();
	buf = wrapped("words");
	expect_null(leat_buf_space(buf));
	slice = leat_buf_slice(buf, 0, 2);
	leat_buf_unref(buf);
	expect_null(leat_buf_space(slice));
	leat_buf_unref(slice);
	expect_null(leat_buf_space(lt_buf_failed()));
	end();
}
END_TEST

START_TEST(cut_keeps_the_front_and_skip_the_rest)
{
	leat_buf *buf;

	begin();
	buf = text("hello");
	leat_buf_cut(buf, 100);
	leat_buf_skip(buf, 0);
	expect_text(buf, "hello");
	leat_buf_cut(buf, 4);
	expect_text(buf, "hell");
	leat_buf_skip(buf, 3);
	expect_text(buf, "l");
	leat_buf_skip(buf, 100);
	expect_text(buf, "");
	expect_some(leat_buf_data(buf));
	leat_buf_unref(buf);
	end();
}
END_TEST

START_TEST(cutting_a_buf_leaves_its_slices)
{
	leat_buf *buf, *slice;

	begin();
	buf = text("hello");
	slice = leat_buf_slice(buf, 0, 5);
	leat_buf_skip(buf, 2);
	leat_buf_cut(slice, 4);
	expect_text(buf, "llo");
	expect_text(slice, "hell");
	leat_buf_unref(buf);
	leat_buf_unref(slice);
	end();
}
END_TEST

START_TEST(cutting_a_shared_handle_aborts)
{
	begin();
	leat_buf_cut(leat_buf_ref(text("hello")), 1);
}
END_TEST

START_TEST(skipping_in_a_shared_handle_aborts)
{
	begin();
	leat_buf_skip(leat_buf_ref(text("hello")), 1);
}
END_TEST

START_TEST(the_failed_buf_takes_everything_and_gives_nothing)
{
	leat_buf *failed = lt_buf_failed();
	struct iovec part;

	begin();
	expect_true(leat_buf_failed(failed));
	expect_size(leat_buf_size(failed), 0);
	expect_some(leat_buf_data(failed));
	for (int i = 0; i < 3; i++)
		leat_buf_unref(failed);
	expect_ptr(leat_buf_ref(failed), failed);
	leat_buf_cut(failed, 0);
	leat_buf_skip(failed, 1);
	expect_true(leat_buf_failed(leat_buf_slice(failed, 0, 1)));
	expect_ptr(lt_buf_unique(failed), failed);
	expect_int(leat_buf_to_iovec(&failed, 1, &part, 1), 0);
	end();
}
END_TEST

START_TEST(null_is_let_be)
{
	leat_buf_unref(NULL);
}
END_TEST

static const char *print_of(const leat_buf *buf)
{
	static char words[50];

	expect_int(leat_buf_print(buf, words, sizeof(words)), (int)strlen(words));
	expect_int(leat_buf_print(buf, NULL, 0), (int)strlen(words));
	return words;
}

START_TEST(data_or_end_is_printed)
{
	leat_buf *buf;
	char little[4];

	begin();
	buf = text("twelve bytes");
	expect_str(print_of(buf), "12 bytes");
	expect_int(leat_buf_print(buf, little, sizeof(little)), 8);
	expect_str(little, "12 ");
	leat_buf_cut(buf, 1);
	expect_str(print_of(buf), "1 byte");
	leat_buf_cut(buf, 0);
	expect_str(print_of(buf), "end of stream");
	leat_buf_unref(buf);
	expect_str(print_of(NULL), "end of stream");
	end();
}
END_TEST

START_TEST(unique_is_itself_when_it_is_alone)
{
	leat_buf *buf, *unique;

	begin();
	buf = text("hello");
	expect_ptr(lt_buf_unique(buf), buf);
	leat_buf_ref(buf);
	unique = lt_buf_unique(buf);
	ck_assert_ptr_ne(unique, buf);
	leat_buf_skip(unique, 2);
	expect_text(unique, "llo");
	expect_text(buf, "hello");
	leat_buf_unref(unique);
	leat_buf_unref(buf);
	end();
}
END_TEST

/* ---- scratch ---- */

START_TEST(little_is_copied_out_of_the_scratch_and_much_takes_it)
{
	leat_buf *scratch = NULL, *little, *much;

	begin();
	expect_size(leat_buf_size(lt_buf_scratch(&mem, &scratch)), LT_BUF_SCRATCH);
	memset(leat_buf_space(scratch), 'x', LT_BUF_SCRATCH);
	little = lt_buf_carve(&scratch, 5);
	expect_text(little, "xxxxx");
	expect_some(scratch);
	expect(lt_mem_bytes(&mem) < LT_BUF_SCRATCH + 200);
	much = scratch;
	expect_ptr(lt_buf_carve(&scratch, LT_BUF_SCRATCH - 5), much);
	expect_size(leat_buf_size(much), LT_BUF_SCRATCH - 5);
	expect_null(scratch);
	leat_buf_unref(much);
	leat_buf_unref(little);
	expect_ptr(lt_buf_scratch(&mem, &scratch), much); /* from what is kept */
	expect_size(leat_buf_size(scratch), LT_BUF_SCRATCH);
	leat_buf_unref(scratch);
	end();
}
END_TEST

START_TEST(without_memory_for_the_copy_the_scratch_goes)
{
	leat_buf *scratch = NULL, *got;

	oom_init(&door, 2);
	lt_mem_init(&mem, &door.memory);
	memcpy(leat_buf_space(lt_buf_scratch(&mem, &scratch)), "hello", 5);
	got = lt_buf_carve(&scratch, 5);
	expect_text(got, "hello");
	expect_null(scratch);
	leat_buf_unref(got);
	end();
}
END_TEST

START_TEST(without_memory_there_is_no_scratch)
{
	leat_buf *scratch = NULL;

	oom_init(&door, 1);
	lt_mem_init(&mem, &door.memory);
	expect_null(lt_buf_scratch(&mem, &scratch));
	expect_null(scratch);
	end();
}
END_TEST

/* ---- queues ---- */

static void expect_queue(const leat_bufs *queue, const char *wanted)
{
	char all[100];
	size_t at = 0;
	struct iovec parts[10];
	int n = leat_bufs_iovec(queue, parts, 10);

	for (int i = 0; i < n; at += parts[i++].iov_len)
		memcpy(all + at, parts[i].iov_base, parts[i].iov_len);
	expect_bytes(all, at, wanted);
	expect_size(leat_bufs_size(queue), at);
	expect(lt_bufs_empty(queue) == (at == 0));
}

START_TEST(a_queue_keeps_order)
{
	leat_bufs queue;
	leat_buf *first;

	begin();
	lt_bufs_init(&queue);
	expect_queue(&queue, "");
	expect_null(leat_bufs_peek(&queue));
	expect_null(leat_bufs_take(&queue));
	lt_bufs_push(&queue, text("two "));
	lt_bufs_push(&queue, text("three"));
	lt_bufs_push_front(&queue, text("one "));
	expect_queue(&queue, "one two three");
	expect_text(leat_bufs_peek(&queue), "one ");
	first = leat_bufs_take(&queue);
	expect_text(first, "one ");
	leat_buf_unref(first);
	expect_queue(&queue, "two three");
	lt_bufs_clear(&queue);
	expect_queue(&queue, "");
	lt_bufs_push_front(&queue, text("again"));
	lt_bufs_push(&queue, text("!"));
	expect_queue(&queue, "again!");
	lt_bufs_clear(&queue);
	end();
}
END_TEST

START_TEST(bufs_without_bytes_never_stay_in_a_queue)
{
	leat_bufs queue = { 0 };

	begin();
	lt_bufs_push(&queue, text(""));
	lt_bufs_push_front(&queue, text(""));
	lt_bufs_push(&queue, lt_buf_failed());
	lt_bufs_push_front(&queue, lt_buf_failed());
	expect_true(lt_bufs_empty(&queue));
	end();
}
END_TEST

START_TEST(dropping_ends_anywhere)
{
	leat_bufs queue = { 0 };

	begin();
	lt_bufs_push(&queue, text("one "));
	lt_bufs_push(&queue, text("two "));
	lt_bufs_push(&queue, text("three"));
	leat_bufs_drop(&queue, 0);
	leat_bufs_drop(&queue, 1);
	expect_queue(&queue, "ne two three");
	leat_bufs_drop(&queue, 3);
	expect_queue(&queue, "two three");
	leat_bufs_drop(&queue, 5);
	expect_queue(&queue, "hree");
	leat_bufs_drop(&queue, 4);
	expect_queue(&queue, "");
	lt_bufs_push(&queue, text("more"));
	expect_queue(&queue, "more");
	lt_bufs_clear(&queue);
	end();
}
END_TEST

START_TEST(dropping_what_is_not_there_aborts)
{
	leat_bufs queue = { 0 };

	begin();
	lt_bufs_push(&queue, text("one"));
	leat_bufs_drop(&queue, 4);
}
END_TEST

START_TEST(iovec_fills_at_most_the_room)
{
	leat_bufs queue = { 0 };
	struct iovec part;

	begin();
	lt_bufs_push(&queue, text("one"));
	lt_bufs_push(&queue, text("two"));
	expect_int(leat_bufs_iovec(&queue, &part, 1), 1);
	expect_bytes(part.iov_base, part.iov_len, "one");
	expect_int(leat_bufs_iovec(&queue, &part, 0), 0);
	expect_size(leat_bufs_size(&queue), 6);
	lt_bufs_clear(&queue);
	end();
}
END_TEST

START_TEST(a_queue_is_moved_to_the_end_of_another)
{
	leat_bufs queue = { 0 }, from = { 0 };

	begin();
	lt_bufs_append(&queue, &from);
	expect_queue(&queue, "");
	lt_bufs_push(&from, text("one "));
	lt_bufs_push(&from, text("two "));
	lt_bufs_append(&queue, &from);
	expect_queue(&from, "");
	lt_bufs_push(&from, text("three"));
	lt_bufs_append(&queue, &from);
	lt_bufs_push(&queue, text("!"));
	expect_queue(&queue, "one two three!");
	lt_bufs_clear(&queue);
	end();
}
END_TEST

START_TEST(a_shared_buf_is_advanced_in_a_queue_and_nowhere_else)
{
	leat_bufs queue = { 0 };
	leat_buf *buf;

	begin();
	buf = text("hello");
	lt_bufs_push(&queue, lt_buf_unique(leat_buf_ref(buf)));
	leat_bufs_drop(&queue, 3);
	expect_text(buf, "hello");
	expect_queue(&queue, "lo");
	leat_buf_unref(buf);
	expect_queue(&queue, "lo");
	lt_bufs_clear(&queue);
	end();
}
END_TEST

/* ---- bad luck ---- */

START_TEST(a_buf_may_outlive_its_loop)
{
	leat_buf *buf, *slice;

	begin();
	buf = text("hello");
	slice = leat_buf_slice(buf, 1, 3);
	lt_mem_end(&mem);
	leat_buf_unref(buf);
	expect_text(slice, "ell");
	leat_buf_unref(slice);
	expect_size(door.live, 0);
}
END_TEST

START_TEST(giving_back_once_too_often_aborts)
{
	leat_buf *buf, *slice;

	begin();
	buf = text("hello");
	slice = leat_buf_slice(buf, 0, 1);
	leat_buf_unref(buf);
	leat_buf_unref(buf);
	leat_buf_unref(slice);
}
END_TEST

static void every_constructor(void)
{
	char words[] = "three";
	leat_bufs queue = { 0 };
	leat_buf *parts[6] = { text("one"), lt_buf_new(&mem, 100000), wrapped("two") };

	parts[3] = leat_buf_slice(parts[0], 1, 1);
	parts[4] = lt_buf_join(&mem, parts, 4);
	parts[5] = lt_buf_unique(leat_buf_ref(parts[2]));
	lt_bufs_push(&queue, lt_buf_from_iovec(&mem, &(struct iovec){ words, 5 }, 1));
	for (int i = 0; i < 6; i++) {
		expect_some(leat_buf_data(parts[i]));
		expect(!leat_buf_failed(parts[i]) || leat_buf_size(parts[i]) == 0);
		leat_buf_unref(parts[i]);
	}
	lt_bufs_clear(&queue);
	expect_int(released, 1);
}

START_TEST(any_allocation_may_fail)
{
	OOM_EACH(&door) {
		lt_mem_init(&mem, &door.memory);
		every_constructor();
		lt_mem_end(&mem);
	}
}
END_TEST

SUITE("buf",
	EACH(a_new_buf_is_filled_through_its_space, 8),
	header_and_bytes_are_one_allocation,
	the_steady_path_does_not_allocate,
	a_copy_is_independent,
	wrapped_memory_is_released_once_with_the_last_handle,
	memory_that_lives_for_ever_needs_no_release,
	wrapping_nothing_has_data_that_is_not_null,
	without_memory_a_wrap_fails_and_releases,
	a_release_may_end_another_buf,
	a_slice_copies_nothing,
	EACH(what_reaches_past_the_end_is_cut_off, 5),
	a_slice_of_a_cut_buf_ends_where_that_ends,
	a_slice_of_a_slice_does_not_need_it,
	a_slice_of_a_large_buf_frees_it,
	joining_copies_in_order,
	a_failed_part_fails_the_whole,
	a_sum_beyond_all_memory_fails,
	from_iovec_copies_in_order,
	fewer_than_no_parts_fail,
	to_iovec_fills_what_has_bytes_and_room,
	only_who_alone_holds_the_block_may_write,
	wrapped_and_failed_bufs_are_not_written,
	cut_keeps_the_front_and_skip_the_rest,
	cutting_a_buf_leaves_its_slices,
	ABORTS(cutting_a_shared_handle_aborts),
	ABORTS(skipping_in_a_shared_handle_aborts),
	the_failed_buf_takes_everything_and_gives_nothing,
	null_is_let_be,
	data_or_end_is_printed,
	unique_is_itself_when_it_is_alone,
	little_is_copied_out_of_the_scratch_and_much_takes_it,
	without_memory_for_the_copy_the_scratch_goes,
	without_memory_there_is_no_scratch,
	a_queue_keeps_order,
	bufs_without_bytes_never_stay_in_a_queue,
	dropping_ends_anywhere,
	ABORTS(dropping_what_is_not_there_aborts),
	iovec_fills_at_most_the_room,
	a_queue_is_moved_to_the_end_of_another,
	a_shared_buf_is_advanced_in_a_queue_and_nowhere_else,
	a_buf_may_outlive_its_loop,
	ABORTS(giving_back_once_too_often_aborts),
	any_allocation_may_fail)

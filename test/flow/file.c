/* SPDX-License-Identifier: ISC */
/* file - a file read as a flow: each part of it, and what is none */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <leat/buf.h>
#include <leat/flow.h>
#include <leat/flow_ops.h>

#include "support/oom.h"
#include "support/sockets.h"
#include "support/stream.h"
#include "support/suite.h"
#include "support/world.h"

enum { LARGE = 300000 };

static struct world w;
static char path[] = "/tmp/leat-file-XXXXXX";
static int fd; /* of the file, to be written */

static void begin(const char *words)
{
	world_open(&w);
	memcpy(path + sizeof path - 7, "XXXXXX", 6);
	fd = mkstemp(path);
	expect_true(fd >= 0);
	expect_int(write(fd, words, strlen(words)), (int)strlen(words));
}

static void finish(leat_flow *flow)
{
	leat_flow_unref(flow);
	close(fd);
	unlink(path);
	world_close(&w);
}

/* All that comes before the end. */
static const char *all_of(leat_flow *flow)
{
	static char text[256];
	leat_buf *buf;

	text[0] = 0;
	while ((buf = leat_await_buf(leat_flow_read(flow), NULL))) {
		strncat(text, leat_buf_data(buf), leat_buf_size(buf));
		leat_buf_unref(buf);
	}
	return text;
}

static leat_error failure_of(leat_flow *flow)
{
	leat_error error;

	leat_buf_unref(leat_await_buf(leat_flow_read(flow), &error));
	return error;
}

START_TEST(all_of_it_is_read_and_then_the_end)
{
	leat_flow *flow;

	begin("all of it");
	flow = leat_flow_from_file(w.loop, path, 0, LEAT_FILE_ALL);
	expect_str(all_of(flow), "all of it");
	expect_str(all_of(flow), "");
	finish(flow);
}
END_TEST

START_TEST(a_part_is_that_part)
{
	leat_flow *flow;

	begin("0123456789");
	flow = leat_flow_from_file(w.loop, path, 3, 4);
	expect_str(all_of(flow), "3456");
	leat_flow_unref(flow);
	flow = leat_flow_from_file(w.loop, path, 8, 100);
	expect_str(all_of(flow), "89");
	leat_flow_unref(flow);
	flow = leat_flow_from_file(w.loop, path, 100, LEAT_FILE_ALL);
	expect_str(all_of(flow), "");
	leat_flow_unref(flow);
	flow = leat_flow_from_file(w.loop, path, 2, 0);
	expect_str(all_of(flow), "");
	finish(flow);
}
END_TEST

START_TEST(beyond_its_end_there_is_nothing_up_to_the_last_offset)
{
	static const int64_t offsets[] = { 11, 100, INT64_MAX - 65536, INT64_MAX - 65535, INT64_MAX - 1, INT64_MAX };
	leat_flow *flow;
	leat_error error;

	begin("0123456789");
	flow = leat_flow_from_file(w.loop, path, offsets[_i], _i % 2 ? 1 : LEAT_FILE_ALL);
	ck_assert_ptr_null(leat_await_buf(leat_flow_read(flow), &error));
	expect_ok(error);
	finish(flow);
}
END_TEST

START_TEST(a_large_one_comes_in_pieces_in_order)
{
	static unsigned char bytes[LARGE];
	struct sink sink;
	leat_flow *flow;

	for (int i = 0; i < LARGE; i++)
		bytes[i] = stream_at((uint64_t)i);
	begin("");
	expect_int(write(fd, bytes, LARGE), LARGE);
	flow = leat_flow_from_file(w.loop, path, 0, LEAT_FILE_ALL);
	sink_start(&sink, flow);
	expect_true(leat_await(sink.io, NULL));
	expect_size(sink.at, LARGE);
	expect_false(sink.wrong);
	finish(flow);
}
END_TEST

START_TEST(a_descriptor_is_taken_and_its_position_is_nobodys)
{
	leat_flow *flow;

	begin("0123456789");
	flow = leat_flow_from_file_fd(w.loop, dup(fd), 5, LEAT_FILE_ALL);
	expect_str(all_of(flow), "56789");
	expect_int(lseek(fd, 0, SEEK_CUR), 10);
	finish(flow);
}
END_TEST

START_TEST(what_is_no_file_says_so)
{
	int ends[2];
	leat_flow *flow;

	begin("");
	expect_int(pipe(ends), 0);
	flow = leat_flow_from_file_fd(w.loop, ends[0], 0, LEAT_FILE_ALL);
	expect_kind(failure_of(flow), LEAT_INVALID);
	expect_int(fcntl(ends[0], F_GETFD), -1);
	close(ends[1]);
	leat_flow_unref(flow);
	flow = leat_flow_from_file(w.loop, "/tmp", 0, LEAT_FILE_ALL);
	expect_kind(failure_of(flow), LEAT_INVALID);
	leat_flow_unref(flow);
	flow = leat_flow_from_file(w.loop, "/nowhere/at/all", 0, LEAT_FILE_ALL);
	expect_kind(failure_of(flow), LEAT_NOT_FOUND);
	leat_flow_unref(flow);
	flow = leat_flow_from_file_fd(w.loop, -1, 0, LEAT_FILE_ALL);
	expect_true(leat_error_set(failure_of(flow)));
	leat_flow_unref(flow);
	flow = leat_flow_from_file(w.loop, path, -1, LEAT_FILE_ALL);
	expect_kind(failure_of(flow), LEAT_INVALID);
	finish(flow);
}
END_TEST

START_TEST(it_is_not_written)
{
	leat_result result;
	leat_flow *flow;

	begin("x");
	flow = leat_flow_from_file(w.loop, path, 0, LEAT_FILE_ALL);
	expect_false(leat_await(leat_flow_write(flow, "y", 1), &result));
	expect_kind(leat_result_error(&result), LEAT_UNSUPPORTED);
	finish(flow);
}
END_TEST

START_TEST(closing_needs_nobody)
{
	leat_result result;
	leat_flow *flow;

	begin("x");
	flow = leat_flow_from_file(w.loop, path, 0, LEAT_FILE_ALL);
	expect_true(leat_await(leat_flow_close(flow), &result));
	expect_ok(leat_result_ending(&result));
	finish(flow);
}
END_TEST

static void on_recall(void *ctx, leat_error why)
{
	(void)ctx;
	(void)why;
}

START_TEST(it_is_sent_by_the_kernel_and_goes_on_from_there)
{
	leat_lease file = { .size = sizeof file, .recall = on_recall }, to = { .size = sizeof to, .recall = on_recall };
	char got[8] = "";
	leat_flow *flow, *ends[2];

	begin("0123456789");
	ends_unix(w.loop, ends);
	flow = leat_flow_from_file(w.loop, path, 1, 7);
	expect_ok(leat_flow_lease(flow, LEAT_READ, &file));
	expect_int(file.offset, 1);
	expect_size(file.left, 7);
	expect_ok(leat_flow_lease(ends[0], LEAT_WRITE, &to));
	expect_int(leat_lease_send(&to, &file, 4), 4);
	leat_lease_end(&file);
	expect_str(all_of(flow), "567");
	expect_size(leat_await_int(leat_flow_read_into(ends[1], got, 4, 4), NULL), 4);
	expect_str(got, "1234");
	leat_lease_end(&to);
	leat_flow_unref(ends[0]);
	leat_flow_unref(ends[1]);
	finish(flow);
}
END_TEST

START_TEST(what_is_sent_ends_with_the_part)
{
	leat_lease file = { .size = sizeof file, .recall = on_recall }, to = { .size = sizeof to, .recall = on_recall };
	leat_flow *flow, *ends[2];

	begin("0123456789");
	ends_unix(w.loop, ends);
	flow = leat_flow_from_file(w.loop, path, 0, LEAT_FILE_ALL);
	expect_ok(leat_flow_lease(flow, LEAT_READ, &file));
	expect_ok(leat_flow_lease(ends[0], LEAT_WRITE, &to));
	expect_int(leat_lease_send(&to, &file, 100), 10);
	expect_int(leat_lease_send(&to, &file, 100), -1);
	expect_true(file.flow == NULL && to.flow == ends[0]);
	expect_str(all_of(flow), "");
	leat_lease_end(&to);
	leat_flow_unref(ends[0]);
	leat_flow_unref(ends[1]);
	finish(flow);
}
END_TEST

START_TEST(any_allocation_may_fail)
{
	struct oom oom;

	begin("0123456789");
	OOM_EACH(&oom) {
		leat_loop *loop = leat_loop_new(NULL, &(leat_loop_options){
			.size = sizeof(leat_loop_options), .memory = &oom.memory });
		leat_flow *flow = loop ? leat_flow_from_file(loop, path, 0, LEAT_FILE_ALL) : NULL;

		if (flow)
			ck_assert(leat_error_is(failure_of(flow), LEAT_NOMEM) == oom.failed);
		leat_flow_unref(flow);
		leat_loop_free(loop);
	}
	finish(NULL);
}
END_TEST

SUITE("file",
	all_of_it_is_read_and_then_the_end,
	a_part_is_that_part,
	EACH(beyond_its_end_there_is_nothing_up_to_the_last_offset, 6),
	a_large_one_comes_in_pieces_in_order,
	a_descriptor_is_taken_and_its_position_is_nobodys,
	what_is_no_file_says_so,
	it_is_not_written,
	closing_needs_nobody,
	it_is_sent_by_the_kernel_and_goes_on_from_there,
	what_is_sent_ends_with_the_part,
	any_allocation_may_fail)

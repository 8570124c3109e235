/* SPDX-License-Identifier: ISC */
/* copy - every byte once, in order, and none lost to a cancel */
#include <event2/event.h>

#include <leat/leat.h>

#include "support/expect.h"
#include "support/oom.h"
#include "support/suite.h"

/* Two pairs: what is written to `in` is read from `from`, what is sent to `to`
 * arrives at `out`. */
struct pipe {
	leat_loop *loop;
	leat_flow *in, *from, *to, *out;
	leat_io *io; /* pipe_copy's */
};

static void pipe_make(struct pipe *p, leat_loop *loop)
{
	leat_flow *ends[2];

	*p = (struct pipe){ .loop = loop };
	leat_flow_pair(loop, ends);
	p->in = ends[0];
	p->from = ends[1];
	leat_flow_pair(loop, ends);
	p->to = ends[0];
	p->out = ends[1];
}

static void pipe_open(struct pipe *p)
{
	pipe_make(p, leat_loop_new(NULL, NULL));
}

static void pipe_copy(struct pipe *p)
{
	pipe_open(p);
	p->io = leat_copy(p->from, p->to);
}

static void pipe_drop(struct pipe *p)
{
	leat_flow_unref(p->in);
	leat_flow_unref(p->from);
	leat_flow_unref(p->to);
	leat_flow_unref(p->out);
}

static void pipe_close(struct pipe *p)
{
	leat_loop_stats stats = { .size = sizeof stats };

	pipe_drop(p);
	leat_loop_run_ready(p->loop);
	leat_loop_stats_get(p->loop, &stats);
	expect_size(stats.ios_live, 0);
	leat_loop_free(p->loop);
}

static void limit(leat_flow *flow, size_t high_water)
{
	leat_flow_limits limits = { .size = sizeof limits, .high_water_bytes = high_water };

	expect_ok(leat_flow_set_limits(flow, &limits));
}

static void say(leat_flow *flow, const char *words)
{
	expect_true(leat_await(leat_flow_write(flow, words, strlen(words)), NULL));
}

static void end(leat_flow *flow)
{
	expect_true(leat_await(leat_flow_shutdown(flow, LEAT_WRITE), NULL));
}

/* What it gave, a number; at once where it has settled. */
static int64_t await_int(leat_io *io)
{
	leat_result result;

	if (!leat_await(io, &result))
		ck_abort_msg("failed: %s", leat_kind_name(leat_error_kind(leat_result_error(&result))));
	return leat_result_int(&result);
}

static leat_error await_error(leat_io *io)
{
	leat_result result;
	leat_error error;

	leat_await(io, &result);
	error = leat_result_error(&result);
	leat_result_clear(&result);
	return error;
}

/* Exactly as much as was wanted. */
static void hear(leat_flow *flow, const char *words)
{
	char got[64] = "";

	expect_ok(await_error(leat_flow_read_into(flow, got, strlen(words), strlen(words))));
	expect_str(got, words);
}

/* What comes before the end, which must be next. */
static const char *await_end(leat_flow *flow)
{
	leat_result result;
	leat_buf *buf;

	expect_true(leat_await(leat_flow_read(flow), &result));
	buf = leat_result_buf(&result);
	leat_buf_unref(buf);
	return buf ? "more" : "";
}

static void turn(struct pipe *p)
{
	for (int i = 0; i < 20; i++)
		event_base_loop(leat_loop_base(p->loop), EVLOOP_NONBLOCK);
}

START_TEST(all_of_it_arrives_and_is_counted)
{
	struct pipe p;

	pipe_copy(&p);
	say(p.in, "one ");
	hear(p.out, "one ");
	say(p.in, "two");
	hear(p.out, "two");
	end(p.in);
	expect_int(await_int(p.io), 7);
	pipe_close(&p);
}
END_TEST

START_TEST(nothing_is_a_copy_of_nothing)
{
	struct pipe p;

	pipe_open(&p);
	end(p.in);
	expect_int(await_int(leat_copy(p.from, p.to)), 0);
	pipe_close(&p);
}
END_TEST

START_TEST(neither_flow_is_shut)
{
	struct pipe p;

	pipe_open(&p);
	end(p.in);
	await_int(leat_copy(p.from, p.to));
	say(p.from, "back");
	hear(p.in, "back");
	say(p.to, "on");
	hear(p.out, "on");
	pipe_close(&p);
}
END_TEST

START_TEST(a_copy_onto_itself_is_an_echo)
{
	struct pipe p;
	leat_io *io;

	pipe_open(&p);
	io = leat_copy(p.from, p.from);
	say(p.in, "hello");
	hear(p.in, "hello");
	end(p.in);
	expect_int(await_int(io), 5);
	pipe_close(&p);
}
END_TEST

/* ---- so many, and no more ---- */

START_TEST(so_many_bytes_and_the_rest_is_still_there)
{
	struct pipe p;

	pipe_open(&p);
	say(p.in, "onetwothree");
	expect_int(await_int(leat_copy_most(p.from, p.to, 6, NULL)), 6);
	hear(p.out, "onetwo");
	expect_int(await_int(leat_copy_most(p.from, p.to, 1, NULL)), 1);
	hear(p.out, "t");
	hear(p.from, "hree");
	pipe_close(&p);
}
END_TEST

START_TEST(no_bytes_are_there_at_once)
{
	struct pipe p;

	pipe_open(&p);
	expect_int(await_int(leat_copy_most(p.from, p.to, 0, NULL)), 0);
	pipe_close(&p);
}
END_TEST

START_TEST(less_only_where_the_end_comes_first)
{
	struct pipe p;
	leat_io *io;

	pipe_open(&p);
	io = leat_copy_most(p.from, p.to, 100, NULL);
	say(p.in, "few");
	end(p.in);
	expect_int(await_int(io), 3);
	pipe_close(&p);
}
END_TEST

START_TEST(it_does_not_wait_for_what_it_would_not_take)
{
	struct pipe p;
	leat_io *io;

	pipe_open(&p);
	io = leat_copy_most(p.from, p.to, 3, NULL);
	say(p.in, "two");
	expect_int(await_int(io), 3);
	pipe_close(&p);
}
END_TEST

START_TEST(what_has_gone_over_is_told_whatever_comes_of_it)
{
	struct pipe p;
	uint64_t moved = 10;
	bool to_failed = false;
	leat_io *io;

	pipe_open(&p);
	io = leat_copy_most(p.from, p.to, LEAT_COPY_ALL,
		&(leat_copy_options){ .size = sizeof(leat_copy_options), .moved = &moved, .to_failed = &to_failed });
	say(p.in, "three");
	hear(p.out, "three");
	expect_size(moved, 15);
	leat_flow_abort(p.in);
	expect_kind(await_error(io), LEAT_RESET);
	expect_size(moved, 15);
	expect_false(to_failed);
	pipe_close(&p);
}
END_TEST

START_TEST(which_side_failed_is_told)
{
	struct pipe p;
	bool to_failed = false;
	leat_io *io;

	pipe_open(&p);
	io = leat_copy_most(p.from, p.to, LEAT_COPY_ALL,
		&(leat_copy_options){ .size = sizeof(leat_copy_options), .to_failed = &to_failed });
	leat_flow_abort(p.out);
	say(p.in, "x");
	expect_kind(await_error(io), LEAT_CLOSED);
	expect_true(to_failed);
	pipe_close(&p);
}
END_TEST

/* ---- megabytes ---- */

enum { CHUNKS = 300, CHUNK = 7001 };

struct bulk {
	leat_flow *flow;
	int written;
	uint64_t seen;
	bool wrong;
	unsigned char chunk[CHUNK];
};

static leat_io *bulk_write(void *ctx, leat_result *result)
{
	struct bulk *b = ctx;

	if (b->written == CHUNKS)
		return leat_flow_shutdown(b->flow, LEAT_WRITE);
	for (size_t i = 0; i < CHUNK; i++)
		b->chunk[i] = (unsigned char)(((size_t)b->written * CHUNK + i) % 251);
	b->written++;
	return leat_io_then(leat_flow_write(b->flow, b->chunk, CHUNK), bulk_write, leat_ctx_borrow(b));
}

static leat_io *bulk_read(void *ctx, leat_result *result);

static leat_io *bulk_next(struct bulk *b)
{
	return leat_io_then(leat_flow_read(b->flow), bulk_read, leat_ctx_borrow(b));
}

static leat_io *bulk_read(void *ctx, leat_result *result)
{
	struct bulk *b = ctx;
	leat_buf *buf = leat_result_buf(result);

	if (!buf)
		return NULL;
	for (size_t i = 0; i < leat_buf_size(buf); i++)
		b->wrong |= ((const unsigned char *)leat_buf_data(buf))[i] != (unsigned char)((b->seen + i) % 251);
	b->seen += leat_buf_size(buf);
	leat_buf_unref(buf);
	return bulk_next(b);
}

START_TEST(megabytes_arrive_in_order_and_are_never_all_there)
{
	static struct bulk source, sink;
	struct pipe p;
	leat_io *io, *writes;

	pipe_open(&p);
	source = (struct bulk){ .flow = p.in };
	sink = (struct bulk){ .flow = p.out };
	io = leat_copy(p.from, p.to);
	writes = bulk_write(&source, NULL);
	turn(&p);
	expect_true(source.written < CHUNKS); /* nobody reads: it waits */
	leat_io_detach(bulk_next(&sink));
	expect_int(await_int(io), (int64_t)CHUNKS * CHUNK);
	expect_true(leat_await(writes, NULL));
	turn(&p);
	expect_size(sink.seen, (size_t)CHUNKS * CHUNK);
	expect_false(sink.wrong);
	leat_flow_abort(p.to);
	turn(&p);
	pipe_close(&p);
}
END_TEST

/* ---- failures ---- */

START_TEST(a_read_that_fails_fails_it)
{
	struct pipe p;

	pipe_copy(&p);
	leat_flow_abort(p.in);
	expect_kind(await_error(p.io), LEAT_RESET);
	pipe_close(&p);
}
END_TEST

START_TEST(a_write_that_fails_fails_it)
{
	struct pipe p;

	pipe_copy(&p);
	end(p.to);
	say(p.in, "x");
	expect_kind(await_error(p.io), LEAT_CLOSED);
	pipe_close(&p);
}
END_TEST

START_TEST(a_write_that_fails_while_it_waits_fails_it)
{
	struct pipe p;
	leat_io *io;

	pipe_open(&p);
	limit(p.to, 1);
	limit(p.out, 1);
	io = leat_copy(p.from, p.to);
	say(p.in, "first");
	turn(&p);
	say(p.in, "second");
	turn(&p);
	leat_flow_abort(p.out);
	expect_true(leat_error_set(await_error(io)));
	pipe_close(&p);
}
END_TEST

START_TEST(a_flow_that_is_read_already_is_busy)
{
	struct pipe p;
	leat_io *read;

	pipe_open(&p);
	read = leat_flow_read(p.from);
	expect_kind(await_error(leat_copy(p.from, p.to)), LEAT_BUSY);
	leat_io_cancel(read);
	pipe_close(&p);
}
END_TEST

START_TEST(the_handles_may_go_before_it_ends)
{
	struct pipe p;

	pipe_copy(&p);
	leat_flow_unref(p.from);
	leat_flow_unref(p.to);
	p.from = p.to = NULL;
	say(p.in, "x");
	hear(p.out, "x");
	leat_io_cancel(p.io);
	pipe_close(&p);
}
END_TEST

/* ---- cancelling ---- */

START_TEST(cancelling_while_it_reads_loses_nothing)
{
	struct pipe p;

	pipe_copy(&p);
	say(p.in, "copied");
	hear(p.out, "copied");
	leat_io_cancel(p.io);
	say(p.in, "kept");
	hear(p.from, "kept");
	pipe_close(&p);
}
END_TEST

START_TEST(cancelling_an_undelivered_read_loses_nothing)
{
	struct pipe p;
	leat_io *io;

	pipe_open(&p);
	say(p.in, "kept");
	turn(&p);
	io = leat_copy(p.from, p.to);
	leat_io_cancel(io);
	hear(p.from, "kept");
	pipe_close(&p);
}
END_TEST

/* Its write crosses the mark, and nobody reads. */
static leat_io *copy_until_it_waits(struct pipe *p)
{
	leat_flow_info info = { .size = sizeof info };
	leat_io *io;

	limit(p->to, 4);
	io = leat_copy(p->from, p->to);
	say(p->in, "first ");
	turn(p);
	leat_flow_info_get(p->to, &info);
	expect_size(info.queued_bytes, 6);
	return io;
}

START_TEST(cancelling_gives_back_what_was_not_sent)
{
	struct pipe p;
	leat_io *io;

	pipe_open(&p);
	io = copy_until_it_waits(&p);
	say(p.in, "second");
	leat_io_cancel(io);
	end(p.to);
	expect_str(await_end(p.out), "");
	hear(p.from, "first second");
	pipe_close(&p);
}
END_TEST

START_TEST(cancelling_lets_go_on_what_was_begun)
{
	struct pipe p;
	leat_io *io;

	pipe_open(&p);
	io = copy_until_it_waits(&p);
	leat_io_detach(leat_flow_read(p.out)); /* the buf moves over, whole */
	leat_io_cancel(io);
	say(p.in, "second");
	hear(p.from, "second");
	pipe_close(&p);
}
END_TEST

START_TEST(after_a_cancel_both_flows_can_be_used)
{
	struct pipe p;
	leat_io *io;

	pipe_open(&p);
	io = copy_until_it_waits(&p);
	leat_io_cancel(io);
	say(p.in, "second");
	io = leat_copy(p.from, p.to);
	hear(p.out, "first second");
	leat_io_cancel(io);
	pipe_close(&p);
}
END_TEST

START_TEST(freeing_the_loop_ends_it)
{
	struct pipe p;

	pipe_open(&p);
	leat_io_detach(leat_copy(p.from, p.to));
	say(p.in, "x");
	pipe_drop(&p);
	leat_loop_free(p.loop);
}
END_TEST

/* ---- without memory ---- */

static void copy_once(struct oom *oom, leat_loop *loop)
{
	struct pipe p;
	leat_io *io;
	bool copied;

	pipe_make(&p, loop);
	io = leat_copy(p.from, p.to);
	if (!leat_await(leat_flow_write(p.in, "x", 1), NULL) || !leat_await(leat_flow_shutdown(p.in, LEAT_WRITE), NULL))
		leat_flow_abort(p.in);
	copied = leat_await(io, NULL);
	expect_true(copied || oom->failed);
	pipe_drop(&p);
}

START_TEST(any_allocation_may_fail)
{
	struct oom oom;

	OOM_EACH(&oom) {
		leat_loop *loop = leat_loop_new(NULL, &(leat_loop_options){
			.size = sizeof(leat_loop_options), .memory = &oom.memory });

		if (loop)
			copy_once(&oom, loop);
		leat_loop_free(loop);
	}
}
END_TEST

static leat_io *to_cancel;
static int released;

static void cancel_at_the_second(void *ctx)
{
	if (++released == 2)
		leat_io_cancel(to_cancel);
}

/* What it drops may be wrapped, and its release may do anything. */
START_TEST(the_release_of_what_was_copied_may_cancel_it)
{
	static char memory[100000];
	leat_loop *loop = leat_loop_new(NULL, NULL);
	leat_flow *ends[2], *nothing = leat_flow_null(loop);

	released = 0;
	leat_flow_pair(loop, ends);
	to_cancel = leat_copy(ends[1], nothing);
	for (int i = 0; i < 2; i++)
		leat_await(leat_flow_send(ends[0], leat_buf_wrap(loop, memory, sizeof memory, cancel_at_the_second, memory)), NULL);
	leat_await(leat_sleep(loop, 1), NULL);
	for (int i = 0; i < 2; i++) {
		leat_flow_abort(ends[i]);
		leat_flow_unref(ends[i]);
	}
	expect_int(released, 2);
	leat_flow_unref(nothing);
	leat_loop_free(loop);
}
END_TEST

SUITE("copy",
	the_release_of_what_was_copied_may_cancel_it,
	all_of_it_arrives_and_is_counted,
	nothing_is_a_copy_of_nothing,
	neither_flow_is_shut,
	a_copy_onto_itself_is_an_echo,
	so_many_bytes_and_the_rest_is_still_there,
	no_bytes_are_there_at_once,
	less_only_where_the_end_comes_first,
	it_does_not_wait_for_what_it_would_not_take,
	what_has_gone_over_is_told_whatever_comes_of_it,
	which_side_failed_is_told,
	megabytes_arrive_in_order_and_are_never_all_there,
	a_read_that_fails_fails_it,
	a_write_that_fails_fails_it,
	a_write_that_fails_while_it_waits_fails_it,
	a_flow_that_is_read_already_is_busy,
	the_handles_may_go_before_it_ends,
	cancelling_while_it_reads_loses_nothing,
	cancelling_an_undelivered_read_loses_nothing,
	cancelling_gives_back_what_was_not_sent,
	cancelling_lets_go_on_what_was_begun,
	after_a_cancel_both_flows_can_be_used,
	freeing_the_loop_ends_it,
	any_allocation_may_fail)

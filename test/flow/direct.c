/* SPDX-License-Identifier: ISC */
/* direct - what a flow of your own is asked for by who takes and puts, seen through one
 * that does only what the test tells it */
#include <stddef.h>
#include <string.h>
#include <sys/uio.h>

#include <leat/direct.h>
#include <leat/flow_ops.h>

#include "support/suite.h"
#include "support/world.h"

static struct wire {
	const char *has; /* what has come, and was not taken */
	size_t takes;    /* how much it takes of what is put or written */
	bool ends, breaks;
	unsigned asked, taken, put, destroyed;
	char sent[64];
} wire;

static struct world w;
static leat_flow *flow;

static void wire_read(leat_flow *self, void *state)
{
	(void)self;
	(void)state;
	wire.asked++;
}

static void send_some(const char *bytes, size_t n)
{
	strncat(wire.sent, bytes, n);
	wire.takes -= n;
}

static void wire_write(leat_flow *self, void *state, leat_bufs *queue)
{
	leat_buf *buf = leat_bufs_peek(queue);
	size_t n = leat_buf_size(buf) < wire.takes ? leat_buf_size(buf) : wire.takes;

	(void)self;
	(void)state;
	send_some(leat_buf_data(buf), n);
	leat_bufs_drop(queue, n);
}

static size_t wire_take(leat_flow *self, void *state, void *memory, size_t room)
{
	size_t n = strlen(wire.has) < room ? strlen(wire.has) : room;

	(void)state;
	wire.taken++;
	memcpy(memory, wire.has, n);
	wire.has += n;
	if (n == 0 && wire.ends)
		leat_flow_give_end(self);
	if (n == 0 && wire.breaks)
		leat_flow_give_error(self, leat_error_core(LEAT_RESET));
	return n;
}

static size_t wire_put(leat_flow *self, void *state, const struct iovec *parts, int count)
{
	size_t n = parts->iov_len < wire.takes ? parts->iov_len : wire.takes;

	(void)state;
	(void)count;
	wire.put++;
	if (wire.breaks)
		leat_flow_write_failed(self, leat_error_core(LEAT_RESET));
	else
		send_some(parts->iov_base, n);
	return wire.breaks ? 0 : n;
}

static void wire_shutdown(leat_flow *self, void *state)
{
	(void)state;
	leat_flow_told(self);
}

static void wire_destroy(void *state)
{
	(void)state;
	wire.destroyed++;
}

static const leat_flow_ops wire_ops = {
	.size = sizeof(leat_flow_ops),
	.name = "wire",
	.state_bytes = 8,
	.read = wire_read,
	.write = wire_write,
	.shutdown = wire_shutdown,
	.destroy = wire_destroy,
	.take = wire_take,
	.put = wire_put,
};

/* What comes, as an event would tell it. */
static void comes(const char *text)
{
	wire.has = text;
	if (!leat_flow_wanted(flow) || leat_flow_give_readable(flow))
		return;
	leat_flow_give(flow, leat_buf_copy(w.loop, wire.has, strlen(wire.has)));
	wire.has = "";
}

static void open_with(const leat_flow_ops *ops)
{
	void *state;

	world_open(&w);
	wire = (struct wire){ .has = "" };
	flow = leat_flow_new(w.loop, ops, &state);
	expect_some(state);
}

static void open_flow(void)
{
	open_with(&wire_ops);
}

static void close_flow(void)
{
	leat_flow_unref(flow);
	world_run(&w);
	world_close(&w);
}

static size_t put(const char *text)
{
	struct iovec part = { (void *)(uintptr_t)text, strlen(text) };

	return leat_flow_try_write(flow, &part, 1);
}

/* ---- taking ---- */

START_TEST(who_only_wants_to_know_is_told_and_the_bytes_stay)
{
	leat_io *waiting;
	char memory[8] = "";

	open_flow();
	waiting = leat_flow_readable(flow);
	expect_int(wire.asked, 1);
	comes("hello");
	expect_str(wire.has, "hello");
	expect_int(leat_await_int(waiting, NULL), 1);
	expect_size(leat_flow_try_read(flow, memory, 3), 3);
	expect_size(leat_flow_try_read(flow, memory + 3, 5), 2);
	expect_str(memory, "hello");
	expect_int(wire.asked, 1);
	close_flow();
}
END_TEST

START_TEST(who_reads_gets_them)
{
	leat_io *reading;
	leat_buf *buf;

	open_flow();
	reading = leat_flow_read(flow);
	comes("hello");
	expect_str(wire.has, "");
	buf = leat_await_buf(reading, NULL);
	expect_bytes(leat_buf_data(buf), leat_buf_size(buf), "hello");
	leat_buf_unref(buf);
	expect_int(wire.taken, 0);
	close_flow();
}
END_TEST

START_TEST(nothing_is_taken_while_an_answer_is_owed)
{
	char memory[8] = "";

	open_flow();
	leat_io_cancel(leat_flow_read(flow));
	wire.has = "second";
	expect_size(leat_flow_try_read(flow, memory, 8), 0);
	expect_int(wire.taken, 0);
	leat_flow_give(flow, leat_buf_copy(w.loop, "one", 3));
	expect_size(leat_flow_try_read(flow, memory, 2), 2);
	expect_size(leat_flow_try_read(flow, memory + 2, 6), 1);
	expect_size(leat_flow_try_read(flow, memory + 3, 5), 5);
	expect_mem(memory, "onesecon", 8);
	close_flow();
}
END_TEST

START_TEST(the_end_found_by_who_takes_is_told_to_who_waits)
{
	leat_io *waiting;
	char byte;

	open_flow();
	waiting = leat_flow_readable(flow);
	wire.ends = true;
	comes("");
	expect_int(leat_await_int(waiting, NULL), 1);
	expect_size(leat_flow_try_read(flow, &byte, 1), 0);
	expect_int(leat_await_int(leat_flow_readable(flow), NULL), 0);
	expect_size(leat_flow_try_read(flow, &byte, 1), 0);
	expect_int(wire.taken, 1);
	close_flow();
}
END_TEST

START_TEST(the_error_found_by_who_takes_is_told_to_who_waits)
{
	leat_error error;
	char byte;

	open_flow();
	wire.breaks = true;
	expect_size(leat_flow_try_read(flow, &byte, 1), 0);
	leat_await_int(leat_flow_readable(flow), &error);
	expect_kind(error, LEAT_RESET);
	expect_int(wire.taken, 1);
	close_flow();
}
END_TEST

START_TEST(what_is_taken_is_counted)
{
	leat_flow_info info = { .size = sizeof info };
	char memory[8];

	open_flow();
	wire.has = "hello";
	leat_flow_try_read(flow, memory, 8);
	leat_flow_try_read(flow, memory, 8);
	leat_flow_info_get(flow, &info);
	expect_size(info.read_bytes, 5);
	expect_size(info.reads, 1);
	close_flow();
}
END_TEST

/* The guard reads by itself to find the end, and keeps what it finds. */
START_TEST(while_closing_the_bytes_are_wanted_and_kept)
{
	leat_io *waiting, *closing;
	char memory[8] = "";

	open_flow();
	waiting = leat_flow_readable(flow);
	closing = leat_flow_close(flow);
	leat_loop_run_ready(w.loop);
	comes("hello");
	expect_str(wire.has, "");
	expect_int(leat_await_int(waiting, NULL), 1);
	expect_size(leat_flow_try_read(flow, memory, 8), 5);
	expect_str(memory, "hello");
	expect_int(wire.taken, 0);
	leat_flow_give_end(flow);
	leat_io_ignore(closing);
	close_flow();
}
END_TEST

static leat_io *inner;

static void read_inside(void *ctx)
{
	(void)ctx;
	inner = leat_flow_read(flow);
}

START_TEST(a_release_that_reads_gets_what_comes_next)
{
	char memory[8] = "";
	leat_buf *buf;

	open_flow();
	leat_flow_unread(flow, leat_buf_copy(w.loop, "three", 5));
	leat_flow_unread(flow, leat_buf_copy(w.loop, "two", 3));
	leat_flow_unread(flow, leat_buf_wrap(w.loop, "one", 3, read_inside, NULL));
	expect_size(leat_flow_try_read(flow, memory, 5), 5);
	expect_str(memory, "onetw");
	buf = leat_await_buf(inner, NULL);
	expect_bytes(leat_buf_data(buf), leat_buf_size(buf), "o");
	leat_buf_unref(buf);
	close_flow();
}
END_TEST

static void let_go(void *ctx)
{
	(void)ctx;
	leat_flow_unref(flow);
}

/* Which drops what is queued. */
START_TEST(an_error_found_by_who_takes_may_be_the_end_of_the_flow)
{
	char byte;

	open_flow();
	leat_io_ignore(leat_flow_send(flow, leat_buf_wrap(w.loop, "queued", 6, let_go, NULL)));
	wire.breaks = true;
	expect_size(leat_flow_try_read(flow, &byte, 1), 0);
	world_run(&w);
	expect_int(wire.destroyed, 1);
	world_close(&w);
}
END_TEST

/* ---- putting ---- */

static size_t too_much(leat_flow *self, void *state, void *memory, size_t room)
{
	(void)self;
	(void)state;
	(void)memory;
	return room + 1;
}

START_TEST(taking_more_than_there_was_room_for_aborts)
{
	leat_flow_ops ops = wire_ops;
	char byte;

	ops.take = too_much;
	open_with(&ops);
	leat_flow_try_read(flow, &byte, 1);
}
END_TEST

static size_t all_and_more(leat_flow *self, void *state, const struct iovec *parts, int count)
{
	(void)self;
	(void)state;
	return parts[count - 1].iov_len + 1;
}

START_TEST(putting_more_than_there_was_aborts)
{
	leat_flow_ops ops = wire_ops;

	ops.put = all_and_more;
	open_with(&ops);
	put("hello");
}
END_TEST

START_TEST(what_is_put_is_there_at_once)
{
	open_flow();
	wire.takes = 60;
	expect_size(put("hello"), 5);
	expect_str(wire.sent, "hello");
	close_flow();
}
END_TEST

START_TEST(what_was_not_taken_goes_on_by_a_write)
{
	leat_flow_info info = { .size = sizeof info };

	open_flow();
	wire.takes = 2;
	expect_size(put("hello"), 2);
	wire.takes = 60;
	expect_true(leat_await(leat_flow_write(flow, "llo", 3), NULL));
	expect_true(leat_await(leat_flow_flush(flow), NULL));
	expect_str(wire.sent, "hello");
	leat_flow_info_get(flow, &info);
	expect_size(info.written_bytes, 5);
	expect_size(info.writes, 2);
	close_flow();
}
END_TEST

START_TEST(nothing_is_put_before_what_is_queued_or_while_it_is_busy)
{
	leat_io *written;

	open_flow();
	written = leat_flow_write(flow, "queued", 6);
	expect_size(put("x"), 0);
	leat_loop_run_ready(w.loop); /* it takes none */
	expect_size(put("x"), 0);
	expect_int(wire.put, 0);
	wire.takes = 60;
	leat_flow_writable(flow);
	expect_true(leat_await(written, NULL));
	expect_size(put("!"), 1);
	expect_str(wire.sent, "queued!");
	close_flow();
}
END_TEST

START_TEST(what_was_put_is_not_said_to_be_withdrawn)
{
	static const char large[100000];
	leat_flow_info info = { .size = sizeof info };

	open_flow();
	leat_io_cancel(leat_flow_write(flow, large, sizeof large));
	leat_flow_info_get(flow, &info);
	expect_int(info.cancelled_write, LEAT_WRITE_WITHDRAWN);
	wire.takes = 60;
	expect_size(put("x"), 1);
	leat_flow_info_get(flow, &info);
	expect_int(info.cancelled_write, LEAT_WRITE_NONE);
	close_flow();
}
END_TEST

START_TEST(a_put_that_fails_is_told_by_the_next_write)
{
	leat_error error;

	open_flow();
	wire.takes = 60;
	wire.breaks = true;
	expect_size(put("hello"), 0);
	expect_size(put("hello"), 0);
	expect_int(wire.put, 1);
	leat_await_int(leat_flow_write(flow, "x", 1), &error);
	expect_kind(error, LEAT_CLOSED); /* W6: the peer is known to be gone */	close_flow();
}
END_TEST

/* ---- ops that were written before there was such a thing ---- */

START_TEST(shorter_ops_are_never_asked)
{
	leat_flow_ops ops = wire_ops;
	char memory[8] = "";

	ops.size = offsetof(leat_flow_ops, take);
	open_with(&ops);
	wire.has = "hello";
	wire.takes = 60;
	expect_false(leat_flow_is_direct(flow, LEAT_READ));
	expect_false(leat_flow_is_direct(flow, LEAT_WRITE));
	expect_size(leat_flow_try_read(flow, memory, 8), 0);
	expect_size(put("hello"), 0);
	leat_io_cancel(leat_flow_readable(flow));
	leat_flow_give(flow, leat_buf_copy(w.loop, "kept", 4));
	expect_int(leat_await_int(leat_flow_readable(flow), NULL), 1);
	expect_size(leat_flow_try_read(flow, memory, 8), 4);
	expect_str(memory, "kept");
	close_flow();
}
END_TEST

START_TEST(ops_with_both_are_direct_in_both)
{
	open_flow();
	expect_true(leat_flow_is_direct(flow, LEAT_READ));
	expect_true(leat_flow_is_direct(flow, LEAT_WRITE));
	expect_true(leat_flow_is_direct(flow, LEAT_BOTH));
	close_flow();
}
END_TEST

SUITE("direct", who_only_wants_to_know_is_told_and_the_bytes_stay,
	who_reads_gets_them,
	nothing_is_taken_while_an_answer_is_owed,
	the_end_found_by_who_takes_is_told_to_who_waits,
	the_error_found_by_who_takes_is_told_to_who_waits,
	what_is_taken_is_counted,
	while_closing_the_bytes_are_wanted_and_kept,
	a_release_that_reads_gets_what_comes_next,
	an_error_found_by_who_takes_may_be_the_end_of_the_flow,
	ABORTS(taking_more_than_there_was_room_for_aborts),
	ABORTS(putting_more_than_there_was_aborts),
	what_is_put_is_there_at_once,
	what_was_not_taken_goes_on_by_a_write,
	nothing_is_put_before_what_is_queued_or_while_it_is_busy,
	what_was_put_is_not_said_to_be_withdrawn,
	a_put_that_fails_is_told_by_the_next_write,
	shorter_ops_are_never_asked,
	ops_with_both_are_direct_in_both)

/* SPDX-License-Identifier: ISC */
/* guard - what stands in front of each implementation, seen through one that does
 * only what the test tells it */
#include <fcntl.h>

#include <leat/buf.h>
#include <leat/flow.h>
#include <leat/flow_ops.h>

#include "support/suite.h"
#include "support/tape.h"
#include "support/world.h"

/* ---- an implementation on strings ---- */

struct wire {
	size_t takes; /* how many bytes it takes of what is written */
	unsigned asked, aborted, closed, destroyed;
	bool tells; /* answers shutdown at once */
};
static struct wire wire;

static void wire_read(leat_flow *self, void *state)
{
	(void)self;
	(void)state;
	wire.asked++;
}

static void wire_write(leat_flow *self, void *state, leat_bufs *queue)
{
	size_t bytes = leat_bufs_size(queue) < wire.takes ? leat_bufs_size(queue) : wire.takes;

	(void)self;
	(void)state;
	wire.takes -= bytes;
	leat_bufs_drop(queue, bytes);
}

static void wire_shutdown(leat_flow *self, void *state)
{
	(void)state;
	if (wire.tells)
		leat_flow_told(self);
}

static void wire_close(leat_flow *self, void *state)
{
	(void)self;
	(void)state;
	wire.closed++;
}

static void wire_abort(leat_flow *self, void *state)
{
	(void)self;
	(void)state;
	wire.aborted++;
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
	.close = wire_close,
	.abort = wire_abort,
	.destroy = wire_destroy,
};

/* ---- the stage ---- */

static struct world w;
static leat_flow *flow;

static void open_flow(void)
{
	void *state;

	world_open(&w);
	wire = (struct wire){ .takes = SIZE_MAX, .tells = true };
	flow = leat_flow_new(w.loop, &wire_ops, &state);
	expect_some(state);
}

static void close_world(void)
{
	world_run(&w);
	expect_int(wire.destroyed, 1);
	world_close(&w);
}

static leat_buf *text(const char *words)
{
	return leat_buf_copy(w.loop, words, strlen(words));
}

static void arrives(const char *words)
{
	leat_flow_give(flow, text(words));
}

/* An io that has settled by now. */
static leat_result outcome(leat_io *io)
{
	leat_result result;

	world_run(&w);
	expect_true(leat_io_try(io, &result));
	return result;
}

static void expect_reads(leat_flow *from, const char *words)
{
	leat_result result = outcome(leat_flow_read(from));
	leat_buf *buf;

	expect_ok(leat_result_error(&result));
	buf = leat_result_buf(&result);
	expect_some(buf);
	expect_bytes(leat_buf_data(buf), leat_buf_size(buf), words);
	leat_buf_unref(buf);
}

static void expect_fails(leat_io *io, leat_kind kind)
{
	leat_result result = outcome(io);

	expect_kind(leat_result_error(&result), kind);
	leat_result_clear(&result);
}

static void expect_end(leat_io *io)
{
	leat_result result = outcome(io);

	expect_ok(leat_result_error(&result));
	expect_null(leat_result_buf(&result));
}

/* ---- the order of what is kept ---- */

START_TEST(what_was_unread_comes_before_what_arrives_for_a_cancelled_read)
{
	open_flow();
	leat_io_cancel(leat_flow_read(flow));
	leat_flow_unread(flow, text("first"));
	arrives("second");
	expect_reads(flow, "first");
	expect_reads(flow, "second");
	leat_flow_unref(flow);
	close_world();
}
END_TEST

START_TEST(what_a_cancelled_read_into_had_gathered_comes_before_what_follows)
{
	char memory[16];
	leat_io *reading;

	open_flow();
	reading = leat_flow_read_into(flow, memory, 10, 16);
	arrives("first");
	leat_io_cancel(reading);
	arrives("second");
	expect_reads(flow, "first");
	expect_reads(flow, "second");
	leat_flow_unref(flow);
	close_world();
}
END_TEST

/* ---- flushing ---- */

static void asked_to_flush(leat_flow *self, void *state)
{
	(void)self;
	(void)state;
	wire.asked++;
}

START_TEST(a_flush_is_not_answered_by_what_was_asked_for_an_earlier_one)
{
	leat_flow_ops ops = wire_ops;
	leat_io *first, *second;
	leat_result result;
	void *state;

	ops.flush = asked_to_flush;
	world_open(&w);
	wire = (struct wire){ .takes = SIZE_MAX };
	flow = leat_flow_new(w.loop, &ops, &state);
	expect_fails(leat_flow_write(flow, "one", 3), LEAT_NONE);
	first = leat_flow_flush(flow);
	expect_int(wire.asked, 1);
	expect_fails(leat_flow_write(flow, "two", 3), LEAT_NONE);
	second = leat_flow_flush(flow);
	expect_int(wire.asked, 1);
	leat_flow_flushed(flow);
	expect_fails(first, LEAT_NONE);
	expect_false(leat_io_try(second, &result));
	expect_int(wire.asked, 2);
	leat_flow_flushed(flow);
	expect_fails(second, LEAT_NONE);
	first = leat_flow_flush(flow);
	second = leat_flow_flush(flow);
	leat_flow_write_failed(flow, leat_error_core(LEAT_PROTOCOL));
	expect_fails(first, LEAT_PROTOCOL);
	expect_fails(second, LEAT_PROTOCOL);
	leat_flow_unref(flow);
	close_world();
}
END_TEST

/* ---- the end of writing ---- */

static void gives_up(leat_flow *self, void *state)
{
	(void)state;
	leat_flow_write_failed(self, leat_error_core((leat_kind)wire.takes));
}

/* The peer was not told of the end and will wait for it; whatever the peer did is no
 * failure [T4]. */
START_TEST(a_shutdown_that_had_no_memory_fails)
{
	static const leat_kind kinds[] = { LEAT_NOMEM, LEAT_PROTOCOL, LEAT_RESET, LEAT_TIMEOUT };
	leat_flow_ops ops = wire_ops;
	void *state;

	ops.shutdown = gives_up;
	for (int i = 0; i < 4; i++) {
		leat_kind wanted = kinds[i] == LEAT_NOMEM ? LEAT_NOMEM : LEAT_NONE;

		world_open(&w);
		wire = (struct wire){ .takes = kinds[i] };
		flow = leat_flow_new(w.loop, &ops, &state);
		expect_fails(leat_flow_shutdown(flow, LEAT_WRITE), wanted);
		expect_fails(leat_flow_shutdown(flow, LEAT_WRITE), wanted);
		leat_flow_unref(flow);
		close_world();
	}
}
END_TEST

/* ---- the end of reading ---- */

START_TEST(after_shutdown_of_reading_nothing_can_be_put_back)
{
	leat_io *reading;

	open_flow();
	reading = leat_flow_read(flow);
	arrives("late");
	leat_io_detach(leat_flow_shutdown(flow, LEAT_READ));
	leat_io_cancel(reading);
	expect_end(leat_flow_read(flow));
	leat_flow_unread(flow, text("later"));
	expect_end(leat_flow_read(flow));
	leat_flow_unref(flow);
	close_world();
}
END_TEST

START_TEST(the_end_comes_to_a_read_that_alone_holds_the_flow)
{
	leat_io *reading;

	open_flow();
	reading = leat_flow_read(flow);
	leat_flow_unref(flow);
	leat_flow_give_end(flow);
	expect_end(reading);
	close_world();
}
END_TEST

START_TEST(the_idle_limit_fails_a_read_that_alone_holds_the_flow)
{
	leat_flow_limits limits = { .size = sizeof limits, .idle_ms = 100 };
	leat_io *reading;

	open_flow();
	expect_ok(leat_flow_set_limits(flow, &limits));
	reading = leat_flow_read(flow);
	leat_flow_unref(flow);
	for (int i = 0; i < 8; i++)
		world_pass(&w, 25);
	expect_fails(reading, LEAT_TIMEOUT);
	close_world();
}
END_TEST

/* A sanitizer sees what overflows. */
START_TEST(the_longest_limits_are_as_good_as_none)
{
	leat_flow_limits limits = { .size = sizeof limits, .high_water_bytes = SIZE_MAX, .read_bytes = SIZE_MAX,
		.linger_ms = INT64_MAX, .stall_ms = INT64_MAX, .close_ms = INT64_MAX, .idle_ms = INT64_MAX };
	leat_io *reading;
	leat_result result;

	open_flow();
	expect_ok(leat_flow_set_limits(flow, &limits));
	reading = leat_flow_read(flow);
	world_pass(&w, 1000000);
	expect_false(leat_io_try(reading, &result));
	leat_io_cancel(reading);
	leat_flow_abort(flow);
	leat_flow_unref(flow);
	close_world();
}
END_TEST

/* ---- closing ---- */

START_TEST(after_a_hole_no_byte_is_given)
{
	leat_flow_limits limits = { .size = sizeof limits, .read_bytes = 8 };
	leat_io *closing;

	open_flow();
	expect_ok(leat_flow_set_limits(flow, &limits));
	closing = leat_flow_close(flow);
	arrives("kept");
	arrives("discarded");
	world_run(&w);
	expect_reads(flow, "kept");
	expect_reads(flow, "disc");
	expect_fails(leat_flow_read(flow), LEAT_CLOSED);
	arrives("after");
	expect_fails(leat_flow_read(flow), LEAT_CLOSED);
	leat_flow_give_end(flow);
	leat_io_detach(closing);
	leat_flow_unref(flow);
	close_world();
}
END_TEST

/* It has had every byte, and may ask whether that was all. */
START_TEST(who_has_read_all_while_closing_hears_of_the_end)
{
	leat_io *closing;

	open_flow();
	closing = leat_flow_close(flow);
	arrives("all");
	expect_reads(flow, "all");
	world_run(&w);
	leat_flow_give_end(flow);
	world_run(&w);
	leat_io_detach(closing);
	expect_end(leat_flow_read(flow));
	leat_flow_unref(flow);
	close_world();
}
END_TEST

/* ---- who reads while closing, of a source that has always more ---- */

static size_t source_left;

static void source_read(leat_flow *self, void *state)
{
	(void)state;
	if (source_left == 0) {
		leat_flow_give_end(self);
		return;
	}
	source_left--;
	leat_flow_give(self, leat_buf_copy(w.loop, "0123456789", 10));
}

static const leat_flow_ops source_ops = {
	.size = sizeof(leat_flow_ops), .name = "source", .read = source_read, .write = wire_write, .shutdown = wire_shutdown
};

static leat_io *close_a_source_of(size_t bufs)
{
	leat_flow_limits limits = { .size = sizeof limits, .read_bytes = 40, .linger_ms = 500 };
	void *state;

	world_open(&w);
	wire = (struct wire){ .takes = SIZE_MAX, .tells = true };
	source_left = bufs;
	flow = leat_flow_new(w.loop, &source_ops, &state);
	expect_ok(leat_flow_set_limits(flow, &limits));
	return leat_flow_close(flow);
}

static void close_source_world(void)
{
	leat_flow_unref(flow);
	world_close(&w);
}

/* The first at once. */
static void reads_tens(int count, int64_t ms)
{
	for (int i = 0; i < count; i++) {
		expect_reads(flow, "0123456789");
		world_pass(&w, ms);
	}
}

static void expect_closes(leat_io *closing)
{
	leat_result result = outcome(closing);

	expect_kind(leat_result_ending(&result), LEAT_NONE);
}

START_TEST(who_reads_slowly_while_closing_gets_all)
{
	leat_io *closing = close_a_source_of(100);

	expect_size(source_left, 96);
	reads_tens(100, 300);
	expect_end(leat_flow_read(flow));
	expect_closes(closing);
	close_source_world();
}
END_TEST

static void takes_tens_later(int count, int64_t ms)
{
	char ten[10];

	for (int i = 0; i < count; i++) {
		leat_result told = outcome(leat_flow_readable(flow));

		expect_int(leat_result_int(&told), 1);
		world_pass(&w, ms);
		expect_size(leat_flow_try_read(flow, ten, 10), 10);
		expect_mem(ten, "0123456789", 10);
	}
}

/* By himself, and not in the turn in which he is told. */
START_TEST(who_takes_slowly_while_closing_gets_all)
{
	leat_io *closing = close_a_source_of(100);

	takes_tens_later(100, 300);
	expect_end(leat_flow_read(flow));
	expect_closes(closing);
	close_source_world();
}
END_TEST

START_TEST(who_stops_reading_while_closing_does_not_hold_it)
{
	leat_io *closing = close_a_source_of(1000);

	reads_tens(20, 0);
	world_pass(&w, 400);
	expect_true(source_left > 900);
	world_pass(&w, 2000);
	world_pass(&w, 2000);
	expect_size(source_left, 0);
	expect_closes(closing);
	reads_tens(4, 0);
	expect_fails(leat_flow_read(flow), LEAT_CLOSED);
	close_source_world();
}
END_TEST

START_TEST(who_never_reads_while_closing_is_not_waited_for)
{
	leat_io *closing = close_a_source_of(1000);

	world_run(&w);
	expect_size(source_left, 0);
	expect_closes(closing);
	reads_tens(4, 0);
	expect_fails(leat_flow_read(flow), LEAT_CLOSED);
	close_source_world();
}
END_TEST

START_TEST(a_source_that_is_always_ready_does_not_keep_the_loop_from_its_deadlines)
{
	leat_flow_limits limits = { .size = sizeof limits, .close_ms = 10 };
	leat_loop *loop = leat_loop_new(NULL, NULL);
	leat_flow *zeros = leat_flow_from_fd(loop, open("/dev/zero", O_RDONLY));
	leat_result result;

	expect_ok(leat_flow_set_limits(zeros, &limits));
	expect_true(leat_await(leat_flow_close(zeros), &result));
	expect_kind(leat_result_ending(&result), LEAT_TIMEOUT);
	leat_flow_unref(zeros);
	leat_loop_free(loop);
}
END_TEST

/* ---- bufs whose release speaks to the flow they were written to ---- */

static leat_io *pending_write;
static void (*on_release)(void);

static void release(void *ctx)
{
	(void)ctx;
	on_release();
}

static leat_buf *telling(void)
{
	static const char letters[] = "0123456789";

	return leat_buf_wrap(w.loop, letters, 10, release, NULL);
}

static void abort_it(void)
{
	leat_flow_abort(flow);
}

static void cancel_it(void)
{
	leat_io *io = pending_write;

	pending_write = NULL;
	leat_io_cancel(io);
}

START_TEST(a_flow_aborted_while_its_transport_takes_bytes)
{
	open_flow();
	on_release = abort_it;
	wire.takes = 13;
	leat_io_detach(leat_flow_send(flow, telling()));
	leat_io_detach(leat_flow_write(flow, "more", 4));
	world_run(&w);
	expect_int(wire.aborted, 1);
	expect_fails(leat_flow_write(flow, "x", 1), LEAT_CLOSED);
	leat_flow_unref(flow);
	close_world();
}
END_TEST

START_TEST(a_write_cancelled_while_its_transport_takes_bytes)
{
	leat_flow_limits limits = { .size = sizeof limits, .high_water_bytes = 12 };

	open_flow();
	expect_ok(leat_flow_set_limits(flow, &limits));
	on_release = cancel_it;
	wire.takes = 10;
	leat_io_detach(leat_flow_send(flow, telling()));
	pending_write = leat_flow_write(flow, "more", 4);
	world_run(&w);
	expect_null(pending_write);
	wire.takes = SIZE_MAX;
	leat_io_detach(leat_flow_write(flow, "again", 5));
	world_run(&w);
	leat_flow_unref(flow);
	close_world();
}
END_TEST

static leat_flow *taken;

static void take_it(void)
{
	taken = leat_flow_take(flow);
	flow = NULL;
}

/* Who took it would wait for ever for the write that is under way. */
START_TEST(a_flow_is_not_taken_while_its_transport_takes_bytes)
{
	open_flow();
	on_release = take_it;
	wire.takes = SIZE_MAX;
	leat_io_detach(leat_flow_send(flow, telling()));
	world_run(&w);
	expect_int(wire.aborted, 1);
	expect_fails(leat_flow_write(taken, "x", 1), LEAT_BUSY);
	leat_flow_unref(taken);
	close_world();
}
END_TEST

static void gives_at_once(leat_flow *self, void *state)
{
	(void)state;
	if (wire.asked++ == 0)
		leat_flow_give(self, telling());
}

START_TEST(a_flow_is_not_taken_while_its_transport_is_asked)
{
	static leat_flow_ops ops = { .size = sizeof ops, .name = "eager", .read = gives_at_once,
		.abort = wire_abort, .destroy = wire_destroy };
	void *state;

	world_open(&w);
	wire = (struct wire){ 0 };
	on_release = take_it;
	flow = leat_flow_new(w.loop, &ops, &state);
	expect_fails(leat_flow_shutdown(flow, LEAT_READ), LEAT_CLOSED); /* what comes is thrown away */
	world_run(&w);
	expect_int(wire.aborted, 1);
	expect_fails(leat_flow_read(taken), LEAT_BUSY);
	leat_flow_unref(taken);
	close_world();
}
END_TEST

/* ---- taken handles ---- */

START_TEST(what_an_implementation_says_after_its_taken_flow_is_gone_is_let_be)
{
	leat_flow *old, *heir;

	open_flow();
	old = leat_flow_ref(flow);
	heir = leat_flow_take(flow);
	leat_flow_unref(heir);
	expect_int(wire.aborted, 1);
	arrives("nobody");
	leat_flow_give_end(old);
	leat_flow_writable(old);
	leat_flow_told(old);
	expect_false(leat_flow_wanted(old));
	expect_fails(leat_flow_read(old), LEAT_CLOSED);
	expect_int(wire.destroyed, 0);
	leat_flow_unref(old);
	close_world();
}
END_TEST

START_TEST(a_flow_taken_twice_frees_each_handle_with_its_last_reference)
{
	leat_flow *old, *middle, *last;

	open_flow();
	old = leat_flow_ref(flow);
	middle = leat_flow_ref(leat_flow_take(flow));
	last = leat_flow_take(middle);
	expect_fails(leat_flow_read(old), LEAT_CLOSED);
	expect_fails(leat_flow_read(middle), LEAT_CLOSED);
	leat_flow_unref(middle);
	expect_int(wire.aborted, 0);
	arrives("through");
	leat_flow_give_end(flow);
	expect_reads(last, "through");
	expect_end(leat_flow_read(last));
	leat_flow_unref(old);
	expect_int(wire.destroyed, 0);
	leat_flow_unref(last);
	close_world();
}
END_TEST

/* ---- without memory ---- */

START_TEST(a_read_into_that_cannot_part_a_buf_fails_and_loses_nothing)
{
	char memory[4];
	leat_io *reading;
	leat_buf *buf;

	open_flow();
	buf = leat_buf_new(w.loop, 4000);
	memset(leat_buf_space(buf), 'x', 4000);
	reading = leat_flow_read_into(flow, memory, 4, 4);
	w.oom.fail_at = w.oom.calls + 1;
	leat_flow_give(flow, buf);
	w.oom.fail_at = 0;
	expect_fails(reading, LEAT_NOMEM);
	leat_flow_unref(flow);
	close_world();
}
END_TEST

START_TEST(a_shared_buf_that_cannot_be_copied_is_an_error_and_not_a_hole)
{
	leat_buf *buf;

	open_flow();
	buf = text("bytes");
	w.oom.fail_at = w.oom.calls + 1;
	if (_i == 0)
		leat_flow_unread(flow, leat_buf_ref(buf));
	else
		leat_flow_give(flow, leat_buf_ref(buf));
	w.oom.fail_at = 0;
	expect_fails(leat_flow_read(flow), LEAT_NOMEM);
	leat_buf_unref(buf);
	leat_flow_unref(flow);
	close_world();
}
END_TEST

/* ---- room ---- */

START_TEST(room_is_what_can_be_written_at_once)
{
	leat_result written;
	leat_io *write;
	leat_flow_limits limits = { .size = sizeof limits, .high_water_bytes = 10 };

	open_flow();
	expect_size(leat_flow_room(flow), 65536);
	expect_ok(leat_flow_set_limits(flow, &limits));
	wire.takes = 0;
	expect_size(leat_flow_room(flow), 10);
	written = outcome(leat_flow_write(flow, "123456", 6));
	expect_ok(leat_result_error(&written));
	expect_size(leat_flow_room(flow), 4);
	write = leat_flow_write(flow, "12345", 5);
	expect_size(leat_flow_room(flow), 0);
	leat_io_cancel(write);
	expect_size(leat_flow_room(flow), 4);
	written = outcome(leat_flow_write(flow, "1234", 4));
	expect_ok(leat_result_error(&written));
	expect_size(leat_flow_room(flow), 0);
	leat_flow_abort(flow);
	expect_size(leat_flow_room(flow), 0);
	leat_flow_unref(flow);
	close_world();
}
END_TEST

SUITE("guard", room_is_what_can_be_written_at_once,
	 what_was_unread_comes_before_what_arrives_for_a_cancelled_read,
	what_a_cancelled_read_into_had_gathered_comes_before_what_follows,
	a_flush_is_not_answered_by_what_was_asked_for_an_earlier_one,
	a_shutdown_that_had_no_memory_fails,
	after_shutdown_of_reading_nothing_can_be_put_back,
	the_end_comes_to_a_read_that_alone_holds_the_flow,
	the_idle_limit_fails_a_read_that_alone_holds_the_flow,
	the_longest_limits_are_as_good_as_none,
	after_a_hole_no_byte_is_given,
	who_has_read_all_while_closing_hears_of_the_end,
	who_reads_slowly_while_closing_gets_all,
	who_takes_slowly_while_closing_gets_all,
	who_stops_reading_while_closing_does_not_hold_it,
	who_never_reads_while_closing_is_not_waited_for,
	a_source_that_is_always_ready_does_not_keep_the_loop_from_its_deadlines,
	a_flow_aborted_while_its_transport_takes_bytes,
	a_write_cancelled_while_its_transport_takes_bytes,
	a_flow_is_not_taken_while_its_transport_takes_bytes,
	a_flow_is_not_taken_while_its_transport_is_asked,
	what_an_implementation_says_after_its_taken_flow_is_gone_is_let_be,
	a_flow_taken_twice_frees_each_handle_with_its_last_reference,
	a_read_into_that_cannot_part_a_buf_fails_and_loses_nothing,
	EACH(a_shared_buf_that_cannot_be_copied_is_an_error_and_not_a_hole, 2))

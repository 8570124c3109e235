/* SPDX-License-Identifier: ISC */
/* release - A2 where a buf's release is the callback: it runs inside the call that
 * gives the last handle back, be it the flow's or the transport's */
#include <stdlib.h>

#include "contract/talk.h"

enum { BYTES = 50000 };

static void (*deed)(void);
static unsigned released;
static leat_io *waiting;

static void on_release(void *memory)
{
	void (*once)(void) = deed;

	released++;
	free(memory);
	deed = NULL;
	if (once)
		once();
}

/* The text of `n` bytes, which does that when nobody needs it any more. */
static leat_buf *telling(size_t n, void (*what)(void))
{
	unsigned char *memory = malloc(n);

	text_fill(memory, 0, n);
	deed = what;
	released = 0;
	return leat_buf_wrap(stage.loop, memory, n, on_release, memory);
}

static void send_telling(void (*what)(void))
{
	leat_io_detach(leat_flow_send(b, telling(BYTES, what)));
}

/* ---- what it does ---- */

static void write_more(void)
{
	unsigned char more[5];

	text_fill(more, BYTES, sizeof more);
	if (b)
		leat_io_detach(leat_flow_write(b, more, sizeof more));
}

static void abort_b(void)
{
	if (b)
		leat_flow_abort(b);
}

static void abort_and_drop_b(void)
{
	abort_b();
	drop(&b);
}

static void drop_b(void)
{
	drop(&b);
}

static void close_b(void)
{
	if (b)
		waiting = leat_flow_close(b);
}

static void drop_a(void)
{
	drop(&a);
}

static bool freed;

static void free_loop(void)
{
	freed = true;
	leat_loop_free(stage.loop);
}

/* ---- inside what ---- */

static leat_io *send_only(void)
{
	return leat_io_done(stage.loop);
}

static leat_io *flush(void)
{
	return leat_flow_flush(b);
}

static leat_io *shut(void)
{
	return leat_flow_shutdown(b, LEAT_WRITE);
}

static leat_io *closing(void)
{
	return leat_flow_close(b);
}

static leat_io *(*const calls[])(void) = { send_only, flush, shut, closing };

/* A reader takes what comes, then both ends are ended. */
static void read_on(void)
{
	struct pump in = { 0 };
	leat_io *reading = pump_in(&in, a);

	settle();
	if (b)
		leat_flow_abort(b);
	leat_flow_abort(a);
	whatever(reading);
	expect_false(in.wrong);
	stage.unhandled = 0;
}

static void inside_each(void (*what)(void))
{
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		leat_io *called;

		fresh();
		waiting = NULL;
		send_telling(what);
		called = calls[i]();
		leat_io_detach(called);
		read_on();
		expect_int(released, 1);
		if (waiting)
			whatever(waiting);
		settle();
		stage.unhandled = 0;
	}
}

/* ---- while bytes are sent ---- */

static void a2_a_release_may_write(void)
{
	send_telling(write_more);
	expect_text(a, 0, BYTES + 5);
	expect_int(released, 1);
}

static void a2_a_release_may_write_inside_a_flush(void)
{
	leat_io *flushed;

	send_telling(write_more);
	flushed = leat_flow_flush(b);
	expect_text(a, 0, BYTES + 5);
	expect_done(flushed);
}

static void a2_a_release_may_abort(void)
{
	inside_each(abort_b);
}

static void a2_a_release_may_abort_and_unref(void)
{
	inside_each(abort_and_drop_b);
}

static void a2_a_release_may_unref(void)
{
	inside_each(drop_b);
}

static void a2_a_release_may_close(void)
{
	inside_each(close_b);
}

/* Where the transport took all inside the call. */
static void a2_a_flush_that_a_release_aborts_is_closed(void)
{
	leat_io *flushed;

	leat_io_detach(leat_flow_send(b, telling(100, abort_b)));
	flushed = leat_flow_flush(b);
	if (deed)
		leat_io_cancel(flushed);
	else
		expect_fails(flushed, LEAT_CLOSED);
	deed = NULL;
}

/* ---- while bytes are dropped ---- */

static void a2_a_release_may_unref_inside_shutdown_read(void)
{
	leat_flow_unread(a, telling(10, drop_a));
	expect_done(leat_flow_shutdown(a, LEAT_READ));
	expect_null(a);
}

static void abort_a(void)
{
	leat_flow_abort(a);
}

static void a2_a_release_may_abort_inside_shutdown_both(void)
{
	leat_flow_unread(a, telling(10, abort_a));
	expect_fails(leat_flow_shutdown(a, LEAT_BOTH), LEAT_CLOSED);
}

static void a2_a_release_may_abort_when_its_write_is_cancelled(void)
{
	leat_io *withdrawn;

	limit(b, LIMITS(.high_water_bytes = 1));
	withdrawn = leat_flow_send(b, telling(BYTES, abort_and_drop_b));
	leat_io_cancel(withdrawn);
	expect_int(released, 1);
	expect_null(b);
}

static void a2_a_release_may_unref_where_its_send_is_refused(void)
{
	leat_io_cancel(leat_flow_shutdown(b, LEAT_WRITE));
	expect_fails(leat_flow_send(b, telling(BYTES, drop_b)), LEAT_CLOSED);
	expect_null(b);
}

static char into[64];
static leat_io *second;

static void read_again(void)
{
	second = leat_flow_read_into(a, into + 32, 2, 2);
}

static void a2_a_release_may_read_while_a_read_into_is_delivered(void)
{
	leat_io *first;

	leat_flow_unread(a, leat_buf_copy(stage.loop, "efgh", 4));
	leat_flow_unread(a, telling(2, read_again));
	leat_flow_unread(a, leat_buf_copy(stage.loop, "ab", 2));
	first = leat_flow_read_into(a, into, 6, 6);
	expect_int(leat_await_int(first, NULL), 6);
	expect_int(leat_await_int(second, NULL), 2);
	expect_mem(into, "ab", 2);
	expect_mem(into + 4, "ef", 2);
	expect_mem(into + 32, "gh", 2);
}

static void take_b(void)
{
	b = b ? leat_flow_take(b) : NULL;
}

/* The transport is looking at what is written. */
static void a2_a_release_may_not_take_while_bytes_are_sent(void)
{
	inside_each(take_b);
}

static leat_io *doomed;

static void cancel_doomed(void)
{
	leat_io_cancel(doomed);
}

static void a2_a_release_may_cancel_the_read_into_that_had_gathered_it(void)
{
	leat_flow_unread(a, telling(3, cancel_doomed));
	doomed = leat_flow_read_into(a, into, 10, 10);
	leat_flow_abort(a);
	expect_int(released, 1);
	settle();
}

static void a2_a_release_may_free_the_loop(void)
{
	static struct pump in;

	send_telling(free_loop);
	in = (struct pump){ 0 };
	freed = false;
	leat_io_detach(pump_in(&in, a));
	while (!freed)
		event_base_loop(stage.base, EVLOOP_ONCE);
	for (int i = 0; i < 10; i++)
		event_base_loop(stage.base, EVLOOP_NONBLOCK);
	stage.loop = NULL; /* its shell lives as long as a handle */
	drop(&a);
	drop(&b);
	stage.reports = stage.unhandled = 0;
}

const struct clause release_clauses[] = {
	CLAUSE(a2_a_release_may_write, ANY),
	CLAUSE(a2_a_release_may_write_inside_a_flush, ANY),
	CLAUSE(a2_a_release_may_abort, ANY),
	CLAUSE(a2_a_release_may_abort_and_unref, ANY),
	CLAUSE(a2_a_release_may_unref, ANY),
	CLAUSE(a2_a_release_may_close, ANY),
	CLAUSE(a2_a_flush_that_a_release_aborts_is_closed, ANY),
	CLAUSE(a2_a_release_may_unref_inside_shutdown_read, ANY),
	CLAUSE(a2_a_release_may_abort_inside_shutdown_both, ANY),
	CLAUSE(a2_a_release_may_abort_when_its_write_is_cancelled, ANY),
	CLAUSE(a2_a_release_may_unref_where_its_send_is_refused, ALONE),
	CLAUSE(a2_a_release_may_read_while_a_read_into_is_delivered, ANY),
	CLAUSE(a2_a_release_may_not_take_while_bytes_are_sent, ANY),
	CLAUSE(a2_a_release_may_cancel_the_read_into_that_had_gathered_it, ANY),
	CLAUSE(a2_a_release_may_free_the_loop, ANY),
	{ 0 },
};

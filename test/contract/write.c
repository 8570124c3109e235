/* SPDX-License-Identifier: ISC */
/* write - W1 to W10 */
#include <signal.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "contract/talk.h"

enum { MARK = 64 << 10, PIECE = 16 << 10 };

static void w1_success_does_not_mean_delivered(void)
{
	expect_done(leat_flow_write(b, "nobody reads it", 15));
	expect_done(leat_flow_write(b, "nor this", 8));
}

static void w2_writes_are_accepted_below_the_mark_and_wait_above(void)
{
	uint64_t end;
	leat_io *waiting;

	limit(b, LIMITS(.high_water_bytes = 4096));
	waiting = fill(b, 1000, &end);
	expect(info(b).queued_bytes <= 4096 + 1000);
	expect_pending(waiting);
	expect_text(a, 0, end);
	expect_done(waiting);
}

static void w2_a_mark_that_is_raised_lets_a_pending_write_go(void)
{
	uint64_t end;
	leat_io *waiting;

	limit(b, LIMITS(.high_water_bytes = 4096));
	waiting = fill(b, MUCH, &end);
	expect_pending(waiting);
	limit(b, LIMITS(.high_water_bytes = 4 * MUCH));
	expect_done(waiting);
}

static void w2_the_default_mark_is_64_kib(void)
{
	uint64_t end;
	leat_io *waiting = fill(b, PIECE, &end);

	expect(info(b).queued_bytes >= MARK);
	expect(info(b).queued_bytes <= MARK + PIECE);
	leat_io_cancel(waiting);
}

static void w2_the_write_that_fills_the_queue_to_the_mark_is_accepted(void)
{
	static const unsigned char much[MARK];
	leat_result result;

	expect_true(leat_io_try(leat_flow_write(b, much, sizeof much), &result));
	expect_true(leat_result_ok(&result));
}

static void w2_the_write_that_crosses_the_mark_is_kept_whole(void)
{
	leat_io *sent = send_text(b, 3 << 20);

	expect_text(a, 0, 3 << 20);
	expect_done(sent);
}

static void w2_a_small_write_settles_at_once(void)
{
	leat_io *sent = leat_flow_write(b, "small", 5);
	leat_result result;

	leat_loop_run_ready(stage.loop);
	expect_true(leat_io_try(sent, &result));
	expect_true(leat_result_ok(&result));
}

static void w3_order_is_kept(void)
{
	struct pump out, in;
	leat_io *reading = pump_in(&in, a), *writing = pump_out(&out, b, 500000, 777);

	expect_done(writing);
	expect_done(leat_flow_shutdown(b, LEAT_WRITE));
	expect_done(reading);
	expect_false(in.wrong);
	expect_int(in.at, 500000);
}

static void w3_writev_is_concatenation(void)
{
	struct iovec parts[] = { { .iov_base = (char[]){ 'o', 'n', 'e', ' ' }, .iov_len = 4 }, { 0 },
		{ .iov_base = (char[]){ 't', 'w', 'o' }, .iov_len = 3 } };

	expect_done(leat_flow_writev(b, parts, 3));
	expect_hears(a, "one two");
}

/* More parts than the system takes at once. */
static void w3_writev_of_many_parts_is_concatenation(void)
{
	enum { PARTS = 3000 };
	static unsigned char text[PARTS];
	static struct iovec parts[PARTS];

	text_fill(text, 0, PARTS);
	for (int i = 0; i < PARTS; i++)
		parts[i] = (struct iovec){ .iov_base = text + i, .iov_len = 1 };
	expect_done(leat_flow_writev(b, parts, PARTS));
	expect_text(a, 0, PARTS);
}

static void w3_fewer_than_no_parts_are_invalid(void)
{
	struct iovec part = { .iov_base = (char[]){ 'o' }, .iov_len = 1 };

	expect_fails(leat_flow_writev(b, &part, -1), LEAT_INVALID);
	expect_done(leat_flow_writev(b, &part, 1));
	expect_hears(a, "o");
}

static void w4_nothing_to_write_is_a_success(void)
{
	struct iovec nothing = { 0 };

	expect_done(leat_flow_write(b, NULL, 0));
	expect_done(leat_flow_writev(b, NULL, 0));
	expect_done(leat_flow_writev(b, &nothing, 1));
	expect_done(leat_flow_send(b, leat_buf_copy(stage.loop, "", 0)));
}

static void w4_nothing_to_write_is_no_end(void)
{
	leat_io *reading = leat_flow_read(a);

	w4_nothing_to_write_is_a_success();
	settle();
	expect_pending(reading);
	say(b, "something");
	expect_brings(reading, "something");
}

/* Writes until it is known that nobody listens. */
static leat_error write_until_it_fails(void)
{
	leat_error error;

	while (!leat_error_set(error = outcome(leat_flow_write(b, "into the void", 13))))
		a_moment();
	return error;
}

static void w5_a_write_error_is_sticky(void)
{
	leat_error first;

	leat_flow_abort(a);
	first = write_until_it_fails();
	expect_broken(first);
	for (int i = 0; i < 3; i++)
		expect_broken(outcome(leat_flow_write(b, "x", 1)));
	expect_broken(outcome(leat_flow_flush(b)));
}

static void w5_a_pending_write_fails_once(void)
{
	uint64_t end;
	leat_io *waiting = fill(b, PIECE, &end);

	leat_flow_abort(a);
	expect_broken(outcome(waiting));
	expect_broken(outcome(leat_flow_write(b, "x", 1)));
}

static void w5_a_failure_after_acceptance_is_told_by_the_close(void)
{
	uint64_t end;
	leat_io *waiting = fill(b, PIECE, &end);

	leat_io_cancel(waiting);
	leat_flow_abort(a);
	settle();
	expect_true(leat_error_set(ending(leat_flow_close(b))));
}

static void w5_a_failure_after_acceptance_is_told_by_the_flush(void)
{
	uint64_t end;
	leat_io *waiting = fill(b, PIECE, &end);

	leat_io_cancel(waiting);
	leat_flow_abort(a);
	expect_broken(outcome(leat_flow_flush(b)));
}

static void w5_a_detached_close_that_ended_short_is_unhandled(void)
{
	limit(b, LIMITS(.linger_ms = 1));
	leat_io_detach(leat_flow_close(b));
	until(stage.unhandled > 0);
	expect_int(stage.unhandled, 1);
	expect_kind(stage.last.error, LEAT_TIMEOUT);
	stage.unhandled = 0;
}

static void w6_after_a_shutdown_a_write_is_closed(void)
{
	expect_done(leat_flow_shutdown(b, LEAT_WRITE));
	expect_fails(leat_flow_write(b, "x", 1), LEAT_CLOSED);
	expect_fails(leat_flow_write(b, "", 0), LEAT_CLOSED);
}

static void w6_after_a_close_a_write_is_closed(void)
{
	leat_io *closing = leat_flow_close(b);

	expect_fails(leat_flow_write(b, "x", 1), LEAT_CLOSED);
	expect_ends(leat_flow_close(a), LEAT_NONE);
	expect_ends(closing, LEAT_NONE);
	expect_fails(leat_flow_write(b, "x", 1), LEAT_CLOSED);
}

static void w6_once_the_peer_is_gone_a_write_is_closed(void)
{
	leat_flow_abort(a);
	expect_broken(write_until_it_fails());
	expect_fails(leat_flow_write(b, "x", 1), LEAT_CLOSED);
}

/* A signal that is not ignored would end the program. */
static void w6_writing_to_nobody_raises_no_signal(void)
{
	void (*before)(int) = signal(SIGPIPE, SIG_DFL);

	leat_flow_abort(a);
	expect_broken(write_until_it_fails());
	settle();
	signal(SIGPIPE, before);
}

static void w7_write_borrows_the_memory_until_it_returns(void)
{
	enum { N = 200000 };
	unsigned char *memory = malloc(N);
	struct iovec part = { .iov_base = memory, .iov_len = N };
	leat_io *sent;

	text_fill(memory, 0, N);
	sent = leat_flow_write(b, memory, N);
	memset(memory, 0, N);
	expect_text(a, 0, N);
	expect_done(sent);
	text_fill(memory, 0, N);
	sent = leat_flow_writev(b, &part, 1);
	memset(memory, 0, N);
	free(memory);
	expect_text(a, 0, N);
	expect_done(sent);
}

static void count(void *times)
{
	++*(int *)times;
}

static void w7_send_takes_the_buf(void)
{
	static const char bytes[] = "taken";
	int freed = 0;
	leat_io *sent = leat_flow_send(b, leat_buf_wrap(stage.loop, bytes, 5, count, &freed));

	expect_hears(a, "taken");
	expect_done(sent);
	drop(&a);
	drop(&b);
	settle();
	expect_int(freed, 1);
}

static void w7_send_takes_the_buf_also_where_it_fails(void)
{
	static const char bytes[] = "taken";
	int freed = 0;

	leat_flow_abort(b);
	expect_fails(leat_flow_send(b, leat_buf_wrap(stage.loop, bytes, 5, count, &freed)), LEAT_CLOSED);
	expect_int(freed, 1);
}

static void w8_a_write_while_one_is_pending_is_busy(void)
{
	uint64_t end;
	leat_io *waiting = fill(b, PIECE, &end);

	expect_fails(leat_flow_write(b, "x", 1), LEAT_BUSY);
	expect_fails(leat_flow_send(b, leat_buf_copy(stage.loop, "x", 1)), LEAT_BUSY);
	expect_pending(waiting);
	expect_text(a, 0, end);
	expect_done(waiting);
	say(b, "on");
	expect_hears(a, "on");
}

static void w8_a_flush_tries_the_transport_inside_the_call(void)
{
	leat_io *reading = leat_flow_read(a), *sent = leat_flow_write(b, "now", 3), *flushed;

	expect_size(info(b).queued_bytes, 3);
	flushed = leat_flow_flush(b);
	expect_size(info(b).queued_bytes, 0);
	expect_done(sent);
	expect_brings(reading, "now");
	expect_done(flushed);
}

static void w8_a_flush_resolves_when_the_transport_has_all(void)
{
	uint64_t end;
	leat_io *waiting = fill(b, MUCH, &end), *flushed = leat_flow_flush(b);

	settle();
	expect_pending(flushed);
	expect_text(a, 0, end);
	expect_done(waiting);
	expect_done(flushed);
	expect_size(info(b).queued_bytes, 0);
}

static void w9_ten_small_writes_in_one_turn_are_one_system_call(void)
{
	leat_io *writes[10];

	say(b, "!");
	expect_hears(a, "!");
	watching = true;
	watched_calls = 0;
	for (int i = 0; i < 10; i++)
		writes[i] = leat_flow_write(b, "0123456789", 10);
	expect_int(watched_calls, 0);
	expect_done(leat_io_all(stage.loop, writes, 10));
	expect_hears(a, "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789");
	watching = false;
	expect_int(watched_calls, 1);
}

static void w9_a_write_outside_any_turn_goes_out_on_the_next_pass(void)
{
	leat_io *reading = leat_flow_read(a), *sent = leat_flow_write(b, "out", 3);

	event_base_loop(stage.base, EVLOOP_NONBLOCK);
	expect_size(info(b).queued_bytes, 0);
	expect_done(sent);
	expect_brings(reading, "out");
}

/* Whether it was withdrawn or goes on: the stream has it whole, or not at all.
 * `heard` bytes were read, the write began after `before`. Gives whether it goes on. */
static bool cancel_and_see(leat_io *waiting, uint64_t heard, uint64_t before, uint64_t end)
{
	bool goes_on;

	leat_io_cancel(waiting);
	expect(info(b).cancelled_write != LEAT_WRITE_NONE);
	goes_on = info(b).cancelled_write == LEAT_WRITE_GOES_ON;
	expect_text(a, heard, (goes_on ? end : before) - heard);
	say(b, "on");
	expect_hears(a, "on");
	return goes_on;
}

static void w10_a_cancelled_write_leaves_no_hole(void)
{
	uint64_t end;
	leat_io *waiting = fill(b, PIECE, &end);

	cancel_and_see(waiting, 0, end - PIECE, end);
}

/* Nothing of it can have been handed on: it was written after the transport was
 * full, with room below the mark. */
static void w10_an_untouched_write_is_withdrawn_whole(void)
{
	uint64_t end;
	leat_io *waiting = fill(b, PIECE, &end);

	leat_io_cancel(waiting);
	expect_int(info(b).cancelled_write, LEAT_WRITE_WITHDRAWN);
	expect_text(a, 0, end - PIECE);
	say(b, "on");
	expect_hears(a, "on");
}

/* What became of an earlier one is not said of it. */
static void w10_a_write_that_was_accepted_is_not_withdrawn(void)
{
	uint64_t end;
	leat_io *waiting = fill(b, PIECE, &end);

	leat_io_cancel(waiting);
	expect_int(info(b).cancelled_write, LEAT_WRITE_WITHDRAWN);
	expect_text(a, 0, end - PIECE);
	leat_io_cancel(leat_flow_write(b, "on", 2));
	expect_int(info(b).cancelled_write, LEAT_WRITE_NONE);
	expect_hears(a, "on");
}

static void w10_a_begun_write_goes_on_by_itself(void)
{
	leat_io *waiting = send_text(b, 8 << 20);
	struct got first;
	uint64_t heard;

	settle();
	expect_pending(waiting);
	first = get(leat_flow_read(a));
	expect_some(first.buf);
	heard = leat_buf_size(first.buf);
	leat_buf_unref(first.buf);
	expect_true(cancel_and_see(waiting, heard, heard, 8 << 20));
}

/* ---- cancelled at any moment ---- */

enum { LETTERS = 40, LETTER = 5000 };

static char heard_letters[2 * LETTERS];

/* Notes each letter when it changes. */
static leat_io *hear_letters(void *ctx, leat_result *result)
{
	leat_buf *buf = leat_result_buf(result);
	const char *bytes = buf ? leat_buf_data(buf) : NULL;
	size_t n = strlen(heard_letters);

	for (size_t i = 0; buf && i < leat_buf_size(buf); i++) {
		*(size_t *)ctx += 1;
		if ((n == 0 || heard_letters[n - 1] != bytes[i]) && n < sizeof heard_letters - 1)
			heard_letters[n++] = bytes[i];
	}
	leat_buf_unref(buf);
	return leat_io_int(stage.loop, buf != NULL);
}

static leat_io *read_letters(void *ctx, leat_result *result)
{
	return leat_io_then(leat_flow_read(a), hear_letters, leat_ctx_borrow(ctx));
}

/* Whether it is written, at last. */
static bool write_letter(char letter, int passes)
{
	static char letters[LETTER];
	leat_io *writing;
	leat_result result;

	memset(letters, letter, LETTER);
	writing = leat_flow_write(b, letters, LETTER);
	for (int i = 0; i < passes; i++)
		stage_pass(&stage);
	if (leat_io_try(writing, &result))
		return leat_result_ok(&result);
	leat_io_cancel(writing);
	return info(b).cancelled_write == LEAT_WRITE_GOES_ON;
}

static void w10_the_stream_has_no_hole_at_any_moment(void)
{
	char wanted[LETTERS + 1] = "";
	size_t n = 0, heard = 0;
	leat_io *reading;

	heard_letters[0] = '\0';
	memset(heard_letters, 0, sizeof heard_letters);
	limit(b, LIMITS(.high_water_bytes = 4096));
	reading = leat_io_repeat(stage.loop, read_letters, leat_ctx_borrow(&heard));
	for (int i = 0; i < LETTERS; i++)
		if (write_letter((char)('0' + i), i % 6))
			wanted[n++] = (char)('0' + i);
	expect_done(leat_flow_shutdown(b, LEAT_WRITE));
	expect_done(reading);
	expect_str(heard_letters, wanted);
	expect_size(heard, n * LETTER);
}

const struct clause write_clauses[] = {
	CLAUSE(w1_success_does_not_mean_delivered, ALONE),
	CLAUSE(w2_writes_are_accepted_below_the_mark_and_wait_above, ANY),
	CLAUSE(w2_a_mark_that_is_raised_lets_a_pending_write_go, ANY),
	CLAUSE(w2_the_default_mark_is_64_kib, ANY),
	CLAUSE(w2_the_write_that_fills_the_queue_to_the_mark_is_accepted, ANY),
	CLAUSE(w2_the_write_that_crosses_the_mark_is_kept_whole, ANY),
	CLAUSE(w2_a_small_write_settles_at_once, ALONE),
	CLAUSE(w3_order_is_kept, ANY),
	CLAUSE(w3_writev_is_concatenation, ANY),
	CLAUSE(w3_writev_of_many_parts_is_concatenation, ANY),
	CLAUSE(w3_fewer_than_no_parts_are_invalid, ANY),
	CLAUSE(w4_nothing_to_write_is_a_success, ALONE),
	CLAUSE(w4_nothing_to_write_is_no_end, ANY),
	CLAUSE(w5_a_write_error_is_sticky, ANY),
	CLAUSE(w5_a_pending_write_fails_once, ANY),
	CLAUSE(w5_a_failure_after_acceptance_is_told_by_the_close, ANY),
	CLAUSE(w5_a_failure_after_acceptance_is_told_by_the_flush, ANY),
	CLAUSE(w5_a_detached_close_that_ended_short_is_unhandled, DUPLEX),
	CLAUSE(w6_after_a_shutdown_a_write_is_closed, ALONE),
	CLAUSE(w6_after_a_close_a_write_is_closed, ANY),
	CLAUSE(w6_once_the_peer_is_gone_a_write_is_closed, ANY),
	CLAUSE(w6_writing_to_nobody_raises_no_signal, ANY),
	CLAUSE(w7_write_borrows_the_memory_until_it_returns, ANY),
	CLAUSE(w7_send_takes_the_buf, ANY),
	CLAUSE(w7_send_takes_the_buf_also_where_it_fails, ALONE),
	CLAUSE(w8_a_write_while_one_is_pending_is_busy, ANY),
	CLAUSE(w8_a_flush_tries_the_transport_inside_the_call, ANY),
	CLAUSE(w8_a_flush_resolves_when_the_transport_has_all, ANY),
	CLAUSE(w9_ten_small_writes_in_one_turn_are_one_system_call, ANY),
	CLAUSE(w9_a_write_outside_any_turn_goes_out_on_the_next_pass, ANY),
	CLAUSE(w10_a_cancelled_write_leaves_no_hole, ANY),
	CLAUSE(w10_an_untouched_write_is_withdrawn_whole, ANY),
	CLAUSE(w10_a_write_that_was_accepted_is_not_withdrawn, ANY),
	CLAUSE(w10_a_begun_write_goes_on_by_itself, ANY),
	CLAUSE(w10_the_stream_has_no_hole_at_any_moment, SMALL_TURNS),
	{ 0 },
};

/* SPDX-License-Identifier: ISC */
/* close - C1 to C11 */
#include "contract/code.h"
#include "contract/talk.h"
#include "support/tape.h"

static void c1_close_flushes_everything_and_signals_the_end(void)
{
	leat_io *sent = send_text(b, 400000), *closing = leat_flow_close(b);

	expect_text(a, 0, 400000);
	expect_end(a);
	expect_done(sent);
	expect_ends(leat_flow_close(a), LEAT_NONE);
	expect_ends(closing, LEAT_NONE);
}

static void c1_a_filters_trailer_is_sent(void)
{
	unsigned sent = trailers_sent, seen = trailers_seen;

	say(b, "before it");
	expect_hears(a, "before it");
	part();
	expect_int(trailers_sent - sent, trailers_seen - seen);
}

static void c2_close_resolves_only_when_the_peer_has_closed_too(void)
{
	leat_io *closing = leat_flow_close(b);

	settle();
	expect_pending(closing);
	expect_end(a);
	settle();
	expect_pending(closing);
	expect_ends(leat_flow_close(a), LEAT_NONE);
	expect_ends(closing, LEAT_NONE);
}

static void c2_then_only_the_handle_is_left(void)
{
	part();
	settle();
	expect_size(ends_live(), 0);
	expect_true(info(a).closed);
	expect_true(info(b).closed);
	settle();
}

static void c3_in_between_the_peer_writes_and_we_read(void)
{
	leat_io *closing = leat_flow_close(b), *reading = leat_flow_read(b);

	expect_end(a);
	say(a, "late");
	expect_brings(reading, "late");
	expect_pending(closing);
	reading = leat_flow_read(b);
	say(a, "later");
	expect_brings(reading, "later");
	reading = leat_flow_read(b);
	expect_ends(leat_flow_close(a), LEAT_NONE);
	expect_brings_end(reading);
	expect_ends(closing, LEAT_NONE);
}

static void c4_close_never_deadlocks_because_nobody_reads(void)
{
	leat_io *closing = leat_flow_close(b), *sent;

	expect_end(a);
	sent = send_text(a, 12 << 20);
	expect_done(sent);
	expect_ends(leat_flow_close(a), LEAT_NONE);
	expect_ends(closing, LEAT_NONE);
}

static void c4_what_arrives_is_kept_up_to_the_read_bound(void)
{
	leat_io *closing = leat_flow_close(b);

	say(a, "kept for ");
	settle();
	say(a, "a late reader");
	settle();
	expect_hears(b, "kept for a late reader");
	expect_ends(leat_flow_close(a), LEAT_NONE);
	expect_ends(closing, LEAT_NONE);
}

static void c4_who_reads_on_gets_every_byte(void)
{
	struct pump in, out;
	leat_io *closing, *reading, *writing;

	limit(b, LIMITS(.read_bytes = 5000));
	closing = leat_flow_close(b);
	reading = pump_in(&in, b);
	expect_end(a);
	writing = pump_out(&out, a, 1 << 20, 300000);
	expect_done(writing);
	expect_ends(leat_flow_close(a), LEAT_NONE);
	expect_done(reading);
	expect_int(in.at, 1 << 20);
	expect_false(in.wrong);
	expect_ends(closing, LEAT_NONE);
}

/* Reads to the end or the error; the text has no hole. */
static leat_error hears_text_until(leat_flow *flow, uint64_t *at)
{
	struct got got;

	*at = 0;
	while ((got = get(leat_flow_read(flow))).buf) {
		const unsigned char *bytes = leat_buf_data(got.buf);

		for (size_t i = 0; i < leat_buf_size(got.buf); i++)
			expect_int(bytes[i], text_at(*at + i));
		*at += leat_buf_size(got.buf);
		leat_buf_unref(got.buf);
	}
	return got.error;
}

static void c4_a_late_reader_gets_every_byte_or_an_error(void)
{
	leat_io *closing, *sent;
	uint64_t heard;

	limit(b, LIMITS(.read_bytes = 5000));
	closing = leat_flow_close(b);
	expect_end(a);
	sent = send_text(a, 12 << 20);
	expect_done(sent);
	settle();
	expect_kind(hears_text_until(b, &heard), LEAT_CLOSED);
	expect_int(heard, 5000);
	expect_ends(leat_flow_close(a), LEAT_NONE);
	expect_ends(closing, LEAT_NONE);
}

static void c5_a_peer_that_never_closes_is_cut_after_the_linger_time(void)
{
	leat_io *closing;

	limit(b, LIMITS(.linger_ms = 3));
	closing = leat_flow_close(b);
	expect_ends(closing, LEAT_TIMEOUT);
	expect_size(ends_live(), 1);
}

static void c5_the_default_linger_is_30_s(void)
{
	leat_io *closing = leat_flow_close(b);

	expect_end(a);
	settle();
	stage_skip(&stage, 29000);
	expect_pending(closing);
	stage_skip(&stage, 2000);
	expect_ends(closing, LEAT_TIMEOUT);
}

static void c5_the_linger_time_restarts_on_the_peers_progress(void)
{
	leat_io *closing;

	limit(b, LIMITS(.linger_ms = 10000));
	closing = leat_flow_close(b);
	expect_end(a);
	settle();
	for (int i = 0; i < 4; i++) {
		stage_skip(&stage, 6000);
		expect_pending(closing);
		say(a, "still talking");
		expect_hears(b, "still talking");
	}
	stage_skip(&stage, 11000);
	expect_ends(closing, LEAT_TIMEOUT);
}

static leat_io *note_end(void *ctx, leat_result *result)
{
	*(bool *)ctx = true;
	return leat_result_pass(result);
}

/* Another bit that the transport takes is progress. */
static void c5_flushing_has_its_own_stall_limit(void)
{
	uint64_t end;
	leat_io *waiting, *closing;
	bool over = false;

	limit(b, LIMITS(.linger_ms = -1, .stall_ms = 10000));
	waiting = fill(b, MUCH, &end);
	closing = leat_io_then(leat_flow_close(b), note_end, leat_ctx_borrow(&over));
	settle();
	stage_skip(&stage, 6000);
	expect_pending(closing);
	while (!over)
		stage_skip(&stage, 6000);
	expect_ends(closing, LEAT_TIMEOUT);
	expect_true(leat_error_set(outcome(waiting)));
}

static void c5_the_stall_limit_restarts_on_progress(void)
{
	leat_io *waiting, *closing;
	uint64_t at = 0;

	limit(b, LIMITS(.linger_ms = -1, .stall_ms = 10000));
	waiting = send_text(b, 16 << 20);
	closing = leat_flow_close(b);
	settle();
	for (int i = 0; i < 3; i++) {
		while (at < (uint64_t)(i + 1) * 4 << 20) {
			struct got got = get(leat_flow_read(a));

			expect_some(got.buf);
			at += leat_buf_size(got.buf);
			leat_buf_unref(got.buf);
		}
		settle();
		stage_skip(&stage, 6000);
		expect_pending(closing);
	}
	expect_text(a, at, (16 << 20) - at);
	expect_end(a);
	expect_done(waiting);
	expect_ends(leat_flow_close(a), LEAT_NONE);
	expect_ends(closing, LEAT_NONE);
}

static void c5_an_absolute_limit_can_be_set(void)
{
	leat_io *closing;

	limit(b, LIMITS(.linger_ms = 10000, .close_ms = 15000));
	closing = leat_flow_close(b);
	expect_end(a);
	settle();
	stage_skip(&stage, 8000);
	say(a, "still talking");
	expect_hears(b, "still talking");
	expect_pending(closing);
	stage_skip(&stage, 8000);
	expect_ends(closing, LEAT_TIMEOUT);
}

static void c5_limits_that_are_set_while_closing_hold_from_then_on(void)
{
	leat_io *closing = leat_flow_close(b);

	expect_end(a);
	settle();
	limit(b, LIMITS(.linger_ms = 5000));
	stage_skip(&stage, 4000);
	expect_pending(closing);
	stage_skip(&stage, 2000);
	expect_ends(closing, LEAT_TIMEOUT);
	fresh();
	closing = leat_flow_close(b);
	expect_end(a);
	settle();
	limit(b, LIMITS(.linger_ms = -1, .close_ms = 5000));
	stage_skip(&stage, 6000);
	expect_ends(closing, LEAT_TIMEOUT);
}

/* It is for open flows: lingering has its own. */
static void c5_an_idle_limit_set_while_closing_is_none(void)
{
	leat_io *closing = leat_flow_close(b), *reading = leat_flow_read(b);

	expect_end(a);
	limit(b, LIMITS(.idle_ms = 1000));
	for (int i = 0; i < 5; i++)
		stage_skip(&stage, 1000);
	expect_pending(reading);
	expect_ends(leat_flow_close(a), LEAT_NONE);
	expect_brings_end(reading);
	expect_ends(closing, LEAT_NONE);
}

static leat_io *tape_word(void *word, leat_result *result)
{
	tape_add(word);
	return NULL;
}

static void c6_what_is_pending_at_close_settles_before_it(void)
{
	leat_io *reading, *writing, *closing;

	tape_clear();
	reading = leat_io_then(leat_flow_read(b), tape_word, leat_ctx_borrow((char[]){ "read" }));
	writing = leat_io_then(send_text(b, 1 << 20), tape_word, leat_ctx_borrow((char[]){ "written" }));
	closing = leat_io_then(leat_flow_close(b), tape_word, leat_ctx_borrow((char[]){ "closed" }));
	expect_text(a, 0, 1 << 20);
	expect_end(a);
	expect_done(writing);
	say(a, "bye");
	expect_done(reading);
	expect_ends(leat_flow_close(a), LEAT_NONE);
	expect_done(closing);
	tape_expect("written read closed");
}

/* The end comes for all three at once. */
static void c6_the_end_of_a_pending_read_comes_before_the_close(void)
{
	leat_io *reading, *closing;

	tape_clear();
	reading = leat_io_then(leat_flow_read(b), tape_word, leat_ctx_borrow((char[]){ "end" }));
	closing = leat_io_then(leat_flow_close(b), tape_word, leat_ctx_borrow((char[]){ "closed" }));
	expect_ends(leat_flow_close(a), LEAT_NONE);
	expect_done(closing);
	expect_done(reading);
	tape_expect("end closed");
}

static void c7_closing_twice_is_harmless(void)
{
	leat_io *first = leat_flow_close(b), *second = leat_flow_close(b), *third = leat_flow_close(b);

	settle();
	expect_pending(first);
	expect_pending(second);
	expect_ends(leat_flow_close(a), LEAT_NONE);
	expect_ends(second, LEAT_NONE);
	expect_ends(first, LEAT_NONE);
	expect_ends(third, LEAT_NONE);
	expect_ends(leat_flow_close(b), LEAT_NONE);
	expect_ends(leat_flow_close(b), LEAT_NONE);
}

static void c7_each_close_resolves_with_the_first(void)
{
	leat_io *first, *second;

	limit(b, LIMITS(.linger_ms = 3));
	first = leat_flow_close(b);
	second = leat_flow_close(b);
	expect_ends(first, LEAT_TIMEOUT);
	expect_ends(second, LEAT_TIMEOUT);
	expect_ends(leat_flow_close(b), LEAT_TIMEOUT);
}

static void hears_coded(leat_flow *flow, const char *text)
{
	unsigned char coded[128];
	size_t n = code_encode(coded, (const unsigned char *)text, strlen(text));

	memcpy(coded + n, GOODBYE, GOODBYE_BYTES + 1);
	expect_hears(flow, (const char *)coded);
}

static void c8_closing_a_layer_closes_the_flow_below_after_its_goodbye(void)
{
	leat_flow *layer = layer_over(stage.loop, b);
	leat_io *closing;

	b = NULL;
	say(layer, "text");
	closing = leat_flow_close(layer);
	hears_coded(a, "text");
	expect_end(a);
	expect_pending(closing);
	expect_done(leat_flow_write(a, GOODBYE, GOODBYE_BYTES));
	expect_ends(closing, LEAT_NONE);
	expect_ends(leat_flow_close(a), LEAT_NONE);
	until(ends_live() == 0);
	drop(&layer);
}

static void c9_a_reset_while_closing_cuts_it_short(void)
{
	leat_io *reading = leat_flow_read(b), *closing = leat_flow_close(b);
	struct got got;
	leat_error how;

	settle();
	leat_flow_abort(a);
	got = get(reading);
	how = ending(closing);
	expect_null(got.buf);
	if (kind->cut == LEAT_NONE)
		return;
	expect_kind(got.error, kind->cut);
	expect_kind(how, kind->cut);
}

static void c9_a_reset_while_flushing_fails_what_is_pending_once(void)
{
	uint64_t end;
	leat_io *waiting = fill(b, 16384, &end), *reading = leat_flow_read(b), *closing = leat_flow_close(b);

	leat_flow_abort(a);
	expect_broken(outcome(waiting));
	whatever(reading);
	expect_true(leat_error_set(ending(closing)));
}

static void c10_both_sides_close_at_the_same_moment(void)
{
	for (int i = 0; i < 3; i++) {
		part();
		fresh();
	}
}

static void c10_both_sides_write_4_mib_and_close_without_reading(void)
{
	leat_io *ios[4];

	ios[0] = send_text(a, 4 << 20);
	ios[1] = send_text(b, 4 << 20);
	ios[2] = leat_flow_close(a);
	ios[3] = leat_flow_close(b);
	expect_ends(ios[2], LEAT_NONE);
	expect_ends(ios[3], LEAT_NONE);
	expect_done(ios[0]);
	expect_done(ios[1]);
}

static void c10_one_closes_while_the_others_write_is_blocked(void)
{
	uint64_t end;
	leat_io *blocked = fill(a, 16384, &end), *closing = leat_flow_close(b);

	expect_done(blocked);
	expect_end(a);
	expect_done(leat_flow_write(a, "more", 4));
	expect_ends(leat_flow_close(a), LEAT_NONE);
	expect_ends(closing, LEAT_NONE);
}

static void c11_a_detached_close_goes_on(void)
{
	leat_io *sent = send_text(b, 400000);

	leat_io_detach(leat_flow_close(b));
	drop(&b);
	expect_text(a, 0, 400000);
	expect_end(a);
	expect_done(sent);
	expect_ends(leat_flow_close(a), LEAT_NONE);
	until(ends_live() == 0);
}

static void c11_cancelling_the_last_close_aborts_the_flow(void)
{
	leat_io *first = leat_flow_close(b), *second = leat_flow_close(b);

	settle();
	leat_io_cancel(first);
	settle();
	expect_pending(second);
	expect_size(ends_live(), 2);
	leat_io_cancel(second);
	expect_size(ends_live(), 1);
	expect_fails(leat_flow_read(b), LEAT_CLOSED);
	whatever(leat_flow_read(a));
}

static void c11_a_detached_close_outlives_a_cancelled_one(void)
{
	leat_io *second;

	leat_io_detach(leat_flow_close(b));
	second = leat_flow_close(b);
	settle();
	leat_io_cancel(second);
	settle();
	expect_size(ends_live(), 2);
	expect_end(a);
	expect_ends(leat_flow_close(a), LEAT_NONE);
	until(ends_live() == 0);
}

const struct clause close_clauses[] = {
	CLAUSE(c1_close_flushes_everything_and_signals_the_end, ANY),
	CLAUSE(c1_a_filters_trailer_is_sent, DUPLEX),
	CLAUSE(c2_close_resolves_only_when_the_peer_has_closed_too, DUPLEX),
	CLAUSE(c2_then_only_the_handle_is_left, ALONE),
	CLAUSE(c3_in_between_the_peer_writes_and_we_read, DUPLEX),
	CLAUSE(c4_close_never_deadlocks_because_nobody_reads, DUPLEX),
	CLAUSE(c4_what_arrives_is_kept_up_to_the_read_bound, DUPLEX),
	CLAUSE(c4_a_late_reader_gets_every_byte_or_an_error, DUPLEX),
	CLAUSE(c4_who_reads_on_gets_every_byte, DUPLEX),
	CLAUSE(c5_a_peer_that_never_closes_is_cut_after_the_linger_time, DUPLEX),
	CLAUSE(c5_the_default_linger_is_30_s, DUPLEX),
	CLAUSE(c5_the_linger_time_restarts_on_the_peers_progress, DUPLEX),
	CLAUSE(c5_flushing_has_its_own_stall_limit, ANY),
	CLAUSE(c5_the_stall_limit_restarts_on_progress, ANY),
	CLAUSE(c5_an_absolute_limit_can_be_set, DUPLEX),
	CLAUSE(c5_limits_that_are_set_while_closing_hold_from_then_on, DUPLEX),
	CLAUSE(c5_an_idle_limit_set_while_closing_is_none, DUPLEX),
	CLAUSE(c6_what_is_pending_at_close_settles_before_it, DUPLEX),
	CLAUSE(c6_the_end_of_a_pending_read_comes_before_the_close, DUPLEX),
	CLAUSE(c7_closing_twice_is_harmless, DUPLEX),
	CLAUSE(c7_each_close_resolves_with_the_first, DUPLEX),
	CLAUSE(c8_closing_a_layer_closes_the_flow_below_after_its_goodbye, DUPLEX),
	CLAUSE(c9_a_reset_while_closing_cuts_it_short, DUPLEX),
	CLAUSE(c9_a_reset_while_flushing_fails_what_is_pending_once, DUPLEX),
	CLAUSE(c10_both_sides_close_at_the_same_moment, ANY),
	CLAUSE(c10_both_sides_write_4_mib_and_close_without_reading, DUPLEX),
	CLAUSE(c10_one_closes_while_the_others_write_is_blocked, DUPLEX),
	CLAUSE(c11_a_detached_close_goes_on, ANY),
	CLAUSE(c11_cancelling_the_last_close_aborts_the_flow, DUPLEX),
	CLAUSE(c11_a_detached_close_outlives_a_cancelled_one, DUPLEX),
	{ 0 },
};

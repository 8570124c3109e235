/* SPDX-License-Identifier: ISC */
/* read - R1 to R11 */
#include <stdlib.h>
#include <time.h>

#include "contract/talk.h"

static void shut_b(void)
{
	expect_done(leat_flow_shutdown(b, LEAT_WRITE));
}

static void r1_a_read_waits_until_there_is_data(void)
{
	leat_io *reading = leat_flow_read(a);

	settle();
	expect_pending(reading);
	say(b, "hello");
	expect_brings(reading, "hello");
}

static void r1_a_read_waits_until_there_is_the_end(void)
{
	leat_io *reading = leat_flow_read(a);

	settle();
	expect_pending(reading);
	shut_b();
	expect_brings_end(reading);
}

static void r1_a_read_waits_until_there_is_an_error(void)
{
	leat_io *reading = leat_flow_read(a);
	struct got got;

	settle();
	expect_pending(reading);
	leat_flow_abort(b);
	got = get(reading);
	expect_null(got.buf);
	if (kind->cut != LEAT_NONE)
		expect_kind(got.error, kind->cut);
}

static void r2_data_is_at_least_one_byte(void)
{
	for (int i = 0; i < 10; i++) {
		leat_io *reading = leat_flow_read(a);

		expect_done(leat_flow_write(b, "", 0));
		settle();
		expect_pending(reading);
		say(b, "x");
		expect_brings(reading, "x");
	}
}

static void r2_a_read_into_of_at_least_nothing_takes_what_is_there(void)
{
	char memory[8];

	expect_int(leat_await_int(leat_flow_read_into(a, memory, 0, 8), NULL), 0);
	leat_flow_unread(a, leat_buf_copy(stage.loop, "kept", 4));
	expect_int(leat_await_int(leat_flow_read_into(a, memory, 0, 3), NULL), 3);
	expect_int(leat_await_int(leat_flow_read_into(a, memory + 3, 0, 5), NULL), 1);
	expect_mem(memory, "kept", 4);
	leat_flow_abort(a);
	expect_fails(leat_flow_read_into(a, memory, 0, 8), LEAT_CLOSED);
}

static void r3_what_was_read_is_never_touched_again(void)
{
	struct got first, second;

	say(b, "first");
	first = get(leat_flow_read(a));
	say(b, "SECOND");
	second = get(leat_flow_read(a));
	expect_done(send_text(b, 5000));
	expect_text(a, 0, 5000);
	drop(&a);
	drop(&b);
	settle();
	expect_some(first.buf);
	expect_some(second.buf);
	expect_bytes(leat_buf_data(first.buf), leat_buf_size(first.buf), "first");
	expect_bytes(leat_buf_data(second.buf), leat_buf_size(second.buf), "SECOND");
	leat_buf_unref(first.buf);
	leat_buf_unref(second.buf);
}

static void r4_what_is_in_flight_arrives_after_the_peers_close(void)
{
	leat_io *sent = send_text(b, 40000), *closing = leat_flow_close(b);

	settle();
	expect_text(a, 0, 40000);
	expect_end(a);
	expect_done(sent);
	expect_ends(leat_flow_close(a), LEAT_NONE);
	expect_ends(closing, LEAT_NONE);
}

static void r5_every_byte_arrives_before_the_error(void)
{
	char first;
	leat_result result;

	say(b, "0123456789");
	expect_true(leat_await(leat_flow_read_into(a, &first, 1, 1), &result));
	expect_int(leat_result_int(&result), 1);
	expect_int(first, '0');
	leat_flow_abort(b);
	settle();
	expect_hears(a, "123456789");
	expect_size(hears_cut(a), 0);
}

/* Nobody has looked at the bytes before the stream is cut. */
static void r5_what_the_transport_holds_arrives_before_the_error(void)
{
	say(b, "!");
	expect_hears(a, "!");
	say(b, "0123456789");
	settle();
	leat_flow_abort(b);
	settle();
	expect_hears(a, "0123456789");
	expect_size(hears_cut(a), 0);
}

static void r5_a_write_that_fails_hides_nothing_that_arrived(void)
{
	leat_error error;

	say(b, "!");
	expect_hears(a, "!");
	say(b, "0123456789");
	settle();
	leat_flow_abort(b);
	do
		error = outcome(leat_flow_write(a, "into the void", 13));
	while (!leat_error_set(error) && (a_moment(), true));
	expect_broken(error);
	expect_hears(a, "0123456789");
	expect_size(hears_cut(a), 0);
}

static void r6_the_end_is_sticky(void)
{
	char memory[3];
	leat_result result;

	shut_b();
	for (int i = 0; i < 3; i++)
		expect_end(a);
	expect_true(leat_await(leat_flow_read_into(a, memory, 3, 3), &result));
	expect_int(leat_result_int(&result), 0);
	expect_end(a);
}

static void r6_an_error_is_sticky(void)
{
	struct got first, later;

	leat_flow_abort(b);
	first = get(leat_flow_read(a));
	expect_null(first.buf);
	if (kind->cut != LEAT_NONE)
		expect_kind(first.error, kind->cut);
	for (int i = 0; i < 3; i++) {
		later = get(leat_flow_read(a));
		expect_null(later.buf);
		expect_kind(later.error, leat_error_kind(first.error));
	}
}

static void r7_the_end_of_reading_leaves_writing_usable(void)
{
	leat_io *sent;

	shut_b();
	expect_end(a);
	sent = send_text(a, 300000);
	expect_text(b, 0, 300000);
	expect_done(sent);
	expect_end(a);
	say(a, "still here");
	expect_hears(b, "still here");
}

static void r8_a_second_read_is_busy_and_disturbs_nothing(void)
{
	leat_io *reading = leat_flow_read(a);
	char memory[2];

	expect_fails(leat_flow_read(a), LEAT_BUSY);
	expect_fails(leat_flow_read_into(a, memory, 1, 2), LEAT_BUSY);
	expect_pending(reading);
	say(b, "hello");
	expect_brings(reading, "hello");
	say(b, "again");
	expect_hears(a, "again");
}

static void r8_a_read_counts_until_it_was_delivered(void)
{
	leat_io *reading = leat_flow_read(a);

	say(b, "hello");
	until(info(b).queued_bytes == 0);
	a_moment();
	settle();
	expect_fails(leat_flow_read(a), LEAT_BUSY);
	expect_brings(reading, "hello");
	say(b, "again");
	expect_hears(a, "again");
}

static void r9_a_cancelled_read_loses_no_byte(void)
{
	leat_io_cancel(leat_flow_read(a));
	say(b, "one");
	expect_hears(a, "one");
	for (int i = 0; i < 3; i++) {
		leat_io *reading = leat_flow_read(a);

		if (i == 0)
			say(b, "two");
		settle();
		leat_io_cancel(reading);
	}
	say(b, "three");
	expect_hears(a, "twothree");
}

static void r9_a_cancelled_read_into_loses_no_byte(void)
{
	char memory[8] = "-------";
	leat_io *reading = leat_flow_read_into(a, memory, 5, 7);
	leat_result result;

	say(b, "abc");
	settle();
	expect_pending(reading);
	expect_str(memory, "-------");
	say(b, "defghi");
	settle();
	leat_io_cancel(reading);
	expect_str(memory, "-------");
	expect_true(leat_await(leat_flow_read_into(a, memory, 7, 7), &result));
	expect_int(leat_result_int(&result), 7);
	expect_str(memory, "abcdefg");
	expect_hears(a, "hi");
}

static void r9_no_byte_is_lost_through_timeouts(void)
{
	expect_fails(leat_io_timeout(leat_flow_read(a), 1), LEAT_TIMEOUT);
	expect_fails(leat_io_timeout(leat_flow_read(a), 0), LEAT_TIMEOUT);
	say(b, "hello");
	settle();
	for (int i = 0; i < 5; i++) {
		leat_io *reading = leat_io_timeout(leat_flow_read(a), 10000);

		settle();
		leat_io_cancel(reading);
	}
	expect_hears(a, "hello");
}

/* Law 10: what nobody waits for hides no deadlock, which the loop reports. */
static void nothing_can_settle(int line)
{
	leat_maker maker;
	unsigned reports = stage.reports;
	leat_error error = outcome(leat_io_new(stage.loop, &maker, NULL, NULL));

	ck_assert_msg(leat_error_is(error, LEAT_DEADLOCK), "line %d: wanted DEADLOCK, got %s", line,
		leat_kind_name(leat_error_kind(error)));
	stage.reports = reports;
}
#define expect_deadlock() nothing_can_settle(__LINE__)

static void r9_a_cancelled_read_hides_no_deadlock(void)
{
	leat_io_cancel(leat_flow_read(a));
	expect_deadlock();
	settle();
	leat_io_cancel(leat_flow_read(a));
	expect_deadlock();
}

static void r9_nor_do_bytes_that_arrive_for_nobody(void)
{
	leat_io_cancel(leat_flow_read(a));
	say(b, "one");
	settle();
	expect_deadlock();
	leat_io_cancel(leat_flow_read(a));
	expect_deadlock();
	expect_hears(a, "one");
	expect_deadlock();
	say(b, "two");
	expect_deadlock();
	expect_hears(a, "two");
	leat_io_cancel(leat_flow_read(a));
	shut_b();
	expect_end(a);
	expect_deadlock();
}

static leat_io *a_read_and_a_moment(void)
{
	leat_io *ios[2] = { leat_flow_read(a), leat_sleep(stage.loop, 0) };

	return leat_io_race(stage.loop, ios, 2);
}

static leat_io *keep(void *ctx, leat_result *result)
{
	char *text = ctx;
	leat_buf *buf = leat_result_ok(result) && leat_result_peek(result) ? leat_result_buf(result) : NULL;

	if (buf)
		strncat(text, leat_buf_data(buf), leat_buf_size(buf));
	leat_buf_unref(buf);
	return NULL;
}

/* Whoever wins, what arrived is heard once. */
static void r9_no_byte_is_lost_through_races(void)
{
	char text[64] = "";

	for (int i = 0; i < 20; i++) {
		char byte[2] = { (char)('a' + i), '\0' };

		expect_done(leat_flow_write(b, byte, 1));
		expect_done(leat_io_then(a_read_and_a_moment(), keep, leat_ctx_borrow(text)));
	}
	while (strlen(text) < 20)
		expect_done(leat_io_then(leat_flow_read(a), keep, leat_ctx_borrow(text)));
	expect_str(text, "abcdefghijklmnopqrst");
}

/* One read after the other, each cancelled if it is not there in time. */
static void r9_no_byte_is_lost_at_any_moment(void)
{
	struct pump out, in = { .flow = a };
	leat_io *writing = pump_out(&out, b, 20000, 700);

	for (int i = 0; in.at < 20000; i++) {
		leat_io *reading = leat_flow_read(a);
		leat_result result;

		for (int pass = 0; pass < i % 7; pass++)
			stage_pass(&stage);
		if (!leat_io_try(reading, &result)) {
			leat_io_cancel(reading);
			continue;
		}
		expect_true(leat_result_ok(&result));
		pump_took(&in, leat_result_buf(&result));
		expect_false(in.wrong);
	}
	expect_done(writing);
}

static void r9_cancelling_a_layers_read_leaves_the_one_below(void)
{
	leat_flow *ends[2] = { layer_over(stage.loop, a), layer_over(stage.loop, b) };

	a = b = NULL;
	for (int i = 0; i < 3; i++) {
		leat_io *reading = leat_flow_read(ends[0]);

		settle();
		if (i == 1)
			say(ends[1], "through");
		settle();
		leat_io_cancel(reading);
	}
	say(ends[1], " and through");
	expect_hears(ends[0], "through and through");
	drop(&ends[0]);
	drop(&ends[1]);
}

static void r9_a_detached_read_is_dropped(void)
{
	leat_io_detach(leat_flow_read(a));
	say(b, "dropped");
	until(info(a).read_bytes == 7);
	say(b, "heard");
	expect_hears(a, "heard");
}

static void r10_unread_bytes_come_back_first_and_in_order(void)
{
	say(b, "later");
	leat_flow_unread(a, leat_buf_copy(stage.loop, "second ", 7));
	leat_flow_unread(a, leat_buf_copy(stage.loop, "first ", 6));
	expect_hears(a, "first second later");
}

static void r10_unread_satisfies_a_pending_read(void)
{
	leat_io *reading = leat_flow_read(a);

	settle();
	expect_pending(reading);
	leat_flow_unread(a, leat_buf_copy(stage.loop, "back", 4));
	expect_brings(reading, "back");
	say(b, "on");
	expect_hears(a, "on");
}

static void r10_unread_comes_before_the_end(void)
{
	leat_io *telling;
	struct got got;

	say(b, "all");
	telling = leat_flow_shutdown(b, LEAT_WRITE);
	got = get(leat_flow_read(a));
	expect_some(got.buf);
	expect_done(telling);
	leat_flow_unread(a, got.buf);
	expect_hears(a, "all");
	expect_end(a);
}

static void count(void *times)
{
	++*(int *)times;
}

static void r10_unread_on_an_ended_flow_frees_the_buf(void)
{
	static const char bytes[] = "bytes";
	int freed = 0;

	leat_flow_abort(a);
	leat_flow_unread(a, leat_buf_wrap(stage.loop, bytes, 5, count, &freed));
	expect_int(freed, 1);
	expect_fails(leat_flow_read(a), LEAT_CLOSED);
}

static void r11_nobody_reading_is_back_pressure(void)
{
	uint64_t end;
	leat_io *blocked = fill(b, MUCH, &end);

	come_to_rest(b);
	expect(info(a).kept_bytes <= 256 << 10);
	expect_pending(blocked);
	expect_text(a, 0, end);
	expect_done(blocked);
	say(b, "on");
	expect_hears(a, "on");
}

static int64_t now_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Waits a while, for something that does not come: that takes no time of the
 * processor's. */
static void r11_back_pressure_does_not_spin(void)
{
	uint64_t end;
	leat_io *blocked = fill(b, 16384, &end);
	uint64_t turns = stage_stats(&stage).turns;
	int64_t worked = now_of(CLOCK_PROCESS_CPUTIME_ID), passed = now_of(CLOCK_MONOTONIC);

	expect_true(leat_await(leat_sleep(stage.loop, 60), NULL));
	worked = now_of(CLOCK_PROCESS_CPUTIME_ID) - worked;
	passed = now_of(CLOCK_MONOTONIC) - passed;
	ck_assert_msg(worked < passed / 3, "worked for %lld of %lld us", (long long)worked / 1000,
		(long long)passed / 1000);
	expect(stage_stats(&stage).turns - turns < 50);
	leat_io_cancel(blocked);
}

const struct clause read_clauses[] = {
	CLAUSE(r1_a_read_waits_until_there_is_data, ANY),
	CLAUSE(r1_a_read_waits_until_there_is_the_end, ANY),
	CLAUSE(r1_a_read_waits_until_there_is_an_error, ANY),
	CLAUSE(r2_data_is_at_least_one_byte, ANY),
	CLAUSE(r2_a_read_into_of_at_least_nothing_takes_what_is_there, ANY),
	CLAUSE(r3_what_was_read_is_never_touched_again, ANY),
	CLAUSE(r4_what_is_in_flight_arrives_after_the_peers_close, ANY),
	CLAUSE(r5_every_byte_arrives_before_the_error, ANY),
	CLAUSE(r5_what_the_transport_holds_arrives_before_the_error, ANY),
	CLAUSE(r5_a_write_that_fails_hides_nothing_that_arrived, DUPLEX),
	CLAUSE(r6_the_end_is_sticky, ALONE),
	CLAUSE(r6_an_error_is_sticky, ANY),
	CLAUSE(r7_the_end_of_reading_leaves_writing_usable, DUPLEX),
	CLAUSE(r8_a_second_read_is_busy_and_disturbs_nothing, ANY),
	CLAUSE(r8_a_read_counts_until_it_was_delivered, ANY),
	CLAUSE(r9_a_cancelled_read_loses_no_byte, ANY),
	CLAUSE(r9_a_cancelled_read_into_loses_no_byte, ANY),
	CLAUSE(r9_a_cancelled_read_hides_no_deadlock, ALONE),
	CLAUSE(r9_nor_do_bytes_that_arrive_for_nobody, ANY),
	CLAUSE(r9_no_byte_is_lost_through_timeouts, ANY),
	CLAUSE(r9_no_byte_is_lost_through_races, ANY),
	CLAUSE(r9_no_byte_is_lost_at_any_moment, SMALL_TURNS),
	CLAUSE(r9_cancelling_a_layers_read_leaves_the_one_below, ANY),
	CLAUSE(r9_a_detached_read_is_dropped, ANY),
	CLAUSE(r10_unread_bytes_come_back_first_and_in_order, ANY),
	CLAUSE(r10_unread_satisfies_a_pending_read, ANY),
	CLAUSE(r10_unread_comes_before_the_end, ANY),
	CLAUSE(r10_unread_on_an_ended_flow_frees_the_buf, ALONE),
	CLAUSE(r11_nobody_reading_is_back_pressure, ANY),
	CLAUSE(r11_back_pressure_does_not_spin, ANY),
	{ 0 },
};

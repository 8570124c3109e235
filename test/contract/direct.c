/* SPDX-License-Identifier: ISC */
/* direct - the clauses for who waits, takes and puts by himself, beside ordinary reads
 * and writes, over every kind */
#include <string.h>
#include <sys/uio.h>

#include <leat/direct.h>

#include "contract/talk.h"
#include "support/suite.h"

/* What the next word is of who waits: of a transport that only knows that there is
 * something, the second. Takes `waiting`. */
static leat_error last_word(leat_flow *flow, leat_io *waiting, int64_t *word)
{
	leat_error error;
	char byte;

	*word = leat_await_int(waiting, &error);
	if (leat_error_set(error) || *word == 0)
		return error;
	expect_size(leat_flow_try_read(flow, &byte, 1), 0);
	*word = leat_await_int(leat_flow_readable(flow), &error);
	return error;
}

static void ends_with(leat_flow *flow, leat_io *waiting, int line)
{
	int64_t word;
	leat_error error = last_word(flow, waiting, &word);

	ck_assert_msg(!leat_error_set(error) && word == 0, "line %d: wanted the end, got %s", line,
		leat_kind_name(leat_error_kind(error)));
}
#define expect_its_end(flow, waiting) ends_with((flow), (waiting), __LINE__)

static int64_t waited(leat_flow *flow)
{
	return leat_await_int(leat_flow_readable(flow), NULL);
}

/* Takes exactly that. */
static void takes(leat_flow *flow, const char *text, int line)
{
	size_t wanted = strlen(text), used = 0;
	char got[64];

	while (used < wanted) {
		ck_assert_msg(waited(flow) == 1, "line %d: nothing comes after %zu bytes", line, used);
		used += leat_flow_try_read(flow, got + used, wanted - used);
	}
	ck_assert_msg(memcmp(got, text, wanted) == 0, "line %d: wanted \"%s\", took \"%.*s\"", line, text, (int)used, got);
}
#define expect_takes(flow, text) takes((flow), (text), __LINE__)

static size_t put(leat_flow *flow, const char *text)
{
	struct iovec part = { .iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text) };

	return leat_flow_try_write(flow, &part, 1);
}

/* What it does not take is written. */
static void puts_all(leat_flow *flow, const char *text)
{
	size_t n = put(flow, text);

	expect_done(leat_flow_write(flow, text + n, strlen(text + n)));
}

/* ---- reading ---- */

static void r1_who_waits_to_read_waits_until_there_is_data(void)
{
	leat_io *waiting = leat_flow_readable(a);

	settle();
	expect_pending(waiting);
	say(b, "hello");
	expect_int(leat_await_int(waiting, NULL), 1);
	expect_takes(a, "hello");
}

static void r1_or_the_end(void)
{
	leat_io *waiting = leat_flow_readable(a);
	char byte;

	settle();
	expect_pending(waiting);
	expect_done(leat_flow_shutdown(b, LEAT_WRITE));
	expect_its_end(a, waiting);
	expect_size(leat_flow_try_read(a, &byte, 1), 0);
	expect_int(waited(a), 0);
	expect_end(a);
}

static void r1_or_an_error(void)
{
	leat_io *waiting = leat_flow_readable(a);
	leat_error error;
	int64_t word;
	char byte;

	settle();
	expect_pending(waiting);
	leat_flow_abort(b);
	error = last_word(a, waiting, &word);
	if (kind->cut != LEAT_NONE)
		expect_kind(error, kind->cut);
	expect_size(leat_flow_try_read(a, &byte, 1), 0);
	expect_size(hears_cut(a), 0);
}

static void r2_nothing_is_taken_where_nothing_is_there(void)
{
	char memory[4] = "---";

	expect_size(leat_flow_try_read(a, memory, 4), 0);
	say(b, "x");
	expect_int(waited(a), 1);
	expect_size(leat_flow_try_read(a, memory, 0), 0);
	expect_str(memory, "---");
	expect_takes(a, "x");
	expect_size(leat_flow_try_read(a, memory, 4), 0);
	say(b, "y");
	expect_hears(a, "y");
}

static void r4_what_is_in_flight_can_be_taken_after_the_peers_close(void)
{
	leat_io *closing;

	expect_done(leat_flow_write(b, "all of it", 9));
	closing = leat_flow_close(b);
	expect_takes(a, "all of it");
	expect_its_end(a, leat_flow_readable(a));
	expect_ends(leat_flow_close(a), LEAT_NONE);
	expect_ends(closing, LEAT_NONE);
}

static void r8_who_waits_to_read_is_a_reader(void)
{
	leat_io *waiting = leat_flow_readable(a), *reading;
	char memory[2] = "-";

	expect_fails(leat_flow_read(a), LEAT_BUSY);
	expect_fails(leat_flow_readable(a), LEAT_BUSY);
	expect_fails(leat_flow_read_into(a, memory, 1, 2), LEAT_BUSY);
	expect_size(leat_flow_try_read(a, memory, 2), 0);
	leat_io_cancel(waiting);
	reading = leat_flow_read(a);
	expect_fails(leat_flow_readable(a), LEAT_BUSY);
	say(b, "hello");
	expect_size(leat_flow_try_read(a, memory, 2), 0);
	expect_str(memory, "-");
	expect_brings(reading, "hello");
}

static void r9_who_waits_and_is_cancelled_has_taken_nothing(void)
{
	leat_io_cancel(leat_flow_readable(a));
	say(b, "one");
	for (int i = 0; i < 3; i++) {
		leat_io *waiting = leat_flow_readable(a);

		settle();
		leat_io_cancel(waiting);
	}
	expect_takes(a, "on");
	leat_io_cancel(leat_flow_readable(a));
	say(b, "two");
	expect_hears(a, "etwo");
}

static void r9_all_ways_to_read_take_turns(void)
{
	struct pump out, in = { .flow = a };
	leat_io *writing = pump_out(&out, b, 100000, 7000);
	unsigned char memory[999];

	for (int i = 0; in.at < 100000; i++) {
		size_t room = (size_t)(1 + i * 37 % 999), n;

		if (i % 3 == 0) {
			pump_took(&in, get(leat_flow_read(a)).buf);
			continue;
		}
		if (i % 3 == 1)
			n = (size_t)leat_await_int(leat_flow_read_into(a, memory, 1, room), NULL);
		else
			n = waited(a) == 1 ? leat_flow_try_read(a, memory, room) : 0;
		for (size_t at = 0; at < n; at++)
			expect_int(memory[at], text_at(in.at++));
	}
	expect_false(in.wrong);
	expect_done(writing);
}

static void r10_unread_bytes_are_taken_first(void)
{
	leat_io *waiting = leat_flow_readable(a);

	settle();
	expect_pending(waiting);
	leat_flow_unread(a, leat_buf_copy(stage.loop, "first ", 6));
	expect_int(leat_await_int(waiting, NULL), 1);
	say(b, "later");
	expect_takes(a, "fir");
	leat_flow_unread(a, leat_buf_copy(stage.loop, "thi", 3));
	expect_takes(a, "thist later");
}

static void h2_who_waits_gets_the_end_of_what_is_shut(void)
{
	leat_io *waiting = leat_flow_readable(a);
	char byte;

	expect_done(leat_flow_shutdown(a, LEAT_READ));
	expect_its_end(a, waiting);
	say(b, "unheard");
	settle();
	expect_size(leat_flow_try_read(a, &byte, 1), 0);
	expect_int(waited(a), 0);
}

static void c6_who_waits_goes_on_while_closing(void)
{
	leat_io *waiting = leat_flow_readable(a), *closing = leat_flow_close(a);

	settle();
	expect_done(leat_flow_write(b, "last words", 10));
	expect_int(leat_await_int(waiting, NULL), 1);
	expect_takes(a, "last words");
	expect_ends(leat_flow_close(b), LEAT_NONE);
	expect_ends(closing, LEAT_NONE);
}

static void a1_who_waits_on_what_is_aborted_gets_closed(void)
{
	leat_io *waiting = leat_flow_readable(a);
	char byte;

	leat_flow_abort(a);
	expect_fails(waiting, LEAT_CLOSED);
	expect_fails(leat_flow_readable(a), LEAT_CLOSED);
	expect_size(leat_flow_try_read(a, &byte, 1), 0);
	expect_size(put(a, "x"), 0);
}

/* ---- writing ---- */

static void w3_what_is_put_and_what_is_written_keep_their_order(void)
{
	puts_all(b, "one ");
	expect_done(leat_flow_write(b, "two ", 4));
	puts_all(b, "three ");
	settle();
	puts_all(b, "four");
	expect_hears(a, "one two three four");
}

static void w3_parts_are_put_in_order(void)
{
	char text[] = "one two three";
	struct iovec parts[] = { { text, 4 }, { NULL, 0 }, { text + 4, 4 }, { text + 8, 5 } };
	size_t n = leat_flow_try_write(b, parts, 4);

	expect_done(leat_flow_write(b, text + n, 13 - n));
	expect_hears(a, "one two three");
}

/* More than there is, which valgrind would not have us tell the kernel. */
static void r2_there_may_be_any_room(void)
{
	static char memory[16];

	memset(memory, 0, sizeof memory);
	say(b, "hello");
	expect_int(waited(a), 1);
	expect_size(leat_flow_try_read(a, memory, suite_on_valgrind() ? sizeof memory : SIZE_MAX), 5);
	expect_str(memory, "hello");
	say(b, "on");
	expect_hears(a, "on");
}

static void w3_what_cannot_be_is_not_put_and_breaks_nothing(void)
{
	struct iovec parts[2] = { { (void *)(uintptr_t)"hello", 5 }, { (void *)(uintptr_t)"x", SIZE_MAX } };

	expect_size(leat_flow_try_write(b, parts, 2), 0);
	parts[1].iov_len = (size_t)INT64_MAX + 1;
	expect_size(leat_flow_try_write(b, parts, 2), 0);
	say(b, "on");
	expect_hears(a, "on");
}

static void w4_nothing_is_put_of_nothing(void)
{
	struct iovec parts[2] = { { NULL, 0 }, { NULL, 0 } };

	expect_size(leat_flow_try_write(b, parts, 2), 0);
	expect_size(leat_flow_try_write(b, parts, 0), 0);
	expect_size(leat_flow_try_write(b, NULL, -1), 0);
	say(b, "open");
	expect_hears(a, "open");
}

static void w3_nothing_is_put_before_what_is_queued(void)
{
	expect_done(leat_flow_write(b, "queued", 6));
	expect_size(put(b, "jumped"), 0);
	expect_hears(a, "queued");
}

/* A block that the transport does not take whole, and on from there. */
static void w3_what_was_put_in_part_goes_on_by_a_write(void)
{
	static unsigned char text[MUCH];
	struct iovec part = { text, sizeof text };
	leat_io *writing;
	size_t n;

	if (!leat_flow_is_direct(b, LEAT_WRITE)) /* then it is any write, see write.c */
		return;
	text_fill(text, 0, sizeof text);
	n = leat_flow_try_write(b, &part, 1);
	ck_assert_msg(n < sizeof text, "all of %zu bytes was taken", n);
	writing = leat_flow_write(b, text + n, sizeof text - n);
	expect_text(a, 0, sizeof text);
	expect_done(writing);
}

static void w6_nothing_is_put_after_the_end_of_writing(void)
{
	expect_done(leat_flow_shutdown(b, LEAT_WRITE));
	expect_size(put(b, "late"), 0);
	expect_end(a);
}

static void w5_who_puts_hears_of_the_failure_by_a_write(void)
{
	leat_flow_abort(a);
	settle();
	while (put(b, "lost") > 0)
		a_moment();
	do
		a_moment();
	while (leat_flow_room(b) > 0 && !leat_error_set(outcome(leat_flow_write(b, "lost", 4))));
	expect_size(put(b, "lost"), 0);
	expect_broken(outcome(leat_flow_write(b, "lost", 4)));
}

/* ---- whose transport is reached ---- */

static void t5_a_kind_tells_whether_its_transport_is_reached(void)
{
	size_t n = put(b, "x");

	expect_int(n == 1, leat_flow_is_direct(b, LEAT_WRITE));
	expect_int(leat_flow_is_direct(a, LEAT_BOTH), leat_flow_is_direct(a, LEAT_READ) && leat_flow_is_direct(a, LEAT_WRITE));
}

const struct clause direct_clauses[] = {
	CLAUSE(r1_who_waits_to_read_waits_until_there_is_data, ANY),
	CLAUSE(r1_or_the_end, ANY),
	CLAUSE(r1_or_an_error, ANY),
	CLAUSE(r2_nothing_is_taken_where_nothing_is_there, ANY),
	CLAUSE(r2_there_may_be_any_room, ANY),
	CLAUSE(r4_what_is_in_flight_can_be_taken_after_the_peers_close, ANY),
	CLAUSE(r8_who_waits_to_read_is_a_reader, ANY),
	CLAUSE(r9_who_waits_and_is_cancelled_has_taken_nothing, ANY),
	CLAUSE(r9_all_ways_to_read_take_turns, ANY),
	CLAUSE(r10_unread_bytes_are_taken_first, ANY),
	CLAUSE(h2_who_waits_gets_the_end_of_what_is_shut, ANY),
	CLAUSE(c6_who_waits_goes_on_while_closing, DUPLEX),
	CLAUSE(a1_who_waits_on_what_is_aborted_gets_closed, ANY),
	CLAUSE(w3_what_is_put_and_what_is_written_keep_their_order, ANY),
	CLAUSE(w3_parts_are_put_in_order, ANY),
	CLAUSE(w3_nothing_is_put_before_what_is_queued, ANY),
	CLAUSE(w3_what_was_put_in_part_goes_on_by_a_write, ANY),
	CLAUSE(w3_what_cannot_be_is_not_put_and_breaks_nothing, ANY),
	CLAUSE(w4_nothing_is_put_of_nothing, ANY),
	CLAUSE(w5_who_puts_hears_of_the_failure_by_a_write, ANY),
	CLAUSE(w6_nothing_is_put_after_the_end_of_writing, ANY),
	CLAUSE(t5_a_kind_tells_whether_its_transport_is_reached, ANY),
	{ 0 },
};

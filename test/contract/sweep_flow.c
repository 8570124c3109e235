/* SPDX-License-Identifier: ISC */
/* sweep_flow - every operation of a flow, of every kind, cancelled at every turn of its run
 *
 * `b` writes and `a` reads. Wherever it was cut, each byte of a flow that is still
 * open arrives, once and in order.
 */
#include <signal.h>
#include <sys/uio.h>

#include <leat/copy.h>
#include <leat/direct.h>
#include <leat/proxy.h>

#include "contract/turns.h"
#include "support/suite.h"

enum { PIECE = 20000, LARGE = 300000, PIECES = 5, MARK = 32768 };

/* ---- reading ---- */

static struct pump in; /* what has arrived of the text */

static leat_io *again_moment(leat_loop *loop, bool more)
{
	thing_moment();
	return leat_io_int(loop, more);
}

static leat_io *took(void *ctx, leat_result *result)
{
	leat_buf *buf = leat_result_buf(result);

	(void)ctx;
	if (buf)
		pump_took(&in, buf);
	return again_moment(stage.loop, buf);
}

static leat_io *read_on(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	thing_moment();
	return leat_io_then(leat_flow_read(a), took, thing_owned(""));
}

static unsigned char into[700];

static leat_io *took_into(void *ctx, leat_result *result)
{
	int64_t n = leat_result_int(result);

	(void)ctx;
	for (int64_t i = 0; i < n; i++)
		in.wrong |= into[i] != text_at(in.at++);
	return again_moment(stage.loop, n >= 500);
}

static leat_io *read_into_on(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	thing_moment();
	return leat_io_then(leat_flow_read_into(a, into, 500, sizeof into), took_into, thing_owned(""));
}

static leat_io *took_directly(void *ctx, leat_result *result)
{
	bool more = leat_result_int(result) > 0;
	size_t n = more ? leat_flow_try_read(a, into, sizeof into) : 0;

	(void)ctx;
	for (size_t i = 0; i < n; i++)
		in.wrong |= into[i] != text_at(in.at++);
	return again_moment(stage.loop, more);
}

static leat_io *read_directly(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	thing_moment();
	return leat_io_then(leat_flow_readable(a), took_directly, thing_owned(""));
}

static leat_io *start_read(void)
{
	in = (struct pump){ .flow = a };
	return leat_io_repeat(stage.loop, read_on, thing_owned(""));
}

static leat_io *start_read_into(void)
{
	in = (struct pump){ .flow = a };
	return leat_io_repeat(stage.loop, read_into_on, thing_owned(""));
}

static leat_io *start_readable(void)
{
	in = (struct pump){ .flow = a };
	return leat_io_repeat(stage.loop, read_directly, thing_owned(""));
}

static leat_io *start_read_in_time(void)
{
	return leat_io_timeout(start_read(), 10000);
}

enum { SAID = 3 * 400 };

/* Three times 400 bytes, and the end. */
static bool play_words(size_t n)
{
	unsigned char words[400];

	if (n > 3)
		return false;
	text_fill(words, n * sizeof words, sizeof words);
	if (n < 3)
		leat_io_detach(leat_flow_write(b, words, sizeof words));
	else
		leat_io_detach(leat_flow_shutdown(b, LEAT_WRITE));
	return true;
}

static void the_rest_comes(void)
{
	leat_io *rest = leat_io_repeat(stage.loop, read_on, leat_ctx_none());

	expect_done(rest);
	ck_assert_msg(in.at == SAID && !in.wrong, "%llu bytes of %d came%s", (unsigned long long)in.at, SAID,
		in.wrong ? ", not the right ones" : "");
}

/* ---- writing ---- */

static leat_io *reading; /* by the other end */
static uint64_t begun, accepted, total;
static size_t piece_bytes;
static unsigned char piece[LARGE];
static leat_io *(*write_piece)(void);

static leat_io *by_write(void)
{
	return leat_flow_write(b, piece, piece_bytes);
}

static leat_io *by_writev(void)
{
	struct iovec parts[] = { { piece, 1000 }, { piece + 1000, piece_bytes - 1000 } };

	return leat_flow_writev(b, parts, 2);
}

static leat_io *by_send(void)
{
	return leat_flow_send(b, leat_buf_copy(stage.loop, piece, piece_bytes));
}

static leat_io *wrote(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	accepted += piece_bytes;
	return again_moment(stage.loop, accepted < total);
}

static leat_io *write_on(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	thing_moment();
	if (turns_cut)
		return NULL;
	text_fill(piece, begun, piece_bytes);
	begun += piece_bytes;
	return leat_io_then(write_piece(), wrote, thing_owned(""));
}

static leat_io *write_pieces(leat_io *(*how)(void), size_t bytes, unsigned pieces)
{
	write_piece = how;
	piece_bytes = bytes;
	total = (uint64_t)pieces * bytes;
	begun = accepted = 0;
	limit(b, LIMITS(.high_water_bytes = MARK));
	return leat_io_repeat(stage.loop, write_on, thing_owned(""));
}

static leat_io *start_writing(leat_io *(*how)(void))
{
	reading = pump_in(&in, a);
	return write_pieces(how, PIECE, PIECES);
}

/* More than the transport takes, and nobody reads at first. */
static leat_io *start_large(void)
{
	reading = NULL;
	return write_pieces(by_send, LARGE, 1);
}

static bool play_reader(size_t n)
{
	if (n == 1)
		reading = pump_in(&in, a);
	return n < 2;
}

static leat_io *start_write(void)
{
	return start_writing(by_write);
}

static leat_io *start_writev(void)
{
	return start_writing(by_writev);
}

static leat_io *start_send(void)
{
	return start_writing(by_send);
}

/* A write that was cut is there whole or not at all [W10]; more comes after it. */
static void the_stream_has_no_hole(void)
{
	uint64_t sent = begun;
	unsigned char last[100];

	if (begun > accepted && info(b).cancelled_write == LEAT_WRITE_WITHDRAWN)
		sent -= piece_bytes;
	text_fill(last, sent, sizeof last);
	whatever(leat_flow_flush(b)); /* until another write is welcome */
	expect_done(leat_flow_write(b, last, sizeof last));
	expect_done(leat_flow_shutdown(b, LEAT_WRITE));
	expect_done(reading);
	ck_assert_msg(in.at == sent + sizeof last && !in.wrong, "%llu bytes of %llu came%s, %llu were accepted",
		(unsigned long long)in.at, (unsigned long long)(sent + sizeof last),
		in.wrong ? ", not the right ones" : "", (unsigned long long)accepted);
}

/* ---- flush ---- */

static leat_io *said_all(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	thing_moment();
	return NULL;
}

static leat_io *start_flush(void)
{
	begun = accepted = 50000;
	reading = pump_in(&in, a);
	leat_io_detach(send_text(b, 50000));
	return leat_io_then(leat_flow_flush(b), said_all, thing_owned(""));
}

/* ---- shutdown ---- */

static leat_io *start_shutdown(void)
{
	begun = 50000;
	reading = pump_in(&in, a);
	leat_io_detach(send_text(b, 50000));
	return leat_io_then(leat_flow_shutdown(b, LEAT_WRITE), said_all, thing_owned(""));
}

/* It is not called back; the other half is open. */
static void half_is_shut(void)
{
	expect_done(reading);
	expect(in.at == begun && !in.wrong);
	expect_fails(leat_flow_write(b, "x", 1), LEAT_CLOSED);
	if (kind->one_way)
		return;
	say(a, "back");
	expect_hears(b, "back");
}

static leat_io *start_shutdown_read(void)
{
	leat_io_detach(leat_flow_write(b, "hay", 3));
	return leat_io_then(leat_flow_shutdown(a, LEAT_READ), said_all, thing_owned(""));
}

static void reading_is_shut(void)
{
	expect_end(a);
	if (!kind->one_way) {
		say(a, "back");
		expect_hears(b, "back");
	}
}

/* ---- close ---- */

static leat_io *closing;

static leat_io *start_close(void)
{
	closing = NULL;
	leat_io_detach(leat_flow_write(b, "hay", 3));
	return leat_io_then(leat_flow_close(b), said_all, thing_owned(""));
}

static bool play_close(size_t n)
{
	if (n == 1 && turns_cut)
		expect(info(b).closed);
	if (n == 1)
		closing = leat_flow_close(a);
	return n < 2;
}

static bool play_second_close(size_t n)
{
	if (n == 1)
		closing = leat_flow_close(a);
	return n < 2;
}

/* Cut, it is aborted; either way it is at its end. */
static void it_is_closed(void)
{
	expect_fails(leat_flow_read(b), LEAT_CLOSED);
	expect_fails(leat_flow_write(b, "x", 1), LEAT_CLOSED);
	expect(info(b).closed);
	ending(closing);
	expect(info(a).closed);
}

static leat_io *other_close;

static leat_io *start_second_close(void)
{
	leat_io *io = start_close();

	other_close = leat_flow_close(b);
	return io;
}

/* While another waits for it, a close that is cut changes nothing [C11]. */
static void the_other_close_goes_on(void)
{
	expect_ends(other_close, LEAT_NONE);
	it_is_closed();
}

/* ---- copy ---- */

static leat_flow *left, *right; /* where it is copied to, and the other end of that */
static struct pump out;
static leat_io *feeding;

static void lay_on(void)
{
	leat_flow *ends[2];

	leat_flow_pair(stage.loop, ends);
	left = ends[0];
	right = ends[1];
	limit(left, LIMITS(.high_water_bytes = MARK));
	total = PIECES * PIECE;
	feeding = pump_out(&out, b, total, PIECE);
	reading = NULL;
}

static leat_io *start_copy(void)
{
	lay_on();
	return leat_io_then(leat_copy(a, left), said_all, thing_owned(""));
}

/* Stops inside a piece: the rest is nobody's. */
static leat_io *start_copy_most(void)
{
	lay_on();
	return leat_io_then(leat_copy_most(a, left, 3 * PIECE + PIECE / 2, NULL), said_all, thing_owned(""));
}

static leat_io *start_proxy(void)
{
	lay_on();
	return leat_io_then(leat_proxy(a, left, NULL), said_all, thing_owned(""));
}

/* Nobody reads at first; at last there is no more. */
static bool play_end(size_t n)
{
	if (n == 1)
		reading = pump_in(&in, right);
	if (n == 3 && out.at == out.total)
		leat_io_detach(leat_flow_shutdown(b, LEAT_WRITE));
	return n < 4;
}

/* What went over and what is left are all of it. */
static void nothing_fell_between(void)
{
	expect_done(leat_flow_shutdown(left, LEAT_WRITE));
	expect_done(reading);
	expect_false(in.wrong);
	expect_text(a, in.at, total - in.at);
	expect_done(feeding);
	drop(&left);
	drop(&right);
}

/* Some ends are heard only by who reads. */
static bool play_both_ends(size_t n)
{
	if (n == 0)
		leat_io_ignore(leat_flow_read(b));
	if (n == 4)
		leat_io_detach(leat_flow_shutdown(right, LEAT_WRITE));
	return play_end(n) || n < 5;
}

/* Where both have ended both flows are closed, or about to be, and all is across. */
static void joined_or_not(void)
{
	if (!info(left).closed && !info(a).closed) {
		nothing_fell_between();
		return;
	}
	expect_done(reading);
	expect_done(feeding);
	expect_false(in.wrong);
	expect_size(in.at, total);
	drop(&left);
	drop(&right);
}

/* ---- the end of all flows ---- */

static leat_io *start_drain(void)
{
	return leat_io_then(leat_loop_drain(stage.loop, 2), said_all, thing_owned(""));
}

/* Cut, it leaves the flows alone. */
static void drained_or_not(void)
{
	if (turns_ends == 0 && ends_live() == 2) {
		say(b, "hay");
		expect_hears(a, "hay");
	} else {
		expect_size(ends_live(), 0);
	}
}

/* ---- the rows ---- */

static const struct program programs[] = {
	{ "leat_flow_read", start_read, play_words, the_rest_comes, ANY },
	{ "leat_flow_read: with a timeout", start_read_in_time, play_words, the_rest_comes, ANY },
	{ "leat_flow_read_into", start_read_into, play_words, the_rest_comes, ANY },
	{ "leat_flow_readable", start_readable, play_words, the_rest_comes, ANY },
	{ "leat_flow_write", start_write, NULL, the_stream_has_no_hole, ANY },
	{ "leat_flow_writev", start_writev, NULL, the_stream_has_no_hole, ANY },
	{ "leat_flow_send", start_send, NULL, the_stream_has_no_hole, ANY },
	{ "leat_flow_send: more than the transport takes", start_large, play_reader, the_stream_has_no_hole, ANY },
	{ "leat_flow_flush", start_flush, NULL, the_stream_has_no_hole, ANY },
	{ "leat_flow_shutdown", start_shutdown, NULL, half_is_shut, ANY },
	{ "leat_flow_shutdown: of reading", start_shutdown_read, NULL, reading_is_shut, ANY },
	{ "leat_flow_close", start_close, play_close, it_is_closed, ANY },
	{ "leat_flow_close: another waits", start_second_close, play_second_close, the_other_close_goes_on, ANY },
	{ "leat_copy", start_copy, play_end, nothing_fell_between, ANY },
	{ "leat_copy_most", start_copy_most, play_end, nothing_fell_between, ANY },
	{ "leat_proxy", start_proxy, play_both_ends, joined_or_not, ANY },
	{ "leat_loop_drain", start_drain, NULL, drained_or_not, ANY },
};
enum { PROGRAMS = sizeof programs / sizeof *programs };

/* The kernel moves a terminal's bytes in its own time, so its turns cannot be counted; and
 * it need not bring them over. It is read and written by the lane of the pipes. */
static bool is_terminal(void)
{
	return strncmp(kind->name, "tty", 3) == 0;
}

START_TEST(cancelled_at_any_turn_a_flow_is_whole)
{
	const struct program *program = &programs[_i % PROGRAMS];

	kind = &kinds[_i / PROGRAMS];
	if (kind->alone || is_terminal() || (kind->here && !kind->here()))
		return;
	if (kind->signals)
		signal(SIGPIPE, SIG_IGN);
	turns_sweep(program);
	signal(SIGPIPE, SIG_DFL);
}
END_TEST

SUITE("sweep_flow", EACH(cancelled_at_any_turn_a_flow_is_whole, (int)n_kinds * PROGRAMS))

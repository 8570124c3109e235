/* SPDX-License-Identifier: ISC */
/* channel - whatever comes, however it is cut and whoever gives up, each read gives the next bytes
 *
 * The input is a list of deeds: bytes that come, reads of every kind, cancels, the
 * flow given back, things put. All that came is kept, and how much of it was
 * consumed: each answer is held against that, and the rest must be there at the end.
 */
#include <leat/channel.h>

#include "fuzz/fuzz.h"

enum { CAME_MOST = 1 << 16 };

enum { LINE, UNTIL, EXACTLY, READ, CUT, DROP_LINE, ENSURE, BE, LE, KINDS };

static struct fuzz_world w;
static leat_channel *channel;
static leat_flow *peer;

static struct {
	unsigned char bytes[CAME_MOST]; /* all that came */
	size_t count, at;               /* so many were consumed */
	bool ended, failed;
	bool over; /* it can no longer be told what is next */
} came;

static struct {
	leat_io *io; /* NULL: none */
	int kind;
	size_t limit;
	unsigned char delimiter[LEAT_DELIMITER_MOST];
	size_t delimiter_bytes;
} asked;

/* What was put, and what became of it. */
static struct {
	unsigned char bytes[CAME_MOST];
	size_t seen, sent, staged; /* seen of sent; put behind it */
	size_t limit;
	bool broken; /* the next flush fails */
} out;

static const unsigned char *rest(void)
{
	return came.bytes + came.at;
}

static size_t rest_bytes(void)
{
	return came.count - came.at;
}

/* ---- what is to be expected ---- */

/* Where the next delimiter begins; rest_bytes(): there is none. */
static size_t next_delimiter(const void *delimiter, size_t bytes)
{
	const unsigned char *at = memmem(rest(), rest_bytes(), delimiter, bytes);

	return at ? (size_t)(at - rest()) : rest_bytes();
}

static void is_next(leat_buf *buf, size_t bytes, size_t used)
{
	fuzz_must(leat_buf_size(buf) == bytes && used <= rest_bytes());
	fuzz_must(bytes == 0 || memcmp(leat_buf_data(buf), rest(), bytes) == 0);
	came.at += used;
}

/* All that was left, as the end has come. */
static void is_rest(leat_buf *buf)
{
	fuzz_must(came.ended && leat_channel_cut_short(channel));
	is_next(buf, rest_bytes(), rest_bytes());
}

static void is_line(leat_buf *buf)
{
	size_t at = next_delimiter("\n", 1), bytes = at > 0 && rest()[at - 1] == '\r' ? at - 1 : at;

	if (at == rest_bytes()) {
		is_rest(buf);
		return;
	}
	fuzz_must(bytes <= asked.limit && !leat_channel_cut_short(channel));
	is_next(buf, bytes, at + 1);
}

static void is_until(leat_buf *buf)
{
	size_t at = next_delimiter(asked.delimiter, asked.delimiter_bytes);

	if (at == rest_bytes()) {
		is_rest(buf);
		return;
	}
	fuzz_must(at <= asked.limit && !leat_channel_cut_short(channel));
	is_next(buf, at, at + asked.delimiter_bytes);
}

static void is_exactly(leat_buf *buf)
{
	if (leat_buf_size(buf) < asked.limit)
		is_rest(buf);
	else
		is_next(buf, asked.limit, asked.limit);
}

static void is_some(leat_buf *buf)
{
	fuzz_must(leat_buf_size(buf) > 0);
	is_next(buf, leat_buf_size(buf), leat_buf_size(buf));
}

/* The cutter below: a digit says how many follow it. */
static void is_cut(leat_buf *buf)
{
	size_t bytes = rest()[0] % 10;

	came.at++;
	is_next(buf, bytes, bytes);
}

static void is_number(int64_t number)
{
	uint64_t value = 0;
	size_t at = next_delimiter("\n", 1), dropped = at < rest_bytes() ? at + 1 : at;

	if (asked.kind == ENSURE) {
		size_t there;
		const void *first = leat_channel_peek(channel, &there);

		fuzz_must((size_t)number == asked.limit || (came.ended && (size_t)number == rest_bytes()));
		fuzz_must(there >= (size_t)number && memcmp(first, rest(), there) == 0);
		return;
	}
	if (asked.kind == DROP_LINE) {
		fuzz_must((size_t)number >= dropped); /* more, where one was cancelled before */
		came.at += dropped;
		return;
	}
	fuzz_must(rest_bytes() >= asked.limit);
	for (size_t i = 0; i < asked.limit; i++)
		value = value << 8 | rest()[asked.kind == BE ? i : asked.limit - 1 - i];
	fuzz_must((int64_t)value == number);
	came.at += asked.limit;
}

static void is_buf(leat_buf *buf)
{
	static void (*const is[])(leat_buf *buf) = {
		[LINE] = is_line, [UNTIL] = is_until, [EXACTLY] = is_exactly, [READ] = is_some, [CUT] = is_cut,
	};

	if (!buf)
		fuzz_must(came.ended && rest_bytes() == 0);
	else
		is[asked.kind](buf);
	leat_buf_unref(buf);
}

static void is_limit(void)
{
	bool line = asked.kind == LINE;
	size_t at = line ? next_delimiter("\n", 1) : next_delimiter(asked.delimiter, asked.delimiter_bytes);

	fuzz_must(line || asked.kind == UNTIL);
	fuzz_must(at > asked.limit);
	if (line && at < rest_bytes() && rest()[at - 1] == '\r')
		fuzz_must(at - 1 > asked.limit);
}

static void is_error(leat_kind kind)
{
	if (kind == LEAT_LIMIT)
		is_limit();
	else if (kind == LEAT_TRUNCATED && asked.kind == CUT)
		fuzz_must(came.ended && rest_bytes() > 0 && rest_bytes() < 1 + (size_t)rest()[0] % 10);
	else if (kind == LEAT_TRUNCATED)
		fuzz_must(came.ended && (asked.kind == BE || asked.kind == LE) && rest_bytes() < asked.limit);
	else
		fuzz_must((kind == LEAT_NOMEM && w.failed) || came.failed);
}

/* ---- reading ---- */

static leat_error cut_digit(const void *ctx, const void *data, size_t bytes, leat_cut *cut)
{
	size_t follow = *(const unsigned char *)data % 10;

	(void)ctx;
	if (bytes < 1 + follow)
		cut->need = 1 + follow;
	cut->from = 1;
	cut->bytes = follow;
	cut->used = 1 + follow;
	return (leat_error){ 0 };
}

static leat_io *start(void)
{
	switch (asked.kind) {
	case LINE:
		return leat_channel_line(channel, asked.limit);
	case UNTIL:
		return leat_channel_until(channel, asked.delimiter, asked.delimiter_bytes, asked.limit);
	case EXACTLY:
		return leat_channel_exactly(channel, asked.limit);
	case READ:
		return leat_channel_read(channel);
	case CUT:
		return leat_channel_cut(channel, cut_digit, NULL);
	case DROP_LINE:
		return leat_channel_drop_line(channel);
	case ENSURE:
		return leat_channel_ensure(channel, asked.limit);
	case BE:
		return leat_channel_be(channel, (unsigned)asked.limit);
	default:
		return leat_channel_le(channel, (unsigned)asked.limit);
	}
}

static void is_refused(leat_io *io)
{
	leat_result result;

	fuzz_must(leat_io_try(io, &result));
	fuzz_must(leat_error_is(leat_result_error(&result), LEAT_BUSY));
}

static void look(void)
{
	leat_result result;

	fuzz_run(&w);
	if (!asked.io || !leat_io_try(asked.io, &result))
		return;
	asked.io = NULL;
	if (!leat_result_ok(&result))
		is_error(leat_error_kind(leat_result_error(&result)));
	else if (asked.kind < DROP_LINE)
		is_buf(leat_result_buf(&result));
	else
		is_number(leat_result_int(&result));
}

static void ask(fuzz *f)
{
	const unsigned char *delimiter;

	look();
	if (asked.io) {
		is_refused(leat_channel_read(channel));
		return;
	}
	asked.kind = (int)(fuzz_byte(f) % KINDS);
	asked.limit = fuzz_byte(f);
	if (asked.limit == 255)
		asked.limit = SIZE_MAX - fuzz_byte(f);
	if (asked.kind == BE || asked.kind == LE)
		asked.limit = 1 + asked.limit % 8;
	if (asked.kind == UNTIL) {
		asked.delimiter_bytes = 1 + fuzz_byte(f) % LEAT_DELIMITER_MOST;
		delimiter = fuzz_bytes(f, &asked.delimiter_bytes);
		memcpy(asked.delimiter, delimiter, asked.delimiter_bytes);
		if (asked.delimiter_bytes == 0)
			return;
	}
	asked.io = start();
}

static void comes(fuzz *f)
{
	size_t n = fuzz_byte(f);
	const unsigned char *at = fuzz_bytes(f, &n);
	leat_result result;

	if (n > CAME_MOST - came.count)
		return;
	fuzz_must(leat_io_try(leat_flow_write(peer, at, n), &result));
	fuzz_must(leat_result_ok(&result) || w.failed || came.failed || came.ended);
	if (!leat_result_ok(&result))
		return;
	memcpy(came.bytes + came.count, at, n);
	came.count += n;
}

/* What is there, without waiting. */
static void at_once(fuzz *f)
{
	size_t n, there = 0;
	const void *first = leat_channel_peek(channel, &there);
	leat_buf *buf;

	if (asked.io)
		return;
	fuzz_must(there <= rest_bytes() && memcmp(first, rest(), there) == 0);
	fuzz_must(there <= leat_channel_buffered(channel) && leat_channel_buffered(channel) <= rest_bytes());
	n = fuzz_byte(f);
	if (n % 2 == 0) {
		came.at += leat_channel_consume(channel, n);
		return;
	}
	asked.limit = n;
	buf = leat_channel_try_line(channel, asked.limit);
	if (buf)
		is_line(buf);
	leat_buf_unref(buf);
}

/* ---- ending ---- */

/* What is there to be read; NULL: nothing. */
static leat_buf *next_piece(leat_flow *flow)
{
	leat_io *io = leat_flow_read(flow);
	leat_result result;

	fuzz_run(&w);
	if (leat_io_try(io, &result))
		return leat_result_ok(&result) ? leat_result_buf(&result) : NULL;
	leat_io_cancel(io);
	return NULL;
}

/* Reads what is there of the rest; gives how much. */
static size_t drain(leat_flow *flow, unsigned char *got)
{
	size_t count = 0;
	leat_buf *buf;

	while ((buf = next_piece(flow)) != NULL) {
		fuzz_must(leat_buf_size(buf) <= rest_bytes() - count);
		memcpy(got + count, leat_buf_data(buf), leat_buf_size(buf));
		count += leat_buf_size(buf);
		leat_buf_unref(buf);
	}
	return count;
}

static void put_back(leat_flow *flow, const unsigned char *got, size_t count)
{
	leat_buf *buf = leat_buf_copy(w.loop, got, count);

	came.over = leat_buf_failed(buf);
	if (count > 0)
		leat_flow_unread(flow, buf);
	else
		leat_buf_unref(buf);
}

/* Gives the flow back: what comes from it is the rest. Where a dropping was
 * cancelled only the flow tells how much that is. */
static leat_flow *give_back(bool dropping)
{
	static unsigned char got[CAME_MOST];
	leat_flow *flow = leat_channel_leave(channel);
	size_t count = drain(flow, got);

	if (w.failed || came.failed) {
		fuzz_must(dropping || came.over || memcmp(got, rest(), count) == 0);
		came.over = true;
		return flow;
	}
	fuzz_must(dropping || count == rest_bytes());
	came.at = came.count - count;
	fuzz_must(memcmp(got, rest(), count) == 0);
	put_back(flow, got, count);
	return flow;
}

static void begin_again(leat_flow *flow)
{
	channel = leat_channel_new(flow);
	out.staged = 0;
	out.broken = false;
	out.limit = LEAT_PUT_LIMIT_USUAL;
}

static void give_up(void)
{
	bool dropping = asked.io && asked.kind == DROP_LINE;

	leat_io_cancel(asked.io);
	asked.io = NULL;
	if (dropping)
		begin_again(give_back(true));
}

static void leave(void)
{
	leat_result result;
	leat_flow *flow;

	look();
	flow = give_back(asked.io && asked.kind == DROP_LINE);
	if (asked.io) {
		fuzz_must(leat_io_try(asked.io, &result));
		fuzz_must(leat_error_is(leat_result_error(&result), LEAT_CLOSED));
		asked.io = NULL;
	}
	begin_again(flow);
}

static void end(fuzz *f)
{
	unsigned rare = fuzz_byte(f) % 8;

	if (rare == 0) {
		leat_io_detach(leat_flow_shutdown(peer, LEAT_WRITE));
		came.ended = true;
	} else if (rare == 1) {
		leat_flow_abort(peer);
		came.failed = true;
	} else {
		leave();
	}
}

/* ---- writing ---- */

static void is_put(const void *bytes, size_t n)
{
	if (out.broken || n == 0)
		return;
	if (n > out.limit || out.staged > out.limit - n) {
		out.broken = true;
		return;
	}
	memcpy(out.bytes + out.sent + out.staged, bytes, n);
	out.staged += n;
}

static void put_integer(uint64_t value, unsigned width)
{
	unsigned char bytes[8];

	leat_channel_put_be(channel, value, width);
	if (width < 1 || width > 8) {
		out.broken = true;
		return;
	}
	for (unsigned i = 0; i < width; i++)
		bytes[i] = (unsigned char)(value >> 8 * (width - 1 - i));
	is_put(bytes, width);
}

static void put(fuzz *f)
{
	char words[4096];
	unsigned how = fuzz_byte(f) % 4;
	size_t n = fuzz_byte(f);
	const unsigned char *at;

	if (out.sent + out.staged > CAME_MOST - sizeof words)
		return;
	if (how == 0) {
		leat_channel_set_put_limit(channel, n);
		out.limit = n > 0 ? n : LEAT_PUT_LIMIT_USUAL;
	} else if (how == 1) {
		int count = snprintf(words, sizeof words, "%0*d", (int)(8 * n), -7);

		leat_channel_printf(channel, "%0*d", (int)(8 * n), -7);
		is_put(words, (size_t)count);
	} else if (how == 2) {
		put_integer(n * 0x123456789abcdefU, (unsigned)n % 10);
	} else {
		at = fuzz_bytes(f, &n);
		leat_channel_put(channel, at, n);
		is_put(at, n);
	}
}

/* Sent whole or not at all. */
static void flush(void)
{
	leat_result result;
	leat_kind kind;

	fuzz_must(leat_io_try(leat_channel_flush(channel), &result));
	kind = leat_error_kind(leat_result_error(&result));
	if (kind == LEAT_NONE) {
		fuzz_must(!out.broken);
		out.sent += out.staged;
	} else {
		fuzz_must(w.failed || came.failed || (out.broken && (kind == LEAT_LIMIT || kind == LEAT_INVALID)));
	}
	out.staged = 0;
	out.broken = false;
}

static void peer_reads(void)
{
	leat_buf *buf = next_piece(peer);

	if (!buf) {
		fuzz_must(out.seen == out.sent || w.failed || came.failed);
		return;
	}
	fuzz_must(leat_buf_size(buf) <= out.sent - out.seen);
	fuzz_must(memcmp(out.bytes + out.seen, leat_buf_data(buf), leat_buf_size(buf)) == 0);
	out.seen += leat_buf_size(buf);
	leat_buf_unref(buf);
}

/* ---- all of it ---- */

static void deed(fuzz *f)
{
	switch (fuzz_byte(f) % 11) {
	case 0:
	case 1:
		comes(f);
		break;
	case 2:
	case 3:
		ask(f);
		break;
	case 4:
		give_up();
		break;
	case 5:
		at_once(f);
		break;
	case 6:
		end(f);
		break;
	case 7:
		put(f);
		break;
	case 8:
		flush();
		break;
	case 9:
		peer_reads();
		break;
	default:
		look();
	}
}

static void reads_and_puts(fuzz *f)
{
	unsigned nth = fuzz_byte(f);
	leat_flow *ends[2];

	came.count = came.at = 0;
	came.ended = came.failed = came.over = false;
	out.seen = out.sent = 0;
	if (!fuzz_open(&w, nth < 128 ? 0 : nth - 127))
		return;
	leat_flow_pair(w.loop, ends);
	came.failed = w.failed; /* one end may be stillborn, the other is cut off then */
	peer = ends[1];
	begin_again(ends[0]);
	while (f->bytes > 0 && !came.over)
		deed(f);
	if (!came.over)
		look();
	give_up();
	leat_flow_unref(give_back(false));
	leat_flow_unref(peer);
	fuzz_close(&w);
}

FUZZ("channel", reads_and_puts)

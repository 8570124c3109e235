/* SPDX-License-Identifier: ISC */
/* channel - what its pages share: the runs of bytes, the read that waits
 *
 * What has arrived and was not consumed is two runs: `back` is (the rest of) the
 * buf that the flow gave last; `front` comes before it and is a block of our own,
 * where bytes are joined that must stand together and came apart.  Mostly there
 * is only `back`, and a value is a slice of it.
 *
 * A read is a `want`: its step looks at the runs and answers, and is asked again
 * whenever more has arrived.  The value goes out lent: `used` bytes are consumed
 * when it was delivered; given back, nothing has happened.
 *
 * The read below goes on when a want is cancelled; its continuation owns a
 * reference on the record, which is a buf (the public way to the loop's memory).
 * A channel for which there is no memory is its flow, marked by an odd address.
 *
 * Bufs of the user's may be freed whenever something is consumed, and do what
 * they like: so consuming comes last, or under a reference.
 *
 *	channel.c        its life, and what is there already
 *	channel_runs.c   the bytes
 *	channel_read.c   a read from its beginning to its delivery: read go_on first
 *	channel_line.c   steps: up to a line's end, up to a delimiter
 *	channel_bytes.c  steps: so many bytes, integers, a cutter of the user's
 *	channel_put.c    writing
 */
#ifndef LT_KIT_CHANNEL_H
#define LT_KIT_CHANNEL_H

#include <leat/channel.h>

enum { LT_ANSWER_MORE, LT_ANSWER_BUF, LT_ANSWER_INT, LT_ANSWER_END, LT_ANSWER_ERROR };

/* What a step says. */
typedef struct lt_answer {
	int kind;
	size_t from, bytes; /* the value, a buf */
	size_t used;        /* consumed with it */
	int64_t number;     /* the value, an int */
	leat_error error;
	bool cut_short;
} lt_answer;

/* What a read waits for. */
typedef struct lt_want {
	/* consumes nothing, but for drop_step */
	lt_answer (*step)(leat_channel *channel, struct lt_want *w);
	const char *where;
	size_t limit;   /* of a line; how many are wanted; how many were dropped */
	size_t scanned; /* there is no delimiter in so many */
	unsigned char delimiter[LEAT_DELIMITER_MOST];
	size_t delimiter_bytes;
	leat_cutter cutter;
	const void *ctx;
} lt_want;

typedef struct lt_run {
	leat_buf *buf;
	const unsigned char *at;
	size_t bytes;
} lt_run;

struct leat_channel {
	leat_buf *record;
	leat_flow *flow; /* NULL: the channel has ended */
	lt_run front, back;
	leat_io *reading; /* below */
	leat_flow *left;  /* it has ended, and what is there goes back when that read is gone */
	leat_buf *aside;  /* it has ended, and these bytes are of the value on its way: to go back */
	leat_flow *home;  /* to here, if nobody gets it */
	leat_maker maker; /* of the read that waits */
	lt_want want;
	size_t used;  /* by the value that is on its way */
	bool waiting; /* one of the two, */
	bool lent;    /* never both */
	bool ended;   /* the flow gave its end */
	bool cut_short, lent_cut_short;

	leat_buf *out; /* what was put: the first out_bytes of it */
	size_t out_bytes, out_limit;
	leat_error out_error;
};

/* ---- the handle ---- */

/* NULL: stillborn. */
static inline leat_channel *lt_channel_born(const leat_channel *channel)
{
	return (uintptr_t)channel & 1 ? NULL : (leat_channel *)(uintptr_t)channel;
}

static inline leat_flow *lt_channel_flow(const leat_channel *channel)
{
	return (uintptr_t)channel & 1 ? (leat_flow *)((uintptr_t)channel - 1) : channel->flow;
}

static inline leat_loop *lt_channel_loop(const leat_channel *channel)
{
	return leat_flow_loop(lt_channel_flow(channel));
}

/* ---- what is there ---- */

static inline size_t lt_channel_buffered(const leat_channel *channel)
{
	return channel->front.bytes + channel->back.bytes;
}

static inline lt_run *lt_channel_first(leat_channel *channel)
{
	return channel->front.bytes > 0 ? &channel->front : &channel->back;
}

static inline unsigned char lt_channel_byte(const leat_channel *channel, size_t n)
{
	size_t front = channel->front.bytes;

	return n < front ? channel->front.at[n] : channel->back.at[n - front];
}

static inline size_t lt_least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* ---- answers ---- */

static inline lt_answer lt_answer_more(void)
{
	return (lt_answer){ .kind = LT_ANSWER_MORE };
}

static inline lt_answer lt_answer_error(const lt_want *w, leat_kind kind)
{
	return (lt_answer){ .kind = LT_ANSWER_ERROR, .error = leat_error_make_at(&leat_core_errors, (int)kind, w->where) };
}

static inline lt_answer lt_answer_buf(size_t from, size_t bytes, size_t used)
{
	return (lt_answer){ .kind = LT_ANSWER_BUF, .from = from, .bytes = bytes, .used = used };
}

static inline lt_answer lt_answer_int(int64_t number, size_t used)
{
	return (lt_answer){ .kind = LT_ANSWER_INT, .number = number, .used = used };
}

/* The end has come, and this is all there was. */
static inline lt_answer lt_answer_rest(size_t bytes)
{
	lt_answer a = lt_answer_buf(0, bytes, bytes);

	a.cut_short = true;
	if (bytes == 0)
		a.kind = LT_ANSWER_END;
	return a;
}

/* ---- runs: channel_runs.c ---- */

/* Where runs come to their end. */
void lt_channel_consume_runs(leat_channel *channel, size_t bytes);
/* Last in a function: what the bufs were made of may be anybody's. */
static inline void lt_channel_consume(leat_channel *channel, size_t bytes)
{
	lt_run *back = &channel->back;

	if (channel->front.bytes > 0 || bytes >= back->bytes) {
		lt_channel_consume_runs(channel, bytes);
		return;
	}
	back->at += bytes;
	back->bytes -= bytes;
}
/* Has the first `bytes` bytes, which are there, stand together; false without
 * memory. */
bool lt_channel_join(leat_channel *channel, size_t bytes);
/* Takes what the flow gave; false without memory: it is the flow's again. */
bool lt_channel_take_in(leat_channel *channel, leat_buf *buf);
/* A handle of its own on bytes of the first run; NULL without memory. */
leat_buf *lt_channel_slice(leat_channel *channel, const lt_answer *a);
/* What is left of it comes first at the next read of the flow. */
void lt_channel_unread(leat_flow *flow, lt_run *r);
static inline void lt_channel_unread_all(leat_channel *channel, leat_flow *flow)
{
	lt_channel_unread(flow, &channel->back);
	lt_channel_unread(flow, &channel->front);
}
/* Where `add` bytes may be written behind the `bytes` bytes from `at` of the
 * block; NULL: not in this one. */
unsigned char *lt_block_tail(leat_buf *block, const unsigned char *at, size_t bytes, size_t add);
/* A block with these bytes and room for as many again; NULL without memory. */
leat_buf *lt_block_bigger(leat_loop *loop, const unsigned char *at, size_t bytes, size_t add);

/* ---- reading: channel_read.c ---- */

/* Begins a read; the want is copied. */
leat_io *lt_channel_begin(leat_channel *handle, const lt_want *w);
/* The read that waits fails. */
void lt_channel_fail(leat_channel *channel, leat_error error);
/* The channel ends while a value is on its way: its bytes leave the runs, and go back to
 * the flow should the value do so.  Without memory for that they are the value's. */
void lt_channel_set_aside(leat_channel *channel);
leat_io *lt_channel_refuse(const leat_channel *channel, leat_kind why, const char *where);

#endif

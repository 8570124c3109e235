/* SPDX-License-Identifier: ISC */
/* channel - buffered reading and writing over any flow
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
 * they like: so consuming comes last, or under a reference.  Read go_on first.
 */
#include <stdio.h>
#include <string.h>

#include <leat/channel.h>

enum { ANSWER_MORE, ANSWER_BUF, ANSWER_INT, ANSWER_END, ANSWER_ERROR };

/* What a step says. */
typedef struct answer {
	int kind;
	size_t from, bytes; /* the value, a buf */
	size_t used;        /* consumed with it */
	int64_t number;     /* the value, an int */
	leat_error error;
	bool cut_short;
} answer;

typedef struct want want;

struct want {
	answer (*step)(leat_channel *channel, want *w); /* consumes nothing, but for drop_step */
	const char *where;
	size_t limit;   /* of a line; how many are wanted; how many were dropped */
	size_t scanned; /* there is no delimiter in so many */
	unsigned char delimiter[LEAT_DELIMITER_MOST];
	size_t delimiter_bytes;
	leat_cutter cutter;
	const void *ctx;
};

typedef struct run {
	leat_buf *buf;
	const unsigned char *at;
	size_t bytes;
} run;

struct leat_channel {
	leat_buf *record;
	leat_flow *flow; /* NULL: the channel has ended */
	run front, back;
	leat_io *reading; /* below */
	leat_maker maker; /* of the read that waits */
	want want;
	size_t used;  /* by the value that is on its way */
	bool waiting; /* one of the two, */
	bool lent;    /* never both */
	bool ended;   /* the flow gave its end */
	bool cut_short, lent_cut_short;

	leat_buf *out; /* what was put: the first out_bytes of it */
	size_t out_bytes, out_limit;
	leat_error out_error;
};

enum { FIRST_BLOCK = 256 };

static const char no_bytes[1];

/* ---- the handle ---- */

/* NULL: stillborn. */
static leat_channel *born(const leat_channel *channel)
{
	return (uintptr_t)channel & 1 ? NULL : (leat_channel *)(uintptr_t)channel;
}

static leat_flow *flow_of(const leat_channel *channel)
{
	return (uintptr_t)channel & 1 ? (leat_flow *)((uintptr_t)channel - 1) : channel->flow;
}

static leat_loop *loop_of(const leat_channel *channel)
{
	return leat_flow_loop(flow_of(channel));
}

static leat_io *refuse(const leat_channel *channel, leat_kind why, const char *where)
{
	return leat_io_fail_at(loop_of(channel), leat_error_make_at(&leat_core_errors, (int)why, where), where);
}

/* ---- runs ---- */

static size_t buffered(const leat_channel *channel)
{
	return channel->front.bytes + channel->back.bytes;
}

static run *first_run(leat_channel *channel)
{
	return channel->front.bytes > 0 ? &channel->front : &channel->back;
}

static unsigned char byte_at(const leat_channel *channel, size_t n)
{
	size_t front = channel->front.bytes;

	return n < front ? channel->front.at[n] : channel->back.at[n - front];
}

/* Last in a function: what the buf was made of may be anybody's. */
static void run_skip(run *r, size_t bytes)
{
	leat_buf *buf = r->buf;

	r->at += bytes;
	r->bytes -= bytes;
	if (r->bytes > 0 || !buf)
		return;
	*r = (run){ 0 };
	leat_buf_unref(buf);
}

static void consume(leat_channel *channel, size_t bytes)
{
	size_t front = bytes < channel->front.bytes ? bytes : channel->front.bytes;

	if (front > 0)
		run_skip(&channel->front, front);
	if (bytes > front)
		run_skip(&channel->back, bytes - front);
}

/* Where `add` bytes may be written behind the `bytes` bytes from `at` of the
 * block; NULL: not in this one. */
static unsigned char *tail_of(leat_buf *block, const unsigned char *at, size_t bytes, size_t add)
{
	unsigned char *space = block ? leat_buf_space(block) : NULL;
	size_t begin = space ? (size_t)(at - space) : 0;

	if (!space || leat_buf_size(block) - begin - bytes < add)
		return NULL;
	return space + begin + bytes;
}

/* A block with these bytes and room for as many again; NULL without memory. */
static leat_buf *bigger_block(leat_loop *loop, const unsigned char *at, size_t bytes, size_t add)
{
	size_t needed = bytes + add, doubled = needed < SIZE_MAX / 2 ? 2 * needed : needed;
	leat_buf *block;

	if (needed < add)
		return NULL;
	block = leat_buf_new(loop, doubled < FIRST_BLOCK ? FIRST_BLOCK : doubled);
	if (leat_buf_failed(block))
		return NULL;
	if (bytes > 0)
		memcpy(leat_buf_space(block), at, bytes);
	return block;
}

/* Where to write so many bytes behind the front. */
static unsigned char *front_tail(leat_channel *channel, size_t add)
{
	run *front = &channel->front;
	unsigned char *tail = tail_of(front->buf, front->at, front->bytes, add);
	leat_buf *block = tail ? NULL : bigger_block(loop_of(channel), front->at, front->bytes, add);

	if (!block)
		return tail;
	leat_buf_unref(front->buf);
	front->buf = block;
	front->at = leat_buf_data(block);
	return (unsigned char *)leat_buf_space(block) + front->bytes;
}

/* Has the first `bytes` bytes, which are there, stand together; false without
 * memory. */
static bool join(leat_channel *channel, size_t bytes)
{
	size_t add = bytes - channel->front.bytes;
	unsigned char *tail;

	if (first_run(channel)->bytes >= bytes)
		return true;
	tail = front_tail(channel, add);
	if (!tail)
		return false;
	memcpy(tail, channel->back.at, add);
	channel->front.bytes += add;
	run_skip(&channel->back, add);
	return true;
}

/* Takes what the flow gave; false without memory: it is the flow's again. */
static bool take_in(leat_channel *channel, leat_buf *buf)
{
	run *front = &channel->front, old = channel->back;
	unsigned char *tail = front->bytes > 0 && old.bytes > 0 ? front_tail(channel, old.bytes) : NULL;

	if (front->bytes == 0) {
		*front = old;
		old.buf = NULL;
	} else if (tail) {
		memcpy(tail, old.at, old.bytes);
		front->bytes += old.bytes;
	} else if (old.bytes > 0) {
		leat_flow_unread(channel->flow, buf);
		return false;
	}
	channel->back = (run){ .buf = buf, .at = leat_buf_data(buf), .bytes = leat_buf_size(buf) };
	leat_buf_unref(old.buf);
	return true;
}

/* ---- steps ---- */

static answer answer_more(void)
{
	return (answer){ .kind = ANSWER_MORE };
}

static answer answer_error(const want *w, leat_kind kind)
{
	return (answer){ .kind = ANSWER_ERROR, .error = leat_error_make_at(&leat_core_errors, (int)kind, w->where) };
}

static answer answer_buf(size_t from, size_t bytes, size_t used)
{
	return (answer){ .kind = ANSWER_BUF, .from = from, .bytes = bytes, .used = used };
}

static answer answer_int(int64_t number, size_t used)
{
	return (answer){ .kind = ANSWER_INT, .number = number, .used = used };
}

/* The end has come, and this is all there was. */
static answer answer_rest(size_t bytes)
{
	answer a = answer_buf(0, bytes, bytes);

	a.cut_short = true;
	if (bytes == 0)
		a.kind = ANSWER_END;
	return a;
}

/* The first such byte from `from` on and before `to`; `to` where there is none. */
static size_t find(const leat_channel *channel, unsigned char byte, size_t from, size_t to)
{
	size_t front = channel->front.bytes, stop = to < front ? to : front;
	const unsigned char *found = from < stop ? memchr(channel->front.at + from, byte, stop - from) : NULL;

	if (found)
		return (size_t)(found - channel->front.at);
	if (from < front)
		from = front;
	found = from < to ? memchr(channel->back.at + (from - front), byte, to - from) : NULL;
	return found ? front + (size_t)(found - channel->back.at) : to;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static answer line_found(const leat_channel *channel, const want *w, size_t at)
{
	size_t bytes = at > 0 && byte_at(channel, at - 1) == '\r' ? at - 1 : at;

	return bytes > w->limit ? answer_error(w, LEAT_LIMIT) : answer_buf(0, bytes, at + 1);
}

/* So many, without an end, that there is none to come; a CR may be one's half. */
static bool line_too_long(const leat_channel *channel, const want *w, size_t there)
{
	if (there <= w->limit)
		return false;
	return there - w->limit > 1 || channel->ended || byte_at(channel, w->limit) != '\r';
}

static answer line_step(leat_channel *channel, want *w)
{
	size_t there = buffered(channel);
	size_t look = w->limit < SIZE_MAX - 2 ? least(there, w->limit + 2) : there;
	size_t at = find(channel, '\n', w->scanned, look);

	if (at < look)
		return line_found(channel, w, at);
	w->scanned = look;
	if (line_too_long(channel, w, there))
		return answer_error(w, LEAT_LIMIT);
	return channel->ended ? answer_rest(there) : answer_more();
}

/* Whether the delimiter ends before `end`. */
static bool delimiter_ends(const leat_channel *channel, const want *w, size_t end)
{
	size_t bytes = w->delimiter_bytes;

	if (end < bytes)
		return false;
	for (size_t i = 0; i < bytes; i++)
		if (byte_at(channel, end - bytes + i) != w->delimiter[i])
			return false;
	return true;
}

/* Its last byte is looked for, then those before it: so that nothing that was
 * looked at is looked at again. */
static answer until_step(leat_channel *channel, want *w)
{
	size_t there = buffered(channel), bytes = w->delimiter_bytes;
	size_t look = w->limit < SIZE_MAX - bytes ? least(there, w->limit + bytes) : there;

	for (; w->scanned < look; w->scanned++) {
		w->scanned = find(channel, w->delimiter[bytes - 1], w->scanned, look);
		if (w->scanned < look && delimiter_ends(channel, w, w->scanned + 1))
			return answer_buf(0, w->scanned + 1 - bytes, w->scanned + 1);
		if (w->scanned == look)
			break;
	}
	if (there > w->limit && (there - w->limit >= bytes || channel->ended))
		return answer_error(w, LEAT_LIMIT);
	return channel->ended ? answer_rest(there) : answer_more();
}

static answer exactly_step(leat_channel *channel, want *w)
{
	size_t there = buffered(channel);

	if (there >= w->limit)
		return answer_buf(0, w->limit, w->limit);
	return channel->ended ? answer_rest(there) : answer_more();
}

static answer read_step(leat_channel *channel, want *w)
{
	size_t bytes = first_run(channel)->bytes;

	(void)w;
	if (bytes > 0)
		return answer_buf(0, bytes, bytes);
	return channel->ended ? answer_rest(0) : answer_more();
}

/* What has no end in it is dropped at once. */
static answer drop_step(leat_channel *channel, want *w)
{
	size_t there = buffered(channel), at = find(channel, '\n', 0, there);

	if (at < there)
		return answer_int((int64_t)(w->limit + at + 1), at + 1);
	w->limit += there;
	consume(channel, there);
	return channel->ended ? answer_int((int64_t)w->limit, 0) : answer_more();
}

static answer ensure_step(leat_channel *channel, want *w)
{
	size_t bytes = least(buffered(channel), w->limit);

	if (bytes < w->limit && !channel->ended)
		return answer_more();
	if (!join(channel, bytes))
		return answer_error(w, LEAT_NOMEM);
	return answer_int((int64_t)bytes, 0);
}

static answer integer_step(leat_channel *channel, size_t width, bool little, const want *w)
{
	uint64_t value = 0;

	if (buffered(channel) < width)
		return channel->ended ? answer_error(w, LEAT_TRUNCATED) : answer_more();
	for (size_t i = 0; i < width; i++)
		value = value << 8 | byte_at(channel, little ? width - 1 - i : i);
	return answer_int((int64_t)value, width);
}

static answer be_step(leat_channel *channel, want *w)
{
	return integer_step(channel, w->limit, false, w);
}

static answer le_step(leat_channel *channel, want *w)
{
	return integer_step(channel, w->limit, true, w);
}

/* What a cutter said, held against what there is. */
static answer cut_answer(const want *w, size_t there, const leat_cut *cut, leat_error error)
{
	if (leat_error_set(error))
		return (answer){ .kind = ANSWER_ERROR, .error = error };
	if (cut->used > there || cut->used == 0 || cut->from > cut->used || cut->bytes > cut->used - cut->from)
		return answer_error(w, LEAT_INVALID);
	return answer_buf(cut->from, cut->bytes, cut->used);
}

/* w->limit: how many it needs. */
static answer cut_step(leat_channel *channel, want *w)
{
	size_t there = buffered(channel);
	leat_cut cut = { .size = sizeof cut };
	leat_error error;

	if (there == 0)
		return channel->ended ? answer_rest(0) : answer_more();
	while (there >= w->limit) {
		if (!join(channel, w->limit))
			return answer_error(w, LEAT_NOMEM);
		if (!channel->waiting)
			break;
		there = first_run(channel)->bytes;
		error = w->cutter(w->ctx, first_run(channel)->at, there, &cut);
		if (leat_error_set(error) || cut.need == 0)
			return cut_answer(w, there, &cut, error);
		if (cut.need <= there)
			return answer_error(w, LEAT_INVALID);
		w->limit = cut.need;
		cut = (leat_cut){ .size = sizeof cut };
		there = buffered(channel);
	}
	return channel->ended ? answer_error(w, LEAT_TRUNCATED) : answer_more();
}

/* ---- a value on its way ---- */

static void no_longer_lent(leat_channel *channel)
{
	channel->lent = false;
	leat_buf_unref(channel->record);
}

static void value_delivered(void *ctx, void *value)
{
	leat_channel *channel = ctx;

	(void)value;
	channel->lent = false;
	channel->cut_short = channel->lent_cut_short;
	if (channel->flow)
		consume(channel, channel->used);
	leat_buf_unref(channel->record);
}

static void int_given_back(void *ctx, void *value)
{
	(void)value;
	no_longer_lent(ctx);
}

/* Its bytes are here still: it was a slice of them. */
static void buf_given_back(void *ctx, void *value)
{
	leat_buf_unref(value);
	no_longer_lent(ctx);
}

static const leat_giver int_giver = {
	.size = sizeof(leat_giver), .give_back = int_given_back, .delivered = value_delivered
};
static const leat_giver buf_giver = {
	.size = sizeof(leat_giver), .give_back = buf_given_back, .delivered = value_delivered
};

static void lend(leat_channel *channel, const answer *a)
{
	channel->waiting = false;
	channel->lent = true;
	channel->lent_cut_short = a->cut_short;
	channel->used = a->used;
	leat_buf_ref(channel->record);
}

/* A handle of its own on bytes of the first run; NULL without memory. */
static leat_buf *slice(leat_channel *channel, const answer *a)
{
	const run *r;
	leat_buf *buf;

	if (!join(channel, a->from + a->bytes))
		return NULL;
	r = first_run(channel);
	if (!r->buf) /* nothing of nothing */
		buf = leat_buf_new(loop_of(channel), 0);
	else
		buf = leat_buf_slice(r->buf, (size_t)(r->at - (const unsigned char *)leat_buf_data(r->buf)) + a->from,
		                     a->bytes);
	return leat_buf_failed(buf) ? NULL : buf;
}

static void fail(leat_channel *channel, leat_error error)
{
	channel->waiting = false;
	leat_reject_at(channel->maker, error, error.where);
}

static void settle_buf(leat_channel *channel, const answer *a)
{
	leat_buf *buf = slice(channel, a);

	if (!buf) {
		fail(channel, leat_error_core(LEAT_NOMEM));
		return;
	}
	lend(channel, a);
	leat_resolve_lent_at(channel->maker, buf, &leat_buf_type, &buf_giver, channel, channel->want.where);
}

static void settle_int(leat_channel *channel, const answer *a)
{
	leat_result result = {
		.type = &leat_int_type,
		.as.value = { .integer = a->number, .giver = &int_giver, .giver_ctx = channel },
	};

	lend(channel, a);
	leat_resolve_result_at(channel->maker, &result, channel->want.where);
}

static void settle_end(leat_channel *channel)
{
	channel->waiting = false;
	leat_resolve_buf_at(channel->maker, NULL, channel->want.where);
}

/* ---- reading below ---- */

static void go_on(leat_channel *channel);

static leat_channel *reading_is_over(leat_channel *channel)
{
	leat_io *io = channel->reading;

	channel->reading = NULL;
	leat_io_detach(io);
	return channel;
}

static leat_io *on_read(void *ctx, leat_result *result)
{
	leat_channel *channel = reading_is_over(ctx);
	leat_buf *buf = leat_result_buf(result), *record = channel->record;

	if (!buf)
		channel->ended = true;
	else if (!take_in(channel, buf) && channel->waiting)
		fail(channel, leat_error_core(LEAT_NOMEM));
	if (channel->waiting)
		go_on(channel);
	leat_buf_unref(record);
	return NULL;
}

/* Whoever reads next is told the same by the flow. */
static leat_io *on_failed(void *ctx, leat_result *result)
{
	leat_channel *channel = reading_is_over(ctx);

	if (channel->waiting)
		fail(channel, leat_result_error(result));
	leat_buf_unref(channel->record);
	return NULL;
}

/* Cancelled, by us or with the loop, or never begun. */
static void reading_was_dropped(void *ctx)
{
	leat_channel *channel = ctx;

	channel->reading = NULL;
	leat_buf_unref(channel->record);
}

static void ask(leat_channel *channel)
{
	const char *where = channel->want.where;
	leat_result result;
	leat_io *io;

	leat_buf_ref(channel->record);
	io = leat_io_branch_at(leat_flow_read_at(channel->flow, where), on_read, on_failed,
	                       leat_ctx_move(channel, reading_was_dropped), where);
	if (leat_io_try(io, &result)) /* it could not even wait */
		fail(channel, leat_result_error(&result));
	else
		channel->reading = io;
}

/* Has the want look at what is there. */
static void go_on(leat_channel *channel)
{
	answer a = channel->want.step(channel, &channel->want);

	if (!channel->waiting) /* a buf that was dropped ended it */
		return;
	if (a.kind == ANSWER_BUF)
		settle_buf(channel, &a);
	else if (a.kind == ANSWER_INT)
		settle_int(channel, &a);
	else if (a.kind == ANSWER_END)
		settle_end(channel);
	else if (a.kind == ANSWER_ERROR)
		fail(channel, a.error);
	else if (!channel->reading)
		ask(channel);
}

/* ---- reading ---- */

static void want_cancel(void *state)
{
	leat_channel *channel = *(leat_channel **)state;

	channel->waiting = false;
}

static const leat_leaf want_leaf = {
	.size = sizeof(leat_leaf), .name = "channel", .state_bytes = sizeof(leat_channel *), .cancel = want_cancel
};

static leat_io *begin(leat_channel *handle, const want *w)
{
	leat_channel *channel = born(handle);
	leat_buf *record;
	void *state;
	leat_io *io;

	if (!channel)
		return refuse(handle, LEAT_NOMEM, w->where);
	if (channel->waiting || channel->lent)
		return refuse(channel, LEAT_BUSY, w->where);
	io = leat_io_new_at(loop_of(channel), &channel->maker, &want_leaf, &state, w->where);
	if (!state)
		return io;
	*(leat_channel **)state = channel;
	channel->want = *w;
	channel->waiting = true;
	record = leat_buf_ref(channel->record);
	go_on(channel);
	leat_buf_unref(record);
	return io;
}

leat_io *leat_channel_line_at(leat_channel *channel, size_t limit, const char *where)
{
	return begin(channel, &(want){ .step = line_step, .limit = limit, .where = where });
}

leat_io *leat_channel_until_at(leat_channel *channel, const void *delimiter, size_t bytes, size_t limit,
                               const char *where)
{
	want w = { .step = until_step, .limit = limit, .delimiter_bytes = bytes, .where = where };

	if (bytes == 0 || bytes > sizeof w.delimiter)
		return refuse(channel, LEAT_INVALID, where);
	memcpy(w.delimiter, delimiter, bytes);
	return begin(channel, &w);
}

leat_io *leat_channel_exactly_at(leat_channel *channel, size_t bytes, const char *where)
{
	return begin(channel, &(want){ .step = exactly_step, .limit = bytes, .where = where });
}

leat_io *leat_channel_read_at(leat_channel *channel, const char *where)
{
	return begin(channel, &(want){ .step = read_step, .where = where });
}

leat_io *leat_channel_cut_at(leat_channel *channel, leat_cutter cutter, const void *ctx, const char *where)
{
	return begin(channel, &(want){ .step = cut_step, .limit = 1, .cutter = cutter, .ctx = ctx, .where = where });
}

leat_io *leat_channel_drop_line_at(leat_channel *channel, const char *where)
{
	return begin(channel, &(want){ .step = drop_step, .where = where });
}

leat_io *leat_channel_ensure_at(leat_channel *channel, size_t bytes, const char *where)
{
	return begin(channel, &(want){ .step = ensure_step, .limit = bytes, .where = where });
}

static leat_io *integer(leat_channel *channel, const want *w)
{
	return w->limit < 1 || w->limit > 8 ? refuse(channel, LEAT_INVALID, w->where) : begin(channel, w);
}

leat_io *leat_channel_be_at(leat_channel *channel, unsigned width, const char *where)
{
	return integer(channel, &(want){ .step = be_step, .limit = width, .where = where });
}

leat_io *leat_channel_le_at(leat_channel *channel, unsigned width, const char *where)
{
	return integer(channel, &(want){ .step = le_step, .limit = width, .where = where });
}

/* ---- what is there already ---- */

leat_buf *leat_channel_try_line(leat_channel *handle, size_t limit)
{
	leat_channel *channel = born(handle);
	want w = { .limit = limit, .where = LEAT_HERE };
	leat_buf *buf;
	answer a;

	if (!channel || channel->waiting || channel->lent)
		return NULL;
	a = line_step(channel, &w);
	buf = a.kind == ANSWER_BUF ? slice(channel, &a) : NULL;
	if (!buf)
		return NULL;
	channel->cut_short = a.cut_short;
	consume(channel, a.used);
	return buf;
}

size_t leat_channel_buffered(const leat_channel *channel)
{
	return born(channel) ? buffered(channel) : 0;
}

const void *leat_channel_peek(const leat_channel *handle, size_t *bytes)
{
	leat_channel *channel = born(handle);
	const run *r = channel ? first_run(channel) : NULL;

	*bytes = r ? r->bytes : 0;
	return *bytes > 0 ? (const void *)r->at : no_bytes;
}

size_t leat_channel_consume(leat_channel *handle, size_t bytes)
{
	leat_channel *channel = born(handle);

	if (!channel || channel->waiting || channel->lent)
		return 0;
	bytes = least(bytes, buffered(channel));
	consume(channel, bytes);
	return bytes;
}

bool leat_channel_cut_short(const leat_channel *channel)
{
	return born(channel) && channel->cut_short;
}

/* ---- writing ---- */

void leat_channel_put_failed(leat_channel *handle, leat_error error)
{
	leat_channel *channel = born(handle);

	if (!channel || leat_error_set(channel->out_error))
		return;
	channel->out_error = error;
	leat_buf_unref(channel->out);
	channel->out = NULL;
	channel->out_bytes = 0;
}

size_t leat_channel_room(const leat_channel *channel)
{
	if (!born(channel) || channel->out_bytes > channel->out_limit)
		return 0;
	return channel->out_limit - channel->out_bytes;
}

/* Where to write so many bytes; NULL: they cannot be put, which is noted. */
static unsigned char *put_space(leat_channel *channel, size_t bytes)
{
	const unsigned char *at = channel->out ? leat_buf_data(channel->out) : NULL;
	unsigned char *tail = tail_of(channel->out, at, channel->out_bytes, bytes);
	leat_buf *block;

	if (leat_error_set(channel->out_error))
		return NULL;
	if (bytes > leat_channel_room(channel)) {
		leat_channel_put_failed(channel, leat_error_core(LEAT_LIMIT));
		return NULL;
	}
	if (tail)
		return tail;
	block = bigger_block(loop_of(channel), at, channel->out_bytes, bytes);
	if (!block) {
		leat_channel_put_failed(channel, leat_error_core(LEAT_NOMEM));
		return NULL;
	}
	leat_buf_unref(channel->out);
	channel->out = block;
	return (unsigned char *)leat_buf_space(block) + channel->out_bytes;
}

void leat_channel_put(leat_channel *handle, const void *data, size_t bytes)
{
	leat_channel *channel = born(handle);
	unsigned char *space = channel && bytes > 0 ? put_space(channel, bytes) : NULL;

	if (!space)
		return;
	memcpy(space, data, bytes);
	channel->out_bytes += bytes;
}

/* One byte more than is put, for the NUL, which the limit does not count. */
void leat_channel_vprintf(leat_channel *handle, const char *format, va_list words)
{
	leat_channel *channel = born(handle);
	char few[512], *many;
	va_list again;
	int bytes;

	if (!channel)
		return;
	va_copy(again, words);
	bytes = vsnprintf(few, sizeof few, format, words);
	if (bytes < 0) {
		leat_channel_put_failed(channel, leat_error_core(LEAT_INVALID));
	} else if ((size_t)bytes < sizeof few) {
		leat_channel_put(channel, few, (size_t)bytes);
	} else if ((size_t)bytes > leat_channel_room(channel)) {
		leat_channel_put_failed(channel, leat_error_core(LEAT_LIMIT));
	} else {
		channel->out_limit++;
		many = (char *)put_space(channel, (size_t)bytes + 1);
		channel->out_limit--;
		if (many)
			channel->out_bytes += (size_t)vsnprintf(many, (size_t)bytes + 1, format, again);
	}
	va_end(again);
}

void leat_channel_printf(leat_channel *channel, const char *format, ...)
{
	va_list words;

	va_start(words, format);
	leat_channel_vprintf(channel, format, words);
	va_end(words);
}

static void put_integer(leat_channel *channel, uint64_t value, unsigned width, bool little)
{
	unsigned char bytes[8];

	if (width < 1 || width > sizeof bytes) {
		leat_channel_put_failed(channel, leat_error_core(LEAT_INVALID));
		return;
	}
	for (unsigned i = 0; i < width; i++, value >>= 8)
		bytes[little ? i : width - 1 - i] = (unsigned char)value;
	leat_channel_put(channel, bytes, width);
}

void leat_channel_put_be(leat_channel *channel, uint64_t value, unsigned width)
{
	put_integer(channel, value, width, false);
}

void leat_channel_put_le(leat_channel *channel, uint64_t value, unsigned width)
{
	put_integer(channel, value, width, true);
}

void leat_channel_set_put_limit(leat_channel *handle, size_t bytes)
{
	leat_channel *channel = born(handle);

	if (channel)
		channel->out_limit = bytes > 0 ? least(bytes, SIZE_MAX / 4) : LEAT_PUT_LIMIT_USUAL;
}

/* The reference that is kept meanwhile is for a flow that is busy. */
static leat_io *send_put(leat_channel *channel, const char *where)
{
	leat_buf *out = channel->out;
	size_t bytes = channel->out_bytes;
	leat_result result;
	leat_io *io;

	leat_buf_cut(out, bytes);
	channel->out = NULL;
	channel->out_bytes = 0;
	io = leat_flow_send_at(channel->flow, leat_buf_ref(out), where);
	if (!leat_io_try(io, &result)) {
		leat_buf_unref(out);
		return io;
	}
	if (leat_error_is(leat_result_error(&result), LEAT_BUSY)) {
		channel->out = out;
		channel->out_bytes = bytes;
	} else {
		leat_buf_unref(out);
	}
	return leat_result_ok(&result) ? leat_io_done_at(loop_of(channel), where) : leat_result_pass_at(&result, where);
}

leat_io *leat_channel_flush_at(leat_channel *handle, const char *where)
{
	leat_channel *channel = born(handle);
	leat_error error;

	if (!channel)
		return refuse(handle, LEAT_NOMEM, where);
	error = channel->out_error;
	channel->out_error = (leat_error){ 0 };
	if (leat_error_set(error))
		return leat_io_fail_at(loop_of(channel), error, where);
	return channel->out ? send_put(channel, where) : leat_io_done_at(loop_of(channel), where);
}

/* ---- the life of a channel ---- */

leat_channel *leat_channel_new(leat_flow *flow)
{
	leat_buf *record = leat_buf_new(leat_flow_loop(flow), sizeof(leat_channel));
	leat_channel *channel = leat_buf_space(record);

	if (!channel) {
		leat_buf_unref(record);
		return (leat_channel *)((uintptr_t)flow + 1);
	}
	*channel = (leat_channel){ .record = record, .flow = flow, .out_limit = LEAT_PUT_LIMIT_USUAL };
	return channel;
}

/* What is left of it comes first at the next read of the flow. */
static void unread(leat_flow *flow, run *r)
{
	leat_buf *buf = r->buf;
	size_t before = buf ? (size_t)(r->at - (const unsigned char *)leat_buf_data(buf)) : 0;

	if (!buf)
		return;
	leat_buf_cut(buf, before + r->bytes);
	leat_buf_skip(buf, before);
	*r = (run){ 0 };
	leat_flow_unread(flow, buf);
}

leat_flow *leat_channel_leave(leat_channel *handle)
{
	leat_channel *channel = born(handle);
	leat_flow *flow = flow_of(handle);

	if (!channel)
		return flow;
	if (channel->lent)
		consume(channel, channel->used);
	channel->flow = NULL;
	leat_io_cancel(channel->reading);
	unread(flow, &channel->back);
	unread(flow, &channel->front);
	leat_buf_unref(channel->out);
	if (channel->waiting)
		fail(channel, leat_error_core(LEAT_CLOSED));
	leat_buf_unref(channel->record);
	return flow;
}

void leat_channel_free(leat_channel *channel)
{
	if (channel)
		leat_flow_unref(leat_channel_leave(channel));
}

static void end_channel(void *channel)
{
	leat_channel_free(channel);
}

leat_ctx leat_ctx_channel(leat_channel *channel)
{
	return leat_ctx_own(channel, end_channel);
}

leat_flow *leat_channel_flow(const leat_channel *channel)
{
	return flow_of(channel);
}

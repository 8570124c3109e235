/* SPDX-License-Identifier: ISC */
/* read_into - a read into the caller's memory
 *
 * Bufs are gathered until there is enough, and copied at delivery: where nobody gets
 * them they are read again.  All else is as with any read (read.c).
 */
#include "flow/read.h"

static void into_delivered(void *ctx, void *value)
{
	leat_flow *flow = ctx;
	unsigned char *to = flow->rare->into.memory;
	leat_bufs got = flow->rare->into.got;
	leat_buf *buf;

	(void)value;
	lt_bufs_init(&flow->rare->into.got);
	flow->bits &= ~(uint32_t)(LT_F_HELD | LT_F_INTO);
	while ((buf = lt_bufs_pop(&got))) {
		memcpy(to, buf->data, buf->size);
		to += buf->size;
		lt_buf_unref(buf); /* whose release may read again */
	}
	lt_flow_unref(flow);
}

void lt_flow_ungather(leat_flow *flow)
{
	leat_bufs got = flow->rare->into.got;
	leat_buf *kept = flow->bits & LT_F_KEPT ? flow->first.kept : NULL;

	lt_bufs_init(&flow->rare->into.got);
	flow->bits &= ~(uint32_t)LT_F_INTO;
	if (!got.head)
		return;
	got.tail->next = kept;
	flow->first.kept = got.head;
	flow->bits |= LT_F_KEPT;
	if (flow->bits & (LT_F_ABORTED | LT_F_READ_SHUT))
		lt_flow_drop_kept(flow);
}

static void into_given_back(void *ctx, void *value)
{
	leat_flow *flow = ctx;

	(void)value;
	flow->bits &= ~(uint32_t)LT_F_HELD;
	lt_flow_ungather(flow);
	lt_flow_unref(flow);
}

const leat_giver lt_flow_into_giver = {
	.size = sizeof(leat_giver), .give_back = into_given_back, .delivered = into_delivered
};

void lt_flow_settle_into(leat_flow *flow, leat_io *io)
{
	size_t bytes = flow->rare->into.got.bytes;
	lt_outcome nomem = lt_failure(leat_error_core(LEAT_NOMEM));

	if (flow->rare->into.max == 0) {
		lt_flow_settle_readable(flow, io, !(flow->bits & LT_F_KEPT));
		return;
	}
	if (flow->rare->into.starved) {
		flow->rare->into.starved = false;
		lt_flow_fail_reader(flow, io, &nomem);
		return;
	}
	flow->bits |= LT_F_HELD;
	flow->reads++;
	lt_settle(flow->loop, io,
	          &(lt_outcome){ .type = &leat_int_type,
	                         .as.value = { .integer = (int64_t)bytes, .giver = &lt_flow_into_giver, .giver_ctx = flow } });
}

bool lt_flow_gather(leat_flow *flow, leat_buf *buf)
{
	leat_bufs *got = &flow->rare->into.got;
	size_t room = flow->rare->into.max - got->bytes;
	leat_buf *rest;

	if (flow->rare->into.max == 0) {
		lt_flow_keep_first(flow, buf);
		return true;
	}
	if (buf->size > room) {
		rest = leat_buf_slice(buf, room, buf->size - room);
		if (lt_buf_is_failed(rest)) { /* the whole is kept */
			lt_flow_keep_first(flow, buf);
			flow->rare->into.starved = true;
			return true;
		}
		leat_buf_cut(buf, room);
		lt_flow_keep_first(flow, rest);
	}
	lt_bufs_push(got, buf);
	return got->bytes >= flow->rare->into.min;
}

/* Gathers what is kept; settles where that is enough or all there will be. */
static void into_begin(leat_flow *flow, leat_io *io)
{
	bool over = lt_flow_read_is_over(flow) || (flow->bits & LT_F_CLOSED);
	bool enough = false;
	leat_buf *buf;

	while (!enough && (buf = lt_flow_take_kept(flow)))
		enough = lt_flow_gather(flow, buf);
	if (enough || (flow->rare->into.min == 0 && !over)) {
		lt_flow_settle_into(flow, io);
		return;
	}
	flow->first.reader = io;
	if (over)
		lt_flow_read_over(flow);
	else
		lt_flow_ask(flow);
}

leat_io *lt_flow_read_into(leat_flow *flow, void *memory, size_t min, size_t max, const char *where)
{
	leat_error error;
	leat_io *io;

	if (lt_flow_refuse_read(flow, &error))
		return lt_flow_refuse(flow, error, where);
	if (!lt_flow_rare(flow))
		return lt_io_nomem(flow->loop);
	io = lt_flow_begin_read(flow, where);
	if (!io)
		return lt_io_refused(flow->loop);
	flow->rare->into.memory = memory;
	flow->rare->into.min = min;
	flow->rare->into.max = max;
	flow->bits |= LT_F_INTO;
	into_begin(flow, io);
	return io;
}

leat_io *leat_flow_read_into_at(leat_flow *flow, void *memory, size_t min, size_t max, const char *where)
{
	if (max < min || max == 0)
		return lt_flow_refuse(flow, leat_error_make_at(&leat_core_errors, LEAT_INVALID, where), where);
	return lt_flow_read_into(flow, memory, min, max, where);
}

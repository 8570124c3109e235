/* SPDX-License-Identifier: ISC */
/* late - what arrives while closing and finds no reader
 *
 * It is kept, in rare->late.  Where that has reached the read bound, nothing more is
 * asked for as long as somebody reads: the next read may be a continuation away, or
 * wait for what is done with the last one.  Who has read since the close is waited for
 * PATIENCE_MS at least, who has not until the next turn.  Then what is over the bound
 * is discarded, for a close must not wait for a reader that never comes.
 */
#include "flow/read.h"

enum { PATIENCE_MS = 1000 };

static bool is_full(const leat_flow *flow)
{
	return flow->rare->late.bytes >= flow->rare->limits.read_bytes;
}

static bool is_given_up(const leat_flow *flow)
{
	return flow->rare->given_up && flow->rare->reads_seen == flow->reads;
}

/* No byte after it will be given. */
static void discard_over(leat_flow *flow)
{
	lt_rare *rare = flow->rare;
	size_t room = rare->limits.read_bytes;
	leat_bufs all = rare->late, over;
	leat_buf *buf;

	lt_bufs_init(&rare->late);
	lt_bufs_init(&over);
	while ((buf = lt_bufs_pop(&all))) {
		if (buf->size > room)
			flow->bits |= LT_F_HOLE;
		if (room > 0)
			leat_buf_cut(buf, room);
		lt_bufs_push(room > 0 ? &rare->late : &over, buf);
		room = room > 0 ? room - buf->size : 0;
	}
	lt_bufs_clear(&over); /* last: a release may do anything */
}

static void give_up(leat_flow *flow)
{
	flow->rare->given_up = true;
	discard_over(flow);
}

void lt_flow_late_look(leat_flow *flow)
{
	lt_timer_stop(flow->loop, &flow->rare->patience);
	if (is_full(flow) && flow->rare->reads_seen == flow->reads)
		give_up(flow);
	lt_flow_ask(flow);
}

static void on_patience(lt_timer *timer)
{
	lt_rare *rare = (lt_rare *)(void *)((char *)timer - offsetof(lt_rare, patience));
	leat_flow *flow = rare->flow;

	flow->refs++;
	lt_flow_late_look(flow);
	lt_flow_unref(flow);
}

void lt_flow_late_begin(leat_flow *flow)
{
	flow->rare->reads_seen = flow->rare->reads_before = flow->reads;
}

bool lt_flow_late_waits(leat_flow *flow)
{
	lt_rare *rare = flow->rare;
	bool reads;

	if (!(flow->bits & LT_F_CLOSING) || (flow->bits & (LT_F_HOLE | LT_F_READ_SHUT)) || !is_full(flow) || is_given_up(flow))
		return false;
	if (rare->patience.slot)
		return true;
	reads = rare->reads_seen != flow->reads || (flow->bits & LT_F_HELD);
	rare->reads_seen = flow->reads;
	rare->patience.fire = on_patience;
	rare->given_up = !lt_timer_start(flow->loop, &rare->patience, lt_loop_after_ms(flow->loop, reads ? PATIENCE_MS : 0));
	return !rare->given_up;
}

void lt_flow_late_keep(leat_flow *flow, leat_buf *buf)
{
	if (flow->bits & (LT_F_HOLE | LT_F_READ_SHUT)) {
		lt_buf_unref(buf);
		return;
	}
	lt_bufs_push(&flow->rare->late, buf);
	if (is_given_up(flow))
		discard_over(flow);
}

/* SPDX-License-Identifier: ISC */
/* leave - a flow gives its transport away, which lives on */
#include "flow/leave.h"

static bool waits(const leat_flow *flow)
{
	return lt_flow_is_busy(flow) || ((flow->bits & LT_F_TELLING) && !(flow->bits & LT_F_TOLD));
}

static void take_kept(leat_flow *flow, leat_bufs *kept)
{
	leat_buf *buf = flow->bits & LT_F_KEPT ? flow->first.kept : NULL, *next;

	for (; buf; buf = next) {
		next = buf->next;
		lt_bufs_push(kept, buf);
	}
	if (flow->bits & LT_F_KEPT)
		flow->first.kept = NULL;
	flow->bits &= ~(uint32_t)LT_F_KEPT;
	if (flow->rare)
		lt_bufs_append(kept, &flow->rare->late);
}

leat_error lt_flow_leave(leat_flow *flow, leat_bufs *kept, leat_bufs *queue)
{
	if (lt_flow_ended(flow))
		return lt_flow_refusal(flow);
	if (waits(flow))
		return leat_error_core(LEAT_BUSY);
	take_kept(flow, kept);
	if (flow->out)
		lt_bufs_append(queue, &flow->out->queue);
	lt_flow_write_end(flow, leat_error_core(LEAT_CLOSED));
	leat_flow_listens(flow, false);
	flow->bits |= LT_F_CLOSED | LT_F_ABORTED;
	lt_flow_stop_timers(flow);
	lt_loop_move_to_shells(flow->loop, LT_FLOWS, &flow->resident);
	return (leat_error){ 0 };
}

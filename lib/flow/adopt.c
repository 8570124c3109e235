/* SPDX-License-Identifier: ISC */
/* adopt - bufferevents of the user's become flows */
#include <event2/buffer.h>
#include <event2/event.h>

#include "flow/bev_lane.h"
#include "flow/promote.h"

/* ---- taking over ---- */

static bool take_over(lt_bev *s, struct bufferevent *top)
{
	s->top = top;
	s->tail.run = lt_bev_on_tail;
	if (!lt_bev_hear(s))
		return false;
	s->lends = s->levels.level[0].kind == LT_LEVEL_SOCKET || s->levels.level[0].kind == LT_LEVEL_SSL;
	for (int i = 0; i < s->levels.count; i++)
		bufferevent_setwatermark(s->levels.level[i].bev, EV_READ, 0, 0);
	if (!(bufferevent_get_enabled(top) & EV_WRITE))
		bufferevent_enable(top, EV_WRITE);
	if (!lt_levels_shaking(&s->levels))
		lt_bev_calm(s); /* it may have been reading */
	if (lt_levels_bottom(&s->levels)->kind == LT_LEVEL_PAIR)
		lt_bev_turn_on(s); /* what has arrived waits here, as it would in the kernel for a socket */
	return true;
}

/* One that cannot be taken is ours nevertheless. */
static void cut_and_free(struct bufferevent *bev)
{
	bufferevent_setcb(bev, NULL, NULL, NULL, NULL);
	lt_level_cut(bev, false);
	bufferevent_free(bev);
}

static leat_flow *adopt(leat_loop *loop, struct bufferevent *top, const char *where)
{
	void *state;
	leat_flow *flow = leat_flow_new_at(loop, &lt_bev_ops, &state, where);
	lt_bev *s = state;

	if (!s) {
		cut_and_free(top);
		return flow;
	}
	s->flow = flow;
	s->loop = loop;
	if (take_over(s, top))
		return flow;
	leat_flow_abort(flow);
	leat_flow_unref(flow);
	return leat_flow_stillborn(loop, leat_error_make_at(&leat_core_errors, LEAT_NOMEM, where));
}

/* ---- the door ---- */

static leat_flow *refuse(leat_loop *loop, struct bufferevent *bev, leat_kind kind, const char *where)
{
	if (bev)
		cut_and_free(bev);
	return leat_flow_stillborn(loop, leat_error_make_at(&leat_core_errors, (int)kind, where));
}

leat_flow *leat_flow_from_bufferevent_at(leat_loop *loop, struct bufferevent *bev, const char *where)
{
	if (lt_loop_closing(loop))
		return refuse(loop, bev, LEAT_CLOSED, where);
	if (!bev || bufferevent_get_base(bev) != leat_loop_base(loop))
		return refuse(loop, bev, LEAT_INVALID, where);
	return lt_bev_is_plain(loop, bev) ? lt_flow_promote(loop, bev, where) : adopt(loop, bev, where);
}

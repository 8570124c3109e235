/* SPDX-License-Identifier: ISC */
/* adopt - bufferevents of the user's become flows, and are given back */
#include <event2/buffer.h>
#include <event2/event.h>

#include "flow/bev_lane.h"
#include "flow/bridge_errno.h"
#include "flow/leave.h"
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
	lt_level_cut(bev);
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

/* ---- giving back ---- */

/* Replaces what is lent in the output by copies that are libevent's own.
 * False without memory: nothing has changed. */
static bool own_output(struct bufferevent *bev)
{
	struct evbuffer *output = bufferevent_get_output(bev), *copy = evbuffer_new();
	size_t bytes = evbuffer_get_length(output);
	struct evbuffer_iovec space;
	bool ok = copy && (bytes == 0 || evbuffer_reserve_space(copy, (ev_ssize_t)bytes, &space, 1) == 1);

	if (ok && bytes > 0) {
		space.iov_len = bytes;
		evbuffer_unfreeze(output, 1);
		evbuffer_remove(output, space.iov_base, bytes);
		evbuffer_freeze(output, 1);
		evbuffer_commit_space(copy, &space, 1);
		evbuffer_add_buffer(output, copy);
	}
	if (copy)
		evbuffer_free(copy);
	return ok;
}

/* A descriptor says it to whoever reads it; OpenSSL remembers a goodbye. */
static bool is_said_again(const lt_bev *s)
{
	const lt_level *bottom = lt_levels_bottom(&s->levels);

	if (bottom->kind == LT_LEVEL_SSL || (bottom->kind == LT_LEVEL_SOCKET && s->levels.count == 1))
		return true;
	for (const lt_level *level = s->levels.level; level < bottom; level++)
		if (level->kind == LT_LEVEL_SSL)
			return !leat_error_set(s->read_error);
	return false;
}

/* What libevent said of reading and will not say again. */
static short unheard(const lt_bev *s)
{
	if (is_said_again(s))
		return 0;
	if (leat_error_set(s->read_error))
		return BEV_EVENT_READING | BEV_EVENT_ERROR;
	return s->ended ? BEV_EVENT_READING | BEV_EVENT_EOF : 0;
}

static void hear_it_later(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	(void)arg;
}

/* To whoever has set a callback by then. */
static void say_again(struct bufferevent *bev, short what, leat_error error)
{
	EVUTIL_SET_SOCKET_ERROR(lt_bridge_errno(error));
	bufferevent_setcb(bev, NULL, NULL, hear_it_later, NULL); /* without one nothing is said later */
	bufferevent_trigger_event(bev, what, BEV_TRIG_DEFER_CALLBACKS);
	bufferevent_setcb(bev, NULL, NULL, NULL, NULL);
}

/* Of a flow in this lane. */
static leat_error give_back(leat_flow *flow, lt_bev *s, struct bufferevent **bev)
{
	leat_bufs kept = { 0 }, queue = { 0 };
	leat_error error = leat_error_core(LEAT_NOMEM), read_error = s->read_error;
	short enabled = bufferevent_get_enabled(s->top), again = unheard(s);

	bufferevent_disable(s->top, EV_READ | EV_WRITE);
	if (!s->lends || own_output(s->top))
		error = lt_flow_leave(flow, &kept, &queue);
	if (leat_error_set(error)) {
		bufferevent_enable(s->top, enabled);
		return error;
	}
	error = lt_bev_hand_back(lt_bev_let_go(s), &kept, &queue, bev);
	if (again && *bev)
		say_again(*bev, again, read_error);
	return error;
}

leat_error leat_flow_to_bufferevent(leat_flow *flow, struct bufferevent **bev)
{
	lt_bev *s = leat_flow_state(flow, &lt_bev_ops);

	*bev = NULL;
	if (lt_flow_ended(flow))
		return lt_flow_refusal(flow);
	if (s)
		return give_back(flow, s, bev);
	return flow->bits & LT_F_PROMOTED ? lt_flow_demote(flow, bev) : leat_error_core(LEAT_UNSUPPORTED);
}

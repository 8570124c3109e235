/* SPDX-License-Identifier: ISC */
/* give_back - the user has a bufferevent back, and hears what libevent says only once
 *
 * We have heard of an end or an error of reading, and libevent will not say it again by
 * itself.  Where the transport can, it does: a descriptor says its end to whoever reads it
 * next, OpenSSL remembers a goodbye.  The rest is told again as a deferred event, to the
 * callback that is set by then.
 */
#include <event2/buffer.h>
#include <event2/event.h>

#include "flow/bev_lane.h"
#include "flow/leave.h"
#include "flow/promote.h"

/* ---- what is lent ---- */

/* Replaces what is lent in the output by copies that are libevent's own.
 * False without memory: nothing has changed. */
static bool own_output(const lt_level *top)
{
	struct evbuffer *output = bufferevent_get_output(top->bev), *copy = evbuffer_new();
	size_t bytes = evbuffer_get_length(output);
	struct evbuffer_iovec space;
	bool ok = copy && (bytes == 0 || evbuffer_reserve_space(copy, (ev_ssize_t)bytes, &space, 1) == 1);

	if (ok && bytes > 0) {
		space.iov_len = bytes;
		evbuffer_unfreeze(output, 1);
		evbuffer_remove(output, space.iov_base, bytes);
		if (lt_level_freezes(top))
			evbuffer_freeze(output, 1);
		evbuffer_commit_space(copy, &space, 1);
		evbuffer_add_buffer(output, copy);
	}
	if (copy)
		evbuffer_free(copy);
	return ok;
}

/* ---- what was heard ---- */

/* Nothing more will come, which is no error of the transport's. */
static bool has_ended(const lt_bev *s)
{
	return s->ended || s->cut_short || leat_error_is(s->read_error, LEAT_TRUNCATED);
}

/* Whether who reads it next hears that. */
static bool is_said_again(const lt_bev *s)
{
	const lt_level *bottom = lt_levels_bottom(&s->levels), *ssl = lt_levels_ssl(&s->levels);

	if (ssl == bottom) /* it looks when its descriptor has something */
		return lt_levels_fd_ready(&s->levels, EV_READ);
	if (ssl && (s->ended || leat_error_is(s->read_error, LEAT_PROTOCOL)))
		return true;
	return bottom->kind == LT_LEVEL_SOCKET && has_ended(s);
}

/* What libevent said and nobody will say again; 0: nothing. */
static short unheard(const lt_bev *s)
{
	bool failed = leat_error_set(s->read_error) && !leat_error_is(s->read_error, LEAT_TIMEOUT);

	if ((!failed && !has_ended(s)) || is_said_again(s))
		return 0;
	if (s->ended)
		return BEV_EVENT_READING | BEV_EVENT_EOF;
	/* of one that was cut short libevent says no more than that */
	return has_ended(s) ? BEV_EVENT_ERROR : BEV_EVENT_READING | BEV_EVENT_ERROR;
}

/* At an end libevent stops reading the descriptor, whatever is switched on above it. */
static void have_it_read(const lt_bev *s)
{
	const lt_level *bottom = lt_levels_bottom(&s->levels);

	if (s->levels.count > 1 && bottom->kind == LT_LEVEL_SOCKET && has_ended(s))
		bufferevent_enable(bottom->bev, EV_READ);
}

/* ---- giving back ---- */

/* Of a flow in this lane. */
static leat_error give_back(leat_flow *flow, lt_bev *s, struct bufferevent **bev)
{
	leat_bufs kept = { 0 }, queue = { 0 };
	leat_error error = leat_error_core(LEAT_NOMEM), read_error = s->read_error;
	short enabled = bufferevent_get_enabled(s->top), again = unheard(s);

	if (s->orphaned && !s->orphan_told) /* an event of ours is under way in libevent */
		return leat_error_core(LEAT_BUSY);
	bufferevent_disable(s->top, EV_READ | EV_WRITE);
	if (!s->lends || own_output(s->levels.level))
		error = lt_flow_leave(flow, &kept, &queue);
	if (leat_error_set(error)) {
		bufferevent_enable(s->top, enabled);
		return error;
	}
	have_it_read(s);
	error = lt_bev_hand_back(lt_bev_let_go(s), &kept, &queue, bev);
	if (again && *bev)
		lt_bev_say_again(*bev, again, read_error);
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

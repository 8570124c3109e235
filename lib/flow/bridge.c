/* SPDX-License-Identifier: ISC */
/* bridge - a bufferevent over any flow
 *
 * Kinds of bufferevent cannot be added from outside of libevent, so one is put
 * together: a filter, which the user has, over one half of a pair.
 *
 *	user's code  <->  bev (filter)  <->  below (half) = feed (other half)
 *	                    | output   ^ input
 *	                    v          |
 *	                  flow       arrived
 *
 * No byte takes the way through the pair.  What is written stays in bev's output
 * until the flow takes it; what was read stays in `arrived` until bev takes it.
 * What the parts are for:
 *   - the filter's context is freed when the bufferevent is, and with its output
 *     still there: nothing else of libevent's tells of that;
 *   - the pair is a bell.  A byte written to feed goes over at once while bev
 *     reads - EV_READ on, below its watermark, not held by a filter above it -
 *     and else stays until bev does, so that hanging it asks whether anybody
 *     reads, and its going tells that somebody does.
 * That EV_WRITE is switched on again is told by nothing, so while bytes wait
 * for it, it is looked at, at growing intervals.
 *
 * All is done in the tail, at the end of the turn: libevent's callbacks wake it,
 * and ours.  It calls nothing of the user's but callbacks on the two evbuffers, and
 * holds the bufferevent meanwhile.
 */
#include <errno.h>

#include <leat/bridge.h>

#include "flow/bridge_errno.h"
#include "flow/bridge_own.h"

/* its types come from those above */
#include <event2/bufferevent_struct.h>

static void cancel(leat_io **slot)
{
	leat_io *io = *slot;

	*slot = NULL;
	leat_io_cancel(io);
}

void lt_bridge_tell(lt_bridge *b, short what, leat_error error)
{
	if (leat_error_set(error))
		what |= BEV_EVENT_ERROR;
	bufferevent_disable(b->bev, what & BEV_EVENT_READING ? EV_READ : EV_WRITE);
	errno = lt_bridge_errno(error);
	bufferevent_trigger_event(b->bev, what, 0);
}

/* ---- in between ---- */

static void never(struct bufferevent *below, short what, void *arg)
{
	(void)below;
	(void)what;
	(void)arg;
}

/* From bufferevent_free until libevent's next turn, where the context is freed:
 * bev must not be touched, for libevent would end it twice.  What is below it
 * has been freed by then, but for a reference of bev's, and so lost the callback
 * that was its mark. */
static bool is_going(const lt_bridge *b)
{
	bufferevent_event_cb mark = NULL;

	bufferevent_getcb(b->below, NULL, NULL, &mark, NULL);
	return mark != never;
}

static void on_tail(lt_tail *tail)
{
	lt_bridge *b = (lt_bridge *)(void *)((char *)tail - offsetof(lt_bridge, tail));

	if (is_going(b))
		return;
	bufferevent_incref(b->bev);
	lt_bridge_send_out(b);
	lt_bridge_bring_in(b);
	bufferevent_decref(b->bev);
}

/* ---- the end ---- */

/* What was written and not handed on: in one buf, since a flow takes one write
 * at a time. */
static leat_buf *leftover(lt_bridge *b)
{
	struct evbuffer *output = bufferevent_get_output(b->bev);
	leat_flow_info info = { .size = sizeof info };
	size_t held = 0, bytes = evbuffer_get_length(output);
	unsigned char *space;
	leat_buf *all;

	cancel(&b->writing);
	leat_flow_info_get(b->flow, &info);
	if (b->sending && info.cancelled_write == LEAT_WRITE_WITHDRAWN)
		held = leat_buf_size(b->sending);
	all = leat_buf_new(b->object.loop, held + bytes);
	space = leat_buf_space(all);
	if (space && held > 0)
		memcpy(space, leat_buf_data(b->sending), held);
	if (space && bytes > 0)
		evbuffer_remove(output, space + held, bytes);
	return all;
}

static leat_io *let_be(void *ctx, leat_result *result)
{
	return NULL;
}

/* Goes on by itself.  A failure is unhandled where bytes may be lost by it and the
 * user was not told of one before. */
static void go_on(const lt_bridge *b, leat_io *io, size_t unsent)
{
	if (b->told || unsent == 0)
		io = leat_io_branch(io, let_be, let_be, leat_ctx_none());
	leat_io_detach(io);
}

/* What was accepted by then is gone. */
static bool has_failed(const leat_flow *flow)
{
	return flow->rare && leat_error_set(flow->rare->write_error);
}

/* Whoever lingers or has gone took all there was; who was not told of the end did not. */
static leat_io *on_closed(void *ctx, leat_result *result)
{
	leat_flow *flow = ctx;

	return lt_flow_write_failed_here(flow) ? leat_io_fail(leat_result_loop(result), flow->rare->write_error) : NULL;
}

static void say_goodbye(lt_bridge *b)
{
	leat_buf *all = leftover(b);
	leat_flow_info info = { .size = sizeof info };
	leat_io *closed;
	bool lost;

	if (b->cut || leat_buf_failed(all)) {
		leat_flow_abort(b->flow);
		if (!b->cut)
			go_on(b, leat_io_fail(b->object.loop, leat_error_core(LEAT_NOMEM)), 1);
		leat_buf_unref(all);
		return;
	}
	if (leat_buf_size(all) > 0)
		go_on(b, leat_flow_send(b->flow, all), 1);
	else
		leat_buf_unref(all);
	leat_flow_info_get(b->flow, &info);
	lost = info.queued_bytes > 0 || (info.written_bytes > 0 && has_failed(b->flow));
	closed = leat_flow_close(b->flow);
	if (!lost)
		closed = leat_io_then(closed, on_closed, leat_ctx_flow(leat_flow_ref(b->flow)));
	go_on(b, closed, 1);
}

static void part(lt_bridge *b)
{
	lt_loop_not_at_end(b->object.loop, &b->tail);
	cancel(&b->reading);
	cancel(&b->writing);
	cancel(&b->looking);
	lt_bridge_drop_sent(b);
	if (b->flow)
		leat_flow_unref(b->flow);
	b->flow = NULL;
}

static void fail_both(lt_bridge *b)
{
	struct bufferevent *bev = b->bev;
	struct evbuffer *output = bufferevent_get_output(bev);

	bufferevent_incref(bev);
	bufferevent_disable(bev, EV_READ | EV_WRITE);
	evbuffer_drain(output, evbuffer_get_length(output));
	errno = ECANCELED;
	bufferevent_trigger_event(bev, BEV_EVENT_READING | BEV_EVENT_WRITING | BEV_EVENT_ERROR, 0);
	bufferevent_decref(bev);
}

/* The loop ends, or the bufferevent has been freed. */
static void bridge_end(lt_object *object)
{
	lt_bridge *b = (lt_bridge *)object;

	if (b->flow && b->bev)
		leat_flow_abort(b->flow);
	part(b);
	if (b->bev && !is_going(b))
		fail_both(b);
}

/* The filter's context is freed: bev is on its way out, its output still there. */
static void on_freed(void *ctx)
{
	lt_bridge *b = ctx;

	if (b->flow)
		say_goodbye(b);
	b->bev = NULL;
	if (b->feed)
		bufferevent_free(b->feed);
	evbuffer_free(b->arrived);
	lt_object_free(&b->object);
}

/* ---- the beginning ---- */

static const lt_object_ops bridge_ops = { .name = "bridge", .end = bridge_end };

/* A flow that adopted the bufferevent cuts it so. */
static void on_feed_event(struct bufferevent *feed, short what, void *arg)
{
	lt_bridge *b = arg;

	(void)feed;
	b->cut |= (what & BEV_EVENT_ERROR) != 0;
}

/* What is made before bev is freed with it; false: something is missing. */
static bool put_together(lt_bridge *b, struct event_base *base)
{
	struct bufferevent *ends[2];

	if (bufferevent_pair_new(base, 0, ends) < 0)
		return false;
	b->below = ends[0];
	b->feed = ends[1];
	b->bev = bufferevent_filter_new(b->below, lt_bridge_take_in, lt_bridge_take_out, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS,
	                                on_freed, b);
	if (!b->bev)
		return false;
	bufferevent_setcb(b->below, NULL, NULL, never, NULL);
	bufferevent_setcb(b->feed, NULL, NULL, on_feed_event, b);
	event_assign(&b->bev->ev_write, base, -1, EV_FINALIZE, lt_bridge_on_write_timeout, b);
	return evbuffer_add_cb(bufferevent_get_output(b->bev), lt_bridge_on_output, b) &&
	       evbuffer_add_cb(bufferevent_get_output(b->feed), lt_bridge_on_bell, b);
}

static void take_apart(lt_bridge *b)
{
	if (b->bev) {
		bufferevent_free(b->bev); /* the rest goes with it */
		return;
	}
	if (b->below)
		bufferevent_free(b->below);
	if (b->feed)
		bufferevent_free(b->feed);
	if (b->arrived)
		evbuffer_free(b->arrived);
	lt_object_free(&b->object);
}

struct bufferevent *leat_bridge_new_at(leat_flow *flow, const char *where)
{
	leat_loop *loop = leat_flow_loop(flow);
	leat_flow *mine = leat_flow_take(flow);
	lt_bridge *b = lt_object_new(loop, &bridge_ops, sizeof *b, where);

	if (!b->object.dead && (b->arrived = evbuffer_new()) && put_together(b, leat_loop_base(loop))) {
		b->flow = mine;
		b->tail.run = on_tail;
		lt_bridge_wake(b);
		return b->bev;
	}
	leat_flow_abort(mine);
	leat_flow_unref(mine);
	if (b->object.dead)
		lt_object_free(&b->object);
	else
		take_apart(b);
	return NULL;
}

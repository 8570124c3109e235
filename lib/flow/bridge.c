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
 * All is done in the tail, at the end of the turn: libevent's callbacks wake it.
 * It calls nothing of the user's.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

/* its types come from those above */
#include <event2/bufferevent_struct.h>

#include <leat/bridge.h>

#include "flow/bridge_errno.h"
#include "flow/flow.h"
#include "io/object.h"

enum {
	SEND_BYTES = 64 * 1024, /* at once, to the flow */
	LOOK_MS = 1,            /* whether EV_WRITE is on: first after that long */
	LOOK_MOST_MS = 128,
};

typedef struct lt_bridge {
	lt_object object;           /* its handle is bev */
	leat_flow *flow;            /* NULL: ended */
	struct bufferevent *bev, *below, *feed;
	struct evbuffer *arrived;   /* and not yet taken by bev */
	leat_io *reading, *writing, *looking;
	leat_buf *sending;          /* what `writing` waits for */
	lt_tail tail;
	leat_error read_error;
	int64_t look_ms;
	bool ended;                 /* reading, in order or by the error */
	bool ringing;               /* the bell is being hung */
	bool forced;                /* bufferevent_flush: whatever EV_WRITE says */
	bool finishing, finished;   /* no more will be written: asked, done */
	bool broken;                /* writing has failed */
	bool cut;                   /* who adopted the bufferevent aborts */
} lt_bridge;

static void wake(lt_bridge *b)
{
	if (!b->object.dead)
		lt_loop_at_end(b->object.loop, &b->tail);
}

/* Its continuation runs: nobody holds it any more. */
static void let_go(leat_io **slot)
{
	leat_io *io = *slot;

	*slot = NULL;
	leat_io_detach(io);
}

static void cancel(leat_io **slot)
{
	leat_io *io = *slot;

	*slot = NULL;
	leat_io_cancel(io);
}

/* Whether it settled at once, or there was no memory for its continuation. */
static bool is_there(leat_io **slot, leat_error *why)
{
	leat_result result;

	if (!leat_io_try(*slot, &result))
		return false;
	*slot = NULL;
	*why = leat_result_error(&result);
	leat_result_clear(&result);
	return true;
}

/* ---- what the user is told ---- */

static void tell(lt_bridge *b, short what, leat_error error)
{
	if (leat_error_set(error))
		what |= BEV_EVENT_ERROR;
	bufferevent_disable(b->bev, what & BEV_EVENT_READING ? EV_READ : EV_WRITE);
	errno = lt_bridge_errno(error);
	bufferevent_trigger_event(b->bev, what, 0);
}

static void tell_end(lt_bridge *b)
{
	tell(b, leat_error_set(b->read_error) ? BEV_EVENT_READING : BEV_EVENT_READING | BEV_EVENT_EOF, b->read_error);
}

static void break_writing(lt_bridge *b, leat_error error)
{
	b->broken = true;
	tell(b, BEV_EVENT_WRITING, error);
}

/* ---- from the flow ---- */

static void end_reading(lt_bridge *b, leat_error error)
{
	b->ended = true;
	b->read_error = error;
}

static leat_io *on_read(void *ctx, leat_result *result)
{
	lt_bridge *b = ctx;
	leat_buf *buf = leat_result_buf(result);

	let_go(&b->reading);
	if (!buf)
		end_reading(b, (leat_error){ 0 });
	else if (evbuffer_add(b->arrived, leat_buf_data(buf), leat_buf_size(buf)) < 0)
		end_reading(b, leat_error_core(LEAT_NOMEM));
	leat_buf_unref(buf);
	wake(b);
	return NULL;
}

static leat_io *on_read_failed(void *ctx, leat_result *result)
{
	lt_bridge *b = ctx;

	let_go(&b->reading);
	end_reading(b, leat_result_error(result));
	wake(b);
	return NULL;
}

static void start_reading(lt_bridge *b)
{
	const char *where = b->object.where;
	leat_error why;

	b->reading = leat_io_branch_at(leat_flow_read_at(b->flow, where), on_read, on_read_failed, leat_ctx_borrow(b), where);
	if (is_there(&b->reading, &why)) {
		end_reading(b, why);
		wake(b);
	}
}

/* Whether the user reads.  If not, the bell hangs from now on. */
static bool hears(lt_bridge *b)
{
	struct evbuffer *bell = bufferevent_get_output(b->feed), *rung = bufferevent_get_input(b->below);
	bool hung;

	if (evbuffer_get_length(bell) > 0)
		return false;
	b->ringing = true;
	hung = evbuffer_add_reference(bell, "!", 1, NULL, NULL) == 0;
	b->ringing = false;
	evbuffer_drain(rung, evbuffer_get_length(rung));
	if (!hung && !b->ended)
		end_reading(b, leat_error_core(LEAT_NOMEM));
	return evbuffer_get_length(bell) == 0;
}

static void on_bell(struct evbuffer *bell, const struct evbuffer_cb_info *info, void *arg)
{
	lt_bridge *b = arg;

	(void)bell;
	if (info->n_deleted > 0 && !b->ringing)
		wake(b);
}

/* The filter's way in: libevent says how much there is room for. */
static enum bufferevent_filter_result take_in(struct evbuffer *below, struct evbuffer *input, ev_ssize_t room,
                                              enum bufferevent_flush_mode mode, void *ctx)
{
	lt_bridge *b = ctx;
	size_t bytes = evbuffer_get_length(b->arrived);

	(void)below;
	(void)mode;
	if (room >= 0 && bytes > (size_t)room)
		bytes = (size_t)room;
	return bytes > 0 && evbuffer_remove_buffer(b->arrived, input, bytes) > 0 ? BEV_OK : BEV_NEED_MORE;
}

static void hand_over(lt_bridge *b)
{
	bufferevent_flush(b->bev, EV_READ, BEV_NORMAL);
	bufferevent_trigger(b->bev, EV_READ, 0);
}

static void bring_in(lt_bridge *b)
{
	if (!hears(b))
		return;
	if (evbuffer_get_length(b->arrived) > 0) {
		hand_over(b);
		if (!hears(b))
			return;
	}
	if (evbuffer_get_length(b->arrived) > 0)
		wake(b);
	else if (!b->ended && !b->reading)
		start_reading(b);
	else if (b->ended) {
		tell_end(b);
		hears(b); /* the bell tells when it is to be said again */
	}
}

/* ---- to the flow ---- */

static void drop_sent(lt_bridge *b)
{
	leat_buf_unref(b->sending);
	b->sending = NULL;
}

static leat_io *on_sent(void *ctx, leat_result *result)
{
	lt_bridge *b = ctx;

	let_go(&b->writing);
	drop_sent(b);
	wake(b);
	return NULL;
}

static leat_io *on_unsent(void *ctx, leat_result *result)
{
	lt_bridge *b = ctx;

	break_writing(b, leat_result_error(result));
	return on_sent(ctx, result);
}

static void send_some(lt_bridge *b, struct evbuffer *output)
{
	size_t bytes = evbuffer_get_length(output);
	leat_buf *buf = leat_buf_new(b->object.loop, bytes < SEND_BYTES ? bytes : SEND_BYTES);
	leat_error why = leat_error_core(LEAT_NOMEM);
	bool settled = leat_buf_failed(buf);

	if (!settled) {
		evbuffer_remove(output, leat_buf_space(buf), leat_buf_size(buf));
		b->sending = leat_buf_ref(buf);
		b->writing = leat_flow_send_at(b->flow, leat_buf_ref(buf), b->object.where);
		settled = is_there(&b->writing, &why);
	}
	leat_buf_unref(buf);
	if (!settled) {
		b->writing = leat_io_branch(b->writing, on_sent, on_unsent, leat_ctx_borrow(b));
		settled = is_there(&b->writing, &why);
	}
	if (settled)
		drop_sent(b);
	if (settled && leat_error_set(why))
		break_writing(b, why);
}

static bool may_send(const lt_bridge *b)
{
	return b->forced || (bufferevent_get_enabled(b->bev) & EV_WRITE);
}

/* As if it were a write of nothing, and the last. */
static void finish(lt_bridge *b)
{
	leat_error why;

	b->finished = true;
	b->writing = leat_io_branch(leat_flow_shutdown(b->flow, LEAT_WRITE), on_sent, on_unsent, leat_ctx_borrow(b));
	if (is_there(&b->writing, &why) && leat_error_set(why))
		break_writing(b, why);
}

/* Its deadline is libevent's timer for it, which a filter lets run while there
 * is nothing to write, and does not start when there is. */
static void pace(lt_bridge *b, bool progress)
{
	struct bufferevent *bev = b->bev;
	bool waits = evbuffer_get_length(bufferevent_get_output(bev)) > 0 && (bufferevent_get_enabled(bev) & EV_WRITE);

	if (!evutil_timerisset(&bev->timeout_write))
		return;
	if (!waits)
		event_del(&bev->ev_write);
	else if (progress || !event_pending(&bev->ev_write, EV_TIMEOUT, NULL))
		event_add(&bev->ev_write, &bev->timeout_write);
}

static void on_write_timeout(evutil_socket_t fd, short what, void *arg)
{
	lt_bridge *b = arg;

	(void)fd;
	(void)what;
	if (evbuffer_get_length(bufferevent_get_output(b->bev)) == 0)
		return;
	bufferevent_disable(b->bev, EV_WRITE);
	bufferevent_trigger_event(b->bev, BEV_EVENT_WRITING | BEV_EVENT_TIMEOUT, 0);
	wake(b);
}

static leat_io *on_look(void *ctx, leat_result *result)
{
	lt_bridge *b = ctx;

	let_go(&b->looking);
	wake(b);
	return NULL;
}

/* Without memory for that, EV_WRITE holds nothing back. */
static void look_again(lt_bridge *b)
{
	leat_error why;

	if (b->looking)
		return;
	b->look_ms = b->look_ms ? b->look_ms * 2 : LOOK_MS;
	if (b->look_ms > LOOK_MOST_MS)
		b->look_ms = LOOK_MOST_MS;
	b->looking = leat_io_then(leat_sleep(b->object.loop, b->look_ms), on_look, leat_ctx_borrow(b));
	if (is_there(&b->looking, &why)) {
		b->forced = true;
		wake(b);
	}
}

static void send_out(lt_bridge *b)
{
	struct evbuffer *output = bufferevent_get_output(b->bev);
	size_t before = evbuffer_get_length(output), left;

	while (!b->writing && !b->broken && evbuffer_get_length(output) > 0 && may_send(b))
		send_some(b, output);
	if (b->broken)
		evbuffer_drain(output, evbuffer_get_length(output));
	left = evbuffer_get_length(output);
	if (left < before)
		bufferevent_trigger(b->bev, EV_WRITE, 0);
	pace(b, left < before);
	if (left > 0 && !may_send(b)) {
		look_again(b);
		return;
	}
	b->look_ms = 0;
	if (left > 0 || b->writing)
		return;
	b->forced = false;
	if (b->finishing && !b->finished && !b->broken)
		finish(b);
}

static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
	lt_bridge *b = arg;

	if (info->n_added > 0 && b->object.dead)
		evbuffer_drain(output, evbuffer_get_length(output));
	else if (info->n_added > 0)
		wake(b);
}

/* The filter's way out: takes nothing, but hears of flushes, which are tried at
 * once. */
static enum bufferevent_filter_result take_out(struct evbuffer *output, struct evbuffer *below, ev_ssize_t room,
                                               enum bufferevent_flush_mode mode, void *ctx)
{
	lt_bridge *b = ctx;

	(void)output;
	(void)below;
	(void)room;
	b->finishing |= mode == BEV_FINISHED;
	if (mode != BEV_NORMAL && b->flow) {
		b->forced = true;
		send_out(b);
	}
	return BEV_NEED_MORE;
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
	send_out(b);
	bring_in(b);
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
	if (b->broken || leat_error_set(b->read_error) || unsent == 0)
		io = leat_io_branch(io, let_be, let_be, leat_ctx_none());
	leat_io_detach(io);
}

static void say_goodbye(lt_bridge *b)
{
	leat_buf *all = leftover(b);
	leat_flow_info info = { .size = sizeof info };

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
	go_on(b, leat_flow_close(b->flow), info.queued_bytes);
}

static void part(lt_bridge *b)
{
	lt_loop_not_at_end(b->object.loop, &b->tail);
	cancel(&b->reading);
	cancel(&b->writing);
	cancel(&b->looking);
	drop_sent(b);
	if (b->flow)
		leat_flow_unref(b->flow);
	b->flow = NULL;
}

static void fail_both(lt_bridge *b)
{
	bufferevent_disable(b->bev, EV_READ | EV_WRITE);
	evbuffer_drain(bufferevent_get_output(b->bev), evbuffer_get_length(bufferevent_get_output(b->bev)));
	errno = ECANCELED;
	bufferevent_trigger_event(b->bev, BEV_EVENT_READING | BEV_EVENT_WRITING | BEV_EVENT_ERROR, 0);
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
	b->bev = bufferevent_filter_new(b->below, take_in, take_out, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS,
	                                on_freed, b);
	if (!b->bev)
		return false;
	bufferevent_setcb(b->below, NULL, NULL, never, NULL);
	bufferevent_setcb(b->feed, NULL, NULL, on_feed_event, b);
	event_assign(&b->bev->ev_write, base, -1, EV_FINALIZE, on_write_timeout, b);
	return evbuffer_add_cb(bufferevent_get_output(b->bev), on_output, b) &&
	       evbuffer_add_cb(bufferevent_get_output(b->feed), on_bell, b);
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
		wake(b);
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

/* SPDX-License-Identifier: ISC */
/* bridge_out - what is written to a bridge's bufferevent is sent to its flow */
#include "flow/bridge_own.h"

/* its types come from those above */
#include <event2/bufferevent_struct.h>

enum {
	SEND_BYTES = 64 * 1024, /* at once, to the flow */
	LOOK_MS = 1,            /* whether EV_WRITE is on: first after that long */
	LOOK_MOST_MS = 128,
};

/* The tail tells of it. */
static void break_writing(lt_bridge *b, leat_error error)
{
	b->broken = true;
	b->write_error = error;
	lt_bridge_wake(b);
}

static leat_io *on_sent(void *ctx, leat_result *result)
{
	lt_bridge *b = ctx;

	lt_bridge_let_go(&b->writing);
	lt_bridge_drop_sent(b);
	lt_bridge_wake(b);
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
		settled = lt_bridge_is_there(&b->writing, &why);
	}
	leat_buf_unref(buf);
	if (!settled) {
		b->writing = leat_io_branch(b->writing, on_sent, on_unsent, leat_ctx_borrow(b));
		settled = lt_bridge_is_there(&b->writing, &why);
	}
	if (settled)
		lt_bridge_drop_sent(b);
	if (settled && leat_error_set(why))
		break_writing(b, why);
}

static bool may_send(const lt_bridge *b)
{
	return b->forced || (bufferevent_get_enabled(b->bev) & EV_WRITE);
}

/* A shutdown resolves also where the stream broke first: a flush tells. */
static leat_io *on_shut(void *ctx, leat_result *result)
{
	lt_bridge *b = ctx;

	(void)result;
	return leat_flow_flush_at(b->flow, b->object.where);
}

/* As if it were a write of nothing, and the last. */
static void finish(lt_bridge *b)
{
	leat_io *shut = leat_flow_shutdown_at(b->flow, LEAT_WRITE, b->object.where);
	leat_error why;

	b->finished = true;
	b->writing = leat_io_branch(leat_io_then(shut, on_shut, leat_ctx_borrow(b)), on_sent, on_unsent, leat_ctx_borrow(b));
	if (lt_bridge_is_there(&b->writing, &why) && leat_error_set(why))
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

void lt_bridge_on_write_timeout(evutil_socket_t fd, short what, void *arg)
{
	lt_bridge *b = arg;

	(void)fd;
	(void)what;
	if (evbuffer_get_length(bufferevent_get_output(b->bev)) == 0)
		return;
	bufferevent_disable(b->bev, EV_WRITE);
	bufferevent_trigger_event(b->bev, BEV_EVENT_WRITING | BEV_EVENT_TIMEOUT, 0);
	lt_bridge_wake(b);
}

static leat_io *on_look(void *ctx, leat_result *result)
{
	lt_bridge *b = ctx;

	lt_bridge_let_go(&b->looking);
	lt_bridge_wake(b);
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
	if (lt_bridge_is_there(&b->looking, &why)) {
		b->forced = true;
		lt_bridge_wake(b);
	}
}

static void be_broken(lt_bridge *b, struct evbuffer *output)
{
	if (!b->told_writing) {
		b->told = b->told_writing = true;
		lt_bridge_tell(b, BEV_EVENT_WRITING, b->write_error);
	}
	evbuffer_drain(output, evbuffer_get_length(output));
}

static void send_out(lt_bridge *b)
{
	struct evbuffer *output = bufferevent_get_output(b->bev);
	size_t before = evbuffer_get_length(output), left;

	while (!b->writing && !b->broken && evbuffer_get_length(output) > 0 && may_send(b))
		send_some(b, output);
	if (b->broken)
		be_broken(b, output);
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

/* Taking from the output runs callbacks on it, which may flush: that is done afterwards. */
void lt_bridge_send_out(lt_bridge *b)
{
	if (b->sends) {
		lt_bridge_wake(b);
		return;
	}
	b->sends = true;
	send_out(b);
	b->sends = false;
}

void lt_bridge_on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
	lt_bridge *b = arg;

	if (info->n_added > 0 && b->object.dead)
		evbuffer_drain(output, evbuffer_get_length(output));
	else if (info->n_added > 0)
		lt_bridge_wake(b);
}

/* The filter's way out: takes nothing, but hears of flushes, which are tried at
 * once. */
enum bufferevent_filter_result lt_bridge_take_out(struct evbuffer *output, struct evbuffer *below, ev_ssize_t room,
                                               enum bufferevent_flush_mode mode, void *ctx)
{
	lt_bridge *b = ctx;

	(void)output;
	(void)below;
	(void)room;
	b->finishing |= mode == BEV_FINISHED;
	if (mode != BEV_NORMAL && b->flow) {
		b->forced = true;
		lt_bridge_send_out(b);
	}
	return BEV_NEED_MORE;
}

/* SPDX-License-Identifier: ISC */
/* bridge_in - what arrives at a bridge's flow is brought to its bufferevent */
#include "flow/bridge_own.h"

static void tell_end(lt_bridge *b)
{
	b->told |= leat_error_set(b->read_error);
	lt_bridge_tell(b, leat_error_set(b->read_error) ? BEV_EVENT_READING : BEV_EVENT_READING | BEV_EVENT_EOF, b->read_error);
}

static void end_reading(lt_bridge *b, leat_error error)
{
	b->ended = true;
	b->read_error = error;
}

static leat_io *on_read(void *ctx, leat_result *result)
{
	lt_bridge *b = ctx;
	leat_buf *buf = leat_result_buf(result);

	lt_bridge_let_go(&b->reading);
	if (!buf)
		end_reading(b, (leat_error){ 0 });
	else if (evbuffer_add(b->arrived, leat_buf_data(buf), leat_buf_size(buf)) < 0)
		end_reading(b, leat_error_core(LEAT_NOMEM));
	leat_buf_unref(buf);
	lt_bridge_wake(b);
	return NULL;
}

static leat_io *on_read_failed(void *ctx, leat_result *result)
{
	lt_bridge *b = ctx;

	lt_bridge_let_go(&b->reading);
	end_reading(b, leat_result_error(result));
	lt_bridge_wake(b);
	return NULL;
}

static void start_reading(lt_bridge *b)
{
	const char *where = b->object.where;
	leat_error why;

	b->reading = leat_io_branch_at(leat_flow_read_at(b->flow, where), on_read, on_read_failed, leat_ctx_borrow(b), where);
	if (lt_bridge_is_there(&b->reading, &why)) {
		end_reading(b, why);
		lt_bridge_wake(b);
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

void lt_bridge_on_bell(struct evbuffer *bell, const struct evbuffer_cb_info *info, void *arg)
{
	lt_bridge *b = arg;

	(void)bell;
	if (info->n_deleted > 0 && !b->ringing)
		lt_bridge_wake(b);
}

/* The filter's way in: libevent says how much there is room for. */
enum bufferevent_filter_result lt_bridge_take_in(struct evbuffer *below, struct evbuffer *input, ev_ssize_t room,
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

void lt_bridge_bring_in(lt_bridge *b)
{
	if (!hears(b))
		return;
	if (evbuffer_get_length(b->arrived) > 0) {
		hand_over(b);
		if (!hears(b))
			return;
	}
	if (evbuffer_get_length(b->arrived) > 0)
		lt_bridge_wake(b);
	else if (!b->ended && !b->reading)
		start_reading(b);
	else if (b->ended) {
		tell_end(b);
		hears(b); /* the bell tells when it is to be said again */
	}
}

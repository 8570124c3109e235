/* SPDX-License-Identifier: ISC */
/* promote - from a plain socket bufferevent to the socket lane, and back */
#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

/* its types come from those above */
#include <event2/bufferevent_struct.h>

#include "flow/bridge_errno.h"
#include "flow/leave.h"
#include "flow/levels.h"
#include "flow/promote.h"
#include "flow/socket.h"

/* A socket's descriptor is ours as the bufferevent is, whatever the option
 * says that libevent closes it by; and it is closed now, not in a later turn.
 * What lies under a filter goes by the filter's option. */
void lt_bev_end(struct bufferevent *top, bool is_socket)
{
	int fd = is_socket ? bufferevent_getfd(top) : -1;

	if (fd >= 0) {
		bufferevent_setfd(top, -1);
		close(fd);
	}
	bufferevent_free(top);
}

/* ---- to the fast lane ---- */

static void on_probe(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	*(bool *)arg = true;
}

/* Whether events are told at once; one that comes later may be pending. */
static bool tells_at_once(struct bufferevent *bev)
{
	bool told = false;

	bufferevent_setcb(bev, NULL, NULL, on_probe, &told);
	bufferevent_trigger_event(bev, 0, 0);
	bufferevent_setcb(bev, NULL, NULL, NULL, NULL);
	return told;
}

/* A limit of its own can be asked for; that of a group only seen by it. */
static bool is_unlimited(struct bufferevent *bev)
{
	ev_ssize_t single = bufferevent_get_max_single_read(bev);
	bool unlimited;

	bufferevent_set_max_single_read(bev, EV_SSIZE_MAX);
	unlimited = bufferevent_get_max_to_read(bev) == EV_SSIZE_MAX;
	bufferevent_set_max_single_read(bev, (size_t)single);
	return unlimited && !bufferevent_get_token_bucket_cfg(bev);
}

static bool is_stream(int fd)
{
	struct sockaddr_storage peer;
	socklen_t bytes = sizeof peer;
	int type = 0;
	socklen_t type_bytes = sizeof type;

	return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_bytes) == 0 && type == SOCK_STREAM &&
	       getpeername(fd, (struct sockaddr *)&peer, &bytes) == 0;
}

bool lt_bev_is_plain(leat_loop *loop, struct bufferevent *bev)
{
	return lt_level_kind_of(loop, bev) == LT_LEVEL_SOCKET && is_stream(bufferevent_getfd(bev)) &&
	       evbuffer_get_length(bufferevent_get_output(bev)) == 0 && !evutil_timerisset(&bev->timeout_read) &&
	       !evutil_timerisset(&bev->timeout_write) && is_unlimited(bev) && tells_at_once(bev);
}

static leat_buf *all_of(leat_loop *loop, struct evbuffer *input)
{
	leat_buf *buf = leat_buf_new(loop, evbuffer_get_length(input));

	if (!leat_buf_failed(buf))
		evbuffer_remove(input, leat_buf_space(buf), leat_buf_size(buf));
	return buf;
}

/* The descriptor goes on without its bufferevent. */
leat_flow *lt_flow_promote(leat_loop *loop, struct bufferevent *bev, const char *where)
{
	int fd = bufferevent_getfd(bev);
	leat_buf *arrived = all_of(loop, bufferevent_get_input(bev));
	leat_flow *flow;

	if (leat_buf_failed(arrived)) {
		lt_bev_end(bev, true);
		return leat_flow_stillborn(loop, leat_error_make_at(&leat_core_errors, LEAT_NOMEM, where));
	}
	bufferevent_disable(bev, EV_READ | EV_WRITE);
	bufferevent_setfd(bev, -1);
	bufferevent_free(bev);
	evutil_make_socket_nonblocking(fd);
	flow = lt_flow_from_socket(loop, fd, where);
	flow->bits |= LT_F_PROMOTED;
	leat_flow_unread(flow, arrived);
	return flow;
}

/* ---- giving back ---- */

/* What a flow holds becomes libevent's.  False without memory: some of it may
 * be lost, and the bufferevent is of no use. */
static bool refill(struct bufferevent *bev, leat_bufs *kept, leat_bufs *queue)
{
	struct evbuffer *before = evbuffer_new(), *input = bufferevent_get_input(bev);
	leat_buf *buf;
	bool ok = before;

	while ((buf = leat_bufs_take(kept))) {
		ok = ok && evbuffer_add(before, leat_buf_data(buf), leat_buf_size(buf)) == 0;
		leat_buf_unref(buf);
	}
	if (ok && evbuffer_get_length(before) > 0)
		ok = evbuffer_prepend_buffer(input, before) == 0;
	while ((buf = leat_bufs_take(queue))) {
		ok = ok && bufferevent_write(bev, leat_buf_data(buf), leat_buf_size(buf)) == 0;
		leat_buf_unref(buf);
	}
	if (before)
		evbuffer_free(before);
	return ok;
}

leat_error lt_bev_hand_back(struct bufferevent *top, leat_bufs *kept, leat_bufs *queue, struct bufferevent **bev)
{
	*bev = top;
	if (refill(top, kept, queue))
		return (leat_error){ 0 };
	bufferevent_free(top);
	*bev = NULL;
	return leat_error_core(LEAT_NOMEM);
}

static void hear_it_later(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	(void)arg;
}

void lt_bev_say_again(struct bufferevent *bev, short what, leat_error error)
{
	EVUTIL_SET_SOCKET_ERROR(lt_bridge_errno(error));
	bufferevent_setcb(bev, NULL, NULL, hear_it_later, NULL); /* without one nothing is said later */
	bufferevent_trigger_event(bev, what, BEV_TRIG_DEFER_CALLBACKS);
	bufferevent_setcb(bev, NULL, NULL, NULL, NULL);
}

/* The kernel says an error once, an end to whoever reads. */
static leat_error said_once(const leat_flow *flow)
{
	bool failed = (flow->bits & LT_F_READ_ERROR) && flow->rare;

	return failed && !leat_error_is(flow->rare->read_error, LEAT_TIMEOUT) ? flow->rare->read_error : (leat_error){ 0 };
}

leat_error lt_flow_demote(leat_flow *flow, struct bufferevent **bev)
{
	struct bufferevent *top = bufferevent_socket_new(leat_loop_base(flow->loop), -1, BEV_OPT_CLOSE_ON_FREE);
	leat_bufs kept = { 0 }, queue = { 0 };
	leat_error read_error = said_once(flow), error = top ? lt_flow_leave(flow, &kept, &queue) : leat_error_core(LEAT_NOMEM);

	if (leat_error_set(error)) {
		if (top)
			bufferevent_free(top);
		return error;
	}
	bufferevent_disable(top, EV_READ | EV_WRITE);
	bufferevent_setfd(top, lt_socket_release(flow));
	error = lt_bev_hand_back(top, &kept, &queue, bev);
	if (leat_error_set(read_error) && *bev)
		lt_bev_say_again(*bev, BEV_EVENT_READING | BEV_EVENT_ERROR, read_error);
	return error;
}

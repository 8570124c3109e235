/* SPDX-License-Identifier: ISC */
/* bevrelay - the relay one writes with plain libevent, as its le-proxy shows it
 *
 *   bevrelay PORT BACKEND_PORT */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <signal.h>

#include "bench/listen.h"

enum { MOST = 512 * 1024 };	/* waiting to be sent, before it is read no further */

static const char *backend;

static void
on_drained(struct bufferevent *bev, void *peer)
{
	(void)bev;
	bufferevent_setwatermark(bev, EV_WRITE, 0, 0);
	if (peer)
		bufferevent_enable(peer, EV_READ);
}

static void
on_read(struct bufferevent *bev, void *peer)
{
	struct evbuffer *to;

	if (!peer)
		return;
	to = bufferevent_get_output(peer);
	evbuffer_add_buffer(to, bufferevent_get_input(bev));
	if (evbuffer_get_length(to) >= MOST) {
		bufferevent_setwatermark(peer, EV_WRITE, MOST / 2, MOST);
		bufferevent_disable(bev, EV_READ);
	}
}

static void
on_last(struct bufferevent *bev, void *ctx)
{
	(void)ctx;
	bufferevent_free(bev);
}

static void
on_event(struct bufferevent *bev, short what, void *peer)
{
	if (peer && (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))) {
		on_read(bev, peer);
		bufferevent_setcb(peer, NULL, on_last, on_event, NULL);
		bufferevent_setwatermark(peer, EV_WRITE, 0, 0);
		if (!evbuffer_get_length(bufferevent_get_output(peer)))
			bufferevent_free(peer);
	}
	bufferevent_free(bev);
}

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *a, int n, void *base)
{
	struct bufferevent *near = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	struct bufferevent *far = bufferevent_socket_new(base, dial_backend(backend), BEV_OPT_CLOSE_ON_FREE);

	(void)l, (void)a, (void)n;
	if (!near || !far)
		errx(1, "bufferevent_socket_new");
	bufferevent_setcb(near, on_read, on_drained, on_event, far);
	bufferevent_setcb(far, on_read, on_drained, on_event, near);
	bufferevent_enable(near, EV_READ | EV_WRITE);
	bufferevent_enable(far, EV_READ | EV_WRITE);
}

int
main(int argc, char **argv)
{
	struct event_base *base = event_base_new();

	if (argc != 3)
		errx(2, "usage: bevrelay PORT BACKEND_PORT");
	backend = argv[2];
	signal(SIGPIPE, SIG_IGN);
	if (!base || !evconnlistener_new(base, on_accept, base, LEV_OPT_CLOSE_ON_FREE, 0,
	    listen_on(argv[1])))
		errx(1, "libevent");
	return event_base_dispatch(base);
}

/* SPDX-License-Identifier: ISC */
/* bufferevent - the server one writes with plain libevent, as its examples show it */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <signal.h>

#include "bench/listen.h"

static enum mode mode;
static unsigned char block[BLOCK_BYTES];

static void
on_read(struct bufferevent *bev, void *ctx)
{
	struct evbuffer *in = bufferevent_get_input(bev);

	(void)ctx;
	if (mode == ECHO_BACK)
		bufferevent_write_buffer(bev, in);
	else
		evbuffer_drain(in, evbuffer_get_length(in));
}

static void
on_flushed(struct bufferevent *bev, void *ctx)
{
	(void)ctx;
	bufferevent_free(bev);
}

static void
on_writable(struct bufferevent *bev, void *ctx)
{
	(void)ctx;
	bufferevent_write(bev, block, sizeof block);
}

static void
on_event(struct bufferevent *bev, short what, void *ctx)
{
	if ((what & BEV_EVENT_EOF) && mode == ECHO_BACK &&
	    evbuffer_get_length(bufferevent_get_output(bev)))
		bufferevent_setcb(bev, NULL, on_flushed, on_event, ctx);
	else
		bufferevent_free(bev);
}

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *a, int n, void *base)
{
	struct bufferevent *bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);

	(void)l, (void)a, (void)n;
	if (!bev)
		errx(1, "bufferevent_socket_new");
	bufferevent_setcb(bev, on_read, mode == SOURCE ? on_writable : NULL, on_event, NULL);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
}

int
main(int argc, char **argv)
{
	struct event_base *base = event_base_new();

	mode = mode_of(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	if (!base || !evconnlistener_new(base, on_accept, base, LEV_OPT_CLOSE_ON_FREE, 0,
	    listen_on(argv[1])))
		errx(1, "libevent");
	return event_base_dispatch(base);
}

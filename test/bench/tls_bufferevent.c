/* SPDX-License-Identifier: ISC */
/* tls_bufferevent - the TLS server one writes with plain libevent, as its examples show it */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <openssl/ssl.h>
#include <signal.h>

#include "bench/listen.h"

static enum mode mode;
static unsigned char block[BLOCK_BYTES];
static SSL_CTX *ctx;

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);

	(void)arg;
	if (mode == ECHO_BACK)
		bufferevent_write_buffer(bev, in);
	else
		evbuffer_drain(in, evbuffer_get_length(in));
}

static void
on_writable(struct bufferevent *bev, void *arg)
{
	(void)arg;
	bufferevent_write(bev, block, sizeof block);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)arg;
	if (!(what & BEV_EVENT_CONNECTED))
		bufferevent_free(bev);
	else if (mode == SOURCE)
		bufferevent_write(bev, block, sizeof block);
}

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *a, int n, void *base)
{
	struct bufferevent *bev = bufferevent_openssl_socket_new(base, fd, SSL_new(ctx), BUFFEREVENT_SSL_ACCEPTING,
	    BEV_OPT_CLOSE_ON_FREE);

	(void)l, (void)a, (void)n;
	if (!bev)
		errx(1, "bufferevent_openssl_socket_new");
	bufferevent_setcb(bev, on_read, mode == SOURCE ? on_writable : NULL, on_event, NULL);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
}

int
main(int argc, char **argv)
{
	struct event_base *base = event_base_new();

	if (argc != 5)
		errx(2, "usage: %s PORT echo|sink|source CERT KEY", argv[0]);
	mode = mode_of(3, argv);
	signal(SIGPIPE, SIG_IGN);
	ctx = SSL_CTX_new(TLS_server_method());
	if (!ctx || SSL_CTX_use_certificate_chain_file(ctx, argv[3]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, argv[4], SSL_FILETYPE_PEM) != 1)
		errx(1, "%s, %s: no certificate", argv[3], argv[4]);
	if (!base || !evconnlistener_new(base, on_accept, base, LEV_OPT_CLOSE_ON_FREE, 0, listen_on(argv[1])))
		errx(1, "libevent");
	return event_base_dispatch(base);
}

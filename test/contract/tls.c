/* SPDX-License-Identifier: ISC */
/* tls - TLS over several kinds of flow, with a certificate made on the spot */
#include <event2/bufferevent.h>

#include <leat/tls.h>

#include "contract/kinds.h"
#include "support/certs.h"

/* Both sides' context; it lives until the program ends, and OpenSSL's own
 * allocations with it. */
static leat_tls *context(void)
{
	static leat_tls *tls;

	if (!tls) {
		struct cert cert = cert_new(&(struct cert_want){ .name = "leat.test" });
		SSL_CTX *made = cert_context(&cert, &cert);

		SSL_CTX_set_session_id_context(made, (const unsigned char *)"t", 1);
		tls = leat_tls_new(&(leat_tls_options){ .size = sizeof(leat_tls_options), .context = made });
		SSL_CTX_free(made);
		cert_free(&cert);
	}
	return tls;
}

static void unref(void *flow)
{
	leat_flow_unref(flow);
}

static leat_io *give(void *flow, leat_result *result)
{
	return leat_io_flow(leat_result_loop(result), leat_flow_ref(flow));
}

/* The client knows that it is done before its last word has left: were that lost, the
 * server would wait for it. */
static leat_io *and_flush(void *ctx, leat_result *result)
{
	leat_flow *flow = leat_result_flow(result);

	return leat_io_then(leat_flow_flush(flow), give, leat_ctx_own(flow, unref));
}

/* Takes the two ends. */
static bool shake(leat_loop *loop, leat_flow *below[2], leat_flow *ends[2])
{
	leat_tls_peer peer = { .size = sizeof peer, .host = "leat.test" };
	leat_io *client = leat_tls_client(below[0], context(), &peer);
	leat_io *both[2] = { leat_io_then(client, and_flush, leat_ctx_none()), leat_tls_server(below[1], context(), NULL) };
	leat_result result;
	bool made = leat_await(leat_io_all(loop, both, 2), &result);

	for (size_t i = 0; made && i < 2; i++)
		ends[i] = leat_result_flow(leat_result_each(&result, i));
	leat_result_clear(&result);
	return made;
}

bool make_tls_pair(leat_loop *loop, leat_flow *ends[2])
{
	leat_flow *below[2];

	leat_flow_pair(loop, below);
	return shake(loop, below, ends);
}

static void over_sockets(leat_loop *loop, leat_flow *ends[2])
{
	int fds[2] = { -1, -1 };

	if (!fds_tcp(fds))
		fds[0] = fds[1] = -1;
	for (int i = 0; i < 2; i++)
		ends[i] = leat_flow_from_fd(loop, fds[i]);
}

bool make_tls_socket(leat_loop *loop, leat_flow *ends[2])
{
	leat_flow *below[2];

	over_sockets(loop, below);
	return shake(loop, below, ends);
}

/* Timeouts keep it from being served by the socket lane. */
bool make_tls_bev(leat_loop *loop, leat_flow *ends[2])
{
	const struct timeval hour = { .tv_sec = 3600 };
	leat_flow *below[2];
	int fds[2];

	if (!fds_tcp(fds))
		return false;
	for (int i = 0; i < 2; i++) {
		struct bufferevent *bev = bufferevent_socket_new(leat_loop_base(loop), fds[i], BEV_OPT_CLOSE_ON_FREE);

		bufferevent_set_timeouts(bev, &hour, &hour);
		below[i] = leat_flow_from_bufferevent(loop, bev);
	}
	return shake(loop, below, ends);
}

bool make_tls_tls(leat_loop *loop, leat_flow *ends[2])
{
	leat_flow *below[2];

	return make_tls_socket(loop, below) && shake(loop, below, ends);
}

#ifdef HAVE_ZLIB
/* Over a pair. */
bool make_tls_zlib(leat_loop *loop, leat_flow *ends[2])
{
	leat_flow *below[2];

	return make_zlib_pair(loop, below) && shake(loop, below, ends);
}
#endif

/* SPDX-License-Identifier: ISC */
/* serve_tls - the handlers of the server to compare, behind a handshake */
#include <leat/tls.h>

#include "bench/serve_tls.h"

struct serve_tls {
	leat_tls *tls;
	leat_fn first;
};

static struct serve_tls the;

static void
unref(void *flow)
{
	leat_flow_unref(flow);
}

static leat_io *
part(void *flow, leat_result *result)
{
	return leat_flow_close(flow);
}

static leat_io *
made(void *ctx, leat_result *result)
{
	leat_flow *flow = leat_result_flow(result);
	leat_io *io = leat_io_then(leat_io_done(leat_flow_loop(flow)), the.first, leat_ctx_borrow(flow));

	return leat_io_then(io, part, leat_ctx_own(flow, unref));
}

leat_io *
serve_tls(void *ctx, leat_flow *flow)
{
	return leat_io_then(leat_tls_server(leat_flow_ref(flow), the.tls, NULL), made, leat_ctx_none());
}

leat_error
serve_tls_init(leat_fn first, const char *cert, const char *key)
{
	the.first = first;
	the.tls = leat_tls_new(&(leat_tls_options){ .size = sizeof(leat_tls_options), .cert_file = cert, .key_file = key,
	    .verify = LEAT_TLS_USUAL });
	return leat_tls_error(the.tls, NULL);
}

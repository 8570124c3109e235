/* SPDX-License-Identifier: ISC */
/* 16-proxy - a proxy that counts: who came, what went each way, how it ended */
#include <leat/leat.h>

#include <stdio.h>
#include <string.h>

static leat_addr behind;

static leat_io *count(void *ctx, leat_result *result)
{
	leat_proxied proxied = leat_result_proxied(result);
	static const char *const ends[] = { "ended", "client broke", "server broke", "idle", "half open" };

	printf("%llu bytes there, %llu back: %s\n", (unsigned long long)proxied.there_bytes,
	       (unsigned long long)proxied.back_bytes, ends[proxied.end]);
	return NULL;
}

static leat_io *join(void *client, leat_result *result)
{
	leat_flow *server = leat_result_flow(result);
	leat_proxy_options options = { .size = sizeof options, .idle_ms = 60000, .half_open_ms = 5000 };

	return leat_io_then(leat_proxy(client, server, &options), count, leat_ctx_flow(server));
}

static leat_io *relay(void *ctx, leat_flow *client)
{
	return leat_io_then(leat_connect_addr(leat_flow_loop(client), &behind, NULL), join, leat_ctx_borrow(client));
}

static leat_io *echo(void *ctx, leat_flow *flow)
{
	return leat_copy(flow, flow);
}

static leat_addr serve(leat_loop *loop, leat_handler handler)
{
	leat_listener *listener = leat_listen(loop, "tcp:127.0.0.1:0", NULL);
	leat_io_detach(leat_serve(listener, NULL, handler, NULL));
	return leat_listener_addr(listener);
}

int main(void)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	behind = serve(loop, echo);
	leat_addr front = serve(loop, relay);
	leat_flow *flow = leat_await_flow(leat_connect_addr(loop, &front, NULL), NULL);
	char back[5] = "";
	leat_await(leat_flow_write(flow, "hello", 5), NULL);
	leat_io_detach(leat_flow_shutdown(flow, LEAT_WRITE));
	bool ok = leat_await_int(leat_flow_read_into(flow, back, 5, 5), NULL) == 5;
	ok &= leat_await(leat_flow_close(flow), NULL) && leat_await(leat_loop_drain(loop, 1000), NULL);
	leat_flow_unref(flow);
	leat_loop_free(loop);
	return ok && memcmp(back, "hello", 5) == 0 ? 0 : 1;
}

/* SPDX-License-Identifier: ISC */
/* 15-gzip - gzip over a Unix socket
 *
 * The server does not know what it serves: it copies what comes to where it came from.
 * Between it and the socket stands a layer, which will not blow up 100 KiB to more than a
 * megabyte; the client has one like it.  Each end of one direction closes the other's.
 */
#include <leat/leat.h>
#include <leat/zlib.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static leat_io *end(void *flow, leat_result *result)
{
	return leat_flow_close(flow);
}

static leat_io *serve(void *ctx, leat_flow *flow)
{
	const leat_zlib_options limits = { .size = sizeof limits, .max_bytes = 1 << 20 };
	leat_flow *plain = leat_zlib_new(leat_flow_ref(flow), &limits);
	leat_io *copied = leat_io_then(leat_copy(plain, plain), end, leat_ctx_borrow(plain));

	return leat_io_hold(copied, leat_ctx_flow(plain));
}

/* Says the same a thousand times, and counts what comes back. */
static int talk(leat_flow *flow)
{
	static char text[20000], back[20001];

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = "all work and no play\n"[i % 21];
	leat_io_detach(leat_flow_write(flow, text, sizeof text));
	leat_io_detach(leat_flow_shutdown(flow, LEAT_WRITE)); /* the trailer, then the end */
	int n = (int)leat_await_int(leat_flow_read_into(flow, back, sizeof back, sizeof back), NULL);
	printf("%d of %zu bytes came back\n", n, sizeof text);
	return n == sizeof text && memcmp(text, back, sizeof text) == 0 ? 0 : 1;
}

int main(void)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	char where[64];
	snprintf(where, sizeof where, "unix:@leat-gzip-%ld", (long)getpid());
	leat_listener *listener = leat_listen(loop, where, NULL);
	leat_addr addr = leat_listener_addr(listener);
	leat_io *service = leat_serve(listener, NULL, serve, NULL);
	leat_flow *flow = leat_zlib_new(leat_await_flow(leat_connect_addr(loop, &addr, NULL), NULL), NULL);
	int failed = talk(flow);
	leat_flow_unref(flow);
	leat_io_cancel(service);
	leat_loop_free(loop);
	return failed;
}

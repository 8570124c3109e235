/* SPDX-License-Identifier: ISC */
/* 09-crawler - many peers, a few at a time, and a deadline for each
 *
 * The map asks for the next fetch when there is room for it.  One peer never
 * answers: it costs its own time and nobody else's.
 */
#include <leat/leat.h>

#include <stdio.h>

enum { PEERS = 12, AT_ONCE = 4, SILENT = 5, PATIENCE_MS = 500 };

static leat_io *welcome(void *ctx, leat_flow *flow)
{
	return leat_flow_write(flow, "welcome", 7);
}

static leat_io *say_nothing(void *ctx, leat_flow *flow)
{
	return leat_sleep(leat_flow_loop(flow), -1);
}

static leat_io *read_page(void *ctx, leat_result *result)
{
	leat_flow *flow = leat_result_flow(result);

	return leat_io_attach(leat_flow_read(flow), leat_ctx_flow(flow));
}

static leat_io *fetch(void *peers, leat_loop *loop, size_t n)
{
	if (n == PEERS)
		return NULL;
	leat_io *io = leat_connect_addr(loop, (leat_addr *)peers + n, NULL);
	return leat_io_timeout(leat_io_then(io, read_page, leat_ctx_none()), PATIENCE_MS);
}

int main(void)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	leat_addr peers[PEERS];
	leat_result result;
	int pages = 0;

	for (int i = 0; i < PEERS; i++) {
		leat_listener *listener = leat_listen(loop, "tcp:127.0.0.1:0", NULL);
		peers[i] = leat_listener_addr(listener);
		leat_io_detach(leat_serve(listener, NULL, i == SILENT ? say_nothing : welcome, NULL));
	}
	leat_await(leat_map_settle(loop, AT_ONCE, fetch, leat_ctx_borrow(peers)), &result);
	for (size_t i = 0; i < leat_result_count(&result); i++) {
		leat_error error = leat_result_error(leat_result_each(&result, i));
		printf("peer %zu: %s\n", i, leat_error_set(error) ? leat_kind_name(leat_error_kind(error)) : "a page");
		pages += !leat_error_set(error);
	}
	leat_result_clear(&result);
	leat_loop_free(loop);
	return pages == PEERS - 1 ? 0 : 1;
}

/* SPDX-License-Identifier: ISC */
/* 05-half - a client that says all it has to say, says so, and then listens
 *
 * Each direction ends on its own.  After shutdown(write) the server reads the end,
 * and answers on the other half.
 */
#include <leat/leat.h>

#include <stdio.h>
#include <string.h>

static leat_io *report(void *flow, leat_result *result)
{
	char words[32];
	int n = snprintf(words, sizeof words, "%d bytes", (int)leat_result_int(result));

	return leat_flow_write(flow, words, (size_t)n);
}

/* The server reads to the end, and then says how much it was. */
static leat_io *measure(void *ctx, leat_flow *flow)
{
	leat_flow *sink = leat_flow_null(leat_flow_loop(flow));
	leat_io *io = leat_io_then(leat_copy(flow, sink), report, leat_ctx_borrow(flow));

	return leat_io_hold(io, leat_ctx_flow(sink));
}

int main(void)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	leat_listener *listener = leat_listen(loop, "tcp:127.0.0.1:0", NULL);
	leat_addr where = leat_listener_addr(listener);
	leat_io *service = leat_serve(listener, NULL, measure, NULL);
	leat_flow *flow = leat_await_flow(leat_connect_addr(loop, &where, NULL), NULL);

	for (int line = 0; line < 3; line++)
		leat_await(leat_flow_write(flow, "this is all I know\n", 19), NULL);
	leat_await(leat_flow_shutdown(flow, LEAT_WRITE), NULL);

	char answer[32] = { 0 };
	leat_await(leat_flow_read_into(flow, answer, sizeof answer - 1, sizeof answer - 1), NULL); /* to the end */
	leat_await(leat_flow_close(flow), NULL);
	printf("the server counted %s\n", answer);

	leat_flow_unref(flow);
	leat_io_cancel(service);
	leat_loop_free(loop);
	return strcmp(answer, "57 bytes") == 0 ? 0 : 1;
}

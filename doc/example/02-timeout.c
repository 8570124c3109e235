/* SPDX-License-Identifier: ISC */
/* 02-timeout - connect and talk in promises, and wait only so long
 *
 * A timeout cancels the read, and a cancelled read loses no byte: the flow is
 * whole, and can be asked again.
 */
#include <leat/leat.h>

#include <stdio.h>

static char knocks[2];

static leat_io *answer(void *flow, leat_result *result)
{
	return leat_flow_write(flow, "who is there?", 13);
}

/* The server opens at the second knock. */
static leat_io *house(void *ctx, leat_flow *flow)
{
	return leat_io_then(leat_flow_read_into(flow, knocks, 2, 2), answer, leat_ctx_borrow(flow));
}

static leat_io *knock(leat_flow *flow, int64_t patience_ms)
{
	leat_io_detach(leat_flow_write(flow, "!", 1));
	return leat_io_timeout(leat_flow_read(flow), patience_ms);
}

static leat_io *knock_again(void *flow, leat_result *result)
{
	printf("nobody opens; once more\n");
	return knock(flow, 5000);
}

/* The chain holds the flow: when it has its outcome, or is dropped, the flow ends. */
static leat_io *visit(void *ctx, leat_result *result)
{
	leat_flow *flow = leat_result_flow(result);
	leat_io *io = knock(flow, 20);

	io = leat_io_catch(io, leat_match_kind(LEAT_TIMEOUT), knock_again, leat_ctx_borrow(flow));
	return leat_io_hold(io, leat_ctx_flow(flow));
}

int main(void)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	leat_listener *listener = leat_listen(loop, "tcp:127.0.0.1:0", NULL);
	leat_addr where = leat_listener_addr(listener);
	leat_io *service = leat_serve(listener, NULL, house, NULL);
	leat_io *io = leat_connect_addr(loop, &where, NULL);
	leat_buf *buf = leat_await_buf(leat_io_then(io, visit, leat_ctx_none()), NULL);
	printf("%s\n", buf ? "somebody is in" : "nobody is in");
	leat_buf_unref(buf);
	leat_io_cancel(service);
	leat_loop_free(loop);
	return buf ? 0 : 1;
}

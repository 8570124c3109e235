/* SPDX-License-Identifier: ISC */
/* 08-drain - a server in a scope, which drains when it is told to end
 *
 * All that is under way is a member: the service, and what its connections leave
 * behind.  After SIGTERM it has a second to come to an end.
 */
#include <leat/leat.h>

#include <signal.h>
#include <stdio.h>

static leat_scope *scope;
static int entries;

static leat_io *entered(void *ctx, leat_result *result)
{
	entries++;
	return NULL;
}

/* No client waits for the book, but we do not end without it. */
static leat_io *write_down(void *ctx, leat_result *result)
{
	leat_io *slow = leat_sleep(leat_result_loop(result), 50);

	leat_scope_add(scope, leat_io_then(slow, entered, leat_ctx_none()));
	return NULL;
}

static leat_io *serve(void *ctx, leat_flow *flow)
{
	return leat_io_then(leat_copy(flow, flow), write_down, leat_ctx_none());
}

int main(void)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	leat_listener *listener = leat_listener_ref(leat_listen(loop, "tcp:127.0.0.1:0", NULL));
	leat_addr where = leat_listener_addr(listener);
	leat_io *told = leat_signal(loop, SIGTERM);
	scope = leat_scope_new(loop, NULL);
	leat_scope_add(scope, leat_serve(listener, NULL, serve, NULL));

	leat_flow *client = leat_await_flow(leat_connect_addr(loop, &where, NULL), NULL);
	leat_await(leat_flow_write(client, "hay", 3), NULL);
	leat_buf_unref(leat_await_buf(leat_flow_read(client), NULL));
	leat_io_detach(leat_flow_close(client)); /* and while it goes: */
	raise(SIGTERM);

	leat_await(told, NULL);
	leat_listener_close(listener);
	int cut = (int)leat_await_int(leat_scope_drain(scope, 1000), NULL);
	printf("%d entered, %d cut\n", entries, cut);
	leat_scope_free(scope);
	leat_flow_unref(client);
	leat_listener_unref(listener);
	leat_loop_free(loop);
	return entries == 1 && cut == 0 ? 0 : 1;
}

/* SPDX-License-Identifier: ISC */
/* 01-echo - a server that sends back what it gets, and a client that proves it
 *
 * The handler gives the promise of a connection's life.  The client waits in
 * place for each step: good for main, tests and tools.
 */
#include <leat/leat.h>

#include <stdio.h>
#include <string.h>

static leat_io *echo(void *ctx, leat_flow *flow)
{
	return leat_copy(flow, flow);
}

int main(void)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	leat_listener *listener = leat_listen(loop, "tcp:127.0.0.1:0", NULL);
	leat_addr where = leat_listener_addr(listener); /* with the port that the kernel chose */
	leat_io *service = leat_serve(listener, NULL, echo, NULL);

	static const char song[] = "row, row, row your boat\n";
	char heard[sizeof song] = { 0 };
	leat_flow *flow = leat_await_flow(leat_connect_addr(loop, &where, NULL), NULL);

	leat_await(leat_flow_write(flow, song, strlen(song)), NULL);
	leat_await(leat_flow_read_into(flow, heard, strlen(song), strlen(song)), NULL);
	leat_await(leat_flow_close(flow), NULL);
	printf("%s", heard);

	leat_flow_unref(flow);
	leat_io_cancel(service);
	leat_loop_free(loop);
	return strcmp(heard, song) == 0 ? 0 : 1;
}

/* SPDX-License-Identifier: ISC */
/* 13-lines - a line server, straight down: what came together is answered together
 *
 * A line that is too long gets an answer too, and costs no memory.
 */
#include <leat/leat.h>

#include <stdio.h>

enum { LINE = 72 };

static void answer(leat_channel *channel, leat_buf *line)
{
	leat_channel_printf(channel, "%zu: ", leat_buf_size(line));
	leat_channel_put(channel, leat_buf_data(line), leat_buf_size(line));
	leat_channel_put(channel, "\r\n", 2);
	leat_buf_unref(line);
}

static leat_io *talk(void *channel, leat_loop *loop)
{
	leat_error error;
	leat_buf *line;

	while ((line = leat_await_buf(leat_channel_line(channel, LINE), &error)) || leat_error_is(error, LEAT_LIMIT)) {
		if (!line && leat_await(leat_channel_drop_line(channel), NULL))
			leat_channel_printf(channel, "more than %d\r\n", LINE);
		for (; line; line = leat_channel_try_line(channel, LINE))
			answer(channel, line);
		if (!leat_await(leat_channel_flush(channel), NULL))
			break;
	}
	return leat_error_set(error) ? leat_io_fail(loop, error) : NULL;
}

static leat_io *serve(void *ctx, leat_flow *flow)
{
	return leat_fiber(leat_flow_loop(flow), talk, leat_ctx_channel(leat_channel_new(leat_flow_ref(flow))));
}

int main(void)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	leat_listener *listener = leat_listen(loop, "tcp:127.0.0.1:0", NULL);
	leat_addr addr = leat_listener_addr(listener);
	leat_io_detach(leat_serve(listener, NULL, serve, NULL));
	leat_channel *channel = leat_channel_new(leat_await_flow(leat_connect_addr(loop, &addr, NULL), NULL));
	leat_channel_printf(channel, "hello\r\n\nmuch, much more than anybody should ever have to say in one line, is "
	                             "it not?\nlast");
	leat_await(leat_channel_flush(channel), NULL);
	leat_await(leat_flow_shutdown(leat_channel_flow(channel), LEAT_WRITE), NULL);
	leat_buf *all = leat_await_buf(leat_channel_exactly(channel, 1000), NULL);
	size_t bytes = all ? leat_buf_size(all) : 0;
	printf("%.*s", (int)bytes, bytes ? (const char *)leat_buf_data(all) : "");
	leat_buf_unref(all);
	leat_channel_free(channel);
	leat_loop_free(loop);
	return bytes == 38 ? 0 : 1;
}

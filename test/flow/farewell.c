/* SPDX-License-Identifier: ISC */
/* farewell - a close that has said all is not taken back by the end of the loop */
#include <errno.h>
#include <fcntl.h>

#include <leat/buf.h>
#include <leat/flow_ops.h>
#include <leat/transform.h>

#include "support/sockets.h"
#include "support/suite.h"
#include "support/world.h"

enum { BYTES = 200000 /* more than the peer's kernel takes, no more than ours */ };

static struct world w;
static int peer;

static leat_error pass(void *state, leat_coding *coding)
{
	(void)state;
	leat_coding_copy(coding, SIZE_MAX);
	return (leat_error){ 0 };
}

static leat_error finished(void *state, leat_coding *coding)
{
	(void)state;
	coding->done = true;
	return (leat_error){ 0 };
}

static const leat_coder coder = {
	.size = sizeof coder, .name = "pass", .encode = pass, .decode = pass, .decode_finish = finished
};

static leat_flow *open_flow(int layers)
{
	int fds[2];
	leat_flow *flow;

	world_open(&w);
	sockets_tcp(fds);
	peer = fds[1];
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &(int){ 1 << 20 }, sizeof(int));
	setsockopt(peer, SOL_SOCKET, SO_RCVBUF, &(int){ 4096 }, sizeof(int));
	flow = leat_flow_from_fd(w.loop, fds[0]);
	for (int i = 0; i < layers; i++)
		flow = leat_transform_new(flow, &coder, NULL);
	return flow;
}

/* All of it arrives, and then the end. */
static size_t hear(void)
{
	char bytes[65536];
	size_t all = 0;
	ssize_t got;

	while ((got = read(peer, bytes, sizeof bytes)) > 0)
		all += (size_t)got;
	ck_assert_msg(got == 0, "the peer gets errno %d after %zu bytes", errno, all);
	close(peer);
	return all;
}

static void free_loop(leat_flow *flow)
{
	leat_flow_unref(flow);
	leat_loop_free(w.loop);
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}

static void expect_written(leat_flow *flow)
{
	static const char bytes[BYTES];

	expect_true(leat_await(leat_flow_write(flow, bytes, sizeof bytes), NULL));
}

/* The peer has said nothing, not even its end. */
START_TEST(what_a_pending_close_has_said_arrives)
{
	leat_flow *flow = open_flow(_i);

	expect_written(flow);
	expect_true(leat_await(leat_flow_shutdown(flow, LEAT_WRITE), NULL));
	leat_io_detach(leat_flow_close(flow));
	leat_loop_free(w.loop);
	expect_size(hear(), BYTES);
	leat_flow_unref(flow);
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

/* The close of a layer is there when its own ends are; the one below still waits. */
START_TEST(what_a_layers_close_has_said_arrives)
{
	leat_flow *flow = open_flow(1 + _i);

	expect_written(flow);
	expect_int(shutdown(peer, SHUT_WR), 0);
	expect_true(leat_await(leat_flow_close(flow), NULL));
	free_loop(flow);
	expect_size(hear(), BYTES);
}
END_TEST

START_TEST(what_was_not_closed_is_reset)
{
	char byte;
	leat_flow *flow = open_flow(0);

	expect_written(flow);
	leat_loop_free(w.loop);
	while (read(peer, &byte, 1) > 0) {
	}
	expect_int(errno, ECONNRESET);
	close(peer);
	leat_flow_unref(flow);
	event_base_free(w.base);
}
END_TEST

SUITE("farewell", EACH(what_a_pending_close_has_said_arrives, 3), EACH(what_a_layers_close_has_said_arrives, 2),
	what_was_not_closed_is_reset)

/* SPDX-License-Identifier: ISC */
/* bev.h - what the tests of adopted bufferevents share */
#ifndef TEST_FLOW_BEV_H
#define TEST_FLOW_BEV_H

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/util.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <leat/leat.h>

#include "support/expect.h"

/* A loop, and the two descriptors of a stream that most tests want. */
struct world {
	leat_loop *loop;
	struct event_base *base;
	int ours, theirs;
	int still; /* lines of the loop's report: what was alive at its end */
};

static inline void world_report(void *ctx, const char *line)
{
	struct world *w = ctx;

	(void)line;
	w->still++;
}

static inline void world_open(struct world *w)
{
	leat_loop_options options = { .size = sizeof options, .report = world_report, .ctx = w };

	*w = (struct world){ .ours = -1, .theirs = -1 };
	w->loop = leat_loop_new(NULL, &options);
	expect_some(w->loop);
	w->base = leat_loop_base(w->loop);
}

static inline void world_close(struct world *w)
{
	leat_loop_free(w->loop);
	if (w->theirs >= 0)
		close(w->theirs);
	expect_int(w->still, 0);
}

static inline void turn(struct world *w)
{
	event_base_loop(w->base, EVLOOP_NONBLOCK);
}

/* Turns the loop until it has nothing to do at once. */
static inline void settle(struct world *w)
{
	for (int i = 0; i < 20; i++)
		turn(w);
}

static inline void nonblocking(int fd)
{
	expect_int(evutil_make_socket_nonblocking(fd), 0);
}

static inline void unix_pair(struct world *w)
{
	int fds[2];

	expect_int(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	nonblocking(fds[0]);
	nonblocking(fds[1]);
	w->ours = fds[0];
	w->theirs = fds[1];
}

static inline int tcp_listen(struct sockaddr_in *addr)
{
	socklen_t bytes = sizeof *addr;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*addr = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	expect_int(bind(fd, (struct sockaddr *)addr, bytes), 0);
	expect_int(listen(fd, 8), 0);
	expect_int(getsockname(fd, (struct sockaddr *)addr, &bytes), 0);
	return fd;
}

static inline void tcp_pair(struct world *w)
{
	struct sockaddr_in addr;
	int listener = tcp_listen(&addr);

	w->ours = socket(AF_INET, SOCK_STREAM, 0);
	expect_int(connect(w->ours, (struct sockaddr *)&addr, sizeof addr), 0);
	w->theirs = accept(listener, NULL, NULL);
	expect(w->theirs >= 0);
	close(listener);
	nonblocking(w->ours);
	nonblocking(w->theirs);
}

/* The peer cuts the stream. */
static inline void cut(int fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	expect_int(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
	close(fd);
}

static inline void peer_say(struct world *w, const char *words)
{
	expect_int(write(w->theirs, words, strlen(words)), strlen(words));
}

/* Reads at the peer's descriptor until there are `bytes` bytes. */
static inline void peer_read(struct world *w, char *to, size_t bytes)
{
	size_t got = 0;

	while (got < bytes) {
		ssize_t n = read(w->theirs, to + got, bytes - got);

		if (n > 0)
			got += (size_t)n;
		else if (n == 0 || errno != EAGAIN)
			ck_abort_msg("the peer got %zu bytes of %zu, then %s", got, bytes, n ? strerror(errno) : "the end");
		else
			turn(w);
	}
}

static inline void peer_hears(struct world *w, const char *words)
{
	char text[256];

	peer_read(w, text, strlen(words));
	expect_mem(text, words, strlen(words));
}

static inline void peer_hears_the_end(struct world *w)
{
	char byte;
	ssize_t n;

	while ((n = read(w->theirs, &byte, 1)) < 0 && errno == EAGAIN)
		turn(w);
	expect_int(n, 0);
}

/* ---- with a flow ---- */

static inline void flow_hears(leat_flow *flow, const char *words)
{
	char text[256];
	leat_result result;

	if (!leat_await(leat_flow_read_into(flow, text, strlen(words), strlen(words)), &result)) {
		expect_ok(leat_result_error(&result));
		return;
	}
	expect_int(leat_result_int(&result), strlen(words));
	expect_mem(text, words, strlen(words));
}

static inline void flow_hears_the_end(leat_flow *flow)
{
	leat_result result;
	leat_buf *buf;

	if (!leat_await(leat_flow_read(flow), &result))
		expect_ok(leat_result_error(&result));
	buf = leat_result_buf(&result);
	ck_assert_msg(!buf, "got %zu bytes, not the end", buf ? leat_buf_size(buf) : 0);
}

static inline leat_error failure_of(leat_io *io)
{
	leat_result result;
	leat_error error;

	leat_await(io, &result);
	error = leat_result_error(&result);
	leat_result_clear(&result);
	return error;
}

static inline void flow_says(leat_flow *flow, const char *words)
{
	expect_ok(failure_of(leat_flow_write(flow, words, strlen(words))));
}

/* Closes; gives how it ended. */
static inline leat_error ending_of(leat_flow *flow)
{
	leat_result result;

	if (!leat_await(leat_flow_close(flow), &result))
		return leat_result_error(&result);
	return leat_result_ending(&result);
}

static inline const char *kind_of(leat_flow *flow)
{
	leat_flow_info info = { .size = sizeof info };

	leat_flow_info_get(flow, &info);
	return info.kind;
}

static inline int fd_of(leat_flow *flow)
{
	leat_flow_info info = { .size = sizeof info };

	leat_flow_info_get(flow, &info);
	return info.fd;
}

/* A socket bufferevent as a program makes it; what is not plain is not
 * promoted: a timeout that never comes makes it so. */
static inline struct bufferevent *socket_bev(struct world *w, bool plain)
{
	struct bufferevent *bev = bufferevent_socket_new(w->base, w->ours, BEV_OPT_CLOSE_ON_FREE);
	struct timeval hour = { .tv_sec = 3600 };

	expect_some(bev);
	if (!plain)
		bufferevent_set_timeouts(bev, &hour, &hour);
	w->ours = -1;
	return bev;
}

static inline leat_flow *adopted(struct world *w, bool plain)
{
	return leat_flow_from_bufferevent(w->loop, socket_bev(w, plain));
}

#endif

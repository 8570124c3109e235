/* SPDX-License-Identifier: ISC */
/* sockets.h - two connected stream sockets, made without leat */
#ifndef TEST_SUPPORT_SOCKETS_H
#define TEST_SUPPORT_SOCKETS_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <leat/flow.h>

#include "support/expect.h"

static inline void sockets_unix(int fds[2])
{
	expect_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
}

static inline void sockets_tcp(int fds[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t bytes = sizeof at;

	expect_int(bind(listening, (struct sockaddr *)&at, bytes), 0);
	expect_int(listen(listening, 1), 0);
	expect_int(getsockname(listening, (struct sockaddr *)&at, &bytes), 0);
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	expect_int(connect(fds[0], (struct sockaddr *)&at, bytes), 0);
	fds[1] = accept(listening, NULL, NULL);
	close(listening);
	for (int i = 0; i < 2; i++)
		setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
}

static inline void sockets_flows(leat_loop *loop, const int fds[2], leat_flow *ends[2])
{
	for (int i = 0; i < 2; i++)
		ends[i] = leat_flow_from_fd(loop, fds[i]);
}

static inline void ends_unix(leat_loop *loop, leat_flow *ends[2])
{
	int fds[2];

	sockets_unix(fds);
	sockets_flows(loop, fds, ends);
}

static inline void ends_tcp(leat_loop *loop, leat_flow *ends[2])
{
	int fds[2];

	sockets_tcp(fds);
	sockets_flows(loop, fds, ends);
}

#endif

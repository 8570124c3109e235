/* SPDX-License-Identifier: ISC */
/* listen - what the servers to compare share: their arguments and a listening socket */
#ifndef BENCH_LISTEN_H
#define BENCH_LISTEN_H

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum mode { ECHO_BACK, SINK, SOURCE };

enum { BLOCK_BYTES = 65536 };

/* PORT echo|sink|source: gives the mode, or ends the program. */
static inline enum mode
mode_of(int argc, char **argv)
{
	static const char *const names[] = { "echo", "sink", "source" };

	for (int i = 0; argc == 3 && i < 3; i++)
		if (strcmp(argv[2], names[i]) == 0)
			return (enum mode)i;
	fprintf(stderr, "usage: %s PORT echo|sink|source\n", argv[0]);
	exit(2);
}

static inline void
tell_port(int port)
{
	printf("listening %d\n", port);
	fflush(stdout);
}

static inline int
port_of(int fd)
{
	struct sockaddr_in at;
	socklen_t len = sizeof at;

	if (getsockname(fd, (struct sockaddr *)&at, &len) < 0)
		err(1, "getsockname");
	return ntohs(at.sin_port);
}

/* Gives a non-blocking listening socket on 127.0.0.1 and prints its port. What it
 * accepts inherits TCP_NODELAY, so no connection pays for setting it. */
static inline int
listen_on(const char *port)
{
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons((unsigned short)atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	if (fd < 0)
		err(1, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 4096) < 0)
		err(1, "port %s", port);
	tell_port(port_of(fd));
	return fd;
}

/* Gives a non-blocking socket, connected to that port of 127.0.0.1: of relays. */
static inline int
dial_backend(const char *port)
{
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons((unsigned short)atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	if (fd < 0)
		err(1, "socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(fd, (struct sockaddr *)&at, sizeof at) < 0 && errno != EINPROGRESS)
		err(1, "backend %s", port);
	return fd;
}

#endif

/* SPDX-License-Identifier: ISC */
/* epoll - the server one writes by hand: level-triggered, one thread, no library.
 *
 * It is the bar. A readable connection costs a recv and a send and its share of the
 * epoll_wait; memory beyond the small record exists only while a peer does not read.
 * Reading is repeated at once only when it filled the block, and a connection gets at
 * most TURNS of those before the others have theirs. */
#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/listen.h"

enum { EVENTS = 512, TURNS = 16 };

struct conn {
	int fd;
	uint32_t armed;
	size_t at, len;		/* echo: what of rest is unsent; source: sent of the block */
	unsigned char *rest;	/* only while the peer does not take what we send */
};

static enum mode mode;
static int ep;
static unsigned char block[BLOCK_BYTES];

static void
conn_free(struct conn *c)
{
	close(c->fd);
	free(c->rest);
	free(c);
}

static void
arm(struct conn *c, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = c };

	if (c->armed != events && epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e) < 0)
		err(1, "epoll_ctl");
	c->armed = events;
}

/* Gives what was sent, 0 when the socket is full, -1 when the peer is gone. */
static ssize_t
push(struct conn *c, const unsigned char *p, size_t n)
{
	ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL);

	if (sent < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return sent;
}

static int
keep(struct conn *c, const unsigned char *p, size_t n)
{
	c->rest = malloc(n);
	if (!c->rest)
		return -1;
	memcpy(c->rest, p, n);
	c->at = 0;
	c->len = n;
	arm(c, EPOLLOUT);
	return 1;
}

/* Gives 1 to wait, 0 to read on, -1 to end: the end of the stream is an end too. */
static int
read_once(struct conn *c)
{
	ssize_t n = recv(c->fd, block, sizeof block, 0), sent;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 1 : -1;
	if (n == 0)
		return -1;
	if (mode == ECHO_BACK) {
		sent = push(c, block, (size_t)n);
		if (sent < 0)
			return -1;
		if (sent < n)
			return keep(c, block + sent, (size_t)(n - sent));
	}
	return n < (ssize_t)sizeof block;
}

static int
on_readable(struct conn *c)
{
	int what = 0;

	for (int i = 0; i < TURNS && what == 0; i++)
		what = read_once(c);
	return what;
}

static int
send_rest(struct conn *c)
{
	ssize_t sent = push(c, c->rest + c->at, c->len - c->at);

	if (sent < 0)
		return -1;
	c->at += (size_t)sent;
	if (c->at < c->len)
		return 1;
	free(c->rest);
	c->rest = NULL;
	arm(c, EPOLLIN);
	return 1;
}

/* One a turn: a reader that keeps up finds the bytes still in the cache, which is worth
 * twice the speed of filling the socket to the brim. */
static int
send_block(struct conn *c)
{
	ssize_t sent = push(c, block + c->at, sizeof block - c->at);

	if (sent < 0)
		return -1;
	c->at = (c->at + (size_t)sent) % sizeof block;
	return 1;
}

static void
serve(struct conn *c, uint32_t events)
{
	int what = 1;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		what = c->rest ? 1 : on_readable(c);
	if (what >= 0 && (events & EPOLLOUT))
		what = mode == SOURCE ? send_block(c) : send_rest(c);
	else if (what >= 0 && c->rest && (events & (EPOLLHUP | EPOLLERR)))
		what = -1;
	if (what < 0)
		conn_free(c);
}

static void
on_accept(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct conn *c = calloc(1, sizeof *c);
		struct epoll_event e = { .data.ptr = c };

		if (!c)
			err(1, "calloc");
		c->fd = fd;
		c->armed = mode == SOURCE ? EPOLLIN | EPOLLOUT : EPOLLIN;
		e.events = c->armed;
		if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) < 0)
			err(1, "epoll_ctl");
	}
}

int
main(int argc, char **argv)
{
	static struct epoll_event ready[EVENTS];
	struct epoll_event e = { .events = EPOLLIN };	/* data.ptr NULL: the listener */
	int listener;

	mode = mode_of(argc, argv);
	listener = listen_on(argv[1]);
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e) < 0)
		err(1, "epoll");
	for (;;) {
		int n = epoll_wait(ep, ready, EVENTS, -1);

		for (int i = 0; i < n; i++)
			if (ready[i].data.ptr)
				serve(ready[i].data.ptr, ready[i].events);
			else
				on_accept(listener);
	}
}

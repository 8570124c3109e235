/* SPDX-License-Identifier: ISC */
/* splice - the relay one writes by hand: epoll, and a pipe each way for splice(2)
 *
 *   splice PORT BACKEND_PORT
 *
 * It is the bar for bulk. Level-triggered; each readiness moves what there is, once. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/listen.h"

enum { EVENTS = 512, PIPE_BYTES = 262144 };

struct half {
	struct half *peer;
	struct joint *joint;
	int fd;
	uint32_t armed;
	int pipe[2];	/* what was read here, for the peer */
	size_t held;
	int ended, told;
};

struct joint {
	struct half half[2];
};

static int ep;

static void
arm(struct half *h, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = h };

	if (h->armed != events && epoll_ctl(ep, EPOLL_CTL_MOD, h->fd, &e) < 0)
		err(1, "epoll_ctl");
	h->armed = events;
}

static void
joint_free(struct joint *j)
{
	for (int i = 0; i < 2; i++) {
		close(j->half[i].fd);
		close(j->half[i].pipe[0]);
		close(j->half[i].pipe[1]);
	}
	free(j);
}

static void
rearm(struct half *h)
{
	arm(h, (h->ended || h->held ? 0 : EPOLLIN) | (h->peer->held ? EPOLLOUT : 0));
}

/* From here to the peer; -1: broken. */
static int
move(struct half *from)
{
	ssize_t n;

	if (!from->ended && from->held < PIPE_BYTES) {
		n = splice(from->fd, NULL, from->pipe[1], NULL, PIPE_BYTES - from->held, SPLICE_F_NONBLOCK);
		if (n < 0 && errno != EAGAIN)
			return -1;
		from->ended = n == 0;
		from->held += n > 0 ? (size_t)n : 0;
	}
	if (from->held) {
		n = splice(from->pipe[0], NULL, from->peer->fd, NULL, from->held, SPLICE_F_NONBLOCK);
		if (n < 0 && errno != EAGAIN)
			return -1;
		from->held -= n > 0 ? (size_t)n : 0;
	}
	if (from->ended && !from->held && !from->told) {
		from->told = 1;
		shutdown(from->peer->fd, SHUT_WR);
	}
	rearm(from);
	rearm(from->peer);
	return 0;
}

static void
serve(struct half *h, uint32_t events)
{
	int broken = 0;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		broken = move(h) < 0;
	if (!broken && (events & EPOLLOUT))
		broken = move(h->peer) < 0;
	if (broken || (h->told && h->peer->told))
		joint_free(h->joint);
}

static void
half_init(struct joint *j, int i, int fd)
{
	struct half *h = &j->half[i];
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = h };

	*h = (struct half){ .peer = &j->half[1 - i], .joint = j, .fd = fd, .armed = EPOLLIN };
	if (pipe2(h->pipe, O_NONBLOCK | O_CLOEXEC) < 0)
		err(1, "pipe");
	fcntl(h->pipe[0], F_SETPIPE_SZ, PIPE_BYTES);
	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) < 0)
		err(1, "epoll_ctl");
}

static void
on_accept(int listener, const char *backend)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct joint *j = calloc(1, sizeof *j);

		if (!j)
			err(1, "calloc");
		half_init(j, 0, fd);
		half_init(j, 1, dial_backend(backend));
	}
}

int
main(int argc, char **argv)
{
	static struct epoll_event ready[EVENTS];
	struct epoll_event e = { .events = EPOLLIN };	/* data.ptr NULL: the listener */
	int listener;

	if (argc != 3)
		errx(2, "usage: splice PORT BACKEND_PORT");
	signal(SIGPIPE, SIG_IGN);
	listener = listen_on(argv[1]);
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e) < 0)
		err(1, "epoll");
	for (;;) {
		int n = epoll_wait(ep, ready, EVENTS, -1);

		for (int i = 0; i < n; i++)	/* one joint a pass, since its end frees both halves */
			if (ready[i].data.ptr)
				serve(ready[i].data.ptr, ready[i].events);
			else
				on_accept(listener, argv[2]);
	}
}

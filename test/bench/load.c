/* SPDX-License-Identifier: ISC */
/* load - the clients of a server under measurement, bounded in count and in time
 *
 *   load PORT echo [-c CONNS] [-s BYTES] [-n MESSAGES]   one message out on each
 *   load PORT in   [-c CONNS] [-b BYTES]                 to a sink
 *   load PORT out  [-c CONNS] [-b BYTES]                 from a source
 *   load PORT churn [-c CONNS] [-s BYTES] [-n TIMES]     connect, echo, close
 *   load PORT idle [-c CONNS] [-s BYTES] [-u CONNS]      echo once each, then hold
 *
 * -u says how many of the idle ones speak at a time; -t ends it after so many seconds;
 * -w prints `ready` when connected (`idle`: before) and waits for a line on stdin, so that
 * a measurement can begin there, and once more at the end; `idle` does that always, when
 * all is quiet. A line tells what was done. Connections come from many loopback addresses: no run
 * is short of ports however many others wait in TIME_WAIT. */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK_BYTES = 262144, EVENTS = 512, SOURCES = 199 };

struct conn {
	int fd;
	bool shut;
	size_t sent, got;	/* of the message that is out */
};

struct job {
	void (*start)(struct conn *);		/* connected, the gate is open */
	void (*serve)(struct conn *, uint32_t events);
};

static int port, ep, conns = 1, speaking = 64, live;
static long messages = 1000, started, done;
static size_t size = 64;
static long long bytes = 64 << 20, moved;
static bool gated;
static unsigned char *pattern, *inbox;
static struct conn *all;
static const struct job *job;

/* The gate and its words */

static void
wait_for_word(void)
{
	char line[16];

	printf("ready\n");
	fflush(stdout);
	if (!fgets(line, sizeof line, stdin))
		clearerr(stdin);
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Connecting */

static void
watch(struct conn *c, uint32_t events, int op)
{
	struct epoll_event e = { .events = events, .data.ptr = c };

	if (epoll_ctl(ep, op, c->fd, &e) < 0)
		err(1, "epoll_ctl");
}

static void
dial(struct conn *c)
{
	static unsigned turn;
	int on = 1;
	struct sockaddr_in from = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + turn++ % SOURCES),
	};
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((unsigned short)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	*c = (struct conn){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	if (c->fd < 0)
		err(1, "socket");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	if (bind(c->fd, (struct sockaddr *)&from, sizeof from) < 0 ||
	    connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0)
		err(1, "connect");
	watch(c, EPOLLIN, EPOLL_CTL_ADD);
}

/* One message there and back */

static ssize_t
push(struct conn *c, size_t n)
{
	ssize_t sent = send(c->fd, pattern, n, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0 && errno != EAGAIN)
		err(1, "send");
	return sent < 0 ? 0 : sent;
}

static void
send_message(struct conn *c)
{
	ssize_t sent = send(c->fd, pattern + c->sent, size - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0 && errno != EAGAIN)
		err(1, "send");
	if (sent > 0)
		c->sent += (size_t)sent;
	if (c->sent < size)
		watch(c, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
}

static void
start_message(struct conn *c)
{
	if (started == messages)
		return;
	started++;
	c->sent = c->got = 0;
	send_message(c);
}

/* Gives true when the whole message is back. */
static bool
take_message(struct conn *c, uint32_t events)
{
	ssize_t n;

	if ((events & EPOLLOUT) && c->sent < size) {
		watch(c, EPOLLIN, EPOLL_CTL_MOD);
		send_message(c);
	}
	if (!(events & ~(uint32_t)EPOLLOUT))
		return false;
	n = recv(c->fd, inbox, size - c->got, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0)
		err(1, "the server ended early");
	if (memcmp(inbox, pattern + c->got, (size_t)n) != 0)
		errx(1, "the echo differs");
	c->got += (size_t)n;
	return c->got == size;
}

static void
echo_serve(struct conn *c, uint32_t events)
{
	if (!take_message(c, events))
		return;
	done++;
	start_message(c);
}

static void
idle_serve(struct conn *c, uint32_t events)
{
	if (!take_message(c, events))
		return;
	done++;
	if (live < conns) {
		dial(&all[live]);
		start_message(&all[live++]);
	}
}

/* Connect, echo, close */

static void
churn_start(struct conn *c)
{
	if (started < messages) {
		dial(c);
		start_message(c);
	}
}

static void
churn_serve(struct conn *c, uint32_t events)
{
	char end;

	if (!c->shut) {
		if (!take_message(c, events))
			return;
		shutdown(c->fd, SHUT_WR);
		c->shut = true;
		return;
	}
	if (recv(c->fd, &end, 1, MSG_DONTWAIT) != 0)
		errx(1, "no end of stream from the server");
	close(c->fd);
	done++;
	churn_start(c);
}

/* Bulk */

static void
in_start(struct conn *c)
{
	watch(c, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
}

static void
in_serve(struct conn *c, uint32_t events)
{
	long long left = bytes - moved;
	char end;

	if (c->shut || (events & (EPOLLHUP | EPOLLERR))) {
		if (recv(c->fd, &end, 1, MSG_DONTWAIT) != 0)
			errx(1, "the sink ended early");
		epoll_ctl(ep, EPOLL_CTL_DEL, c->fd, NULL);
		done++;
		return;
	}
	if (left > 0)
		moved += push(c, left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES);
	if (moved < bytes)
		return;
	watch(c, EPOLLIN, EPOLL_CTL_MOD);
	shutdown(c->fd, SHUT_WR);
	c->shut = true;
}

static void
out_start(struct conn *c)
{
	(void)c;
}

static void
out_serve(struct conn *c, uint32_t events)
{
	ssize_t n = recv(c->fd, inbox, CHUNK_BYTES, MSG_DONTWAIT);

	(void)events;
	if (n == 0 || (n < 0 && errno != EAGAIN))
		errx(1, "the source ended early");
	if (n > 0)
		moved += n;
	if (moved >= bytes)
		done = messages;
}

static const struct job jobs[] = {
	{ start_message, echo_serve }, { in_start, in_serve }, { out_start, out_serve },
	{ churn_start, churn_serve }, { start_message, idle_serve },
};

static const char *const job_names[] = { "echo", "in", "out", "churn", "idle" };

enum { ECHO_JOB, IN, OUT, CHURN, IDLE };

/* Running */

static void
turn_until_done(void)
{
	static struct epoll_event ready[EVENTS];

	while (done < messages) {
		int n = epoll_wait(ep, ready, EVENTS, -1);

		for (int i = 0; i < n && done < messages; i++)
			job->serve(ready[i].data.ptr, ready[i].events);
	}
}

static void
usage(void)
{
	fprintf(stderr, "usage: load PORT echo|in|out|churn|idle [-w] [-c CONNS] [-s BYTES] "
	    "[-n TIMES] [-b BYTES] [-u CONNS] [-t SECONDS]\n");
	exit(2);
}

static int
job_named(const char *name)
{
	for (int i = 0; i <= IDLE; i++)
		if (strcmp(name, job_names[i]) == 0)
			return i;
	usage();
	return 0;
}

static void
options(int argc, char **argv)
{
	unsigned seconds = 60;
	int o;

	while ((o = getopt(argc, argv, "wc:s:n:b:u:t:")) != -1)
		switch (o) {
		case 'w': gated = true; break;
		case 'c': conns = atoi(optarg); break;
		case 's': size = (size_t)atol(optarg); break;
		case 'n': messages = atol(optarg); break;
		case 'b': bytes = atoll(optarg); break;
		case 'u': speaking = atoi(optarg); break;
		case 't': seconds = (unsigned)atoi(optarg); break;
		default: usage();
		}
	if (conns < 1 || size < 1 || messages < 1 || speaking < 1)
		usage();
	alarm(seconds);		/* a server that hangs must not hang us */
}

static void
prepare(void)
{
	struct rlimit files;
	size_t most = size > CHUNK_BYTES ? size : CHUNK_BYTES;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	pattern = malloc(most);
	inbox = malloc(most);
	all = calloc((size_t)conns, sizeof *all);
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (!pattern || !inbox || !all || ep < 0)
		err(1, "no memory");
	for (size_t i = 0; i < most; i++)
		pattern[i] = (unsigned char)(i * 7 + i / 251);
}

/* The others are connected before the gate; churn connects as its work, and the idle
 * ones one by one after the first few. */
static void
connect_all(int which)
{
	live = which == CHURN ? 0 : which == IDLE && speaking < conns ? speaking : conns;
	for (int i = 0; i < live; i++)
		dial(&all[i]);
}

static void
run(int which)
{
	double began;
	int first;

	if (which == IDLE || which == IN)
		messages = conns;
	if (gated && which == IDLE)
		wait_for_word();
	connect_all(which);
	if (gated && which != IDLE)
		wait_for_word();
	began = now();
	first = which == CHURN ? conns : live;
	for (int i = 0; i < first; i++)
		job->start(&all[i]);
	turn_until_done();
	printf("%s: %d connections, %ld done, %lld bytes, %.3f s\n", job_names[which], conns,
	    done, which == IN || which == OUT ? moved : done * 2 * (long long)size, now() - began);
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	int which;

	if (argc < 3)
		usage();
	port = atoi(argv[1]);
	which = job_named(argv[2]);
	job = &jobs[which];
	options(argc - 2, argv + 2);
	prepare();
	run(which);
	if (which == IDLE || gated)
		wait_for_word();
	return 0;
}

/* SPDX-License-Identifier: ISC */
/* wire.h - a loop, a folder of its own, and clients that are not leat's
 *
 *	struct wire w;
 *
 *	wire_open(&w);
 *	... w.loop, wire_path(&w, "name"), raw_connect(), raw_hear() ...
 *	wire_close(&w);         nothing may be left: memory, descriptors, failures
 *
 * Sockets are real here, so the clock is too; nothing waits for time but what
 * has a time limit as its subject.
 */
#ifndef TEST_NET_WIRE_H
#define TEST_NET_WIRE_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include <leat/buf.h>
#include <leat/loop.h>
#include <leat/net.h>

#include "support/expect.h"
#include "support/oom.h"

struct wire {
	struct event_base *base;
	leat_loop *loop;
	struct oom *oom, own;
	unsigned unhandled, reports;
	leat_unhandled last;
	int descriptors; /* open before */
	char folder[32];
	char path[80];
};

/* ---- the loop ---- */

static inline void wire_unhandled(void *ctx, const leat_unhandled *failure)
{
	struct wire *w = ctx;

	w->unhandled++;
	w->last = *failure;
}

static inline void wire_report(void *ctx, const char *line)
{
	struct wire *w = ctx;

	w->reports++;
}

static inline int wire_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	ck_assert_ptr_nonnull(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

/* With a door whose n-th call fails; false where not even the loop was made. */
static inline bool wire_try(struct wire *w, struct oom *oom)
{
	*w = (struct wire){ .folder = "/tmp/leat-test-XXXXXX" };
	w->oom = oom;
	w->descriptors = wire_descriptors();
	ck_assert_ptr_nonnull(mkdtemp(w->folder));
	w->base = event_base_new();
	w->loop = leat_loop_new(w->base, &(leat_loop_options){ .size = sizeof(leat_loop_options),
		.memory = &oom->memory, .unhandled = wire_unhandled, .report = wire_report, .ctx = w });
	if (w->loop)
		return true;
	event_base_free(w->base);
	rmdir(w->folder);
	return false;
}

static inline void wire_open(struct wire *w)
{
	static struct oom oom;

	oom_init(&oom, 0);
	expect_true(wire_try(w, &oom));
}

/* Frees all; what nobody handled and what was reported are the test's to judge. */
static inline void wire_end(struct wire *w)
{
	leat_loop_free(w->loop);
	expect_int(event_base_get_num_events(w->base, EVENT_BASE_COUNT_ADDED | EVENT_BASE_COUNT_ACTIVE), 0);
	event_base_free(w->base);
	ck_assert_msg(w->oom->live == 0, "%zu allocations stayed", w->oom->live);
	expect_int(wire_descriptors(), w->descriptors);
	ck_assert_msg(rmdir(w->folder) == 0, "%s: %s", w->folder, strerror(errno));
}

static inline void wire_close(struct wire *w)
{
	wire_end(w);
	ck_assert_msg(w->unhandled == 0, "nobody handled %s, which arose at %s",
		leat_kind_name(leat_error_kind(w->last.error)), w->last.error.where);
	expect_int(w->reports, 0);
}

/* One pass of the loop, without waiting. */
static inline void wire_turn(struct wire *w)
{
	event_base_loop(w->base, EVLOOP_NONBLOCK);
}

/* Turns the loop until it is so; a test that hangs here is ended by alarm(2). */
#define wire_until(w, condition)       \
	do {                           \
		while (!(condition))   \
			wire_turn(w);  \
	} while (0)

/* As many passes as anything could need that is under way. */
static inline void wire_settle(struct wire *w)
{
	for (int i = 0; i < 30; i++)
		wire_turn(w);
}

/* ---- addresses ---- */

static inline const char *wire_path(struct wire *w, const char *name)
{
	snprintf(w->path, sizeof w->path, "unix:%s/%s", w->folder, name);
	return w->path;
}

static inline const char *path_in(struct wire *w, const char *name)
{
	return wire_path(w, name) + strlen("unix:");
}

/* Good until the next call. */
static inline const char *addr_words(leat_addr addr)
{
	static char words[160];

	leat_addr_print(&addr, words, sizeof words);
	return words;
}

static inline const char *listener_words(leat_listener *listener)
{
	return addr_words(leat_listener_addr(listener));
}

/* ---- waiting for ios ---- */

static inline leat_flow *await_flow(leat_io *io)
{
	leat_result result;
	leat_flow *flow;

	if (!leat_await(io, &result))
		ck_abort_msg("no flow: %s", leat_kind_name(leat_error_kind(leat_result_error(&result))));
	flow = leat_result_flow(&result);
	leat_result_clear(&result);
	return flow;
}

/* How it ended. */
static inline leat_error await_error(leat_io *io)
{
	leat_result result;
	leat_error error;

	leat_await(io, &result);
	error = leat_result_error(&result);
	leat_result_clear(&result);
	return error;
}

/* What a flow reads as a string; "" at the end. */
static inline const char *await_words(leat_flow *flow)
{
	static char words[256];
	leat_result result;
	leat_buf *buf;
	size_t bytes = 0;

	expect_true(leat_await(leat_flow_read(flow), &result));
	buf = leat_result_buf(&result);
	if (buf) {
		bytes = leat_buf_size(buf);
		expect_true(bytes < sizeof words);
		memcpy(words, leat_buf_data(buf), bytes);
	}
	words[bytes] = '\0';
	leat_buf_unref(buf);
	return words;
}

static inline void write_words(leat_flow *flow, const char *words)
{
	expect_ok(await_error(leat_flow_write(flow, words, strlen(words))));
}

/* Ends two ends of one connection. */
static inline void end_both(leat_flow *a, leat_flow *b)
{
	leat_flow_abort(a);
	leat_flow_abort(b);
	leat_flow_unref(a);
	leat_flow_unref(b);
}

/* The next flow of a listener, and the client that made it. */
static inline void meet(leat_loop *loop, leat_listener *listener, leat_flow **client, leat_flow **server)
{
	leat_io *io = leat_connect(loop, listener_words(listener), NULL);

	*server = await_flow(leat_accept(listener));
	*client = await_flow(io);
}

static inline int flow_fd(leat_flow *flow)
{
	leat_flow_info info = { .size = sizeof info };

	leat_flow_info_get(flow, &info);
	return info.fd;
}

static inline int option_of(int fd, int level, int option)
{
	int value = -1;
	socklen_t bytes = sizeof value;

	expect_int(getsockopt(fd, level, option, &value, &bytes), 0);
	return value;
}

/* ---- the other side: plain sockets ---- */

/* Some machines have no IPv6: what needs it is left out there. */
static inline bool has_v6(void)
{
	struct sockaddr_in6 one = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool has = fd >= 0 && bind(fd, (struct sockaddr *)&one, sizeof one) == 0;

	if (fd >= 0)
		close(fd);
	return has;
}

static inline int raw_connect(leat_addr addr)
{
	int fd = socket(leat_addr_sockaddr(&addr)->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	expect_true(fd >= 0);
	ck_assert_msg(connect(fd, leat_addr_sockaddr(&addr), addr.bytes) == 0, "connect: %s", strerror(errno));
	return fd;
}

/* A socket that is bound and, where backlog >= 0, listens. */
static inline int raw_bind(const char *words, int backlog)
{
	leat_addr addr;
	int fd;

	expect_ok(leat_addr_parse(words, &addr));
	fd = socket(leat_addr_sockaddr(&addr)->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	expect_true(fd >= 0);
	ck_assert_msg(bind(fd, leat_addr_sockaddr(&addr), addr.bytes) == 0, "bind: %s", strerror(errno));
	if (backlog >= 0)
		expect_int(listen(fd, backlog), 0);
	return fd;
}

static inline leat_addr raw_addr(int fd)
{
	struct sockaddr_storage addr;
	socklen_t bytes = sizeof addr;

	expect_int(getsockname(fd, (struct sockaddr *)&addr, &bytes), 0);
	return leat_addr_from((const struct sockaddr *)&addr, bytes);
}

static inline void raw_say(int fd, const char *words)
{
	expect_int(send(fd, words, strlen(words), MSG_NOSIGNAL), strlen(words));
}

/* What comes next, while the loop turns: bytes as words, "" at the end, NULL
 * where the stream was cut. */
static inline const char *raw_hear(struct wire *w, int fd)
{
	static char words[256];
	ssize_t got;

	do {
		wire_turn(w);
		got = recv(fd, words, sizeof words - 1, MSG_DONTWAIT);
	} while (got < 0 && errno == EAGAIN);
	if (got < 0) {
		expect_int(errno, ECONNRESET);
		return NULL;
	}
	words[got] = '\0';
	return words;
}

/* Ends it with a reset. */
static inline void raw_cut(int fd)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	expect_int(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
	close(fd);
}

#endif

/* SPDX-License-Identifier: ISC */
/* connect - a socket that becomes a flow
 *
 * The kernel answers at once (a unix path), later (EINPROGRESS: writable, and
 * SO_ERROR says how it went), or not at all: a unix listener whose backlog is
 * full gives EAGAIN and no event, so that one is asked again by a timer.
 */
#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flow/flow.h"
#include "flow/socket.h"
#include "net/net.h"

enum { RETRY_FIRST_MS = 1, RETRY_LAST_MS = 64 };

struct connecting {
	struct event event;
	lt_timer retry;
	leat_maker maker;
	leat_loop *loop;
	const char *where;
	int fd;
	int retry_ms;
	leat_addr addr;
};

/* Before the promise settles: that frees the state. */
static int let_go(struct connecting *c)
{
	int fd = c->fd;

	event_del(&c->event);
	lt_timer_stop(c->loop, &c->retry);
	c->fd = -1;
	return fd;
}

static void connect_cancel(void *state)
{
	close(let_go(state));
}

static void fail(struct connecting *c, leat_error error)
{
	leat_maker maker = c->maker;

	close(let_go(c));
	leat_reject(maker, error);
}

static void succeed(struct connecting *c)
{
	leat_maker maker = c->maker;
	leat_loop *loop = c->loop;
	const char *where = c->where;
	leat_flow *flow = lt_flow_from_socket(loop, let_go(c), where);

	if (!(flow->bits & LT_F_STILLBORN)) {
		leat_resolve_flow(maker, flow);
		return;
	}
	leat_reject(maker, lt_flow_refusal(flow));
	leat_flow_unref(flow);
}

/* ---- later ---- */

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct connecting *c = arg;
	leat_loop *loop = c->loop;
	int error = 0;
	socklen_t bytes = sizeof error;

	lt_loop_enter(loop);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) < 0)
		error = errno;
	if (error)
		fail(c, leat_error_errno(error));
	else
		succeed(c);
	lt_loop_leave(loop);
}

/* 0, or an errno: EINPROGRESS, EAGAIN or the reason it failed. */
static int try_connect(int fd, const leat_addr *addr)
{
	if (connect(fd, leat_addr_sockaddr(addr), addr->bytes) == 0)
		return 0;
	return errno == EINTR ? EINPROGRESS : errno;
}

static bool wait_for(struct connecting *c, int error)
{
	if (error == EINPROGRESS)
		return event_add(&c->event, NULL) == 0;
	c->retry_ms = c->retry_ms < RETRY_LAST_MS ? c->retry_ms * 2 : RETRY_LAST_MS;
	return lt_timer_start(c->loop, &c->retry, lt_loop_after_ms(c->loop, c->retry_ms));
}

static void on_retry(lt_timer *timer)
{
	struct connecting *c = (struct connecting *)(void *)((char *)timer - offsetof(struct connecting, retry));
	int error = try_connect(c->fd, &c->addr);

	if (error == 0)
		succeed(c);
	else if (error != EINPROGRESS && error != EAGAIN)
		fail(c, leat_error_errno(error));
	else if (!wait_for(c, error))
		fail(c, leat_error_core(LEAT_NOMEM));
}

static int connect_describe(const void *state, char *out, size_t room)
{
	return leat_addr_print(&((const struct connecting *)state)->addr, out, room);
}

static const leat_leaf connect_leaf = {
	.size = sizeof(leat_leaf),
	.name = "connect",
	.state_bytes = sizeof(struct connecting),
	.cancel = connect_cancel,
	.describe = connect_describe,
};

/* Takes fd. */
static leat_io *connect_later(leat_loop *loop, int fd, const leat_addr *addr, int error, const char *where)
{
	leat_maker maker;
	void *state;
	leat_io *io = leat_io_new_at(loop, &maker, &connect_leaf, &state, where);
	struct connecting *c = state;

	if (!c) {
		close(fd);
		return io;
	}
	*c = (struct connecting){ .retry.fire = on_retry, .maker = maker, .loop = loop, .where = where,
		.fd = fd, .retry_ms = RETRY_FIRST_MS, .addr = *addr };
	event_assign(&c->event, leat_loop_base(loop), fd, EV_WRITE, on_writable, c);
	if (!wait_for(c, error))
		fail(c, leat_error_core(LEAT_NOMEM));
	return io;
}

/* ---- at once ---- */

/* -1 and *error */
static int open_socket(const leat_addr *addr, const leat_connect_options *options, leat_error *error)
{
	int family = lt_addr_family(addr);
	lt_tuning tuning = { options->nagle, options->keepalive, options->keepalive_s };
	int fd = lt_socket_open(family, error);

	if (fd < 0)
		return -1;
	*error = lt_socket_tune(fd, family, &tuning);
	if (!leat_error_set(*error))
		return fd;
	close(fd);
	return -1;
}

static leat_io *connected(leat_loop *loop, int fd, const char *where)
{
	leat_flow *flow = lt_flow_from_socket(loop, fd, where);
	leat_error error;

	if (!(flow->bits & LT_F_STILLBORN))
		return leat_io_flow_at(loop, flow, where);
	error = lt_flow_refusal(flow);
	leat_flow_unref(flow);
	return leat_io_fail_at(loop, error, where);
}

static leat_io *begin(leat_loop *loop, const leat_addr *addr, const leat_connect_options *options, const char *where)
{
	leat_error error;
	int fd = open_socket(addr, options, &error);
	int number;

	if (fd < 0)
		return leat_io_fail_at(loop, error, where);
	number = try_connect(fd, addr);
	if (number == 0)
		return connected(loop, fd, where);
	if (number == EINPROGRESS || number == EAGAIN)
		return connect_later(loop, fd, addr, number, where);
	close(fd);
	return leat_io_fail_at(loop, leat_error_errno(number), where);
}

leat_io *lt_connect(leat_loop *loop, const leat_addr *addr, const leat_connect_options *given, const char *where)
{
	leat_connect_options options;
	leat_io *io;

	leat_options_take_at(&options, sizeof options, given, "leat_connect_options", where);
	if (lt_loop_closing(loop))
		return leat_io_fail_at(loop, leat_error_core(LEAT_CLOSED), where);
	if (addr->bytes == 0)
		return leat_io_fail_at(loop, leat_error_core(LEAT_INVALID), where);
	io = begin(loop, addr, &options, where);
	return options.timeout_ms > 0 ? leat_io_timeout_at(io, options.timeout_ms, where) : io;
}

leat_io *leat_connect_addr_at(leat_loop *loop, const leat_addr *addr, const leat_connect_options *options,
                              const char *where)
{
	return lt_connect(loop, addr, options, where);
}

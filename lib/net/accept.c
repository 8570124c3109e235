/* SPDX-License-Identifier: ISC */
/* accept - a listening socket that gives flows
 *
 * One persistent level-triggered event, there only while a flow is wanted: at
 * the end of a turn in which nobody asked again it is deleted.
 *
 * How many to accept at a wake-up is learned, since asking in vain costs a
 * system call.  A wake-up brings one; only where the pass right after it wakes
 * us again was there more, and then it may bring twice as many as before.  In
 * vain: back to one.
 *
 * Where descriptors or memory ran out the kernel would wake us again and
 * again, so the event is deleted and a timer asks anew.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flow/flow.h"
#include "flow/socket.h"
#include "net/net.h"

enum { BURST_MAX = 64, RETRY_MS = 100 };

struct accepting {
	struct event event;
	lt_timer retry;
	lt_tail rest;
	leat_listener *self;
	leat_loop *loop;
	const char *where;
	int64_t retry_ms;
	uint64_t turn;  /* of the last wake-up */
	int fd;
	uint32_t burst; /* how many this wake-up may bring; 0: it has run dry */
	uint32_t left;  /* how many of these are left */
	bool armed;
	bool starved;   /* until the timer */
	bool told;      /* the log, of this shortage */
	lt_path path;
};

/* ---- the event ---- */

static void disarm(struct accepting *a)
{
	if (a->armed)
		event_del(&a->event);
	a->armed = false;
}

static void arm(struct accepting *a)
{
	if (a->armed || a->starved)
		return;
	if (event_add(&a->event, NULL) == 0)
		a->armed = true;
	else
		leat_listener_give_error(a->self, leat_error_core(LEAT_NOMEM));
}

static void on_rest(lt_tail *tail)
{
	struct accepting *a = (struct accepting *)(void *)((char *)tail - offsetof(struct accepting, rest));

	if (!leat_listener_wanted(a->self))
		disarm(a);
}

/* ---- descriptors or memory ran out ---- */

static void starve(struct accepting *a, leat_error error)
{
	a->left = 0;
	disarm(a);
	if (!a->told)
		lt_loop_report(a->loop, "%s: accepting rests, descriptors or memory ran out", a->where);
	a->told = true;
	if (!lt_timer_start(a->loop, &a->retry, lt_loop_after_ms(a->loop, a->retry_ms))) {
		leat_listener_give_error(a->self, error);
		return;
	}
	a->starved = true;
}

static void on_retry(lt_timer *timer)
{
	struct accepting *a = (struct accepting *)(void *)((char *)timer - offsetof(struct accepting, retry));

	a->starved = false;
	if (leat_listener_wanted(a->self))
		arm(a);
}

/* ---- accepting ---- */

static void give(struct accepting *a, int fd)
{
	leat_flow *flow = lt_flow_from_socket(a->loop, fd, a->where);

	a->told = false;
	lt_loop_at_end(a->loop, &a->rest);
	if (flow->bits & LT_F_STILLBORN) {
		leat_listener_give_error(a->self, lt_flow_refusal(flow));
		leat_flow_unref(flow);
	} else {
		leat_listener_give(a->self, flow);
	}
}

/* What Linux reports here of a connection that is gone already. */
static bool is_of_the_connection(int error)
{
	switch (error) {
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case ENOPROTOOPT:
	case EPERM:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENONET:
	case ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void refused(struct accepting *a, int error)
{
	if (error == EAGAIN) {
		a->left = a->burst = 0;
		arm(a);
	} else if (is_shortage(error)) {
		starve(a, leat_error_errno(error));
	} else {
		leat_listener_give_error(a->self, leat_error_errno(error));
	}
}

/* Gives one flow, or waits for the next wake-up. */
static void accept_one(struct accepting *a)
{
	while (a->left > 0) {
		int fd = accept4(a->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		a->left--;
		if (fd >= 0) {
			give(a, fd);
			return;
		}
		if (!is_of_the_connection(errno)) {
			refused(a, errno);
			return;
		}
	}
	arm(a);
}

static void begin_burst(struct accepting *a)
{
	uint64_t turn = lt_loop_turn(a->loop);
	bool more = turn == a->turn + 1 && a->left == 0 && a->burst > 0;

	a->turn = turn;
	a->burst = !more ? 1 : a->burst < BURST_MAX ? 2 * a->burst : BURST_MAX;
	a->left = a->burst;
	accept_one(a);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct accepting *a = arg;
	leat_loop *loop = a->loop;

	lt_loop_enter(loop);
	if (leat_listener_wanted(a->self))
		begin_burst(a);
	else
		disarm(a);
	lt_loop_leave(loop);
}

/* ---- the listener's operations ---- */

static void socket_accept(leat_listener *self, void *state)
{
	accept_one(state);
}

static void socket_pause(leat_listener *self, void *state)
{
	struct accepting *a = state;

	lt_loop_at_end(a->loop, &a->rest);
}

static void socket_close(leat_listener *self, void *state)
{
	struct accepting *a = state;

	disarm(a);
	lt_timer_stop(a->loop, &a->retry);
	lt_loop_not_at_end(a->loop, &a->rest);
	lt_path_remove(&a->path);
	close(a->fd);
	a->fd = -1;
}

static void socket_addr(const leat_listener *self, const void *state, leat_addr *addr)
{
	const struct accepting *a = state;

	*addr = lt_socket_addr(a->fd);
}

static const leat_listener_ops socket_ops = {
	.size = sizeof(leat_listener_ops),
	.name = "socket",
	.state_bytes = sizeof(struct accepting),
	.accept = socket_accept,
	.pause = socket_pause,
	.close = socket_close,
	.addr = socket_addr,
};

leat_listener *lt_accept_on(leat_loop *loop, int fd, const leat_listen_options *options, const lt_path *path,
                            const char *where)
{
	void *state;
	leat_listener *self = leat_listener_new_at(loop, &socket_ops, &state, where);
	struct accepting *a = state;

	if (!a) {
		if (path)
			lt_path_remove(path);
		close(fd);
		return self;
	}
	*a = (struct accepting){ .retry.fire = on_retry, .rest.run = on_rest, .self = self, .loop = loop, .where = where,
		.retry_ms = options->retry_ms > 0 ? options->retry_ms : RETRY_MS, .fd = fd };
	if (path)
		a->path = *path;
	event_assign(&a->event, leat_loop_base(loop), fd, EV_READ | EV_PERSIST, on_readable, a);
	return self;
}

leat_listener *lt_accept_never(leat_loop *loop, int fd, leat_error error)
{
	if (fd >= 0)
		close(fd);
	return leat_listener_stillborn(loop, error);
}

/* ---- on a socket that listens already ---- */

/* A flow is a stream: what a read has no room for of a packet is lost. */
static leat_error check_listens(int fd)
{
	int listens = 0, type = 0;
	socklen_t bytes = sizeof listens;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &bytes) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) < 0)
		return leat_error_errno(errno);
	return listens && type == SOCK_STREAM ? (leat_error){ .domain = NULL } : leat_error_core(LEAT_INVALID);
}

static leat_error make_ours(int fd, const leat_listen_options *options)
{
	lt_tuning tuning = { options->nagle, options->keepalive, options->keepalive_s };
	leat_addr addr = lt_socket_addr(fd);
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return leat_error_errno(errno);
	if (options->backlog && listen(fd, options->backlog) < 0)
		return leat_error_errno(errno);
	return lt_socket_tune(fd, lt_addr_family(&addr), &tuning);
}

leat_listener *leat_listen_fd_at(leat_loop *loop, int fd, const leat_listen_options *given, const char *where)
{
	leat_listen_options options;
	leat_error error = check_listens(fd);

	leat_options_take_at(&options, sizeof options, given, "leat_listen_options", where);
	if (!leat_error_set(error))
		error = make_ours(fd, &options);
	if (leat_error_set(error))
		return lt_accept_never(loop, fd, error);
	return lt_accept_on(loop, fd, &options, NULL, where);
}

/* SPDX-License-Identifier: ISC */
/* fds - flows over pipes, terminals and pairs of descriptors
 *
 * Each direction has its descriptor and its event.  What cannot be waited
 * for, as /dev/null, is always ready: it is read at the end of the turn.
 */
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <leat/flow_ops.h>

#include "base/buf.h"
#include "flow/fds.h"
#include "flow/flow.h"
#include "flow/sigpipe.h"
#include "io/loop.h"

enum { PARTS = 64, ROUND_BYTES = 64 * 1024 };

struct fds {
	leat_flow *flow;
	leat_loop *loop;
	int in, out;               /* -1: none, or ended */
	int in_flags, out_flags;   /* as they were before; -1: let them be */
	bool in_terminal, out_terminal; /* EIO says that the other side has gone */
	bool ready;                /* in: cannot be waited for */
	lt_tail tail;              /* reads what is always ready */
	struct event readable, writable;
};

/* ---- reading ---- */

static void stop_reading(struct fds *s)
{
	lt_loop_not_at_end(s->loop, &s->tail);
	leat_flow_listens(s->flow, false);
	if (s->in >= 0 && !s->ready)
		event_del(&s->readable);
}

static void read_failed(struct fds *s, int number)
{
	stop_reading(s);
	if (number == EIO && s->in_terminal)
		leat_flow_give_end(s->flow);
	else
		leat_flow_give_error(s->flow, leat_error_errno(number));
}

static void got(struct fds *s, leat_buf *buf, ssize_t bytes)
{
	if (bytes > 0) {
		leat_buf_cut(buf, (size_t)bytes);
		leat_flow_give(s->flow, buf);
		return;
	}
	leat_buf_unref(buf);
	stop_reading(s);
	leat_flow_give_end(s->flow);
}

/* How much to make room for: what waits in a pipe is known. */
static size_t waiting(int fd)
{
	int bytes = 0;

	if (ioctl(fd, FIONREAD, &bytes) < 0 || bytes <= 0)
		return 4096;
	return bytes < ROUND_BYTES ? (size_t)bytes : ROUND_BYTES;
}

static void read_once(struct fds *s)
{
	leat_buf *buf = leat_buf_new(s->loop, waiting(s->in));
	ssize_t bytes;

	if (leat_buf_failed(buf)) {
		stop_reading(s);
		leat_flow_give_error(s->flow, leat_error_core(LEAT_NOMEM));
		return;
	}
	bytes = read(s->in, leat_buf_space(buf), leat_buf_size(buf));
	if (bytes >= 0) {
		got(s, buf, bytes);
		return;
	}
	leat_buf_unref(buf);
	if (errno != EAGAIN && errno != EINTR)
		read_failed(s, errno);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct fds *s = arg;
	leat_flow *flow = s->flow;

	(void)fd;
	(void)what;
	leat_flow_ref(flow);
	if (leat_flow_wanted(flow))
		read_once(s);
	else
		stop_reading(s);
	leat_flow_unref(flow);
}

static void on_tail(lt_tail *tail)
{
	struct fds *s = (struct fds *)(void *)((char *)tail - offsetof(struct fds, tail));
	leat_flow *flow = s->flow;

	leat_flow_ref(flow);
	if (s->in >= 0 && leat_flow_wanted(flow))
		read_once(s);
	leat_flow_unref(flow);
}

static void fds_read(leat_flow *self, void *state)
{
	struct fds *s = state;

	if (s->ready)
		lt_loop_at_end(s->loop, &s->tail);
	else if (event_add(&s->readable, NULL) < 0)
		leat_flow_give_error(self, leat_error_core(LEAT_NOMEM));
	else
		leat_flow_listens(self, true);
}

/* ---- writing ---- */

static ssize_t write_parts(int fd, const struct iovec *parts, int count)
{
	lt_sigpipe hold;
	ssize_t bytes;

	lt_sigpipe_hold(&hold);
	bytes = writev(fd, parts, count);
	lt_sigpipe_let(&hold, bytes < 0 && errno == EPIPE);
	return bytes;
}

/* A terminal whose other side was closed is ready for ever and takes nothing;
 * its owner is not even told so by a write. */
static bool is_hung_up(const struct fds *s)
{
	struct pollfd poll_fd = { .fd = s->out, .events = POLLOUT };

	return s->out_terminal && poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & POLLHUP);
}

static leat_error write_error(const struct fds *s)
{
	return errno == EIO && s->out_terminal ? leat_error_core(LEAT_CLOSED) : leat_error_errno(errno);
}

static void fds_write(leat_flow *self, void *state, leat_bufs *queue)
{
	struct fds *s = state;
	struct iovec parts[PARTS];

	if (is_hung_up(s)) {
		leat_flow_write_failed(self, leat_error_core(LEAT_CLOSED));
		return;
	}
	while (leat_bufs_size(queue) > 0) {
		ssize_t bytes = write_parts(s->out, parts, leat_bufs_iovec(queue, parts, PARTS));

		if (bytes >= 0) {
			leat_bufs_drop(queue, (size_t)bytes);
		} else if (errno == EAGAIN && event_add(&s->writable, NULL) == 0) {
			return;
		} else if (errno != EINTR) {
			leat_flow_write_failed(self, write_error(s));
			return;
		}
	}
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct fds *s = arg;

	(void)fd;
	(void)what;
	leat_flow_writable(s->flow);
}

/* ---- ending ---- */

/* They belong to what is open, and so to a parent that goes on with it, too. */
static int flags_at_end(const struct fds *s, int flags)
{
	return lt_flow_is_shared(s->flow) ? -1 : flags;
}

static void give_up(int fd, int flags)
{
	if (flags >= 0)
		fcntl(fd, F_SETFL, flags);
	close(fd);
}

static void end_out(struct fds *s)
{
	if (s->out < 0)
		return;
	event_del(&s->writable);
	if (s->out != s->in)
		give_up(s->out, flags_at_end(s, s->out_flags));
	s->out = -1;
}

static void end_in(struct fds *s)
{
	if (s->in < 0)
		return;
	stop_reading(s);
	if (s->in != s->out)
		give_up(s->in, flags_at_end(s, s->in_flags));
	s->in = -1;
}

/* Only a descriptor of its own can be closed alone. */
static void fds_shutdown(leat_flow *self, void *state)
{
	struct fds *s = state;

	if (s->out != s->in)
		end_out(s);
	leat_flow_told(self);
}

static void fds_end(leat_flow *self, void *state)
{
	struct fds *s = state;

	(void)self;
	end_out(s);
	end_in(s);
}

static void fds_info(leat_flow *self, void *state, leat_flow_info *info)
{
	struct fds *s = state;

	(void)self;
	info->fd = s->in >= 0 ? s->in : s->out;
}

/* A pipe's bytes are the flow's; a terminal or a device may have ways of its own. */
static bool fds_lease(leat_flow *self, void *state, leat_lease *lease)
{
	struct fds *s = state;
	int fd = lease->direction == LEAT_READ ? s->in : s->out;
	struct stat stat;

	(void)self;
	if (fd < 0 || fstat(fd, &stat) < 0 || !S_ISFIFO(stat.st_mode))
		return false;
	if (lease->direction == LEAT_READ)
		stop_reading(s);
	lease->fd = fd;
	return true;
}

/* ---- making ---- */

#define FDS_OPS(ways)                              \
	{                                          \
		.size = sizeof(leat_flow_ops),     \
		.name = "pipe",                    \
		.state_bytes = sizeof(struct fds), \
		.directions = (ways),              \
		.read = fds_read,                  \
		.write = fds_write,                \
		.shutdown = fds_shutdown,          \
		.close = fds_end,                  \
		.abort = fds_end,                  \
		.info = fds_info,                  \
		.lease_fd = fds_lease,             \
	}

static const leat_flow_ops fds_ops[] = {
	[LEAT_READ] = FDS_OPS(LEAT_READ),
	[LEAT_WRITE] = FDS_OPS(LEAT_WRITE),
	[LEAT_BOTH] = FDS_OPS(LEAT_BOTH),
};

static leat_direction ways_of(int fd)
{
	switch (fcntl(fd, F_GETFL) & O_ACCMODE) {
	case O_RDONLY:
		return LEAT_READ;
	case O_WRONLY:
		return LEAT_WRITE;
	default:
		return LEAT_BOTH;
	}
}

/* Why a descriptor will not do for what is wanted of it. */
static leat_error objection(int fd, leat_direction way)
{
	struct stat stat;

	if (fstat(fd, &stat) < 0)
		return leat_error_errno(errno);
	if (S_ISREG(stat.st_mode) || S_ISDIR(stat.st_mode) || S_ISBLK(stat.st_mode))
		return leat_error_core(LEAT_INVALID);
	if (way && !(ways_of(fd) & way))
		return leat_error_core(LEAT_INVALID);
	return (leat_error){ .domain = NULL };
}

/* Gives the flags to set again at the end; -1 where there is nothing to. */
static int make_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || (flags & O_NONBLOCK))
		return -1;
	return fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -1 : flags;
}

static void close_both(int in, int out)
{
	if (in >= 0)
		close(in);
	if (out >= 0 && out != in)
		close(out);
}

static leat_error check(int in, int out)
{
	leat_error error = { .domain = NULL };

	if (in < 0 && out < 0)
		return leat_error_core(LEAT_INVALID);
	if (in == out)
		return objection(in, 0);
	if (in >= 0)
		error = objection(in, LEAT_READ);
	if (out >= 0 && !leat_error_set(error))
		error = objection(out, LEAT_WRITE);
	return error;
}

/* epoll refuses what is always ready; libevent would print a warning.  Only
 * devices are like that. */
static bool is_always_ready(int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct stat stat;
	int epoll;
	bool refused;

	if (fd < 0 || fstat(fd, &stat) < 0 || !S_ISCHR(stat.st_mode) || isatty(fd))
		return false;
	epoll = epoll_create1(EPOLL_CLOEXEC);
	refused = epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 && errno == EPERM;
	if (epoll >= 0)
		close(epoll);
	return refused;
}

static void start(struct fds *s, int in, int out)
{
	s->in = in;
	s->out = out;
	s->in_flags = in >= 0 ? make_nonblocking(in) : -1;
	s->out_flags = out == in ? s->in_flags : out >= 0 ? make_nonblocking(out) : -1;
	s->ready = is_always_ready(in);
	s->in_terminal = in >= 0 && isatty(in);
	s->out_terminal = out == in ? s->in_terminal : out >= 0 && isatty(out);
	s->tail.run = on_tail;
	event_assign(&s->readable, leat_loop_base(s->loop), in, EV_READ | EV_PERSIST, on_readable, s);
	event_assign(&s->writable, leat_loop_base(s->loop), out, EV_WRITE, on_writable, s);
}

/* NULL in *state: the flow is stillborn, the descriptors are still the caller's. */
static leat_flow *make(leat_loop *loop, leat_direction ways, struct fds **state, const char *where)
{
	void *room;
	leat_flow *flow = leat_flow_new_at(loop, &fds_ops[ways], &room, where);

	*state = room;
	if (room) {
		(*state)->flow = flow;
		(*state)->loop = loop;
	}
	return flow;
}

leat_flow *lt_flow_from_pipe(leat_loop *loop, int in, int out, const char *where)
{
	leat_error error = check(in, out);
	leat_direction ways = (in >= 0 ? LEAT_READ : 0) | (out >= 0 ? LEAT_WRITE : 0);
	leat_flow *flow;
	struct fds *s;

	if (leat_error_set(error)) {
		close_both(in, out);
		error.where = where;
		return leat_flow_stillborn(loop, error);
	}
	if (in == out)
		ways = ways_of(in);
	flow = make(loop, ways, &s, where);
	if (s)
		start(s, ways & LEAT_READ ? in : -1, ways & LEAT_WRITE ? out : -1);
	else
		close_both(in, out);
	return flow;
}

leat_flow *leat_flow_from_fds_at(leat_loop *loop, int in, int out, const char *where)
{
	if (in >= 0 && in == out)
		return leat_flow_from_fd_at(loop, in, where); /* of a socket, each direction has its end */
	return lt_flow_from_pipe(loop, in, out, where);
}

/* ---- moving to another loop ---- */

bool lt_flow_is_pipe(const leat_flow *flow)
{
	return flow->ops == &fds_ops[LEAT_READ] || flow->ops == &fds_ops[LEAT_WRITE] || flow->ops == &fds_ops[LEAT_BOTH];
}

void lt_pipe_release(leat_flow *flow, lt_pipe_ends *ends)
{
	struct fds *s = lt_flow_state(flow);

	stop_reading(s);
	if (s->out >= 0)
		event_del(&s->writable);
	*ends = (lt_pipe_ends){ s->in, s->out, s->in_flags, s->out_flags, flow->ops->directions };
	s->in = s->out = -1;
}

leat_flow *lt_flow_from_ends(leat_loop *loop, const lt_pipe_ends *ends, const char *where)
{
	struct fds *s;
	leat_flow *flow = make(loop, ends->ways, &s, where);

	if (!s) {
		lt_pipe_ends_close(ends);
		return flow;
	}
	start(s, ends->in, ends->out);
	s->in_flags = ends->in_flags;
	s->out_flags = ends->out_flags;
	return flow;
}

void lt_pipe_ends_close(const lt_pipe_ends *ends)
{
	if (ends->in >= 0)
		give_up(ends->in, ends->in_flags);
	if (ends->out >= 0 && ends->out != ends->in)
		give_up(ends->out, ends->out_flags);
}

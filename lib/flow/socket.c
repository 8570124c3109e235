/* SPDX-License-Identifier: ISC */
/* socket - the lane for descriptors
 *
 * One event.  It is armed for reading at the first read and kept, level
 * triggered; when it fires and nobody reads it is deleted, so a peer that talks
 * to nobody costs one wake-up.  Reads go straight into the loop's scratch
 * block.  Writes come gathered at the end of the turn; the event listens for
 * writability only after the kernel took less than all.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "flow/fds.h"
#include "flow/flow.h"
#include "flow/socket.h"

enum { PARTS = 64, READS_IN_A_ROW = 16 };

typedef struct lt_socket {
	struct event event; /* its argument is the flow */
} lt_socket;

static const leat_flow_ops socket_ops;

/* Of a flow by its implementation's name. */
static inline lt_socket *state_of(leat_flow *self)
{
	return (lt_socket *)(void *)(self + 1);
}

static inline int fd_of(const lt_socket *s)
{
	return s->event.ev_fd;
}

/* ---- the event ---- */

static void on_event(evutil_socket_t fd, short what, void *arg);

static short armed(const lt_socket *s)
{
	return s->event.ev_evcallback.evcb_flags & EVLIST_INSERTED ? s->event.ev_events & (EV_READ | EV_WRITE) : 0;
}

/* Without memory the event is lost, to both who wait for it. */
static LT_COLD void starve(leat_flow *self, short what)
{
	self->refs++;
	if ((what & EV_READ) && lt_flow_wanted(self))
		leat_flow_give_error(self, leat_error_core(LEAT_NOMEM));
	if (what & EV_WRITE)
		leat_flow_write_failed(self, leat_error_core(LEAT_NOMEM));
	lt_flow_unref(self);
}

/* False: there was no memory, and who waited knows; it may be the flow's end. */
static bool arm(leat_flow *self, lt_socket *s, short what)
{
	if (armed(s) == what)
		return true;
	event_del(&s->event);
	if (!what)
		return true;
	event_assign(&s->event, leat_loop_base(leat_flow_loop(self)), fd_of(s),
	             (short)(what | EV_PERSIST), on_event, self);
	if (event_add(&s->event, NULL) == 0)
		return true;
	starve(self, what);
	return false;
}

static LT_COLD void disarm_read(leat_flow *self, lt_socket *s)
{
	leat_flow_listens(self, false);
	arm(self, s, armed(s) & EV_WRITE);
}

/* ---- reading ---- */

static leat_error last_error(const char *where)
{
	return leat_error_make_at(&leat_errno_errors, errno, where);
}

static LT_COLD void read_starved(leat_flow *self, lt_socket *s)
{
	disarm_read(self, s);
	leat_flow_give_error(self, leat_error_core(LEAT_NOMEM));
}

static LT_COLD void read_nothing(leat_flow *self, lt_socket *s, ssize_t got)
{
	leat_error error = got == 0 ? (leat_error){ 0 } : last_error(LEAT_HERE);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	disarm_read(self, s);
	if (got == 0)
		leat_flow_give_end(self);
	else
		leat_flow_give_error(self, error);
}

static __attribute__((noinline)) leat_buf *carve_slowly(leat_loop *loop, size_t bytes)
{
	leat_buf *buf = lt_buf_carve(&loop->scratch, bytes);

	if (!loop->scratch)
		lt_loop_hurry(loop);
	return buf;
}

/* What was read is much: the block goes with it. */
static void give_block(leat_flow *self, size_t bytes)
{
	leat_flow_give(self, carve_slowly(self->loop, bytes));
}

/* As read; where there is no memory, the flow has failed by then. */
static inline __attribute__((always_inline)) ssize_t read_block(leat_flow *self, lt_socket *s)
{
	leat_loop *loop = self->loop;
	leat_buf *into = lt_buf_scratch(&loop->mem, &loop->scratch);

	if (__builtin_expect(into != NULL, 1))
		return read(fd_of(s), into->data, LT_BUF_SCRATCH);
	read_starved(self, s);
	errno = EAGAIN;
	return -1;
}

static bool is_read_on(leat_flow *self, const lt_socket *s)
{
	return !lt_flow_ended(lt_flow_of(self)) && (armed(s) & EV_READ) && lt_flow_wanted(self);
}

/* A block was filled and given: who reads it runs, and where the next is asked for it is
 * read at once, while the sender is still at it; but others have their turn. */
static void read_in_a_row(leat_flow *self, lt_socket *s)
{
	leat_loop *loop = self->loop;
	ssize_t got = LT_BUF_SCRATCH;

	for (int i = 1; i < READS_IN_A_ROW && got == LT_BUF_SCRATCH; i++) {
		lt_loop_leave(loop);
		if (!is_read_on(self, s))
			break;
		lt_loop_enter(loop);
		got = read_block(self, s);
		if (got > 0)
			give_block(self, (size_t)got);
		else
			read_nothing(self, s, got);
	}
}

/* All but a few bytes. */
static __attribute__((noinline)) void read_much_or_nothing(leat_flow *self, ssize_t got)
{
	lt_socket *s = state_of(self);

	if (got <= 0) {
		read_nothing(self, s, got);
		return;
	}
	self->refs++;
	give_block(self, (size_t)got);
	if (got == LT_BUF_SCRATCH)
		read_in_a_row(self, s);
	lt_flow_unref(self);
}

/* Touches neither after the answer: it may be the flow's end. */
static inline __attribute__((always_inline)) void read_some(leat_flow *self, lt_socket *s)
{
	leat_loop *loop = self->loop;
	ssize_t got = read_block(self, s);

	if (__builtin_expect(lt_buf_may_carve_copy(loop->scratch, got), 1))
		leat_flow_give(self, lt_buf_carve_copy(loop->scratch, (size_t)got));
	else
		read_much_or_nothing(self, got);
}

void lt_socket_rest(leat_flow *flow)
{
	leat_flow *self = lt_flow_self(flow);
	lt_socket *s = lt_flow_state(flow);
	short rest = armed(s) & EV_READ;

	if (arm(self, s, rest))
		leat_flow_listens(self, rest);
}

/* Who writes more than the socket takes is paced: one look at the queue each time that
 * libevent tells, so that the socket is not filled to the brim and the reader finds the
 * bytes still in the cache; and the event stays as it is. */
static void on_writable(leat_flow *self, lt_socket *s)
{
	bool waited = lt_flow_writer_waits(lt_flow_of(self));
	leat_flow *flow;

	leat_flow_writable(self);
	if (!(armed(s) & EV_WRITE)) /* the flow has ended, or has no memory */
		return;
	flow = lt_flow_of(self);
	if (lt_flow_queued(flow) == 0 && !(waited && lt_flow_pace(flow)))
		lt_socket_rest(flow);
}

/* Nobody wants it, or to know only, or a layer does. */
static __attribute__((noinline)) void on_readable_oddly(leat_flow *self, lt_socket *s)
{
	if (!lt_flow_wanted(self))
		disarm_read(self, s);
	else if (!leat_flow_give_readable(self))
		read_some(self, s);
}

static inline __attribute__((always_inline)) void on_readable(leat_flow *self, lt_socket *s)
{
	const uint32_t looked_at = LT_F_MOVED | LT_F_WANTED | LT_F_INTO;

	if (__builtin_expect((self->bits & looked_at) == LT_F_WANTED, 1))
		read_some(self, s);
	else
		on_readable_oddly(self, s);
}

static LT_COLD void on_both(leat_flow *self, lt_socket *s, short what)
{
	self->refs++;
	on_writable(self, s);
	if (what & armed(s) & EV_READ)
		on_readable(self, s);
	lt_flow_unref(self);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	leat_flow *self = arg;
	lt_socket *s = state_of(self);
	leat_loop *loop = self->loop;

	(void)fd;
	lt_loop_enter(loop);
	if (what & EV_WRITE)
		on_both(self, s, what);
	else
		on_readable(self, s);
	lt_loop_leave(loop);
}

static void socket_read(leat_flow *self, void *state)
{
	lt_socket *s = state;

	if (arm(self, s, armed(s) | EV_READ))
		leat_flow_listens(self, !(armed(s) & EV_WRITE));
}

/* ---- writing ---- */

static size_t sum(const struct iovec *parts, int count)
{
	size_t bytes = 0;

	for (int i = 0; i < count; i++)
		bytes += parts[i].iov_len;
	return bytes;
}

/* The kernel did not take all that was offered. */
static LT_COLD void on_short(leat_flow *self, lt_socket *s, leat_bufs *queue, ssize_t sent)
{
	if (sent < 0 && errno == EINTR) {
		leat_flow_writable(self);
		return;
	}
	if (sent < 0 && errno != EAGAIN) {
		leat_flow_write_failed(self, last_error(LEAT_HERE));
		return;
	}
	leat_flow_listens(self, false); /* the one event waits for more than a reader now */
	if (arm(self, s, armed(s) | EV_WRITE) && sent > 0) /* last: what it releases may end the flow */
		leat_bufs_drop(queue, (size_t)sent);
}

/* One buf in the queue: no vector. */
static inline void send_one(leat_flow *self, const lt_socket *s, leat_bufs *queue)
{
	const leat_buf *first = queue->head;
	ssize_t sent = send(fd_of(s), first->data, first->size, MSG_NOSIGNAL | MSG_DONTWAIT);
	leat_buf *buf = queue->head;

	if (__builtin_expect((size_t)sent != buf->size, 0)) {
		on_short(self, lt_flow_state(self), queue, sent);
		return;
	}
	lt_bufs_init(queue);
	lt_buf_unref(buf);
}

/* True: all that was offered was taken. */
static bool send_some(leat_flow *self, lt_socket *s, leat_bufs *queue)
{
	struct iovec parts[PARTS];
	struct msghdr message = { .msg_iov = parts };
	ssize_t sent;

	message.msg_iovlen = (size_t)leat_bufs_iovec(queue, parts, PARTS);
	sent = sendmsg(fd_of(s), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0 || (size_t)sent < sum(parts, (int)message.msg_iovlen)) {
		on_short(self, s, queue, sent);
		return false;
	}
	leat_bufs_drop(queue, (size_t)sent);
	return true;
}

static __attribute__((noinline)) void send_many(leat_flow *self, lt_socket *s, leat_bufs *queue)
{
	while (send_some(self, s, queue) && queue->head)
		;
}

static void socket_write(leat_flow *self, void *state, leat_bufs *queue)
{
	if (queue->head->next)
		send_many(self, state, queue);
	else
		send_one(self, state, queue);
}

/* ---- without a buf ---- */

static size_t socket_take(leat_flow *self, void *state, void *memory, size_t room)
{
	ssize_t got = read(fd_of(state), memory, room);

	if (got > 0)
		return (size_t)got;
	read_nothing(self, state, got);
	return 0;
}

static size_t socket_put(leat_flow *self, void *state, const struct iovec *parts, int count)
{
	const struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = (size_t)count };
	ssize_t sent = count == 1 ? send(fd_of(state), parts->iov_base, parts->iov_len, MSG_NOSIGNAL | MSG_DONTWAIT) :
	                            sendmsg(fd_of(state), &message, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent >= 0)
		return (size_t)sent;
	if (errno != EAGAIN && errno != EINTR)
		leat_flow_write_failed(self, last_error(LEAT_HERE));
	return 0;
}

/* ---- ending ---- */

static void socket_shutdown(leat_flow *self, void *state)
{
	lt_socket *s = state;

	shutdown(fd_of(s), SHUT_WR);
	leat_flow_told(self);
}

static int let_go(leat_flow *self, lt_socket *s)
{
	int fd = fd_of(s);

	leat_flow_listens(self, false);
	event_del(&s->event);
	return fd;
}

static void socket_close(leat_flow *self, void *state)
{
	close(let_go(self, state));
}

/* The option belongs to the socket: another process that has it would reset it, too. */
void lt_socket_reset(int fd)
{
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 }, sizeof(struct linger));
	close(fd);
}

static void socket_abort(leat_flow *self, void *state)
{
	lt_socket *s = state;
	int fd = let_go(self, s);

	if (fd < 0)
		return;
	if (lt_flow_is_shared(self))
		close(fd);
	else
		lt_socket_reset(fd);
}

int lt_socket_release(leat_flow *flow)
{
	return let_go(lt_flow_self(flow), lt_flow_state(flow));
}

/* ---- knowing ---- */

static leat_addr name_of(int fd, int (*ask)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_storage name;
	socklen_t bytes = sizeof name;

	if (ask(fd, (struct sockaddr *)&name, &bytes) < 0)
		return (leat_addr){ 0 };
	return leat_addr_from((struct sockaddr *)&name, bytes);
}

void lt_socket_info(int fd, leat_flow_info *info)
{
	info->fd = fd;
	info->local = name_of(fd, getsockname);
	info->peer = name_of(fd, getpeername);
}

static void socket_info(leat_flow *self, void *state, leat_flow_info *info)
{
	(void)self;
	lt_socket_info(fd_of(state), info);
}

/* ---- lending ---- */

static bool socket_lease(leat_flow *self, void *state, leat_lease *lease)
{
	lt_socket *s = state;

	if (lease->direction == LEAT_READ)
		disarm_read(self, s);
	lease->fd = fd_of(s);
	return true;
}

static const leat_flow_ops socket_ops = {
	.size = sizeof(leat_flow_ops),
	.name = "socket",
	.state_bytes = sizeof(lt_socket),
	.close_tells = true,
	.read = socket_read,
	.write = socket_write,
	.shutdown = socket_shutdown,
	.close = socket_close,
	.abort = socket_abort,
	.info = socket_info,
	.lease_fd = socket_lease,
	.take = socket_take,
	.put = socket_put,
};

bool lt_flow_is_socket(const leat_flow *flow)
{
	return flow->ops == &socket_ops;
}

/* ---- making ---- */

leat_flow *lt_flow_from_socket(leat_loop *loop, int fd, const char *where)
{
	void *state;
	leat_flow *flow = leat_flow_new_at(loop, &socket_ops, &state, where);
	lt_socket *s = state;

	if (s)
		event_assign(&s->event, leat_loop_base(loop), fd, EV_READ | EV_PERSIST, on_event, flow);
	else
		close(fd);
	return flow;
}

static leat_flow *refuse_fd(leat_loop *loop, int fd, leat_error error)
{
	if (fd >= 0)
		close(fd);
	return leat_flow_stillborn(loop, error);
}

static bool is_stream(int fd)
{
	int type = 0;
	socklen_t bytes = sizeof type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0 && type == SOCK_STREAM;
}

leat_flow *leat_flow_from_fd_at(leat_loop *loop, int fd, const char *where)
{
	struct stat st;
	int flags;

	if (fstat(fd, &st) < 0)
		return refuse_fd(loop, -1, leat_error_make_at(&leat_errno_errors, errno, where));
	if (!S_ISSOCK(st.st_mode))
		return lt_flow_from_pipe(loop, fd, fd, where);
	flags = fcntl(fd, F_GETFL);
	if (!is_stream(fd) || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return refuse_fd(loop, fd, leat_error_make_at(&leat_core_errors, LEAT_INVALID, where));
	return lt_flow_from_socket(loop, fd, where);
}

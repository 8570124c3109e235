/* SPDX-License-Identifier: ISC */
/* splice - the kernel moves a copy's bytes, from one descriptor to the other
 *
 * Both flows lend theirs; the bytes go from the one into a pipe, and from there
 * to the other: splice(2).  We wait for the first while the pipe is empty, for the
 * second while it is not; each time one take and one put.  Whatever ends this - the
 * stream, a flow that wants its descriptor back, a second in which nothing
 * came - what is in the pipe is sent in a buf, or goes back when the copy is
 * cancelled, and the copy goes on by bufs, where ends and errors are told.  But
 * one of writing is told once, to the write that finds it: here.
 *
 * A file needs no pipe and is always ready: it goes by sendfile(2).
 */
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <unistd.h>

#include <leat/flow_ops.h>
#include <leat/loop.h>

#include "kit/copy.h"

enum {
	PIPE_BYTES = 262144,
	PIPE_LEAST = 65536,
	PIPE_MOST = 1 << 20, /* where it was filled */
	FILE_BYTES = 1 << 20, /* at a time */
	SMALL_BYTES = 16384,
	SMALL_TAKES = 32, /* in a row: bufs would be as good */
	VAIN_WAKES = 16,  /* in a row: ready, and yet nothing moves */
	IDLE_MS = 1000    /* without a byte: the pipe goes */
};

typedef struct lt_splice {
	leat_buf *record; /* whose bytes this is */
	leat_lease from, to;
	int pipe[2];       /* -1: a file needs none */
	pid_t owner;       /* whose pipe it is: after fork the parent's, too */
	size_t room, held; /* of the pipe */
	bool grown;        /* it is as large as it gets */
	unsigned small, vain;
	uint64_t seen;     /* the copy's bytes at the last look */
	leat_io *watch;    /* looks whether anything comes; NULL: no memory for it */
	leat_maker maker;  /* settled when the chain is to go on */
	struct event readable, writable;
	bool waits, wants_room; /* for which of them: the second */
} lt_splice;

/* ---- the pipe ---- */

static bool is_file(const lt_splice *s)
{
	return s->pipe[0] < 0;
}

static void close_pipe(lt_splice *s)
{
	if (is_file(s))
		return;
	close(s->pipe[0]);
	close(s->pipe[1]);
}

/* False: none is to be had, or one that is not worth it, since there is so much
 * of it already. */
static bool open_pipe(lt_splice *s)
{
	int bytes;

	if (s->from.offset >= 0)
		return true;
	if (pipe2(s->pipe, O_NONBLOCK | O_CLOEXEC) < 0)
		return false;
	s->owner = getpid();
	bytes = fcntl(s->pipe[1], F_SETPIPE_SZ, PIPE_BYTES);
	if (bytes < 0)
		bytes = fcntl(s->pipe[1], F_GETPIPE_SZ);
	s->room = bytes > 0 ? (size_t)bytes : 0;
	if (s->room >= PIPE_LEAST)
		return true;
	close_pipe(s);
	return false;
}

/* Once. */
static void grow(lt_splice *s)
{
	int bytes = s->grown ? -1 : fcntl(s->pipe[1], F_SETPIPE_SZ, PIPE_MOST);

	s->grown = true;
	if (bytes > 0)
		s->room = (size_t)bytes;
}

/* A pipe with the same bytes in it. */
static bool make_twin(const lt_splice *s, int twin[2])
{
	if (pipe2(twin, O_NONBLOCK | O_CLOEXEC) < 0)
		return false;
	fcntl(twin[1], F_SETPIPE_SZ, (int)s->room);
	if (tee(s->pipe[0], twin[1], s->held, SPLICE_F_NONBLOCK) == (ssize_t)s->held)
		return true;
	close(twin[0]);
	close(twin[1]);
	return false;
}

static bool take_all(int fd, char *space, size_t bytes)
{
	for (size_t got = 0; got < bytes;) {
		ssize_t more = read(fd, space + got, bytes - got);

		if (more <= 0)
			return false;
		got += (size_t)more;
	}
	return true;
}

/* The pipe of a parent, who goes on with it, is not emptied. */
static bool take_held(const lt_splice *s, char *space)
{
	int twin[2];
	bool ok;

	if (s->owner == getpid())
		return take_all(s->pipe[0], space, s->held);
	if (!make_twin(s, twin))
		return false;
	ok = take_all(twin[0], space, s->held);
	close(twin[0]);
	close(twin[1]);
	return ok;
}

/* What is in it, in a buf, a failed one where it cannot be had; NULL: nothing. */
static leat_buf *drain(lt_copy *copy, lt_splice *s)
{
	leat_buf *buf = s->held ? leat_buf_new(copy->loop, s->held) : NULL;
	char *space = buf ? leat_buf_space(buf) : NULL;

	if (!space || take_held(s, space))
		return buf;
	leat_buf_unref(buf);
	return leat_buf_new(copy->loop, SIZE_MAX);
}

/* ---- leaving ---- */

/* Gives the descriptors back, and what was in the pipe. */
static leat_buf *stop(lt_copy *copy)
{
	lt_splice *s = copy->splice;
	leat_buf *rest;

	copy->splice = NULL;
	copy->large = 0;
	event_del(&s->readable);
	event_del(&s->writable);
	leat_lease_end(&s->from);
	leat_lease_end(&s->to);
	leat_io_cancel(s->watch);
	rest = drain(copy, s);
	close_pipe(s);
	leat_buf_unref(s->record);
	return rest;
}

/* The copy goes on by bufs: with what was in the pipe, if something was. */
static void leave(lt_copy *copy)
{
	leat_maker maker = copy->splice->maker;

	copy->rest = stop(copy);
	leat_resolve(maker);
}

/* What was in the pipe still goes before the end. */
static void leave_at_the_end(lt_copy *copy)
{
	leat_maker maker = copy->splice->maker;

	copy->rest = stop(copy);
	copy->sending = lt_copy_send_rest(copy);
	leat_resolve(maker);
}

/* What was in the pipe was in the write that failed. */
static void fail(lt_copy *copy)
{
	leat_maker maker = copy->splice->maker;

	copy->failure = copy->splice->to.error;
	if (copy->to_failed)
		*copy->to_failed = true;
	copy->splice->held = 0;
	stop(copy);
	leat_resolve(maker);
}

static void on_cancel(void *state)
{
	lt_copy *copy = *(lt_copy **)state;
	leat_buf *rest = stop(copy);

	leat_flow_unread(copy->from, rest);
}

static const leat_leaf splice_leaf = {
	.size = sizeof splice_leaf, .name = "splice", .state_bytes = sizeof(lt_copy *), .cancel = on_cancel
};

/* One lease is over.  That its flow was aborted the chain will find out; that
 * it was idle for too long is told once. */
static void on_recall(void *ctx, leat_error why)
{
	lt_copy *copy = ctx;

	if (leat_error_is(why, LEAT_TIMEOUT)) {
		copy->failure = why;
		if (copy->to_failed)
			*copy->to_failed = !copy->splice->to.flow;
	}
	if (!copy->splice->to.flow && !leat_error_set(why))
		leave_at_the_end(copy);
	else
		leave(copy);
}

/* ---- moving ---- */

static void wait_for(lt_copy *copy, lt_splice *s, bool room)
{
	if (s->waits && s->wants_room == room)
		return;
	event_del(room ? &s->readable : &s->writable);
	s->waits = true;
	s->wants_room = room;
	if (event_add(room ? &s->writable : &s->readable, NULL) < 0) {
		copy->by_bufs = true;
		leave(copy);
	}
}

static int64_t take(lt_copy *copy, lt_splice *s)
{
	uint64_t most = s->room - s->held, left = copy->left - s->held;
	int64_t bytes;

	if (most == 0 || left == 0 || !s->from.flow)
		return 0;
	bytes = leat_lease_take(&s->from, s->pipe[1], most < left ? most : left);
	if (bytes > 0) {
		s->held += (size_t)bytes;
		s->small = bytes < SMALL_BYTES ? s->small + 1 : 0;
		if (s->held == s->room)
			grow(s);
	}
	return bytes;
}

static int64_t put(lt_copy *copy, lt_splice *s)
{
	int64_t bytes = s->held ? leat_lease_put(&s->to, s->pipe[0], s->held) : 0;

	if (bytes > 0) {
		s->held -= (size_t)bytes;
		lt_copy_count(copy, (size_t)bytes);
	}
	return bytes;
}

static bool is_over(const lt_copy *copy, const lt_splice *s)
{
	if (!s->to.flow)
		return true;
	return s->held == 0 && (copy->left == 0 || !s->from.flow || s->small > SMALL_TAKES);
}

/* Whether anything moved. */
static bool send_file(lt_copy *copy, lt_splice *s)
{
	int64_t bytes = leat_lease_send(&s->to, &s->from, copy->left < FILE_BYTES ? (size_t)copy->left : FILE_BYTES);

	if (bytes > 0)
		lt_copy_count(copy, (size_t)bytes);
	return bytes > 0;
}

static bool move(lt_copy *copy, lt_splice *s)
{
	int64_t taken = take(copy, s);

	return put(copy, s) > 0 || taken > 0;
}

static void pump(lt_copy *copy)
{
	lt_splice *s = copy->splice;
	bool moved = is_file(s) ? send_file(copy, s) : move(copy, s);

	s->vain = moved ? 0 : s->vain + 1;
	if (leat_error_set(s->to.error)) {
		fail(copy);
	} else if (is_over(copy, s) || s->vain > VAIN_WAKES) {
		copy->by_bufs = copy->left > 0 && s->small <= SMALL_TAKES;
		leave(copy);
	} else {
		wait_for(copy, s, s->held > 0 || is_file(s));
	}
}

static void on_ready(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	pump(ctx);
}

/* ---- nothing comes any more ---- */

static leat_io *on_look(void *ctx, leat_result *result)
{
	lt_copy *copy = ctx;
	lt_splice *s = copy->splice;

	(void)result;
	if (s->held == 0 && s->seen == copy->bytes) {
		leave(copy);
		return NULL;
	}
	s->seen = copy->bytes;
	return leat_io_then(leat_sleep(copy->loop, IDLE_MS), on_look, leat_ctx_borrow(copy));
}

static void watch(lt_copy *copy, lt_splice *s)
{
	leat_io *io = leat_io_then(leat_sleep(copy->loop, IDLE_MS), on_look, leat_ctx_borrow(copy));
	leat_result result;

	if (leat_io_try(io, &result))
		leat_result_clear(&result);
	else
		s->watch = io;
}

/* ---- beginning ---- */

static bool borrow(lt_copy *copy, leat_flow *flow, leat_direction direction, leat_lease *lease)
{
	leat_error error;

	*lease = (leat_lease){ .size = sizeof *lease, .recall = on_recall, .ctx = copy };
	error = leat_flow_lease(flow, direction, lease);
	if (leat_error_is(error, LEAT_UNSUPPORTED))
		copy->by_bufs = true;
	return !leat_error_set(error);
}

static lt_splice *make(lt_copy *copy)
{
	leat_buf *record = leat_buf_new(copy->loop, sizeof(lt_splice));
	lt_splice *s = leat_buf_space(record);

	if (s)
		*s = (lt_splice){ .record = record, .pipe = { -1, -1 } };
	else
		leat_buf_unref(record);
	return s;
}

/* Both descriptors and a pipe, or nothing. */
static lt_splice *start(lt_copy *copy)
{
	lt_splice *s = make(copy);
	struct event_base *base = leat_loop_base(copy->loop);

	copy->large = 0;
	if (!s)
		return NULL;
	if (borrow(copy, copy->from, LEAT_READ, &s->from) && borrow(copy, copy->to, LEAT_WRITE, &s->to) && open_pipe(s)) {
		event_assign(&s->readable, base, s->from.fd, EV_READ | EV_PERSIST, on_ready, copy);
		event_assign(&s->writable, base, s->to.fd, EV_WRITE | EV_PERSIST, on_ready, copy);
		s->seen = copy->bytes;
		return s;
	}
	leat_lease_end(&s->from);
	leat_lease_end(&s->to);
	leat_buf_unref(s->record);
	return NULL;
}

static leat_io *on_left(void *ctx, leat_result *result)
{
	(void)result;
	return lt_copy_go_on(ctx);
}

static leat_io *on_flushed(void *ctx, leat_result *result)
{
	lt_copy *copy = ctx;
	lt_splice *s = start(copy);
	leat_io *io;
	void *state;

	(void)result;
	if (!s)
		return lt_copy_go_on(copy);
	copy->splice = s;
	io = leat_io_new(copy->loop, &s->maker, &splice_leaf, &state);
	if (!state) {
		stop(copy);
		return io;
	}
	*(lt_copy **)state = copy;
	io = leat_io_then(io, on_left, leat_ctx_borrow(copy));
	if (copy->splice) {
		watch(copy, s);
		pump(copy);
	}
	return io;
}

static leat_io *on_unflushed(void *ctx, leat_result *result)
{
	lt_copy *copy = ctx;

	if (copy->to_failed)
		*copy->to_failed = true;
	return leat_result_pass(result);
}

/* A flow lends only when what was written to it has gone. */
leat_io *lt_copy_splice(lt_copy *copy)
{
	return leat_io_branch(leat_flow_flush(copy->to), on_flushed, on_unflushed, leat_ctx_borrow(copy));
}

/* SPDX-License-Identifier: ISC */
/* bev - a flow over any bufferevent
 *
 * libevent's callbacks come at any time, also inside our own calls of it
 * (evbuffer_drain, bufferevent_enable), in no order that can be relied upon:
 * a write error overtakes data, an end comes before the bytes it ends.  So
 * they record facts and queue the tail.  In the tail, `answer` looks at the
 * input and at the facts and answers the reader; `go_on` looks at the outputs
 * of all levels and continues what waits for them.  Both are safe to call at
 * any time; each leat_flow_... call may end the flow, which leaves top NULL.
 *
 * What libevent 2.1.12 does, by number in doc/libevent.md, and what we do:
 *   1, 14  ends and errors are kept here; after one EV_READ stays off
 *   2      a reset that a write was told of is one for the reader too
 *   6, 19  writes are followed by the bytes in the outputs, not by callbacks
 *   8      a reader that pauses is EV_READ off, never a watermark
 *   9, 20  the end is told when the input is empty, a turn later
 *   11     a timeout is believed only when the transport has nothing
 */
#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "flow/flow.h"
#include "flow/leave.h"
#include "flow/levels.h"
#include "flow/promote.h"
#include "flow/socket.h"

enum {
	GIVE_BYTES = 64 * 1024, /* at most, to one read */
	KEEP_BYTES = 16 * 1024, /* without a reader: more, and we stop listening */
	ROOM_BYTES = 32 * 1024, /* in all outputs: at most */
	LEND_BYTES = 4 * 1024,  /* a smaller buf is cheaper copied */

	ORPHANED = 0x4000, /* an event of our own */
};

struct bev {
	leat_flow *flow;
	leat_loop *loop;
	struct bufferevent *top; /* NULL: the flow has ended, or was given back */
	lt_levels levels;
	struct evbuffer_cb_entry *arrivals; /* watch on the top's input */
	lt_tail tail;
	struct event *writable; /* for a goodbye that the descriptor did not take */
	leat_error read_error, write_error; /* as they will be told */
	bool lends;      /* bufs may lie in the output: it goes to a descriptor, nowhere else */
	bool reading;    /* EV_READ is on */
	bool connected;  /* it said so, this turn */
	bool ended;      /* the end has arrived */
	bool cut_short;  /* or that below OpenSSL, whose own may be on its way */
	bool finished;   /* the filters know it */
	bool told_read;  /* the flow knows the end, or the error */
	bool told_write; /* the flow knows the error */
	bool told_end;   /* the peer knows that we write no more */
	bool silent_read, silent_write; /* libevent's timeouts */
	bool orphaned;   /* a pair, and its partner is gone */
	bool blocked;    /* bytes were left in the queue */
	bool flushing, telling; /* an answer is owed */
	int hidden;      /* events of the transport that wait for nobody, as the loop counts them */
};

static struct evbuffer *input_of(const struct bev *s)
{
	return bufferevent_get_input(s->top);
}

static void wake(struct bev *s)
{
	lt_loop_at_end(s->loop, &s->tail);
}

/* ---- facts ---- */

static bool cuts_both(leat_error error)
{
	return error.domain == &leat_errno_errors || leat_error_is(error, LEAT_PROTOCOL);
}

static void note_write_error(struct bev *s, leat_error error)
{
	if (!s->told_end && !leat_error_set(s->write_error))
		s->write_error = error;
}

/* An error of reading ends writing too, so that libevent does not write to a
 * stream that is known to be broken: that would raise SIGPIPE.  But TLS that
 * was cut short may be written to as any half-closed stream. */
static void note_read_error(struct bev *s, leat_error error)
{
	if (s->ended || leat_error_set(s->read_error))
		return;
	s->read_error = error;
	if (cuts_both(error))
		note_write_error(s, error);
}

/* Where a write met the reset, all that a read will meet is an end - except
 * that EPIPE comes after a true one, too. */
static void note_end(struct bev *s)
{
	if (leat_error_set(s->write_error) && !leat_error_is(s->write_error, LEAT_CLOSED))
		note_read_error(s, s->write_error);
	else if (!leat_error_set(s->read_error))
		s->ended = true;
}

static void note_error(struct bev *s, short what, int number)
{
	bool bare = !(what & (BEV_EVENT_READING | BEV_EVENT_WRITING));

	if (bare && lt_levels_cut_short(&s->levels)) {
		s->cut_short = true;
		return;
	}
	if ((what & BEV_EVENT_READING) || bare)
		note_read_error(s, lt_levels_error(&s->levels, what, number));
	if (what & BEV_EVENT_WRITING)
		note_write_error(s, lt_levels_error(&s->levels, what, number));
}

static void on_event(struct bufferevent *top, short what, void *arg)
{
	struct bev *s = arg;
	int number = errno;

	(void)top;
	if (what & BEV_EVENT_CONNECTED) {
		s->connected = true;
	} else if (what & BEV_EVENT_TIMEOUT) {
		s->silent_read |= !(what & BEV_EVENT_WRITING);
		s->silent_write |= !(what & BEV_EVENT_READING);
	} else if (what & BEV_EVENT_ERROR) {
		note_error(s, what, number);
	} else if (what & BEV_EVENT_EOF) {
		if (what & BEV_EVENT_WRITING)
			note_write_error(s, leat_error_errno(EPIPE));
		if (what & BEV_EVENT_READING)
			note_end(s);
	}
	if (what & ORPHANED) {
		note_read_error(s, leat_error_errno(ECONNRESET));
		note_write_error(s, leat_error_errno(EPIPE));
	}
	wake(s);
}

/* Turns reading off where that many bytes wait in the input. */
static void turn_off(struct bev *s)
{
	if (!s->reading || evbuffer_get_length(input_of(s)) < KEEP_BYTES)
		return;
	s->reading = false;
	bufferevent_disable(s->top, EV_READ);
}

/* A partner moves over all it has, while we are reading: that ends here. */
static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
	struct bev *s = arg;

	(void)input;
	if (info->n_added == 0)
		return;
	if (lt_levels_bottom(&s->levels)->kind == LT_LEVEL_PAIR)
		turn_off(s);
	wake(s);
}

static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
	struct bev *s = arg;

	(void)output;
	if (info->n_deleted > 0 && (s->blocked || s->flushing || s->telling))
		wake(s);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	wake(arg);
}

/* ---- reading ---- */

/* What waits for nobody must not hide a deadlock.  The guard knows of the event
 * that it hears; ours to count is one that reads ahead of its reader, and a
 * deadline beside it, which libevent counts as one more.  What was not switched
 * on by us comes and goes unseen: an event of a handshake, which is waited for
 * by all, or one that is left of it. */
static void count_events(struct bev *s)
{
	bool listening = s->top && s->reading && lt_levels_listening(&s->levels) && !lt_levels_shaking(&s->levels);
	bool heard = listening && evbuffer_get_length(input_of(s)) == 0;
	int hidden = listening ? !heard + lt_levels_deadlines(&s->levels) : 0;

	leat_flow_listens(s->flow, heard);
	if (hidden != s->hidden)
		lt_loop_readerless(s->loop, hidden - s->hidden);
	s->hidden = hidden;
}

static void turn_on(struct bev *s)
{
	if (s->reading)
		return;
	s->reading = true;
	bufferevent_enable(s->top, EV_READ);
	if (s->top)
		lt_levels_poke(&s->levels);
}

/* Nobody reads yet.  A handshake leaves what is below OpenSSL reading, whoever
 * reads above. */
static void calm(struct bev *s)
{
	s->connected = false;
	if (!s->reading)
		bufferevent_disable(s->top, EV_READ);
}

/* libevent keeps the block it was going to read into when it read the end;
 * bytes that come and go take it with them. */
static void drop_empty_block(struct bev *s)
{
	struct evbuffer *input = input_of(s);

	if (evbuffer_get_length(input) > 0)
		return;
	evbuffer_unfreeze(input, 0);
	if (evbuffer_add(input, "", 1) == 0)
		evbuffer_drain(input, 1);
	evbuffer_freeze(input, 0);
}

static void give_bytes(struct bev *s)
{
	size_t bytes = evbuffer_get_length(input_of(s));
	leat_buf *buf = leat_buf_new(s->loop, bytes < GIVE_BYTES ? bytes : GIVE_BYTES);

	if (leat_buf_failed(buf)) {
		s->told_read = true;
		leat_flow_give_error(s->flow, leat_error_core(LEAT_NOMEM));
		return;
	}
	evbuffer_remove(input_of(s), leat_buf_space(buf), leat_buf_size(buf));
	leat_flow_give(s->flow, buf);
}

static void give_end(struct bev *s)
{
	s->told_read = true;
	s->reading = false;
	bufferevent_disable(s->top, EV_READ);
	drop_empty_block(s);
	if (leat_error_set(s->read_error))
		leat_flow_give_error(s->flow, s->read_error);
	else
		leat_flow_give_end(s->flow);
}

/* Nothing more will arrive at the bottom.  What lies between it and us is
 * brought up; OpenSSL may find its own end there, or only its beginning. */
static void bring_up(struct bev *s)
{
	s->finished = true;
	if (s->levels.count > 1) {
		bufferevent_enable(s->top, EV_READ);
		lt_levels_poke(&s->levels);
	}
	if (s->ended)
		lt_levels_finish_input(&s->levels);
	else
		note_read_error(s, leat_error_core(LEAT_TRUNCATED));
	if (!leat_error_set(s->write_error))
		bufferevent_enable(s->top, EV_WRITE); /* OpenSSL stopped writing as well */
}

static void answer(struct bev *s)
{
	bool ended = s->ended || s->cut_short || leat_error_set(s->read_error);

	if (!s->top || s->told_read)
		return;
	if (ended && !s->finished)
		bring_up(s);
	if (evbuffer_get_length(input_of(s)) > 0) {
		if (leat_flow_wanted(s->flow))
			give_bytes(s);
		else
			turn_off(s);
	} else if (ended) {
		give_end(s);
	} else if (leat_flow_wanted(s->flow)) {
		turn_on(s);
	}
}

/* The partner of a pair may have been freed: looked at when it matters.  Its
 * last event may be on its way to us; ours joins it. */
static void look_for_partner(struct bev *s)
{
	if (!s->orphaned && lt_levels_orphaned(&s->levels)) {
		s->orphaned = true;
		bufferevent_trigger_event(lt_levels_bottom(&s->levels)->bev, ORPHANED, 0);
	}
}

static void bev_read(leat_flow *self, void *state)
{
	struct bev *s = state;

	(void)self;
	look_for_partner(s);
	answer(s);
	count_events(s);
}

/* ---- writing ---- */

static void unlend(const void *data, size_t bytes, void *arg)
{
	(void)data;
	(void)bytes;
	leat_buf_unref(arg);
}

/* Moves at most `room` bytes from the front of the queue to the output.
 * False without memory.  A filter may end the flow inside the call; the queue
 * is empty then. */
static bool put(struct bev *s, leat_bufs *queue, size_t room)
{
	struct evbuffer *output = bufferevent_get_output(s->top);
	struct iovec part;
	size_t bytes;

	leat_bufs_iovec(queue, &part, 1);
	bytes = part.iov_len < room ? part.iov_len : room;
	if (s->lends && bytes >= LEND_BYTES) {
		leat_buf *buf = leat_buf_ref(queue->head);

		if (evbuffer_add_reference(output, part.iov_base, bytes, unlend, buf) < 0) {
			leat_buf_unref(buf);
			return false;
		}
	} else if (evbuffer_add(output, part.iov_base, bytes) < 0) {
		return false;
	}
	if (s->top)
		leat_bufs_drop(queue, bytes);
	return true;
}

static void bev_write(leat_flow *self, void *state, leat_bufs *queue)
{
	struct bev *s = state;

	(void)self;
	look_for_partner(s);
	while (s->top && leat_bufs_size(queue) > 0) {
		size_t output = lt_levels_output(&s->levels);

		s->blocked = output >= ROOM_BYTES;
		if (s->blocked)
			return;
		if (!put(s, queue, ROOM_BYTES - output)) {
			s->told_write = true;
			leat_flow_write_failed(s->flow, leat_error_core(LEAT_NOMEM));
			return;
		}
	}
}

static void bev_flush(leat_flow *self, void *state)
{
	struct bev *s = state;
	int number;

	(void)self;
	s->flushing = true;
	number = lt_levels_push(&s->levels);
	if (number)
		note_error(s, BEV_EVENT_WRITING | BEV_EVENT_ERROR, number);
	wake(s);
}

static void bev_shutdown(leat_flow *self, void *state)
{
	struct bev *s = state;

	(void)self;
	look_for_partner(s);
	s->telling = true;
	wake(s);
}

/* The goodbye waits for the descriptor.  Without memory for that it is not
 * said, and the peer hears of the end only. */
static bool await_writable(struct bev *s)
{
	if (!s->writable)
		s->writable = event_new(leat_loop_base(s->loop), lt_levels_fd(&s->levels), EV_WRITE, on_writable, s);
	return s->writable && event_add(s->writable, NULL) == 0;
}

static bool told(struct bev *s)
{
	lt_told told = lt_levels_tell(&s->levels);

	if (told == LT_TELL_WRITABLE && !await_writable(s)) {
		s->levels.level[s->levels.telling].said = true;
		told = lt_levels_tell(&s->levels);
	}
	return told == LT_TOLD;
}

static void go_on(struct bev *s)
{
	if (s->top && leat_error_set(s->write_error) && !s->told_write) {
		s->told_write = true;
		s->blocked = s->flushing = s->telling = false;
		leat_flow_write_failed(s->flow, s->write_error);
	}
	if (s->top && s->blocked && lt_levels_output(&s->levels) < ROOM_BYTES / 2) {
		s->blocked = false;
		leat_flow_writable(s->flow);
	}
	if (s->top && s->flushing && lt_levels_flushed(&s->levels)) {
		s->flushing = false;
		leat_flow_flushed(s->flow);
	}
	if (s->top && s->telling && told(s)) {
		s->telling = false;
		s->told_end = true;
		leat_flow_told(s->flow);
	}
}

/* ---- in between ---- */

/* The bufferevent came with timeouts.  libevent lets them win over bytes that
 * arrive in the same turn, and has switched off what timed out. */
static void look_at_silence(struct bev *s)
{
	bool read = s->silent_read, write = s->silent_write;

	s->silent_read = s->silent_write = false;
	if (read) {
		s->reading = false;
		if (leat_flow_wanted(s->flow) && !lt_levels_ready(&s->levels, EV_READ) && !s->ended)
			note_read_error(s, leat_error_core(LEAT_TIMEOUT));
		else
			lt_levels_resume(&s->levels, EV_READ);
	}
	if (write) {
		if (lt_levels_output(&s->levels) > 0 && !lt_levels_ready(&s->levels, EV_WRITE))
			note_write_error(s, leat_error_core(LEAT_TIMEOUT));
		else
			lt_levels_resume(&s->levels, EV_WRITE);
	}
}

static void on_tail(lt_tail *tail)
{
	struct bev *s = (struct bev *)(void *)((char *)tail - offsetof(struct bev, tail));
	leat_flow *flow = s->flow;

	leat_flow_ref(flow);
	if (s->connected)
		calm(s);
	if (s->silent_read || s->silent_write)
		look_at_silence(s);
	answer(s);
	go_on(s);
	count_events(s);
	leat_flow_unref(flow);
}

/* ---- the end ---- */

/* Bytes that we lent must not stay in what libevent frees when it likes. */
static void take_back_output(struct bev *s)
{
	struct evbuffer *output = bufferevent_get_output(s->top);

	if (!s->lends || evbuffer_get_length(output) == 0)
		return;
	evbuffer_unfreeze(output, 1);
	evbuffer_drain(output, evbuffer_get_length(output));
	evbuffer_freeze(output, 1);
}

/* Lets go of the bufferevent: from now on no callback of it reaches us. */
static struct bufferevent *let_go(struct bev *s)
{
	struct bufferevent *top = s->top;

	lt_loop_not_at_end(s->loop, &s->tail);
	if (s->arrivals)
		evbuffer_remove_cb_entry(input_of(s), s->arrivals);
	s->arrivals = NULL;
	lt_levels_forget(&s->levels);
	if (s->writable)
		event_free(s->writable);
	s->writable = NULL;
	bufferevent_setcb(top, NULL, NULL, NULL, NULL);
	s->top = NULL;
	count_events(s);
	return top;
}

static void bev_close(leat_flow *self, void *state)
{
	struct bev *s = state;
	bool is_socket = s->levels.count > 0 && s->levels.level[0].kind == LT_LEVEL_SOCKET;

	(void)self;
	take_back_output(s);
	lt_bev_end(let_go(s), is_socket);
}

static void bev_abort(leat_flow *self, void *state)
{
	lt_level_cut(((struct bev *)state)->top);
	bev_close(self, state);
}

static void bev_info(leat_flow *self, void *state, leat_flow_info *info)
{
	struct bev *s = state;

	(void)self;
	lt_socket_info(lt_levels_fd(&s->levels), info);
	info->kept_bytes += evbuffer_get_length(input_of(s));
}

static const leat_flow_ops bev_ops = {
	.size = sizeof bev_ops,
	.name = "bufferevent",
	.state_bytes = sizeof(struct bev),
	.read = bev_read,
	.write = bev_write,
	.flush = bev_flush,
	.shutdown = bev_shutdown,
	.close = bev_close,
	.abort = bev_abort,
	.info = bev_info,
};

/* ---- taking over ---- */

static bool take_over(struct bev *s, struct bufferevent *top)
{
	s->top = top;
	s->tail.run = on_tail;
	if (!lt_levels_find(&s->levels, s->loop, top, on_output, s))
		return false;
	s->lends = s->levels.level[0].kind == LT_LEVEL_SOCKET || s->levels.level[0].kind == LT_LEVEL_SSL;
	s->arrivals = evbuffer_add_cb(input_of(s), on_input, s);
	if (!s->arrivals)
		return false;
	for (int i = 0; i < s->levels.count; i++)
		bufferevent_setwatermark(s->levels.level[i].bev, EV_READ, 0, 0);
	bufferevent_setcb(top, NULL, NULL, on_event, s);
	if (!(bufferevent_get_enabled(top) & EV_WRITE))
		bufferevent_enable(top, EV_WRITE);
	if (!lt_levels_shaking(&s->levels))
		calm(s); /* it may have been reading */
	if (lt_levels_bottom(&s->levels)->kind == LT_LEVEL_PAIR)
		turn_on(s); /* what has arrived waits here, as it would in the kernel for a socket */
	return true;
}

/* One that cannot be taken is ours nevertheless. */
static void cut_and_free(struct bufferevent *bev)
{
	bufferevent_setcb(bev, NULL, NULL, NULL, NULL);
	lt_level_cut(bev);
	bufferevent_free(bev);
}

static leat_flow *adopt(leat_loop *loop, struct bufferevent *top, const char *where)
{
	void *state;
	leat_flow *flow = leat_flow_new_at(loop, &bev_ops, &state, where);
	struct bev *s = state;

	if (!s) {
		cut_and_free(top);
		return flow;
	}
	s->flow = flow;
	s->loop = loop;
	if (take_over(s, top))
		return flow;
	leat_flow_abort(flow);
	leat_flow_unref(flow);
	return leat_flow_stillborn(loop, leat_error_make_at(&leat_core_errors, LEAT_NOMEM, where));
}

/* ---- the door ---- */

static leat_flow *refuse(leat_loop *loop, struct bufferevent *bev, leat_kind kind, const char *where)
{
	if (bev)
		cut_and_free(bev);
	return leat_flow_stillborn(loop, leat_error_make_at(&leat_core_errors, (int)kind, where));
}

leat_flow *leat_flow_from_bufferevent_at(leat_loop *loop, struct bufferevent *bev, const char *where)
{
	if (lt_loop_closing(loop))
		return refuse(loop, bev, LEAT_CLOSED, where);
	if (!bev || bufferevent_get_base(bev) != leat_loop_base(loop))
		return refuse(loop, bev, LEAT_INVALID, where);
	return lt_bev_is_plain(loop, bev) ? lt_flow_promote(loop, bev, where) : adopt(loop, bev, where);
}

/* ---- giving back ---- */

/* Replaces what is lent in the output by copies that are libevent's own.
 * False without memory: nothing has changed. */
static bool own_output(struct bufferevent *bev)
{
	struct evbuffer *output = bufferevent_get_output(bev), *copy = evbuffer_new();
	size_t bytes = evbuffer_get_length(output);
	struct evbuffer_iovec space;
	bool ok = copy && (bytes == 0 || evbuffer_reserve_space(copy, (ev_ssize_t)bytes, &space, 1) == 1);

	if (ok && bytes > 0) {
		space.iov_len = bytes;
		evbuffer_unfreeze(output, 1);
		evbuffer_remove(output, space.iov_base, bytes);
		evbuffer_freeze(output, 1);
		evbuffer_commit_space(copy, &space, 1);
		evbuffer_add_buffer(output, copy);
	}
	if (copy)
		evbuffer_free(copy);
	return ok;
}

/* Of a flow in this lane. */
static leat_error give_back(leat_flow *flow, struct bev *s, struct bufferevent **bev)
{
	leat_bufs kept = { 0 }, queue = { 0 };
	leat_error error = leat_error_core(LEAT_NOMEM);
	short enabled = bufferevent_get_enabled(s->top);

	bufferevent_disable(s->top, EV_READ | EV_WRITE);
	if (!s->lends || own_output(s->top))
		error = lt_flow_leave(flow, &kept, &queue);
	if (!leat_error_set(error))
		return lt_bev_hand_back(let_go(s), &kept, &queue, bev);
	bufferevent_enable(s->top, enabled);
	return error;
}

leat_error leat_flow_to_bufferevent(leat_flow *flow, struct bufferevent **bev)
{
	struct bev *s = leat_flow_state(flow, &bev_ops);

	*bev = NULL;
	if (lt_flow_ended(flow))
		return lt_flow_refusal(flow);
	if (s)
		return give_back(flow, s, bev);
	return flow->bits & LT_F_PROMOTED ? lt_flow_demote(flow, bev) : leat_error_core(LEAT_UNSUPPORTED);
}

/* SPDX-License-Identifier: ISC */
/* bev - a flow over any bufferevent
 *
 * libevent's callbacks come at any time, also inside our own calls of it
 * (evbuffer_drain, bufferevent_enable), in no order that can be relied upon:
 * a write error overtakes data, an end comes before the bytes it ends.  So
 * they record facts and queue the tail (bev_facts.c).  In the tail, `answer`
 * looks at the input and at the facts and answers the reader; `go_on` looks at
 * the outputs of all levels and continues what waits for them.  Both are safe
 * to call at any time; each leat_flow_... call may end the flow, which leaves
 * top NULL.
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

#include "flow/bev_lane.h"
#include "flow/promote.h"
#include "flow/socket.h"

enum {
	GIVE_BYTES = 64 * 1024, /* at most, to one read */
	ROOM_BYTES = 32 * 1024, /* in all outputs: at most */
	LEND_BYTES = 4 * 1024,  /* a smaller buf is cheaper copied */
};

/* ---- reading ---- */

/* What waits for nobody must not hide a deadlock.  The guard knows of the event
 * that it hears; ours to count is one that reads ahead of its reader, and a
 * deadline beside it, which libevent counts as one more.  What was not switched
 * on by us comes and goes unseen: an event of a handshake, which is waited for
 * by all, or one that is left of it. */
static void count_events(lt_bev *s)
{
	bool listening = s->top && s->reading && lt_levels_listening(&s->levels) && !lt_levels_shaking(&s->levels);
	bool heard = listening && evbuffer_get_length(lt_bev_input(s)) == 0;
	int hidden = listening ? !heard + lt_levels_deadlines(&s->levels) : 0;

	leat_flow_listens(s->flow, heard);
	if (hidden != s->hidden)
		lt_loop_readerless(s->loop, hidden - s->hidden);
	s->hidden = hidden;
}

void lt_bev_turn_on(lt_bev *s)
{
	if (s->reading)
		return;
	s->reading = true;
	bufferevent_enable(s->top, EV_READ);
	if (s->top)
		lt_levels_poke(&s->levels);
}

void lt_bev_calm(lt_bev *s)
{
	s->connected = false;
	if (!s->reading)
		bufferevent_disable(s->top, EV_READ);
}

/* libevent keeps the block it was going to read into when it read the end;
 * bytes that come and go take it with them. */
static void drop_empty_block(lt_bev *s)
{
	struct evbuffer *input = lt_bev_input(s);

	if (evbuffer_get_length(input) > 0)
		return;
	evbuffer_unfreeze(input, 0);
	if (evbuffer_add(input, "", 1) == 0)
		evbuffer_drain(input, 1);
	if (lt_level_freezes(s->levels.level))
		evbuffer_freeze(input, 0);
}

static void give_bytes(lt_bev *s)
{
	size_t bytes = evbuffer_get_length(lt_bev_input(s));
	leat_buf *buf = leat_buf_new(s->loop, bytes < GIVE_BYTES ? bytes : GIVE_BYTES);

	if (leat_buf_failed(buf)) {
		s->told_read = true;
		leat_flow_give_error(s->flow, leat_error_core(LEAT_NOMEM));
		return;
	}
	evbuffer_remove(lt_bev_input(s), leat_buf_space(buf), leat_buf_size(buf));
	leat_flow_give(s->flow, buf);
}

static void give_end(lt_bev *s)
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
static void bring_up(lt_bev *s)
{
	s->finished = true;
	if (s->levels.count > 1) {
		bufferevent_enable(s->top, EV_READ);
		lt_levels_poke(&s->levels);
	}
	if (s->ended)
		lt_levels_finish_input(&s->levels);
	else
		lt_bev_note_read_error(s, leat_error_core(LEAT_TRUNCATED));
	if (!leat_error_set(s->write_error))
		bufferevent_enable(s->top, EV_WRITE); /* OpenSSL stopped writing as well */
}

static bool is_over(const lt_bev *s)
{
	return s->ended || s->cut_short || leat_error_set(s->read_error);
}

static bool has_input(lt_bev *s)
{
	return evbuffer_get_length(lt_bev_input(s)) > 0;
}

/* While closing, more is wanted inside the answer, and as we listen we are not asked. */
static void give_all_wanted(lt_bev *s)
{
	while (s->top && has_input(s) && leat_flow_wanted(s->flow))
		give_bytes(s);
	if (s->top && !s->told_read && !has_input(s) && is_over(s))
		give_end(s);
}

static void answer(lt_bev *s)
{
	if (!s->top || s->told_read)
		return;
	if (is_over(s) && !s->finished)
		bring_up(s);
	if (has_input(s) && !leat_flow_wanted(s->flow))
		lt_bev_turn_off(s);
	else if (has_input(s) || is_over(s))
		give_all_wanted(s);
	else if (leat_flow_wanted(s->flow))
		lt_bev_turn_on(s);
}

static void bev_read(leat_flow *self, void *state)
{
	lt_bev *s = state;

	(void)self;
	lt_bev_look_for_partner(s);
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

/* libevent lets go of what it was lent in the middle of its own work, where a
 * release of the user's could free the bufferevent: that one is copied. */
static bool can_be_lent(const lt_bev *s, const leat_buf *buf, size_t bytes)
{
	return s->lends && bytes >= LEND_BYTES && !lt_buf_has_release(buf);
}

/* Moves at most `room` bytes from the front of the queue to the output.
 * False without memory.  A filter may end the flow inside the call; the queue
 * is empty then. */
static bool put(lt_bev *s, leat_bufs *queue, size_t room)
{
	struct evbuffer *output = bufferevent_get_output(s->top);
	struct iovec part;
	size_t bytes;

	leat_bufs_iovec(queue, &part, 1);
	bytes = part.iov_len < room ? part.iov_len : room;
	if (can_be_lent(s, queue->head, bytes)) {
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
	lt_bev *s = state;

	(void)self;
	lt_bev_look_for_partner(s);
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
	lt_bev *s = state;
	int number;

	(void)self;
	s->flushing = true;
	number = lt_levels_push(&s->levels);
	if (number)
		lt_bev_note_error(s, BEV_EVENT_WRITING | BEV_EVENT_ERROR, number);
	lt_bev_wake(s);
}

static void bev_shutdown(leat_flow *self, void *state)
{
	lt_bev *s = state;

	(void)self;
	lt_bev_look_for_partner(s);
	s->telling = true;
	lt_bev_wake(s);
}

static bool told(lt_bev *s)
{
	lt_told told = lt_levels_tell(&s->levels);

	if (told == LT_TELL_WRITABLE && !lt_bev_await_writable(s)) {
		s->levels.level[s->levels.telling].said = true;
		told = lt_levels_tell(&s->levels);
	}
	return told == LT_TOLD;
}

static void go_on(lt_bev *s)
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
static void look_at_silence(lt_bev *s)
{
	bool read = s->silent_read, write = s->silent_write;

	s->silent_read = s->silent_write = false;
	if (read) {
		s->reading = false;
		if (leat_flow_wanted(s->flow) && !lt_levels_ready(&s->levels, EV_READ) && !s->ended)
			lt_bev_note_read_error(s, leat_error_core(LEAT_TIMEOUT));
		else
			lt_levels_resume(&s->levels, EV_READ);
	}
	if (write) {
		if (lt_levels_output(&s->levels) > 0 && !lt_levels_ready(&s->levels, EV_WRITE))
			lt_bev_note_write_error(s, leat_error_core(LEAT_TIMEOUT));
		else
			lt_levels_resume(&s->levels, EV_WRITE);
	}
}

void lt_bev_on_tail(lt_tail *tail)
{
	lt_bev *s = (lt_bev *)(void *)((char *)tail - offsetof(lt_bev, tail));
	leat_flow *flow = s->flow;

	leat_flow_ref(flow);
	if (s->connected)
		lt_bev_calm(s);
	if (s->silent_read || s->silent_write)
		look_at_silence(s);
	answer(s);
	go_on(s);
	count_events(s);
	leat_flow_unref(flow);
}

/* ---- the end ---- */

/* Bytes that we lent must not stay in what libevent frees when it likes. */
static void take_back_output(lt_bev *s)
{
	struct evbuffer *output = bufferevent_get_output(s->top);

	if (!s->lends || evbuffer_get_length(output) == 0)
		return;
	evbuffer_unfreeze(output, 1);
	evbuffer_drain(output, evbuffer_get_length(output));
	evbuffer_freeze(output, 1);
}

struct bufferevent *lt_bev_let_go(lt_bev *s)
{
	struct bufferevent *top = s->top;

	lt_bev_hear_no_more(s);
	s->top = NULL;
	count_events(s);
	return top;
}

static void bev_close(leat_flow *self, void *state)
{
	lt_bev *s = state;
	bool is_socket = s->levels.count > 0 && s->levels.level[0].kind == LT_LEVEL_SOCKET;

	(void)self;
	take_back_output(s);
	lt_bev_end(lt_bev_let_go(s), is_socket);
}

static void bev_abort(leat_flow *self, void *state)
{
	lt_level_cut(((lt_bev *)state)->top, lt_flow_is_shared(self));
	bev_close(self, state);
}

static void bev_info(leat_flow *self, void *state, leat_flow_info *info)
{
	lt_bev *s = state;

	(void)self;
	lt_socket_info(lt_levels_fd(&s->levels), info);
	info->kept_bytes += evbuffer_get_length(lt_bev_input(s));
}

const leat_flow_ops lt_bev_ops = {
	.size = sizeof lt_bev_ops,
	.name = "bufferevent",
	.state_bytes = sizeof(lt_bev),
	.read = bev_read,
	.write = bev_write,
	.flush = bev_flush,
	.shutdown = bev_shutdown,
	.close = bev_close,
	.abort = bev_abort,
	.info = bev_info,
};


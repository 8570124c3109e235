/* SPDX-License-Identifier: ISC */
/* write - the guard's writing half
 *
 * What is written joins the queue, which is handed to the transport at the
 * end of the turn.  A write that crosses the high-water mark waits until the
 * queue has sunk below it again.  The queue exists while it is needed.
 */
#include "flow/flow.h"
#include "flow/socket.h"

typedef struct write_state {
	leat_flow *flow;
	size_t bytes; /* the last ones of the queue, as long as none was taken */
} write_state;

static size_t high_water(const leat_flow *flow)
{
	return flow->rare ? flow->rare->limits.high_water_bytes : LT_HIGH_WATER;
}

/* ---- the queue ---- */

static void on_turn_end(lt_tail *tail);

/* The buf is the first in the queue; NULL: there will be one. */
static inline lt_out *make_out(leat_flow *flow, leat_buf *buf)
{
	lt_out *out = lt_piece_take(flow->loop);

	if (__builtin_expect(!out, 0))
		return NULL;
	out->queue.head = out->queue.tail = buf;
	out->queue.bytes = buf ? buf->size : 0;
	out->tail.next = NULL;
	out->tail.run = on_turn_end;
	out->flow = flow;
	out->writer = NULL;
	flow->out = out;
	return out;
}

static void free_out(leat_flow *flow)
{
	lt_out *out = flow->out;

	flow->out = NULL;
	if (out->tail.next)
		lt_loop_not_at_end(flow->loop, &out->tail);
	if (out->queue.head)
		lt_bufs_clear(&out->queue);
	lt_piece_give(flow->loop, out);
}

static void settle_writer(leat_flow *flow, const lt_outcome *outcome)
{
	leat_io *writer = flow->out ? flow->out->writer : NULL;

	if (!writer)
		return;
	flow->out->writer = NULL;
	lt_settle(flow->loop, writer, outcome);
	lt_flow_unref(flow);
}

void lt_flow_writer_fail(leat_flow *flow, leat_error error)
{
	lt_outcome failure = lt_failure(error);

	settle_writer(flow, &failure);
}

void lt_flow_writer_look(leat_flow *flow)
{
	if (flow->out && flow->out->queue.bytes < high_water(flow))
		settle_writer(flow, &(lt_outcome){ 0 });
}

/* ---- to the transport ---- */

/* What is written while ops->write is on the stack, by the release of a buf that it
 * dropped, was not offered to it: that it is left means nothing. */
static size_t fresh_bytes(const leat_flow *flow)
{
	return flow->rare ? flow->rare->fresh : 0;
}

static void forget_fresh(leat_flow *flow)
{
	if (flow->rare)
		flow->rare->fresh = 0;
}

static __attribute__((noinline)) void after_sending(leat_flow *flow, size_t before)
{
	lt_out *out = flow->out;

	if (lt_flow_ended(flow) || (flow->bits & LT_F_WRITE_ERROR)) {
		if (out)
			free_out(flow);
		return;
	}
	if (out->queue.bytes > fresh_bytes(flow))
		flow->bits |= LT_F_WRITE_BUSY;
	forget_fresh(flow);
	if (out->queue.bytes < before && (flow->bits & LT_F_CLOSING)) {
		lt_flow_paced(flow);
		if (lt_flow_ended(flow)) /* no memory for the timer */
			return;
	}
	if (out->queue.bytes < high_water(flow))
		settle_writer(flow, &(lt_outcome){ 0 });
	if (out->queue.bytes > 0)
		return;
	free_out(flow);
	if ((flow->bits & LT_F_WRITE_SHUT) || (flow->rare && !lt_ring_empty(&flow->rare->flushers)))
		lt_flow_progress(flow);
}

enum { ENDINGS = LT_F_CLOSED | LT_F_MOVED | LT_F_WRITE_ERROR | LT_F_WRITE_SHUT | LT_F_CLOSING };

/* The op may end the flow, or call leat_flow_writable. */
static inline void offer(leat_flow *flow, lt_out *out)
{
	flow->bits |= LT_F_WRITING;
	flow->ops->write(lt_flow_self(flow), lt_flow_state(flow), &out->queue);
	while (__builtin_expect((flow->bits & LT_F_WRITE_AGAIN) && out->queue.bytes > 0, 0)) {
		flow->bits &= ~(uint32_t)LT_F_WRITE_AGAIN;
		forget_fresh(flow);
		flow->ops->write(lt_flow_self(flow), lt_flow_state(flow), &out->queue);
	}
	flow->bits &= ~(uint32_t)(LT_F_WRITING | LT_F_WRITE_AGAIN);
}

/* All is sent and nobody waits for that: one look at all that might be. */
static inline bool is_all_done(const leat_flow *flow, const lt_out *out)
{
	return !(out->queue.bytes | (uintptr_t)out->writer | (uintptr_t)out->tail.next | (uintptr_t)flow->rare |
	         (flow->bits & ENDINGS));
}

static __attribute__((noinline)) void send_out(leat_flow *flow, lt_out *out)
{
	size_t before = out->queue.bytes;

	if (before == 0 || (flow->bits & (LT_F_CLOSED | LT_F_MOVED | LT_F_WRITE_BUSY | LT_F_WRITING)))
		return;
	flow->refs++;
	offer(flow, out);
	after_sending(flow, before);
	lt_flow_unref(flow);
}

/* The usual: the transport takes all, and that is all. */
static inline void send_plain(leat_flow *flow, lt_out *out)
{
	flow->refs++;
	offer(flow, out);
	if (__builtin_expect(is_all_done(flow, out), 1)) {
		flow->out = NULL;
		lt_piece_give(flow->loop, out);
	} else {
		after_sending(flow, out->queue.bytes);
	}
	lt_flow_unref(flow);
}

/* ---- pacing ---- */

enum { PACED = LT_F_WRITE_BUSY | LT_F_WRITE_AGAIN };

static bool is_paced(const leat_flow *flow)
{
	return (flow->bits & (PACED | LT_F_WRITING)) == PACED;
}

bool lt_flow_pace(leat_flow *flow)
{
	lt_out *out = flow->out;

	if (!out && !(flow->bits & ENDINGS))
		out = make_out(flow, NULL);
	if (!out)
		return false;
	flow->bits |= PACED;
	lt_loop_add_tail(flow->loop, &out->tail);
	return true;
}

/* Sends what there is after all; may be the flow's end. */
static void unpace(leat_flow *flow)
{
	flow->refs++;
	flow->bits &= ~(uint32_t)PACED;
	if (flow->out)
		send_out(flow, flow->out);
	if (!lt_flow_ended(flow) && lt_flow_queued(flow) == 0) {
		if (flow->out)
			free_out(flow);
		lt_socket_rest(flow);
	}
	lt_flow_unref(flow);
}

/* Nothing to send, or a state in which it may not be. */
static LT_COLD void end_turn_oddly(leat_flow *flow, lt_out *out)
{
	if (!is_paced(flow))
		send_out(flow, out);
	else if (!out->writer)
		unpace(flow);
}

static void on_turn_end(lt_tail *tail)
{
	const uint32_t odd = ENDINGS | LT_F_WRITE_BUSY | LT_F_WRITING;
	lt_out *out = (lt_out *)(void *)((char *)tail - offsetof(lt_out, tail));
	leat_flow *flow = out->flow;

	if (__builtin_expect((flow->bits & odd) || out->queue.bytes == 0, 0))
		end_turn_oddly(flow, out);
	else
		send_plain(flow, out);
}

void lt_flow_send_now(leat_flow *flow)
{
	if (is_paced(flow))
		unpace(flow);
	else if (flow->out)
		send_out(flow, flow->out);
}

void leat_flow_writable(leat_flow *self)
{
	leat_flow *flow = lt_flow_of(self);

	flow->bits &= ~(uint32_t)PACED;
	if (flow->bits & LT_F_WRITING)
		flow->bits |= LT_F_WRITE_AGAIN;
	else if (flow->out)
		send_out(flow, flow->out);
}

void lt_flow_write_end(leat_flow *flow, leat_error error)
{
	lt_outcome failure = lt_failure(error);

	if (flow->bits & LT_F_WRITE_ERROR)
		return;
	flow->bits |= LT_F_WRITE_ERROR;
	if (!lt_flow_ended(flow) && lt_flow_rare(flow)) /* an ended handle refuses anyway */
		flow->rare->write_error = error;
	else
		flow->bits |= LT_F_NOMEM_WRITE;
	settle_writer(flow, &failure);
	if (flow->out && !(flow->bits & LT_F_WRITING))
		free_out(flow);
	else if (flow->out)
		lt_bufs_clear(&flow->out->queue); /* its op is looking at it */
}

void leat_flow_write_failed(leat_flow *self, leat_error error)
{
	leat_flow *flow = lt_flow_of(self);

	if (lt_flow_ended(flow))
		return;
	flow->refs++;
	lt_flow_write_end(flow, error);
	lt_flow_progress(flow);
	lt_flow_unref(flow);
}

/* ---- the user's calls ---- */

/* Gives the last `bytes` of the queue, whole or in part a buf each. */
static leat_bufs cut_tail(leat_bufs *queue, size_t bytes)
{
	size_t keep = queue->bytes - bytes;
	leat_bufs rest = *queue;
	leat_buf *buf;

	lt_bufs_init(queue);
	while (keep > 0 && (buf = lt_bufs_pop(&rest))) {
		keep -= buf->size;
		lt_bufs_push(queue, buf);
	}
	return rest;
}

/* Of the last write, none was handed on. */
static void withdraw(leat_flow *flow, lt_out *out, size_t bytes)
{
	leat_bufs rest = cut_tail(&out->queue, bytes);

	flow->written_bytes -= bytes;
	flow->bits |= LT_F_WITHDRAWN;
	if (fresh_bytes(flow) > 0)
		flow->rare->fresh -= bytes;
	if (is_paced(flow)) {
		lt_loop_add_tail(flow->loop, &out->tail); /* it has no writer any more */
	} else if (out->queue.bytes == 0 && !(flow->bits & LT_F_WRITING)) {
		flow->bits &= ~(uint32_t)LT_F_WRITE_BUSY;
		free_out(flow);
		lt_flow_progress(flow);
	}
	lt_bufs_clear(&rest); /* last: a release may do anything */
}

static void write_cancel(void *state)
{
	const write_state *s = state;
	leat_flow *flow = s->flow;
	lt_out *out = flow->out;

	out->writer = NULL;
	flow->bits &= ~(uint32_t)(LT_F_WITHDRAWN | LT_F_GOES_ON);
	if (out->queue.bytes >= s->bytes)
		withdraw(flow, out, s->bytes);
	else
		flow->bits |= LT_F_GOES_ON;
	lt_flow_unref(flow);
}

static const leat_leaf write_leaf = {
	.size = sizeof(leat_leaf), .name = "write", .state_bytes = sizeof(write_state), .cancel = write_cancel,
	.describe = lt_flow_state_describe
};

leat_error lt_flow_write_error(const leat_flow *flow)
{
	return flow->bits & LT_F_NOMEM_WRITE ? leat_error_core(LEAT_NOMEM) : flow->rare->write_error;
}

static bool refuse_write(leat_flow *flow, leat_error *error)
{
	*error = (leat_error){ 0 };
	if (lt_flow_ended(flow))
		*error = lt_flow_refusal(flow);
	else if (flow->ops->directions == LEAT_READ)
		*error = leat_error_core(LEAT_UNSUPPORTED);
	else if (flow->bits & LT_F_WRITE_SHUT)
		*error = leat_error_core(LEAT_CLOSED);
	else if (flow->bits & LT_F_WRITE_ERROR)
		*error = lt_flow_write_error(flow);
	else if (lt_flow_writer_waits(flow) || lt_flow_is_leased(flow, LEAT_WRITE))
		*error = leat_error_core(LEAT_BUSY);
	if (leat_error_is(*error, LEAT_RESET)) /* W6: by now the peer is known to be gone */
		*error = leat_error_make_at(&leat_core_errors, LEAT_CLOSED, error->where);
	return leat_error_set(*error);
}

static leat_io *write_pending(leat_flow *flow, size_t bytes, const char *where)
{
	leat_maker maker;
	void *state;
	leat_io *io = leat_io_new_at(flow->loop, &maker, &write_leaf, &state, where);

	if (state) {
		*(write_state *)state = (write_state){ .flow = leat_flow_ref(flow), .bytes = bytes };
		flow->out->writer = io;
		flow->bits &= ~(uint32_t)(LT_F_WITHDRAWN | LT_F_GOES_ON);
	}
	return io;
}

/* The write that crosses the mark. */
static leat_io *enqueue_pending(leat_flow *flow, leat_buf *buf, const char *where)
{
	leat_io *io = write_pending(flow, buf->size, where);

	if (!lt_io_is_refusal(io))
		return io;
	if (flow->out->queue.bytes == 0 && !(flow->bits & LT_F_WRITING))
		free_out(flow);
	lt_buf_unref(buf); /* last: its release may drop the flow */
	return io;
}

static inline void count_write(leat_flow *flow, lt_out *out, size_t bytes)
{
	flow->written_bytes += bytes;
	flow->writes++;
	flow->bits &= ~(uint32_t)(LT_F_WITHDRAWN | LT_F_GOES_ON);
	if (!(flow->bits & LT_F_WRITE_BUSY) || is_paced(flow))
		lt_loop_add_tail(flow->loop, &out->tail);
}

/* Takes the buf, which has bytes and is nobody else's. */
static leat_io *enqueue(leat_flow *flow, leat_buf *buf, const char *where)
{
	lt_out *out = flow->out ? flow->out : make_out(flow, NULL);
	size_t bytes = buf->size;
	leat_io *io = NULL;

	if (!out || ((flow->bits & LT_F_WRITING) && !lt_flow_rare(flow))) {
		io = lt_io_nomem(flow->loop);
		lt_buf_unref(buf); /* last: its release may drop the flow */
		return io;
	}
	if (out->queue.bytes + bytes > high_water(flow)) {
		io = enqueue_pending(flow, buf, where);
		if (lt_io_is_refusal(io))
			return io;
	}
	lt_bufs_push(&out->queue, buf);
	if (flow->bits & LT_F_WRITING)
		flow->rare->fresh += bytes;
	count_write(flow, out, bytes);
	return io ? io : lt_io_once(flow->loop, flow->loop->done, where);
}

static __attribute__((noinline)) leat_io *send_oddly(leat_flow *flow, leat_buf *buf, const char *where)
{
	leat_error error;
	leat_io *io;

	if (buf->refs > 1)
		buf = lt_buf_unique(buf);
	if (refuse_write(flow, &error))
		io = lt_flow_refuse(flow, error, where);
	else if (lt_buf_is_failed(buf))
		io = lt_io_nomem(flow->loop);
	else if (buf->size == 0)
		io = leat_io_done_at(flow->loop, where);
	else
		return enqueue(flow, buf, where);
	lt_buf_unref(buf); /* last: its release may drop the flow */
	return io;
}

/* The usual: in a turn, not over the mark, and nothing waits before it.  Needs no frame. */
static inline leat_io *send_buf(leat_flow *flow, leat_buf *buf, const char *where)
{
	const uint32_t odd = LT_F_CLOSED | LT_F_MOVED | LT_F_WRITE_SHUT | LT_F_WRITE_ERROR | LT_F_WRITE_BUSY | LT_F_LEASED |
	                     LT_F_WITHDRAWN | LT_F_GOES_ON;
	lt_out *out;

	if (__builtin_expect((flow->bits & odd) || flow->out || buf->refs != 1 ||
	                             buf->size - 1 >= high_water(flow) || !lt_cell_ready(flow->loop) || !flow->loop->quiet,
	                     0))
		return send_oddly(flow, buf, where);
	out = make_out(flow, buf);
	buf->next = NULL;
	flow->written_bytes += buf->size;
	flow->writes++;
	lt_loop_push_tail(flow->loop, &out->tail);
	return lt_io_once(flow->loop, flow->loop->done, where);
}

leat_io *leat_flow_send_at(leat_flow *flow, leat_buf *buf, const char *where)
{
	return send_buf(flow, buf, where);
}

leat_io *leat_flow_write_at(leat_flow *flow, const void *data, size_t bytes, const char *where)
{
	leat_error error;

	if (refuse_write(flow, &error))
		return lt_flow_refuse(flow, error, where);
	return send_buf(flow, lt_buf_copy(lt_loop_mem(flow->loop), data, bytes), where);
}

leat_io *leat_flow_writev_at(leat_flow *flow, const struct iovec *parts, int count, const char *where)
{
	leat_error error;

	if (refuse_write(flow, &error))
		return lt_flow_refuse(flow, error, where);
	if (count < 0)
		return lt_flow_refuse(flow, leat_error_core(LEAT_INVALID), where);
	return send_buf(flow, lt_buf_from_iovec(lt_loop_mem(flow->loop), parts, count), where);
}

size_t leat_flow_room(const leat_flow *flow)
{
	const uint32_t over = LT_F_CLOSED | LT_F_MOVED | LT_F_WRITE_SHUT | LT_F_WRITE_ERROR;
	size_t mark = high_water(flow), queued = lt_flow_queued(flow);

	if (__builtin_expect(!(flow->bits & (over | LT_F_LEASED)) && !flow->out, 1))
		return mark;
	if ((flow->bits & over) || lt_flow_is_leased(flow, LEAT_WRITE) || lt_flow_writer_waits(flow))
		return 0;
	return queued < mark ? mark - queued : 0;
}

/* ---- flush ---- */

static const leat_leaf flush_leaf = {
	.size = sizeof(leat_leaf), .name = "flush", .state_bytes = sizeof(lt_waiter), .cancel = lt_waiter_cancel,
	.describe = lt_waiter_describe
};

static leat_io *flush(leat_flow *flow, const char *where)
{
	leat_io *io;

	lt_flow_send_now(flow);
	if (lt_flow_ended(flow))
		return lt_flow_refuse(flow, lt_flow_refusal(flow), where);
	if (flow->bits & LT_F_WRITE_ERROR)
		return lt_flow_refuse(flow, lt_flow_write_error(flow), where);
	if (lt_flow_queued(flow) == 0 && !lt_has(flow->ops, flush))
		return leat_io_done_at(flow->loop, where);
	if (!lt_flow_rare(flow))
		return lt_io_nomem(flow->loop);
	io = lt_waiter_new(flow, &flow->rare->flushers, &flush_leaf, where);
	lt_flow_progress(flow);
	return io;
}

/* What is sent may be released, and that may drop the last handle. */
leat_io *leat_flow_flush_at(leat_flow *flow, const char *where)
{
	leat_io *io;

	leat_flow_ref(flow);
	io = flush(flow, where);
	lt_flow_unref(flow);
	return io;
}

void leat_flow_flushed(leat_flow *self)
{
	leat_flow *flow = lt_flow_of(self);

	if (lt_flow_ended(flow) || !(flow->bits & LT_F_FLUSHING))
		return;
	flow->bits &= ~(uint32_t)LT_F_FLUSHING;
	flow->refs++;
	lt_waiters_settle(flow, &flow->rare->flushing, &(lt_outcome){ 0 });
	lt_flow_progress(flow);
	lt_flow_unref(flow);
}

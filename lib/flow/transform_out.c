/* SPDX-License-Identifier: ISC */
/* transform_out - what is written, encoded and sent below
 *
 * Writing is pushed: encode takes its input in place from the guard's queue, and
 * fills blocks which are sent below.  While a send waits the flow is busy, and
 * nothing is encoded; so the queue fills, and its writers wait.  Flushing and
 * finishing are goals, which `drive` works for as soon as the queue is empty and the
 * flow not busy.
 */
#include <sys/uio.h>

#include "flow/transform.h"

enum { ENCODED_AT_ONCE = 262144 /* before others get their turn */ };

typedef leat_error (*coder_fn)(void *state, leat_coding *coding);

static void drive(lt_transform *t);

static coder_fn encoder_of(const lt_transform *t)
{
	return t->coder->encode ? t->coder->encode : lt_transform_pass;
}

static void write_failed(lt_transform *t, leat_error error)
{
	t->write_over = true;
	leat_flow_write_failed(t->self, error);
}

/* The queue goes first. */
static void go_on(lt_transform *t)
{
	t->busy = false;
	t->taken = 0;
	leat_flow_writable(t->self);
	drive(t);
}

static leat_io *on_sent(void *ctx, leat_result *result)
{
	lt_transform *t = ctx;

	leat_flow_ref(t->self);
	go_on(t);
	leat_flow_unref(t->self);
	return NULL;
}

static void be_busy(lt_transform *t, leat_io *io)
{
	t->busy = true;
	leat_flow_keep(t->self, LEAT_WRITE, leat_io_then(io, on_sent, leat_ctx_borrow(t)));
}

/* Done at once, or the flow is busy until it is, or has failed. */
static void go_below(lt_transform *t, leat_io *io)
{
	leat_result result;

	if (!leat_io_try(io, &result)) {
		be_busy(t, io);
		return;
	}
	if (!leat_result_ok(&result))
		write_failed(t, leat_result_error(&result));
	leat_result_clear(&result);
}

/* Sends what is written of the block; may fail, or make the flow busy. */
static void send_block(lt_transform *t)
{
	leat_buf *block = t->out;

	if (!block || t->out_bytes == 0)
		return;
	leat_buf_cut(block, t->out_bytes);
	t->out = NULL;
	t->out_bytes = 0;
	t->sent = true;
	go_below(t, leat_flow_send(t->below, block));
}

/* Whether there is a block to write to; it suits that much of input. */
static bool have_block(lt_transform *t, size_t bytes)
{
	if (!t->out)
		t->out = leat_buf_new(lt_transform_loop(t), lt_transform_block(bytes + LEAT_CODING_ROOM / 4));
	if (!leat_buf_failed(t->out))
		return true;
	leat_buf_unref(t->out);
	t->out = NULL;
	write_failed(t, leat_error_core(LEAT_NOMEM));
	return false;
}

/* Has the coder do something; false: writing has failed.  `full` is set where the
 * block is to be sent before it can go on. */
static bool encode(lt_transform *t, coder_fn fn, leat_coding *c)
{
	size_t in_bytes = c->in_bytes, room, whole;
	leat_error error;
	bool rest;

	if (!have_block(t, in_bytes))
		return false;
	whole = leat_buf_size(t->out);
	room = whole - t->out_bytes;
	c->out = (unsigned char *)leat_buf_space(t->out) + t->out_bytes;
	c->out_bytes = room;
	c->done = c->more = false;
	error = fn(t->state, c);
	t->out_bytes += room - c->out_bytes;
	rest = in_bytes > 0 || c->more || (fn != encoder_of(t) && !c->done);
	t->full = !c->done && (c->out_bytes == 0 || (rest && lt_transform_is_idle(c, in_bytes, room)));
	if (t->full && c->out_bytes == whole && !leat_error_set(error))
		error = leat_error_core(LEAT_INVALID);
	if (leat_error_set(error))
		write_failed(t, error);
	return !t->write_over;
}

/* After much it is the others' turn. */
static void pause_at(lt_transform *t, size_t bytes)
{
	t->taken += bytes;
	if (!t->busy && !t->write_over && t->taken >= ENCODED_AT_ONCE)
		be_busy(t, leat_sleep(lt_transform_loop(t), 0));
}

/* Encodes some of the queue; false: nothing is left, or writing has failed. */
static bool encode_some(lt_transform *t, leat_bufs *queue)
{
	struct iovec part = { NULL, 0 };
	leat_coding c;

	if (leat_bufs_iovec(queue, &part, 1) == 0 && !t->encoded_more)
		return false;
	c = (leat_coding){ .in = part.iov_len > 0 ? part.iov_base : lt_transform_none, .in_bytes = part.iov_len };
	if (!encode(t, encoder_of(t), &c))
		return false;
	t->encoded_more = c.more;
	t->dirty = true;
	leat_bufs_drop(queue, part.iov_len - c.in_bytes);
	if (t->full)
		send_block(t);
	pause_at(t, part.iov_len - c.in_bytes);
	return true;
}

void lt_transform_write(leat_flow *self, void *state, leat_bufs *queue)
{
	lt_transform *t = state;

	while (!t->busy && !t->write_over && encode_some(t, queue)) {
	}
	if (leat_bufs_size(queue) > 0 || t->coder->holds)
		return;
	if (t->goal == LT_GOAL_NONE)
		t->goal = LT_GOAL_FLUSH;
	drive(t);
}

/* Has the coder flush or finish, once; false: it has to be called again. */
static bool reach(lt_transform *t, coder_fn fn)
{
	leat_coding c = { .in = lt_transform_none, .done = true };

	if (fn && (t->goal == LT_GOAL_FINISH || t->dirty) && !encode(t, fn, &c))
		return false;
	if (c.done || t->full)
		send_block(t);
	return c.done;
}

/* ---- flushing and ending ---- */

static leat_io *on_flushed(void *ctx, leat_result *result)
{
	lt_transform *t = ctx;

	leat_flow_flushed(t->self);
	return NULL;
}

static void flush_below(lt_transform *t)
{
	t->asked = t->sent = false;
	leat_flow_keep(t->self, LEAT_WRITE, leat_io_then(leat_flow_flush(t->below), on_flushed, leat_ctx_borrow(t)));
}

static void tell(lt_transform *t)
{
	if (t->told)
		return;
	t->told = true;
	if (t->asked)
		leat_flow_flushed(t->self);
	lt_transform_close_below_at_the_end(t);
	leat_flow_told(t->self);
}

static leat_io *on_told(void *ctx, leat_result *result)
{
	lt_transform *t = ctx;

	leat_flow_ref(t->self);
	tell(t);
	leat_flow_unref(t->self);
	return NULL;
}

/* The goodbye alone need only be accepted: over a flow that keeps what nobody reads, the
 * end would else wait for the reader. */
static void shut_below(lt_transform *t)
{
	t->write_over = true;
	leat_flow_keep(t->self, LEAT_WRITE,
	               leat_io_then(leat_flow_shutdown(t->below, LEAT_WRITE), on_told, leat_ctx_borrow(t)));
	if (t->clean && !t->busy)
		tell(t);
}

/* Where the encoder holds nothing of what was written, all of it leaves before the
 * goodbye; false: not yet. */
static bool is_clear(lt_transform *t)
{
	if (t->clean || t->dirty)
		return true;
	t->clean = true;
	if (t->sent)
		go_below(t, leat_flow_flush(t->below));
	return !t->busy && !t->write_over;
}

/* What the encoder has left over goes before all else. */
static bool has_rest(lt_transform *t)
{
	leat_coding c = { .in = lt_transform_none };

	while (t->encoded_more && !t->busy && !t->write_over && encode(t, encoder_of(t), &c)) {
		t->encoded_more = c.more;
		if (t->full)
			send_block(t);
	}
	return t->encoded_more;
}

static void drive(lt_transform *t)
{
	while (!t->busy && !t->write_over && t->goal != LT_GOAL_NONE) {
		bool finishing = t->goal == LT_GOAL_FINISH;

		if (has_rest(t) || (finishing && !is_clear(t)) ||
		    !reach(t, finishing ? t->coder->encode_finish : t->coder->encode_flush))
			continue;
		t->dirty = false;
		t->goal = LT_GOAL_NONE;
		if (!t->write_over && finishing)
			shut_below(t);
	}
	if (t->asked && !t->busy && !t->write_over && t->goal == LT_GOAL_NONE)
		flush_below(t);
}

void lt_transform_flush(leat_flow *self, void *state)
{
	lt_transform *t = state;

	t->asked = true;
	if (t->told)
		leat_flow_flushed(self);
	if (t->goal == LT_GOAL_NONE)
		t->goal = LT_GOAL_FLUSH;
	drive(t);
}

void lt_transform_shutdown(leat_flow *self, void *state)
{
	lt_transform *t = state;

	t->goal = LT_GOAL_FINISH;
	drive(t);
}

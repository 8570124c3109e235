/* SPDX-License-Identifier: ISC */
/* layer - a flow of the user's own: a layer with a code and a goodbye (code.h)
 *
 * Made of public calls only, as any user would. What it asks of the flow below is
 * kept by its guard.
 */
#include <leat/flow_ops.h>

#include "contract/code.h"
#include "contract/kinds.h"

struct layer {
	leat_flow *self, *below;
	struct code code;
	bool reading, writing; /* the flow below has one of ours */
	bool end_given, told;
	bool gone; /* close or abort was called */
};

unsigned layer_late_calls;

static leat_buf *decoded(struct layer *l, const leat_buf *buf)
{
	leat_buf *out = leat_buf_new(leat_flow_loop(l->self), leat_buf_size(buf));
	void *space = leat_buf_space(out);

	if (space)
		leat_buf_cut(out, code_decode(&l->code, space, leat_buf_data(buf), leat_buf_size(buf)));
	return out;
}

static leat_buf *encoded(leat_loop *loop, const leat_buf *buf)
{
	leat_buf *out = leat_buf_new(loop, 2 * leat_buf_size(buf));
	void *space = leat_buf_space(out);

	if (space)
		leat_buf_cut(out, code_encode(space, leat_buf_data(buf), leat_buf_size(buf)));
	return out;
}

/* ---- reading ---- */

static void layer_read(leat_flow *self, void *state);

/* Whose both directions are shut closes the flow below; how that ends is not what this
 * one's users ask. */
static void close_below_at_the_end(struct layer *l)
{
	if (l->end_given && l->told && l->below)
		leat_io_ignore(leat_flow_close(l->below));
}

static void give_end(struct layer *l)
{
	l->end_given = true;
	close_below_at_the_end(l);
	leat_flow_give_end(l->self);
}

static void give(struct layer *l, leat_buf *buf)
{
	if (leat_buf_size(buf) > 0)
		leat_flow_give(l->self, buf);
	else
		leat_buf_unref(buf);
	if (l->code.over)
		give_end(l);
	else if (leat_flow_wanted(l->self) && !l->reading)
		layer_read(l->self, l);
}

static leat_io *on_read(void *ctx, leat_result *result)
{
	struct layer *l = ctx;
	leat_buf *below = leat_result_buf(result), *buf;

	l->reading = false;
	if (!below) {
		leat_flow_give_error(l->self, leat_error_core(LEAT_TRUNCATED));
		return NULL;
	}
	buf = decoded(l, below);
	leat_buf_unref(below);
	if (!leat_buf_failed(buf)) {
		give(l, buf);
		return NULL;
	}
	leat_buf_unref(buf);
	leat_flow_give_error(l->self, leat_error_core(LEAT_NOMEM));
	return NULL;
}

static void layer_read(leat_flow *self, void *state)
{
	struct layer *l = state;

	layer_late_calls += l->gone;
	l->reading = true;
	leat_flow_keep(self, LEAT_READ, leat_io_then(leat_flow_read(l->below), on_read, leat_ctx_borrow(l)));
}

/* ---- writing ---- */

static leat_io *on_written(void *ctx, leat_result *result)
{
	struct layer *l = ctx;

	l->writing = false;
	leat_flow_writable(l->self);
	return NULL;
}

static void layer_write(leat_flow *self, void *state, leat_bufs *queue)
{
	struct layer *l = state;
	leat_buf *buf, *copy;

	layer_late_calls += l->gone;
	if (l->writing || !(buf = leat_bufs_take(queue)))
		return;
	copy = encoded(leat_flow_loop(self), buf);
	l->writing = true;
	leat_flow_keep(self, LEAT_WRITE, leat_io_then(leat_flow_send(l->below, copy), on_written, leat_ctx_borrow(l)));
	leat_buf_unref(buf); /* last: a release may end this flow */
}

static leat_io *on_flushed(void *ctx, leat_result *result)
{
	struct layer *l = ctx;

	leat_flow_flushed(l->self);
	return NULL;
}

static void layer_flush(leat_flow *self, void *state)
{
	struct layer *l = state;

	layer_late_calls += l->gone;
	leat_flow_keep(self, LEAT_WRITE, leat_io_then(leat_flow_flush(l->below), on_flushed, leat_ctx_borrow(l)));
}

/* ---- ending ---- */

/* What was sent below is accepted: there may be more. */
static leat_io *say_goodbye(void *ctx, leat_result *result)
{
	struct layer *l = ctx;

	return leat_flow_write(l->below, GOODBYE, GOODBYE_BYTES);
}

static leat_io *after_goodbye(void *ctx, leat_result *result)
{
	struct layer *l = ctx;

	return leat_flow_shutdown(l->below, LEAT_WRITE);
}

static leat_io *on_told(void *ctx, leat_result *result)
{
	struct layer *l = ctx;

	l->told = true;
	close_below_at_the_end(l);
	leat_flow_told(l->self);
	return NULL;
}

static void layer_shutdown(leat_flow *self, void *state)
{
	struct layer *l = state;
	leat_io *said = leat_io_then(leat_flow_flush(l->below), say_goodbye, leat_ctx_borrow(l));
	leat_io *shut = leat_io_then(said, after_goodbye, leat_ctx_borrow(l));

	layer_late_calls += l->gone;
	leat_flow_keep(self, LEAT_WRITE, leat_io_then(shut, on_told, leat_ctx_borrow(l)));
}

static void layer_close(leat_flow *self, void *state)
{
	struct layer *l = state;

	layer_late_calls += l->gone;
	l->gone = true;
	leat_io_ignore(leat_flow_close(l->below));
	leat_flow_unref(l->below);
	l->below = NULL;
}

static void layer_abort(leat_flow *self, void *state)
{
	struct layer *l = state;

	layer_late_calls += l->gone;
	l->gone = true;
	leat_flow_abort(l->below);
	leat_flow_unref(l->below);
	l->below = NULL;
}

static const leat_flow_ops layer_ops = {
	.size = sizeof layer_ops,
	.name = "layer",
	.state_bytes = sizeof(struct layer),
	.read = layer_read,
	.write = layer_write,
	.flush = layer_flush,
	.shutdown = layer_shutdown,
	.close = layer_close,
	.abort = layer_abort,
};

leat_flow *layer_over(leat_loop *loop, leat_flow *below)
{
	leat_flow *mine = leat_flow_take(below);
	void *state;
	leat_flow *self = leat_flow_new(loop, &layer_ops, &state);
	struct layer *l = state;

	if (!l) {
		leat_flow_abort(mine);
		leat_flow_unref(mine);
		return self;
	}
	l->self = self;
	l->below = mine;
	return self;
}

/* SPDX-License-Identifier: ISC */
/* joint - two flows as one: reads from the first, writes to the second */
#include <leat/flow_ops.h>

#include "joint.h"

struct joint {
	leat_flow *self, *in, *out;
	bool writing; /* `out` has one of ours */
};

static leat_io *on_read(void *ctx, leat_result *result)
{
	const struct joint *j = ctx;
	leat_buf *buf = leat_result_buf(result);

	if (buf)
		leat_flow_give(j->self, buf);
	else
		leat_flow_give_end(j->self);
	return NULL;
}

static void joint_read(leat_flow *self, void *state)
{
	struct joint *j = state;

	leat_flow_keep(self, LEAT_READ, leat_io_then(leat_flow_read(j->in), on_read, leat_ctx_borrow(j)));
}

static leat_io *on_written(void *ctx, leat_result *result)
{
	struct joint *j = ctx;

	j->writing = false;
	leat_flow_writable(j->self);
	return NULL;
}

static void joint_write(leat_flow *self, void *state, leat_bufs *queue)
{
	struct joint *j = state;
	leat_buf *buf = j->writing ? NULL : leat_bufs_take(queue);

	if (!buf)
		return;
	j->writing = true;
	leat_flow_keep(self, LEAT_WRITE, leat_io_then(leat_flow_send(j->out, buf), on_written, leat_ctx_borrow(j)));
}

static leat_io *on_flushed(void *ctx, leat_result *result)
{
	const struct joint *j = ctx;

	leat_flow_flushed(j->self);
	return NULL;
}

static void joint_flush(leat_flow *self, void *state)
{
	struct joint *j = state;

	leat_flow_keep(self, LEAT_WRITE, leat_io_then(leat_flow_flush(j->out), on_flushed, leat_ctx_borrow(j)));
}

static leat_io *on_told(void *ctx, leat_result *result)
{
	const struct joint *j = ctx;

	leat_flow_told(j->self);
	return NULL;
}

static leat_io *on_all_out(void *ctx, leat_result *result)
{
	const struct joint *j = ctx;

	return leat_io_then(leat_flow_shutdown(j->out, LEAT_WRITE), on_told, leat_ctx_borrow(ctx));
}

/* Flushed first, for what a shutdown has lost it does not say. */
static void joint_shutdown(leat_flow *self, void *state)
{
	struct joint *j = state;

	leat_flow_keep(self, LEAT_WRITE, leat_io_then(leat_flow_flush(j->out), on_all_out, leat_ctx_borrow(j)));
}

/* By then all is out. */
static void joint_close(leat_flow *self, void *state)
{
	const struct joint *j = state;

	leat_io_ignore(leat_flow_close(j->in));
	leat_io_ignore(leat_flow_close(j->out));
}

static void joint_abort(leat_flow *self, void *state)
{
	const struct joint *j = state;

	leat_flow_abort(j->in);
	leat_flow_abort(j->out);
}

static void joint_destroy(void *state)
{
	const struct joint *j = state;

	leat_flow_unref(j->in);
	leat_flow_unref(j->out);
}

static const leat_flow_ops joint_ops = {
	.size = sizeof joint_ops,
	.name = "joint",
	.state_bytes = sizeof(struct joint),
	.read = joint_read,
	.write = joint_write,
	.flush = joint_flush,
	.shutdown = joint_shutdown,
	.close = joint_close,
	.abort = joint_abort,
	.destroy = joint_destroy,
};

leat_flow *joint_flow(leat_loop *loop, leat_flow *in, leat_flow *out)
{
	void *state;
	leat_flow *self = leat_flow_new(loop, &joint_ops, &state);
	struct joint *j = state;

	if (j) {
		*j = (struct joint){ .self = self, .in = in, .out = out };
		return self;
	}
	leat_flow_unref(in);
	leat_flow_unref(out);
	return self;
}

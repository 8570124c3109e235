/* SPDX-License-Identifier: ISC */
/* null - reads give the end, writes vanish */
#include <leat/flow_ops.h>

static void null_read(leat_flow *self, void *state)
{
	(void)state;
	leat_flow_give_end(self);
}

static void null_write(leat_flow *self, void *state, leat_bufs *queue)
{
	(void)self;
	(void)state;
	leat_bufs_drop(queue, leat_bufs_size(queue));
}

static void null_shutdown(leat_flow *self, void *state)
{
	(void)state;
	leat_flow_told(self);
}

static void null_end(leat_flow *self, void *state)
{
	(void)self;
	(void)state;
}

static const leat_flow_ops null_ops = {
	.size = sizeof null_ops,
	.name = "null",
	.read = null_read,
	.write = null_write,
	.shutdown = null_shutdown,
	.close = null_end,
	.abort = null_end,
};

leat_flow *leat_flow_null_at(leat_loop *loop, const char *where)
{
	void *state;

	return leat_flow_new_at(loop, &null_ops, &state, where);
}

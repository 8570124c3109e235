/* SPDX-License-Identifier: ISC */
/* attach - an object that lives as long as an io is awaited
 *
 * A cell that holds a context and passes the outcome on: what is left of a then
 * whose callback gave a pending io (then.c) is the same.
 */
#include <leat/buf.h>

#include "io/io.h"

leat_io *leat_io_attach_at(leat_io *io, leat_ctx ctx, const char *where)
{
	leat_loop *loop;
	leat_io *self;

	lt_io_check(io, "leat_io_attach", where);
	loop = lt_cell_loop(io);
	self = lt_io_chain(io, LT_HOLD, where);
	if (!self) {
		lt_ctx_drop(ctx);
		return lt_io_nomem(loop);
	}
	self->u.call.fn = NULL;
	self->u.call.ctx = ctx.data;
	self->u.call.destroy = ctx.destroy;
	return self;
}

static void end_buf(void *buf)
{
	leat_buf_unref(buf);
}

leat_ctx leat_ctx_buf(leat_buf *buf)
{
	return leat_ctx_own(buf, end_buf);
}

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
	lt_io_check(io, "leat_io_attach", where);
	return lt_io_chain_call(io, LT_HOLD, NULL, &ctx, where);
}

static void end_buf(void *buf)
{
	leat_buf_unref(buf);
}

leat_ctx leat_ctx_buf(leat_buf *buf)
{
	return leat_ctx_own(buf, end_buf);
}

/* SPDX-License-Identifier: ISC */
/* loop_buf - bufs from a loop's memory */
#include <leat/buf.h>

#include "base/buf.h"
#include "io/loop.h"

leat_buf *leat_buf_new(leat_loop *loop, size_t bytes)
{
	return lt_buf_new(lt_loop_mem(loop), bytes);
}

leat_buf *leat_buf_copy(leat_loop *loop, const void *data, size_t bytes)
{
	return lt_buf_copy(lt_loop_mem(loop), data, bytes);
}

leat_buf *leat_buf_wrap(leat_loop *loop, const void *data, size_t bytes, void (*release)(void *ctx), void *ctx)
{
	return lt_buf_wrap(lt_loop_mem(loop), data, bytes, release, ctx);
}

leat_buf *leat_buf_join(leat_loop *loop, leat_buf *const *bufs, size_t count)
{
	return lt_buf_join(lt_loop_mem(loop), bufs, count);
}

leat_buf *leat_buf_from_iovec(leat_loop *loop, const struct iovec *parts, int count)
{
	return lt_buf_from_iovec(lt_loop_mem(loop), parts, count);
}

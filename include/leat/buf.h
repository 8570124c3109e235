/* SPDX-License-Identifier: ISC */
/* buf - reference-counted runs of bytes
 *
 * A leat_buf is a handle on a run of bytes in a block that other handles may
 * share.  It belongs to one loop and to that loop's thread.  No call gives
 * NULL: without memory the buf is the failed one, which has no bytes;
 * leat_buf_failed tells, and sending it fails with NOMEM.
 */
#ifndef LEAT_BUF_H
#define LEAT_BUF_H

#include <leat/api.h>

LEAT_BEGIN

/* Gives a buf of `bytes` bytes of undefined content, to be filled through
 * leat_buf_space before anybody else sees it. */
LEAT_API LEAT_NODISCARD leat_buf *leat_buf_new(leat_loop *loop, size_t bytes);
/* Gives a buf with a copy of the bytes. */
LEAT_API LEAT_NODISCARD leat_buf *leat_buf_copy(leat_loop *loop, const void *data, size_t bytes);
/* Gives a buf over memory of the caller's: takes it, and calls release(ctx)
 * exactly once, when the last handle is gone - also where it fails: inside the
 * call that gives that one back, which may be the flow's that sent it; it may
 * call anything but await.  A NULL release is for memory that lives for ever. */
LEAT_API LEAT_NODISCARD leat_buf *leat_buf_wrap(leat_loop *loop, const void *data, size_t bytes, void (*release)(void *ctx),
                                                void *ctx);
/* Gives a second handle on `bytes` bytes from `offset`: nothing is copied.
 * What reaches past the end is cut off. */
LEAT_API LEAT_NODISCARD leat_buf *leat_buf_slice(leat_buf *buf, size_t offset, size_t bytes);
/* Gives one buf with the bytes of all, copied in order; the failed one where
 * one of them is. */
LEAT_API LEAT_NODISCARD leat_buf *leat_buf_join(leat_loop *loop, leat_buf *const *bufs, size_t count);
/* Gives one buf with the bytes of all parts, copied in order; the failed one
 * where they are fewer than 0. */
LEAT_API LEAT_NODISCARD leat_buf *leat_buf_from_iovec(leat_loop *loop, const struct iovec *parts, int count);
/* Fills at most `room` parts with the bytes of the bufs, without copying;
 * gives the number filled: bufs without bytes need none.  Good as long as the
 * bufs are. */
LEAT_API int leat_buf_to_iovec(leat_buf *const *bufs, size_t count, struct iovec *parts, int room);

/* A further reference on the same handle; give each back with unref. */
LEAT_API leat_buf *leat_buf_ref(leat_buf *buf);
/* Gives a reference back; NULL is let be. */
LEAT_API void leat_buf_unref(leat_buf *buf);

/* The bytes.  Not NULL, also when there are none. */
LEAT_API const void *leat_buf_data(const leat_buf *buf);
LEAT_API size_t leat_buf_size(const leat_buf *buf);
/* The bytes, to be written by whoever alone holds the block; NULL where the
 * handle or the block is shared, wrapped or failed. */
LEAT_API void *leat_buf_space(leat_buf *buf);
/* Keeps the first `bytes` bytes; a larger number changes nothing.  Only for
 * a handle that is not shared (else it aborts); slices keep their bytes. */
LEAT_API void leat_buf_cut(leat_buf *buf, size_t bytes);
/* Drops the first `bytes` bytes, at most all.  Only for a handle that is not
 * shared (else it aborts); slices keep their bytes. */
LEAT_API void leat_buf_skip(leat_buf *buf, size_t bytes);
/* Whether it is the one given when there was no memory. */
LEAT_API bool leat_buf_failed(const leat_buf *buf);
/* Mirage_flow's pp of data-or-end: "12 bytes", or "end of stream" for NULL
 * or no bytes.  As snprintf. */
LEAT_API int leat_buf_print(const leat_buf *buf, char *out, size_t room);

/* A queue of bufs: what an implementation of a flow is handed to send from.
 * The queue is never yours to free. */
LEAT_API size_t leat_bufs_size(const leat_bufs *queue);
/* Fills at most `room` parts from the front without taking them; gives the
 * number filled. */
LEAT_API int leat_bufs_iovec(const leat_bufs *queue, struct iovec *parts, int room);
/* Drops the first `bytes` bytes, which must be there. */
LEAT_API void leat_bufs_drop(leat_bufs *queue, size_t bytes);
/* Lends the first buf while it is there; NULL when there is none.  Who looks at its
 * bytes while others may end the flow holds a reference. */
LEAT_API leat_buf *leat_bufs_peek(const leat_bufs *queue);
/* Gives the first buf; NULL when there is none. */
LEAT_API leat_buf *leat_bufs_take(leat_bufs *queue);

LEAT_END
#endif

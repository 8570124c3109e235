/* SPDX-License-Identifier: ISC */
/* buf - what the floors above may know of a buf, and queues of them
 *
 * A buf made by new, copy or join is one block: the header, then its bytes.
 * A slice is a small handle that holds the root, which is the buf that has the
 * bytes or was wrapped around them; a slice of a slice holds the same root.
 * `refs` counts references on the handle, `slices` the slices that hold it as
 * their root: the block goes when both are 0.
 */
#ifndef LT_BASE_BUF_H
#define LT_BASE_BUF_H

#include <string.h>
#include <sys/types.h>

#include <leat/buf.h>

#include "base/mem.h"

enum {
	/* class of a block that has its bytes after the header: 0 .. LT_CLASS_LARGE */
	LT_BUF_SLICE = LT_CLASS_LARGE + 1, /* these two in a block of class 0 */
	LT_BUF_WRAP,
	LT_BUF_FAILED, /* static: never written, never freed */

	LT_BUF_SCRATCH = LT_BLOCK_LARGEST,
	LT_BUF_TO_COPY = LT_BUF_SCRATCH / 4, /* less is copied out of it */
	LT_BUF_SLICES_MAX = (1 << 24) - 1,

	/* where bit-fields put it in their word */
	LT_BUF_CLASS_SHIFT = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 24 : 0,
};

struct leat_buf {
	lt_mem *mem;
	uint32_t refs;
	union {
		struct {
			uint32_t slices : 24;
			uint32_t class : 8;
		};
		uint32_t slices_and_class; /* to write both at once */
	};
	unsigned char *data;
	size_t size;
	leat_buf *next; /* in a queue */
	union {
		leat_buf *root; /* of a slice */
		struct {
			void (*release)(void *ctx);
			void *ctx;
		} wrap;
		size_t capacity; /* of a large one, whose bytes follow it */
		unsigned char bytes[1];
	} as;
};

_Static_assert(offsetof(struct leat_buf, as) == LT_BLOCK_HEADER, "a buf's header is 40 bytes");
_Static_assert(sizeof(struct leat_buf) <= LT_BLOCK_HEADER + (1 << LT_CLASS_FIRST_BITS), "a handle fits class 0");

/* The one that is given when there is no memory. */
leat_buf *lt_buf_failed(void);
/* The slow halves of new and unref. */
leat_buf *lt_buf_new_large(lt_mem *mem, size_t bytes);
void lt_buf_end(leat_buf *buf);

leat_buf *lt_buf_wrap(lt_mem *mem, const void *data, size_t bytes, void (*release)(void *ctx), void *ctx);
leat_buf *lt_buf_join(lt_mem *mem, leat_buf *const *bufs, size_t count);
leat_buf *lt_buf_from_iovec(lt_mem *mem, const struct iovec *parts, int count);

/* Takes buf; gives a handle on the same bytes with one reference, that may
 * stand in a queue and be advanced.  Without memory: the failed one. */
leat_buf *lt_buf_unique(leat_buf *buf);

/* Writes the header of a block of that class, with room for that much. */
static inline leat_buf *lt_buf_in_block(void *block, lt_mem *mem, size_t bytes, unsigned class)
{
	leat_buf *buf = block;

	buf->mem = mem;
	buf->refs = 1;
	buf->slices_and_class = class << LT_BUF_CLASS_SHIFT;
	buf->data = (unsigned char *)buf + LT_BLOCK_HEADER;
	buf->size = bytes;
	buf->next = NULL;
	return buf;
}

static inline leat_buf *lt_buf_new(lt_mem *mem, size_t bytes)
{
	unsigned class;
	void *block;

	if (__builtin_expect(bytes > LT_BLOCK_LARGEST, 0))
		return lt_buf_new_large(mem, bytes);
	block = lt_mem_block(mem, bytes, &class);
	return __builtin_expect(block != NULL, 1) ? lt_buf_in_block(block, mem, bytes, class) : lt_buf_failed();
}

static inline bool lt_buf_is_failed(const leat_buf *buf)
{
	return buf->class == LT_BUF_FAILED;
}

/* Whether its end runs a function of the user's. */
static inline bool lt_buf_has_release(const leat_buf *buf)
{
	const leat_buf *root = buf->class == LT_BUF_SLICE ? buf->as.root : buf;

	return root->class == LT_BUF_WRAP && root->as.wrap.release;
}

static inline leat_buf *lt_buf_copy(lt_mem *mem, const void *data, size_t bytes)
{
	leat_buf *buf = lt_buf_new(mem, bytes);

	if (!lt_buf_is_failed(buf) && bytes > 0)
		memcpy(buf->data, data, bytes);
	return buf;
}

/* Most likely it is nobody else's. */
static inline void lt_buf_unref(leat_buf *buf)
{
	if (__builtin_expect(buf->refs == 1 && buf->slices == 0 && buf->class < LT_CLASS_LARGE, 1))
		lt_mem_unblock(buf->mem, buf, 0, buf->class);
	else if (buf->refs > 1)
		buf->refs--;
	else
		lt_buf_end(buf);
}

/* ---- reading from a transport: one scratch block per loop ---- */

leat_buf *lt_buf_scratch_new(lt_mem *mem, leat_buf **scratch);
/* Gives the scratch buf (LT_BUF_SCRATCH bytes to read into), made where
 * *scratch is NULL; it stays *scratch's.  NULL without memory. */
static inline leat_buf *lt_buf_scratch(lt_mem *mem, leat_buf **scratch)
{
	return __builtin_expect(*scratch != NULL, 1) ? *scratch : lt_buf_scratch_new(mem, scratch);
}
/* Gives the first `bytes` bytes of *scratch as a buf of their own: a copy in a
 * block of the right size, or, where that is dearer than the block (from a
 * quarter of it on) or there is no memory for it, the scratch buf itself; then
 * *scratch is NULL.  Never fails. */
leat_buf *lt_buf_carve(leat_buf **scratch, size_t bytes);
/* Whether that is a copy and needs no allocation; by what a read gave: not where it
 * is none, or -1. */
static inline bool lt_buf_may_carve_copy(const leat_buf *scratch, ssize_t got)
{
	return (size_t)got - 1 < LT_BUF_TO_COPY - 1 && lt_mem_has_block(scratch->mem, (size_t)got);
}
/* Where it is so. */
static inline leat_buf *lt_buf_carve_copy(const leat_buf *scratch, size_t bytes)
{
	unsigned class;
	leat_buf *copy = lt_mem_block(scratch->mem, bytes, &class);

	lt_buf_in_block(copy, scratch->mem, bytes, class);
	memcpy(copy->data, scratch->data, bytes);
	return copy;
}

/* ---- queues ----
 * Of bufs with at least one byte and one reference each: what may be shared
 * goes through lt_buf_unique first.  Zero bytes initialise one as well. */
struct leat_bufs {
	leat_buf *head, *tail;
	size_t bytes;
};

static inline void lt_bufs_init(leat_bufs *queue)
{
	queue->head = queue->tail = NULL;
	queue->bytes = 0;
}

static inline bool lt_bufs_empty(const leat_bufs *queue)
{
	return queue->head == NULL;
}

/* Takes buf; one without bytes is dropped. */
static inline void lt_bufs_push(leat_bufs *queue, leat_buf *buf)
{
	if (buf->size == 0) {
		lt_buf_unref(buf);
		return;
	}
	buf->next = NULL;
	if (queue->head)
		queue->tail->next = buf;
	else
		queue->head = buf;
	queue->tail = buf;
	queue->bytes += buf->size;
}

/* Takes buf; one without bytes is dropped. */
static inline void lt_bufs_push_front(leat_bufs *queue, leat_buf *buf)
{
	if (buf->size == 0) {
		lt_buf_unref(buf);
		return;
	}
	buf->next = queue->head;
	if (!queue->head)
		queue->tail = buf;
	queue->head = buf;
	queue->bytes += buf->size;
}

/* Moves all of `from` to the end of `queue`. */
static inline void lt_bufs_append(leat_bufs *queue, leat_bufs *from)
{
	if (!from->head)
		return;
	if (queue->head)
		queue->tail->next = from->head;
	else
		queue->head = from->head;
	queue->tail = from->tail;
	queue->bytes += from->bytes;
	lt_bufs_init(from);
}

/* Gives the first; NULL when there is none. */
static inline leat_buf *lt_bufs_pop(leat_bufs *queue)
{
	leat_buf *buf = queue->head;

	if (!buf)
		return NULL;
	queue->head = buf->next;
	if (!queue->head)
		queue->tail = NULL;
	queue->bytes -= buf->size;
	buf->next = NULL;
	return buf;
}

/* Drops all. */
void lt_bufs_clear(leat_bufs *queue);

#endif

/* SPDX-License-Identifier: ISC */
/* buf - reference-counted runs of bytes, and queues of them
 *
 * The model is at the head of buf.h.  Read lt_buf_end first: it knows how each
 * kind of handle ends.
 */
#include <stdio.h>
#include <sys/uio.h>

#include "base/abort.h"
#include "base/buf.h"

/* Where a buf without bytes points. */
static unsigned char no_bytes[1];

/* Const, so that a write to it is caught. */
static const struct leat_buf failed_buf = {
	.refs = 1,
	.class = LT_BUF_FAILED,
	.data = no_bytes,
};

leat_buf *lt_buf_failed(void)
{
	return (leat_buf *)(uintptr_t)&failed_buf;
}

/* ---- making ---- */

leat_buf *lt_buf_new_large(lt_mem *mem, size_t bytes)
{
	size_t capacity = bytes + sizeof(size_t); /* the capacity itself stands before the bytes */
	unsigned class;
	leat_buf *buf = capacity > bytes ? lt_mem_block(mem, capacity, &class) : NULL;

	if (!buf)
		return lt_buf_failed();
	*buf = (leat_buf){ .mem = mem, .refs = 1, .class = (uint8_t)class, .size = bytes };
	buf->as.capacity = capacity;
	buf->data = (unsigned char *)(&buf->as.capacity + 1);
	return buf;
}

/* A handle without bytes of its own. */
static leat_buf *handle_new(lt_mem *mem, unsigned kind, const void *data, size_t bytes)
{
	leat_buf *buf = lt_buf_new(mem, 0);

	if (lt_buf_is_failed(buf))
		return buf;
	buf->class = (uint8_t)kind;
	buf->data = data ? (unsigned char *)(uintptr_t)data : no_bytes;
	buf->size = data ? bytes : 0;
	return buf;
}

leat_buf *lt_buf_wrap(lt_mem *mem, const void *data, size_t bytes, void (*release)(void *ctx), void *ctx)
{
	leat_buf *buf = handle_new(mem, LT_BUF_WRAP, data, bytes);

	if (lt_buf_is_failed(buf)) {
		if (release)
			release(ctx);
		return buf;
	}
	buf->as.wrap.release = release;
	buf->as.wrap.ctx = ctx;
	return buf;
}

static leat_buf *root_of(leat_buf *buf)
{
	return buf->class == LT_BUF_SLICE ? buf->as.root : buf;
}

leat_buf *leat_buf_slice(leat_buf *buf, size_t offset, size_t bytes)
{
	leat_buf *root = root_of(buf), *slice;

	if (lt_buf_is_failed(buf) || root->slices == LT_BUF_SLICES_MAX)
		return lt_buf_failed();
	if (offset > buf->size)
		offset = buf->size;
	if (bytes > buf->size - offset)
		bytes = buf->size - offset;
	slice = handle_new(root->mem, LT_BUF_SLICE, buf->data + offset, bytes);
	if (lt_buf_is_failed(slice))
		return slice;
	slice->as.root = root;
	root->slices++;
	return slice;
}

leat_buf *lt_buf_unique(leat_buf *buf)
{
	leat_buf *slice;

	if (buf->refs == 1)
		return buf;
	slice = leat_buf_slice(buf, 0, buf->size);
	lt_buf_unref(buf);
	return slice;
}

/* False where the sum is no size_t. */
static bool add(size_t *sum, size_t bytes)
{
	if (bytes > SIZE_MAX - *sum)
		return false;
	*sum += bytes;
	return true;
}

/* A joined buf must not lack bytes: one failed part fails the whole. */
static bool join_size(leat_buf *const *bufs, size_t count, size_t *sum)
{
	*sum = 0;
	for (size_t i = 0; i < count; i++)
		if (lt_buf_is_failed(bufs[i]) || !add(sum, bufs[i]->size))
			return false;
	return true;
}

leat_buf *lt_buf_join(lt_mem *mem, leat_buf *const *bufs, size_t count)
{
	size_t sum, at = 0;
	leat_buf *joined = join_size(bufs, count, &sum) ? lt_buf_new(mem, sum) : lt_buf_failed();

	if (lt_buf_is_failed(joined))
		return joined;
	for (size_t i = 0; i < count; at += bufs[i++]->size)
		memcpy(joined->data + at, bufs[i]->data, bufs[i]->size);
	return joined;
}

static bool iovec_size(const struct iovec *parts, int count, size_t *sum)
{
	*sum = 0;
	for (int i = 0; i < count; i++)
		if (!add(sum, parts[i].iov_len))
			return false;
	return count >= 0;
}

leat_buf *lt_buf_from_iovec(lt_mem *mem, const struct iovec *parts, int count)
{
	size_t sum, at = 0;
	leat_buf *buf = iovec_size(parts, count, &sum) ? lt_buf_new(mem, sum) : lt_buf_failed();

	if (lt_buf_is_failed(buf))
		return buf;
	for (int i = 0; i < count; at += parts[i++].iov_len)
		if (parts[i].iov_len > 0)
			memcpy(buf->data + at, parts[i].iov_base, parts[i].iov_len);
	return buf;
}

/* ---- ending ---- */

/* Gives the block of a handle back. */
static void block_free(leat_buf *buf)
{
	unsigned class = buf->class;
	size_t capacity = class == LT_CLASS_LARGE ? buf->as.capacity : 0;

	lt_mem_unblock(buf->mem, buf, capacity, class > LT_CLASS_LARGE ? 0 : class);
}

/* The handle is gone and no slice holds it.  The user's release comes last:
 * it may do anything. */
static void root_end(leat_buf *root)
{
	void (*release)(void *ctx) = root->class == LT_BUF_WRAP ? root->as.wrap.release : NULL;
	void *ctx = release ? root->as.wrap.ctx : NULL;

	block_free(root);
	if (release)
		release(ctx);
}

static void slice_end(leat_buf *slice)
{
	leat_buf *root = slice->as.root;

	block_free(slice);
	if (--root->slices == 0 && root->refs == 0)
		root_end(root);
}

/* The last reference on the handle is given back. */
void lt_buf_end(leat_buf *buf)
{
	if (buf->class == LT_BUF_FAILED)
		return;
	if (buf->refs == 0)
		lt_abort("a buf was given back once too often");
	buf->refs = 0;
	if (buf->class == LT_BUF_SLICE)
		slice_end(buf);
	else if (buf->slices == 0)
		root_end(buf);
}

leat_buf *leat_buf_ref(leat_buf *buf)
{
	if (!lt_buf_is_failed(buf))
		buf->refs++;
	return buf;
}

void leat_buf_unref(leat_buf *buf)
{
	if (buf)
		lt_buf_unref(buf);
}

/* ---- looking and changing ---- */

const void *leat_buf_data(const leat_buf *buf)
{
	return buf->data;
}

size_t leat_buf_size(const leat_buf *buf)
{
	return buf->size;
}

bool leat_buf_failed(const leat_buf *buf)
{
	return lt_buf_is_failed(buf);
}

void *leat_buf_space(leat_buf *buf)
{
	const leat_buf *root = root_of(buf);
	uint32_t holders = root->refs + root->slices;

	if (root->class > LT_CLASS_LARGE || buf->refs > 1 || holders > 1)
		return NULL;
	return buf->data;
}

static void must_be_alone(const leat_buf *buf, const char *deed)
{
	if (buf->refs > 1)
		lt_abort("%s: the buf's handle is shared", deed);
}

void leat_buf_cut(leat_buf *buf, size_t bytes)
{
	must_be_alone(buf, "leat_buf_cut");
	if (bytes < buf->size)
		buf->size = bytes;
}

void leat_buf_skip(leat_buf *buf, size_t bytes)
{
	must_be_alone(buf, "leat_buf_skip");
	if (bytes > buf->size)
		bytes = buf->size;
	if (bytes == 0)
		return;
	buf->data += bytes;
	buf->size -= bytes;
}

int leat_buf_print(const leat_buf *buf, char *out, size_t room)
{
	size_t bytes = buf ? buf->size : 0;

	if (bytes == 0)
		return snprintf(out, room, "end of stream");
	return snprintf(out, room, bytes == 1 ? "%zu byte" : "%zu bytes", bytes);
}

int leat_buf_to_iovec(leat_buf *const *bufs, size_t count, struct iovec *parts, int room)
{
	int filled = 0;

	for (size_t i = 0; i < count && filled < room; i++)
		if (bufs[i]->size > 0)
			parts[filled++] = (struct iovec){ .iov_base = bufs[i]->data, .iov_len = bufs[i]->size };
	return filled;
}

/* ---- reading from a transport ---- */

leat_buf *lt_buf_scratch_new(lt_mem *mem, leat_buf **scratch)
{
	leat_buf *buf = lt_buf_new(mem, LT_BUF_SCRATCH);

	if (lt_buf_is_failed(buf))
		return NULL;
	return *scratch = buf;
}

leat_buf *lt_buf_carve(leat_buf **scratch, size_t bytes)
{
	leat_buf *whole = *scratch, *copy;

	if (bytes < LT_BUF_TO_COPY) {
		copy = lt_buf_copy(whole->mem, whole->data, bytes);
		if (!lt_buf_is_failed(copy))
			return copy;
	}
	*scratch = NULL;
	whole->size = bytes;
	return whole;
}

/* ---- queues ---- */

size_t leat_bufs_size(const leat_bufs *queue)
{
	return queue->bytes;
}

int leat_bufs_iovec(const leat_bufs *queue, struct iovec *parts, int room)
{
	int filled = 0;

	for (const leat_buf *buf = queue->head; buf && filled < room; buf = buf->next)
		parts[filled++] = (struct iovec){ .iov_base = buf->data, .iov_len = buf->size };
	return filled;
}

void leat_bufs_drop(leat_bufs *queue, size_t bytes)
{
	leat_bufs gone;

	if (bytes > queue->bytes)
		lt_abort("leat_bufs_drop: %zu bytes of %zu", bytes, queue->bytes);
	lt_bufs_init(&gone);
	while (bytes > 0 && bytes >= queue->head->size) {
		bytes -= queue->head->size;
		lt_bufs_push(&gone, lt_bufs_pop(queue));
	}
	if (bytes > 0) {
		queue->head->data += bytes;
		queue->head->size -= bytes;
		queue->bytes -= bytes;
	}
	lt_bufs_clear(&gone); /* last, for a release may change the queue */
}

leat_buf *leat_bufs_peek(const leat_bufs *queue)
{
	return queue->head;
}

leat_buf *leat_bufs_take(leat_bufs *queue)
{
	return lt_bufs_pop(queue);
}

void lt_bufs_clear(leat_bufs *queue)
{
	leat_buf *buf;

	while ((buf = lt_bufs_pop(queue)))
		lt_buf_unref(buf);
}

/* SPDX-License-Identifier: ISC */
/* channel_runs - what has arrived and was not consumed, and how it is made to stand together */
#include <string.h>

#include "kit/channel.h"

enum { FIRST_BLOCK = 256 };

/* Last in a function: what the buf was made of may be anybody's. */
static void run_skip(lt_run *r, size_t bytes)
{
	leat_buf *buf = r->buf;

	r->at += bytes;
	r->bytes -= bytes;
	if (r->bytes > 0 || !buf)
		return;
	*r = (lt_run){ 0 };
	leat_buf_unref(buf);
}

void lt_channel_consume_runs(leat_channel *channel, size_t bytes)
{
	size_t front = bytes < channel->front.bytes ? bytes : channel->front.bytes;

	if (front > 0)
		run_skip(&channel->front, front);
	if (bytes > front)
		run_skip(&channel->back, bytes - front);
}

unsigned char *lt_block_tail(leat_buf *block, const unsigned char *at, size_t bytes, size_t add)
{
	unsigned char *space = block ? leat_buf_space(block) : NULL;
	size_t begin = space ? (size_t)(at - space) : 0;

	if (!space || leat_buf_size(block) - begin - bytes < add)
		return NULL;
	return space + begin + bytes;
}

leat_buf *lt_block_bigger(leat_loop *loop, const unsigned char *at, size_t bytes, size_t add)
{
	size_t needed = bytes + add, doubled = needed < SIZE_MAX / 2 ? 2 * needed : needed;
	leat_buf *block;

	if (needed < add)
		return NULL;
	block = leat_buf_new(loop, doubled < FIRST_BLOCK ? FIRST_BLOCK : doubled);
	if (leat_buf_failed(block))
		return NULL;
	if (bytes > 0)
		memcpy(leat_buf_space(block), at, bytes);
	return block;
}

/* Where to write so many bytes behind the front. */
static unsigned char *front_tail(leat_channel *channel, size_t add)
{
	lt_run *front = &channel->front;
	unsigned char *tail = lt_block_tail(front->buf, front->at, front->bytes, add);
	leat_buf *block = tail ? NULL : lt_block_bigger(lt_channel_loop(channel), front->at, front->bytes, add);

	if (!block)
		return tail;
	leat_buf_unref(front->buf);
	front->buf = block;
	front->at = leat_buf_data(block);
	return (unsigned char *)leat_buf_space(block) + front->bytes;
}

bool lt_channel_join(leat_channel *channel, size_t bytes)
{
	size_t add = bytes - channel->front.bytes;
	unsigned char *tail;

	if (lt_channel_first(channel)->bytes >= bytes)
		return true;
	tail = front_tail(channel, add);
	if (!tail)
		return false;
	memcpy(tail, channel->back.at, add);
	channel->front.bytes += add;
	run_skip(&channel->back, add);
	return true;
}

bool lt_channel_take_in(leat_channel *channel, leat_buf *buf)
{
	lt_run *front = &channel->front, old = channel->back;
	unsigned char *tail = front->bytes > 0 && old.bytes > 0 ? front_tail(channel, old.bytes) : NULL;

	if (front->bytes == 0) {
		*front = old;
		old.buf = NULL;
	} else if (tail) {
		memcpy(tail, old.at, old.bytes);
		front->bytes += old.bytes;
	} else if (old.bytes > 0) {
		leat_flow_unread(channel->flow, buf);
		return false;
	}
	channel->back = (lt_run){ .buf = buf, .at = leat_buf_data(buf), .bytes = leat_buf_size(buf) };
	leat_buf_unref(old.buf);
	return true;
}

leat_buf *lt_channel_slice(leat_channel *channel, const lt_answer *a)
{
	const lt_run *r;
	leat_buf *buf;

	if (!lt_channel_join(channel, a->from + a->bytes))
		return NULL;
	r = lt_channel_first(channel);
	if (!r->buf) /* nothing of nothing */
		buf = leat_buf_new(lt_channel_loop(channel), 0);
	else
		buf = leat_buf_slice(r->buf, (size_t)(r->at - (const unsigned char *)leat_buf_data(r->buf)) + a->from,
		                     a->bytes);
	return leat_buf_failed(buf) ? NULL : buf;
}

void lt_channel_unread(leat_flow *flow, lt_run *r)
{
	leat_buf *buf = r->buf;
	size_t before = buf ? (size_t)(r->at - (const unsigned char *)leat_buf_data(buf)) : 0;

	if (!buf)
		return;
	leat_buf_cut(buf, before + r->bytes);
	leat_buf_skip(buf, before);
	*r = (lt_run){ 0 };
	leat_flow_unread(flow, buf);
}

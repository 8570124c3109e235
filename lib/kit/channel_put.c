/* SPDX-License-Identifier: ISC */
/* channel_put - what is put, and sent at once */
#include <stdio.h>
#include <string.h>

#include "kit/channel.h"

void leat_channel_put_failed(leat_channel *handle, leat_error error)
{
	leat_channel *channel = lt_channel_born(handle);

	if (!channel || leat_error_set(channel->out_error))
		return;
	channel->out_error = error;
	leat_buf_unref(channel->out);
	channel->out = NULL;
	channel->out_bytes = 0;
}

size_t leat_channel_room(const leat_channel *channel)
{
	if (!lt_channel_born(channel) || channel->out_bytes > channel->out_limit)
		return 0;
	return channel->out_limit - channel->out_bytes;
}

/* Where to write so many bytes; NULL: they cannot be put, which is noted. */
static unsigned char *put_space(leat_channel *channel, size_t bytes)
{
	const unsigned char *at = channel->out ? leat_buf_data(channel->out) : NULL;
	unsigned char *tail = lt_block_tail(channel->out, at, channel->out_bytes, bytes);
	leat_buf *block;

	if (leat_error_set(channel->out_error))
		return NULL;
	if (bytes > leat_channel_room(channel)) {
		leat_channel_put_failed(channel, leat_error_core(LEAT_LIMIT));
		return NULL;
	}
	if (tail)
		return tail;
	block = lt_block_bigger(lt_channel_loop(channel), at, channel->out_bytes, bytes);
	if (!block) {
		leat_channel_put_failed(channel, leat_error_core(LEAT_NOMEM));
		return NULL;
	}
	leat_buf_unref(channel->out);
	channel->out = block;
	return (unsigned char *)leat_buf_space(block) + channel->out_bytes;
}

void leat_channel_put(leat_channel *handle, const void *data, size_t bytes)
{
	leat_channel *channel = lt_channel_born(handle);
	unsigned char *space = channel && bytes > 0 ? put_space(channel, bytes) : NULL;

	if (!space)
		return;
	memcpy(space, data, bytes);
	channel->out_bytes += bytes;
}

/* One byte more than is put, for the NUL, which the limit does not count. */
void leat_channel_vprintf(leat_channel *handle, const char *format, va_list words)
{
	leat_channel *channel = lt_channel_born(handle);
	char few[512], *many;
	va_list again;
	int bytes;

	if (!channel)
		return;
	va_copy(again, words);
	bytes = vsnprintf(few, sizeof few, format, words);
	if (bytes < 0) {
		leat_channel_put_failed(channel, leat_error_core(LEAT_INVALID));
	} else if ((size_t)bytes < sizeof few) {
		leat_channel_put(channel, few, (size_t)bytes);
	} else if ((size_t)bytes > leat_channel_room(channel)) {
		leat_channel_put_failed(channel, leat_error_core(LEAT_LIMIT));
	} else {
		channel->out_limit++;
		many = (char *)put_space(channel, (size_t)bytes + 1);
		channel->out_limit--;
		if (many)
			channel->out_bytes += (size_t)vsnprintf(many, (size_t)bytes + 1, format, again);
	}
	va_end(again);
}

void leat_channel_printf(leat_channel *channel, const char *format, ...)
{
	va_list words;

	va_start(words, format);
	leat_channel_vprintf(channel, format, words);
	va_end(words);
}

static void put_integer(leat_channel *channel, uint64_t value, unsigned width, bool little)
{
	unsigned char bytes[8];

	if (width < 1 || width > sizeof bytes) {
		leat_channel_put_failed(channel, leat_error_core(LEAT_INVALID));
		return;
	}
	for (unsigned i = 0; i < width; i++, value >>= 8)
		bytes[little ? i : width - 1 - i] = (unsigned char)value;
	leat_channel_put(channel, bytes, width);
}

void leat_channel_put_be(leat_channel *channel, uint64_t value, unsigned width)
{
	put_integer(channel, value, width, false);
}

void leat_channel_put_le(leat_channel *channel, uint64_t value, unsigned width)
{
	put_integer(channel, value, width, true);
}

void leat_channel_set_put_limit(leat_channel *handle, size_t bytes)
{
	leat_channel *channel = lt_channel_born(handle);

	if (channel)
		channel->out_limit = bytes > 0 ? lt_least(bytes, SIZE_MAX / 4) : LEAT_PUT_LIMIT_USUAL;
}

/* The reference that is kept meanwhile is for a flow that is busy. */
static leat_io *send_put(leat_channel *channel, const char *where)
{
	leat_buf *out = channel->out;
	size_t bytes = channel->out_bytes;
	leat_result result;
	leat_io *io;

	leat_buf_cut(out, bytes);
	channel->out = NULL;
	channel->out_bytes = 0;
	io = leat_flow_send_at(channel->flow, leat_buf_ref(out), where);
	if (!leat_io_try(io, &result)) {
		leat_buf_unref(out);
		return io;
	}
	if (leat_error_is(leat_result_error(&result), LEAT_BUSY)) {
		channel->out = out;
		channel->out_bytes = bytes;
	} else {
		leat_buf_unref(out);
	}
	if (leat_result_ok(&result))
		return leat_io_done_at(lt_channel_loop(channel), where);
	return leat_result_pass_at(&result, where);
}

leat_io *leat_channel_flush_at(leat_channel *handle, const char *where)
{
	leat_channel *channel = lt_channel_born(handle);
	leat_error error;

	if (!channel)
		return lt_channel_refuse(handle, LEAT_NOMEM, where);
	error = channel->out_error;
	channel->out_error = (leat_error){ 0 };
	if (leat_error_set(error))
		return leat_io_fail_at(lt_channel_loop(channel), error, where);
	return channel->out ? send_put(channel, where) : leat_io_done_at(lt_channel_loop(channel), where);
}

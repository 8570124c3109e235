/* SPDX-License-Identifier: ISC */
/* channel_line - up to the end of a line, up to a delimiter */
#include <string.h>

#include "kit/channel.h"

/* The first such byte from `from` on and before `to`; `to` where there is none. */
static size_t find(const leat_channel *channel, unsigned char byte, size_t from, size_t to)
{
	size_t front = channel->front.bytes, stop = to < front ? to : front;
	const unsigned char *found = from < stop ? memchr(channel->front.at + from, byte, stop - from) : NULL;

	if (found)
		return (size_t)(found - channel->front.at);
	if (from < front)
		from = front;
	found = from < to ? memchr(channel->back.at + (from - front), byte, to - from) : NULL;
	return found ? front + (size_t)(found - channel->back.at) : to;
}

static lt_answer line_found(const leat_channel *channel, const lt_want *w, size_t at)
{
	size_t bytes = at > 0 && lt_channel_byte(channel, at - 1) == '\r' ? at - 1 : at;

	return bytes > w->limit ? lt_answer_error(w, LEAT_LIMIT) : lt_answer_buf(0, bytes, at + 1);
}

/* So many, without an end, that there is none to come; a CR may be one's half. */
static bool line_too_long(const leat_channel *channel, const lt_want *w, size_t there)
{
	if (there <= w->limit)
		return false;
	return there - w->limit > 1 || channel->ended || lt_channel_byte(channel, w->limit) != '\r';
}

static lt_answer line_step(leat_channel *channel, lt_want *w)
{
	size_t there = lt_channel_buffered(channel);
	size_t look = w->limit < SIZE_MAX - 2 ? lt_least(there, w->limit + 2) : there;
	size_t at = find(channel, '\n', w->scanned, look);

	if (at < look)
		return line_found(channel, w, at);
	w->scanned = look;
	if (line_too_long(channel, w, there))
		return lt_answer_error(w, LEAT_LIMIT);
	return channel->ended ? lt_answer_rest(there) : lt_answer_more();
}

/* Whether the delimiter ends before `end`. */
static bool delimiter_ends(const leat_channel *channel, const lt_want *w, size_t end)
{
	size_t bytes = w->delimiter_bytes;

	if (end < bytes)
		return false;
	for (size_t i = 0; i < bytes; i++)
		if (lt_channel_byte(channel, end - bytes + i) != w->delimiter[i])
			return false;
	return true;
}

/* Its last byte is looked for, then those before it: so that nothing that was
 * looked at is looked at again. */
static lt_answer until_step(leat_channel *channel, lt_want *w)
{
	size_t there = lt_channel_buffered(channel), bytes = w->delimiter_bytes;
	size_t look = w->limit < SIZE_MAX - bytes ? lt_least(there, w->limit + bytes) : there;

	for (; w->scanned < look; w->scanned++) {
		w->scanned = find(channel, w->delimiter[bytes - 1], w->scanned, look);
		if (w->scanned < look && delimiter_ends(channel, w, w->scanned + 1))
			return lt_answer_buf(0, w->scanned + 1 - bytes, w->scanned + 1);
		if (w->scanned == look)
			break;
	}
	if (there > w->limit && (there - w->limit >= bytes || channel->ended))
		return lt_answer_error(w, LEAT_LIMIT);
	return channel->ended ? lt_answer_rest(there) : lt_answer_more();
}

/* What has no end in it is dropped at once. */
static lt_answer drop_step(leat_channel *channel, lt_want *w)
{
	size_t there = lt_channel_buffered(channel), at = find(channel, '\n', 0, there);

	if (at < there)
		return lt_answer_int((int64_t)(w->limit + at + 1), at + 1);
	w->limit += there;
	lt_channel_consume(channel, there);
	return channel->ended ? lt_answer_int((int64_t)w->limit, 0) : lt_answer_more();
}

/* ---- the calls ---- */

leat_io *leat_channel_line_at(leat_channel *channel, size_t limit, const char *where)
{
	return lt_channel_begin(channel, &(lt_want){ .step = line_step, .limit = limit, .where = where });
}

leat_io *leat_channel_until_at(leat_channel *channel, const void *delimiter, size_t bytes, size_t limit,
                               const char *where)
{
	lt_want w = { .step = until_step, .limit = limit, .delimiter_bytes = bytes, .where = where };

	if (bytes == 0 || bytes > sizeof w.delimiter)
		return lt_channel_refuse(channel, LEAT_INVALID, where);
	memcpy(w.delimiter, delimiter, bytes);
	return lt_channel_begin(channel, &w);
}

leat_io *leat_channel_drop_line_at(leat_channel *channel, const char *where)
{
	return lt_channel_begin(channel, &(lt_want){ .step = drop_step, .where = where });
}

leat_buf *leat_channel_try_line(leat_channel *handle, size_t limit)
{
	leat_channel *channel = lt_channel_born(handle);
	lt_want w = { .limit = limit, .where = LEAT_HERE };
	leat_buf *buf;
	lt_answer a;

	if (!channel || channel->waiting || channel->lent)
		return NULL;
	a = line_step(channel, &w);
	buf = a.kind == LT_ANSWER_BUF ? lt_channel_slice(channel, &a) : NULL;
	if (!buf)
		return NULL;
	channel->cut_short = a.cut_short;
	lt_channel_consume(channel, a.used);
	return buf;
}

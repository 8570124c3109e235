/* SPDX-License-Identifier: ISC */
/* channel_bytes - so many bytes, integers, and what a cutter of the user's says */
#include "kit/channel.h"

static lt_answer exactly_step(leat_channel *channel, lt_want *w)
{
	size_t there = lt_channel_buffered(channel);

	if (there >= w->limit)
		return lt_answer_buf(0, w->limit, w->limit);
	return channel->ended ? lt_answer_rest(there) : lt_answer_more();
}

static lt_answer read_step(leat_channel *channel, lt_want *w)
{
	size_t bytes = lt_channel_first(channel)->bytes;

	(void)w;
	if (bytes > 0)
		return lt_answer_buf(0, bytes, bytes);
	return channel->ended ? lt_answer_rest(0) : lt_answer_more();
}

static lt_answer ensure_step(leat_channel *channel, lt_want *w)
{
	size_t bytes = lt_least(lt_channel_buffered(channel), w->limit);

	if (bytes < w->limit && !channel->ended)
		return lt_answer_more();
	if (!lt_channel_join(channel, bytes))
		return lt_answer_error(w, LEAT_NOMEM);
	return lt_answer_int((int64_t)bytes, 0);
}

static lt_answer integer_step(leat_channel *channel, size_t width, bool little, const lt_want *w)
{
	uint64_t value = 0;

	if (lt_channel_buffered(channel) < width)
		return channel->ended ? lt_answer_error(w, LEAT_TRUNCATED) : lt_answer_more();
	for (size_t i = 0; i < width; i++)
		value = value << 8 | lt_channel_byte(channel, little ? width - 1 - i : i);
	return lt_answer_int((int64_t)value, width);
}

static lt_answer be_step(leat_channel *channel, lt_want *w)
{
	return integer_step(channel, w->limit, false, w);
}

static lt_answer le_step(leat_channel *channel, lt_want *w)
{
	return integer_step(channel, w->limit, true, w);
}

/* What a cutter said, held against what there is. */
static lt_answer cut_answer(const lt_want *w, size_t there, const leat_cut *cut, leat_error error)
{
	if (leat_error_set(error))
		return (lt_answer){ .kind = LT_ANSWER_ERROR, .error = error };
	if (cut->used > there || cut->used == 0 || cut->from > cut->used || cut->bytes > cut->used - cut->from)
		return lt_answer_error(w, LEAT_INVALID);
	return lt_answer_buf(cut->from, cut->bytes, cut->used);
}

/* w->limit: how many it needs. */
static lt_answer cut_step(leat_channel *channel, lt_want *w)
{
	size_t there = lt_channel_buffered(channel);
	leat_cut cut = { .size = sizeof cut };
	leat_error error;

	if (there == 0)
		return channel->ended ? lt_answer_rest(0) : lt_answer_more();
	while (there >= w->limit) {
		if (!lt_channel_join(channel, w->limit))
			return lt_answer_error(w, LEAT_NOMEM);
		if (!channel->waiting)
			break;
		there = lt_channel_first(channel)->bytes;
		error = w->cutter(w->ctx, lt_channel_first(channel)->at, there, &cut);
		if (leat_error_set(error) || cut.need == 0)
			return cut_answer(w, there, &cut, error);
		if (cut.need <= there)
			return lt_answer_error(w, LEAT_INVALID);
		w->limit = cut.need;
		cut = (leat_cut){ .size = sizeof cut };
		there = lt_channel_buffered(channel);
	}
	return channel->ended ? lt_answer_error(w, LEAT_TRUNCATED) : lt_answer_more();
}

/* ---- the calls ---- */

leat_io *leat_channel_exactly_at(leat_channel *channel, size_t bytes, const char *where)
{
	return lt_channel_begin(channel, &(lt_want){ .step = exactly_step, .limit = bytes, .where = where });
}

leat_io *leat_channel_read_at(leat_channel *channel, const char *where)
{
	return lt_channel_begin(channel, &(lt_want){ .step = read_step, .where = where });
}

leat_io *leat_channel_ensure_at(leat_channel *channel, size_t bytes, const char *where)
{
	return lt_channel_begin(channel, &(lt_want){ .step = ensure_step, .limit = bytes, .where = where });
}

static leat_io *integer(leat_channel *channel, const lt_want *w)
{
	if (w->limit < 1 || w->limit > 8)
		return lt_channel_refuse(channel, LEAT_INVALID, w->where);
	return lt_channel_begin(channel, w);
}

leat_io *leat_channel_be_at(leat_channel *channel, unsigned width, const char *where)
{
	return integer(channel, &(lt_want){ .step = be_step, .limit = width, .where = where });
}

leat_io *leat_channel_le_at(leat_channel *channel, unsigned width, const char *where)
{
	return integer(channel, &(lt_want){ .step = le_step, .limit = width, .where = where });
}

leat_io *leat_channel_cut_at(leat_channel *channel, leat_cutter cutter, const void *ctx, const char *where)
{
	lt_want w = { .step = cut_step, .limit = 1, .cutter = cutter, .ctx = ctx, .where = where };

	return lt_channel_begin(channel, &w);
}

/* SPDX-License-Identifier: ISC */
/* channel - buffered reading and writing over any flow: its life, and what is there already
 *
 * How it works, and which page does what, is in channel.h.
 */
#include "kit/channel.h"

static const char no_bytes[1];

/* ---- its life ---- */

leat_channel *leat_channel_new(leat_flow *flow)
{
	leat_buf *record = leat_buf_new(leat_flow_loop(flow), sizeof(leat_channel));
	leat_channel *channel = leat_buf_space(record);

	if (!channel) {
		leat_buf_unref(record);
		return (leat_channel *)((uintptr_t)flow + 1);
	}
	*channel = (leat_channel){ .record = record, .flow = flow, .out_limit = LEAT_PUT_LIMIT_USUAL };
	return channel;
}

/* `whole`: somebody goes on with the flow. */
static leat_flow *leave(leat_channel *handle, bool whole)
{
	leat_channel *channel = lt_channel_born(handle);
	leat_flow *flow = lt_channel_flow(handle);

	if (!channel)
		return flow;
	if (channel->lent && whole)
		lt_channel_set_aside(channel);
	else if (channel->lent)
		lt_channel_consume(channel, channel->used);
	channel->flow = NULL;
	if (channel->reading) {
		channel->left = leat_flow_ref(flow);
		leat_io_cancel(channel->reading);
	} else {
		lt_channel_unread_all(channel, flow);
	}
	leat_buf_unref(channel->out);
	if (channel->waiting)
		lt_channel_fail(channel, leat_error_core(LEAT_CLOSED));
	leat_buf_unref(channel->record);
	return flow;
}

leat_flow *leat_channel_leave(leat_channel *channel)
{
	return leave(channel, true);
}

void leat_channel_free(leat_channel *channel)
{
	if (channel)
		leat_flow_unref(leave(channel, false));
}

static void end_channel(void *channel)
{
	leat_channel_free(channel);
}

leat_ctx leat_ctx_channel(leat_channel *channel)
{
	return leat_ctx_own(channel, end_channel);
}

leat_flow *leat_channel_flow(const leat_channel *channel)
{
	return lt_channel_flow(channel);
}

/* ---- what is there already ---- */

size_t leat_channel_buffered(const leat_channel *channel)
{
	return lt_channel_born(channel) ? lt_channel_buffered(channel) : 0;
}

const void *leat_channel_peek(const leat_channel *handle, size_t *bytes)
{
	leat_channel *channel = lt_channel_born(handle);
	const lt_run *r = channel ? lt_channel_first(channel) : NULL;

	*bytes = r ? r->bytes : 0;
	return *bytes > 0 ? (const void *)r->at : no_bytes;
}

size_t leat_channel_consume(leat_channel *handle, size_t bytes)
{
	leat_channel *channel = lt_channel_born(handle);

	if (!channel || channel->waiting || channel->lent)
		return 0;
	bytes = lt_least(bytes, lt_channel_buffered(channel));
	lt_channel_consume(channel, bytes);
	return bytes;
}

bool leat_channel_cut_short(const leat_channel *channel)
{
	return lt_channel_born(channel) && channel->cut_short;
}

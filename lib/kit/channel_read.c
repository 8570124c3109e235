/* SPDX-License-Identifier: ISC */
/* channel_read - a read: begun, gone on with as bytes arrive, settled, delivered or given back */
#include "kit/channel.h"

/* ---- a value on its way ---- */

void lt_channel_set_aside(leat_channel *channel)
{
	lt_answer a = lt_answer_buf(0, channel->used, channel->used);

	if (channel->used == 0)
		return;
	channel->aside = lt_channel_slice(channel, &a);
	if (channel->aside)
		channel->home = leat_flow_ref(channel->flow);
	lt_channel_consume(channel, channel->used);
}

/* Behind what a cancelled read of the flow brings back, so before it for who reads. */
static void bring_home(leat_channel *channel)
{
	leat_flow *home = channel->home;

	channel->home = NULL;
	if (channel->aside)
		leat_flow_unread(home, channel->aside);
	channel->aside = NULL;
	leat_flow_unref(home);
}

static void no_longer_lent(leat_channel *channel)
{
	channel->lent = false;
	if (!channel->left) /* else that read is yet to come back */
		bring_home(channel);
	leat_buf_unref(channel->record);
}

static void value_delivered(void *ctx, void *value)
{
	leat_channel *channel = ctx;
	leat_buf *aside = channel->aside;

	(void)value;
	channel->lent = false;
	channel->cut_short = channel->lent_cut_short;
	channel->aside = NULL;
	if (channel->flow)
		lt_channel_consume(channel, channel->used);
	leat_buf_unref(aside);
	bring_home(channel);
	leat_buf_unref(channel->record);
}

static void int_given_back(void *ctx, void *value)
{
	(void)value;
	no_longer_lent(ctx);
}

/* Its bytes are here still: it was a slice of them. */
static void buf_given_back(void *ctx, void *value)
{
	leat_buf_unref(value);
	no_longer_lent(ctx);
}

static const leat_giver int_giver = {
	.size = sizeof(leat_giver), .give_back = int_given_back, .delivered = value_delivered
};
static const leat_giver buf_giver = {
	.size = sizeof(leat_giver), .give_back = buf_given_back, .delivered = value_delivered
};

static void lend(leat_channel *channel, const lt_answer *a)
{
	channel->waiting = false;
	channel->lent = true;
	channel->lent_cut_short = a->cut_short;
	channel->used = a->used;
	leat_buf_ref(channel->record);
}

void lt_channel_fail(leat_channel *channel, leat_error error)
{
	channel->waiting = false;
	leat_reject_at(channel->maker, error, error.where);
}

static void settle_buf(leat_channel *channel, const lt_answer *a)
{
	leat_buf *buf = lt_channel_slice(channel, a);

	if (!buf) {
		lt_channel_fail(channel, leat_error_core(LEAT_NOMEM));
		return;
	}
	lend(channel, a);
	leat_resolve_lent_at(channel->maker, buf, &leat_buf_type, &buf_giver, channel, channel->want.where);
}

static void settle_int(leat_channel *channel, const lt_answer *a)
{
	leat_result result = {
		.type = &leat_int_type,
		.as.value = { .integer = a->number, .giver = &int_giver, .giver_ctx = channel },
	};

	lend(channel, a);
	leat_resolve_result_at(channel->maker, &result, channel->want.where);
}

static void settle_end(leat_channel *channel)
{
	channel->waiting = false;
	leat_resolve_buf_at(channel->maker, NULL, channel->want.where);
}

/* ---- reading below ---- */

static void go_on(leat_channel *channel);

static leat_channel *reading_is_over(leat_channel *channel)
{
	leat_io *io = channel->reading;

	channel->reading = NULL;
	leat_io_detach(io);
	return channel;
}

static leat_io *on_read(void *ctx, leat_result *result)
{
	leat_channel *channel = reading_is_over(ctx);
	leat_buf *buf = leat_result_buf(result), *record = channel->record;

	if (!buf)
		channel->ended = true;
	else if (!lt_channel_take_in(channel, buf) && channel->waiting)
		lt_channel_fail(channel, leat_error_core(LEAT_NOMEM));
	if (channel->waiting)
		go_on(channel);
	leat_buf_unref(record);
	return NULL;
}

/* Whoever reads next is told the same by the flow. */
static leat_io *on_failed(void *ctx, leat_result *result)
{
	leat_channel *channel = reading_is_over(ctx);

	if (channel->waiting)
		lt_channel_fail(channel, leat_result_error(result));
	leat_buf_unref(channel->record);
	return NULL;
}

/* Cancelled, by us or with the loop, or never begun.  What it had read is the flow's
 * again by now - inside a destructor that is later -, and what came before goes in
 * front of it. */
static void reading_was_dropped(void *ctx)
{
	leat_channel *channel = ctx;
	leat_flow *left = channel->left;

	channel->reading = NULL;
	channel->left = NULL;
	if (left)
		lt_channel_unread_all(channel, left);
	leat_flow_unref(left);
	if (!channel->lent)
		bring_home(channel);
	leat_buf_unref(channel->record);
}

static void ask(leat_channel *channel)
{
	const char *where = channel->want.where;
	leat_result result;
	leat_io *io;

	leat_buf_ref(channel->record);
	io = leat_io_branch_at(leat_flow_read_at(channel->flow, where), on_read, on_failed,
	                       leat_ctx_move(channel, reading_was_dropped), where);
	if (leat_io_try(io, &result)) /* it could not even wait */
		lt_channel_fail(channel, leat_result_error(&result));
	else
		channel->reading = io;
}

/* Has the want look at what is there. */
static void go_on(leat_channel *channel)
{
	lt_answer a = channel->want.step(channel, &channel->want);

	if (!channel->waiting) /* a buf that was dropped ended it */
		return;
	if (a.kind == LT_ANSWER_BUF)
		settle_buf(channel, &a);
	else if (a.kind == LT_ANSWER_INT)
		settle_int(channel, &a);
	else if (a.kind == LT_ANSWER_END)
		settle_end(channel);
	else if (a.kind == LT_ANSWER_ERROR)
		lt_channel_fail(channel, a.error);
	else if (!channel->reading)
		ask(channel);
}

/* ---- the want ---- */

leat_io *lt_channel_refuse(const leat_channel *channel, leat_kind why, const char *where)
{
	return leat_io_fail_at(lt_channel_loop(channel), leat_error_make_at(&leat_core_errors, (int)why, where), where);
}

static void want_cancel(void *state)
{
	leat_channel *channel = *(leat_channel **)state;

	channel->waiting = false;
}

static const leat_leaf want_leaf = {
	.size = sizeof(leat_leaf), .name = "channel", .state_bytes = sizeof(leat_channel *), .cancel = want_cancel
};

leat_io *lt_channel_begin(leat_channel *handle, const lt_want *w)
{
	leat_channel *channel = lt_channel_born(handle);
	leat_buf *record;
	void *state;
	leat_io *io;

	if (!channel)
		return lt_channel_refuse(handle, LEAT_NOMEM, w->where);
	if (channel->waiting || channel->lent)
		return lt_channel_refuse(channel, LEAT_BUSY, w->where);
	io = leat_io_new_at(lt_channel_loop(channel), &channel->maker, &want_leaf, &state, w->where);
	if (!state)
		return io;
	*(leat_channel **)state = channel;
	channel->want = *w;
	channel->waiting = true;
	record = leat_buf_ref(channel->record);
	go_on(channel);
	leat_buf_unref(record);
	return io;
}

/* SPDX-License-Identifier: ISC */
/* ticker - every so often, and never behind
 *
 * Which ticks there were is told by the clock: a timer is set only while
 * somebody waits.  `given` are those that went out; they come back where nobody
 * got them.
 */
#include <stdio.h>

#include <leat/ticker.h>

#include "io/object.h"

struct leat_ticker {
	lt_object object;
	lt_line line; /* one at most */
	lt_timer timer;
	int64_t began_ns, period_ns;
	int64_t given;
};

static leat_ticker *of_line(lt_line *line)
{
	return (leat_ticker *)((uintptr_t)line - offsetof(leat_ticker, line));
}

static leat_ticker *of_timer(lt_timer *timer)
{
	return (leat_ticker *)((uintptr_t)timer - offsetof(leat_ticker, timer));
}

/* ---- ticks on their way ---- */

static void ticks_delivered(void *ctx, void *value)
{
	leat_ticker *ticker = ctx;

	(void)value;
	lt_object_unref(&ticker->object);
}

static void ticks_given_back(void *ctx, void *value)
{
	leat_ticker *ticker = ctx;

	ticker->given -= (intptr_t)value;
	lt_object_unref(&ticker->object);
}

static const leat_giver ticks_giver = {
	.size = sizeof(leat_giver), .give_back = ticks_given_back, .delivered = ticks_delivered
};

/* How many there were that were not given. */
static int64_t ticks_due(const leat_ticker *ticker)
{
	return (leat_loop_now_ns(ticker->object.loop) - ticker->began_ns) / ticker->period_ns - ticker->given;
}

static lt_outcome give_ticks(leat_ticker *ticker, int64_t count)
{
	ticker->given += count;
	lt_object_ref(&ticker->object);
	return (lt_outcome){ .type = &leat_int_type,
		.as.value = { .integer = count, .giver = &ticks_giver, .giver_ctx = ticker } };
}

/* ---- waiting ---- */

static int64_t next_ns(const leat_ticker *ticker)
{
	int64_t count = ticker->given + 1;

	if (count > (INT64_MAX - ticker->began_ns) / ticker->period_ns)
		return INT64_MAX;
	return ticker->began_ns + count * ticker->period_ns;
}

static void on_tick(lt_timer *timer)
{
	leat_ticker *ticker = of_timer(timer);
	lt_outcome ticks = give_ticks(ticker, ticks_due(ticker));

	lt_settle(ticker->object.loop, lt_line_next(&ticker->line), &ticks);
}

static void on_left(lt_line *line)
{
	leat_ticker *ticker = of_line(line);

	lt_timer_stop(ticker->object.loop, &ticker->timer);
}

static leat_io *wait(leat_ticker *ticker, const char *where)
{
	leat_loop *loop = ticker->object.loop;
	leat_io *io = lt_line_join(loop, &ticker->line, where);

	if (lt_io_is_refusal(io) || lt_timer_start(loop, &ticker->timer, next_ns(ticker)))
		return io;
	lt_io_cancel(io);
	return lt_io_nomem(loop);
}

leat_io *leat_ticker_next_at(leat_ticker *ticker, const char *where)
{
	leat_loop *loop = ticker->object.loop;
	lt_outcome ticks;
	int64_t due;

	if (ticker->object.dead || loop->closing)
		return lt_object_refusal(&ticker->object, where);
	if (ticker->line.first)
		return leat_io_fail_at(loop, leat_error_make_at(&leat_core_errors, LEAT_BUSY, where), where);
	due = ticks_due(ticker);
	if (due <= 0)
		return wait(ticker, where);
	ticks = give_ticks(ticker, due);
	return lt_io_settled(loop, &ticks, where);
}

/* ---- life ---- */

static void ticker_end(lt_object *object)
{
	leat_ticker *ticker = (leat_ticker *)object;

	lt_timer_stop(object->loop, &ticker->timer);
	lt_line_fail(object->loop, &ticker->line, LEAT_CLOSED);
}

static int ticker_describe(const lt_object *object, char *out, size_t room)
{
	const leat_ticker *ticker = (const leat_ticker *)(const void *)object;
	char left[64];

	lt_timer_describe(object->loop, &ticker->timer, left, sizeof left);
	return snprintf(out, room, "every %lld ms, %s", (long long)(ticker->period_ns / 1000000), left);
}

static const lt_object_ops ticker_ops = { .name = "a ticker", .end = ticker_end, .describe = ticker_describe };

leat_ticker *leat_ticker_new_at(leat_loop *loop, int64_t period_ms, const char *where)
{
	leat_ticker *ticker = lt_object_new(loop, &ticker_ops, sizeof *ticker, where);

	if (ticker->object.dead)
		return ticker;
	lt_line_init(&ticker->line, &ticker->object, "tick");
	ticker->line.left = on_left;
	ticker->timer.fire = on_tick;
	ticker->began_ns = leat_loop_now_ns(loop);
	ticker->period_ns = period_ms > INT64_MAX / 1000000 ? INT64_MAX : period_ms * 1000000;
	if (period_ms <= 0)
		lt_object_stillborn(&ticker->object, LEAT_INVALID);
	return ticker;
}

void leat_ticker_free(leat_ticker *ticker)
{
	lt_object_free((lt_object *)ticker);
}

/* ---- every ---- */

typedef struct every {
	leat_ticker *ticker;
	leat_fn fn;
	leat_ctx ctx;
	bool calling; /* the user's: the record stays */
	bool over;    /* cancelled meanwhile */
} every;

static_assert(sizeof(every) <= LT_PIECE_BYTES, "a piece is enough");

static void free_record(void *data)
{
	every *e = data;
	leat_ctx ctx = e->ctx;

	leat_ticker_free(e->ticker);
	lt_piece_give(lt_cell_loop(e), e);
	lt_ctx_drop(ctx);
}

static void every_end(void *data)
{
	every *e = data;

	if (e->calling)
		e->over = true;
	else
		free_record(e);
}

/* Cancelled by its own fn: what that gave is cancelled too, and may borrow from the
 * context. */
static leat_io *end_after(every *e, leat_io *io)
{
	if (io)
		return leat_io_attach(io, leat_ctx_own(e, free_record));
	free_record(e);
	return NULL;
}

static leat_io *again(void *ctx, leat_result *result)
{
	(void)ctx;
	return leat_io_int(leat_result_loop(result), 1);
}

static leat_io *run(void *data, leat_result *ticks)
{
	every *e = data;
	leat_io *io;

	if (e->ctx.moved)
		e->ctx.destroy = NULL;
	e->calling = true;
	io = e->fn(e->ctx.data, ticks);
	e->calling = false;
	if (e->over)
		return end_after(e, io);
	return io ? leat_io_then(io, again, leat_ctx_none()) : again(NULL, ticks);
}

static leat_io *step(void *data, leat_result *result)
{
	every *e = data;

	(void)result;
	return leat_io_then(leat_ticker_next(e->ticker), run, leat_ctx_borrow(e));
}

leat_io *leat_every_at(leat_loop *loop, int64_t period_ms, leat_fn fn, leat_ctx ctx, const char *where)
{
	every *e = loop->closing ? NULL : lt_piece_take(loop);

	if (!e) {
		lt_ctx_drop(ctx);
		return lt_io_refused(loop);
	}
	*e = (every){ .ticker = leat_ticker_new_at(loop, period_ms, where), .fn = fn, .ctx = ctx };
	return leat_io_repeat_at(loop, step, leat_ctx_own(e, every_end), where);
}

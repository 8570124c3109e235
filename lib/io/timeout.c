/* SPDX-License-Identifier: ISC */
/* timeout - an io's outcome, if it comes in time
 *
 * libevent activates I/O before timers, so what came in the same turn has
 * settled by the time the deadline fires, and wins.
 */
#include <stdio.h>

#include "io/io.h"

static lt_timer *timer_of(leat_io *self)
{
	return (lt_timer *)(void *)self->u.custom.word;
}

static void timeout_arrive(leat_loop *loop, leat_io *self, leat_io *source)
{
	lt_outcome outcome = lt_io_consume(loop, source);

	lt_timer_stop(loop, timer_of(self));
	self->source = NULL;
	lt_settle(loop, self, &outcome);
}

/* While it stands in the queue, its source stands in the timer's place. */
static void timeout_drop(leat_loop *loop, leat_io *self)
{
	if (self->flags & LT_QUEUED) {
		leat_io *source = self->u.custom.word[1];

		source->waiter = 0;
		lt_io_raze(loop, source);
	} else {
		lt_timer_stop(loop, timer_of(self));
	}
}

static void on_time_up(lt_timer *timer)
{
	leat_io *self = (leat_io *)(void *)((char *)timer - offsetof(leat_io, u.custom.word));
	leat_io *source = self->source;

	if (source->phase == LT_SETTLED)
		return; /* it is in the queue, and wins */
	self->u.custom.word[1] = source;
	lt_enqueue(lt_cell_loop(self), self);
}

/* Popped: destructors may run now, no user's frame is above. */
static void timeout_start(leat_loop *loop, leat_io *self)
{
	leat_io *source = self->u.custom.word[1];

	if (source->phase == LT_SETTLED) {
		self->source = source;
		return;
	}
	self->flags |= LT_RUNNING;
	lt_io_raze_source(loop, self, source, self->where);
	self->flags &= (uint8_t)~LT_RUNNING;
	if (self->flags & LT_DOOMED)
		lt_cell_free(loop, self);
	else
		lt_settle_error(loop, self, leat_error_make_at(&leat_core_errors, LEAT_TIMEOUT, self->where));
}

/* In the queue, its source stands elsewhere. */
static leat_io *timeout_each(const leat_io *self, size_t *next)
{
	if ((*next)++)
		return NULL;
	return self->flags & LT_QUEUED ? self->u.custom.word[1] : self->source;
}

static int timeout_describe(const leat_io *self, char *out, size_t room)
{
	if (self->flags & LT_QUEUED)
		return snprintf(out, room, "time is up");
	return lt_timer_describe(lt_cell_loop(self), (const lt_timer *)(const void *)self->u.custom.word, out, room);
}

static const lt_kind timeout_kind = {
	.name = "timeout", .arrive = timeout_arrive, .drop = timeout_drop, .start = timeout_start,
	.each = timeout_each, .describe = timeout_describe
};

static leat_io *until(leat_io *io, int64_t at_ns, const char *where)
{
	leat_loop *loop = lt_cell_loop(io);
	leat_io *self = lt_io_chain(io, LT_CUSTOM, where);
	lt_timer *timer;

	if (!self)
		return lt_io_nomem(loop);
	self->u.custom.kind = &timeout_kind;
	timer = timer_of(self);
	*timer = (lt_timer){ .fire = on_time_up };
	if (lt_timer_start(loop, timer, at_ns))
		return self;
	lt_io_cancel(self);
	return lt_io_nomem(loop);
}

leat_io *leat_io_timeout_at(leat_io *io, int64_t ms, const char *where)
{
	lt_io_check(io, "leat_io_timeout", where);
	if (ms < 0)
		return io;
	return until(io, lt_loop_after_ms(lt_cell_loop(io), ms), where);
}

/* One that is long past is past: what is left can be computed. */
static int64_t in_ns(int64_t at_ms)
{
	const int64_t most_ms = INT64_MAX / 1000000;

	if (at_ms > most_ms)
		return INT64_MAX;
	return (at_ms < -most_ms / 2 ? -most_ms / 2 : at_ms) * 1000000;
}

leat_io *leat_io_deadline_at(leat_io *io, int64_t at_ms, const char *where)
{
	lt_io_check(io, "leat_io_deadline", where);
	return until(io, in_ns(at_ms), where);
}

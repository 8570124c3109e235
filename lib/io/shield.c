/* SPDX-License-Identifier: ISC */
/* shield - an io that goes on when its waiter is cancelled
 *
 * Cancelled, it has no source to be razed with it: a pending one is let go, to a
 * watch that drops what it gets.
 */
#include "io/io.h"

/* Nobody got it: a value goes back; a failure, or an ending that was cut short, is
 * unhandled. */
static void alone_settled(lt_watch *watch, leat_loop *loop, leat_result *result)
{
	(void)watch;
	if (result->type && result->type->plain && leat_error_set(result->as.error))
		lt_io_unhandled(loop, result->as.error, result->where);
	lt_outcome_drop(lt_result_outcome(result));
}

static const lt_watch_ops alone_ops = { .settled = alone_settled, .follows = true };
static lt_watch alone = { .ops = &alone_ops };

static void shield_arrive(leat_loop *loop, leat_io *self, leat_io *source)
{
	lt_outcome outcome = lt_io_consume(loop, source);

	self->source = NULL;
	lt_settle(loop, self, &outcome);
}

static leat_io *shield_next(leat_io *self)
{
	leat_io *source = self->source;

	self->source = NULL;
	if (!source || source->phase == LT_SETTLED)
		return source;
	source->waiter = (uintptr_t)&alone | 1;
	return NULL;
}

static const lt_kind shield_kind = { .name = "shield", .arrive = shield_arrive, .next = shield_next };

leat_io *leat_io_shield_at(leat_io *io, const char *where)
{
	leat_loop *loop;
	leat_io *self;

	lt_io_check(io, "leat_io_shield", where);
	loop = lt_cell_loop(io);
	self = lt_io_chain(io, LT_CUSTOM, where);
	if (!self)
		return lt_io_nomem(loop);
	self->u.custom.kind = &shield_kind;
	return self;
}

/* SPDX-License-Identifier: ISC */
/* map_run - what all maps do: make ios on the fly, so many at a time, and end
 *
 * The cell's first word is the children, as of all and settle; its second is the
 * rest.  all and settle keep who has settled in his slot.  any and each clear it,
 * so there are never more than were under way at once: there a child sits on a
 * seat, a cell between, that knows its slot.
 *
 * Whatever runs a user's code - making one, destroying a value or the context -
 * may cancel the map; it stands between enter and leave.  Until then a child
 * stays in its slot, where a cancel finds it.
 *
 * Fibers that are cancelled unwind from the queue and may use the context: so it
 * is destroyed behind them.
 */
#include <stdio.h>

#include "io/map.h"

/* ---- ending ---- */

/* Of a child that has settled, or of the one on that seat. */
static lt_outcome take_outcome(leat_loop *loop, leat_io *child)
{
	leat_io *source = child->phase == LT_PENDING ? child->source : NULL;

	if (!source)
		return lt_io_consume(loop, child);
	lt_cell_free(loop, child);
	return lt_io_consume(loop, source);
}

/* A map that stands in the queue is over: there no cancel finds its winner. */
static void drop_winner(leat_loop *loop, lt_map *m)
{
	lt_outcome outcome;

	if (!m->winner)
		return;
	outcome = take_outcome(loop, m->winner);
	lt_outcome_drop(&outcome);
}

/* The children are gone; the cell becomes one that has a context and nothing
 * else, which goes through the queue where it must. */
void lt_map_drop(leat_loop *loop, leat_io *self)
{
	lt_map *m = lt_map_of(self);
	leat_ctx ctx = m->ctx;
	bool behind = m->over && (self->flags & LT_QUEUED);

	if (behind)
		drop_winner(loop, m);
	lt_many_drop(loop, self);
	lt_mem_release(&loop->mem, m);
	self->kind = LT_HOLD;
	self->u.call.ctx = ctx.data;
	self->u.call.destroy = ctx.destroy;
	if (behind && ctx.destroy) {
		loop->unwinding++;
		loop->late = true; /* who waited comes after it */
	} else if (!behind) {
		lt_io_drop_ctx(loop, self);
	}
}

void lt_map_enter(leat_io *self)
{
	self->flags |= LT_RUNNING;
}

bool lt_map_leave(leat_loop *loop, leat_io *self, leat_io *made)
{
	self->flags &= (uint8_t)~LT_RUNNING;
	if (!(self->flags & LT_DOOMED))
		return false;
	if (made)
		lt_io_raze_source(loop, self, made, NULL);
	loop->late = lt_io_has_lost(loop, self);
	lt_map_drop(loop, self);
	loop->late = false;
	if (!(self->flags & LT_QUEUED))
		lt_cell_free(loop, self);
	return true;
}

static void cancel_others(leat_loop *loop, leat_io *self, const leat_io *winner)
{
	lt_many *many = lt_many_of(self);

	for (size_t i = many->count; i-- > 0 && !(self->flags & LT_DOOMED);) {
		leat_io *child = many->slot[i].child;

		if (child == winner)
			continue;
		many->slot[i].child = NULL;
		lt_io_raze_source(loop, self, child, NULL);
	}
}

bool lt_map_end_ctx(leat_loop *loop, leat_io *self)
{
	leat_ctx ctx = lt_map_of(self)->ctx;

	lt_map_of(self)->ctx.destroy = NULL;
	lt_map_enter(self);
	lt_ctx_drop(ctx);
	return !lt_map_leave(loop, self, NULL);
}

/* No others are left. */
static void conclude(leat_loop *loop, leat_io *self)
{
	lt_map *m = lt_map_of(self);
	lt_outcome outcome;

	if (!lt_map_end_ctx(loop, self))
		return;
	outcome = m->winner ? take_outcome(loop, m->winner) : m->outcome;
	lt_many_drop(loop, self);
	lt_mem_release(&loop->mem, m);
	lt_settle(loop, self, &outcome);
}

static void finish(leat_loop *loop, leat_io *self)
{
	lt_map *m = lt_map_of(self);

	lt_map_enter(self);
	cancel_others(loop, self, m->winner);
	if (lt_map_leave(loop, self, NULL))
		return;
	m->over = true;
	if (m->ctx.destroy && loop->unwinding > 0)
		lt_enqueue(loop, self);
	else
		conclude(loop, self);
}

void lt_map_settle_with(leat_loop *loop, leat_io *self, lt_outcome outcome)
{
	lt_map_of(self)->outcome = outcome;
	finish(loop, self);
}

void lt_map_settle_as(leat_loop *loop, leat_io *self, leat_io *winner)
{
	lt_map_of(self)->winner = winner;
	finish(loop, self);
}

/* ---- making ---- */

static void no_memory(leat_loop *loop, leat_io *self)
{
	lt_map_settle_with(loop, self, lt_failure(leat_error_core(LEAT_NOMEM)));
}

static void seat_arrive(leat_loop *loop, leat_io *seat, leat_io *source)
{
	leat_io *self = lt_waiter_cell(seat);

	(void)source; /* the seat's */
	lt_map_of(self)->arrived(loop, self, seat);
}

static const lt_kind seat_kind = { .name = "map", .arrive = seat_arrive };

static leat_io *seat_for(leat_io *io, leat_io *self, size_t index)
{
	leat_io *seat = lt_io_chain(io, LT_CUSTOM, self->where);

	if (!seat)
		return NULL;
	seat->u.custom.kind = &seat_kind;
	seat->u.custom.word[0] = (void *)index;
	seat->waiter = (uintptr_t)self;
	return seat;
}

/* Gives the child; NULL without memory, the io is gone. */
static leat_io *child_of(leat_loop *loop, leat_io *self, leat_io *io)
{
	if (lt_map_of(self)->arrived)
		return seat_for(io, self, lt_many_of(self)->count);
	return lt_io_attach(loop, self, &io) ? io : NULL;
}

static bool take_in(leat_loop *loop, leat_io *self, leat_io *io)
{
	lt_map *m = lt_map_of(self);
	lt_many *many = lt_many_of(self);
	leat_io *child;

	lt_io_check_adoption(loop, self, io);
	child = child_of(loop, self, io);
	if (!child) {
		no_memory(loop, self);
		return false;
	}
	many->slot[many->count++].child = child;
	m->made++;
	m->active++;
	return true;
}

/* False: self has settled or is gone. */
static bool make_one(leat_loop *loop, leat_io *self)
{
	lt_map *m = lt_map_of(self);
	lt_many *many = lt_many_of(self);
	leat_io *io;

	if (!lt_many_grow(&many)) {
		no_memory(loop, self);
		return false;
	}
	self->u.custom.word[0] = many;
	lt_map_enter(self);
	io = m->make(m->ctx.data, loop, m->made);
	if (lt_map_leave(loop, self, io))
		return false;
	m->no_more = !io;
	return !io || take_in(loop, self, io);
}

void lt_map_fill(leat_loop *loop, leat_io *self)
{
	lt_map *m = lt_map_of(self);

	if (loop->closing)
		m->no_more = true;
	while (!m->no_more && m->active < m->limit)
		if (!make_one(loop, self))
			return;
	if (m->active == 0)
		m->done(loop, self);
}

void lt_map_start(leat_loop *loop, leat_io *self)
{
	if (lt_map_of(self)->over)
		conclude(loop, self);
	else
		lt_map_fill(loop, self);
}

leat_io *lt_map_new(leat_loop *loop, size_t limit, const lt_kind *kind, const lt_map *like, const char *where)
{
	lt_map *m = loop->closing ? NULL : lt_mem_zalloc(&loop->mem, sizeof *m);
	lt_many *many = m ? lt_many_begin(loop) : NULL;
	leat_io *self = many ? lt_io_take_cell(loop, LT_CUSTOM, where) : NULL;

	if (!self) {
		lt_many_free(many);
		lt_mem_release(&loop->mem, m);
		lt_ctx_drop(like->ctx);
		return lt_io_refused(loop);
	}
	*m = *like;
	m->limit = limit ? limit : SIZE_MAX;
	self->u.custom.kind = kind;
	self->u.custom.word[0] = many;
	self->u.custom.word[1] = m;
	lt_enqueue(loop, self);
	return self;
}

/* ---- being looked at ---- */

int lt_map_describe(const leat_io *self, char *out, size_t room)
{
	const lt_map *m = lt_map_of(self);
	const char *rest = m->no_more ? ", no more come" : "";

	if (m->limit == SIZE_MAX)
		return snprintf(out, room, "%zu under way, %zu made%s", m->active, m->made, rest);
	return snprintf(out, room, "%zu of at most %zu under way, %zu made%s", m->active, m->limit, m->made, rest);
}

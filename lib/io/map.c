/* SPDX-License-Identifier: ISC */
/* map - ios made on the fly, so many at a time
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

#include <leat/map.h>

#include "io/many.h"

typedef struct map {
	leat_map_fn make;
	leat_ctx ctx;
	size_t limit, active, made;
	leat_error last; /* any: of the failures */
	bool no_more, over; /* over: it settles as the winner did, or with `outcome` */
	leat_io *winner;
	lt_outcome outcome;
	void (*done)(leat_loop *, leat_io *self); /* all that were made have settled, none won */
	/* any and each: one has settled; NULL: no seats */
	void (*arrived)(leat_loop *, leat_io *self, leat_io *seat);
} map;

static map *map_of(const leat_io *self)
{
	return self->u.custom.word[1];
}

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
static void drop_winner(leat_loop *loop, map *m)
{
	lt_outcome outcome;

	if (!m->winner)
		return;
	outcome = take_outcome(loop, m->winner);
	lt_outcome_drop(&outcome);
}

/* The children are gone; the cell becomes one that has a context and nothing
 * else, which goes through the queue where it must. */
static void map_drop(leat_loop *loop, leat_io *self)
{
	map *m = map_of(self);
	leat_ctx ctx = m->ctx;
	bool behind = m->over && (self->flags & LT_QUEUED);

	if (behind)
		drop_winner(loop, m);
	lt_many_drop(loop, self);
	lt_mem_release(&loop->mem, m);
	self->kind = LT_HOLD;
	self->u.call.ctx = ctx.data;
	self->u.call.destroy = ctx.destroy;
	if (behind && ctx.destroy)
		loop->unwinding++;
	else if (!behind)
		lt_io_drop_ctx(loop, self);
}

static void enter(leat_io *self)
{
	self->flags |= LT_RUNNING;
}

/* True: self was cancelled meanwhile, and is gone; `made` with it. */
static bool leave(leat_loop *loop, leat_io *self, leat_io *made)
{
	self->flags &= (uint8_t)~LT_RUNNING;
	if (!(self->flags & LT_DOOMED))
		return false;
	lt_io_cancel(made);
	loop->late = loop->unwinding > 0;
	map_drop(loop, self);
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
		child->waiter = 0;
		lt_io_raze(loop, child);
	}
}

/* False: self is gone. */
static bool end_ctx(leat_loop *loop, leat_io *self)
{
	leat_ctx ctx = map_of(self)->ctx;

	map_of(self)->ctx.destroy = NULL;
	enter(self);
	lt_ctx_drop(ctx);
	return !leave(loop, self, NULL);
}

/* No others are left. */
static void conclude(leat_loop *loop, leat_io *self)
{
	map *m = map_of(self);
	lt_outcome outcome;

	if (!end_ctx(loop, self))
		return;
	outcome = m->winner ? take_outcome(loop, m->winner) : m->outcome;
	lt_many_drop(loop, self);
	lt_mem_release(&loop->mem, m);
	lt_settle(loop, self, &outcome);
}

static void finish(leat_loop *loop, leat_io *self)
{
	map *m = map_of(self);

	enter(self);
	cancel_others(loop, self, m->winner);
	if (leave(loop, self, NULL))
		return;
	m->over = true;
	if (m->ctx.destroy && loop->unwinding > 0)
		lt_enqueue(loop, self);
	else
		conclude(loop, self);
}

static void settle_with(leat_loop *loop, leat_io *self, lt_outcome outcome)
{
	map_of(self)->outcome = outcome;
	finish(loop, self);
}

static void settle_as(leat_loop *loop, leat_io *self, leat_io *winner)
{
	map_of(self)->winner = winner;
	finish(loop, self);
}

/* ---- making ---- */

static void no_memory(leat_loop *loop, leat_io *self)
{
	settle_with(loop, self, lt_failure(leat_error_core(LEAT_NOMEM)));
}

static void seat_arrive(leat_loop *loop, leat_io *seat, leat_io *source)
{
	leat_io *self = lt_waiter_cell(seat);

	(void)source; /* the seat's */
	map_of(self)->arrived(loop, self, seat);
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
	if (map_of(self)->arrived)
		return seat_for(io, self, lt_many_of(self)->count);
	return lt_io_attach(loop, self, &io) ? io : NULL;
}

static bool take_in(leat_loop *loop, leat_io *self, leat_io *io)
{
	map *m = map_of(self);
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
	map *m = map_of(self);
	lt_many *many = lt_many_of(self);
	leat_io *io;

	if (!lt_many_grow(&many)) {
		no_memory(loop, self);
		return false;
	}
	self->u.custom.word[0] = many;
	enter(self);
	io = m->make(m->ctx.data, loop, m->made);
	if (leave(loop, self, io))
		return false;
	m->no_more = !io;
	return !io || take_in(loop, self, io);
}

static void fill(leat_loop *loop, leat_io *self)
{
	map *m = map_of(self);

	if (loop->closing)
		m->no_more = true;
	while (!m->no_more && m->active < m->limit)
		if (!make_one(loop, self))
			return;
	if (m->active == 0)
		m->done(loop, self);
}

static void start(leat_loop *loop, leat_io *self)
{
	if (map_of(self)->over)
		conclude(loop, self);
	else
		fill(loop, self);
}

static leat_io *map_new(leat_loop *loop, size_t limit, const lt_kind *kind, const map *like, const char *where)
{
	map *m = loop->closing ? NULL : lt_mem_zalloc(&loop->mem, sizeof *m);
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

static int map_describe(const leat_io *self, char *out, size_t room)
{
	const map *m = map_of(self);
	const char *rest = m->no_more ? ", no more come" : "";

	if (m->limit == SIZE_MAX)
		return snprintf(out, room, "%zu under way, %zu made%s", m->active, m->made, rest);
	return snprintf(out, room, "%zu of at most %zu under way, %zu made%s", m->active, m->limit, m->made, rest);
}

/* ---- all and settle: each stays in his slot ---- */

static void gather(leat_loop *loop, leat_io *self)
{
	if (!end_ctx(loop, self))
		return;
	lt_mem_release(&loop->mem, map_of(self));
	lt_many_results(loop, self);
}

static void settle_arrive(leat_loop *loop, leat_io *self, leat_io *source)
{
	(void)source;
	map_of(self)->active--;
	fill(loop, self);
}

static void all_arrive(leat_loop *loop, leat_io *self, leat_io *source)
{
	if (lt_is_error(&source->u.outcome))
		settle_as(loop, self, source);
	else
		settle_arrive(loop, self, source);
}

static const lt_kind all_kind = {
	.name = "map_all", .arrive = all_arrive, .drop = map_drop, .next = lt_many_next, .start = start,
	.each = lt_many_each, .describe = map_describe
};
static const lt_kind settle_kind = {
	.name = "map_settle", .arrive = settle_arrive, .drop = map_drop, .next = lt_many_next, .start = start,
	.each = lt_many_each, .describe = map_describe
};

leat_io *leat_map_all_at(leat_loop *loop, size_t limit, leat_map_fn make, leat_ctx ctx, const char *where)
{
	return map_new(loop, limit, &all_kind, &(map){ .make = make, .ctx = ctx, .done = gather }, where);
}

leat_io *leat_map_settle_at(leat_loop *loop, size_t limit, leat_map_fn make, leat_ctx ctx, const char *where)
{
	return map_new(loop, limit, &settle_kind, &(map){ .make = make, .ctx = ctx, .done = gather }, where);
}

/* ---- any and each: who has settled makes room ---- */

static void clear(leat_loop *loop, leat_io *self, leat_io *seat)
{
	lt_many *many = lt_many_of(self);
	leat_io *last = many->slot[--many->count].child;

	last->u.custom.word[0] = seat->u.custom.word[0];
	many->slot[(size_t)seat->u.custom.word[0]].child = last;
	map_of(self)->active--;
	lt_cell_free(loop, seat->source);
	lt_cell_free(loop, seat);
}

static void any_arrived(leat_loop *loop, leat_io *self, leat_io *seat)
{
	const lt_outcome *outcome = &seat->source->u.outcome;

	if (!lt_is_error(outcome)) {
		settle_as(loop, self, seat);
		return;
	}
	map_of(self)->last = outcome->as.error;
	clear(loop, self, seat);
	fill(loop, self);
}

static void any_done(leat_loop *loop, leat_io *self)
{
	leat_error last = map_of(self)->last;

	if (!leat_error_set(last))
		last = leat_error_make_at(&leat_core_errors, LEAT_INVALID, self->where);
	settle_with(loop, self, lt_failure(last));
}

static void each_arrived(leat_loop *loop, leat_io *self, leat_io *seat)
{
	lt_outcome *outcome = &seat->source->u.outcome;

	if (lt_is_error(outcome)) {
		settle_as(loop, self, seat);
		return;
	}
	enter(self);
	lt_delivered(outcome);
	if (!(self->flags & LT_DOOMED))
		lt_outcome_destroy(outcome);
	if (leave(loop, self, NULL))
		return;
	clear(loop, self, seat);
	fill(loop, self);
}

static void each_done(leat_loop *loop, leat_io *self)
{
	int64_t made = (int64_t)map_of(self)->made;

	settle_with(loop, self, (lt_outcome){ .type = &leat_int_type, .as.value.integer = made });
}

static const lt_kind any_kind = {
	.name = "map_any", .drop = map_drop, .next = lt_many_next, .start = start,
	.each = lt_many_each, .describe = map_describe
};
static const lt_kind each_kind = {
	.name = "map_each", .drop = map_drop, .next = lt_many_next, .start = start,
	.each = lt_many_each, .describe = map_describe
};

leat_io *leat_map_any_at(leat_loop *loop, size_t limit, leat_map_fn make, leat_ctx ctx, const char *where)
{
	return map_new(loop, limit, &any_kind, &(map){ .make = make, .ctx = ctx, .done = any_done, .arrived = any_arrived }, where);
}

leat_io *leat_map_each_at(leat_loop *loop, size_t limit, leat_map_fn make, leat_ctx ctx, const char *where)
{
	return map_new(loop, limit, &each_kind, &(map){ .make = make, .ctx = ctx, .done = each_done, .arrived = each_arrived }, where);
}

/* SPDX-License-Identifier: ISC */
/* map - all, settle, any and each over ios made on the fly
 *
 * What they have in common is in map_run.c.
 */
#include "io/map.h"

/* ---- all and settle: each stays in his slot ---- */

static void gather(leat_loop *loop, leat_io *self)
{
	if (!lt_map_end_ctx(loop, self))
		return;
	lt_mem_release(&loop->mem, lt_map_of(self));
	lt_many_results(loop, self);
}

static void settle_arrive(leat_loop *loop, leat_io *self, leat_io *source)
{
	(void)source;
	lt_map_of(self)->active--;
	lt_map_fill(loop, self);
}

static void all_arrive(leat_loop *loop, leat_io *self, leat_io *source)
{
	if (lt_is_error(&source->u.outcome))
		lt_map_settle_as(loop, self, source);
	else
		settle_arrive(loop, self, source);
}

static const lt_kind all_kind = {
	.name = "map_all", .arrive = all_arrive, .drop = lt_map_drop, .next = lt_many_next, .start = lt_map_start,
	.each = lt_many_each, .describe = lt_map_describe
};
static const lt_kind settle_kind = {
	.name = "map_settle", .arrive = settle_arrive, .drop = lt_map_drop, .next = lt_many_next, .start = lt_map_start,
	.each = lt_many_each, .describe = lt_map_describe
};

leat_io *leat_map_all_at(leat_loop *loop, size_t limit, leat_map_fn make, leat_ctx ctx, const char *where)
{
	return lt_map_new(loop, limit, &all_kind, &(lt_map){ .make = make, .ctx = ctx, .done = gather }, where);
}

leat_io *leat_map_settle_at(leat_loop *loop, size_t limit, leat_map_fn make, leat_ctx ctx, const char *where)
{
	return lt_map_new(loop, limit, &settle_kind, &(lt_map){ .make = make, .ctx = ctx, .done = gather }, where);
}

/* ---- any and each: who has settled makes room ---- */

static void clear(leat_loop *loop, leat_io *self, leat_io *seat)
{
	lt_many *many = lt_many_of(self);
	leat_io *last = many->slot[--many->count].child;

	last->u.custom.word[0] = seat->u.custom.word[0];
	many->slot[(size_t)seat->u.custom.word[0]].child = last;
	lt_map_of(self)->active--;
	lt_cell_free(loop, seat->source);
	lt_cell_free(loop, seat);
}

static void any_arrived(leat_loop *loop, leat_io *self, leat_io *seat)
{
	const lt_outcome *outcome = &seat->source->u.outcome;

	if (!lt_is_error(outcome)) {
		lt_map_settle_as(loop, self, seat);
		return;
	}
	lt_map_of(self)->last = outcome->as.error;
	clear(loop, self, seat);
	lt_map_fill(loop, self);
}

static void any_done(leat_loop *loop, leat_io *self)
{
	leat_error last = lt_map_of(self)->last;

	if (!leat_error_set(last))
		last = leat_error_make_at(&leat_core_errors, LEAT_INVALID, self->where);
	lt_map_settle_with(loop, self, lt_failure(last));
}

static void each_arrived(leat_loop *loop, leat_io *self, leat_io *seat)
{
	lt_outcome *outcome = &seat->source->u.outcome;

	if (lt_is_error(outcome)) {
		lt_map_settle_as(loop, self, seat);
		return;
	}
	lt_map_enter(self);
	lt_delivered(outcome);
	if (!(self->flags & LT_DOOMED))
		lt_outcome_destroy(outcome);
	if (lt_map_leave(loop, self, NULL))
		return;
	clear(loop, self, seat);
	lt_map_fill(loop, self);
}

static void each_done(leat_loop *loop, leat_io *self)
{
	int64_t made = (int64_t)lt_map_of(self)->made;

	lt_map_settle_with(loop, self, (lt_outcome){ .type = &leat_int_type, .as.value.integer = made });
}

static const lt_kind any_kind = {
	.name = "map_any", .drop = lt_map_drop, .next = lt_many_next, .start = lt_map_start,
	.each = lt_many_each, .describe = lt_map_describe
};
static const lt_kind each_kind = {
	.name = "map_each", .drop = lt_map_drop, .next = lt_many_next, .start = lt_map_start,
	.each = lt_many_each, .describe = lt_map_describe
};

leat_io *leat_map_any_at(leat_loop *loop, size_t limit, leat_map_fn make, leat_ctx ctx, const char *where)
{
	return lt_map_new(loop, limit, &any_kind, &(lt_map){ .make = make, .ctx = ctx, .done = any_done, .arrived = any_arrived }, where);
}

leat_io *leat_map_each_at(leat_loop *loop, size_t limit, leat_map_fn make, leat_ctx ctx, const char *where)
{
	return lt_map_new(loop, limit, &each_kind, &(lt_map){ .make = make, .ctx = ctx, .done = each_done, .arrived = each_arrived }, where);
}

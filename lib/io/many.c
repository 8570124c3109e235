/* SPDX-License-Identifier: ISC */
/* many - what all, any, race and settle have in common */
#include <stdio.h>

#include "io/many.h"

/* ---- making ---- */

static void cancel_each(leat_io *const *ios, size_t count)
{
	for (size_t i = 0; i < count; i++)
		lt_io_cancel(ios[i]);
}

/* Blocks of the loop's pool, as bufs are. */
static size_t many_bytes(size_t count)
{
	return sizeof(lt_many) + count * sizeof(lt_slot_or_result);
}

void lt_many_free(lt_many *many)
{
	if (many)
		lt_mem_unblock(&many->loop->mem, many, many_bytes(many->room), many->class);
}

static lt_many *many_alloc(leat_loop *loop, size_t count)
{
	lt_many *many;
	unsigned class;

	if (count > (SIZE_MAX - sizeof *many) / sizeof many->slot[0])
		return NULL;
	many = lt_mem_block(&loop->mem, many_bytes(count), &class);
	if (many)
		*many = (lt_many){ .loop = loop, .count = count, .room = count, .left = count, .class = class };
	return many;
}

lt_many *lt_many_begin(leat_loop *loop)
{
	lt_many *many = many_alloc(loop, LT_MANY_FIRST);

	if (many)
		many->count = 0;
	return many;
}

bool lt_many_grow(lt_many **many)
{
	lt_many *old = *many, *more;

	if (old->count < old->room)
		return true;
	more = many_alloc(old->loop, 2 * old->room);
	if (!more)
		return false;
	more->count = old->count;
	memcpy(more->slot, old->slot, old->count * sizeof old->slot[0]);
	lt_many_free(old);
	*many = more;
	return true;
}

static bool attach_each(leat_loop *loop, leat_io *self, leat_io *const *ios)
{
	lt_many *many = lt_many_of(self);
	bool ok = true;

	for (size_t i = 0; i < many->count; i++) {
		lt_io_check(ios[i], self->u.custom.kind->name, self->where);
		many->slot[i].child = ios[i];
		if (!lt_io_attach(loop, self, &many->slot[i].child)) {
			many->slot[i].child = NULL;
			ok = false;
		}
	}
	return ok;
}

leat_io *lt_many_new(leat_loop *loop, leat_io *const *ios, size_t count, const lt_kind *kind, const char *where)
{
	leat_io *self;
	lt_many *many;

	many = loop->closing ? NULL : many_alloc(loop, count);
	self = many ? lt_io_take_cell(loop, LT_CUSTOM, where) : NULL;
	if (!self) {
		lt_many_free(many);
		cancel_each(ios, count);
		return lt_io_refused(loop);
	}
	self->u.custom.kind = kind;
	self->u.custom.word[0] = many;
	if (kind->counts)
		self->flags |= LT_COUNTS;
	if (!attach_each(loop, self, ios)) {
		lt_io_raze(loop, self);
		return lt_io_nomem(loop);
	}
	return self;
}

/* ---- living ---- */

static bool forget_between(lt_many *many, const leat_io *child, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		if (many->slot[i].child == child) {
			many->slot[i].child = NULL;
			many->forgotten = i + 1;
			return true;
		}
	}
	return false;
}

/* They mostly come in their order: the search goes on where the last one was
 * found, and around. */
void lt_many_forget(lt_many *many, const leat_io *child)
{
	size_t from = many->forgotten < many->count ? many->forgotten : 0;

	if (!forget_between(many, child, from, many->count))
		forget_between(many, child, 0, from);
}

leat_io *lt_many_next(leat_io *self)
{
	lt_many *many = lt_many_of(self);

	while (many && many->count > 0) {
		leat_io *child = many->slot[--many->count].child;

		if (child) {
			child->waiter = (uintptr_t)self;
			return child;
		}
	}
	return NULL;
}

void lt_many_drop(leat_loop *loop, leat_io *self)
{
	(void)loop;
	lt_many_free(lt_many_of(self));
	self->u.custom.word[0] = NULL;
}

/* ---- being looked at ---- */

leat_io *lt_many_each(const leat_io *self, size_t *next)
{
	const lt_many *many = lt_many_of(self);

	while (many && *next < many->count) {
		leat_io *child = many->slot[(*next)++].child;

		if (child)
			return child;
	}
	return NULL;
}

int lt_many_describe(const leat_io *self, char *out, size_t room)
{
	const lt_many *many = lt_many_of(self);

	return snprintf(out, room, "%zu of %zu left", many->left, many->room);
}

/* ---- ending ---- */

/* The winner stays a child until the others are gone, for what they destroy may
 * cancel self. */
void lt_many_finish(leat_loop *loop, leat_io *self, leat_io *winner)
{
	lt_many *many = lt_many_of(self);
	lt_outcome outcome;

	lt_many_forget(many, winner);
	self->flags |= LT_RUNNING;
	while (many->count > 0) {
		leat_io *child = many->slot[many->count - 1].child;

		many->slot[many->count - 1].child = winner;
		if (child)
			lt_io_raze_source(loop, self, child, self->where);
		if (many->count > 0)
			many->count--;
	}
	self->flags &= (uint8_t)~LT_RUNNING;
	lt_many_drop(loop, self);
	if (self->flags & LT_DOOMED) {
		lt_cell_free(loop, self);
		return;
	}
	outcome = lt_io_consume(loop, winner);
	lt_settle(loop, self, &outcome);
}

/* ---- the value: an array of results ----
 *
 * There may be results among them, and among those, a million deep: they stand in line
 * instead of being gone through inside.
 */

static void results_destroy(void *value);
static void results_give_back(void *ctx, void *value);
static void results_delivered(void *ctx, void *value);

static const leat_type results_type = {
	.size = sizeof(leat_type), .name = "results", .destroy = results_destroy
};
static const leat_giver results_giver = {
	.size = sizeof(leat_giver), .give_back = results_give_back, .delivered = results_delivered
};

static lt_outcome *outcome_of(lt_many *many, size_t i)
{
	return lt_result_outcome(&many->slot[i].result);
}

static bool has_results(const lt_outcome *o)
{
	return o->type == &results_type;
}

static bool gives_results(const lt_outcome *o)
{
	return has_results(o) && o->as.value.giver == &results_giver;
}

static lt_many *in_front(const lt_outcome *o, lt_many *line)
{
	lt_many *many = o->as.value.pointer;

	many->next = line;
	return many;
}

/* The first of the line, which stands in it no longer. */
static lt_many *step_out(lt_many **line)
{
	lt_many *many = *line;

	*line = many->next;
	many->next = NULL;
	return many;
}

static void results_destroy(void *value)
{
	lt_many *line = value;

	while (line) {
		lt_many *many = step_out(&line);

		for (size_t i = 0; many->destroys && i < many->count; i++) {
			if (has_results(outcome_of(many, i)))
				line = in_front(outcome_of(many, i), line);
			else
				leat_result_clear(&many->slot[i].result);
		}
		lt_many_free(many);
	}
}

static void results_give_back(void *ctx, void *value)
{
	lt_many *line = value;

	(void)ctx;
	while (line) {
		lt_many *many = step_out(&line);

		for (size_t i = many->count; i-- > 0;) {
			if (gives_results(outcome_of(many, i)))
				line = in_front(outcome_of(many, i), line);
			else
				lt_outcome_drop(outcome_of(many, i));
		}
		lt_many_free(many);
	}
}

static void results_delivered(void *ctx, void *value)
{
	lt_many *line = value;

	(void)ctx;
	while (line) {
		lt_many *many = step_out(&line);

		for (size_t i = 0; many->gives && i < many->count; i++) {
			lt_outcome *o = outcome_of(many, i);

			if (gives_results(o)) {
				o->as.value.giver = NULL;
				line = in_front(o, line);
			} else {
				lt_delivered(o);
			}
		}
	}
}

void lt_many_results(leat_loop *loop, leat_io *self)
{
	lt_many *many = lt_many_of(self);
	lt_outcome outcome = {
		.type = &results_type, .as.value = { .pointer = many, .giver = &results_giver }
	};

	for (size_t i = 0; i < many->count; i++) {
		leat_io *child = many->slot[i].child;
		leat_result *result = &many->slot[i].result;
		const leat_type *type = child->u.outcome.type;

		result->where = child->where;
		result->loop = loop;
		lt_outcome_copy(lt_result_outcome(result), &child->u.outcome);
		lt_cell_free(loop, child);
		many->gives |= type && !type->plain && result->as.value.giver;
		many->destroys |= type && type->destroy;
	}
	lt_settle(loop, self, &outcome);
}

size_t leat_result_count(const leat_result *result)
{
	const lt_many *many = result->type == &results_type ? result->as.value.pointer : NULL;

	return many ? many->count : 0;
}

leat_result *leat_result_each_at(leat_result *result, size_t index, const char *where)
{
	lt_many *many;

	if (index >= leat_result_count(result))
		lt_abort("%s: asked for result %zu of %zu", where, index, leat_result_count(result));
	many = result->as.value.pointer;
	return &many->slot[index].result;
}

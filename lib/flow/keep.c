/* SPDX-License-Identifier: ISC */
/* keep - what a layer has asked of the flow below, held by the guard of its own flow
 *
 * A kept io is waited for by a cell that belongs to the flow: it costs no malloc, a
 * failure finds its direction, and the end of the flow finds the cell.
 */
#include "flow/flow.h"

/* ---- a kept one: word 0 the flow's first handle (NULL: it has left), 1 the next with the
 * direction in its lowest bits, 2 the one before ---- */

static leat_flow *flow_of(const leat_io *kept)
{
	return kept->u.custom.word[0];
}

static leat_io *next_of(const leat_io *kept)
{
	return (leat_io *)((uintptr_t)kept->u.custom.word[1] & ~(uintptr_t)LEAT_BOTH);
}

static leat_direction direction_of(const leat_io *kept)
{
	return (leat_direction)((uintptr_t)kept->u.custom.word[1] & LEAT_BOTH);
}

static void set_next(leat_io *kept, leat_io *next, leat_direction direction)
{
	kept->u.custom.word[1] = (void *)((uintptr_t)next | direction);
}

static void enter(leat_flow *self, leat_io *kept, leat_direction direction)
{
	lt_rare *rare = lt_flow_of(self)->rare;
	leat_io *next = rare->kept;

	kept->u.custom.word[0] = self;
	set_next(kept, next, direction);
	kept->u.custom.word[2] = NULL;
	if (next)
		next->u.custom.word[2] = kept;
	rare->kept = kept;
}

static void leave(leat_io *kept)
{
	leat_io *next = next_of(kept), *prev = kept->u.custom.word[2];

	if (next)
		next->u.custom.word[2] = prev;
	if (prev)
		set_next(prev, next, direction_of(prev));
	else
		lt_flow_of(flow_of(kept))->rare->kept = next;
	kept->u.custom.word[0] = NULL;
}

/* ---- what becomes of it ---- */

/* The first may end the flow; the second then finds it ended. */
static void fail(leat_flow *self, leat_direction direction, leat_error error)
{
	leat_flow *flow = lt_flow_of(self);

	if (leat_error_is(error, LEAT_CANCELLED))
		return;
	flow->refs++;
	if (direction & LEAT_READ)
		leat_flow_give_error(self, error);
	if (direction & LEAT_WRITE)
		leat_flow_write_failed(self, error);
	lt_flow_unref(flow);
}

static void kept_arrive(leat_loop *loop, leat_io *kept, leat_io *source)
{
	lt_outcome outcome = lt_io_consume(loop, source);
	leat_flow *self = flow_of(kept);
	leat_direction direction = direction_of(kept);

	leave(kept);
	lt_cell_free(loop, kept);
	if (lt_is_error(&outcome)) {
		fail(self, direction, outcome.as.error);
		return;
	}
	lt_delivered(&outcome);
	lt_outcome_destroy(&outcome);
}

static void kept_drop(leat_loop *loop, leat_io *kept)
{
	(void)loop;
	if (flow_of(kept))
		leave(kept);
}

static int kept_describe(const leat_io *kept, char *out, size_t room)
{
	return lt_flow_describe(lt_flow_of(flow_of(kept)), out, room);
}

static const lt_kind kept_kind = {
	.name = "kept", .arrive = kept_arrive, .drop = kept_drop, .describe = kept_describe
};

/* ---- keeping ---- */

void leat_flow_keep_at(leat_flow *self, leat_direction direction, leat_io *io, const char *where)
{
	leat_flow *flow = lt_flow_of(self);
	leat_io *kept;

	lt_io_check(io, "leat_flow_keep", where);
	if (lt_flow_ended(flow)) {
		lt_io_cancel(io);
		return;
	}
	if (!lt_flow_rare(flow)) {
		lt_io_cancel(io);
		fail(self, direction, leat_error_core(LEAT_NOMEM));
		return;
	}
	kept = lt_io_chain(io, LT_CUSTOM, where);
	if (!kept) {
		fail(self, direction, leat_error_core(LEAT_NOMEM));
		return;
	}
	kept->u.custom.kind = &kept_kind;
	enter(self, kept, direction);
}

void lt_flow_drop_keeps(leat_flow *flow)
{
	leat_io *kept;

	while (flow->rare && (kept = flow->rare->kept)) {
		leave(kept);
		lt_io_raze(flow->loop, kept);
	}
}

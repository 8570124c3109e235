/* SPDX-License-Identifier: ISC */
/* flow - the guard: a handle's life, and what is known of it
 *
 * The guard is four files: this one, read.c, write.c and close.c.  Each checks
 * the contract and then calls the ops; what the ops answer arrives in calls of
 * <leat/flow_ops.h>, which only settle ios and so never run user code.
 */
#include <leat/options.h>

#include "base/abort.h"
#include "flow/flow.h"

/* ---- birth ---- */

static const char *resident_where(const lt_resident *resident)
{
	const leat_flow *flow = (const leat_flow *)(const void *)((const char *)resident - offsetof(leat_flow, resident));

	return flow->where;
}

static int resident_describe(const lt_resident *resident, char *out, size_t room)
{
	return lt_flow_describe((const leat_flow *)(const void *)((const char *)resident - offsetof(leat_flow, resident)),
	                        out, room);
}

static void resident_end(lt_resident *resident)
{
	leat_flow *flow = (leat_flow *)(void *)((char *)resident - offsetof(leat_flow, resident));

	lt_flow_let_go(flow, leat_error_core(LEAT_CLOSED));
}

/* Held meanwhile: to let go of the transport is not ours. */
static void resident_forked(lt_resident *resident, bool lost)
{
	leat_flow *flow = (leat_flow *)(void *)((char *)resident - offsetof(leat_flow, resident));

	if (lost) {
		flow->refs++;
		flow->bits |= LT_F_CLOSED | LT_F_SHARED;
	} else {
		flow->bits &= ~(uint32_t)LT_F_CLOSED;
		lt_flow_unref(flow);
	}
}

static void settle_in(leat_loop *loop, leat_flow *flow)
{
	lt_residents *residents = lt_loop_residents(loop, LT_FLOWS);

	residents->end = resident_end;
	residents->where = resident_where;
	residents->describe = resident_describe;
	residents->forked = resident_forked;
	residents->name = "a flow";
	lt_loop_move_in(loop, LT_FLOWS, &flow->resident);
	lt_loop_hold(loop);
}

static leat_flow *allocate(leat_loop *loop, const leat_flow_ops *ops, const char *where)
{
	size_t bytes = sizeof(leat_flow) + (ops ? ops->state_bytes : 0);
	leat_flow *flow = lt_mem_zalloc(lt_loop_mem(loop), bytes);

	if (flow)
		*flow = (leat_flow){ .ops = ops, .loop = loop, .where = where, .refs = 1 };
	return flow;
}

static const leat_flow_ops no_ops = { .size = sizeof(leat_flow_ops), .name = "stillborn" };

leat_flow *lt_flow_spare(leat_loop *loop)
{
	leat_flow *flow = lt_loop_spare(loop, LT_SPARE_FLOW);

	_Static_assert(sizeof(leat_flow) <= LT_SPARE_BYTES, "fits");
	if (flow->refs > 0)
		return leat_flow_ref(flow);
	*flow = (leat_flow){ .ops = &no_ops, .loop = loop, .where = LEAT_HERE, .refs = 1 };
	flow->bits = LT_F_CLOSED | LT_F_STILLBORN | LT_F_SPARE;
	lt_loop_hold(loop);
	return flow;
}

leat_flow *leat_flow_stillborn(leat_loop *loop, leat_error error)
{
	leat_flow *flow = allocate(loop, NULL, error.where);

	if (!flow)
		return lt_flow_spare(loop);
	flow->ops = &no_ops;
	flow->bits = LT_F_CLOSED | LT_F_STILLBORN;
	lt_loop_hold(loop);
	if (!lt_flow_rare(flow)) {
		lt_flow_unref(flow);
		return lt_flow_spare(loop);
	}
	flow->rare->read_error = error;
	return flow;
}

leat_flow *leat_flow_new_at(leat_loop *loop, const leat_flow_ops *ops, void **state, const char *where)
{
	leat_flow *flow;

	leat_options_check_at(ops, "leat_flow_ops", where);
	*state = NULL;
	if (lt_loop_closing(loop))
		return leat_flow_stillborn(loop, leat_error_make_at(&leat_core_errors, LEAT_CLOSED, where));
	flow = allocate(loop, ops, where);
	if (!flow)
		return lt_flow_spare(loop);
	settle_in(loop, flow);
	if (ops->directions == LEAT_READ)
		flow->bits |= LT_F_WRITE_SHUT | LT_F_TELLING | LT_F_TOLD;
	if (ops->directions == LEAT_WRITE)
		flow->bits |= LT_F_READ_END;
	*state = lt_flow_state(flow);
	return flow;
}

/* ---- the rare part ---- */

static void ring_init(lt_ring *ring)
{
	ring->next = ring->prev = ring;
}

lt_rare *lt_flow_rare(leat_flow *flow)
{
	lt_rare *rare = flow->rare;

	if (rare || (flow->bits & LT_F_SPARE))
		return rare;
	rare = lt_mem_zalloc(lt_loop_mem(flow->loop), sizeof *rare);
	if (!rare)
		return NULL;
	rare->flow = flow;
	ring_init(&rare->flushers);
	ring_init(&rare->flushing);
	ring_init(&rare->shutters);
	ring_init(&rare->closers);
	rare->limits = (leat_flow_limits){ .size = sizeof(leat_flow_limits),
		                           .high_water_bytes = LT_HIGH_WATER,
		                           .read_bytes = LT_READ_BOUND,
		                           .linger_ms = LT_LINGER_MS,
		                           .stall_ms = LT_STALL_MS,
		                           .close_ms = -1,
		                           .idle_ms = -1 };
	flow->rare = rare;
	return rare;
}

/* ---- refusing ---- */

leat_error lt_flow_refusal(const leat_flow *flow)
{
	if (flow->bits & LT_F_SPARE)
		return leat_error_core(LEAT_NOMEM);
	if (flow->bits & LT_F_STILLBORN)
		return flow->rare->read_error;
	return leat_error_core(LEAT_CLOSED);
}

leat_io *lt_flow_refuse(leat_flow *flow, leat_error error, const char *where)
{
	return leat_io_fail_at(flow->loop, error, where);
}

/* ---- waiters ---- */

static leat_io *waiter_cell(lt_waiter *waiter)
{
	return (leat_io *)(void *)((char *)waiter - offsetof(leat_io, u.leaf.state));
}

leat_io *lt_waiter_new(leat_flow *flow, lt_ring *ring, const leat_leaf *leaf, const char *where)
{
	leat_maker maker;
	void *state;
	leat_io *io = leat_io_new_at(flow->loop, &maker, leaf, &state, where);
	lt_waiter *waiter = state;

	if (!waiter)
		return io;
	waiter->flow = leat_flow_ref(flow);
	waiter->ring.next = ring;
	waiter->ring.prev = ring->prev;
	ring->prev->next = &waiter->ring;
	ring->prev = &waiter->ring;
	return io;
}

void lt_waiter_leave(lt_waiter *waiter)
{
	waiter->ring.prev->next = waiter->ring.next;
	waiter->ring.next->prev = waiter->ring.prev;
}

void lt_waiter_cancel(void *state)
{
	lt_waiter *waiter = state;

	lt_waiter_leave(waiter);
	lt_flow_unref(waiter->flow);
}

void lt_waiters_settle(leat_flow *flow, lt_ring *ring, const lt_outcome *outcome)
{
	while (!lt_ring_empty(ring)) {
		lt_waiter *waiter = (lt_waiter *)ring->next;

		lt_waiter_leave(waiter);
		lt_settle(flow->loop, waiter_cell(waiter), outcome);
		flow->refs--; /* never the last: who settles holds one */
	}
}

/* ---- the handle ---- */

leat_flow *leat_flow_ref(leat_flow *flow)
{
	flow->refs++;
	return flow;
}

void leat_flow_unref(leat_flow *flow)
{
	if (flow)
		lt_flow_unref(flow);
}

/* An heir is gone: the implementation may go on talking to the first handle. */
static leat_flow *bereave(leat_flow *heir)
{
	leat_flow *origin = heir->rare->origin;

	origin->bits = LT_F_CLOSED | LT_F_ABORTED | (heir->bits & LT_F_WANTED);
	origin->rare->heir = NULL;
	origin->rare->ending = leat_error_core(LEAT_CLOSED);
	return origin;
}

/* A serve lets go of its link before it lets go of the flow. */
static void must_not_be_served(const leat_flow *flow)
{
	if (flow->link.ops)
		lt_abort("%s: a handler gave away the flow that is lent to it; what takes a flow gets leat_flow_ref(flow)",
		         flow->where);
}

void lt_flow_free(leat_flow *flow)
{
	leat_loop *loop = flow->loop;
	leat_flow *origin = NULL;

	must_not_be_served(flow);
	if (flow->bits & LT_F_SPARE) {
		lt_loop_release(loop);
		return;
	}
	if (!lt_flow_ended(flow)) {
		flow->refs = 1; /* what the abort settles holds none */
		leat_flow_abort(flow);
		if (--flow->refs > 0)
			return;
	}
	lt_flow_drop_kept(flow);
	lt_loop_move_out(&flow->resident);
	if (flow->bits & LT_F_HEIR)
		origin = bereave(flow);
	else if (lt_has(flow->ops, destroy))
		flow->ops->destroy(flow + 1);
	lt_mem_release(lt_loop_mem(loop), flow->rare);
	lt_mem_release(lt_loop_mem(loop), flow);
	lt_loop_release(loop);
	if (origin)
		lt_flow_unref(origin);
}

leat_loop *leat_flow_loop(const leat_flow *flow)
{
	return flow->loop;
}

void *leat_flow_state(leat_flow *flow, const leat_flow_ops *ops)
{
	return lt_flow_ended(flow) || flow->ops != ops ? NULL : lt_flow_state(flow);
}

/* ---- taking ---- */

bool lt_flow_is_busy(const leat_flow *flow)
{
	const uint32_t busy = LT_F_LEASED | LT_F_HELD | LT_F_CLOSING | LT_F_FLUSHING | LT_F_WRITING | LT_F_ASKING;
	bool reader = !(flow->bits & LT_F_KEPT) && flow->first.reader;

	return reader || (flow->bits & busy) || lt_flow_writer_waits(flow) ||
	       (flow->rare && !(lt_ring_empty(&flow->rare->flushers) && lt_ring_empty(&flow->rare->shutters)));
}

/* The old handle: a shell.  The first one has the state and knows who has the
 * stream; the heir holds it. */
static void leave_shell(leat_flow *flow, leat_flow *heir, lt_rare *old_rare)
{
	*old_rare = (lt_rare){ .flow = flow, .heir = heir };
	flow->rare = old_rare;
	flow->out = NULL;
	flow->first.reader = NULL;
	lt_loop_move_to_shells(flow->loop, LT_FLOWS, &flow->resident);
	if (!(flow->bits & LT_F_HEIR)) {
		flow->bits = LT_F_MOVED;
		return;
	}
	heir->rare->origin->rare->heir = heir;
	flow->ops = &no_ops;
	flow->bits = LT_F_MOVED;
	lt_flow_unref(flow);
}

/* Everything but the implementation's state moves to the heir. */
static void inherit(leat_flow *heir, leat_flow *flow, lt_rare *old_rare)
{
	leat_flow *origin = lt_flow_self(flow);
	lt_resident resident = heir->resident;

	*heir = *flow;
	heir->resident = resident;
	heir->refs = 1;
	heir->bits |= LT_F_HEIR;
	heir->link.ops = NULL; /* it was the old handle that was served */
	heir->rare->flow = heir;
	heir->rare->origin = origin;
	if (heir->out)
		heir->out->flow = heir;
	leave_shell(flow, heir, old_rare);
}

leat_flow *leat_flow_take(leat_flow *flow)
{
	leat_loop *loop = flow->loop;
	leat_error why = leat_error_core(LEAT_BUSY);
	leat_flow *heir;
	lt_rare *old_rare;

	if (lt_flow_ended(flow) || lt_flow_is_busy(flow)) {
		if (lt_flow_ended(flow))
			why = lt_flow_refusal(flow);
		leat_flow_abort(flow);
		lt_flow_unref(flow);
		return leat_flow_stillborn(loop, why);
	}
	heir = allocate(loop, NULL, flow->where);
	old_rare = lt_mem_zalloc(lt_loop_mem(loop), sizeof *old_rare);
	if (!heir || !old_rare || !lt_flow_rare(flow)) {
		lt_mem_release(lt_loop_mem(loop), heir);
		lt_mem_release(lt_loop_mem(loop), old_rare);
		leat_flow_abort(flow);
		lt_flow_unref(flow);
		return lt_flow_spare(loop);
	}
	settle_in(loop, heir);
	inherit(heir, flow, old_rare);
	return heir; /* the caller's reference on the first handle is the heir's now */
}

/* ---- knowing ---- */

size_t lt_flow_kept(const leat_flow *flow)
{
	size_t bytes = flow->rare ? flow->rare->late.bytes : 0;

	if (flow->bits & LT_F_KEPT)
		for (const leat_buf *buf = flow->first.kept; buf; buf = buf->next)
			bytes += buf->size;
	return bytes;
}

void leat_flow_info_get(leat_flow *flow, leat_flow_info *info)
{
	uint32_t bits = flow->bits;
	leat_flow_info all = {
		.size = info->size,
		.kind = flow->ops->name,
		.where = flow->where,
		.fd = -1,
		.directions = flow->ops->directions ? flow->ops->directions : LEAT_BOTH,
		.read_bytes = flow->read_bytes,
		.written_bytes = flow->written_bytes,
		.reads = flow->reads,
		.writes = flow->writes,
		.queued_bytes = lt_flow_queued(flow),
		.kept_bytes = lt_flow_kept(flow),
		.read_ended = bits & (LT_F_READ_END | LT_F_READ_ERROR | LT_F_READ_SHUT | LT_F_CLOSED),
		.write_ended = bits & (LT_F_WRITE_SHUT | LT_F_WRITE_ERROR | LT_F_CLOSED),
		.closed = lt_flow_ended(flow),
		.cancelled_write = bits & LT_F_WITHDRAWN ? LEAT_WRITE_WITHDRAWN
		                   : bits & LT_F_GOES_ON ? LEAT_WRITE_GOES_ON
		                                         : LEAT_WRITE_NONE,
	};

	leat_options_check_at(info, "leat_flow_info", flow->where);
	if (!lt_flow_ended(flow) && lt_has(flow->ops, info))
		flow->ops->info(lt_flow_self(flow), lt_flow_state(flow), &all);
	memcpy(info, &all, info->size < sizeof all ? info->size : sizeof all);
}

static void take_limits(leat_flow_limits *to, const leat_flow_limits *from)
{
	leat_flow_limits l;

	leat_options_take_at(&l, sizeof l, from, "leat_flow_limits", NULL);
	to->high_water_bytes = l.high_water_bytes ? l.high_water_bytes : LT_HIGH_WATER;
	to->read_bytes = l.read_bytes ? l.read_bytes : LT_READ_BOUND;
	to->linger_ms = l.linger_ms ? l.linger_ms : LT_LINGER_MS;
	to->stall_ms = l.stall_ms ? l.stall_ms : LT_STALL_MS;
	to->close_ms = l.close_ms ? l.close_ms : -1;
	to->idle_ms = l.idle_ms ? l.idle_ms : -1;
}

leat_error leat_flow_set_limits(leat_flow *flow, const leat_flow_limits *limits)
{
	leat_error error = { 0 };

	leat_options_check_at(limits, "leat_flow_limits", NULL);
	if (lt_flow_ended(flow))
		return lt_flow_refusal(flow);
	if (!lt_flow_rare(flow))
		return leat_error_core(LEAT_NOMEM);
	take_limits(&flow->rare->limits, limits);
	leat_flow_ref(flow); /* what is settled may hold the last other one */
	lt_flow_writer_look(flow);
	if (!lt_flow_time_anew(flow))
		error = leat_error_core(LEAT_NOMEM);
	lt_flow_unref(flow);
	return error;
}

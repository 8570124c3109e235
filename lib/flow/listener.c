/* SPDX-License-Identifier: ISC */
/* listener - the guard in front of each kind of listener
 *
 * As a flow's: it checks the contract, the ops only bring flows.  An accept
 * waits in `accepter`; a flow that finds nobody waiting is kept for the next
 * accept, and so is one whose accept had settled and was cancelled: that one in
 * `kept`, which is free for it as long as it is on its way, and comes first.
 * More of them stand in `line`.
 */
#include <stdio.h>

#include <leat/listener.h>
#include <leat/options.h>

#include "base/abort.h"
#include "io/io.h"

enum listener_bit {
	WANTED = 1 << 0, /* ops->accept was called: no answer yet, no pause since */
	HELD = 1 << 1,   /* an accept has settled and was not delivered */
	CLOSED = 1 << 2, /* closed or stillborn, as `error` says */
	SPARE = 1 << 3,  /* lives in the loop: never freed */
};

typedef struct standing {
	struct standing *next;
	leat_flow *flow;
} standing;

struct leat_listener {
	const leat_listener_ops *ops;
	leat_loop *loop;
	lt_resident resident;
	const char *where;
	uint32_t refs, bits;
	leat_io *accepter;
	leat_flow *kept;
	standing *line, *last; /* behind it; last: where there is a line */
	leat_error error;
};

typedef struct accept_state {
	leat_listener *listener;
} accept_state;

/* What a user's table may be too short to have. */
#define HAS(ops, member) \
	((ops)->size >= offsetof(leat_listener_ops, member) + sizeof((ops)->member) && (ops)->member)

static void *state_of(const leat_listener *listener)
{
	return (void *)(uintptr_t)(listener + 1);
}

/* ---- birth ---- */

static leat_listener *of_resident(const lt_resident *resident)
{
	return (leat_listener *)((uintptr_t)resident - offsetof(leat_listener, resident));
}

static const char *resident_where(const lt_resident *resident)
{
	return of_resident(resident)->where;
}

static int describe(const leat_listener *listener, char *out, size_t room)
{
	leat_addr addr = leat_listener_addr(listener);
	char words[128];

	leat_addr_print(&addr, words, sizeof words);
	return snprintf(out, room, "%s %s, %s", listener->ops->name, listener->where, words);
}

static int resident_describe(const lt_resident *resident, char *out, size_t room)
{
	return describe(of_resident(resident), out, room);
}

static void resident_end(lt_resident *resident)
{
	leat_listener_close(of_resident(resident));
}

/* Held meanwhile: to close what the parent listens with is not ours. */
static void resident_forked(lt_resident *resident, bool lost)
{
	leat_listener *listener = of_resident(resident);

	if (lost) {
		listener->refs++;
		listener->bits |= CLOSED;
		listener->error = leat_error_core(LEAT_CLOSED);
	} else {
		listener->error = (leat_error){ 0 };
		listener->bits &= ~(uint32_t)CLOSED;
		leat_listener_unref(listener);
	}
}

static void settle_in(leat_listener *listener)
{
	lt_residents *residents = lt_loop_residents(listener->loop, LT_LISTENERS);

	residents->end = resident_end;
	residents->where = resident_where;
	residents->describe = resident_describe;
	residents->forked = resident_forked;
	residents->name = "a listener";
	lt_loop_move_in(listener->loop, LT_LISTENERS, &listener->resident);
}

static const leat_listener_ops no_ops = { .size = sizeof(leat_listener_ops), .name = "stillborn" };

static leat_listener *spare(leat_loop *loop)
{
	leat_listener *listener = lt_loop_spare(loop, LT_SPARE_LISTENER);

	_Static_assert(sizeof(leat_listener) <= LT_SPARE_BYTES, "fits");
	if (listener->refs > 0)
		return leat_listener_ref(listener);
	lt_loop_hold(loop);
	*listener = (leat_listener){ .ops = &no_ops, .loop = loop, .where = LEAT_HERE, .refs = 1,
		.bits = CLOSED | SPARE, .error = leat_error_core(LEAT_NOMEM) };
	return listener;
}

static leat_listener *allocate(leat_loop *loop, const leat_listener_ops *ops, const char *where)
{
	leat_listener *listener = lt_mem_zalloc(lt_loop_mem(loop), sizeof *listener + ops->state_bytes);

	if (!listener)
		return NULL;
	*listener = (leat_listener){ .ops = ops, .loop = loop, .where = where, .refs = 1 };
	lt_loop_hold(loop);
	return listener;
}

leat_listener *leat_listener_stillborn(leat_loop *loop, leat_error error)
{
	leat_listener *listener = allocate(loop, &no_ops, error.where);

	if (!listener)
		return spare(loop);
	listener->bits = CLOSED;
	listener->error = error;
	return listener;
}

leat_listener *leat_listener_new_at(leat_loop *loop, const leat_listener_ops *ops, void **state, const char *where)
{
	leat_listener *listener;

	*state = NULL;
	if (lt_loop_closing(loop))
		return leat_listener_stillborn(loop, leat_error_make_at(&leat_core_errors, LEAT_CLOSED, where));
	leat_options_check_at(ops, "leat_listener_ops", where);
	if (!HAS(ops, accept))
		lt_abort("%s: a leat_listener_ops without accept", where);
	listener = allocate(loop, ops, where);
	if (!listener)
		return spare(loop);
	settle_in(listener);
	*state = state_of(listener);
	return listener;
}

/* ---- the handle ---- */

static void end_flow(leat_flow *flow)
{
	leat_flow_abort(flow);
	leat_flow_unref(flow);
}

leat_listener *leat_listener_ref(leat_listener *listener)
{
	listener->refs++;
	return listener;
}

static void free_listener(leat_listener *listener)
{
	leat_loop *loop = listener->loop;

	if (!(listener->bits & SPARE)) {
		lt_loop_move_out(&listener->resident);
		lt_mem_release(lt_loop_mem(loop), listener);
	}
	lt_loop_release(loop);
}

void leat_listener_unref(leat_listener *listener)
{
	if (!listener || --listener->refs > 0)
		return;
	listener->refs = 1; /* what the close settles holds none */
	if (!(listener->bits & CLOSED))
		leat_listener_close(listener);
	if (--listener->refs == 0)
		free_listener(listener);
}

leat_loop *leat_listener_loop(const leat_listener *listener)
{
	return listener->loop;
}

leat_error leat_listener_error(const leat_listener *listener)
{
	return listener->error;
}

leat_addr leat_listener_addr(const leat_listener *listener)
{
	leat_addr addr = { .bytes = 0 };

	if (!(listener->bits & CLOSED) && HAS(listener->ops, addr))
		listener->ops->addr(listener, state_of(listener), &addr);
	return addr;
}

/* ---- a settled accept, on its way ---- */

static void accept_delivered(void *ctx, void *value)
{
	leat_listener *listener = ctx;

	listener->bits &= ~(uint32_t)HELD;
	leat_listener_unref(listener);
}

static void accept_given_back(void *ctx, void *value)
{
	leat_listener *listener = ctx;

	listener->bits &= ~(uint32_t)HELD;
	if (listener->bits & CLOSED)
		end_flow(value);
	else
		listener->kept = value;
	leat_listener_unref(listener);
}

static const leat_giver accept_giver = {
	.size = sizeof(leat_giver), .give_back = accept_given_back, .delivered = accept_delivered
};

/* The listener's reference that the accept held goes along with the flow. */
static void settle_flow(leat_listener *listener, leat_io *io, leat_flow *flow)
{
	listener->bits |= HELD;
	lt_settle(listener->loop, io,
	          &(lt_outcome){ .type = &leat_flow_type,
	                         .as.value = { .pointer = flow, .giver = &accept_giver, .giver_ctx = listener } });
}

static void settle_error(leat_listener *listener, leat_error error)
{
	leat_io *io = listener->accepter;

	if (!io)
		return;
	listener->accepter = NULL;
	lt_settle_error(listener->loop, io, error);
	leat_listener_unref(listener);
}

/* ---- accepting ---- */

static void accept_cancel(void *state)
{
	leat_listener *listener = ((accept_state *)state)->listener;

	listener->accepter = NULL;
	if (listener->bits & WANTED) {
		listener->bits &= ~(uint32_t)WANTED;
		if (HAS(listener->ops, pause))
			listener->ops->pause(listener, state_of(listener));
	}
	leat_listener_unref(listener);
}

static int accept_describe(const void *state, char *out, size_t room)
{
	return describe(((const accept_state *)state)->listener, out, room);
}

static const leat_leaf accept_leaf = {
	.size = sizeof(leat_leaf), .name = "accept", .state_bytes = sizeof(accept_state), .cancel = accept_cancel,
	.describe = accept_describe
};

/* ---- those whom nobody accepted yet ---- */

/* Without memory it is lost: who comes in crowds should have been stopped. */
static void stand_in_line(leat_listener *listener, leat_flow *flow)
{
	standing *last = lt_mem_alloc(lt_loop_mem(listener->loop), sizeof *last);

	if (!last) {
		lt_loop_report(listener->loop, "%s: a flow was lost that came before it was wanted, memory ran out",
		               listener->where);
		end_flow(flow);
		return;
	}
	*last = (standing){ .flow = flow };
	*(listener->line ? &listener->last->next : &listener->line) = last;
	listener->last = last;
}

static leat_flow *first_in_line(leat_loop *loop, standing **line)
{
	standing *first = *line;
	leat_flow *flow;

	if (!first)
		return NULL;
	flow = first->flow;
	*line = first->next;
	lt_mem_release(lt_loop_mem(loop), first);
	return flow;
}

static leat_flow *take_kept(leat_listener *listener)
{
	leat_flow *kept = listener->kept;

	listener->kept = NULL;
	return kept ? kept : first_in_line(listener->loop, &listener->line);
}

static leat_io *begin(leat_listener *listener, const char *where)
{
	leat_maker maker;
	void *state;
	leat_io *io = leat_io_new_at(listener->loop, &maker, &accept_leaf, &state, where);
	leat_flow *kept;

	if (!state)
		return io;
	((accept_state *)state)->listener = leat_listener_ref(listener);
	kept = take_kept(listener);
	if (kept) {
		settle_flow(listener, io, kept);
		return io;
	}
	listener->accepter = io;
	listener->bits |= WANTED;
	listener->ops->accept(listener, state_of(listener));
	return io;
}

leat_io *leat_accept_at(leat_listener *listener, const char *where)
{
	if (listener->bits & CLOSED)
		return leat_io_fail_at(listener->loop, listener->error, where);
	if (listener->accepter || (listener->bits & HELD))
		return leat_io_fail_at(listener->loop, leat_error_make_at(&leat_core_errors, LEAT_BUSY, where), where);
	return begin(listener, where);
}

void leat_listener_close(leat_listener *listener)
{
	leat_flow *kept = listener->kept;
	standing *line = listener->line;

	if (listener->bits & CLOSED)
		return;
	leat_listener_ref(listener);
	listener->bits = (listener->bits & ~(uint32_t)WANTED) | CLOSED;
	listener->error = leat_error_core(LEAT_CLOSED);
	listener->kept = NULL;
	listener->line = NULL;
	lt_loop_move_to_shells(listener->loop, LT_LISTENERS, &listener->resident);
	if (HAS(listener->ops, close))
		listener->ops->close(listener, state_of(listener));
	if (kept)
		end_flow(kept);
	while ((kept = first_in_line(listener->loop, &line)))
		end_flow(kept);
	settle_error(listener, listener->error);
	leat_listener_unref(listener);
}

/* ---- the transport's answers ---- */

void leat_listener_give(leat_listener *self, leat_flow *flow)
{
	leat_io *io = self->accepter;

	self->bits &= ~(uint32_t)WANTED;
	if (self->bits & CLOSED) {
		end_flow(flow);
	} else if (io) {
		self->accepter = NULL;
		settle_flow(self, io, flow);
	} else if (self->kept || self->line || (self->bits & HELD)) {
		stand_in_line(self, flow);
	} else {
		self->kept = flow;
	}
}

void leat_listener_give_error(leat_listener *self, leat_error error)
{
	self->bits &= ~(uint32_t)WANTED;
	settle_error(self, error);
}

bool leat_listener_wanted(const leat_listener *self)
{
	return self->bits & WANTED;
}

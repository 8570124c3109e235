/* SPDX-License-Identifier: ISC */
/* teardown - the end of a loop, in order
 *
 * Starters give CLOSED; flows and listeners end, newest first; what is pending
 * fails with CANCELLED and the queue is drained, so continuations have their
 * say; what is left over belongs to the user's variables and is cancelled.
 */
#include <event2/event.h>

#include <leat/buf.h>

#include "io/io.h"
#include "io/trace.h"

enum { ROUNDS = 64 /* continuations may start leaves anew, in vain */ };

void lt_residents_end(leat_loop *loop, int kind)
{
	lt_residents *residents = &loop->residents[kind];

	while (residents->head.next != &residents->head)
		residents->end(residents->head.next);
}

static void end_residents(leat_loop *loop)
{
	for (int kind = 0; kind < LT_RESIDENT_KINDS; kind++)
		lt_residents_end(loop, kind);
}

static void fail_leaf(leat_loop *loop, leat_io *io, void *arg)
{
	const leat_leaf *leaf = io->u.leaf.leaf;
	void *far = NULL;
	bool *any = arg;

	if (io->kind != LT_LEAF || io->phase != LT_PENDING || (io->flags & LT_DOOMED))
		return;
	*any = true;
	if (leaf && leaf->state_bytes > sizeof io->u.leaf.state)
		far = io->u.leaf.state[0];
	io->generation++; /* void for its maker */
	io->u.leaf.leaf = NULL;
	io->flags |= LT_RUNNING; /* its cancel may cancel the chain */
	if (leaf && lt_has(leaf, cancel))
		leaf->cancel(far ? far : io->u.leaf.state);
	lt_mem_release(&loop->mem, far);
	io->flags &= (uint8_t)~LT_RUNNING;
	if (io->flags & LT_DOOMED)
		lt_cell_free(loop, io);
	else
		lt_settle_error(loop, io, leat_error_core(LEAT_CANCELLED));
}

static void fail_pending(leat_loop *loop)
{
	bool any = true;

	for (int round = 0; any && round < ROUNDS; round++) {
		any = false;
		lt_pool_walk(loop, fail_leaf, &any);
		lt_loop_drain_all(loop);
	}
}

static void cancel_top(leat_loop *loop, leat_io *io, void *arg)
{
	(void)arg;
	if ((io->flags & (LT_IMMORTAL | LT_DOOMED)) || (io->waiter && !lt_is_watch(io->waiter)))
		return;
	lt_loop_report(loop, "still alive at the end of the loop: %s made at %s", lt_io_kind_name(io), io->where);
	io->waiter = 0;
	lt_io_raze(loop, io);
}

static void report_shells(leat_loop *loop)
{
	for (int kind = 0; kind < LT_RESIDENT_KINDS; kind++) {
		lt_residents *residents = &loop->residents[kind];
		lt_resident *end = &residents->shells;

		for (lt_resident *at = end->next; at != end; at = at->next)
			lt_loop_report(loop, "still held at the end of the loop: %s made at %s",
			               residents->name_of ? residents->name_of(at) : residents->name, residents->where(at));
	}
}

static void end_slots(leat_loop *loop)
{
	for (int i = 0; i < LT_SLOTS; i++) {
		lt_slot *slot = &loop->slots[i];
		void *data = slot->data;

		slot->data = NULL;
		if (data && slot->end)
			slot->end(loop, data);
	}
}

/* libevent would leak bufferevents whose callbacks are deferred: those get a
 * turn (LIBEVENT 32).  Where there is none to be had, the user is dispatching
 * the base, and keeps it. */
static void free_base(struct event_base *base)
{
	if (event_base_loop(base, EVLOOP_NONBLOCK) >= 0)
		event_base_free(base);
}

void lt_loop_end(leat_loop *loop, bool inside_base)
{
	loop->closing = true;
	loop->free_asked = false;
	lt_loop_unregister(loop);
	lt_remote_close(loop);
	end_residents(loop);
	lt_loop_drain_all(loop);
	fail_pending(loop);
	lt_pool_walk(loop, cancel_top, NULL);
	end_residents(loop); /* what the last callbacks made */
	lt_loop_drain_all(loop);
	report_shells(loop);
	leat_trace_stop(loop);
	end_slots(loop);
	leat_buf_unref(loop->scratch);
	loop->scratch = NULL;
	lt_mem_keep_none(&loop->mem); /* a shell may hold the loop for long [A4] */
	lt_timers_end(loop);
	event_del(&loop->kick);
	loop->kicked = true; /* nobody will kick again */
	if (loop->owns_base && !inside_base)
		free_base(loop->base);
	loop->base = NULL;
	loop->gone = true;
	lt_loop_release(loop);
}

void lt_loop_end_if_asked(leat_loop *loop)
{
	if (loop->free_asked && !lt_loop_is_busy(loop))
		lt_loop_end(loop, false);
}

void leat_loop_free(leat_loop *loop)
{
	if (!loop || loop->free_asked || loop->closing)
		return;
	if (lt_loop_is_busy(loop)) {
		loop->free_asked = true;
		lt_loop_look(loop);
		lt_loop_kick(loop);
		return;
	}
	lt_loop_end(loop, false);
}

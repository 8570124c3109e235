/* SPDX-License-Identifier: ISC */
/* loop.h - the loop's inside, for this floor and those above
 *
 * Floors above use the functions; the fields are this floor's.
 */
#ifndef LT_IO_LOOP_H
#define LT_IO_LOOP_H

#include <event2/event_struct.h>

#include <leat/io.h>
#include <leat/loop.h>

#include "base/abort.h"
#include "base/mem.h"

/* ---- deadlines: embedded where they are needed, 24 bytes ---- */
typedef struct lt_timer {
	int64_t at_ns;                 /* of the loop's clock */
	void (*fire)(struct lt_timer *); /* runs from the loop, the timer is stopped by then: record and enqueue only */
	uint32_t slot;                 /* place in the heap plus one; 0: not set */
	uint32_t order;                /* of those of one moment */
} lt_timer;

/* Sets it anew, set or not.  False: no memory. */
bool lt_timer_start(leat_loop *loop, lt_timer *timer, int64_t at_ns);
/* Lets be what is not set. */
void lt_timer_stop(leat_loop *loop, lt_timer *timer);
/* What is left of it, in words, as snprintf. */
int lt_timer_describe(leat_loop *loop, const lt_timer *timer, char *out, size_t room);
/* `ms` from now as a deadline, saturated; INT64_MAX for never. */
int64_t lt_loop_after_ms(leat_loop *loop, int64_t ms);

/* ---- what lives on a loop and ends with it: flows and listeners ---- */
typedef struct lt_resident {
	struct lt_resident *next, *prev; /* newest first */
} lt_resident;
typedef struct lt_residents {
	lt_resident head, shells; /* shells: ended, but the handle is still held */
	/* ends the newest: must move it out, or to the shells */
	void (*end)(lt_resident *);
	/* what it is and where it was made, for the report */
	const char *(*where)(const lt_resident *);
	/* in a child of fork: refuses all from now on, and does not go; or is
	 * itself again; NULL: the loop's own refusal is enough */
	void (*forked)(lt_resident *, bool lost);
	/* more of it, for a dump, as snprintf; NULL: the place says it all */
	int (*describe)(const lt_resident *, char *out, size_t room);
	const char *name;
	const char *(*name_of)(const lt_resident *); /* where they are of many sorts */
} lt_residents;
enum { LT_FLOWS, LT_LISTENERS, LT_SCOPES, LT_OBJECTS, LT_RESIDENT_KINDS };
lt_residents *lt_loop_residents(leat_loop *loop, int kind);
void lt_loop_move_in(leat_loop *loop, int kind, lt_resident *resident);
void lt_loop_move_out(lt_resident *resident);
/* It has ended but its handle is still held: a shell, reported at the end of
 * the loop unless it moves out before. */
void lt_loop_move_to_shells(leat_loop *loop, int kind, lt_resident *resident);

/* ---- work at the end of the turn, after the continuations ---- */
typedef struct lt_tail {
	struct lt_tail *next; /* NULL: not queued; the loop itself ends the list */
	void (*run)(struct lt_tail *);
} lt_tail;
/* Queues it; runs once, this turn; the next where this one's are running already, for
 * who asks again waits for what libevent says between them. */
void lt_loop_at_end(leat_loop *loop, lt_tail *tail);
/* Takes it out again; lets be what is not queued. */
void lt_loop_not_at_end(leat_loop *loop, lt_tail *tail);

/* ---- pieces from the cells' pool, for what comes and goes with each
 * message ---- */
#define LT_PIECE_BYTES 56
/* lt_piece_take and lt_piece_give are inline, in io.h. */

/* ---- around a callback of ours that libevent alone calls ----
 * What it settles is announced at the end of libevent's turn; in the last
 * callback of the turn that is at once, inside leave - so touch nothing of the
 * loop's after it. */
/* lt_loop_enter and lt_loop_leave are inline, in loop_private.h. */

/* ---- odds and ends ---- */
lt_mem *lt_loop_mem(leat_loop *loop);
bool lt_loop_closing(const leat_loop *loop); /* starters give CLOSED */
/* How many drains there were: grows by one in each pass that ran something. */
uint64_t lt_loop_turn(const leat_loop *loop);
/* Handles that outlive the loop keep its shell. */
void lt_loop_hold(leat_loop *loop);
void lt_loop_release(leat_loop *loop);
/* Events of ours with nobody waiting on them, which must not hide a
 * deadlock: +1 when one becomes so, -1 when no longer.  */
void lt_loop_readerless(leat_loop *loop, int change);
/* Whether fibers that were cancelled have not come to their end yet: what they
 * may have borrowed must stay until then. */
bool lt_loop_unwinding(const leat_loop *loop);
/* In a child of fork that goes on with the loop, once the base is reinitialised:
 * who listens to signals does so anew, here.  False: it cannot. */
bool lt_signals_after_fork(leat_loop *loop);
/* One line for the log, as printf. */
void lt_loop_report(leat_loop *loop, const char *format, ...) LEAT_PRINTF(2, 3);
/* Room for per-loop objects that must exist when there is no memory; zeroed,
 * aligned, LT_SPARE_BYTES each. */
enum { LT_SPARE_FLOW, LT_SPARE_LISTENER, LT_SPARE_SCOPE, LT_SPARE_SIGNALS, LT_SPARE_CHILD, LT_SPARE_OBJECT, LT_SPARES };
#define LT_SPARE_BYTES 192
void *lt_loop_spare(leat_loop *loop, int which);
/* A slot for one pointer a floor wants to keep with the loop, and how it is
 * ended when the loop is freed. */
enum {
	LT_SLOT_SCHEMES,
	LT_SLOT_BEV,
	LT_SLOT_SIGNALS,
	LT_SLOT_CHILDREN,
	LT_SLOT_REMOTE,
	LT_SLOT_OFFLOAD,
	LT_SLOT_STACKS,
	LT_SLOT_OVERFLOW,
	LT_SLOTS
};
typedef struct lt_slot {
	void *data;
	void (*end)(leat_loop *loop, void *data);
} lt_slot;
lt_slot *lt_loop_slot(leat_loop *loop, int which);

#endif

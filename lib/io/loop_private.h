/* SPDX-License-Identifier: ISC */
/* loop_private.h - the loop's fields, for this floor only */
#ifndef LT_IO_LOOP_PRIVATE_H
#define LT_IO_LOOP_PRIVATE_H

#include <pthread.h>

#include "io/loop.h"

/* ---- the pool's slabs: aligned to their size, so a cell finds its loop ---- */
enum { LT_CELL_BYTES = 64, LT_SLAB_BYTES = 16384, LT_SLAB_CELLS = LT_SLAB_BYTES / LT_CELL_BYTES };

typedef struct lt_slab {
	leat_loop *loop;
	uint32_t used; /* cells handed out at least once, the header's place included */
	struct lt_life *lives; /* while a trace is on: what it knows of each cell's io */
} lt_slab;

typedef struct lt_arena {
	struct lt_arena *next;
	unsigned char *slabs; /* the first, aligned */
	uint32_t count, started;
	size_t bytes;
} lt_arena;

typedef struct lt_pool {
	leat_io *free;
	leat_io **back; /* where freed cells go: to `free`, or to a trace (trace.h) */
	lt_slab *slab; /* being handed out for the first time */
	lt_arena *arenas;
} lt_pool;

typedef struct lt_timers {
	lt_timer **heap;
	uint32_t count, room;
	uint32_t next_order;
	bool armed;
	int64_t armed_ns;
	struct event event;
} lt_timers;

struct leat_loop {
	struct {
		leat_io *head, **tail; /* tail: where the next one is linked */
	} ready;
	bool draining; /* continuations are running */
	bool quiet;    /* who is at work will look at the queue afterwards: no kick */
	bool kicked;   /* our event will call us */
	bool hurried;  /* the end of the callback that runs drains the queue, whoever comes after it */
	bool closing;  /* leat_loop_free has begun */
	bool free_asked;
	bool razing;
	bool owns_base;
	bool gone;     /* only the shell is left */
	bool endless;  /* leat_await has libevent turn until it is broken off */
	bool broken;   /* by us */
	bool late;     /* the tree that is being razed has a fiber in it */
	uint32_t awaits; /* frames of leat_await on the stack */
	uint32_t budget;
	lt_tail *tails, *running, *later; /* queued; being run; queued while they are */
	bool in_tails; /* they are being run */
	lt_pool pool;
	uint64_t ios_made, unhandled, turns, callbacks;
	size_t (*drain)(leat_loop *, size_t budget); /* lt_io_drain, or watched */
	struct lt_trace *trace;  /* NULL: none is on */
	const char *dropped;     /* the place of the cancel that is under way */
	int64_t longest_ns;      /* callback that was timed, and where its io was made */
	const char *longest_where;
	leat_io *doomed; /* cancels that wait for the outermost one */
	struct lt_fiber *fiber;   /* the one that is running */
	struct lt_unwind *unwind; /* who waits for the end of what the cancel at work begins */
	struct lt_unwind *heir;   /* and of what the fiber cancels that is unwinding now */
	size_t unwinding;         /* cancelled fibers and the contexts behind them, in the queue */
	bool lost;                /* something of the kind was in what was razed last */
	struct event_base *base;
	struct event kick;
	lt_timers timers;
	leat_io *nomem, *closed;     /* pre-made: the two refusals */
	leat_io *done, *yes, *no;    /* and what settles most: nothing, 1 and 0 */
	leat_loop_options options;
	leat_memory shared; /* of what other threads hold */
	lt_residents residents[LT_RESIDENT_KINDS];
	size_t holds; /* handles, and the user */
	int readerless;
	struct lt_drain *drains;
	lt_slot slots[LT_SLOTS];
	pthread_t thread; /* whose it is */
	leat_loop *older, *younger; /* of all in this process: see afterfork.c */
	bool forked;     /* in a child of fork, which has not said that it wants it */
	bool was_razing; /* before */
	leat_buf *scratch; /* descriptors are read into it */
	lt_mem mem;
	_Alignas(16) unsigned char spare[LT_SPARES][LT_SPARE_BYTES];
};

/* How many loops this thread turns in leat_await, one in a callback of another: where
 * there are more than when a fiber was entered, it has frames of another loop above
 * it, and cannot park. */
extern _Thread_local uint32_t lt_turned_in_place __attribute__((tls_model("initial-exec")));

/* A debug build checks at each making and settling of an io that it is done on
 * the thread that made the loop. */
static inline void lt_loop_check_thread(const leat_loop *loop)
{
#ifdef LT_DEBUG
	if (!pthread_equal(loop->thread, pthread_self()))
		lt_abort("a loop is used from another thread than the one that made it");
#endif
	(void)loop;
}

void lt_loop_kick_now(leat_loop *loop);
void lt_loop_break(leat_loop *loop);
static inline void lt_loop_kick(leat_loop *loop)
{
	if (!loop->kicked)
		lt_loop_kick_now(loop);
}

extern lt_tail lt_tails_end; /* the end of every list of tails; never run */
static inline bool lt_loop_has_work(const leat_loop *loop)
{
	return loop->ready.head || loop->tails != &lt_tails_end;
}
/* One that is not queued, where nobody needs a kick. */
static inline void lt_loop_push_tail(leat_loop *loop, lt_tail *tail)
{
	tail->next = loop->tails;
	loop->tails = tail;
}
/* lt_loop_at_end, inline. */
static inline void lt_loop_add_tail(leat_loop *loop, lt_tail *tail)
{
	if (tail->next)
		return;
	tail->next = loop->tails;
	loop->tails = tail;
	if (!loop->quiet)
		lt_loop_kick(loop);
}

/* Has leat_await look around: its io has settled, the loop is to be freed or,
 * in the end of a callback of ours, somebody is without a reader.  Not for the
 * last one while a callback of the user's is running: it may break the loop
 * after us, and that must be seen. */
static inline void lt_loop_look(leat_loop *loop)
{
	if (loop->endless)
		lt_loop_break(loop);
}
static inline void lt_loop_look_later(leat_loop *loop)
{
	if (loop->endless && !loop->quiet)
		lt_loop_kick(loop);
}

static inline void lt_loop_enter(leat_loop *loop)
{
	loop->quiet = true;
}
/* What came is so much that it should be passed on while it is in the
 * processor's cache: leave does not wait for the end of libevent's turn. */
static inline void lt_loop_hurry(leat_loop *loop)
{
	loop->hurried = true;
	loop->kicked = false; /* if our event does call us, it finds nothing */
}
void lt_loop_leave_now(leat_loop *loop);
static inline void lt_loop_leave(leat_loop *loop)
{
	loop->quiet = loop->draining;
	if (!loop->kicked)
		lt_loop_leave_now(loop);
}

/* pool.c */
/* A cell that was never used; NULL without memory. */
leat_io *lt_pool_carve(leat_loop *loop);
void lt_pool_each_slab(leat_loop *loop, void (*visit)(leat_loop *, lt_slab *));
bool lt_pool_init(leat_loop *loop);
void lt_pool_end(leat_loop *loop);
typedef void (*lt_pool_visitor)(leat_loop *, leat_io *, void *);
/* How many cells are ios of somebody's; looks at each. */
size_t lt_pool_live(const leat_loop *loop);
/* Visits each cell in use.  The visitor may free cells. */
void lt_pool_walk(leat_loop *loop, lt_pool_visitor visit, void *arg);

/* timer.c */
void lt_timers_init(leat_loop *loop);
void lt_timers_end(leat_loop *loop);
void lt_timers_rest(leat_loop *loop);
/* Tells those whose time has come. */
void lt_timers_fire(leat_loop *loop);

/* drain.c: the last flow may have ended */
void lt_drains_look(leat_loop *loop);

/* teardown.c */
/* Ends each resident of that kind, newest first. */
void lt_residents_end(leat_loop *loop, int kind);
/* `inside_base`: libevent's own frame is above; the base is not freed then. */
void lt_loop_end(leat_loop *loop, bool inside_base);
/* After a cancel of the user's: what it destroyed may have freed the loop. */
void lt_loop_end_if_asked(leat_loop *loop);
/* Whether a frame of ours is above that will end it. */
static inline bool lt_loop_is_busy(const leat_loop *loop)
{
	return loop->draining || loop->quiet || loop->awaits || loop->razing;
}
/* Without budget. */
void lt_loop_drain_all(leat_loop *loop);

/* remote.c: what other threads threw in */
void lt_remote_look(leat_loop *loop);
/* Runs it, and lets nothing in any more. */
void lt_remote_close(leat_loop *loop);

/* afterfork.c: each loop is known, so that a child of fork refuses to use it */
void lt_loop_register(leat_loop *loop);
void lt_loop_unregister(leat_loop *loop);
/* remote.c: in a child of fork; `own`: its thread is ours */
void lt_remote_lose(leat_loop *loop, bool own);
/* Fails what waits for threads that are gone; what had come runs soon. */
void lt_remote_after_fork(leat_loop *loop);
/* cancel.c: those that had to wait */
void lt_io_raze_doomed(leat_loop *loop);

/* A freed cell is hidden from everybody but its maker's check of the
 * generation: all but the last 8 bytes. */
static inline void lt_cell_hide(void *cell)
{
#ifdef LT_MEM_ASAN
	__asan_poison_memory_region(cell, LT_CELL_BYTES - 8);
#endif
	(void)cell;
}
static inline void lt_cell_show(void *cell)
{
#ifdef LT_MEM_ASAN
	__asan_unpoison_memory_region(cell, LT_CELL_BYTES - 8);
#endif
	(void)cell;
}

#endif

/* SPDX-License-Identifier: ISC */
/* loop - promises' home on an event_base: the queue, the clock, the memory
 *
 * One loop per event_base, one thread per loop.  Everything that belongs to a
 * loop is used on its thread only.
 */
#ifndef LEAT_LOOP_H
#define LEAT_LOOP_H

#include <leat/api.h>
#include <leat/error.h>
#include <leat/memory.h>

LEAT_BEGIN

/* What a hook is told of a failure that nobody handled. */
typedef struct leat_unhandled {
	leat_error error;  /* error.where: the place where it arose */
	const char *where; /* the place where the io was made */
} leat_unhandled;

/* All zero but `size` is the default. */
typedef struct leat_loop_options {
	size_t size; /* sizeof(leat_loop_options) */
	/* memory of everything that belongs to the loop; NULL: malloc */
	const leat_memory *memory;
	/* the clock, in nanoseconds, never backwards; NULL: CLOCK_MONOTONIC */
	int64_t (*clock_ns)(void *ctx);
	/* how many continuations run before I/O gets its turn; 0: 1024 */
	uint32_t budget;
	/* a failure that nobody handled; runs from the queue */
	void (*unhandled)(void *ctx, const leat_unhandled *failure);
	/* a line for a log: what was still alive when the loop was freed; what
	 * a DEADLOCK waited for, with the dump (leat/dump.h): the loop may be
	 * freed then, and the await is CANCELLED */
	void (*report)(void *ctx, const char *line);
	void *ctx; /* of the three above */
	/* memory of what other threads hold or ask for (leat/thread.h): called
	 * on any thread; NULL: malloc */
	const leat_memory *shared_memory;
	/* how many threads leat_offload may start; 0: 4 */
	uint32_t offload_threads;
} leat_loop_options;

/* Gives a loop on the caller's base, which must outlive it, or on one of its
 * own where `base` is NULL.  Puts no signal event on the base, and keeps
 * event_base_dispatch from returning only while something is pending.  NULL
 * without memory, or descriptors for a base: the only constructor that may say so.
 * event_base_new itself ends the process without descriptors (libevent 2.1). */
LEAT_API LEAT_NODISCARD leat_loop *leat_loop_new(struct event_base *base, const leat_loop_options *options);

/* Ends everything on the loop: starters give CLOSED from now on, flows are
 * aborted, newest first - but one whose close has said all and only waits for
 * the peer is let go without a reset, which would take back what is on its way -
 * ios fail with CANCELLED, the queue is drained (continuations run), contexts are
 * destroyed.  Handles that are still held
 * stay as shells that answer CLOSED and are reported.  ios still held by the
 * user are gone.  Inside a callback it is done at the end of the drain,
 * in a destructor that a cancel runs at the end of that cancel.  Where that is
 * leat_io_cancel_wait, whose io needs the loop, it is done with the next await,
 * cancel or turn of the loop.
 * A base of its own that the caller is dispatching right now is left to the
 * caller.  NULL is let be. */
LEAT_API void leat_loop_free(leat_loop *loop);

/* The graceful form: closes the listeners at once, and resolves when the last
 * flow has ended, with the int 0; when the time is up (negative: never) the
 * flows that are left are aborted and it resolves with their number.  The
 * loop goes on: free it then.  Cancelling it leaves the flows alone. */
#define leat_loop_drain(...) leat_loop_drain_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_loop_drain_at(leat_loop *loop, int64_t timeout_ms, const char *where);

/* In a child of fork(2) the loops of the process are the parent's: starters give
 * CLOSED there, flows and listeners answer CLOSED, leat_post and leat_await say
 * so, a cancel waits, leat_loop_free does nothing.  This makes one the child's
 * own, on the thread that forked and that made the loop: re-makes what its base
 * waits with (event_reinit), fails with BROKEN what waits for other threads,
 * which were not forked, and goes on with all else as the parent does - with
 * the same descriptors: let go of what is not yours.  An abort of such a flow,
 * and so leat_loop_free, only closes the child's descriptor: no reset, and what
 * belongs to the open socket, pipe or terminal stays as the parent has it, as
 * does what its copies have on their way.  A shutdown or close in order is told
 * to the peer, for both.  Remotes from before say CLOSED.  INVALID on another thread; LIMIT where the base cannot, or
 * where it can but no longer hears signals.  Where nothing was forked, nothing. */
LEAT_API leat_error leat_loop_after_fork(leat_loop *loop);

LEAT_API struct event_base *leat_loop_base(const leat_loop *loop);
/* The loop's clock, in milliseconds and in nanoseconds. */
LEAT_API int64_t leat_loop_now_ms(leat_loop *loop);
LEAT_API int64_t leat_loop_now_ns(leat_loop *loop);

/* Runs what is ready - continuations, then what they wrote - until nothing
 * is, without waiting for I/O; gives the number of continuations run.  At
 * most `budget` of them.  Inside a callback it does nothing. */
LEAT_API size_t leat_loop_run_ready(leat_loop *loop);

typedef struct leat_loop_stats {
	size_t size;         /* sizeof(leat_loop_stats), set by the caller */
	uint64_t ios_made;   /* since the loop was made */
	uint64_t unhandled;  /* failures that nobody handled */
	uint64_t turns;      /* drains of the queue that ran something */
	size_t ios_live;     /* ios that exist now */
	size_t flows_live;   /* flows whose transport is open now */
	size_t timers_live;  /* deadlines that are set */
	size_t memory_bytes; /* what the loop's bufs and pools hold of memory, cached pieces included */
	uint64_t callbacks;  /* continuations run */
	/* the longest of those that were timed (leat_trace's stall_ms), and the
	 * place where its io was made; 0 and NULL where none was */
	int64_t longest_ns;
	const char *longest_where;
} leat_loop_stats;
/* Fills what `stats->size` has room for. */
LEAT_API void leat_loop_stats_get(leat_loop *loop, leat_loop_stats *stats);

/* Calls back for each live io: its place and the name of its kind, as
 * "then"; `settled` where its result waits to be taken. */
typedef void (*leat_io_visitor)(void *ctx, const char *where, const char *kind, bool settled);
LEAT_API void leat_loop_each_io(leat_loop *loop, leat_io_visitor visit, void *ctx);

LEAT_END
#endif

/* SPDX-License-Identifier: ISC */
/* trace - being told what happens to the ios of a loop
 *
 * What happens is noted when it happens and told from the queue, in order,
 * between two continuations: so a hook may do what any callback may, and is
 * never called inside a call of yours.  Each io made while a trace is on is
 * told of once when it is made and once when it ends: it settled, was merged
 * or was cancelled.  While no trace is on this costs an io one instruction.
 */
#ifndef LEAT_TRACE_H
#define LEAT_TRACE_H

#include <leat/api.h>
#include <leat/error.h>

LEAT_BEGIN

typedef enum leat_trace_what {
	LEAT_TRACE_MADE = 1,
	/* its outcome goes to who waits for it, or to try */
	LEAT_TRACE_SETTLED = 2,
	/* its callback gave a pending io, which takes its place */
	LEAT_TRACE_MERGED = 4,
	/* nobody wants it any more: before it settled, or its outcome was not
	 * looked at */
	LEAT_TRACE_CANCELLED = 8,
	/* it failed, and nobody handled it */
	LEAT_TRACE_UNHANDLED = 16,
	/* a callback ran longer than stall_ms */
	LEAT_TRACE_STALLED = 32
} leat_trace_what;

/* What a hook is told; good until it returns, the strings for ever. */
typedef struct leat_trace_event {
	leat_trace_what what;
	const void *io;    /* names the io until its end was told; NULL: unhandled */
	const char *kind;  /* "then", "read"; unhandled: NULL */
	const char *where; /* where the io was made */
	/* cancelled: the leat_io_cancel, or the call (as leat_io_race) that
	 * dropped it, NULL where the library itself did; unhandled: where the
	 * failure arose */
	const char *place;
	leat_error error; /* settled with a failure, unhandled: which */
	uint64_t turn;    /* when it happened */
	int64_t at_ns;    /* the same by the loop's clock */
	int64_t ran_ns;   /* stalled: how long the callback ran */
	uint64_t lost;    /* events before this one that there was no memory for */
} leat_trace_event;

/* All zero but `size` is: notes the ages of ios, for leat_dump, tells nothing. */
typedef struct leat_trace {
	size_t size; /* sizeof(leat_trace) */
	void (*tell)(void *ctx, const leat_trace_event *event);
	void *ctx;
	/* leat_trace_what, joined by |; 0: all */
	unsigned what;
	/* times each callback, which costs two looks at the clock, and tells of
	 * those that ran longer; negative: times, for leat_loop_stats, and tells
	 * of none; 0: does not */
	int64_t stall_ms;
} leat_trace;

/* Begins, or goes on differently: what was not told by then is told as the new
 * one asks, if it does.  Ios that were there before are told of when they end;
 * what a hook itself makes is not told.  False: no memory. */
LEAT_API bool leat_trace_start(leat_loop *loop, const leat_trace *trace);
/* What was not told by then is not told.  Lets be where none is on. */
LEAT_API void leat_trace_stop(leat_loop *loop);

LEAT_END
#endif

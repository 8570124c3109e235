/* SPDX-License-Identifier: ISC */
/* proxy - two flows joined, until both directions have ended */
#ifndef LEAT_PROXY_H
#define LEAT_PROXY_H

#include <leat/api.h>
#include <leat/error.h>
#include <leat/flow.h>
#include <leat/io.h>

LEAT_BEGIN

/* How it ended. */
typedef enum leat_proxy_end {
	LEAT_PROXY_ENDED,       /* both directions, in order */
	LEAT_PROXY_ONE_BROKE,   /* `error` is that flow's */
	LEAT_PROXY_OTHER_BROKE,
	LEAT_PROXY_IDLE,        /* nothing moved for idle_ms */
	LEAT_PROXY_HALF_OPEN    /* one direction had ended, nothing moved for half_open_ms */
} leat_proxy_end;

typedef struct leat_proxied {
	uint64_t there_bytes, back_bytes; /* from one to the other, and back: accepted there */
	leat_proxy_end end;
	leat_error error; /* none where it ended in order; TIMEOUT for the two limits */
} leat_proxied;
LEAT_API extern const leat_type leat_proxied_type;
#define leat_result_proxied(result) leat_result_proxied_at((result), LEAT_HERE)
LEAT_API leat_proxied leat_result_proxied_at(const leat_result *result, const char *where);

typedef struct leat_proxy_options {
	size_t size;          /* sizeof(leat_proxy_options) */
	int64_t idle_ms;      /* nothing moves either way: over; 0 and negative: never */
	int64_t half_open_ms; /* the same once one direction has ended; 0: idle_ms; negative: never */
	leat_proxied *so_far; /* lent: its counts begin at 0, and grow as bytes go over; NULL: not told */
} leat_proxy_options;

/* Copies both ways.  The end of one direction is passed on, by shutdown(write)
 * of the flow that it goes to; the other direction goes on.  When both have
 * ended both flows are closed, and it resolves with a leat_proxied.  Where one
 * flow breaks, what had come from it is still sent, as long as the other takes
 * it (half_open_ms, or 30 s, without progress), out of the kernel too; then both
 * are aborted, so that the other's peer sees a reset, or the nearest; it resolves
 * with that.  One that cannot be written to but speaks is heard until it pauses,
 * or for a second.  At a limit both are aborted, too.  Limits restart when a byte
 * moves, also out of the kernel; they are looked at four times in their length,
 * so may be late by a quarter.  Both flows are lent.  `options` may be NULL.  Fails with NOMEM only; both are
 * aborted then.  Cancelling stops both copies, as that of leat_copy does: no byte
 * is lost, and both flows stay open. */
#define leat_proxy(...) leat_proxy_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_proxy_at(leat_flow *one, leat_flow *other, const leat_proxy_options *options,
                                               const char *where);

LEAT_END
#endif

/* SPDX-License-Identifier: ISC */
/* rate - buckets of bytes per second, and a layer that passes no more than they hold
 *
 * A bucket fills at its rate up to its burst, and bytes that pass are taken from it.
 * Any number of flows may share one, each in either direction: those who wait stand
 * in line and are given equal parts in turn.  A bucket that nobody waits for costs
 * nothing: it has no timer.
 */
#ifndef LEAT_RATE_H
#define LEAT_RATE_H

#include <leat/api.h>
#include <leat/flow.h>

LEAT_BEGIN

typedef struct leat_bucket leat_bucket;

/* Gives a full bucket of the loop.  `bytes_per_s` is at most 8 GiB (more counts as
 * that); 0: nothing flows in until it is set again.  `burst_bytes` is what it holds;
 * 0: what flows in in a second; with less than a 64th of that the rate is not
 * reached.  Without memory it is stillborn, and what passes by it fails with NOMEM. */
LEAT_API LEAT_NODISCARD leat_bucket *leat_bucket_new(leat_loop *loop, uint64_t bytes_per_s, uint64_t burst_bytes);
/* Another rate from now on, and another burst; what is above it is lost. */
LEAT_API void leat_bucket_set(leat_bucket *bucket, uint64_t bytes_per_s, uint64_t burst_bytes);
/* What may pass at once. */
LEAT_API uint64_t leat_bucket_bytes(leat_bucket *bucket);
/* The flows that use it hold it, too.  NULL is let be.  Legal after the loop. */
LEAT_API leat_bucket *leat_bucket_ref(leat_bucket *bucket);
LEAT_API void leat_bucket_unref(leat_bucket *bucket);

/* Gives a flow over `below`, which it takes: the same bytes, no faster than the
 * buckets fill: `reading` and `writing`, which may be the same; NULL: that direction
 * is not held up.  Who waits is given what flows in in a 64th of a second at a
 * time.  What waits to be given, at most one read of below, has left it; what
 * waits to be sent is in the queue, which writes and flush wait for, and so do
 * shutdown and close.  All else is as below.  A rate for each flow and one for
 * all of them are two layers.  Without memory it is stillborn, and below
 * aborted; with a bucket of another loop it is stillborn with INVALID. */
#define leat_rate_new(...) leat_rate_new_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_flow *leat_rate_new_at(leat_flow *below, leat_bucket *reading, leat_bucket *writing,
                                                    const char *where);

LEAT_END
#endif

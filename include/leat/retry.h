/* SPDX-License-Identifier: ISC */
/* retry - again after a failure, waiting longer each time */
#ifndef LEAT_RETRY_H
#define LEAT_RETRY_H

#include <leat/api.h>
#include <leat/error.h>
#include <leat/io.h>

LEAT_BEGIN

/* All zero but `size` is the default. */
typedef struct leat_retry_options {
	size_t size;         /* sizeof(leat_retry_options) */
	uint32_t tries;      /* at most so many, the first included; 0: 5 */
	int64_t first_ms;    /* the wait after the first failure; doubled after each; 0: 100 */
	int64_t longest_ms;  /* no wait is longer; 0: 30000 */
	int64_t deadline_ms; /* for all of it, waits included; 0 or less: none */
	bool steady;         /* waits are not spread */
	/* Whether a failure is worth another try; `tried` is how many there
	 * were.  NULL: every failure but those that another try would not mend:
	 * CANCELLED, CLOSED, INVALID, UNSUPPORTED, DENIED, NESTED, DEADLOCK,
	 * INTERRUPTED. */
	bool (*again)(void *ctx, leat_error error, uint32_t tried);
	/* Any 64 bits, of which waits are spread; NULL: of the clock, good
	 * enough for that. */
	uint64_t (*random)(void *ctx);
	void *ctx; /* of these two, lent */
} leat_retry_options;

/* Runs fn (its result is nothing) from the queue until the io that it gives
 * succeeds, and resolves as that one.  After a failure it waits between half
 * of the time and all of it, at random, so that those who failed together do
 * not come back together.  Fails with the last failure where it is not worth
 * another try or there were enough; where the deadline would pass during the
 * wait; with TIMEOUT where it passes during a try, which is cancelled.
 * Cancelling it cancels the try or the wait; fn, `again` and `random` may do so
 * too: the context lives until they have returned, and what fn gives then is
 * cancelled before that.  `options` are copied, and may be NULL.  A moved
 * context is the first try's. */
#define leat_retry(...) leat_retry_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_retry_at(leat_loop *loop, const leat_retry_options *options, leat_fn fn,
                                               leat_ctx ctx, const char *where);

LEAT_END
#endif

/* SPDX-License-Identifier: ISC */
/* limit - a layer that lets at most so many bytes pass */
#ifndef LEAT_LIMIT_H
#define LEAT_LIMIT_H

#include <leat/api.h>
#include <leat/flow.h>

LEAT_BEGIN

/* How many in each direction.  All zero but `size`: no limits. */
typedef struct leat_limit {
	size_t size;                      /* sizeof(leat_limit) */
	uint64_t read_bytes, write_bytes; /* 0: any number */
	/* the directions that end at their limit; the others fail with LIMIT */
	leat_direction ends;
} leat_limit;

/* Gives a flow over `below`, which it takes: the same bytes, but no more than that.
 *   reading   the bytes up to the limit are given.  Then, where it ends there, the
 *             end, and nothing more is read below; else the end where that is the
 *             end below, too, and LIMIT where there is more.
 *   writing   the bytes up to the limit go out.  Where it ends there, the peer is
 *             told of the end as soon as they have, and a further write, or what of
 *             one goes beyond, fails with CLOSED; else a write that goes beyond
 *             fails with LIMIT: the first bytes of it may have gone, and a close
 *             is then cut short, after the linger time.
 * All else is as below: shutdown, close, abort are passed on.  The limits are
 * copied; NULL: none.  Without memory it is stillborn, and below aborted. */
#define leat_limit_new(...) leat_limit_new_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_flow *leat_limit_new_at(leat_flow *below, const leat_limit *limit, const char *where);

LEAT_END
#endif

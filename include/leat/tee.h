/* SPDX-License-Identifier: ISC */
/* tee - a layer that sends what passes to a second flow, too */
#ifndef LEAT_TEE_H
#define LEAT_TEE_H

#include <leat/api.h>
#include <leat/flow.h>

LEAT_BEGIN

/* All zero but `size`: what is read is copied, at the pace of the slower. */
typedef struct leat_tee_options {
	size_t size;               /* sizeof(leat_tee_options) */
	leat_direction directions; /* what is copied: LEAT_READ, LEAT_WRITE, LEAT_BOTH in the order of passing; 0: LEAT_READ */
	/* false: while the second flow's queue is full nothing passes in these
	 * directions; true: what passes meanwhile is not copied */
	bool drops;
	/* grows by what passed and was not copied: dropped, or the second flow had
	 * failed; lent until the flow has ended; NULL: not told */
	uint64_t *missed_bytes;
} leat_tee_options;

/* Gives a flow over `below` that passes all bytes on as they are, and sends them to
 * `second` besides, without copying them.  Takes both; nobody else writes to
 * `second` meanwhile, and what comes from it is not looked at.  What the second flow
 * does is no concern of this one's users: when it fails it gets nothing more, and
 * all goes on.  A second flow that takes nothing and does not fail holds up all
 * that waits for it: drops, or its own limits, are against that.
 * When every copied direction has ended in order `second` is shut for writing; when
 * the flow is closed or aborted it is closed, so that it gets all that passed.
 * Without memory the flow is stillborn, below aborted, and second closed. */
#define leat_tee_new(...) leat_tee_new_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_flow *leat_tee_new_at(leat_flow *below, leat_flow *second, const leat_tee_options *options,
                                                   const char *where);

LEAT_END
#endif

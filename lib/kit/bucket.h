/* SPDX-License-Identifier: ISC */
/* bucket - who waits for bytes, and how they are dealt out */
#ifndef LT_KIT_BUCKET_H
#define LT_KIT_BUCKET_H

#include <sys/queue.h>

#include <leat/rate.h>

/* One direction of a flow, as its bucket knows it. */
typedef struct lt_place {
	TAILQ_ENTRY(lt_place) link;
	leat_bucket *bucket; /* NULL: none */
	bool in_line;
	uint64_t granted; /* and not used */
	/* something was granted, or the bucket has failed; may end anything */
	void (*wake)(struct lt_place *place);
} lt_place;

/* Takes at most so many bytes; 0: it stands in line now, and is woken. */
uint64_t lt_bucket_take(lt_place *place, uint64_t bytes);
/* What the bucket has failed with; none where it has not. */
leat_error lt_bucket_error(const lt_place *place);
/* Leaves the line and lets go of the bucket; what was granted goes back. */
void lt_bucket_leave(lt_place *place);
/* Whether it is of that loop, or of none. */
bool lt_bucket_is_of(const leat_bucket *bucket, const leat_loop *loop);

#endif

/* SPDX-License-Identifier: ISC */
/* limit.h - how much a peer may make of us
 *
 * What is over the limit is found by room for one byte more, which is nobody's.
 */
#ifndef LT_ZIP_LIMIT_H
#define LT_ZIP_LIMIT_H

#include <leat/transform.h>

enum { LT_LIMIT_SLACK = 65536 }; /* LEAT_ZLIB_SLACK and its kin */

typedef struct lt_limit {
	uint64_t max_bytes; /* 0: none */
	unsigned max_ratio; /* 0: none */
	uint64_t came, gave; /* bytes, so far */
} lt_limit;

/* How much of that room may be used. */
static inline size_t lt_limit_room(const lt_limit *limit, size_t room)
{
	uint64_t left = limit->max_bytes - limit->gave;

	return limit->max_bytes == 0 || room < left ? room : (size_t)left;
}

/* So much came, and so much was made of it: whether that is too much. */
static inline bool lt_limit_exceeds(lt_limit *limit, size_t came, size_t gave)
{
	uint64_t counted;

	limit->came += came;
	limit->gave += gave;
	counted = limit->gave > LT_LIMIT_SLACK ? limit->gave - LT_LIMIT_SLACK : 0;
	return limit->max_ratio > 0 && counted / limit->max_ratio > limit->came;
}

/* Uses and writes so much. */
static inline void lt_coding_moved(leat_coding *coding, size_t in_bytes, size_t out_bytes)
{
	coding->in += in_bytes;
	coding->in_bytes -= in_bytes;
	coding->out += out_bytes;
	coding->out_bytes -= out_bytes;
}

#endif

/* SPDX-License-Identifier: ISC */
/* zstd - a flow over any flow that compresses by Zstandard (RFC 8878)
 *
 * In libleat-zip (pkg-config leat-zip), where that was built with libzstd.  The flow is
 * a transform, see transform.h: shutdown(write) and close end the frame, which has a
 * checksum; an end below inside a frame is TRUNCATED, and so is no frame at all; what
 * follows a frame must be another.  The reader's end comes with the end below.
 */
#ifndef LEAT_ZSTD_H
#define LEAT_ZSTD_H

#include <leat/api.h>
#include <leat/error.h>
#include <leat/flow.h>

LEAT_BEGIN

/* All zero but `size` is the default. */
typedef struct leat_zstd_options {
	size_t size; /* sizeof(leat_zstd_options) */
	int level;   /* -7, fast, to 22, small, or what the library has; 0: 3 */
	/* false: what is written in one turn of the loop is sent at its end, so that the
	 * peer can read all of it; true: when there is a block of it, and by
	 * leat_flow_flush, shutdown and close: compresses better */
	bool holds;
	/* What the peer may make of us: more is LIMIT; 0: no limit.  The first two as in
	 * zlib.h, after what was allowed; zstd has no ratio of its own.  The third is the
	 * memory that a frame asks for, 2 to the power of it, before that is allocated;
	 * 0: 23, 8 MiB; 10 to 31. */
	uint64_t max_bytes;
	unsigned max_ratio;
	unsigned window_bits;
} leat_zstd_options;

enum { LEAT_ZSTD_SLACK = 65536 };

/* Gives a flow that compresses what is written to `below` and decompresses what is
 * read from it; takes `below`, also where it fails.  NULL options: the default.  INVALID
 * (stillborn): a level or window that there is not.  Each direction takes its memory,
 * from the loop where the library lets it, at its first byte. */
#define leat_zstd_new(...) leat_zstd_new_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_flow *leat_zstd_new_at(leat_flow *below, const leat_zstd_options *options,
                                                    const char *where);

/* The domain of zstd's codes, which it prints in words: PROTOCOL for what is not
 * compressed so, LIMIT for a window that is too large, NOMEM without memory. */
LEAT_API extern const leat_error_domain leat_zstd_errors;

LEAT_END
#endif

/* SPDX-License-Identifier: ISC */
/* zlib - a flow over any flow that compresses: gzip, zlib, raw deflate
 *
 * In a library of its own, libleat-zip (pkg-config leat-zip).  The flow is a transform,
 * see transform.h: shutdown(write) and close send the trailer; an end below before the
 * peer's trailer is TRUNCATED, and so is no stream at all; more after it is PROTOCOL,
 * but for a further gzip member.  The reader's end comes with the end below.
 */
#ifndef LEAT_ZLIB_H
#define LEAT_ZLIB_H

#include <leat/api.h>
#include <leat/error.h>
#include <leat/flow.h>

LEAT_BEGIN

typedef enum leat_zlib_format {
	LEAT_ZLIB_GZIP = 0, /* RFC 1952: one member is written, one or more are read */
	LEAT_ZLIB_ZLIB,     /* RFC 1950 */
	LEAT_ZLIB_RAW,      /* RFC 1951: bare deflate */
} leat_zlib_format;

enum { LEAT_ZLIB_STORED = -1 }; /* a level: nothing is compressed */

/* All zero but `size` is the default. */
typedef struct leat_zlib_options {
	size_t size; /* sizeof(leat_zlib_options) */
	leat_zlib_format format;
	int level;            /* 1, fast, to 9, small; 0: 6; LEAT_ZLIB_STORED */
	unsigned window_bits; /* 9 to 15: less memory, for both directions; the peer's must not be larger; 0: 15 */
	/* false: what is written in one turn of the loop is sent at its end, so that the
	 * peer can read all of it; true: when there is a block of it, and by
	 * leat_flow_flush, shutdown and close: compresses better */
	bool holds;
	/* What the peer may make of us: more is LIMIT, after what was allowed; 0: no limit.
	 * `max_ratio` is bytes read for each byte that came, and allows LEAT_ZLIB_SLACK
	 * bytes besides; deflate itself reaches 1032. */
	uint64_t max_bytes;
	unsigned max_ratio;
} leat_zlib_options;

enum { LEAT_ZLIB_SLACK = 65536 };

/* Gives a flow that compresses what is written to `below` and decompresses what is
 * read from it; takes `below`, also where it fails.  NULL options: the default.  INVALID
 * (stillborn): a format, level or window that there is not.  Each direction takes its
 * memory, from the loop, at its first byte: about 256 KiB to write, 40 KiB to read. */
#define leat_zlib_new(...) leat_zlib_new_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_flow *leat_zlib_new_at(leat_flow *below, const leat_zlib_options *options,
                                                    const char *where);
/* zlib's words for what is wrong with what came, as "incorrect data check"; "" where
 * nothing is, where it does not say, and for another kind of flow.  Good until the flow
 * has ended. */
LEAT_API const char *leat_zlib_why(leat_flow *flow);

/* The domain of zlib's codes (Z_DATA_ERROR and so on): PROTOCOL for what is not
 * compressed so, NOMEM without memory. */
LEAT_API extern const leat_error_domain leat_zlib_errors;

LEAT_END
#endif

/* SPDX-License-Identifier: ISC */
/* zlib.h - what the two directions of a zlib flow share */
#ifndef LT_ZIP_ZLIB_H
#define LT_ZIP_ZLIB_H

#include <zlib.h>

#include <leat/memory.h>
#include <leat/transform.h>
#include <leat/zlib.h>

#include "zip/limit.h"

typedef struct lt_zlib {
	leat_loop *loop;
	leat_zlib_options options;
	struct {
		z_stream stream;
		bool begun;
	} out;
	struct {
		z_stream stream;
		bool begun;
		bool inside;        /* of a stream, or of a gzip member */
		bool ended;         /* one at least */
		lt_limit limit;
	} in;
} lt_zlib;

/* zlib's memory is the loop's. */
void lt_zlib_init(lt_zlib *zlib, z_stream *stream);
/* The window as zlib wants it, which says the format too. */
int lt_zlib_window(const lt_zlib *zlib);
/* zlib counts in 32 bits. */
static inline unsigned lt_zlib_count(size_t bytes)
{
	return bytes < UINT32_MAX ? (unsigned)bytes : UINT32_MAX;
}

/* ---- inflate.c: leat_coder's functions ---- */
leat_error lt_zlib_decode(void *state, leat_coding *coding);
leat_error lt_zlib_decode_finish(void *state, leat_coding *coding);

#endif

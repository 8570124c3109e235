/* SPDX-License-Identifier: ISC */
/* zstd - a transform by Zstandard */
#ifdef HAVE_ZSTD_CUSTOM_MEMORY
#define ZSTD_STATIC_LINKING_ONLY /* for ZSTD_customMem alone */
#endif
#include <stdio.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <leat/flow_ops.h>
#include <leat/memory.h>
#include <leat/options.h>
#include <leat/zstd.h>

#include "zip/limit.h"
#include "zip/refuse.h"

enum {
	WINDOW_BITS = 23,
	WINDOW_BITS_LEAST = 10,
	WINDOW_BITS_MOST = 31,
	FRAME_BEGIN = 5, /* bytes that tell how long the header is */
	BLOCK_HEADER = 3
};

struct zstd {
	leat_loop *loop;
	leat_zstd_options options;
	ZSTD_CCtx *out;
	ZSTD_DCtx *in;
	lt_limit limit;
	bool inside; /* a frame */
	bool ended;  /* one at least */
	size_t hint; /* how much of the frame the library would have next; 0: none yet */
};

/* ---- errors ---- */

static leat_kind kind_of(int code)
{
	switch (code) {
	case ZSTD_error_memory_allocation: return LEAT_NOMEM;
	case ZSTD_error_frameParameter_windowTooLarge: return LEAT_LIMIT;
	case ZSTD_error_frameParameter_unsupported:
	case ZSTD_error_version_unsupported: return LEAT_UNSUPPORTED;
	default: return LEAT_PROTOCOL;
	}
}

static int print_code(int code, char *out, size_t room)
{
	return snprintf(out, room, "zstd: %s", ZSTD_getErrorString((ZSTD_ErrorCode)code));
}

const leat_error_domain leat_zstd_errors = {
	.size = sizeof leat_zstd_errors, .name = "zstd", .kind = kind_of, .print = print_code
};

/* No error where the outcome of a call is none. */
static leat_error judge(size_t outcome)
{
	return ZSTD_isError(outcome) ? leat_error_make(&leat_zstd_errors, (int)ZSTD_getErrorCode(outcome))
	                             : (leat_error){ 0 };
}

/* ---- memory ---- */

#ifdef HAVE_ZSTD_CUSTOM_MEMORY

static void *get(void *loop, size_t bytes)
{
	return leat_memory_get(loop, bytes);
}

static void put(void *loop, void *memory)
{
	leat_memory_put(loop, memory);
}

static ZSTD_CCtx *new_out(leat_loop *loop)
{
	return ZSTD_createCCtx_advanced((ZSTD_customMem){ get, put, loop });
}

static ZSTD_DCtx *new_in(leat_loop *loop)
{
	return ZSTD_createDCtx_advanced((ZSTD_customMem){ get, put, loop });
}

#else

static ZSTD_CCtx *new_out(leat_loop *loop)
{
	return ZSTD_createCCtx();
}

static ZSTD_DCtx *new_in(leat_loop *loop)
{
	return ZSTD_createDCtx();
}

#endif

/* ---- writing ---- */

static leat_error begin_out(struct zstd *zstd)
{
	leat_error error;

	if (zstd->out)
		return (leat_error){ 0 };
	zstd->out = new_out(zstd->loop);
	if (!zstd->out)
		return leat_error_core(LEAT_NOMEM);
	error = judge(ZSTD_CCtx_setParameter(zstd->out, ZSTD_c_compressionLevel, zstd->options.level));
	return leat_error_set(error) ? error : judge(ZSTD_CCtx_setParameter(zstd->out, ZSTD_c_checksumFlag, 1));
}

static void end_out(struct zstd *zstd)
{
	ZSTD_freeCCtx(zstd->out);
	zstd->out = NULL;
}

/* Once; *left is what the library has still to write. */
static leat_error compress(struct zstd *zstd, leat_coding *c, ZSTD_EndDirective how, size_t *left)
{
	ZSTD_inBuffer in = { .src = c->in, .size = c->in_bytes };
	ZSTD_outBuffer out = { .dst = c->out, .size = c->out_bytes };
	leat_error error = begin_out(zstd);

	if (leat_error_set(error))
		return error;
	*left = ZSTD_compressStream2(zstd->out, &out, &in, how);
	lt_coding_moved(c, in.pos, out.pos);
	return judge(*left);
}

static leat_error encode(void *state, leat_coding *coding)
{
	size_t left = 0;
	leat_error error = compress(state, coding, ZSTD_e_continue, &left);

	coding->more = coding->out_bytes == 0;
	return error;
}

static leat_error encode_flush(void *state, leat_coding *coding)
{
	size_t left = 0;
	leat_error error = compress(state, coding, ZSTD_e_flush, &left);

	coding->done = !leat_error_set(error) && left == 0;
	return error;
}

static leat_error encode_finish(void *state, leat_coding *coding)
{
	size_t left = 0;
	leat_error error = compress(state, coding, ZSTD_e_end, &left);

	coding->done = !leat_error_set(error) && left == 0;
	if (coding->done)
		end_out(state);
	return error;
}

/* ---- reading ---- */

static leat_error begin_in(struct zstd *zstd)
{
	unsigned bits = zstd->options.window_bits;

	if (zstd->in)
		return (leat_error){ 0 };
	zstd->in = new_in(zstd->loop);
	if (!zstd->in)
		return leat_error_core(LEAT_NOMEM);
	return judge(ZSTD_DCtx_setParameter(zstd->in, ZSTD_d_windowLogMax, bits > 0 ? (int)bits : WINDOW_BITS));
}

/* At most one block: where the library finds something wrong it forgets what it has
 * written in the same call.  Its hint is for a block and the header of the next. */
static size_t input(const struct zstd *zstd, const leat_coding *c)
{
	size_t bytes = zstd->hint == 0 ? FRAME_BEGIN : zstd->hint > BLOCK_HEADER ? zstd->hint - BLOCK_HEADER : zstd->hint;

	return bytes < c->in_bytes ? bytes : c->in_bytes;
}

/* Once, into that room. */
static leat_error decompress(struct zstd *zstd, leat_coding *c, ZSTD_outBuffer *out)
{
	ZSTD_inBuffer in = { .src = c->in, .size = input(zstd, c) };
	size_t wants = ZSTD_decompressStream(zstd->in, out, &in);

	lt_coding_moved(c, in.pos, 0);
	zstd->hint = wants;
	zstd->inside = wants != 0;
	zstd->ended = zstd->ended || wants == 0;
	c->more = zstd->inside && out->pos == out->size;
	return lt_limit_exceeds(&zstd->limit, in.pos, out->pos) ? leat_error_core(LEAT_LIMIT) : judge(wants);
}

static leat_error decode_some(struct zstd *zstd, leat_coding *coding)
{
	size_t room = lt_limit_room(&zstd->limit, coding->out_bytes);
	char spare;
	ZSTD_outBuffer out = { .dst = room > 0 ? (void *)coding->out : &spare, .size = room > 0 ? room : 1 };
	leat_error error = decompress(zstd, coding, &out);

	if (room == 0 && out.pos > 0)
		return leat_error_core(LEAT_LIMIT);
	lt_coding_moved(coding, 0, out.pos);
	return error;
}

static leat_error decode(void *state, leat_coding *coding)
{
	struct zstd *zstd = state;
	leat_error error = begin_in(zstd);
	size_t in_bytes;

	if (!zstd->inside && coding->in_bytes == 0)
		return error; /* there was no more */
	while (!leat_error_set(error) && coding->out_bytes > 0) {
		in_bytes = coding->in_bytes;
		error = decode_some(zstd, coding);
		if (coding->in_bytes == 0 || coding->in_bytes == in_bytes)
			break;
	}
	return error;
}

static leat_error decode_finish(void *state, leat_coding *coding)
{
	const struct zstd *zstd = state;

	coding->done = zstd->ended && !zstd->inside;
	return coding->done ? (leat_error){ 0 } : leat_error_core(LEAT_TRUNCATED);
}

/* ---- the flow ---- */

static void destroy(void *state)
{
	struct zstd *zstd = state;

	end_out(zstd);
	ZSTD_freeDCtx(zstd->in);
}

#define CODER(hold)                                                                                          \
	{                                                                                                    \
		.size = sizeof(leat_coder), .name = "zstd", .state_bytes = sizeof(struct zstd), .holds = hold, \
		.encode = encode, .encode_flush = encode_flush, .encode_finish = encode_finish, .decode = decode, \
		.decode_finish = decode_finish, .destroy = destroy,                                          \
	}

static const leat_coder coders[2] = { CODER(false), CODER(true) };

static bool are_valid(const leat_zstd_options *options)
{
	return options->level >= ZSTD_minCLevel() && options->level <= ZSTD_maxCLevel() &&
	       (options->window_bits == 0 ||
	        (options->window_bits >= WINDOW_BITS_LEAST && options->window_bits <= WINDOW_BITS_MOST));
}

leat_flow *leat_zstd_new_at(leat_flow *below, const leat_zstd_options *options, const char *where)
{
	leat_zstd_options own = { .size = sizeof own };
	leat_loop *loop = leat_flow_loop(below);
	leat_flow *self;
	void *state;

	leat_options_take_at(&own, sizeof own, options, "leat_zstd_options", where);
	if (!are_valid(&own))
		return lt_zip_refuse(below);
	self = leat_transform_new_at(below, &coders[own.holds], &state, where);
	if (state)
		*(struct zstd *)state = (struct zstd){ .loop = loop, .options = own,
			.limit = { .max_bytes = own.max_bytes, .max_ratio = own.max_ratio } };
	return self;
}

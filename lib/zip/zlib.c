/* SPDX-License-Identifier: ISC */
/* zlib - a transform by zlib: options, memory, and the writing direction */
#include <stdio.h>
#include <leat/flow_ops.h>
#include <leat/options.h>

#include "zip/refuse.h"
#include "zip/zlib.h"

/* ---- errors ---- */

static leat_kind kind_of(int code)
{
	switch (code) {
	case Z_DATA_ERROR:
	case Z_NEED_DICT: return LEAT_PROTOCOL;
	case Z_MEM_ERROR: return LEAT_NOMEM;
	case Z_STREAM_ERROR: return LEAT_INVALID;
	case Z_VERSION_ERROR: return LEAT_UNSUPPORTED;
	default: return LEAT_OTHER;
	}
}

static int print_code(int code, char *out, size_t room)
{
	if (code > Z_NEED_DICT || code < Z_VERSION_ERROR)
		return snprintf(out, room, "zlib %d", code);
	return snprintf(out, room, "zlib: %s", zError(code));
}

const leat_error_domain leat_zlib_errors = {
	.size = sizeof leat_zlib_errors, .name = "zlib", .kind = kind_of, .print = print_code
};

/* ---- memory ---- */

static voidpf get(voidpf loop, uInt count, uInt bytes)
{
	return count > SIZE_MAX / bytes ? NULL : leat_memory_get(loop, (size_t)count * bytes);
}

static void put(voidpf loop, voidpf memory)
{
	leat_memory_put(loop, memory);
}

void lt_zlib_init(lt_zlib *zlib, z_stream *stream)
{
	*stream = (z_stream){ .zalloc = get, .zfree = put, .opaque = zlib->loop };
}

/* ---- options ---- */

int lt_zlib_window(const lt_zlib *zlib)
{
	int bits = zlib->options.window_bits > 0 ? (int)zlib->options.window_bits : MAX_WBITS;

	switch (zlib->options.format) {
	case LEAT_ZLIB_RAW: return -bits;
	case LEAT_ZLIB_ZLIB: return bits;
	default: return 16 + bits;
	}
}

static int level_of(const leat_zlib_options *options)
{
	if (options->level == 0)
		return Z_DEFAULT_COMPRESSION;
	return options->level == LEAT_ZLIB_STORED ? Z_NO_COMPRESSION : options->level;
}

static bool are_valid(const leat_zlib_options *options)
{
	return (unsigned)options->format <= LEAT_ZLIB_RAW && options->level >= LEAT_ZLIB_STORED && options->level <= 9 &&
	       (options->window_bits == 0 || (options->window_bits >= 9 && options->window_bits <= MAX_WBITS));
}

/* ---- writing ---- */

static leat_error begin(lt_zlib *zlib)
{
	int code;

	if (zlib->out.begun)
		return (leat_error){ 0 };
	lt_zlib_init(zlib, &zlib->out.stream);
	code = deflateInit2(&zlib->out.stream, level_of(&zlib->options), Z_DEFLATED, lt_zlib_window(zlib), 8,
	                    Z_DEFAULT_STRATEGY);
	zlib->out.begun = code == Z_OK;
	return code == Z_OK ? (leat_error){ 0 } : leat_error_make(&leat_zlib_errors, code);
}

static void end_writing(lt_zlib *zlib)
{
	if (zlib->out.begun)
		deflateEnd(&zlib->out.stream);
	zlib->out.begun = false;
}

/* Gives zlib's code: Z_OK, Z_STREAM_END, or Z_BUF_ERROR where it could do nothing. */
static int deflate_once(lt_zlib *zlib, leat_coding *c, int flush)
{
	z_stream *stream = &zlib->out.stream;
	unsigned in_bytes = lt_zlib_count(c->in_bytes), out_bytes = lt_zlib_count(c->out_bytes);
	int code;

	stream->next_in = (z_const Bytef *)(uintptr_t)c->in;
	stream->avail_in = in_bytes;
	stream->next_out = c->out;
	stream->avail_out = out_bytes;
	code = deflate(stream, flush);
	lt_coding_moved(c, in_bytes - stream->avail_in, out_bytes - stream->avail_out);
	return code;
}

static leat_error encode(void *state, leat_coding *coding)
{
	leat_error error = begin(state);

	if (leat_error_set(error))
		return error;
	deflate_once(state, coding, Z_NO_FLUSH);
	coding->more = coding->out_bytes == 0;
	return error;
}

enum { FLUSH_ROOM = 7 /* with less, zlib may flush a second time */ };

static leat_error encode_flush(void *state, leat_coding *coding)
{
	leat_error error = begin(state);

	if (leat_error_set(error) || coding->out_bytes < FLUSH_ROOM)
		return error;
	deflate_once(state, coding, Z_SYNC_FLUSH);
	coding->done = coding->out_bytes > 0;
	return error;
}

static leat_error encode_finish(void *state, leat_coding *coding)
{
	leat_error error = begin(state);

	if (leat_error_set(error))
		return error;
	coding->done = deflate_once(state, coding, Z_FINISH) == Z_STREAM_END;
	if (coding->done)
		end_writing(state);
	return error;
}

/* ---- the flow ---- */

static void destroy(void *state)
{
	lt_zlib *zlib = state;

	end_writing(zlib);
	if (zlib->in.begun)
		inflateEnd(&zlib->in.stream);
}

#define CODER(word, hold)                                                                           \
	{                                                                                           \
		.size = sizeof(leat_coder), .name = word, .state_bytes = sizeof(lt_zlib), .holds = hold, \
		.encode = encode, .encode_flush = encode_flush, .encode_finish = encode_finish,     \
		.decode = lt_zlib_decode, .decode_finish = lt_zlib_decode_finish, .destroy = destroy, \
	}

enum { FORMATS = LEAT_ZLIB_RAW + 1 };
static const leat_coder coders[2][FORMATS] = {
	{ CODER("gzip", false), CODER("zlib", false), CODER("deflate", false) },
	{ CODER("gzip", true), CODER("zlib", true), CODER("deflate", true) },
};

leat_flow *leat_zlib_new_at(leat_flow *below, const leat_zlib_options *options, const char *where)
{
	leat_zlib_options own = { .size = sizeof own };
	leat_loop *loop = leat_flow_loop(below);
	leat_flow *self;
	void *state;

	leat_options_take_at(&own, sizeof own, options, "leat_zlib_options", where);
	if (!are_valid(&own))
		return lt_zip_refuse(below);
	self = leat_transform_new_at(below, &coders[own.holds][own.format], &state, where);
	if (state)
		*(lt_zlib *)state = (lt_zlib){ .loop = loop, .options = own,
			.in.limit = { .max_bytes = own.max_bytes, .max_ratio = own.max_ratio } };
	return self;
}

const char *leat_zlib_why(leat_flow *flow)
{
	const lt_zlib *zlib = NULL;

	for (int i = 0; i < 2 * FORMATS && !zlib; i++)
		zlib = leat_transform_state(flow, &coders[i % 2][i / 2]);
	return zlib && zlib->in.begun && zlib->in.stream.msg ? zlib->in.stream.msg : "";
}

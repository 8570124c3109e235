/* SPDX-License-Identifier: ISC */
/* inflate - the reading direction of a zlib flow: members, and limits
 *
 * A stream begins with its first byte, so that an end below tells a whole one from
 * a cut one and from none.
 */
#include "zip/zlib.h"

/* zlib itself needs two bytes to see it, and a stream of one would pass for a cut one. */
static bool may_begin_with(leat_zlib_format format, unsigned char byte)
{
	switch (format) {
	case LEAT_ZLIB_GZIP: return byte == 0x1f;
	case LEAT_ZLIB_ZLIB: return (byte & 15) == Z_DEFLATED && byte >> 4 <= MAX_WBITS - 8;
	default: return true;
	}
}

/* A further gzip member begins, or the first stream. */
static leat_error begin(lt_zlib *zlib, unsigned char byte)
{
	z_stream *stream = &zlib->in.stream;
	int code;

	if (zlib->in.ended && zlib->options.format != LEAT_ZLIB_GZIP)
		return leat_error_core(LEAT_PROTOCOL); /* more after the end */
	if (!zlib->in.begun)
		lt_zlib_init(zlib, stream);
	code = zlib->in.begun ? inflateReset(stream) : inflateInit2(stream, lt_zlib_window(zlib));
	if (code != Z_OK)
		return leat_error_make(&leat_zlib_errors, code);
	zlib->in.begun = zlib->in.inside = true;
	if (may_begin_with(zlib->options.format, byte))
		return (leat_error){ 0 };
	stream->msg = (char *)(uintptr_t)"incorrect header check";
	return leat_error_make(&leat_zlib_errors, Z_DATA_ERROR);
}

static leat_error judge(lt_zlib *zlib, int code)
{
	if (code == Z_STREAM_END) {
		zlib->in.inside = false;
		zlib->in.ended = true;
	}
	if (code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR)
		return (leat_error){ 0 };
	return leat_error_make(&leat_zlib_errors, code);
}

/* Once, into `out`; *bytes is how much there may be, then how much there is. */
static leat_error inflate_into(lt_zlib *zlib, leat_coding *c, unsigned char *out, size_t *bytes)
{
	z_stream *stream = &zlib->in.stream;
	unsigned in_bytes = lt_zlib_count(c->in_bytes), out_bytes = lt_zlib_count(*bytes);
	int code;

	stream->next_in = (z_const Bytef *)(uintptr_t)c->in;
	stream->avail_in = in_bytes;
	stream->next_out = out;
	stream->avail_out = out_bytes;
	code = inflate(stream, Z_NO_FLUSH);
	in_bytes -= stream->avail_in;
	*bytes = out_bytes - stream->avail_out;
	c->more = stream->avail_out == 0 && code == Z_OK;
	lt_coding_moved(c, in_bytes, 0);
	return lt_limit_exceeds(&zlib->in.limit, in_bytes, *bytes) ? leat_error_core(LEAT_LIMIT) : judge(zlib, code);
}

static leat_error inflate_more(lt_zlib *zlib, leat_coding *c)
{
	size_t bytes = lt_limit_room(&zlib->in.limit, c->out_bytes);
	bool full = bytes == 0;
	unsigned char spare;
	leat_error error;

	if (full)
		bytes = 1;
	error = inflate_into(zlib, c, full ? &spare : c->out, &bytes);
	if (full && bytes > 0)
		return leat_error_core(LEAT_LIMIT);
	lt_coding_moved(c, 0, bytes);
	return error;
}

leat_error lt_zlib_decode(void *state, leat_coding *coding)
{
	lt_zlib *zlib = state;
	leat_error error = { 0 };

	if (!zlib->in.inside && coding->in_bytes > 0)
		error = begin(zlib, coding->in[0]);
	if (leat_error_set(error) || !zlib->in.inside)
		return error;
	return inflate_more(zlib, coding);
}

leat_error lt_zlib_decode_finish(void *state, leat_coding *coding)
{
	const lt_zlib *zlib = state;

	coding->done = zlib->in.ended && !zlib->in.inside;
	return coding->done ? (leat_error){ 0 } : leat_error_core(LEAT_TRUNCATED);
}

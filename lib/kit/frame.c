/* SPDX-License-Identifier: ISC */
/* frame - messages behind their length, over a channel
 *
 * A cutter, which the channel asks about the bytes that are there; and puts.
 */
#include <leat/frame.h>
#include <leat/options.h>

/* The format with its defaults in place. */
static leat_frame_format usual(const leat_frame_format *format, const char *where)
{
	leat_frame_format f;

	leat_options_take_at(&f, sizeof f, format, "leat_frame_format", where);
	if (f.width == 0)
		f.width = 4;
	if (f.max_bytes == 0)
		f.max_bytes = LEAT_FRAME_LIMIT_USUAL;
	return f;
}

static bool is_width(unsigned width)
{
	return width == 1 || width == 2 || width == 4 || width == 8;
}

static uint64_t length_of(const unsigned char *at, const leat_frame_format *f)
{
	uint64_t length = 0;

	for (unsigned i = 0; i < f->width; i++)
		length = length << 8 | at[f->little ? f->width - 1 - i : i];
	return length;
}

/* Whether a message of that length is allowed, and fits into the memory there is. */
static bool is_allowed(uint64_t length, const leat_frame_format *f)
{
	return length <= f->max_bytes && length <= SIZE_MAX - sizeof length;
}

/* Whether that length can be written. */
static bool fits_width(uint64_t length, const leat_frame_format *f)
{
	return f->width == sizeof length || length >> (8 * f->width) == 0;
}

static leat_error cut_frame(const void *ctx, const void *data, size_t bytes, leat_cut *cut)
{
	leat_frame_format f = usual(ctx, NULL);
	uint64_t length = bytes >= f.width ? length_of(data, &f) : 0;

	if (!is_allowed(length, &f))
		return leat_error_core(LEAT_LIMIT);
	cut->from = f.width;
	cut->bytes = (size_t)length;
	cut->used = cut->from + cut->bytes;
	if (bytes < cut->used)
		cut->need = cut->used;
	return (leat_error){ 0 };
}

leat_io *leat_frame_receive_at(leat_channel *channel, const leat_frame_format *format, const char *where)
{
	if (!is_width(usual(format, where).width))
		return leat_io_fail_at(leat_flow_loop(leat_channel_flow(channel)),
		                       leat_error_make_at(&leat_core_errors, LEAT_INVALID, where), where);
	return leat_channel_cut_at(channel, cut_frame, format, where);
}

void leat_frame_put(leat_channel *channel, const leat_frame_format *format, const void *data, size_t bytes)
{
	leat_frame_format f = usual(format, NULL);

	if (!is_width(f.width)) {
		leat_channel_put_failed(channel, leat_error_core(LEAT_INVALID));
	} else if (!is_allowed(bytes, &f) || !fits_width(bytes, &f)) {
		leat_channel_put_failed(channel, leat_error_core(LEAT_LIMIT));
	} else {
		if (f.little)
			leat_channel_put_le(channel, bytes, f.width);
		else
			leat_channel_put_be(channel, bytes, f.width);
		leat_channel_put(channel, data, bytes);
	}
}

leat_io *leat_frame_send_at(leat_channel *channel, const leat_frame_format *format, const void *data, size_t bytes,
                            const char *where)
{
	leat_options_check_at(format, "leat_frame_format", where);
	leat_frame_put(channel, format, data, bytes);
	return leat_channel_flush_at(channel, where);
}

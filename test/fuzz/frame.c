/* SPDX-License-Identifier: ISC */
/* frame - whatever comes and however it is cut, messages are what their lengths say
 *
 * The input is a format and then deeds: bytes that come, receives, cancels, frames
 * that are sent. All that came is kept, so that each answer is known before.
 */
#include <leat/frame.h>

#include "fuzz/fuzz.h"

enum { CAME_MOST = 1 << 16 };

static struct fuzz_world w;
static leat_frame_format format;
static leat_channel *near, *far;
static leat_io *receiving;

static struct {
	unsigned char bytes[CAME_MOST]; /* all that came */
	size_t count, at;               /* so many were received */
	bool ended, failed;
} came;

static void add(const void *bytes, size_t n)
{
	memcpy(came.bytes + came.count, bytes, n);
	came.count += n;
}

/* Whether it went out. */
static bool sent(leat_io *io)
{
	leat_result result;

	fuzz_run(&w);
	if (!leat_io_try(io, &result)) {
		leat_io_detach(io);
		return true;
	}
	fuzz_must(leat_result_ok(&result) || w.failed || came.ended || came.failed);
	came.failed |= !leat_result_ok(&result);
	return leat_result_ok(&result);
}

/* ---- what is to be expected ---- */

/* The next length, where all of it is there. */
static bool next_length(uint64_t *length)
{
	const unsigned char *at = came.bytes + came.at;

	if (came.count - came.at < format.width)
		return false;
	*length = 0;
	for (unsigned i = 0; i < format.width; i++)
		*length = *length << 8 | at[format.little ? format.width - 1 - i : i];
	return true;
}

static void is_message(leat_buf *buf)
{
	uint64_t length;

	fuzz_must(next_length(&length));
	fuzz_must(length == leat_buf_size(buf) && length <= format.max_bytes);
	came.at += format.width;
	fuzz_must(came.count - came.at >= length);
	fuzz_must(memcmp(came.bytes + came.at, leat_buf_data(buf), (size_t)length) == 0);
	came.at += (size_t)length;
}

static void is_error(leat_kind kind)
{
	uint64_t length = 0;
	bool there = next_length(&length);

	if (kind == LEAT_LIMIT)
		fuzz_must(there && (length > format.max_bytes || length > SIZE_MAX - sizeof length));
	else if (kind == LEAT_TRUNCATED)
		fuzz_must(came.ended && came.at < came.count &&
		          (!there || (length <= format.max_bytes && length > came.count - came.at - format.width)));
	else
		fuzz_must((w.failed && kind == LEAT_NOMEM) || came.failed);
}

/* Nothing yet: nothing could be said. */
static void is_pending(void)
{
	uint64_t length;

	fuzz_must(!came.ended || came.failed);
	if (!came.failed && next_length(&length))
		fuzz_must(length <= format.max_bytes && length > came.count - came.at - format.width);
}

static void look(void)
{
	leat_result result;
	leat_buf *buf;

	if (!receiving)
		return;
	fuzz_run(&w);
	if (!leat_io_try(receiving, &result)) {
		is_pending();
		return;
	}
	receiving = NULL;
	if (!leat_result_ok(&result)) {
		is_error(leat_error_kind(leat_result_error(&result)));
		return;
	}
	buf = leat_result_buf(&result);
	if (buf)
		is_message(buf);
	else
		fuzz_must(came.ended && came.at == came.count);
	leat_buf_unref(buf);
}

/* ---- deeds ---- */

static void comes(fuzz *f)
{
	size_t n = fuzz_byte(f);
	const unsigned char *at = fuzz_bytes(f, &n);

	if (n <= CAME_MOST - came.count && sent(leat_flow_write(leat_channel_flow(far), at, n)))
		add(at, n);
}

static void send_frame(fuzz *f)
{
	size_t n = fuzz_byte(f);
	const unsigned char *at = fuzz_bytes(f, &n);
	unsigned char length[8];

	if (n + sizeof length > CAME_MOST - came.count || n > format.max_bytes)
		return;
	if (!sent(leat_frame_send(far, &format, at, n)))
		return;
	for (unsigned i = 0; i < format.width; i++)
		length[i] = (unsigned char)((uint64_t)n >> 8 * (format.little ? i : format.width - 1 - i));
	add(length, format.width);
	add(at, n);
}

static void receive(void)
{
	if (!receiving)
		receiving = leat_frame_receive(near, &format);
}

static void give_up(void)
{
	leat_io_cancel(receiving);
	receiving = NULL;
}

static void end(void)
{
	if (sent(leat_flow_shutdown(leat_channel_flow(far), LEAT_WRITE)))
		came.ended = true;
}

static void cut_off(void)
{
	leat_flow_abort(leat_channel_flow(far));
	came.failed = true;
}

static void deed(fuzz *f)
{
	unsigned rare;

	switch (fuzz_byte(f) % 8) {
	case 0:
	case 1:
		comes(f);
		break;
	case 2:
		send_frame(f);
		break;
	case 3:
		receive();
		break;
	case 4:
		give_up();
		break;
	case 5:
		rare = fuzz_byte(f) % 8;
		if (rare == 0)
			end();
		else if (rare == 1)
			cut_off();
		break;
	default:
		receive();
		look();
	}
}

static void frames(fuzz *f)
{
	static const unsigned widths[] = { 4, 1, 2, 8 };
	unsigned first = fuzz_byte(f);
	size_t most = fuzz_byte(f);
	leat_flow *ends[2];

	format = (leat_frame_format){ .size = sizeof format,
		.width = widths[first % 4], .little = first & 4,
		.max_bytes = most == 255 ? SIZE_MAX : most + 1 };
	came.count = came.at = 0;
	came.ended = came.failed = false;
	if (!fuzz_open(&w, first & 8 ? fuzz_byte(f) + 1 : 0))
		return;
	leat_flow_pair(w.loop, ends);
	came.failed = w.failed; /* one end may be stillborn, the other is cut off then */
	near = leat_channel_new(ends[0]);
	far = leat_channel_new(ends[1]);
	while (f->bytes > 0)
		deed(f);
	give_up();
	leat_channel_free(near);
	leat_channel_free(far);
	fuzz_close(&w);
}

FUZZ("frame", frames)

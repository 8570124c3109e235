/* SPDX-License-Identifier: ISC */
/* frame - messages behind their length, over a channel
 *
 * A frame is an unsigned length and that many bytes.  Frames share the channel
 * with lines and all else that is read from it and put on it.
 */
#ifndef LEAT_FRAME_H
#define LEAT_FRAME_H

#include <leat/api.h>
#include <leat/channel.h>
#include <leat/io.h>

LEAT_BEGIN

/* How a length is written.  All zero but `size` is 4 bytes, big-endian, at most
 * LEAT_FRAME_LIMIT_USUAL. */
typedef struct leat_frame_format {
	size_t size;      /* sizeof(leat_frame_format) */
	unsigned width;   /* bytes of the length: 1, 2, 4, 8; 0: 4 */
	bool little;      /* little-endian */
	size_t max_bytes; /* of a message; 0: LEAT_FRAME_LIMIT_USUAL */
} leat_frame_format;

enum { LEAT_FRAME_LIMIT_USUAL = 1 << 20 };

/* Resolves with the next message, a buf, which may have no bytes; with NULL at
 * the end.  The format is lent; NULL: the default.  A length above the limit:
 * LIMIT, before anything is allocated for it; the end inside a frame:
 * TRUNCATED; another width: INVALID.  Nothing of the frame is consumed then.
 * Cancelling loses nothing: the next receive gets the same message. */
#define leat_frame_receive(...) leat_frame_receive_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_frame_receive_at(leat_channel *channel, const leat_frame_format *format,
                                                       const char *where);
/* Puts a message on the channel, as leat_channel_put does: a failure (LIMIT:
 * too long for the format, for its width or for the channel) is the next
 * flush's. */
LEAT_API void leat_frame_put(leat_channel *channel, const leat_frame_format *format, const void *data, size_t bytes);
/* Puts it and flushes the channel: resolves, fails and is cancelled as
 * leat_channel_flush. */
#define leat_frame_send(...) leat_frame_send_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_frame_send_at(leat_channel *channel, const leat_frame_format *format,
                                                    const void *data, size_t bytes, const char *where);

LEAT_END
#endif

/* SPDX-License-Identifier: ISC */
/* channel - buffered reading and writing over any flow
 *
 * A channel cuts what arrives into lines, runs of a size, or whatever a cutter
 * of yours says; and gathers what you put, to send it at once.  It holds the
 * flow and neither shuts nor closes it: leat_channel_flow is for that.  While a
 * channel is there, nobody else reads its flow.
 *
 * What is read is a slice of the block it arrived in: nothing is copied unless
 * it came in pieces, and the block stays as long as one of its slices.
 *
 * One read at a time: a second while one is undelivered fails with BUSY.  Bytes
 * are consumed when the value was delivered, so cancelling a read of any kind
 * loses none; it does not cancel the read of the flow below.  So does a
 * failure: bytes that came before it are still there to be read.  Any read
 * fails as the flow does, or with NOMEM.
 */
#ifndef LEAT_CHANNEL_H
#define LEAT_CHANNEL_H

#include <stdarg.h>

#include <leat/api.h>
#include <leat/buf.h>
#include <leat/error.h>
#include <leat/flow.h>
#include <leat/io.h>

LEAT_BEGIN

typedef struct leat_channel leat_channel;

enum {
	LEAT_DELIMITER_MOST = 16,     /* bytes of a delimiter */
	LEAT_PUT_LIMIT_USUAL = 1 << 20 /* bytes put and not flushed */
};

/* Takes the reference on the flow; gives a channel, without memory a
 * stillborn one, whose operations fail with NOMEM. */
LEAT_API LEAT_NODISCARD leat_channel *leat_channel_new(leat_flow *flow);
/* Ends the channel and gives the flow back: what was not consumed is what it
 * reads next.  A read that is pending fails with CLOSED; what is on its way to
 * somebody counts as consumed, but comes back to the flow - which it keeps until
 * then - if it is cancelled before he got it: so cancel first, then read.  What was
 * put and not flushed is dropped. */
LEAT_API LEAT_NODISCARD leat_flow *leat_channel_leave(leat_channel *channel);
/* The same, and gives the reference back; what is on its way is consumed.  Legal in any callback and after the
 * loop; NULL is let be. */
LEAT_API void leat_channel_free(leat_channel *channel);
/* Owns the channel: frees it. */
LEAT_API leat_ctx leat_ctx_channel(leat_channel *channel);
/* The flow, borrowed: to shut, close or abort it, to ask about it. */
LEAT_API leat_flow *leat_channel_flow(const leat_channel *channel);

/* ---- reading: each resolves with a buf; with NULL at the end, again and again;
 * cancelling loses no byte ---- */

/* The bytes up to the next LF or CR LF, without it; at the end what there was
 * without one.  More than `limit` bytes: LIMIT, and nothing is consumed, so
 * that the same can be asked with another limit, or leat_channel_drop_line. */
#define leat_channel_line(...) leat_channel_line_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_channel_line_at(leat_channel *channel, size_t limit, const char *where);
/* The same with a delimiter of 1 to LEAT_DELIMITER_MOST bytes (else INVALID),
 * which is copied. */
#define leat_channel_until(...) leat_channel_until_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_channel_until_at(leat_channel *channel, const void *delimiter, size_t bytes,
                                                       size_t limit, const char *where);
/* That many bytes; less only where the end came first.  Memory grows with
 * what arrives, not with what was asked for. */
#define leat_channel_exactly(...) leat_channel_exactly_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_channel_exactly_at(leat_channel *channel, size_t bytes, const char *where);
/* What is there, or else what comes next: at least one byte. */
#define leat_channel_read(channel) leat_channel_read_at((channel), LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_channel_read_at(leat_channel *channel, const char *where);
/* Whether the line, run or record that was delivered last ended with the
 * stream, not with its delimiter or size. */
LEAT_API bool leat_channel_cut_short(const leat_channel *channel);

/* What a cutter says of the bytes that are there. */
typedef struct leat_cut {
	size_t size;        /* set by the caller */
	size_t need;        /* no value yet: ask again when at least that many are there; else 0 */
	size_t from, bytes; /* the value, none is fine: where it begins and how long it is */
	size_t used;        /* bytes that are done with it, counted from the first */
} leat_cut;
/* Looks at the first `bytes` bytes (at least 1) and fills in the zeroed cut; an
 * error fails the read, nothing is consumed.  It consumes nothing itself: it
 * is asked about the same bytes again. */
typedef leat_error (*leat_cutter)(const void *ctx, const void *data, size_t bytes, leat_cut *cut);
/* The next value by a cutter; the context is lent.  TRUNCATED where the end
 * came inside one; INVALID where the cut makes no sense. */
#define leat_channel_cut(...) leat_channel_cut_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_channel_cut_at(leat_channel *channel, leat_cutter cutter, const void *ctx,
                                                     const char *where);

/* ---- reading: each resolves with an int; cancelling loses no byte ---- */

/* Drops everything up to the next LF, however much that is, or up to the
 * end: resolves with the number of bytes.  Cancelled: what was dropped is,
 * the rest of the line is still there. */
#define leat_channel_drop_line(channel) leat_channel_drop_line_at((channel), LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_channel_drop_line_at(leat_channel *channel, const char *where);
/* Resolves with `bytes` when leat_channel_peek has that many; with less only
 * where the end came first, 0: nothing is left.  Consumes nothing. */
#define leat_channel_ensure(...) leat_channel_ensure_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_channel_ensure_at(leat_channel *channel, size_t bytes, const char *where);
/* An unsigned integer of 1 to 8 bytes (else INVALID), big- or little-endian;
 * one above INT64_MAX is negative.  TRUNCATED where the end comes first, what
 * there was of it is still there: none, if leat_channel_buffered says 0. */
#define leat_channel_be(...) leat_channel_be_at(__VA_ARGS__, LEAT_HERE)
#define leat_channel_le(...) leat_channel_le_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_channel_be_at(leat_channel *channel, unsigned width, const char *where);
LEAT_API LEAT_NODISCARD leat_io *leat_channel_le_at(leat_channel *channel, unsigned width, const char *where);

/* ---- what is there already ---- */

/* As leat_channel_line, at once and without an io: gives the line, or NULL
 * where it is not there, there is none, it is too long, a read is undelivered,
 * or memory is short: leat_channel_line tells which. */
LEAT_API LEAT_NODISCARD leat_buf *leat_channel_try_line(leat_channel *channel, size_t limit);
/* How many bytes are there. */
LEAT_API size_t leat_channel_buffered(const leat_channel *channel);
/* The first bytes, `*bytes` in one piece: all where there are few, at least
 * what leat_channel_ensure said.  Not NULL.  Good until the next call on the
 * channel. */
LEAT_API const void *leat_channel_peek(const leat_channel *channel, size_t *bytes);
/* Drops the first `bytes` bytes, at most all; gives how many: 0 while a read
 * is undelivered. */
LEAT_API size_t leat_channel_consume(leat_channel *channel, size_t bytes);

/* ---- writing ---- */

/* Put copies its bytes behind what was put before.  Where they do not fit into
 * the limit (LIMIT), or there is no memory (NOMEM), the next flush fails with
 * that and drops all that was put until then: what is flushed is sent whole or
 * not at all.  leat_channel_room asks before. */
LEAT_API void leat_channel_put(leat_channel *channel, const void *data, size_t bytes);
LEAT_API void leat_channel_printf(leat_channel *channel, const char *format, ...) LEAT_PRINTF(2, 3);
LEAT_API void leat_channel_vprintf(leat_channel *channel, const char *format, va_list words) LEAT_PRINTF(2, 0);
/* The lowest `width` bytes of an integer, 1 to 8 (else INVALID). */
LEAT_API void leat_channel_put_be(leat_channel *channel, uint64_t value, unsigned width);
LEAT_API void leat_channel_put_le(leat_channel *channel, uint64_t value, unsigned width);
/* As if something had been put that could not be: the next flush fails. */
LEAT_API void leat_channel_put_failed(leat_channel *channel, leat_error error);
/* How many more bytes can be put before the next flush. */
LEAT_API size_t leat_channel_room(const leat_channel *channel);
/* The limit of what is put and not flushed; 0: LEAT_PUT_LIMIT_USUAL. */
LEAT_API void leat_channel_set_put_limit(leat_channel *channel, size_t bytes);
/* Sends what was put, in one leat_flow_send: resolves, fails and is cancelled
 * as that is.  BUSY while an earlier write is pending: then all of it is still
 * put. */
#define leat_channel_flush(channel) leat_channel_flush_at((channel), LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_channel_flush_at(leat_channel *channel, const char *where);

LEAT_END
#endif

/* SPDX-License-Identifier: ISC */
/* flow - one end of a reliable byte stream
 *
 * The contract, clause by clause, is doc/contract.md; the letters in brackets
 * name its clauses.  In short: reads are pulled and fresh; every byte arrives
 * before the end or the error; the end of reading does not touch writing;
 * writes resolve when accepted within a bounded queue; close flushes, tells
 * the peer and resolves when both directions have shut; abort never waits.
 *
 * The handle is counted.  After close, abort or being taken by a layer every
 * operation on it gives CLOSED; the last unref frees it [A3].  Giving the
 * last reference back without close aborts.  Each call is legal inside every
 * callback [A2].  No constructor gives NULL: one that cannot be made is
 * stillborn, and its operations fail with the reason.
 */
#ifndef LEAT_FLOW_H
#define LEAT_FLOW_H

#include <leat/addr.h>
#include <leat/api.h>
#include <leat/error.h>
#include <leat/io.h>

LEAT_BEGIN

typedef enum leat_direction { LEAT_READ = 1, LEAT_WRITE = 2, LEAT_BOTH = 3 } leat_direction;

/* ---- reading ---- */

/* Resolves with a leat_buf of at least one byte, fresh: yours; with a NULL
 * buf at the end, again and again; or fails as the stream did, again and
 * again [R1-R6].  A second read while one is undelivered: BUSY [R8].
 * Cancelling loses no byte: the next read gets it [R9]. */
#define leat_flow_read(flow) leat_flow_read_at((flow), LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_flow_read_at(leat_flow *flow, const char *where);
/* Reads at least `min` and at most `max` bytes into `memory`, which is lent;
 * it is written at delivery only.  Resolves with the int number of bytes:
 * less than `min` only where the end came first; where `min` is 0, what has
 * come already, without waiting.  An error that comes first leaves what arrived
 * for the next read.  max < min, or max 0: INVALID.
 * Cancelling loses no byte. */
#define leat_flow_read_into(...) leat_flow_read_into_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_flow_read_into_at(leat_flow *flow, void *memory, size_t min, size_t max,
                                                        const char *where);
/* Puts bytes back: takes the buf; it comes first at the next read, before
 * what was put back earlier [R10].  A read that waits gets it, but for one whose
 * bytes are on their way to it already.  On an ended handle the buf is freed. */
LEAT_API void leat_flow_unread(leat_flow *flow, leat_buf *buf);

/* ---- writing ---- */

/* Resolve with nothing when all of it was accepted: by the transport or into
 * the bounded queue [W1, W2, W8].  While one is pending another is BUSY.
 * After close, shutdown(write) or the peer's going: CLOSED [W6].  An error is
 * sticky [W5].  What is written in one turn goes out together at its end
 * [W9].  Cancelling a pending one withdraws it whole if none of it was handed
 * on, else it goes on by itself [W10].
 *   write, writev  borrow the memory until they return: what cannot be sent
 *                  now is copied [W7]; of fewer than 0 parts: INVALID
 *   send           takes the buf, copies nothing */
#define leat_flow_write(...) leat_flow_write_at(__VA_ARGS__, LEAT_HERE)
#define leat_flow_writev(...) leat_flow_writev_at(__VA_ARGS__, LEAT_HERE)
#define leat_flow_send(...) leat_flow_send_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_flow_write_at(leat_flow *flow, const void *data, size_t bytes, const char *where);
LEAT_API LEAT_NODISCARD leat_io *leat_flow_writev_at(leat_flow *flow, const struct iovec *parts, int count,
                                                     const char *where);
LEAT_API LEAT_NODISCARD leat_io *leat_flow_send_at(leat_flow *flow, leat_buf *buf, const char *where);
/* A write of at most so many bytes has its outcome at once; 0 where each would
 * wait, or fail. */
LEAT_API size_t leat_flow_room(const leat_flow *flow);
/* Tries the transport inside the call; resolves when it has everything that
 * was written so far.  Cancelling it changes nothing else. */
#define leat_flow_flush(flow) leat_flow_flush_at((flow), LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_flow_flush_at(leat_flow *flow, const char *where);

/* ---- ending ---- */

/* write: flushes, then tells the peer; resolves when it was told [H1].
 * read: later reads give the end, what arrives is discarded, the peer is not
 * told [H2].  Resolves with nothing also where the stream broke first (T4);
 * NOMEM where there was no memory to tell the peer, who does not know then.
 * Cancelling it does not call it back. */
#define leat_flow_shutdown(...) leat_flow_shutdown_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_flow_shutdown_at(leat_flow *flow, leat_direction direction, const char *where);
/* Flushes, tells the peer that no more comes, and resolves when the peer has
 * shut too, with how it ended: see leat_result_ending.  Never fails [T4, C1-
 * C11].  A pending read and write go on and settle first; what arrives may
 * be read, and is discarded only over the read bound and where nobody has read
 * since the close, or for a second [C4].  Where writing has failed, and not
 * since the peer is gone, it cuts the stream at once, and says why it failed:
 * the peer must not take what it has for all.  Closing again gives the same.
 * Detached, it goes on; cancelling the last of them aborts. */
#define leat_flow_close(flow) leat_flow_close_at((flow), LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_flow_close_at(leat_flow *flow, const char *where);
/* Ends the stream at once: the peer sees a reset or the nearest there is,
 * pending operations fail with CLOSED [A1].  In a child of fork, of a flow from
 * before: only its descriptor is closed, see leat_loop_after_fork.  Again: nothing. */
LEAT_API void leat_flow_abort(leat_flow *flow);

/* The value of a close: no error where both directions were shut in order,
 * else what cut it short (TIMEOUT: the peer lingered; RESET; CLOSED: aborted). */
LEAT_API extern const leat_type leat_ending_type;
#define leat_result_ending(result) leat_result_ending_at((result), LEAT_HERE)
LEAT_API leat_error leat_result_ending_at(const leat_result *result, const char *where);

/* ---- the handle ---- */

/* leat_await for an io that gives a flow.  Where it failed the flow is
 * stillborn, with the reason: what is asked of it fails in turn.  `why` may be
 * NULL; else it is set to the error, or to none. */
#define leat_await_flow(...) leat_await_flow_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_flow *leat_await_flow_at(leat_io *io, leat_error *why, const char *where);
LEAT_API leat_flow *leat_flow_ref(leat_flow *flow);
/* The last one frees; a stream that was not closed is aborted.  NULL is let
 * be. */
LEAT_API void leat_flow_unref(leat_flow *flow);
LEAT_API leat_loop *leat_flow_loop(const leat_flow *flow);

/* What is known of a flow.  Zero or -1 where there is no such thing. */
typedef struct leat_flow_info {
	size_t size;      /* sizeof(leat_flow_info), set by the caller */
	const char *kind; /* "socket" */
	const char *where; /* where it was made */
	int fd;           /* the descriptor, or -1: look, do not touch */
	leat_direction directions;
	leat_addr local, peer; /* as the kernel says now: no peer after a reset */
	uint64_t read_bytes, written_bytes; /* given to readers; accepted from writers */
	uint32_t reads, writes;             /* the operations that did so */
	size_t queued_bytes;                /* accepted, not yet taken by the transport */
	size_t kept_bytes;                  /* arrived, not yet read */
	bool read_ended, write_ended;       /* each direction, for whatever reason */
	bool closed;                        /* the handle is a shell */
	/* what the cancel of the last write did, if it was [W10]; NONE: it had been accepted */
	enum leat_withdrawal { LEAT_WRITE_NONE, LEAT_WRITE_WITHDRAWN, LEAT_WRITE_GOES_ON } cancelled_write;
} leat_flow_info;
/* Fills what `info->size` has room for.  Asks the kernel for addresses. */
LEAT_API void leat_flow_info_get(leat_flow *flow, leat_flow_info *info);

/* Limits of one flow.  0: the default; times in ms, negative: never. */
typedef struct leat_flow_limits {
	size_t size;
	size_t high_water_bytes; /* writes pend above it; 65536 */
	size_t read_bytes;       /* kept unread while closing; 65536 */
	int64_t linger_ms;       /* closing: the peer's silence after our end; 30 s [C5] */
	int64_t stall_ms;        /* closing: flushing without progress; 30 s */
	int64_t close_ms;        /* closing, all told; never */
	int64_t idle_ms;         /* open, nothing read and nothing written: pending operations fail with TIMEOUT; never */
} leat_flow_limits;
/* Sets them; NOMEM or CLOSED otherwise.  They hold at once: a pending write that
 * is below the mark by now resolves, and the times begin anew, those of a close
 * that is under way as well. */
LEAT_API leat_error leat_flow_set_limits(leat_flow *flow, const leat_flow_limits *limits);

/* ---- kinds of flow ---- */

/* Over any bufferevent of the loop's base: takes it over with what is queued
 * in it, callbacks included, and frees it at the end.  A socket's descriptor
 * is closed then, whatever BEV_OPT_CLOSE_ON_FREE says; of a filter and of
 * OpenSSL that option says what becomes of what they stand on.  A plain
 * connected socket bufferevent is served by the socket lane.  A descriptor
 * that libevent writes itself raises SIGPIPE on a broken stream: ignore that
 * signal.  Its timeouts and rate limits go on; its watermarks do not. */
#define leat_flow_from_bufferevent(...) leat_flow_from_bufferevent_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_flow *leat_flow_from_bufferevent_at(leat_loop *loop, struct bufferevent *bev,
                                                                 const char *where);
/* Gives it back, with what arrived and was not read in its input and what
 * was not sent in its output, disabled, its callbacks unset; the handle is a
 * shell from then on.  An end or an error of reading that has come already is
 * told again: by the descriptor to who reads it, else in the next turn to the
 * callback that is set by then.  One that the socket lane had served is a new
 * one, with BEV_OPT_CLOSE_ON_FREE.  BUSY while an operation is pending, and in
 * the turn in which a pair's partner was freed; UNSUPPORTED for a flow that did
 * not come from one; *bev is NULL then. */
LEAT_API leat_error leat_flow_to_bufferevent(leat_flow *flow, struct bufferevent **bev);
/* Over a descriptor: a connected stream socket, a pipe, a tty.  Takes it and
 * makes it nonblocking; on failure (a bad descriptor, a regular file) it is
 * closed and the flow stillborn.  A pipe or tty has the directions its open
 * mode has; where both are on one descriptor the peer hears of a shutdown
 * only when it is closed. */
#define leat_flow_from_fd(...) leat_flow_from_fd_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_flow *leat_flow_from_fd_at(leat_loop *loop, int fd, const char *where);
/* Two descriptors as one flow: what is read, and where it is written; -1: not
 * that direction.  The same one twice is leat_flow_from_fd's. */
#define leat_flow_from_fds(...) leat_flow_from_fds_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_flow *leat_flow_from_fds_at(leat_loop *loop, int in, int out, const char *where);
/* Two ends in memory: what is written to one is read from the other.  Each
 * holds at most its high-water mark, plus one write. */
#define leat_flow_pair(...) leat_flow_pair_at(__VA_ARGS__, LEAT_HERE)
LEAT_API void leat_flow_pair_at(leat_loop *loop, leat_flow *ends[2], const char *where);
/* A regular file, to be read: `bytes` of it from `offset` on, less where it
 * ends before that; LEAT_FILE_ALL: to its end.  By its path, or by a
 * descriptor, which is taken and whose own position is let be.  Stillborn: as
 * open(2) failed; INVALID where it is no regular file or may not be read, or the
 * offset is negative.  A read is made inside the call: what is not in the page
 * cache is waited for, and the loop with it.  leat_copy has the kernel send it
 * to a socket. */
#define LEAT_FILE_ALL UINT64_MAX
#define leat_flow_from_file(...) leat_flow_from_file_at(__VA_ARGS__, LEAT_HERE)
#define leat_flow_from_file_fd(...) leat_flow_from_file_fd_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_flow *leat_flow_from_file_at(leat_loop *loop, const char *path, int64_t offset,
                                                          uint64_t bytes, const char *where);
LEAT_API LEAT_NODISCARD leat_flow *leat_flow_from_file_fd_at(leat_loop *loop, int fd, int64_t offset, uint64_t bytes,
                                                             const char *where);
/* Reads give the end, writes vanish. */
#define leat_flow_null(loop) leat_flow_null_at((loop), LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_flow *leat_flow_null_at(leat_loop *loop, const char *where);

LEAT_END
#endif

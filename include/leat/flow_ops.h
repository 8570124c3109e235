/* SPDX-License-Identifier: ISC */
/* flow_ops - making a flow of your own
 *
 * An implementation only moves bytes.  The guard in front of it checks the
 * contract (doc/contract.md): one read at a time, order, stickiness, queue
 * and marks, closing with its lingering, giving back what was cancelled.
 * The library's own kinds use these calls and no others.
 *
 * `self` is the flow as its implementation knows it.  It stays good until
 * ops->destroy, whatever the handle's holders do.  Every leat_flow_... call
 * of this header may be made inside an op and at any later time; after
 * close or abort they do nothing but free what they were given.  One that tells
 * an end, an error, or what a close waits for may run ops->destroy inside it:
 * make it the last thing, or hold a reference.
 */
#ifndef LEAT_FLOW_OPS_H
#define LEAT_FLOW_OPS_H

#include <leat/buf.h>
#include <leat/direct.h>
#include <leat/flow.h>

LEAT_BEGIN

/* A descriptor that a flow has lent, one direction of it: see leat_flow_lease. */
typedef struct leat_lease {
	size_t size; /* sizeof(leat_lease): set by the borrower, as are these two */
	/* The flow has taken it back, because it is closed, shut, aborted, unread
	 * or idle for too long: the lease is over, `why` is what an operation
	 * that had been pending would have failed with, or none where it would
	 * have gone on - then so may the borrower, by ordinary operations.  Runs
	 * inside that call, before it does anything to a flow that is not
	 * aborted: let go of the descriptor here; any call but await is legal. */
	void (*recall)(void *ctx, leat_error why);
	void *ctx;
	leat_flow *flow;          /* NULL: over */
	leat_direction direction;
	int fd;                   /* wait for it, look at it; move bytes by the calls below only */
	int64_t offset;           /* of a file: where the next byte is; else -1 */
	uint64_t left;            /* of a file: how many are wanted of it */
	leat_error error;         /* over: what a call below found wrong with the stream; else none */
} leat_lease;

typedef struct leat_flow_ops {
	size_t size;               /* sizeof(leat_flow_ops) */
	const char *name;          /* "socket" */
	size_t state_bytes;        /* zeroed memory in the same allocation as the flow */
	leat_direction directions; /* 0: both */
	/* true: close alone tells the peer of the end, where nothing is queued
	 * and the peer's end was seen; shutdown is then skipped */
	bool close_tells;

	/* Something is wanted: answer once, now or later, with leat_flow_give,
	 * _give_end or _give_error.  Not called again before the answer, nor
	 * while the flow listens (leat_flow_listens); may be called from inside
	 * the answer's successor only. */
	void (*read)(leat_flow *self, void *state);
	/* Bytes wait in the queue: take what the transport takes now.  Where
	 * something is left, call leat_flow_writable when it can go on; not
	 * called before.  Called at the end of the turn in which bytes were
	 * written, also while what was taken before is still under way: a layer
	 * whose send below is pending takes nothing.  A buf may be wrapped: drop
	 * or unref it last, for its release may end this flow. */
	void (*write)(leat_flow *self, void *state, leat_bufs *queue);
	/* The queue is empty: have what you took reach the transport, then call
	 * leat_flow_flushed.  NULL: what is taken is there already. */
	void (*flush)(leat_flow *self, void *state);
	/* The queue is empty and no more will come: tell the peer, then call
	 * leat_flow_told.  Once.  What you took may be under way still: a layer
	 * waits for its write below before it writes an end mark there. */
	void (*shutdown)(leat_flow *self, void *state);
	/* Both directions have ended in order, or ours has and the loop ends: free
	 * what the transport holds, take nothing back that is on its way.
	 * No op but destroy is called after close or abort.  NULL: nothing. */
	void (*close)(leat_flow *self, void *state);
	/* The stream is cut now: the peer is to see a reset, or the nearest.
	 * NULL: nothing. */
	void (*abort)(leat_flow *self, void *state);
	/* The last reference is gone; the state's memory goes next.  NULL:
	 * nothing to do. */
	void (*destroy)(void *state);
	/* Fill in what only you know: fd, local, peer.  NULL: nothing. */
	void (*info)(leat_flow *self, void *state, leat_flow_info *info);
	/* Lend the descriptor of one direction, whose bytes are the flow's as
	 * they are: fill in lease->fd, of a file offset and left too, and touch
	 * that direction no more until the next op that concerns it.  Called only
	 * where nothing is kept, wanted, queued or under way there.  False: not
	 * this one.  NULL: never. */
	bool (*lease_fd)(leat_flow *self, void *state, leat_lease *lease);
	/* That many bytes have moved under the lease, by which its offset and
	 * left have changed.  NULL: it makes no difference. */
	void (*leased)(leat_flow *self, void *state, const leat_lease *lease, size_t bytes);
	/* Move at most that many bytes, at least one is wanted, into the memory, now and
	 * without waiting; give how many.  Called only where no answer is owed; the end or an
	 * error found there is told as ever.  Where it is there and bytes have come, ask
	 * leat_flow_give_readable before you read them.  NULL: never. */
	size_t (*take)(leat_flow *self, void *state, void *memory, size_t room);
	/* Move of these bytes, at least one, what the transport takes now, without waiting;
	 * give how many.  Called only where nothing is queued, and leat_flow_writable is not
	 * owed; what it did not take may come again by ops->write.  NULL: never. */
	size_t (*put)(leat_flow *self, void *state, const struct iovec *parts, int count);
} leat_flow_ops;

/* Gives a flow with one reference, and its zeroed state through `state`.
 * Without memory the flow is stillborn and *state NULL: stop there. */
#define leat_flow_new(...) leat_flow_new_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_flow *leat_flow_new_at(leat_loop *loop, const leat_flow_ops *ops, void **state,
                                                    const char *where);
/* Gives a flow all of whose operations fail with the error. */
LEAT_API LEAT_NODISCARD leat_flow *leat_flow_stillborn(leat_loop *loop, leat_error error);

/* Answers to ops->read: bytes (takes; a buf without any aborts: nobody would ask
 * again), the end, an error.  The last two are sticky and final.  The end and an error may also be told unasked;
 * bytes only when asked. */
LEAT_API void leat_flow_give(leat_flow *self, leat_buf *buf);
LEAT_API void leat_flow_give_end(leat_flow *self);
LEAT_API void leat_flow_give_error(leat_flow *self, leat_error error);
/* The answer of who has ops->take, while the transport has bytes: true where who waits
 * only wants to know that, and was told - take none; false: read and give as ever. */
LEAT_API bool leat_flow_give_readable(leat_flow *self);
/* Whether an answer is awaited; once the flow has ended: was then. */
LEAT_API bool leat_flow_wanted(const leat_flow *self);
/* From now on the transport listens by itself, or it does so no longer (as
 * after the end, an error, close and abort, unasked).  While it listens,
 * ops->read is not called: ask leat_flow_wanted when bytes are there.  What
 * listens for nobody hides no deadlock from leat_await. */
LEAT_API void leat_flow_listens(leat_flow *self, bool listens);
/* The transport takes bytes again: ops->write is called, inside this call. */
LEAT_API void leat_flow_writable(leat_flow *self);
/* Writing has failed: sticky and final; what was queued is dropped. */
LEAT_API void leat_flow_write_failed(leat_flow *self, leat_error error);
/* The answer to ops->flush. */
LEAT_API void leat_flow_flushed(leat_flow *self);
/* The answer to ops->shutdown. */
LEAT_API void leat_flow_told(leat_flow *self);

/* For layers: takes the caller's reference on `flow` and gives a fresh handle
 * on the same stream; the old handle answers CLOSED from now on, whoever else
 * holds it.  BUSY (stillborn, and the flow is aborted) where a read or write
 * is pending, or goes on right now. */
LEAT_API LEAT_NODISCARD leat_flow *leat_flow_take(leat_flow *flow);
/* For layers: takes an io of the loop, work on the flow below, and holds it for
 * this one.  Where it fails, but for CANCELLED, that is what its direction fails
 * with: leat_flow_give_error, leat_flow_write_failed, LEAT_BOTH both; NOMEM where
 * there is no memory to hold it.  A value that it gives is destroyed.  What is
 * still pending when the flow ends is cancelled, the newest first, before
 * ops->close or ops->abort is called; so is, at once, what comes later. */
#define leat_flow_keep(...) leat_flow_keep_at(__VA_ARGS__, LEAT_HERE)
LEAT_API void leat_flow_keep_at(leat_flow *self, leat_direction direction, leat_io *io, const char *where);
/* ---- leases: bytes that move without coming into this process ----
 *
 * Who copies from one flow to another may have the kernel move the bytes
 * between their descriptors.  A flow whose kind can lends the descriptor of
 * one direction, and takes it back at any time.  While it is lent reads or
 * writes are BUSY; all else is as ever: close, shutdown, abort and the end of
 * the loop recall it first.  What moves is counted (leat_flow_info). */

/* Fills in the lease, which the borrower keeps in place until it is over; it
 * holds the flow.  UNSUPPORTED: this flow never lends; BUSY: not now, since
 * bytes are kept or queued there, an operation is under way, the direction has
 * ended, or is being recalled; INVALID: without a recall; NOMEM; CLOSED. */
LEAT_API leat_error leat_flow_lease(leat_flow *flow, leat_direction direction, leat_lease *lease);
/* Gives it back; one that is over is let be. */
LEAT_API void leat_lease_end(leat_lease *lease);
/* Move at most that many bytes now, without waiting and without SIGPIPE:
 *   take   from the lease of a read into a pipe      splice(2)
 *   put    from a pipe into the lease of a write     splice(2)
 *   send   from the lease of a file into the other   sendfile(2)
 * Give how many; 0: nothing can be moved now, wait for the descriptor; -1: a
 * lease is over.  Where its direction has failed its `error` is what a read or
 * write would have failed with, and was that write: later ones are CLOSED.  Where
 * it has ended, or cannot do this, there is none: the next read or write of its
 * flow tells which.  A file that has ended, or has less than was wanted, is the
 * one that is over. */
LEAT_API int64_t leat_lease_take(leat_lease *from, int pipe, size_t most);
LEAT_API int64_t leat_lease_put(leat_lease *to, int pipe, size_t most);
LEAT_API int64_t leat_lease_send(leat_lease *to, leat_lease *file, size_t most);

/* The state, where the flow is made of these ops and not ended; else NULL. */
LEAT_API void *leat_flow_state(leat_flow *flow, const leat_flow_ops *ops);

LEAT_END
#endif

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
 * close or abort they do nothing but free what they were given.
 */
#ifndef LEAT_FLOW_OPS_H
#define LEAT_FLOW_OPS_H

#include <leat/buf.h>
#include <leat/flow.h>

LEAT_BEGIN

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
	 * leat_flow_told.  Once. */
	void (*shutdown)(leat_flow *self, void *state);
	/* Both directions have ended in order: free what the transport holds.
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
} leat_flow_ops;

/* Gives a flow with one reference, and its zeroed state through `state`.
 * Without memory the flow is stillborn and *state NULL: stop there. */
#define leat_flow_new(loop, ops, state) leat_flow_new_at((loop), (ops), (state), LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_flow *leat_flow_new_at(leat_loop *loop, const leat_flow_ops *ops, void **state,
                                                    const char *where);
/* Gives a flow all of whose operations fail with the error. */
LEAT_API LEAT_NODISCARD leat_flow *leat_flow_stillborn(leat_loop *loop, leat_error error);

/* Answers to ops->read: bytes (takes; not none), the end, an error.  The last
 * two are sticky and final.  The end and an error may also be told unasked;
 * bytes only when asked. */
LEAT_API void leat_flow_give(leat_flow *self, leat_buf *buf);
LEAT_API void leat_flow_give_end(leat_flow *self);
LEAT_API void leat_flow_give_error(leat_flow *self, leat_error error);
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
 * is pending. */
LEAT_API LEAT_NODISCARD leat_flow *leat_flow_take(leat_flow *flow);
/* For layers: takes an io of the loop, work on the flow below, and holds it for
 * this one.  Where it fails, but for CANCELLED, that is what its direction fails
 * with: leat_flow_give_error, leat_flow_write_failed, LEAT_BOTH both; NOMEM where
 * there is no memory to hold it.  A value that it gives is destroyed.  What is
 * still pending when the flow ends is cancelled, the newest first, before
 * ops->close or ops->abort is called; so is, at once, what comes later. */
#define leat_flow_keep(self, direction, io) leat_flow_keep_at((self), (direction), (io), LEAT_HERE)
LEAT_API void leat_flow_keep_at(leat_flow *self, leat_direction direction, leat_io *io, const char *where);
/* The state, where the flow is made of these ops and not ended; else NULL. */
LEAT_API void *leat_flow_state(leat_flow *flow, const leat_flow_ops *ops);

LEAT_END
#endif

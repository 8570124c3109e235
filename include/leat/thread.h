/* SPDX-License-Identifier: ISC */
/* thread - a loop as other threads know it, and work that blocks
 *
 * A loop and all that belongs to it - ios, makers, flows, bufs - are used on
 * the loop's thread only.  What is here is the exception: each call says on
 * which thread it may be made.  The library starts no thread but those of
 * leat_offload, and never takes a lock to post or to settle.
 *
 * What may cross from one thread to another: numbers, errors, bytes (they are
 * copied), functions with their contexts, and pointers whose type is not
 * `local`.  A type's destroy may then run on either thread.
 */
#ifndef LEAT_THREAD_H
#define LEAT_THREAD_H

#include <leat/api.h>
#include <leat/error.h>
#include <leat/io.h>

LEAT_BEGIN

/* ---- posting ---- */

/* A loop as other threads know it: counted, good also after the loop is gone.
 * While somebody holds one event_base_dispatch does not return, and leat_await
 * sees no deadlock: something may come. */
typedef struct leat_remote leat_remote;

/* On the loop's thread.  Never NULL: one that cannot be made is stillborn, and
 * posting to it fails with the reason: NOMEM, LIMIT (descriptors), CLOSED. */
LEAT_API LEAT_NODISCARD leat_remote *leat_remote_new(leat_loop *loop);
/* On any thread.  NULL is let be by unref. */
LEAT_API leat_remote *leat_remote_ref(leat_remote *remote);
LEAT_API void leat_remote_unref(leat_remote *remote);

/* What is posted: runs on the loop's thread, from its queue, with no user's
 * frame above, as a continuation does. */
typedef void (*leat_post_fn)(void *ctx, leat_loop *loop);
/* On any thread.  NONE: fn runs, once; those of one thread in their order; at
 * the latest while the loop is freed, when starters give CLOSED.  CLOSED (the
 * loop is freed), NOMEM, or why the remote is stillborn: it does not.  An owned
 * context is destroyed after fn, on the loop's thread; where fn does not run an
 * owned or moved one is destroyed inside the call.  Not for signal handlers. */
static inline leat_kind leat_post(leat_remote *remote, leat_post_fn fn, leat_ctx ctx);
/* The same with the parts of a context, which so stay in registers. */
LEAT_API leat_kind leat_post_parts(leat_remote *remote, leat_post_fn fn, void *data, void (*destroy)(void *data),
                                   bool moved);
static inline leat_kind leat_post(leat_remote *remote, leat_post_fn fn, leat_ctx ctx)
{
	return leat_post_parts(remote, fn, ctx.data, ctx.destroy, ctx.moved);
}

/* ---- settling from another thread ---- */

/* A maker that any thread may settle, once.  A value, freely copied. */
typedef struct leat_remote_maker {
	struct lt_remote_cell *cell;
	uint32_t generation;
} leat_remote_maker;

/* On the loop's thread.  Gives a pending io and its maker.  Refused: the io has
 * failed (NOMEM, LIMIT, CLOSED) and the maker is void: settling it disposes of
 * the value quietly.  Each maker must be settled or dropped in the end: until
 * then it keeps some memory, also after the loop is gone. */
#define leat_io_new_remote(...) leat_io_new_remote_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_io_new_remote_at(leat_loop *loop, leat_remote_maker *maker, const char *where);

/* On any thread.  Settle: with nothing, a number, a pointer (takes), bytes
 * (copies; the io gives a leat_buf), an error.  Needs no memory but for the
 * bytes; without, the io fails with NOMEM.  Nobody waits any more - the io was
 * cancelled, the loop is freed: a quiet no-op, the value is destroyed here or
 * on the loop's thread.  Twice: aborts and names both places.  A type that is
 * `local`, as leat_buf_type: aborts. */
#define leat_remote_resolve(maker) leat_remote_resolve_at((maker), LEAT_HERE)
#define leat_remote_resolve_int(...) leat_remote_resolve_int_at(__VA_ARGS__, LEAT_HERE)
#define leat_remote_resolve_ptr(...) leat_remote_resolve_ptr_at(__VA_ARGS__, LEAT_HERE)
#define leat_remote_resolve_bytes(...) leat_remote_resolve_bytes_at(__VA_ARGS__, LEAT_HERE)
#define leat_remote_reject(...) leat_remote_reject_at(__VA_ARGS__, LEAT_HERE)
LEAT_API void leat_remote_resolve_at(leat_remote_maker maker, const char *where);
LEAT_API void leat_remote_resolve_int_at(leat_remote_maker maker, int64_t value, const char *where);
LEAT_API void leat_remote_resolve_ptr_at(leat_remote_maker maker, void *pointer, const leat_type *type,
                                         const char *where);
LEAT_API void leat_remote_resolve_bytes_at(leat_remote_maker maker, const void *data, size_t bytes, const char *where);
LEAT_API void leat_remote_reject_at(leat_remote_maker maker, leat_error error, const char *where);
/* On any thread.  Given up without an answer: fails with BROKEN; a no-op where
 * it was settled. */
#define leat_remote_drop(maker) leat_remote_drop_at((maker), LEAT_HERE)
LEAT_API void leat_remote_drop_at(leat_remote_maker maker, const char *where);
/* On any thread, of a maker not settled: whether anybody waits still.  For work
 * that can stop early. */
LEAT_API bool leat_remote_live(leat_remote_maker maker);

/* ---- work that blocks ---- */

/* Runs on a thread of the loop's; may block, and may not touch the loop.  Its
 * answer is what it settles `answer` with, before it returns; without one it is
 * nothing.  leat_remote_live(answer) tells whether anybody waits still. */
typedef void (*leat_blocking_fn)(void *ctx, leat_remote_maker answer);
/* On the loop's thread.  Has one of the loop's threads run fn, as soon as one is
 * free - those of one loop are at most leat_loop_options.offload_threads, made
 * when they are needed, with all signals blocked - and resolves with its answer
 * when it has returned.  An owned context is destroyed then, on the loop's
 * thread.  Fails with NOMEM, LIMIT (no thread, no descriptor).  Cancelling:
 * what has not begun never does; what runs goes on to its end, its answer and
 * its context are destroyed then; leat_io_cancel_wait tells when.  leat_loop_free waits for what runs. */
#define leat_offload(...) leat_offload_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_offload_at(leat_loop *loop, leat_blocking_fn fn, leat_ctx ctx, const char *where);

/* ---- a flow for another loop ---- */

/* A stream on its way: a descriptor, what was read from it and not yet by the
 * user, which directions have ended, the flow's limits and counters.  Any thread
 * may hold it, one at a time. */
typedef struct leat_parcel leat_parcel;

/* On the flow's thread, of a flow over descriptors ("socket", "pipe") that is
 * quiet.  No error: *parcel is given, the handle is a shell from then on.  Else
 * *parcel is NULL and nothing has changed: BUSY while an operation is pending or
 * the transport has not taken what was written (flush first), UNSUPPORTED for
 * any other kind, the error that ended the stream, CLOSED, NOMEM. */
LEAT_API leat_error leat_flow_export(leat_flow *flow, leat_parcel **parcel);
/* On the loop's thread.  Takes the parcel; gives its flow, which begins with
 * what was unread.  Where it cannot the stream is cut and the flow stillborn:
 * NOMEM, CLOSED. */
#define leat_flow_import(...) leat_flow_import_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_flow *leat_flow_import_at(leat_loop *loop, leat_parcel *parcel, const char *where);
/* On any thread.  Takes it: the stream is cut as by leat_flow_abort.  NULL is
 * let be. */
LEAT_API void leat_parcel_free(leat_parcel *parcel);
/* The context for leat_post: moved, freed where the function does not run. */
LEAT_API leat_ctx leat_ctx_parcel(leat_parcel *parcel);

LEAT_END
#endif

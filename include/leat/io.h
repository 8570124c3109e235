/* SPDX-License-Identifier: ISC */
/* io - a value that will be there later, or an error
 *
 * A leat_io * is linear: whoever is passed one owns it, and every call here
 * that takes one consumes it (leat_io_try only where it says true).  A call
 * that starts work gives an io, never NULL: a refusal is an io that has
 * already failed.  Continuations run from the loop's queue, first in first
 * out, never inside the call that caused them.
 */
#ifndef LEAT_IO_H
#define LEAT_IO_H

#include <leat/api.h>
#include <leat/error.h>

LEAT_BEGIN

/* ---- values and their types ---- */

/* What a value is.  Static, compared by address. */
typedef struct leat_type {
	size_t size;      /* sizeof(leat_type) */
	bool plain;       /* the value is the union itself, copied; nobody to give it back to */
	bool local;       /* it belongs to its loop: no value for another thread to give */
	const char *name; /* for messages */
	/* ends a value that nobody took; NULL: nothing to do */
	void (*destroy)(void *value);
	/* gives a second value with the same meaning, for leat_io_fork; NULL:
	 * this type cannot be shared; the same pointer is fine where that is
	 * what it means */
	void *(*share)(void *value);
} leat_type;

LEAT_API extern const leat_type leat_int_type;  /* an int64_t */
LEAT_API extern const leat_type leat_buf_type;  /* a leat_buf *, or NULL: the end */
LEAT_API extern const leat_type leat_flow_type; /* a leat_flow * */
/* The mark of a failure, which leat_result_ok looks for; no type of a value. */
LEAT_API extern const leat_type leat_error_type;

/* Whom a value goes back to when nobody got it. */
typedef struct leat_giver {
	size_t size; /* sizeof(leat_giver) */
	/* the value was not delivered: takes it back, instead of its type's
	 * destroy and before contexts are destroyed; may run inside a cancel */
	void (*give_back)(void *ctx, void *value);
	/* the value was delivered: a callback, try or await got it */
	void (*delivered)(void *ctx, void *value);
} leat_giver;

/* A settled outcome: an error, a value, or nothing.  Public so that it can
 * live on a stack; look at it through the calls below. */
struct leat_result {
	const leat_type *type; /* NULL: nothing; leat_error_type: a failure */
	union {
		struct {
			union {
				void *pointer;
				int64_t integer;
			};
			const leat_giver *giver;
			void *giver_ctx;
		} value;
		leat_error error;
	} as;
	const char *where; /* where its io was made */
	leat_loop *loop;
};

/* Whether it succeeded. */
static inline bool leat_result_ok(const leat_result *result)
{
	return result->type != &leat_error_type;
}
/* The error; none where it succeeded. */
LEAT_API leat_error leat_result_error(const leat_result *result);
LEAT_API leat_loop *leat_result_loop(const leat_result *result);
/* The value.  Asking for the wrong type, or for the value of a failure,
 * aborts and names both places.  _buf, _flow and _ptr give it (once): what
 * is not taken is destroyed by its type after the callback. */
#define leat_result_int(result) leat_result_int_at((result), LEAT_HERE)
#define leat_result_buf(result) leat_result_buf_at((result), LEAT_HERE)
#define leat_result_flow(result) leat_result_flow_at((result), LEAT_HERE)
#define leat_result_ptr(...) leat_result_ptr_at(__VA_ARGS__, LEAT_HERE)
LEAT_API int64_t leat_result_int_at(const leat_result *result, const char *where);
LEAT_API leat_buf *leat_result_buf_at(leat_result *result, const char *where);
LEAT_API leat_flow *leat_result_flow_at(leat_result *result, const char *where);
LEAT_API void *leat_result_ptr_at(leat_result *result, const leat_type *type, const char *where);
/* The value of a pointer type without taking it; NULL where there is none. */
LEAT_API void *leat_result_peek(const leat_result *result);
/* Destroys what was not taken.  For results that await or try filled in. */
LEAT_API void leat_result_clear(leat_result *result);
/* Gives an io settled with the same outcome; empties the result.  Cancelling it
 * destroys the value. */
#define leat_result_pass(result) leat_result_pass_at((result), LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_result_pass_at(leat_result *result, const char *where);

/* The values of leat_io_all and leat_io_settle, in the order of their ios. */
LEAT_API size_t leat_result_count(const leat_result *result);
#define leat_result_each(...) leat_result_each_at(__VA_ARGS__, LEAT_HERE)
LEAT_API leat_result *leat_result_each_at(leat_result *result, size_t index, const char *where);

/* ---- contexts ---- */

/* A callback's context: borrowed, owned or moved.  An owned one is destroyed
 * exactly once: when its promise has its outcome, or is cancelled - also
 * where the callback was skipped.  A moved one is the callback's to free; it
 * is destroyed here only where the callback is skipped. */
typedef struct leat_ctx {
	void *data;
	void (*destroy)(void *data);
	bool moved;
} leat_ctx;

static inline leat_ctx leat_ctx_none(void)
{
	leat_ctx ctx = { NULL, NULL, false };
	return ctx;
}
static inline leat_ctx leat_ctx_borrow(void *data)
{
	leat_ctx ctx = { data, NULL, false };
	return ctx;
}
static inline leat_ctx leat_ctx_own(void *data, void (*destroy)(void *data))
{
	leat_ctx ctx = { data, destroy, false };
	return ctx;
}
static inline leat_ctx leat_ctx_move(void *data, void (*destroy)(void *data))
{
	leat_ctx ctx = { data, destroy, true };
	return ctx;
}
/* Owns the handle: aborts the flow and gives the reference back. */
LEAT_API leat_ctx leat_ctx_flow(leat_flow *flow);
/* Owns the handle: gives the reference back. */
LEAT_API leat_ctx leat_ctx_buf(leat_buf *buf);

/* A continuation.  `result` is good until it returns.  The io it gives is
 * adopted: its outcome becomes the outcome of the promise; NULL is success
 * with nothing. */
typedef leat_io *(*leat_fn)(void *ctx, leat_result *result);

/* ---- making ---- */

/* The other end of an io: settles it, once.  A value, freely copied. */
typedef struct leat_maker {
	leat_io *io;
	uint32_t generation;
} leat_maker;

/* What an io made by leat_io_new needs.  Static. */
typedef struct leat_leaf {
	size_t size;        /* sizeof(leat_leaf) */
	const char *name;   /* for messages */
	size_t state_bytes; /* zeroed memory kept with the io; up to 24 bytes cost no allocation */
	/* the io was dropped before it settled: its maker is void; stop the
	 * work, free what the state holds; may call anything but await */
	void (*cancel)(void *state);
	/* for leat_dump: writes what it waits for, in a few words, as snprintf;
	 * looks only; NULL: its name is enough */
	int (*describe)(const void *state, char *out, size_t room);
} leat_leaf;

/* Gives a pending io and its maker.  `leaf` may be NULL: no state, no word
 * when it is cancelled.  `state` may be NULL; else it is set to the leaf's
 * memory, good until the io settles or is cancelled.  Refused: the io has
 * failed, the maker is void (settling it disposes of the value quietly) and
 * *state is NULL. */
#define leat_io_new(...) leat_io_new_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_io_new_at(leat_loop *loop, leat_maker *maker, const leat_leaf *leaf, void **state,
                                                const char *where);

/* Settle: with nothing, a number, a buf, a flow, a pointer, an outcome, an
 * error.  Values are taken.  On a cancelled io: a quiet no-op that disposes
 * of the value.  Twice: aborts. */
#define leat_resolve(maker) leat_resolve_at((maker), LEAT_HERE)
#define leat_resolve_int(...) leat_resolve_int_at(__VA_ARGS__, LEAT_HERE)
#define leat_resolve_buf(...) leat_resolve_buf_at(__VA_ARGS__, LEAT_HERE)
#define leat_resolve_flow(...) leat_resolve_flow_at(__VA_ARGS__, LEAT_HERE)
#define leat_resolve_ptr(...) leat_resolve_ptr_at(__VA_ARGS__, LEAT_HERE)
#define leat_resolve_result(...) leat_resolve_result_at(__VA_ARGS__, LEAT_HERE)
#define leat_reject(...) leat_reject_at(__VA_ARGS__, LEAT_HERE)
LEAT_API void leat_resolve_at(leat_maker maker, const char *where);
LEAT_API void leat_resolve_int_at(leat_maker maker, int64_t value, const char *where);
LEAT_API void leat_resolve_buf_at(leat_maker maker, leat_buf *buf, const char *where);
LEAT_API void leat_resolve_flow_at(leat_maker maker, leat_flow *flow, const char *where);
LEAT_API void leat_resolve_ptr_at(leat_maker maker, void *pointer, const leat_type *type, const char *where);
LEAT_API void leat_resolve_result_at(leat_maker maker, leat_result *result, const char *where);
LEAT_API void leat_reject_at(leat_maker maker, leat_error error, const char *where);
/* Resolves with a pointer that goes back to `giver` if nobody gets it. */
#define leat_resolve_lent(...) leat_resolve_lent_at(__VA_ARGS__, LEAT_HERE)
LEAT_API void leat_resolve_lent_at(leat_maker maker, void *pointer, const leat_type *type, const leat_giver *giver,
                                   void *giver_ctx, const char *where);
/* The maker is dropped without an answer: fails with BROKEN; a no-op where it
 * was settled or cancelled. */
#define leat_maker_drop(maker) leat_maker_drop_at((maker), LEAT_HERE)
LEAT_API void leat_maker_drop_at(leat_maker maker, const char *where);
/* Whether settling it would still reach anybody. */
LEAT_API bool leat_maker_live(leat_maker maker);

/* ios that are there already.  Nothing, 1 and 0 cost nothing: they are made
 * once for all, so their place is not the caller's (but in a debug build, which
 * sees when one is given away twice).  Cancelling one destroys its value. */
#define leat_io_done(loop) leat_io_done_at((loop), LEAT_HERE)
#define leat_io_int(...) leat_io_int_at(__VA_ARGS__, LEAT_HERE)
#define leat_io_buf(...) leat_io_buf_at(__VA_ARGS__, LEAT_HERE)
#define leat_io_flow(...) leat_io_flow_at(__VA_ARGS__, LEAT_HERE)
#define leat_io_ptr(...) leat_io_ptr_at(__VA_ARGS__, LEAT_HERE)
#define leat_io_fail(...) leat_io_fail_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_io_done_at(leat_loop *loop, const char *where);
LEAT_API LEAT_NODISCARD leat_io *leat_io_int_at(leat_loop *loop, int64_t value, const char *where);
LEAT_API LEAT_NODISCARD leat_io *leat_io_buf_at(leat_loop *loop, leat_buf *buf, const char *where);
LEAT_API LEAT_NODISCARD leat_io *leat_io_flow_at(leat_loop *loop, leat_flow *flow, const char *where);
LEAT_API LEAT_NODISCARD leat_io *leat_io_ptr_at(leat_loop *loop, void *pointer, const leat_type *type, const char *where);
LEAT_API LEAT_NODISCARD leat_io *leat_io_fail_at(leat_loop *loop, leat_error error, const char *where);

LEAT_API leat_loop *leat_io_loop(const leat_io *io);

/* ---- chaining: each takes its io and gives the next ----
 *
 * Cancelling the next cancels the io that it waits for, or the one that its
 * callback gave; no callback runs any more, contexts are destroyed.  Where it is
 * otherwise the call says so. */

/* Which failures a catch wants. */
typedef struct leat_match {
	uintptr_t what; /* 0: every one; a kind; a domain's address */
} leat_match;
LEAT_API leat_match leat_match_all(void);
LEAT_API leat_match leat_match_kind(leat_kind kind);
LEAT_API leat_match leat_match_domain(const leat_error_domain *domain);

/* On success: fn runs; a failure passes by. */
#define leat_io_then(...) leat_io_then_at(__VA_ARGS__, LEAT_HERE)
/* The same with the parts of a context, which so go by registers.  A cancel:
 * as of leat_io_then. */
LEAT_API LEAT_NODISCARD leat_io *leat_io_then_parts(leat_io *io, leat_fn fn, void *data, void (*destroy)(void *data),
                                                    bool moved, const char *where);
LEAT_NODISCARD static inline leat_io *leat_io_then_at(leat_io *io, leat_fn fn, leat_ctx ctx, const char *where)
{
	return leat_io_then_parts(io, fn, ctx.data, ctx.destroy, ctx.moved, where);
}
/* On a failure that matches: fn runs; everything else passes by. */
#define leat_io_catch(...) leat_io_catch_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_io_catch_at(leat_io *io, leat_match match, leat_fn fn, leat_ctx ctx,
                                                  const char *where);
/* Exactly one of the two runs.  A NULL one lets its case pass by. */
#define leat_io_branch(...) leat_io_branch_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_io_branch_at(leat_io *io, leat_fn ok, leat_fn failed, leat_ctx ctx,
                                                   const char *where);
/* Ties an object's life to an io.  The same outcome; the context, an owned one,
 * is destroyed when it is there, or is cancelled: how a chain keeps what it
 * works with, a flow, a buf, a scope.  leat_io_hold is another word for it. */
#define leat_io_attach(...) leat_io_attach_at(__VA_ARGS__, LEAT_HERE)
#define leat_io_hold(...) leat_io_attach(__VA_ARGS__)
LEAT_API LEAT_NODISCARD leat_io *leat_io_attach_at(leat_io *io, leat_ctx ctx, const char *where);
/* The same outcome.  Cancelling it is not cancelling the io: if that is pending it goes on
 * by itself, contexts and all, as if detached - but a value that was lent goes back.
 * One that has settled is dropped as ever. */
#define leat_io_shield(io) leat_io_shield_at((io), LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_io_shield_at(leat_io *io, const char *where);
/* On success and on failure, not on cancel: fn runs and is told whether and
 * why it failed, not the value; then the outcome passes on - unless the io
 * that fn gave fails, then that failure does. */
#define leat_io_finally(...) leat_io_finally_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_io_finally_at(leat_io *io, leat_fn fn, leat_ctx ctx, const char *where);
/* Runs step again while the io it gives resolves with an int that is not 0;
 * any other success ends it, with that value; a failure fails it.  `result`
 * in the step is nothing. */
#define leat_io_repeat(...) leat_io_repeat_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_io_repeat_at(leat_loop *loop, leat_fn step, leat_ctx ctx, const char *where);
/* A second waiter: gives two ios with the same outcome, the second through
 * `second`.  A value whose type cannot be shared goes back to its giver, or
 * is destroyed, and both fail with UNSUPPORTED.  One that was lent is delivered
 * with the first who gets it.  Cancelling one leaves the other; cancelling both
 * cancels, and what neither got goes back. */
#define leat_io_fork(...) leat_io_fork_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_io_fork_at(leat_io *io, leat_io **second, const char *where);

/* Many into one.  The array is borrowed, its ios are taken.
 *   all     resolves with every value, in order; the first failure fails it
 *   any     resolves with the first success; fails with the last failure
 *   race    settles as the first that settles does
 *   settle  resolves when all have settled, with every outcome, in order
 * Whatever has not settled when the outcome is known is cancelled.  all and
 * settle of none resolve at once; any and race of none fail with INVALID. */
#define leat_io_all(...) leat_io_all_at(__VA_ARGS__, LEAT_HERE)
#define leat_io_any(...) leat_io_any_at(__VA_ARGS__, LEAT_HERE)
#define leat_io_race(...) leat_io_race_at(__VA_ARGS__, LEAT_HERE)
#define leat_io_settle(...) leat_io_settle_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_io_all_at(leat_loop *loop, leat_io *const *ios, size_t count, const char *where);
LEAT_API LEAT_NODISCARD leat_io *leat_io_any_at(leat_loop *loop, leat_io *const *ios, size_t count, const char *where);
LEAT_API LEAT_NODISCARD leat_io *leat_io_race_at(leat_loop *loop, leat_io *const *ios, size_t count, const char *where);
LEAT_API LEAT_NODISCARD leat_io *leat_io_settle_at(leat_loop *loop, leat_io *const *ios, size_t count,
                                                   const char *where);

/* ---- time: 0 is at once (from the queue), negative is never ---- */

/* Resolves with nothing after that long.  Cancelling stops the clock. */
#define leat_sleep(...) leat_sleep_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_sleep_at(leat_loop *loop, int64_t ms, const char *where);
/* The io's outcome if it settles within that time, else the io is cancelled
 * and TIMEOUT.  An outcome that is there when the time is up wins.  Cancelling
 * it cancels the io. */
#define leat_io_timeout(...) leat_io_timeout_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_io_timeout_at(leat_io *io, int64_t ms, const char *where);
/* The same with a point of the loop's clock (leat_loop_now_ms), cancelling
 * included.  One that lies behind, as each that is negative, is TIMEOUT at once. */
#define leat_io_deadline(...) leat_io_deadline_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_io_deadline_at(leat_io *io, int64_t at_ms, const char *where);

/* ---- ending ---- */

/* Waits in place: on the main stack it turns the loop until the io settles, in
 * a fiber (fiber.h) it parks the fiber.  True: success.  `result` may be NULL;
 * else it is filled in either way, and the caller clears it.  Fails with
 * NESTED inside a callback (of whichever loop: a fiber that awaits another one's
 * io turns that), a destructor or a give-back, with CANCELLED in a fiber that was cancelled, with DEADLOCK where nothing is left that could
 * settle it, with INTERRUPTED when the user broke the loop; in these cases the
 * io is cancelled.  An io already settled is given anywhere. */
#define leat_await(...) leat_await_at(__VA_ARGS__, LEAT_HERE)
LEAT_API bool leat_await_at(leat_io *io, leat_result *result, const char *where);
/* The same by type.  `why` may be NULL; else it is set to the error, or to none.
 *   leat_await_int  gives the number; 0 where it failed
 *   leat_await_buf  gives the buf; NULL at the end, and where it failed
 * leat_await_flow is in flow.h. */
#define leat_await_int(...) leat_await_int_at(__VA_ARGS__, LEAT_HERE)
#define leat_await_buf(...) leat_await_buf_at(__VA_ARGS__, LEAT_HERE)
LEAT_API int64_t leat_await_int_at(leat_io *io, leat_error *why, const char *where);
LEAT_API LEAT_NODISCARD leat_buf *leat_await_buf_at(leat_io *io, leat_error *why, const char *where);
/* Lets it run on its own: a value is destroyed, a failure is unhandled. */
LEAT_API void leat_io_detach(leat_io *io);
/* The same, however it ends: a failure is told to nobody. */
LEAT_API void leat_io_ignore(leat_io *io);
/* Nobody wants it any more.  When it returns, nothing of the chain runs any
 * more; values that were not delivered went back to their givers, contexts
 * are destroyed - or will be as soon as they are off the stack, and, when called
 * from a destructor, right after that one: at the latest at the end of the
 * outermost cancel, and before the contexts of those who waited.  A callback that
 * cancels its own chain has its own context for as long as it runs, but those of
 * who waited for it are gone when this returns.  NULL is let
 * be.  A failure that it drops is not reported.  A fiber in the chain unwinds
 * by itself, after this has returned; the contexts of those who waited for it
 * are destroyed after that. */
#define leat_io_cancel(io) leat_io_cancel_at((io), LEAT_HERE)
LEAT_API void leat_io_cancel_at(leat_io *io, const char *where);
LEAT_API void(leat_io_cancel)(leat_io *io); /* for a pointer to it: the place is not known */
/* The same, and gives an io that resolves with nothing when all that goes on
 * by itself after the cancel has come to its end: fibers, and what they cancel
 * while they unwind.  Where nothing does, it has resolved.  Fails with NOMEM,
 * or CLOSED on a loop that is being freed: it has been cancelled all the same.
 * Inside a destructor or a give-back it waits for all that the outermost
 * cancel drops from then on.  Cancelling the wait changes nothing else. */
#define leat_io_cancel_wait(io) leat_io_cancel_wait_at((io), LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_io_cancel_wait_at(leat_io *io, const char *where);
/* Whether it has settled: then it is consumed and the result filled in;
 * false: it stays the caller's. */
LEAT_API LEAT_NODISCARD bool leat_io_try(leat_io *io, leat_result *result);

LEAT_END
#endif

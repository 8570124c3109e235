/* SPDX-License-Identifier: ISC */
/* fiber - a function on a stack of its own, so that a protocol reads straight down
 *
 * Inside it leat_await and its shorthands by type park the fiber: the loop goes
 * on, and comes back to it when the io has settled.  A fiber runs on its loop's
 * thread, from the loop's queue, with nobody's frame above it; it is never
 * interrupted between two awaits.
 */
#ifndef LEAT_FIBER_H
#define LEAT_FIBER_H

#include <leat/api.h>
#include <leat/error.h>
#include <leat/io.h>

LEAT_BEGIN

/* What a fiber runs.  The io that it gives is adopted as a continuation's is:
 * its outcome becomes the fiber's; NULL is success with nothing.  Its stack is
 * free as soon as it returns. */
typedef leat_io *(*leat_fiber_fn)(void *ctx, leat_loop *loop);

enum {
	LEAT_FIBER_STACK_LEAST = 16384,   /* bytes; less than that is INVALID */
	LEAT_FIBER_STACK_USUAL = 262144   /* of which only what is touched needs memory */
};

/* All zero but `size` is the default. */
typedef struct leat_fiber_options {
	size_t size;        /* sizeof(leat_fiber_options) */
	size_t stack_bytes; /* at least that much stack; 0: LEAT_FIBER_STACK_USUAL */
} leat_fiber_options;

/* Gives the fiber's outcome as an io; the fiber begins from the queue.  The
 * context lives as a continuation's does: until the io has its outcome, and
 * not before the fiber has left its stack.  `options` may be NULL.  The io
 * fails with INVALID (a stack too small), NOMEM (no memory, no address space,
 * or - where guard pages need mappings of their own - no more mappings) or
 * UNSUPPORTED (the processor's shadow stack is on): then the function does not
 * run and its context is destroyed.
 *
 * Cancelling it, from anywhere: one that has not begun never runs.  In one
 * that has, the await it is parked in fails with CANCELLED, and so does every
 * later one, and the io it waited for is cancelled: nothing of it parks any
 * more.  It unwinds by itself, from the queue; what those who waited for it
 * own is destroyed after that.  leat_io_cancel_wait tells when. */
#define leat_fiber(loop, ...) leat_fiber_at((loop), NULL, __VA_ARGS__, LEAT_HERE)
#define leat_fiber_with(...) leat_fiber_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_fiber_at(leat_loop *loop, const leat_fiber_options *options, leat_fiber_fn fn,
                                               leat_ctx ctx, const char *where);

/* Inside a fiber: lets everybody have a turn who is ready now, then goes on.
 * Gives whether the fiber is still wanted: false, and at once, when it was
 * cancelled, or the loop is freed.  Elsewhere it does nothing and gives true. */
LEAT_API bool leat_fiber_yield(leat_loop *loop);

/* From now on a fiber of this loop that overflows its stack dies with a line
 * on standard error that names it, before the process dies as it would have.
 * For that it sets a handler for SIGSEGV, once in the life of the process,
 * which passes on to the one before it; and, where this thread has none, an
 * alternate signal stack until the loop is freed.  Without this call the
 * library touches no signals.  Gives no error, NOMEM, CLOSED (the loop is
 * being freed), or what the system says. */
LEAT_API leat_error leat_fiber_explain_overflow(leat_loop *loop);

LEAT_END
#endif

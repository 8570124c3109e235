/* SPDX-License-Identifier: ISC */
/* semaphore - at most so many at a time
 *
 * Who asks first is served first.  A permit whose io was cancelled on its way
 * goes to the next in line: none is lost.
 */
#ifndef LEAT_SEMAPHORE_H
#define LEAT_SEMAPHORE_H

#include <leat/api.h>
#include <leat/io.h>

LEAT_BEGIN

typedef struct leat_semaphore leat_semaphore;

/* Gives a semaphore with that many permits; without memory a stillborn one,
 * whose operations fail with NOMEM. */
#define leat_semaphore_new(...) leat_semaphore_new_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_semaphore *leat_semaphore_new_at(leat_loop *loop, size_t permits, const char *where);
/* Those who wait fail with CLOSED.  Permits that are out may still be
 * released, the last of them frees the memory.  Legal in any callback and
 * after the loop; NULL is let be. */
LEAT_API void leat_semaphore_free(leat_semaphore *semaphore);

/* Runs fn, as a then of the acquire would (its result is nothing), under a
 * permit, which is released when the io that fn gave has its outcome or is
 * cancelled - after the context was destroyed.  Cancelled while it waits: fn
 * does not run, nothing has happened. */
#define leat_semaphore_run(...) leat_semaphore_run_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_semaphore_run_at(leat_semaphore *semaphore, leat_fn fn, leat_ctx ctx,
                                                       const char *where);

/* By hand: resolves when a permit is yours, to be released once.  Yours is
 * what was delivered: to a callback, try or await, or by a detach.  The value
 * is a mark that cannot be shared: a fork of it fails with UNSUPPORTED.
 * Cancelled, or dropped on its way: the next in line gets it.  CLOSED once
 * the semaphore or its loop has ended. */
#define leat_semaphore_acquire(semaphore) leat_semaphore_acquire_at((semaphore), LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_semaphore_acquire_at(leat_semaphore *semaphore, const char *where);
/* True: one was left, and is yours. */
LEAT_API LEAT_NODISCARD bool leat_semaphore_try(leat_semaphore *semaphore);
/* One is not yours any more.  Aborts where none is out. */
#define leat_semaphore_release(semaphore) leat_semaphore_release_at((semaphore), LEAT_HERE)
LEAT_API void leat_semaphore_release_at(leat_semaphore *semaphore, const char *where);
/* How many are left. */
LEAT_API size_t leat_semaphore_left(const leat_semaphore *semaphore);

LEAT_END
#endif

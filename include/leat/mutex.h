/* SPDX-License-Identifier: ISC */
/* mutex - one at a time: a lock whose holder may wait for ios
 *
 * What runs between two waits is alone on its loop anyway; a mutex keeps others
 * away across waits, in fibers and in chains.  Who asks first is served first.
 */
#ifndef LEAT_MUTEX_H
#define LEAT_MUTEX_H

#include <leat/api.h>
#include <leat/io.h>

LEAT_BEGIN

typedef struct leat_mutex leat_mutex;

/* Gives a mutex, not locked; without memory a stillborn one, whose locks
 * fail with NOMEM. */
#define leat_mutex_new(loop) leat_mutex_new_at((loop), LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_mutex *leat_mutex_new_at(leat_loop *loop, const char *where);
/* Those who wait fail with CLOSED.  Who holds it may still unlock it, and
 * must: that frees the memory.  Legal in any callback and after the loop;
 * NULL is let be. */
LEAT_API void leat_mutex_free(leat_mutex *mutex);

/* Runs fn, as a then of the lock would (its result is nothing), and unlocks
 * when the io that fn gave has its outcome or is cancelled - after the
 * context was destroyed.  Cancelled while it waits: fn does not run, nothing
 * has happened. */
#define leat_mutex_run(...) leat_mutex_run_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_mutex_run_at(leat_mutex *mutex, leat_fn fn, leat_ctx ctx, const char *where);

/* By hand, as a fiber does: resolves when it is locked for you, to be
 * unlocked once.  Yours is what was delivered: to a callback, try or await,
 * or by a detach.  Locking what you hold waits for yourself.  Cancelled, or
 * dropped on its way: the next in line gets it.  CLOSED once the mutex or its
 * loop has ended. */
#define leat_mutex_lock(mutex) leat_mutex_lock_at((mutex), LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_mutex_lock_at(leat_mutex *mutex, const char *where);
/* True: nobody had it, and it is yours. */
LEAT_API LEAT_NODISCARD bool leat_mutex_try(leat_mutex *mutex);
/* Aborts where it is not locked. */
#define leat_mutex_unlock(mutex) leat_mutex_unlock_at((mutex), LEAT_HERE)
LEAT_API void leat_mutex_unlock_at(leat_mutex *mutex, const char *where);

LEAT_END
#endif

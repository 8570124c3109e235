/* SPDX-License-Identifier: ISC */
/* scope - what must end before I do
 *
 * A scope owns ios, fibers too, for they are ios.  It has ended when they have.
 * The first that fails cancels the others, unless it was asked not to; what
 * waits for the scope is told.  So nothing that was started in it is forgotten,
 * and nothing outlives it.
 *
 *	leat_scope *scope = leat_scope_new(loop, NULL);
 *	leat_scope_add(scope, one());         also later, also from inside a member
 *	leat_scope_add(scope, another());
 *	leat_await(leat_scope_wait(scope), NULL);
 *	leat_scope_free(scope);
 *
 * Scopes nest: the wait of one is an io like any other, and a member of the
 * next.  A member of its own is not waited for: that aborts.
 */
#ifndef LEAT_SCOPE_H
#define LEAT_SCOPE_H

#include <leat/api.h>
#include <leat/error.h>
#include <leat/io.h>

LEAT_BEGIN

/* All zero but `size` is the default. */
typedef struct leat_scope_options {
	size_t size; /* sizeof(leat_scope_options) */
	/* a member's failure leaves the others alone; the first is still what
	 * the scope fails with, each further one is unhandled */
	bool keep_going;
} leat_scope_options;

/* Gives an open scope without members.  Without memory it is stillborn: what is
 * added to it is cancelled, and waiting for it fails with NOMEM; CLOSED on a
 * loop that is being freed.  It is cancelled and freed as any other.  Of a loop
 * that was freed under it only the shell is left, which the loop reports; free it
 * nevertheless. */
#define leat_scope_new(...) leat_scope_new_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_scope *leat_scope_new_at(leat_loop *loop, const leat_scope_options *options,
                                                      const char *where);
/* Takes an io of the same loop: a member from now on, until it has settled.  A
 * value that it gives is destroyed.  A failure is the scope's, where it is the
 * first; CANCELLED is none.  Costs a cell, no malloc; without memory for that
 * the io is cancelled and the member has failed with NOMEM.  Where the scope is
 * over - cancelled, or failed and not kept going - the io is cancelled at
 * once: a cancel like any other, whose destructors may free the loop. */
#define leat_scope_add(...) leat_scope_add_at(__VA_ARGS__, LEAT_HERE)
LEAT_API void leat_scope_add_at(leat_scope *scope, leat_io *io, const char *where);

/* Resolves with nothing when the scope has no member left; at once where it has
 * none.  Fails as the first member that failed did, but not before the last has
 * ended; with CANCELLED where the scope was cancelled.  Any number may wait.
 * Cancelling the last io that waits for a scope, by wait or by drain, cancels
 * the scope: nobody wants it any more; its members have gone, and unwound,
 * before the contexts of what waited do.  leat_io_shield it to only look on. */
#define leat_scope_wait(scope) leat_scope_wait_at((scope), LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_scope_wait_at(leat_scope *scope, const char *where);
/* Gives the members that time to end by themselves and then cancels what is left
 * of them; negative: never.  Resolves with the int number of members that
 * it cancelled, 0: none; fails as leat_scope_wait does.  Members may be added
 * meanwhile: the same time holds for them.  Cancelling it is cancelling a wait. */
#define leat_scope_drain(...) leat_scope_drain_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_scope_drain_at(leat_scope *scope, int64_t timeout_ms, const char *where);

/* Cancels all members, newest first, and the scope is over.  Legal anywhere, also
 * inside a member's own callback: see leat_io_cancel.  It has ended when what
 * unwinds by itself - a fiber, work on another thread - has come to its end.
 * Again: nothing. */
LEAT_API void leat_scope_cancel(leat_scope *scope);
/* It must hold no member: one line that names the places, and abort.  Cancel it
 * first; both are legal in a member's callback.  What unwinds is not held: who
 * has lent it something waits.  A failure that nobody waited for is unhandled.
 * NULL is let be. */
#define leat_scope_free(scope) leat_scope_free_at((scope), LEAT_HERE)
LEAT_API void leat_scope_free_at(leat_scope *scope, const char *where);
/* A context that owns the scope: cancels and frees it. */
LEAT_API leat_ctx leat_ctx_scope(leat_scope *scope);

/* How many members have neither ended nor been cancelled. */
LEAT_API size_t leat_scope_count(const leat_scope *scope);
/* What it will fail with: the first failure, or CANCELLED; no error while all is well. */
LEAT_API leat_error leat_scope_error(const leat_scope *scope);
/* Not to be used once that is freed. */
LEAT_API leat_loop *leat_scope_loop(const leat_scope *scope);

LEAT_END
#endif

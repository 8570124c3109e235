/* SPDX-License-Identifier: ISC */
/* signal - a signal of the process, as an io or as a stream
 *
 * While somebody is told of a signal the library has a handler of its own for
 * it, and never an event on the user's base.  What was set before - by
 * sigaction, or by libevent for somebody's base - is called after it all the
 * same, but the default action does not happen; it is set again when the last
 * one who is told has gone.  Whoever sets a handler later takes the signal.
 * Several loops, on several threads, are each told.  No mask is changed: a
 * signal that every thread blocks does not come.  A child of fork has none of
 * it; execve resets it.
 */
#ifndef LEAT_SIGNAL_H
#define LEAT_SIGNAL_H

#include <leat/api.h>
#include <leat/error.h>
#include <leat/io.h>

LEAT_BEGIN

/* Resolves with the int `number` when that signal comes next.  Once: from the
 * moment it has settled the signal does what it did before - so the second
 * Ctrl-C may end a program that takes its time after the first.  Fails with
 * INVALID (no such signal, one that cannot be caught, or one that says that
 * this very instruction is wrong, as SIGSEGV), with LIMIT (descriptors, or
 * more than 256 loops that listen), with NOMEM.  Cancelling sets back what was
 * before; a signal that it had settled with is gone: where that matters, use a
 * stream. */
#define leat_signal(...) leat_signal_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_signal_at(leat_loop *loop, int number, const char *where);

/* Signals as a stream: what comes between two waits is kept, from new to free. */
typedef struct leat_signals leat_signals;

/* Gives a stream of these signals: leat_signals_new(loop, SIGTERM, SIGHUP).
 * One that is named twice is one.  Stillborn as leat_signal fails, and with
 * INVALID where there are none.  The macro is C's; with an array, and in C++, call
 * the function. */
#define leat_signals_new(loop, ...)                                                                                \
	leat_signals_new_at((loop), (const int[]){ __VA_ARGS__ }, sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int), \
	                    LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_signals *leat_signals_new_at(leat_loop *loop, const int *numbers, size_t count,
                                                          const char *where);
/* Resolves with the int number of the next signal, as often as it came; where
 * several wait, the one that was named first.  (The kernel itself
 * keeps but one of each that is on its way to the process, of those under
 * SIGRTMIN.)  One at a time: BUSY.  Cancelling loses none: the next one gets
 * it.  CLOSED after free. */
#define leat_signals_next(signals) leat_signals_next_at((signals), LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_signals_next_at(leat_signals *signals, const char *where);
/* Why it is stillborn, or CLOSED where its loop has ended; else no error. */
LEAT_API leat_error leat_signals_error(const leat_signals *signals);
/* Sets back what was before; a pending next fails with CLOSED.  NULL is let
 * be. */
LEAT_API void leat_signals_free(leat_signals *signals);

LEAT_END
#endif

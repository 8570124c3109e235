/* SPDX-License-Identifier: ISC */
/* ticker - every so often, and never behind: ticks that nobody took are one
 *
 * Ticks are at whole periods from the birth of the ticker, by the loop's clock,
 * however late one was seen.  Nothing is kept on libevent while nobody waits.
 */
#ifndef LEAT_TICKER_H
#define LEAT_TICKER_H

#include <leat/api.h>
#include <leat/io.h>

LEAT_BEGIN

/* Runs fn at each tick, its result the int number of ticks since the last
 * run: more than 1 where it was late, or its io took longer than a period.
 * It never runs beside itself: the next run is at the next tick after that
 * io has settled, or at once if one was missed meanwhile.  A success is
 * dropped and it goes on; a failure fails it.  Ends by that or by a cancel,
 * which cancels the io that fn gave; fn may cancel it too: the context lives
 * until fn has returned, and what fn gives then is cancelled before that.  A
 * period that is not positive fails with INVALID. */
#define leat_every(...) leat_every_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_every_at(leat_loop *loop, int64_t period_ms, leat_fn fn, leat_ctx ctx,
                                               const char *where);

typedef struct leat_ticker leat_ticker;

/* Gives a ticker whose first tick is one period from now.  Stillborn - its
 * operations fail - with INVALID where the period is not positive, with
 * NOMEM without memory. */
#define leat_ticker_new(...) leat_ticker_new_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_ticker *leat_ticker_new_at(leat_loop *loop, int64_t period_ms, const char *where);
/* Who waits fails with CLOSED.  Legal in any callback and after the loop;
 * NULL is let be. */
LEAT_API void leat_ticker_free(leat_ticker *ticker);
/* Resolves at the next tick with the int number of ticks since the last that
 * was given: at once where there was one meanwhile, and however many there
 * were, once.  One at a time: BUSY.  Cancelled, or dropped on its way: those
 * ticks count for the next one.  CLOSED once the ticker or its loop has
 * ended. */
#define leat_ticker_next(ticker) leat_ticker_next_at((ticker), LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_ticker_next_at(leat_ticker *ticker, const char *where);

LEAT_END
#endif

/* SPDX-License-Identifier: ISC */
/* map - ios made on the fly, so many at a time
 *
 * As leat_io_all and its like, for ios that do not exist yet: `make` is asked
 * for the next one when there is room, from the queue.
 */
#ifndef LEAT_MAP_H
#define LEAT_MAP_H

#include <leat/api.h>
#include <leat/io.h>

LEAT_BEGIN

/* Gives the io of that index (0, 1, 2 ...), which is taken; NULL: there are
 * no more, and it is not asked again. */
typedef leat_io *(*leat_map_fn)(void *ctx, leat_loop *loop, size_t index);

/* At most `limit` (0: no limit) are under way at once.
 *   all     resolves with every value, in order, as leat_io_all does; the
 *           first failure fails it
 *   settle  resolves with every outcome, in order, as leat_io_settle does
 *   any     resolves with the first success; fails with the last failure, or
 *           with INVALID where there was none at all
 *   each    keeps nothing, so memory does not grow with their number: a value
 *           is dropped as it comes - chain what is to be done with it to the
 *           io; resolves with the int number of them; the first failure fails
 *           it
 * Once the outcome is known no more are made and those under way are
 * cancelled; so too where it is cancelled.  The context is destroyed after
 * them; a moved one is destroyed like an owned one. */
#define leat_map_all(...) leat_map_all_at(__VA_ARGS__, LEAT_HERE)
#define leat_map_settle(...) leat_map_settle_at(__VA_ARGS__, LEAT_HERE)
#define leat_map_any(...) leat_map_any_at(__VA_ARGS__, LEAT_HERE)
#define leat_map_each(...) leat_map_each_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_map_all_at(leat_loop *loop, size_t limit, leat_map_fn make, leat_ctx ctx,
                                                 const char *where);
LEAT_API LEAT_NODISCARD leat_io *leat_map_settle_at(leat_loop *loop, size_t limit, leat_map_fn make, leat_ctx ctx,
                                                    const char *where);
LEAT_API LEAT_NODISCARD leat_io *leat_map_any_at(leat_loop *loop, size_t limit, leat_map_fn make, leat_ctx ctx,
                                                 const char *where);
LEAT_API LEAT_NODISCARD leat_io *leat_map_each_at(leat_loop *loop, size_t limit, leat_map_fn make, leat_ctx ctx,
                                                  const char *where);

LEAT_END
#endif

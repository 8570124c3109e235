/* SPDX-License-Identifier: ISC */
/* queue - values from those who make them to those who use them, in order
 *
 * Bounded: who puts waits for room, that is the back-pressure.  With a limit of
 * 1 it is a slot (an mvar), of 0 a meeting: a put waits for its take.
 */
#ifndef LEAT_QUEUE_H
#define LEAT_QUEUE_H

#include <leat/api.h>
#include <leat/io.h>

LEAT_BEGIN

typedef struct leat_queue leat_queue;

/* Gives a queue for up to `limit` values; without memory a stillborn one,
 * whose operations fail with NOMEM. */
#define leat_queue_new(...) leat_queue_new_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_queue *leat_queue_new_at(leat_loop *loop, size_t limit, const char *where);
/* Puts and takes that wait fail with CLOSED, what is in it is destroyed.
 * Legal in any callback and after the loop; NULL is let be. */
LEAT_API void leat_queue_free(leat_queue *queue);

/* Takes the value, which is not NULL (INVALID) and which its type's destroy
 * ends where nobody takes it; resolves with nothing when there was room.
 * Cancelled while it waits: the value is destroyed; later: it is in the queue
 * and stays there.  Fails with CLOSED, the value destroyed, where the queue,
 * its handle or its loop has ended. */
#define leat_queue_put(...) leat_queue_put_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_queue_put_at(leat_queue *queue, void *value, const leat_type *type,
                                                   const char *where);
/* True: there was room, the value is taken.  Else it stays the caller's. */
LEAT_API LEAT_NODISCARD bool leat_queue_try_put(leat_queue *queue, void *value, const leat_type *type);

/* Resolves with the next value, of the type it was put with; at the end,
 * again and again, with NULL, whatever type it is asked for as (_ptr, _buf,
 * _flow).  Those who take are served in the order they came.
 * Cancelled, or dropped on its way: the value comes first again.  CLOSED once
 * the handle or the loop has ended. */
#define leat_queue_take(queue) leat_queue_take_at((queue), LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_queue_take_at(leat_queue *queue, const char *where);

/* No more will come: later puts fail with CLOSED; those that wait still get
 * their turn.  The end is given after every value was delivered.  Again:
 * nothing. */
LEAT_API void leat_queue_close(leat_queue *queue);
/* How many values could be taken now, those whose puts wait included. */
LEAT_API size_t leat_queue_count(const leat_queue *queue);

LEAT_END
#endif

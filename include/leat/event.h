/* SPDX-License-Identifier: ISC */
/* event - it has happened, once: for any number of waiters */
#ifndef LEAT_EVENT_H
#define LEAT_EVENT_H

#include <leat/api.h>
#include <leat/io.h>

LEAT_BEGIN

typedef struct leat_event leat_event;

/* Gives an event that is not set; without memory a stillborn one, whose
 * waits fail with NOMEM. */
#define leat_event_new(loop) leat_event_new_at((loop), LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_event *leat_event_new_at(leat_loop *loop, const char *where);
/* Those who still wait fail with CLOSED.  Legal in any callback and after
 * the loop; NULL is let be. */
LEAT_API void leat_event_free(leat_event *event);
/* It has happened: all who wait resolve, in the order they came, and so does
 * each later wait.  Again: nothing. */
LEAT_API void leat_event_set(leat_event *event);
LEAT_API bool leat_event_is_set(const leat_event *event);
/* Resolves with nothing once it is set.  Cancelled: the event and the other
 * waiters do not notice.  CLOSED once the event or its loop has ended. */
#define leat_event_wait(event) leat_event_wait_at((event), LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_event_wait_at(leat_event *event, const char *where);

LEAT_END
#endif

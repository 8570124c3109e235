/* SPDX-License-Identifier: ISC */
/* adopt.h - what a callback gave, on its way to who waits for the callback's io
 *
 * Of use to io.c, which has the usual cases of its own, and to adopt.c.
 */
#ifndef LT_IO_ADOPT_H
#define LT_IO_ADOPT_H

#include "io/io.h"

/* Self settles as inner, which has settled or is NULL; inner is gone. */
void lt_io_take_over(leat_loop *loop, leat_io *self, leat_io *inner);
/* The same, with the context of self, which is destroyed first. */
void lt_io_adopt_settled(leat_loop *loop, leat_io *self, leat_io *inner);
static inline void lt_io_settle_with_nothing(leat_loop *loop, leat_io *self)
{
	self->u.outcome.type = NULL;
	lt_settled(loop, self);
}
/* Its watch does not mind which io it waits for. */
static inline bool lt_io_follows(const leat_io *self)
{
	return self->waiter & LT_FOLLOWS;
}
/* Self is gone, inner in its place. */
static inline void lt_io_follow(leat_loop *loop, leat_io *self, leat_io *inner)
{
	inner->waiter = self->waiter;
	lt_cell_free(loop, self);
}

#endif

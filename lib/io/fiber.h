/* SPDX-License-Identifier: ISC */
/* fiber.h - the fiber at work, for await and for who explains how it died */
#ifndef LT_IO_FIBER_H
#define LT_IO_FIBER_H

#include <leat/fiber.h>

#include "io/io.h"
#include "io/stack.h"
#include "io/switch.h"
#include "io/tell.h"

/* Stands at the top of its stack.  `ready` and `place` outlive the fiber where
 * the stack is kept warm. */
typedef struct lt_fiber {
	lt_place place; /* where it was left */
	lt_place back;  /* where the loop was */
	leat_io *self;  /* its cell */
	leat_io *got;   /* what it waited for, settled; NULL: its turn for another reason */
	uint32_t turned_in_place; /* when it was entered */
	uint32_t credit; /* awaits that may be served at once, before it has to wait its turn */
	uint8_t class;   /* of its stack */
	bool over;       /* fn has returned */
	bool ready;      /* the stack has been begun: `place` is good */
	leat_fiber_fn fn;
	leat_io *inner; /* what fn gave */
	lt_unwind *unwind;
	lt_stack *stack;
	lt_tell tell;
} lt_fiber;

/* Whether an await belongs to the fiber that is running: not inside a cancel, nor in
 * a callback of another loop that it turns. */
static inline bool lt_fiber_may_park(const leat_loop *loop)
{
	return loop->fiber && !loop->razing && lt_turned_in_place == loop->fiber->turned_in_place;
}

/* On the fiber's stack: to the loop, and back.  What returns on the way is
 * predicted to return to where the loop was called from, so it is inline. */
#ifdef LT_TOLD
void lt_fiber_leave(lt_fiber *fiber, bool for_good);
#else
static inline void lt_fiber_leave(lt_fiber *fiber, bool for_good)
{
	(void)for_good;
	lt_switch(&fiber->place, &fiber->back);
}
#endif
/* Until it is popped again; false: it was cancelled. */
static inline bool lt_fiber_yield(leat_loop *loop, lt_fiber *fiber)
{
	lt_enqueue(loop, fiber->self);
	lt_fiber_leave(fiber, false);
	return !(fiber->self->flags & LT_DOOMED);
}
/* Until the source, which is not settled and whom nobody else waits for, has. */
static inline leat_io *lt_fiber_wait(lt_fiber *fiber, leat_io *source)
{
	leat_io *self = fiber->self;

	self->source = source;
	source->waiter = (uintptr_t)self;
	lt_fiber_leave(fiber, false);
	return fiber->got;
}
/* One more that is served at once; false: it is others' turn. */
static inline bool lt_fiber_spend(lt_fiber *fiber)
{
	return fiber->credit > 0 && fiber->credit--;
}
/* The same for any io: NULL where it is cancelled, or there is no memory: then
 * that stands in *why and the io is gone. */
leat_io *lt_fiber_wait_any(leat_loop *loop, leat_io *io, leat_kind *why, const char *where);

#endif

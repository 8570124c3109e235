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
	leat_io *got;   /* what it waited for, settled; NULL: it was cancelled */
	leat_fiber_fn fn;
	void *ctx;
	void (*destroy)(void *ctx);
	leat_io *inner; /* what fn gave */
	lt_unwind *unwind;
	lt_stack *stack;
	uint32_t credit; /* awaits that may be served at once, before it has to wait its turn */
	uint8_t class;   /* of its stack */
	bool over;       /* fn has returned */
	bool ready;      /* the stack has been begun: `place` is good */
	lt_tell tell;
} lt_fiber;

/* Whether an await belongs to the fiber that is running: not inside a cancel. */
static inline bool lt_fiber_may_park(const leat_loop *loop)
{
	return loop->fiber && !loop->razing;
}
/* LEAT_NONE: the result is filled in, whatever it is; else why not, and the io
 * is gone. */
leat_kind lt_fiber_await(leat_loop *loop, leat_io *io, leat_result *result, const char *where);

#endif

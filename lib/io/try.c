/* SPDX-License-Identifier: ISC */
/* try - the outcome of an io that has settled, without a callback */
#include "io/io.h"

static __attribute__((noinline)) bool deliver(lt_outcome *o)
{
	lt_delivered(o);
	return true;
}

static inline bool delivered(lt_outcome *o)
{
	return !o->type || o->type->plain || !o->as.value.giver || deliver(o);
}

static __attribute__((noinline)) bool not_yet(const leat_io *io)
{
	lt_io_check(io, "leat_io_try", LEAT_HERE);
	return false;
}

bool leat_io_try(leat_io *io, leat_result *result)
{
	leat_loop *loop;

	if (__builtin_expect(!io || io->phase != LT_SETTLED || io->waiter, 0))
		return not_yet(io);
	loop = lt_cell_loop(io);
	result->where = io->where;
	result->loop = loop;
	if (io == loop->done) {
		result->type = NULL;
		return true;
	}
	lt_outcome_copy(lt_result_outcome(result), &io->u.outcome);
	if (!(io->flags & LT_IMMORTAL))
		lt_cell_free(loop, io);
	return delivered(lt_result_outcome(result));
}

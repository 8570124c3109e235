/* SPDX-License-Identifier: ISC */
/* detach - it runs on its own, and a failure is told as unhandled */
#include "io/io.h"
#include "io/trace.h"

void lt_io_unhandled(leat_loop *loop, leat_error error, const char *where)
{
	if (leat_error_is(error, LEAT_CANCELLED))
		return;
	loop->unhandled++;
	if (loop->trace)
		lt_trace_unhandled(loop, error, where);
	if (loop->options.unhandled)
		loop->options.unhandled(loop->options.ctx, &(leat_unhandled){ .error = error, .where = where });
}

static void detached_settled(lt_watch *watch, leat_loop *loop, leat_result *result)
{
	(void)watch;
	lt_delivered(lt_result_outcome(result));
	/* a failure, or an ending that was cut short */
	if (result->type && result->type->plain && leat_error_set(result->as.error))
		lt_io_unhandled(loop, result->as.error, result->where);
}

static const lt_watch_ops detached_ops = { .settled = detached_settled, .follows = true, .name = "detached" };
static lt_watch detached = { .ops = &detached_ops };

/* A success without anything that would have to be told or destroyed. */
static inline bool is_bare_success(const leat_io *io)
{
	const lt_outcome *o = &io->u.outcome;

	return io->phase == LT_SETTLED && (!o->type || (o->type == &leat_int_type && !o->as.value.giver));
}

void leat_io_detach(leat_io *io)
{
	leat_loop *loop;

	lt_io_check(io, "leat_io_detach", LEAT_HERE);
	loop = lt_cell_loop(io);
	if (is_bare_success(io)) {
		if (!(io->flags & LT_IMMORTAL))
			lt_cell_free(loop, io);
		return;
	}
	if (!lt_io_watch(io, &detached) && lt_is_error(&io->u.outcome))
		lt_io_unhandled(loop, io->u.outcome.as.error, io->where);
}

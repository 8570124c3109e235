/* SPDX-License-Identifier: ISC */
/* cancel - nobody wants it any more
 *
 * A tree of cells is razed from its leaves up: give-backs and the leaf's cancel
 * run before the contexts of those who waited.  It is walked without a stack:
 * down by source (or next, where there are many), up by waiter.
 *
 * Destructors, give-backs and leaves may cancel: their trees join one list, which the
 * outermost call razes - before it goes on to who waited, so that what they
 * borrow from there outlives them.
 */
#include "io/trace.h"
#include "io/unwind.h"

static leat_io *source_of(leat_io *io)
{
	leat_io *source;

	if (io->phase != LT_PENDING || (io->flags & LT_QUEUED))
		return NULL;
	if (io->kind == LT_CUSTOM && io->u.custom.kind->next)
		return io->u.custom.kind->next(io);
	source = io->source;
	io->source = NULL;
	return source;
}

static void leaf_cancel(leat_loop *loop, leat_io *io)
{
	const leat_leaf *leaf = io->u.leaf.leaf;
	void *far = NULL;

	if (!leaf)
		return;
	io->u.leaf.leaf = NULL;
	if (leaf->state_bytes > sizeof io->u.leaf.state)
		far = io->u.leaf.state[0];
	/* void for its maker while cancel runs: resolving is a no-op */
	io->flags |= LT_DOOMED;
	if (lt_has(leaf, cancel))
		leaf->cancel(far ? far : io->u.leaf.state);
	lt_mem_release(&loop->mem, far);
}

static void drop_pending(leat_loop *loop, leat_io *io)
{
	const lt_kind *kind = lt_io_kind(io);

	io->flags |= LT_DOOMED;
	if (io->flags & LT_MADE)
		io->generation++; /* void for its maker */
	if (io->kind == LT_LEAF)
		leaf_cancel(loop, io);
	else if (!(io->flags & LT_FORWARD) && kind->drop)
		kind->drop(loop, io);
}

/* Its sources are gone. */
static void drop(leat_loop *loop, leat_io *io)
{
	if (__builtin_expect(loop->trace != NULL, 0))
		lt_trace_dropped(loop, io);
	if (io->flags & LT_RUNNING) {
		if (io->kind == LT_KEEP && io->u.call.other)
			lt_outcome_drop(&((leat_io *)io->u.call.other)->u.outcome);
		if (io->kind == LT_FIBER)
			lt_fiber_kind.drop(loop, io);
		else if (loop->late)
			io->spare |= LT_LOST;
		io->flags |= LT_DOOMED;
		io->waiter = 0;
		return;
	}
	if (io->phase == LT_SETTLED) {
		io->flags |= LT_DOOMED;
		lt_outcome_drop(&io->u.outcome);
	} else {
		drop_pending(loop, io);
	}
	io->waiter = 0;
	if (!(io->flags & LT_QUEUED))
		lt_cell_free(loop, io);
}

/* Those that have joined the list since: each is razed, then the next, then up, for
 * the list is linked by waiter. */
static leat_io *before(leat_loop *loop, const leat_io *since, leat_io *up)
{
	leat_io *first = loop->doomed, *last = first;

	while ((leat_io *)last->waiter != since)
		last = (leat_io *)last->waiter;
	loop->doomed = (leat_io *)last->waiter;
	last->waiter = (uintptr_t)up;
	return first;
}

static void raze_tree(leat_loop *loop, leat_io *top)
{
	leat_io *io = top;

	for (;;) {
		leat_io *down = source_of(io);
		leat_io *up, *doomed;

		if (down) {
			io = down;
			continue;
		}
		up = io == top ? NULL : lt_waiter_cell(io);
		doomed = loop->doomed;
		if (lt_io_has_lost(loop, io))
			loop->late = true;
		drop(loop, io);
		if (!up)
			return;
		io = loop->doomed == doomed ? up : before(loop, doomed, up);
	}
}

void lt_io_raze(leat_loop *loop, leat_io *io)
{
	if (io->flags & LT_IMMORTAL)
		return;
	io->waiter = (uintptr_t)loop->doomed;
	io->flags |= LT_DOOMED; /* void for its maker from now on */
	loop->doomed = io;
	if (!loop->razing)
		lt_io_raze_doomed(loop);
}

void lt_io_raze_doomed(leat_loop *loop)
{
	leat_io *io;

	loop->razing = true;
	while (loop->doomed) {
		io = loop->doomed;
		loop->doomed = (leat_io *)io->waiter;
		io->waiter = 0;
		raze_tree(loop, io);
	}
	loop->lost = loop->late;
	loop->late = false;
	loop->razing = false;
	if (loop->unwind)
		lt_unwind_close(loop);
}

/* What is cancelled inside a cancel is told with the outermost one's place. */
void lt_io_raze_at(leat_loop *loop, leat_io *io, const char *where)
{
	if (loop->razing) {
		lt_io_raze(loop, io);
		return;
	}
	loop->dropped = where;
	lt_io_raze(loop, io);
	loop->dropped = NULL;
}

void lt_io_raze_source(leat_loop *loop, leat_io *self, leat_io *source, const char *where)
{
	source->waiter = 0;
	loop->lost = false;
	lt_io_raze_at(loop, source, where);
	if (loop->lost)
		self->spare |= LT_LOST;
}

void lt_io_cancel(leat_io *io)
{
	if (!io)
		return;
	lt_io_check(io, "leat_io_cancel", LEAT_HERE);
	lt_io_raze(lt_cell_loop(io), io);
}

void leat_io_cancel_at(leat_io *io, const char *where)
{
	leat_loop *loop;

	if (!io)
		return;
	lt_io_check(io, "leat_io_cancel", where ? where : LEAT_HERE);
	loop = lt_cell_loop(io);
	lt_io_raze_at(loop, io, where);
	lt_loop_end_if_asked(loop);
}

void (leat_io_cancel)(leat_io *io)
{
	leat_io_cancel_at(io, NULL);
}

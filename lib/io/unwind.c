/* SPDX-License-Identifier: ISC */
/* unwind - leat_io_cancel_wait: cancel, and hear when all of it has ended
 *
 * While a cancel is at work `loop->unwind` is the record of who waits for it;
 * what goes on after its cancel (fibers, threads) joins, and leaves when it
 * has ended.  The last to leave settles the io.  A record joins the one it is
 * inside of; what a fiber cancels while it unwinds joins as the fiber did.
 */
#include "io/unwind.h"

struct lt_unwind {
	leat_loop *loop;
	leat_maker maker;
	size_t left;       /* who has joined, and one while the cancel is at work */
	lt_unwind *parent; /* joined there */
	lt_unwind *outer;  /* still open, too */
};

static_assert(sizeof(lt_unwind) <= LT_PIECE_BYTES, "a piece");

static lt_unwind *joined(lt_unwind *unwind)
{
	if (unwind)
		unwind->left++;
	return unwind;
}

lt_unwind *lt_unwind_join(leat_loop *loop)
{
	return joined(loop->unwind ? loop->unwind : loop->heir);
}

void lt_unwind_leave(lt_unwind *unwind)
{
	while (unwind && --unwind->left == 0) {
		lt_unwind *parent = unwind->parent;

		leat_resolve(unwind->maker);
		lt_piece_give(unwind->loop, unwind);
		unwind = parent;
	}
}

void lt_unwind_close(leat_loop *loop)
{
	while (loop->unwind) {
		lt_unwind *unwind = loop->unwind;

		loop->unwind = unwind->outer;
		lt_unwind_leave(unwind);
	}
}

static const leat_leaf wait_leaf = { .size = sizeof(leat_leaf), .name = "cancel_wait" };

static lt_unwind *open_record(leat_loop *loop, leat_maker maker)
{
	lt_unwind *unwind = lt_piece_take(loop);

	if (!unwind)
		return NULL;
	*unwind = (lt_unwind){ .loop = loop, .maker = maker, .left = 1, .parent = lt_unwind_join(loop) };
	unwind->outer = loop->unwind;
	loop->unwind = unwind;
	return unwind;
}

leat_io *lt_unwind_wait(leat_loop *loop, const char *where)
{
	leat_maker maker;
	leat_io *wait = leat_io_new_at(loop, &maker, &wait_leaf, NULL, where);

	if (maker.io && !open_record(loop, maker))
		leat_reject_at(maker, leat_error_make_at(&leat_core_errors, LEAT_NOMEM, where), where);
	return wait;
}

leat_io *leat_io_cancel_wait_at(leat_io *io, const char *where)
{
	leat_loop *loop;
	leat_io *wait;

	lt_io_check(io, "leat_io_cancel_wait", where);
	loop = lt_cell_loop(io);
	if (io->phase == LT_SETTLED && (io->flags & LT_IMMORTAL))
		return leat_io_done_at(loop, where);
	wait = lt_unwind_wait(loop, where);
	lt_io_raze(loop, io);
	return wait;
}

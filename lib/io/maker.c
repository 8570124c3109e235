/* SPDX-License-Identifier: ISC */
/* maker - making ios, and settling them
 *
 * A maker is {cell, generation}.  The cell's grows when it gets a maker, and
 * when a cancel makes that one void.  So where they are the same, and the cell
 * is not a pending one with a maker, the maker has settled it before.
 */
#include <leat/options.h>

#include "io/io.h"

/* ---- pending ---- */

leat_io *leat_io_new_at(leat_loop *loop, leat_maker *maker, const leat_leaf *leaf, void **state, const char *where)
{
	leat_io *io = loop->closing ? NULL : lt_io_take_cell(loop, LT_LEAF, where);
	void *far = NULL;

	if (leaf && leaf->size == 0)
		leat_options_check_at(leaf, "leat_leaf", where);
	*maker = (leat_maker){ 0 };
	if (state)
		*state = NULL;
	if (!io)
		return lt_io_refused(loop);
	io->word = lt_word(LT_PENDING, LT_MADE, LT_LEAF);
	io->generation++;
	io->u.leaf.leaf = leaf;
	if (leaf)
		memset(io->u.leaf.state, 0, sizeof io->u.leaf.state);
	if (leaf && leaf->state_bytes > sizeof io->u.leaf.state) {
		far = lt_mem_zalloc(&loop->mem, leaf->state_bytes);
		if (!far) {
			lt_cell_free(loop, io);
			return lt_io_nomem(loop);
		}
		io->u.leaf.state[0] = far;
	}
	if (state)
		*state = far ? far : io->u.leaf.state;
	*maker = (leat_maker){ .io = io, .generation = io->generation };
	return io;
}

/* ---- settling ---- */

static _Noreturn void settled_twice(leat_maker maker, const char *where)
{
	const leat_io *io = maker.io;

	if ((io->flags & LT_MADE) && io->phase >= LT_SETTLED)
		lt_abort("%s: an io is settled twice (made at %s)", where, io->where);
	lt_abort("%s: an io is settled twice", where);
}

static inline bool is_live(leat_maker maker)
{
	return maker.io->generation == maker.generation && (maker.io->flags & LT_MADE) && maker.io->phase == LT_PENDING;
}

/* The io, where it still waits to be settled. */
static inline leat_io *pending(leat_maker maker, const char *where)
{
	leat_io *io = maker.io;

	if (!io || io->generation != maker.generation || (io->flags & LT_DOOMED))
		return NULL;
	if (__builtin_expect(!is_live(maker), 0))
		settled_twice(maker, where);
	return io;
}

static void free_state(leat_loop *loop, leat_io *io)
{
	const leat_leaf *leaf = io->u.leaf.leaf;

	if (leaf && leaf->state_bytes > sizeof io->u.leaf.state)
		lt_mem_release(&loop->mem, io->u.leaf.state[0]);
}

static void settle(leat_maker maker, lt_outcome *outcome, const char *where)
{
	leat_io *io = pending(maker, where);
	leat_loop *loop;

	if (!io) {
		lt_outcome_drop(outcome);
		return;
	}
	loop = lt_cell_loop(io);
	free_state(loop, io);
	lt_settle(loop, io, outcome);
}

void leat_resolve_at(leat_maker maker, const char *where)
{
	leat_io *io = pending(maker, where);

	if (!io)
		return;
	free_state(lt_cell_loop(io), io);
	io->u.outcome.type = NULL;
	lt_settled(lt_cell_loop(io), io);
}

void leat_resolve_int_at(leat_maker maker, int64_t value, const char *where)
{
	leat_io *io = pending(maker, where);

	if (!io)
		return;
	free_state(lt_cell_loop(io), io);
	io->u.outcome.type = &leat_int_type;
	io->u.outcome.as.value.integer = value;
	io->u.outcome.as.value.giver = NULL;
	lt_settled(lt_cell_loop(io), io);
}

void leat_resolve_ptr_at(leat_maker maker, void *pointer, const leat_type *type, const char *where)
{
	settle(maker, &(lt_outcome){ .type = type, .as.value.pointer = pointer }, where);
}

void leat_resolve_buf_at(leat_maker maker, leat_buf *buf, const char *where)
{
	leat_resolve_ptr_at(maker, buf, &leat_buf_type, where);
}

void leat_resolve_lent_at(leat_maker maker, void *pointer, const leat_type *type, const leat_giver *giver,
                          void *giver_ctx, const char *where)
{
	lt_outcome o = { .type = type, .as.value = { .pointer = pointer, .giver = giver, .giver_ctx = giver_ctx } };

	leat_options_check_at(giver, "leat_giver", where);
	settle(maker, &o, where);
}

void leat_resolve_result_at(leat_maker maker, leat_result *result, const char *where)
{
	lt_outcome outcome = *lt_result_outcome(result);

	result->type = NULL;
	settle(maker, &outcome, where);
}

void leat_reject_at(leat_maker maker, leat_error error, const char *where)
{
	lt_outcome outcome = lt_failure(leat_error_set(error) ? error : leat_error_make_at(&leat_core_errors, LEAT_OTHER, where));

	settle(maker, &outcome, where);
}

bool leat_maker_live(leat_maker maker)
{
	return maker.io && is_live(maker) && !(maker.io->flags & LT_DOOMED);
}

void leat_maker_drop_at(leat_maker maker, const char *where)
{
	if (leat_maker_live(maker))
		leat_reject_at(maker, leat_error_make_at(&leat_core_errors, LEAT_BROKEN, where), where);
}

/* ---- there already ---- */

static leat_io *ready(leat_loop *loop, lt_outcome *outcome, const char *where)
{
	if (loop->closing) {
		lt_outcome_drop(outcome);
		return lt_io_closed(loop);
	}
	return lt_io_settled(loop, outcome, where);
}

#ifdef LT_DEBUG
leat_io *lt_io_once(leat_loop *loop, leat_io *once, const char *where)
{
	leat_io *io = lt_io_take_cell(loop, LT_LEAF, where);

	if (!io)
		return once;
	io->u.outcome = once->u.outcome;
	io->phase = LT_SETTLED;
	return io;
}
#endif

leat_io *leat_io_done_at(leat_loop *loop, const char *where)
{
	return loop->closing ? lt_io_closed(loop) : lt_io_once(loop, loop->done, where);
}

leat_io *leat_io_int_at(leat_loop *loop, int64_t value, const char *where)
{
	if (!loop->closing && (value == 1 || value == 0))
		return lt_io_once(loop, value ? loop->yes : loop->no, where);
	return ready(loop, &(lt_outcome){ .type = &leat_int_type, .as.value.integer = value }, where);
}

leat_io *leat_io_ptr_at(leat_loop *loop, void *pointer, const leat_type *type, const char *where)
{
	return ready(loop, &(lt_outcome){ .type = type, .as.value.pointer = pointer }, where);
}

leat_io *leat_io_buf_at(leat_loop *loop, leat_buf *buf, const char *where)
{
	return leat_io_ptr_at(loop, buf, &leat_buf_type, where);
}

leat_io *leat_io_fail_at(leat_loop *loop, leat_error error, const char *where)
{
	lt_outcome outcome = lt_failure(leat_error_set(error) ? error : leat_error_make_at(&leat_core_errors, LEAT_OTHER, where));

	return lt_io_settled(loop, &outcome, where);
}

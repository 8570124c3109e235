/* SPDX-License-Identifier: ISC */
/* permits - so many at a time: what a semaphore and a mutex are
 *
 * A permit that comes back is handed to the first in line, who is then settled
 * and holds it; so nobody overtakes.  One on its way that nobody got comes back
 * by its giver.  Each that is out keeps the shell.
 */
#include <stdio.h>

#include "io/permits.h"

void lt_permits_end(lt_object *object)
{
	lt_line_fail(object->loop, &((lt_permits *)object)->line, LEAT_CLOSED);
}

lt_permits *lt_permits_new(leat_loop *loop, size_t count, const lt_object_ops *ops, const char *verb, const char *where)
{
	lt_permits *permits = lt_object_new(loop, ops, sizeof *permits, where);

	if (permits->object.dead)
		return permits;
	permits->left = count;
	lt_line_init(&permits->line, &permits->object, verb);
	return permits;
}

int lt_permits_describe(const lt_object *object, char *out, size_t room)
{
	const lt_permits *permits = (const lt_permits *)object;

	return snprintf(out, room, "%zu out, the last at %s, %zu in line", permits->out,
	                permits->taken ? permits->taken : "a place that is not known", permits->line.count);
}

/* ---- a permit on its way ---- */

static void permit_given_back(void *ctx, void *value)
{
	(void)value;
	lt_permits_release(ctx);
}

static const leat_giver permit_giver = { .size = sizeof(leat_giver), .give_back = permit_given_back };
/* Without destroy: who got it and did not look has it nevertheless.  Without
 * share: a fork would make two of one. */
static const leat_type permit_type = { .size = sizeof(leat_type), .name = "a permit" };

static lt_outcome hand_out(lt_permits *permits, const char *where)
{
	permits->out++;
	permits->taken = where;
	lt_object_ref(&permits->object);
	return (lt_outcome){ .type = &permit_type,
		.as.value = { .pointer = permits, .giver = &permit_giver, .giver_ctx = permits } };
}

leat_io *lt_permits_acquire(lt_permits *permits, const char *where)
{
	leat_loop *loop = permits->object.loop;
	lt_outcome permit;

	if (permits->object.dead || loop->closing)
		return lt_object_refusal(&permits->object, where);
	if (permits->left == 0)
		return lt_line_join(loop, &permits->line, where);
	permits->left--;
	permit = hand_out(permits, where);
	return lt_io_settled(loop, &permit, where);
}

bool lt_permits_try(lt_permits *permits)
{
	if (permits->object.dead || permits->left == 0)
		return false;
	permits->left--;
	hand_out(permits, NULL);
	return true;
}

bool lt_permits_release(lt_permits *permits)
{
	leat_io *io;

	if (permits->object.spare || permits->out == 0)
		return false;
	permits->out--;
	io = lt_line_next(&permits->line);
	if (io) {
		lt_outcome permit = hand_out(permits, io->where);

		lt_settle(permits->object.loop, io, &permit);
	} else {
		permits->left++;
	}
	lt_object_unref(&permits->object);
	return true;
}

/* ---- under a permit ---- */

typedef struct turn {
	lt_permits *permits;
	leat_fn fn;
	leat_ctx ctx; /* the user's */
	bool held;
} turn;

static_assert(sizeof(turn) <= LT_PIECE_BYTES, "a piece is enough");

/* The permit comes back after what was done under it is gone. */
static void turn_end(void *data)
{
	turn *t = data;
	lt_permits *permits = t->held ? t->permits : NULL;
	leat_ctx ctx = t->ctx;

	lt_piece_give(lt_cell_loop(t), t);
	lt_ctx_drop(ctx);
	if (permits)
		lt_permits_release(permits);
}

static leat_io *turn_run(void *data, leat_result *result)
{
	turn *t = data;

	t->held = true;
	result->type = NULL; /* it is ours */
	if (t->ctx.moved)
		t->ctx.destroy = NULL;
	return t->fn(t->ctx.data, result);
}

leat_io *lt_permits_run(lt_permits *permits, leat_fn fn, leat_ctx ctx, const char *where)
{
	leat_loop *loop = permits->object.loop;
	turn *t = loop->closing ? NULL : lt_piece_take(loop);

	if (!t) {
		lt_ctx_drop(ctx);
		return lt_io_refused(loop);
	}
	*t = (turn){ .permits = permits, .fn = fn, .ctx = ctx };
	return leat_io_then_at(lt_permits_acquire(permits, where), turn_run, leat_ctx_own(t, turn_end), where);
}

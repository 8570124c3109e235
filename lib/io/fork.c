/* SPDX-License-Identifier: ISC */
/* fork - one outcome for two waiters
 *
 * Two cells that know each other; one of them holds the source.  When that
 * one is cancelled, the other inherits it.
 */
#include <stdio.h>

#include "io/io.h"

static leat_io *peer_of(const leat_io *self)
{
	return self->u.custom.word[0];
}

static void part(leat_io *self)
{
	leat_io *peer = peer_of(self);

	self->u.custom.word[0] = NULL;
	if (peer)
		peer->u.custom.word[0] = NULL;
}

/* ---- a value that was lent, on its way to two ---- */

/* It is delivered with the first that is; where neither is, it goes back with the
 * second, so the first waits here. */
typedef struct both {
	leat_loop *loop;
	lt_outcome lent; /* as it came */
	void *waits;
	uint8_t left;
	bool delivered;
} both;

static_assert(sizeof(both) <= LT_PIECE_BYTES, "a piece is enough");

static void end_value(const leat_type *type, void *value)
{
	lt_outcome_destroy(&(lt_outcome){ .type = type, .as.value.pointer = value });
}

static void half_delivered(void *ctx, void *value)
{
	both *b = ctx, all = *b;
	bool first = !b->delivered;

	(void)value;
	b->delivered = true;
	if (--b->left == 0)
		lt_piece_give(b->loop, b);
	if (first)
		lt_delivered(&all.lent);
	if (first && all.left == 1)
		end_value(all.lent.type, all.waits);
}

static void half_given_back(void *ctx, void *value)
{
	both *b = ctx, all = *b;

	if (--b->left > 0 && !b->delivered) {
		b->waits = value;
		return;
	}
	if (b->left == 0)
		lt_piece_give(b->loop, b);
	if (all.delivered) {
		end_value(all.lent.type, value);
		return;
	}
	end_value(all.lent.type, value == all.lent.as.value.pointer ? all.waits : value);
	lt_outcome_drop(&all.lent);
}

static const leat_giver half_giver = {
	.size = sizeof(leat_giver), .give_back = half_given_back, .delivered = half_delivered
};

static bool is_lent(const lt_outcome *o)
{
	return o->type && !o->type->plain && o->as.value.giver;
}

/* Without memory for who is first it is delivered now. */
static void lend_to_both(leat_loop *loop, lt_outcome *o)
{
	both *b = is_lent(o) ? lt_piece_take(loop) : NULL;

	if (!b) {
		lt_delivered(o);
		return;
	}
	*b = (both){ .loop = loop, .lent = *o, .left = 2 };
	o->as.value.giver = &half_giver;
	o->as.value.giver_ctx = b;
}

/* ---- two outcomes ---- */

/* A second outcome with the same meaning, and giver. */
static lt_outcome share(const lt_outcome *o)
{
	lt_outcome copy = *o;

	if (o->type && !o->type->plain && o->type != &leat_int_type && o->as.value.pointer)
		copy.as.value.pointer = o->type->share(o->as.value.pointer);
	return copy;
}

static bool can_share(const lt_outcome *o)
{
	return !o->type || o->type->plain || o->type == &leat_int_type || lt_has(o->type, share);
}

static void fork_arrive(leat_loop *loop, leat_io *self, leat_io *source)
{
	lt_outcome outcome = lt_io_consume(loop, source), copy;
	leat_io *peer = peer_of(self);

	self->source = NULL;
	part(self);
	if (!peer) {
		lt_settle(loop, self, &outcome);
		return;
	}
	self->flags |= LT_RUNNING;
	peer->flags |= LT_RUNNING;
	if (can_share(&outcome)) {
		lend_to_both(loop, &outcome);
		copy = share(&outcome);
	} else { /* and nobody gets it */
		lt_outcome_drop(&outcome);
		outcome = copy = lt_failure(leat_error_core(LEAT_UNSUPPORTED));
	}
	for (int i = 0; i < 2; i++) {
		leat_io *io = i ? peer : self;
		lt_outcome *o = i ? &copy : &outcome;

		io->flags &= (uint8_t)~LT_RUNNING;
		if (io->flags & LT_DOOMED) { /* what is destroyed may cancel the other */
			lt_outcome_drop(o);
			lt_cell_free(loop, io);
		} else {
			lt_settle(loop, io, o);
		}
	}
}

static leat_io *fork_next(leat_io *self)
{
	leat_io *source = self->source, *peer = peer_of(self);

	self->source = NULL;
	part(self);
	if (!source || !peer)
		return source;
	peer->source = source;
	source->waiter = (uintptr_t)peer;
	return NULL;
}

static leat_io *fork_each(const leat_io *self, size_t *next)
{
	return (*next)++ ? NULL : self->source;
}

/* The half that holds the source shows it. */
static int fork_describe(const leat_io *self, char *out, size_t room)
{
	const leat_io *peer = peer_of(self);

	return snprintf(out, room, "%s", self->source || !peer ? "" : "waits for what its other half waits for");
}

static const lt_kind fork_kind = {
	.name = "fork", .arrive = fork_arrive, .next = fork_next, .each = fork_each, .describe = fork_describe
};

static leat_io *half(leat_loop *loop, const char *where)
{
	leat_io *io = lt_io_take_cell(loop, LT_CUSTOM, where);

	if (io)
		io->u.custom.kind = &fork_kind;
	return io;
}

leat_io *leat_io_fork_at(leat_io *io, leat_io **second, const char *where)
{
	leat_loop *loop;
	leat_io *self, *peer;

	lt_io_check(io, "leat_io_fork", where);
	loop = lt_cell_loop(io);
	peer = half(loop, where);
	self = lt_io_chain(io, LT_CUSTOM, where);
	if (!self || !peer) {
		if (self) {
			self->u.custom.kind = &fork_kind;
			self->u.custom.word[0] = NULL;
			lt_io_cancel(self);
		}
		if (peer)
			lt_cell_free(loop, peer);
		*second = lt_io_nomem(loop);
		return lt_io_nomem(loop);
	}
	self->u.custom.kind = &fork_kind;
	self->u.custom.word[0] = peer;
	peer->u.custom.word[0] = self;
	*second = peer;
	return self;
}

/* SPDX-License-Identifier: ISC */
/* then - then, catch, branch: a callback on an outcome
 *
 * The context lives until the promise has its outcome.  A callback that gave a
 * pending io leaves a cell that only passes on: spliced out (io.c), or HOLD
 * where a context must be kept until then.
 */
#include "io/io.h"

/* ---- then ---- */

static __attribute__((noinline)) leat_io *then_slowly(leat_io *io, leat_fn fn, leat_ctx ctx, const char *where)
{
	lt_io_check(io, "leat_io_then", where);
	return lt_io_chain_call(io, LT_THEN, fn, &ctx, where);
}

/* Whether a then on io needs a cell and nothing else. */
static inline bool is_plain(const leat_io *io)
{
	return io && !io->waiter && lt_cell_ready(lt_cell_loop(io)) &&
	       (lt_io_is_any(io, LT_PENDING, LT_FORWARD) ||
	        (lt_io_is_any(io, LT_SETTLED, LT_IMMORTAL) && !lt_must_kick(lt_cell_loop(io))));
}

/* The plain one needs no frame. */
leat_io *leat_io_then_parts(leat_io *io, leat_fn fn, void *data, void (*destroy)(void *), bool moved, const char *where)
{
	leat_loop *loop;
	leat_io *self;

	if (__builtin_expect(!is_plain(io), 0))
		return then_slowly(io, fn, (leat_ctx){ data, destroy, moved }, where);
	loop = lt_cell_loop(io);
	self = lt_io_take_cell(loop, LT_THEN, where);
	self->source = io;
	io->waiter = (uintptr_t)self;
	if (io->phase == LT_SETTLED)
		lt_enqueue_quietly(loop, io);
	lt_io_set_call(self, fn, &(leat_ctx){ data, destroy, moved });
	return self;
}

static void then_arrive(leat_loop *loop, leat_io *self, leat_io *source)
{
	if (lt_is_error(&source->u.outcome))
		lt_io_skip(loop, self, source);
	else
		lt_io_call(loop, self, source, self->u.call.fn);
}

/* ---- catch ---- */

leat_match leat_match_all(void)
{
	return (leat_match){ 0 };
}

leat_match leat_match_kind(leat_kind kind)
{
	return (leat_match){ (uintptr_t)kind };
}

leat_match leat_match_domain(const leat_error_domain *domain)
{
	return (leat_match){ (uintptr_t)domain };
}

leat_io *leat_io_catch_at(leat_io *io, leat_match match, leat_fn fn, leat_ctx ctx, const char *where)
{
	leat_io *self;

	lt_io_check(io, "leat_io_catch", where);
	self = lt_io_chain_call(io, LT_CATCH, fn, &ctx, where);
	if (!(self->flags & LT_IMMORTAL))
		self->u.call.other = match.what;
	return self;
}

static bool matches(uintptr_t what, leat_error error)
{
	if (what == 0)
		return true;
	if (what < LEAT_KINDS)
		return leat_error_is(error, (leat_kind)what);
	return (uintptr_t)error.domain == what;
}

static void catch_arrive(leat_loop *loop, leat_io *self, leat_io *source)
{
	const lt_outcome *o = &source->u.outcome;

	if (lt_is_error(o) && matches(self->u.call.other, o->as.error))
		lt_io_call(loop, self, source, self->u.call.fn);
	else
		lt_io_skip(loop, self, source);
}

/* ---- branch ---- */

leat_io *leat_io_branch_at(leat_io *io, leat_fn ok, leat_fn failed, leat_ctx ctx, const char *where)
{
	leat_io *self;

	lt_io_check(io, "leat_io_branch", where);
	self = lt_io_chain_call(io, LT_BRANCH, ok, &ctx, where);
	if (!(self->flags & LT_IMMORTAL))
		self->u.call.other = (uintptr_t)failed;
	return self;
}

static void branch_arrive(leat_loop *loop, leat_io *self, leat_io *source)
{
	leat_fn fn = lt_is_error(&source->u.outcome) ? (leat_fn)self->u.call.other : self->u.call.fn;

	if (fn)
		lt_io_call(loop, self, source, fn);
	else
		lt_io_skip(loop, self, source);
}

const lt_kind lt_then_kind = { .name = "then", .arrive = then_arrive, .drop = lt_io_drop_ctx };
const lt_kind lt_catch_kind = { .name = "catch", .arrive = catch_arrive, .drop = lt_io_drop_ctx };
const lt_kind lt_branch_kind = { .name = "branch", .arrive = branch_arrive, .drop = lt_io_drop_ctx };
/* A callback has run, its io is pending and its context must be kept. */
const lt_kind lt_hold_kind = { .name = "hold", .arrive = lt_io_skip, .drop = lt_io_drop_ctx };

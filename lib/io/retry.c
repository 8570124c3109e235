/* SPDX-License-Identifier: ISC */
/* retry - again after a failure, waiting longer each time
 *
 * A try, its catch, a sleep, the next try: each gives the next, so cells do not
 * pile up.  The record belongs to a cell on top of them, which ends as one that
 * holds a context and nothing else.  Cancelled by what we call, it outlives the frame
 * that called.
 */
#include <stdio.h>

#include <leat/options.h>
#include <leat/retry.h>

#include "io/io.h"

enum { TRIES = 5, FIRST_MS = 100, LONGEST_MS = 30000 };

typedef struct retry {
	leat_retry_options options;
	leat_fn fn;
	leat_ctx ctx;
	leat_loop *loop;
	const char *where;
	int64_t until_ms; /* of the loop's clock */
	int64_t wait_ms;  /* the next one, before it is spread */
	uint64_t seed;
	uint32_t tried;
	bool calling; /* the user's: the record stays */
	bool over;    /* cancelled meanwhile */
} retry;

/* ---- whether ---- */

static bool is_worth_it(leat_error error)
{
	switch (leat_error_kind(error)) {
	case LEAT_CANCELLED:
	case LEAT_CLOSED:
	case LEAT_INVALID:
	case LEAT_UNSUPPORTED:
	case LEAT_DENIED:
	case LEAT_NESTED:
	case LEAT_DEADLOCK:
	case LEAT_INTERRUPTED:
		return false;
	default:
		return true;
	}
}

static bool wants_again(const retry *r, leat_error error)
{
	if (r->tried >= r->options.tries)
		return false;
	if (r->options.again)
		return r->options.again(r->options.ctx, error, r->tried);
	return is_worth_it(error);
}

/* ---- how long ---- */

/* splitmix64: one multiplication more than a counter, and every bit moves. */
static uint64_t of_the_clock(retry *r)
{
	uint64_t z = r->seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static int64_t spread(retry *r, int64_t wait_ms)
{
	uint64_t half = (uint64_t)wait_ms / 2, bits;

	if (r->options.steady)
		return wait_ms;
	bits = r->options.random ? r->options.random(r->options.ctx) : of_the_clock(r);
	return wait_ms - (int64_t)(bits % (half + 1));
}

static int64_t next_wait(retry *r)
{
	int64_t longest = r->options.longest_ms, wait = r->wait_ms < longest ? r->wait_ms : longest;

	r->wait_ms = wait > longest / 2 ? longest : 2 * wait;
	return spread(r, wait);
}

/* ---- life ---- */

static void free_record(void *data)
{
	retry *r = data;
	leat_ctx ctx = r->ctx;

	lt_mem_release(&r->loop->mem, r);
	lt_ctx_drop(ctx);
}

static void retry_end(void *data)
{
	retry *r = data;

	if (r->calling)
		r->over = true;
	else
		free_record(r);
}

/* What was called has returned.  Where it has cancelled us, what it gave is cancelled
 * too, and may borrow from the context. */
static leat_io *called(retry *r, leat_io *io)
{
	r->calling = false;
	if (r->over && io)
		return leat_io_attach_at(io, leat_ctx_own(r, free_record), r->where);
	if (r->over)
		free_record(r);
	return io;
}

/* ---- the round ---- */

static leat_io *attempt(void *data, leat_result *result);

static leat_io *wait_or_fail(retry *r, leat_result *result)
{
	int64_t wait;

	if (!wants_again(r, leat_result_error(result)))
		return leat_result_pass_at(result, r->where);
	if (r->over)
		return NULL;
	wait = next_wait(r);
	if (r->until_ms < INT64_MAX && r->until_ms - leat_loop_now_ms(r->loop) <= wait)
		return leat_result_pass_at(result, r->where);
	return leat_io_then_at(leat_sleep_at(r->loop, wait, r->where), attempt, leat_ctx_borrow(r), r->where);
}

static leat_io *on_failure(void *data, leat_result *result)
{
	retry *r = data;

	r->calling = true;
	return called(r, wait_or_fail(r, result));
}

static leat_io *attempt(void *data, leat_result *result)
{
	retry *r = data;
	leat_io *io;

	r->tried++;
	if (r->ctx.moved)
		r->ctx.destroy = NULL;
	r->calling = true;
	io = r->fn(r->ctx.data, result);
	if (r->over || !io)
		return called(r, io);
	r->calling = false;
	if (r->until_ms < INT64_MAX)
		io = leat_io_deadline_at(io, r->until_ms, r->where);
	return leat_io_catch_at(io, leat_match_all(), on_failure, leat_ctx_borrow(r), r->where);
}

/* ---- beginning ---- */

static void take_options(retry *r, const leat_retry_options *options)
{
	leat_retry_options *mine = &r->options;

	leat_options_take_at(mine, sizeof *mine, options, "leat_retry_options", r->where);
	if (mine->tries == 0)
		mine->tries = TRIES;
	if (mine->first_ms <= 0)
		mine->first_ms = FIRST_MS;
	if (mine->longest_ms <= 0)
		mine->longest_ms = LONGEST_MS;
	r->wait_ms = mine->first_ms;
	r->until_ms = INT64_MAX;
	if (mine->deadline_ms > 0 && mine->deadline_ms < INT64_MAX - leat_loop_now_ms(r->loop))
		r->until_ms = leat_loop_now_ms(r->loop) + mine->deadline_ms;
}

static void become_hold(leat_io *self)
{
	retry *r = self->u.custom.word[0];

	self->kind = LT_HOLD;
	self->u.call.ctx = r;
	self->u.call.destroy = retry_end;
}

static void retry_arrive(leat_loop *loop, leat_io *self, leat_io *source)
{
	become_hold(self);
	lt_io_skip(loop, self, source);
}

static void retry_drop(leat_loop *loop, leat_io *self)
{
	become_hold(self);
	lt_io_drop_ctx(loop, self);
}

static int retry_describe(const leat_io *self, char *out, size_t room)
{
	const retry *r = self->u.custom.word[0];

	return snprintf(out, room, "tried %u of %u times", r->tried, r->options.tries);
}

static const lt_kind retry_kind = {
	.name = "retry", .arrive = retry_arrive, .drop = retry_drop, .describe = retry_describe
};

leat_io *leat_retry_at(leat_loop *loop, const leat_retry_options *options, leat_fn fn, leat_ctx ctx, const char *where)
{
	retry *r = loop->closing ? NULL : lt_mem_alloc(&loop->mem, sizeof *r);
	leat_io *self;

	if (!r) {
		lt_ctx_drop(ctx);
		return lt_io_refused(loop);
	}
	*r = (retry){ .fn = fn, .ctx = ctx, .loop = loop, .where = where };
	r->seed = (uint64_t)leat_loop_now_ns(loop) ^ (uintptr_t)r;
	take_options(r, options);
	self = lt_io_chain(leat_io_then_at(leat_io_done(loop), attempt, leat_ctx_borrow(r), where), LT_CUSTOM, where);
	if (!self) {
		retry_end(r);
		return lt_io_refused(loop);
	}
	self->u.custom.kind = &retry_kind;
	self->u.custom.word[0] = r;
	return self;
}

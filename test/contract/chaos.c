/* SPDX-License-Identifier: ISC */
/* chaos - programs nobody would write, by seed
 *
 * Random trees of combinators over random leaves; random callbacks that start more,
 * settle, cancel - also themselves; destructors that do the same; memory that runs
 * out now and then. Nothing is expected of the outcomes, all of the bookkeeping:
 * each context and value goes once, and nothing is left.
 *
 *	CHAOS=1234 test/contract/chaos     one seed, for a debugger
 */
#include <leat/buf.h>

#include "support/small.h"
#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

enum { ROOTS = 6, MAKERS = 32, SEEDS = 3000, MOVES = 60 };

static struct world w;
static uint64_t state;
static leat_io *roots[ROOTS];
static leat_maker makers[MAKERS];
static int depth, fuel; /* how deep a callback may still build; how much in all */

static unsigned dice(unsigned sides)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(state >> 33) % sides;
}

static leat_io *tree(int levels);
static void stir(void);

/* ---- what happens in callbacks and destructors ---- */

static void chaos_destroy(void *ctx)
{
	thing_take(ctx);
	if (dice(4) == 0)
		stir();
}

static leat_ctx context(void)
{
	switch (dice(4)) {
	case 0: return leat_ctx_own(thing("c"), chaos_destroy);
	case 1: return leat_ctx_move(thing("m"), chaos_destroy);
	default: return leat_ctx_none();
	}
}

static leat_io *act(void *ctx, leat_result *result)
{
	if (ctx && *(char *)ctx == 'm')
		thing_take(ctx);
	if (dice(5) == 0)
		stir();
	switch (dice(6)) {
	case 0: return NULL;
	case 1: return leat_result_pass(result);
	case 2: return failed(w.loop, LEAT_PROTOCOL);
	default: return tree(dice(3) ? 0 : 2);
	}
}

static leat_io *act_again(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	if (dice(5) == 0)
		stir();
	if (dice(3) == 0)
		return tree(1);
	return leat_io_int(w.loop, dice(4) > 0);
}

/* ---- leaves ---- */

static void on_cancel(void *memory)
{
	(void)memory;
	if (dice(4) == 0)
		stir();
}

static const leat_leaf leaf = { .size = sizeof leaf, .name = "chaos", .state_bytes = 40, .cancel = on_cancel };

static leat_io *wait(void)
{
	unsigned i = dice(MAKERS);

	if (leat_maker_live(makers[i])) /* nobody could settle it any more */
		return leat_sleep(w.loop, dice(30));
	return leat_io_new(w.loop, &makers[i], dice(2) ? &leaf : NULL, NULL);
}

static leat_io *leaf_io(void)
{
	switch (dice(9)) {
	case 0: return leat_io_done(w.loop);
	case 1: return leat_io_int(w.loop, dice(3));
	case 2: return leat_io_ptr(w.loop, thing(""), &thing_type);
	case 3: return failed(w.loop, LEAT_RESET);
	case 4: return leat_sleep(w.loop, (int)dice(30) - 2);
	case 5: return leat_io_buf(w.loop, leat_buf_copy(w.loop, "chaos", 5));
	default: return wait();
	}
}

static void settle_one(leat_maker maker)
{
	if (!leat_maker_live(maker))
		return;
	switch (dice(6)) {
	case 0: leat_resolve(maker); break;
	case 1: leat_resolve_int(maker, dice(2)); break;
	case 2: leat_resolve_ptr(maker, thing(""), &thing_type); break;
	case 3: lender_resolve(maker, thing("")); break;
	case 4: leat_reject(maker, leat_error_core(LEAT_LIMIT)); break;
	default: leat_maker_drop(maker);
	}
}

/* ---- trees ---- */

static leat_io *bush(int levels)
{
	leat_io *ios[4];
	size_t n = 1 + dice(4);

	for (size_t i = 0; i < n; i++)
		ios[i] = tree(levels - 1);
	switch (dice(4)) {
	case 0: return leat_io_all(w.loop, ios, n);
	case 1: return leat_io_any(w.loop, ios, n);
	case 2: return leat_io_race(w.loop, ios, n);
	default: return leat_io_settle(w.loop, ios, n);
	}
}

static void plant(leat_io *io);

static leat_io *tree(int levels)
{
	leat_io *io, *second;

	if (levels <= 0 || --fuel < 0)
		return leaf_io();
	switch (dice(11)) {
	case 0: return bush(levels);
	case 1: return leat_io_repeat(w.loop, act_again, leat_ctx_none());
	default: io = tree(levels - 1);
	}
	switch (dice(10)) {
	case 0: return leat_io_catch(io, dice(2) ? leat_match_all() : leat_match_kind(LEAT_RESET), act, context());
	case 1: return leat_io_branch(io, dice(3) ? act : NULL, dice(3) ? act : NULL, context());
	case 2: return leat_io_finally(io, act, context());
	case 3: return leat_io_timeout(io, (int)dice(30) - 2);
	case 4: return leat_io_deadline(io, leat_loop_now_ms(w.loop) + dice(20));
	case 5:
		io = leat_io_fork(io, &second);
		plant(second);
		return io;
	default: return leat_io_then(io, act, context());
	}
}

/* ---- the gardener ---- */

static void plant(leat_io *io)
{
	leat_io **slot = &roots[dice(ROOTS)];
	leat_io *old = *slot;

	*slot = io;
	leat_io_cancel(old);
}

static void uproot(void)
{
	leat_io **slot = &roots[dice(ROOTS)];
	leat_io *io = *slot;
	leat_result result;

	*slot = NULL;
	if (!io)
		return;
	switch (dice(3)) {
	case 0: leat_io_cancel(io); break;
	case 1: leat_io_detach(io); break;
	default:
		if (leat_io_try(io, &result))
			leat_result_clear(&result);
		else
			plant(io);
	}
}

/* Anything that is legal everywhere. */
static void stir(void)
{
	if (depth >= 4)
		return;
	depth++;
	switch (dice(5)) {
	case 0: uproot(); break;
	case 1: plant(tree(2)); break;
	default: settle_one(makers[dice(MAKERS)]);
	}
	depth--;
}

static void turn(void)
{
	switch (dice(8)) {
	case 0: plant(tree(4)); break;
	case 1: uproot(); break;
	case 2: w.now_ns += dice(10) * 1000000; break;
	case 3: settle_one(makers[dice(MAKERS)]); break;
	case 4: w.oom.fail_at = dice(6) ? 0 : w.oom.calls + 1 + dice(3); break;
	default: leat_loop_run_ready(w.loop);
	}
}

static void grow(uint64_t seed)
{
	state = seed * 2 + 1;
	depth = 0;
	fuel = 2000;
	memset(roots, 0, sizeof roots);
	memset(makers, 0, sizeof makers);
	expect_true(world_try(&w, 0, 1 + dice(4)));
	for (int i = 0; i < MOVES; i++)
		turn();
	w.oom.fail_at = 0;
	if (dice(2))
		for (int i = 0; i < ROOTS; i++) {
			leat_io *io = roots[i];

			roots[i] = NULL;
			leat_io_cancel(io);
		}
	fuel = 0;
	world_end(&w);
	tape_clear();
	ck_assert_msg(things_live == 0, "seed %llu: %d things left", (unsigned long long)seed, things_live);
}

START_TEST(whatever_happens_nothing_is_left)
{
	const char *one = getenv("CHAOS");

	if (one) {
		grow(strtoull(one, NULL, 10));
		return;
	}
	for (uint64_t seed = 0; seed < many(SEEDS); seed++)
		grow(seed);
}
END_TEST

SUITE("chaos", whatever_happens_nothing_is_left)

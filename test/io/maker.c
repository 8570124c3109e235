/* SPDX-License-Identifier: ISC */
/* maker - the end of an io that settles it */
#include <stddef.h>

#include <leat/buf.h>

#include "support/dies.h"
#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

START_TEST(an_io_is_pending_until_its_maker_settles_it)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	io = pending(w.loop, &maker);
	expect_true(is_pending(io));
	expect_true(leat_maker_live(maker));
	leat_resolve(maker);
	expect_ok(settled(io));
	expect_false(leat_maker_live(maker));
	world_close(&w);
}
END_TEST

START_TEST(a_number_arrives)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	io = pending(w.loop, &maker);
	leat_resolve_int(maker, INT64_MIN);
	expect_true(settled_int(io) == INT64_MIN);
	world_close(&w);
}
END_TEST

START_TEST(a_pointer_arrives_and_is_the_takers)
{
	struct world w;
	leat_maker maker;
	leat_result result;
	leat_io *io;
	char *got;

	world_open(&w);
	io = pending(w.loop, &maker);
	leat_resolve_ptr(maker, thing("v"), &thing_type);
	expect_true(leat_io_try(io, &result));
	got = leat_result_ptr(&result, &thing_type);
	expect_str(got, "v");
	leat_result_clear(&result);
	expect_int(things_live, 1);
	thing_take(got);
	world_close(&w);
}
END_TEST

START_TEST(a_buf_arrives)
{
	struct world w;
	leat_maker maker;
	leat_result result;
	leat_buf *buf;
	leat_io *io;

	world_open(&w);
	io = pending(w.loop, &maker);
	leat_resolve_buf(maker, leat_buf_copy(w.loop, "hay", 3));
	expect_true(leat_io_try(io, &result));
	buf = leat_result_buf(&result);
	expect_bytes(leat_buf_data(buf), leat_buf_size(buf), "hay");
	leat_buf_unref(buf);
	world_close(&w);
}
END_TEST

START_TEST(no_buf_is_a_value_too_the_end)
{
	struct world w;
	leat_maker maker;
	leat_result result;
	leat_io *io;

	world_open(&w);
	io = pending(w.loop, &maker);
	leat_resolve_buf(maker, NULL);
	expect_true(leat_io_try(io, &result));
	expect_true(leat_result_ok(&result));
	expect_null(leat_result_buf(&result));
	leat_result_clear(&result);
	world_close(&w);
}
END_TEST

START_TEST(an_error_arrives_with_its_place)
{
	struct world w;
	leat_maker maker;
	leat_error error, got;
	leat_io *io;

	world_open(&w);
	io = pending(w.loop, &maker);
	error = leat_error_make_at(&leat_core_errors, LEAT_PROTOCOL, "over there");
	leat_reject(maker, error);
	got = settled(io);
	expect_kind(got, LEAT_PROTOCOL);
	expect_str(got.where, "over there");
	world_close(&w);
}
END_TEST

START_TEST(an_outcome_is_passed_on)
{
	struct world w;
	leat_maker from, to;
	leat_result result;
	leat_io *a, *b;

	world_open(&w);
	a = pending(w.loop, &from);
	b = pending(w.loop, &to);
	leat_resolve_ptr(from, thing("v"), &thing_type);
	expect_true(leat_io_try(a, &result));
	leat_resolve_result(to, &result);
	leat_result_clear(&result);
	expect_true(leat_io_try(b, &result));
	expect_str((char *)leat_result_peek(&result), "v");
	leat_result_clear(&result);
	expect_no_things();
	world_close(&w);
}
END_TEST

START_TEST(a_dropped_maker_breaks_its_promise)
{
	struct world w;
	leat_maker maker;
	leat_error error;
	leat_io *io;

	world_open(&w);
	io = pending(w.loop, &maker);
	leat_maker_drop_at(maker, "the drop");
	error = settled(io);
	expect_kind(error, LEAT_BROKEN);
	expect_str(error.where, "the drop");
	world_close(&w);
}
END_TEST

START_TEST(dropping_a_maker_that_was_settled_or_cancelled_changes_nothing)
{
	struct world w;
	leat_maker maker, other;
	leat_io *io;

	world_open(&w);
	io = pending(w.loop, &maker);
	leat_resolve_int(maker, 7);
	leat_maker_drop(maker);
	expect_int(settled_int(io), 7);
	leat_io_cancel(pending(w.loop, &other));
	leat_maker_drop(other);
	world_close(&w);
}
END_TEST

START_TEST(resolving_a_cancelled_io_disposes_of_the_value)
{
	struct world w;
	leat_maker maker[4];

	world_open(&w);
	tape_clear();
	for (int i = 0; i < 4; i++)
		leat_io_cancel(pending(w.loop, &maker[i]));
	expect_false(leat_maker_live(maker[0]));
	leat_resolve_ptr(maker[0], thing("v"), &thing_type);
	lender_resolve(maker[1], thing("v"));
	leat_resolve_buf(maker[2], leat_buf_copy(w.loop, "hay", 3));
	leat_reject(maker[3], leat_error_core(LEAT_RESET));
	tape_expect("~v <v");
	world_run(&w);
	world_close(&w);
}
END_TEST

START_TEST(an_old_maker_does_not_reach_a_new_io)
{
	struct world w;
	leat_maker old, maker;
	leat_io *io;

	world_open(&w);
	leat_io_cancel(pending(w.loop, &old));
	io = pending(w.loop, &maker);
	leat_resolve_int(old, 1);
	expect_true(is_pending(io));
	leat_resolve_int(maker, 2);
	leat_maker_drop(old);
	expect_int(settled_int(io), 2);
	world_close(&w);
}
END_TEST

static void resolve_twice(void)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	io = leat_io_new_at(w.loop, &maker, NULL, NULL, "made here");
	leat_resolve_at(maker, "first here");
	leat_resolve_at(maker, "second here");
	leat_io_cancel(io);
}

START_TEST(resolving_twice_aborts_and_says_where)
{
	expect_dies(resolve_twice, "leat:", "second here", "made here");
}
END_TEST

START_TEST(rejecting_after_resolving_aborts)
{
	struct world w;
	leat_maker maker;

	world_open(&w);
	leat_io_detach(pending(w.loop, &maker));
	leat_resolve(maker);
	leat_reject(maker, leat_error_core(LEAT_RESET));
}
END_TEST

/* ---- the leaf's state ---- */

struct state {
	char text[200];
};

static void state_cancelled(void *state)
{
	tape_addf("cancel %s", ((struct state *)state)->text);
}

static const leat_leaf big_leaf = { .size = sizeof big_leaf, .name = "big", .state_bytes = sizeof(struct state),
	.cancel = state_cancelled };
static const leat_leaf small_leaf = { .size = sizeof small_leaf, .name = "small", .state_bytes = 24,
	.cancel = state_cancelled };

static bool is_zero(const void *memory, size_t bytes)
{
	const char *p = memory;

	while (bytes > 0 && p[bytes - 1] == 0)
		bytes--;
	return bytes == 0;
}

START_TEST(the_state_is_zeroed_and_aligned)
{
	const leat_leaf *leaf = _i ? &big_leaf : &small_leaf;
	struct world w;
	leat_maker maker;
	void *state;
	leat_io *io;

	world_open(&w);
	for (int i = 0; i < 3; i++) {
		io = leat_io_new(w.loop, &maker, leaf, &state);
		expect_true(is_zero(state, leaf->state_bytes));
		expect_true((uintptr_t)state % sizeof(void *) == 0);
		memset(state, 1, leaf->state_bytes);
		leat_resolve(maker);
		expect_ok(settled(io));
	}
	world_close(&w);
}
END_TEST

START_TEST(cancelling_tells_the_leaf_once_with_its_state)
{
	struct world w;
	leat_maker maker;
	void *state;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_new(w.loop, &maker, _i ? &big_leaf : &small_leaf, &state);
	strcpy(state, "me");
	leat_io_cancel(io);
	tape_expect("cancel me");
	world_run(&w);
	world_close(&w);
	tape_expect("");
}
END_TEST

START_TEST(a_settled_leaf_is_not_told_of_a_cancel)
{
	struct world w;
	leat_maker maker;
	void *state;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_new(w.loop, &maker, &big_leaf, &state);
	leat_resolve(maker);
	leat_io_cancel(io);
	tape_expect("");
	world_close(&w);
}
END_TEST

START_TEST(a_leaf_shorter_than_ours_has_no_cancel)
{
	struct world w;
	leat_maker maker;
	leat_leaf leaf = small_leaf;
	void *state;

	world_open(&w);
	tape_clear();
	leaf.size = offsetof(leat_leaf, cancel);
	leat_io_cancel(leat_io_new(w.loop, &maker, &leaf, &state));
	tape_expect("");
	world_close(&w);
}
END_TEST

START_TEST(a_giver_shorter_than_ours_is_not_told_of_delivery)
{
	static leat_giver old_giver;
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	tape_clear();
	old_giver = lender;
	old_giver.size = offsetof(leat_giver, delivered);
	io = pending(w.loop, &maker);
	leat_resolve_lent(maker, thing("v"), &thing_type, &old_giver, NULL);
	expect_ok(settled(io));
	tape_expect("~v");
	world_close(&w);
}
END_TEST

static leat_maker own_maker;

static void resolve_while_cancelled(void *state)
{
	(void)state;
	expect_false(leat_maker_live(own_maker));
	leat_resolve_ptr(own_maker, thing("late"), &thing_type);
}

static const leat_leaf stubborn_leaf = { .size = sizeof stubborn_leaf, .name = "stubborn",
	.cancel = resolve_while_cancelled };

START_TEST(the_maker_is_void_inside_the_leafs_cancel)
{
	struct world w;

	world_open(&w);
	tape_clear();
	leat_io_cancel(leat_io_new(w.loop, &own_maker, &stubborn_leaf, NULL));
	tape_expect("~late");
	world_close(&w);
}
END_TEST

START_TEST(an_io_knows_its_loop)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	io = pending(w.loop, &maker);
	expect_ptr(leat_io_loop(io), w.loop);
	leat_io_cancel(io);
	world_close(&w);
}
END_TEST

START_TEST(ios_that_are_there_already_are_there)
{
	struct world w;
	leat_result result;
	leat_io *io;

	world_open(&w);
	expect_ok(settled(leat_io_done(w.loop)));
	expect_int(settled_int(leat_io_int(w.loop, -3)), -3);
	expect_kind(settled(failed(w.loop, LEAT_LIMIT)), LEAT_LIMIT);
	expect_true(leat_io_try(leat_io_buf(w.loop, leat_buf_copy(w.loop, "x", 1)), &result));
	leat_result_clear(&result);
	expect_true(leat_io_try(leat_io_ptr(w.loop, thing(""), &thing_type), &result));
	leat_result_clear(&result);
	io = leat_io_ptr(w.loop, thing(""), &thing_type);
	leat_io_cancel(io);
	expect_no_things();
	world_close(&w);
}
END_TEST

static leat_io *free_io(leat_loop *loop, int n)
{
	return n == 2 ? leat_io_done(loop) : leat_io_int(loop, n);
}

static leat_io *give_free(void *n, leat_result *result)
{
	return free_io(leat_result_loop(result), *(int *)n);
}

/* One for each call that takes an io. */
static leat_io *through(leat_loop *loop, int way, int *n)
{
	leat_io *ios[2] = { NULL };

	if (way > 10)
		return NULL;
	ios[0] = free_io(loop, *n);
	switch (way) {
	case 0: return leat_io_then(ios[0], give_free, leat_ctx_borrow(n));
	case 1: return leat_io_catch(ios[0], leat_match_all(), never, thing_owned(""));
	case 2: return leat_io_branch(ios[0], give_free, never, leat_ctx_borrow(n));
	case 3: return leat_io_hold(ios[0], thing_owned(""));
	case 4: return leat_io_finally(ios[0], give_free, leat_ctx_borrow(n));
	case 5: return leat_io_timeout(ios[0], 10);
	case 6: return leat_io_deadline(ios[0], 1);
	case 7: return leat_io_race(loop, ios, 1);
	case 8: return leat_io_any(loop, ios, 1);
	case 9:
		ios[0] = leat_io_fork(ios[0], &ios[1]);
		leat_io_detach(ios[1]);
		return ios[0];
	default:
		ios[1] = free_io(loop, *n);
		return leat_io_race(loop, ios, 2);
	}
}

START_TEST(the_ios_that_cost_nothing_go_every_way)
{
	struct world w;
	leat_result result;
	leat_io *io;

	world_open(&w);
	for (int way = 0; (io = through(w.loop, way, &_i)) != NULL; way++) {
		world_run(&w);
		expect_true(leat_io_try(io, &result));
		if (_i == 2)
			expect_null(result.type);
		else
			expect_int(leat_result_int(&result), _i);
		leat_io_cancel(through(w.loop, way, &_i));
		expect_no_things();
	}
	leat_io_cancel(free_io(w.loop, _i));
	leat_io_detach(free_io(w.loop, _i));
	leat_io_detach(leat_io_then(free_io(w.loop, _i), give_free, leat_ctx_borrow(&_i)));
	world_run(&w);
	expect_true(leat_await(free_io(w.loop, _i), NULL));
	expect_true(leat_await(leat_io_all(w.loop, (leat_io *[]){ free_io(w.loop, _i) }, 1), NULL));
	expect_size(world_stats(&w).ios_live, 0);
	world_close(&w);
}
END_TEST

SUITE("maker",
	an_io_is_pending_until_its_maker_settles_it,
	a_number_arrives,
	a_pointer_arrives_and_is_the_takers,
	a_buf_arrives,
	no_buf_is_a_value_too_the_end,
	an_error_arrives_with_its_place,
	an_outcome_is_passed_on,
	a_dropped_maker_breaks_its_promise,
	dropping_a_maker_that_was_settled_or_cancelled_changes_nothing,
	resolving_a_cancelled_io_disposes_of_the_value,
	an_old_maker_does_not_reach_a_new_io,
	resolving_twice_aborts_and_says_where,
	ABORTS(rejecting_after_resolving_aborts),
	EACH(the_state_is_zeroed_and_aligned, 2),
	EACH(cancelling_tells_the_leaf_once_with_its_state, 2),
	a_settled_leaf_is_not_told_of_a_cancel,
	a_leaf_shorter_than_ours_has_no_cancel,
	a_giver_shorter_than_ours_is_not_told_of_delivery,
	the_maker_is_void_inside_the_leafs_cancel,
	an_io_knows_its_loop,
	ios_that_are_there_already_are_there,
	EACH(the_ios_that_cost_nothing_go_every_way, 3))

/* SPDX-License-Identifier: ISC */
/* fork - a second waiter */
#include <stddef.h>

#include <leat/buf.h>

#include "support/starve.h"
#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

static void on_cancel(void *state)
{
	(void)state;
	tape_add("cancel");
}

static const leat_leaf noisy_leaf = { .size = sizeof noisy_leaf, .name = "noisy", .cancel = on_cancel };

START_TEST(both_get_the_same_outcome)
{
	struct world w;
	leat_io *one, *two;

	world_open(&w);
	one = leat_io_fork(leat_io_int(w.loop, 7), &two);
	world_run(&w);
	expect_int(settled_int(one), 7);
	expect_int(settled_int(two), 7);
	one = leat_io_fork(leat_io_done(w.loop), &two);
	world_run(&w);
	expect_ok(settled(one));
	expect_ok(settled(two));
	one = leat_io_fork(failed(w.loop, LEAT_RESET), &two);
	world_run(&w);
	expect_settled(one, LEAT_RESET);
	expect_settled(two, LEAT_RESET);
	world_close(&w);
}
END_TEST

START_TEST(a_value_is_shared_as_its_type_says)
{
	struct world w;
	leat_maker maker;
	leat_io *one, *two;
	leat_result a, b;

	world_open(&w);
	tape_clear();
	one = leat_io_fork(pending(w.loop, &maker), &two);
	leat_resolve_ptr(maker, thing("v"), &thing_type);
	world_run(&w);
	expect_true(leat_io_try(one, &a));
	expect_true(leat_io_try(two, &b));
	ck_assert_ptr_ne(leat_result_peek(&a), leat_result_peek(&b));
	leat_result_clear(&a);
	leat_result_clear(&b);
	tape_expect("~v ~v");
	expect_no_things();
	world_close(&w);
}
END_TEST

START_TEST(bufs_share_their_bytes)
{
	struct world w;
	leat_io *one, *two;
	leat_result a, b;
	leat_buf *first, *second;

	world_open(&w);
	one = leat_io_fork(leat_io_buf(w.loop, leat_buf_copy(w.loop, "hay", 3)), &two);
	world_run(&w);
	expect_true(leat_io_try(one, &a));
	expect_true(leat_io_try(two, &b));
	first = leat_result_buf(&a);
	second = leat_result_buf(&b);
	expect_bytes(leat_buf_data(first), leat_buf_size(first), "hay");
	leat_buf_unref(first);
	expect_bytes(leat_buf_data(second), leat_buf_size(second), "hay");
	leat_buf_unref(second);
	world_close(&w);
}
END_TEST

START_TEST(what_cannot_be_shared_fails_both_as_unsupported)
{
	struct world w;
	leat_io *one, *two;

	world_open(&w);
	tape_clear();
	one = leat_io_fork(leat_io_ptr(w.loop, thing("v"), &lone_type), &two);
	world_run(&w);
	expect_settled(one, LEAT_UNSUPPORTED);
	expect_settled(two, LEAT_UNSUPPORTED);
	tape_expect("~v");
	world_close(&w);
}
END_TEST

static const leat_type lone_lent_type = { .size = sizeof lone_lent_type, .name = "lone thing" };

START_TEST(what_cannot_be_shared_goes_back_to_its_giver)
{
	struct world w;
	leat_maker maker;
	leat_io *one, *two;

	world_open(&w);
	tape_clear();
	one = leat_io_fork(pending(w.loop, &maker), &two);
	leat_resolve_lent(maker, thing("v"), &lone_lent_type, &lender, NULL);
	world_run(&w);
	tape_expect("<v");
	expect_settled(one, LEAT_UNSUPPORTED);
	expect_settled(two, LEAT_UNSUPPORTED);
	expect_no_things();
	world_close(&w);
}
END_TEST

START_TEST(a_type_shorter_than_ours_cannot_be_shared)
{
	static leat_type old_type;
	struct world w;
	leat_io *one, *two;

	world_open(&w);
	old_type = thing_type;
	old_type.size = offsetof(leat_type, share);
	one = leat_io_fork(leat_io_ptr(w.loop, thing(""), &old_type), &two);
	world_run(&w);
	expect_settled(one, LEAT_UNSUPPORTED);
	expect_settled(two, LEAT_UNSUPPORTED);
	expect_no_things();
	world_close(&w);
}
END_TEST

START_TEST(cancelling_one_leaves_the_other)
{
	struct world w;
	leat_maker maker;
	leat_io *ios[2];

	world_open(&w);
	tape_clear();
	ios[0] = leat_io_fork(leat_io_new(w.loop, &maker, &noisy_leaf, NULL), &ios[1]);
	leat_io_cancel(ios[_i]);
	tape_expect("");
	leat_resolve_ptr(maker, thing("v"), &thing_type);
	world_run(&w);
	expect_ok(settled(ios[1 - _i]));
	expect_no_things();
	tape_clear();
	world_close(&w);
}
END_TEST

START_TEST(cancelling_both_cancels)
{
	struct world w;
	leat_maker maker;
	leat_io *ios[2];

	world_open(&w);
	tape_clear();
	ios[0] = leat_io_fork(leat_io_new(w.loop, &maker, &noisy_leaf, NULL), &ios[1]);
	leat_io_cancel(ios[_i]);
	leat_io_cancel(ios[1 - _i]);
	tape_expect("cancel");
	world_close(&w);
}
END_TEST

START_TEST(cancelling_one_of_two_that_have_it_leaves_the_others)
{
	struct world w;
	leat_io *ios[2];

	world_open(&w);
	ios[0] = leat_io_fork(leat_io_ptr(w.loop, thing(""), &thing_type), &ios[1]);
	world_run(&w);
	leat_io_cancel(ios[_i]);
	expect_ok(settled(ios[1 - _i]));
	expect_no_things();
	world_close(&w);
}
END_TEST

static leat_io *other;

static leat_io *cancel_other(void *ctx, leat_result *result)
{
	(void)ctx;
	tape_add("cancel other");
	leat_io_cancel(other);
	return leat_result_pass(result);
}

START_TEST(one_may_cancel_the_other_as_it_gets_its_value)
{
	struct world w;
	leat_io *one;

	world_open(&w);
	tape_clear();
	one = leat_io_fork(leat_io_ptr(w.loop, thing(""), &thing_type), &other);
	one = leat_io_then(one, cancel_other, leat_ctx_none());
	other = leat_io_then(other, never, thing_owned("c"));
	world_run(&w);
	tape_expect("cancel other ~c");
	expect_ok(settled(one));
	expect_no_things();
	world_close(&w);
}
END_TEST

/* ---- a value that was lent ---- */

static void lend_to(leat_loop *loop, leat_io **ios)
{
	leat_maker maker;

	tape_clear();
	ios[0] = leat_io_fork(pending(loop, &maker), &ios[1]);
	lender_resolve(maker, thing("v"));
	leat_loop_run_ready(loop);
	tape_expect("");
}

START_TEST(what_neither_got_goes_back_to_its_giver)
{
	struct world w;
	leat_io *ios[2];

	world_open(&w);
	lend_to(w.loop, ios);
	leat_io_cancel(ios[_i]);
	tape_expect("");
	leat_io_cancel(ios[!_i]);
	tape_expect("~v <v");
	expect_no_things();
	expect_size(world_stats(&w).ios_live, 0);
	world_close(&w);
}
END_TEST

START_TEST(it_is_delivered_with_the_first_who_gets_it)
{
	struct world w;
	leat_io *ios[2];
	leat_result result;

	world_open(&w);
	lend_to(w.loop, ios);
	expect_true(leat_io_try(ios[_i], &result));
	tape_expect(">v");
	leat_result_clear(&result);
	tape_expect("~v");
	if (_i < 1)
		expect_true(leat_io_try(ios[!_i], &result));
	else
		leat_io_cancel(ios[!_i]);
	if (_i < 1)
		leat_result_clear(&result);
	tape_expect("~v");
	expect_no_things();
	world_close(&w);
}
END_TEST

START_TEST(it_is_delivered_where_only_the_second_gets_it)
{
	struct world w;
	leat_io *ios[2];
	leat_result result;

	world_open(&w);
	lend_to(w.loop, ios);
	leat_io_cancel(ios[_i]);
	expect_true(leat_io_try(ios[!_i], &result));
	tape_expect(">v ~v");
	leat_result_clear(&result);
	tape_expect("~v");
	expect_no_things();
	world_close(&w);
}
END_TEST

static void lent_in_need(struct world *w)
{
	leat_io *ios[2];
	leat_maker maker;

	ios[0] = leat_io_fork(pending(w->loop, &maker), &ios[1]);
	lender_resolve(maker, thing("v"));
	world_run(w);
	leat_io_cancel(ios[0]);
	leat_io_cancel(ios[1]);
}

START_TEST(without_memory_nothing_is_left_of_it)
{
	starve(lent_in_need);
}
END_TEST

START_TEST(each_failure_wants_to_be_handled)
{
	struct world w;
	leat_io *one, *two;

	world_open(&w);
	one = leat_io_fork(failed(w.loop, LEAT_RESET), &two);
	leat_io_detach(one);
	leat_io_detach(leat_io_catch(two, leat_match_all(), say_done, word("")));
	world_run(&w);
	expect_size(w.unhandled, 1);
	w.unhandled = 0;
	world_close(&w);
}
END_TEST

START_TEST(forks_of_forks)
{
	struct world w;
	leat_maker maker;
	leat_io *ios[8];

	world_open(&w);
	ios[0] = pending(w.loop, &maker);
	for (int i = 1; i < 8; i++)
		ios[i - 1] = leat_io_fork(ios[i - 1], &ios[i]);
	leat_resolve_ptr(maker, thing(""), &thing_type);
	world_run(&w);
	for (int i = 0; i < 8; i++)
		expect_ok(settled(ios[i]));
	expect_no_things();
	world_close(&w);
}
END_TEST

SUITE("fork",
	both_get_the_same_outcome,
	a_value_is_shared_as_its_type_says,
	bufs_share_their_bytes,
	what_cannot_be_shared_fails_both_as_unsupported,
	what_cannot_be_shared_goes_back_to_its_giver,
	a_type_shorter_than_ours_cannot_be_shared,
	EACH(cancelling_one_leaves_the_other, 2),
	EACH(cancelling_both_cancels, 2),
	EACH(cancelling_one_of_two_that_have_it_leaves_the_others, 2),
	one_may_cancel_the_other_as_it_gets_its_value,
	EACH(what_neither_got_goes_back_to_its_giver, 2),
	EACH(it_is_delivered_with_the_first_who_gets_it, 2),
	EACH(it_is_delivered_where_only_the_second_gets_it, 2),
	without_memory_nothing_is_left_of_it,
	each_failure_wants_to_be_handled,
	forks_of_forks)

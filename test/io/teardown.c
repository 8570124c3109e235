/* SPDX-License-Identifier: ISC */
/* teardown - the end of a loop, and what destructors do at the oddest moments */
#include <event2/event.h>

#include <leat/io.h>
#include <leat/loop.h>

#include "support/suite.h"
#include "support/step.h"
#include "support/tape.h"
#include "support/thing.h"
#include "support/world.h"

static struct world w;
static leat_io *top; /* what the hooks below cancel */

static void cancel_top(void)
{
	leat_io *io = top;

	top = NULL;
	if (io)
		leat_io_cancel(io);
}

static void close_world(void)
{
	world_run(&w);
	expect_null(top);
	expect_no_things();
	world_close(&w);
}

/* ---- leaves ---- */

static int cancels;

static void cancel_the_chain(void *state)
{
	(void)state;
	cancels++;
	cancel_top();
}

static const leat_leaf cancelling_leaf = {
	.size = sizeof(leat_leaf), .name = "cancelling", .state_bytes = 40, .cancel = cancel_the_chain
};

START_TEST(a_leaf_that_is_told_of_the_end_may_cancel_its_own_chain)
{
	leat_maker maker;
	void *state;

	world_open(&w);
	cancels = 0;
	top = leat_io_then(leat_io_new(w.loop, &maker, &cancelling_leaf, &state), say, thing_owned(""));
	world_end(&w);
	expect_int(cancels, 1);
	expect_null(top);
	expect_int(w.reports, 0);
}
END_TEST

/* ---- givers ---- */

static void delivered_cancels(void *ctx, void *value)
{
	(void)ctx;
	(void)value;
	cancel_top();
}

static void never_back(void *ctx, void *value)
{
	(void)ctx;
	thing_take(value);
}

static const leat_giver cancelling_giver = {
	.size = sizeof(leat_giver), .give_back = never_back, .delivered = delivered_cancels
};

static leat_io *lent(void)
{
	leat_maker maker;
	leat_io *io = leat_io_new(w.loop, &maker, NULL, NULL);

	leat_resolve_lent(maker, thing("value"), &thing_type, &cancelling_giver, NULL);
	return io;
}

START_TEST(a_chain_cancelled_as_its_value_is_delivered_runs_no_more)
{
	tape_clear();
	world_open(&w);
	top = leat_io_then(lent(), say, thing_owned("context"));
	world_run(&w);
	tape_expect("~value ~context");
	close_world();
}
END_TEST

START_TEST(a_catch_of_a_chain_cancelled_as_its_value_is_delivered)
{
	tape_clear();
	world_open(&w);
	top = leat_io_catch(leat_io_then(lent(), say, thing_owned("context")), leat_match_all(), say_kind,
		leat_ctx_none());
	world_run(&w);
	tape_expect("~value ~context");
	close_world();
}
END_TEST

/* ---- finally ---- */

static leat_io *fail_and_arm(void *ctx, leat_result *result)
{
	(void)ctx;
	thing_hook = cancel_top;
	return leat_io_fail(leat_result_loop(result), leat_error_core(LEAT_OTHER));
}

START_TEST(a_finally_that_fails_drops_a_value_that_cancels_it)
{
	tape_clear();
	world_open(&w);
	top = leat_io_finally(leat_io_ptr(w.loop, thing("value"), &thing_type), fail_and_arm, thing_owned("context"));
	world_run(&w);
	thing_hook = NULL;
	tape_expect("~value ~context");
	close_world();
}
END_TEST

static leat_io *sleep_then_fail(void *ctx, leat_result *result)
{
	(void)ctx;
	return leat_io_then(leat_sleep(leat_result_loop(result), 10), fail_and_arm, leat_ctx_none());
}

START_TEST(a_finally_that_fails_later_drops_a_value_that_cancels_it)
{
	tape_clear();
	world_open(&w);
	top = leat_io_finally(leat_io_ptr(w.loop, thing("value"), &thing_type), sleep_then_fail,
		thing_owned("context"));
	world_run(&w);
	world_pass(&w, 10);
	thing_hook = NULL;
	tape_expect("~value ~context");
	close_world();
}
END_TEST

/* ---- fork ---- */

static leat_io *halves[2];
static int cut_first;

static void cut_a_half(void *ctx, void *value)
{
	(void)ctx;
	(void)value;
	leat_io_cancel(halves[1 - cut_first]);
	cancel_top();
}

static const leat_giver cutting_giver = {
	.size = sizeof(leat_giver), .give_back = never_back, .delivered = cut_a_half
};

START_TEST(a_fork_cancelled_half_by_half_as_its_value_is_delivered)
{
	leat_maker maker;

	tape_clear();
	world_open(&w);
	cut_first = _i;
	halves[0] = leat_io_fork(leat_io_new(w.loop, &maker, NULL, NULL), &halves[1]);
	top = leat_io_then(halves[cut_first], never, leat_ctx_none());
	leat_resolve_lent(maker, thing("v"), &thing_type, &cutting_giver, NULL);
	world_run(&w);
	tape_expect("~v ~v");
	close_world();
}
END_TEST

/* ---- repeat ---- */

static int rounds, given_back, got_through;

static void count_back(void *ctx, void *value)
{
	(void)ctx;
	(void)value;
	given_back++;
}

static void count_through(void *ctx, void *value)
{
	(void)ctx;
	(void)value;
	got_through++;
	if (rounds == 2)
		cancel_top();
}

static const leat_giver counting_giver = {
	.size = sizeof(leat_giver), .give_back = count_back, .delivered = count_through
};

static leat_io *lent_number(void *ctx, leat_result *result)
{
	leat_maker maker;
	leat_io *io = leat_io_new(leat_result_loop(result), &maker, NULL, NULL);

	(void)ctx;
	leat_resolve_lent(maker, (void *)(uintptr_t)(++rounds < 10), &leat_int_type, &counting_giver, NULL);
	return io;
}

START_TEST(a_repeat_that_goes_on_has_got_the_number)
{
	tape_clear();
	world_open(&w);
	rounds = given_back = got_through = 0;
	top = leat_io_repeat(w.loop, lent_number, thing_owned("context"));
	world_run(&w);
	expect_int(rounds, 2);
	expect_int(got_through, 2);
	expect_int(given_back, 0);
	tape_expect("~context");
	close_world();
}
END_TEST

/* ---- destructors and the loop ---- */

static void run_ready(void *data)
{
	(void)data;
	expect_size(leat_loop_run_ready(w.loop), 0);
}

START_TEST(nothing_runs_inside_a_cancel)
{
	leat_maker maker;

	tape_clear();
	world_open(&w);
	leat_io_detach(leat_io_then(leat_io_done(w.loop), say_done, thing_owned("later")));
	leat_io_cancel(leat_io_then(leat_io_new(w.loop, &maker, NULL, NULL), say, leat_ctx_own(&w, run_ready)));
	tape_expect("");
	world_run(&w);
	tape_expect("later ~later");
	close_world();
}
END_TEST

static void await_it(void *data)
{
	leat_maker maker;
	leat_result result;

	(void)data;
	expect_false(leat_await(leat_io_new(w.loop, &maker, NULL, NULL), &result));
	expect_kind(leat_result_error(&result), LEAT_NESTED);
}

START_TEST(waiting_inside_a_cancel_is_nested)
{
	leat_maker maker;

	world_open(&w);
	leat_io_cancel(leat_io_then(leat_io_new(w.loop, &maker, NULL, NULL), say, leat_ctx_own(&w, await_it)));
	close_world();
}
END_TEST

/* ---- what keeps the base awake ---- */

START_TEST(a_sleep_that_is_cancelled_leaves_nothing_on_the_base)
{
	leat_io *sleep;

	world_open(&w);
	sleep = leat_sleep(w.loop, 3600000);
	expect_int(event_base_get_num_events(w.base, EVENT_BASE_COUNT_ADDED), 1);
	leat_io_cancel(sleep);
	expect_int(event_base_get_num_events(w.base, EVENT_BASE_COUNT_ADDED), 0);
	close_world();
}
END_TEST

START_TEST(an_await_that_nothing_can_settle_fails_after_a_cancelled_sleep_too)
{
	leat_maker maker;
	leat_result result;

	world_open(&w);
	leat_io_cancel(leat_sleep(w.loop, 3600000));
	expect_false(leat_await(leat_io_new(w.loop, &maker, NULL, NULL), &result));
	expect_kind(leat_result_error(&result), LEAT_DEADLOCK);
	world_end(&w);
}
END_TEST

/* ---- a destructor that frees the loop ---- */

static void free_the_loop(void *word)
{
	tape_add(word);
	leat_loop_free(w.loop);
	cancel_top();
	tape_add("on");
}

static leat_io *frees_the_loop(void)
{
	leat_maker maker;
	leat_ctx ctx = word("free");

	ctx.destroy = free_the_loop;
	return leat_io_then(pending(w.loop, &maker), never, ctx);
}

/* Its base may never be turned again: there is no later. */
START_TEST(outside_a_callback_the_loop_ends_with_the_outermost_cancel)
{
	leat_maker maker;

	world_open(&w);
	leat_io_detach(leat_io_catch(leat_sleep(w.loop, 1000), leat_match_all(), say_kind, leat_ctx_none()));
	top = leat_io_then(pending(w.loop, &maker), never, thing_owned("nested"));
	leat_io_cancel(frees_the_loop());
	tape_expect("free on ~nested cancelled");
	expect_size(w.oom.live, 0);
	expect_int(event_base_get_num_events(w.base,
		EVENT_BASE_COUNT_ADDED | EVENT_BASE_COUNT_ACTIVE | EVENT_BASE_COUNT_VIRTUAL), 0);
	event_base_free(w.base);
}
END_TEST

static leat_io *cancels_it(void *ctx, leat_result *result)
{
	(void)ctx;
	leat_io_cancel(frees_the_loop());
	leat_io_cancel(leat_sleep(leat_result_loop(result), 1)); /* it is still there */
	tape_add("after");
	return NULL;
}

START_TEST(inside_one_it_ends_with_the_drain)
{
	world_open(&w);
	leat_io_detach(leat_io_then(leat_io_done(w.loop), cancels_it, leat_ctx_none()));
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	tape_expect("free on after");
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

/* ---- many ---- */

START_TEST(an_io_given_twice_to_one_call_aborts)
{
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	io = leat_io_new(w.loop, &maker, NULL, NULL);
	leat_io_cancel(leat_io_race(w.loop, ((leat_io *[]){ io, io }), 2));
}
END_TEST

SUITE("teardown", a_leaf_that_is_told_of_the_end_may_cancel_its_own_chain,
	a_chain_cancelled_as_its_value_is_delivered_runs_no_more,
	a_catch_of_a_chain_cancelled_as_its_value_is_delivered,
	a_finally_that_fails_drops_a_value_that_cancels_it,
	a_finally_that_fails_later_drops_a_value_that_cancels_it,
	EACH(a_fork_cancelled_half_by_half_as_its_value_is_delivered, 2),
	a_repeat_that_goes_on_has_got_the_number,
	nothing_runs_inside_a_cancel,
	waiting_inside_a_cancel_is_nested,
	a_sleep_that_is_cancelled_leaves_nothing_on_the_base,
	an_await_that_nothing_can_settle_fails_after_a_cancelled_sleep_too,
	outside_a_callback_the_loop_ends_with_the_outermost_cancel,
	inside_one_it_ends_with_the_drain,
	ABORTS(an_io_given_twice_to_one_call_aborts))

/* SPDX-License-Identifier: ISC */
/* fiber_cancel - fibers that nobody wants any more, and the end of a loop with fibers on it */
#include <leat/fiber.h>
#include <leat/map.h>

#include "support/fibers.h"
#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

static leat_io *top;

static void open_world(void)
{
	tape_clear();
	world_open(&w);
	top = NULL;
}

static void cancel_top(void)
{
	leat_io *io = top;

	top = NULL;
	leat_io_cancel(io);
}

/* ---- from outside ---- */

static leat_io *wait_twice(void *ctx, leat_loop *loop)
{
	tape_add(ctx ? ctx : "begun");
	say_await(pending(loop, &makers[0]));
	say_await(pending(loop, &makers[1]));
	tape_add("over");
	return pending(loop, &makers[2]);
}

static leat_io *lose(void *ctx, leat_loop *loop)
{
	say_await(pending(loop, &makers[1]));
	tape_addf("still %s", (char *)ctx);
	return NULL;
}

static leat_io *cancel_it(void *ctx, leat_result *result)
{
	cancel_top();
	return NULL;
}

/* What it borrows from is there, though nobody waits for it any more. */
START_TEST(one_that_lost_a_race_unwinds_before_the_contexts_of_who_waited)
{
	static char session[] = "session";
	leat_maker winner, stop;
	leat_io *ios[2];

	open_world();
	ios[0] = pending(w.loop, &winner);
	ios[1] = leat_fiber(w.loop, lose, leat_ctx_borrow(session));
	top = leat_io_attach(leat_io_race(w.loop, ios, 2), thing_owned("context"));
	leat_io_detach(leat_io_then(pending(w.loop, &stop), cancel_it, leat_ctx_none()));
	world_run(&w);
	leat_resolve(winner);
	leat_resolve(stop);
	world_run(&w);
	tape_expect("cancelled still session ~context");
	close_world();
}
END_TEST

static leat_io *given_race;

static leat_io *give_race(void *ctx, leat_result *result)
{
	return given_race;
}

/* What only passes an outcome on has lost what its source had. */
START_TEST(one_that_was_lost_in_what_a_callback_gave_does_so_too)
{
	static char session[] = "session";
	leat_maker winner, stop, go;
	leat_io *ios[2], *sides[2];

	open_world();
	ios[0] = pending(w.loop, &winner);
	ios[1] = leat_fiber(w.loop, lose, leat_ctx_borrow(session));
	given_race = leat_io_race(w.loop, ios, 2);
	sides[0] = leat_io_then(pending(w.loop, &go), give_race, leat_ctx_none());
	sides[1] = leat_sleep(w.loop, 1000);
	top = leat_io_attach(_i ? leat_io_race(w.loop, sides, 2) : sides[0], thing_owned("context"));
	if (!_i)
		leat_io_cancel(sides[1]);
	leat_io_detach(leat_io_then(pending(w.loop, &stop), cancel_it, leat_ctx_none()));
	world_run(&w);
	if (_i) {
		leat_resolve(go);
		world_run(&w);
	}
	leat_resolve(winner);
	if (!_i)
		leat_resolve(go);
	leat_resolve(stop);
	world_run(&w);
	tape_expect("cancelled still session ~context");
	close_world();
}
END_TEST

static leat_io *lose_and_say(void *ctx, leat_loop *loop)
{
	say_await(pending(loop, &makers[1]));
	tape_addf("%s", (char *)ctx);
	return NULL;
}

/* Who has nothing to do with it does not wait for it. */
START_TEST(while_one_unwinds_a_cancel_of_others_is_done_when_it_returns)
{
	static char unwound[] = "unwound";
	leat_io *fiber, *other;

	open_world();
	fiber = leat_fiber(w.loop, lose_and_say, leat_ctx_borrow(unwound));
	other = leat_io_attach(leat_io_attach(leat_sleep(w.loop, 1000), thing_owned("low")), thing_owned("high"));
	world_run(&w);
	leat_io_cancel(fiber);
	leat_io_cancel(other);
	tape_expect("~low ~high");
	world_run(&w);
	tape_expect("cancelled unwound");
	close_world();
}
END_TEST

static leat_io *clean_up(void *ctx, leat_loop *loop)
{
	say_await(pending(loop, &makers[1]));
	say_await(leat_io_attach(leat_sleep(loop, 1000), thing_owned("stack")));
	leat_io_cancel(leat_io_attach(leat_sleep(loop, 1000), thing_owned("more")));
	tape_addf("over %s", (char *)ctx);
	return leat_io_attach(leat_sleep(loop, 1000), thing_owned("given"));
}

/* Which may be on its own stack. */
START_TEST(what_one_awaits_while_it_unwinds_has_no_context_when_it_goes_on)
{
	leat_io *fiber;

	open_world();
	fiber = leat_io_attach(leat_fiber(w.loop, clean_up, thing_owned("fiber's")), thing_owned("waiter's"));
	world_run(&w);
	leat_io_cancel(fiber);
	world_run(&w);
	tape_expect("cancelled ~stack cancelled ~more over fiber's ~given ~fiber's ~waiter's");
	close_world();
}
END_TEST

/* On the time, in a map, and by what had lost before. */
START_TEST(whatever_one_was_lost_by_it_unwinds_before_the_contexts_of_who_waited)
{
	static char session[] = "session";
	leat_maker winner, stop;
	leat_io *ios[2], *fiber;

	open_world();
	ios[0] = pending(w.loop, &winner);
	fiber = leat_fiber(w.loop, lose, leat_ctx_borrow(session));
	ios[1] = leat_io_timeout(_i ? leat_io_attach(fiber, thing_owned("inner")) : fiber, 5);
	if (_i == 2)
		ios[1] = leat_io_race(w.loop, (leat_io *[]){ leat_sleep(w.loop, 1000), ios[1] }, 2);
	top = leat_io_attach(leat_io_race(w.loop, ios, 2), thing_owned("context"));
	leat_io_detach(leat_io_then(pending(w.loop, &stop), cancel_it, leat_ctx_none()));
	world_run(&w);
	leat_resolve(winner);
	leat_resolve(stop);
	world_run(&w);
	tape_expect(_i ? "cancelled still session ~inner ~context" : "cancelled still session ~context");
	close_world();
}
END_TEST

static leat_io *lose_in_map(void *ctx, leat_loop *loop)
{
	say_await(pending(loop, &makers[1]));
	return NULL;
}

static void cancel_top_at_end(void *ctx)
{
	tape_add(ctx);
	cancel_top();
}

static leat_io *first_or_fiber(void *ctx, leat_loop *loop, size_t i)
{
	static char word[] = "~fiber's";

	if (i == 0)
		return leat_sleep(loop, 2);
	return i == 1 ? leat_io_attach(leat_fiber(loop, lose_in_map, leat_ctx_none()), leat_ctx_own(word, cancel_top_at_end)) :
	                NULL;
}

START_TEST(a_map_that_waits_for_them_goes_before_who_waited)
{
	open_world();
	top = leat_io_attach(leat_map_any(w.loop, 0, first_or_fiber, thing_owned("map")), thing_owned("waiter"));
	world_run(&w);
	world_pass(&w, 5);
	tape_expect("cancelled ~fiber's ~map ~waiter");
	close_world();
}
END_TEST

START_TEST(one_that_has_not_begun_never_runs)
{
	leat_io *io;

	open_world();
	io = leat_fiber(w.loop, wait_twice, thing_owned("ctx"));
	leat_io_cancel(io);
	tape_expect("~ctx");
	world_run(&w);
	tape_expect("");
	close_world();
}
END_TEST

START_TEST(a_parked_one_fails_with_cancelled_from_then_on_and_unwinds_by_itself)
{
	leat_io *io;

	open_world();
	io = leat_fiber(w.loop, wait_twice, thing_owned("ctx"));
	world_run(&w);
	tape_expect("ctx");
	leat_io_cancel(io);
	tape_expect("");
	expect_false(leat_maker_live(makers[0])); /* what it waited for is cancelled at once */
	world_run(&w);
	tape_expect("cancelled cancelled over ~ctx");
	expect_false(leat_maker_live(makers[1]));
	expect_false(leat_maker_live(makers[2])); /* what it gave, too */
	close_world();
}
END_TEST

START_TEST(what_had_settled_and_had_not_reached_it_goes_back)
{
	leat_io *io;

	open_world();
	io = leat_fiber(w.loop, wait_twice, thing_owned("ctx"));
	world_run(&w);
	lender_resolve(makers[0], thing("v"));
	leat_io_cancel(io);
	tape_expect("ctx <v");
	world_run(&w);
	tape_expect("cancelled cancelled over ~ctx");
	close_world();
}
END_TEST

static leat_io *yield_until_unwanted(void *ctx, leat_loop *loop)
{
	(void)ctx;
	while (leat_fiber_yield(loop))
		tape_add("on");
	tape_add(leat_fiber_yield(loop) ? "wanted" : "unwanted");
	return NULL;
}

static leat_io *stop_it(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	cancel_top();
	return NULL;
}

/* Not for ever: the loop would wait for it, and it for the loop. */
static leat_io *yield_without_end(void *ctx, leat_loop *loop)
{
	int *turns = ctx;

	while (*turns < 100000 && leat_fiber_yield(loop))
		++*turns;
	return leat_io_done(loop);
}

static leat_io *await_without_end(void *ctx, leat_loop *loop)
{
	int *turns = ctx;

	while (*turns < 100000 && leat_await(leat_io_int(loop, *turns), NULL) && leat_await(leat_io_done(loop), NULL))
		++*turns;
	return leat_io_done(loop);
}

START_TEST(one_that_never_has_to_wait_ends_with_the_loop)
{
	struct world other;
	int turns = 0;

	world_open(&other);
	leat_io_detach(leat_fiber(other.loop, _i ? yield_without_end : await_without_end, leat_ctx_borrow(&turns)));
	event_base_loop(other.base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	world_end(&other);
	expect_true(turns > 0);
	expect_true(turns < 100000);
}
END_TEST

START_TEST(one_that_yields_is_cancelled_while_it_is_queued)
{
	open_world();
	top = leat_fiber(w.loop, yield_until_unwanted, leat_ctx_none());
	leat_io_detach(leat_io_then(leat_io_done(w.loop), stop_it, leat_ctx_none()));
	world_run(&w);
	tape_expect("unwanted");
	close_world();
}
END_TEST

static leat_io *busy(void *count, leat_loop *loop)
{
	while (leat_await(leat_io_int(loop, 5), NULL))
		++*(int *)count;
	return NULL;
}

START_TEST(one_that_never_has_to_wait_ends_too)
{
	int count = 0;

	open_world();
	top = leat_fiber(w.loop, busy, leat_ctx_borrow(&count));
	leat_io_detach(leat_io_then(leat_io_done(w.loop), stop_it, leat_ctx_none()));
	world_run(&w);
	expect_true(count > 0 && count < 1000);
	close_world();
}
END_TEST

START_TEST(a_timeout_cancels_it_and_goes_on_when_it_has_unwound)
{
	leat_io *io;

	open_world();
	io = leat_io_timeout(leat_fiber(w.loop, wait_twice, thing_owned("ctx")), 10);
	io = leat_io_catch(io, leat_match_kind(LEAT_TIMEOUT), say_done, word("time is up"));
	world_run(&w);
	tape_expect("ctx");
	world_pass(&w, 10);
	tape_expect("cancelled cancelled over ~ctx time is up");
	expect_ok(settled(io));
	close_world();
}
END_TEST

/* ---- what others own is there while it unwinds ---- */

static leat_io *use_to_the_end(void *text, leat_loop *loop)
{
	say_await(pending(loop, &makers[0]));
	tape_addf("still %s", (char *)text);
	return NULL;
}

static leat_io *held(const char *text)
{
	void *owned = thing(text);

	return leat_io_hold(leat_fiber(w.loop, use_to_the_end, leat_ctx_borrow(owned)),
		leat_ctx_own(owned, thing_destroy));
}

START_TEST(what_it_borrows_from_those_who_wait_for_it_outlives_it)
{
	leat_io *io;

	open_world();
	io = leat_io_then(held("a"), never, thing_owned("b"));
	world_run(&w);
	leat_io_cancel(io);
	tape_expect("");
	world_run(&w);
	tape_expect("cancelled still a ~a ~b");
	close_world();
}
END_TEST

START_TEST(so_does_what_is_borrowed_by_each_of_many)
{
	leat_io *ios[2];

	open_world();
	ios[0] = held("a");
	ios[1] = held("b");
	top = leat_io_then(leat_io_race(w.loop, ios, 2), never, thing_owned("c"));
	world_run(&w);
	cancel_top();
	tape_expect("");
	world_run(&w);
	ck_assert_ptr_nonnull(strstr(tape_text, "still a"));
	ck_assert_ptr_nonnull(strstr(tape_text, "still b"));
	expect_true(strstr(tape_text, "still a") < strstr(tape_text, "~a"));
	expect_true(strstr(tape_text, "still b") < strstr(tape_text, "~b"));
	ck_assert_ptr_nonnull(strstr(tape_text, "~c"));
	tape_clear();
	close_world();
}
END_TEST

static leat_io *wait_for_another(void *text, leat_loop *loop)
{
	say_await(held("inner"));
	tape_addf("still %s", (char *)text);
	return NULL;
}

START_TEST(the_innermost_of_fibers_that_wait_for_fibers_unwinds_first)
{
	void *owned;

	open_world();
	owned = thing("outer");
	top = leat_io_hold(leat_fiber(w.loop, wait_for_another, leat_ctx_borrow(owned)),
		leat_ctx_own(owned, thing_destroy));
	world_run(&w);
	cancel_top();
	world_run(&w);
	tape_expect("cancelled still inner ~inner cancelled still outer ~outer");
	close_world();
}
END_TEST

/* ---- from inside ---- */

static leat_io *cancel_itself(void *ctx, leat_loop *loop)
{
	(void)ctx;
	cancel_top();
	tape_add("and on");
	say_await(pending(loop, &makers[0]));
	say_await(leat_io_int(loop, 3)); /* there already */
	return pending(loop, &makers[1]);
}

START_TEST(it_may_cancel_itself)
{
	open_world();
	top = leat_io_then(leat_fiber(w.loop, cancel_itself, thing_owned("ctx")), never, thing_owned("then"));
	world_run(&w);
	tape_expect("and on cancelled 3 ~ctx ~then");
	expect_false(leat_maker_live(makers[1]));
	close_world();
}
END_TEST

static leat_io *cancel_another(void *ctx, leat_loop *loop)
{
	(void)ctx;
	(void)loop;
	cancel_top();
	tape_add("other");
	return NULL;
}

START_TEST(another_fiber_may_cancel_it)
{
	leat_io *io;

	open_world();
	top = leat_fiber(w.loop, wait_twice, thing_owned("ctx"));
	io = leat_fiber(w.loop, cancel_another, leat_ctx_none());
	world_run(&w);
	tape_expect("ctx other cancelled cancelled over ~ctx");
	expect_ok(settled(io));
	close_world();
}
END_TEST

static void destroy_and_cancel(void *data)
{
	(void)data;
	tape_add("destroyed");
	cancel_top();
}

START_TEST(a_destructor_may_cancel_it)
{
	open_world();
	top = leat_fiber(w.loop, wait_twice, thing_owned("ctx"));
	world_run(&w);
	leat_io_cancel(leat_io_then(pending(w.loop, &makers[3]), never, leat_ctx_own(NULL, destroy_and_cancel)));
	tape_expect("ctx destroyed");
	world_run(&w);
	tape_expect("cancelled cancelled over ~ctx");
	close_world();
}
END_TEST

static leat_io *drop_something(void *ctx, leat_loop *loop)
{
	(void)ctx;
	leat_io_cancel(leat_io_then(pending(loop, &makers[3]), never, leat_ctx_own(NULL, destroy_and_cancel)));
	say_await(pending(loop, &makers[0]));
	return NULL;
}

START_TEST(a_destructor_that_it_runs_itself_may_cancel_it)
{
	open_world();
	top = leat_fiber(w.loop, drop_something, thing_owned("ctx"));
	world_run(&w);
	tape_expect("destroyed cancelled ~ctx");
	close_world();
}
END_TEST

static void delivered_cancels(void *ctx, void *value)
{
	(void)ctx;
	(void)value;
	cancel_top();
}

static const leat_giver cancelling = { .size = sizeof cancelling, .give_back = lender_take_back,
	.delivered = delivered_cancels };

static leat_io *take_value(void *ctx, leat_loop *loop)
{
	(void)ctx;
	leat_await(pending(loop, &makers[0]), NULL);
	say_await(pending(loop, &makers[1]));
	return NULL;
}

START_TEST(it_may_be_cancelled_as_its_value_is_delivered)
{
	open_world();
	top = leat_fiber(w.loop, take_value, thing_owned("ctx"));
	world_run(&w);
	leat_resolve_lent(makers[0], thing("v"), &thing_type, &cancelling, NULL);
	world_run(&w);
	tape_expect("~v cancelled ~ctx");
	close_world();
}
END_TEST

static leat_io *step_cancels(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	cancel_top();
	return pending(leat_result_loop(result), &makers[1]);
}

static leat_io *wait_for_a_step(void *ctx, leat_loop *loop)
{
	(void)ctx;
	say_await(leat_io_then(pending(loop, &makers[0]), step_cancels, thing_owned("step")));
	return NULL;
}

START_TEST(a_callback_that_it_waits_for_may_cancel_it)
{
	open_world();
	top = leat_fiber(w.loop, wait_for_a_step, thing_owned("ctx"));
	world_run(&w);
	leat_resolve(makers[0]);
	world_run(&w);
	tape_expect("~step cancelled ~ctx");
	expect_false(leat_maker_live(makers[1]));
	close_world();
}
END_TEST

/* ---- cancel_wait ---- */

static leat_io *say_nothing(void *text, leat_result *result)
{
	expect_true(leat_result_ok(result));
	tape_add(text);
	return NULL;
}

START_TEST(where_nothing_goes_on_the_wait_has_resolved)
{
	leat_io *io;

	open_world();
	expect_ok(settled(leat_io_cancel_wait(leat_io_then(pending(w.loop, &makers[0]), never, thing_owned("a")))));
	tape_expect("~a");
	expect_ok(settled(leat_io_cancel_wait(leat_io_done(w.loop))));
	expect_ok(settled(leat_io_cancel_wait(failed(w.loop, LEAT_RESET))));
	io = leat_io_cancel_wait(leat_fiber(w.loop, wait_twice, thing_owned("ctx"))); /* not begun */
	expect_ok(settled(io));
	tape_expect("~ctx");
	close_world();
}
END_TEST

START_TEST(the_wait_resolves_when_fibers_have_unwound)
{
	leat_io *ios[2];

	open_world();
	ios[0] = held("a");
	ios[1] = held("b");
	top = leat_io_settle(w.loop, ios, 2);
	world_run(&w);
	leat_io_detach(leat_io_then(leat_io_cancel_wait(top), say_nothing, word("done")));
	top = NULL;
	tape_expect("");
	world_run(&w);
	tape_expect("cancelled still b ~b cancelled still a ~a done");
	close_world();
}
END_TEST

static leat_io *cancel_and_wait(void *ctx, leat_loop *loop)
{
	leat_io *io = top;

	(void)ctx;
	(void)loop;
	top = NULL;
	expect_true(leat_await(leat_io_cancel_wait(io), NULL));
	tape_add("waited");
	return NULL;
}

START_TEST(a_fiber_may_wait_for_another_to_unwind)
{
	leat_io *io;

	open_world();
	top = held("a");
	world_run(&w);
	io = leat_fiber(w.loop, cancel_and_wait, leat_ctx_none());
	world_run(&w);
	tape_expect("cancelled still a ~a waited");
	expect_ok(settled(io));
	close_world();
}
END_TEST

static leat_io *cancel_itself_and_wait(void *ctx, leat_loop *loop)
{
	leat_io *io = top;

	(void)ctx;
	(void)loop;
	top = NULL;
	say_await(leat_io_cancel_wait(io));
	return NULL;
}

START_TEST(one_that_waits_for_its_own_end_is_cancelled)
{
	open_world();
	top = leat_fiber(w.loop, cancel_itself_and_wait, thing_owned("ctx"));
	world_run(&w);
	tape_expect("cancelled ~ctx");
	close_world();
}
END_TEST

static leat_io *keep_wait;

static void destroy_and_wait(void *data)
{
	(void)data;
	keep_wait = leat_io_cancel_wait(top);
	top = NULL;
}

START_TEST(the_wait_may_be_asked_for_in_a_destructor)
{
	open_world();
	top = held("a");
	world_run(&w);
	leat_io_detach(leat_io_then(leat_io_cancel_wait(
		leat_io_then(pending(w.loop, &makers[3]), never, leat_ctx_own(NULL, destroy_and_wait))),
		say_nothing, word("outer")));
	expect_true(is_pending(keep_wait));
	world_run(&w);
	tape_expect("cancelled still a ~a outer");
	expect_ok(settled(keep_wait));
	close_world();
}
END_TEST

static leat_io *has_a_child(void *ctx, leat_loop *loop)
{
	leat_io *child = held("child");

	(void)ctx;
	leat_await(leat_sleep(loop, 0), NULL);
	say_await(pending(loop, &makers[1]));
	leat_io_cancel(child);
	tape_add("parent over");
	return NULL;
}

START_TEST(the_wait_is_for_what_is_cancelled_while_unwinding_too)
{
	open_world();
	top = leat_fiber(w.loop, has_a_child, leat_ctx_none());
	world_run(&w);
	world_pass(&w, 1);
	leat_io_detach(leat_io_then(leat_io_cancel_wait(top), say_nothing, word("done")));
	top = NULL;
	world_run(&w);
	tape_expect("cancelled parent over cancelled still child ~child done");
	close_world();
}
END_TEST

START_TEST(cancelling_the_wait_changes_nothing_else)
{
	open_world();
	top = held("a");
	world_run(&w);
	leat_io_cancel(leat_io_cancel_wait(top));
	top = NULL;
	world_run(&w);
	tape_expect("cancelled still a ~a");
	close_world();
}
END_TEST

/* ---- the end of the loop ---- */

START_TEST(the_end_of_the_loop_unwinds_a_parked_one)
{
	open_world();
	leat_io_detach(leat_io_catch(leat_fiber(w.loop, wait_twice, thing_owned("ctx")), leat_match_all(), say_kind,
		leat_ctx_none()));
	world_run(&w);
	world_close(&w);
	expect_no_things();
	tape_expect("ctx cancelled closed over ~ctx closed");
}
END_TEST

START_TEST(one_that_was_cancelled_before_unwinds_then)
{
	open_world();
	top = held("a");
	world_run(&w);
	cancel_top();
	world_close(&w);
	tape_expect("cancelled still a ~a");
}
END_TEST

START_TEST(one_whose_io_is_still_held_unwinds_and_is_reported)
{
	leat_io *io;

	open_world();
	io = leat_io_timeout(leat_fiber(w.loop, wait_twice, thing_owned("ctx")), 1000);
	world_run(&w);
	(void)io;
	world_end(&w);
	tape_expect("ctx cancelled closed over ~ctx");
}
END_TEST

static leat_io *free_the_loop(void *ctx, leat_loop *loop)
{
	(void)ctx;
	leat_loop_free(loop);
	say_await(pending(loop, &makers[0]));
	return NULL;
}

START_TEST(a_fiber_may_free_its_loop)
{
	struct event_base *base;

	open_world();
	base = w.base;
	leat_io_detach(leat_fiber(w.loop, free_the_loop, thing_owned("ctx")));
	leat_loop_run_ready(w.loop);
	tape_expect("cancelled ~ctx");
	expect_no_things();
	expect_size(w.oom.live, 0);
	event_base_free(base);
}
END_TEST

static leat_io *spawn_another(void *ctx, leat_loop *loop)
{
	(void)ctx;
	say_await(pending(loop, &makers[0]));
	return leat_fiber(loop, wait_twice, thing_owned("refused"));
}

START_TEST(a_closing_loop_refuses_and_drops_the_context)
{
	open_world();
	leat_io_detach(leat_io_catch(leat_fiber(w.loop, spawn_another, leat_ctx_none()), leat_match_all(), say_kind,
		leat_ctx_none()));
	world_run(&w);
	world_close(&w);
	tape_expect("cancelled ~refused closed");
	expect_no_things();
}
END_TEST

SUITE("fiber_cancel", one_that_lost_a_race_unwinds_before_the_contexts_of_who_waited,
	EACH(whatever_one_was_lost_by_it_unwinds_before_the_contexts_of_who_waited, 3),
	EACH(one_that_was_lost_in_what_a_callback_gave_does_so_too, 2),
	a_map_that_waits_for_them_goes_before_who_waited,
	while_one_unwinds_a_cancel_of_others_is_done_when_it_returns,
	what_one_awaits_while_it_unwinds_has_no_context_when_it_goes_on,
	one_that_has_not_begun_never_runs,
	a_parked_one_fails_with_cancelled_from_then_on_and_unwinds_by_itself,
	what_had_settled_and_had_not_reached_it_goes_back, one_that_yields_is_cancelled_while_it_is_queued,
	EACH(one_that_never_has_to_wait_ends_with_the_loop, 2),
	one_that_never_has_to_wait_ends_too, a_timeout_cancels_it_and_goes_on_when_it_has_unwound,
	what_it_borrows_from_those_who_wait_for_it_outlives_it, so_does_what_is_borrowed_by_each_of_many,
	the_innermost_of_fibers_that_wait_for_fibers_unwinds_first, it_may_cancel_itself,
	another_fiber_may_cancel_it, a_destructor_may_cancel_it, a_destructor_that_it_runs_itself_may_cancel_it,
	it_may_be_cancelled_as_its_value_is_delivered, a_callback_that_it_waits_for_may_cancel_it,
	where_nothing_goes_on_the_wait_has_resolved, the_wait_resolves_when_fibers_have_unwound,
	a_fiber_may_wait_for_another_to_unwind, one_that_waits_for_its_own_end_is_cancelled,
	the_wait_may_be_asked_for_in_a_destructor, the_wait_is_for_what_is_cancelled_while_unwinding_too,
	cancelling_the_wait_changes_nothing_else, the_end_of_the_loop_unwinds_a_parked_one,
	one_that_was_cancelled_before_unwinds_then, one_whose_io_is_still_held_unwinds_and_is_reported,
	a_fiber_may_free_its_loop, a_closing_loop_refuses_and_drops_the_context)

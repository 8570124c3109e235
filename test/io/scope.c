/* SPDX-License-Identifier: ISC */
/* scope - what must end before I do */
#include <event2/event.h>

#include <leat/fiber.h>
#include <leat/scope.h>

#include "support/dies.h"
#include "support/small.h"
#include "support/starve.h"
#include "support/suite.h"

static struct world w;
static leat_scope *scope;
static leat_maker makers[4];
static char b[] = "b"; /* a context that is not counted */

static const leat_scope_options going = { .size = sizeof going, .keep_going = true };

static void open_scope(const leat_scope_options *options)
{
	tape_clear();
	world_open(&w);
	memset(makers, 0, sizeof makers);
	scope = leat_scope_new(w.loop, options);
}

static void close_scope(void)
{
	world_run(&w);
	leat_scope_free(scope);
	expect_size(world_stats(&w).ios_live, 0);
	world_close(&w);
	expect_no_things();
	tape_expect("");
}

/* A pending member whose context says when it goes. */
static void add(int n, const char *text)
{
	leat_scope_add(scope, leat_io_then(pending(w.loop, &makers[n]), say_done, thing_owned(text)));
}

static void resolve(int n)
{
	leat_resolve(makers[n]);
	world_run(&w);
}

static void reject(int n, leat_kind kind)
{
	leat_reject(makers[n], leat_error_core(kind));
	world_run(&w);
}

/* ---- its end ---- */

START_TEST(it_ends_when_its_members_have)
{
	leat_io *io;

	open_scope(NULL);
	add(0, "a");
	add(1, "b");
	io = leat_scope_wait(scope);
	expect_size(leat_scope_count(scope), 2);
	resolve(1);
	tape_expect("b ~b");
	expect_true(is_pending(io));
	resolve(0);
	tape_expect("a ~a");
	expect_size(leat_scope_count(scope), 0);
	expect_ok(leat_scope_error(scope));
	expect_ok(settled(io));
	expect_ptr(leat_scope_loop(scope), w.loop);
	close_scope();
}
END_TEST

START_TEST(one_without_members_has_ended_and_may_be_filled_again)
{
	leat_io *io;

	open_scope(NULL);
	expect_ok(settled(leat_scope_wait(scope)));
	add(0, "a");
	io = leat_scope_wait(scope);
	resolve(0);
	expect_ok(settled(io));
	expect_int(settled_int(leat_scope_drain(scope, 0)), 0);
	tape_expect("a ~a");
	close_scope();
}
END_TEST

START_TEST(what_has_settled_already_is_a_member_for_a_turn)
{
	leat_io *io;

	open_scope(NULL);
	leat_scope_add(scope, leat_io_done(w.loop));
	leat_scope_add(scope, leat_io_ptr(w.loop, thing("v"), &thing_type));
	io = leat_scope_wait(scope);
	expect_true(is_pending(io));
	world_run(&w);
	tape_expect("~v");
	expect_ok(settled(io));
	close_scope();
}
END_TEST

START_TEST(a_value_of_a_member_is_delivered_and_destroyed)
{
	open_scope(NULL);
	leat_scope_add(scope, pending(w.loop, &makers[0]));
	lender_resolve(makers[0], thing("v"));
	world_run(&w);
	tape_expect(">v ~v");
	close_scope();
}
END_TEST

START_TEST(any_number_may_wait)
{
	leat_io *ios[3];

	open_scope(NULL);
	add(0, "");
	for (int i = 0; i < 3; i++)
		ios[i] = leat_scope_wait(scope);
	leat_io_cancel(ios[1]);
	reject(0, LEAT_RESET);
	tape_clear();
	expect_settled(ios[0], LEAT_RESET);
	expect_settled(ios[2], LEAT_RESET);
	close_scope();
}
END_TEST

/* ---- failure ---- */

START_TEST(the_first_failure_cancels_the_rest_newest_first)
{
	leat_io *io;

	open_scope(NULL);
	add(0, "a");
	add(1, "b");
	add(2, "c");
	io = leat_io_catch(leat_scope_wait(scope), leat_match_all(), say_kind, leat_ctx_none());
	reject(1, LEAT_RESET);
	tape_expect("~b ~c ~a reset");
	expect_ok(settled(io));
	expect_kind(leat_scope_error(scope), LEAT_RESET);
	expect_size(leat_scope_count(scope), 0);
	close_scope();
}
END_TEST

START_TEST(one_that_failed_is_over)
{
	open_scope(NULL);
	add(0, "a");
	reject(0, LEAT_RESET);
	tape_expect("~a");
	add(1, "late");
	tape_expect("~late");
	expect_false(leat_maker_live(makers[1]));
	expect_settled(leat_scope_wait(scope), LEAT_RESET);
	expect_settled(leat_scope_drain(scope, 10), LEAT_RESET);
	close_scope();
}
END_TEST

START_TEST(asked_to_keep_going_the_first_failure_is_told_at_the_end)
{
	leat_io *io;

	open_scope(&going);
	add(0, "a");
	add(1, "b");
	io = leat_scope_wait(scope);
	reject(0, LEAT_RESET);
	tape_expect("~a");
	expect_true(is_pending(io));
	expect_kind(leat_scope_error(scope), LEAT_RESET);
	add(2, "c");
	resolve(1);
	resolve(2);
	tape_expect("b ~b c ~c");
	expect_settled(io, LEAT_RESET);
	close_scope();
}
END_TEST

START_TEST(asked_to_keep_going_each_further_failure_is_unhandled)
{
	open_scope(&going);
	add(0, "");
	add(1, "");
	reject(0, LEAT_RESET);
	expect_int(w.unhandled, 0);
	reject(1, LEAT_TIMEOUT);
	expect_int(w.unhandled, 1);
	expect_kind(w.last.error, LEAT_TIMEOUT);
	w.unhandled = 0;
	expect_settled(leat_scope_wait(scope), LEAT_RESET);
	close_scope();
}
END_TEST

START_TEST(a_failure_that_nobody_waited_for_is_unhandled)
{
	open_scope(NULL);
	expect_ok(settled(leat_scope_wait(scope))); /* before there was one */
	add(0, "");
	reject(0, LEAT_RESET);
	expect_int(w.unhandled, 0);
	leat_scope_free(scope);
	scope = NULL;
	world_run(&w);
	expect_int(w.unhandled, 1);
	expect_kind(w.last.error, LEAT_RESET);
	w.unhandled = 0;
	close_scope();
}
END_TEST

START_TEST(a_member_that_ends_with_cancelled_has_not_failed)
{
	leat_io *io;

	open_scope(NULL);
	add(0, "a");
	add(1, "b");
	io = leat_scope_wait(scope);
	reject(0, LEAT_CANCELLED);
	tape_expect("~a");
	resolve(1);
	tape_expect("b ~b");
	expect_ok(settled(io));
	close_scope();
}
END_TEST

START_TEST(two_that_fail_in_one_turn_are_one_failure)
{
	leat_io *io;

	open_scope(NULL);
	add(0, "a");
	add(1, "b");
	io = leat_scope_wait(scope);
	leat_reject(makers[0], leat_error_core(LEAT_RESET));
	reject(1, LEAT_TIMEOUT);
	tape_expect("~a ~b");
	expect_settled(io, LEAT_RESET);
	close_scope();
}
END_TEST

/* ---- cancelling ---- */

START_TEST(cancelling_it_cancels_its_members_newest_first)
{
	leat_io *io;

	open_scope(NULL);
	add(0, "a");
	add(1, "b");
	add(2, "c");
	io = leat_scope_wait(scope);
	leat_scope_cancel(scope);
	tape_expect("~c ~b ~a");
	expect_settled(io, LEAT_CANCELLED);
	add(3, "late");
	tape_expect("~late");
	leat_scope_cancel(scope);
	close_scope();
}
END_TEST

START_TEST(cancelling_gives_back_what_was_not_delivered)
{
	open_scope(NULL);
	add(0, "c");
	lender_resolve(makers[0], thing("v"));
	leat_scope_cancel(scope);
	tape_expect("<v ~c");
	close_scope();
}
END_TEST

START_TEST(cancelling_the_last_that_waits_cancels_the_scope)
{
	leat_io *one, *two;

	open_scope(NULL);
	add(0, "a");
	one = leat_scope_wait(scope);
	two = leat_scope_drain(scope, 100);
	leat_io_cancel(one);
	tape_expect("");
	leat_io_cancel(two);
	tape_expect("~a");
	expect_kind(leat_scope_error(scope), LEAT_CANCELLED);
	close_scope();
}
END_TEST

/* Parks; cancelled, it tries in vain to park again, and says that it goes. */
static leat_io *unwind(void *text, leat_loop *loop)
{
	leat_result result;

	leat_await(leat_sleep(loop, 1000), &result);
	tape_addf("%s %s", (char *)text, leat_kind_name(leat_error_kind(leat_result_error(&result))));
	leat_await(leat_sleep(loop, 1000), NULL);
	tape_add("unwound");
	return NULL;
}

START_TEST(what_waits_for_it_goes_after_its_members)
{
	leat_io *io;

	open_scope(NULL);
	add(0, "a");
	add(1, "b");
	leat_scope_add(scope, leat_fiber(w.loop, unwind, thing_owned("f")));
	world_run(&w);
	io = leat_io_attach(leat_io_timeout(leat_scope_wait(scope), 100), thing_owned("held"));
	leat_io_cancel(leat_io_then(io, never, thing_owned("more")));
	world_run(&w);
	tape_expect("f cancelled unwound ~f ~b ~a ~held ~more");
	close_scope();
}
END_TEST

START_TEST(a_shielded_wait_only_looks_on)
{
	open_scope(NULL);
	add(0, "a");
	leat_io_cancel(leat_io_shield(leat_scope_wait(scope)));
	tape_expect("");
	resolve(0);
	tape_expect("a ~a");
	close_scope();
}
END_TEST

static leat_io *cancel_scope(void *text, leat_result *result)
{
	tape_add(text);
	leat_scope_cancel(scope);
	tape_add("cancelled");
	expect_size(leat_scope_count(scope), 0);
	return leat_sleep(leat_result_loop(result), 10);
}

START_TEST(a_member_may_cancel_it_from_inside)
{
	leat_io *io;

	open_scope(NULL);
	add(0, "a");
	leat_scope_add(scope, leat_io_then(pending(w.loop, &makers[1]), cancel_scope, thing_owned("b")));
	add(2, "c");
	io = leat_io_catch(leat_scope_wait(scope), leat_match_all(), say_kind, leat_ctx_none());
	resolve(1);
	tape_expect("b ~c ~a cancelled ~b cancelled");
	expect_ok(settled(io));
	close_scope();
}
END_TEST

static leat_io *cancel_and_free(void *text, leat_result *result)
{
	tape_add(text);
	leat_scope_cancel(scope);
	leat_scope_free(scope);
	scope = NULL;
	return leat_sleep(leat_result_loop(result), 10);
}

START_TEST(a_member_may_cancel_and_free_it_from_inside)
{
	leat_io *io;

	open_scope(NULL);
	add(0, "a");
	leat_scope_add(scope, leat_io_then(pending(w.loop, &makers[1]), cancel_and_free, thing_owned("b")));
	io = leat_scope_wait(scope);
	resolve(1);
	tape_expect("b ~a ~b");
	expect_settled(io, LEAT_CANCELLED);
	close_scope();
}
END_TEST

static void free_scope(void *text)
{
	tape_add(text);
	leat_scope_cancel(scope);
	leat_scope_free(scope);
	scope = NULL;
}

START_TEST(a_context_that_goes_may_free_it)
{
	open_scope(NULL);
	add(0, "a");
	leat_scope_add(scope, leat_io_then(pending(w.loop, &makers[1]), say_done, leat_ctx_own(b, free_scope)));
	add(2, "c");
	resolve(1);
	tape_expect("b b ~c ~a");
	close_scope();
}
END_TEST

START_TEST(a_context_that_is_cancelled_may_free_it)
{
	leat_io *io;

	open_scope(NULL);
	add(0, "a");
	leat_scope_add(scope, leat_io_then(pending(w.loop, &makers[1]), say_done, leat_ctx_own(b, free_scope)));
	add(2, "c");
	io = leat_scope_wait(scope);
	leat_scope_cancel(scope);
	tape_expect("~c b ~a");
	expect_settled(io, LEAT_CANCELLED);
	close_scope();
}
END_TEST

static const leat_type freeing_type = { .size = sizeof freeing_type, .name = "freeing", .destroy = free_scope };

START_TEST(a_value_that_goes_may_free_it)
{
	open_scope(NULL);
	leat_scope_add(scope, leat_io_ptr(w.loop, b, &freeing_type));
	world_run(&w);
	tape_expect("b");
	close_scope();
}
END_TEST

static leat_io *free_ended(void *ctx, leat_result *result)
{
	(void)ctx;
	tape_add(leat_result_ok(result) ? "ok" : leat_kind_name(leat_error_kind(leat_result_error(result))));
	leat_scope_free(scope);
	scope = NULL;
	return NULL;
}

START_TEST(who_waited_may_free_it)
{
	leat_io *io;

	open_scope(NULL);
	add(0, "a");
	io = leat_io_branch(leat_scope_wait(scope), free_ended, free_ended, leat_ctx_none());
	reject(0, LEAT_RESET);
	tape_expect("~a reset");
	expect_ok(settled(io));
	close_scope();
}
END_TEST

/* ---- on the fly ---- */

static leat_io *add_another(void *count, leat_result *result)
{
	int *n = count;

	tape_addf("%d", *n);
	if ((*n)-- > 0)
		leat_scope_add(scope, leat_io_then(leat_sleep(leat_result_loop(result), 10), add_another,
		                                   leat_ctx_borrow(n)));
	return NULL;
}

START_TEST(a_member_may_add_another)
{
	leat_io *io;
	int n = 3;

	open_scope(NULL);
	leat_scope_add(scope, leat_io_then(leat_io_done(w.loop), add_another, leat_ctx_borrow(&n)));
	io = leat_scope_wait(scope);
	world_run(&w);
	for (int i = 0; i < 3; i++) {
		expect_true(is_pending(io));
		world_pass(&w, 10);
	}
	tape_expect("3 2 1 0");
	expect_ok(settled(io));
	close_scope();
}
END_TEST

START_TEST(a_member_costs_a_cell_and_no_allocation)
{
	leat_maker maker;
	size_t calls, ios;

	open_scope(NULL);
	calls = w.oom.calls;
	ios = world_stats(&w).ios_live;
	for (int i = 0; i < 100; i++)
		leat_scope_add(scope, pending(w.loop, &maker));
	expect_size(w.oom.calls, calls);
	expect_size(world_stats(&w).ios_live, ios + 200);
	leat_scope_cancel(scope);
	expect_size(world_stats(&w).ios_live, 0);
	close_scope();
}
END_TEST

/* ---- draining ---- */

START_TEST(draining_gives_members_a_time)
{
	leat_io *io;

	open_scope(NULL);
	add(0, "a");
	add(1, "b");
	add(2, "c");
	io = leat_scope_drain(scope, 100);
	world_pass(&w, 50);
	resolve(0);
	tape_expect("a ~a");
	world_pass(&w, 49);
	expect_true(is_pending(io));
	tape_expect("");
	world_pass(&w, 1);
	tape_expect("~c ~b");
	expect_int(settled_int(io), 2);
	expect_size(world_stats(&w).timers_live, 0);
	close_scope();
}
END_TEST

START_TEST(a_drain_in_time_cancels_none)
{
	leat_io *io;

	open_scope(NULL);
	add(0, "a");
	io = leat_scope_drain(scope, 100);
	resolve(0);
	tape_expect("a ~a");
	expect_int(settled_int(io), 0);
	expect_size(world_stats(&w).timers_live, 0);
	close_scope();
}
END_TEST

START_TEST(a_drain_of_negative_time_waits_for_ever)
{
	leat_io *io;

	open_scope(NULL);
	add(0, "a");
	io = leat_scope_drain(scope, -1);
	expect_size(world_stats(&w).timers_live, 0);
	world_pass(&w, 1000000);
	expect_true(is_pending(io));
	resolve(0);
	tape_expect("a ~a");
	expect_int(settled_int(io), 0);
	close_scope();
}
END_TEST

START_TEST(a_drain_fails_as_the_scope_does)
{
	leat_io *io;

	open_scope(NULL);
	add(0, "a");
	add(1, "b");
	io = leat_scope_drain(scope, 100);
	reject(1, LEAT_RESET);
	tape_expect("~b ~a");
	expect_settled(io, LEAT_RESET);
	close_scope();
}
END_TEST

START_TEST(a_drain_that_cuts_tells_a_failure_that_came_before)
{
	leat_io *io;

	open_scope(&going);
	add(0, "a");
	add(1, "b");
	io = leat_scope_drain(scope, 100);
	reject(1, LEAT_RESET);
	world_pass(&w, 100);
	tape_expect("~b ~a");
	expect_settled(io, LEAT_RESET);
	close_scope();
}
END_TEST

START_TEST(others_that_wait_are_told_that_it_was_cancelled)
{
	leat_io *wait, *drain, *later;

	open_scope(NULL);
	add(0, "a");
	wait = leat_scope_wait(scope);
	drain = leat_scope_drain(scope, 100);
	later = leat_scope_drain(scope, 200);
	world_pass(&w, 100);
	tape_expect("~a");
	expect_settled(wait, LEAT_CANCELLED);
	expect_int(settled_int(drain), 1);
	expect_settled(later, LEAT_CANCELLED);
	close_scope();
}
END_TEST

START_TEST(what_ends_in_the_turn_of_the_deadline_has_ended)
{
	leat_io *io;

	open_scope(NULL);
	add(0, "a");
	io = leat_scope_drain(scope, 100);
	leat_resolve(makers[0]);
	world_pass(&w, 100);
	tape_expect("a ~a");
	expect_int(settled_int(io), 0);
	close_scope();
}
END_TEST

START_TEST(members_may_come_while_it_drains)
{
	leat_io *io;

	open_scope(NULL);
	add(0, "a");
	io = leat_scope_drain(scope, 100);
	add(1, "b");
	resolve(0);
	tape_expect("a ~a");
	expect_true(is_pending(io));
	world_pass(&w, 100);
	tape_expect("~b");
	expect_int(settled_int(io), 1);
	close_scope();
}
END_TEST

static leat_io *drain;

static void cancel_drain(void *text)
{
	tape_add(text);
	leat_io_cancel(drain);
}

START_TEST(a_context_that_a_drain_cancels_may_cancel_the_drain)
{
	open_scope(NULL);
	leat_scope_add(scope, leat_io_then(pending(w.loop, &makers[1]), say_done, leat_ctx_own(b, cancel_drain)));
	add(0, "a");
	drain = leat_scope_drain(scope, 100);
	world_pass(&w, 100);
	tape_expect("~a b");
	close_scope();
}
END_TEST

START_TEST(a_drain_may_be_cancelled_when_its_time_is_up)
{
	open_scope(NULL);
	leat_io_detach(leat_io_then(pending(w.loop, &makers[1]), say_done, leat_ctx_own(b, cancel_drain)));
	add(0, "a");
	drain = leat_scope_drain(scope, 100);
	leat_resolve(makers[1]); /* stands in the queue before it */
	world_pass(&w, 100);
	tape_expect("b b ~a");
	close_scope();
}
END_TEST

/* ---- fibers ---- */

START_TEST(it_ends_when_its_fibers_have_unwound)
{
	leat_io *io;

	open_scope(NULL);
	leat_scope_add(scope, leat_fiber(w.loop, unwind, thing_owned("f")));
	add(0, "a");
	world_run(&w);
	io = leat_io_catch(leat_scope_wait(scope), leat_match_all(), say_kind, leat_ctx_none());
	leat_scope_cancel(scope);
	tape_expect("~a");
	expect_true(is_pending(io));
	world_run(&w);
	tape_expect("f cancelled unwound ~f cancelled");
	expect_ok(settled(io));
	close_scope();
}
END_TEST

START_TEST(a_failure_is_told_when_fibers_have_unwound)
{
	leat_io *io;

	open_scope(NULL);
	leat_scope_add(scope, leat_fiber(w.loop, unwind, thing_owned("f")));
	add(0, "a");
	io = leat_io_catch(leat_scope_wait(scope), leat_match_all(), say_kind, leat_ctx_none());
	world_run(&w);
	reject(0, LEAT_RESET);
	tape_expect("~a f cancelled unwound ~f reset");
	expect_ok(settled(io));
	close_scope();
}
END_TEST

START_TEST(a_drain_waits_for_fibers_that_it_cut)
{
	leat_io *io;

	open_scope(NULL);
	leat_scope_add(scope, leat_fiber(w.loop, unwind, thing_owned("f")));
	io = leat_io_then(leat_scope_drain(scope, 100), say_int, leat_ctx_none());
	world_run(&w);
	world_pass(&w, 100);
	tape_expect("f cancelled unwound ~f 1");
	expect_int(settled_int(io), 1);
	close_scope();
}
END_TEST

static leat_io *cancel_own(void *text, leat_loop *loop)
{
	leat_scope_cancel(scope);
	tape_add(text);
	expect_false(leat_await(leat_sleep(loop, 10), NULL));
	tape_add("unwound");
	return NULL;
}

START_TEST(a_fiber_may_cancel_its_own_scope)
{
	leat_io *io;

	open_scope(NULL);
	add(0, "a");
	leat_scope_add(scope, leat_fiber(w.loop, cancel_own, thing_owned("f")));
	io = leat_io_catch(leat_scope_wait(scope), leat_match_all(), say_kind, leat_ctx_none());
	world_run(&w);
	tape_expect("f unwound ~f ~a cancelled");
	expect_ok(settled(io));
	close_scope();
}
END_TEST

START_TEST(a_cancelled_one_may_be_freed_while_fibers_unwind)
{
	leat_io *io;

	open_scope(NULL);
	leat_scope_add(scope, leat_fiber(w.loop, unwind, thing_owned("f")));
	world_run(&w);
	io = leat_scope_wait(scope);
	leat_scope_cancel(scope);
	leat_scope_free(scope);
	scope = NULL;
	expect_true(is_pending(io));
	world_run(&w);
	tape_expect("f cancelled unwound ~f");
	expect_settled(io, LEAT_CANCELLED);
	close_scope();
}
END_TEST

START_TEST(a_loop_may_end_while_fibers_unwind)
{
	open_scope(NULL);
	leat_scope_add(scope, leat_fiber(w.loop, unwind, thing_owned("f")));
	world_run(&w);
	leat_scope_cancel(scope);
	leat_scope_free(scope);
	world_close(&w);
	tape_expect("f cancelled unwound ~f");
	expect_no_things();
}
END_TEST

/* ---- nesting ---- */

START_TEST(scopes_nest)
{
	leat_scope *inner;
	leat_io *io;

	open_scope(NULL);
	inner = leat_scope_new(w.loop, NULL);
	add(0, "a");
	leat_scope_add(inner, leat_io_then(pending(w.loop, &makers[1]), say_done, thing_owned("b")));
	leat_scope_add(scope, leat_io_attach(leat_scope_wait(inner), leat_ctx_scope(inner)));
	io = leat_scope_wait(scope);
	reject(1, LEAT_RESET);
	tape_expect("~b ~a");
	expect_settled(io, LEAT_RESET);
	close_scope();
}
END_TEST

START_TEST(cancelling_the_outer_cancels_the_inner)
{
	leat_scope *inner;

	open_scope(NULL);
	inner = leat_scope_new(w.loop, NULL);
	leat_scope_add(inner, leat_io_then(pending(w.loop, &makers[1]), say_done, thing_owned("b")));
	leat_scope_add(scope, leat_io_attach(leat_scope_wait(inner), leat_ctx_scope(inner)));
	leat_scope_cancel(scope);
	tape_expect("~b");
	close_scope();
}
END_TEST

static const char *nest_deeply(void)
{
	struct world small;
	leat_scope *outer, *inner;
	leat_maker maker;
	size_t n = many(100000);

	if (!world_try(&small, 0, 0))
		return "no world";
	inner = leat_scope_new(small.loop, NULL);
	leat_scope_add(inner, leat_io_new(small.loop, &maker, NULL, NULL));
	for (size_t i = 0; i < n; i++) {
		outer = leat_scope_new(small.loop, NULL);
		leat_scope_add(outer, leat_sleep(small.loop, 100000));
		leat_scope_add(outer, leat_io_attach(leat_scope_wait(inner), leat_ctx_scope(inner)));
		inner = outer;
	}
	outer = inner;
	leat_scope_cancel(outer);
	leat_scope_free(outer);
	world_run(&small);
	if (leat_maker_live(maker))
		return "the innermost member lives";
	if (world_stats(&small).ios_live > 0)
		return "ios are left";
	leat_loop_free(small.loop);
	event_base_free(small.base);
	return small.oom.live > 0 ? "memory is left" : NULL;
}

START_TEST(scopes_nest_deeply)
{
	on_a_small_stack(nest_deeply);
}
END_TEST

/* ---- the end of the loop ---- */

START_TEST(a_loop_that_is_freed_fails_its_members)
{
	open_scope(NULL);
	leat_scope_add(scope, leat_io_catch(pending(w.loop, &makers[0]), leat_match_all(), say_kind, thing_owned("a")));
	leat_io_detach(leat_io_catch(leat_scope_wait(scope), leat_match_all(), say_kind, thing_owned("w")));
	leat_io_detach(leat_scope_drain(scope, 100));
	leat_loop_free(w.loop);
	expect_some(strstr(tape_text, "cancelled ~a"));
	expect_some(strstr(tape_text, "cancelled ~w"));
	expect_no_things();
	expect_int(w.reports, 1);
	expect_some(strstr(w.report, "a scope made at"));
	expect_some(strstr(w.report, "scope.c:"));
	expect_kind(leat_scope_error(scope), LEAT_CANCELLED);
	leat_scope_free(scope);
	expect_size(w.oom.live, 0);
	expect_int(w.unhandled, 0);
	event_base_free(w.base);
}
END_TEST

static leat_io *free_it(void *ctx, leat_result *result)
{
	(void)ctx;
	tape_add("free");
	leat_loop_free(leat_result_loop(result));
	return NULL;
}

static void free_the_loop(void *loop)
{
	leat_loop_free(loop);
}

START_TEST(what_a_cancel_destroys_may_free_the_loop_which_ends_with_it)
{
	open_scope(NULL);
	leat_io_detach(leat_io_then(pending(w.loop, &makers[1]), say_done, thing_owned("elsewhere")));
	leat_scope_add(scope, leat_io_then(pending(w.loop, &makers[0]), say_done, leat_ctx_own(w.loop, free_the_loop)));
	leat_scope_cancel(scope);
	tape_expect("~elsewhere");
	expect_no_things();
	leat_scope_free(scope);
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

START_TEST(so_does_what_it_is_given_when_it_is_over)
{
	open_scope(NULL);
	leat_scope_cancel(scope);
	leat_io_detach(leat_io_then(pending(w.loop, &makers[1]), say_done, thing_owned("elsewhere")));
	leat_scope_add(scope, leat_io_then(pending(w.loop, &makers[0]), say_done, leat_ctx_own(w.loop, free_the_loop)));
	tape_expect("~elsewhere");
	leat_scope_free(scope);
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

/* What it gives needs the loop. */
START_TEST(a_cancel_that_is_waited_for_leaves_the_loop_until_then)
{
	leat_io *io;

	open_scope(NULL);
	leat_scope_free(scope);
	leat_io_detach(leat_io_then(pending(w.loop, &makers[1]), say_done, thing_owned("elsewhere")));
	io = leat_io_cancel_wait(leat_io_attach(pending(w.loop, &makers[0]), leat_ctx_own(w.loop, free_the_loop)));
	tape_expect("");
	if (_i == 0)
		expect_true(leat_await(io, NULL));
	else if (_i == 1)
		leat_io_cancel(io);
	else
		event_base_loop(w.base, EVLOOP_NONBLOCK);
	tape_expect("~elsewhere");
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

START_TEST(a_member_may_free_the_loop)
{
	open_scope(NULL);
	add(0, "a");
	leat_scope_add(scope, leat_io_then(leat_io_done(w.loop), free_it, thing_owned("b")));
	world_run(&w);
	tape_expect("free ~b ~a");
	expect_no_things();
	leat_scope_free(scope);
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

static leat_io *new_scope(void *ctx, leat_result *result)
{
	leat_scope *late = leat_scope_new(leat_result_loop(result), NULL);

	(void)ctx;
	tape_add(leat_kind_name(leat_error_kind(leat_scope_error(late))));
	leat_scope_add(late, leat_io_fail(leat_result_loop(result), leat_error_core(LEAT_RESET)));
	leat_scope_free(late);
	return NULL;
}

START_TEST(one_made_while_the_loop_is_freed_is_stillborn)
{
	open_scope(NULL);
	leat_io_detach(leat_io_catch(pending(w.loop, &makers[0]), leat_match_all(), new_scope, leat_ctx_none()));
	leat_scope_free(scope);
	world_end(&w);
	tape_expect("closed");
}
END_TEST

/* ---- without memory ---- */

static leat_scope *stillborn(void)
{
	leat_scope *one;

	w.oom.fail_at = w.oom.calls + 1;
	one = leat_scope_new(w.loop, NULL);
	expect_kind(leat_scope_error(one), LEAT_NOMEM);
	return one;
}

START_TEST(of_two_that_are_stillborn_each_ends_for_itself)
{
	leat_ctx two[2];
	size_t live;

	world_open(&w);
	live = w.oom.live;
	for (int i = 0; i < 2; i++)
		two[i] = leat_ctx_scope(stillborn());
	for (int i = 0; i < 2; i++)
		two[i].destroy(two[i].data);
	expect_size(w.oom.live, live); /* the loop is still there */
	world_close(&w);
}
END_TEST

static void starved(struct world *s)
{
	leat_scope *one = leat_scope_new(s->loop, NULL);
	leat_error error;
	leat_io *io;

	for (int i = 0; i < 3; i++)
		leat_scope_add(one, leat_io_then(leat_sleep(s->loop, 10 + i), say_done, thing_owned("a")));
	io = leat_scope_wait(one);
	world_pass(s, 10);
	leat_scope_add(one, leat_io_shield(leat_io_attach(leat_sleep(s->loop, 10), thing_owned("b"))));
	world_pass(s, 10);
	error = settled(io);
	ck_assert(!leat_error_set(error) || leat_error_is(error, LEAT_NOMEM));
	leat_scope_cancel(one);
	s->unhandled = 0; /* of a shielded one */
	leat_scope_free(one);
	world_run(s);
	s->unhandled = 0;
}

static void starved_drain(struct world *s)
{
	leat_scope *one = leat_scope_new(s->loop, NULL);
	leat_error error;
	leat_io *io;
	size_t count;

	leat_scope_add(one, leat_io_then(leat_sleep(s->loop, 30), say_done, thing_owned("a")));
	leat_scope_add(one, leat_io_then(leat_sleep(s->loop, 10), say_done, thing_owned("b")));
	count = leat_scope_count(one);
	io = leat_scope_drain(one, 20);
	expect_size(leat_scope_count(one), count);
	world_pass(s, 10);
	world_pass(s, 10);
	error = settled(io);
	ck_assert(!leat_error_set(error) || leat_error_is(error, LEAT_NOMEM));
	leat_scope_cancel(one);
	leat_scope_free(one);
	world_run(s);
	s->unhandled = 0;
}

START_TEST(without_memory_it_says_so_and_leaves_nothing)
{
	starve(_i ? starved_drain : starved);
}
END_TEST

/* ---- misuse ---- */

static void free_a_full_one(void)
{
	open_scope(NULL);
	add(0, "");
	leat_scope_free(scope);
}

START_TEST(freeing_one_that_holds_members_names_the_places)
{
	expect_dies(free_a_full_one, "leat_scope_free", "holds 1", "scope.c:", "made at", "the last one added at");
}
END_TEST

static void wait_for_itself(void)
{
	open_scope(NULL);
	add(0, "");
	leat_scope_add(scope, leat_io_then(leat_io_timeout(leat_scope_wait(scope), 10), never, leat_ctx_none()));
}

START_TEST(one_that_waits_for_itself_aborts)
{
	expect_dies(wait_for_itself, "waits for the scope", "scope.c:");
}
END_TEST

static void add_a_stranger(void)
{
	struct world other;

	open_scope(NULL);
	world_open(&other);
	leat_scope_add(scope, pending(other.loop, &makers[0]));
}

static void add_twice(void)
{
	leat_io *io;

	open_scope(NULL);
	io = pending(w.loop, &makers[0]);
	leat_scope_add(scope, io);
	leat_scope_add(scope, io);
}

START_TEST(what_is_not_ours_to_take_aborts)
{
	expect_dies(add_a_stranger, "another loop", "scope.c:");
	expect_dies(add_twice, "given away before", "scope.c:");
}
END_TEST

START_TEST(what_is_null_is_let_be)
{
	leat_scope_free(NULL);
}
END_TEST

SUITE("scope",
	it_ends_when_its_members_have,
	one_without_members_has_ended_and_may_be_filled_again,
	what_has_settled_already_is_a_member_for_a_turn,
	a_value_of_a_member_is_delivered_and_destroyed,
	any_number_may_wait,
	the_first_failure_cancels_the_rest_newest_first,
	one_that_failed_is_over,
	asked_to_keep_going_the_first_failure_is_told_at_the_end,
	asked_to_keep_going_each_further_failure_is_unhandled,
	a_failure_that_nobody_waited_for_is_unhandled,
	a_member_that_ends_with_cancelled_has_not_failed,
	two_that_fail_in_one_turn_are_one_failure,
	cancelling_it_cancels_its_members_newest_first,
	cancelling_gives_back_what_was_not_delivered,
	cancelling_the_last_that_waits_cancels_the_scope,
	what_waits_for_it_goes_after_its_members,
	a_shielded_wait_only_looks_on,
	a_member_may_cancel_it_from_inside,
	a_member_may_cancel_and_free_it_from_inside,
	a_context_that_goes_may_free_it,
	a_context_that_is_cancelled_may_free_it,
	a_value_that_goes_may_free_it,
	who_waited_may_free_it,
	a_member_may_add_another,
	a_member_costs_a_cell_and_no_allocation,
	draining_gives_members_a_time,
	a_drain_in_time_cancels_none,
	a_drain_of_negative_time_waits_for_ever,
	a_drain_fails_as_the_scope_does,
	a_drain_that_cuts_tells_a_failure_that_came_before,
	others_that_wait_are_told_that_it_was_cancelled,
	what_ends_in_the_turn_of_the_deadline_has_ended,
	members_may_come_while_it_drains,
	a_context_that_a_drain_cancels_may_cancel_the_drain,
	a_drain_may_be_cancelled_when_its_time_is_up,
	it_ends_when_its_fibers_have_unwound,
	a_failure_is_told_when_fibers_have_unwound,
	a_drain_waits_for_fibers_that_it_cut,
	a_fiber_may_cancel_its_own_scope,
	a_cancelled_one_may_be_freed_while_fibers_unwind,
	a_loop_may_end_while_fibers_unwind,
	scopes_nest,
	cancelling_the_outer_cancels_the_inner,
	scopes_nest_deeply,
	a_loop_that_is_freed_fails_its_members,
	what_a_cancel_destroys_may_free_the_loop_which_ends_with_it,
	so_does_what_it_is_given_when_it_is_over,
	EACH(a_cancel_that_is_waited_for_leaves_the_loop_until_then, 3),
	a_member_may_free_the_loop,
	one_made_while_the_loop_is_freed_is_stillborn,
	of_two_that_are_stillborn_each_ends_for_itself,
	EACH(without_memory_it_says_so_and_leaves_nothing, 2),
	freeing_one_that_holds_members_names_the_places,
	one_that_waits_for_itself_aborts,
	what_is_not_ours_to_take_aborts,
	what_is_null_is_let_be)

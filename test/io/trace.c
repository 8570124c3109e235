/* SPDX-License-Identifier: ISC */
/* trace - being told what happens to ios */
#include <stdio.h>

#include <leat/dump.h>
#include <leat/trace.h>

#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

/* ---- a trace that says on the tape what it is told ---- */

static const char *const names[] = {
	[LEAT_TRACE_MADE] = "+", [LEAT_TRACE_SETTLED] = "=", [LEAT_TRACE_MERGED] = "&",
	[LEAT_TRACE_CANCELLED] = "-", [LEAT_TRACE_UNHANDLED] = "!", [LEAT_TRACE_STALLED] = "~",
};

static void say_event(void *ctx, const leat_trace_event *event)
{
	(void)ctx;
	tape_addf("%s%s", names[event->what], event->where);
}

static void begin(struct world *w, unsigned what)
{
	tape_clear();
	expect_true(leat_trace_start(w->loop,
		&(leat_trace){ .size = sizeof(leat_trace), .tell = say_event, .ctx = w, .what = what }));
}

static leat_io *at(leat_loop *loop, leat_maker *maker, const char *where)
{
	return leat_io_new_at(loop, maker, NULL, NULL, where);
}

static leat_io *quiet(void *ctx, leat_result *result)
{
	(void)ctx;
	return leat_result_pass_at(result, "passed");
}

static leat_io *then_at(leat_io *io, const char *where)
{
	return leat_io_then_at(io, quiet, leat_ctx_none(), where);
}

START_TEST(what_happens_is_told_in_order_and_from_the_queue)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	begin(&w, 0);
	io = then_at(at(w.loop, &maker, "a"), "b");
	leat_resolve(maker);
	tape_expect("");
	leat_io_detach(io);
	world_run(&w);
	tape_expect("+a +b =a +passed =passed =b");
	world_close(&w);
}
END_TEST

START_TEST(an_io_that_try_took_has_settled)
{
	struct world w;

	world_open(&w);
	begin(&w, 0);
	expect_int(settled_int(leat_io_int_at(w.loop, 5, "five")), 5);
	world_run(&w);
	tape_expect("+five =five");
	world_close(&w);
}
END_TEST

static leat_maker inner_maker;

static leat_io *give_pending(void *ctx, leat_result *result)
{
	(void)ctx;
	return at(leat_result_loop(result), &inner_maker, "inner");
}

START_TEST(an_io_whose_place_is_taken_by_another_is_merged)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	begin(&w, 0);
	io = leat_io_then_at(leat_io_int_at(w.loop, 5, "a"), give_pending, leat_ctx_none(), "b");
	leat_io_detach(then_at(io, "c"));
	world_run(&w);
	leat_resolve(inner_maker);
	world_run(&w);
	tape_expect("+a +b +c =a +inner &b =inner +passed =passed =c");
	world_close(&w);
}
END_TEST

/* ---- cancels ---- */

static const char *dropped_at;
static size_t cancels;

static void note_place(void *ctx, const leat_trace_event *event)
{
	(void)ctx;
	if (event->what == LEAT_TRACE_CANCELLED) {
		cancels++;
		dropped_at = event->place;
	}
}

static void watch_cancels(struct world *w)
{
	cancels = 0;
	dropped_at = NULL;
	expect_true(leat_trace_start(w->loop, &(leat_trace){ .size = sizeof(leat_trace), .tell = note_place }));
}

START_TEST(a_cancel_tells_of_each_io_and_where_it_was_dropped)
{
	struct world w;
	leat_maker maker;

	world_open(&w);
	watch_cancels(&w);
	leat_io_cancel_at(then_at(at(w.loop, &maker, "a"), "b"), "the drop");
	world_run(&w);
	expect_size(cancels, 2);
	expect_str(dropped_at, "the drop");
	leat_io_cancel(at(w.loop, &maker, "c"));
	world_run(&w);
	expect_some(strstr(dropped_at, "test/io/trace.c:"));
	world_close(&w);
}
END_TEST

START_TEST(a_cancel_through_a_pointer_knows_no_place)
{
	struct world w;
	leat_maker maker;
	void (*cancel)(leat_io *) = leat_io_cancel;

	world_open(&w);
	watch_cancels(&w);
	cancel(at(w.loop, &maker, "a"));
	cancel(NULL);
	world_run(&w);
	expect_size(cancels, 1);
	expect_null(dropped_at);
	world_close(&w);
}
END_TEST

START_TEST(the_losers_of_a_race_were_dropped_by_the_race)
{
	struct world w;
	leat_maker a, b;
	leat_io *ios[2];

	world_open(&w);
	watch_cancels(&w);
	ios[0] = at(w.loop, &a, "a");
	ios[1] = at(w.loop, &b, "b");
	leat_io_detach(leat_io_race_at(w.loop, ios, 2, "the race"));
	leat_resolve(b);
	world_run(&w);
	expect_size(cancels, 1);
	expect_str(dropped_at, "the race");
	world_close(&w);
}
END_TEST

START_TEST(what_came_too_late_was_dropped_by_the_timeout)
{
	struct world w;
	leat_maker maker;

	world_open(&w);
	watch_cancels(&w);
	leat_io_detach(leat_io_catch(leat_io_timeout_at(at(w.loop, &maker, "a"), 5, "the timeout"),
		leat_match_all(), say_done, word("late")));
	world_pass(&w, 5);
	expect_str(dropped_at, "the timeout");
	world_close(&w);
	tape_clear();
}
END_TEST

START_TEST(an_outcome_that_nobody_looked_at_was_cancelled)
{
	struct world w;

	world_open(&w);
	begin(&w, LEAT_TRACE_SETTLED | LEAT_TRACE_CANCELLED);
	leat_io_cancel(then_at(leat_io_int_at(w.loop, 5, "a"), "b"));
	world_run(&w);
	tape_expect("-a -b");
	world_close(&w);
}
END_TEST

/* ---- failures ---- */

static leat_trace_event last;

static void keep_last(void *ctx, const leat_trace_event *event)
{
	(void)ctx;
	last = *event;
}

START_TEST(a_failure_is_told_with_the_error)
{
	struct world w;

	world_open(&w);
	expect_true(leat_trace_start(w.loop, &(leat_trace){ .size = sizeof(leat_trace), .tell = keep_last,
		.what = LEAT_TRACE_SETTLED }));
	expect_kind(settled(failed(w.loop, LEAT_RESET)), LEAT_RESET);
	world_run(&w);
	expect_kind(last.error, LEAT_RESET);
	world_close(&w);
}
END_TEST

START_TEST(a_failure_that_nobody_handled_is_told)
{
	struct world w;

	world_open(&w);
	expect_true(leat_trace_start(w.loop, &(leat_trace){ .size = sizeof(leat_trace), .tell = keep_last,
		.what = LEAT_TRACE_UNHANDLED }));
	leat_io_detach(leat_io_fail_at(w.loop, leat_error_make_at(&leat_core_errors, LEAT_RESET, "wire"), "a"));
	world_run(&w);
	expect_int(last.what, LEAT_TRACE_UNHANDLED);
	expect_kind(last.error, LEAT_RESET);
	expect_str(last.where, "a");
	expect_str(last.place, "wire");
	expect_size(w.unhandled, 1);
	world_end(&w);
}
END_TEST

/* ---- slow callbacks ---- */

static leat_io *dawdle(void *world, leat_result *result)
{
	(void)result;
	((struct world *)world)->now_ns += 30 * 1000000;
	return NULL;
}

START_TEST(a_callback_that_runs_too_long_is_told_with_its_place)
{
	struct world w;

	world_open(&w);
	tape_clear();
	expect_true(leat_trace_start(w.loop, &(leat_trace){ .size = sizeof(leat_trace), .tell = keep_last,
		.what = LEAT_TRACE_STALLED, .stall_ms = 20 }));
	leat_io_detach(leat_io_then_at(leat_io_done(w.loop), dawdle, leat_ctx_borrow(&w), "slow.c:1"));
	last.what = 0;
	world_run(&w);
	expect_int(last.what, LEAT_TRACE_STALLED);
	expect_str(last.where, "slow.c:1");
	expect_str(last.kind, "then");
	expect_int(last.ran_ns, 30 * 1000000);
	expect_int(world_stats(&w).longest_ns, 30 * 1000000);
	expect_str(world_stats(&w).longest_where, "slow.c:1");
	expect_size(world_stats(&w).callbacks, 2);
	world_close(&w);
}
END_TEST

START_TEST(callbacks_are_timed_only_where_it_was_asked_for)
{
	struct world w;

	world_open(&w);
	begin(&w, LEAT_TRACE_STALLED);
	leat_io_detach(leat_io_then_at(leat_io_done(w.loop), dawdle, leat_ctx_borrow(&w), "slow.c:1"));
	world_run(&w);
	expect_int(world_stats(&w).longest_ns, 0);
	expect_true(leat_trace_start(w.loop, &(leat_trace){ .size = sizeof(leat_trace), .tell = say_event,
		.what = LEAT_TRACE_STALLED, .stall_ms = -1 }));
	leat_io_detach(leat_io_then_at(leat_io_done(w.loop), dawdle, leat_ctx_borrow(&w), "slow.c:1"));
	world_run(&w);
	expect_int(world_stats(&w).longest_ns, 30 * 1000000);
	tape_expect("");
	world_close(&w);
}
END_TEST

/* ---- hooks that act ---- */

static leat_io *victim;

static void cancel_victim(void *ctx, const leat_trace_event *event)
{
	(void)ctx;
	tape_addf("%s%s", names[event->what], event->where);
	if (event->what == LEAT_TRACE_SETTLED && victim) {
		leat_io *io = victim;

		victim = NULL;
		leat_io_cancel_at(io, "the hook");
	}
}

START_TEST(a_hook_may_cancel_what_is_just_settling)
{
	struct world w;

	world_open(&w);
	tape_clear();
	expect_true(leat_trace_start(w.loop, &(leat_trace){ .size = sizeof(leat_trace), .tell = cancel_victim }));
	victim = leat_io_then_at(leat_io_int_at(w.loop, 3, "three"), never, thing_owned("c"), "victim");
	expect_int(settled_int(leat_io_int_at(w.loop, 5, "five")), 5);
	world_run(&w);
	tape_expect("+three +victim +five =five ~c -three -victim");
	expect_no_things();
	expect_size(world_stats(&w).ios_live, 0);
	world_close(&w);
}
END_TEST

static void make_one(void *world, const leat_trace_event *event)
{
	struct world *w = world;
	leat_maker maker;

	tape_addf("%s%s", names[event->what], event->where);
	leat_io_detach(at(w->loop, &maker, "of the hook"));
	leat_resolve(maker);
}

START_TEST(what_a_hook_makes_is_not_told)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	tape_clear();
	expect_true(leat_trace_start(w.loop, &(leat_trace){ .size = sizeof(leat_trace), .tell = make_one, .ctx = &w }));
	io = at(w.loop, &maker, "a");
	leat_resolve(maker);
	leat_io_detach(io);
	world_run(&w);
	tape_expect("+a =a");
	world_end(&w);
}
END_TEST

static void stop_at_once(void *world, const leat_trace_event *event)
{
	struct world *w = world;

	tape_addf("%s%s", names[event->what], event->where);
	leat_trace_stop(w->loop);
	leat_trace_stop(w->loop);
}

START_TEST(a_hook_may_stop_the_trace)
{
	struct world w;
	leat_maker maker;

	world_open(&w);
	tape_clear();
	expect_true(leat_trace_start(w.loop, &(leat_trace){ .size = sizeof(leat_trace), .tell = stop_at_once, .ctx = &w }));
	leat_io_cancel(then_at(at(w.loop, &maker, "a"), "b"));
	world_run(&w);
	tape_expect("+a");
	leat_io_cancel(then_at(at(w.loop, &maker, "a"), "b"));
	world_run(&w);
	tape_expect("");
	world_close(&w);
}
END_TEST

static void restart(void *world, const leat_trace_event *event)
{
	struct world *w = world;

	tape_addf("1%s", event->where);
	leat_trace_stop(w->loop);
	expect_true(leat_trace_start(w->loop, &(leat_trace){ .size = sizeof(leat_trace), .tell = say_event }));
}

START_TEST(a_hook_may_put_another_in_its_place)
{
	struct world w;
	leat_maker maker;

	world_open(&w);
	tape_clear();
	expect_true(leat_trace_start(w.loop, &(leat_trace){ .size = sizeof(leat_trace), .tell = restart, .ctx = &w }));
	leat_io_cancel(then_at(at(w.loop, &maker, "a"), "b"));
	world_run(&w);
	leat_io_cancel(at(w.loop, &maker, "c"));
	world_run(&w);
	tape_expect("1a +c -c");
	world_close(&w);
}
END_TEST

static void go_on_with_ages(void *world, const leat_trace_event *event)
{
	struct world *w = world;

	say_event(w, event);
	expect_true(leat_trace_start(w->loop, &(leat_trace){ .size = sizeof(leat_trace) }));
}

/* From outside, and from the hook. */
START_TEST(what_was_not_told_when_it_goes_on_with_ages_only_is_not_told)
{
	struct world w;
	leat_maker maker;

	world_open(&w);
	tape_clear();
	expect_true(leat_trace_start(w.loop,
		&(leat_trace){ .size = sizeof(leat_trace), .tell = go_on_with_ages, .ctx = &w }));
	leat_io_cancel(at(w.loop, &maker, "a"));
	if (_i == 0)
		expect_true(leat_trace_start(w.loop, &(leat_trace){ .size = sizeof(leat_trace) }));
	world_run(&w);
	leat_io_cancel(at(w.loop, &maker, "b"));
	world_run(&w);
	tape_expect(_i == 0 ? "" : "+a");
	world_close(&w);
}
END_TEST

START_TEST(what_was_not_told_when_it_goes_on_is_told_if_it_is_still_asked_for)
{
	struct world w;
	leat_maker maker;

	world_open(&w);
	begin(&w, 0);
	leat_io_cancel(at(w.loop, &maker, "a"));
	begin(&w, LEAT_TRACE_CANCELLED);
	world_run(&w);
	tape_expect("-a");
	world_close(&w);
}
END_TEST

static void free_loop(void *world, const leat_trace_event *event)
{
	struct world *w = world;

	(void)event;
	leat_loop_free(w->loop);
}

START_TEST(a_hook_may_free_the_loop)
{
	struct world w;

	world_open(&w);
	expect_true(leat_trace_start(w.loop, &(leat_trace){ .size = sizeof(leat_trace), .tell = free_loop, .ctx = &w }));
	leat_io_detach(leat_sleep(w.loop, 5));
	leat_loop_run_ready(w.loop);
	w.loop = NULL;
	world_close(&w);
}
END_TEST

static void dump_it(void *world, const leat_trace_event *event)
{
	char text[512];

	(void)event;
	leat_dump_text(((struct world *)world)->loop, text, sizeof text, NULL);
	tape_add(strstr(text, "leaf") ? "seen" : "gone");
}

START_TEST(a_hook_may_dump)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	tape_clear();
	expect_true(leat_trace_start(w.loop, &(leat_trace){ .size = sizeof(leat_trace), .tell = dump_it, .ctx = &w }));
	io = at(w.loop, &maker, "a");
	world_run(&w);
	leat_io_cancel(io);
	world_run(&w);
	tape_expect("seen gone");
	world_close(&w);
}
END_TEST

/* ---- on and off ---- */

START_TEST(the_loop_counts_the_same_with_a_trace)
{
	struct world w;
	leat_maker maker;
	leat_io *one, *two;

	world_open(&w);
	one = at(w.loop, &maker, "a");
	begin(&w, 0);
	two = at(w.loop, &maker, "b");
	expect_size(world_stats(&w).ios_live, 2);
	leat_io_cancel(one);
	expect_size(world_stats(&w).ios_live, 1);
	leat_trace_stop(w.loop);
	expect_size(world_stats(&w).ios_live, 1);
	leat_io_cancel(two);
	expect_size(world_stats(&w).ios_live, 0);
	expect_size(world_stats(&w).ios_made, 2);
	world_run(&w);
	tape_expect("");
	world_close(&w);
}
END_TEST

START_TEST(what_was_there_before_is_told_of_when_it_ends)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	io = at(w.loop, &maker, "before");
	begin(&w, 0);
	leat_io_cancel(io);
	world_run(&w);
	tape_expect("-before");
	leat_trace_stop(w.loop);
	io = at(w.loop, &maker, "between");
	begin(&w, 0);
	leat_io_cancel(io);
	world_run(&w);
	tape_expect("-between");
	world_close(&w);
}
END_TEST

START_TEST(only_what_was_asked_for_is_told)
{
	struct world w;
	leat_maker maker;

	world_open(&w);
	begin(&w, LEAT_TRACE_CANCELLED);
	leat_io_cancel(at(w.loop, &maker, "a"));
	world_run(&w);
	tape_expect("-a");
	begin(&w, LEAT_TRACE_UNHANDLED);
	leat_io_cancel(at(w.loop, &maker, "a"));
	world_run(&w);
	tape_expect("");
	begin(&w, LEAT_TRACE_MADE);
	leat_io_cancel(at(w.loop, &maker, "a"));
	world_run(&w);
	tape_expect("+a");
	world_close(&w);
}
END_TEST

START_TEST(an_older_programs_struct_is_enough)
{
	struct world w;
	leat_maker maker;

	world_open(&w);
	tape_clear();
	expect_true(leat_trace_start(w.loop, &(leat_trace){ .size = offsetof(leat_trace, what), .tell = say_event,
		.what = LEAT_TRACE_UNHANDLED }));
	leat_io_cancel(at(w.loop, &maker, "a"));
	world_run(&w);
	tape_expect("+a -a");
	world_close(&w);
}
END_TEST

START_TEST(the_end_of_the_loop_tells_the_rest)
{
	struct world w;
	leat_maker maker;

	world_open(&w);
	begin(&w, 0);
	leat_io_detach(at(w.loop, &maker, "a"));
	world_close(&w);
	tape_expect("+a =a");
}
END_TEST

/* ---- each io once, whatever happens ---- */

static long made, ended;

static void count(void *ctx, const leat_trace_event *event)
{
	(void)ctx;
	ck_assert_int_eq(event->lost, 0);
	made += event->what == LEAT_TRACE_MADE;
	ended += event->what & (LEAT_TRACE_SETTLED | LEAT_TRACE_MERGED | LEAT_TRACE_CANCELLED) ? 1 : 0;
}

static leat_io *again(void *left, leat_result *result)
{
	return leat_io_int(leat_result_loop(result), --*(int *)left);
}

static leat_io *program(struct world *w, int *left, leat_maker *never_made)
{
	leat_io *ios[6], *second;

	*left = 5;
	ios[0] = leat_io_repeat(w->loop, again, leat_ctx_borrow(left));
	ios[1] = then_at(leat_io_then(leat_sleep(w->loop, 5), quiet, thing_owned("c")), "x");
	ios[2] = leat_io_fork(then_at(leat_sleep(w->loop, 3), "y"), &second);
	ios[3] = leat_io_finally(second, quiet, thing_owned("d"));
	ios[4] = leat_io_catch(leat_io_timeout(at(w->loop, never_made, "never"), 20), leat_match_all(), say_done, word("late"));
	ios[5] = then_at(leat_io_done(w->loop), "z");
	return leat_io_settle(w->loop, ios, 6);
}

START_TEST(each_io_is_told_of_once_when_made_and_once_when_it_ends)
{
	for (int passes = 0; passes < 7; passes++) {
		struct world w;
		leat_maker maker;
		leat_io *io;
		int left;

		world_open(&w);
		made = ended = 0;
		expect_true(leat_trace_start(w.loop, &(leat_trace){ .size = sizeof(leat_trace), .tell = count }));
		io = program(&w, &left, &maker);
		for (int i = 0; i < passes; i++)
			world_pass(&w, 4);
		leat_io_cancel(io);
		world_run(&w);
		expect_size(made, world_stats(&w).ios_made);
		expect_int(ended, made);
		expect_size(world_stats(&w).ios_live, 0);
		world_close(&w);
		expect_no_things();
		tape_clear();
	}
}
END_TEST

/* ---- without memory ---- */

static uint64_t lost;

static void count_lost(void *ctx, const leat_trace_event *event)
{
	(void)ctx;
	lost = event->lost;
}

static void play(struct world *w)
{
	leat_io *ios[100];
	leat_maker maker;

	lost = 0;
	if (!leat_trace_start(w->loop, &(leat_trace){ .size = sizeof(leat_trace), .tell = count_lost }))
		return;
	for (int i = 0; i < 100; i++)
		ios[i] = leat_io_new(w->loop, &maker, NULL, NULL);
	leat_io_cancel(leat_io_all(w->loop, ios, 100));
	world_run(w);
}

START_TEST(without_memory_events_are_counted_as_lost)
{
	size_t runs = 0, losses = 0;

	for (size_t nth = 1;; nth++) {
		struct world w;
		bool failed_one;

		world_open(&w);
		w.oom.fail_at = w.oom.calls + nth;
		play(&w);
		failed_one = w.oom.failed;
		losses += lost > 0;
		runs++;
		expect_size(world_stats(&w).ios_live, 0);
		world_close(&w);
		if (!failed_one)
			break;
	}
	expect_true(runs > 4);
	expect_true(losses > 0);
}
END_TEST

SUITE("trace",
	what_happens_is_told_in_order_and_from_the_queue,
	an_io_that_try_took_has_settled,
	an_io_whose_place_is_taken_by_another_is_merged,
	a_cancel_tells_of_each_io_and_where_it_was_dropped,
	a_cancel_through_a_pointer_knows_no_place,
	the_losers_of_a_race_were_dropped_by_the_race,
	what_came_too_late_was_dropped_by_the_timeout,
	an_outcome_that_nobody_looked_at_was_cancelled,
	a_failure_is_told_with_the_error,
	a_failure_that_nobody_handled_is_told,
	a_callback_that_runs_too_long_is_told_with_its_place,
	callbacks_are_timed_only_where_it_was_asked_for,
	a_hook_may_cancel_what_is_just_settling,
	what_a_hook_makes_is_not_told,
	a_hook_may_stop_the_trace,
	a_hook_may_put_another_in_its_place,
	EACH(what_was_not_told_when_it_goes_on_with_ages_only_is_not_told, 2),
	what_was_not_told_when_it_goes_on_is_told_if_it_is_still_asked_for,
	a_hook_may_free_the_loop,
	a_hook_may_dump,
	the_loop_counts_the_same_with_a_trace,
	what_was_there_before_is_told_of_when_it_ends,
	only_what_was_asked_for_is_told,
	an_older_programs_struct_is_enough,
	the_end_of_the_loop_tells_the_rest,
	each_io_is_told_of_once_when_made_and_once_when_it_ends,
	without_memory_events_are_counted_as_lost)

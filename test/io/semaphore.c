/* SPDX-License-Identifier: ISC */
/* semaphore - at most so many, in the order they asked, and none is lost */
#include <leat/semaphore.h>

#include "support/dies.h"
#include "support/starve.h"
#include "support/suite.h"
#include "support/sweep.h"

static leat_semaphore *gate;

static void open_gate(struct world *w, size_t permits)
{
	tape_clear();
	world_open(w);
	gate = leat_semaphore_new(w->loop, permits);
}

static void close_gate(struct world *w)
{
	leat_semaphore_free(gate);
	world_run(w);
	expect_size(world_stats(w).ios_live, 0);
	world_close(w);
	expect_no_things();
	tape_expect("");
}

static leat_io *acquire(const char *name)
{
	return leat_io_then(leat_semaphore_acquire(gate), say_done, word(name));
}

/* ---- by hand ---- */

START_TEST(no_more_than_its_permits_are_out)
{
	struct world w;
	leat_io *ios[3];

	open_gate(&w, 2);
	for (int i = 0; i < 3; i++)
		ios[i] = leat_semaphore_acquire(gate);
	expect_ok(settled(ios[0]));
	expect_ok(settled(ios[1]));
	expect_size(leat_semaphore_left(gate), 0);
	world_run(&w);
	expect_true(is_pending(ios[2]));
	leat_semaphore_release(gate);
	expect_size(leat_semaphore_left(gate), 0);
	expect_ok(settled(ios[2]));
	leat_semaphore_release(gate);
	leat_semaphore_release(gate);
	expect_size(leat_semaphore_left(gate), 2);
	close_gate(&w);
}
END_TEST

START_TEST(who_asks_first_is_served_first)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	struct world w;
	leat_io *ios[4];

	open_gate(&w, 1);
	for (int i = 0; i < 4; i++)
		ios[i] = acquire(names[i]);
	for (int i = 0; i < 4; i++) {
		world_run(&w);
		leat_semaphore_release(gate);
	}
	tape_expect("a b c d");
	for (int i = 0; i < 4; i++)
		expect_ok(settled(ios[i]));
	close_gate(&w);
}
END_TEST

/* Which of four in line is cancelled. */
START_TEST(who_is_cancelled_leaves_the_line)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	static const char *const tapes[] = { "b c d", "a c d", "a b d", "a b c" };
	struct world w;
	leat_io *ios[4];

	open_gate(&w, 1);
	expect_true(leat_semaphore_try(gate));
	for (int i = 0; i < 4; i++)
		ios[i] = acquire(names[i]);
	leat_io_cancel(ios[_i]);
	for (int i = 0; i < 4; i++) {
		leat_semaphore_release(gate);
		world_run(&w);
	}
	tape_expect(tapes[_i]);
	expect_size(leat_semaphore_left(gate), 1);
	for (int i = 0; i < 4; i++)
		if (i != _i)
			expect_ok(settled(ios[i]));
	close_gate(&w);
}
END_TEST

START_TEST(a_permit_dropped_on_its_way_goes_to_the_next)
{
	struct world w;
	leat_io *first, *second;

	open_gate(&w, 1);
	first = acquire("a");
	second = acquire("b");
	leat_io_cancel(first);
	world_run(&w);
	tape_expect("b");
	expect_ok(settled(second));
	leat_semaphore_release(gate);
	expect_size(leat_semaphore_left(gate), 1);
	leat_io_cancel(leat_semaphore_acquire(gate));
	expect_size(leat_semaphore_left(gate), 1);
	close_gate(&w);
}
END_TEST

START_TEST(a_timeout_loses_no_permit)
{
	struct world w;
	leat_io *io;

	open_gate(&w, 1);
	expect_true(leat_semaphore_try(gate));
	io = leat_io_timeout(leat_semaphore_acquire(gate), 10);
	world_pass(&w, 10);
	expect_settled(io, LEAT_TIMEOUT);
	leat_semaphore_release(gate);
	expect_size(leat_semaphore_left(gate), 1);
	close_gate(&w);
}
END_TEST

START_TEST(try_takes_what_is_left_and_overtakes_nobody)
{
	struct world w;
	leat_io *io;

	open_gate(&w, 1);
	expect_true(leat_semaphore_try(gate));
	expect_false(leat_semaphore_try(gate));
	io = leat_semaphore_acquire(gate);
	leat_semaphore_release(gate);
	expect_false(leat_semaphore_try(gate));
	expect_ok(settled(io));
	leat_semaphore_release(gate);
	close_gate(&w);
}
END_TEST

START_TEST(a_permit_cannot_be_shared_and_comes_back)
{
	struct world w;
	leat_io *io, *second;

	open_gate(&w, 1);
	io = leat_io_fork(leat_semaphore_acquire(gate), &second);
	world_run(&w);
	expect_settled(io, LEAT_UNSUPPORTED);
	expect_settled(second, LEAT_UNSUPPORTED);
	expect_size(leat_semaphore_left(gate), 1);
	close_gate(&w);
}
END_TEST

START_TEST(what_all_could_not_get_together_is_given_back)
{
	struct world w;
	leat_io *ios[3];
	leat_io *io;

	open_gate(&w, 2);
	ios[0] = leat_semaphore_acquire(gate);
	ios[1] = failed(w.loop, LEAT_RESET);
	ios[2] = leat_semaphore_acquire(gate);
	io = leat_io_all(w.loop, ios, 3);
	world_run(&w);
	expect_settled(io, LEAT_RESET);
	expect_size(leat_semaphore_left(gate), 2);
	close_gate(&w);
}
END_TEST

/* ---- under a permit ---- */

static leat_io *rest(void *name, leat_result *result)
{
	tape_addf("(%s", (char *)name);
	thing_moment();
	return leat_sleep(leat_result_loop(result), 10);
}

static leat_io *under(const char *name)
{
	return leat_io_then(leat_semaphore_run(gate, rest, thing_owned(name)), say_done, word(")"));
}

START_TEST(run_releases_when_its_io_has_settled_and_its_context_went)
{
	struct world w;
	leat_io *ios[3];

	open_gate(&w, 2);
	ios[0] = under("a");
	ios[1] = under("b");
	ios[2] = under("c");
	world_run(&w);
	tape_expect("(a (b");
	world_pass(&w, 10);
	tape_expect("~a ~b (c ) )");
	expect_size(leat_semaphore_left(gate), 1);
	world_pass(&w, 10);
	tape_expect("~c )");
	for (int i = 0; i < 3; i++)
		expect_ok(settled(ios[i]));
	expect_size(leat_semaphore_left(gate), 2);
	close_gate(&w);
}
END_TEST

static void none_left(void *data)
{
	expect_size(leat_semaphore_left(gate), 0);
	tape_add(data);
}

START_TEST(the_permit_is_held_until_the_context_went)
{
	struct world w;
	leat_io *io;

	open_gate(&w, 1);
	io = leat_semaphore_run(gate, rest, leat_ctx_own((void *)(uintptr_t)"a", none_left));
	world_run(&w);
	if (_i == 0) {
		world_pass(&w, 10);
		expect_ok(settled(io));
	} else {
		leat_io_cancel(io);
	}
	tape_expect("(a a");
	expect_size(leat_semaphore_left(gate), 1);
	close_gate(&w);
}
END_TEST

START_TEST(run_releases_when_it_is_cancelled)
{
	struct world w;
	leat_io *ios[3];

	open_gate(&w, 1);
	ios[0] = under("a");
	ios[1] = under("b");
	ios[2] = under("c");
	world_run(&w);
	leat_io_cancel(ios[1]); /* waits */
	leat_io_cancel(ios[0]); /* runs */
	tape_expect("(a ~b ~a");
	world_pass(&w, 0);
	tape_expect("(c");
	world_pass(&w, 10);
	tape_expect("~c )");
	expect_ok(settled(ios[2]));
	expect_size(leat_semaphore_left(gate), 1);
	close_gate(&w);
}
END_TEST

START_TEST(run_releases_after_a_failure)
{
	leat_error error = leat_error_core(LEAT_RESET);
	struct world w;
	leat_io *io;

	open_gate(&w, 1);
	io = leat_semaphore_run(gate, fail_with, leat_ctx_borrow(&error));
	world_run(&w);
	expect_settled(io, LEAT_RESET);
	expect_size(leat_semaphore_left(gate), 1);
	close_gate(&w);
}
END_TEST

START_TEST(a_moved_context_is_the_callbacks)
{
	struct world w;
	leat_io *io;

	open_gate(&w, 1);
	io = leat_semaphore_run(gate, say_take, thing_moved("a"));
	world_run(&w);
	expect_ok(settled(io));
	leat_io_cancel(leat_semaphore_run(gate, say_take, thing_moved("b")));
	tape_expect("a ~b");
	expect_size(leat_semaphore_left(gate), 1);
	close_gate(&w);
}
END_TEST

/* ---- ends ---- */

START_TEST(freed_while_waited_for_the_waiters_fail)
{
	struct world w;
	leat_io *io, *run;

	open_gate(&w, 0);
	io = leat_semaphore_acquire(gate);
	run = under("a");
	leat_semaphore_free(gate);
	gate = NULL;
	expect_settled(io, LEAT_CLOSED);
	world_run(&w);
	expect_settled(run, LEAT_CLOSED);
	tape_expect("~a");
	close_gate(&w);
}
END_TEST

START_TEST(a_release_after_the_free_is_legal)
{
	struct world w;
	leat_io *io;

	open_gate(&w, 2);
	expect_true(leat_semaphore_try(gate));
	io = leat_semaphore_acquire(gate);
	leat_semaphore_free(gate);
	leat_semaphore_release(gate);
	leat_io_cancel(io); /* the last one */
	gate = NULL;
	close_gate(&w);
}
END_TEST

static leat_io *free_gate(void *data, leat_result *result)
{
	(void)data;
	leat_semaphore_free(gate);
	gate = NULL;
	return leat_sleep(leat_result_loop(result), 10);
}

static void free_it(void *data)
{
	(void)data;
	leat_semaphore_free(gate);
	gate = NULL;
}

START_TEST(it_may_be_freed_under_its_own_permit)
{
	struct world w;
	leat_io *io;

	open_gate(&w, 1);
	if (_i)
		io = leat_semaphore_run(gate, rest, leat_ctx_own((void *)(uintptr_t)"x", free_it));
	else
		io = leat_semaphore_run(gate, free_gate, leat_ctx_none());
	world_run(&w);
	world_pass(&w, 10);
	expect_ok(settled(io));
	expect_null(gate);
	tape_clear();
	close_gate(&w);
}
END_TEST

START_TEST(after_its_loop_it_is_a_shell)
{
	struct world w;
	leat_io *io;

	tape_clear();
	world_open(&w);
	gate = leat_semaphore_new(w.loop, 1);
	expect_true(leat_semaphore_try(gate));
	io = leat_io_catch(leat_semaphore_acquire(gate), leat_match_all(), say_kind, leat_ctx_none());
	leat_io_detach(io);
	leat_loop_free(w.loop);
	tape_expect("closed");
	expect_size(w.reports, 1);
	ck_assert_ptr_nonnull(strstr(w.report, "still held at the end of the loop: a semaphore made at"));
	expect_settled(leat_semaphore_acquire(gate), LEAT_CLOSED);
	leat_semaphore_release(gate);
	leat_semaphore_free(gate);
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

START_TEST(waiting_for_what_nobody_holds_is_a_deadlock)
{
	struct world w;
	leat_result result;

	open_gate(&w, 0);
	expect_false(leat_await(leat_semaphore_acquire(gate), &result));
	expect_kind(leat_result_error(&result), LEAT_DEADLOCK);
	expect_true(w.reports > 0);
	w.reports = 0;
	close_gate(&w);
}
END_TEST

static void release_too_often(void)
{
	struct world w;

	open_gate(&w, 1);
	expect_true(leat_semaphore_try(gate));
	leat_semaphore_release(gate);
	leat_semaphore_release(gate);
}

START_TEST(releasing_what_is_not_out_aborts)
{
	expect_dies(release_too_often, "semaphore.c:", "no permit is out (made at");
}
END_TEST

/* ---- sweeps ---- */

static leat_io *start_runs(struct world *w)
{
	leat_io *ios[3];

	gate = leat_semaphore_new(w->loop, 1);
	for (int i = 0; i < 3; i++)
		ios[i] = leat_io_then(leat_semaphore_run(gate, rest, thing_owned("c")), say_done, thing_owned("d"));
	return leat_io_then(leat_io_all(w->loop, ios, 3), say_done, thing_owned("e"));
}

struct holder {
	bool held;
};

static void let_go(void *data)
{
	struct holder *holder = data;

	if (holder->held)
		leat_semaphore_release(gate);
	free(holder);
	thing_moment();
}

static leat_io *hold_it(void *data, leat_result *result)
{
	((struct holder *)data)->held = true;
	thing_moment();
	return leat_sleep(leat_result_loop(result), 10);
}

static leat_io *by_hand(void)
{
	struct holder *holder = calloc(1, sizeof *holder);

	return leat_io_then(leat_semaphore_acquire(gate), hold_it, leat_ctx_own(holder, let_go));
}

static leat_io *start_races(struct world *w)
{
	leat_io *ios[3];

	gate = leat_semaphore_new(w->loop, 1);
	ios[0] = by_hand();
	ios[1] = leat_io_timeout(by_hand(), 15);
	ios[2] = by_hand();
	return leat_io_then(leat_io_settle(w->loop, ios, 3), say_done, thing_owned("e"));
}

static bool play_time(struct world *w, size_t n)
{
	if (n >= 5)
		return false;
	w->now_ns += 10 * 1000000;
	return true;
}

static void no_permit_is_lost(void)
{
	expect_size(leat_semaphore_left(gate), 1);
	leat_semaphore_free(gate);
	gate = NULL;
}

static const struct sweep_program programs[] = {
	{ "leat_semaphore_run", start_runs, play_time, no_permit_is_lost },
	{ "leat_semaphore_acquire", start_races, play_time, no_permit_is_lost },
};

START_TEST(cancelled_at_any_point_no_permit_is_lost)
{
	sweep(&programs[_i]);
}
END_TEST

static void three_visits(struct world *w)
{
	leat_io *ios[3];

	gate = leat_semaphore_new(w->loop, 1);
	ios[0] = leat_semaphore_run(gate, rest, thing_owned("c"));
	ios[1] = by_hand();
	ios[2] = leat_semaphore_run(gate, rest, thing_owned("c"));
	world_run(w);
	for (int i = 0; i < 3; i++) {
		leat_error error;

		world_pass(w, 10);
		error = settled(ios[i]);
		expect_true(!leat_error_set(error) || leat_error_is(error, LEAT_NOMEM));
	}
	expect_true(leat_semaphore_left(gate) == 1 || w->oom.failed);
	leat_semaphore_free(gate);
	gate = NULL;
}

START_TEST(any_allocation_may_fail)
{
	starve(three_visits);
}
END_TEST

SUITE("semaphore",
	no_more_than_its_permits_are_out,
	who_asks_first_is_served_first,
	EACH(who_is_cancelled_leaves_the_line, 4),
	a_permit_dropped_on_its_way_goes_to_the_next,
	a_timeout_loses_no_permit,
	try_takes_what_is_left_and_overtakes_nobody,
	a_permit_cannot_be_shared_and_comes_back,
	what_all_could_not_get_together_is_given_back,
	run_releases_when_its_io_has_settled_and_its_context_went,
	EACH(the_permit_is_held_until_the_context_went, 2),
	run_releases_when_it_is_cancelled,
	run_releases_after_a_failure,
	a_moved_context_is_the_callbacks,
	freed_while_waited_for_the_waiters_fail,
	a_release_after_the_free_is_legal,
	EACH(it_may_be_freed_under_its_own_permit, 2),
	after_its_loop_it_is_a_shell,
	waiting_for_what_nobody_holds_is_a_deadlock,
	releasing_what_is_not_out_aborts,
	EACH(cancelled_at_any_point_no_permit_is_lost, sizeof programs / sizeof *programs),
	any_allocation_may_fail)

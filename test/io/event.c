/* SPDX-License-Identifier: ISC */
/* event - once, for all who wait and all who come later */
#include <leat/event.h>

#include "support/starve.h"
#include "support/suite.h"
#include "support/sweep.h"

static leat_event *event;

static leat_io *wait(const char *name)
{
	return leat_io_then(leat_event_wait(event), say_done, word(name));
}

START_TEST(all_who_wait_are_told_in_the_order_they_came)
{
	struct world w;
	leat_io *ios[3];

	tape_clear();
	world_open(&w);
	event = leat_event_new(w.loop);
	ios[0] = wait("a");
	ios[1] = wait("b");
	ios[2] = wait("c");
	world_run(&w);
	tape_expect("");
	expect_false(leat_event_is_set(event));
	leat_event_set(event);
	leat_event_set(event);
	tape_expect("");
	world_run(&w);
	tape_expect("a b c");
	for (int i = 0; i < 3; i++)
		expect_ok(settled(ios[i]));
	leat_event_free(event);
	world_close(&w);
}
END_TEST

START_TEST(who_comes_later_need_not_wait)
{
	struct world w;

	world_open(&w);
	event = leat_event_new(w.loop);
	leat_event_set(event);
	expect_true(leat_event_is_set(event));
	expect_ok(settled(leat_event_wait(event)));
	expect_ok(settled(leat_event_wait(event)));
	leat_event_free(event);
	world_close(&w);
}
END_TEST

START_TEST(one_that_is_cancelled_leaves_the_others)
{
	static const char *const tapes[] = { "b c", "a c", "a b" };
	static const char *const names[] = { "a", "b", "c" };
	struct world w;
	leat_io *ios[3];

	tape_clear();
	world_open(&w);
	event = leat_event_new(w.loop);
	for (int i = 0; i < 3; i++)
		ios[i] = wait(names[i]);
	leat_io_cancel(ios[_i]);
	leat_event_set(event);
	world_run(&w);
	tape_expect(tapes[_i]);
	for (int i = 0; i < 3; i++)
		if (i != _i)
			expect_ok(settled(ios[i]));
	leat_event_free(event);
	world_close(&w);
}
END_TEST

START_TEST(freed_while_waited_for_the_waiters_fail)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	event = leat_event_new(w.loop);
	io = leat_event_wait(event);
	leat_event_free(event);
	expect_settled(io, LEAT_CLOSED);
	leat_event_free(NULL);
	world_close(&w);
}
END_TEST

static leat_io *free_event(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	leat_event_free(event);
	return NULL;
}

START_TEST(it_may_be_freed_by_one_it_told)
{
	struct world w;
	leat_io *ios[2];

	tape_clear();
	world_open(&w);
	event = leat_event_new(w.loop);
	ios[0] = leat_io_then(leat_event_wait(event), free_event, leat_ctx_none());
	ios[1] = wait("b");
	leat_event_set(event);
	world_run(&w);
	tape_expect("b");
	expect_ok(settled(ios[0]));
	expect_ok(settled(ios[1]));
	world_close(&w);
}
END_TEST

START_TEST(after_its_loop_it_is_a_shell)
{
	struct world w;

	tape_clear();
	world_open(&w);
	event = leat_event_new(w.loop);
	leat_io_detach(leat_io_catch(leat_event_wait(event), leat_match_all(), say_kind, leat_ctx_none()));
	leat_loop_free(w.loop);
	tape_expect("closed");
	ck_assert_ptr_nonnull(strstr(w.report, "an event made at"));
	expect_settled(leat_event_wait(event), LEAT_CLOSED);
	leat_event_set(event);
	leat_event_free(event);
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

START_TEST(waiting_for_what_nobody_sets_is_a_deadlock)
{
	struct world w;
	leat_result result;

	world_open(&w);
	event = leat_event_new(w.loop);
	expect_false(leat_await(leat_event_wait(event), &result));
	expect_kind(leat_result_error(&result), LEAT_DEADLOCK);
	leat_event_free(event);
	world_end(&w);
}
END_TEST

static leat_io *start(struct world *w)
{
	leat_io *ios[3];

	event = leat_event_new(w->loop);
	for (int i = 0; i < 3; i++)
		ios[i] = leat_io_then(leat_event_wait(event), say_done, thing_owned("c"));
	return leat_io_then(leat_io_all(w->loop, ios, 3), say_done, thing_owned("d"));
}

static bool play(struct world *w, size_t n)
{
	(void)w;
	leat_event_set(event);
	return n < 1;
}

static void free_it(void)
{
	leat_event_free(event);
}

START_TEST(cancelled_at_any_point_nothing_is_left)
{
	sweep(&(struct sweep_program){ "leat_event_wait", start, play, free_it });
}
END_TEST

static void waits(struct world *w)
{
	leat_io *io = start(w);

	world_run(w);
	leat_event_set(event);
	world_run(w);
	settled(io);
	leat_event_free(event);
}

START_TEST(any_allocation_may_fail)
{
	starve(waits);
}
END_TEST

SUITE("event",
	all_who_wait_are_told_in_the_order_they_came,
	who_comes_later_need_not_wait,
	EACH(one_that_is_cancelled_leaves_the_others, 3),
	freed_while_waited_for_the_waiters_fail,
	it_may_be_freed_by_one_it_told,
	after_its_loop_it_is_a_shell,
	waiting_for_what_nobody_sets_is_a_deadlock,
	cancelled_at_any_point_nothing_is_left,
	any_allocation_may_fail)

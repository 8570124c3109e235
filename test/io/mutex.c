/* SPDX-License-Identifier: ISC */
/* mutex - one at a time; in line as at a semaphore, whose tests go deeper */
#include <leat/fiber.h>
#include <leat/mutex.h>

#include "support/dies.h"
#include "support/starve.h"
#include "support/suite.h"
#include "support/sweep.h"

static leat_mutex *lock;
static int inside;

static void leave(void *data)
{
	inside--;
	thing_destroy(data);
}

static leat_io *one_alone(void *name, leat_result *result)
{
	(void)name;
	expect_int(++inside, 1);
	thing_moment();
	return leat_sleep(leat_result_loop(result), 10);
}

static leat_io *enter(void *name, leat_result *result)
{
	leat_ctx ctx = leat_ctx_own(thing(name), leave);

	return leat_io_hold(one_alone(name, result), ctx);
}

static leat_io *alone(const char *name)
{
	return leat_mutex_run(lock, enter, word(name));
}

START_TEST(one_at_a_time_in_the_order_they_came)
{
	struct world w;
	leat_io *ios[3];

	tape_clear();
	world_open(&w);
	lock = leat_mutex_new(w.loop);
	ios[0] = alone("a");
	ios[1] = alone("b");
	ios[2] = alone("c");
	for (int i = 0; i < 4; i++)
		world_pass(&w, 10);
	tape_expect("~a ~b ~c");
	for (int i = 0; i < 3; i++)
		expect_ok(settled(ios[i]));
	leat_mutex_free(lock);
	world_close(&w);
}
END_TEST

START_TEST(by_hand_it_is_locked_until_it_is_unlocked)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	lock = leat_mutex_new(w.loop);
	expect_true(leat_await(leat_mutex_lock(lock), NULL));
	expect_false(leat_mutex_try(lock));
	io = leat_mutex_lock(lock);
	world_run(&w);
	expect_true(is_pending(io));
	leat_mutex_unlock(lock);
	expect_ok(settled(io));
	leat_mutex_unlock(lock);
	expect_true(leat_mutex_try(lock));
	leat_mutex_unlock(lock);
	leat_mutex_free(lock);
	world_close(&w);
}
END_TEST

START_TEST(locking_what_one_holds_is_a_deadlock)
{
	struct world w;
	leat_result result;

	world_open(&w);
	lock = leat_mutex_new(w.loop);
	expect_true(leat_mutex_try(lock));
	expect_false(leat_await(leat_mutex_lock(lock), &result));
	expect_kind(leat_result_error(&result), LEAT_DEADLOCK);
	leat_mutex_unlock(lock);
	leat_mutex_free(lock);
	world_end(&w);
}
END_TEST

START_TEST(freed_while_locked_it_waits_for_the_unlock)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	lock = leat_mutex_new(w.loop);
	expect_true(leat_mutex_try(lock));
	io = leat_mutex_lock(lock);
	leat_mutex_free(lock);
	expect_settled(io, LEAT_CLOSED);
	expect_settled(leat_mutex_lock(lock), LEAT_CLOSED);
	leat_mutex_unlock(lock);
	world_close(&w);
}
END_TEST

/* ---- fibers ---- */

static leat_io *work_alone(void *name, leat_loop *loop)
{
	leat_result result;

	if (!leat_await(leat_mutex_lock(lock), &result)) {
		tape_addf("%s:%s", (char *)name, leat_kind_name(leat_error_kind(leat_result_error(&result))));
		return NULL;
	}
	expect_int(++inside, 1);
	tape_addf("(%s", (char *)name);
	leat_await(leat_sleep(loop, 10), NULL);
	tape_add(")");
	inside--;
	leat_mutex_unlock(lock);
	return NULL;
}

/* Of the three: nobody, who works, or one who waits is cancelled. */
START_TEST(fibers_work_alone_one_after_another)
{
	static const char *const names[] = { "a", "b", "c" };
	static const char *const tapes[] = { "(a ) (b ) (c )", "(a ) (b ) (c )", "(a b:cancelled ) (c )" };
	struct world w;
	leat_io *ios[3];

	tape_clear();
	world_open(&w);
	lock = leat_mutex_new(w.loop);
	for (int i = 0; i < 3; i++)
		ios[i] = leat_fiber(w.loop, work_alone, word(names[i]));
	world_run(&w);
	if (_i > 0)
		leat_io_cancel(ios[_i - 1]);
	world_run(&w);
	for (int i = 0; i < 3; i++)
		world_pass(&w, 10);
	tape_expect(tapes[_i]);
	for (int i = 0; i < 3; i++)
		if (i != _i - 1)
			expect_ok(settled(ios[i]));
	leat_mutex_free(lock);
	world_close(&w);
}
END_TEST

START_TEST(freed_under_a_fiber_it_may_still_be_unlocked)
{
	struct world w;
	leat_io *ios[2];

	tape_clear();
	world_open(&w);
	lock = leat_mutex_new(w.loop);
	ios[0] = leat_fiber(w.loop, work_alone, word("a"));
	ios[1] = leat_fiber(w.loop, work_alone, word("b"));
	world_run(&w);
	leat_mutex_free(lock);
	if (_i)
		leat_io_cancel(ios[0]);
	world_pass(&w, 10);
	if (!_i)
		expect_ok(settled(ios[0]));
	expect_ok(settled(ios[1]));
	expect_true(strstr(tape_text, "b:closed") && strstr(tape_text, ")"));
	world_close(&w);
}
END_TEST

static void unlock_too_often(void)
{
	struct world w;

	world_open(&w);
	leat_mutex_unlock(leat_mutex_new(w.loop));
}

START_TEST(unlocking_what_is_not_locked_aborts)
{
	expect_dies(unlock_too_often, "mutex.c:", "not locked (made at");
}
END_TEST

static leat_io *start(struct world *w)
{
	leat_io *ios[3];

	lock = leat_mutex_new(w->loop);
	ios[0] = alone("a");
	ios[1] = leat_io_timeout(alone("b"), 15);
	ios[2] = alone("c");
	return leat_io_settle(w->loop, ios, 3);
}

struct holder {
	bool held;
};

static void let_go(void *data)
{
	struct holder *holder = data;

	if (holder->held) {
		inside--;
		leat_mutex_unlock(lock);
	}
	free(holder);
	thing_moment();
}

static leat_io *hold_it(void *data, leat_result *result)
{
	((struct holder *)data)->held = true;
	return one_alone(data, result);
}

static leat_io *by_hand(void)
{
	struct holder *holder = calloc(1, sizeof *holder);

	return leat_io_then(leat_mutex_lock(lock), hold_it, leat_ctx_own(holder, let_go));
}

static leat_io *start_by_hand(struct world *w)
{
	leat_io *ios[3];

	lock = leat_mutex_new(w->loop);
	ios[0] = by_hand();
	ios[1] = leat_io_timeout(by_hand(), 15);
	ios[2] = by_hand();
	return leat_io_settle(w->loop, ios, 3);
}

static bool play(struct world *w, size_t n)
{
	w->now_ns += 10 * 1000000;
	return n < 5;
}

static void it_is_open(void)
{
	expect_int(inside, 0);
	expect_true(leat_mutex_try(lock));
	leat_mutex_unlock(lock);
	leat_mutex_free(lock);
}

static const struct sweep_program programs[] = {
	{ "leat_mutex_run", start, play, it_is_open },
	{ "leat_mutex_lock", start_by_hand, play, it_is_open },
};

START_TEST(cancelled_at_any_point_it_is_open_again)
{
	sweep(&programs[_i]);
}
END_TEST

static void visits(struct world *w)
{
	leat_io *io = start(w);

	for (int i = 0; i < 4; i++)
		world_pass(w, 10);
	settled(io);
	if (leat_mutex_try(lock))
		leat_mutex_unlock(lock);
	else
		expect_true(w->oom.failed);
	leat_mutex_free(lock);
}

START_TEST(any_allocation_may_fail)
{
	starve(visits);
}
END_TEST

SUITE("mutex",
	one_at_a_time_in_the_order_they_came,
	by_hand_it_is_locked_until_it_is_unlocked,
	locking_what_one_holds_is_a_deadlock,
	freed_while_locked_it_waits_for_the_unlock,
	EACH(fibers_work_alone_one_after_another, 3),
	EACH(freed_under_a_fiber_it_may_still_be_unlocked, 2),
	unlocking_what_is_not_locked_aborts,
	EACH(cancelled_at_any_point_it_is_open_again, sizeof programs / sizeof *programs),
	any_allocation_may_fail)

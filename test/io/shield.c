/* SPDX-License-Identifier: ISC */
/* shield - an io that goes on when its waiter is cancelled */
#include "support/starve.h"
#include "support/suite.h"

static struct world w;
static leat_maker maker;

static void open_world(void)
{
	tape_clear();
	world_open(&w);
}

static void close_world(void)
{
	world_run(&w);
	expect_size(world_stats(&w).ios_live, 0);
	expect_no_things();
	tape_expect("");
	world_close(&w);
}

/* The work: says "work" when it is done. */
static leat_io *work(void)
{
	return leat_io_then(pending(w.loop, &maker), say, thing_owned("work"));
}

START_TEST(its_outcome_passes_through)
{
	leat_io *io;

	open_world();
	io = leat_io_then(leat_io_shield(work()), say_int, leat_ctx_none());
	leat_resolve_int(maker, 3);
	world_run(&w);
	tape_expect("work ~work 3");
	expect_int(settled_int(io), 3);
	io = leat_io_shield(work());
	leat_reject(maker, leat_error_core(LEAT_RESET));
	world_run(&w);
	tape_expect("~work");
	expect_settled(io, LEAT_RESET);
	close_world();
}
END_TEST

START_TEST(the_work_goes_on_when_the_waiter_is_cancelled)
{
	open_world();
	leat_io_cancel(leat_io_then(leat_io_shield(work()), never, thing_owned("c")));
	tape_expect("~c");
	leat_resolve_int(maker, 3);
	world_run(&w);
	tape_expect("work ~work");
	close_world();
}
END_TEST

static leat_io *sleep_twice(void *text, leat_result *result)
{
	leat_loop *loop = leat_result_loop(result);

	tape_add(text);
	return leat_io_then(leat_sleep(loop, 10), say_done, thing_owned("slept"));
}

START_TEST(it_goes_on_through_what_its_callbacks_give)
{
	open_world();
	leat_io_cancel(leat_io_shield(leat_io_then(pending(w.loop, &maker), sleep_twice, thing_owned("work"))));
	leat_resolve(maker);
	world_run(&w);
	tape_expect("work");
	world_pass(&w, 10);
	tape_expect("slept ~slept ~work");
	close_world();
}
END_TEST

START_TEST(what_gave_a_pending_one_goes_on_as_well)
{
	leat_io *io;

	open_world();
	io = leat_io_shield(leat_io_then(pending(w.loop, &maker), sleep_twice, word("work")));
	leat_resolve(maker);
	world_run(&w);
	tape_expect("work");
	leat_io_cancel(io);
	world_pass(&w, 10);
	tape_expect("slept ~slept");
	close_world();
}
END_TEST

START_TEST(a_lent_value_that_comes_later_goes_back)
{
	open_world();
	leat_io_cancel(leat_io_shield(pending(w.loop, &maker)));
	lender_resolve(maker, thing("v"));
	world_run(&w);
	tape_expect("<v");
	close_world();
}
END_TEST

START_TEST(a_lent_value_that_is_there_goes_back)
{
	leat_io *io;

	open_world();
	io = leat_io_then(leat_io_shield(pending(w.loop, &maker)), never, thing_owned("c"));
	lender_resolve(maker, thing("v"));
	leat_io_cancel(io);
	tape_expect("<v ~c");
	close_world();
}
END_TEST

START_TEST(a_failure_that_comes_later_is_unhandled)
{
	open_world();
	leat_io_cancel(leat_io_shield(work()));
	leat_reject(maker, leat_error_core(LEAT_RESET));
	world_run(&w);
	tape_expect("~work");
	expect_int(w.unhandled, 1);
	expect_kind(w.last.error, LEAT_RESET);
	w.unhandled = 0;
	close_world();
}
END_TEST

static leat_io *top;

static leat_io *cancel_top(void *text, leat_result *result)
{
	tape_add(text);
	leat_io_cancel(top);
	tape_add("cancelled");
	return leat_sleep(leat_result_loop(result), 10);
}

START_TEST(work_that_cancels_its_own_waiter_goes_on)
{
	leat_io *io;

	open_world();
	io = leat_io_then(pending(w.loop, &maker), cancel_top, thing_owned("work"));
	io = leat_io_then(io, say_done, thing_owned("rest"));
	top = leat_io_then(leat_io_shield(io), never, thing_owned("c"));
	leat_resolve(maker);
	world_run(&w);
	tape_expect("work ~c cancelled");
	world_pass(&w, 10);
	tape_expect("~work rest ~rest");
	close_world();
}
END_TEST

START_TEST(only_the_shielded_part_goes_on)
{
	leat_maker other;
	leat_io *ios[2];

	open_world();
	ios[0] = leat_io_shield(work());
	ios[1] = leat_io_attach(pending(w.loop, &other), thing_owned("other"));
	leat_io_cancel(leat_io_all(w.loop, ios, 2));
	tape_expect("~other");
	leat_resolve(maker);
	world_run(&w);
	tape_expect("work ~work");
	close_world();
}
END_TEST

START_TEST(a_timeout_leaves_it)
{
	leat_io *io;

	open_world();
	io = leat_io_timeout(leat_io_shield(work()), 10);
	world_pass(&w, 10);
	expect_settled(io, LEAT_TIMEOUT);
	leat_resolve(maker);
	world_run(&w);
	tape_expect("work ~work");
	close_world();
}
END_TEST

START_TEST(the_end_of_the_loop_ends_it)
{
	open_world();
	leat_io_cancel(leat_io_shield(leat_io_catch(pending(w.loop, &maker), leat_match_all(), say_kind, thing_owned("c"))));
	world_close(&w);
	tape_expect("cancelled ~c");
	expect_no_things();
}
END_TEST

static void starved(struct world *s)
{
	leat_maker m;
	leat_io *io = leat_io_shield(leat_io_shield(leat_io_attach(pending(s->loop, &m), thing_owned(""))));
	leat_error error;

	leat_resolve(m);
	world_run(s);
	error = settled(io);
	ck_assert(!leat_error_set(error) || leat_error_is(error, LEAT_NOMEM));
}

START_TEST(without_memory_it_says_so)
{
	starve(starved);
}
END_TEST

SUITE("shield",
	its_outcome_passes_through,
	the_work_goes_on_when_the_waiter_is_cancelled,
	it_goes_on_through_what_its_callbacks_give,
	what_gave_a_pending_one_goes_on_as_well,
	a_lent_value_that_comes_later_goes_back,
	a_lent_value_that_is_there_goes_back,
	a_failure_that_comes_later_is_unhandled,
	work_that_cancels_its_own_waiter_goes_on,
	only_the_shielded_part_goes_on,
	a_timeout_leaves_it,
	the_end_of_the_loop_ends_it,
	without_memory_it_says_so)

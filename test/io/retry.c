/* SPDX-License-Identifier: ISC */
/* retry - again after a failure, waiting longer each time */
#include <leat/retry.h>

#include "support/starve.h"
#include "support/suite.h"
#include "support/sweep.h"

static unsigned tries, succeeds_at; /* 0: never */
static leat_kind kind = LEAT_RESET;

static leat_io *attempt(void *ctx, leat_result *result)
{
	leat_loop *loop = leat_result_loop(result);

	(void)ctx;
	tape_addf("%u", ++tries);
	thing_moment();
	if (tries == succeeds_at)
		return leat_io_ptr(loop, thing("v"), &thing_type);
	return leat_io_fail(loop, leat_error_core(kind));
}

static void begin(struct world *w)
{
	tape_clear();
	tries = succeeds_at = 0;
	kind = LEAT_RESET;
	world_open(w);
}

static void finish(struct world *w)
{
	world_run(w);
	expect_size(world_stats(w).ios_live, 0);
	expect_size(world_stats(w).timers_live, 0);
	world_close(w);
	expect_no_things();
	tape_expect("");
}

static leat_io *start(struct world *w, const leat_retry_options *options)
{
	leat_io *io = leat_retry(w->loop, options, attempt, thing_owned("c"));

	tape_expect("");
	world_run(w);
	return io;
}

START_TEST(a_success_is_its_success)
{
	struct world w;
	leat_result result;
	leat_io *io;

	begin(&w);
	succeeds_at = 1;
	io = start(&w, NULL);
	tape_expect("1 ~c");
	expect_true(leat_io_try(io, &result));
	expect_str((char *)leat_result_peek(&result), "v");
	leat_result_clear(&result);
	tape_expect("~v");
	finish(&w);
}
END_TEST

START_TEST(each_wait_is_twice_as_long_up_to_the_longest)
{
	static const int waits[] = { 100, 200, 400, 500, 500 };
	leat_retry_options options = { .size = sizeof options, .tries = 6, .longest_ms = 500, .steady = true };
	struct world w;
	leat_io *io;

	begin(&w);
	io = start(&w, &options);
	tape_expect("1");
	for (int i = 0; i < 5; i++) {
		world_pass(&w, waits[i] - 1);
		tape_expect("");
		world_pass(&w, 1);
		ck_assert_msg(tape_text[0] == '2' + i, "%s", tape_text);
		if (i < 4)
			tape_clear();
	}
	tape_expect("6 ~c");
	expect_settled(io, LEAT_RESET);
	finish(&w);
}
END_TEST

START_TEST(a_wait_may_be_for_ever)
{
	leat_retry_options options = { .size = sizeof options, .tries = 3, .first_ms = INT64_MAX / 2 + 1,
		.longest_ms = INT64_MAX, .steady = _i };
	struct world w;
	leat_io *io;

	begin(&w);
	io = start(&w, &options);
	world_pass(&w, INT64_C(1000) * 3600 * 24 * 366);
	expect_true(is_pending(io));
	leat_io_cancel(io);
	tape_expect("1 ~c");
	finish(&w);
}
END_TEST

START_TEST(by_default_there_are_five_tries)
{
	struct world w;
	leat_io *io;

	begin(&w);
	io = start(&w, NULL);
	for (int i = 0; i < 10; i++)
		world_pass(&w, 10000);
	tape_expect("1 2 3 4 5 ~c");
	expect_settled(io, LEAT_RESET);
	finish(&w);
}
END_TEST

static uint64_t lowest(void *ctx)
{
	(void)ctx;
	return 50; /* of 0 .. 50: all of what may be taken off */
}

static uint64_t highest(void *ctx)
{
	(void)ctx;
	return 51;
}

START_TEST(a_wait_is_between_half_of_it_and_all)
{
	leat_retry_options options = { .size = sizeof options, .tries = 2, .random = _i ? highest : lowest };
	struct world w;
	leat_io *io;

	begin(&w);
	io = start(&w, &options);
	world_pass(&w, _i ? 99 : 49);
	tape_expect("1");
	world_pass(&w, 1);
	tape_expect("2 ~c");
	expect_settled(io, LEAT_RESET);
	finish(&w);
}
END_TEST

/* Many that failed together: without a source of one's own they are spread too. */
START_TEST(those_who_failed_together_do_not_come_back_together)
{
	leat_retry_options options = { .size = sizeof options, .tries = 2, .first_ms = 1000 };
	leat_io *ios[100];
	unsigned moments = 0;
	struct world w;

	begin(&w);
	for (int i = 0; i < 100; i++)
		ios[i] = leat_retry(w.loop, &options, attempt, leat_ctx_none());
	world_run(&w);
	expect_size(tries, 100);
	for (int ms = 0; ms < 1000; ms++) {
		unsigned before = tries;

		tape_clear();
		world_pass(&w, 1);
		moments += tries != before;
		if (ms < 499)
			expect_size(tries, 100);
	}
	expect_size(tries, 200);
	ck_assert_msg(moments > 50, "only %u moments", moments);
	for (int i = 0; i < 100; i++)
		expect_settled(ios[i], LEAT_RESET);
	tape_clear();
	finish(&w);
}
END_TEST

START_TEST(what_another_try_would_not_mend_is_not_tried_again)
{
	static const leat_kind kinds[] = { LEAT_CANCELLED, LEAT_CLOSED, LEAT_INVALID, LEAT_UNSUPPORTED, LEAT_DENIED,
		LEAT_NESTED, LEAT_DEADLOCK, LEAT_INTERRUPTED };
	struct world w;
	leat_io *io;

	begin(&w);
	kind = kinds[_i];
	io = start(&w, NULL);
	tape_expect("1 ~c");
	expect_settled(io, kinds[_i]);
	finish(&w);
}
END_TEST

static bool twice_if_closed(void *ctx, leat_error error, uint32_t tried)
{
	tape_addf("(%u)", tried);
	expect_str((char *)ctx, "mine");
	return leat_error_is(error, LEAT_CLOSED) && tried < 2;
}

START_TEST(the_caller_may_say_what_is_worth_another_try)
{
	char mine[] = "mine";
	leat_retry_options options = { .size = sizeof options, .again = twice_if_closed, .ctx = mine };
	struct world w;
	leat_io *io;

	begin(&w);
	kind = LEAT_CLOSED;
	io = start(&w, &options);
	world_pass(&w, 1000);
	world_pass(&w, 1000);
	tape_expect("1 (1) 2 (2) ~c");
	expect_settled(io, LEAT_CLOSED);
	finish(&w);
}
END_TEST

START_TEST(a_deadline_during_the_wait_is_not_waited_for)
{
	leat_retry_options options = { .size = sizeof options, .steady = true, .deadline_ms = 300 };
	struct world w;
	leat_io *io;

	begin(&w);
	io = start(&w, &options);
	world_pass(&w, 100);
	tape_expect("1 2 ~c");
	expect_settled(io, LEAT_RESET);
	finish(&w);
}
END_TEST

static leat_io *hang(void *ctx, leat_result *result)
{
	(void)ctx;
	tape_addf("%u", ++tries);
	return leat_io_hold(leat_sleep(leat_result_loop(result), -1), thing_owned("hung"));
}

START_TEST(a_deadline_during_a_try_cancels_it)
{
	leat_retry_options options = { .size = sizeof options, .deadline_ms = 300 };
	struct world w;
	leat_io *io;

	begin(&w);
	io = leat_retry(w.loop, &options, hang, thing_owned("c"));
	world_run(&w);
	world_pass(&w, 299);
	expect_true(is_pending(io));
	world_pass(&w, 1);
	tape_expect("1 ~hung ~c");
	expect_settled(io, LEAT_TIMEOUT);
	finish(&w);
}
END_TEST

static leat_io *impatient(void *ctx, leat_result *result)
{
	return leat_io_timeout(hang(ctx, result), 10);
}

START_TEST(a_time_limit_of_each_try_is_the_trys)
{
	leat_retry_options options = { .size = sizeof options, .tries = 2, .first_ms = 1, .steady = true };
	struct world w;
	leat_io *io;

	begin(&w);
	io = leat_retry(w.loop, &options, impatient, leat_ctx_none());
	world_run(&w);
	world_pass(&w, 10);
	world_pass(&w, 1);
	world_pass(&w, 10);
	tape_expect("1 ~hung 2 ~hung");
	expect_settled(io, LEAT_TIMEOUT);
	finish(&w);
}
END_TEST

START_TEST(an_older_struct_is_understood)
{
	leat_retry_options options = { .size = offsetof(leat_retry_options, first_ms), .tries = 2, .first_ms = 7000,
		.steady = true, .again = twice_if_closed };
	struct world w;
	leat_io *io;

	begin(&w);
	io = start(&w, &options);
	world_pass(&w, 100);
	tape_expect("1 2 ~c");
	expect_settled(io, LEAT_RESET);
	finish(&w);
}
END_TEST

static leat_io *take_it(void *data, leat_result *result)
{
	if (tries == 0)
		thing_take(data);
	return attempt(NULL, result);
}

START_TEST(a_moved_context_is_the_first_trys)
{
	struct world w;
	leat_io *io;

	begin(&w);
	io = leat_retry(w.loop, NULL, take_it, thing_moved("c"));
	for (int i = 0; i < 10; i++)
		world_pass(&w, 10000);
	tape_expect("1 2 3 4 5");
	expect_settled(io, LEAT_RESET);
	leat_io_cancel(leat_retry(w.loop, NULL, take_it, thing_moved("c")));
	tape_expect("~c");
	finish(&w);
}
END_TEST

/* ---- cancelled by what it runs ---- */

static leat_io *itself;

static leat_io *cancel_it(void *ctx, leat_result *result)
{
	leat_io_cancel(itself);
	tape_addf("still %s", (char *)ctx);
	return leat_io_attach(leat_sleep(leat_result_loop(result), 1), thing_owned("given"));
}

START_TEST(a_try_may_cancel_it)
{
	leat_retry_options options = { .size = sizeof options, .deadline_ms = _i ? 1000 : 0 };
	struct world w;

	begin(&w);
	itself = leat_retry(w.loop, &options, cancel_it, thing_owned("c"));
	world_run(&w);
	tape_expect("still c ~given ~c");
	finish(&w);
}
END_TEST

static bool cancel_it_and_say_yes(void *ctx, leat_error error, uint32_t tried)
{
	(void)ctx;
	(void)error;
	(void)tried;
	leat_io_cancel(itself);
	tape_add("yes");
	return true;
}

static uint64_t cancel_it_and_say_7(void *ctx)
{
	(void)ctx;
	leat_io_cancel(itself);
	tape_add("7");
	return 7;
}

START_TEST(who_is_asked_for_another_try_may_cancel_it)
{
	leat_retry_options options = { .size = sizeof options, .again = cancel_it_and_say_yes, .random = lowest };
	struct world w;

	begin(&w);
	itself = leat_retry(w.loop, &options, attempt, thing_owned("c"));
	world_run(&w);
	tape_expect("1 yes ~c");
	finish(&w);
}
END_TEST

START_TEST(who_is_asked_for_a_number_may_cancel_it)
{
	leat_retry_options options = { .size = sizeof options, .random = cancel_it_and_say_7, .deadline_ms = 1000 };
	struct world w;

	begin(&w);
	itself = leat_retry(w.loop, &options, attempt, thing_owned("c"));
	world_run(&w);
	tape_expect("1 7 ~c");
	finish(&w);
}
END_TEST

/* Cells do not pile up. */
START_TEST(a_hundred_thousand_tries_take_no_more_memory_than_ten)
{
	leat_retry_options options = { .size = sizeof options, .tries = 100000, .longest_ms = 1 };
	struct world w;
	leat_io *io;

	begin(&w);
	io = leat_retry(w.loop, &options, attempt, leat_ctx_none());
	for (int i = 0; i < 100010; i++) {
		tape_clear();
		world_pass(&w, 1);
		expect_true(world_stats(&w).ios_live < 8);
	}
	expect_size(tries, 100000);
	expect_settled(io, LEAT_RESET);
	tape_clear();
	finish(&w);
}
END_TEST

START_TEST(when_the_loop_ends_so_does_it)
{
	struct world w;

	begin(&w);
	leat_io_detach(leat_io_catch(leat_retry(w.loop, NULL, attempt, thing_owned("c")), leat_match_all(), say_kind,
	                             leat_ctx_none()));
	world_run(&w);
	leat_loop_free(w.loop);
	tape_expect("1 ~c cancelled");
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

/* ---- sweeps ---- */

static leat_io *slow_attempt(void *ctx, leat_result *result)
{
	return leat_io_then(leat_sleep(leat_result_loop(result), 5), attempt, leat_ctx_borrow(ctx));
}

static leat_io *start_program(struct world *w)
{
	static const leat_retry_options options = { .size = sizeof options, .tries = 3, .first_ms = 10, .deadline_ms = 1000 };

	tries = 0;
	succeeds_at = 3;
	kind = LEAT_RESET;
	return leat_io_then(leat_retry(w->loop, &options, slow_attempt, thing_owned("c")), say, thing_owned("d"));
}

static bool play(struct world *w, size_t n)
{
	if (n >= 6)
		return false;
	w->now_ns += 20 * 1000000;
	return true;
}

START_TEST(cancelled_at_any_point_nothing_is_left)
{
	sweep(&(struct sweep_program){ "leat_retry", start_program, play, NULL });
}
END_TEST

static void three_tries(struct world *w)
{
	leat_io *io = start_program(w);

	world_run(w);
	for (int i = 0; i < 6; i++)
		world_pass(w, 20);
	settled(io);
}

START_TEST(any_allocation_may_fail)
{
	starve(three_tries);
}
END_TEST

SUITE("retry",
	a_success_is_its_success,
	each_wait_is_twice_as_long_up_to_the_longest,
	EACH(a_wait_may_be_for_ever, 2),
	by_default_there_are_five_tries,
	EACH(a_wait_is_between_half_of_it_and_all, 2),
	those_who_failed_together_do_not_come_back_together,
	EACH(what_another_try_would_not_mend_is_not_tried_again, 8),
	the_caller_may_say_what_is_worth_another_try,
	a_deadline_during_the_wait_is_not_waited_for,
	a_deadline_during_a_try_cancels_it,
	a_time_limit_of_each_try_is_the_trys,
	an_older_struct_is_understood,
	a_moved_context_is_the_first_trys,
	EACH(a_try_may_cancel_it, 2),
	who_is_asked_for_another_try_may_cancel_it,
	who_is_asked_for_a_number_may_cancel_it,
	a_hundred_thousand_tries_take_no_more_memory_than_ten,
	when_the_loop_ends_so_does_it,
	cancelled_at_any_point_nothing_is_left,
	any_allocation_may_fail)

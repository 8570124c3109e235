/* SPDX-License-Identifier: ISC */
/* loop - the base, the queue, the budget, and the end of it all */
#include <stddef.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/util.h>

#include "support/dies.h"
#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

/* ---- the base ---- */

START_TEST(dispatch_runs_what_is_ready_and_returns_when_nothing_is_pending)
{
	struct world w;

	world_open(&w);
	tape_clear();
	expect_int(event_base_dispatch(w.base), 1);
	leat_io_detach(leat_io_then(leat_io_done(w.loop), say, word("ran")));
	ck_assert_int_ge(event_base_dispatch(w.base), 0);
	tape_expect("ran");
	world_close(&w);
}
END_TEST

START_TEST(a_pending_io_alone_does_not_hold_dispatch)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	io = pending(w.loop, &maker);
	expect_int(event_base_dispatch(w.base), 1);
	leat_io_cancel(io);
	world_close(&w);
}
END_TEST

START_TEST(dispatch_waits_for_a_deadline)
{
	leat_loop *loop;
	struct event_base *base = event_base_new();

	loop = leat_loop_new(base, NULL);
	tape_clear();
	leat_io_detach(leat_io_then(leat_sleep(loop, 2), say, word("slept")));
	event_base_dispatch(base);
	tape_expect("slept");
	leat_loop_free(loop);
	event_base_free(base);
}
END_TEST

START_TEST(a_base_of_its_own_is_freed_with_it)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);

	expect_some(loop);
	expect_some(leat_loop_base(loop));
	leat_loop_free(loop);
	leat_loop_free(NULL);
}
END_TEST

/* How many descriptors may be opened yet; gives what the limit was. */
static struct rlimit allow_descriptors(unsigned count)
{
	struct rlimit before, now;
	int next = dup(STDERR_FILENO);

	close(next);
	expect_int(getrlimit(RLIMIT_NOFILE, &before), 0);
	now = (struct rlimit){ .rlim_cur = (rlim_t)next + count, .rlim_max = before.rlim_max };
	expect_int(setrlimit(RLIMIT_NOFILE, &now), 0);
	return before;
}

START_TEST(without_descriptors_for_a_base_of_its_own_there_is_none)
{
	for (unsigned count = 0; count < 8; count++) {
		struct rlimit before = allow_descriptors(count);
		leat_loop *loop = leat_loop_new(NULL, NULL);

		setrlimit(RLIMIT_NOFILE, &before);
		expect_true(count > 0 || !loop);
		leat_loop_free(loop);
	}
}
END_TEST

START_TEST(it_knows_its_base)
{
	struct world w;

	world_open(&w);
	expect_ptr(leat_loop_base(w.loop), w.base);
	world_close(&w);
}
END_TEST

START_TEST(without_memory_there_is_none)
{
	struct world w;
	size_t n = 1;

	while (!world_try(&w, n, 0)) {
		expect_size(w.oom.live, 0);
		n++;
	}
	ck_assert_uint_gt(n, 1);
	world_close(&w);
}
END_TEST

START_TEST(options_shorter_than_ours_leave_the_rest_at_its_default)
{
	struct world w;
	leat_loop *loop;

	world_open(&w);
	loop = leat_loop_new(NULL, &(leat_loop_options){ .size = offsetof(leat_loop_options, clock_ns),
		.clock_ns = world_clock, .ctx = NULL });
	ck_assert_int_gt(leat_loop_now_ns(loop), 0);
	leat_loop_free(loop);
	loop = leat_loop_new(NULL, &(leat_loop_options){ .size = sizeof(size_t) });
	expect_true(leat_await(leat_sleep(loop, 0), NULL));
	leat_loop_free(loop);
	world_close(&w);
}
END_TEST

/* Each struct that a caller fills begins with its size: where that is forgotten nothing of it
 * would be heeded. */
static void forget_the_size_of_the_options(void)
{
	leat_loop_free(leat_loop_new(NULL, &(leat_loop_options){ .budget = 7 }));
}

static void *no_memory(void *ctx, size_t bytes)
{
	return NULL;
}

static void let_be(void *ctx, void *memory)
{
}

static void forget_the_size_of_the_memory(void)
{
	leat_memory memory = { .alloc = no_memory, .release = let_be };

	leat_loop_free(leat_loop_new(NULL, &(leat_loop_options){ .size = sizeof(leat_loop_options), .memory = &memory }));
}

START_TEST(options_without_their_size_abort)
{
	dies_saying(forget_the_size_of_the_options, SIGABRT, (const char *const[]){ "leat_loop_options", "size", NULL });
	dies_saying(forget_the_size_of_the_memory, SIGABRT, (const char *const[]){ "leat_memory", "size", NULL });
}
END_TEST

/* ---- the queue ---- */

START_TEST(running_what_is_ready_counts_and_ends)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	tape_clear();
	expect_size(leat_loop_run_ready(w.loop), 0);
	io = leat_io_then(leat_io_done(w.loop), say, word("a"));
	io = leat_io_then(io, say, word("b"));
	ck_assert_uint_ge(leat_loop_run_ready(w.loop), 2);
	tape_expect("a b");
	expect_size(leat_loop_run_ready(w.loop), 0);
	leat_io_cancel(io);
	world_close(&w);
}
END_TEST

START_TEST(at_most_a_budget_runs_at_once)
{
	struct world w;
	leat_io *ios[5];

	expect_true(world_try(&w, 0, 2));
	tape_clear();
	for (int i = 0; i < 5; i++)
		ios[i] = leat_io_then(leat_io_done(w.loop), say, word("x"));
	expect_size(leat_loop_run_ready(w.loop), 2);
	tape_expect("x x");
	expect_size(leat_loop_run_ready(w.loop), 2);
	tape_expect("x x");
	expect_size(leat_loop_run_ready(w.loop), 1);
	tape_expect("x");
	for (int i = 0; i < 5; i++)
		leat_io_cancel(ios[i]);
	world_close(&w);
}
END_TEST

static leat_io *run_inside(void *ctx, leat_result *result)
{
	(void)ctx;
	expect_size(leat_loop_run_ready(leat_result_loop(result)), 0);
	return NULL;
}

START_TEST(running_inside_a_callback_does_nothing)
{
	struct world w;
	leat_io *a, *b;

	world_open(&w);
	tape_clear();
	a = leat_io_then(leat_io_done(w.loop), run_inside, leat_ctx_none());
	b = leat_io_then(leat_io_done(w.loop), say, word("b"));
	world_run(&w);
	tape_expect("b");
	expect_ok(settled(a));
	expect_ok(settled(b));
	world_close(&w);
}
END_TEST

static leat_io *spinning;

static leat_io *spin(void *ctx, leat_result *result)
{
	(void)ctx;
	return leat_io_int(leat_result_loop(result), 1);
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
	tape_add("io");
	leat_io_cancel(spinning);
}

START_TEST(io_gets_its_turn_while_a_repeat_spins)
{
	struct world w;
	struct event *event;
	int ends[2];

	world_open(&w);
	tape_clear();
	expect_int(pipe(ends), 0);
	expect_int(write(ends[1], "x", 1), 1);
	event = event_new(w.base, ends[0], EV_READ, on_readable, NULL);
	event_add(event, NULL);
	spinning = leat_io_repeat(w.loop, spin, leat_ctx_none());
	event_base_dispatch(w.base);
	tape_expect("io");
	event_free(event);
	close(ends[0]);
	close(ends[1]);
	world_close(&w);
}
END_TEST

START_TEST(time_gets_its_turn_while_a_repeat_spins)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	leat_io *io = leat_io_timeout(leat_io_repeat(loop, spin, leat_ctx_none()), 2);
	leat_result result;

	expect_false(leat_await(io, &result));
	expect_kind(leat_result_error(&result), LEAT_TIMEOUT);
	leat_result_clear(&result);
	leat_loop_free(loop);
}
END_TEST

/* ---- what it tells ---- */

struct seen {
	char words[512];
};

static void see(void *ctx, const char *where, const char *kind, bool is_settled)
{
	struct seen *seen = ctx;
	size_t used = strlen(seen->words);

	snprintf(seen->words + used, sizeof seen->words - used, "[%s %s %d]", where, kind, is_settled);
}

START_TEST(it_shows_each_live_io)
{
	struct world w;
	leat_maker maker;
	struct seen seen = { { 0 } };
	leat_io *io;

	world_open(&w);
	io = leat_io_new_at(w.loop, &maker, NULL, NULL, "the leaf");
	io = leat_io_then_at(io, never, leat_ctx_none(), "the then");
	leat_loop_each_io(w.loop, see, &seen);
	ck_assert_ptr_nonnull(strstr(seen.words, "[the leaf"));
	ck_assert_ptr_nonnull(strstr(seen.words, "[the then then 0]"));
	leat_io_cancel(io);
	seen.words[0] = '\0';
	leat_loop_each_io(w.loop, see, &seen);
	expect_str(seen.words, "");
	io = leat_io_int_at(w.loop, 7, "the number");
	leat_loop_each_io(w.loop, see, &seen);
	ck_assert_ptr_nonnull(strstr(seen.words, "[the number"));
	ck_assert_ptr_nonnull(strstr(seen.words, " 1]"));
	leat_io_cancel(io);
	world_close(&w);
}
END_TEST

START_TEST(it_shows_what_has_settled_of_every_kind)
{
	struct world w;
	struct seen seen = { { 0 } };
	leat_io *ios[2], *fork[2];

	world_open(&w);
	ios[0] = leat_io_int(w.loop, 7);
	ios[1] = leat_sleep(w.loop, 0);
	ios[0] = leat_io_all(w.loop, ios, 2);
	ios[1] = leat_io_timeout(leat_io_int(w.loop, 7), 10);
	fork[0] = leat_io_fork(leat_io_int(w.loop, 7), &fork[1]);
	world_run(&w);
	leat_loop_each_io(w.loop, see, &seen);
	ck_assert_ptr_nonnull(strstr(seen.words, "test/io/loop.c"));
	for (int i = 0; i < 2; i++) {
		leat_io_cancel(ios[i]);
		leat_io_cancel(fork[i]);
	}
	ios[0] = leat_io_timeout(leat_io_int(w.loop, 7), 10);
	world_run(&w);
	world_end(&w);
	ck_assert_ptr_nonnull(strstr(w.report, "test/io/loop.c"));
}
END_TEST

START_TEST(it_counts)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	expect_size(world_stats(&w).ios_live, 0);
	expect_size(world_stats(&w).ios_made, 0);
	io = leat_io_then(pending(w.loop, &maker), never, leat_ctx_none());
	expect_size(world_stats(&w).ios_live, 2);
	expect_size(world_stats(&w).ios_made, 2);
	ck_assert_uint_gt(world_stats(&w).memory_bytes, 0);
	leat_io_cancel(io);
	expect_size(world_stats(&w).ios_live, 0);
	expect_size(world_stats(&w).turns, 0);
	world_close(&w);
}
END_TEST

START_TEST(statistics_shorter_than_ours_are_filled_as_far_as_they_go)
{
	struct world w;
	leat_loop_stats stats;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	io = pending(w.loop, &maker);
	memset(&stats, 0x55, sizeof stats);
	stats.size = offsetof(leat_loop_stats, unhandled);
	leat_loop_stats_get(w.loop, &stats);
	expect_size(stats.ios_made, 1);
	expect_true(stats.ios_live == (size_t)UINT64_C(0x5555555555555555));
	leat_io_cancel(io);
	world_close(&w);
}
END_TEST

/* ---- its end ---- */

START_TEST(what_is_pending_fails_with_cancelled)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_then(pending(w.loop, &maker), never, thing_owned("a"));
	io = leat_io_catch(io, leat_match_all(), say_kind, thing_owned("b"));
	leat_io_detach(leat_io_finally(io, say_done, word("end")));
	world_end(&w);
	tape_expect("~a cancelled ~b end");
	expect_size(w.unhandled, 0);
}
END_TEST

START_TEST(an_io_still_held_is_reported_with_its_place_and_gone)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_new_at(w.loop, &maker, NULL, NULL, "the held io");
	(void)io;
	world_end(&w);
	expect_size(w.reports, 1);
	ck_assert_ptr_nonnull(strstr(w.report, "the held io"));
}
END_TEST

START_TEST(a_value_still_held_is_destroyed)
{
	struct world w;
	leat_io *io;
	leat_maker maker;

	world_open(&w);
	tape_clear();
	io = leat_io_ptr(w.loop, thing("v"), &thing_type);
	(void)io;
	io = pending(w.loop, &maker);
	lender_resolve(maker, thing("u"));
	world_end(&w);
	ck_assert_ptr_nonnull(strstr(tape_text, "~v"));
	ck_assert_ptr_nonnull(strstr(tape_text, "<u"));
	expect_no_things();
}
END_TEST

static leat_io *start_in_the_end(void *ctx, leat_result *result)
{
	leat_loop *loop = leat_result_loop(result);
	leat_maker maker;
	leat_io *io;
	void *state = &maker;

	(void)ctx;
	expect_kind(leat_result_error(result), LEAT_CANCELLED);
	io = leat_io_new(loop, &maker, NULL, &state);
	expect_settled(io, LEAT_CLOSED);
	expect_null(state);
	expect_false(leat_maker_live(maker));
	leat_resolve_ptr(maker, thing("late"), &thing_type);
	expect_settled(leat_sleep(loop, 0), LEAT_CLOSED);
	expect_settled(leat_sleep(loop, 10), LEAT_CLOSED);
	tape_add("tried");
	return NULL;
}

START_TEST(in_the_end_nothing_starts_any_more)
{
	struct world w;
	leat_maker maker;

	world_open(&w);
	tape_clear();
	leat_io_detach(leat_io_catch(pending(w.loop, &maker), leat_match_all(), start_in_the_end, leat_ctx_none()));
	world_end(&w);
	tape_expect("~late tried");
}
END_TEST

static leat_io *held;

static void cancel_held(void *memory)
{
	(void)memory;
	leat_io_cancel(held);
	held = NULL;
	tape_add("cancelled");
}

static const leat_leaf touchy_leaf = { .size = sizeof touchy_leaf, .name = "touchy", .state_bytes = 100,
	.cancel = cancel_held };

START_TEST(in_the_end_a_leafs_cancel_may_cancel_its_chain)
{
	struct world w;
	leat_maker maker;

	world_open(&w);
	tape_clear();
	held = leat_io_new(w.loop, &maker, &touchy_leaf, NULL);
	held = leat_io_finally(held, never, thing_owned("c"));
	world_close(&w);
	tape_expect("~c cancelled");
}
END_TEST

static leat_io *free_loop(void *ctx, leat_result *result)
{
	leat_loop *loop = leat_result_loop(result);

	(void)ctx;
	leat_loop_free(loop);
	tape_add("freed");
	leat_io_cancel(leat_io_done(loop));
	return NULL;
}

START_TEST(inside_a_callback_its_end_waits_for_the_end_of_the_drain)
{
	struct world w;

	world_open(&w);
	tape_clear();
	leat_io_detach(leat_io_then(leat_io_done(w.loop), free_loop, thing_owned("a")));
	leat_io_detach(leat_io_then(leat_io_done(w.loop), say, thing_owned("b")));
	event_base_dispatch(w.base);
	ck_assert_ptr_nonnull(strstr(tape_text, "freed ~a"));
	ck_assert_ptr_nonnull(strstr(tape_text, "~b"));
	expect_no_things();
	expect_size(w.oom.live, 0);
	expect_int(event_base_get_num_events(w.base, EVENT_BASE_COUNT_ADDED | EVENT_BASE_COUNT_ACTIVE), 0);
	event_base_free(w.base);
}
END_TEST

START_TEST(inside_running_what_is_ready_too)
{
	struct world w;

	world_open(&w);
	tape_clear();
	leat_io_detach(leat_io_then(leat_io_done(w.loop), free_loop, thing_owned("a")));
	leat_loop_run_ready(w.loop);
	tape_expect("freed ~a");
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

static void free_in_event(evutil_socket_t fd, short what, void *loop)
{
	(void)fd;
	(void)what;
	leat_loop_free(loop);
}

START_TEST(inside_the_users_event_it_ends_at_once)
{
	struct world w;
	leat_maker maker;

	world_open(&w);
	tape_clear();
	leat_io_detach(leat_io_then(pending(w.loop, &maker), never, thing_owned("a")));
	event_base_once(w.base, -1, EV_TIMEOUT, free_in_event, w.loop, &(struct timeval){ 0, 0 });
	event_base_dispatch(w.base);
	tape_expect("~a");
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

static void be_quiet(int severity, const char *message)
{
	(void)severity;
	(void)message;
}

START_TEST(freed_while_its_own_base_is_dispatched_the_base_is_left_to_the_caller)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	struct event_base *base = leat_loop_base(loop);

	event_set_log_callback(be_quiet);
	if (_i)
		leat_io_detach(leat_io_then(leat_io_done(loop), free_loop, leat_ctx_none()));
	else
		event_base_once(base, -1, EV_TIMEOUT, free_in_event, loop, &(struct timeval){ 0, 0 });
	event_base_dispatch(base);
	event_set_log_callback(NULL);
	event_base_free(base);
	tape_clear();
}
END_TEST

static leat_io *free_while_awaited(void *ctx, leat_result *result)
{
	(void)result;
	leat_loop_free(ctx);
	return NULL;
}

START_TEST(freed_while_awaited_the_await_fails_with_cancelled)
{
	struct world w;
	leat_maker maker;
	leat_result result;

	world_open(&w);
	leat_io_detach(leat_io_then(leat_io_done(w.loop), free_while_awaited, leat_ctx_borrow(w.loop)));
	expect_false(leat_await(pending(w.loop, &maker), &result));
	expect_kind(leat_result_error(&result), LEAT_CANCELLED);
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

START_TEST(a_sleeper_ends_with_the_loop)
{
	struct world w;

	world_open(&w);
	tape_clear();
	leat_io_detach(leat_io_catch(leat_sleep(w.loop, 1000), leat_match_all(), say_kind, thing_owned("a")));
	world_end(&w);
	tape_expect("cancelled ~a");
}
END_TEST

SUITE("loop",
	dispatch_runs_what_is_ready_and_returns_when_nothing_is_pending,
	a_pending_io_alone_does_not_hold_dispatch,
	dispatch_waits_for_a_deadline,
	a_base_of_its_own_is_freed_with_it,
	without_descriptors_for_a_base_of_its_own_there_is_none,
	it_knows_its_base,
	without_memory_there_is_none,
	options_shorter_than_ours_leave_the_rest_at_its_default,
	options_without_their_size_abort,
	running_what_is_ready_counts_and_ends,
	at_most_a_budget_runs_at_once,
	running_inside_a_callback_does_nothing,
	io_gets_its_turn_while_a_repeat_spins,
	time_gets_its_turn_while_a_repeat_spins,
	it_shows_each_live_io,
	it_shows_what_has_settled_of_every_kind,
	it_counts,
	statistics_shorter_than_ours_are_filled_as_far_as_they_go,
	what_is_pending_fails_with_cancelled,
	an_io_still_held_is_reported_with_its_place_and_gone,
	a_value_still_held_is_destroyed,
	in_the_end_nothing_starts_any_more,
	in_the_end_a_leafs_cancel_may_cancel_its_chain,
	inside_a_callback_its_end_waits_for_the_end_of_the_drain,
	inside_running_what_is_ready_too,
	inside_the_users_event_it_ends_at_once,
	EACH(freed_while_its_own_base_is_dispatched_the_base_is_left_to_the_caller, 2),
	freed_while_awaited_the_await_fails_with_cancelled,
	a_sleeper_ends_with_the_loop)

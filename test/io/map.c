/* SPDX-License-Identifier: ISC */
/* map - ios made on the fly, so many at a time */
#include <leat/fiber.h>
#include <leat/map.h>

#include "support/small.h"
#include "support/starve.h"
#include "support/suite.h"
#include "support/sweep.h"

enum { MOST = 8 };

/* What `make` gives: pending ios in the test's hand, and then no more. */
static leat_maker makers[MOST];
static size_t count;
static leat_io *root;

static void one_cancelled(void *state)
{
	tape_addf("x%d", *(int *)state);
	thing_moment();
}

static const leat_leaf one_leaf = { .size = sizeof one_leaf, .name = "one", .state_bytes = sizeof(int),
	.cancel = one_cancelled };

static leat_io *make(void *ctx, leat_loop *loop, size_t n)
{
	void *state;
	leat_io *io;

	(void)ctx;
	thing_moment();
	if (n == count) {
		tape_add("-");
		return NULL;
	}
	expect_true(n < count);
	tape_addf("+%zu", n);
	io = leat_io_new(loop, &makers[n], &one_leaf, &state);
	if (state)
		*(int *)state = (int)n;
	return io;
}

static void begin(struct world *w, size_t n)
{
	tape_clear();
	count = n;
	memset(makers, 0, sizeof makers);
	world_open(w);
}

static void finish(struct world *w)
{
	world_run(w);
	expect_size(world_stats(w).ios_live, 0);
	world_close(w);
	expect_no_things();
	tape_expect("");
}

static void resolve(struct world *w, size_t n)
{
	char name[8];

	snprintf(name, sizeof name, "%zu", n);
	leat_resolve_ptr(makers[n], thing(name), &thing_type);
	world_run(w);
}

static void reject(struct world *w, size_t n)
{
	leat_reject(makers[n], leat_error_core(LEAT_RESET));
	world_run(w);
}

typedef leat_io *(*map_call)(leat_loop *, size_t, leat_map_fn, leat_ctx, const char *);
static const map_call calls[] = { leat_map_all_at, leat_map_settle_at, leat_map_any_at, leat_map_each_at };
enum { CALLS = 4 };

/* ---- what they have in common ---- */

START_TEST(no_more_than_the_limit_are_under_way)
{
	struct world w;
	leat_io *io;

	begin(&w, 5);
	io = calls[_i](w.loop, 2, make, thing_owned("c"), LEAT_HERE);
	tape_expect("");
	world_run(&w);
	tape_expect("+0 +1");
	reject(&w, 1);
	if (calls[_i] == leat_map_all_at || calls[_i] == leat_map_each_at) {
		tape_expect("x0 ~c");
		expect_settled(io, LEAT_RESET);
	} else {
		tape_expect("+2");
		reject(&w, 0);
		tape_expect("+3");
		leat_io_cancel(io);
		ck_assert_ptr_nonnull(strstr(tape_text, "x2"));
		ck_assert_ptr_nonnull(strstr(tape_text, "x3"));
		expect_str(strstr(tape_text, "~c"), "~c");
		tape_clear();
	}
	finish(&w);
}
END_TEST

START_TEST(without_a_limit_all_are)
{
	struct world w;
	leat_io *io;

	begin(&w, 5);
	io = calls[_i](w.loop, 0, make, leat_ctx_none(), LEAT_HERE);
	world_run(&w);
	tape_expect("+0 +1 +2 +3 +4 -");
	leat_io_cancel(io);
	tape_clear();
	finish(&w);
}
END_TEST

START_TEST(it_is_not_asked_again_after_the_last)
{
	struct world w;
	leat_io *io;

	begin(&w, 2);
	io = leat_map_settle(w.loop, 4, make, leat_ctx_none());
	world_run(&w);
	tape_expect("+0 +1 -");
	reject(&w, 0);
	reject(&w, 1);
	tape_expect("");
	expect_ok(settled(io));
	finish(&w);
}
END_TEST

START_TEST(cancelled_before_it_began_nothing_is_made)
{
	struct world w;

	begin(&w, 2);
	leat_io_cancel(calls[_i](w.loop, 1, make, _i % 2 ? thing_owned("c") : thing_moved("c"), LEAT_HERE));
	tape_expect("~c");
	finish(&w);
}
END_TEST

static leat_io *cancel_and_make(void *ctx, leat_loop *loop, size_t n)
{
	if (n == 1) {
		leat_io_cancel(root);
		root = NULL;
	}
	return make(ctx, loop, n);
}

START_TEST(it_may_be_cancelled_while_one_is_made)
{
	struct world w;

	begin(&w, 4);
	root = leat_io_then(calls[_i](w.loop, 4, cancel_and_make, thing_owned("c"), LEAT_HERE), never, thing_owned("d"));
	world_run(&w);
	expect_null(root);
	tape_expect("+0 x0 ~d +1 x1 ~c");
	finish(&w);
}
END_TEST

static void cancel_root(void *data)
{
	leat_io_cancel(root);
	root = NULL;
	thing_destroy(data);
}

START_TEST(it_may_be_cancelled_by_its_contexts_end)
{
	struct world w;
	leat_ctx ctx = leat_ctx_own(thing("c"), cancel_root);

	begin(&w, 2);
	root = calls[_i](w.loop, 2, make, ctx, LEAT_HERE);
	world_run(&w);
	leat_resolve_ptr(makers[0], thing("v"), &thing_type);
	leat_resolve_ptr(makers[1], thing("v"), &thing_type);
	world_run(&w);
	expect_null(root);
	tape_clear();
	finish(&w);
}
END_TEST

static void cancel_delivered(void *ctx, void *value)
{
	(void)ctx;
	(void)value;
	leat_io_cancel(root);
	root = NULL;
}

static void not_given_back(void *ctx, void *value)
{
	(void)ctx;
	(void)value;
	ck_abort_msg("it was delivered");
}

static const leat_giver cancelling = { .size = sizeof cancelling, .give_back = not_given_back,
	.delivered = cancel_delivered };

START_TEST(it_may_be_cancelled_by_the_giver_who_is_told)
{
	struct world w;

	begin(&w, 2);
	root = leat_map_each(w.loop, 2, make, thing_owned("c"));
	world_run(&w);
	leat_resolve_lent(makers[0], thing("v"), &thing_type, &cancelling, NULL);
	world_run(&w);
	expect_null(root);
	tape_expect("+0 +1 x1 ~v ~c");
	finish(&w);
}
END_TEST

static void cancel_and_destroy(void *value)
{
	leat_io_cancel(root);
	root = NULL;
	thing_destroy(value);
}

static const leat_type cancelling_type = { .size = sizeof cancelling_type, .name = "one that cancels",
	.destroy = cancel_and_destroy };

START_TEST(it_may_be_cancelled_by_a_value_that_goes)
{
	struct world w;

	begin(&w, 3);
	root = leat_map_each(w.loop, 2, make, thing_owned("c"));
	world_run(&w);
	leat_resolve_ptr(makers[0], thing("v"), &cancelling_type);
	world_run(&w);
	expect_null(root);
	tape_expect("+0 +1 x1 ~v ~c");
	finish(&w);
}
END_TEST

static leat_io *at_once(void *ctx, leat_loop *loop, size_t n)
{
	(void)ctx;
	return n < count ? leat_io_int(loop, (int64_t)n) : NULL;
}

START_TEST(what_has_settled_already_is_as_good)
{
	struct world w;
	leat_io *io;

	begin(&w, 5);
	io = calls[_i](w.loop, 2, at_once, leat_ctx_none(), LEAT_HERE);
	world_run(&w);
	expect_ok(settled(io));
	finish(&w);
}
END_TEST

static leat_io *endless(void *ctx, leat_loop *loop, size_t n)
{
	(void)ctx;
	(void)n;
	return leat_io_fail(loop, leat_error_core(LEAT_RESET));
}

START_TEST(an_endless_one_ends_with_the_loop)
{
	struct world w;

	begin(&w, 0);
	leat_io_detach(leat_io_catch(leat_map_any(w.loop, 3, endless, thing_owned("c")), leat_match_all(), say_kind,
	                             leat_ctx_none()));
	leat_loop_run_ready(w.loop);
	tape_expect("");
	leat_loop_free(w.loop);
	tape_expect("~c reset");
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

START_TEST(when_the_loop_ends_so_does_it)
{
	struct world w;

	begin(&w, 5);
	leat_io_detach(leat_io_catch(calls[_i](w.loop, 2, make, thing_owned("c"), LEAT_HERE), leat_match_all(), say_kind,
	                             leat_ctx_none()));
	world_run(&w);
	leat_loop_free(w.loop);
	ck_assert_ptr_nonnull(strstr(tape_text, "~c"));
	expect_size(w.oom.live, 0);
	expect_no_things();
	event_base_free(w.base);
}
END_TEST

/* ---- each by itself ---- */

START_TEST(all_gives_the_values_in_order)
{
	struct world w;
	leat_result result;
	leat_io *io;

	begin(&w, 3);
	io = leat_map_all(w.loop, 3, make, thing_owned("c"));
	world_run(&w);
	resolve(&w, 2);
	resolve(&w, 0);
	resolve(&w, 1);
	tape_expect("+0 +1 +2 - ~c");
	expect_true(leat_io_try(io, &result));
	expect_size(leat_result_count(&result), 3);
	for (size_t i = 0; i < 3; i++)
		expect_int(((char *)leat_result_peek(leat_result_each(&result, i)))[0], '0' + (char)i);
	leat_result_clear(&result);
	tape_expect("~0 ~1 ~2");
	finish(&w);
}
END_TEST

START_TEST(alls_first_failure_fails_it_and_no_more_are_made)
{
	struct world w;
	leat_io *io;

	begin(&w, 5);
	io = leat_map_all(w.loop, 3, make, thing_owned("c"));
	world_run(&w);
	resolve(&w, 0);
	tape_expect("+0 +1 +2 +3");
	reject(&w, 2);
	expect_str(strstr(tape_text, "~c"), "~c");
	ck_assert_ptr_nonnull(strstr(tape_text, "~0"));
	ck_assert_ptr_nonnull(strstr(tape_text, "x1"));
	ck_assert_ptr_nonnull(strstr(tape_text, "x3"));
	tape_clear();
	expect_settled(io, LEAT_RESET);
	finish(&w);
}
END_TEST

START_TEST(settle_gives_every_outcome_in_order)
{
	struct world w;
	leat_result result;
	leat_io *io;

	begin(&w, 3);
	io = leat_map_settle(w.loop, 2, make, leat_ctx_none());
	world_run(&w);
	resolve(&w, 1);
	reject(&w, 2);
	resolve(&w, 0);
	tape_expect("+0 +1 +2 -");
	expect_true(leat_io_try(io, &result));
	expect_size(leat_result_count(&result), 3);
	expect_str((char *)leat_result_peek(leat_result_each(&result, 0)), "0");
	expect_str((char *)leat_result_peek(leat_result_each(&result, 1)), "1");
	expect_kind(leat_result_error(leat_result_each(&result, 2)), LEAT_RESET);
	leat_result_clear(&result);
	tape_clear();
	finish(&w);
}
END_TEST

START_TEST(more_than_fit_at_first)
{
	struct world w;
	leat_result result;
	leat_io *io;

	begin(&w, 1000);
	io = leat_map_all(w.loop, (size_t)(_i ? 0 : 7), at_once, leat_ctx_none());
	world_run(&w);
	expect_true(leat_io_try(io, &result));
	expect_size(leat_result_count(&result), 1000);
	for (size_t i = 0; i < 1000; i++)
		expect_int(leat_result_int(leat_result_each(&result, i)), (int64_t)i);
	leat_result_clear(&result);
	finish(&w);
}
END_TEST

START_TEST(any_gives_the_first_success)
{
	struct world w;
	leat_result result;
	leat_io *io;

	begin(&w, 5);
	io = leat_map_any(w.loop, 2, make, thing_owned("c"));
	world_run(&w);
	reject(&w, 0);
	tape_expect("+0 +1 +2");
	resolve(&w, 2);
	tape_expect("x1 ~c");
	expect_true(leat_io_try(io, &result));
	expect_str((char *)leat_result_peek(&result), "2");
	leat_result_clear(&result);
	tape_expect("~2");
	finish(&w);
}
END_TEST

START_TEST(any_fails_with_the_last_failure)
{
	struct world w;
	leat_io *io;

	begin(&w, 2);
	io = leat_map_any(w.loop, 2, make, leat_ctx_none());
	world_run(&w);
	leat_reject(makers[1], leat_error_core(LEAT_REFUSED));
	world_run(&w);
	expect_true(is_pending(io));
	reject(&w, 0);
	tape_expect("+0 +1 -");
	expect_settled(io, LEAT_RESET);
	finish(&w);
}
END_TEST

START_TEST(each_drops_what_comes_and_counts)
{
	struct world w;
	leat_io *io;

	begin(&w, 3);
	io = leat_map_each(w.loop, 2, make, thing_owned("c"));
	world_run(&w);
	resolve(&w, 1);
	tape_expect("+0 +1 ~1 +2");
	resolve(&w, 0);
	tape_expect("~0 -");
	resolve(&w, 2);
	tape_expect("~2 ~c");
	expect_int(settled_int(io), 3);
	finish(&w);
}
END_TEST

START_TEST(of_none)
{
	static const leat_kind kinds[] = { LEAT_NONE, LEAT_NONE, LEAT_INVALID, LEAT_NONE };
	struct world w;
	leat_io *io;

	begin(&w, 0);
	io = calls[_i](w.loop, 2, make, thing_owned("c"), LEAT_HERE);
	world_run(&w);
	tape_expect("- ~c");
	expect_settled(io, kinds[_i]);
	finish(&w);
}
END_TEST

/* A million at once, in the memory of ten: on a stack of 256 KiB. */
static const char *million(void)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	leat_loop_stats before = { .size = sizeof before }, after = before;
	leat_io *io;
	int64_t made;

	count = many(1000000);
	leat_loop_stats_get(loop, &before);
	io = leat_map_each(loop, 10, at_once, leat_ctx_none());
	made = leat_await_int(io, NULL);
	leat_loop_stats_get(loop, &after);
	leat_loop_free(loop);
	if (made != (int64_t)count)
		return "it did not make them all";
	return after.memory_bytes > before.memory_bytes + 100000 ? "memory grew" : NULL;
}

START_TEST(a_million_in_the_memory_of_ten)
{
	on_a_small_stack(million);
}
END_TEST

START_TEST(a_value_on_its_way_goes_back_when_it_is_cancelled)
{
	struct world w;
	leat_io *io;

	begin(&w, 2);
	io = calls[_i](w.loop, 2, make, thing_owned("c"), LEAT_HERE);
	world_run(&w);
	tape_clear();
	lender_resolve(makers[0], thing("v"));
	leat_io_cancel(io);
	ck_assert_ptr_nonnull(strstr(tape_text, "<v"));
	expect_str(strstr(tape_text, "~c"), "~c");
	tape_clear();
	finish(&w);
}
END_TEST

/* ---- fibers: cancelled, they unwind from the queue, and still use the context ---- */

static leat_io *parked(void *word, leat_loop *loop)
{
	bool ok = leat_await(leat_sleep(loop, -1), NULL);

	tape_addf("%s%s", (char *)word, ok ? "?" : "");
	return NULL;
}

/* Two fibers, then one in the test's hand, then one that cancels it all. */
static leat_io *make_fibers(void *word, leat_loop *loop, size_t n)
{
	if (n < 2)
		return leat_fiber(loop, parked, leat_ctx_borrow(word));
	if (n == 2)
		return pending(loop, &makers[0]);
	leat_io_cancel(root);
	root = NULL;
	return NULL;
}

static void begin_fibers(struct world *w, map_call call, uint32_t budget)
{
	tape_clear();
	memset(makers, 0, sizeof makers);
	expect_true(world_try(w, 0, budget));
	root = call(w->loop, 3, make_fibers, thing_owned("c"), LEAT_HERE);
	root = leat_io_attach(root, thing_owned("d"));
	world_run(w);
}

START_TEST(cancelled_it_destroys_its_context_behind_its_fibers)
{
	struct world w;

	begin_fibers(&w, calls[_i], 0);
	leat_io_cancel(root);
	tape_expect("");
	world_run(&w);
	tape_expect("c c ~c ~d");
	finish(&w);
}
END_TEST

START_TEST(once_it_is_over_its_context_goes_behind_the_fibers_that_lost)
{
	struct world w;

	begin_fibers(&w, leat_map_any_at, 0);
	lender_resolve(makers[0], thing("v"));
	world_run(&w);
	tape_expect("c c ~c ~d");
	leat_io_cancel(root);
	tape_expect("<v");
	finish(&w);
}
END_TEST

START_TEST(it_may_be_cancelled_while_its_fibers_unwind)
{
	struct world w;
	const char *back;

	for (int turns = 0; turns < 12; turns++) {
		begin_fibers(&w, leat_map_any_at, 1);
		lender_resolve(makers[0], thing("v"));
		for (int i = 0; i < turns; i++) /* of one continuation each */
			leat_loop_run_ready(w.loop);
		leat_io_cancel(root);
		back = strstr(tape_text, "<v");
		world_run(&w);
		ck_assert_msg(back != NULL, "after %d turns: %s", turns, tape_text);
		ck_assert_msg(!strstr(strstr(tape_text, "~c"), " c"), "after %d turns: %s", turns, tape_text);
		tape_clear();
		finish(&w);
	}
}
END_TEST

START_TEST(cancelled_while_one_is_made_its_context_goes_behind_its_fibers)
{
	struct world w;

	begin_fibers(&w, leat_map_settle_at, 0);
	leat_resolve(makers[0]);
	world_run(&w);
	expect_null(root);
	ck_assert_msg(!strstr(strstr(tape_text, "~c"), " c"), "%s", tape_text);
	ck_assert_msg(strncmp(tape_text, "c c ", 4) == 0, "%s", tape_text);
	tape_clear();
	finish(&w);
}
END_TEST

/* ---- sweeps ---- */

static leat_io *start(struct world *w, map_call call)
{
	count = 5;
	memset(makers, 0, sizeof makers);
	return leat_io_branch(call(w->loop, 2, make, thing_owned("c"), LEAT_HERE), say_done, say_done, thing_owned("d"));
}

static leat_io *start_all(struct world *w)
{
	return start(w, leat_map_all_at);
}

static leat_io *start_settle(struct world *w)
{
	return start(w, leat_map_settle_at);
}

static leat_io *start_any(struct world *w)
{
	return start(w, leat_map_any_at);
}

static leat_io *start_each(struct world *w)
{
	return start(w, leat_map_each_at);
}

static bool play_values(struct world *w, size_t n)
{
	(void)w;
	if (n >= count)
		return false;
	lender_resolve(makers[n], thing("v"));
	return true;
}

static bool play_failures(struct world *w, size_t n)
{
	if (n % 2 == 0)
		return play_values(w, n);
	leat_reject(makers[n], leat_error_core(LEAT_RESET));
	return true;
}

static const struct sweep_program programs[] = {
	{ "leat_map_all", start_all, play_values, NULL },
	{ "leat_map_all: some fail", start_all, play_failures, NULL },
	{ "leat_map_settle", start_settle, play_values, NULL },
	{ "leat_map_settle: some fail", start_settle, play_failures, NULL },
	{ "leat_map_any", start_any, play_values, NULL },
	{ "leat_map_any: some fail", start_any, play_failures, NULL },
	{ "leat_map_each", start_each, play_values, NULL },
	{ "leat_map_each: some fail", start_each, play_failures, NULL },
};

START_TEST(cancelled_at_any_point_nothing_is_left)
{
	sweep(&programs[_i]);
}
END_TEST

static map_call call;

static leat_io *make_sleep(void *ctx, leat_loop *loop, size_t n)
{
	(void)ctx;
	if (n == 20)
		return NULL;
	return n % 2 ? leat_io_ptr(loop, thing("v"), &thing_type) : leat_sleep(loop, 0);
}

static void sleeps(struct world *w)
{
	leat_io *io = call(w->loop, 3, make_sleep, thing_owned("c"), LEAT_HERE);

	world_run(w);
	settled(io);
}

START_TEST(any_allocation_may_fail)
{
	call = calls[_i];
	starve(sleeps);
}
END_TEST

SUITE("map",
	EACH(no_more_than_the_limit_are_under_way, CALLS),
	EACH(without_a_limit_all_are, CALLS),
	it_is_not_asked_again_after_the_last,
	EACH(cancelled_before_it_began_nothing_is_made, CALLS),
	EACH(it_may_be_cancelled_while_one_is_made, CALLS),
	EACH(it_may_be_cancelled_by_its_contexts_end, CALLS),
	it_may_be_cancelled_by_the_giver_who_is_told,
	it_may_be_cancelled_by_a_value_that_goes,
	EACH(what_has_settled_already_is_as_good, CALLS),
	an_endless_one_ends_with_the_loop,
	EACH(when_the_loop_ends_so_does_it, CALLS),
	all_gives_the_values_in_order,
	alls_first_failure_fails_it_and_no_more_are_made,
	settle_gives_every_outcome_in_order,
	EACH(more_than_fit_at_first, 2),
	any_gives_the_first_success,
	any_fails_with_the_last_failure,
	each_drops_what_comes_and_counts,
	EACH(of_none, CALLS),
	a_million_in_the_memory_of_ten,
	EACH(a_value_on_its_way_goes_back_when_it_is_cancelled, CALLS),
	EACH(cancelled_it_destroys_its_context_behind_its_fibers, CALLS),
	once_it_is_over_its_context_goes_behind_the_fibers_that_lost,
	it_may_be_cancelled_while_its_fibers_unwind,
	cancelled_while_one_is_made_its_context_goes_behind_its_fibers,
	EACH(cancelled_at_any_point_nothing_is_left, sizeof programs / sizeof *programs),
	EACH(any_allocation_may_fail, CALLS))

/* SPDX-License-Identifier: ISC */
/* io - the thirteen laws of promises (doc/design.md, section 2), one by one
 *
 * Each law is stated here once, shortly; what a verb does beyond them is told by
 * its own program in test/io.
 */
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include <leat/leat.h>

#include "support/dies.h"
#include "support/many.h"
#include "support/small.h"
#include "support/suite.h"

static leat_io *say_nothing(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	return NULL;
}

/* ---- 1: one owner ---- */

static void give_away_twice(void)
{
	struct world w;
	leat_io *io, *second;

	world_open(&w);
	io = leat_io_int_at(w.loop, 7, "made here");
	second = leat_io_then(io, say, word("x"));
	leat_io_detach(leat_io_then_at(io, say, word("y"), "given away again here"));
	leat_io_detach(second);
}

START_TEST(law1_whoever_is_passed_an_io_owns_it)
{
	expect_dies(give_away_twice, "leat:", "made here", "given away again here");
}
END_TEST

START_TEST(law1_try_takes_it_only_where_it_says_so)
{
	struct world w;
	leat_result result;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	io = pending(w.loop, &maker);
	expect_false(leat_io_try(io, &result));
	leat_resolve_int(maker, 1);
	expect_int(settled_int(io), 1);
	expect_size(world_stats(&w).ios_live, 0);
	world_close(&w);
}
END_TEST

START_TEST(law1_a_second_waiter_is_asked_for_by_name)
{
	struct world w;
	leat_io *io, *second;

	world_open(&w);
	io = leat_io_fork(leat_io_int(w.loop, 4), &second);
	world_run(&w);
	expect_int(settled_int(io), 4);
	expect_int(settled_int(second), 4);
	world_close(&w);
}
END_TEST

/* ---- 2: one road for failure ---- */

START_TEST(law2_a_refusal_is_an_io_that_has_failed)
{
	struct world w;

	world_open(&w);
	expect_settled(leat_io_race(w.loop, NULL, 0), LEAT_INVALID);
	expect_settled(leat_io_any(w.loop, NULL, 0), LEAT_INVALID);
	world_close(&w);
}
END_TEST

/* A door that is shut from some point on. */
static bool shut;

static void *alloc_while_open(void *ctx, size_t bytes)
{
	return shut ? NULL : oom_alloc(ctx, bytes);
}

START_TEST(law2_out_of_memory_is_an_io_too_however_often)
{
	enum { MANY = 10000 };
	static leat_io *ios[MANY];
	struct world w;
	leat_memory memory;
	leat_loop *loop;
	leat_maker maker;
	int n = 0;

	world_open(&w);
	memory = w.oom.memory;
	memory.alloc = alloc_while_open;
	shut = false;
	loop = leat_loop_new(NULL, &(leat_loop_options){ .size = sizeof(leat_loop_options), .memory = &memory });
	shut = true;
	do {
		ck_assert_int_lt(n, MANY);
		ios[n] = pending(loop, &maker);
	} while (is_pending(ios[n++]));
	for (int i = 0; i < 10; i++)
		expect_settled(leat_io_then(pending(loop, &maker), never, thing_owned("")), LEAT_NOMEM);
	expect_no_things();
	for (int i = 0; i < n - 1; i++)
		leat_io_cancel(ios[i]);
	leat_loop_free(loop);
	world_close(&w);
}
END_TEST

START_TEST(law2_what_cannot_be_made_is_stillborn_and_says_why)
{
	struct world w;
	leat_listener *listener;
	leat_flow *flow;
	leat_error why;

	world_open(&w);
	flow = leat_await_flow(failed(w.loop, LEAT_REFUSED), &why);
	expect_kind(why, LEAT_REFUSED);
	expect_settled(leat_flow_read(flow), LEAT_REFUSED);
	leat_flow_unref(flow);
	flow = leat_flow_from_fd(w.loop, -1);
	expect_false(leat_await(leat_flow_write(flow, "x", 1), NULL));
	leat_flow_unref(flow);
	listener = leat_listen(w.loop, "nonsense", NULL);
	expect_kind(leat_listener_error(listener), LEAT_INVALID);
	expect_settled(leat_accept(listener), LEAT_INVALID);
	leat_listener_unref(listener);
	expect_settled(leat_connect(w.loop, "nonsense", NULL), LEAT_INVALID);
	world_close(&w);
}
END_TEST

START_TEST(law2_only_the_loop_may_be_null)
{
	struct world w;

	expect_false(world_try(&w, 1, 0));
	expect_size(w.oom.live, 0);
}
END_TEST

/* ---- 3: settles once ---- */

static void settle_twice(void)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	io = leat_io_new_at(w.loop, &maker, NULL, NULL, "made here");
	leat_resolve(maker);
	leat_reject_at(maker, leat_error_core(LEAT_RESET), "again here");
	leat_io_cancel(io);
}

START_TEST(law3_settling_twice_aborts)
{
	expect_dies(settle_twice, "leat:", "made here", "again here");
}
END_TEST

static leat_io *take_as_buf(void *ctx, leat_result *result)
{
	(void)ctx;
	leat_buf_unref(leat_result_buf_at(result, "taken here"));
	return NULL;
}

static void take_wrong(void)
{
	struct world w;

	world_open(&w);
	leat_io_detach(leat_io_then(leat_io_int_at(w.loop, 7, "made here"), take_as_buf, leat_ctx_none()));
	world_run(&w);
}

START_TEST(law3_the_wrong_type_aborts_naming_both_places)
{
	expect_dies(take_wrong, "leat:", "made here", "taken here");
}
END_TEST

START_TEST(law3_a_value_nobody_takes_goes_to_its_giver_or_is_destroyed)
{
	struct world w;
	leat_maker lent, own;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = pending(w.loop, &lent);
	lender_resolve(lent, thing("v"));
	leat_io_cancel(io);
	io = pending(w.loop, &own);
	leat_resolve_ptr(own, thing("u"), &thing_type);
	leat_io_cancel(io);
	tape_expect("<v ~u");
	world_close(&w);
}
END_TEST

/* ---- 4: no callback inside the causing call ---- */

static bool inside;

static leat_io *not_inside(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	expect_false(inside);
	tape_add("ran");
	return NULL;
}

START_TEST(law4_no_callback_runs_inside_the_causing_call)
{
	struct world w;
	leat_maker maker[2];
	leat_io *io[4];

	world_open(&w);
	tape_clear();
	inside = true;
	io[0] = leat_io_then(leat_io_done(w.loop), not_inside, leat_ctx_none());
	io[1] = leat_io_then(pending(w.loop, &maker[0]), not_inside, leat_ctx_none());
	io[2] = leat_io_catch(pending(w.loop, &maker[1]), leat_match_all(), not_inside, leat_ctx_none());
	io[3] = leat_io_repeat(w.loop, not_inside, leat_ctx_none());
	leat_resolve(maker[0]);
	leat_reject(maker[1], leat_error_core(LEAT_RESET));
	inside = false;
	tape_expect("");
	world_run(&w);
	tape_expect("ran ran ran ran");
	for (int i = 0; i < 4; i++)
		leat_io_cancel(io[i]);
	world_close(&w);
}
END_TEST

static leat_maker other_maker;

static leat_io *resolve_other(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	inside = true;
	leat_resolve(other_maker);
	inside = false;
	return NULL;
}

START_TEST(law4_not_inside_another_callback_either)
{
	struct world w;
	leat_io *one, *two;

	world_open(&w);
	tape_clear();
	two = leat_io_then(pending(w.loop, &other_maker), not_inside, leat_ctx_none());
	one = leat_io_then(leat_io_done(w.loop), resolve_other, leat_ctx_none());
	world_run(&w);
	tape_expect("ran");
	leat_io_cancel(one);
	leat_io_cancel(two);
	world_close(&w);
}
END_TEST

START_TEST(law4_continuations_run_in_the_order_their_ios_settled)
{
	struct many m;
	leat_io *ios[3];
	static const char *const words[] = { "0", "1", "2" };

	many_open(&m);
	for (int i = 0; i < 3; i++)
		ios[i] = leat_io_then(m.ios[i], say, word(words[i]));
	leat_resolve(m.makers[1]);
	leat_resolve(m.makers[2]);
	leat_resolve(m.makers[0]);
	world_run(&m.w);
	tape_expect("1 2 0");
	for (int i = 0; i < 3; i++)
		expect_ok(settled(ios[i]));
	many_close(&m);
}
END_TEST

static leat_io *spinning;

static leat_io *spin(void *ctx, leat_result *result)
{
	(void)ctx;
	return leat_io_int(leat_result_loop(result), 1);
}

static void stop_spinning(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
	tape_add("event");
	leat_io_cancel(spinning);
}

START_TEST(law4_the_drain_has_a_budget_and_events_get_their_turn)
{
	struct world w;

	world_open(&w);
	tape_clear();
	spinning = leat_io_repeat(w.loop, spin, leat_ctx_none());
	event_base_once(w.base, -1, EV_TIMEOUT, stop_spinning, NULL, &(struct timeval){ 0, 0 });
	event_base_dispatch(w.base);
	tape_expect("event");
	world_close(&w);
}
END_TEST

/* ---- 5: continuations give ios ---- */

static leat_io *give(void *io, leat_result *result)
{
	(void)result;
	return io;
}

START_TEST(law5_an_io_that_a_callback_gives_is_flattened)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	io = leat_io_then(leat_io_done(w.loop), give, leat_ctx_borrow(pending(w.loop, &maker)));
	io = leat_io_then(leat_io_done(w.loop), give, leat_ctx_borrow(io));
	world_run(&w);
	expect_true(is_pending(io));
	leat_resolve_int(maker, 12);
	world_run(&w);
	expect_int(settled_int(io), 12);
	world_close(&w);
}
END_TEST

static size_t steps_left;

static leat_io *again(void *ctx, leat_result *result)
{
	leat_loop *loop = leat_result_loop(result);

	(void)ctx;
	if (steps_left-- == 0)
		return NULL;
	return leat_io_then(leat_io_done(loop), again, leat_ctx_none());
}

static const char *recur(void)
{
	struct world w;
	size_t bytes;
	leat_io *io;

	if (!world_try(&w, 0, 0))
		return "no world";
	bytes = world_stats(&w).memory_bytes;
	steps_left = many(1000000);
	io = leat_io_then(leat_io_done(w.loop), again, leat_ctx_none());
	world_run(&w);
	if (is_pending(io))
		return "it did not end";
	if (world_stats(&w).memory_bytes > bytes + (1 << 20))
		return "it grew";
	leat_loop_free(w.loop);
	event_base_free(w.base);
	return NULL;
}

START_TEST(law5_a_loop_of_any_length_has_constant_memory_and_stack)
{
	on_a_small_stack(recur);
}
END_TEST

/* A chain in which each callback gives the rest: adopted from the inside out. */
static const char *adopt_deep(void)
{
	struct world w;
	leat_maker maker;
	leat_result result;
	leat_io *io;

	if (!world_try(&w, 0, 0))
		return "no world";
	io = pending(w.loop, &maker);
	for (size_t i = many(1000000); i > 0; i--)
		io = leat_io_then(leat_io_done(w.loop), give, leat_ctx_borrow(io));
	world_run(&w);
	leat_resolve_int(maker, 3);
	world_run(&w);
	if (!leat_io_try(io, &result) || leat_result_int(&result) != 3)
		return "the value did not get through";
	leat_loop_free(w.loop);
	event_base_free(w.base);
	return NULL;
}

START_TEST(law5_a_million_adoptions_settle_on_a_small_stack)
{
	on_a_small_stack(adopt_deep);
}
END_TEST

static const char *cancel_deep(void)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	if (!world_try(&w, 0, 0))
		return "no world";
	io = pending(w.loop, &maker);
	for (size_t i = many(300000); i > 0; i--) {
		io = leat_io_then(leat_io_done(w.loop), give, leat_ctx_borrow(io));
		io = leat_io_race(w.loop, &io, 1);
		io = leat_io_timeout(io, 1000);
	}
	world_run(&w);
	leat_io_cancel(io);
	if (world_stats(&w).ios_live)
		return "some are left";
	leat_loop_free(w.loop);
	event_base_free(w.base);
	return NULL;
}

START_TEST(law5_a_deep_mixture_is_cancelled_on_a_small_stack)
{
	on_a_small_stack(cancel_deep);
}
END_TEST

/* ---- 6: contexts belong to promises ---- */

START_TEST(law6_an_owned_context_is_destroyed_once_a_moved_one_if_skipped)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_then(leat_io_done(w.loop), say, thing_owned("a"));
	io = leat_io_then(io, say_take, thing_moved("b"));
	io = leat_io_catch(io, leat_match_all(), never, thing_owned("c"));
	io = leat_io_catch(io, leat_match_all(), never, thing_moved("d"));
	world_run(&w);
	tape_expect("a ~a b ~c ~d");
	expect_ok(settled(io));
	expect_no_things();
	world_close(&w);
}
END_TEST

START_TEST(law6_finally_runs_on_success_and_failure_not_on_cancel)
{
	struct many m;
	leat_io *ios[3];

	many_open(&m);
	for (int i = 0; i < 3; i++)
		ios[i] = leat_io_finally(m.ios[i], say_done, word("f"));
	leat_resolve(m.makers[0]);
	leat_reject(m.makers[1], leat_error_core(LEAT_RESET));
	world_run(&m.w);
	tape_expect("f f");
	expect_ok(settled(ios[0]));
	expect_settled(ios[1], LEAT_RESET);
	leat_io_cancel(ios[2]);
	tape_expect("x2");
	many_close(&m);
}
END_TEST

/* ---- 7: dropping is cancelling ---- */

START_TEST(law7_when_cancel_returns_nothing_of_the_chain_runs_any_more)
{
	struct many m;
	leat_io *io;

	many_open(&m);
	io = leat_io_then(m.ios[0], never, thing_owned("c"));
	leat_resolve(m.makers[0]);
	leat_io_cancel(io);
	tape_expect("~c");
	leat_io_cancel(m.ios[1]);
	leat_io_cancel(m.ios[2]);
	tape_expect("x1 x2");
	many_close(&m);
}
END_TEST

static leat_io *root;

static leat_io *cancel_root_and_give(void *io, leat_result *result)
{
	(void)result;
	leat_io_cancel(root);
	tape_add("returns");
	return *(leat_io **)io;
}

START_TEST(law7_what_a_callback_of_a_cancelled_chain_gives_is_cancelled_at_once)
{
	struct many m;

	many_open(&m);
	root = leat_io_then(leat_io_done(m.w.loop), cancel_root_and_give, leat_ctx_borrow(&m.ios[0]));
	root = leat_io_then(root, never, thing_owned("c"));
	world_run(&m.w);
	tape_expect("~c returns x0");
	leat_io_cancel(m.ios[1]);
	leat_io_cancel(m.ios[2]);
	tape_expect("x1 x2");
	many_close(&m);
}
END_TEST

static leat_io *next[3];
static int next_up;

static void cancel_next(void *ctx)
{
	(void)ctx;
	if (next_up < 3)
		leat_io_cancel(next[next_up++]);
}

START_TEST(law7_nested_cancels_join_one_list)
{
	struct many m;

	many_open(&m);
	for (int i = 0; i < 3; i++)
		next[i] = leat_io_then(m.ios[i], never, leat_ctx_own(&m, cancel_next));
	next_up = 1;
	leat_io_cancel(next[0]);
	tape_expect("x0 x1 x2");
	many_close(&m);
}
END_TEST

/* ---- 8: cancelling loses no byte ---- */

START_TEST(law8_a_value_goes_back_through_every_cell_that_passes_it_on)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	expect_true(world_try(&w, 0, 1));
	for (int turns = 0; turns < 8; turns++) {
		tape_clear();
		io = leat_io_catch(pending(w.loop, &maker), leat_match_all(), never, leat_ctx_none());
		io = leat_io_branch(io, NULL, never, leat_ctx_none());
		io = leat_io_timeout(io, 1000);
		io = leat_io_race(w.loop, &io, 1);
		io = leat_io_finally(io, say_nothing, leat_ctx_none());
		io = leat_io_any(w.loop, &io, 1);
		io = leat_io_then(io, never, thing_owned("c"));
		lender_resolve(maker, thing("v"));
		for (int i = 0; i < turns && i < 6; i++)
			leat_loop_run_ready(w.loop);
		leat_io_cancel(io);
		tape_expect("<v ~c");
	}
	world_close(&w);
}
END_TEST

START_TEST(law8_delivered_means_that_a_callback_or_try_or_await_got_it)
{
	struct world w;
	leat_maker maker[3];
	leat_io *io[3];
	leat_result result;

	world_open(&w);
	tape_clear();
	for (int i = 0; i < 3; i++)
		io[i] = pending(w.loop, &maker[i]);
	io[0] = leat_io_then(io[0], say_done, word("callback"));
	lender_resolve(maker[0], thing("a"));
	world_run(&w);
	tape_expect(">a callback ~a");
	lender_resolve(maker[1], thing("b"));
	expect_true(leat_io_try(io[1], &result));
	tape_expect(">b");
	leat_result_clear(&result);
	tape_expect("~b");
	lender_resolve(maker[2], thing("c"));
	expect_true(leat_await(io[2], NULL));
	tape_expect(">c ~c");
	leat_io_cancel(io[0]);
	world_close(&w);
}
END_TEST

/* ---- 9: no failure is silent ---- */

START_TEST(law9_a_failure_nobody_handled_reaches_the_hook_with_both_places)
{
	struct world w;
	leat_error error = leat_error_make_at(&leat_core_errors, LEAT_RESET, "it arose here");

	world_open(&w);
	leat_io_detach(leat_io_fail_at(w.loop, error, "made here"));
	world_run(&w);
	expect_size(w.unhandled, 1);
	expect_str(w.last.error.where, "it arose here");
	expect_str(w.last.where, "made here");
	expect_size(world_stats(&w).unhandled, 1);
	world_end(&w);
}
END_TEST

START_TEST(law9_cancelled_is_silent)
{
	struct world w;

	world_open(&w);
	leat_io_detach(failed(w.loop, LEAT_CANCELLED));
	world_run(&w);
	expect_size(world_stats(&w).unhandled, 0);
	world_close(&w);
}
END_TEST

/* ---- 10: await in place ---- */

static leat_io *await_inside(void *ctx, leat_result *result)
{
	leat_result inner;
	leat_maker maker;

	(void)ctx;
	expect_false(leat_await(pending(leat_result_loop(result), &maker), &inner));
	expect_kind(leat_result_error(&inner), LEAT_NESTED);
	expect_false(leat_maker_live(maker));
	expect_true(leat_await(leat_io_int(leat_result_loop(result), 2), &inner));
	return leat_io_int(leat_result_loop(result), leat_result_int(&inner));
}

START_TEST(law10_in_a_callback_only_a_settled_io_is_given)
{
	struct world w;
	leat_result result;

	world_open(&w);
	expect_true(leat_await(leat_io_then(leat_io_done(w.loop), await_inside, leat_ctx_none()), &result));
	expect_int(leat_result_int(&result), 2);
	world_close(&w);
}
END_TEST

START_TEST(law10_where_nothing_could_settle_it_it_is_a_deadlock_and_says_of_what)
{
	struct world w;
	leat_result result;
	leat_maker maker;

	world_open(&w);
	expect_false(leat_await(leat_io_new_at(w.loop, &maker, NULL, NULL, "the lost io"), &result));
	expect_kind(leat_result_error(&result), LEAT_DEADLOCK);
	ck_assert_ptr_nonnull(strstr(w.report, "the lost io"));
	world_end(&w);
}
END_TEST

START_TEST(law10_an_event_of_ours_without_a_reader_hides_no_deadlock)
{
	struct world w;
	leat_result result;
	leat_maker maker;
	leat_flow *flow;
	leat_buf *buf;
	int ends[2];

	world_open(&w);
	expect_int(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	expect_int(write(ends[1], "x", 1), 1);
	flow = leat_flow_from_fd(w.loop, ends[0]);
	buf = leat_await_buf(leat_flow_read(flow), NULL);
	expect_some(buf);
	leat_buf_unref(buf);
	expect_false(leat_await(pending(w.loop, &maker), &result));
	expect_kind(leat_result_error(&result), LEAT_DEADLOCK);
	leat_flow_unref(flow);
	close(ends[1]);
	world_end(&w);
}
END_TEST

static void break_out(evutil_socket_t fd, short what, void *base)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(base);
}

START_TEST(law10_the_users_loopbreak_interrupts)
{
	struct world w;
	leat_result result;

	world_open(&w);
	event_base_once(w.base, -1, EV_TIMEOUT, break_out, w.base, &(struct timeval){ 0, 0 });
	expect_false(leat_await(leat_sleep(w.loop, 1000000), &result));
	expect_kind(leat_result_error(&result), LEAT_INTERRUPTED);
	world_close(&w);
}
END_TEST

START_TEST(law10_the_user_may_as_well_dispatch)
{
	struct world w;

	world_open(&w);
	tape_clear();
	leat_io_detach(leat_io_then(leat_sleep(w.loop, 0), say, word("ran")));
	event_base_dispatch(w.base);
	tape_expect("ran");
	world_close(&w);
}
END_TEST

/* ---- 11: starting is cheap ---- */

START_TEST(law11_an_io_and_its_continuation_take_160_bytes_at_most)
{
	enum { PAIRS = 20000 };
	static leat_io *ios[PAIRS];
	struct world w;
	leat_maker maker;
	size_t before;

	world_open(&w);
	before = world_stats(&w).memory_bytes;
	for (int i = 0; i < PAIRS; i++)
		ios[i] = leat_io_then(pending(w.loop, &maker), never, leat_ctx_none());
	ck_assert_uint_le(world_stats(&w).memory_bytes - before, PAIRS * 160 + (2 << 20));
	for (int i = 0; i < PAIRS; i++)
		leat_io_cancel(ios[i]);
	world_close(&w);
}
END_TEST

START_TEST(law11_the_steady_path_allocates_nothing)
{
	struct world w;
	leat_maker maker;
	size_t calls = 0;

	world_open(&w);
	for (int i = 0; i < 10000; i++) {
		leat_io *io = leat_io_then(pending(w.loop, &maker), say_nothing, leat_ctx_none());

		if (i == 1)
			calls = w.oom.calls;
		leat_resolve(maker);
		world_run(&w);
		expect_ok(settled(io));
	}
	expect_size(w.oom.calls, calls);
	world_close(&w);
}
END_TEST

START_TEST(law11_late_use_of_a_maker_is_a_quiet_no_op_that_disposes)
{
	struct world w;
	leat_maker old, maker;
	leat_io *io;

	world_open(&w);
	tape_clear();
	leat_io_cancel(pending(w.loop, &old));
	io = pending(w.loop, &maker);
	leat_resolve_ptr(old, thing("late"), &thing_type);
	tape_expect("~late");
	expect_true(is_pending(io));
	leat_io_cancel(io);
	world_close(&w);
}
END_TEST

/* ---- 12: time and memory have one door each ---- */

START_TEST(law12_time_is_what_the_loops_clock_says)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	io = leat_sleep(w.loop, INT64_C(1000) * 3600 * 24 * 365);
	world_pass(&w, INT64_C(1000) * 3600 * 24 * 365 - 1);
	expect_true(is_pending(io));
	world_pass(&w, 1);
	expect_ok(settled(io));
	world_close(&w);
}
END_TEST

START_TEST(law12_memory_is_what_the_loops_allocator_gives)
{
	struct world w;

	world_open(&w);
	ck_assert_uint_gt(w.oom.live, 0);
	leat_buf_unref(leat_buf_new(w.loop, 100000));
	leat_loop_free(w.loop);
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

/* ---- 13: teardown is orderly ---- */

static leat_io *start_in_vain(void *ctx, leat_result *result)
{
	leat_maker maker;

	(void)ctx;
	tape_add(leat_kind_name(leat_error_kind(leat_result_error(result))));
	expect_settled(leat_io_new(leat_result_loop(result), &maker, NULL, NULL), LEAT_CLOSED);
	return NULL;
}

START_TEST(law13_ios_fail_with_cancelled_starters_give_closed_contexts_go)
{
	struct many m;
	leat_io *io;

	many_open(&m);
	io = leat_io_then(m.ios[0], never, thing_owned("a"));
	leat_io_detach(leat_io_catch(io, leat_match_all(), start_in_vain, thing_owned("b")));
	leat_io_cancel(m.ios[1]);
	leat_io_cancel(m.ios[2]);
	tape_expect("x1 x2");
	world_end(&m.w);
	tape_expect("x0 ~a cancelled ~b");
	expect_size(m.w.unhandled, 0);
	expect_size(m.w.reports, 0);
}
END_TEST

START_TEST(law13_what_the_user_still_holds_is_reported_with_its_place)
{
	struct world w;
	leat_maker maker;
	leat_io *held;

	world_open(&w);
	held = leat_io_new_at(w.loop, &maker, NULL, NULL, "held from here");
	(void)held;
	world_end(&w);
	expect_size(w.reports, 1);
	ck_assert_ptr_nonnull(strstr(w.report, "held from here"));
}
END_TEST

START_TEST(law13_flows_are_aborted_newest_first_and_held_handles_are_reported)
{
	static const char *const words[] = { "oldest", "middle", "newest" };
	struct world w;
	leat_flow *ends[3][2];

	world_open(&w);
	tape_clear();
	for (int i = 0; i < 3; i++) {
		leat_io *io;

		leat_flow_pair(w.loop, ends[i]);
		io = leat_io_catch(leat_flow_read(ends[i][1]), leat_match_all(), say_kind, leat_ctx_none());
		leat_io_detach(leat_io_finally(io, say_done, word(words[i])));
	}
	leat_loop_free(w.loop);
	tape_expect("closed closed closed newest middle oldest");
	expect_size(w.reports, 6);
	ck_assert_ptr_nonnull(strstr(w.report, "test/contract/io.c"));
	for (int i = 0; i < 3; i++) {
		leat_flow_unref(ends[i][0]);
		leat_flow_unref(ends[i][1]);
	}
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

static leat_io *free_inside(void *ctx, leat_result *result)
{
	(void)ctx;
	leat_loop_free(leat_result_loop(result));
	tape_add("freed");
	return NULL;
}

START_TEST(law13_inside_a_callback_it_waits_for_the_end_of_the_drain)
{
	struct world w;

	world_open(&w);
	tape_clear();
	leat_io_detach(leat_io_then(leat_io_done(w.loop), free_inside, thing_owned("a")));
	leat_io_detach(leat_io_then(leat_io_done(w.loop), say, word("b")));
	event_base_dispatch(w.base);
	tape_expect("freed ~a b");
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

SUITE("laws of io",
	law1_whoever_is_passed_an_io_owns_it,
	law1_try_takes_it_only_where_it_says_so,
	law1_a_second_waiter_is_asked_for_by_name,
	law2_a_refusal_is_an_io_that_has_failed,
	law2_out_of_memory_is_an_io_too_however_often,
	law2_what_cannot_be_made_is_stillborn_and_says_why,
	law2_only_the_loop_may_be_null,
	law3_settling_twice_aborts,
	law3_the_wrong_type_aborts_naming_both_places,
	law3_a_value_nobody_takes_goes_to_its_giver_or_is_destroyed,
	law4_no_callback_runs_inside_the_causing_call,
	law4_not_inside_another_callback_either,
	law4_continuations_run_in_the_order_their_ios_settled,
	law4_the_drain_has_a_budget_and_events_get_their_turn,
	law5_an_io_that_a_callback_gives_is_flattened,
	law5_a_loop_of_any_length_has_constant_memory_and_stack,
	law5_a_million_adoptions_settle_on_a_small_stack,
	law5_a_deep_mixture_is_cancelled_on_a_small_stack,
	law6_an_owned_context_is_destroyed_once_a_moved_one_if_skipped,
	law6_finally_runs_on_success_and_failure_not_on_cancel,
	law7_when_cancel_returns_nothing_of_the_chain_runs_any_more,
	law7_what_a_callback_of_a_cancelled_chain_gives_is_cancelled_at_once,
	law7_nested_cancels_join_one_list,
	law8_a_value_goes_back_through_every_cell_that_passes_it_on,
	law8_delivered_means_that_a_callback_or_try_or_await_got_it,
	law9_a_failure_nobody_handled_reaches_the_hook_with_both_places,
	law9_cancelled_is_silent,
	law10_in_a_callback_only_a_settled_io_is_given,
	law10_where_nothing_could_settle_it_it_is_a_deadlock_and_says_of_what,
	law10_an_event_of_ours_without_a_reader_hides_no_deadlock,
	law10_the_users_loopbreak_interrupts,
	law10_the_user_may_as_well_dispatch,
	law11_an_io_and_its_continuation_take_160_bytes_at_most,
	law11_the_steady_path_allocates_nothing,
	law11_late_use_of_a_maker_is_a_quiet_no_op_that_disposes,
	law12_time_is_what_the_loops_clock_says,
	law12_memory_is_what_the_loops_allocator_gives,
	law13_ios_fail_with_cancelled_starters_give_closed_contexts_go,
	law13_what_the_user_still_holds_is_reported_with_its_place,
	law13_flows_are_aborted_newest_first_and_held_handles_are_reported,
	law13_inside_a_callback_it_waits_for_the_end_of_the_drain)

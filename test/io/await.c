/* SPDX-License-Identifier: ISC */
/* await - wait in place */
#include <unistd.h>

#include <event2/event.h>
#include <event2/util.h>

#include <leat/buf.h>

#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

static void be_quiet(int severity, const char *message)
{
	(void)severity;
	(void)message;
}

START_TEST(it_turns_the_loop_until_the_io_settles)
{
	struct world w;
	leat_result result;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_then(leat_io_int(w.loop, 5), say_int, leat_ctx_none());
	expect_true(leat_await(leat_io_then(io, say_int, leat_ctx_none()), &result));
	expect_int(leat_result_int(&result), 5);
	tape_expect("5 5");
	world_close(&w);
}
END_TEST

START_TEST(it_is_false_for_a_failure_and_gives_the_error)
{
	struct world w;
	leat_result result;

	world_open(&w);
	expect_false(leat_await(failed(w.loop, LEAT_RESET), &result));
	expect_kind(leat_result_error(&result), LEAT_RESET);
	leat_result_clear(&result);
	world_close(&w);
}
END_TEST

START_TEST(without_a_result_the_value_is_destroyed)
{
	struct world w;

	world_open(&w);
	tape_clear();
	expect_true(leat_await(leat_io_ptr(w.loop, thing("v"), &thing_type), NULL));
	tape_expect("~v");
	expect_false(leat_await(failed(w.loop, LEAT_RESET), NULL));
	world_close(&w);
}
END_TEST

START_TEST(a_failure_that_it_gave_is_handled)
{
	struct world w;

	world_open(&w);
	expect_false(leat_await(failed(w.loop, LEAT_RESET), NULL));
	world_run(&w);
	expect_size(w.unhandled, 0);
	world_close(&w);
}
END_TEST

START_TEST(a_value_that_it_gave_is_delivered)
{
	struct world w;
	leat_result result;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = pending(w.loop, &maker);
	lender_resolve(maker, thing("v"));
	expect_true(leat_await(io, &result));
	tape_expect(">v");
	leat_result_clear(&result);
	tape_expect("~v");
	world_close(&w);
}
END_TEST

START_TEST(by_type_it_gives_the_value_and_says_why_not)
{
	struct world w;
	leat_error why;
	leat_buf *buf;

	world_open(&w);
	expect_int(leat_await_int(leat_io_int(w.loop, 5), &why), 5);
	expect_ok(why);
	expect_int(leat_await_int(failed(w.loop, LEAT_RESET), &why), 0);
	expect_kind(why, LEAT_RESET);
	buf = leat_await_buf(leat_io_buf(w.loop, leat_buf_copy(w.loop, "hay", 3)), NULL);
	expect_bytes(leat_buf_data(buf), leat_buf_size(buf), "hay");
	leat_buf_unref(buf);
	expect_null(leat_await_buf(leat_io_buf(w.loop, NULL), &why));
	expect_ok(why);
	expect_null(leat_await_buf(failed(w.loop, LEAT_LIMIT), &why));
	expect_kind(why, LEAT_LIMIT);
	world_close(&w);
}
END_TEST

static leat_error nested_error;
static bool nested_cancelled;

static void on_nested_cancel(void *state)
{
	(void)state;
	nested_cancelled = true;
}

static const leat_leaf nested_leaf = { .size = sizeof nested_leaf, .name = "nested", .cancel = on_nested_cancel };

static void await_nested(leat_loop *loop)
{
	leat_result result;
	leat_maker maker;

	nested_cancelled = false;
	expect_false(leat_await(leat_io_new(loop, &maker, &nested_leaf, NULL), &result));
	nested_error = leat_result_error(&result);
	leat_result_clear(&result);
}

static leat_io *await_in_callback(void *ctx, leat_result *result)
{
	(void)ctx;
	await_nested(leat_result_loop(result));
	return NULL;
}

START_TEST(inside_a_callback_it_is_nested_and_cancels_the_io)
{
	struct world w;

	world_open(&w);
	expect_true(leat_await(leat_io_then(leat_io_done(w.loop), await_in_callback, leat_ctx_none()), NULL));
	expect_kind(nested_error, LEAT_NESTED);
	expect_true(nested_cancelled);
	world_close(&w);
}
END_TEST

START_TEST(so_it_is_where_the_test_runs_what_is_ready)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	io = leat_io_then(leat_io_done(w.loop), await_in_callback, leat_ctx_none());
	world_run(&w);
	expect_kind(nested_error, LEAT_NESTED);
	expect_ok(settled(io));
	world_close(&w);
}
END_TEST

static void on_foreign_event(evutil_socket_t fd, short what, void *loop)
{
	(void)fd;
	(void)what;
	await_nested(loop);
}

START_TEST(inside_a_foreign_callback_it_is_nested_too)
{
	struct world w;

	world_open(&w);
	event_set_log_callback(be_quiet);
	event_base_once(w.base, -1, EV_TIMEOUT, on_foreign_event, w.loop, &(struct timeval){ 0, 0 });
	event_base_dispatch(w.base);
	event_set_log_callback(NULL);
	expect_kind(nested_error, LEAT_NESTED);
	expect_true(nested_cancelled);
	world_close(&w);
}
END_TEST

static leat_io *await_settled(void *ctx, leat_result *result)
{
	leat_result inner;

	(void)ctx;
	expect_true(leat_await(leat_io_int(leat_result_loop(result), 3), &inner));
	return leat_io_int(leat_result_loop(result), leat_result_int(&inner));
}

START_TEST(an_io_that_has_settled_is_given_anywhere)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	io = leat_io_then(leat_io_done(w.loop), await_settled, leat_ctx_none());
	world_run(&w);
	expect_int(settled_int(io), 3);
	world_close(&w);
}
END_TEST

START_TEST(when_nothing_is_left_that_could_settle_it_it_is_a_deadlock)
{
	struct world w;
	leat_result result;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_new(w.loop, &maker, &nested_leaf, NULL);
	nested_cancelled = false;
	expect_false(leat_await(leat_io_then(io, never, thing_owned("c")), &result));
	expect_kind(leat_result_error(&result), LEAT_DEADLOCK);
	leat_result_clear(&result);
	expect_true(nested_cancelled);
	tape_expect("~c");
	world_end(&w);
}
END_TEST

START_TEST(a_deadlock_says_what_it_waited_for)
{
	struct world w;
	leat_maker maker;

	world_open(&w);
	expect_false(leat_await(leat_io_new_at(w.loop, &maker, NULL, NULL, "the lost io"), NULL));
	expect_true(w.reports > 0);
	ck_assert_ptr_nonnull(strstr(w.report, "the lost io"));
	world_end(&w);
}
END_TEST

static struct world *told;
static leat_maker told_of;

static void free_the_loop(void *ctx, const char *line)
{
	(void)ctx;
	(void)line;
	leat_loop_free(told->loop);
}

static void settle_it_and_turn(void *ctx, const char *line)
{
	(void)ctx;
	(void)line;
	if (leat_maker_live(told_of))
		leat_resolve_int(told_of, 5);
	leat_loop_run_ready(told->loop);
}

static leat_loop *loop_that_tells(struct world *w, void (*report)(void *ctx, const char *line))
{
	told = w;
	w->loop = leat_loop_new(NULL, &(leat_loop_options){ .size = sizeof(leat_loop_options), .report = report });
	return w->loop;
}

START_TEST(who_is_told_of_a_deadlock_may_free_the_loop)
{
	struct world w;
	leat_result result;
	leat_loop *loop = loop_that_tells(&w, free_the_loop);

	expect_false(leat_await(leat_io_then(leat_io_new(loop, &told_of, NULL, NULL), never, thing_owned("c")), &result));
	expect_kind(leat_result_error(&result), LEAT_CANCELLED);
	expect_no_things();
	tape_clear();
}
END_TEST

START_TEST(who_is_told_of_a_deadlock_may_end_it)
{
	struct world w;
	leat_result result;
	leat_loop *loop = loop_that_tells(&w, settle_it_and_turn);

	expect_true(leat_await(leat_io_new(loop, &told_of, NULL, NULL), &result));
	expect_int(leat_result_int(&result), 5);
	leat_loop_free(loop);
}
END_TEST

static void break_loop(evutil_socket_t fd, short what, void *base)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(base);
}

START_TEST(the_users_loopbreak_interrupts_it)
{
	struct world w;
	leat_result result;
	leat_maker maker;
	struct event *forever;

	world_open(&w);
	tape_clear();
	forever = event_new(w.base, -1, EV_PERSIST, break_loop, w.base);
	event_add(forever, &(struct timeval){ 1000, 0 });
	event_base_once(w.base, -1, EV_TIMEOUT, break_loop, w.base, &(struct timeval){ 0, 0 });
	expect_false(leat_await(leat_io_then(pending(w.loop, &maker), never, thing_owned("c")), &result));
	expect_kind(leat_result_error(&result), LEAT_INTERRUPTED);
	tape_expect("~c");
	expect_false(leat_maker_live(maker));
	event_free(forever);
	world_close(&w);
}
END_TEST

static leat_maker far_maker;

static void resolve_far(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
	leat_resolve_int(far_maker, 11);
}

START_TEST(the_users_own_events_run_meanwhile)
{
	struct world w;
	leat_result result;

	world_open(&w);
	event_base_once(w.base, -1, EV_TIMEOUT, resolve_far, NULL, &(struct timeval){ 0, 1000 });
	expect_true(leat_await(pending(w.loop, &far_maker), &result));
	expect_int(leat_result_int(&result), 11);
	world_close(&w);
}
END_TEST

START_TEST(others_go_on_while_it_waits)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	tape_clear();
	leat_io_detach(leat_io_then(leat_io_done(w.loop), say, word("aside")));
	io = pending(w.loop, &maker);
	leat_resolve(maker);
	io = leat_io_then(io, say, word("main"));
	expect_true(leat_await(io, NULL));
	tape_expect("aside main");
	world_close(&w);
}
END_TEST

START_TEST(it_may_be_called_again_and_again)
{
	struct world w;

	world_open(&w);
	for (int i = 0; i < 1000; i++)
		expect_true(leat_await(leat_sleep(w.loop, 0), NULL));
	world_close(&w);
}
END_TEST

static void nest_then_resolve(evutil_socket_t fd, short what, void *loop)
{
	(void)fd;
	(void)what;
	await_nested(loop);
	leat_resolve_int(far_maker, 12);
}

START_TEST(one_that_is_nested_in_it_does_not_hold_it_up)
{
	struct world w;
	leat_result result;

	world_open(&w);
	event_base_once(w.base, -1, EV_TIMEOUT, nest_then_resolve, w.loop, &(struct timeval){ 0, 1000 });
	expect_true(leat_await(pending(w.loop, &far_maker), &result));
	expect_kind(nested_error, LEAT_NESTED);
	expect_int(leat_result_int(&result), 12);
	world_close(&w);
}
END_TEST

static void exit_loop(evutil_socket_t fd, short what, void *base)
{
	(void)fd;
	(void)what;
	event_base_loopexit(base, NULL);
}

START_TEST(the_users_loopexit_interrupts_it_whatever_went_before)
{
	struct world w;
	leat_result result;
	leat_maker maker;
	struct event *forever;

	world_open(&w);
	expect_true(leat_await(leat_sleep(w.loop, 0), NULL)); /* which broke the loop */
	forever = event_new(w.base, -1, EV_PERSIST, exit_loop, w.base);
	event_add(forever, &(struct timeval){ 1000, 0 });
	event_base_once(w.base, -1, EV_TIMEOUT, exit_loop, w.base, &(struct timeval){ 0, 1000 });
	expect_false(leat_await(pending(w.loop, &maker), &result));
	expect_kind(leat_result_error(&result), LEAT_INTERRUPTED);
	event_free(forever);
	world_close(&w);
}
END_TEST

static void free_loop(evutil_socket_t fd, short what, void *loop)
{
	(void)fd;
	(void)what;
	leat_loop_free(loop);
}

START_TEST(freeing_the_loop_meanwhile_ends_it)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	leat_result result;
	leat_maker maker;

	event_base_once(leat_loop_base(loop), -1, EV_TIMEOUT, free_loop, loop, &(struct timeval){ 0, 1000 });
	expect_false(leat_await(pending(loop, &maker), &result));
	expect_kind(leat_result_error(&result), LEAT_CANCELLED);
}
END_TEST

START_TEST(it_works_on_a_base_of_its_own)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);

	expect_true(leat_await(leat_sleep(loop, 1), NULL));
	leat_loop_free(loop);
}
END_TEST


SUITE("await",
	it_turns_the_loop_until_the_io_settles,
	it_is_false_for_a_failure_and_gives_the_error,
	without_a_result_the_value_is_destroyed,
	a_failure_that_it_gave_is_handled,
	a_value_that_it_gave_is_delivered,
	by_type_it_gives_the_value_and_says_why_not,
	inside_a_callback_it_is_nested_and_cancels_the_io,
	so_it_is_where_the_test_runs_what_is_ready,
	inside_a_foreign_callback_it_is_nested_too,
	an_io_that_has_settled_is_given_anywhere,
	when_nothing_is_left_that_could_settle_it_it_is_a_deadlock,
	a_deadlock_says_what_it_waited_for,
	who_is_told_of_a_deadlock_may_free_the_loop,
	who_is_told_of_a_deadlock_may_end_it,
	the_users_loopbreak_interrupts_it,
	the_users_own_events_run_meanwhile,
	others_go_on_while_it_waits,
	it_may_be_called_again_and_again,
	one_that_is_nested_in_it_does_not_hold_it_up,
	the_users_loopexit_interrupts_it_whatever_went_before,
	freeing_the_loop_meanwhile_ends_it,
	it_works_on_a_base_of_its_own)

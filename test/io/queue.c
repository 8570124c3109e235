/* SPDX-License-Identifier: ISC */
/* queue - in order, bounded, and each value delivered or destroyed once */
#include <leat/buf.h>
#include <leat/fiber.h>
#include <leat/queue.h>

#include "support/starve.h"
#include "support/suite.h"
#include "support/sweep.h"

static leat_queue *queue;

static void open_queue(struct world *w, size_t limit)
{
	tape_clear();
	world_open(w);
	queue = leat_queue_new(w->loop, limit);
}

static void close_queue(struct world *w)
{
	leat_queue_free(queue);
	world_run(w);
	expect_size(world_stats(w).ios_live, 0);
	world_close(w);
	expect_no_things();
	tape_expect("");
}

static leat_io *put(const char *name)
{
	return leat_queue_put(queue, thing(name), &thing_type);
}

static void put_now(const char *name)
{
	expect_true(leat_queue_try_put(queue, thing(name), &thing_type));
}

/* Says the value that it got, or "end". */
static leat_io *say_value(void *ctx, leat_result *result)
{
	char *value = leat_result_ptr(result, &thing_type);

	(void)ctx;
	tape_add(value ? value : "end");
	if (value)
		thing_take(value);
	thing_moment();
	return NULL;
}

static leat_io *take(void)
{
	return leat_io_then(leat_queue_take(queue), say_value, leat_ctx_none());
}

/* Takes one that must be there, and says it. */
static void take_now(struct world *w)
{
	leat_io *io = take();

	world_run(w);
	expect_ok(settled(io));
}

/* ---- in order, bounded ---- */

START_TEST(values_come_in_the_order_they_were_put)
{
	struct world w;

	open_queue(&w, 3);
	expect_ok(settled(put("a")));
	expect_ok(settled(put("b")));
	expect_ok(settled(put("c")));
	expect_size(leat_queue_count(queue), 3);
	for (int i = 0; i < 3; i++)
		take_now(&w);
	tape_expect("a b c");
	expect_size(leat_queue_count(queue), 0);
	close_queue(&w);
}
END_TEST

START_TEST(who_puts_into_a_full_one_waits_for_room)
{
	struct world w;
	leat_io *ios[3];

	open_queue(&w, 1);
	for (int i = 0; i < 3; i++)
		ios[i] = put("v");
	expect_ok(settled(ios[0]));
	world_run(&w);
	expect_true(is_pending(ios[1]));
	take_now(&w);
	expect_ok(settled(ios[1]));
	expect_true(is_pending(ios[2]));
	take_now(&w);
	expect_ok(settled(ios[2]));
	take_now(&w);
	tape_expect("v v v");
	close_queue(&w);
}
END_TEST

START_TEST(who_takes_waits_for_a_value_in_line)
{
	struct world w;
	leat_io *ios[3];

	open_queue(&w, 1);
	for (int i = 0; i < 3; i++)
		ios[i] = take();
	expect_ok(settled(put("a")));
	expect_ok(settled(put("b")));
	expect_ok(settled(put("c")));
	expect_ok(settled(put("d")));
	world_run(&w);
	tape_expect("a b c");
	for (int i = 0; i < 3; i++)
		expect_ok(settled(ios[i]));
	take_now(&w);
	tape_expect("d");
	close_queue(&w);
}
END_TEST

START_TEST(with_a_limit_of_0_a_put_waits_for_its_take)
{
	struct world w;
	leat_io *io;

	open_queue(&w, 0);
	io = put("a");
	world_run(&w);
	expect_true(is_pending(io));
	expect_size(leat_queue_count(queue), 1);
	take_now(&w);
	tape_expect("a");
	expect_ok(settled(io));
	io = take();
	expect_ok(settled(put("b")));
	world_run(&w);
	tape_expect("b");
	expect_ok(settled(io));
	close_queue(&w);
}
END_TEST

START_TEST(try_put_takes_only_where_there_is_room)
{
	struct world w;
	leat_io *io;
	void *value;

	open_queue(&w, 1);
	put_now("a");
	value = thing("b");
	expect_false(leat_queue_try_put(queue, value, &thing_type));
	io = take();
	expect_true(leat_queue_try_put(queue, value, &thing_type));
	world_run(&w);
	expect_ok(settled(io));
	take_now(&w);
	tape_expect("a b");
	io = take();
	put_now("c");
	leat_queue_close(queue);
	value = thing("d");
	expect_false(leat_queue_try_put(queue, value, &thing_type));
	thing_take(value);
	world_run(&w);
	expect_ok(settled(io));
	tape_expect("c");
	close_queue(&w);
}
END_TEST

START_TEST(nothing_is_not_a_value)
{
	struct world w;

	open_queue(&w, 1);
	expect_settled(leat_queue_put(queue, NULL, &thing_type), LEAT_INVALID);
	expect_false(leat_queue_try_put(queue, NULL, &thing_type));
	expect_size(leat_queue_count(queue), 0);
	close_queue(&w);
}
END_TEST

/* ---- cancelling ---- */

START_TEST(a_take_that_is_cancelled_loses_no_value)
{
	struct world w;
	leat_io *first, *second, *third;

	open_queue(&w, 4);
	put_now("a");
	put_now("b");
	put_now("c");
	put_now("d");
	first = take();
	second = take();
	third = take();
	/* in whatever order they are cancelled */
	leat_io_cancel(_i == 0 ? first : second);
	leat_io_cancel(_i == 0 ? third : first);
	leat_io_cancel(_i == 0 ? second : third);
	expect_size(leat_queue_count(queue), 4);
	for (int i = 0; i < 4; i++)
		take_now(&w);
	tape_expect("a b c d");
	close_queue(&w);
}
END_TEST

START_TEST(a_value_that_comes_back_goes_to_who_waits_for_one)
{
	struct world w;
	leat_io *first, *second;

	open_queue(&w, 1);
	first = take();
	second = take();
	put_now("a");
	leat_io_cancel(first);
	world_run(&w);
	tape_expect("a");
	expect_ok(settled(second));
	close_queue(&w);
}
END_TEST

START_TEST(a_take_that_was_waiting_leaves_the_line)
{
	struct world w;
	leat_io *first, *second;

	open_queue(&w, 1);
	first = take();
	second = leat_io_timeout(take(), 10);
	world_pass(&w, 10);
	expect_settled(second, LEAT_TIMEOUT);
	leat_io_cancel(first);
	put_now("a");
	take_now(&w);
	tape_expect("a");
	close_queue(&w);
}
END_TEST

START_TEST(a_put_that_is_cancelled_is_withdrawn)
{
	struct world w;
	leat_io *ios[3];

	open_queue(&w, 1);
	put_now("a");
	ios[0] = put("b");
	ios[1] = put("c");
	ios[2] = put("d");
	leat_io_cancel(ios[_i]);
	ck_assert_msg(tape_text[0] == '~' && tape_text[1] == "bcd"[_i], "%s", tape_text);
	tape_clear();
	for (int i = 0; i < 3; i++)
		take_now(&w);
	tape_expect(((const char *[]){ "a c d", "a b d", "a b c" })[_i]);
	for (int i = 0; i < 3; i++)
		if (i != _i)
			expect_ok(settled(ios[i]));
	close_queue(&w);
}
END_TEST

START_TEST(a_put_that_has_settled_stays)
{
	struct world w;

	open_queue(&w, 1);
	leat_io_cancel(leat_io_then(put("a"), never, leat_ctx_none()));
	take_now(&w);
	tape_expect("a");
	close_queue(&w);
}
END_TEST

START_TEST(what_came_back_does_not_let_others_in)
{
	struct world w;
	leat_io *taken, *io;

	open_queue(&w, 1);
	put_now("a");
	taken = leat_queue_take(queue);
	put_now("b");
	leat_io_cancel(taken); /* now two are in */
	io = put("c");
	take_now(&w);
	expect_true(is_pending(io));
	take_now(&w);
	expect_ok(settled(io));
	take_now(&w);
	tape_expect("a b c");
	close_queue(&w);
}
END_TEST

/* ---- the end ---- */

START_TEST(after_close_what_is_left_comes_and_then_the_end)
{
	struct world w;
	leat_io *io;

	open_queue(&w, 1);
	put_now("a");
	io = put("b");
	leat_queue_close(queue);
	leat_queue_close(queue);
	expect_settled(put("c"), LEAT_CLOSED);
	tape_expect("~c");
	for (int i = 0; i < 4; i++)
		take_now(&w);
	tape_expect("a b end end");
	expect_ok(settled(io));
	close_queue(&w);
}
END_TEST

START_TEST(who_waits_sees_the_end_at_close)
{
	struct world w;
	leat_io *first, *second;

	open_queue(&w, 1);
	first = take();
	second = take();
	leat_queue_close(queue);
	world_run(&w);
	tape_expect("end end");
	expect_ok(settled(first));
	expect_ok(settled(second));
	close_queue(&w);
}
END_TEST

START_TEST(the_end_comes_after_every_value_was_delivered)
{
	struct world w;
	leat_io *first, *second;

	open_queue(&w, 1);
	put_now("a");
	first = leat_queue_take(queue);
	second = take();
	leat_queue_close(queue);
	world_run(&w);
	expect_true(is_pending(second));
	if (_i == 0) { /* delivered */
		leat_result result;

		expect_true(leat_io_try(first, &result));
		leat_result_clear(&result);
		world_run(&w);
		tape_expect("~a end");
	} else { /* back */
		leat_io_cancel(first);
		world_run(&w);
		tape_expect("a");
	}
	expect_ok(settled(second));
	take_now(&w);
	tape_expect("end");
	close_queue(&w);
}
END_TEST

START_TEST(the_end_is_null_whatever_it_is_asked_for_as)
{
	struct world w;
	leat_error why;
	leat_io *io, *second;

	open_queue(&w, 1);
	leat_queue_close(queue);
	expect_null(leat_await_buf(leat_queue_take(queue), &why));
	expect_ok(why);
	io = leat_io_fork(leat_queue_take(queue), &second);
	expect_null(leat_await_buf(io, &why));
	expect_ok(why);
	expect_null(leat_await_buf(second, &why));
	expect_ok(why);
	close_queue(&w);
}
END_TEST

START_TEST(bufs_may_be_queued)
{
	struct world w;
	leat_buf *buf;

	open_queue(&w, 1);
	expect_ok(settled(leat_queue_put(queue, leat_buf_copy(w.loop, "hay", 3), &leat_buf_type)));
	buf = leat_await_buf(leat_queue_take(queue), NULL);
	expect_bytes(leat_buf_data(buf), leat_buf_size(buf), "hay");
	leat_buf_unref(buf);
	expect_ok(settled(leat_queue_put(queue, leat_buf_copy(w.loop, "straw", 5), &leat_buf_type)));
	close_queue(&w);
}
END_TEST

START_TEST(freed_it_destroys_what_nobody_took)
{
	struct world w;
	leat_io *waits;

	open_queue(&w, 2);
	put_now("a");
	put_now("b");
	waits = put("c");
	leat_queue_free(queue);
	queue = NULL;
	expect_settled(waits, LEAT_CLOSED);
	tape_expect("~c ~a ~b");
	close_queue(&w);
}
END_TEST

START_TEST(freed_while_waited_for_the_takes_fail)
{
	struct world w;
	leat_io *io;

	open_queue(&w, 1);
	io = leat_queue_take(queue);
	leat_queue_free(queue);
	queue = NULL;
	expect_settled(io, LEAT_CLOSED);
	close_queue(&w);
}
END_TEST

START_TEST(a_value_on_its_way_outlives_it)
{
	struct world w;
	leat_io *first, *second;

	open_queue(&w, 2);
	put_now("a");
	put_now("b");
	first = leat_queue_take(queue);
	second = take();
	leat_queue_free(queue);
	queue = NULL;
	leat_io_cancel(first);
	tape_expect("~a");
	world_run(&w);
	tape_expect("b");
	expect_ok(settled(second));
	close_queue(&w);
}
END_TEST

static void free_queue(void *value)
{
	leat_queue_free(queue);
	queue = NULL;
	thing_destroy(value);
}

static const leat_type freeing_type = { .size = sizeof freeing_type, .name = "one that frees", .destroy = free_queue };

START_TEST(a_value_that_goes_may_free_it)
{
	struct world w;
	leat_io *io;

	open_queue(&w, 2);
	if (_i == 0) { /* withdrawn */
		put_now("a");
		put_now("b");
		leat_io_cancel(leat_queue_put(queue, thing("c"), &freeing_type));
		tape_expect("~a ~b ~c");
	} else if (_i == 1) { /* unwanted */
		leat_queue_close(queue);
		expect_settled(leat_queue_put(queue, thing("c"), &freeing_type), LEAT_CLOSED);
		tape_expect("~c");
	} else { /* delivered, and dropped */
		put_now("a");
		io = leat_queue_take(queue);
		leat_io_detach(io);
		io = leat_queue_take(queue);
		expect_ok(settled(leat_queue_put(queue, thing("c"), &freeing_type)));
		leat_io_detach(io);
		put_now("d");
		world_run(&w);
		tape_expect("~a ~d ~c");
	}
	expect_null(queue);
	close_queue(&w);
}
END_TEST

static leat_io *free_then_sleep(void *ctx, leat_result *result)
{
	leat_queue_free(queue);
	queue = NULL;
	return say_value(ctx, result);
}

START_TEST(it_may_be_freed_by_who_took)
{
	struct world w;
	leat_io *io, *other;

	open_queue(&w, 2);
	io = leat_io_then(leat_queue_take(queue), free_then_sleep, leat_ctx_none());
	other = leat_queue_take(queue);
	put_now("a");
	world_run(&w);
	tape_expect("a");
	expect_ok(settled(io));
	expect_settled(other, LEAT_CLOSED);
	close_queue(&w);
}
END_TEST

START_TEST(after_its_loop_it_is_a_shell)
{
	struct world w;

	tape_clear();
	world_open(&w);
	queue = leat_queue_new(w.loop, 1);
	put_now("a");
	leat_io_detach(leat_io_catch(put("b"), leat_match_all(), say_kind, leat_ctx_none()));
	leat_loop_free(w.loop);
	tape_expect("~b ~a closed");
	ck_assert_ptr_nonnull(strstr(w.report, "a queue made at"));
	expect_settled(leat_queue_take(queue), LEAT_CLOSED);
	expect_settled(put("c"), LEAT_CLOSED);
	tape_expect("~c");
	leat_queue_close(queue);
	leat_queue_free(queue);
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

START_TEST(when_all_wait_on_an_empty_one_it_is_a_deadlock)
{
	struct world w;
	leat_result result;
	leat_io *ios[2];

	open_queue(&w, 1);
	ios[0] = take();
	ios[1] = take();
	expect_false(leat_await(leat_io_race(w.loop, ios, 2), &result));
	expect_kind(leat_result_error(&result), LEAT_DEADLOCK);
	expect_true(w.reports > 0);
	w.reports = 0;
	close_queue(&w);
}
END_TEST

/* ---- fibers ---- */

static leat_io *produce(void *words, leat_loop *loop)
{
	(void)loop;
	for (const char *word = words; *word; word++)
		if (!leat_await(put((char[]){ *word, 0 }), NULL))
			return NULL;
	leat_queue_close(queue);
	return NULL;
}

static leat_io *consume(void *ctx, leat_loop *loop)
{
	(void)ctx;
	(void)loop;
	for (;;) {
		leat_result result;
		char *value = NULL;

		if (leat_await(leat_queue_take(queue), &result))
			value = leat_result_ptr(&result, &thing_type);
		if (!value)
			break;
		tape_add(value);
		thing_take(value);
	}
	return NULL;
}

START_TEST(fibers_put_and_take)
{
	struct world w;
	leat_io *ios[2];

	open_queue(&w, (size_t)_i);
	ios[0] = leat_fiber(w.loop, produce, word("abcdefg"));
	ios[1] = leat_fiber(w.loop, consume, leat_ctx_none());
	world_run(&w);
	tape_expect("a b c d e f g");
	expect_ok(settled(ios[0]));
	expect_ok(settled(ios[1]));
	close_queue(&w);
}
END_TEST

START_TEST(a_cancelled_fiber_takes_no_value_along)
{
	struct world w;
	leat_io *io;

	open_queue(&w, 1);
	io = leat_fiber(w.loop, consume, leat_ctx_none());
	world_run(&w);
	put_now("a"); /* on its way to the fiber */
	leat_io_cancel(io);
	world_run(&w);
	tape_expect("");
	take_now(&w);
	tape_expect("a");
	close_queue(&w);
}
END_TEST

/* ---- sweeps ---- */

static int left_to_put;

static leat_io *more(void *ctx, leat_result *result)
{
	(void)ctx;
	thing_moment();
	return leat_io_int(leat_result_loop(result), 1);
}

static leat_io *put_one(void *ctx, leat_result *result)
{
	if (left_to_put-- > 0)
		return leat_io_then(put("v"), more, leat_ctx_borrow(ctx));
	leat_queue_close(queue);
	return leat_result_pass(result);
}

static leat_io *put_step(void *ctx, leat_result *result)
{
	leat_loop *loop = leat_result_loop(result);

	return leat_io_then(leat_sleep(loop, 0), put_one, leat_ctx_borrow(ctx));
}

static leat_io *eat(void *ctx, leat_result *result)
{
	leat_loop *loop = leat_result_loop(result);
	bool end = !leat_result_peek(result);

	say_value(ctx, result);
	return leat_io_int(loop, !end);
}

static leat_io *take_step(void *ctx, leat_result *result)
{
	(void)result;
	return leat_io_then(leat_queue_take(queue), eat, leat_ctx_borrow(ctx));
}

static leat_io *many_puts(struct world *w)
{
	leat_io *ios[6];

	for (int i = 0; i < 6; i++)
		ios[i] = leat_io_then(put("v"), say_done, thing_owned("p"));
	return leat_io_then(leat_io_settle(w->loop, ios, 6), say_done, thing_owned("c"));
}

static leat_io *start_stream(struct world *w)
{
	leat_io *ios[3];

	queue = leat_queue_new(w->loop, 2);
	ios[0] = many_puts(w);
	ios[1] = leat_io_repeat(w->loop, take_step, thing_owned("t"));
	ios[2] = leat_io_timeout(leat_io_repeat(w->loop, take_step, thing_owned("u")), 5);
	return leat_io_then(leat_io_settle(w->loop, ios, 3), say_done, thing_owned("d"));
}

static bool play_stream(struct world *w, size_t n)
{
	if (n == 0)
		leat_queue_close(queue);
	w->now_ns += 10 * 1000000;
	if (n == 1)
		leat_queue_free(queue);
	return n <= 1;
}

START_TEST(cancelled_at_any_point_each_value_went_once)
{
	sweep(&(struct sweep_program){ "leat_queue_put leat_queue_take: a stream", start_stream, play_stream, NULL });
}
END_TEST

/* A taker is cancelled at each point; another gets every value. */
static leat_io *start_taker(struct world *w)
{
	queue = leat_queue_new(w->loop, 2);
	put_now("1");
	put_now("2");
	leat_io_detach(put("3"));
	return leat_io_repeat(w->loop, take_step, thing_owned("t"));
}

static bool play_taker(struct world *w, size_t n)
{
	if (n == 0)
		leat_queue_close(queue);
	if (n == 1)
		leat_io_detach(leat_io_repeat(w->loop, take_step, leat_ctx_none()));
	if (n == 2)
		leat_queue_free(queue);
	return n <= 2;
}

static void all_three_in_order(void)
{
	const char *one = strstr(tape_text, "1"), *two = strstr(tape_text, "2"), *three = strstr(tape_text, "3");

	ck_assert_msg(one && two && three && one < two && two < three, "%s", tape_text);
	ck_assert_msg(!strchr(three + 1, '3'), "%s", tape_text);
}

START_TEST(whenever_the_taker_is_cancelled_the_next_goes_on)
{
	sweep(&(struct sweep_program){ "leat_queue_take: another goes on", start_taker, play_taker, all_three_in_order });
}
END_TEST

static void stream(struct world *w)
{
	leat_io *io = start_stream(w);

	world_pass(w, 1);
	leat_queue_close(queue);
	world_pass(w, 10);
	settled(io);
	leat_queue_free(queue);
}

static void produce_and_consume(struct world *w)
{
	leat_io *ios[2];

	left_to_put = 4;
	queue = leat_queue_new(w->loop, 1);
	ios[0] = leat_io_repeat(w->loop, put_step, leat_ctx_none());
	ios[1] = leat_io_repeat(w->loop, take_step, leat_ctx_none());
	world_run(w);
	for (int i = 0; i < 2; i++)
		leat_io_cancel(ios[i]);
	leat_queue_free(queue);
}

static void (*const scenarios[])(struct world *w) = { stream, produce_and_consume };

START_TEST(any_allocation_may_fail)
{
	starve(scenarios[_i]);
}
END_TEST

SUITE("queue",
	values_come_in_the_order_they_were_put,
	who_puts_into_a_full_one_waits_for_room,
	who_takes_waits_for_a_value_in_line,
	with_a_limit_of_0_a_put_waits_for_its_take,
	try_put_takes_only_where_there_is_room,
	nothing_is_not_a_value,
	EACH(a_take_that_is_cancelled_loses_no_value, 2),
	a_value_that_comes_back_goes_to_who_waits_for_one,
	a_take_that_was_waiting_leaves_the_line,
	EACH(a_put_that_is_cancelled_is_withdrawn, 3),
	a_put_that_has_settled_stays,
	what_came_back_does_not_let_others_in,
	after_close_what_is_left_comes_and_then_the_end,
	who_waits_sees_the_end_at_close,
	EACH(the_end_comes_after_every_value_was_delivered, 2),
	the_end_is_null_whatever_it_is_asked_for_as,
	bufs_may_be_queued,
	freed_it_destroys_what_nobody_took,
	freed_while_waited_for_the_takes_fail,
	a_value_on_its_way_outlives_it,
	EACH(a_value_that_goes_may_free_it, 3),
	it_may_be_freed_by_who_took,
	after_its_loop_it_is_a_shell,
	when_all_wait_on_an_empty_one_it_is_a_deadlock,
	EACH(fibers_put_and_take, 3),
	a_cancelled_fiber_takes_no_value_along,
	cancelled_at_any_point_each_value_went_once,
	whenever_the_taker_is_cancelled_the_next_goes_on,
	EACH(any_allocation_may_fail, sizeof scenarios / sizeof *scenarios))

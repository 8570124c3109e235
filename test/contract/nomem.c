/* SPDX-License-Identifier: ISC */
/* nomem - each allocation of each combinator failing in turn
 *
 * Whatever fails, the program gets its answer or NOMEM; contexts and values go once,
 * nothing is left.
 */
#include <signal.h>

#include <leat/buf.h>
#include <leat/child.h>
#include <leat/fiber.h>
#include <leat/flow.h>
#include <leat/mutex.h>
#include <leat/net.h>
#include <leat/queue.h>
#include <leat/signal.h>

#include "support/starve.h"
#include "support/suite.h"

static leat_io *pass(void *ctx, leat_result *result)
{
	(void)ctx;
	return leat_result_pass(result);
}

static leat_io *take(void *ctx, leat_result *result)
{
	thing_take(ctx);
	return leat_result_pass(result);
}

static leat_io *chain(void *ctx, leat_result *result)
{
	(void)ctx;
	return leat_io_then(leat_sleep(leat_result_loop(result), 0), pass, thing_owned("inner"));
}

/* Runs it to its end: a success or NOMEM. */
static void ends_well(struct world *w, leat_io *io)
{
	leat_error error;

	world_pass(w, 1000);
	error = settled(io);
	ck_assert_msg(!leat_error_set(error) || leat_error_is(error, LEAT_NOMEM), "it failed with %s",
		leat_kind_name(leat_error_kind(error)));
}

static void with_maker(struct world *w)
{
	static const leat_leaf leaf = { .size = sizeof leaf, .name = "far", .state_bytes = 100 };
	leat_maker maker;
	void *state;
	leat_io *io = leat_io_new(w->loop, &maker, &leaf, &state);

	if (state)
		memset(state, 1, 100);
	leat_resolve_ptr(maker, thing("v"), &thing_type);
	ends_well(w, io);
}

static void with_values(struct world *w)
{
	ends_well(w, leat_io_done(w->loop));
	ends_well(w, leat_io_int(w->loop, 1));
	ends_well(w, leat_io_ptr(w->loop, thing("v"), &thing_type));
	ends_well(w, leat_io_buf(w->loop, leat_buf_copy(w->loop, "hay", 3)));
}

static void with_then(struct world *w)
{
	leat_io *io = leat_io_then(leat_io_ptr(w->loop, thing("v"), &thing_type), pass, thing_owned("a"));

	io = leat_io_then(io, chain, thing_owned("b"));
	ends_well(w, leat_io_then(io, take, thing_moved("c")));
}

static void with_catch(struct world *w)
{
	leat_io *io = leat_io_catch(leat_io_done(w->loop), leat_match_kind(LEAT_RESET), pass, thing_owned("a"));

	io = leat_io_branch(io, chain, pass, thing_owned("b"));
	ends_well(w, leat_io_finally(io, chain, thing_owned("c")));
}

static leat_io *twice(void *count, leat_result *result)
{
	int *n = count;

	return leat_io_int(leat_result_loop(result), (*n)++ < 2);
}

static void with_repeat(struct world *w)
{
	int n = 0;

	ends_well(w, leat_io_repeat(w->loop, twice, leat_ctx_borrow(&n)));
	ends_well(w, leat_io_repeat(w->loop, chain, thing_owned("a")));
}

static void with_fork(struct world *w)
{
	leat_io *io, *other;

	io = leat_io_ptr(w->loop, thing("v"), &thing_type);
	io = leat_io_fork(leat_io_then(io, pass, thing_owned("a")), &other);
	ends_well(w, leat_io_then(io, pass, thing_owned("b")));
	ends_well(w, leat_io_then(other, pass, thing_owned("c")));
}

typedef leat_io *(*many_call)(leat_loop *, leat_io *const *, size_t, const char *);

static void with_many(struct world *w, many_call call)
{
	leat_io *ios[3];

	ios[0] = leat_io_then(leat_io_done(w->loop), chain, thing_owned("a"));
	ios[1] = leat_io_ptr(w->loop, thing("v"), &thing_type);
	ios[2] = leat_sleep(w->loop, 0);
	ends_well(w, leat_io_then(call(w->loop, ios, 3, LEAT_HERE), pass, thing_owned("b")));
}

static void with_all(struct world *w)
{
	with_many(w, leat_io_all_at);
}

static void with_any(struct world *w)
{
	with_many(w, leat_io_any_at);
}

static void with_race(struct world *w)
{
	with_many(w, leat_io_race_at);
}

static void with_settle(struct world *w)
{
	with_many(w, leat_io_settle_at);
}

static void with_time(struct world *w)
{
	leat_io *ios[40];

	for (int i = 0; i < 40; i++)
		ios[i] = leat_io_timeout(leat_sleep(w->loop, 40 - i), 100);
	for (int i = 0; i < 40; i++)
		ends_well(w, leat_io_then(ios[i], pass, thing_owned("a")));
}

/* An await needs none: it always tells. */
static void with_await(struct world *w)
{
	leat_result result;
	leat_io *io = leat_io_then(leat_io_int(w->loop, 5), pass, thing_owned("a"));

	if (leat_await(leat_io_then(io, pass, thing_owned("b")), &result))
		expect_int(leat_result_int(&result), 5);
	else
		expect_kind(leat_result_error(&result), LEAT_NOMEM);
	leat_result_clear(&result);
}

/* What is detached without memory is unhandled, and told. */
static void with_detach(struct world *w)
{
	leat_io *io = leat_io_done(w->loop);
	unsigned failures = w->oom.failed;

	leat_io_detach(leat_io_then(io, pass, thing_owned("a")));
	world_run(w);
	failures = w->oom.failed - failures;
	expect_size(w->unhandled, failures);
	if (failures)
		expect_kind(w->last.error, LEAT_NOMEM);
	w->unhandled = 0;
}

static leat_io *straight_down(void *ctx, leat_loop *loop)
{
	leat_result result;

	(void)ctx;
	leat_await(leat_io_then(leat_sleep(loop, 0), pass, thing_owned("a")), NULL);
	leat_fiber_yield(loop);
	leat_await(leat_io_then(leat_io_ptr(loop, thing("v"), &thing_type), pass, thing_owned("b")), &result);
	if (leat_error_set(leat_result_error(&result)))
		return leat_io_fail(loop, leat_result_error(&result));
	leat_result_clear(&result);
	return leat_io_then(leat_sleep(loop, 0), pass, thing_owned("c"));
}

static void with_fiber(struct world *w)
{
	leat_io *ios[6];

	for (int i = 0; i < 6; i++)
		ios[i] = leat_fiber(w->loop, straight_down, thing_owned("d"));
	for (int i = 0; i < 6; i++)
		ends_well(w, leat_io_then(ios[i], pass, thing_owned("e")));
}

static leat_io *wait_for_ever(void *ctx, leat_loop *loop)
{
	leat_maker maker;

	(void)ctx;
	leat_await(pending(loop, &maker), NULL);
	return NULL;
}

/* Cancelled in any case. */
static void with_cancel_wait(struct world *w)
{
	leat_io *io = leat_io_then(leat_fiber(w->loop, wait_for_ever, thing_owned("a")), pass, thing_owned("b"));

	world_run(w);
	io = leat_io_cancel_wait(io);
	world_run(w);
	expect_no_things();
	ends_well(w, io);
}

static void (*const scenarios[])(struct world *w) = {
	with_maker, with_values, with_then, with_catch, with_repeat, with_fork, with_all,
	with_any, with_race, with_settle, with_time, with_await, with_detach,
	with_fiber, with_cancel_wait,
};

START_TEST(without_memory_there_is_an_answer_and_nothing_is_left)
{
	starve(scenarios[_i]);
}
END_TEST

/* ---- what was made without memory outlives its loop as any other ---- */

#define WITHOUT_MEMORY(w, make) ((w)->oom.fail_at = (w)->oom.calls + 1, (make))

START_TEST(what_was_made_without_memory_outlives_its_loop)
{
	static const char *const argv[] = { "true", NULL };
	struct world w;
	leat_flow *flows[2], *in;
	leat_listener *listeners[2];
	leat_mutex *mutex;
	leat_queue *queue;
	leat_child *child;
	leat_signals *signals;

	world_open(&w);
	for (int i = 0; i < 2; i++) {
		flows[i] = WITHOUT_MEMORY(&w, leat_flow_null(w.loop));
		listeners[i] = WITHOUT_MEMORY(&w, leat_listen(w.loop, "unix:@leat-nomem", NULL));
	}
	mutex = WITHOUT_MEMORY(&w, leat_mutex_new(w.loop));
	queue = WITHOUT_MEMORY(&w, leat_queue_new(w.loop, 1));
	child = WITHOUT_MEMORY(&w, leat_child_new(w.loop, argv, NULL));
	signals = WITHOUT_MEMORY(&w, leat_signals_new(w.loop, SIGUSR1));
	in = leat_child_in(child);
	w.oom.fail_at = 0;
	leat_loop_free(w.loop);
	for (int i = 0; i < 2; i++) {
		expect_kind(settled(leat_flow_read(flows[i])), LEAT_NOMEM);
		leat_flow_unref(flows[i]);
		leat_listener_unref(listeners[i]);
	}
	expect_kind(settled(leat_flow_read(in)), LEAT_NOMEM);
	leat_mutex_free(mutex);
	leat_queue_free(queue);
	leat_child_unref(child);
	leat_signals_free(signals);
	event_base_free(w.base);
	expect_size(w.oom.live, 0);
}
END_TEST

SUITE("nomem", EACH(without_memory_there_is_an_answer_and_nothing_is_left, sizeof scenarios / sizeof *scenarios),
	what_was_made_without_memory_outlives_its_loop)

/* SPDX-License-Identifier: ISC */
/* keep - what a layer has asked of the flow below is held by its own guard */
#include <leat/buf.h>
#include <leat/dump.h>
#include <leat/flow.h>
#include <leat/flow_ops.h>

#include "support/suite.h"
#include "support/tape.h"
#include "support/world.h"

/* ---- a layer that says when it ends, and ios whose end is seen ---- */

static void layer_read(leat_flow *self, void *state) {}
static void layer_write(leat_flow *self, void *state, leat_bufs *queue) {}
static void layer_close(leat_flow *self, void *state) { tape_add("close"); }
static void layer_abort(leat_flow *self, void *state) { tape_add("abort"); }
static void layer_destroy(void *state) { tape_add("destroy"); }

static const leat_flow_ops layer_ops = {
	.size = sizeof(leat_flow_ops),
	.name = "layer",
	.read = layer_read,
	.write = layer_write,
	.close = layer_close,
	.abort = layer_abort,
	.destroy = layer_destroy,
};

static struct world w;
static leat_flow *flow;

static void open_layer(void)
{
	void *state;

	tape_clear();
	world_open(&w);
	flow = leat_flow_new(w.loop, &layer_ops, &state);
}

static void on_cancel(void *state)
{
	tape_add(*(const char **)state);
}

static const leat_leaf leaf = {
	.size = sizeof(leat_leaf), .name = "work", .state_bytes = sizeof(const char *), .cancel = on_cancel
};

/* Pending work; says its name when it is cancelled. */
static leat_io *work(leat_maker *maker, const char *name)
{
	void *state;
	leat_io *io = leat_io_new(w.loop, maker, &leaf, &state);

	*(const char **)state = name;
	return io;
}

static void expect_fails(leat_io *io, leat_kind kind)
{
	leat_result result;

	world_run(&w);
	expect_true(leat_io_try(io, &result));
	expect_kind(leat_result_error(&result), kind);
	leat_result_clear(&result);
}

static leat_error garbled(void)
{
	return leat_error_core(LEAT_PROTOCOL);
}

static void abort_and_close_world(void)
{
	leat_flow_unref(flow);
	world_run(&w);
	tape_clear();
	world_close(&w);
}

START_TEST(an_abort_cancels_what_is_kept_newest_first_and_before_the_op)
{
	leat_maker maker;

	open_layer();
	leat_flow_keep(flow, LEAT_READ, work(&maker, "first"));
	leat_flow_keep(flow, LEAT_WRITE, work(&maker, "second"));
	leat_flow_unref(flow);
	tape_expect("second first abort destroy");
	world_close(&w);
}
END_TEST

START_TEST(a_close_in_order_cancels_what_is_kept_before_the_op)
{
	leat_maker maker;

	open_layer();
	leat_flow_keep(flow, LEAT_BOTH, work(&maker, "work"));
	leat_flow_give_end(flow);
	leat_io_detach(leat_flow_close(flow));
	leat_flow_unref(flow);
	world_run(&w);
	tape_expect("work close destroy");
	world_close(&w);
}
END_TEST

START_TEST(a_failure_fails_its_direction_alone)
{
	leat_maker maker;

	open_layer();
	leat_flow_keep(flow, LEAT_READ, work(&maker, "work"));
	leat_reject(maker, garbled());
	expect_fails(leat_flow_read(flow), LEAT_PROTOCOL);
	leat_io_detach(leat_flow_write(flow, "fine", 4));
	leat_flow_keep(flow, LEAT_WRITE, leat_io_fail(w.loop, leat_error_core(LEAT_TIMEOUT)));
	world_run(&w);
	expect_fails(leat_flow_write(flow, "late", 4), LEAT_TIMEOUT);
	expect_fails(leat_flow_read(flow), LEAT_PROTOCOL);
	abort_and_close_world();
}
END_TEST

START_TEST(a_failure_of_both_fails_both)
{
	open_layer();
	leat_flow_keep(flow, LEAT_BOTH, leat_io_fail(w.loop, garbled()));
	expect_fails(leat_flow_read(flow), LEAT_PROTOCOL);
	expect_fails(leat_flow_write(flow, "late", 4), LEAT_PROTOCOL);
	abort_and_close_world();
}
END_TEST

START_TEST(cancelled_is_no_failure)
{
	leat_io *reading;
	leat_result result;

	open_layer();
	reading = leat_flow_read(flow);
	leat_flow_keep(flow, LEAT_BOTH, leat_io_fail(w.loop, leat_error_core(LEAT_CANCELLED)));
	world_run(&w);
	expect_false(leat_io_try(reading, &result));
	leat_io_cancel(reading);
	abort_and_close_world();
}
END_TEST

static void say(void *word)
{
	tape_add(word);
}

static const leat_type word_type = { .size = sizeof(leat_type), .name = "word", .destroy = say };

START_TEST(a_value_is_destroyed)
{
	char value[] = "value";

	open_layer();
	leat_flow_keep(flow, LEAT_READ, leat_io_ptr(w.loop, value, &word_type));
	world_run(&w);
	tape_expect("value");
	abort_and_close_world();
}
END_TEST

START_TEST(after_the_end_it_is_cancelled_at_once)
{
	leat_maker maker;

	open_layer();
	leat_flow_ref(flow);
	leat_flow_abort(flow);
	leat_flow_keep(flow, LEAT_READ, work(&maker, "late"));
	tape_expect("abort late");
	leat_flow_unref(flow);
	abort_and_close_world();
}
END_TEST

static leat_io *abort_it(void *ctx, leat_result *result)
{
	leat_maker maker;

	leat_flow_abort(flow);
	tape_add("aborted");
	return work(&maker, "inner");
}

START_TEST(the_callback_of_a_kept_one_may_end_the_flow)
{
	leat_maker maker;
	char ctx[] = "ctx";

	open_layer();
	leat_flow_keep(flow, LEAT_READ, work(&maker, "other"));
	leat_flow_keep(flow, LEAT_READ, leat_io_then(leat_io_done(w.loop), abort_it, leat_ctx_own(ctx, say)));
	world_run(&w);
	tape_expect("other abort aborted inner ctx");
	abort_and_close_world();
}
END_TEST

START_TEST(a_flow_that_a_layer_took_goes_on_keeping)
{
	leat_maker maker, later;
	leat_flow *self;

	open_layer();
	self = flow;
	leat_flow_keep(self, LEAT_READ, work(&maker, "before"));
	flow = leat_flow_take(flow);
	leat_flow_keep(self, LEAT_READ, work(&later, "after"));
	leat_reject(later, garbled());
	expect_fails(leat_flow_read(flow), LEAT_PROTOCOL);
	leat_flow_unref(flow);
	tape_expect("before abort destroy");
	world_close(&w);
}
END_TEST

START_TEST(the_end_of_the_loop_ends_what_is_kept_once)
{
	leat_maker maker;

	open_layer();
	leat_flow_keep(flow, LEAT_READ, work(&maker, "work"));
	leat_loop_free(w.loop);
	leat_flow_unref(flow);
	tape_expect("work abort destroy");
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

START_TEST(a_dump_says_for_which_flow_it_is_kept)
{
	leat_maker maker;
	char text[512];

	open_layer();
	leat_flow_keep(flow, LEAT_READ, work(&maker, "work"));
	leat_dump_text(w.loop, text, sizeof text, NULL);
	ck_assert_msg(strstr(text, "kept") && strstr(text, "layer"), "it says: %s", text);
	abort_and_close_world();
}
END_TEST

START_TEST(without_memory_to_hold_it_its_direction_fails)
{
	leat_maker maker;
	leat_io *io;

	open_layer();
	io = work(&maker, "work");
	w.oom.fail_at = w.oom.calls + 1;
	leat_flow_keep(flow, LEAT_READ, io);
	w.oom.fail_at = 0;
	tape_expect("work");
	expect_fails(leat_flow_read(flow), LEAT_NOMEM);
	abort_and_close_world();
}
END_TEST

SUITE("keep",
	an_abort_cancels_what_is_kept_newest_first_and_before_the_op,
	a_close_in_order_cancels_what_is_kept_before_the_op,
	a_failure_fails_its_direction_alone,
	a_failure_of_both_fails_both,
	cancelled_is_no_failure,
	a_value_is_destroyed,
	after_the_end_it_is_cancelled_at_once,
	the_callback_of_a_kept_one_may_end_the_flow,
	a_flow_that_a_layer_took_goes_on_keeping,
	the_end_of_the_loop_ends_what_is_kept_once,
	a_dump_says_for_which_flow_it_is_kept,
	without_memory_to_hold_it_its_direction_fails)

/* SPDX-License-Identifier: ISC */
/* drain - the graceful end of a loop: flows may finish, within a time */
#include <leat/flow.h>

#include "support/suite.h"
#include "support/world.h"

START_TEST(a_loop_without_flows_is_drained)
{
	struct world w;
	leat_result result;

	world_open(&w);
	expect_true(leat_await(leat_loop_drain(w.loop, 1000), &result));
	expect_int(leat_result_int(&result), 0);
	world_close(&w);
}
END_TEST

START_TEST(it_waits_for_the_last_flow)
{
	struct world w;
	leat_flow *ends[2];
	leat_io *drain;
	leat_result result;

	world_open(&w);
	leat_flow_pair(w.loop, ends);
	drain = leat_loop_drain(w.loop, -1);
	leat_flow_abort(ends[0]);
	world_run(&w);
	expect_false(leat_io_try(drain, &result));
	leat_flow_abort(ends[1]);
	expect_true(leat_await(drain, &result));
	expect_int(leat_result_int(&result), 0);
	leat_flow_unref(ends[0]);
	leat_flow_unref(ends[1]);
	world_close(&w);
}
END_TEST

START_TEST(when_the_time_is_up_the_rest_is_aborted_and_counted)
{
	struct world w;
	leat_flow *ends[2];
	leat_io *drain, *read;
	leat_result result;

	world_open(&w);
	leat_flow_pair(w.loop, ends);
	read = leat_flow_read(ends[0]);
	drain = leat_loop_drain(w.loop, 500);
	world_pass(&w, 500);
	expect_true(leat_await(drain, &result));
	expect_int(leat_result_int(&result), 2);
	expect_false(leat_await(read, &result));
	expect_true(leat_error_is(leat_result_error(&result), LEAT_RESET)); /* the newest goes first: its peer */
	leat_flow_unref(ends[0]);
	leat_flow_unref(ends[1]);
	world_close(&w);
}
END_TEST

START_TEST(cancelling_it_leaves_the_flows_alone)
{
	struct world w;
	leat_flow *ends[2];

	world_open(&w);
	leat_flow_pair(w.loop, ends);
	leat_io_cancel(leat_loop_drain(w.loop, 500));
	world_pass(&w, 500);
	expect_true(leat_await(leat_flow_write(ends[0], "x", 1), NULL));
	leat_flow_unref(ends[0]);
	leat_flow_unref(ends[1]);
	world_close(&w);
}
END_TEST

SUITE("drain", a_loop_without_flows_is_drained, it_waits_for_the_last_flow,
      when_the_time_is_up_the_rest_is_aborted_and_counted, cancelling_it_leaves_the_flows_alone)

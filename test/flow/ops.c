/* SPDX-License-Identifier: ISC */
/* ops - a table of one's own: short ones, and what may be missing */
#include <stddef.h>

#include <leat/buf.h>
#include <leat/flow_ops.h>
#include <leat/listener.h>

#include "support/dies.h"
#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

static void give_one(leat_flow *self, void *state)
{
	int *given = state;

	if ((*given)++)
		leat_flow_give_end(self);
	else
		leat_flow_give(self, leat_buf_copy(leat_flow_loop(self), "x", 1));
}

static void drop_all(leat_flow *self, void *state, leat_bufs *queue)
{
	(void)self;
	(void)state;
	leat_bufs_drop(queue, leat_bufs_size(queue));
}

static void must_not_run(leat_flow *self, void *state)
{
	(void)self;
	(void)state;
	ck_abort_msg("an op that the table has no room for");
}

static void must_not_end(void *state)
{
	must_not_run(NULL, state);
}

static void must_not_tell(leat_flow *self, void *state, leat_flow_info *info)
{
	(void)info;
	must_not_run(self, state);
}

/* Reads, writes, closes; asks for info; ends it one way or the other. */
static void live(const leat_flow_ops *ops, bool in_order)
{
	leat_flow_info info = { .size = sizeof info };
	struct world w;
	leat_flow *flow;
	void *state;
	leat_buf *buf;

	world_open(&w);
	flow = leat_flow_new(w.loop, ops, &state);
	buf = leat_await_buf(leat_flow_read(flow), NULL);
	expect_size(leat_buf_size(buf), 1);
	leat_buf_unref(buf);
	expect_true(leat_await(leat_flow_write(flow, "abc", 3), NULL));
	expect_true(leat_await(leat_flow_flush(flow), NULL));
	leat_flow_info_get(flow, &info);
	expect_size(info.written_bytes, 3);
	if (in_order)
		expect_true(leat_await(leat_flow_close(flow), NULL));
	else
		leat_flow_abort(flow);
	leat_flow_unref(flow);
	world_close(&w);
}

START_TEST(reading_and_writing_is_all_that_it_takes)
{
	static const leat_flow_ops ops = { .size = sizeof ops, .name = "least", .state_bytes = sizeof(int),
		.read = give_one, .write = drop_all };

	live(&ops, _i);
}
END_TEST

START_TEST(what_a_short_table_has_no_room_for_is_not_there)
{
	static const leat_flow_ops ops = { .size = offsetof(leat_flow_ops, flush), .name = "short",
		.state_bytes = sizeof(int), .read = give_one, .write = drop_all, .flush = must_not_run,
		.shutdown = must_not_run, .close = must_not_run, .abort = must_not_run,
		.destroy = must_not_end, .info = must_not_tell };

	live(&ops, _i);
}
END_TEST

static void never_accept(leat_listener *self, void *state)
{
	(void)self;
	(void)state;
}

static void must_not_pause(leat_listener *self, void *state)
{
	(void)self;
	must_not_run(NULL, state);
}

static void must_not_say(const leat_listener *self, const void *state, leat_addr *addr)
{
	(void)self;
	(void)state;
	(void)addr;
	ck_abort_msg("an op that the table has no room for");
}

START_TEST(so_it_is_with_listeners)
{
	static const leat_listener_ops ops = { .size = offsetof(leat_listener_ops, pause), .name = "short",
		.accept = never_accept, .pause = must_not_pause, .close = must_not_pause, .addr = must_not_say };
	struct world w;
	leat_listener *listener;
	void *state;

	world_open(&w);
	listener = leat_listener_new(w.loop, &ops, &state);
	leat_io_cancel(leat_accept(listener));
	expect_size(leat_listener_addr(listener).bytes, 0);
	leat_listener_close(listener);
	leat_listener_unref(listener);
	world_close(&w);
}
END_TEST

static void give_none(leat_flow *self, void *state)
{
	(void)state;
	leat_flow_give(self, leat_buf_new(leat_flow_loop(self), 0));
}

static void reads_of_who_gives_none(void)
{
	static const leat_flow_ops ops = { .size = sizeof ops, .name = "none", .read = give_none, .write = drop_all };
	struct world w;
	void *state;

	world_open(&w);
	(void)!leat_await(leat_flow_read(leat_flow_new(w.loop, &ops, &state)), NULL);
}

START_TEST(who_gives_a_buf_without_bytes_is_told)
{
	dies_saying(reads_of_who_gives_none, SIGABRT, (const char *const[]){ "none", "without bytes", NULL });
}
END_TEST

SUITE("ops",
	who_gives_a_buf_without_bytes_is_told,
	EACH(reading_and_writing_is_all_that_it_takes, 2),
	EACH(what_a_short_table_has_no_room_for_is_not_there, 2),
	so_it_is_with_listeners)

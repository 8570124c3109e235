/* SPDX-License-Identifier: ISC */
/* gives - a listener of the user's own that gives more flows than it was asked for */
#include <leat/buf.h>
#include <leat/flow.h>
#include <leat/listener.h>

#include "support/dies.h"
#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

enum { MANY = 5 };

struct gate {
	struct world w;
	leat_listener *listener;
	leat_flow *far[MANY];
	int asked;
};

static struct gate *the_gate; /* what an accept gives from */

static void give_one(struct gate *g, int i)
{
	leat_flow *ends[2];

	leat_flow_pair(g->w.loop, ends);
	g->far[i] = ends[1];
	leat_io_ignore(leat_flow_write(ends[1], (const char[]){ (char)('a' + i) }, 1));
	leat_listener_give(g->listener, ends[0]);
}

/* As libevent's own listener calls for each who waits in one go. */
static void give_all(leat_listener *self, void *state)
{
	(void)self;
	(void)state;
	if (the_gate->asked++ == 0)
		for (int i = 0; i < MANY; i++)
			give_one(the_gate, i);
}

static const leat_listener_ops gate_ops = { .size = sizeof(leat_listener_ops), .name = "gate", .accept = give_all };

static void gate_open(struct gate *g)
{
	void *state;

	*g = (struct gate){ .asked = 0 };
	the_gate = g;
	world_open(&g->w);
	g->listener = leat_listener_new(g->w.loop, &gate_ops, &state);
}

static void gate_close(struct gate *g)
{
	for (int i = 0; i < MANY; i++)
		leat_flow_unref(g->far[i]);
	leat_listener_unref(g->listener);
}

/* The next accept brings the one that says so. */
static void comes(struct gate *g, char who)
{
	leat_flow *flow = leat_await_flow(leat_accept(g->listener), NULL);
	leat_buf *buf = leat_await_buf(leat_flow_read(flow), NULL);

	expect_size(leat_buf_size(buf), 1);
	expect_int(*(const char *)leat_buf_data(buf), who);
	leat_buf_unref(buf);
	leat_flow_unref(flow);
}

static bool is_cut(leat_flow *far)
{
	return !leat_await(leat_flow_write(far, "?", 1), NULL);
}

START_TEST(each_is_accepted_in_its_turn)
{
	struct gate g;

	gate_open(&g);
	for (int i = 0; i < MANY; i++)
		comes(&g, (char)('a' + i));
	expect_int(g.asked, 1);
	gate_close(&g);
	world_close(&g.w);
}
END_TEST

START_TEST(one_that_is_given_back_is_the_next)
{
	struct gate g;

	gate_open(&g);
	for (int i = 0; i < 3; i++)
		leat_io_cancel(leat_accept(g.listener));
	comes(&g, 'a');
	leat_io_cancel(leat_accept(g.listener));
	for (int i = 1; i < MANY; i++)
		comes(&g, (char)('a' + i));
	gate_close(&g);
	world_close(&g.w);
}
END_TEST

START_TEST(what_nobody_accepted_is_cut_at_the_close)
{
	struct gate g;

	gate_open(&g);
	comes(&g, 'a');
	leat_listener_close(g.listener);
	for (int i = 1; i < MANY; i++)
		expect_true(is_cut(g.far[i]));
	gate_close(&g);
	world_close(&g.w);
}
END_TEST

START_TEST(without_memory_to_keep_one_it_is_cut_and_reported)
{
	struct gate g;
	leat_flow *ends[2];

	gate_open(&g);
	the_gate->asked = 1; /* the accept gives none */
	leat_flow_pair(g.w.loop, ends);
	leat_listener_give(g.listener, ends[0]);
	g.far[0] = ends[1];
	leat_flow_pair(g.w.loop, ends);
	g.w.oom.fail_at = g.w.oom.calls + 1;
	leat_listener_give(g.listener, ends[0]);
	g.far[1] = ends[1];
	expect_true(is_cut(g.far[1]));
	expect_int(g.w.reports, 1);
	expect_true(strstr(g.w.report, "gives.c"));
	leat_flow_unref(leat_await_flow(leat_accept(g.listener), NULL));
	gate_close(&g);
	world_end(&g.w);
}
END_TEST

static void makes_one_without_accept(void)
{
	static const leat_listener_ops ops = { .size = sizeof ops, .name = "none" };
	struct world w;
	void *state;

	world_open(&w);
	leat_listener_unref(leat_listener_new(w.loop, &ops, &state));
}

START_TEST(a_table_without_accept_is_told)
{
	dies_saying(makes_one_without_accept, SIGABRT, (const char *const[]){ "gives.c", "without accept", NULL });
}
END_TEST

SUITE("gives", each_is_accepted_in_its_turn, one_that_is_given_back_is_the_next, what_nobody_accepted_is_cut_at_the_close,
	without_memory_to_keep_one_it_is_cut_and_reported, a_table_without_accept_is_told)

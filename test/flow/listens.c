/* SPDX-License-Identifier: ISC */
/* listens - a transport of the user's own whose event stays added */
#include <event2/event.h>
#include <leat/buf.h>
#include <leat/flow_ops.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flow/bev.h"
#include "support/suite.h"

struct ear {
	leat_flow *self;
	struct event *event;
	int asked, woken;
};

static void on_bytes(evutil_socket_t fd, short what, void *arg)
{
	struct ear *ear = arg;
	char bytes[64];
	ssize_t got;

	(void)what;
	ear->woken++;
	if (!leat_flow_wanted(ear->self)) {
		leat_flow_listens(ear->self, false);
		event_del(ear->event);
		return;
	}
	got = read(fd, bytes, sizeof bytes);
	if (got > 0) {
		leat_flow_give(ear->self, leat_buf_copy(leat_flow_loop(ear->self), bytes, (size_t)got));
	} else {
		event_del(ear->event);
		leat_flow_give_end(ear->self);
	}
}

static void ear_read(leat_flow *self, void *state)
{
	struct ear *ear = state;

	ear->asked++;
	event_add(ear->event, NULL);
	leat_flow_listens(self, true);
}

static void ear_end(leat_flow *self, void *state)
{
	struct ear *ear = state;

	(void)self;
	close(event_get_fd(ear->event));
	event_free(ear->event);
	ear->event = NULL;
}

static const leat_flow_ops ear_ops = {
	.size = sizeof(leat_flow_ops),
	.name = "ear",
	.state_bytes = sizeof(struct ear),
	.directions = LEAT_READ,
	.read = ear_read,
	.close = ear_end,
	.abort = ear_end,
};

static leat_flow *ear_new(struct world *w, int fd, struct ear **ear)
{
	void *state;
	leat_flow *flow = leat_flow_new(w->loop, &ear_ops, &state);

	*ear = state;
	(*ear)->self = flow;
	(*ear)->event = event_new(w->base, fd, EV_READ | EV_PERSIST, on_bytes, *ear);
	return flow;
}

struct talk {
	struct world w;
	int far;
	leat_flow *flow;
	struct ear *ear;
};

static void talk_begin(struct talk *t)
{
	int ends[2];

	world_open(&t->w);
	expect_int(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	t->far = ends[1];
	t->flow = ear_new(&t->w, ends[0], &t->ear);
}

static void talk_end(struct talk *t)
{
	leat_flow_abort(t->flow);
	leat_flow_unref(t->flow);
	close(t->far);
	world_close(&t->w);
}

static void say_far(struct talk *t, const char *text)
{
	expect_int(write(t->far, text, strlen(text)), (int)strlen(text));
}

static void await_deadlock(struct talk *t)
{
	leat_maker maker;

	expect_kind(failure_of(leat_io_new(t->w.loop, &maker, NULL, NULL)), LEAT_DEADLOCK);
	t->w.still = 0; /* the loop has reported it */
}

START_TEST(it_is_asked_once_and_gives_as_often_as_is_read)
{
	struct talk t;

	talk_begin(&t);
	for (int i = 0; i < 3; i++) {
		say_far(&t, "hello");
		flow_hears(t.flow, "hello");
	}
	expect_int(t.ear->asked, 1);
	expect_int(t.ear->woken, 3);
	talk_end(&t);
}
END_TEST

START_TEST(when_it_listens_no_longer_it_is_asked_again)
{
	struct talk t;

	talk_begin(&t);
	say_far(&t, "one");
	flow_hears(t.flow, "one");
	say_far(&t, "two");
	event_base_loop(t.w.base, EVLOOP_NONBLOCK);
	expect_false(event_pending(t.ear->event, EV_READ, NULL));
	flow_hears(t.flow, "two");
	expect_int(t.ear->asked, 2);
	talk_end(&t);
}
END_TEST

START_TEST(nobody_reads_and_that_hides_no_deadlock)
{
	struct talk t;

	talk_begin(&t);
	say_far(&t, "hello");
	flow_hears(t.flow, "hello");
	await_deadlock(&t);
	say_far(&t, "again");
	await_deadlock(&t);
	flow_hears(t.flow, "again");
	talk_end(&t);
}
END_TEST

START_TEST(nor_does_the_answer_to_a_read_that_was_cancelled)
{
	struct talk t;

	talk_begin(&t);
	leat_io_cancel(leat_flow_read(t.flow));
	say_far(&t, "hello");
	await_deadlock(&t); /* which began while an answer was awaited */
	flow_hears(t.flow, "hello");
	talk_end(&t);
}
END_TEST

START_TEST(its_end_is_the_end_of_listening)
{
	struct talk t;
	leat_maker maker;

	talk_begin(&t);
	shutdown(t.far, SHUT_WR);
	flow_hears_the_end(t.flow);
	leat_flow_listens(t.flow, true); /* nothing any more */
	flow_hears_the_end(t.flow);
	/* and nothing is counted: without an event there is nothing to wait for */
	expect_kind(failure_of(leat_io_new(t.w.loop, &maker, NULL, NULL)), LEAT_DEADLOCK);
	t.w.still = 0;
	talk_end(&t);
}
END_TEST

SUITE("listens",
	it_is_asked_once_and_gives_as_often_as_is_read,
	when_it_listens_no_longer_it_is_asked_again,
	nobody_reads_and_that_hides_no_deadlock,
	nor_does_the_answer_to_a_read_that_was_cancelled,
	its_end_is_the_end_of_listening)

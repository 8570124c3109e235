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

/* Law 10: an event of ours with nobody waiting on it hides no deadlock. */
START_TEST(after_a_cancelled_read_a_deadlock_is_seen)
{
	struct event_base *base = event_base_new();
	leat_loop *loop = leat_loop_new(base, NULL);
	leat_maker maker;
	leat_result result;
	leat_flow *flow;
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	flow = leat_flow_from_fd(loop, fds[0]);
	leat_io_cancel(leat_flow_read(flow));
	ck_assert(!leat_await(leat_io_new(loop, &maker, NULL, NULL), &result));
	ck_assert(leat_error_is(leat_result_error(&result), LEAT_DEADLOCK));
	/* and the next read hears all the same */
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	ck_assert(leat_await(leat_flow_read(flow), &result));
	leat_result_clear(&result);
	leat_flow_unref(flow);
	leat_loop_free(loop);
	event_base_free(base);
	close(fds[1]);
}
END_TEST

/* The event that listens for nobody waits for room, too: that may settle something. */
START_TEST(a_write_that_waits_for_room_is_no_deadlock)
{
	enum { BYTES = 4 << 20 };
	static char bytes[BYTES];
	struct event_base *base = event_base_new();
	leat_loop *loop = leat_loop_new(base, NULL);
	leat_flow *flow;
	leat_io *writing;
	leat_result result;
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	flow = leat_flow_from_fd(loop, fds[0]);
	leat_io_cancel(leat_flow_read(flow));
	writing = leat_flow_write(flow, bytes, BYTES);
	event_base_loop(base, EVLOOP_NONBLOCK);
	leat_io_cancel(leat_flow_read(flow));
	close(fds[1]);
	ck_assert(!leat_await(writing, &result));
	ck_assert_msg(!leat_error_is(leat_result_error(&result), LEAT_DEADLOCK), "it was to wait");
	leat_flow_unref(flow);
	leat_loop_free(loop);
	event_base_free(base);
}
END_TEST

static void free_loop(void *loop)
{
	leat_loop_free(loop);
}

/* Sent when the descriptor takes more: no queue is drained then, yet it is
 * inside a callback of ours. */
START_TEST(a_sent_buf_may_free_the_loop)
{
	enum { BYTES = 4 << 20 };
	struct event_base *base = event_base_new();
	leat_loop *loop = leat_loop_new(base, NULL);
	char *bytes = calloc(1, BYTES), sink[65536];
	leat_flow *flow;
	size_t got = 0;
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	flow = leat_flow_from_fd(loop, fds[0]);
	leat_io_detach(leat_flow_send(flow, leat_buf_wrap(loop, bytes, BYTES, free_loop, loop)));
	leat_flow_unref(flow); /* the write alone holds it, and it the loop's shell */
	while (got < BYTES) {
		ssize_t n;

		event_base_loop(base, EVLOOP_NONBLOCK);
		n = read(fds[1], sink, sizeof sink);
		got += n > 0 ? (size_t)n : 0;
	}
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
	close(fds[1]);
	free(bytes);
}
END_TEST

SUITE("listens",
	it_is_asked_once_and_gives_as_often_as_is_read,
	when_it_listens_no_longer_it_is_asked_again,
	nobody_reads_and_that_hides_no_deadlock,
	nor_does_the_answer_to_a_read_that_was_cancelled,
	its_end_is_the_end_of_listening,
	after_a_cancelled_read_a_deadlock_is_seen,
	a_write_that_waits_for_room_is_no_deadlock,
	a_sent_buf_may_free_the_loop)

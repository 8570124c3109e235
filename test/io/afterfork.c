/* SPDX-License-Identifier: ISC */
/* afterfork - a child of fork refuses its parent's loops, until it takes one over */
#include <leat/event.h>
#include <leat/scope.h>
#include <leat/semaphore.h>
#include <leat/signal.h>
#include <leat/thread.h>

#include <pthread.h>
#include <semaphore.h>

#include "support/child.h"
#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

static void nothing(void *ctx, leat_loop *loop)
{
	(void)loop;
	++*(int *)ctx;
}

static void no_work(void *ctx, leat_remote_maker answer)
{
	(void)ctx;
	leat_remote_resolve_int(answer, 7);
}

/* ---- refused ---- */

struct started {
	struct world w;
	leat_remote *remote;
	leat_maker maker;
	leat_io *pending;
	int ran;
};

static void open_all(struct started *s)
{
	world_open(&s->w);
	s->ran = 0;
	s->remote = leat_remote_new(s->w.loop);
	s->pending = pending(s->w.loop, &s->maker);
}

static void close_all(struct started *s)
{
	leat_io_cancel(s->pending);
	leat_remote_unref(s->remote);
	world_close(&s->w);
}

static void all_is_refused(void *ctx)
{
	struct started *s = ctx;
	leat_remote_maker remote_maker;
	leat_maker maker;
	leat_remote *late;
	leat_result result;

	need(outcome(leat_sleep(s->w.loop, 0)) == LEAT_CLOSED);
	need(outcome(leat_io_new(s->w.loop, &maker, NULL, NULL)) == LEAT_CLOSED);
	need(outcome(leat_io_new_remote(s->w.loop, &remote_maker)) == LEAT_CLOSED);
	need(outcome(leat_offload(s->w.loop, no_work, leat_ctx_none())) == LEAT_CLOSED);
	need(leat_post(s->remote, nothing, leat_ctx_borrow(&s->ran)) == LEAT_CLOSED);
	late = leat_remote_new(s->w.loop);
	need(leat_post(late, nothing, leat_ctx_borrow(&s->ran)) == LEAT_CLOSED);
	leat_remote_unref(late);
	need(leat_loop_run_ready(s->w.loop) == 0);
	need(!leat_await(s->pending, &result));
	need(leat_error_is(leat_result_error(&result), LEAT_CLOSED));
	leat_remote_unref(s->remote);
	leat_loop_free(s->w.loop);
	need(s->ran == 0);
}

START_TEST(a_child_is_refused_what_it_asks_of_its_parents_loop)
{
	struct started s;

	open_all(&s);
	in_a_child(all_is_refused, &s);
	expect_int(leat_post(s.remote, nothing, leat_ctx_borrow(&s.ran)), LEAT_NONE);
	world_run(&s.w);
	expect_int(s.ran, 1);
	close_all(&s);
}
END_TEST

/* ---- what stands on the loop ---- */

struct standing {
	struct world w;
	leat_event *event;
	leat_semaphore *semaphore;
	leat_scope *scope;
	leat_io *wait;
};

static void waits_are_refused(void *ctx)
{
	struct standing *s = ctx;

	need(outcome(leat_event_wait(s->event)) == LEAT_CLOSED);
	need(outcome(leat_semaphore_acquire(s->semaphore)) == LEAT_CLOSED);
	leat_event_free(s->event);
	leat_semaphore_free(s->semaphore);
	leat_scope_free(s->scope);
	leat_loop_free(s->w.loop);
}

static void it_goes_on(void *ctx)
{
	struct standing *s = ctx;

	need(!leat_error_set(leat_loop_after_fork(s->w.loop)));
	leat_event_set(s->event);
	world_run(&s->w);
	need(outcome(s->wait) == LEAT_NONE);
}

START_TEST(what_stands_on_the_loop_is_in_nobodys_way)
{
	struct standing s;

	world_open(&s.w);
	s.event = leat_event_new(s.w.loop);
	s.semaphore = leat_semaphore_new(s.w.loop, 1);
	s.scope = leat_scope_new(s.w.loop, NULL);
	s.wait = leat_event_wait(s.event);
	in_a_child(waits_are_refused, &s);
	in_a_child(it_goes_on, &s);
	leat_event_set(s.event);
	expect_true(leat_await(s.wait, NULL));
	leat_event_free(s.event);
	leat_semaphore_free(s.semaphore);
	leat_scope_free(s.scope);
	world_close(&s.w);
}
END_TEST

static void grandchild(void *ctx)
{
	in_a_child(all_is_refused, ctx);
}

START_TEST(so_is_its_child)
{
	struct started s;

	open_all(&s);
	in_a_child(grandchild, &s);
	close_all(&s);
}
END_TEST

/* The loop's own thread is not there. */
static void is_lost(void *ctx)
{
	struct started *s = ctx;

	need(leat_post(s->remote, nothing, leat_ctx_borrow(&s->ran)) == LEAT_CLOSED);
	leat_remote_unref(s->remote);
	need(leat_loop_run_ready(s->w.loop) == 0);
	need(leat_error_is(leat_loop_after_fork(s->w.loop), LEAT_INVALID));
	leat_loop_free(s->w.loop);
}

static void *fork_there(void *s)
{
	in_a_child(is_lost, s);
	return NULL;
}

START_TEST(one_that_another_thread_forked_cannot_take_it_over)
{
	struct started s;
	pthread_t thread;

	open_all(&s);
	expect_int(pthread_create(&thread, NULL, fork_there, &s), 0);
	pthread_join(thread, NULL);
	close_all(&s);
}
END_TEST

static void new_one(void *ctx)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);

	(void)ctx;
	need(leat_await(leat_sleep(loop, 1), NULL));
	need(leat_await_int(leat_offload(loop, no_work, leat_ctx_none()), NULL) == 7);
	leat_loop_free(loop);
}

START_TEST(a_child_may_have_loops_of_its_own)
{
	struct started s;

	open_all(&s);
	in_a_child(new_one, &s);
	close_all(&s);
}
END_TEST

/* ---- taken over ---- */

static void goes_on(void *ctx)
{
	struct started *s = ctx;
	leat_remote *remote;

	need(!leat_error_set(leat_loop_after_fork(s->w.loop)));
	need(!leat_error_set(leat_loop_after_fork(s->w.loop)));
	need(leat_await_int(leat_offload(s->w.loop, no_work, leat_ctx_none()), NULL) == 7);
	need(leat_post(s->remote, nothing, leat_ctx_borrow(&s->ran)) == LEAT_CLOSED);
	leat_remote_unref(s->remote);
	remote = leat_remote_new(s->w.loop);
	need(leat_post(remote, nothing, leat_ctx_borrow(&s->ran)) == LEAT_NONE);
	world_run(&s->w);
	need(s->ran == 1);
	leat_remote_unref(remote);
	leat_resolve_int(s->maker, 3);
	need(leat_await_int(s->pending, NULL) == 3);
	need(event_base_dispatch(s->w.base) == 1);
	leat_loop_free(s->w.loop);
	need(s->w.oom.live == 0);
}

START_TEST(a_child_that_takes_it_over_goes_on_as_the_parent_does)
{
	struct started s;

	open_all(&s);
	in_a_child(goes_on, &s);
	expect_true(is_pending(s.pending));
	close_all(&s);
}
END_TEST

START_TEST(where_nothing_was_forked_nothing_is_done)
{
	struct started s;

	open_all(&s);
	expect_ok(leat_loop_after_fork(s.w.loop));
	expect_int(leat_post(s.remote, nothing, leat_ctx_borrow(&s.ran)), LEAT_NONE);
	world_run(&s.w);
	expect_int(s.ran, 1);
	close_all(&s);
}
END_TEST

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	char byte;

	(void)what;
	need(read(fd, &byte, 1) == 1);
	++*(int *)arg;
}

static void deletes_its_event(void *ctx)
{
	struct started *s = ctx;
	leat_remote_maker maker;

	need(!leat_error_set(leat_loop_after_fork(s->w.loop)));
	leat_io_cancel(leat_io_new_remote(s->w.loop, &maker));
	leat_remote_drop(maker);
	leat_remote_unref(s->remote);
	leat_loop_free(s->w.loop);
}

START_TEST(the_parents_base_hears_what_it_heard)
{
	struct started s;
	struct event *event;
	int ends[2], heard = 0;

	open_all(&s);
	expect_int(pipe(ends), 0);
	event = event_new(s.w.base, ends[0], EV_READ | EV_PERSIST, on_readable, &heard);
	event_add(event, NULL);
	in_a_child(deletes_its_event, &s);
	expect_int(write(ends[1], "x", 1), 1);
	event_base_loop(s.w.base, EVLOOP_ONCE);
	expect_int(heard, 1);
	expect_int(leat_post(s.remote, nothing, leat_ctx_borrow(&s.ran)), LEAT_NONE);
	event_base_loop(s.w.base, EVLOOP_ONCE);
	expect_int(s.ran, 1);
	event_free(event);
	close(ends[0]);
	close(ends[1]);
	close_all(&s);
}
END_TEST

static void runs_it_too(void *ctx)
{
	struct started *s = ctx;

	need(leat_loop_run_ready(s->w.loop) == 0);
	need(s->ran == 0);
	need(!leat_error_set(leat_loop_after_fork(s->w.loop)));
	world_run(&s->w);
	need(s->ran == 2);
}

START_TEST(what_was_posted_before_runs_on_both_sides)
{
	struct started s;

	open_all(&s);
	for (int i = 0; i < 2; i++)
		expect_int(leat_post(s.remote, nothing, leat_ctx_borrow(&s.ran)), LEAT_NONE);
	in_a_child(runs_it_too, &s);
	expect_int(s.ran, 0);
	world_run(&s.w);
	expect_int(s.ran, 2);
	close_all(&s);
}
END_TEST

static void hears_itself(void *ctx)
{
	struct started *s = ctx;
	leat_io *io = s->pending;

	need(!leat_error_set(leat_loop_after_fork(s->w.loop)));
	raise(SIGUSR1);
	need(leat_await(io, NULL));
}

START_TEST(a_signal_is_heard_by_whom_it_was_sent_to)
{
	struct started s;
	leat_io *other;

	open_all(&s);
	other = s.pending;
	s.pending = leat_signal(s.w.loop, SIGUSR1);
	in_a_child(hears_itself, &s);
	world_run(&s.w);
	expect_true(is_pending(s.pending));
	leat_io_cancel(other);
	close_all(&s);
}
END_TEST

/* ---- cancelled in between ---- */

static void cancel_early(void *ctx)
{
	struct started *s = ctx;

	leat_io_cancel(leat_io_then(s->pending, never, thing_owned("c")));
	need(things_live == 1);
	need(!leat_error_set(leat_loop_after_fork(s->w.loop)));
	need(things_live == 0);
	need(world_stats(&s->w).ios_live == 0);
}

START_TEST(a_cancel_waits_until_the_loop_is_the_childs)
{
	struct started s;

	open_all(&s);
	in_a_child(cancel_early, &s);
	close_all(&s);
}
END_TEST

static void starts_again(void *ctx)
{
	struct started *s = ctx;
	leat_maker maker;
	leat_io *io;

	need(outcome(leat_sleep(s->w.loop, 0)) == LEAT_CLOSED);
	need(!leat_error_set(leat_loop_after_fork(s->w.loop)));
	io = leat_io_new(s->w.loop, &maker, NULL, NULL);
	leat_resolve_int(maker, 1);
	need(outcome(io) == LEAT_NONE);
}

static leat_io *fork_inside(void *ctx, leat_result *result)
{
	(void)result;
	in_a_child(starts_again, ctx);
	return NULL;
}

START_TEST(a_callback_may_fork)
{
	struct started s;
	leat_io *io;

	open_all(&s);
	io = leat_io_then(leat_sleep(s.w.loop, 0), fork_inside, leat_ctx_borrow(&s));
	world_run(&s.w);
	leat_io_cancel(io);
	close_all(&s);
}
END_TEST

/* ---- threads that were not forked ---- */

static sem_t gate, began;

static void wait_at_gate(void *ctx, leat_remote_maker answer)
{
	(void)ctx;
	(void)answer;
	sem_post(&began);
	while (sem_wait(&gate) < 0)
		;
}

struct waiting {
	struct world w;
	leat_io *remote, *running, *queued, *wait;
	leat_remote_maker maker;
};

static void is_broken(void *ctx)
{
	struct waiting *t = ctx;
	leat_result result;

	need(!leat_error_set(leat_loop_after_fork(t->w.loop)));
	need(outcome(t->remote) == LEAT_BROKEN);
	need(outcome(t->running) == LEAT_BROKEN);
	need(outcome(t->queued) == LEAT_BROKEN);
	need(things_live == 0);
	need(leat_await(t->wait, &result));
	need(leat_await_int(leat_offload(t->w.loop, no_work, leat_ctx_none()), NULL) == 7);
	leat_loop_free(t->w.loop);
	need(t->w.oom.live == 0);
}

START_TEST(what_waits_for_threads_is_broken_in_the_child)
{
	struct waiting t = { .remote = NULL };
	leat_io *cancelled;

	sem_init(&gate, 0, 0);
	sem_init(&began, 0, 0);
	t.w = (struct world){ .now_ns = 1 };
	oom_init(&t.w.oom, 0);
	t.w.base = event_base_new();
	t.w.loop = leat_loop_new(t.w.base, &(leat_loop_options){ .size = sizeof(leat_loop_options),
		.memory = &t.w.oom.memory, .offload_threads = 2 });
	t.remote = leat_io_new_remote(t.w.loop, &t.maker);
	t.running = leat_offload(t.w.loop, wait_at_gate, leat_ctx_none());
	cancelled = leat_offload(t.w.loop, wait_at_gate, leat_ctx_none());
	sem_wait(&began);
	sem_wait(&began);
	t.wait = leat_io_cancel_wait(cancelled);
	t.queued = leat_offload(t.w.loop, no_work, thing_owned("queued"));
	in_a_child(is_broken, &t);
	sem_post(&gate);
	sem_post(&gate);
	leat_remote_resolve_int(t.maker, 1);
	expect_int(leat_await_int(t.remote, NULL), 1);
	expect_true(leat_await(t.running, NULL));
	expect_true(leat_await(t.wait, NULL));
	expect_int(leat_await_int(t.queued, NULL), 7);
	world_run(&t.w);
	tape_expect("~queued");
	world_close(&t.w);
}
END_TEST

SUITE("afterfork", a_child_is_refused_what_it_asks_of_its_parents_loop, so_is_its_child,
	what_stands_on_the_loop_is_in_nobodys_way,
	one_that_another_thread_forked_cannot_take_it_over, a_child_may_have_loops_of_its_own,
	a_child_that_takes_it_over_goes_on_as_the_parent_does, where_nothing_was_forked_nothing_is_done,
	the_parents_base_hears_what_it_heard, what_was_posted_before_runs_on_both_sides,
	a_signal_is_heard_by_whom_it_was_sent_to,
	a_cancel_waits_until_the_loop_is_the_childs, a_callback_may_fork, what_waits_for_threads_is_broken_in_the_child)

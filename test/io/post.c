/* SPDX-License-Identifier: ISC */
/* post - functions from other threads, and makers that other threads settle */
#include <leat/buf.h>
#include <leat/thread.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "support/dies.h"
#include "support/starve.h"
#include "support/suite.h"
#include "support/step.h"
#include "support/sweep.h"
#include "support/world.h"

static void elsewhere(void *(*work)(void *), void *ctx)
{
	pthread_t thread;

	expect_int(pthread_create(&thread, NULL, work, ctx), 0);
	pthread_join(thread, NULL);
}

/* ---- posting ---- */

static void tell(void *ctx, leat_loop *loop)
{
	(void)loop;
	tape_add(ctx);
}

static void *post_three(void *remote)
{
	static char one[] = "1", two[] = "2", three[] = "3";

	leat_post(remote, tell, leat_ctx_borrow(one));
	leat_post(remote, tell, leat_ctx_borrow(two));
	leat_post(remote, tell, leat_ctx_borrow(three));
	return NULL;
}

START_TEST(what_is_posted_runs_later_on_the_loops_thread_in_order)
{
	struct world w;
	leat_remote *remote;

	world_open(&w);
	remote = leat_remote_new(w.loop);
	elsewhere(post_three, remote);
	tape_expect("");
	world_run(&w);
	tape_expect("1 2 3");
	leat_remote_unref(remote);
	world_close(&w);
}
END_TEST

static void end_await(void *maker, leat_loop *loop)
{
	(void)loop;
	leat_resolve(*(leat_maker *)maker);
}

struct posting {
	leat_remote *remote;
	leat_maker maker;
};

static void *post_end(void *ctx)
{
	struct posting *p = ctx;

	leat_post(p->remote, end_await, leat_ctx_borrow(&p->maker));
	return NULL;
}

START_TEST(a_post_wakes_a_loop_that_waits)
{
	struct world w;
	struct posting p;
	pthread_t thread;
	leat_io *io;

	world_open(&w);
	io = pending(w.loop, &p.maker);
	p.remote = leat_remote_new(w.loop);
	expect_int(pthread_create(&thread, NULL, post_end, &p), 0);
	expect_true(leat_await(io, NULL));
	pthread_join(thread, NULL);
	leat_remote_unref(p.remote);
	world_close(&w);
}
END_TEST

START_TEST(contexts_are_owned_moved_or_borrowed)
{
	struct world w;
	leat_remote *remote;

	world_open(&w);
	remote = leat_remote_new(w.loop);
	expect_int(LEAT_NONE, leat_post(remote, tell, thing_owned("owned")));
	world_run(&w);
	tape_expect("owned ~owned");
	leat_loop_free(w.loop);
	expect_int(leat_post(remote, tell, thing_owned("late")), LEAT_CLOSED);
	expect_int(leat_post(remote, tell, thing_moved("moved")), LEAT_CLOSED);
	tape_expect("~late ~moved");
	leat_remote_unref(remote);
	expect_no_things();
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

static void take_it(void *ctx, leat_loop *loop)
{
	tell(ctx, loop);
	thing_take(ctx);
}

START_TEST(a_moved_context_is_the_functions)
{
	struct world w;
	leat_remote *remote;

	world_open(&w);
	remote = leat_remote_new(w.loop);
	expect_int(LEAT_NONE, leat_post(remote, take_it, thing_moved("moved")));
	world_run(&w);
	tape_expect("moved");
	expect_no_things();
	leat_remote_unref(remote);
	world_close(&w);
}
END_TEST

START_TEST(what_was_posted_in_time_runs_while_the_loop_is_freed)
{
	struct world w;
	leat_remote *remote;

	world_open(&w);
	remote = leat_remote_new(w.loop);
	for (int i = 0; i < 3; i++)
		expect_int(LEAT_NONE, leat_post(remote, tell, thing_owned("x")));
	world_close(&w);
	tape_expect("x ~x x ~x x ~x");
	leat_remote_unref(remote);
	expect_no_things();
}
END_TEST

static leat_remote *again_remote;
static int again_left;

static void again(void *ctx, leat_loop *loop)
{
	(void)loop;
	if (again_left-- > 0)
		expect_int(LEAT_NONE, leat_post(again_remote, again, leat_ctx_borrow(ctx)));
}

START_TEST(a_post_may_post)
{
	struct world w;

	world_open(&w);
	again_remote = leat_remote_new(w.loop);
	again_left = 5000;
	again(NULL, NULL);
	while (again_left >= 0)
		event_base_loop(w.base, EVLOOP_ONCE);
	leat_remote_unref(again_remote);
	world_close(&w);
}
END_TEST

static void free_the_loop(void *ctx, leat_loop *loop)
{
	(void)ctx;
	leat_loop_free(loop);
}

START_TEST(a_post_may_free_the_loop_and_those_behind_it_run)
{
	struct world w;
	leat_remote *remote;

	world_open(&w);
	remote = leat_remote_new(w.loop);
	leat_post(remote, free_the_loop, leat_ctx_none());
	leat_post(remote, tell, thing_owned("x"));
	leat_loop_run_ready(w.loop);
	tape_expect("x ~x");
	expect_int(leat_post(remote, tell, leat_ctx_none()), LEAT_CLOSED);
	leat_remote_unref(remote);
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

static void await_in_it(void *ctx, leat_loop *loop)
{
	leat_result result;

	expect_false(leat_await(leat_sleep(loop, 10), &result));
	*(leat_kind *)ctx = leat_error_kind(leat_result_error(&result));
}

START_TEST(waiting_in_a_post_is_nested)
{
	struct world w;
	leat_remote *remote;
	leat_kind kind = LEAT_NONE;

	world_open(&w);
	remote = leat_remote_new(w.loop);
	leat_post(remote, await_in_it, leat_ctx_borrow(&kind));
	world_run(&w);
	expect_int(kind, LEAT_NESTED);
	leat_remote_unref(remote);
	world_close(&w);
}
END_TEST

/* ---- the base ---- */

START_TEST(the_base_goes_on_while_somebody_may_post_and_no_longer)
{
	struct world w;
	leat_remote *remote;

	world_open(&w);
	expect_int(event_base_dispatch(w.base), 1);
	remote = leat_remote_ref(leat_remote_new(w.loop));
	leat_remote_unref(remote);
	expect_int(event_base_loop(w.base, EVLOOP_NONBLOCK), 0);
	leat_remote_unref(remote);
	expect_int(event_base_dispatch(w.base), 1);
	world_close(&w);
}
END_TEST

static void *drop_handle(void *remote)
{
	leat_remote_unref(remote);
	return NULL;
}

START_TEST(the_last_handle_let_go_on_another_thread_ends_the_dispatch)
{
	struct world w;
	pthread_t thread;

	world_open(&w);
	expect_int(pthread_create(&thread, NULL, drop_handle, leat_remote_new(w.loop)), 0);
	expect_int(event_base_dispatch(w.base), 1);
	pthread_join(thread, NULL);
	world_close(&w);
}
END_TEST

START_TEST(a_deadlock_is_seen_when_the_last_handle_is_gone)
{
	struct world w;
	leat_maker maker;
	leat_result result;

	world_open(&w);
	leat_remote_unref(leat_remote_new(w.loop));
	expect_false(leat_await(pending(w.loop, &maker), &result));
	expect_kind(leat_result_error(&result), LEAT_DEADLOCK);
	w.reports = 0;
	world_close(&w);
}
END_TEST

static bool is_awake(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* The descriptor that the next one made will have. */
static int next_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

START_TEST(a_burst_is_one_wake_up)
{
	struct world w;
	leat_remote *remote;
	int fd = next_fd();
	uint64_t wakes = 0;

	world_open(&w);
	fd = next_fd();
	remote = leat_remote_new(w.loop);
	expect_false(is_awake(fd));
	for (int i = 0; i < 3000; i++)
		expect_int(LEAT_NONE, leat_post(remote, again, leat_ctx_none()));
	expect_int(read(fd, &wakes, sizeof wakes), sizeof wakes);
	expect_int(wakes, 1);
	again_left = 0;
	world_run(&w);
	leat_remote_unref(remote);
	world_close(&w);
}
END_TEST

/* ---- many threads ---- */

/* More threads than have a list of their own. */
enum { THREADS = 12, EACH_POSTS = 8000, BURST = 100 };

static int each_posts(void)
{
	return suite_on_valgrind() ? EACH_POSTS / 10 : EACH_POSTS;
}

struct piece {
	int thread, number;
};
static struct piece pieces[THREADS][EACH_POSTS];
static leat_remote *many_remote;
static int many_next[THREADS];
static bool many_disorder;
static int many_left;
static leat_maker many_done;

static void count(void *ctx, leat_loop *loop)
{
	struct piece *p = ctx;

	(void)loop;
	if (many_next[p->thread]++ != p->number)
		many_disorder = true;
	if (--many_left == 0)
		leat_resolve(many_done);
}

static void *post_many(void *ctx)
{
	struct piece *p = ctx;

	for (int i = 0; i < each_posts(); i++) {
		p[i].number = i;
		if (leat_post(many_remote, count, leat_ctx_borrow(&p[i])))
			abort();
		if (i % BURST == 0)
			sched_yield();
	}
	leat_remote_unref(many_remote);
	return NULL;
}

START_TEST(many_threads_lose_nothing_and_each_keeps_its_order)
{
	struct world w;
	pthread_t threads[THREADS];
	leat_io *io;

	world_open(&w);
	many_remote = leat_remote_new(w.loop);
	many_left = THREADS * each_posts();
	many_disorder = false;
	io = pending(w.loop, &many_done);
	for (int i = 0; i < THREADS; i++) {
		many_next[i] = 0;
		for (int j = 0; j < EACH_POSTS; j++)
			pieces[i][j].thread = i;
		leat_remote_ref(many_remote);
		expect_int(pthread_create(&threads[i], NULL, post_many, pieces[i]), 0);
	}
	leat_remote_unref(many_remote);
	expect_true(leat_await(io, NULL));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	expect_false(many_disorder);
	expect_int(event_base_dispatch(w.base), 1);
	world_close(&w);
}
END_TEST

static _Atomic int until_accepted, until_run;

static void run_until(void *ctx, leat_loop *loop)
{
	(void)loop;
	atomic_fetch_add((_Atomic int *)ctx, 1);
}

static void *post_until_closed(void *remote)
{
	while (leat_post(remote, run_until, leat_ctx_borrow(&until_run)) == LEAT_NONE)
		if (atomic_fetch_add(&until_accepted, 1) % BURST == 0)
			sched_yield();
	leat_remote_unref(remote);
	return NULL;
}

START_TEST(each_post_runs_or_is_refused_when_the_loop_is_freed_meanwhile)
{
	for (int round = 0; round < (suite_on_valgrind() ? 2 : 20); round++) {
		struct world w;
		pthread_t threads[2];
		leat_remote *remote;

		world_open(&w);
		remote = leat_remote_new(w.loop);
		until_accepted = until_run = 0;
		for (int i = 0; i < 2; i++)
			expect_int(pthread_create(&threads[i], NULL, post_until_closed, leat_remote_ref(remote)), 0);
		leat_remote_unref(remote);
		while (until_run < 10)
			event_base_loop(w.base, EVLOOP_ONCE);
		world_close(&w);
		for (int i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		expect_int(until_run, until_accepted);
	}
}
END_TEST

/* ---- makers ---- */

static void *resolve_number(void *maker)
{
	leat_remote_resolve_int(*(leat_remote_maker *)maker, 42);
	return NULL;
}

START_TEST(another_thread_settles_an_io)
{
	struct world w;
	leat_remote_maker maker;
	leat_io *io;
	pthread_t thread;

	world_open(&w);
	io = leat_io_new_remote(w.loop, &maker);
	expect_true(leat_remote_live(maker));
	expect_int(pthread_create(&thread, NULL, resolve_number, &maker), 0);
	expect_int(leat_await_int(io, NULL), 42);
	pthread_join(thread, NULL);
	expect_false(leat_remote_live(maker));
	expect_int(event_base_dispatch(w.base), 1);
	world_close(&w);
}
END_TEST

START_TEST(every_kind_of_outcome_crosses)
{
	struct world w;
	leat_remote_maker maker;
	leat_result result;
	leat_buf *buf;
	leat_io *io;

	world_open(&w);
	io = leat_io_new_remote(w.loop, &maker);
	leat_remote_resolve(maker);
	world_run(&w);
	expect_settled(io, LEAT_NONE);
	io = leat_io_new_remote(w.loop, &maker);
	leat_remote_reject(maker, leat_error_core(LEAT_RESET));
	world_run(&w);
	expect_settled(io, LEAT_RESET);
	io = leat_io_new_remote(w.loop, &maker);
	leat_remote_drop(maker);
	world_run(&w);
	expect_settled(io, LEAT_BROKEN);
	io = leat_io_new_remote(w.loop, &maker);
	leat_remote_resolve_ptr(maker, thing("v"), &thing_type);
	world_run(&w);
	expect_true(leat_io_try(io, &result));
	expect_str(leat_result_peek(&result), "v");
	leat_result_clear(&result);
	tape_expect("~v");
	io = leat_io_new_remote(w.loop, &maker);
	leat_remote_resolve_bytes(maker, "hay", 3);
	world_run(&w);
	expect_true(leat_io_try(io, &result));
	buf = leat_result_buf(&result);
	expect_bytes(leat_buf_data(buf), leat_buf_size(buf), "hay");
	leat_buf_unref(buf);
	world_close(&w);
}
END_TEST

START_TEST(an_outcome_for_a_cancelled_io_is_destroyed)
{
	struct world w;
	leat_remote_maker maker;
	leat_io *io;

	world_open(&w);
	io = leat_io_new_remote(w.loop, &maker);
	leat_io_cancel(io);
	expect_false(leat_remote_live(maker));
	leat_remote_resolve_ptr(maker, thing("v"), &thing_type);
	tape_expect("~v");
	io = leat_io_new_remote(w.loop, &maker);
	leat_remote_resolve_ptr(maker, thing("w"), &thing_type);
	leat_io_cancel(io);
	world_run(&w);
	tape_expect("~w");
	world_close(&w);
}
END_TEST

START_TEST(a_cancelled_io_does_not_keep_the_base)
{
	struct world w;
	leat_remote_maker maker;

	world_open(&w);
	leat_io_cancel(leat_io_new_remote(w.loop, &maker));
	expect_int(event_base_dispatch(w.base), 1);
	leat_remote_drop(maker);
	world_close(&w);
}
END_TEST

START_TEST(a_maker_outlives_its_loop)
{
	struct world w;
	leat_remote_maker early, late, dropped;

	world_open(&w);
	leat_io_detach(leat_io_new_remote(w.loop, &early));
	leat_io_detach(leat_io_new_remote(w.loop, &late));
	leat_io_detach(leat_io_new_remote(w.loop, &dropped));
	leat_remote_resolve_ptr(early, thing("early"), &thing_type);
	leat_loop_free(w.loop);
	tape_expect("~early");
	expect_false(leat_remote_live(late));
	leat_remote_resolve_ptr(late, thing("late"), &thing_type);
	leat_remote_resolve_bytes(dropped, "x", 1);
	tape_expect("~late");
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

static void settle_now(void *maker, leat_loop *loop)
{
	(void)loop;
	leat_remote_resolve_ptr(*(leat_remote_maker *)maker, thing("v"), &thing_type);
}

START_TEST(an_outcome_that_comes_while_the_loop_is_freed_is_destroyed)
{
	struct world w;
	leat_remote_maker maker;
	leat_remote *remote;

	world_open(&w);
	remote = leat_remote_new(w.loop);
	leat_io_detach(leat_io_new_remote(w.loop, &maker));
	expect_int(leat_post(remote, settle_now, leat_ctx_borrow(&maker)), LEAT_NONE);
	leat_remote_unref(remote);
	world_close(&w);
	tape_expect("~v");
}
END_TEST

START_TEST(a_void_maker_disposes_of_what_it_is_given)
{
	leat_remote_maker maker = { NULL, 0 };

	leat_remote_resolve_ptr(maker, thing("v"), &thing_type);
	tape_expect("~v");
	expect_false(leat_remote_live(maker));
	leat_remote_drop(maker);
	leat_remote_resolve_bytes(maker, "x", 1);
}
END_TEST

static leat_io *start_late(void *ctx, leat_result *result)
{
	leat_loop *loop = leat_result_loop(result);
	leat_remote_maker maker;
	leat_remote *remote = leat_remote_new(loop);

	(void)ctx;
	expect_settled(leat_io_new_remote(loop, &maker), LEAT_CLOSED);
	leat_remote_resolve(maker);
	expect_int(leat_post(remote, tell, thing_owned("x")), LEAT_CLOSED);
	leat_remote_unref(remote);
	return NULL;
}

START_TEST(while_the_loop_is_freed_remotes_are_stillborn)
{
	struct world w;
	leat_maker maker;

	world_open(&w);
	leat_io_detach(leat_io_branch(pending(w.loop, &maker), NULL, start_late, leat_ctx_none()));
	world_close(&w);
	tape_expect("~x");
}
END_TEST

/* ---- bad use ---- */

static leat_loop *bad_loop(void)
{
	return leat_loop_new(NULL, NULL);
}

static void resolve_twice(void)
{
	leat_remote_maker maker;

	leat_io_detach(leat_io_new_remote(bad_loop(), &maker));
	leat_remote_resolve_at(maker, "b.c:2");
	leat_remote_resolve_at(maker, "c.c:3");
}

static void resolve_twice_late(void)
{
	leat_loop *loop = bad_loop();
	leat_remote_maker maker;

	leat_io_detach(leat_io_new_remote_at(loop, &maker, "a.c:1"));
	leat_remote_resolve_at(maker, "b.c:2");
	leat_loop_run_ready(loop);
	leat_remote_resolve_at(maker, "c.c:3");
}

START_TEST(settling_twice_names_the_places)
{
	expect_dies(resolve_twice, "settled twice", "test/io/post.c", "b.c:2", "c.c:3");
	expect_dies(resolve_twice_late, "settled twice", "a.c:1", "b.c:2", "c.c:3");
}
END_TEST

static void resolve_buf(void)
{
	leat_loop *loop = bad_loop();
	leat_remote_maker maker;

	leat_io_detach(leat_io_new_remote(loop, &maker));
	leat_remote_resolve_ptr_at(maker, leat_buf_copy(loop, "x", 1), &leat_buf_type, "b.c:2");
}

START_TEST(a_buf_cannot_cross)
{
	expect_dies(resolve_buf, "b.c:2", "buf", "test/io/post.c");
}
END_TEST

/* ---- want of memory and of descriptors ---- */

static struct oom shared;

static void with_shared(struct world *w, size_t fail_at)
{
	oom_init(&shared, fail_at);
	world_open_shared(w, &shared);
}

static void use_all(struct world *w)
{
	leat_remote *remote = leat_remote_new(w->loop);
	leat_remote_maker maker;
	leat_result result;
	leat_error error;
	leat_kind kind;
	leat_io *io;

	kind = leat_post(remote, tell, thing_owned("x"));
	expect_true(kind == LEAT_NONE || kind == LEAT_NOMEM);
	leat_remote_unref(remote);
	io = leat_io_new_remote(w->loop, &maker);
	leat_remote_resolve_bytes(maker, "hay", 3);
	world_run(w);
	expect_true(leat_io_try(io, &result));
	error = leat_result_error(&result);
	expect_true(!leat_error_set(error) || leat_error_is(error, LEAT_NOMEM));
	leat_result_clear(&result);
}

START_TEST(without_memory_that_threads_share_there_is_an_error)
{
	for (size_t fail_at = 1;; fail_at++) {
		struct world w;

		with_shared(&w, fail_at);
		use_all(&w);
		world_close(&w);
		tape_clear();
		expect_no_things();
		expect_size(shared.live, 0);
		if (!shared.failed)
			break;
	}
}
END_TEST

static void starved(struct world *w)
{
	use_all(w);
}

static int posts_run;

static void count_post(void *ctx, leat_loop *loop)
{
	(void)ctx;
	(void)loop;
	posts_run++;
}

/* Whichever of a slab comes first after the end: it is refused, and so are those after it,
 * which use the same memory. */
START_TEST(too_late_is_said_anywhere_in_a_slab)
{
	for (int before = 500; before < 520; before++) {
		struct world w;
		leat_remote *remote;
		int calls;

		with_shared(&w, 0);
		posts_run = 0;
		remote = leat_remote_new(w.loop);
		for (int i = 0; i < before; i++)
			expect_int(leat_post(remote, count_post, leat_ctx_none()), LEAT_NONE);
		leat_loop_free(w.loop);
		expect_int(posts_run, before);
		expect_int(leat_post(remote, tell, thing_owned("late")), LEAT_CLOSED);
		calls = shared.calls;
		for (int i = 0; i < 20; i++)
			expect_int(leat_post(remote, tell, thing_owned("later")), LEAT_CLOSED);
		expect_int(shared.calls, calls);
		leat_remote_unref(remote);
		expect_no_things();
		expect_size(shared.live, 0);
		event_base_free(w.base);
	}
}
END_TEST

/* Bursts that are no whole number of slabs. */
START_TEST(posts_use_the_same_memory_again)
{
	struct world w;
	leat_remote *remote;

	with_shared(&w, 0);
	posts_run = 0;
	remote = leat_remote_new(w.loop);
	for (int burst = 0; burst < 100; burst++) {
		for (int i = 0; i < 1000; i++)
			expect_int(leat_post(remote, count_post, leat_ctx_none()), LEAT_NONE);
		world_run(&w);
	}
	expect_int(posts_run, 100000);
	expect_true(shared.calls <= 5); /* the mailbox, what a burst touches, and one more */
	leat_remote_unref(remote);
	world_close(&w);
	expect_size(shared.live, 0);
}
END_TEST

START_TEST(without_the_loops_memory_there_is_an_error)
{
	starve(starved);
}
END_TEST

START_TEST(without_descriptors_there_is_an_error)
{
	struct world w;
	struct rlimit limit, low;
	leat_remote_maker maker;
	leat_remote *remote;

	world_open(&w);
	getrlimit(RLIMIT_NOFILE, &limit);
	low = limit;
	low.rlim_cur = (rlim_t)next_fd();
	setrlimit(RLIMIT_NOFILE, &low);
	expect_settled(leat_io_new_remote(w.loop, &maker), LEAT_LIMIT);
	remote = leat_remote_new(w.loop);
	setrlimit(RLIMIT_NOFILE, &limit);
	expect_int(leat_post(remote, tell, thing_owned("x")), LEAT_LIMIT);
	tape_expect("~x");
	leat_remote_unref(leat_remote_ref(remote));
	leat_remote_unref(remote);
	world_close(&w);
}
END_TEST

/* ---- cancelled at every point ---- */

static leat_remote_maker sweep_maker;

static leat_io *sweep_start(struct world *w)
{
	return leat_io_then(leat_io_new_remote(w->loop, &sweep_maker), say, thing_owned("c"));
}

static bool sweep_settle(struct world *w, size_t n)
{
	(void)w;
	if (n == 0)
		leat_remote_resolve_ptr(sweep_maker, thing("v"), &thing_type);
	return n < 1;
}

START_TEST(an_io_settled_from_afar_can_be_cancelled_at_any_point)
{
	static const struct sweep_program program = { .name = "leat_io_new_remote", .start = sweep_start, .play = sweep_settle };

	sweep(&program);
	tape_clear();
}
END_TEST

SUITE("post", what_is_posted_runs_later_on_the_loops_thread_in_order, a_post_wakes_a_loop_that_waits,
	contexts_are_owned_moved_or_borrowed, a_moved_context_is_the_functions,
	what_was_posted_in_time_runs_while_the_loop_is_freed, a_post_may_post,
	a_post_may_free_the_loop_and_those_behind_it_run, waiting_in_a_post_is_nested,
	the_base_goes_on_while_somebody_may_post_and_no_longer,
	the_last_handle_let_go_on_another_thread_ends_the_dispatch, a_deadlock_is_seen_when_the_last_handle_is_gone,
	a_burst_is_one_wake_up, many_threads_lose_nothing_and_each_keeps_its_order,
	each_post_runs_or_is_refused_when_the_loop_is_freed_meanwhile, another_thread_settles_an_io,
	every_kind_of_outcome_crosses, an_outcome_for_a_cancelled_io_is_destroyed, a_cancelled_io_does_not_keep_the_base,
	a_maker_outlives_its_loop,
	an_outcome_that_comes_while_the_loop_is_freed_is_destroyed, a_void_maker_disposes_of_what_it_is_given, while_the_loop_is_freed_remotes_are_stillborn,
	settling_twice_names_the_places, a_buf_cannot_cross, without_memory_that_threads_share_there_is_an_error,
	too_late_is_said_anywhere_in_a_slab, posts_use_the_same_memory_again,
	without_the_loops_memory_there_is_an_error, without_descriptors_there_is_an_error,
	an_io_settled_from_afar_can_be_cancelled_at_any_point)

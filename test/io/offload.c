/* SPDX-License-Identifier: ISC */
/* offload - work that blocks, on threads of the loop's */
#define _GNU_SOURCE 1
#include <leat/buf.h>
#include <leat/thread.h>

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "support/dies.h"
#include "support/starve.h"
#include "support/suite.h"
#include "support/step.h"
#include "support/sweep.h"
#include "support/world.h"

/* ---- in place of libc's: a thread may be refused ---- */

static int refuse_threads; /* with this error */

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg)
{
	static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	void *found;

	if (refuse_threads)
		return refuse_threads;
	if (!real) {
		found = dlsym(RTLD_NEXT, "pthread_create");
		memcpy(&real, &found, sizeof real);
	}
	return real(thread, attr, start, arg);
}

static void open_with(struct world *w, uint32_t threads)
{
	*w = (struct world){ .now_ns = 1 };
	oom_init(&w->oom, 0);
	w->base = event_base_new();
	w->loop = leat_loop_new(w->base, &(leat_loop_options){ .size = sizeof(leat_loop_options),
		.memory = &w->oom.memory, .offload_threads = threads, .unhandled = world_unhandled,
		.report = world_report, .ctx = w });
}

/* ---- jobs ---- */

static void add_one(void *ctx, leat_remote_maker answer)
{
	leat_remote_resolve_int(answer, *(int *)ctx + 1);
}

static void say_nothing(void *ctx, leat_remote_maker answer)
{
	(void)ctx;
	(void)answer;
}

static void never_runs(void *ctx, leat_remote_maker answer)
{
	(void)ctx;
	(void)answer;
	abort();
}

static pthread_t where_it_ran;

static void note_thread(void *ctx, leat_remote_maker answer)
{
	(void)ctx;
	(void)answer;
	where_it_ran = pthread_self();
}

static sem_t gate, began;
static _Atomic int ran;

/* Says that it has begun, and waits at the gate. */
static void wait_at_gate(void *ctx, leat_remote_maker answer)
{
	(void)ctx;
	(void)answer;
	sem_post(&began);
	while (sem_wait(&gate) < 0)
		;
	atomic_fetch_add(&ran, 1);
}

static void gates(void)
{
	sem_init(&gate, 0, 0);
	sem_init(&began, 0, 0);
	ran = 0;
}

static void await_began(void)
{
	while (sem_wait(&began) < 0)
		;
}

/* ---- answers ---- */

START_TEST(a_job_runs_on_another_thread_and_its_answer_is_the_ios)
{
	struct world w;
	int number = 41;

	world_open(&w);
	expect_int(leat_await_int(leat_offload(w.loop, add_one, leat_ctx_borrow(&number)), NULL), 42);
	expect_true(leat_await(leat_offload(w.loop, note_thread, leat_ctx_none()), NULL));
	expect_false(pthread_equal(where_it_ran, pthread_self()));
	world_close(&w);
}
END_TEST

START_TEST(a_job_without_an_answer_resolves_with_nothing)
{
	struct world w;
	leat_result result;

	world_open(&w);
	expect_true(leat_await(leat_offload(w.loop, say_nothing, leat_ctx_none()), &result));
	expect_null(result.type);
	world_close(&w);
}
END_TEST

static void give_bytes(void *ctx, leat_remote_maker answer)
{
	leat_remote_resolve_bytes(answer, ctx, strlen(ctx));
}

static void give_error(void *ctx, leat_remote_maker answer)
{
	(void)ctx;
	leat_remote_reject(answer, leat_error_errno(ENOENT));
}

static void give_up(void *ctx, leat_remote_maker answer)
{
	(void)ctx;
	leat_remote_drop(answer);
}

START_TEST(bytes_and_errors_come_back_too)
{
	struct world w;
	leat_result result;
	leat_buf *buf;
	char hay[] = "hay";

	world_open(&w);
	buf = leat_await_buf(leat_offload(w.loop, give_bytes, leat_ctx_borrow(hay)), NULL);
	expect_bytes(leat_buf_data(buf), leat_buf_size(buf), "hay");
	leat_buf_unref(buf);
	expect_false(leat_await(leat_offload(w.loop, give_error, leat_ctx_none()), &result));
	expect_kind(leat_result_error(&result), LEAT_NOT_FOUND);
	expect_false(leat_await(leat_offload(w.loop, give_up, leat_ctx_none()), &result));
	expect_kind(leat_result_error(&result), LEAT_BROKEN);
	world_close(&w);
}
END_TEST

static void answer_then_wait(void *ctx, leat_remote_maker answer)
{
	leat_remote_resolve_int(answer, *(char *)ctx);
	wait_at_gate(NULL, answer);
}

START_TEST(the_answer_comes_when_the_job_has_returned)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	gates();
	io = leat_offload(w.loop, answer_then_wait, thing_owned("ctx"));
	await_began();
	world_run(&w);
	expect_true(is_pending(io));
	tape_expect("");
	sem_post(&gate);
	expect_int(leat_await_int(io, NULL), 'c');
	world_run(&w);
	tape_expect("~ctx");
	world_close(&w);
}
END_TEST

/* ---- contexts ---- */

static void look(void *ctx, leat_remote_maker answer)
{
	leat_remote_resolve_int(answer, *(char *)ctx);
}

static void take(void *ctx, leat_remote_maker answer)
{
	(void)answer;
	free(ctx);
}

START_TEST(a_context_is_destroyed_on_the_loops_thread_after_the_answer_is_there)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	io = leat_offload(w.loop, look, thing_owned("owned"));
	expect_int(leat_await_int(io, NULL), 'o');
	world_run(&w);
	tape_expect("~owned");
	expect_true(leat_await(leat_offload(w.loop, take, thing_moved("moved")), NULL));
	expect_int(things_live, 1);
	things_live = 0;
	tape_expect("");
	world_close(&w);
}
END_TEST

/* ---- the crew ---- */

static _Atomic int at_once, most_at_once;

static void count_at_once(void *ctx, leat_remote_maker answer)
{
	int now = atomic_fetch_add(&at_once, 1) + 1, most = most_at_once;

	(void)ctx;
	while (now > most && !atomic_compare_exchange_weak(&most_at_once, &most, now))
		;
	for (int i = 0; i < 10; i++)
		sched_yield();
	atomic_fetch_sub(&at_once, 1);
	leat_remote_resolve_int(answer, 1);
}

START_TEST(no_more_threads_run_than_were_asked_for_and_every_job_runs)
{
	enum { JOBS = 200 };
	struct world w;
	leat_io *ios[JOBS];
	leat_result result;

	open_with(&w, 2);
	at_once = most_at_once = 0;
	for (int i = 0; i < JOBS; i++)
		ios[i] = leat_offload(w.loop, count_at_once, leat_ctx_none());
	expect_true(leat_await(leat_io_all(w.loop, ios, JOBS), &result));
	expect_size(leat_result_count(&result), JOBS);
	leat_result_clear(&result);
	expect_true(most_at_once <= 2);
	world_close(&w);
}
END_TEST

START_TEST(jobs_run_beside_each_other)
{
	struct world w;
	leat_io *ios[3];

	open_with(&w, 3);
	gates();
	for (int i = 0; i < 3; i++)
		ios[i] = leat_offload(w.loop, wait_at_gate, leat_ctx_none());
	for (int i = 0; i < 3; i++)
		await_began();
	for (int i = 0; i < 3; i++)
		sem_post(&gate);
	expect_true(leat_await(leat_io_all(w.loop, ios, 3), NULL));
	world_close(&w);
}
END_TEST

static void look_at_mask(void *ctx, leat_remote_maker answer)
{
	sigset_t mask;

	(void)ctx;
	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	leat_remote_resolve_int(answer, sigismember(&mask, SIGTERM) && sigismember(&mask, SIGCHLD));
}

START_TEST(signals_are_blocked_in_its_threads_only)
{
	struct world w;
	sigset_t before, after;

	world_open(&w);
	pthread_sigmask(SIG_BLOCK, NULL, &before);
	expect_int(leat_await_int(leat_offload(w.loop, look_at_mask, leat_ctx_none()), NULL), 1);
	pthread_sigmask(SIG_BLOCK, NULL, &after);
	expect_int(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
	world_close(&w);
}
END_TEST

START_TEST(a_dispatch_ends_with_the_last_job)
{
	struct world w;

	world_open(&w);
	gates();
	leat_io_detach(leat_offload(w.loop, wait_at_gate, thing_owned("ctx")));
	sem_post(&gate);
	expect_int(event_base_dispatch(w.base), 1);
	expect_int(ran, 1);
	tape_expect("~ctx");
	world_close(&w);
}
END_TEST

/* ---- cancelling ---- */

START_TEST(a_job_in_the_queue_that_is_cancelled_never_runs)
{
	struct world w;
	leat_io *first, *second;

	open_with(&w, 1);
	gates();
	first = leat_offload(w.loop, wait_at_gate, leat_ctx_none());
	await_began();
	second = leat_offload(w.loop, wait_at_gate, thing_owned("second"));
	leat_io_cancel(second);
	tape_expect("~second");
	sem_post(&gate);
	expect_true(leat_await(first, NULL));
	expect_int(ran, 1);
	world_close(&w);
}
END_TEST

struct answer {
	char *word;
};

static void give_thing(void *ctx, leat_remote_maker answer)
{
	struct answer *a = ctx;

	sem_post(&began);
	while (sem_wait(&gate) < 0)
		;
	atomic_store(&ran, leat_remote_live(answer) ? 1 : 2);
	leat_remote_resolve_ptr(answer, a->word, &thing_type);
}

static void answer_destroy(void *ctx)
{
	tape_add("~ctx");
	free(ctx);
}

static leat_ctx an_answer(const char *word)
{
	struct answer *a = malloc(sizeof *a);

	expect_some(a);
	a->word = thing(word);
	return leat_ctx_own(a, answer_destroy);
}

START_TEST(a_job_that_runs_when_it_is_cancelled_ends_by_itself)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	gates();
	io = leat_offload(w.loop, give_thing, an_answer("v"));
	await_began();
	leat_io_cancel(io);
	world_run(&w);
	tape_expect("");
	sem_post(&gate);
	expect_int(event_base_dispatch(w.base), 1);
	tape_expect("~v ~ctx");
	expect_int(ran, 2);
	world_close(&w);
}
END_TEST

static void until_unwanted(void *ctx, leat_remote_maker answer)
{
	(void)ctx;
	sem_post(&began);
	while (leat_remote_live(answer))
		sched_yield();
	atomic_fetch_add(&ran, 1);
}

START_TEST(a_cancel_can_be_waited_for_until_the_job_is_done_with_its_context)
{
	struct world w;
	leat_io *io, *wait;

	world_open(&w);
	gates();
	io = leat_offload(w.loop, give_thing, an_answer("v"));
	await_began();
	wait = leat_io_cancel_wait(leat_io_then(io, never, thing_owned("then")));
	tape_expect("~then");
	world_run(&w);
	expect_true(is_pending(wait));
	sem_post(&gate);
	expect_true(leat_await(wait, NULL));
	tape_expect("~v ~ctx");
	world_close(&w);
}
END_TEST

START_TEST(cancelling_what_waits_in_the_queue_is_over_at_once)
{
	struct world w;
	leat_io *first, *second;

	open_with(&w, 1);
	gates();
	first = leat_offload(w.loop, wait_at_gate, leat_ctx_none());
	await_began();
	second = leat_io_cancel_wait(leat_offload(w.loop, never_runs, thing_owned("second")));
	tape_expect("~second");
	expect_true(leat_await(second, NULL));
	sem_post(&gate);
	expect_true(leat_await(first, NULL));
	world_close(&w);
}
END_TEST

static leat_io *cancel_it(void *io, leat_result *result)
{
	(void)result;
	leat_io_detach(leat_io_cancel_wait(*(leat_io **)io));
	return NULL;
}

START_TEST(the_loop_may_be_freed_while_a_cancel_is_waited_for)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	gates();
	io = leat_offload(w.loop, until_unwanted, thing_owned("ctx"));
	await_began();
	leat_io_detach(leat_io_then(leat_sleep(w.loop, 0), cancel_it, leat_ctx_borrow(&io)));
	leat_loop_run_ready(w.loop);
	world_end(&w);
	tape_expect("~ctx");
}
END_TEST

START_TEST(freeing_the_loop_waits_for_what_runs_and_drops_what_waits)
{
	struct world w;

	open_with(&w, 1);
	gates();
	leat_io_detach(leat_offload(w.loop, until_unwanted, thing_owned("runs")));
	await_began();
	leat_io_detach(leat_offload(w.loop, wait_at_gate, thing_owned("waits")));
	world_close(&w);
	expect_int(ran, 1);
	tape_expect("~waits ~runs");
}
END_TEST

static leat_io *free_it(void *loop, leat_result *result)
{
	(void)result;
	leat_loop_free(loop);
	return NULL;
}

START_TEST(the_loop_may_be_freed_when_a_job_is_done)
{
	struct world w;
	int number = 1;

	world_open(&w);
	leat_io_detach(leat_io_then(leat_offload(w.loop, add_one, leat_ctx_borrow(&number)), free_it,
	                            leat_ctx_borrow(w.loop)));
	leat_io_detach(leat_offload(w.loop, say_nothing, thing_owned("x")));
	event_base_dispatch(w.base);
	expect_size(w.oom.live, 0);
	tape_expect("~x");
	event_base_free(w.base);
}
END_TEST

/* ---- want ---- */

START_TEST(without_a_thread_there_is_an_error)
{
	struct world w;
	leat_result result;
	int number = 41;

	world_open(&w);
	refuse_threads = EAGAIN;
	expect_settled(leat_offload(w.loop, add_one, thing_owned("x")), LEAT_LIMIT);
	tape_expect("~x");
	refuse_threads = EPERM;
	expect_false(leat_await(leat_offload(w.loop, add_one, leat_ctx_none()), &result));
	expect_kind(leat_result_error(&result), LEAT_DENIED);
	refuse_threads = 0;
	expect_int(leat_await_int(leat_offload(w.loop, add_one, leat_ctx_borrow(&number)), NULL), 42);
	refuse_threads = EAGAIN;
	expect_int(leat_await_int(leat_offload(w.loop, add_one, leat_ctx_borrow(&number)), NULL), 42);
	refuse_threads = 0;
	world_close(&w);
}
END_TEST

static void one_job(struct world *w)
{
	leat_result result;

	if (!leat_await(leat_offload(w->loop, look, thing_owned("c")), &result))
		expect_kind(leat_result_error(&result), LEAT_NOMEM);
	leat_result_clear(&result);
	world_run(w);
	tape_expect("~c");
}

START_TEST(without_memory_there_is_an_error)
{
	starve(one_job);
}
END_TEST

START_TEST(without_memory_that_threads_share_there_is_an_error)
{
	struct oom shared;

	OOM_EACH(&shared) {
		struct world w;

		world_open_shared(&w, &shared);
		one_job(&w);
		world_close(&w);
	}
}
END_TEST

static leat_io *start_late(void *ctx, leat_result *result)
{
	(void)ctx;
	expect_settled(leat_offload(leat_result_loop(result), never_runs, thing_owned("x")), LEAT_CLOSED);
	return NULL;
}

START_TEST(while_the_loop_is_freed_it_is_closed)
{
	struct world w;
	leat_maker maker;

	world_open(&w);
	leat_io_detach(leat_io_branch(pending(w.loop, &maker), NULL, start_late, leat_ctx_none()));
	world_close(&w);
	tape_expect("~x");
}
END_TEST

/* ---- at every point ---- */

static leat_io *sweep_start(struct world *w)
{
	return leat_io_then(leat_offload(w->loop, look, thing_owned("c")), say_int, thing_owned("d"));
}

static bool sweep_turn(struct world *w, size_t n)
{
	(void)n;
	return event_base_loop(w->base, EVLOOP_ONCE) == 0;
}

START_TEST(it_can_be_cancelled_at_any_point)
{
	static const struct sweep_program program = { .name = "leat_offload", .start = sweep_start, .play = sweep_turn };

	sweep(&program);
	tape_clear();
}
END_TEST

/* ---- bad use ---- */

static void answer_twice(void *ctx, leat_remote_maker answer)
{
	(void)ctx;
	leat_remote_resolve_int_at(answer, 1, "b.c:2");
	leat_remote_resolve_int_at(answer, 2, "c.c:3");
}

static void offload_twice(void)
{
	leat_await(leat_offload_at(leat_loop_new(NULL, NULL), answer_twice, leat_ctx_none(), "a.c:1"), NULL);
}

START_TEST(answering_twice_names_the_places)
{
	expect_dies(offload_twice, "settled twice", "a.c:1", "b.c:2", "c.c:3");
}
END_TEST

SUITE("offload", a_job_runs_on_another_thread_and_its_answer_is_the_ios,
	a_job_without_an_answer_resolves_with_nothing, bytes_and_errors_come_back_too,
	the_answer_comes_when_the_job_has_returned,
	a_context_is_destroyed_on_the_loops_thread_after_the_answer_is_there,
	no_more_threads_run_than_were_asked_for_and_every_job_runs, jobs_run_beside_each_other,
	signals_are_blocked_in_its_threads_only, a_dispatch_ends_with_the_last_job,
	a_job_in_the_queue_that_is_cancelled_never_runs, a_job_that_runs_when_it_is_cancelled_ends_by_itself,
	a_cancel_can_be_waited_for_until_the_job_is_done_with_its_context,
	cancelling_what_waits_in_the_queue_is_over_at_once, the_loop_may_be_freed_while_a_cancel_is_waited_for,
	freeing_the_loop_waits_for_what_runs_and_drops_what_waits, the_loop_may_be_freed_when_a_job_is_done,
	without_a_thread_there_is_an_error, without_memory_there_is_an_error,
	without_memory_that_threads_share_there_is_an_error, while_the_loop_is_freed_it_is_closed, it_can_be_cancelled_at_any_point,
	answering_twice_names_the_places)

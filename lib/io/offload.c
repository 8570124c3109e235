/* SPDX-License-Identifier: ISC */
/* offload - work that blocks, on a few threads of the loop's
 *
 * The crew is made at the first use and joined when the loop is freed.  A job
 * waits in the queue (`queued`, under the lock), is run by a thread, and comes
 * back through the loop's mailbox: everything that is destroyed is destroyed on
 * the loop's thread.  A job that is cancelled in the queue is gone at once; one
 * that runs goes on, and only its outcome has nobody any more.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "io/remote.h"
#include "io/unwind.h"

enum { THREADS = 4 };

typedef struct lt_job {
	struct lt_job *next, *prev;   /* in the queue; next is NULL outside */
	struct lt_job *elder, *younger; /* all of the crew's; the loop's thread's */
	struct lt_crew *crew;
	leat_blocking_fn fn;
	leat_ctx ctx;
	leat_maker maker;
	lt_remote_cell *cell;
	lt_unwind *unwind; /* cancelled while it ran: who waits for its end */
} lt_job;

typedef struct lt_crew {
	leat_loop *loop;
	leat_remote *remote;
	lt_job *jobs; /* all */
	pthread_mutex_t lock;
	pthread_cond_t work;
	lt_job queue; /* a ring */
	uint32_t queued, idle;
	bool ending;
	bool lost; /* after fork: goes with the last of its jobs */
	uint32_t count, most; /* threads */
	pthread_t threads[];
} lt_crew;

/* ---- the queue, under the lock ---- */

static void enqueue(lt_crew *crew, lt_job *job)
{
	job->next = &crew->queue;
	job->prev = crew->queue.prev;
	job->prev->next = job;
	crew->queue.prev = job;
	crew->queued++;
}

static void unqueue(lt_crew *crew, lt_job *job)
{
	job->prev->next = job->next;
	job->next->prev = job->prev;
	job->next = NULL;
	crew->queued--;
}

/* Whether it waited there: then no thread will see it. */
static bool withdraw(lt_job *job)
{
	lt_crew *crew = job->crew;
	bool queued;

	pthread_mutex_lock(&crew->lock);
	queued = job->next;
	if (queued)
		unqueue(crew, job);
	pthread_mutex_unlock(&crew->lock);
	return queued;
}

/* ---- a thread ---- */

/* The loop is being freed: what waits will be dropped, and is not begun. */
static bool is_over(const lt_crew *crew)
{
	return crew->ending || (atomic_load(&crew->remote->head) & LT_MAIL_CLOSED);
}

/* NULL: it is over. */
static lt_job *next_job(lt_crew *crew)
{
	lt_job *job = NULL;

	pthread_mutex_lock(&crew->lock);
	while (crew->queued == 0 && !is_over(crew)) {
		crew->idle++;
		pthread_cond_wait(&crew->work, &crew->lock);
		crew->idle--;
	}
	if (!is_over(crew)) {
		job = crew->queue.next;
		unqueue(crew, job);
	}
	pthread_mutex_unlock(&crew->lock);
	return job;
}

static void *work(void *arg)
{
	lt_crew *crew = arg;
	lt_job *job;

	while ((job = next_job(crew))) {
		lt_remote_cell *cell = job->cell;

		job->fn(job->ctx.data, lt_remote_maker_of(cell));
		lt_remote_finish(cell);
	}
	return NULL;
}

/* No signal of the process is for one of ours. */
static int start_thread(lt_crew *crew)
{
	sigset_t all, before;
	int failed;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&crew->threads[crew->count], NULL, work, crew);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!failed)
		crew->count++;
	return failed;
}

/* ---- a job's end, on the loop's thread ---- */

static void free_crew(lt_crew *crew)
{
	leat_remote *remote = crew->remote;

	lt_mem_release(&crew->loop->mem, crew);
	lt_remote_release(remote);
}

static void free_job(lt_job *job)
{
	lt_crew *crew = job->crew;

	if (job->younger)
		job->younger->elder = job->elder;
	else
		crew->jobs = job->elder;
	if (job->elder)
		job->elder->younger = job->younger;
	lt_remote_cell_give(crew->remote, job->cell);
	lt_remote_waits_less(crew->remote);
	lt_mem_release(&crew->loop->mem, job);
	if (crew->lost && !crew->jobs)
		free_crew(crew);
}

static void never_run(lt_job *job)
{
	leat_remote *remote = job->crew->remote;
	leat_ctx ctx = job->ctx;

	free_job(job);
	lt_remote_release(remote); /* the cell's: nobody settles it */
	lt_ctx_drop(ctx);
}

static void on_done(void *data, leat_loop *loop)
{
	lt_job *job = data;
	leat_maker maker = job->maker;
	leat_ctx ctx = job->ctx;
	lt_unwind *unwind = job->unwind;
	lt_outcome outcome;

	lt_remote_outcome(loop, job->cell, &outcome);
	free_job(job);
	if (leat_maker_live(maker))
		lt_settle(loop, maker.io, &outcome);
	else
		lt_outcome_drop(&outcome);
	if (ctx.destroy && !ctx.moved)
		ctx.destroy(ctx.data);
	lt_unwind_leave(unwind);
}

static void offload_cancel(void *state)
{
	lt_job *job = *(lt_job **)state;

	if (withdraw(job)) {
		never_run(job);
		return;
	}
	atomic_store_explicit(&job->cell->dropped, true, memory_order_relaxed);
	job->unwind = lt_unwind_join(job->crew->loop);
}

static int offload_describe(const void *state, char *out, size_t room)
{
	const lt_job *job = *(lt_job *const *)state;
	lt_crew *crew = job->crew;
	uint32_t queued;
	bool at_work;

	pthread_mutex_lock(&crew->lock);
	at_work = !job->next;
	queued = crew->queued;
	pthread_mutex_unlock(&crew->lock);
	return snprintf(out, room, "%s, %u in line", at_work ? "a thread has it" : "in line", queued);
}

static const leat_leaf offload_leaf = {
	.size = sizeof(leat_leaf), .name = "offload", .state_bytes = sizeof(void *), .cancel = offload_cancel,
	.describe = offload_describe
};

/* ---- the crew ---- */

/* The loop is freed: whoever runs comes to its end first. */
static void disband(leat_loop *loop, void *data)
{
	lt_crew *crew = data;

	pthread_mutex_lock(&crew->lock);
	crew->ending = true;
	pthread_cond_broadcast(&crew->work);
	pthread_mutex_unlock(&crew->lock);
	for (uint32_t i = 0; i < crew->count; i++)
		pthread_join(crew->threads[i], NULL);
	while (crew->jobs) {
		if (crew->jobs->next)
			never_run(crew->jobs);
		else
			on_done(crew->jobs, loop);
	}
	pthread_cond_destroy(&crew->work);
	pthread_mutex_destroy(&crew->lock);
	free_crew(crew);
}

/* Its thread was not forked.  What the thread was at work with is in no state
 * that anybody knows: its context is left as it is. */
static void break_job(lt_job *job)
{
	leat_loop *loop = job->crew->loop;
	leat_maker maker = job->maker;
	lt_unwind *unwind = job->unwind;

	if (!job->next)
		job->ctx.destroy = NULL;
	never_run(job);
	if (leat_maker_live(maker))
		lt_settle_error(loop, maker.io, leat_error_core(LEAT_BROKEN));
	lt_unwind_leave(unwind);
}

void lt_offload_after_fork(leat_loop *loop)
{
	lt_crew *crew = loop->slots[LT_SLOT_OFFLOAD].data;
	lt_job *job, *elder;

	if (!crew)
		return;
	loop->slots[LT_SLOT_OFFLOAD].data = NULL;
	for (job = crew->jobs; job; job = elder) {
		elder = job->elder;
		if (!job->cell->come)
			break_job(job);
	}
	crew->lost = true;
	if (!crew->jobs)
		free_crew(crew);
}

/* NULL without memory. */
static lt_crew *crew_of(leat_loop *loop, leat_remote *remote)
{
	uint32_t most = loop->options.offload_threads ? loop->options.offload_threads : THREADS;
	lt_crew *crew = loop->slots[LT_SLOT_OFFLOAD].data;

	if (crew)
		return crew;
	crew = lt_mem_zalloc(&loop->mem, sizeof *crew + most * sizeof crew->threads[0]);
	if (!crew)
		return NULL;
	crew->loop = loop;
	crew->remote = remote;
	crew->most = most;
	crew->queue.next = crew->queue.prev = &crew->queue;
	pthread_mutex_init(&crew->lock, NULL);
	pthread_cond_init(&crew->work, NULL);
	lt_remote_hold(remote);
	loop->slots[LT_SLOT_OFFLOAD] = (lt_slot){ .data = crew, .end = disband };
	return crew;
}

/* ---- starting ---- */

/* NULL without memory. */
static lt_job *new_job(lt_crew *crew, leat_blocking_fn fn, leat_ctx ctx, const char *where)
{
	lt_job *job = lt_mem_zalloc(&crew->loop->mem, sizeof *job);

	if (!job)
		return NULL;
	job->cell = lt_remote_cell_take(crew->remote, on_done, job, where);
	if (!job->cell) {
		lt_mem_release(&crew->loop->mem, job);
		return NULL;
	}
	job->cell->held = true;
	job->crew = crew;
	job->fn = fn;
	job->ctx = ctx;
	job->elder = crew->jobs;
	if (crew->jobs)
		crew->jobs->younger = job;
	crew->jobs = job;
	crew->remote->waiting++;
	return job;
}

/* 0, or why no thread will ever run it. */
static int submit(lt_crew *crew, lt_job *job)
{
	bool needs_more;
	int failed = 0;

	pthread_mutex_lock(&crew->lock);
	enqueue(crew, job);
	needs_more = crew->queued > crew->idle && crew->count < crew->most;
	pthread_cond_signal(&crew->work);
	pthread_mutex_unlock(&crew->lock);
	if (needs_more)
		failed = start_thread(crew);
	return crew->count > 0 ? 0 : failed;
}

static leat_error start_error(int number, const char *where)
{
	if (number == EAGAIN)
		return leat_error_make_at(&leat_core_errors, LEAT_LIMIT, where);
	return leat_error_make_at(&leat_errno_errors, number, where);
}

static leat_error start(leat_loop *loop, lt_job **job, leat_blocking_fn fn, leat_ctx ctx, const char *where)
{
	leat_kind why;
	leat_remote *remote = lt_remote_open(loop, &why);
	lt_crew *crew = remote ? crew_of(loop, remote) : NULL;
	int failed;

	*job = crew ? new_job(crew, fn, ctx, where) : NULL;
	if (remote && !*job)
		lt_remote_look_later(remote);
	if (!*job) {
		lt_ctx_drop(ctx);
		return leat_error_make_at(&leat_core_errors, remote ? LEAT_NOMEM : (int)why, where);
	}
	failed = submit(crew, *job);
	if (!failed)
		return (leat_error){ 0 };
	withdraw(*job);
	never_run(*job);
	return start_error(failed, where);
}

leat_io *leat_offload_at(leat_loop *loop, leat_blocking_fn fn, leat_ctx ctx, const char *where)
{
	leat_maker maker;
	void *state;
	leat_io *io = leat_io_new_at(loop, &maker, &offload_leaf, &state, where);
	leat_error error;
	lt_job *job;

	if (!state) {
		lt_ctx_drop(ctx);
		return io;
	}
	error = start(loop, &job, fn, ctx, where);
	if (leat_error_set(error)) {
		leat_reject_at(maker, error, where);
		return io;
	}
	job->maker = maker;
	*(lt_job **)state = job;
	return io;
}

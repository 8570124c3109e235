/* SPDX-License-Identifier: ISC */
/* post - what it costs to post from another thread, in bursts, and what wakes the loop
 *
 *	post [PIECES [BURST]]
 *
 * A thread posts a burst, waits until all of it has run, and so on. Beside it stand an
 * uncontended atomic exchange and a cell of a pool, of which a post may cost two. All
 * in processor time; the loop's share is what its thread took for everything.
 */
#include <err.h>
#include <leat/io.h>
#include <leat/loop.h>
#include <leat/thread.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long pieces = 10000000, burst = 1000;
static _Atomic long ran;
static _Atomic long wakes;
static double post_ns;
static leat_remote *remote;
static leat_maker finished;

/* In place of libc's: what the library writes are wake-ups. */
ssize_t
write(int fd, const void *data, size_t bytes)
{
	if (bytes == 8)
		atomic_fetch_add(&wakes, 1);
	return syscall(SYS_write, fd, data, bytes);
}

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void
count(void *ctx, leat_loop *loop)
{
	long now = atomic_load_explicit(&ran, memory_order_relaxed) + 1;

	(void)ctx;
	(void)loop;
	atomic_store_explicit(&ran, now, memory_order_release);
	if (now == pieces)
		leat_resolve(finished);
}

static void
post_burst(void)
{
	double began = now_ns();

	for (long i = 0; i < burst; i++)
		if (leat_post(remote, count, leat_ctx_none()))
			errx(1, "refused");
	post_ns += now_ns() - began;
}

static void *
post_all(void *ctx)
{
	for (long done = burst; done <= pieces; done += burst) {
		post_burst();
		while (atomic_load_explicit(&ran, memory_order_acquire) < done)
			sched_yield();
	}
	leat_remote_unref(remote);
	return ctx;
}

static double
exchange_ns(void)
{
	static _Atomic(void *) word;
	double began = now_ns();

	for (long i = 0; i < 10000000; i++)
		atomic_exchange(&word, &began);
	return (now_ns() - began) / 1e7;
}

static struct cell {
	struct cell *next;
	void *words[7];
} cells[64], *unused;

static double
cell_ns(void)
{
	double began;

	for (int i = 0; i < 64; i++) {
		cells[i].next = unused;
		unused = &cells[i];
	}
	began = now_ns();
	for (long i = 0; i < 10000000; i++) {
		struct cell *cell = unused;

		unused = cell->next;
		__asm__ volatile("" : : "r"(cell) : "memory");
		cell->next = unused;
		unused = cell;
	}
	return (now_ns() - began) / 1e7;
}

int
main(int argc, char **argv)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	double unit = exchange_ns() + cell_ns(), began;
	pthread_t thread;
	leat_io *io;

	if (argc > 1)
		pieces = atol(argv[1]);
	if (argc > 2)
		burst = atol(argv[2]);
	pieces -= pieces % burst;
	io = leat_io_new(loop, &finished, NULL, NULL);
	remote = leat_remote_new(loop);
	began = now_ns();
	if (pthread_create(&thread, NULL, post_all, NULL) || !leat_await(io, NULL))
		errx(1, "cannot run");
	pthread_join(thread, NULL);
	printf("exchange_and_cell %.2f\n", unit);
	printf("post %.2f\n", post_ns / (double)pieces);
	printf("ratio %.2f (gate 2.00)\n", post_ns / (double)pieces / unit);
	printf("loop %.2f\n", (now_ns() - began) / (double)pieces);
	printf("ran %ld of %ld\n", (long)ran, pieces);
	printf("wakes_a_burst %.3f\n", (double)wakes / (double)(pieces / burst));
	leat_loop_free(loop);
	return ran == pieces ? 0 : 1;
}

/* SPDX-License-Identifier: ISC */
/* post - what it costs to post from another thread, in bursts, and what wakes the loop
 *
 *	post [PIECES [BURST]]
 *
 * A thread posts a burst, waits until all of it has run, and so on. Beside it stand an
 * uncontended atomic exchange and a cell of a pool, of which a post may cost two, and a
 * burst one wake-up. That is a system call, a thousandth of which can be more than the
 * whole allowance: the ratio is given without it and with it. All in processor time, without what
 * asking for that takes; the loop's share is what its thread took for everything.
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

/* On lines of its own: what a callback writes is not to slow down who posts. */
struct count {
	_Alignas(128) _Atomic long n;
};

static long pieces = 10000000, burst = 1000;
static struct count ran, wakes;
static double post_ns, wake_ns, asked_ns, clock_ns;
static leat_remote *remote;
static leat_maker finished;

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* From one question to the next; each of them is a system call, too. */
static double
passed_ns(double began)
{
	return now_ns() - began - clock_ns;
}

static void
measure_clock(void)
{
	double least = 1e9;

	for (int i = 0; i < 10000; i++) {
		double began = now_ns(), took = now_ns() - began;

		least = took < least ? took : least;
	}
	clock_ns = least;
}

/* In place of libc's: what the library writes are wake-ups. */
ssize_t
write(int fd, const void *data, size_t bytes)
{
	double began = now_ns();
	ssize_t n = syscall(SYS_write, fd, data, bytes);

	if (bytes == 8) {
		atomic_fetch_add(&wakes.n, 1);
		wake_ns += passed_ns(began);
		asked_ns += 2 * clock_ns;
	}
	return n;
}

static void
count(void *ctx, leat_loop *loop)
{
	long now = atomic_load_explicit(&ran.n, memory_order_relaxed) + 1;

	(void)ctx;
	(void)loop;
	atomic_store_explicit(&ran.n, now, memory_order_release);
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
	post_ns += passed_ns(began);
}

/* Two threads on one processor would measure the scheduler; where there is only one
 * they stay there. */
static void
stay_on(int nth)
{
	cpu_set_t ours, one;

	CPU_ZERO(&one);
	sched_getaffinity(0, sizeof ours, &ours);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &ours) && nth-- == 0)
			CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof one, &one);
}

static void *
post_all(void *ctx)
{
	stay_on(1);
	for (long done = burst; done <= pieces; done += burst) {
		post_burst();
		while (atomic_load_explicit(&ran.n, memory_order_acquire) < done)
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
	double unit = exchange_ns() + cell_ns(), began, all, each;
	pthread_t thread;
	leat_io *io;

	if (argc > 1)
		pieces = atol(argv[1]);
	if (argc > 2)
		burst = atol(argv[2]);
	pieces -= pieces % burst;
	measure_clock();
	io = leat_io_new(loop, &finished, NULL, NULL);
	remote = leat_remote_new(loop);
	if (pthread_create(&thread, NULL, post_all, NULL))
		errx(1, "cannot run");
	stay_on(0);
	began = now_ns();
	if (!leat_await(io, NULL))
		errx(1, "cannot run");
	pthread_join(thread, NULL);
	printf("exchange_and_cell %.2f\n", unit);
	all = (post_ns - asked_ns) / (double)pieces;
	each = all - wake_ns / (double)pieces;
	printf("post %.2f\n", each);
	printf("ratio %.2f (gate 2.00)\n", each / unit);
	printf("post_and_wake_ups %.2f\n", all);
	printf("ratio_with_wake_ups %.2f\n", all / unit);
	printf("wake_up %.0f\n", wake_ns / (double)wakes.n);
	printf("loop %.2f\n", (now_ns() - began) / (double)pieces);
	printf("ran %ld of %ld\n", (long)ran.n, pieces);
	printf("wakes_a_burst %.3f (gate 1.000)\n", (double)wakes.n / (double)(pieces / burst));
	leat_loop_free(loop);
	return ran.n == pieces ? 0 : 1;
}

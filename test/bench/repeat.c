/* SPDX-License-Identifier: ISC */
/* repeat - a loop of many steps and a chain of many links: what they cost and need
 *
 * Ten million steps may not grow the process by more than 1 MiB, and a chain a million
 * links deep settles and is cancelled on a small stack: run it under `ulimit -s 256`. */
#include <err.h>
#include <leat/io.h>
#include <leat/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum { STEPS = 10000000, LINKS = 1000000, GROWTH_KIB = 1024 };

static leat_loop *loop;
static clock_t began;

static long
peak_kib(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return use.ru_maxrss;
}

static void
tell(const char *what, long count)
{
	double ns = (double)(clock() - began) * (1e9 / CLOCKS_PER_SEC);

	printf("%s: %ld, %.1f ns each\n", what, count, ns / (double)count);
}

static leat_io *
step(void *left, leat_result *nothing)
{
	(void)nothing;
	return leat_io_int(loop, --*(long *)left > 0);
}

static leat_io *
one_link(void *ran, leat_result *result)
{
	(void)result;
	++*(long *)ran;
	return NULL;
}

/* Gives the growth in KiB; the first steps warm what stays. */
static long
repeat(long steps)
{
	long left = 1000, before;

	if (!leat_await(leat_io_repeat(loop, step, leat_ctx_borrow(&left)), NULL))
		errx(1, "the repeat failed");
	before = peak_kib();
	left = steps;
	began = clock();
	if (!leat_await(leat_io_repeat(loop, step, leat_ctx_borrow(&left)), NULL))
		errx(1, "the repeat failed");
	tell("repeat, steps", steps);
	return peak_kib() - before;
}

static leat_io *
chain(leat_maker *maker, long *ran)
{
	leat_io *io = leat_io_new(loop, maker, NULL, NULL);

	for (long i = 0; i < LINKS; i++)
		io = leat_io_then(io, one_link, leat_ctx_borrow(ran));
	return io;
}

static void
deep(void)
{
	leat_maker maker;
	leat_io *io;
	long ran = 0;

	began = clock();
	io = chain(&maker, &ran);
	leat_resolve(maker);
	if (!leat_await(io, NULL) || ran != LINKS)
		errx(1, "the chain ran %ld links", ran);
	tell("chain settled, links", LINKS);
	began = clock();
	leat_io_cancel(chain(&maker, &ran));
	if (ran != LINKS)
		errx(1, "the cancelled chain ran");
	tell("chain cancelled, links", LINKS);
}

int
main(void)
{
	long growth;

	loop = leat_loop_new(NULL, NULL);
	if (!loop)
		errx(1, "no memory");
	growth = repeat(STEPS);
	printf("repeat, growth: %ld KiB  gate %d: %s\n", growth, GROWTH_KIB,
	    growth <= GROWTH_KIB ? "reached" : "MISSED");
	deep();
	leat_loop_free(loop);
	return 0;
}

/* SPDX-License-Identifier: ISC */
/* minimal - the rows of micro, for the least a promise can be */
#include <stdint.h>
#include <stdlib.h>
#include <ucontext.h>

#include "bench/promise.h"
#include "bench/rows.h"

static long ran;

static void *
count(void *ctx, void *value)
{
	++*(long *)ctx;
	return value;
}

static struct promise *
chain(struct promise *p, int links)
{
	while (links--)
		p = promise_then(p, count, &ran);
	return p;
}

static void
create_resolve_free(long rounds)
{
	while (rounds--) {
		struct promise *p = promise_new();

		promise_resolve(p, &ran);
		promise_free(p);
	}
}

static void
resolved(long rounds, int links)
{
	while (rounds--) {
		struct promise *p = promise_new();

		promise_resolve(p, &ran);
		p = chain(p, links);
		promise_drain();
		promise_free(p);
	}
}

static void
pending(long rounds, int links)
{
	while (rounds--) {
		struct promise *first = promise_new(), *last = chain(first, links);

		promise_resolve(first, &ran);
		promise_drain();
		promise_free(last);
	}
}

static void
then1_resolved(long rounds)
{
	resolved(rounds, 1);
}

static void
then10_resolved(long rounds)
{
	resolved(rounds, 10);
}

static void
then1_pending(long rounds)
{
	pending(rounds, 1);
}

static void
then10_pending(long rounds)
{
	pending(rounds, 10);
}

static void
all100(long rounds)
{
	struct promise *each[100], *all;

	while (rounds--) {
		for (int i = 0; i < 100; i++)
			each[i] = promise_new();
		all = promise_all(each, 100);
		for (int i = 0; i < 100; i++)
			promise_resolve(each[i], &ran);
		promise_drain();
		promise_free(all);
	}
}

static void
tick(long rounds)
{
	struct promise *p = promise_new();

	promise_resolve(p, &ran);
	while (rounds--) {
		p = promise_then(p, count, &ran);
		promise_drain();
	}
	promise_free(p);
}

/* glibc's own switch of stacks; there and back is two */

enum { STACK_BYTES = 65536 };

static ucontext_t here, there;

static void
bounce(void)
{
	for (;;)
		swapcontext(&there, &here);
}

/* getcontext returns twice, as far as a compiler knows: away from all that counts. */
static void
make_context(void *stack)
{
	if (!stack || getcontext(&there) < 0)
		abort();
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = STACK_BYTES;
	makecontext(&there, bounce, 0);
}

static void
fiber_switch(long rounds)
{
	void *stack = malloc(STACK_BYTES);

	make_context(stack);
	for (; rounds > 0; rounds -= 2)
		swapcontext(&here, &there);
	free(stack);
}

static const struct row rows[] = {
	{ "create_resolve_free", create_resolve_free },
	{ "then1_resolved", then1_resolved },
	{ "then10_resolved", then10_resolved },
	{ "then1_pending", then1_pending },
	{ "then10_pending", then10_pending },
	{ "all100", all100 },
	{ "tick", tick },
	{ "fiber_switch", fiber_switch },
};

int
main(int argc, char **argv)
{
	(void)argc;
	rows_print(rows, sizeof rows / sizeof rows[0], argv + 1);
	return 0;
}

/* SPDX-License-Identifier: ISC */
/* promise - the least a promise can be in C, to compare with */
#include <stdlib.h>
#include <string.h>

#include "bench/promise.h"

struct promise {
	struct promise *next;	/* in the ready queue */
	struct promise *source;	/* whose value fn gets */
	struct promise *waiter;
	promise_fn fn;		/* NULL: made by hand, or an all */
	void *ctx;
	void *value;
	int settled;
};

struct all {
	struct promise promise;
	size_t count, missing;
	struct promise *sources[];	/* then, in their places, the values */
};

static struct promise *head, **tail = &head;

static void *
make(size_t bytes)
{
	struct promise *p = malloc(bytes);

	if (!p)
		abort();
	p->waiter = NULL;
	p->fn = NULL;
	p->settled = 0;
	return p;
}

struct promise *
promise_new(void)
{
	return make(sizeof(struct promise));
}

void
promise_free(struct promise *p)
{
	free(p);
}

static void
make_ready(struct promise *p)
{
	p->next = NULL;
	*tail = p;
	tail = &p->next;
}

static void
gather(struct all *all)
{
	for (size_t i = 0; i < all->count; i++) {
		void *value = all->sources[i]->value;

		free(all->sources[i]);
		memcpy(&all->sources[i], &value, sizeof value);
	}
	promise_resolve(&all->promise, all->sources);
}

static void
one_less(struct all *all)
{
	if (--all->missing == 0)
		gather(all);
}

void
promise_resolve(struct promise *p, void *value)
{
	struct promise *w = p->waiter;

	p->value = value;
	p->settled = 1;
	if (!w)
		return;
	if (w->fn)
		make_ready(w);
	else
		one_less((struct all *)w);
}

struct promise *
promise_then(struct promise *source, promise_fn fn, void *ctx)
{
	struct promise *p = make(sizeof *p);

	p->source = source;
	p->fn = fn;
	p->ctx = ctx;
	if (source->settled)
		make_ready(p);
	else
		source->waiter = p;
	return p;
}

struct promise *
promise_all(struct promise *const *sources, size_t count)
{
	struct all *all = make(sizeof *all + count * sizeof *all->sources);

	all->count = count;
	all->missing = 1;
	for (size_t i = 0; i < count; i++) {
		all->sources[i] = sources[i];
		sources[i]->waiter = &all->promise;
		all->missing += !sources[i]->settled;
	}
	one_less(all);
	return &all->promise;
}

void
promise_drain(void)
{
	while (head) {
		struct promise *p = head;
		void *value;

		head = p->next;
		if (!head)
			tail = &head;
		value = p->fn(p->ctx, p->source->value);
		free(p->source);
		promise_resolve(p, value);
	}
}

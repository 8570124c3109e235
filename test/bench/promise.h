/* SPDX-License-Identifier: ISC */
/* promise - the least a promise can be in C, to compare with
 *
 * One malloc a promise, a ready queue, nothing else: no errors, no types, no cancelling,
 * no contexts that are destroyed, no flattening, one thread, one queue. */
#ifndef BENCH_PROMISE_H
#define BENCH_PROMISE_H

#include <stddef.h>

struct promise;

typedef void *(*promise_fn)(void *ctx, void *value);

struct promise *promise_new(void);
void promise_resolve(struct promise *, void *value);
void promise_free(struct promise *);

/* Takes the promise and gives the next: fn runs from the queue. */
struct promise *promise_then(struct promise *, promise_fn, void *ctx);

/* Takes them all; its value is the array of theirs, good until it is freed. */
struct promise *promise_all(struct promise *const *, size_t count);

void promise_drain(void);

#endif

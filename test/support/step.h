/* SPDX-License-Identifier: ISC */
/* step.h - small continuations that most tests of promises need */
#ifndef TEST_SUPPORT_STEP_H
#define TEST_SUPPORT_STEP_H

#include <leat/io.h>
#include <leat/loop.h>

#include "support/expect.h"
#include "support/tape.h"
#include "support/thing.h"

/* Says its context, a word, on the tape; passes on what it got. */
static inline leat_io *say(void *word, leat_result *result)
{
	tape_add(word);
	thing_moment();
	return leat_result_pass(result);
}

/* The same with nothing as its outcome: an error is handled. */
static inline leat_io *say_done(void *word, leat_result *result)
{
	(void)result;
	tape_add(word);
	thing_moment();
	return NULL;
}

/* Says its context, frees it: for moved things. */
static inline leat_io *say_take(void *word, leat_result *result)
{
	tape_add(word);
	thing_take(word);
	thing_moment();
	return leat_result_pass(result);
}

/* Says the number it got. */
static inline leat_io *say_int(void *ctx, leat_result *result)
{
	(void)ctx;
	tape_addf("%d", (int)leat_result_int(result));
	return leat_result_pass(result);
}

/* Says the kind of the error it got. */
static inline leat_io *say_kind(void *ctx, leat_result *result)
{
	(void)ctx;
	tape_add(leat_kind_name(leat_error_kind(leat_result_error(result))));
	return NULL;
}

/* Fails with its context, a static error. */
static inline leat_io *fail_with(void *error, leat_result *result)
{
	thing_moment();
	return leat_io_fail(leat_result_loop(result), *(leat_error *)error);
}

/* Must not run. */
static inline leat_io *never(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	ck_abort_msg("this one must not run");
	return NULL;
}

/* A context that is a string. */
static inline leat_ctx word(const char *text)
{
	return (leat_ctx){ .data = (void *)(uintptr_t)text };
}

/* A pending io and its maker. */
static inline leat_io *pending(leat_loop *loop, leat_maker *maker)
{
	return leat_io_new(loop, maker, NULL, NULL);
}

/* An io that failed with that kind. */
static inline leat_io *failed(leat_loop *loop, leat_kind kind)
{
	return leat_io_fail(loop, leat_error_core(kind));
}

/* The outcome of a settled io, as an error; its value is destroyed. */
static inline leat_error settled(leat_io *io)
{
	leat_result result;
	leat_error error;

	expect_true(leat_io_try(io, &result));
	error = leat_result_error(&result);
	leat_result_clear(&result);
	return error;
}

static inline int64_t settled_int(leat_io *io)
{
	leat_result result;

	expect_true(leat_io_try(io, &result));
	return leat_result_int(&result);
}

static inline bool is_pending(leat_io *io)
{
	leat_result result;

	if (!leat_io_try(io, &result))
		return true;
	leat_result_clear(&result);
	return false;
}

/* leat_fn with a result it may not look at twice */
#define expect_settled(io, kind) expect_kind(settled(io), kind)

#endif

/* SPDX-License-Identifier: ISC */
/* thread - a debug build knows whose a loop is, and whose an io */
#include <pthread.h>

#include <leat/fiber.h>

#include "support/suite.h"
#include "support/world.h"

static void *make_one(void *loop)
{
	leat_io_cancel(leat_sleep(loop, 1000));
	return NULL;
}

static void *resolve_one(void *maker)
{
	leat_resolve(*(leat_maker *)maker);
	return NULL;
}

static void *await_here(void *io)
{
	leat_await(io, NULL);
	return NULL;
}

static void elsewhere(void *(*work)(void *), void *ctx)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, work, ctx), 0);
	pthread_join(thread, NULL);
}

START_TEST(making_an_io_on_another_thread_aborts)
{
	elsewhere(make_one, leat_loop_new(NULL, NULL));
}
END_TEST

START_TEST(settling_an_io_on_another_thread_aborts)
{
	leat_maker maker;
	leat_io *io = leat_io_new(leat_loop_new(NULL, NULL), &maker, NULL, NULL);

	elsewhere(resolve_one, &maker);
	leat_io_detach(io);
}
END_TEST

/* What a release makes once for all, too. */
START_TEST(giving_away_twice_what_was_there_already_aborts)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	leat_io *io = _i < 2 ? leat_io_int(loop, _i) : leat_io_done(loop);

	leat_io_cancel(io);
	leat_io_cancel(io);
}
END_TEST

static leat_io *await_one(void *ctx, leat_loop *loop)
{
	elsewhere(await_here, ctx);
	return NULL;
}

START_TEST(waiting_in_a_fiber_on_another_thread_aborts)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	leat_maker maker;

	leat_io_detach(leat_fiber(loop, await_one, leat_ctx_borrow(leat_io_new(loop, &maker, NULL, NULL))));
	leat_loop_run_ready(loop);
}
END_TEST

SUITE("thread", ABORTS(making_an_io_on_another_thread_aborts), ABORTS(settling_an_io_on_another_thread_aborts),
	EACH(ABORTS(giving_away_twice_what_was_there_already_aborts), 3),
	ABORTS(waiting_in_a_fiber_on_another_thread_aborts))

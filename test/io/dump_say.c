/* SPDX-License-Identifier: ISC */
/* dump_say - what those say of themselves who wait at something */
#include <leat/dump.h>
#include <leat/event.h>
#include <leat/fiber.h>
#include <leat/map.h>
#include <leat/mutex.h>
#include <leat/queue.h>
#include <leat/retry.h>
#include <leat/scope.h>
#include <leat/semaphore.h>
#include <leat/signal.h>
#include <leat/thread.h>
#include <leat/ticker.h>
#include <semaphore.h>
#include <signal.h>

#include "support/step.h"
#include "support/suite.h"
#include "support/thing.h"
#include "support/world.h"

static char text[8192];

/* All but the head. */
static const char *trees(struct world *w)
{
	leat_dump_text(w->loop, text, sizeof text, &(leat_dump_options){ .size = sizeof(leat_dump_options) });
	return strchr(text, '\n') + 1;
}

static leat_io *leaf_at(leat_loop *loop, const char *where)
{
	leat_maker maker;

	return leat_io_new_at(loop, &maker, NULL, NULL, where);
}

static void expect_in(struct world *w, const char *words)
{
	if (!strstr(trees(w), words))
		ck_abort_msg("\"%s\" is not in\n%s", words, text);
}

START_TEST(who_stands_at_a_semaphore_says_how_many_are_out)
{
	struct world w;
	leat_semaphore *semaphore;
	leat_io *first, *second;

	world_open(&w);
	semaphore = leat_semaphore_new_at(w.loop, 2, "s");
	expect_true(leat_semaphore_try(semaphore));
	expect_true(leat_await(leat_semaphore_acquire_at(semaphore, "a"), NULL));
	first = leat_semaphore_acquire_at(semaphore, "b");
	second = leat_semaphore_acquire_at(semaphore, "c");
	expect_in(&w, "acquire b, held, of a semaphore s, 2 out, the last at a, 2 in line\n");
	leat_io_cancel(first);
	expect_in(&w, "acquire c, held, of a semaphore s, 2 out, the last at a, 1 in line\n");
	leat_semaphore_release(semaphore);
	expect_true(leat_await(second, NULL));
	leat_semaphore_release(semaphore);
	leat_semaphore_release(semaphore);
	leat_semaphore_free(semaphore);
	world_close(&w);
}
END_TEST

START_TEST(who_stands_at_a_mutex_says_where_it_was_locked)
{
	struct world w;
	leat_mutex *mutex;
	leat_io *io;

	world_open(&w);
	mutex = leat_mutex_new_at(w.loop, "m");
	expect_true(leat_await(leat_mutex_lock_at(mutex, "a"), NULL));
	io = leat_mutex_lock_at(mutex, "b");
	expect_in(&w, "lock b, held, of a mutex m, locked at a, 1 in line\n");
	leat_mutex_unlock(mutex);
	expect_true(leat_await(io, NULL));
	io = leat_mutex_lock_at(mutex, "c");
	expect_in(&w, "lock c, held, of a mutex m, locked at b, 1 in line\n");
	leat_io_cancel(io);
	leat_mutex_unlock(mutex);
	expect_true(leat_mutex_try(mutex));
	io = leat_mutex_lock_at(mutex, "d");
	expect_in(&w, "lock d, held, of a mutex m, locked, 1 in line\n");
	leat_io_cancel(io);
	leat_mutex_unlock(mutex);
	leat_mutex_free(mutex);
	world_close(&w);
}
END_TEST

START_TEST(who_waits_for_an_event_says_how_many_do)
{
	struct world w;
	leat_event *event;
	leat_io *io;

	world_open(&w);
	event = leat_event_new_at(w.loop, "e");
	io = leat_event_wait_at(event, "a");
	expect_in(&w, "wait for an event a, held, of an event e, 1 in line\n");
	leat_io_cancel(io);
	leat_event_free(event);
	world_close(&w);
}
END_TEST

START_TEST(a_tick_says_when_it_comes)
{
	struct world w;
	leat_ticker *ticker;
	leat_io *io;

	world_open(&w);
	ticker = leat_ticker_new_at(w.loop, 100, "t");
	world_pass(&w, 30);
	io = leat_ticker_next_at(ticker, "a");
	expect_in(&w, "tick a, held, of a ticker t, every 100 ms, 70 ms left\n");
	leat_io_cancel(io);
	leat_ticker_free(ticker);
	world_close(&w);
}
END_TEST

START_TEST(puts_and_takes_say_how_full_a_queue_is)
{
	struct world w;
	leat_queue *queue;
	leat_io *put, *take;

	world_open(&w);
	queue = leat_queue_new_at(w.loop, 1, "q");
	take = leat_queue_take_at(queue, "a");
	expect_in(&w, "take a, held, of a queue q, 0 of 1 inside, 0 to put, 1 to take\n");
	leat_io_cancel(take);
	expect_true(leat_queue_try_put(queue, thing(""), &thing_type));
	put = leat_queue_put_at(queue, thing(""), &thing_type, "b");
	leat_queue_close(queue);
	expect_in(&w, "put b, held, of a queue q, 1 of 1 inside, 1 to put, 0 to take, closed\n");
	leat_io_cancel(put);
	leat_queue_free(queue);
	expect_int(things_live, 0);
	world_close(&w);
}
END_TEST

START_TEST(who_waits_for_a_scope_says_how_many_members_it_has)
{
	struct world w;
	leat_scope *scope;
	leat_io *io;

	world_open(&w);
	scope = leat_scope_new_at(w.loop, NULL, "s");
	leat_scope_add_at(scope, leaf_at(w.loop, "a"), "m");
	leat_scope_add_at(scope, leaf_at(w.loop, "b"), "n");
	io = leat_scope_drain_at(scope, 500, "d");
	world_pass(&w, 100);
	expect_in(&w, "scope drain d, held, 400 ms left\n  scope d, of a scope s, which holds 2\n");
	expect_in(&w, "member m, of a scope s\n  leaf a\n");
	expect_in(&w, "member n, of a scope s\n  leaf b\n");
	leat_io_cancel(io);
	leat_scope_free(scope);
	world_close(&w);
}
END_TEST

static leat_io *stay(void *ctx, leat_loop *loop)
{
	(void)ctx;
	leat_await(leaf_at(loop, "f"), NULL);
	return NULL;
}

START_TEST(a_scope_that_was_cancelled_says_that_it_unwinds)
{
	struct world w;
	leat_scope *scope;
	leat_io *io;

	world_open(&w);
	scope = leat_scope_new_at(w.loop, NULL, "s");
	leat_scope_add(scope, leat_fiber(w.loop, stay, leat_ctx_none()));
	world_run(&w);
	io = leat_scope_wait_at(scope, "w");
	leat_scope_cancel(scope);
	expect_in(&w, "scope w, held, of a scope s, cancelled, which unwinds\n");
	leat_io_cancel(io);
	world_run(&w);
	leat_scope_free(scope);
	world_close(&w);
}
END_TEST

static leat_io *make_leaf(void *ctx, leat_loop *loop, size_t index)
{
	(void)ctx;
	return index < 3 ? leaf_at(loop, "x") : NULL;
}

START_TEST(a_map_says_what_is_under_way)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	io = leat_map_all_at(w.loop, 2, make_leaf, leat_ctx_none(), "m");
	world_run(&w);
	expect_str(trees(&w), "map_all m, held, 2 of at most 2 under way, 2 made\n  leaf x\n  leaf x\n");
	leat_io_cancel(io);
	io = leat_map_each_at(w.loop, 0, make_leaf, leat_ctx_none(), "m");
	world_run(&w);
	expect_str(trees(&w), "map_each m, held, 3 under way, 3 made, no more come\n"
		"  map m\n    leaf x\n  map m\n    leaf x\n  map m\n    leaf x\n");
	leat_io_cancel(io);
	world_close(&w);
}
END_TEST

static leat_io *refuse(void *ctx, leat_result *result)
{
	(void)ctx;
	return leat_io_fail_at(leat_result_loop(result), leat_error_core(LEAT_REFUSED), "f");
}

START_TEST(a_retry_says_how_often_it_tried)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	io = leat_retry_at(w.loop, &(leat_retry_options){ .size = sizeof(leat_retry_options), .tries = 3, .steady = true },
		refuse, leat_ctx_none(), "r");
	expect_in(&w, "retry r, held, tried 0 of 3 times\n");
	world_run(&w);
	world_pass(&w, 100);
	expect_in(&w, "retry r, held, tried 2 of 3 times\n");
	expect_in(&w, "sleep r, 200 ms left\n");
	leat_io_cancel(io);
	world_close(&w);
}
END_TEST

START_TEST(a_signal_says_its_number)
{
	struct world w;
	leat_io *io;
	char words[64];

	world_open(&w);
	io = leat_signal_at(w.loop, SIGUSR1, "s");
	snprintf(words, sizeof words, "signal s, held, number %d\n", SIGUSR1);
	expect_in(&w, words);
	leat_io_cancel(io);
	world_close(&w);
}
END_TEST

static sem_t begun, may_end;

static void block(void *ctx, leat_remote_maker maker)
{
	(void)ctx;
	sem_post(&begun);
	while (sem_wait(&may_end) != 0)
		;
	leat_remote_resolve(maker);
}

START_TEST(an_offload_says_whether_a_thread_has_it)
{
	leat_loop *loop = leat_loop_new(NULL, &(leat_loop_options){ .size = sizeof(leat_loop_options), .offload_threads = 1 });
	struct world w = { .loop = loop };
	leat_io *io, *next;

	sem_init(&begun, 0, 0);
	sem_init(&may_end, 0, 2);
	sem_wait(&may_end);
	sem_wait(&may_end);
	io = leat_offload_at(loop, block, leat_ctx_none(), "a");
	while (sem_wait(&begun) != 0)
		;
	next = leat_offload_at(loop, block, leat_ctx_none(), "b");
	expect_in(&w, "offload a, held, a thread has it, 1 in line\n");
	expect_in(&w, "offload b, held, in line, 1 in line\n");
	sem_post(&may_end);
	sem_post(&may_end);
	expect_true(leat_await(io, NULL));
	expect_true(leat_await(next, NULL));
	leat_loop_free(loop);
}
END_TEST

SUITE("dump_say",
	who_stands_at_a_semaphore_says_how_many_are_out,
	who_stands_at_a_mutex_says_where_it_was_locked,
	who_waits_for_an_event_says_how_many_do,
	a_tick_says_when_it_comes,
	puts_and_takes_say_how_full_a_queue_is,
	who_waits_for_a_scope_says_how_many_members_it_has,
	a_scope_that_was_cancelled_says_that_it_unwinds,
	a_map_says_what_is_under_way,
	a_retry_says_how_often_it_tried,
	a_signal_says_its_number,
	an_offload_says_whether_a_thread_has_it)

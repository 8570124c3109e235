/* SPDX-License-Identifier: ISC */
/* world.h - a loop whose time, memory and complaints a test holds in its hand
 *
 *	struct world w;
 *
 *	world_open(&w);                       a loop on a base of the test's
 *	... world_run(&w) until nothing is ready; world_pass(&w, 500) lets time go by
 *	world_close(&w);                      frees both: nothing may be left
 *
 * Failures that nobody handled and what the loop reports are kept in the world;
 * world_close wants neither. world_end lets them be: the test looks itself.
 */
#ifndef TEST_SUPPORT_WORLD_H
#define TEST_SUPPORT_WORLD_H

#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include <leat/io.h>
#include <leat/loop.h>

#include "support/expect.h"
#include "support/oom.h"

struct world {
	struct event_base *base;
	leat_loop *loop;
	struct oom oom;
	int64_t now_ns;
	unsigned unhandled, reports; /* how often each hook was called */
	leat_unhandled last;         /* what the first of them said last */
	char report[2048];           /* what the second said, line by line */
};

static inline int64_t world_clock(void *ctx)
{
	struct world *w = ctx;

	return w->now_ns;
}

static inline void world_unhandled(void *ctx, const leat_unhandled *failure)
{
	struct world *w = ctx;

	w->unhandled++;
	w->last = *failure;
}

static inline void world_report(void *ctx, const char *line)
{
	struct world *w = ctx;
	size_t used = strlen(w->report);

	w->reports++;
	snprintf(w->report + used, sizeof w->report - used, "%s\n", line);
}

/* Opens one whose n-th allocation fails (0: none), and which runs at most
 * `budget` continuations a turn (0: the default). False: not even the loop. */
static inline bool world_try(struct world *w, size_t fail_at, uint32_t budget)
{
	*w = (struct world){ .now_ns = INT64_C(1000000000) };
	oom_init(&w->oom, fail_at);
	w->base = event_base_new();
	w->loop = leat_loop_new(w->base, &(leat_loop_options){ .size = sizeof(leat_loop_options),
		.memory = &w->oom.memory, .clock_ns = world_clock, .budget = budget,
		.unhandled = world_unhandled, .report = world_report, .ctx = w });
	if (w->loop)
		return true;
	event_base_free(w->base);
	return false;
}

static inline void world_open(struct world *w)
{
	expect_true(world_try(w, 0, 0));
}

/* Opens one whose memory for other threads is `shared`'s, and whose time passes by itself. */
static inline void world_open_shared(struct world *w, struct oom *shared)
{
	*w = (struct world){ .now_ns = 1 };
	oom_init(&w->oom, 0);
	w->base = event_base_new();
	w->loop = leat_loop_new(w->base, &(leat_loop_options){ .size = sizeof(leat_loop_options),
		.memory = &w->oom.memory, .shared_memory = &shared->memory });
}

/* Runs what is ready, in as many turns as it takes. */
static inline void world_run(struct world *w)
{
	while (leat_loop_run_ready(w->loop) > 0) {
	}
}

/* Lets time go by, and runs what it brings. */
static inline void world_pass(struct world *w, int64_t ms)
{
	w->now_ns += ms * 1000000;
	world_run(w);
}

static inline leat_loop_stats world_stats(const struct world *w)
{
	leat_loop_stats stats = { .size = sizeof stats };

	leat_loop_stats_get(w->loop, &stats);
	return stats;
}

/* Frees all; nothing may be left in memory or on the base. */
static inline void world_end(struct world *w)
{
	leat_loop_free(w->loop);
	ck_assert_msg(w->oom.live == 0, "%zu allocations stayed", w->oom.live);
	expect_int(event_base_get_num_events(w->base,
		EVENT_BASE_COUNT_ADDED | EVENT_BASE_COUNT_ACTIVE | EVENT_BASE_COUNT_VIRTUAL), 0);
	event_base_free(w->base);
}

static inline void world_close(struct world *w)
{
	world_end(w);
	ck_assert_msg(w->unhandled == 0, "nobody handled %s, which arose at %s",
		leat_kind_name(leat_error_kind(w->last.error)), w->last.error.where);
	ck_assert_msg(w->reports == 0, "the loop reports: %s", w->report);
}

#endif

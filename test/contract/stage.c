/* SPDX-License-Identifier: ISC */
/* stage - a loop whose leaks are counted */
#include <dirent.h>
#include <stdio.h>
#include <time.h>

#include "contract/stage.h"

int stage_count_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int n = 0;

	expect_some(folder);
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

static int64_t clock_ns(void *ctx)
{
	const struct stage *stage = ctx;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return stage->skipped_ns + now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void on_unhandled(void *ctx, const leat_unhandled *failure)
{
	struct stage *stage = ctx;

	stage->unhandled++;
	stage->last = *failure;
}

static void on_report(void *ctx, const char *line)
{
	struct stage *stage = ctx;

	stage->reports++;
	snprintf(stage->report, sizeof stage->report, "%s", line);
}

bool stage_try(struct stage *stage, uint32_t budget, size_t fail_at)
{
	*stage = (struct stage){ .fds = stage_count_fds() };
	oom_init(&stage->oom, fail_at);
	stage->base = event_base_new();
	stage->loop = leat_loop_new(stage->base, &(leat_loop_options){ .size = sizeof(leat_loop_options),
		.memory = &stage->oom.memory, .clock_ns = clock_ns, .budget = budget,
		.unhandled = on_unhandled, .report = on_report, .ctx = stage });
	if (stage->loop)
		return true;
	event_base_free(stage->base);
	return false;
}

void stage_open(struct stage *stage, uint32_t budget)
{
	expect_true(stage_try(stage, budget, 0));
}

void stage_pass(struct stage *stage)
{
	if (stage->loop)
		leat_loop_run_ready(stage->loop);
	event_base_loop(stage->base, EVLOOP_NONBLOCK);
}

void stage_settle(struct stage *stage)
{
	for (int i = 0; i < 30; i++)
		stage_pass(stage);
}

/* The sleep is there to wake the loop up after the skip. */
void stage_skip(struct stage *stage, int64_t ms)
{
	leat_io *soon = leat_sleep(stage->loop, 1);

	stage->skipped_ns += ms * 1000000;
	expect_true(leat_await(soon, NULL));
	stage_settle(stage);
}

leat_loop_stats stage_stats(struct stage *stage)
{
	leat_loop_stats stats = { .size = sizeof stats };

	leat_loop_stats_get(stage->loop, &stats);
	return stats;
}

static void tell_io(void *ctx, const char *where, const char *kind, bool settled)
{
	fprintf(stderr, "still there: %s, made at %s, %s\n", kind, where, settled ? "settled" : "pending");
}

static void nothing_lives(struct stage *stage)
{
	leat_loop_stats stats = stage_stats(stage);

	if (stats.ios_live > 0)
		leat_loop_each_io(stage->loop, tell_io, NULL);
	ck_assert_msg(stats.ios_live == 0, "%zu ios live on", stats.ios_live);
	ck_assert_msg(stats.flows_live == 0, "%zu flows live on", stats.flows_live);
	ck_assert_msg(stats.timers_live == 0, "%zu deadlines live on", stats.timers_live);
}

void stage_close(struct stage *stage)
{
	stage_settle(stage);
	if (stage->loop)
		nothing_lives(stage);
	leat_loop_free(stage->loop);
	stage->loop = NULL;
	stage_settle(stage);
	ck_assert_msg(stage->unhandled == 0, "nobody handled %s, which arose at %s in an io made at %s",
		leat_kind_name(leat_error_kind(stage->last.error)),
		stage->last.error.where ? stage->last.error.where : "nowhere",
		stage->last.where ? stage->last.where : "nowhere");
	ck_assert_msg(stage->reports == 0, "the loop reports: %s", stage->report);
	ck_assert_msg(stage->oom.live == 0, "%zu allocations stayed", stage->oom.live);
	expect_int(event_base_get_num_events(stage->base,
		EVENT_BASE_COUNT_ADDED | EVENT_BASE_COUNT_ACTIVE | EVENT_BASE_COUNT_VIRTUAL), 0);
	event_base_free(stage->base);
	ck_assert_msg(stage_count_fds() == stage->fds, "%d descriptors stayed open", stage_count_fds() - stage->fds);
}

/* SPDX-License-Identifier: ISC */
/* turns.h - cancels a program on a stage at every turn of its run
 *
 * As support/sweep.h, for programs that need a real base: flows, listeners. A program
 * is what `start` gives; `play` does the n-th thing that happens to it from outside
 * and says false when there is none; both need not wait. `after` looks whether all is as
 * it should be, frees what start made, and may wait. One continuation a turn; points are
 * the gaps between the turns, and between libevent's and ours, and, in the second
 * round, the moments inside callbacks and destructors (thing_moment).
 */
#ifndef TEST_CONTRACT_TURNS_H
#define TEST_CONTRACT_TURNS_H

#include "contract/talk.h"
#include "support/suite.h"
#include "support/thing.h"

struct program {
	const char *name; /* the functions it is for, a colon, words */
	leat_io *(*start)(void);
	bool (*play)(size_t n); /* NULL: nothing */
	void (*after)(void);
	unsigned needs; /* of the kind, see talk.h */
};

static leat_io *turns_root;
static size_t turns_points, turns_at;
static unsigned turns_ends;
static bool turns_cut; /* it was cancelled */

static inline void turns_point(void)
{
	leat_io *root = turns_root;

	if (++turns_points != turns_at)
		return;
	turns_root = NULL;
	turns_cut = true;
	leat_io_cancel(root);
}

static inline leat_io *turns_ended(void *name, leat_result *result)
{
	ck_assert_msg(!turns_cut, "%s, cancelled at %zu: it goes on", (char *)name, turns_at);
	turns_ends++;
	return leat_result_pass(result);
}

/* Runs twice in a pass, before and after what libevent found: since more is to come,
 * what was found is not announced in the same pass, and can be cut before that. */
static struct event *turns_brake;
static int turns_braked;

static inline void turns_on_brake(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (turns_braked++ == 0)
		event_active(turns_brake, EV_TIMEOUT, 1);
	else
		event_base_loopbreak(stage.base);
}

/* Whether it did anything, or found something to do. */
static inline bool turns_step(void)
{
	if (leat_loop_run_ready(stage.loop) > 0)
		return true;
	turns_braked = 0;
	event_active(turns_brake, EV_TIMEOUT, 1);
	event_base_loop(stage.base, EVLOOP_NONBLOCK);
	return event_base_get_num_events(stage.base, EVENT_BASE_COUNT_ACTIVE) > 0;
}

/* libevent's own doings need a few to show. */
static inline bool turns_turn(void)
{
	return turns_step() || turns_step() || turns_step();
}

static inline void turns_play(const struct program *program, bool inside)
{
	bool playing = program->play;

	thing_hook = inside ? turns_point : NULL;
	for (size_t n = 0;;) {
		if (!inside)
			turns_point();
		if (turns_turn())
			continue;
		playing = playing && program->play(n++);
		if (!playing && (turns_cut || turns_ends > 0))
			break;
		if (!playing)
			a_moment();
	}
	thing_hook = NULL;
}

static inline void turns_look(const struct program *program)
{
	leat_result result;

	if (turns_root) {
		expect_true(leat_io_try(turns_root, &result));
		leat_result_clear(&result);
	}
	ck_assert_msg(turns_ends == 1 || (turns_ends == 0 && turns_cut), "%s, cancelled at %zu: it has settled %u times",
		program->name, turns_at, turns_ends);
	program->after();
	drop(&a);
	drop(&b);
	settle();
	ck_assert_msg(things_live == 0, "%s, cancelled at %zu: %d things left", program->name, turns_at, things_live);
}

/* True: it ended before that point. */
static inline bool turns_once(const struct program *program, size_t at, bool inside)
{
	bool ended;

	stage_open(&stage, 1);
	if (kind)
		fresh();
	turns_points = turns_ends = 0;
	turns_at = at;
	turns_cut = false;
	turns_root = leat_io_branch(program->start(), turns_ended, turns_ended, leat_ctx_borrow((void *)(uintptr_t)program->name));
	turns_brake = event_new(stage.base, -1, 0, turns_on_brake, NULL);
	turns_play(program, inside);
	event_free(turns_brake);
	ended = turns_points < at;
	turns_look(program);
	stage_close(&stage);
	return ended;
}

/* Where time is dear (the multiplier says so, as for valgrind), not every point. */
static inline void turns_sweep(const struct program *program)
{
	size_t step = suite_number("CK_TIMEOUT_MULTIPLIER", 1) > 1 ? 7 : 1;

	for (size_t at = 1; !turns_once(program, at, false); at += step) {
	}
	for (size_t at = 1; !turns_once(program, at, true); at += step) {
	}
}

#endif

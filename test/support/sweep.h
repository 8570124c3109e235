/* SPDX-License-Identifier: ISC */
/* sweep.h - cancels a program at every point of its life
 *
 * A program is what `start` gives, and what happens to it from outside: `play` does
 * the n-th such thing and says false when there is none. It is played to its end
 * with one continuation a turn; then again, cancelled at the first point, at the
 * second, and so on. Points are the gaps between turns, and, in the second round,
 * the moments inside callbacks, destructors and give-backs (thing_moment).
 * Afterwards nothing may be left: no thing, no io, no memory, no complaint.
 */
#ifndef TEST_SUPPORT_SWEEP_H
#define TEST_SUPPORT_SWEEP_H

#include "support/step.h"
#include "support/world.h"

struct sweep_program {
	const char *name;
	leat_io *(*start)(struct world *w);
	bool (*play)(struct world *w, size_t n);
	/* what must be true of the tape, however it ended; NULL: nothing */
	void (*check)(void);
};

static leat_io *sweep_root;
static size_t sweep_points, sweep_at;

static inline void sweep_point(void)
{
	leat_io *root = sweep_root;

	if (++sweep_points != sweep_at)
		return;
	sweep_root = NULL;
	tape_add("!");
	leat_io_cancel(root);
}

static inline void sweep_play(const struct sweep_program *program, struct world *w, bool inside)
{
	size_t n = 0;

	thing_hook = inside ? sweep_point : NULL;
	do {
		if (!inside)
			sweep_point();
	} while (leat_loop_run_ready(w->loop) > 0 || program->play(w, n++));
	thing_hook = NULL;
}

/* True: the program ended before that point. */
static inline bool sweep_once(const struct sweep_program *program, size_t at, bool inside)
{
	struct world w;
	leat_result result;
	bool ended;

	expect_true(world_try(&w, 0, 1));
	tape_clear();
	sweep_points = 0;
	sweep_at = at;
	sweep_root = program->start(&w);
	sweep_play(program, &w, inside);
	ended = sweep_points < at;
	if (sweep_root) {
		ck_assert_msg(leat_io_try(sweep_root, &result), "%s does not end", program->name);
		leat_result_clear(&result);
	}
	ck_assert_msg(things_live == 0, "%s, cancelled at %zu: %d things left, tape: %s",
		program->name, at, things_live, tape_text);
	if (program->check)
		program->check();
	ck_assert_msg(world_stats(&w).ios_live == 0, "%s, cancelled at %zu: %zu ios left",
		program->name, at, world_stats(&w).ios_live);
	world_close(&w);
	return ended;
}

static inline void sweep(const struct sweep_program *program)
{
	for (size_t at = 1; !sweep_once(program, at, false); at++) {
	}
	for (size_t at = 1; !sweep_once(program, at, true); at++) {
	}
}

#endif

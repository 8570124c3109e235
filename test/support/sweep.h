/* SPDX-License-Identifier: ISC */
/* sweep.h - cancels a program at every point of its life
 *
 * A program is what `start` gives, and what happens to it from outside: `play` does
 * the n-th such thing and says false when there is none. It is played to its end
 * with one continuation a turn; then again, cancelled at the first point, at the
 * second, and so on. Points are the gaps between turns, and, in the second round,
 * the moments inside callbacks, destructors and give-backs (thing_moment).
 *
 * Afterwards it has settled at most once, and not where it was cancelled; the loop
 * works on; and nothing is left: no thing, no io, no memory, no complaint.
 *
 * A table of programs is a list of rows, one for each operation of the library.
 * The words of a row's name up to a colon are the functions that it is for;
 * test/check/cancelling.sh wants each that gives an io in some row.
 */
#ifndef TEST_SUPPORT_SWEEP_H
#define TEST_SUPPORT_SWEEP_H

#include "support/step.h"
#include "support/world.h"

struct sweep_program {
	const char *name;
	leat_io *(*start)(struct world *w);
	bool (*play)(struct world *w, size_t n); /* NULL: nothing happens to it */
	/* afterwards, however it ended: whether the tape is right, and what start made
	 * beside its io is as it was, and usable - which it frees; NULL: nothing */
	void (*check)(void);
};

static struct world *sweep_world;
static leat_io *sweep_root;
static size_t sweep_points, sweep_at;
static unsigned sweep_ends; /* how often the program has settled */

static inline void sweep_point(void)
{
	leat_io *root = sweep_root;

	if (++sweep_points != sweep_at)
		return;
	sweep_root = NULL;
	tape_add("!");
	leat_io_cancel(root);
}

static inline leat_io *sweep_ended(void *name, leat_result *result)
{
	ck_assert_msg(sweep_root != NULL, "%s, cancelled at %zu: it goes on", (char *)name, sweep_at);
	sweep_ends++;
	return leat_result_pass(result);
}

static inline void sweep_open(const struct sweep_program *program, struct world *w)
{
	leat_ctx name = word(program->name);

	tape_clear();
	sweep_world = w;
	sweep_points = sweep_ends = 0;
	sweep_root = leat_io_branch(program->start(w), sweep_ended, sweep_ended, name);
}

static inline void sweep_play(const struct sweep_program *program, struct world *w, bool inside)
{
	size_t n = 0;

	thing_hook = inside ? sweep_point : NULL;
	do {
		if (!inside)
			sweep_point();
	} while (leat_loop_run_ready(w->loop) > 0 || (program->play && program->play(w, n++)));
	thing_hook = NULL;
}

/* The loop works as before. */
static inline void sweep_go_on(struct world *w)
{
	leat_io *io = leat_io_then(leat_sleep(w->loop, 10), say_done, thing_owned(""));

	world_pass(w, 10);
	expect_ok(settled(io));
}

static inline void sweep_look(const struct sweep_program *program, struct world *w)
{
	leat_result result;

	if (sweep_root) {
		ck_assert_msg(leat_io_try(sweep_root, &result), "%s does not end", program->name);
		leat_result_clear(&result);
	}
	ck_assert_msg(sweep_ends == 1 || (sweep_ends == 0 && !sweep_root), "%s, cancelled at %zu: it has settled %u times",
		program->name, sweep_at, sweep_ends);
	if (program->check)
		program->check();
	ck_assert_msg(things_live == 0, "%s, cancelled at %zu: %d things left, tape: %s",
		program->name, sweep_at, things_live, tape_text);
	sweep_go_on(w);
	ck_assert_msg(world_stats(w).ios_live == 0, "%s, cancelled at %zu: %zu ios left",
		program->name, sweep_at, world_stats(w).ios_live);
}

/* True: the program ended before that point. */
static inline bool sweep_once(const struct sweep_program *program, size_t at, bool inside)
{
	struct world w;
	bool ended;

	expect_true(world_try(&w, 0, 1));
	sweep_at = at;
	sweep_open(program, &w);
	sweep_play(program, &w, inside);
	ended = sweep_points < at;
	sweep_look(program, &w);
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

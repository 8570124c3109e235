/* SPDX-License-Identifier: ISC */
/* many.h - three pending ios, for the combinators that take many
 *
 *	many_open(&m);  m.ios, m.makers; a cancelled one says "x0", "x1" or "x2"
 *	many_close(&m)
 */
#ifndef TEST_SUPPORT_MANY_H
#define TEST_SUPPORT_MANY_H

#include "support/step.h"
#include "support/world.h"

struct many {
	struct world w;
	leat_io *ios[3];
	leat_maker makers[3];
};

static inline void many_cancelled(void *state)
{
	int index;

	memcpy(&index, state, sizeof index);
	tape_addf("x%d", index);
}

static const leat_leaf many_leaf = { .size = sizeof many_leaf, .name = "one of many",
	.state_bytes = sizeof(int), .cancel = many_cancelled };

static inline void many_open(struct many *m)
{
	void *state;

	tape_clear();
	world_open(&m->w);
	for (int i = 0; i < 3; i++) {
		m->ios[i] = leat_io_new(m->w.loop, &m->makers[i], &many_leaf, &state);
		memcpy(state, &i, sizeof i);
	}
}

static inline void many_close(struct many *m)
{
	world_run(&m->w);
	expect_size(world_stats(&m->w).ios_live, 0);
	world_close(&m->w);
	expect_no_things();
	tape_expect("");
}

#endif

/* SPDX-License-Identifier: ISC */
/* fibers.h - a world for fibers, that the functions they run find without being told */
#ifndef TEST_SUPPORT_FIBERS_H
#define TEST_SUPPORT_FIBERS_H

#include "support/tape.h"
#include "support/thing.h"
#include "support/world.h"

static struct world w;
static leat_maker makers[4];

/* Says the kind of failure, or the number it got. */
static inline void say_await(leat_io *io)
{
	leat_error why;
	int n = (int)leat_await_int(io, &why);

	if (leat_error_set(why))
		tape_add(leat_kind_name(leat_error_kind(why)));
	else
		tape_addf("%d", n);
}

static inline void close_world(void)
{
	world_run(&w);
	expect_no_things();
	expect_size(world_stats(&w).ios_live, 0);
	world_close(&w);
}

#endif

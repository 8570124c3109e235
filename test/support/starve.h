/* SPDX-License-Identifier: ISC */
/* starve.h - a scenario, again with each of its allocations failing
 *
 * The loop keeps cells in stock, so that most scenarios would ask for no memory at
 * all: the stock is used up first, down to 0, 1, 2 ... cells.
 */
#ifndef TEST_SUPPORT_STARVE_H
#define TEST_SUPPORT_STARVE_H

#include "support/step.h"
#include "support/world.h"

enum { STARVE_FILLERS = 65536, STARVE_SPARE = 10 };
static leat_io *starve_fillers[STARVE_FILLERS];

/* Makes ios until the stock is bought a second time; gives how many fitted in
 * before that. */
static inline size_t starve_fill(struct world *w, size_t most)
{
	size_t calls = w->oom.calls, bought = 0, n = 0;
	leat_maker maker;

	while (n < most && bought < 2) {
		expect_true(n < STARVE_FILLERS);
		starve_fillers[n++] = pending(w->loop, &maker);
		bought += w->oom.calls != calls;
		calls = w->oom.calls;
	}
	return bought < 2 ? n : n - 1;
}

static inline void starve_empty(size_t n)
{
	while (n > 0)
		leat_io_cancel(starve_fillers[--n]);
}

static inline size_t starve_stock(void)
{
	struct world w;
	size_t n;

	world_open(&w);
	n = starve_fill(&w, SIZE_MAX);
	starve_empty(n + 1);
	world_close(&w);
	return n;
}

/* True: it needed fewer allocations. */
static inline bool starve_once(void (*scenario)(struct world *w), size_t fillers, size_t nth)
{
	struct world w;
	bool failed_one;

	world_open(&w);
	starve_fill(&w, fillers);
	w.oom.fail_at = w.oom.calls + nth;
	scenario(&w);
	failed_one = w.oom.failed;
	starve_empty(fillers);
	world_close(&w);
	tape_clear();
	ck_assert_msg(things_live == 0, "allocation %zu failing: %d things left", nth, things_live);
	return !failed_one;
}

static inline void starve(void (*scenario)(struct world *w))
{
	size_t stock = starve_stock();

	for (size_t spare = 0; spare < STARVE_SPARE; spare++) {
		for (size_t nth = 1; !starve_once(scenario, stock - spare, nth); nth++) {
		}
	}
}

#endif

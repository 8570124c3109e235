/* SPDX-License-Identifier: ISC */
/* limit - a layer that lets at most so many bytes pass */
#include <leat/limit.h>
#include <leat/options.h>

#include "kit/pass.h"

struct way {
	bool limited, ends;
	uint64_t left;
};

struct limit {
	lt_pass pass; /* first */
	struct way reading, writing;
};

static struct way *way_of(lt_pass *pass, leat_direction direction)
{
	struct limit *l = (struct limit *)(void *)pass;

	return direction == LEAT_READ ? &l->reading : &l->writing;
}

static void end(lt_pass *pass, leat_direction direction)
{
	if (direction == LEAT_READ)
		lt_pass_end_reading(pass);
	else
		lt_pass_end_writing(pass);
}

/* At the limit, where it is an end: of reading as soon as more is wanted, of writing
 * as soon as all has gone. */
static size_t may_go_on(lt_pass *pass, leat_direction direction)
{
	const struct way *way = way_of(pass, direction);

	if (!way->limited || way->left > 0 || !way->ends)
		return 1;
	end(pass, direction);
	return 0;
}

static size_t limit_may(lt_pass *pass, leat_direction direction, size_t bytes)
{
	struct way *way = way_of(pass, direction);

	if (bytes == 0)
		return may_go_on(pass, direction);
	if (!way->limited)
		return bytes;
	if (way->left == 0) {
		if (way->ends) /* the rest of a write stands in the queue */
			end(pass, direction);
		lt_pass_fail(pass, direction, leat_error_core(way->ends ? LEAT_CLOSED : LEAT_LIMIT));
		return 0;
	}
	if (bytes > way->left)
		bytes = (size_t)way->left;
	way->left -= bytes;
	return bytes;
}

static void limit_gone(lt_pass *pass)
{
	(void)pass;
}

static const lt_passing limit_passing = { .may = limit_may, .gone = limit_gone };

static const leat_flow_ops limit_ops = {
	.size = sizeof limit_ops, .name = "limit", .state_bytes = sizeof(struct limit), LT_PASS_OPS
};

leat_flow *leat_limit_new_at(leat_flow *below, const leat_limit *limit, const char *where)
{
	lt_pass *pass;
	leat_flow *self = lt_pass_new(below, &limit_ops, &limit_passing, &pass, where);
	leat_limit l;

	leat_options_take_at(&l, sizeof l, limit, "leat_limit", where);
	if (!pass)
		return self;
	*way_of(pass, LEAT_READ) = (struct way){ l.read_bytes > 0, l.ends & LEAT_READ, l.read_bytes };
	*way_of(pass, LEAT_WRITE) = (struct way){ l.write_bytes > 0, l.ends & LEAT_WRITE, l.write_bytes };
	return self;
}

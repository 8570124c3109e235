/* SPDX-License-Identifier: ISC */
/* child_wait - those who wait for a child's end */
#include <stdio.h>

#include "net/child.h"

static leat_io *cell_of(lt_child_waiting *state)
{
	return (leat_io *)(void *)((char *)state - offsetof(leat_io, u.leaf.state));
}

static void enter(leat_child *c, lt_child_waiting *w)
{
	*w = (lt_child_waiting){ .child = leat_child_ref(c), .next = c->waits, .link = &c->waits };
	if (c->waits)
		c->waits->link = &w->next;
	c->waits = w;
}

static void leave(lt_child_waiting *w)
{
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
}

static lt_outcome outcome_of(const leat_child *c)
{
	if (leat_error_set(c->error))
		return lt_failure(c->error);
	return (lt_outcome){ .type = &leat_int_type, .as.value.integer = c->status };
}

void lt_child_tell(leat_child *c)
{
	lt_outcome outcome = outcome_of(c);

	c->refs++;
	while (c->waits) {
		lt_child_waiting *w = c->waits;

		leave(w);
		c->refs--;
		lt_settle(c->loop, cell_of(w), &outcome);
	}
	leat_child_unref(c);
}

static void wait_cancel(void *state)
{
	lt_child_waiting *w = state;
	leat_child *c = w->child;

	leave(w);
	lt_child_attend(c);
	if (!c->waits)
		lt_child_dropped(c);
	leat_child_unref(c);
}

static int wait_describe(const void *state, char *out, size_t room)
{
	const leat_child *c = ((const lt_child_waiting *)state)->child;

	return snprintf(out, room, "made at %s, pid %d", c->where, (int)c->pid);
}

static const leat_leaf wait_leaf = {
	.size = sizeof(leat_leaf), .name = "child", .state_bytes = sizeof(lt_child_waiting), .cancel = wait_cancel,
	.describe = wait_describe
};
static_assert(sizeof(lt_child_waiting) <= 24, "fits a cell");

leat_io *leat_child_wait_at(leat_child *c, const char *where)
{
	leat_maker maker;
	void *state;
	leat_io *io;

	if (leat_error_set(c->unborn))
		return leat_io_fail_at(c->loop, c->unborn, where);
	if (!c->watch)
		return leat_error_set(c->error) ? leat_io_fail_at(c->loop, c->error, where) :
		                                  leat_io_int_at(c->loop, c->status, where);
	io = leat_io_new_at(c->loop, &maker, &wait_leaf, &state, where);
	if (!state)
		return io;
	enter(c, state);
	if (lt_child_attend(c))
		return io;
	leave(state);
	c->refs--;
	lt_settle_error(c->loop, io, leat_error_core(LEAT_NOMEM));
	return io;
}

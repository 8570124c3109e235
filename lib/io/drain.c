/* SPDX-License-Identifier: ISC */
/* drain - the graceful end: nothing new comes in, what is there may finish */
#include <stdio.h>

#include "io/io.h"

typedef struct lt_drain {
	struct lt_drain *next; /* of the loop's */
	leat_loop *loop;
	leat_maker maker;
	lt_timer deadline;
	int64_t cut; /* flows that had to be aborted */
} lt_drain;

static void leave(lt_drain *drain)
{
	lt_drain **at = &drain->loop->drains;

	lt_timer_stop(drain->loop, &drain->deadline);
	while (*at && *at != drain)
		at = &(*at)->next;
	if (*at)
		*at = drain->next;
}

static void drain_cancel(void *state)
{
	leave(state);
}

static int drain_describe(const void *state, char *out, size_t room)
{
	const lt_drain *drain = state;

	if (!drain->deadline.slot)
		return snprintf(out, room, "for the flows");
	return lt_timer_describe(drain->loop, &drain->deadline, out, room);
}

static const leat_leaf drain_leaf = {
	.size = sizeof(leat_leaf), .name = "drain", .state_bytes = sizeof(lt_drain), .cancel = drain_cancel,
	.describe = drain_describe
};

static bool is_empty(leat_loop *loop, int kind)
{
	const lt_resident *head = &loop->residents[kind].head;

	return head->next == head;
}

void lt_drains_look(leat_loop *loop)
{
	while (loop->drains && is_empty(loop, LT_FLOWS)) {
		lt_drain *drain = loop->drains;
		leat_maker maker = drain->maker;
		int64_t cut = drain->cut;

		leave(drain);
		leat_resolve_int(maker, cut);
	}
}

static void on_deadline(lt_timer *timer)
{
	lt_drain *drain = (lt_drain *)(void *)((char *)timer - offsetof(lt_drain, deadline));
	leat_loop *loop = drain->loop;
	leat_loop_stats stats = { .size = sizeof stats };

	leat_loop_stats_get(loop, &stats);
	drain->cut = (int64_t)stats.flows_live;
	lt_residents_end(loop, LT_FLOWS);
}

leat_io *leat_loop_drain_at(leat_loop *loop, int64_t timeout_ms, const char *where)
{
	leat_maker maker;
	void *state;
	leat_io *io = leat_io_new_at(loop, &maker, &drain_leaf, &state, where);
	lt_drain *drain = state;

	lt_residents_end(loop, LT_LISTENERS);
	if (!drain)
		return io;
	*drain = (lt_drain){ .next = loop->drains, .loop = loop, .maker = maker, .deadline.fire = on_deadline };
	loop->drains = drain;
	lt_drains_look(loop);
	if (!leat_maker_live(maker) || timeout_ms < 0)
		return io;
	if (lt_timer_start(loop, &drain->deadline, lt_loop_after_ms(loop, timeout_ms)))
		return io;
	lt_io_cancel(io);
	return lt_io_nomem(loop);
}

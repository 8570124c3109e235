/* SPDX-License-Identifier: ISC */
/* timer - deadlines over one libevent timer
 *
 * A binary heap of what is set.  The libevent timer is armed for the first of
 * them, re-armed only for an earlier one; that it may fire for one that was
 * stopped is cheaper than asking each time.  It rests when the heap is empty.
 */
#include <event2/event.h>
#include <stdio.h>

#include "io/io.h"

/* Deadlines of one moment come in the order they were set in. */
static bool earlier(const lt_timer *a, const lt_timer *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : (int32_t)(a->order - b->order) < 0;
}

static void place(lt_timers *timers, uint32_t at, lt_timer *timer)
{
	timers->heap[at] = timer;
	timer->slot = at + 1;
}

static void sift_up(lt_timers *timers, uint32_t at, lt_timer *timer)
{
	while (at > 0 && earlier(timer, timers->heap[(at - 1) / 2])) {
		place(timers, at, timers->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	place(timers, at, timer);
}

static void sift_down(lt_timers *timers, uint32_t at, lt_timer *timer)
{
	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child + 1 < timers->count && earlier(timers->heap[child + 1], timers->heap[child]))
			child++;
		if (child >= timers->count || !earlier(timers->heap[child], timer))
			break;
		place(timers, at, timers->heap[child]);
		at = child;
	}
	place(timers, at, timer);
}

static bool make_room(leat_loop *loop)
{
	lt_timers *timers = &loop->timers;
	uint32_t room = timers->room ? 2 * timers->room : 16;
	lt_timer **heap;

	if (timers->count < timers->room)
		return true;
	heap = lt_mem_alloc(&loop->mem, room * sizeof *heap);
	if (!heap)
		return false;
	if (timers->heap)
		memcpy(heap, timers->heap, timers->count * sizeof *heap);
	lt_mem_release(&loop->mem, timers->heap);
	timers->heap = heap;
	timers->room = room;
	return true;
}

static void arm(leat_loop *loop, int64_t at_ns)
{
	lt_timers *timers = &loop->timers;
	int64_t wait_us;

	if (at_ns == INT64_MAX || (timers->armed && timers->armed_ns <= at_ns))
		return;
	wait_us = at_ns - leat_loop_now_ns(loop);
	wait_us = wait_us > 0 ? (wait_us + 999) / 1000 : 0;
	timers->armed = true;
	timers->armed_ns = at_ns;
	event_add(&timers->event, &(struct timeval){ wait_us / 1000000, wait_us % 1000000 });
}

bool lt_timer_start(leat_loop *loop, lt_timer *timer, int64_t at_ns)
{
	lt_timers *timers = &loop->timers;

	lt_timer_stop(loop, timer);
	if (!make_room(loop))
		return false;
	timer->at_ns = at_ns;
	timer->order = timers->next_order++;
	sift_up(timers, timers->count++, timer);
	arm(loop, at_ns);
	return true;
}

void lt_timer_stop(leat_loop *loop, lt_timer *timer)
{
	lt_timers *timers = &loop->timers;
	uint32_t at = timer->slot - 1;
	lt_timer *last;

	if (timer->slot == 0)
		return;
	timer->slot = 0;
	last = timers->heap[--timers->count];
	if (timers->count == 0 && timers->armed && !loop->draining)
		lt_timers_rest(loop); /* else after the drain */
	if (last == timer)
		return;
	if (at > 0 && earlier(last, timers->heap[(at - 1) / 2]))
		sift_up(timers, at, last);
	else
		sift_down(timers, at, last);
}

int lt_timer_describe(leat_loop *loop, const lt_timer *timer, char *out, size_t room)
{
	int64_t left_ms;

	if (!timer->slot || timer->at_ns == INT64_MAX)
		return snprintf(out, room, "never");
	left_ms = (timer->at_ns - leat_loop_now_ns(loop)) / 1000000;
	return snprintf(out, room, "%lld ms left", (long long)left_ms);
}

void lt_timers_fire(leat_loop *loop)
{
	lt_timers *timers = &loop->timers;
	int64_t now = leat_loop_now_ns(loop);

	while (timers->count > 0 && timers->heap[0]->at_ns <= now) {
		lt_timer *timer = timers->heap[0];

		lt_timer_stop(loop, timer);
		timer->fire(timer);
	}
}

/* libevent's cached time may be stale and its clock is not ours: what is due
 * is asked of ours, what is not is armed again. */
static void on_time(evutil_socket_t fd, short what, void *arg)
{
	leat_loop *loop = arg;
	lt_timers *timers = &loop->timers;

	(void)fd;
	(void)what;
	timers->armed = false;
	lt_timers_fire(loop);
	if (timers->count > 0)
		arm(loop, timers->heap[0]->at_ns);
}

void lt_timers_init(leat_loop *loop)
{
	event_assign(&loop->timers.event, loop->base, -1, 0, on_time, loop);
}

void lt_timers_rest(leat_loop *loop)
{
	loop->timers.armed = false;
	event_del(&loop->timers.event);
}

void lt_timers_end(leat_loop *loop)
{
	lt_timers_rest(loop);
	lt_mem_release(&loop->mem, loop->timers.heap);
	loop->timers.heap = NULL;
	loop->timers.count = loop->timers.room = 0;
}

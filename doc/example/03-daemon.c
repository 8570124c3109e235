/* SPDX-License-Identifier: ISC */
/* 03-daemon - promises in a program that runs on libevent already
 *
 * It has its base, its timer and its bufferevents, and dispatches itself.  One
 * bufferevent becomes a flow; nothing else changes.
 */
#include <leat/leat.h>

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

/* What was there before: a timer that writes to a bufferevent. */
static void beat(evutil_socket_t fd, short what, void *bev)
{
	bufferevent_write(bev, "beat ", 5);
}

/* What is new: the timer is stopped when we have heard enough. */
static leat_io *stop(void *heart, leat_result *result)
{
	event_del(heart);
	return NULL;
}

int main(void)
{
	struct event_base *base = event_base_new();
	struct bufferevent *ends[2];
	bufferevent_pair_new(base, 0, ends);
	bufferevent_enable(ends[0], EV_WRITE);
	struct event *heart = event_new(base, -1, EV_PERSIST, beat, ends[0]);
	event_add(heart, &(struct timeval){ 0, 1000 });

	leat_loop *loop = leat_loop_new(base, NULL);
	leat_flow *flow = leat_flow_from_bufferevent(loop, ends[1]);
	char heard[16] = { 0 };
	leat_io *io = leat_flow_read_into(flow, heard, 15, 15);
	leat_io_detach(leat_io_finally(io, stop, leat_ctx_borrow(heart)));

	event_base_dispatch(base); /* returns when nothing is left to happen */
	printf("%s\n", heard);

	leat_flow_unref(flow);
	leat_loop_free(loop);
	bufferevent_free(ends[0]);
	event_free(heart);
	event_base_free(base);
	return strcmp(heard, "beat beat beat ") == 0 ? 0 : 1;
}

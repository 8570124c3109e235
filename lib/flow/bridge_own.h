/* SPDX-License-Identifier: ISC */
/* bridge_own.h - a bridge, for the three who work on it
 *
 * bridge.c makes and ends one, and says how it is built; bridge_in.c brings what
 * arrives, bridge_out.c sends what is written.
 */
#ifndef LT_FLOW_BRIDGE_OWN_H
#define LT_FLOW_BRIDGE_OWN_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "flow/flow.h"
#include "io/object.h"

typedef struct lt_bridge {
	lt_object object;           /* its handle is bev */
	leat_flow *flow;            /* NULL: ended */
	struct bufferevent *bev, *below, *feed;
	struct evbuffer *arrived;   /* and not yet taken by bev */
	leat_io *reading, *writing, *looking;
	leat_buf *sending;          /* what `writing` waits for */
	lt_tail tail;
	leat_error read_error, write_error;
	int64_t look_ms;
	bool ended;                 /* reading, in order or by the error */
	bool ringing;               /* the bell is being hung */
	bool sends;                 /* now: libevent's callbacks may flush */
	bool forced;                /* bufferevent_flush: whatever EV_WRITE says */
	bool finishing, finished;   /* no more will be written: asked, done */
	bool broken;                /* writing has failed */
	bool told_writing;          /* and the user knows */
	bool told;                  /* the user knows of an error of either direction */
	bool cut;                   /* who adopted the bufferevent aborts */
} lt_bridge;

static inline void lt_bridge_wake(lt_bridge *b)
{
	if (!b->object.dead)
		lt_loop_at_end(b->object.loop, &b->tail);
}

/* ---- ios in slots ---- */

/* Its continuation runs: nobody holds it any more. */
static inline void lt_bridge_let_go(leat_io **slot)
{
	leat_io *io = *slot;

	*slot = NULL;
	leat_io_detach(io);
}

/* Whether it settled at once, or there was no memory for its continuation. */
static inline bool lt_bridge_is_there(leat_io **slot, leat_error *why)
{
	leat_result result;

	if (!leat_io_try(*slot, &result))
		return false;
	*slot = NULL;
	*why = leat_result_error(&result);
	leat_result_clear(&result);
	return true;
}

static inline void lt_bridge_drop_sent(lt_bridge *b)
{
	leat_buf_unref(b->sending);
	b->sending = NULL;
}

/* ---- bridge.c ---- */
/* Tells the user; that direction is off. */
void lt_bridge_tell(lt_bridge *b, short what, leat_error error);

/* ---- bridge_in.c: filter's way in, bell, what the tail does for it ---- */
enum bufferevent_filter_result lt_bridge_take_in(struct evbuffer *below, struct evbuffer *input, ev_ssize_t room,
                                                 enum bufferevent_flush_mode mode, void *ctx);
void lt_bridge_on_bell(struct evbuffer *bell, const struct evbuffer_cb_info *info, void *arg);
void lt_bridge_bring_in(lt_bridge *b);

/* ---- bridge_out.c: likewise the way out ---- */
enum bufferevent_filter_result lt_bridge_take_out(struct evbuffer *output, struct evbuffer *below, ev_ssize_t room,
                                                  enum bufferevent_flush_mode mode, void *ctx);
void lt_bridge_on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg);
void lt_bridge_on_write_timeout(evutil_socket_t fd, short what, void *arg);
void lt_bridge_send_out(lt_bridge *b);

#endif

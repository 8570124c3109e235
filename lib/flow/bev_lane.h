/* SPDX-License-Identifier: ISC */
/* bev_lane.h - a flow over a bufferevent, for the four who work on it
 *
 * bev_facts.c records what libevent says, bev.c answers the flow from that,
 * adopt.c takes bufferevents, and give_back.c gives them back.
 */
#ifndef LT_FLOW_BEV_LANE_H
#define LT_FLOW_BEV_LANE_H

#include <event2/bufferevent.h>

#include "flow/flow.h"
#include "flow/levels.h"

typedef struct lt_bev {
	leat_flow *flow;
	leat_loop *loop;
	struct bufferevent *top; /* NULL: the flow has ended, or was given back */
	lt_levels levels;
	struct evbuffer_cb_entry *arrivals; /* watch on the top's input */
	lt_tail tail;
	struct event *writable; /* for a goodbye that the descriptor did not take */
	leat_error read_error, write_error; /* as they will be told */
	bool lends;      /* bufs may lie in the output: it goes to a descriptor, nowhere else */
	bool reading;    /* EV_READ is on */
	bool connected;  /* it said so, this turn */
	bool ended;      /* the end has arrived */
	bool cut_short;  /* or that below OpenSSL, whose own may be on its way */
	bool finished;   /* the filters know it */
	bool told_read;  /* the flow knows the end, or the error */
	bool told_write; /* the flow knows the error */
	bool told_end;   /* the peer knows that we write no more */
	bool silent_read, silent_write; /* libevent's timeouts */
	bool orphaned;   /* a pair, and its partner is gone */
	bool orphan_told; /* ... which has come as an event */
	bool blocked;    /* bytes were left in the queue */
	bool flushing, telling; /* an answer is owed */
	int hidden;      /* events of the transport that wait for nobody, as the loop counts them */
} lt_bev;

static inline struct evbuffer *lt_bev_input(const lt_bev *s)
{
	return bufferevent_get_input(s->top);
}

/* Its tail runs at the end of the turn. */
static inline void lt_bev_wake(lt_bev *s)
{
	lt_loop_at_end(s->loop, &s->tail);
}

/* ---- bev_facts.c ---- */
/* Has libevent tell us of the top and of all it stands on.  False without
 * memory. */
bool lt_bev_hear(lt_bev *s);
/* From now on no callback of libevent reaches us. */
void lt_bev_hear_no_more(lt_bev *s);
void lt_bev_note_read_error(lt_bev *s, leat_error error);
void lt_bev_note_write_error(lt_bev *s, leat_error error);
/* What an event of an error with this errno means. */
void lt_bev_note_error(lt_bev *s, short what, int number);
/* Reading ends where enough waits in the input. */
void lt_bev_turn_off(lt_bev *s);
/* The partner of a pair may have been freed: looked at when it matters. */
void lt_bev_look_for_partner(lt_bev *s);
/* Wakes when the descriptor can be written.  False without memory. */
bool lt_bev_await_writable(lt_bev *s);

/* ---- bev.c ---- */
extern const leat_flow_ops lt_bev_ops;
void lt_bev_on_tail(lt_tail *tail);
/* Reading begins. */
void lt_bev_turn_on(lt_bev *s);
/* Nobody reads yet.  A handshake leaves what is below OpenSSL reading, whoever
 * reads above. */
void lt_bev_calm(lt_bev *s);
/* The flow has no bufferevent any more; gives it. */
struct bufferevent *lt_bev_let_go(lt_bev *s);

#endif

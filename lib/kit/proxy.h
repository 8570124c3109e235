/* SPDX-License-Identifier: ISC */
/* proxy.h - the record of a proxy, for its parts: the ways, the clock, a break */
#ifndef LT_KIT_PROXY_H
#define LT_KIT_PROXY_H

#include <leat/buf.h>
#include <leat/proxy.h>

typedef struct lt_proxy lt_proxy;

typedef struct lt_way {
	lt_proxy *proxy;
	int from, to; /* 0: one, 1: other */
	bool to_failed, over;
	uint64_t mark;     /* after `to` failed: what of its bytes had moved at the last look */
	int64_t since_ms;  /* and since when nothing of them has */
	uint64_t came;     /* how many it had given, or were there to be read, when it failed */
	uint64_t passed;   /* how many it had given when it was seen that these were among them; 0: not yet */
	int64_t failed_ms; /* and when it failed */
} lt_way;

struct lt_proxy {
	leat_proxied result; /* first: it is the value */
	leat_buf *record;    /* whose bytes this is */
	leat_loop *loop;
	leat_flow *flow[2];
	lt_way way[2];
	leat_proxied *counts;
	bool told;               /* result says how it ended */
	const lt_way *heard_out; /* nothing more is taken from its `to`; what went on has still to be sent */
	unsigned ended;          /* how many ways did, in order */
	int64_t idle_ms, half_open_ms;
	uint64_t mark;    /* what had moved at the last look */
	int64_t since_ms; /* nothing has moved since */
};

/* ---- proxy.c ---- */
/* Says how it ended; the first reason is the reason. */
void lt_proxy_tell(lt_proxy *p, leat_proxy_end end, leat_error error);

/* ---- proxy_clock.c ---- */
leat_flow_info lt_proxy_info(leat_flow *flow);
/* What its kernel has taken, and the peer does not have. */
uint64_t lt_proxy_unsent(const leat_flow_info *info);
/* From now on nothing has moved. */
void lt_proxy_restart(lt_proxy *p);
/* Whether nothing has moved for that long. */
bool lt_proxy_has_stood(lt_proxy *p, int64_t limit_ms);
/* How long from one look at the clock to the next, for that limit. */
int64_t lt_proxy_look_of(int64_t ms);
leat_io *lt_proxy_timeout(lt_proxy *p);
/* A step of a repeat, of the proxy: fails at a limit. */
leat_io *lt_proxy_look(void *ctx, leat_result *result);

/* ---- proxy_break.c ---- */
/* Of the proxy: fails as that says. */
leat_io *lt_proxy_over(void *ctx, leat_result *result);
/* Fails when the flow has sent all, or does not go on. */
leat_io *lt_proxy_part(lt_proxy *p, int side);
/* way->to cannot be written to any more: fails when what it says has gone the other way. */
leat_io *lt_proxy_hear_out(lt_way *way);

#endif

/* SPDX-License-Identifier: ISC */
/* proxy_break - what has come from a flow that broke is sent, then all is over */
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

#include <leat/loop.h>

#include "kit/proxy.h"

enum {
	PART_MS = 30000,   /* for what is still to be sent after a break, where there is no limit */
	QUIET_MS = 100,    /* a flow that can only be read any more has nothing more to say */
	HEARD_MS = 1000,   /* or it has said what it had to: what came later may be without an end */
	SENT_MS = 10,      /* between two looks whether the kernel has sent all */
};

static int64_t part_ms(const lt_proxy *p)
{
	return p->half_open_ms >= 0 ? p->half_open_ms : PART_MS;
}

static leat_io *on_part_look(void *ctx, leat_result *result)
{
	lt_proxy *p = ctx;

	(void)result;
	return lt_proxy_has_stood(p, part_ms(p)) ? lt_proxy_timeout(p) : leat_io_int(p->loop, 1);
}

static leat_io *part_look(void *ctx, leat_result *result)
{
	lt_proxy *p = ctx;

	(void)result;
	return leat_io_then(leat_sleep(p->loop, lt_proxy_look_of(part_ms(p))), on_part_look, leat_ctx_borrow(p));
}

leat_io *lt_proxy_over(void *ctx, leat_result *result)
{
	lt_proxy *p = ctx;

	(void)result;
	return leat_io_fail(p->loop, p->result.error);
}

/* A reset would take back what the kernel has still to send. */
static leat_io *when_sent(void *ctx, leat_result *result)
{
	leat_flow *flow = ctx;
	leat_flow_info info = lt_proxy_info(flow);

	(void)result;
	if (lt_proxy_unsent(&info) == 0)
		return NULL;
	return leat_io_then(leat_sleep(leat_flow_loop(flow), SENT_MS), when_sent, leat_ctx_borrow(flow));
}

/* Fails when the flow has sent all, or does not go on. */
leat_io *lt_proxy_part(lt_proxy *p, int side)
{
	leat_io *ios[2];

	lt_proxy_restart(p);
	ios[0] = leat_io_then(leat_flow_flush(p->flow[side]), when_sent, leat_ctx_borrow(p->flow[side]));
	ios[1] = leat_io_repeat(p->loop, part_look, leat_ctx_borrow(p));
	return leat_io_branch(leat_io_race(p->loop, ios, 2), lt_proxy_over, lt_proxy_over, leat_ctx_borrow(p));
}

/* What has come from way->to and what of it has gone on. */
static uint64_t heard(const lt_way *way)
{
	leat_flow_info to = lt_proxy_info(way->proxy->flow[way->to]), from = lt_proxy_info(way->proxy->flow[way->from]);

	return to.read_bytes + from.written_bytes - from.queued_bytes;
}

/* What the flow has given and what is there to be read; a layer may have some of its own. */
static uint64_t all_that_came(leat_flow *flow)
{
	leat_flow_info info = lt_proxy_info(flow);
	int bytes = 0;

	if (info.fd < 0 || ioctl(info.fd, FIONREAD, &bytes) < 0)
		return info.read_bytes;
	return info.read_bytes + (uint64_t)bytes;
}

/* A socket whose peer has shut its reading, and can speak. */
static bool is_only_deaf(leat_flow *flow)
{
	leat_flow_info info = lt_proxy_info(flow);
	struct pollfd state = { .fd = info.fd };

	return !strcmp(info.kind, "socket") && !info.read_ended && poll(&state, 1, 0) >= 0 &&
	       !(state.revents & (POLLHUP | POLLERR | POLLNVAL));
}

/* All that had come when way->to failed has gone on, and a while has passed: what it
 * says now may be without an end. More is read when the read before it has been sent. */
static bool was_heard(lt_way *way)
{
	const lt_proxy *p = way->proxy;
	uint64_t given = lt_proxy_info(p->flow[way->to]).read_bytes;

	if (way->passed == 0 && given >= way->came)
		way->passed = given;
	return way->passed > 0 && given > way->passed && !is_only_deaf(p->flow[way->to]) &&
	       leat_loop_now_ms(p->loop) - way->failed_ms >= HEARD_MS;
}

/* Nothing can be written to way->to any more, but what had come from there is
 * still to go the other way: until nothing comes and all is sent. */
static leat_io *on_quiet_look(void *ctx, leat_result *result)
{
	lt_way *way = ctx;
	lt_proxy *p = way->proxy;
	uint64_t mark = way->mark;
	bool quiet;

	way->mark = heard(way);
	quiet = way->mark == mark && lt_proxy_info(p->flow[way->from]).queued_bytes == 0 && !is_only_deaf(p->flow[way->to]);
	if (was_heard(way)) {
		p->heard_out = way;
		return lt_proxy_over(p, result);
	}
	if (p->way[1 - way->from].over || quiet)
		return lt_proxy_part(p, way->from);
	if (way->mark != mark)
		way->since_ms = leat_loop_now_ms(p->loop);
	else if (leat_loop_now_ms(p->loop) - way->since_ms >= part_ms(p))
		return lt_proxy_over(p, result);
	return leat_io_then(leat_sleep(p->loop, QUIET_MS), on_quiet_look, leat_ctx_borrow(way));
}

static leat_io *on_dropped(void *ctx, leat_result *result)
{
	(void)ctx;
	return leat_io_int(leat_result_loop(result), leat_result_peek(result) != NULL);
}

static leat_io *drop_next(void *ctx, leat_result *result)
{
	(void)result;
	return leat_io_then(leat_flow_read(ctx), on_dropped, leat_ctx_none());
}

static leat_io *on_all_dropped(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	return NULL;
}

/* What way->from says goes nowhere: it is read all the same, or one that answers
 * would not listen either. */
static leat_io *drop_rest(lt_way *way)
{
	leat_io *io = leat_io_repeat(way->proxy->loop, drop_next, leat_ctx_borrow(way->proxy->flow[way->from]));

	return leat_io_catch(io, leat_match_all(), on_all_dropped, leat_ctx_none());
}

/* The first always fails in the end. */
leat_io *lt_proxy_hear_out(lt_way *way)
{
	lt_proxy *p = way->proxy;
	leat_io *ios[2];

	way->mark = heard(way);
	way->came = all_that_came(p->flow[way->to]);
	way->failed_ms = way->since_ms = leat_loop_now_ms(p->loop);
	ios[0] = leat_io_then(leat_sleep(p->loop, QUIET_MS), on_quiet_look, leat_ctx_borrow(way));
	ios[1] = drop_rest(way);
	return leat_io_all(p->loop, ios, 2);
}

/* SPDX-License-Identifier: ISC */
/* proxy - two flows joined, until both directions have ended
 *
 * Two ways, each a copy and what follows it; leat_io_all over them, so that the
 * first failure ends both; and a race of that with a look at the clock.  A way
 * whose copy has ended shuts the flow it led to.  A way that broke fails, but
 * not before what had come from the broken flow is sent.  What is known of the
 * outcome is written into the record, which becomes the value.
 */
#include <string.h>
#include <sys/ioctl.h>

#include <leat/buf.h>
#include <leat/copy.h>
#include <leat/loop.h>
#include <leat/options.h>
#include <leat/proxy.h>

enum {
	LOOKS = 4,         /* at the clock, in a limit's length */
	PART_MS = 30000,   /* for what is still to be sent after a break, where there is no limit */
	QUIET_MS = 100,    /* a flow that can only be read any more has nothing more to say */
	HEARD_MS = 1000,   /* or it has said what it had to: what came later may be without an end */
	SENT_MS = 10,      /* between two looks whether the kernel has sent all */
};

struct proxy;

struct way {
	struct proxy *proxy;
	int from, to; /* 0: one, 1: other */
	bool to_failed, over;
	uint64_t mark;    /* after `to` failed: what of its bytes had moved at the last look */
	int64_t since_ms; /* and since when nothing of them has */
	uint64_t came;     /* how many it had given, or were there to be read, when it failed */
	uint64_t passed;   /* how many it had given when it was seen that these were among them; 0: not yet */
	int64_t failed_ms; /* and when it failed */
};

struct proxy {
	leat_proxied result; /* first: it is the value */
	leat_buf *record;    /* whose bytes this is */
	leat_loop *loop;
	leat_flow *flow[2];
	struct way way[2];
	leat_proxied *counts;
	bool told;       /* result says how it ended */
	const struct way *heard_out; /* nothing more is taken from its `to`; what went on has still to be sent */
	unsigned ended;  /* how many ways did, in order */
	int64_t idle_ms, half_open_ms;
	uint64_t mark;   /* what had moved at the last look */
	int64_t since_ms; /* nothing has moved since */
};

/* ---- the value ---- */

static void destroy_proxied(void *record)
{
	leat_buf_unref(record);
}

const leat_type leat_proxied_type = { .size = sizeof(leat_type), .name = "proxied", .destroy = destroy_proxied };

leat_proxied leat_result_proxied_at(const leat_result *result, const char *where)
{
	leat_proxied proxied;

	if (result->type != &leat_proxied_type) /* aborts, with both places */
		leat_result_ptr_at((leat_result *)(uintptr_t)result, &leat_proxied_type, where);
	memcpy(&proxied, leat_buf_data(leat_result_peek(result)), sizeof proxied);
	return proxied;
}

/* The first reason is the reason. */
static void tell(struct proxy *p, leat_proxy_end end, leat_error error)
{
	if (p->told)
		return;
	p->told = true;
	p->result.end = end;
	p->result.error = error;
}

static void tell_broke(struct proxy *p, int side, leat_error error)
{
	tell(p, side == 0 ? LEAT_PROXY_ONE_BROKE : LEAT_PROXY_OTHER_BROKE, error);
}

static leat_io *give(struct proxy *p)
{
	p->result.there_bytes = p->counts->there_bytes;
	p->result.back_bytes = p->counts->back_bytes;
	return leat_io_ptr(p->loop, leat_buf_ref(p->record), &leat_proxied_type);
}

/* ---- the clock ---- */

static leat_flow_info info_of(leat_flow *flow)
{
	leat_flow_info info = { .size = sizeof info };

	leat_flow_info_get(flow, &info);
	return info;
}

/* Of its socket (SIOCOUTQ of tcp(7)), what the peer has not confirmed; of a Unix one, what the
 * peer has not read. */
static uint64_t unsent(const leat_flow_info *info)
{
	int bytes = 0;

	return info->fd >= 0 && ioctl(info->fd, TIOCOUTQ, &bytes) == 0 ? (uint64_t)bytes : 0;
}

/* That it is confirmed is progress, too: a peer that is slow takes long for what the kernel
 * took at once. */
static uint64_t moved(const struct proxy *p)
{
	uint64_t bytes = 0;

	for (int i = 0; i < 2; i++) {
		leat_flow_info info = info_of(p->flow[i]);

		bytes += info.read_bytes + info.written_bytes - info.queued_bytes - unsent(&info);
	}
	return bytes;
}

static void restart(struct proxy *p)
{
	p->mark = moved(p);
	p->since_ms = leat_loop_now_ms(p->loop);
}

/* Whether nothing has moved for that long. */
static bool has_stood(struct proxy *p, int64_t limit_ms)
{
	if (moved(p) != p->mark) {
		restart(p);
		return false;
	}
	return limit_ms >= 0 && leat_loop_now_ms(p->loop) - p->since_ms >= limit_ms;
}

static leat_io *timeout(struct proxy *p)
{
	return leat_io_fail(p->loop, leat_error_core(LEAT_TIMEOUT));
}

static leat_io *on_look(void *ctx, leat_result *result)
{
	struct proxy *p = ctx;

	(void)result;
	if (!has_stood(p, p->ended > 0 ? p->half_open_ms : p->idle_ms))
		return leat_io_int(p->loop, 1);
	tell(p, p->ended > 0 ? LEAT_PROXY_HALF_OPEN : LEAT_PROXY_IDLE, leat_error_core(LEAT_TIMEOUT));
	return timeout(p);
}

/* Of a limit's length, which may be the longest there is. */
static int64_t look_of(int64_t ms)
{
	return ms / LOOKS + (ms % LOOKS > 0);
}

/* A part of the shorter limit. */
static int64_t look_ms(const struct proxy *p)
{
	int64_t ms = p->idle_ms < 0 || (p->half_open_ms >= 0 && p->half_open_ms < p->idle_ms) ? p->half_open_ms : p->idle_ms;

	return look_of(ms);
}

static leat_io *look(void *ctx, leat_result *result)
{
	struct proxy *p = ctx;

	(void)result;
	return leat_io_then(leat_sleep(p->loop, look_ms(p)), on_look, leat_ctx_borrow(p));
}

/* ---- a break: what has come is sent, then all is over ---- */

static int64_t part_ms(const struct proxy *p)
{
	return p->half_open_ms >= 0 ? p->half_open_ms : PART_MS;
}

static leat_io *on_part_look(void *ctx, leat_result *result)
{
	struct proxy *p = ctx;

	(void)result;
	return has_stood(p, part_ms(p)) ? timeout(p) : leat_io_int(p->loop, 1);
}

static leat_io *part_look(void *ctx, leat_result *result)
{
	struct proxy *p = ctx;

	(void)result;
	return leat_io_then(leat_sleep(p->loop, look_of(part_ms(p))), on_part_look, leat_ctx_borrow(p));
}

static leat_io *over(void *ctx, leat_result *result)
{
	struct proxy *p = ctx;

	(void)result;
	return leat_io_fail(p->loop, p->result.error);
}

/* A reset would take back what the kernel has still to send. */
static leat_io *when_sent(void *ctx, leat_result *result)
{
	leat_flow *flow = ctx;
	leat_flow_info info = info_of(flow);

	(void)result;
	if (unsent(&info) == 0)
		return NULL;
	return leat_io_then(leat_sleep(leat_flow_loop(flow), SENT_MS), when_sent, leat_ctx_borrow(flow));
}

/* Fails when the flow has sent all, or does not go on. */
static leat_io *part(struct proxy *p, int side)
{
	leat_io *ios[2];

	restart(p);
	ios[0] = leat_io_then(leat_flow_flush(p->flow[side]), when_sent, leat_ctx_borrow(p->flow[side]));
	ios[1] = leat_io_repeat(p->loop, part_look, leat_ctx_borrow(p));
	return leat_io_branch(leat_io_race(p->loop, ios, 2), over, over, leat_ctx_borrow(p));
}

/* What has come from way->to and what of it has gone on. */
static uint64_t heard(const struct way *way)
{
	leat_flow_info to = info_of(way->proxy->flow[way->to]), from = info_of(way->proxy->flow[way->from]);

	return to.read_bytes + from.written_bytes - from.queued_bytes;
}

/* What the flow has given and what is there to be read; a layer may have some of its own. */
static uint64_t all_that_came(leat_flow *flow)
{
	leat_flow_info info = info_of(flow);
	int bytes = 0;

	if (info.fd < 0 || ioctl(info.fd, FIONREAD, &bytes) < 0)
		return info.read_bytes;
	return info.read_bytes + (uint64_t)bytes;
}

/* All that had come when way->to failed has gone on, and a while has passed: what it
 * says now may be without an end. More is read when the read before it has been sent. */
static bool was_heard(struct way *way)
{
	const struct proxy *p = way->proxy;
	uint64_t given = info_of(p->flow[way->to]).read_bytes;

	if (way->passed == 0 && given >= way->came)
		way->passed = given;
	return way->passed > 0 && given > way->passed && leat_loop_now_ms(p->loop) - way->failed_ms >= HEARD_MS;
}

/* Nothing can be written to way->to any more, but what had come from there is
 * still to go the other way: until nothing comes and all is sent. */
static leat_io *on_quiet_look(void *ctx, leat_result *result)
{
	struct way *way = ctx;
	struct proxy *p = way->proxy;
	uint64_t mark = way->mark;
	bool quiet;

	way->mark = heard(way);
	quiet = way->mark == mark && info_of(p->flow[way->from]).queued_bytes == 0;
	if (was_heard(way)) {
		p->heard_out = way;
		return over(p, result);
	}
	if (p->way[1 - way->from].over || quiet)
		return part(p, way->from);
	if (way->mark != mark)
		way->since_ms = leat_loop_now_ms(p->loop);
	else if (leat_loop_now_ms(p->loop) - way->since_ms >= part_ms(p))
		return over(p, result);
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
static leat_io *drop_rest(struct way *way)
{
	leat_io *io = leat_io_repeat(way->proxy->loop, drop_next, leat_ctx_borrow(way->proxy->flow[way->from]));

	return leat_io_catch(io, leat_match_all(), on_all_dropped, leat_ctx_none());
}

/* The first always fails in the end. */
static leat_io *wait_quiet(struct way *way)
{
	struct proxy *p = way->proxy;
	leat_io *ios[2];

	way->mark = heard(way);
	way->came = all_that_came(p->flow[way->to]);
	way->failed_ms = way->since_ms = leat_loop_now_ms(p->loop);
	ios[0] = leat_io_then(leat_sleep(p->loop, QUIET_MS), on_quiet_look, leat_ctx_borrow(way));
	ios[1] = drop_rest(way);
	return leat_io_all(p->loop, ios, 2);
}

/* ---- a way ---- */

static leat_io *on_broke(void *ctx, leat_result *result)
{
	struct way *way = ctx;
	struct proxy *p = way->proxy;

	way->over = true;
	tell_broke(p, way->to_failed ? way->to : way->from, leat_result_error(result));
	if (!way->to_failed)
		return part(p, way->to);
	return p->way[1 - way->from].over ? part(p, way->from) : wait_quiet(way);
}

static leat_io *on_not_told(void *ctx, leat_result *result)
{
	struct way *way = ctx;

	tell_broke(way->proxy, way->to, leat_result_error(result));
	return leat_result_pass(result);
}

/* The last one leaves the telling to the close. */
static leat_io *on_end(void *ctx, leat_result *result)
{
	struct way *way = ctx;
	struct proxy *p = way->proxy;

	(void)result;
	way->over = true;
	restart(p);
	if (++p->ended == 2)
		return NULL;
	return leat_io_catch(leat_flow_shutdown(p->flow[way->to], LEAT_WRITE), leat_match_all(), on_not_told,
	                     leat_ctx_borrow(way));
}

static leat_io *begin(struct proxy *p, int from)
{
	struct way *way = &p->way[from];
	leat_copy_options options = { .size = sizeof options,
		                      .moved = from == 0 ? &p->counts->there_bytes : &p->counts->back_bytes,
		                      .to_failed = &way->to_failed };
	leat_io *copy;

	*way = (struct way){ .proxy = p, .from = from, .to = 1 - from };
	copy = leat_copy_most(p->flow[way->from], p->flow[way->to], LEAT_COPY_ALL, &options);
	return leat_io_branch(copy, on_end, on_broke, leat_ctx_borrow(way));
}

/* ---- the end ---- */

static leat_io *on_closed(void *ctx, leat_result *result)
{
	struct proxy *p = ctx;

	for (int i = 0; i < 2; i++) {
		leat_error ending = leat_result_ending(leat_result_each(result, (size_t)i));

		if (leat_error_set(ending))
			tell_broke(p, i, ending);
	}
	return give(p);
}

/* Whoever cancels now does not stop them. */
static leat_io *on_both_ended(void *ctx, leat_result *result)
{
	struct proxy *p = ctx;
	leat_io *closes[2];

	(void)result;
	for (int i = 0; i < 2; i++)
		closes[i] = leat_io_shield(leat_flow_close(p->flow[i]));
	return leat_io_then(leat_io_all(p->loop, closes, 2), on_closed, leat_ctx_borrow(p));
}

static leat_io *cut(struct proxy *p, leat_result *result)
{
	for (int i = 0; i < 2; i++)
		leat_flow_abort(p->flow[i]);
	return p->told ? give(p) : leat_result_pass(result);
}

static leat_io *on_parted(void *ctx, leat_result *result)
{
	return cut(ctx, result);
}

static leat_io *on_cut(void *ctx, leat_result *result)
{
	struct proxy *p = ctx;

	if (!p->heard_out)
		return cut(p, result);
	return leat_io_catch(part(p, p->heard_out->from), leat_match_all(), on_parted, leat_ctx_borrow(p));
}

static void end(void *ctx)
{
	struct proxy *p = ctx;

	leat_flow_unref(p->flow[0]);
	leat_flow_unref(p->flow[1]);
	leat_buf_unref(p->record);
}

/* ---- the call ---- */

static struct proxy *make(leat_flow *one, leat_flow *other, const leat_proxy_options *o)
{
	leat_buf *record = leat_buf_new(leat_flow_loop(one), sizeof(struct proxy));
	struct proxy *p = leat_buf_space(record);

	if (!p) {
		leat_buf_unref(record);
		return NULL;
	}
	*p = (struct proxy){ .record = record, .loop = leat_flow_loop(one) };
	p->flow[0] = leat_flow_ref(one);
	p->flow[1] = leat_flow_ref(other);
	p->counts = o->so_far ? o->so_far : &p->result;
	*p->counts = (leat_proxied){ 0 };
	p->idle_ms = o->idle_ms > 0 ? o->idle_ms : -1;
	p->half_open_ms = o->half_open_ms ? o->half_open_ms : p->idle_ms;
	return p;
}

/* Without memory. */
static leat_io *refuse(leat_flow *one, leat_flow *other, const char *where)
{
	leat_flow_abort(one);
	leat_flow_abort(other);
	return leat_io_fail_at(leat_flow_loop(one), leat_error_core(LEAT_NOMEM), where);
}

leat_io *leat_proxy_at(leat_flow *one, leat_flow *other, const leat_proxy_options *options, const char *where)
{
	leat_proxy_options o;
	struct proxy *p;
	leat_io *ios[2], *both;
	leat_result result;

	leat_options_take_at(&o, sizeof o, options, "leat_proxy_options", where);
	p = make(one, other, &o);
	if (!p)
		return refuse(one, other, where);
	ios[0] = begin(p, 0);
	ios[1] = begin(p, 1);
	both = leat_io_all_at(p->loop, ios, 2, where);
	if (p->idle_ms >= 0 || p->half_open_ms >= 0) {
		restart(p);
		ios[0] = both;
		ios[1] = leat_io_repeat(p->loop, look, leat_ctx_borrow(p));
		both = leat_io_race_at(p->loop, ios, 2, where);
	}
	both = leat_io_then_at(both, on_both_ended, leat_ctx_borrow(p), where);
	both = leat_io_catch_at(both, leat_match_all(), on_cut, leat_ctx_own(p, end), where);
	if (!leat_io_try(both, &result))
		return both;
	leat_result_clear(&result);
	return refuse(one, other, where);
}

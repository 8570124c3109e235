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

#include <leat/copy.h>
#include <leat/options.h>

#include "kit/proxy.h"

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

void lt_proxy_tell(lt_proxy *p, leat_proxy_end end, leat_error error)
{
	if (p->told)
		return;
	p->told = true;
	p->result.end = end;
	p->result.error = error;
}

static void tell_broke(lt_proxy *p, int side, leat_error error)
{
	lt_proxy_tell(p, side == 0 ? LEAT_PROXY_ONE_BROKE : LEAT_PROXY_OTHER_BROKE, error);
}

static leat_io *give(lt_proxy *p)
{
	p->result.there_bytes = p->counts->there_bytes;
	p->result.back_bytes = p->counts->back_bytes;
	return leat_io_ptr(p->loop, leat_buf_ref(p->record), &leat_proxied_type);
}

/* ---- a way ---- */

static leat_io *on_broke(void *ctx, leat_result *result)
{
	lt_way *way = ctx;
	lt_proxy *p = way->proxy;

	way->over = true;
	tell_broke(p, way->to_failed ? way->to : way->from, leat_result_error(result));
	if (!way->to_failed)
		return lt_proxy_part(p, way->to);
	return p->way[1 - way->from].over ? lt_proxy_part(p, way->from) : lt_proxy_hear_out(way);
}

static leat_io *on_not_told(void *ctx, leat_result *result)
{
	lt_way *way = ctx;

	tell_broke(way->proxy, way->to, leat_result_error(result));
	return leat_result_pass(result);
}

/* The last one leaves the telling to the close. */
static leat_io *on_end(void *ctx, leat_result *result)
{
	lt_way *way = ctx;
	lt_proxy *p = way->proxy;

	(void)result;
	way->over = true;
	lt_proxy_restart(p);
	if (++p->ended == 2)
		return NULL;
	return leat_io_catch(leat_flow_shutdown(p->flow[way->to], LEAT_WRITE), leat_match_all(), on_not_told,
	                     leat_ctx_borrow(way));
}

static leat_io *begin(lt_proxy *p, int from)
{
	lt_way *way = &p->way[from];
	leat_copy_options options = { .size = sizeof options,
		                      .moved = from == 0 ? &p->counts->there_bytes : &p->counts->back_bytes,
		                      .to_failed = &way->to_failed };
	leat_io *copy;

	*way = (lt_way){ .proxy = p, .from = from, .to = 1 - from };
	copy = leat_copy_most(p->flow[way->from], p->flow[way->to], LEAT_COPY_ALL, &options);
	return leat_io_branch(copy, on_end, on_broke, leat_ctx_borrow(way));
}

/* ---- the end ---- */

static leat_io *on_closed(void *ctx, leat_result *result)
{
	lt_proxy *p = ctx;

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
	lt_proxy *p = ctx;
	leat_io *closes[2];

	(void)result;
	for (int i = 0; i < 2; i++)
		closes[i] = leat_io_shield(leat_flow_close(p->flow[i]));
	return leat_io_then(leat_io_all(p->loop, closes, 2), on_closed, leat_ctx_borrow(p));
}

static leat_io *cut(lt_proxy *p, leat_result *result)
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
	lt_proxy *p = ctx;

	if (!p->heard_out)
		return cut(p, result);
	return leat_io_catch(lt_proxy_part(p, p->heard_out->from), leat_match_all(), on_parted, leat_ctx_borrow(p));
}

static void end(void *ctx)
{
	lt_proxy *p = ctx;

	leat_flow_unref(p->flow[0]);
	leat_flow_unref(p->flow[1]);
	leat_buf_unref(p->record);
}

/* ---- the call ---- */

static lt_proxy *make(leat_flow *one, leat_flow *other, const leat_proxy_options *o)
{
	leat_buf *record = leat_buf_new(leat_flow_loop(one), sizeof(lt_proxy));
	lt_proxy *p = leat_buf_space(record);

	if (!p) {
		leat_buf_unref(record);
		return NULL;
	}
	*p = (lt_proxy){ .record = record, .loop = leat_flow_loop(one) };
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
	lt_proxy *p;
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
		lt_proxy_restart(p);
		ios[0] = both;
		ios[1] = leat_io_repeat(p->loop, lt_proxy_look, leat_ctx_borrow(p));
		both = leat_io_race_at(p->loop, ios, 2, where);
	}
	both = leat_io_then_at(both, on_both_ended, leat_ctx_borrow(p), where);
	both = leat_io_catch_at(both, leat_match_all(), on_cut, leat_ctx_own(p, end), where);
	if (!leat_io_try(both, &result))
		return both;
	leat_result_clear(&result);
	return refuse(one, other, where);
}

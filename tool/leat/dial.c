/* SPDX-License-Identifier: ISC */
/* dial - a flow to a target: its end first, then the layers over it
 *
 * A name may lead to several places.  They are tried in turn, each with its share of
 * the time that is left, so that one which does not answer leaves time for the
 * next.
 */
#include <stdio.h>
#include <stdlib.h>

#include "descriptors.h"
#include "dial.h"
#include "program.h"

/* ---- tcp ---- */

struct reaching {
	struct call *call;
	struct places *owned; /* what a name led to; NULL: the route's */
	const struct places *places;
	size_t next;
};

static void end_reaching(void *ctx)
{
	struct reaching *r = ctx;

	free(r->owned);
	free(r);
}

static leat_connect_options options_of(const struct route *route)
{
	const struct setting *keepalive = part_setting(address_end(&route->address), OPTION_KEEPALIVE);

	return (leat_connect_options){ .size = sizeof(leat_connect_options), .keepalive = keepalive,
		.keepalive_s = keepalive ? (uint32_t)keepalive->number : 0 };
}

/* What this attempt may take; negative: as long as it likes. */
static int64_t share_ms(const struct reaching *r)
{
	int64_t left;

	if (r->call->until_ms < 0)
		return -1;
	left = r->call->until_ms - leat_loop_now_ms(r->call->loop);
	return left > 0 ? left / (int64_t)(r->places->count - r->next) : 0;
}

static leat_io *reach_next(struct reaching *r);

static leat_io *on_unreached(void *ctx, leat_result *result)
{
	struct reaching *r = ctx;

	if (++r->next == r->places->count)
		return leat_result_pass(result);
	return reach_next(r);
}

static leat_io *reach_next(struct reaching *r)
{
	leat_connect_options options = options_of(r->call->route);
	leat_io *io = leat_connect_addr(r->call->loop, &r->places->at[r->next], &options);

	return leat_io_catch(leat_io_timeout(io, share_ms(r)), leat_match_all(), on_unreached, leat_ctx_borrow(r));
}

static leat_io *on_resolved(void *ctx, leat_result *result)
{
	struct reaching *r = ctx;

	r->places = r->owned = leat_result_ptr(result, &places_type);
	r->call->blame.at = route_end(r->call->route);
	return reach_next(r);
}

static leat_io *on_not_resolved(void *ctx, leat_result *result)
{
	const struct reaching *r = ctx;

	if (resolve_blames_port(leat_result_error(result)))
		r->call->blame.at = r->call->route->address.port_at;
	return leat_result_pass(result);
}

static leat_io *dial_tcp(struct call *call)
{
	const struct address *a = &call->route->address;
	struct reaching *r = malloc(sizeof *r);
	leat_io *io;

	if (!r)
		return leat_io_fail(call->loop, leat_error_core(LEAT_NOMEM));
	*r = (struct reaching){ .call = call, .places = call->route->places };
	if (r->places) {
		io = reach_next(r);
	} else {
		call->blame.at = a->host_at;
		io = leat_io_branch(resolve(call->loop, a->host, a->port), on_resolved, on_not_resolved,
			leat_ctx_borrow(r));
	}
	return leat_io_attach(io, leat_ctx_own(r, end_reaching));
}

/* ---- the others ---- */

static leat_io *dial_unix(const struct call *call)
{
	char where[128];

	snprintf(where, sizeof where, "unix:%s", call->route->address.path);
	return leat_connect(call->loop, where, NULL);
}

static leat_io *dial_end(struct call *call)
{
	const struct address *a = &call->route->address;

	call->blame = (struct blame){ .route = call->route, .at = route_end(call->route) };
	switch (address_end(a)->kind) {
	case KIND_TCP:
		return dial_tcp(call);
	case KIND_UNIX:
		return dial_unix(call);
	case KIND_EXEC:
		return program_start(call->loop, a->command, call->in_front, &call->child);
	case KIND_FD:
		return leat_io_flow(call->loop, descriptors_flow(call->loop, a->in, a->out));
	default:
		return leat_io_fail(call->loop, leat_error_core(LEAT_UNSUPPORTED));
	}
}

static leat_io *on_end(void *ctx, leat_result *result)
{
	struct call *call = ctx;

	return route_wrap(call->route, leat_result_flow(result), &call->blame);
}

leat_io *dial(struct call *call)
{
	leat_io *io = leat_io_then(dial_end(call), on_end, leat_ctx_borrow(call));

	return call->until_ms < 0 ? io : leat_io_deadline(io, call->until_ms);
}

/* SPDX-License-Identifier: ISC */
/* session - the life of one connection
 *
 *	on_near   its layers are on: call the target
 *	on_far    the target is there: join the two
 *	on_joined both ways have ended: close, and hear how a program ended
 *	on_over   say how it went
 */
#include <inttypes.h>
#include <stdlib.h>

#include "dial.h"
#include "program.h"
#include "session.h"

struct session {
	struct journey *journey;
	leat_flow *near, *far;
	struct call call; /* also: what is under way on the near side */
	bool joined;
	int64_t begun_ms;
	uint64_t number;
	char from[160];
};

static void free_session(void *ctx)
{
	struct session *s = ctx;

	leat_flow_unref(s->near);
	leat_flow_unref(s->far);
	leat_child_unref(s->call.child);
	free(s);
}

/* ---- how it went ---- */

static void count(const struct session *s, struct tale *tale)
{
	leat_flow_info info = { .size = sizeof info };

	if (!s->near)
		return;
	leat_flow_info_get(s->near, &info);
	tale->there = info.read_bytes;
	tale->back = info.written_bytes;
}

/* The part of an address where it happened. */
static void print_part(const struct blame *blame, FILE *out)
{
	if (!blame->route)
		return;
	print_harmless(blame->route->address.text + blame->at.at, blame->at.bytes, out);
	fputs(": ", out);
}

static void say_failure(const struct session *s, leat_error error)
{
	const struct blame *blame = &s->call.blame;
	struct complaint why = { .words = "" };

	leat_error_print(error, why.words, sizeof why.words);
	if (s->journey->alone) {
		if (blame->route) {
			why.text = blame->route->address.text;
			why.place = blame->at;
		}
		complaint_print(&why, stderr);
		return;
	}
	fprintf(stderr, "leat: %" PRIu64 " %s: ", s->number, s->from);
	print_part(blame, stderr);
	fprintf(stderr, "%s\n", why.words);
}

static leat_io *on_over(void *ctx, leat_result *result)
{
	const struct session *s = ctx;
	struct journey *j = s->journey;
	struct tale tale = {
		.number = s->number,
		.from = s->from,
		.took_ms = leat_loop_now_ms(j->loop) - s->begun_ms,
		.error = leat_result_error(result),
	};

	count(s, &tale);
	tally_close(&j->tally, &tale);
	if (leat_error_set(tale.error))
		say_failure(s, tale.error);
	if (j->settings->stats)
		tale_print(&tale, stderr);
	return leat_result_pass(result);
}

/* ---- both ways ---- */

static leat_io *close_both(struct session *s)
{
	leat_io *both[] = { leat_flow_close(s->near), s->far ? leat_flow_close(s->far) : leat_io_done(s->journey->loop) };

	return leat_io_all(s->journey->loop, both, 2);
}

static leat_io *on_closed(void *ctx, leat_result *result)
{
	struct session *s = ctx;

	if (!s->call.child)
		return NULL;
	s->call.blame.at = route_end(s->journey->to);
	s->call.blame.route = s->journey->to;
	return program_wait(s->call.child);
}

static leat_io *on_joined(void *ctx, leat_result *result)
{
	return leat_io_then(close_both(ctx), on_closed, leat_ctx_borrow(ctx));
}

static leat_io *end_half(void *ctx, leat_result *result)
{
	return leat_flow_shutdown(ctx, LEAT_WRITE);
}

static leat_io *carry(leat_flow *from, leat_flow *to)
{
	return leat_io_then(leat_copy(from, to), end_half, leat_ctx_borrow(to));
}

static leat_io *join(struct session *s)
{
	leat_io *both[] = { carry(s->near, s->far), carry(s->far, s->near) };

	s->call.blame.route = NULL;
	return leat_io_then(leat_io_all(s->journey->loop, both, 2), on_joined, leat_ctx_borrow(s));
}

static leat_io *on_far(void *ctx, leat_result *result)
{
	struct session *s = ctx;

	s->far = leat_result_flow(result);
	return join(s);
}

static int64_t until(const struct journey *j)
{
	return j->settings->connect_ms < 0 ? -1 : leat_loop_now_ms(j->loop) + j->settings->connect_ms;
}

static leat_io *on_near(void *ctx, leat_result *result)
{
	struct session *s = ctx;
	struct journey *j = s->journey;
	leat_flow_limits limits = { .size = sizeof limits, .idle_ms = j->settings->idle_ms };

	s->near = leat_result_flow(result);
	if (leat_error_set(leat_flow_set_limits(s->near, &limits)))
		return leat_io_fail(j->loop, leat_error_core(LEAT_NOMEM));
	if (!j->to)
		return leat_io_then(carry(s->near, s->near), on_joined, leat_ctx_borrow(s));
	s->call = (struct call){ .loop = j->loop, .route = j->to, .until_ms = until(j) };
	return leat_io_then(dial(&s->call), on_far, leat_ctx_borrow(s));
}

/* ---- the beginning ---- */

static void name_peer(leat_flow *flow, char *out, size_t room)
{
	leat_flow_info info = { .size = sizeof info };

	leat_flow_info_get(flow, &info);
	if (info.peer.bytes > 0)
		leat_addr_print(&info.peer, out, room);
	else
		snprintf(out, room, "%s", info.kind);
}

leat_io *session_start(struct journey *j, leat_flow *flow)
{
	struct session *s = calloc(1, sizeof *s);
	leat_io *io;

	if (!s) {
		leat_flow_unref(flow);
		return leat_io_fail(j->loop, leat_error_core(LEAT_NOMEM));
	}
	tally_open(&j->tally);
	s->journey = j;
	s->begun_ms = leat_loop_now_ms(j->loop);
	s->number = j->tally.opened;
	name_peer(flow, s->from, sizeof s->from);
	io = j->from ? route_wrap(j->from, flow, &s->call.blame) : leat_io_flow(j->loop, flow);
	if (until(j) >= 0)
		io = leat_io_deadline(io, until(j));
	io = leat_io_then(io, on_near, leat_ctx_borrow(s));
	return leat_io_branch(io, on_over, on_over, leat_ctx_own(s, free_session));
}

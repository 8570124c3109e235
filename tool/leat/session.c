/* SPDX-License-Identifier: ISC */
/* session - the life of one connection
 *
 *	on_near   its layers are on: call the target
 *	on_far    the target is there: join the two
 *	on_joined both ways have ended: hear how a program ended
 *	on_over   say how it went
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dial.h"
#include "program.h"
#include "session.h"

enum { LOOK_MS = 5 };

/* How it ended by what we did, in words. */
enum { NOTHING_MOVED, NOTHING_MOVED_HALF_OPEN, CUT };

static leat_kind session_kind(int code)
{
	return code == CUT ? LEAT_CANCELLED : LEAT_TIMEOUT;
}

static int session_print(int code, char *out, size_t room)
{
	static const char *const words[] = {
		[NOTHING_MOVED] = "it was idle for too long",
		[NOTHING_MOVED_HALF_OPEN] = "one side had ended, and the other was idle for too long",
		[CUT] = "it was cut, since we were told to end",
	};

	return snprintf(out, room, "%s", words[code]);
}

static const leat_error_domain session_errors = {
	.size = sizeof(leat_error_domain),
	.name = "session",
	.kind = session_kind,
	.print = session_print,
};

struct session {
	struct journey *journey;
	leat_flow *near, *far;
	struct call call;      /* also: what is under way on the near side */
	leat_maker never;      /* of a program that failed: the two ways say how it ended */
	leat_proxied so_far;
	int64_t begun_ms;
	uint64_t number;
	char from[160];
	bool told;
};

static void tell(struct session *s, leat_error error);

/* One that was cancelled is told here. */
static void free_session(void *ctx)
{
	struct session *s = ctx;

	if (!s->told)
		tell(s, leat_error_make(&session_errors, CUT));
	leat_flow_unref(s->near);
	leat_flow_unref(s->far);
	leat_child_unref(s->call.child);
	free(s);
}

/* ---- how it went ---- */

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

	if (*blame->words)
		snprintf(why.words, sizeof why.words, "%s", blame->words);
	else
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
	print_harmless(why.words, strlen(why.words), stderr);
	putc('\n', stderr);
}

static void tell(struct session *s, leat_error error)
{
	struct journey *j = s->journey;
	struct tale tale = {
		.number = s->number,
		.from = s->from,
		.there = j->to ? s->so_far.there_bytes : s->so_far.back_bytes,
		.back = s->so_far.back_bytes,
		.took_ms = leat_loop_now_ms(j->loop) - s->begun_ms,
		.error = error,
	};

	s->told = true;
	tally_close(&j->tally, &tale);
	if (j->settings->stats)
		tale_print(&tale, stderr);
}

static leat_io *on_over(void *ctx, leat_result *result)
{
	struct session *s = ctx;

	if (!leat_result_ok(result))
		say_failure(s, leat_result_error(result));
	tell(s, leat_result_error(result));
	return leat_result_pass(result);
}

/* ---- both ways ---- */

static void blame(struct session *s, const struct route *route)
{
	s->call.blame = (struct blame){ .route = route, .at = route ? route_end(route) : (struct piece){ 0, 0 } };
}

/* What the target said made no sense to a layer, or the end of it was at fault. */
static void blame_target(struct session *s, leat_kind kind)
{
	const struct route *to = s->journey->to;

	blame(s, to);
	if (to->address.count > 1 &&
	    (kind == LEAT_PROTOCOL || kind == LEAT_TRUNCATED || kind == LEAT_LIMIT || kind == LEAT_DENIED))
		s->call.blame.at = (struct piece){ 0, s->call.blame.at.at - 1 };
}

static void blame_standard_streams(struct session *s, leat_error error)
{
	struct blame *blame = &s->call.blame;
	int used;

	if (s->journey->from)
		return;
	used = snprintf(blame->words, sizeof blame->words, "standard input or output: ");
	leat_error_print(error, blame->words + used, sizeof blame->words - (size_t)used);
}

static leat_io *on_ended(struct session *s)
{
	if (!s->call.child)
		return NULL;
	blame(s, s->journey->to);
	return program_wait(s->call.child);
}

static leat_io *on_joined(void *ctx, leat_result *result)
{
	struct session *s = ctx;
	leat_proxied how = leat_result_proxied(result);

	switch (how.end) {
	case LEAT_PROXY_ENDED:
		return on_ended(s);
	case LEAT_PROXY_ONE_BROKE: /* who came, whom the line names already */
		blame_standard_streams(s, how.error);
		break;
	case LEAT_PROXY_OTHER_BROKE:
		blame_target(s, leat_error_kind(how.error));
		break;
	case LEAT_PROXY_IDLE:
		how.error = leat_error_make(&session_errors, NOTHING_MOVED);
		break;
	case LEAT_PROXY_HALF_OPEN:
		how.error = leat_error_make(&session_errors, NOTHING_MOVED_HALF_OPEN);
		break;
	}
	return leat_io_fail(s->journey->loop, how.error);
}

/* Who pauses for long before he reads on gets the rest all the same, unless a limit was
 * asked for. */
static leat_error be_patient(leat_flow *flow, int64_t idle_ms)
{
	return leat_flow_set_limits(flow, &(leat_flow_limits){ .size = sizeof(leat_flow_limits), .stall_ms = idle_ms });
}

static leat_io *join(struct session *s)
{
	const struct settings *settings = s->journey->settings;
	leat_proxy_options options = { .size = sizeof options, .idle_ms = settings->idle_ms,
		.half_open_ms = settings->half_open_ms, .so_far = &s->so_far };

	leat_error error = be_patient(s->near, settings->idle_ms);

	if (!leat_error_set(error))
		error = be_patient(s->far, settings->idle_ms);
	if (leat_error_set(error))
		return leat_io_fail(s->journey->loop, error);
	blame(s, NULL);
	return leat_io_then(leat_proxy(s->near, s->far, &options), on_joined, leat_ctx_borrow(s));
}

/* What failed the proxy hears, or asks for at its end. */
static leat_io *on_failed(void *ctx, leat_result *result)
{
	struct session *s = ctx;

	return leat_io_new(s->journey->loop, &s->never, NULL, NULL);
}

static leat_io *await_last_word(void *ctx, leat_result *result);

/* The proxy has passed on the end of what the program said: once that has gone, nobody
 * has to wait for what the other side would still say. */
static leat_io *look_for_last_word(void *ctx, leat_result *result)
{
	struct session *s = ctx;
	leat_flow_info info = { .size = sizeof info };

	leat_flow_info_get(s->near, &info);
	if (!info.write_ended)
		return await_last_word(ctx, result);
	return leat_io_catch(leat_flow_flush(s->near), leat_match_all(), on_failed, leat_ctx_borrow(s));
}

static leat_io *await_last_word(void *ctx, leat_result *result)
{
	return leat_io_then(leat_sleep(leat_result_loop(result), LOOK_MS), look_for_last_word, leat_ctx_borrow(ctx));
}

static leat_io *on_program_over(void *ctx, leat_result *result)
{
	struct session *s = ctx;

	leat_io_ignore(leat_flow_shutdown(s->near, LEAT_READ));
	return look_for_last_word(ctx, result);
}

/* The end of what it said was taken for an end in order: it is known better now. */
static leat_io *on_program_failed(void *ctx, leat_result *result)
{
	struct session *s = ctx;
	leat_flow_info info = { .size = sizeof info };

	leat_flow_info_get(s->near, &info);
	if (!info.write_ended)
		return on_failed(ctx, result);
	blame(s, s->journey->to);
	return leat_result_pass(result);
}

static leat_io *join_program(struct session *s)
{
	leat_io *ended = leat_io_branch(program_wait(s->call.child), on_program_over, on_program_failed, leat_ctx_borrow(s));

	return leat_io_race(s->journey->loop, (leat_io *[]){ join(s), ended }, 2);
}

static leat_io *on_far(void *ctx, leat_result *result)
{
	struct session *s = ctx;

	s->far = leat_result_flow(result);
	return s->call.child ? join_program(s) : join(s);
}

/* An echo. */
static leat_io *on_given_back(void *ctx, leat_result *result)
{
	const struct session *s = ctx;

	return leat_flow_close(s->near);
}

static leat_io *on_not_given_back(void *ctx, leat_result *result)
{
	if (leat_error_is(leat_result_error(result), LEAT_TIMEOUT))
		return leat_io_fail(leat_result_loop(result), leat_error_make(&session_errors, NOTHING_MOVED));
	return leat_result_pass(result);
}

static leat_io *give_back(struct session *s)
{
	leat_flow_limits limits = { .size = sizeof limits, .idle_ms = s->journey->settings->idle_ms,
		.stall_ms = s->journey->settings->idle_ms };
	leat_copy_options options = { .size = sizeof options, .moved = &s->so_far.back_bytes };
	leat_error error = leat_flow_set_limits(s->near, &limits);
	leat_io *io;

	if (leat_error_set(error))
		return leat_io_fail(s->journey->loop, error);
	io = leat_copy_most(s->near, s->near, LEAT_COPY_ALL, &options);
	return leat_io_branch(io, on_given_back, on_not_given_back, leat_ctx_borrow(s));
}

static int64_t until(const struct journey *j)
{
	return j->settings->connect_ms < 0 ? -1 : leat_loop_now_ms(j->loop) + j->settings->connect_ms;
}

static leat_io *on_near(void *ctx, leat_result *result)
{
	struct session *s = ctx;
	struct journey *j = s->journey;

	s->near = leat_result_flow(result);
	if (!j->to)
		return give_back(s);
	s->call = (struct call){ .loop = j->loop, .route = j->to, .until_ms = until(j), .in_front = !j->from };
	return leat_io_then(dial(&s->call), on_far, leat_ctx_borrow(s));
}

/* ---- the beginning ---- */

/* The client of a Unix socket has no name. */
static void name_peer(const struct session *s, leat_flow *flow, char *out, size_t room)
{
	leat_flow_info info = { .size = sizeof info };

	leat_flow_info_get(flow, &info);
	if (info.peer.bytes > 0)
		leat_addr_print(&info.peer, out, room);
	if (!s->journey->from)
		snprintf(out, room, "standard input");
	else if (info.peer.bytes == 0 || !strcmp(out, "unix:"))
		snprintf(out, room, "%s", info.peer.bytes == 0 ? "somebody who has gone" : "unix");
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
	name_peer(s, flow, s->from, sizeof s->from);
	io = j->from ? route_wrap(j->from, flow, &s->call.blame) : leat_io_flow(j->loop, flow);
	if (until(j) >= 0)
		io = leat_io_deadline(io, until(j));
	io = leat_io_then(io, on_near, leat_ctx_borrow(s));
	return leat_io_branch(io, on_over, on_over, leat_ctx_own(s, free_session));
}

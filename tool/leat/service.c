/* SPDX-License-Identifier: ISC */
/* service - takes connections until it is told to end
 *
 * One promise, `ended`, is what the program waits for: settled by the service
 * when its last connection has gone, by the clock when the grace is over, or by a
 * second signal.
 */
#include <signal.h>

#include "dump.h"
#include "loop.h"
#include "service.h"
#include "session.h"
#include "signals.h"
#include "status.h"

struct service {
	struct journey journey;
	struct settings settings; /* a copy: a target may ask for --once */
	leat_listener *listener;
	leat_signals *signals;
	leat_maker ended; /* with a status */
	bool draining;
	bool failed;      /* the one of --once */
};

static void end(struct service *s, enum status status)
{
	if (leat_maker_live(s->ended))
		leat_resolve_int(s->ended, status);
}

/* ---- connections ---- */

static leat_io *handle(void *ctx, leat_flow *flow)
{
	struct service *s = ctx;

	if (s->settings.once)
		leat_listener_close(s->listener);
	return session_start(&s->journey, leat_flow_ref(flow));
}

/* The session has said why. */
static void on_failed(void *ctx, leat_flow *flow, leat_error error)
{
	struct service *s = ctx;

	s->failed = true;
}

static leat_io *on_drained(void *ctx, leat_result *result)
{
	struct service *s = ctx;

	end(s, s->settings.once && s->failed ? STATUS_FAILED : STATUS_DONE);
	return NULL;
}

/* A layer that has ended is closed for us, but what it stood on has still to hear the
 * peer's end: freed now it would be cut, and what the kernel has not delivered lost.
 * Each flow's own limits see to it that this ends. */
static leat_io *on_served(void *ctx, leat_result *result)
{
	return leat_io_then(leat_loop_drain(leat_result_loop(result), -1), on_drained, leat_ctx_borrow(ctx));
}

static leat_io *on_broken(void *ctx, leat_result *result)
{
	char words[128];

	leat_error_print(leat_result_error(result), words, sizeof words);
	fprintf(stderr, "leat: accepting has failed: %s\n", words);
	end(ctx, STATUS_FAILED);
	return NULL;
}

static leat_io *serve(struct service *s)
{
	leat_serve_options options = { .size = sizeof options, .max_connections = s->settings.connections,
		.failed = on_failed };
	leat_io *io = leat_serve(leat_listener_ref(s->listener), &options, handle, s);

	return leat_io_branch(io, on_served, on_broken, leat_ctx_borrow(s));
}

/* ---- signals ---- */

static void cut(struct service *s)
{
	end(s, s->journey.tally.live > 0 ? STATUS_CUT : STATUS_DONE);
}

static leat_io *on_grace_over(void *ctx, leat_result *result)
{
	struct service *s = ctx;

	if (s->journey.tally.live > 0)
		fprintf(stderr, "leat: the grace is over; connections cut: %zu\n", s->journey.tally.live);
	cut(s);
	return NULL;
}

/* The first one drains, the second one ends. */
static leat_io *told_to_end(struct service *s)
{
	leat_loop *loop = s->journey.loop;

	if (s->draining) {
		cut(s);
		return leat_io_done(loop);
	}
	s->draining = true;
	if (s->journey.tally.live > 0)
		fprintf(stderr, "leat: ending; connections open: %zu\n", s->journey.tally.live);
	leat_listener_close(s->listener);
	return leat_io_then(leat_sleep(loop, s->settings.grace_ms), on_grace_over, leat_ctx_borrow(s));
}

static leat_io *next_signal(void *ctx, leat_result *result);

static leat_io *on_signal(void *ctx, leat_result *result)
{
	struct service *s = ctx;
	leat_loop *loop = s->journey.loop;

	if (leat_result_int(result) == SIGUSR1)
		dump_alive(&s->journey);
	else
		leat_io_detach(told_to_end(s));
	return leat_io_int(loop, 1);
}

static leat_io *next_signal(void *ctx, leat_result *result)
{
	struct service *s = ctx;

	return leat_io_then(leat_signals_next(s->signals), on_signal, leat_ctx_borrow(s));
}

/* ---- the run ---- */

static void say_where(const struct service *s)
{
	const char *text = s->journey.from->address.text;
	leat_addr addr = leat_listener_addr(s->listener);
	char where[400]; /* each byte of an abstract name may be three */

	leat_addr_print(&addr, where, sizeof where);
	fprintf(stderr, "leat: listening on %.*s%s\n", (int)address_end(&s->journey.from->address)->at.at, text, where);
}

static int wait_for_the_end(struct service *s)
{
	leat_loop *loop = s->journey.loop;
	leat_io *ended = leat_io_new(loop, &s->ended, NULL, NULL);
	leat_io *served = serve(s);
	leat_io *listening = leat_io_repeat(loop, next_signal, leat_ctx_borrow(s));
	leat_error error;
	int status;

	say_where(s);
	status = (int)leat_await_int(ended, &error);
	leat_io_cancel(listening);
	leat_io_cancel(served);
	return leat_error_set(error) ? STATUS_FAILED : status;
}

static int run(struct service *s)
{
	leat_loop *loop = s->journey.loop;
	int status;

	s->signals = signals_to_end(loop);
	s->journey.tally.begun_ms = leat_loop_now_ms(loop);
	status = wait_for_the_end(s);
	if (s->settings.stats)
		tally_print(&s->journey.tally, leat_loop_now_ms(loop), stderr);
	signals_end(s->signals);
	leat_listener_unref(s->listener);
	return status;
}

static int run_routes(const struct settings *settings, const struct route *from, const struct route *to)
{
	struct service s = { .settings = *settings };
	struct complaint why;
	int status;

	if (to && !route_is_lasting(to))
		s.settings.once = true;
	s.journey = (struct journey){ .loop = leat_loop_new(NULL, NULL), .settings = &s.settings, .from = from, .to = to,
		.alone = s.settings.once };
	if (!s.journey.loop)
		return complaint_refuse(&no_loop, STATUS_FAILED);
	s.listener = route_listen(s.journey.loop, from, &why);
	status = s.listener ? run(&s) : complaint_refuse(&why, STATUS_FAILED);
	loop_end(s.journey.loop);
	return status;
}

static bool are_one(const struct route *from, const struct route *to, struct complaint *why)
{
	return address_end(&from->address)->kind == KIND_FD && route_has_descriptor(to, from->address.in, why);
}

int service_run(const struct settings *settings, const char *listen, const char *target)
{
	struct route from, to = { .address = { .text = NULL } };
	struct complaint why;
	int status;

	if (!route_make(listen, ROLE_LISTEN, &from, &why) || (target && !route_make(target, ROLE_TARGET, &to, &why)) ||
	    (target && are_one(&from, &to, &why)))
		status = complaint_refuse(&why, STATUS_USAGE);
	else
		status = run_routes(settings, &from, target ? &to : NULL);
	route_free(&to);
	route_free(&from);
	return status;
}

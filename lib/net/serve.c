/* SPDX-License-Identifier: ISC */
/* serve - accept for ever, one handler for each flow
 *
 * A connection costs the serve no memory: the flow's link says whose it is and
 * what is awaited - one pointer, to one of the two tables in the serve's
 * record - and is itself what waits for the handler's io, then for the close.
 *
 *	accept -> handler's io -> close -> gone        (failed: abort -> gone)
 *
 * The record goes at the end of a turn, when no frame of ours or of a handler
 * is on the stack.  So do the flows of a serve that was cancelled, which wait
 * in a list through their links until the handlers' contexts are destroyed.
 */
#include <stdio.h>

#include "flow/flow.h"
#include "io/io.h"
#include "net/net.h"

enum { RETRY_MS = 100 };

struct serve {
	lt_watch_ops handling, closing; /* what a connection's link points to */
	lt_watch accepting;
	lt_timer retry;
	lt_tail rest;
	leat_loop *loop;
	const char *where;
	leat_listener *listener;
	leat_maker maker;
	leat_handler handler;
	void *ctx;
	size_t live;      /* connections */
	bool asked;       /* for the next one; or the timer will */
	bool stopped;     /* accepts no more, for this reason: */
	bool over;        /* settled or cancelled: only the record is left */
	leat_error error;
	lt_watch *orphans; /* links of the flows that a cancel left */
	leat_serve_options options;
};

/* From a link, by the place in the record of what it points to. */
static struct serve *serve_of(const lt_watch *link, size_t offset)
{
	return (struct serve *)((uintptr_t)link->ops - offset);
}

/* ---- the end ---- */

static void on_rest(lt_tail *tail)
{
	struct serve *s = (struct serve *)(void *)((char *)tail - offsetof(struct serve, rest));

	if (lt_loop_unwinding(s->loop)) { /* handlers that are fibers have borrowed the flows */
		lt_loop_at_end(s->loop, tail);
		return;
	}
	while (s->orphans) {
		lt_watch *link = s->orphans;

		s->orphans = (lt_watch *)(uintptr_t)link->ops;
		link->ops = NULL;
		leat_flow_unref(lt_flow_of_link(link));
	}
	lt_timer_stop(s->loop, &s->retry);
	leat_listener_unref(s->listener);
	lt_mem_release(lt_loop_mem(s->loop), s);
}

static void stop(struct serve *s, leat_error error)
{
	s->stopped = true;
	if (!leat_error_is(error, LEAT_CLOSED))
		s->error = error;
	leat_listener_close(s->listener);
}

static void finish(struct serve *s)
{
	s->over = true;
	if (leat_error_set(s->error))
		leat_reject(s->maker, s->error);
	else
		leat_resolve(s->maker);
	lt_loop_at_end(s->loop, &s->rest);
}

/* ---- accepting ---- */

static void ask(struct serve *s);

static bool is_full(const struct serve *s)
{
	return s->options.max_connections && s->live >= s->options.max_connections;
}

/* What comes next, where nothing else is under way. */
static void go_on(struct serve *s)
{
	if (!s->over && !s->stopped && !s->asked && !is_full(s))
		ask(s);
	if (!s->over && s->stopped && s->live == 0)
		finish(s);
}

/* No memory for an accept is no reason to end a service. */
static void refused(struct serve *s, leat_error error)
{
	s->asked = leat_error_is(error, LEAT_NOMEM) && !leat_error_set(leat_listener_error(s->listener)) &&
		   lt_timer_start(s->loop, &s->retry, lt_loop_after_ms(s->loop, RETRY_MS));
	if (!s->asked)
		stop(s, error);
}

static void ask(struct serve *s)
{
	s->asked = true;
	if (!lt_io_watch(leat_accept_at(s->listener, s->where), &s->accepting))
		refused(s, leat_error_core(lt_loop_closing(s->loop) ? LEAT_CLOSED : LEAT_NOMEM));
}

static void on_retry(lt_timer *timer)
{
	struct serve *s = (struct serve *)(void *)((char *)timer - offsetof(struct serve, retry));

	s->asked = false;
	go_on(s);
}

/* ---- a connection ---- */

static void gone(struct serve *s, leat_flow *flow)
{
	flow->link.ops = NULL;
	leat_flow_unref(flow);
	s->live--;
	go_on(s);
}

static void on_closed(lt_watch *link, leat_loop *loop, leat_result *result)
{
	gone(serve_of(link, offsetof(struct serve, closing)), lt_flow_of_link(link));
}

static void close_flow(struct serve *s, leat_flow *flow)
{
	flow->link.ops = &s->closing;
	if (!lt_io_watch(leat_flow_close_at(flow, s->where), &flow->link))
		gone(s, flow);
}

/* The hook may cancel us. */
static void fail_flow(struct serve *s, leat_flow *flow, leat_result *result)
{
	if (s->options.failed)
		s->options.failed(s->ctx, flow, leat_result_error(result));
	else
		leat_io_detach(leat_result_pass(result));
	leat_flow_abort(flow);
	gone(s, flow);
}

static void on_handled(lt_watch *link, leat_loop *loop, leat_result *result)
{
	struct serve *s = serve_of(link, offsetof(struct serve, handling));
	leat_flow *flow = lt_flow_of_link(link);

	lt_delivered(lt_result_outcome(result)); /* and nobody takes it */
	if (leat_result_ok(result))
		close_flow(s, flow);
	else
		fail_flow(s, flow, result);
}

static void fail_early(struct serve *s, leat_flow *flow, leat_error error)
{
	leat_result result;

	if (leat_io_try(leat_io_fail_at(s->loop, error, s->where), &result))
		fail_flow(s, flow, &result);
}

/* The handler may cancel us. */
static void begin(struct serve *s, leat_flow *flow)
{
	leat_error error = { .domain = NULL };
	leat_io *io;

	s->live++;
	flow->link.ops = &s->handling;
	if (flow->bits & LT_F_STILLBORN)
		error = lt_flow_refusal(flow);
	else if (s->options.limits.size)
		error = leat_flow_set_limits(flow, &s->options.limits);
	if (leat_error_set(error)) {
		fail_early(s, flow, error);
		return;
	}
	io = s->handler(s->ctx, flow);
	if (s->over) {
		leat_io_cancel(io);
		leat_flow_abort(flow);
		gone(s, flow);
	} else if (!io) {
		close_flow(s, flow);
	} else if (!lt_io_watch(io, &flow->link)) {
		fail_early(s, flow, leat_error_core(LEAT_NOMEM));
	}
}

static void on_accepted(lt_watch *accepting, leat_loop *loop, leat_result *result)
{
	struct serve *s = (struct serve *)(void *)((char *)accepting - offsetof(struct serve, accepting));

	s->asked = false;
	lt_delivered(lt_result_outcome(result));
	if (leat_result_ok(result))
		begin(s, leat_result_flow(result));
	else
		refused(s, leat_result_error(result));
	go_on(s);
}

static const lt_watch_ops accepting_ops = { .settled = on_accepted, .name = "accepting" };

/* ---- cancelling ---- */

/* Asked of each watched io, which is cancelled where this says so: its link is
 * free then to hold the list. */
static bool is_ours(lt_watch *watch, void *arg)
{
	struct serve *s = arg;

	if (watch == &s->accepting)
		return true;
	if (watch->ops != &s->handling && watch->ops != &s->closing)
		return false;
	watch->ops = (const lt_watch_ops *)(uintptr_t)s->orphans;
	s->orphans = watch;
	return true;
}

static void serve_cancel(void *state)
{
	struct serve *s = *(struct serve **)state;

	s->over = true;
	leat_listener_close(s->listener);
	lt_io_cancel_watched(s->loop, is_ours, s);
	for (lt_watch *link = s->orphans; link; link = (lt_watch *)(uintptr_t)link->ops)
		leat_flow_abort(lt_flow_of_link(link));
	lt_loop_at_end(s->loop, &s->rest);
}

static int serve_describe(const void *state, char *out, size_t room)
{
	const struct serve *s = *(struct serve *const *)state;

	return snprintf(out, room, "%zu connections%s", s->live, s->stopped ? ", accepts no more" : "");
}

static const leat_leaf serve_leaf = {
	.size = sizeof(leat_leaf),
	.name = "serve",
	.state_bytes = sizeof(struct serve *),
	.cancel = serve_cancel,
	.describe = serve_describe,
};

/* ---- making ---- */

/* Gives the io, and the record through *s; NULL there where it was refused. */
static leat_io *make(leat_loop *loop, struct serve **s, const char *where)
{
	leat_maker maker;
	void *state;
	leat_io *io = leat_io_new_at(loop, &maker, &serve_leaf, &state, where);

	*s = state ? lt_mem_zalloc(lt_loop_mem(loop), sizeof **s) : NULL;
	if (*s) {
		*(struct serve **)state = *s;
		(*s)->maker = maker;
	} else if (state) {
		leat_reject(maker, leat_error_core(LEAT_NOMEM));
	}
	return io;
}

leat_io *leat_serve_at(leat_listener *listener, const leat_serve_options *options, leat_handler handler, void *ctx,
                       const char *where)
{
	leat_loop *loop = leat_listener_loop(listener);
	struct serve *s;
	leat_io *io = make(loop, &s, where);

	if (!s) {
		leat_listener_close(listener);
		leat_listener_unref(listener);
		return io;
	}
	s->handling.settled = on_handled;
	s->handling.name = "served";
	s->closing.name = "closing a served one";
	s->handling.follows = s->closing.follows = true;
	s->closing.settled = on_closed;
	s->accepting.ops = &accepting_ops;
	s->retry.fire = on_retry;
	s->rest.run = on_rest;
	s->loop = loop;
	s->where = where;
	s->listener = listener;
	s->handler = handler;
	s->ctx = ctx;
	leat_options_take_at(&s->options, sizeof s->options, options, "leat_serve_options", where);
	go_on(s);
	return io;
}

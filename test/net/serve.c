/* SPDX-License-Identifier: ISC */
/* serve - connections come, are handled, and go, whatever they do */
#include <leat/fiber.h>
#include <leat/flow_ops.h>

#include "net/wire.h"
#include "support/dies.h"
#include "support/suite.h"
#include "support/tape.h"

struct service {
	struct wire w;
	leat_listener *listener;
	leat_serve_options options;
	leat_io *io;
	leat_addr addr;
	int begun, failures;
	leat_kind last; /* of the failures */
	leat_flow *flow; /* of the last that began */
	int clients[3], come; /* who came, and has to be closed at the end; how many have */
};

static void on_failed(void *ctx, leat_flow *flow, leat_error error)
{
	struct service *s = ctx;

	s->failures++;
	s->last = leat_error_kind(error);
}

static void service_listen(struct service *s)
{
	*s = (struct service){ .options = { .size = sizeof s->options, .failed = on_failed } };
	tape_clear();
	wire_open(&s->w);
	s->listener = leat_listen(s->w.loop, "tcp:127.0.0.1:0", NULL);
	s->addr = leat_listener_addr(s->listener);
}

static void service_serve(struct service *s, leat_handler handler)
{
	s->io = leat_serve(leat_listener_ref(s->listener), &s->options, handler, s);
}

static void service_open(struct service *s, leat_handler handler)
{
	service_listen(s);
	service_serve(s, handler);
}

static int come(struct service *s)
{
	return s->clients[s->come++] = raw_connect(s->addr);
}

/* The test closes this one. */
static int part_with(struct service *s, int client)
{
	for (int i = 0; i < s->come; i++)
		if (s->clients[i] == client)
			s->clients[i] = s->clients[--s->come];
	return client;
}

/* One goes before the end. */
static void go(struct service *s, int client)
{
	close(part_with(s, client));
}

static void echoes(struct service *s, int client, const char *words)
{
	raw_say(client, words);
	expect_str(raw_hear(&s->w, client), words);
}

static void service_close(struct service *s)
{
	while (s->come > 0)
		go(s, s->clients[0]);
	leat_io_cancel(s->io);
	wire_settle(&s->w);
	leat_listener_unref(s->listener);
	wire_close(&s->w);
}

static void expect_no_flows(struct service *s)
{
	leat_loop_stats stats = { .size = sizeof stats };

	leat_loop_stats_get(s->w.loop, &stats);
	expect_size(stats.flows_live, 0);
}

/* ---- handlers ---- */

static leat_io *echo_again(void *ctx, leat_result *result);

static leat_io *echo_step(leat_flow *flow)
{
	return leat_io_then(leat_flow_read(flow), echo_again, leat_ctx_borrow(flow));
}

static leat_io *echo_next(void *ctx, leat_result *result)
{
	return echo_step(ctx);
}

static leat_io *echo_again(void *ctx, leat_result *result)
{
	leat_buf *buf = leat_result_buf(result);

	return buf ? leat_io_then(leat_flow_send(ctx, buf), echo_next, leat_ctx_borrow(ctx)) : NULL;
}

static leat_io *echo(void *ctx, leat_flow *flow)
{
	struct service *s = ctx;

	s->begun++;
	s->flow = flow;
	return echo_step(flow);
}

static leat_io *wait_for_ever(void *ctx, leat_flow *flow)
{
	struct service *s = ctx;
	leat_maker maker;

	s->begun++;
	s->flow = flow;
	return leat_io_new(leat_flow_loop(flow), &maker, NULL, NULL);
}

static leat_io *be_done(void *ctx, leat_flow *flow)
{
	((struct service *)ctx)->begun++;
	return NULL;
}

static leat_io *fail_at_once(void *ctx, leat_flow *flow)
{
	((struct service *)ctx)->begun++;
	return leat_io_fail(leat_flow_loop(flow), leat_error_core(LEAT_PROTOCOL));
}

static leat_io *fail_here(void *ctx, leat_result *result)
{
	return leat_io_fail(leat_result_loop(result), leat_error_core(LEAT_PROTOCOL));
}

static leat_io *fail_later(void *ctx, leat_flow *flow)
{
	((struct service *)ctx)->begun++;
	return leat_io_then(leat_flow_read(flow), fail_here, leat_ctx_none());
}

/* ---- the good life ---- */

START_TEST(a_handler_has_a_connection_to_itself)
{
	struct service s;
	int a, b;

	service_open(&s, echo);
	a = come(&s);
	b = come(&s);
	echoes(&s, b, "b");
	echoes(&s, a, "a");
	expect_int(s.begun, 2);
	service_close(&s);
}
END_TEST

START_TEST(the_flow_is_closed_after_the_handler)
{
	struct service s;
	int client;

	service_open(&s, _i ? be_done : echo);
	client = come(&s);
	if (!_i)
		shutdown(client, SHUT_WR);
	expect_str(raw_hear(&s.w, client), "");
	go(&s, client);
	wire_settle(&s.w);
	expect_no_flows(&s);
	service_close(&s);
}
END_TEST

START_TEST(the_connection_lasts_until_the_close_has_ended)
{
	struct service s;
	int client;

	service_open(&s, be_done);
	client = come(&s);
	expect_str(raw_hear(&s.w, client), "");
	leat_listener_close(s.listener);
	wire_settle(&s.w);
	expect_false(leat_io_try(s.io, NULL));
	go(&s, client);
	expect_ok(await_error(s.io));
	s.io = NULL;
	service_close(&s);
}
END_TEST

START_TEST(what_the_handler_wrote_arrives_before_the_end)
{
	struct service s;
	int client;

	service_open(&s, echo);
	client = come(&s);
	raw_say(client, "last words");
	shutdown(client, SHUT_WR);
	expect_str(raw_hear(&s.w, client), "last words");
	expect_str(raw_hear(&s.w, client), "");
	service_close(&s);
}
END_TEST

/* ---- failures ---- */

START_TEST(a_handler_that_fails_is_told_and_its_flow_cut)
{
	struct service s;
	int client;

	service_open(&s, _i ? fail_later : fail_at_once);
	for (int i = 1; i <= 3; i++) {
		client = come(&s);
		raw_say(client, "x");
		expect_null(raw_hear(&s.w, client));
		expect_int(s.failures, i);
		expect_int(s.last, LEAT_PROTOCOL);
		go(&s, client);
	}
	expect_no_flows(&s);
	service_close(&s);
}
END_TEST

START_TEST(without_a_hook_the_failure_is_unhandled)
{
	struct service s;
	int client;

	service_listen(&s);
	s.options.failed = NULL;
	service_serve(&s, fail_at_once);
	client = come(&s);
	expect_null(raw_hear(&s.w, client));
	wire_settle(&s.w);
	expect_int(s.w.unhandled, 1);
	expect_kind(s.w.last.error, LEAT_PROTOCOL);
	s.w.unhandled = 0;
	service_close(&s);
}
END_TEST

/* Cut by the client: before it said anything, with something unread, in the
 * middle of an answer, after its own end. */
static void cut_at(struct service *s, int moment)
{
	int client = raw_connect(s->addr);

	if (moment == 0) {
		raw_cut(client);
		return;
	}
	wire_settle(&s->w);
	if (moment >= 2)
		raw_say(client, "x");
	if (moment >= 3)
		expect_str(raw_hear(&s->w, client), "x");
	if (moment >= 4)
		shutdown(client, SHUT_WR);
	if (moment >= 5)
		wire_settle(&s->w);
	raw_cut(client);
}

START_TEST(a_connection_may_be_cut_at_any_moment)
{
	struct service s;
	int client;

	service_open(&s, echo);
	cut_at(&s, _i);
	wire_until(&s.w, s.begun == 1);
	wire_settle(&s.w);
	expect_no_flows(&s);
	client = come(&s);
	echoes(&s, client, "still there?");
	service_close(&s);
}
END_TEST

/* A listener of the user's that answers with one flow and then an error. */
struct brittle {
	int answers;
};

static void brittle_accept(leat_listener *self, void *state)
{
	struct brittle *b = state;
	leat_flow *ends[2];

	if (b->answers++ > 0) {
		leat_listener_give_error(self, leat_error_core(LEAT_DENIED));
		return;
	}
	leat_flow_pair(leat_listener_loop(self), ends);
	leat_listener_give(self, ends[0]);
	leat_flow_unref(ends[1]);
}

static void brittle_close(leat_listener *self, void *state)
{
	tape_add("close");
}

static const leat_listener_ops brittle_ops = {
	.size = sizeof(leat_listener_ops), .name = "brittle", .state_bytes = sizeof(struct brittle),
	.accept = brittle_accept, .close = brittle_close
};

START_TEST(an_accept_that_fails_ends_it_after_the_last_connection)
{
	struct service s;
	void *state;

	service_listen(&s);
	s.io = leat_serve(leat_listener_new(s.w.loop, &brittle_ops, &state), &s.options, wait_for_ever, &s);
	wire_settle(&s.w);
	tape_expect("close");
	expect_false(leat_io_try(s.io, NULL));
	leat_io_cancel(s.io);
	s.io = leat_serve(leat_listener_new(s.w.loop, &brittle_ops, &state), &s.options, echo, &s);
	expect_kind(await_error(s.io), LEAT_DENIED);
	expect_int(s.begun, 2);
	s.io = NULL;
	service_close(&s);
}
END_TEST

START_TEST(a_stillborn_listener_fails_it_with_the_reason)
{
	struct wire w;

	wire_open(&w);
	expect_kind(await_error(leat_serve(leat_listen(w.loop, "tcp:nonsense", NULL), NULL, be_done, NULL)), LEAT_INVALID);
	wire_turn(&w);
	wire_close(&w);
}
END_TEST

/* ---- limits ---- */

START_TEST(no_more_connections_than_allowed)
{
	struct service s;
	int a, c;

	service_listen(&s);
	s.options.max_connections = 2;
	service_serve(&s, echo);
	a = come(&s);
	come(&s);
	c = come(&s);
	raw_say(c, "c");
	wire_until(&s.w, s.begun == 2);
	wire_settle(&s.w);
	expect_int(s.begun, 2);
	expect_int(event_base_get_num_events(s.w.base, EVENT_BASE_COUNT_ADDED), 2);
	go(&s, a);
	expect_str(raw_hear(&s.w, c), "c");
	expect_int(s.begun, 3);
	service_close(&s);
}
END_TEST

START_TEST(each_flow_gets_the_limits)
{
	struct service s;
	int client;

	service_listen(&s);
	s.options.limits = (leat_flow_limits){ .size = sizeof s.options.limits, .idle_ms = 5 };
	service_serve(&s, echo);
	client = come(&s);
	expect_null(raw_hear(&s.w, client));
	expect_int(s.last, LEAT_TIMEOUT);
	service_close(&s);
}
END_TEST

/* ---- ends ---- */

START_TEST(it_resolves_when_the_listener_was_closed_and_all_have_gone)
{
	struct service s;
	int client;

	service_open(&s, echo);
	client = come(&s);
	echoes(&s, client, "x");
	leat_listener_close(s.listener);
	wire_settle(&s.w);
	expect_false(leat_io_try(s.io, NULL));
	echoes(&s, client, "y");
	go(&s, client);
	expect_ok(await_error(s.io));
	s.io = NULL;
	service_close(&s);
}
END_TEST

START_TEST(grace_ends_with_the_time)
{
	struct service s;
	int client;

	service_open(&s, echo);
	client = come(&s);
	wire_until(&s.w, s.begun == 1);
	leat_listener_close(s.listener);
	expect_kind(await_error(leat_io_timeout(s.io, 5)), LEAT_TIMEOUT);
	expect_null(raw_hear(&s.w, client));
	go(&s, client);
	s.io = NULL;
	service_close(&s);
}
END_TEST

static void say_destroyed(void *data)
{
	leat_flow_info info = { .size = sizeof info };

	leat_flow_info_get(data, &info); /* the flow is lent until now */
	tape_add("destroyed");
}

static leat_io *echo_and_tell(void *ctx, leat_flow *flow)
{
	return leat_io_then(echo(ctx, flow), echo_next, leat_ctx_own(flow, say_destroyed));
}

START_TEST(cancelling_cuts_all_of_it)
{
	struct service s;
	int a, b, late;

	service_open(&s, echo_and_tell);
	a = come(&s);
	b = come(&s);
	wire_until(&s.w, s.begun == 2);
	late = come(&s);
	leat_io_cancel(s.io);
	s.io = NULL;
	tape_expect("destroyed destroyed");
	expect_kind(leat_listener_error(s.listener), LEAT_CLOSED);
	expect_no_flows(&s);
	expect_null(raw_hear(&s.w, a));
	expect_null(raw_hear(&s.w, b));
	expect_null(raw_hear(&s.w, late));
	service_close(&s);
}
END_TEST

static leat_io *cancel_it(void *ctx, leat_flow *flow)
{
	struct service *s = ctx;

	s->begun++;
	leat_io_cancel(s->io);
	s->io = NULL;
	leat_io_detach(leat_io_catch(leat_flow_write(flow, "x", 1), leat_match_kind(LEAT_CLOSED), fail_here, leat_ctx_none()));
	return s->failures ? NULL : echo_and_tell(ctx, flow);
}

static void cancel_in_hook(void *ctx, leat_flow *flow, leat_error error)
{
	struct service *s = ctx;

	leat_io_cancel(s->io);
	s->io = NULL;
	leat_flow_abort(flow);
}

static leat_io *cancel_from_chain(void *ctx, leat_result *result)
{
	struct service *s = ctx;

	leat_io_cancel(s->io);
	s->io = NULL;
	leat_flow_abort(s->flow); /* it is lent until we are done */
	return wait_for_ever(s, s->flow);
}

static leat_io *cancel_later(void *ctx, leat_flow *flow)
{
	struct service *s = ctx;

	s->begun++;
	s->flow = flow;
	return leat_io_then(leat_flow_read(flow), cancel_from_chain, leat_ctx_borrow(s));
}

static void expect_cancelled(struct service *s, int client, int other)
{
	expect_null(raw_hear(&s->w, client));
	expect_null(raw_hear(&s->w, other));
	wire_settle(&s->w);
	expect_no_flows(s);
}

START_TEST(it_may_be_cancelled_by_a_handler)
{
	struct service s;
	int client, other;

	service_open(&s, _i ? cancel_later : cancel_it);
	other = come(&s);
	client = come(&s);
	raw_say(client, "x");
	expect_cancelled(&s, client, other);
	expect_null(s.io);
	s.w.unhandled = 0; /* what the handler left to nobody */
	service_close(&s);
}
END_TEST

START_TEST(it_may_be_cancelled_by_the_hook)
{
	struct service s;
	int client, other;

	service_listen(&s);
	s.options.failed = cancel_in_hook;
	service_serve(&s, fail_later);
	other = come(&s);
	client = come(&s);
	wire_until(&s.w, s.begun == 2);
	raw_say(client, "x");
	expect_cancelled(&s, client, other);
	expect_null(s.io);
	service_close(&s);
}
END_TEST

START_TEST(a_handler_may_close_the_listener)
{
	struct service s;

	service_open(&s, echo);
	come(&s);
	wire_until(&s.w, s.begun == 1);
	leat_flow_abort(s.flow);
	leat_listener_close(s.listener);
	expect_ok(await_error(s.io));
	s.io = NULL;
	expect_int(s.failures, 1);
	service_close(&s);
}
END_TEST

/* ---- a fiber for each connection ---- */

static leat_io *echo_down(void *flow, leat_loop *loop)
{
	leat_flow_info info = { .size = sizeof info };
	leat_buf *buf;

	while ((buf = leat_await_buf(leat_flow_read(flow), NULL)))
		if (!leat_await(leat_flow_send(flow, buf), NULL))
			break;
	leat_flow_info_get(flow, &info); /* the flow is lent until it returns */
	tape_add("over");
	return NULL;
}

static leat_io *done_with_it(void *ctx, leat_result *result)
{
	return NULL;
}

static leat_io *echo_in_a_fiber(void *ctx, leat_flow *flow)
{
	struct service *s = ctx;

	s->begun++;
	return leat_fiber(s->w.loop, echo_down, leat_ctx_borrow(flow));
}

START_TEST(a_fiber_may_handle_it)
{
	struct service s;
	int client;

	service_open(&s, echo_in_a_fiber);
	client = raw_connect(s.addr);
	raw_say(client, "x");
	expect_str(raw_hear(&s.w, client), "x");
	raw_say(client, "y");
	expect_str(raw_hear(&s.w, client), "y");
	close(client);
	wire_settle(&s.w);
	tape_expect("over");
	expect_no_flows(&s);
	service_close(&s);
}
END_TEST

/* More than a turn may do stands before them in the queue. */
START_TEST(its_flow_is_there_until_a_cancelled_fiber_has_unwound)
{
	struct service s;
	int a, b;

	service_open(&s, echo_in_a_fiber);
	a = raw_connect(s.addr);
	b = raw_connect(s.addr);
	wire_until(&s.w, s.begun == 2);
	wire_settle(&s.w);
	for (int i = 0; i < 3000; i++)
		leat_io_detach(leat_io_then(leat_io_done(s.w.loop), done_with_it, leat_ctx_none()));
	leat_io_cancel(s.io);
	s.io = NULL;
	tape_expect("");
	wire_settle(&s.w);
	tape_expect("over over");
	expect_no_flows(&s);
	close(a);
	close(b);
	service_close(&s);
}
END_TEST

START_TEST(freeing_the_loop_ends_it)
{
	struct service s;
	int a, b;

	service_open(&s, _i ? echo : wait_for_ever);
	a = come(&s);
	b = come(&s);
	wire_until(&s.w, s.begun == 2);
	leat_io_detach(s.io);
	leat_listener_unref(s.listener);
	go(&s, a);
	go(&s, b);
	s.w.unhandled = 0;
	wire_end(&s.w);
}
END_TEST

/* ---- a layer that takes the flow ---- */

static leat_io *take_and_echo(void *ctx, leat_flow *flow)
{
	leat_flow *taken = leat_flow_take(leat_flow_ref(flow));
	leat_io *io = echo(ctx, taken);

	return leat_io_then(io, echo_next, leat_ctx_flow(taken));
}

START_TEST(a_handler_may_give_its_flow_to_a_layer)
{
	struct service s;
	int client;

	service_open(&s, take_and_echo);
	client = come(&s);
	echoes(&s, client, "x");
	if (_i)
		leat_io_cancel(s.io);
	else
		raw_cut(part_with(&s, client));
	wire_settle(&s.w);
	expect_no_flows(&s);
	if (_i)
		s.io = NULL;
	service_close(&s);
}
END_TEST

/* ---- without memory ---- */

static void one_visit(struct wire *w, leat_addr addr)
{
	int client = raw_connect(addr);

	raw_say(client, "x");
	raw_hear(w, client);
	close(client);
}

START_TEST(any_allocation_may_fail)
{
	leat_listen_options impatient = { .size = sizeof impatient, .retry_ms = 1 };
	struct oom oom;

	OOM_EACH(&oom) {
		struct service s = { .options = { .size = sizeof s.options, .failed = on_failed } };

		if (wire_try(&s.w, &oom)) {
			s.listener = leat_listen(s.w.loop, "tcp:127.0.0.1:0", &impatient);
			s.addr = leat_listener_addr(s.listener);
			service_serve(&s, echo);
			if (!leat_error_set(leat_listener_error(s.listener)))
				one_visit(&s.w, s.addr);
			leat_io_cancel(s.io);
			leat_listener_unref(s.listener);
			wire_end(&s.w);
		}
	}
}
END_TEST

static leat_io *gives_it_away(void *ctx, leat_flow *flow)
{
	leat_flow_unref(flow); /* which nobody has given to us */
	return NULL;
}

static void serve_one(leat_handler handler)
{
	struct service s;

	service_open(&s, handler);
	come(&s);
	wire_settle(&s.w);
}

static void give_away_a_lent_flow(void)
{
	serve_one(gives_it_away);
}

START_TEST(a_handler_that_gives_its_flow_away_is_told)
{
	expect_dies(give_away_a_lent_flow, "leat:", "serve.c:", "leat_flow_ref");
}
END_TEST

static leat_io *takes_it(void *ctx, leat_flow *flow)
{
	leat_flow *taken = leat_flow_take(flow);

	leat_flow_abort(taken);
	leat_flow_unref(taken);
	return NULL;
}

static void take_a_lent_flow(void)
{
	serve_one(takes_it);
}

START_TEST(a_handler_that_has_a_layer_take_its_flow_is_told)
{
	expect_dies(take_a_lent_flow, "leat:", "serve.c:", "leat_flow_ref");
}
END_TEST

SUITE("serve",
	a_handler_has_a_connection_to_itself,
	EACH(the_flow_is_closed_after_the_handler, 2),
	the_connection_lasts_until_the_close_has_ended,
	what_the_handler_wrote_arrives_before_the_end,
	EACH(a_handler_that_fails_is_told_and_its_flow_cut, 2),
	without_a_hook_the_failure_is_unhandled,
	EACH(a_connection_may_be_cut_at_any_moment, 6),
	an_accept_that_fails_ends_it_after_the_last_connection,
	a_stillborn_listener_fails_it_with_the_reason,
	no_more_connections_than_allowed,
	each_flow_gets_the_limits,
	it_resolves_when_the_listener_was_closed_and_all_have_gone,
	grace_ends_with_the_time,
	cancelling_cuts_all_of_it,
	EACH(it_may_be_cancelled_by_a_handler, 2),
	it_may_be_cancelled_by_the_hook,
	a_handler_may_close_the_listener,
	a_fiber_may_handle_it,
	its_flow_is_there_until_a_cancelled_fiber_has_unwound,
	EACH(freeing_the_loop_ends_it, 2),
	EACH(a_handler_may_give_its_flow_to_a_layer, 2),
	a_handler_that_gives_its_flow_away_is_told,
	a_handler_that_has_a_layer_take_its_flow_is_told,
	EACH(any_allocation_may_fail, 1))

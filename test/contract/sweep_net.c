/* SPDX-License-Identifier: ISC */
/* sweep_net - connecting, accepting, serving and children, cancelled at every turn of the
 * run
 *
 * Wherever it was cut, no connection is lost and none is left, the listener, where it is
 * still open, listens; and no child is left.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <leat/child.h>
#include <leat/copy.h>
#include <leat/net.h>

#include "contract/turns.h"
#include "support/suite.h"

/* This one is about no kind. */
const struct kind kinds[1];
const size_t n_kinds;

static bool over_unix; /* else tcp */

static leat_listener *listener;
static leat_addr addr;

static void listen_anew(void)
{
	static unsigned number;
	char name[64];

	snprintf(name, sizeof name, "unix:@leat-sweep-%ld-%u", (long)getpid(), number++);
	listener = leat_listen(stage.loop, over_unix ? name : "tcp:127.0.0.1:0", NULL);
	expect_ok(leat_listener_error(listener));
	addr = leat_listener_addr(listener);
}

static void end_listener(void)
{
	leat_listener_unref(listener);
	listener = NULL;
}

static leat_flow *flow_of(leat_io *io)
{
	leat_error error;
	leat_flow *flow = leat_await_flow(io, &error);

	expect_ok(error);
	return flow;
}

/* A connection to the listener, made from one end to the other. */
static void exchange(leat_flow *one, leat_flow *other)
{
	say(one, "question");
	expect_hears(other, "question");
	say(other, "answer");
	expect_hears(one, "answer");
}

/* ---- connect ---- */

static leat_flow *connected;

static leat_io *on_connected(void *ctx, leat_result *result)
{
	(void)ctx;
	connected = leat_result_flow(result);
	thing_moment();
	return NULL;
}

static leat_io *start_connect(void)
{
	leat_connect_options patient = { .size = sizeof patient, .timeout_ms = 10000 };
	char text[128];

	connected = NULL;
	listen_anew();
	leat_addr_print(&addr, text, sizeof text);
	return leat_io_then(leat_connect(stage.loop, text, &patient), on_connected, thing_owned(""));
}

static leat_io *start_connect_addr(void)
{
	connected = NULL;
	listen_anew();
	return leat_io_then(leat_connect_addr(stage.loop, &addr, NULL), on_connected, thing_owned(""));
}

/* A connection that was cut is closed; the kernel may have shown it to the listener. */
static void others_connect(void)
{
	leat_flow *mine = flow_of(leat_connect_addr(stage.loop, &addr, NULL)), *other = NULL;

	say(mine, "x");
	while (!other) {
		struct got got;

		other = flow_of(leat_accept(listener));
		if (connected) {
			exchange(connected, other);
			drop(&connected);
			drop(&other);
			continue;
		}
		got = get(leat_flow_read(other));
		if (!got.buf)
			drop(&other);
		leat_buf_unref(got.buf);
	}
	exchange(mine, other);
	drop(&mine);
	drop(&other);
	end_listener();
}

/* ---- accept ---- */

enum { CLIENTS = 3 };
static leat_io *clients[CLIENTS];
static leat_flow *served[CLIENTS];
static unsigned n_served;

static leat_io *on_accepted(void *ctx, leat_result *result)
{
	(void)ctx;
	served[n_served++] = leat_result_flow(result);
	thing_moment();
	return leat_io_int(stage.loop, n_served < CLIENTS);
}

static leat_io *accept_on(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	thing_moment();
	if (turns_cut)
		return NULL;
	return leat_io_then(leat_accept(listener), on_accepted, thing_owned(""));
}

static leat_io *start_accept(void)
{
	n_served = 0;
	listen_anew();
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = leat_connect_addr(stage.loop, &addr, NULL);
	return leat_io_repeat(stage.loop, accept_on, thing_owned(""));
}

/* Who was not accepted before is accepted now. */
static void everybody_is_served(void)
{
	leat_flow *mine[CLIENTS];
	unsigned heard = 0;

	for (int i = 0; i < CLIENTS; i++) {
		unsigned char bit = (unsigned char)(1u << i);

		mine[i] = flow_of(clients[i]);
		expect_done(leat_flow_write(mine[i], &bit, 1));
	}
	while (n_served < CLIENTS)
		served[n_served++] = flow_of(leat_accept(listener));
	for (int i = 0; i < CLIENTS; i++) {
		struct got got = get(leat_flow_read(served[i]));

		expect_some(got.buf);
		heard |= *(const unsigned char *)leat_buf_data(got.buf);
		leat_buf_unref(got.buf);
		drop(&served[i]);
	}
	expect_int(heard, (1 << CLIENTS) - 1);
	for (int i = 0; i < CLIENTS; i++)
		drop(&mine[i]);
	end_listener();
}

/* ---- serve ---- */

static leat_io *echoed(void *ctx, leat_result *result)
{
	(void)ctx;
	thing_moment();
	return leat_result_pass(result);
}

static leat_io *echo(void *ctx, leat_flow *flow)
{
	(void)ctx;
	thing_moment();
	return leat_io_then(leat_copy(flow, flow), echoed, thing_owned(""));
}

static leat_io *on_heard(void *flow, leat_result *result)
{
	(void)result;
	return leat_flow_close(flow);
}

static leat_io *on_said(void *flow, leat_result *result)
{
	static char memory[3];

	(void)result;
	return leat_io_then(leat_flow_read_into(flow, memory, 3, 3), on_heard, leat_ctx_borrow(flow));
}

static leat_io *talk(void *ctx, leat_result *result)
{
	leat_flow *flow = leat_result_flow(result);
	leat_io *io = leat_io_then(leat_flow_write(flow, "hay", 3), on_said, leat_ctx_borrow(flow));

	(void)ctx;
	return leat_io_attach(io, leat_ctx_flow(flow));
}

/* What the handlers borrow is there until the last of them has gone. */
static void go_with(void *lent)
{
	expect_str(lent, "lent");
}

static leat_io *borrow(void *lent, leat_flow *flow)
{
	return leat_io_attach(leat_copy(flow, flow), leat_ctx_own(lent, go_with));
}

static leat_io *start_serve_lent(void)
{
	void *lent = thing("lent");

	listen_anew();
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = leat_io_then(leat_connect_addr(stage.loop, &addr, NULL), talk, leat_ctx_none());
	return leat_io_attach(leat_serve(leat_listener_ref(listener), NULL, borrow, lent), leat_ctx_own(lent, thing_destroy));
}

static leat_io *start_serve(void)
{
	listen_anew();
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = leat_io_then(leat_connect_addr(stage.loop, &addr, NULL), talk, leat_ctx_none());
	return leat_io_then(leat_serve(leat_listener_ref(listener), NULL, echo, NULL), echoed, thing_owned(""));
}

static bool play_closing(size_t n)
{
	if (n == 3)
		leat_listener_close(listener);
	return n < 4;
}

/* Each client comes to an end; nobody is served any more. */
static void nobody_is_served(void)
{
	for (int i = 0; i < CLIENTS; i++)
		whatever(clients[i]);
	settle();
	expect_size(stage_stats(&stage).flows_live, 0);
	expect_fails(leat_accept(listener), LEAT_CLOSED);
	end_listener();
}

/* ---- children ---- */

static const char *const cat[] = { "cat", NULL };
static leat_child *child;

static bool have_children(void)
{
	siginfo_t info_of_one;

	return waitid(P_ALL, 0, &info_of_one, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void no_child_is_left(void)
{
	until(!have_children());
	expect_int(errno, ECHILD);
}

static leat_io *start_run(void)
{
	leat_run_options options = { .size = sizeof options, .input = "hay", .input_bytes = 3 };

	return leat_io_then(leat_run(stage.loop, cat, &options), echoed, thing_owned(""));
}

static leat_io *start_wait(void)
{
	leat_child_options options = { .size = sizeof options, .in = { .source = LEAT_CHILD_PIPE },
		.drop_signal = SIGKILL };

	child = leat_child_new(stage.loop, cat, &options);
	expect_ok(leat_child_error(child));
	return leat_io_then(leat_child_wait(child), echoed, thing_owned(""));
}

static bool play_eof(size_t n)
{
	if (n == 2)
		leat_flow_abort(leat_child_in(child));
	return n < 3;
}

static void it_has_ended(void)
{
	expect_done(leat_child_wait(child));
	leat_child_unref(child);
	no_child_is_left();
}

/* ---- the rows ---- */

static const struct program programs[] = {
	{ "leat_connect", start_connect, NULL, others_connect, ANY },
	{ "leat_connect_addr", start_connect_addr, NULL, others_connect, ANY },
	{ "leat_accept", start_accept, NULL, everybody_is_served, ANY },
	{ "leat_serve", start_serve, play_closing, nobody_is_served, ANY },
	{ "leat_serve: its handlers borrow", start_serve_lent, play_closing, nobody_is_served, ANY },
	{ "leat_child_wait", start_wait, play_eof, it_has_ended, ANY },
	{ "leat_run", start_run, NULL, no_child_is_left, ANY },
};
enum { PROGRAMS = sizeof programs / sizeof *programs };

START_TEST(cancelled_at_any_turn_no_connection_is_lost)
{
	over_unix = _i / PROGRAMS;
	turns_sweep(&programs[_i % PROGRAMS]);
}
END_TEST

SUITE("sweep_net", EACH(cancelled_at_any_turn_no_connection_is_lost, 2 * PROGRAMS))

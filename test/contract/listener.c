/* SPDX-License-Identifier: ISC */
/* listener - what every listener must do, over every transport
 *
 * A transport is a row: how an address to listen on is written. A test is played
 * over every row.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <leat/net.h>

#include "contract/talk.h"
#include "support/suite.h"

static char folder[] = "/tmp/leat-listener-XXXXXX";

static void where_unix(char *out, size_t room)
{
	snprintf(out, room, "unix:%s/socket", folder);
}

static void where_abstract(char *out, size_t room)
{
	snprintf(out, room, "unix:@leat-listener-%ld", (long)getpid());
}

static void where_tcp4(char *out, size_t room)
{
	snprintf(out, room, "tcp:127.0.0.1:0");
}

static void where_tcp6(char *out, size_t room)
{
	snprintf(out, room, "tcp:[::1]:0");
}

static const struct transport {
	const char *name;
	void (*where)(char *out, size_t room);
} transports[] = {
	{ "tcp4", where_tcp4 },
	{ "tcp6", where_tcp6 },
	{ "unix", where_unix },
	{ "abstract", where_abstract },
};
enum { TRANSPORTS = sizeof transports / sizeof *transports };

static leat_listener *listener;

static void drop_listener(void)
{
	leat_listener *it = listener;

	listener = NULL;
	leat_listener_unref(it);
}

/* False: this machine has no such transport. */
static bool begin_with(const struct transport *transport, const leat_listen_options *options)
{
	char where[64];

	stage_open(&stage, 0);
	transport->where(where, sizeof where);
	listener = leat_listen(stage.loop, where, options);
	if (!leat_error_set(leat_listener_error(listener)))
		return true;
	expect_str(transport->name, "tcp6");
	printf("exempt: tcp6: this machine has none\n");
	drop_listener();
	stage_close(&stage);
	return false;
}

static void end(void)
{
	drop_listener();
	stage_close(&stage);
}

#define LISTENER_TEST(name)                                                \
	static void play_##name(void);                                     \
	START_TEST(name)                                                   \
	{                                                                  \
		if (!begin_with(&transports[_i], NULL))                    \
			return;                                            \
		play_##name();                                             \
		end();                                                     \
	}                                                                  \
	END_TEST                                                           \
	static void play_##name(void)

static leat_io *dial(void)
{
	leat_addr addr = leat_listener_addr(listener);

	return leat_connect_addr(stage.loop, &addr, NULL);
}

static leat_flow *flow_of(leat_io *io)
{
	leat_result result;
	leat_flow *flow;

	if (!leat_await(io, &result))
		ck_abort_msg("no flow: %s", leat_kind_name(leat_error_kind(leat_result_error(&result))));
	flow = leat_result_flow(&result);
	leat_result_clear(&result);
	expect_some(flow);
	return flow;
}

/* A byte through both, and away. */
static void talk(leat_flow *one, leat_flow *other)
{
	say(one, "hello");
	expect_hears(other, "hello");
	drop(&one);
	drop(&other);
}

LISTENER_TEST(an_accept_gives_the_flow_of_who_connected)
{
	leat_io *accepting = leat_accept(listener), *dialling;

	settle();
	expect_pending(accepting);
	dialling = dial();
	talk(flow_of(dialling), flow_of(accepting));
}

LISTENER_TEST(who_connects_before_the_accept_is_accepted)
{
	leat_io *first = dial(), *second = dial();
	leat_flow *clients[2] = { flow_of(first), flow_of(second) };

	talk(clients[0], flow_of(leat_accept(listener)));
	talk(clients[1], flow_of(leat_accept(listener)));
}

LISTENER_TEST(one_accept_at_a_time)
{
	leat_io *accepting = leat_accept(listener);
	leat_flow *client;

	expect_fails(leat_accept(listener), LEAT_BUSY);
	expect_pending(accepting);
	leat_io_cancel(accepting);
	accepting = leat_accept(listener);
	client = flow_of(dial());
	talk(client, flow_of(accepting));
}

LISTENER_TEST(an_accept_counts_until_it_was_delivered)
{
	leat_io *accepting = leat_accept(listener);
	leat_flow *client = flow_of(dial());

	settle();
	expect_fails(leat_accept(listener), LEAT_BUSY);
	talk(client, flow_of(accepting));
}

LISTENER_TEST(a_cancelled_accept_loses_no_connection)
{
	leat_io *accepting = leat_accept(listener);
	leat_flow *client;

	leat_io_cancel(accepting);
	accepting = leat_accept(listener);
	client = flow_of(dial());
	settle();
	leat_io_cancel(accepting);
	talk(client, flow_of(leat_accept(listener)));
}

LISTENER_TEST(no_connection_is_lost_through_timeouts)
{
	leat_flow *client;

	expect_fails(leat_io_timeout(leat_accept(listener), 0), LEAT_TIMEOUT);
	client = flow_of(dial());
	for (int i = 0; i < 3; i++) {
		leat_io *accepting = leat_io_timeout(leat_accept(listener), 10000);

		settle();
		leat_io_cancel(accepting);
	}
	talk(client, flow_of(leat_accept(listener)));
}

LISTENER_TEST(close_fails_a_pending_accept)
{
	leat_io *accepting = leat_accept(listener);

	settle();
	leat_listener_close(listener);
	expect_fails(accepting, LEAT_CLOSED);
	expect_fails(leat_accept(listener), LEAT_CLOSED);
	expect_kind(leat_listener_error(listener), LEAT_CLOSED);
	leat_listener_close(listener);
}

LISTENER_TEST(after_close_nobody_listens)
{
	leat_addr addr = leat_listener_addr(listener);
	leat_error error;

	leat_listener_close(listener);
	error = outcome(leat_connect_addr(stage.loop, &addr, NULL));
	expect_true(leat_error_is(error, LEAT_REFUSED) || leat_error_is(error, LEAT_NOT_FOUND));
}

LISTENER_TEST(who_was_not_accepted_is_cut)
{
	leat_flow *client = flow_of(dial());
	struct got got;

	settle();
	leat_listener_close(listener);
	got = get(leat_flow_read(client));
	expect_null(got.buf);
	drop(&client);
}

LISTENER_TEST(the_last_unref_closes)
{
	leat_io *accepting = leat_accept(listener);
	leat_listener *second = leat_listener_ref(listener);

	drop_listener();
	settle();
	expect_pending(accepting);
	leat_io_cancel(accepting);
	leat_listener_unref(second);
}

static leat_io *close_here(void *ctx, leat_result *result)
{
	leat_flow *flow = leat_result_flow(result);

	leat_listener_close(listener);
	drop_listener();
	leat_flow_unref(flow);
	return NULL;
}

LISTENER_TEST(it_may_be_freed_inside_its_accepts_callback)
{
	leat_io *accepting = leat_io_then(leat_accept(listener), close_here, leat_ctx_none());
	leat_flow *client = flow_of(dial());

	expect_done(accepting);
	expect_null(listener);
	drop(&client);
}

LISTENER_TEST(dropping_a_connect_frees_what_it_made)
{
	leat_io_cancel(dial());
	for (int i = 0; i < 10; i++) {
		leat_io *dialling = dial();

		for (int pass = 0; pass < i; pass++)
			stage_pass(&stage);
		leat_io_cancel(dialling);
	}
	settle();
	expect_size(stage_stats(&stage).flows_live, 0);
}

LISTENER_TEST(the_loop_freed_ends_a_pending_accept)
{
	leat_io_detach(leat_accept(listener));
	settle();
	leat_loop_free(stage.loop);
	stage.loop = NULL;
	settle();
	drop_listener();
	stage.unhandled = stage.reports = 0;
}

/* ---- no descriptors ---- */

static struct rlimit before;

/* From now on, none can be opened but `spare` many. */
static void no_descriptors(int spare)
{
	int highest = dup(0);

	close(highest);
	expect_int(getrlimit(RLIMIT_NOFILE, &before), 0);
	expect_int(setrlimit(RLIMIT_NOFILE,
		&(struct rlimit){ .rlim_cur = (rlim_t)(highest + spare), .rlim_max = before.rlim_max }), 0);
}

static void descriptors_again(void)
{
	expect_int(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static int64_t worked_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* The accept waits; when there are descriptors again, it succeeds. */
static void wait_for_descriptors(void)
{
	leat_io *accepting = leat_accept(listener), *a_while;
	leat_flow *client;
	int64_t worked;

	no_descriptors(1);
	client = flow_of(dial());
	settle();
	expect_pending(accepting);
	worked = worked_ns();
	a_while = leat_sleep(stage.loop, 60);
	expect_true(leat_await(a_while, NULL));
	worked = worked_ns() - worked;
	ck_assert_msg(worked < 20000000, "worked %lld us of 60 ms", (long long)worked / 1000);
	expect_pending(accepting);
	descriptors_again();
	talk(client, flow_of(accepting));
	expect(stage.reports > 0); /* that it rests */
	expect(stage.reports < 10);
	stage.reports = 0;
}

/* Under valgrind accept(2) takes the connection and loses it before it says EMFILE. */
START_TEST(without_descriptors_it_stops_retries_and_does_not_spin)
{
	if (suite_on_valgrind())
		return;
	if (!begin_with(&transports[_i], &(leat_listen_options){ .size = sizeof(leat_listen_options), .retry_ms = 10 }))
		return;
	wait_for_descriptors();
	end();
}
END_TEST

LISTENER_TEST(connecting_without_descriptors_says_limit)
{
	no_descriptors(0);
	expect_fails(dial(), LEAT_LIMIT);
	descriptors_again();
}

/* ---- no memory ---- */

static void dial_and_talk(const struct transport *transport)
{
	leat_io *accepting, *dialling;
	leat_flow *flows[2] = { NULL, NULL };
	char where[64];
	leat_result result;

	transport->where(where, sizeof where);
	listener = leat_listen(stage.loop, where, NULL);
	accepting = leat_accept(listener);
	dialling = dial();
	if (leat_await(dialling, &result)) {
		flows[0] = leat_result_flow(&result);
		leat_result_clear(&result);
		if (leat_await(leat_io_timeout(accepting, 1000), &result))
			flows[1] = leat_result_flow(&result);
		leat_result_clear(&result);
	} else {
		leat_result_clear(&result);
		leat_io_cancel(accepting);
	}
	if (flows[0] && flows[1])
		whatever(leat_flow_write(flows[0], "hello", 5));
	drop(&flows[0]);
	drop(&flows[1]);
	drop_listener();
	stage.unhandled = 0;
}

START_TEST(each_allocation_may_fail)
{
	bool failed = true;

	for (size_t nth = 1; failed && nth < 1000; nth++) {
		if (!stage_try(&stage, 0, nth))
			continue;
		dial_and_talk(&transports[_i]);
		settle();
		failed = stage.oom.failed;
		stage_close(&stage);
	}
}
END_TEST

static int run(void)
{
	const TTest *tests[] = {
		EACH(an_accept_gives_the_flow_of_who_connected, TRANSPORTS),
		EACH(who_connects_before_the_accept_is_accepted, TRANSPORTS),
		EACH(one_accept_at_a_time, TRANSPORTS),
		EACH(an_accept_counts_until_it_was_delivered, TRANSPORTS),
		EACH(a_cancelled_accept_loses_no_connection, TRANSPORTS),
		EACH(no_connection_is_lost_through_timeouts, TRANSPORTS),
		EACH(close_fails_a_pending_accept, TRANSPORTS),
		EACH(after_close_nobody_listens, TRANSPORTS),
		EACH(who_was_not_accepted_is_cut, TRANSPORTS),
		EACH(the_last_unref_closes, TRANSPORTS),
		EACH(it_may_be_freed_inside_its_accepts_callback, TRANSPORTS),
		EACH(dropping_a_connect_frees_what_it_made, TRANSPORTS),
		EACH(the_loop_freed_ends_a_pending_accept, TRANSPORTS),
		EACH(without_descriptors_it_stops_retries_and_does_not_spin, TRANSPORTS),
		EACH(connecting_without_descriptors_says_limit, TRANSPORTS),
		EACH(each_allocation_may_fail, TRANSPORTS),
	};

	return suite_run("listener", tests, sizeof tests / sizeof *tests);
}

int main(void)
{
	int failed;

	signal(SIGPIPE, SIG_DFL);
	if (!mkdtemp(folder))
		return EXIT_FAILURE;
	failed = run();
	rmdir(folder);
	return failed;
}

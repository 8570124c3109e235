/* SPDX-License-Identifier: ISC */
/* sweep_door - flows that go to servers which take descriptors, cancelled at every turn of
 * the run
 *
 * Wherever it was cut, the flow is open and nothing that was said later is lost; what
 * the server has ends; no descriptor is left.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <leat/bridge.h>
#include <leat/door.h>
#include <leat/proxy.h>

#include "contract/turns.h"
#include "support/suite.h"

/* This one is about no kind. */
const struct kind kinds[1];
const size_t n_kinds;

static leat_door door;
static int served; /* what the server has of the flow; -1: nothing yet */

static leat_io *ended(void *ctx, leat_result *result)
{
	(void)ctx;
	thing_moment();
	return leat_result_pass(result);
}

static leat_io *start_fd(void)
{
	leat_flow *ends[2];

	leat_flow_pair(stage.loop, ends);
	a = ends[0];
	b = ends[1];
	say(a, "question");
	return leat_io_then(leat_bridge_fd(b, &served), ended, thing_owned(""));
}

static leat_io *start_enter(void)
{
	leat_flow *ends[2];

	leat_flow_pair(stage.loop, ends);
	a = ends[0];
	b = ends[1];
	served = -1;
	expect_ok(leat_door_open(&door));
	say(a, "question");
	return leat_io_then(leat_door_enter(&door, b, NULL), ended, thing_owned(""));
}

/* The server answers, and both end: the client first. */
static bool play_server(size_t n)
{
	if (served < 0)
		served = accept4(door.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (n == 1 && served >= 0)
		send(served, "answer", 6, MSG_NOSIGNAL);
	if (n == 2)
		leat_io_ignore(leat_flow_read(a));
	if (n == 3 && !turns_cut)
		leat_io_ignore(leat_flow_shutdown(a, LEAT_WRITE));
	if (n == 4 && served >= 0)
		shutdown(served, SHUT_WR);
	if (n == 5)
		leat_io_ignore(leat_flow_read(a));
	return n < 6;
}

/* What was said before went the one way or the other; nothing follows where the client
 * had ended. */
static void hears_what_is_left(void)
{
	struct got got;
	leat_io *end;

	end = leat_flow_shutdown(a, LEAT_WRITE);
	for (;;) {
		got = get(leat_flow_read(b));
		expect_ok(got.error);
		if (!got.buf)
			break;
		leat_buf_unref(got.buf);
	}
	expect_done(end);
}

static void close_all(void)
{
	char bytes[64];
	ssize_t n;

	settle();
	if (served >= 0) {
		while ((n = read(served, bytes, sizeof bytes)) > 0) {
		}
		expect(n == 0 || errno != EAGAIN);
		close(served);
	}
	served = -1;
}

static void the_flow_is_whole(void)
{
	if (turns_cut && !info(b).closed)
		hears_what_is_left();
	close_all();
}

static void the_flow_is_whole_and_the_door_shut(void)
{
	the_flow_is_whole();
	close(door.fd);
	leat_door_close(&door);
}

static const struct program programs[] = {
	{ "leat_bridge_fd", start_fd, play_server, the_flow_is_whole, ANY },
	{ "leat_door_enter", start_enter, play_server, the_flow_is_whole_and_the_door_shut, ANY },
};
enum { PROGRAMS = sizeof programs / sizeof *programs };

START_TEST(cancelled_at_any_turn_a_visit_leaves_the_flow)
{
	turns_sweep(&programs[_i]);
}
END_TEST

SUITE("sweep_door", EACH(cancelled_at_any_turn_a_visit_leaves_the_flow, PROGRAMS))

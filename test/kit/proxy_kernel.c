/* SPDX-License-Identifier: ISC */
/* proxy_kernel - what the kernel has taken the peer does not have yet
 *
 * `mine` is a descriptor that reads slowly, `theirs` a flow that says much and ends; the
 * proxy has handed all of it to the kernel long before.
 */
#include <errno.h>

#include <event2/event.h>

#include <leat/leat.h>

#include "support/sockets.h"
#include "support/suite.h"

enum { MUCH = 1 << 20, SOME = 1 << 17, TURNS = 100000 };

static leat_loop *loop;
static leat_flow *one, *other, *theirs;
static leat_io *proxy;
static leat_proxied so_far;
static int mine;
static int64_t now_ns;

static int64_t clock_ns(void *ctx)
{
	return now_ns;
}

static void begin(int64_t idle_ms)
{
	static const char much[MUCH];
	leat_loop_options options = { .size = sizeof options, .clock_ns = clock_ns };
	leat_proxy_options limits = { .size = sizeof limits, .idle_ms = idle_ms, .so_far = &so_far };
	leat_flow *ends[2];
	int fds[2];

	now_ns = 1000000000;
	loop = leat_loop_new(NULL, &options);
	sockets_tcp(fds);
	mine = fds[0];
	one = leat_flow_from_fd(loop, fds[1]);
	leat_flow_pair(loop, ends);
	other = ends[0];
	theirs = ends[1];
	expect_int(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &(int){ 2 * MUCH }, sizeof(int)), 0);
	expect_int(setsockopt(mine, SOL_SOCKET, SO_RCVBUF, &(int){ SOME }, sizeof(int)), 0);
	proxy = leat_proxy(one, other, &limits);
	leat_io_ignore(leat_flow_write(theirs, much, sizeof much));
	for (int i = 0; i < TURNS && so_far.back_bytes < MUCH; i++)
		event_base_loop(leat_loop_base(loop), EVLOOP_NONBLOCK);
	expect_size(so_far.back_bytes, MUCH);
}

static void end(void)
{
	close(mine);
	leat_flow_unref(one);
	leat_flow_unref(other);
	leat_flow_unref(theirs);
	leat_loop_free(loop);
}

static void pass(int64_t ms)
{
	for (int64_t i = 0; i < ms; i += 5) {
		now_ns += 5 * 1000000;
		event_base_loop(leat_loop_base(loop), EVLOOP_NONBLOCK);
		leat_loop_run_ready(loop);
	}
}

static bool is_over(void)
{
	leat_result result;

	if (!leat_io_try(proxy, &result))
		return false;
	proxy = leat_result_pass(&result);
	return true;
}

/* The kernel may go on with what it has for a while, whatever our clock says. */
static bool ends_within(int64_t ms)
{
	for (int64_t i = 0; i < ms && !is_over(); i += 1000)
		pass(1000);
	return is_over();
}

static leat_proxy_end how(void)
{
	leat_result result;
	leat_proxy_end how;

	expect_true(leat_io_try(proxy, &result));
	how = leat_result_proxied(&result).end;
	leat_result_clear(&result);
	return how;
}

/* Gives how many. */
static size_t hear(size_t most)
{
	static char memory[SOME];
	size_t got = 0;
	ssize_t n = 1;

	while (got < most && n > 0) {
		n = recv(mine, memory, most - got < SOME ? most - got : SOME, MSG_WAITALL);
		got += n > 0 ? (size_t)n : 0;
	}
	return got;
}

/* A reset that came sooner would take it back. */
START_TEST(a_break_is_told_when_the_peer_has_what_came_before_it)
{
	size_t heard = 0;

	begin(0);
	leat_flow_abort(theirs);
	pass(1000);
	expect_false(is_over());
	for (int i = 0; i < MUCH / SOME; i++) {
		heard += hear(SOME);
		pass(20);
	}
	expect_size(heard, MUCH);
	pass(100);
	expect_true(is_over());
	expect_int(how(), LEAT_PROXY_OTHER_BROKE);
	expect_int((int)recv(mine, &(char){ 0 }, 1, 0), -1);
	expect_int(errno, ECONNRESET);
	end();
}
END_TEST

START_TEST(a_break_is_told_in_the_end_to_who_does_not_read)
{
	begin(0);
	leat_flow_abort(theirs);
	pass(29000);
	expect_false(is_over());
	expect_true(ends_within(200000));
	expect_int(how(), LEAT_PROXY_OTHER_BROKE);
	end();
}
END_TEST

START_TEST(who_reads_slowly_is_not_idle)
{
	begin(1000);
	for (int i = 0; i < MUCH / SOME - 1; i++) {
		expect_size(hear(SOME), SOME);
		pass(900);
		ck_assert_msg(!is_over(), "cut after %d", i);
	}
	expect_true(ends_within(20000));
	expect_int(how(), LEAT_PROXY_IDLE);
	end();
}
END_TEST

/* It listens no more, and takes its time to answer. */
START_TEST(a_socket_that_only_listens_no_more_is_heard_to_its_end)
{
	leat_loop_options options = { .size = sizeof options, .clock_ns = clock_ns };
	leat_flow *ends[2];
	char answer[7] = "";
	int fds[2];

	now_ns = 1000000000;
	loop = leat_loop_new(NULL, &options);
	sockets_unix(fds);
	other = leat_flow_from_fd(loop, fds[0]);
	leat_flow_pair(loop, ends);
	one = ends[0];
	theirs = ends[1]; /* who asks; `mine` answers */
	mine = fds[1];
	proxy = leat_proxy(one, other, NULL);
	expect_int(shutdown(mine, SHUT_RD), 0);
	for (int i = 0; i < 2; i++) {
		leat_io_ignore(leat_flow_write(theirs, "question", 8));
		pass(1000);
	}
	expect_false(is_over());
	expect_int((int)send(mine, "answer", 6, MSG_NOSIGNAL), 6);
	leat_io_ignore(leat_flow_read_into(theirs, answer, 6, 6));
	pass(1000);
	expect_str(answer, "answer");
	expect_false(is_over());
	shutdown(mine, SHUT_WR);
	pass(1000);
	expect_true(is_over());
	expect_int(how(), LEAT_PROXY_OTHER_BROKE);
	end();
}
END_TEST

SUITE("proxy_kernel",
	a_socket_that_only_listens_no_more_is_heard_to_its_end,
	a_break_is_told_when_the_peer_has_what_came_before_it,
	a_break_is_told_in_the_end_to_who_does_not_read,
	who_reads_slowly_is_not_idle)

/* SPDX-License-Identifier: ISC */
/* paced - who writes more than a socket takes is served once a turn, until all is written */
#include <errno.h>
#include <event2/event.h>
#include <leat/buf.h>
#include <leat/flow_ops.h>
#include <leat/thread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/suite.h"
#include "support/world.h"

enum { BLOCK = 65536, BLOCKS = 64 };

static struct world w;
static leat_flow *flow;
static int peer, events_before;
static unsigned written;
static size_t heard;

static int events(void)
{
	return event_base_get_num_events(w.base, EVENT_BASE_COUNT_ADDED);
}

static void open_flow(void)
{
	int fds[2];

	world_open(&w);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	ck_assert_int_eq(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &(int){ 4 * BLOCK }, sizeof(int)), 0);
	flow = leat_flow_from_fd(w.loop, fds[0]);
	peer = fds[1];
	written = 0;
	heard = 0;
	events_before = events();
}

static void close_flow(void)
{
	close(peer);
	leat_flow_unref(flow);
	world_run(&w);
	world_close(&w);
}

static leat_io *write_block(void *ctx, leat_result *result)
{
	static const char block[BLOCK];

	leat_result_clear(result);
	if (written == BLOCKS)
		return NULL;
	written++;
	return leat_io_then(leat_flow_send(flow, leat_buf_wrap(w.loop, block, BLOCK, NULL, NULL)), write_block,
		leat_ctx_none());
}

static void peer_reads_all(void)
{
	static char into[BLOCK];
	ssize_t got;

	while ((got = recv(peer, into, sizeof into, MSG_DONTWAIT)) > 0)
		heard += (size_t)got;
	ck_assert_int_eq(errno, EAGAIN);
}

static leat_io *fill_the_socket(void)
{
	leat_io *all = write_block(NULL, &(leat_result){ 0 });

	event_base_loop(w.base, EVLOOP_NONBLOCK);
	ck_assert_uint_gt(written, 4);
	return all;
}

START_TEST(a_socket_that_was_full_takes_what_waited_once_a_turn)
{
	leat_io *all;
	unsigned before;

	open_flow();
	all = fill_the_socket();
	for (int turn = 0; turn < 4; turn++) {
		peer_reads_all();
		before = written;
		event_base_loop(w.base, EVLOOP_NONBLOCK);
		ck_assert_uint_ge(written - before, 1);
		ck_assert_uint_le(written - before, 2); /* to the mark, and the one that crosses it */
	}
	leat_io_cancel(all);
	close_flow();
}
END_TEST

static void write_all(void)
{
	leat_io *all = fill_the_socket();
	leat_result result;
	int turns = 0;

	while (!leat_io_try(all, &result)) {
		ck_assert_int_lt(turns++, 2 * BLOCKS);
		peer_reads_all();
		event_base_loop(w.base, EVLOOP_NONBLOCK);
	}
	expect_true(leat_result_ok(&result));
	peer_reads_all();
	expect_size(heard, (size_t)BLOCK * BLOCKS);
}

START_TEST(all_arrives_and_then_nobody_listens)
{
	open_flow();
	write_all();
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	ck_assert_int_eq(events(), events_before);
	close_flow();
}
END_TEST

START_TEST(when_all_is_taken_it_can_be_lent_at_once)
{
	leat_lease lease;

	open_flow();
	write_all();
	ck_assert_int_gt(events(), events_before);
	expect_kind(leat_flow_lease(flow, LEAT_WRITE, &lease), LEAT_NONE);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	ck_assert_int_eq(events(), events_before);
	leat_lease_end(&lease);
	close_flow();
}
END_TEST

START_TEST(a_flush_tries_the_socket_inside_the_call)
{
	leat_result result;
	char word[5] = "";

	open_flow();
	write_all();
	leat_io_detach(leat_flow_write(flow, "end.", 4));
	expect_true(leat_io_try(leat_flow_flush(flow), &result));
	expect_true(leat_result_ok(&result));
	ck_assert_int_eq(recv(peer, word, 4, MSG_DONTWAIT), 4);
	expect_str(word, "end.");
	close_flow();
}
END_TEST

START_TEST(what_was_written_goes_before_it_is_handed_over)
{
	leat_parcel *parcel = NULL;
	char word[5] = "";

	open_flow();
	write_all();
	leat_io_detach(leat_flow_write(flow, "end.", 4));
	expect_kind(leat_flow_export(flow, &parcel), LEAT_NONE);
	ck_assert_int_eq(recv(peer, word, 4, MSG_DONTWAIT), 4);
	expect_str(word, "end.");
	leat_parcel_free(parcel);
	close_flow();
}
END_TEST

START_TEST(a_word_behind_the_bulk_arrives)
{
	leat_io *all;
	char word[4];

	open_flow();
	all = fill_the_socket();
	leat_io_cancel(all); /* its block is withdrawn, or goes on */
	peer_reads_all();
	expect_true(leat_await(leat_flow_write(flow, "end.", 4), NULL));
	expect_true(leat_await(leat_flow_flush(flow), NULL));
	while (recv(peer, word, 4, MSG_DONTWAIT) == 4 && word[0] == 0)
		;
	ck_assert_mem_eq(word, "end.", 4);
	close_flow();
}
END_TEST

SUITE("paced", a_socket_that_was_full_takes_what_waited_once_a_turn, all_arrives_and_then_nobody_listens,
	when_all_is_taken_it_can_be_lent_at_once, a_flush_tries_the_socket_inside_the_call,
	what_was_written_goes_before_it_is_handed_over, a_word_behind_the_bulk_arrives)

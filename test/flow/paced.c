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
	if (peer >= 0)
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

static void peer_hears_the_end(void)
{
	static char into[BLOCK];
	char last[4] = "";
	ssize_t got;

	while ((got = recv(peer, into, sizeof into, MSG_DONTWAIT)) > 0)
		memcpy(last, into + (got < 4 ? 0 : got - 4), 4);
	ck_assert_int_eq(got, 0);
	ck_assert_mem_eq(last, "end.", 4);
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

/* Its writer waits for libevent, though the socket has room. */
static leat_io *pace_it(void)
{
	leat_io *all = fill_the_socket();

	peer_reads_all();
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	return all;
}

/* Until the last block was taken; the peer has not read that. */
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
}

START_TEST(all_arrives_and_then_nobody_listens)
{
	open_flow();
	write_all();
	ck_assert_int_eq(events(), events_before);
	peer_reads_all();
	expect_size(heard, (size_t)BLOCK * BLOCKS);
	close_flow();
}
END_TEST

static void never_recalled(void *ctx, leat_error why)
{
	(void)ctx;
	(void)why;
	ck_abort_msg("it was recalled");
}

START_TEST(when_all_is_taken_it_can_be_lent_at_once)
{
	leat_lease lease = { .size = sizeof lease, .recall = never_recalled };

	open_flow();
	write_all();
	expect_kind(leat_flow_lease(flow, LEAT_WRITE, &lease), LEAT_NONE);
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
	peer_reads_all();
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
	peer_reads_all();
	leat_io_detach(leat_flow_write(flow, "end.", 4));
	expect_kind(leat_flow_export(flow, &parcel), LEAT_NONE);
	ck_assert_int_eq(recv(peer, word, 4, MSG_DONTWAIT), 4);
	expect_str(word, "end.");
	leat_parcel_free(parcel);
	close_flow();
}
END_TEST

START_TEST(who_waits_no_more_goes_out_at_the_end_of_the_turn)
{
	leat_io *all;

	open_flow();
	all = pace_it();
	expect_size(leat_flow_room(flow), 0);
	leat_io_cancel(all);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	expect_size(leat_flow_room(flow), BLOCK);
	close_flow();
}
END_TEST

START_TEST(nothing_is_waited_for_when_all_is_taken)
{
	leat_maker maker;
	leat_result result;

	open_flow();
	write_all();
	expect_false(leat_await(leat_io_new(w.loop, &maker, NULL, NULL), &result));
	expect_kind(leat_result_error(&result), LEAT_DEADLOCK);
	w.reports = 0;
	close_flow();
}
END_TEST

START_TEST(what_was_closed_is_there_though_the_loop_ends)
{
	leat_io *all;

	open_flow();
	all = pace_it();
	leat_io_cancel(all);
	leat_io_detach(leat_flow_write(flow, "end.", 4));
	leat_io_detach(leat_flow_close(flow));
	expect_size(leat_flow_room(flow), 0);
	leat_flow_unref(flow);
	leat_loop_free(w.loop);
	peer_hears_the_end();
	close(peer);
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

static leat_io *drop_it(void *ctx, leat_result *result)
{
	leat_flow_unref(flow);
	flow = NULL;
	return NULL;
}

START_TEST(who_hears_that_the_peer_is_gone_may_drop_it)
{
	leat_io *all;

	open_flow();
	all = pace_it();
	close(peer);
	peer = -1;
	expect_true(leat_await(leat_io_catch(all, leat_match_all(), drop_it, leat_ctx_none()), NULL));
	expect_null(flow);
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
	what_was_written_goes_before_it_is_handed_over, who_waits_no_more_goes_out_at_the_end_of_the_turn,
	nothing_is_waited_for_when_all_is_taken, what_was_closed_is_there_though_the_loop_ends,
	who_hears_that_the_peer_is_gone_may_drop_it, a_word_behind_the_bulk_arrives)

/* SPDX-License-Identifier: ISC */
/* bulk - a socket whose sender keeps up is read again at once, as long as that is fair */
#include <errno.h>
#include <event2/event.h>
#include <leat/buf.h>
#include <leat/flow_ops.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/suite.h"
#include "support/world.h"

enum { BLOCK = 65536, BLOCKS = 100 };

static struct world w;
static leat_flow *bulk;
static int sender;
static size_t blocks, bytes;
static void (*in_the_third)(void);

/* Whole blocks: there is room for two. */
static void send_block(void)
{
	static const char block[BLOCK];

	ck_assert_int_eq(send(sender, block, sizeof block, MSG_DONTWAIT), BLOCK);
}

static leat_flow *half_of_a_socketpair(int *other)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	*other = fds[1];
	return leat_flow_from_fd(w.loop, fds[0]);
}

static void open_bulk(void)
{
	world_open(&w);
	bulk = half_of_a_socketpair(&sender);
	ck_assert_int_eq(setsockopt(sender, SOL_SOCKET, SO_SNDBUF, &(int){ 4 * BLOCK }, sizeof(int)), 0);
	blocks = bytes = 0;
	in_the_third = NULL;
	send_block();
}

static void close_bulk(void)
{
	close(sender);
	leat_flow_unref(bulk);
	world_run(&w);
	world_close(&w);
}

static leat_io *read_on(void *ctx, leat_result *result);

static leat_io *next(void)
{
	return leat_io_then(leat_flow_read(bulk), read_on, leat_ctx_none());
}

/* What was read is sent again, so that the sender is never behind. */
static leat_io *read_on(void *ctx, leat_result *result)
{
	leat_buf *buf = leat_result_buf(result);

	if (!buf)
		return NULL;
	bytes += leat_buf_size(buf);
	leat_buf_unref(buf);
	if (++blocks < BLOCKS)
		send_block();
	if (blocks == 3 && in_the_third)
		in_the_third();
	return bulk && blocks < BLOCKS ? next() : NULL;
}

START_TEST(every_block_arrives)
{
	open_bulk();
	expect_true(leat_await(next(), NULL));
	expect_size(blocks, BLOCKS);
	expect_size(bytes, (size_t)BLOCKS * BLOCK);
	close_bulk();
}
END_TEST

static const struct timeval at_once;

struct turns {
	struct event *each;
	unsigned count;
};

static void count_turn(evutil_socket_t fd, short what, void *arg)
{
	struct turns *turns = arg;

	turns->count++;
	event_add(turns->each, &at_once);
}

START_TEST(it_takes_fewer_turns_than_blocks)
{
	struct turns turns = { 0 };

	open_bulk();
	turns.each = event_new(w.base, -1, 0, count_turn, &turns);
	event_add(turns.each, &at_once);
	expect_true(leat_await(next(), NULL));
	event_free(turns.each);
	ck_assert_uint_lt(turns.count, BLOCKS / 4);
	close_bulk();
}
END_TEST

static leat_io *count_blocks(void *ctx, leat_result *result)
{
	*(size_t *)ctx = blocks;
	return NULL;
}

START_TEST(others_have_their_turn)
{
	size_t by_then = BLOCKS;
	leat_flow *other;
	leat_io *reading, *row;
	int peer;

	open_bulk();
	other = half_of_a_socketpair(&peer);
	ck_assert_int_eq(write(peer, "x", 1), 1);
	row = next();
	reading = leat_io_then(leat_flow_read(other), count_blocks, leat_ctx_borrow(&by_then));
	expect_true(leat_await(reading, NULL));
	ck_assert_uint_le(by_then, 16);
	expect_true(leat_await(row, NULL));
	close(peer);
	leat_flow_unref(other);
	close_bulk();
}
END_TEST

static void abort_it(void) { leat_flow_abort(bulk); }
static void free_it(void)
{
	leat_flow_unref(bulk);
	bulk = NULL;
}
static void shut_it(void) { leat_io_detach(leat_flow_shutdown(bulk, LEAT_READ)); }
static void take_it(void) { bulk = leat_flow_take(bulk); }

static void (*const ends[])(void) = { abort_it, free_it, shut_it, take_it };

START_TEST(its_reader_may_end_it)
{
	leat_result result;

	open_bulk();
	in_the_third = ends[_i];
	leat_await(next(), &result);
	leat_result_clear(&result);
	ck_assert_uint_ge(blocks, 3);
	close_bulk();
}
END_TEST

static void free_loop(void)
{
	leat_loop_free(w.loop);
}

START_TEST(its_reader_may_free_the_loop)
{
	open_bulk();
	in_the_third = free_loop;
	leat_io_detach(next());
	event_base_dispatch(w.base);
	expect_size(blocks, 3);
	leat_flow_unref(bulk);
	close(sender);
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

SUITE("bulk", every_block_arrives, it_takes_fewer_turns_than_blocks, others_have_their_turn,
	EACH(its_reader_may_end_it, (int)(sizeof ends / sizeof *ends)), its_reader_may_free_the_loop)

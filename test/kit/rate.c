/* SPDX-License-Identifier: ISC */
/* rate - never more than the burst and what has flowed in, and all get the same */
#include <stdio.h>

#include <leat/leat.h>

#include "support/starve.h"
#include "support/suite.h"

enum { FLOWS = 5, MANY = 100000 };

static struct world w;
static leat_bucket *bucket;

/* What one reader has got of a pair, whose one end goes by the bucket. */
static struct meter {
	leat_flow *near, *far; /* near is behind the bucket */
	leat_io *reading, *writing;
	uint64_t got;
	bool ended;
} meters[FLOWS];

static unsigned char many[MANY];

static void open_meter(leat_loop *loop, struct meter *m, bool reads, bool writes)
{
	leat_flow *ends[2];

	leat_flow_pair(loop, ends);
	*m = (struct meter){ .near = leat_rate_new(ends[0], reads ? bucket : NULL, writes ? bucket : NULL), .far = ends[1] };
}

static void close_meter(struct meter *m)
{
	leat_io_cancel(m->reading);
	leat_io_cancel(m->writing);
	leat_flow_unref(m->near);
	leat_flow_unref(m->far);
}

static void begin(uint64_t rate, uint64_t burst, int flows, bool reads)
{
	world_open(&w);
	bucket = leat_bucket_new(w.loop, rate, burst);
	for (int i = 0; i < flows; i++)
		open_meter(w.loop, &meters[i], reads, !reads);
}

static void finish(int flows)
{
	for (int i = 0; i < flows; i++)
		close_meter(&meters[i]);
	leat_bucket_unref(bucket);
	world_run(&w);
	world_close(&w);
}

static leat_io *got_some(void *ctx, leat_result *result)
{
	struct meter *m = ctx;
	leat_buf *buf = leat_result_buf(result);

	m->ended = !buf;
	m->got += buf ? leat_buf_size(buf) : 0;
	leat_buf_unref(buf);
	return leat_io_int(leat_result_loop(result), !m->ended);
}

static leat_io *read_near(void *ctx, leat_result *result)
{
	struct meter *m = ctx;

	(void)result;
	return leat_io_then(leat_flow_read(m->near), got_some, leat_ctx_borrow(m));
}

static leat_io *read_far(void *ctx, leat_result *result)
{
	struct meter *m = ctx;

	(void)result;
	return leat_io_then(leat_flow_read(m->far), got_some, leat_ctx_borrow(m));
}

/* From now on it takes what comes. */
static void meter(struct meter *m, bool reads)
{
	m->reading = leat_io_repeat(w.loop, reads ? read_near : read_far, leat_ctx_borrow(m));
}

static void write_many(struct meter *m, bool reads, size_t bytes)
{
	m->writing = leat_flow_write(reads ? m->far : m->near, many, bytes);
	world_run(&w);
}

static unsigned timers(void)
{
	return (unsigned)world_stats(&w).timers_live;
}

/* Milliseconds, one by one: what is late by one does not add up. */
static void pass(int64_t ms)
{
	while (ms-- > 0)
		world_pass(&w, 1);
}

static void burst_then_rate(bool reads)
{
	begin(1000, 500, 1, reads);
	meter(&meters[0], reads);
	expect_size(timers(), 0);
	write_many(&meters[0], reads, 3000);
	expect_size(meters[0].got, 500);
	expect_size(timers(), 1);
	pass(1000);
	expect(meters[0].got > 1450 && meters[0].got <= 1500);
	pass(1000);
	expect(meters[0].got > 2450 && meters[0].got <= 2500);
	pass(2000);
	expect_size(meters[0].got, 3000);
	expect_size(timers(), 0);
	finish(1);
}

START_TEST(a_burst_is_read_at_once_and_then_the_rate)
{
	burst_then_rate(true);
}
END_TEST

START_TEST(a_burst_is_written_at_once_and_then_the_rate)
{
	burst_then_rate(false);
}
END_TEST

/* However long it was idle, a bucket holds its burst and no more. */
START_TEST(never_more_than_burst_and_rate)
{
	uint32_t seed = 7;
	int64_t begun_ms;

	begin(7777, 999, 1, true);
	meter(&meters[0], true);
	begun_ms = leat_loop_now_ms(w.loop);
	for (int i = 0; i < 2000; i++) {
		int64_t now_ms;

		seed = seed * 1664525 + 1013904223;
		if (!meters[0].writing)
			meters[0].writing = leat_flow_write(meters[0].far, many, (seed >> 8) % 4000);
		if (!is_pending(meters[0].writing))
			meters[0].writing = NULL;
		world_pass(&w, (seed >> 20) % 40);
		now_ms = leat_loop_now_ms(w.loop);
		ck_assert_msg(meters[0].got * 1000 <= 999 * 1000 + 7777 * (uint64_t)(now_ms - begun_ms), "%llu in %lld ms",
			(unsigned long long)meters[0].got, (long long)(now_ms - begun_ms));
	}
	expect(meters[0].got > 100000);
	finish(1);
}
END_TEST

static void expect_equal_parts(uint64_t all, uint64_t off)
{
	uint64_t sum = 0;

	for (int i = 0; i < FLOWS; i++) {
		sum += meters[i].got;
		ck_assert_msg(meters[i].got + off > all / FLOWS && meters[i].got < all / FLOWS + off, "%d got %llu of %llu", i,
			(unsigned long long)meters[i].got, (unsigned long long)all);
	}
	expect(sum <= all && sum + 2 * off > all);
}

START_TEST(sharers_get_the_same)
{
	begin(64000, 1000, FLOWS, true);
	for (int i = 0; i < FLOWS; i++) {
		meter(&meters[i], true);
		write_many(&meters[i], true, MANY / 2);
	}
	pass(2000);
	expect_equal_parts(129000, 2001);
	finish(FLOWS);
}
END_TEST

static bool little_reads;

static leat_io *little(void *ctx, leat_result *result)
{
	struct meter *m = ctx;

	(void)result;
	return leat_flow_write(little_reads ? m->far : m->near, many, 10);
}

static leat_io *and_again(void *ctx, leat_result *result)
{
	return leat_io_int(leat_result_loop(result), 1);
}

static leat_io *little_by_little(void *ctx, leat_result *result)
{
	return leat_io_then(little(ctx, result), and_again, leat_ctx_none());
}

/* One writes ten bytes at a time, the others have all of it there. */
static void little_and_much(bool reads)
{
	begin(64000, 1000, FLOWS, reads);
	for (int i = 0; i < FLOWS; i++) {
		meter(&meters[i], reads);
		if (i > 0)
			write_many(&meters[i], reads, MANY / 2);
	}
	(void)leat_flow_set_limits(reads ? meters[0].far : meters[0].near,
		&(leat_flow_limits){ .size = sizeof(leat_flow_limits), .high_water_bytes = 20000 });
	little_reads = reads;
	meters[0].writing = leat_io_repeat(w.loop, little_by_little, leat_ctx_borrow(&meters[0]));
	pass(2000);
	expect_equal_parts(129000, 3001);
	finish(FLOWS);
}

START_TEST(those_who_write_little_pieces_get_the_same)
{
	little_and_much(false);
}
END_TEST

START_TEST(those_who_read_little_pieces_get_the_same)
{
	little_and_much(true);
}
END_TEST

START_TEST(who_comes_later_stands_behind)
{
	begin(64000, 1000, 2, false);
	for (int i = 0; i < 2; i++)
		meter(&meters[i], false);
	write_many(&meters[0], false, MANY / 2);
	pass(8);
	expect(leat_bucket_bytes(bucket) > 100);
	write_many(&meters[1], false, 100);
	pass(1);
	expect_size(meters[1].got, 0);
	pass(40);
	expect_size(meters[1].got, 100);
	finish(2);
}
END_TEST

START_TEST(who_goes_lets_the_others_go_on)
{
	begin(1000, 100, 3, true);
	for (int i = 0; i < 3; i++) {
		meter(&meters[i], true);
		write_many(&meters[i], true, 5000);
	}
	leat_flow_abort(meters[0].near);
	pass(500);
	leat_flow_abort(meters[1].near);
	pass(500);
	expect(meters[0].got + meters[1].got + meters[2].got > 1050);
	expect(meters[2].got > 700);
	expect_int(timers(), 1);
	leat_flow_abort(meters[2].near);
	expect_int(timers(), 0);
	for (int i = 0; i < 3; i++) {
		leat_io_cancel(meters[i].reading);
		meters[i].reading = NULL;
	}
	finish(3);
}
END_TEST

/* Each io owns its flow, and each flow is first in line in its turn; the last has the
 * bucket to itself. */
START_TEST(who_goes_by_a_cancel_lets_the_others_go_on)
{
	leat_io *ios[FLOWS];

	begin(1000, 0, FLOWS, false);
	leat_bucket_unref(bucket);
	bucket = NULL;
	for (int i = 0; i < FLOWS; i++) {
		ios[i] = leat_io_attach(leat_flow_write(meters[i].near, many, MANY), leat_ctx_flow(meters[i].near));
		meters[i].near = NULL;
	}
	for (int i = 0; i < FLOWS; i++) {
		world_pass(&w, 100);
		leat_io_cancel(ios[i]);
	}
	finish(FLOWS);
}
END_TEST

START_TEST(a_close_waits_for_what_the_rate_lets_go)
{
	leat_io *closing;

	begin(1000, 100, 1, false);
	meter(&meters[0], false);
	write_many(&meters[0], false, 1000);
	closing = leat_flow_close(meters[0].near);
	pass(500);
	expect_true(is_pending(closing));
	expect_false(meters[0].ended);
	pass(600);
	expect_size(meters[0].got, 1000);
	expect_true(meters[0].ended);
	leat_io_detach(leat_flow_close(meters[0].far));
	world_run(&w);
	expect_settled(closing, LEAT_NONE);
	finish(1);
}
END_TEST

START_TEST(a_cancelled_read_that_waits_loses_nothing)
{
	char memory[300];
	leat_io *io;

	begin(1000, 100, 1, true);
	for (int i = 0; i < 300; i++)
		many[i] = (unsigned char)i;
	leat_io_detach(leat_flow_write(meters[0].far, many, 300));
	for (int i = 0; i < 30; i++) {
		io = leat_flow_read_into(meters[0].near, memory, 300, 300);
		pass(3);
		leat_io_cancel(io);
	}
	io = leat_flow_read_into(meters[0].near, memory, 300, 300);
	pass(300);
	expect_int(settled_int(io), 300);
	expect_mem(memory, many, 300);
	finish(1);
}
END_TEST

START_TEST(a_rate_of_nothing_stops_all_until_it_is_another)
{
	begin(0, 10, 1, true);
	meter(&meters[0], true);
	write_many(&meters[0], true, 50);
	expect_size(meters[0].got, 10);
	pass(1000);
	expect_size(meters[0].got, 10);
	expect_size(timers(), 0);
	leat_bucket_set(bucket, 1000, 0);
	pass(20);
	expect(meters[0].got >= 25);
	leat_bucket_set(bucket, 0, 0);
	expect_size(leat_bucket_bytes(bucket), 0);
	pass(1000);
	expect(meters[0].got < 35);
	leat_bucket_set(bucket, UINT64_MAX, UINT64_MAX);
	pass(20);
	expect_size(meters[0].got, 50);
	finish(1);
}
END_TEST

START_TEST(a_bucket_holds_its_burst)
{
	begin(1000, 0, 0, true);
	expect_size(leat_bucket_bytes(bucket), 1000);
	world_pass(&w, INT64_C(1) << 40);
	expect_size(leat_bucket_bytes(bucket), 1000);
	leat_bucket_set(bucket, 1000, 300);
	expect_size(leat_bucket_bytes(bucket), 300);
	leat_bucket_set(bucket, UINT64_MAX, 5000);
	expect_size(leat_bucket_bytes(bucket), 300);
	world_pass(&w, 1);
	expect_size(leat_bucket_bytes(bucket), 5000);
	finish(0);
}
END_TEST

START_TEST(it_fills_however_often_it_is_looked_at)
{
	begin(7, 1, 0, true);
	leat_bucket_set(bucket, 7, 100);
	for (int i = 0; i < 10000; i++) {
		(void)leat_bucket_bytes(bucket);
		world_pass(&w, 1);
	}
	expect_size(leat_bucket_bytes(bucket), 71);
	finish(0);
}
END_TEST

/* A rate for each and one for all. */
START_TEST(layers_of_them_are_as_slow_as_the_slower)
{
	leat_bucket *own;

	begin(1000, 10, 1, true);
	own = leat_bucket_new(w.loop, 100, 10);
	meters[0].near = leat_rate_new(meters[0].near, own, NULL);
	leat_bucket_unref(own);
	meter(&meters[0], true);
	write_many(&meters[0], true, 1000);
	pass(1000);
	expect(meters[0].got > 95 && meters[0].got <= 110);
	finish(1);
}
END_TEST

START_TEST(a_bucket_of_another_loop_is_invalid)
{
	leat_loop *other = leat_loop_new(NULL, NULL);
	leat_bucket *theirs = leat_bucket_new(other, 1, 1);

	begin(1, 1, 1, true);
	meters[0].near = leat_rate_new(meters[0].near, NULL, theirs);
	expect_settled(leat_flow_read(meters[0].near), LEAT_INVALID);
	leat_loop_free(other);
	leat_bucket_unref(theirs);
	leat_bucket_unref(NULL);
	finish(1);
}
END_TEST

START_TEST(it_may_outlive_its_loop)
{
	begin(10, 1, 1, true);
	meter(&meters[0], true);
	write_many(&meters[0], true, 100);
	leat_io_detach(meters[0].reading);
	leat_io_detach(meters[0].writing);
	expect_size(timers(), 1);
	leat_loop_free(w.loop);
	leat_flow_unref(meters[0].near);
	leat_flow_unref(meters[0].far);
	leat_bucket_unref(leat_bucket_ref(bucket));
	leat_bucket_unref(bucket);
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

static void both(struct world *world, leat_io *one, leat_io *other)
{
	world_run(world);
	world_pass(world, 20);
	leat_io_cancel(one);
	leat_io_cancel(other);
}

static void use_all(struct world *world)
{
	struct meter *m = &meters[0], *n = &meters[1];

	bucket = leat_bucket_new(world->loop, 1000, 3);
	open_meter(world->loop, m, true, true);
	open_meter(world->loop, n, true, false);
	both(world, leat_flow_write(m->far, many, 5), leat_flow_write(n->far, many, 50));
	both(world, leat_flow_read(m->near), leat_flow_read(n->near));
	both(world, leat_flow_read(m->near), leat_flow_read(n->near));
	both(world, leat_flow_write(m->near, many, 20), leat_flow_read(m->far));
	leat_bucket_set(bucket, 2000, 3);
	both(world, leat_flow_read(m->far), leat_flow_read(n->near));
	both(world, leat_flow_close(m->near), leat_flow_close(m->far));
	close_meter(m);
	close_meter(n);
	leat_bucket_unref(bucket);
	world_run(world);
}

START_TEST(any_allocation_may_fail)
{
	starve(use_all);
}
END_TEST

SUITE("rate",
	a_burst_is_read_at_once_and_then_the_rate,
	a_burst_is_written_at_once_and_then_the_rate,
	never_more_than_burst_and_rate,
	sharers_get_the_same,
	those_who_write_little_pieces_get_the_same,
	those_who_read_little_pieces_get_the_same,
	who_comes_later_stands_behind,
	who_goes_lets_the_others_go_on,
	who_goes_by_a_cancel_lets_the_others_go_on,
	a_close_waits_for_what_the_rate_lets_go,
	a_cancelled_read_that_waits_loses_nothing,
	a_rate_of_nothing_stops_all_until_it_is_another,
	a_bucket_holds_its_burst,
	it_fills_however_often_it_is_looked_at,
	layers_of_them_are_as_slow_as_the_slower,
	a_bucket_of_another_loop_is_invalid,
	it_may_outlive_its_loop,
	any_allocation_may_fail)

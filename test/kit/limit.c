/* SPDX-License-Identifier: ISC */
/* limit - the bytes up to the limit pass, and what comes then is told */
#include "kit/heard.h"
#include "support/suite.h"

static void open_on(leat_loop *loop, leat_limit limit)
{
	leat_flow *ends[2];

	limit.size = sizeof limit;
	leat_flow_pair(loop, ends);
	near = leat_limit_new(ends[0], &limit);
	far = ends[1];
}

static void begin(leat_limit limit)
{
	world_open(&w);
	open_on(w.loop, limit);
}

static void close_ends(void)
{
	leat_flow_unref(near);
	leat_flow_unref(far);
}

static void finish(void)
{
	close_ends();
	world_close(&w);
}

START_TEST(what_is_within_the_limits_passes)
{
	begin((leat_limit){ .read_bytes = 5, .write_bytes = 6 });
	say_on(far, "there");
	say_on(near, "back");
	expect_str(heard(near), "there");
	expect_str(heard(far), "back");
	end_on(far);
	expect_str(heard(near), "END");
	say_on(near, "..");
	expect_str(heard(far), "..");
	end_on(near);
	expect_str(heard(far), "END");
	finish();
}
END_TEST

START_TEST(no_limit_is_none)
{
	leat_flow *ends[2];

	world_open(&w);
	leat_flow_pair(w.loop, ends);
	near = leat_limit_new(ends[0], NULL);
	far = ends[1];
	say_on(far, "there");
	expect_str(heard(near), "there");
	finish();
}
END_TEST

START_TEST(what_is_read_beyond_it_is_an_error_after_what_was_within)
{
	begin((leat_limit){ .read_bytes = 5 });
	say_on(far, "abc");
	expect_str(heard(near), "abc");
	say_on(far, "defg");
	expect_str(heard(near), "de");
	expect_str(heard(near), "limit");
	expect_str(heard(near), "limit");
	say_on(near, "still there");
	expect_str(heard(far), "still there");
	finish();
}
END_TEST

START_TEST(at_the_limit_it_waits_for_what_comes)
{
	leat_io *io;

	begin((leat_limit){ .read_bytes = 3 });
	say_on(far, "abc");
	expect_str(heard(near), "abc");
	io = leat_flow_read(near);
	world_run(&w);
	expect_true(is_pending(io));
	say_on(far, "d");
	expect_settled(io, LEAT_LIMIT);
	finish();
}
END_TEST

START_TEST(where_reading_ends_there_the_rest_is_not_waited_for)
{
	begin((leat_limit){ .read_bytes = 3, .ends = LEAT_READ });
	say_on(far, "abcdef");
	expect_str(heard(near), "abc");
	expect_str(heard(near), "END");
	expect_str(heard(near), "END");
	say_on(near, "answer");
	expect_str(heard(far), "answer");
	finish();
}
END_TEST

START_TEST(what_is_written_beyond_it_fails_and_the_rest_goes_out)
{
	leat_io *io;

	begin((leat_limit){ .write_bytes = 5 });
	say_on(near, "abc");
	io = leat_flow_write(near, "defg", 4);
	world_run(&w);
	leat_io_cancel(io);
	expect_str(heard(far), "abc");
	expect_str(heard(far), "de");
	expect_str(heard(far), "pending");
	expect_settled(leat_flow_write(near, "h", 1), LEAT_LIMIT);
	say_on(far, "heard");
	expect_str(heard(near), "heard");
	finish();
}
END_TEST

START_TEST(where_writing_ends_there_the_peer_is_told_at_once)
{
	leat_io *io;

	begin((leat_limit){ .write_bytes = 5, .ends = LEAT_WRITE });
	say_on(near, "abcde");
	expect_str(heard(far), "abcde");
	expect_str(heard(far), "END");
	io = leat_flow_write(near, "f", 1);
	world_run(&w);
	leat_io_cancel(io);
	expect_settled(leat_flow_write(near, "g", 1), LEAT_CLOSED);
	say_on(far, "and on");
	expect_str(heard(near), "and on");
	finish();
}
END_TEST

/* In one write, and in one turn. */
START_TEST(where_writing_ends_there_the_peer_is_told_also_of_a_write_that_goes_beyond)
{
	leat_io *io;

	begin((leat_limit){ .write_bytes = 5, .ends = LEAT_WRITE });
	if (_i == 0) {
		leat_io_ignore(leat_flow_write(near, "abcdefghij", 10));
	} else {
		leat_io_ignore(leat_flow_write(near, "abcde", 5));
		leat_io_ignore(leat_flow_write(near, "fghij", 5));
	}
	world_run(&w);
	expect_settled(leat_flow_write(near, "k", 1), LEAT_CLOSED);
	expect_str(heard(far), "abcde");
	expect_str(heard(far), "END");
	say_on(far, "and on");
	expect_str(heard(near), "and on");
	io = leat_flow_close(near);
	end_on(far);
	world_run(&w);
	leat_io_cancel(io);
	expect_size(world_stats(&w).flows_live, 1); /* far */
	finish();
}
END_TEST

START_TEST(a_shutdown_after_the_end_of_writing_is_none_more)
{
	leat_io *io;

	begin((leat_limit){ .write_bytes = 2, .ends = LEAT_WRITE });
	say_on(near, "ab");
	io = leat_flow_shutdown(near, LEAT_WRITE);
	expect_str(heard(far), "ab");
	expect_str(heard(far), "END");
	world_run(&w);
	expect_settled(io, LEAT_NONE);
	io = leat_flow_close(near);
	end_on(far);
	expect_settled(io, LEAT_NONE);
	finish();
}
END_TEST

/* A limit that the machine's numbers end at is none that anybody meets. */
START_TEST(a_limit_may_be_any_number)
{
	static const uint64_t most[] = { 5, UINT64_C(1) << 31, UINT32_MAX, UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_MAX };

	for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
		begin((leat_limit){ .read_bytes = most[i], .write_bytes = most[i] });
		say_on(far, "abcde");
		say_on(near, "fghij");
		expect_str(heard(near), "abcde");
		expect_str(heard(far), "fghij");
		finish();
	}
}
END_TEST

static void both(struct world *world, leat_io *one, leat_io *other)
{
	world_run(world);
	leat_io_cancel(one);
	leat_io_cancel(other);
}

static void use_all(struct world *world)
{
	open_on(world->loop, (leat_limit){ .read_bytes = 4, .write_bytes = 4, .ends = LEAT_WRITE });
	both(world, leat_flow_write(near, "abcde", 5), leat_flow_read(far));
	both(world, leat_flow_write(far, "abcde", 5), leat_flow_read(near));
	both(world, leat_flow_read(far), leat_flow_read(near));
	both(world, leat_flow_shutdown(near, LEAT_WRITE), leat_flow_close(far));
	both(world, leat_flow_close(near), NULL);
	close_ends();
	world_run(world);
}

START_TEST(any_allocation_may_fail)
{
	starve(use_all);
}
END_TEST

SUITE("limit",
	what_is_within_the_limits_passes,
	no_limit_is_none,
	what_is_read_beyond_it_is_an_error_after_what_was_within,
	at_the_limit_it_waits_for_what_comes,
	where_reading_ends_there_the_rest_is_not_waited_for,
	what_is_written_beyond_it_fails_and_the_rest_goes_out,
	where_writing_ends_there_the_peer_is_told_at_once,
	EACH(where_writing_ends_there_the_peer_is_told_also_of_a_write_that_goes_beyond, 2),
	a_shutdown_after_the_end_of_writing_is_none_more,
	a_limit_may_be_any_number,
	any_allocation_may_fail)

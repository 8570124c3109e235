/* SPDX-License-Identifier: ISC */
/* tee - the second flow gets all that passes, and its troubles are its own */
#include "kit/heard.h"
#include "support/suite.h"

static leat_flow *record; /* where the second flow is heard */
static uint64_t missed;

static void open_on(leat_loop *loop, leat_tee_options options, size_t mark)
{
	leat_flow_limits limits = { .size = sizeof limits, .high_water_bytes = mark };
	leat_flow *ends[2], *second[2];

	missed = 0;
	options.size = sizeof options;
	options.missed_bytes = &missed;
	leat_flow_pair(loop, ends);
	leat_flow_pair(loop, second);
	if (mark > 0)
		(void)leat_flow_set_limits(second[0], &limits);
	if (mark > 0)
		(void)leat_flow_set_limits(second[1], &limits);
	near = leat_tee_new(ends[0], second[0], &options);
	far = ends[1];
	record = second[1];
}

static void begin(leat_tee_options options, size_t mark)
{
	world_open(&w);
	open_on(w.loop, options, mark);
}

static void close_ends(void)
{
	leat_flow_unref(near);
	leat_flow_unref(far);
	leat_flow_unref(record);
}

static void finish(void)
{
	close_ends();
	world_run(&w);
	world_close(&w);
}

START_TEST(what_is_read_is_copied)
{
	begin((leat_tee_options){ .directions = 0 }, 0);
	say_on(far, "question");
	expect_str(heard(near), "question");
	expect_str(heard(record), "question");
	say_on(near, "answer");
	expect_str(heard(far), "answer");
	expect_str(heard(record), "pending");
	end_on(far);
	expect_str(heard(near), "END");
	expect_str(heard(record), "END");
	expect_size(missed, 0);
	finish();
}
END_TEST

START_TEST(both_directions_are_copied_as_they_pass)
{
	begin((leat_tee_options){ .directions = LEAT_BOTH }, 0);
	say_on(far, "question");
	expect_str(heard(near), "question");
	say_on(near, "answer");
	expect_str(heard(far), "answer");
	expect_str(heard(record), "question");
	expect_str(heard(record), "answer");
	end_on(far);
	expect_str(heard(near), "END");
	expect_str(heard(record), "pending");
	end_on(near);
	expect_str(heard(far), "END");
	expect_str(heard(record), "END");
	finish();
}
END_TEST

START_TEST(a_second_that_is_full_holds_reading_up)
{
	begin((leat_tee_options){ .directions = LEAT_READ }, 4);
	say_on(far, "12345678");
	expect_str(heard(near), "12345678");
	say_on(far, "more");
	expect_str(heard(near), "pending");
	say_on(near, "writing is not");
	expect_str(heard(far), "writing is not");
	expect_str(heard(record), "12345678");
	expect_str(heard(near), "more");
	expect_str(heard(record), "more");
	expect_size(missed, 0);
	finish();
}
END_TEST

START_TEST(a_second_that_is_full_holds_writing_up)
{
	leat_io *io;

	begin((leat_tee_options){ .directions = LEAT_WRITE }, 4);
	say_on(near, "12345678");
	expect_str(heard(far), "12345678");
	io = leat_flow_write(near, "more", 4);
	world_run(&w);
	expect_str(heard(far), "pending");
	expect_str(heard(record), "12345678");
	expect_str(heard(far), "more");
	leat_io_cancel(io);
	expect_str(heard(record), "more");
	finish();
}
END_TEST

START_TEST(what_is_dropped_is_counted_and_nobody_waits)
{
	size_t got = 0, said = 0;
	const char *word;

	begin((leat_tee_options){ .drops = true }, 4);
	for (int i = 0; i < 20; i++, said += 8) {
		say_on(far, "12345678");
		expect_str(heard(near), "12345678");
	}
	while (strcmp(word = heard(record), "pending") != 0)
		got += strlen(word);
	expect(missed > 0);
	expect_size(got + missed, said);
	say_on(far, "again");
	expect_str(heard(near), "again");
	expect_str(heard(record), "again");
	finish();
}
END_TEST

START_TEST(a_second_that_fails_is_its_own_affair)
{
	begin((leat_tee_options){ .directions = LEAT_BOTH }, 0);
	say_on(far, "one");
	expect_str(heard(near), "one");
	leat_flow_abort(record);
	world_run(&w);
	for (int i = 0; i < 3; i++) {
		say_on(far, "question");
		expect_str(heard(near), "question");
		say_on(near, "answer");
		expect_str(heard(far), "answer");
	}
	expect_size(missed, 3 * (8 + 6));
	end_on(far);
	expect_str(heard(near), "END");
	finish();
}
END_TEST

START_TEST(a_second_that_fails_while_it_is_waited_for_lets_all_go_on)
{
	leat_io *io;

	begin((leat_tee_options){ .directions = LEAT_READ }, 4);
	say_on(far, "12345678");
	expect_str(heard(near), "12345678");
	say_on(far, "more");
	io = leat_flow_read(near);
	world_run(&w);
	expect_true(is_pending(io));
	leat_flow_abort(record);
	world_run(&w);
	expect_settled(io, LEAT_NONE);
	expect_size(missed, 12);
	finish();
}
END_TEST

/* Also what it had not taken yet. */
START_TEST(closing_it_leaves_the_second_all_that_passed)
{
	leat_io *io;

	begin((leat_tee_options){ .directions = LEAT_READ }, 4);
	say_on(far, "12345678");
	expect_str(heard(near), "12345678");
	io = leat_flow_close(near);
	say_on(far, "more");
	end_on(far);
	expect_str(heard(record), "12345678");
	expect_str(heard(record), "more");
	expect_str(heard(record), "END");
	expect_settled(io, LEAT_NONE);
	finish();
}
END_TEST

START_TEST(cutting_it_leaves_the_second_all_that_passed)
{
	begin((leat_tee_options){ .directions = LEAT_READ }, 4);
	say_on(far, "12345678");
	expect_str(heard(near), "12345678");
	leat_flow_abort(near);
	world_run(&w);
	expect_str(heard(record), "12345678");
	expect_str(heard(record), "END");
	expect_str(heard(far), "reset");
	finish();
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
	open_on(world->loop, (leat_tee_options){ .directions = LEAT_BOTH }, 2);
	both(world, leat_flow_write(near, "abcde", 5), leat_flow_read(far));
	both(world, leat_flow_write(far, "abcde", 5), leat_flow_read(near));
	both(world, leat_flow_read(record), leat_flow_read(near));
	both(world, leat_flow_read(record), leat_flow_write(far, "fgh", 3));
	both(world, leat_flow_shutdown(near, LEAT_WRITE), leat_flow_close(far));
	both(world, leat_flow_close(near), leat_flow_read(record));
	close_ends();
	world_run(world);
}

START_TEST(any_allocation_may_fail)
{
	starve(use_all);
}
END_TEST

SUITE("tee",
	what_is_read_is_copied,
	both_directions_are_copied_as_they_pass,
	a_second_that_is_full_holds_reading_up,
	a_second_that_is_full_holds_writing_up,
	what_is_dropped_is_counted_and_nobody_waits,
	a_second_that_fails_is_its_own_affair,
	a_second_that_fails_while_it_is_waited_for_lets_all_go_on,
	closing_it_leaves_the_second_all_that_passed,
	cutting_it_leaves_the_second_all_that_passed,
	any_allocation_may_fail)

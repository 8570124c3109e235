/* SPDX-License-Identifier: ISC */
/* channel_put - what is put goes out whole with one flush, or not at all */
#include "kit/ends.h"

/* ---- writing ---- */

START_TEST(what_is_put_goes_out_together)
{
	leat_flow_info info = { .size = sizeof info };

	begin();
	leat_channel_put(near, "one ", 4);
	leat_channel_put(near, NULL, 0);
	leat_channel_printf(near, "%d-%s ", 2, "two");
	leat_channel_put_be(near, 0x31323334, 3);
	leat_channel_put_le(near, 0x31323334, 3);
	expect_size(leat_channel_room(near), LEAT_PUT_LIMIT_USUAL - 16);
	world_run(&w);
	leat_flow_info_get(leat_channel_flow(near), &info);
	expect_size(info.written_bytes, 0);
	expect_settled(leat_channel_flush(near), LEAT_NONE);
	leat_flow_info_get(leat_channel_flow(near), &info);
	expect_size(info.writes, 1);
	expect_heard("[one 2-two 234432]");
	expect_settled(leat_channel_flush(near), LEAT_NONE);
	leat_flow_info_get(leat_channel_flow(near), &info);
	expect_size(info.writes, 1);
	finish();
}
END_TEST

START_TEST(a_put_over_the_limit_fails_the_flush_and_sends_nothing)
{
	begin();
	leat_channel_set_put_limit(near, 5);
	leat_channel_put(near, "12345", 5);
	expect_size(leat_channel_room(near), 0);
	expect_settled(leat_channel_flush(near), LEAT_NONE);
	leat_channel_put(near, "123", 3);
	leat_channel_put(near, "456", 3);
	leat_channel_put(near, "7", 1);
	expect_kind(why(leat_channel_flush(near)), LEAT_LIMIT);
	leat_channel_printf(near, "%s", "123456");
	expect_kind(why(leat_channel_flush(near)), LEAT_LIMIT);
	leat_channel_put_be(near, 1, 9);
	expect_kind(why(leat_channel_flush(near)), LEAT_INVALID);
	leat_channel_printf(near, "%s", "abcde");
	expect_settled(leat_channel_flush(near), LEAT_NONE);
	expect_heard("[12345]");
	expect_heard("[abcde]");
	finish();
}
END_TEST

START_TEST(long_words_are_printed_whole)
{
	char words[2001];
	leat_io *io;

	begin();
	memset(words, 'w', 2000);
	words[2000] = '\0';
	leat_channel_set_put_limit(near, 2000);
	leat_channel_printf(near, "%s", words);
	expect_size(leat_channel_room(near), 0);
	expect_settled(leat_channel_flush(near), LEAT_NONE);
	io = leat_flow_read(far);
	outcome(&io);
	expect_size(strlen(got), 2002);
	expect_mem(got + 1, words, 2000);
	leat_channel_printf(near, "%s!", words);
	expect_kind(why(leat_channel_flush(near)), LEAT_LIMIT);
	finish();
}
END_TEST

START_TEST(a_flush_of_a_busy_flow_keeps_what_was_put)
{
	leat_flow_limits limits = { .size = sizeof limits, .high_water_bytes = 4 };
	leat_io *first;

	begin();
	expect_ok(leat_flow_set_limits(leat_channel_flow(near), &limits));
	expect_ok(leat_flow_set_limits(far, &limits));
	leat_channel_put(near, "first", 5);
	first = leat_channel_flush(near);
	world_run(&w);
	leat_channel_put(near, "thi", 3);
	expect_kind(why(leat_channel_flush(near)), LEAT_BUSY);
	leat_channel_put(near, "rd", 2);
	expect_heard("[first]");
	world_run(&w);
	expect_settled(first, LEAT_NONE);
	leat_io_detach(leat_channel_flush(near));
	expect_heard("[third]");
	finish();
}
END_TEST

START_TEST(a_flow_that_ended_fails_the_flush)
{
	begin();
	leat_flow_abort(leat_channel_flow(near));
	leat_channel_put(near, "x", 1);
	expect_kind(why(leat_channel_flush(near)), LEAT_CLOSED);
	expect_gives(leat_channel_line(near, 9), "closed");
	finish();
}
END_TEST

SUITE("channel_put",
	what_is_put_goes_out_together,
	a_put_over_the_limit_fails_the_flush_and_sends_nothing,
	long_words_are_printed_whole,
	a_flush_of_a_busy_flow_keeps_what_was_put,
	a_flow_that_ended_fails_the_flush)

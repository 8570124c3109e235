/* SPDX-License-Identifier: ISC */
/* any - the first success, or the last failure */
#include "support/many.h"
#include "support/suite.h"

START_TEST(it_resolves_with_the_first_success_and_cancels_the_rest)
{
	struct many m;
	leat_io *io;

	many_open(&m);
	io = leat_io_any(m.w.loop, m.ios, 3);
	leat_reject(m.makers[0], leat_error_core(LEAT_RESET));
	world_run(&m.w);
	expect_true(is_pending(io));
	leat_resolve_int(m.makers[2], 2);
	world_run(&m.w);
	tape_expect("x1");
	expect_int(settled_int(io), 2);
	many_close(&m);
}
END_TEST

START_TEST(it_fails_with_the_last_failure)
{
	struct many m;
	leat_io *io;

	many_open(&m);
	io = leat_io_any(m.w.loop, m.ios, 3);
	leat_reject(m.makers[2], leat_error_core(LEAT_RESET));
	leat_reject(m.makers[0], leat_error_core(LEAT_LIMIT));
	world_run(&m.w);
	expect_true(is_pending(io));
	leat_reject(m.makers[1], leat_error_core(LEAT_REFUSED));
	world_run(&m.w);
	expect_settled(io, LEAT_REFUSED);
	many_close(&m);
}
END_TEST

START_TEST(none_is_invalid)
{
	struct world w;

	world_open(&w);
	expect_settled(leat_io_any(w.loop, NULL, 0), LEAT_INVALID);
	world_close(&w);
}
END_TEST

START_TEST(cancelling_it_cancels_each)
{
	struct many m;

	many_open(&m);
	leat_io_cancel(leat_io_any(m.w.loop, m.ios, 3));
	expect_size(strlen(tape_text), strlen("x0 x1 x2"));
	tape_clear();
	many_close(&m);
}
END_TEST

START_TEST(a_second_success_goes_back_to_its_giver)
{
	struct many m;
	leat_io *io;

	many_open(&m);
	io = leat_io_any(m.w.loop, m.ios, 3);
	lender_resolve(m.makers[1], thing("b"));
	lender_resolve(m.makers[0], thing("a"));
	world_run(&m.w);
	ck_assert_ptr_nonnull(strstr(tape_text, "<a"));
	ck_assert_ptr_null(strstr(tape_text, "b"));
	tape_clear();
	expect_ok(settled(io));
	tape_expect(">b ~b");
	many_close(&m);
}
END_TEST

START_TEST(the_winner_goes_back_when_it_is_cancelled_undelivered)
{
	struct many m;
	leat_io *io;

	many_open(&m);
	io = leat_io_any(m.w.loop, m.ios, 3);
	lender_resolve(m.makers[1], thing("b"));
	world_run(&m.w);
	tape_clear();
	leat_io_cancel(io);
	tape_expect("<b");
	many_close(&m);
}
END_TEST

SUITE("any",
	it_resolves_with_the_first_success_and_cancels_the_rest,
	it_fails_with_the_last_failure,
	none_is_invalid,
	cancelling_it_cancels_each,
	a_second_success_goes_back_to_its_giver,
	the_winner_goes_back_when_it_is_cancelled_undelivered)

/* SPDX-License-Identifier: ISC */
/* direct - large records over a transport that can be taken from and put to, which takes
 * and gives as little at once as the test says */
#include "support/hose.h"
#include "tls/party.h"

enum { LARGE = 300000 };

static struct party p;

static struct hose hose;

static void meets(size_t holds, size_t gives)
{
	leat_flow *below[2];

	party_open(&p);
	hose_new(&hose, p.w.loop, below);
	party_meet_over(&p, below, "good.test");
	expect_ok(p.error[CLIENT]);
	expect_ok(p.error[SERVER]);
	hose.holds = holds;
	hose.gives = gives;
}

static void part(void)
{
	party_part(&p);
	hose_free(&hose);
	party_close(&p);
}

static char large[LARGE], got[2 * LARGE];

static void carries(int from, int to, size_t bytes)
{
	leat_io *reading = leat_flow_read_into(p.flow[to], got, bytes, bytes);
	leat_io *writing = leat_flow_write(p.flow[from], large, bytes);

	memset(got, 0, bytes);
	party_run(&p);
	expect_int((int)settled_int(reading), (int)bytes);
	expect_ok(settled(writing));
	expect(memcmp(got, large, bytes) == 0);
}

static void fill_large(void)
{
	for (size_t i = 0; i < LARGE; i++)
		large[i] = (char)(i * 7 + i / 251);
}

static const size_t fits[] = { 7, 5000, 16405, 16406, 16407, 16709, 32812, 65000 };
enum { FITS = sizeof fits / sizeof *fits };

/* Whatever fits into the transport, and however it comes. */
START_TEST(large_records_go_both_ways_in_any_pieces)
{
	const size_t sizes[] = { 16384, 1, 32768, 16385, 49152, 100, 65536, 16383, LARGE };
	size_t holds = fits[_i / FITS], gives = fits[_i % FITS];

	fill_large();
	meets(holds, gives);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		if (hose_least(holds, gives) < 100 && sizes[i] > 40000)
			continue;
		carries(CLIENT, SERVER, sizes[i]);
		carries(SERVER, CLIENT, sizes[i]);
	}
	part();
}
END_TEST

START_TEST(they_go_straight_between_openssls_memory_and_the_transport)
{
	fill_large();
	meets(65000, 65000);
	carries(CLIENT, SERVER, 16384);
	hose.taken = hose.put = 0;
	for (int i = 0; i < 10; i++)
		carries(CLIENT, SERVER, 16384);
	expect_int(hose.put, 10);
	expect_int(hose.taken, 10);
	part();
}
END_TEST

START_TEST(small_ones_do_not)
{
	fill_large();
	meets(65000, 65000);
	hose.taken = hose.put = 0;
	for (int i = 0; i < 10; i++)
		carries(CLIENT, SERVER, 1000);
	expect_int(hose.put, 0);
	expect_int(hose.taken, 0);
	part();
}
END_TEST

START_TEST(several_that_go_out_together_do_so_in_one_piece)
{
	fill_large();
	meets(65000, 65000);
	hose.put = 0;
	carries(CLIENT, SERVER, 3 * 16384);
	expect_int(hose.put, 1);
	part();
}
END_TEST

START_TEST(one_that_is_taken_in_part_goes_on_by_itself)
{
	fill_large();
	meets(20000, 65000);
	hose.partly = 0;
	carries(CLIENT, SERVER, 2 * 16384);
	expect_int(hose.partly, 1);
	part();
}
END_TEST

/* The record that is on its way is heard, then the end. */
START_TEST(the_end_comes_behind_them)
{
	leat_io *closing, *reading;
	leat_result result;

	fill_large();
	meets(16406, 65000);
	carries(CLIENT, SERVER, 16384);
	closing = leat_flow_shutdown(p.flow[CLIENT], LEAT_WRITE);
	party_run(&p);
	expect_ok(settled(closing));
	reading = leat_flow_read(p.flow[SERVER]);
	party_run(&p);
	expect_true(leat_io_try(reading, &result));
	expect_null(leat_result_buf(&result));
	carries(SERVER, CLIENT, 40000);
	part();
}
END_TEST

/* Whatever is still being sent when a flush that began before is done. */
START_TEST(the_goodbye_comes_behind_a_flush_and_what_was_written_since)
{
	static const size_t firsts[] = { 30000, 40000, 50000, 60000 };
	static const size_t seconds[] = { 1000, 20000, 40000, 66000, 80000, 100000, 130000, 200000 };
	size_t first = firsts[_i / 8], second = seconds[_i % 8];
	leat_io *flushed, *shut, *reading;
	leat_result result;
	leat_error error;

	fill_large();
	meets(20000, 20000);
	leat_io_ignore(leat_flow_write(p.flow[CLIENT], large, first));
	party_run(&p);
	flushed = leat_flow_flush(p.flow[CLIENT]);
	leat_io_ignore(leat_flow_write(p.flow[CLIENT], large, second));
	shut = leat_flow_shutdown(p.flow[CLIENT], LEAT_WRITE);
	reading = leat_flow_read_into(p.flow[SERVER], got, first + second, LARGE + LARGE);
	party_run(&p);
	expect_int((int)settled_int(reading), (int)(first + second));
	reading = leat_flow_read(p.flow[SERVER]);
	party_run(&p);
	expect_true(leat_io_try(reading, &result));
	error = leat_result_error(&result);
	expect_ok(error);
	expect_null(leat_result_buf(&result));
	expect_ok(settled(flushed));
	expect_ok(settled(shut));
	part();
}
END_TEST

static void opens(size_t holds)
{
	hose.holds = holds;
	hose.ends[CLIENT]->blocked = false;
	leat_flow_writable(hose.ends[CLIENT]->self);
	party_run(&p);
}

static leat_io *flushes(void)
{
	leat_io *flushed = leat_flow_flush(p.flow[CLIENT]);

	party_run(&p);
	return flushed;
}

/* And not by the answer to an earlier one. */
START_TEST(a_flush_is_done_when_the_transport_has_all)
{
	leat_io *first, *second, *reading;
	leat_result result;

	fill_large();
	meets(HOSE_MOST, HOSE_MOST);
	carries(CLIENT, SERVER, 1);
	hose.holds = 0;
	leat_io_ignore(leat_flow_write(p.flow[CLIENT], large, 1000));
	party_run(&p);
	first = flushes();
	leat_io_ignore(leat_flow_write(p.flow[CLIENT], large, 110000));
	party_run(&p);
	second = flushes();
	opens(HOSE_MOST); /* which is less */
	expect_false(leat_io_try(second, &result));
	reading = leat_flow_read_into(p.flow[SERVER], got, 111000, 111000);
	party_run(&p);
	expect_int((int)settled_int(reading), 111000);
	expect_ok(settled(first));
	expect_ok(settled(second));
	part();
}
END_TEST

START_TEST(a_flush_beside_the_goodbye_is_answered)
{
	leat_flow_limits limits = { .size = sizeof limits, .high_water_bytes = 1 };
	leat_flow *below[2];
	leat_io *flushed, *shut;

	fill_large();
	party_open(&p);
	hose_new(&hose, p.w.loop, below);
	expect_ok(leat_flow_set_limits(below[CLIENT], &limits));
	party_meet_over(&p, below, "good.test");
	carries(CLIENT, SERVER, 1000);
	expect_ok(settled(flushes()));
	hose.holds = 0;
	shut = leat_flow_shutdown(p.flow[CLIENT], LEAT_WRITE);
	party_run(&p);
	flushed = flushes();
	opens(HOSE_MOST);
	expect_ok(settled(shut));
	expect_ok(settled(flushed));
	part();
}
END_TEST

START_TEST(a_cut_in_the_middle_of_one_is_a_reset)
{
	leat_io *reading;

	fill_large();
	meets(16406, 65000);
	carries(CLIENT, SERVER, 16384);
	hose.holds = 10000;
	leat_io_ignore(leat_flow_write(p.flow[CLIENT], large, 16384));
	party_run(&p);
	leat_flow_abort(p.flow[CLIENT]);
	reading = leat_flow_read(p.flow[SERVER]);
	party_run(&p);
	expect_kind(settled(reading), LEAT_RESET);
	part();
}
END_TEST

SUITE("direct", EACH(large_records_go_both_ways_in_any_pieces, FITS * FITS),
	they_go_straight_between_openssls_memory_and_the_transport,
	small_ones_do_not,
	several_that_go_out_together_do_so_in_one_piece,
	one_that_is_taken_in_part_goes_on_by_itself,
	the_end_comes_behind_them,
	EACH(the_goodbye_comes_behind_a_flush_and_what_was_written_since, 32),
	a_flush_is_done_when_the_transport_has_all,
	a_flush_beside_the_goodbye_is_answered,
	a_cut_in_the_middle_of_one_is_a_reset)

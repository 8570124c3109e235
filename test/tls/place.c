/* SPDX-License-Identifier: ISC */
/* place - plaintext never lies where OpenSSL would copy it slowly */
#include <string.h>

#include "support/suite.h"
#include "support/world.h"
#include "tls/tls.h"

enum { PAGE = 4096, NEAR = 128, STEP = 16, BYTES = 16384 };

static struct world w;
static leat_flow *ends[2];
static lt_tls l;
static unsigned char record[PAGE + BYTES + PAGE];

static void begin(void)
{
	world_open(&w);
	leat_flow_pair(w.loop, ends);
	l = (lt_tls){ .self = ends[0] };
	for (size_t i = 0; i < sizeof record; i++)
		record[i] = (unsigned char)(i * 7 + i / 251);
}

static void end(void)
{
	leat_flow_unref(ends[0]);
	leat_flow_unref(ends[1]);
	world_run(&w);
	world_close(&w);
}

static size_t further(const void *to, const void *from)
{
	return ((uintptr_t)to - (uintptr_t)from) % PAGE;
}

START_TEST(what_is_decrypted_lies_well_for_both_records)
{
	begin();
	for (size_t in = 0; in < PAGE; in += STEP)
		for (size_t out = 0; out < 2 * NEAR; out += STEP) {
			leat_buf *buf;

			l.record_in = record + in;
			l.record_out = record + (in + out) % PAGE;
			buf = lt_tls_plaintext_new(&l, BYTES);
			expect_size(leat_buf_size(buf), BYTES);
			ck_assert_uint_ge(further(leat_buf_space(buf), l.record_in), NEAR);
			ck_assert_uint_ge(further(l.record_out, leat_buf_space(buf)), NEAR);
			leat_buf_unref(buf);
		}
	end();
}
END_TEST

START_TEST(what_lies_badly_is_copied_first)
{
	int moved = 0;

	begin();
	for (size_t at = 0; at < PAGE; at += STEP) {
		leat_buf *buf;

		l.record_out = record + at;
		buf = lt_tls_moved(&l, record, BYTES);
		ck_assert(buf || further(l.record_out, record) >= NEAR);
		if (!buf)
			continue;
		moved++;
		expect_size(leat_buf_size(buf), BYTES);
		ck_assert_mem_eq(leat_buf_data(buf), record, BYTES);
		ck_assert_uint_ge(further(leat_buf_data(buf), record), NEAR);
		ck_assert_uint_ge(further(l.record_out, leat_buf_data(buf)), NEAR);
		leat_buf_unref(buf);
	}
	ck_assert_int_ge(moved, NEAR / STEP);
	ck_assert_int_lt(moved, 2 * NEAR / STEP);
	end();
}
END_TEST

START_TEST(a_little_is_left_where_it_is)
{
	begin();
	l.record_out = record;
	ck_assert_ptr_null(lt_tls_moved(&l, record, 1000));
	end();
}
END_TEST

START_TEST(a_copy_is_a_copy_wherever_it_goes)
{
	static unsigned char to[PAGE + BYTES + PAGE];

	begin();
	for (size_t at = 0; at < PAGE; at += 37)
		for (size_t bytes = 0; bytes <= BYTES; bytes += 1021) {
			memset(to, 0, sizeof to);
			lt_tls_copy(to + at, record, bytes);
			ck_assert_mem_eq(to + at, record, bytes);
			ck_assert_int_eq(to[at + bytes], 0);
		}
	end();
}
END_TEST

SUITE("place", what_is_decrypted_lies_well_for_both_records, what_lies_badly_is_copied_first,
	a_little_is_left_where_it_is, a_copy_is_a_copy_wherever_it_goes)

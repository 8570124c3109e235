/* SPDX-License-Identifier: ISC */
/* expect.h - what was got, what was wanted; a failure prints both */
#ifndef TEST_SUPPORT_EXPECT_H
#define TEST_SUPPORT_EXPECT_H

#include <check.h>
#include <string.h>

#include <leat/error.h>

#define expect(condition) ck_assert(condition)
#define expect_true(condition) ck_assert_msg((condition), "%s is false", #condition)
#define expect_false(condition) ck_assert_msg(!(condition), "%s is true", #condition)
#define expect_int(got, wanted) ck_assert_int_eq(got, wanted)
#define expect_size(got, wanted) ck_assert_uint_eq(got, wanted)
#define expect_str(got, wanted) ck_assert_str_eq(got, wanted)
#define expect_ptr(got, wanted) ck_assert_ptr_eq(got, wanted)
#define expect_null(got) ck_assert_ptr_null(got)
#define expect_some(got) ck_assert_ptr_nonnull(got)
#define expect_mem(got, wanted, bytes) ck_assert_mem_eq(got, wanted, bytes)

/* `n` bytes that are the text `wanted`, which ends them. */
#define expect_bytes(got, n, wanted)                            \
	do {                                                    \
		expect_size(n, strlen(wanted));                 \
		if (strlen(wanted) > 0)                         \
			expect_mem(got, wanted, strlen(wanted)); \
	} while (0)

/* An error by its kind; LEAT_NONE: no error. */
#define expect_kind(error, wanted)                                              \
	do {                                                                    \
		leat_error expected_ = (error);                                 \
		ck_assert_msg(leat_error_kind(expected_) == (wanted),           \
			"%s is %s (%s), not %s", #error,                        \
			leat_kind_name(leat_error_kind(expected_)),             \
			expected_.where ? expected_.where : "nowhere",          \
			leat_kind_name(wanted));                                \
	} while (0)
#define expect_ok(error) expect_kind(error, LEAT_NONE)

#endif

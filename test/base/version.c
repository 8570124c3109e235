/* SPDX-License-Identifier: ISC */
/* version - headers, library and configure agree */
#include <leat/version.h>

#include "support/suite.h"

START_TEST(the_library_is_the_one_its_headers_describe)
{
	ck_assert_int_eq(leat_version(), LEAT_VERSION);
}
END_TEST

START_TEST(the_words_are_those_of_configure)
{
	ck_assert_str_eq(leat_version_string(), PACKAGE_VERSION);
}
END_TEST

START_TEST(later_versions_compare_greater)
{
	ck_assert_int_lt(LEAT_VERSION_NUMBER(0, 1, 9), LEAT_VERSION_NUMBER(0, 2, 0));
	ck_assert_int_lt(LEAT_VERSION_NUMBER(0, 99, 99), LEAT_VERSION_NUMBER(1, 0, 0));
}
END_TEST

SUITE("version",
	the_library_is_the_one_its_headers_describe,
	the_words_are_those_of_configure,
	later_versions_compare_greater)

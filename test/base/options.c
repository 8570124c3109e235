/* SPDX-License-Identifier: ISC */
/* options - what the caller filled is taken, as far as both know of it */
#include <leat/options.h>

#include "support/dies.h"
#include "support/suite.h"

/* One struct, in two versions. */
struct older { size_t size; int first; };
struct newer { size_t size; int first, second; };

START_TEST(none_is_all_zero)
{
	struct older own = { .first = 9 };

	leat_options_take(&own, sizeof own, NULL, "older");
	expect_int(own.first, 0);
	expect_size(own.size, sizeof own);
}
END_TEST

START_TEST(what_an_older_one_has_not_is_zero)
{
	struct newer own = { .second = 9 };
	struct older given = { .size = offsetof(struct older, first) + sizeof given.first, .first = 1 };

	leat_options_take(&own, sizeof own, &given, "newer");
	expect_int(own.first, 1);
	expect_int(own.second, 0);
	expect_size(own.size, sizeof own);
}
END_TEST

START_TEST(what_a_newer_one_has_besides_is_left)
{
	struct { struct older own; char guard; } here = { .guard = 7 };
	struct newer given = { .size = sizeof given, .first = 1, .second = 2 };

	leat_options_take(&here.own, sizeof here.own, &given, "older");
	expect_int(here.own.first, 1);
	expect_size(here.own.size, sizeof here.own);
	expect_int(here.guard, 7);
}
END_TEST

static void take_one_without(void)
{
	struct older own, given = { .first = 1 };

	leat_options_take_at(&own, sizeof own, &given, "older", "there.c:7");
}

static void check_one_without(void)
{
	leat_options_check_at(&(struct older){ .first = 1 }, "older", NULL);
}

START_TEST(one_without_a_size_is_named)
{
	leat_options_check(NULL, "older");
	leat_options_check(&(struct older){ .size = 1 }, "older");
	expect_dies(take_one_without, "leat: there.c:7: a older was given whose size is 0: set it to sizeof(older)");
	expect_dies(check_one_without, "leat: a older was given whose size is 0");
}
END_TEST

SUITE("options",
	none_is_all_zero,
	what_an_older_one_has_not_is_zero,
	what_a_newer_one_has_besides_is_left,
	one_without_a_size_is_named)

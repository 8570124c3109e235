/* SPDX-License-Identifier: ISC */
/* error - an error has a kind, a place and words, whoever's domain it is of */
#include <errno.h>
#include <stdio.h>

#include <leat/error.h>

#include "support/expect.h"
#include "support/suite.h"

/* ---- a domain of the user's own ---- */

enum { BREW_TEAPOT = 418, BREW_EMPTY = 1, BREW_MAD = 2 };

static leat_kind brew_kind(int code)
{
	return code == BREW_TEAPOT ? LEAT_UNSUPPORTED : code == BREW_EMPTY ? LEAT_NONE : (leat_kind)4711;
}

static int brew_print(int code, char *out, size_t room)
{
	return snprintf(out, room, "I am a teapot (%d)", code);
}

static const leat_error_domain brew = {
	.size = sizeof(leat_error_domain),
	.name = "brew",
	.kind = brew_kind,
	.print = brew_print,
};

static const char *words_of(leat_error error)
{
	static char words[200];

	expect_int(leat_error_print(error, words, sizeof(words)), (int)strlen(words));
	return words;
}

START_TEST(an_error_is_24_bytes)
{
	expect_size(sizeof(leat_error), 24);
}
END_TEST

START_TEST(zeroes_are_no_error)
{
	leat_error none = { 0 };

	expect_false(leat_error_set(none));
	expect_int(leat_error_kind(none), LEAT_NONE);
	expect_true(leat_error_is(none, LEAT_NONE));
	expect_str(words_of(none), "no error");
}
END_TEST

START_TEST(a_core_error_is_of_its_kind)
{
	leat_kind kind = (leat_kind)_i;
	leat_error error = leat_error_core(kind);

	expect_true(leat_error_set(error));
	expect_int(leat_error_kind(error), kind == LEAT_NONE ? LEAT_OTHER : kind);
	expect_size(strlen(words_of(error)) > 0, 1);
}
END_TEST

START_TEST(an_error_knows_where_it_was_made)
{
	leat_error error = leat_error_core(LEAT_BUSY); /* __LINE__ counts */
	char here[200];

	snprintf(here, sizeof(here), "%s:%d", __FILE__, __LINE__ - 3);
	expect_str(error.where, here);
	expect_some(leat_error_make_at(&leat_core_errors, LEAT_BUSY, NULL).where);
}
END_TEST

START_TEST(a_core_code_that_is_no_kind_is_other)
{
	expect_kind(leat_error_core(LEAT_KINDS), LEAT_OTHER);
	expect_kind(leat_error_core(-1), LEAT_OTHER);
	expect_str(words_of(leat_error_core(-1)), words_of(leat_error_core(LEAT_OTHER)));
}
END_TEST

START_TEST(each_kind_has_a_name_of_its_own)
{
	expect_true(strlen(leat_kind_name((leat_kind)_i)) > 0);
	for (int other = 0; other < _i; other++)
		ck_assert_str_ne(leat_kind_name((leat_kind)other), leat_kind_name((leat_kind)_i));
}
END_TEST

START_TEST(kinds_are_named_by_their_word)
{
	expect_str(leat_kind_name(LEAT_CLOSED), "closed");
	expect_str(leat_kind_name(LEAT_NOMEM), "no memory");
	expect_str(leat_kind_name((leat_kind)-1), "other");
	expect_str(leat_kind_name(LEAT_KINDS), "other");
}
END_TEST

static const struct {
	int code;
	leat_kind kind;
} numbers[] = {
	{ EPIPE, LEAT_CLOSED },
	{ ESHUTDOWN, LEAT_CLOSED },
	{ ENOTCONN, LEAT_CLOSED },
	{ ECONNRESET, LEAT_RESET },
	{ ECONNABORTED, LEAT_RESET },
	{ ECONNREFUSED, LEAT_REFUSED },
	{ ETIMEDOUT, LEAT_TIMEOUT },
	{ EHOSTUNREACH, LEAT_UNREACHABLE },
	{ ENETUNREACH, LEAT_UNREACHABLE },
	{ ENETDOWN, LEAT_UNREACHABLE },
	{ ENOMEM, LEAT_NOMEM },
	{ ENOBUFS, LEAT_NOMEM },
	{ EMFILE, LEAT_LIMIT },
	{ ENFILE, LEAT_LIMIT },
	{ EMSGSIZE, LEAT_LIMIT },
	{ EPROTO, LEAT_PROTOCOL },
	{ EBUSY, LEAT_BUSY },
	{ EINVAL, LEAT_INVALID },
	{ EBADF, LEAT_INVALID },
	{ EADDRNOTAVAIL, LEAT_INVALID },
	{ ENAMETOOLONG, LEAT_INVALID },
	{ ENOSYS, LEAT_UNSUPPORTED },
	{ EOPNOTSUPP, LEAT_UNSUPPORTED },
	{ ENOTSUP, LEAT_UNSUPPORTED },
	{ EAFNOSUPPORT, LEAT_UNSUPPORTED },
	{ EACCES, LEAT_DENIED },
	{ EPERM, LEAT_DENIED },
	{ EADDRINUSE, LEAT_IN_USE },
	{ ENOENT, LEAT_NOT_FOUND },
	{ ECANCELED, LEAT_CANCELLED },
	{ EDEADLK, LEAT_DEADLOCK },
	{ ECHILD, LEAT_OTHER },
	{ 0, LEAT_OTHER },
	{ -1, LEAT_OTHER },
	{ 1 << 30, LEAT_OTHER },
};

enum { NUMBERS = sizeof(numbers) / sizeof(*numbers) };

START_TEST(an_errno_has_the_kind_that_it_means)
{
	expect_kind(leat_error_errno(numbers[_i].code), numbers[_i].kind);
}
END_TEST

START_TEST(an_errno_is_printed_in_the_systems_words)
{
	expect_str(words_of(leat_error_errno(ECONNREFUSED)), "Connection refused");
	expect_some(strstr(words_of(leat_error_errno(1 << 30)), "1073741824"));
}
END_TEST

START_TEST(a_users_domain_gives_kind_and_words)
{
	leat_error error = leat_error_make(&brew, BREW_TEAPOT);

	expect_true(leat_error_is(error, LEAT_UNSUPPORTED));
	expect_false(leat_error_is(error, LEAT_OTHER));
	expect_str(words_of(error), "I am a teapot (418)");
	expect_ptr(error.domain, &brew);
	expect_int(error.code, BREW_TEAPOT);
}
END_TEST

START_TEST(an_error_stays_one_whatever_its_domain_says)
{
	expect_kind(leat_error_make(&brew, BREW_EMPTY), LEAT_OTHER);
	expect_kind(leat_error_make(&brew, BREW_MAD), LEAT_OTHER);
}
END_TEST

START_TEST(a_domain_without_functions_prints_name_and_code)
{
	static const leat_error_domain plain = { .size = sizeof(plain), .name = "plain" };
	leat_error error = leat_error_make(&plain, 7);

	expect_kind(error, LEAT_OTHER);
	expect_str(words_of(error), "plain 7");
}
END_TEST

START_TEST(a_domain_from_before_a_member_was_added_is_not_read_past_its_end)
{
	leat_error_domain old = brew;

	old.size = offsetof(leat_error_domain, print);
	expect_str(words_of(leat_error_make(&old, BREW_TEAPOT)), "brew 418");
	expect_kind(leat_error_make(&old, BREW_TEAPOT), LEAT_UNSUPPORTED);
	old.size = offsetof(leat_error_domain, kind);
	expect_kind(leat_error_make(&old, BREW_TEAPOT), LEAT_OTHER);
}
END_TEST

START_TEST(printing_terminates_in_any_room_and_tells_what_it_needs)
{
	leat_error errors[] = { { 0 }, leat_error_core(LEAT_CLOSED), leat_error_errno(ECONNRESET),
				leat_error_make(&brew, BREW_TEAPOT) };
	char whole[200], part[200];

	for (size_t e = 0; e < sizeof(errors) / sizeof(*errors); e++) {
		int need = leat_error_print(errors[e], whole, sizeof(whole));

		expect_int(leat_error_print(errors[e], NULL, 0), need);
		for (size_t room = 1; room < (size_t)need + 2; room++) {
			memset(part, 'x', sizeof(part));
			expect_int(leat_error_print(errors[e], part, room), need);
			expect_size(strlen(part), room <= (size_t)need ? room - 1 : (size_t)need);
			expect_mem(part, whole, strlen(part));
			expect_int(part[room], 'x');
		}
	}
}
END_TEST

SUITE("error",
	an_error_is_24_bytes,
	zeroes_are_no_error,
	EACH(a_core_error_is_of_its_kind, LEAT_KINDS),
	an_error_knows_where_it_was_made,
	a_core_code_that_is_no_kind_is_other,
	EACH(each_kind_has_a_name_of_its_own, LEAT_KINDS),
	kinds_are_named_by_their_word,
	EACH(an_errno_has_the_kind_that_it_means, NUMBERS),
	an_errno_is_printed_in_the_systems_words,
	a_users_domain_gives_kind_and_words,
	an_error_stays_one_whatever_its_domain_says,
	a_domain_without_functions_prints_name_and_code,
	a_domain_from_before_a_member_was_added_is_not_read_past_its_end,
	printing_terminates_in_any_room_and_tells_what_it_needs)

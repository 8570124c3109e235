/* SPDX-License-Identifier: ISC */
/* addr - what is read is what is written, and nonsense is refused */
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <leat/addr.h>

#include "support/expect.h"
#include "support/suite.h"

static const char *printed(const leat_addr *addr)
{
	static char words[200];

	expect_int(leat_addr_print(addr, words, sizeof words), (int)strlen(words));
	return words;
}

static leat_addr parsed(const char *words)
{
	leat_addr addr;
	leat_error error = leat_addr_parse(words, &addr);

	ck_assert_msg(!leat_error_set(error), "%s was refused", words);
	return addr;
}

static const char *const good[] = {
	"tcp:127.0.0.1:80",
	"tcp:0.0.0.0:0",
	"tcp:255.255.255.255:65535",
	"tcp:[::]:0",
	"tcp:[::1]:80",
	"tcp:[2001:db8::7]:443",
	"tcp:[::ffff:127.0.0.1]:9",
	"tcp:[fe80::1%lo]:80",
	"unix:/run/x",
	"unix:relative",
	"unix:/with a space:and:colons",
	"unix:@abstract",
	"unix:@@",
	"unix:@a%00b%00",
	"unix:@%2500 %2525 %%00 %2%2525 %41 100%",
	"unix:/%00/%25",
	"unix:./@path",
};

START_TEST(what_is_read_is_written_the_same)
{
	leat_addr addr = parsed(good[_i]);
	leat_addr again;

	expect_str(printed(&addr), good[_i]);
	again = parsed(printed(&addr));
	expect_int(leat_addr_compare(&addr, &again), 0);
}
END_TEST

static const char *const bad[] = {
	"", "tcp", "tcp:", "tcp::", "tcp::80", "tcp:127.0.0.1", "tcp:127.0.0.1:", "tcp:127.0.0.1:80x",
	"tcp:127.0.0.1: 80", "tcp:127.0.0.1:+80", "tcp:127.0.0.1:-1", "tcp:127.0.0.1:65536",
	"tcp:127.0.0.1:99999999999999999999", "tcp:127.0.0.1:080", "tcp:127.0.0.1:80:80", "tcp:127.0.0.1.:80",
	"tcp:127.1:80", "tcp:0x7f000001:80", "tcp:256.0.0.1:80", "tcp:localhost:80", "tcp: 127.0.0.1:80",
	"tcp:::1:80", "tcp:[::1]", "tcp:[::1]80", "tcp:[::1]:", "tcp:[::1", "tcp:[]:80", "tcp:[::1]]:80",
	"tcp:[127.0.0.1]:80", "tcp:[::1%]:80", "tcp:[fe80::1%no-such-if]:80", "tcp:[fe80::1%0]:80",
	"tcp:[1:2:3:4:5:6:7:8:9]:80", "TCP:127.0.0.1:80", "udp:127.0.0.1:80", "127.0.0.1:80",
	"unix", "unix:", "unix:@",
	"tcp:[0000000000000000000000000000000000000000000000000000000000000000000000000000001]:80",
};

START_TEST(nonsense_is_invalid)
{
	leat_addr addr = parsed("tcp:127.0.0.1:80");
	leat_error error = leat_addr_parse(bad[_i], &addr);

	ck_assert_msg(leat_error_is(error, LEAT_INVALID), "%s was taken", bad[_i]);
	expect_some(error.where);
	expect_str(printed(&addr), "none");
}
END_TEST

static const struct {
	const char *words;
	int code;
} wrong[] = {
	{ "", LEAT_ADDR_SCHEME }, { "tcp", LEAT_ADDR_SCHEME }, { "udp:127.0.0.1:80", LEAT_ADDR_SCHEME },
	{ "tcp::80", LEAT_ADDR_HOST }, { "tcp:localhost:80", LEAT_ADDR_HOST }, { "tcp:[::1:80", LEAT_ADDR_HOST },
	{ "tcp:[::g]:80", LEAT_ADDR_HOST }, { "tcp:[::g%no-such-if]:80", LEAT_ADDR_HOST },
	{ "tcp:256.0.0.1:99999", LEAT_ADDR_HOST }, { "tcp:[fe80::1%no-such-if]:80", LEAT_ADDR_SCOPE },
	{ "tcp:127.0.0.1", LEAT_ADDR_PORT }, { "tcp:127.0.0.1:080", LEAT_ADDR_PORT },
	{ "tcp:127.0.0.1:65536", LEAT_ADDR_PORT }, { "tcp:[::1]", LEAT_ADDR_PORT }, { "tcp:[::1]80", LEAT_ADDR_PORT },
	{ "unix:", LEAT_ADDR_PATH }, { "unix:@", LEAT_ADDR_PATH },
};

START_TEST(an_error_says_which_part_is_wrong)
{
	leat_addr addr;
	leat_error error = leat_addr_parse(wrong[_i].words, &addr);
	char said[80], again[80];

	expect_ptr(error.domain, &leat_addr_errors);
	ck_assert_msg(error.code == wrong[_i].code, "of %s %d is wrong, not %d", wrong[_i].words, error.code,
		wrong[_i].code);
	expect_kind(error, LEAT_INVALID);
	expect_true(leat_error_print(error, said, sizeof said) < (int)sizeof said);
	leat_error_print(leat_error_core(LEAT_INVALID), again, sizeof again);
	expect_true(strcmp(said, again) != 0);
}
END_TEST

static void name_of(char *words, size_t bytes, char first)
{
	memset(words, 'x', sizeof "unix:" - 1 + bytes);
	memcpy(words, "unix:", 5);
	words[5] = first;
	words[5 + bytes] = '\0';
}

START_TEST(a_path_that_does_not_fit_is_a_limit)
{
	char words[200];
	leat_addr addr;

	name_of(words, _i ? 108 : 107, _i ? '@' : '/');
	expect_ok(leat_addr_parse(words, &addr));
	expect_str(printed(&addr), words);
	name_of(words, _i ? 109 : 108, _i ? '@' : '/');
	expect_kind(leat_addr_parse(words, &addr), LEAT_LIMIT);
	expect_size(addr.bytes, 0);
}
END_TEST

START_TEST(a_scope_may_be_a_number)
{
	char words[64];
	leat_addr by_name = parsed("tcp:[fe80::1%lo]:80"), by_number;

	snprintf(words, sizeof words, "tcp:[fe80::1%%%u]:80", if_nametoindex("lo"));
	by_number = parsed(words);
	expect_int(leat_addr_compare(&by_name, &by_number), 0);
	by_number = parsed("tcp:[fe80::1%4000000000]:80");
	expect_str(printed(&by_number), "tcp:[fe80::1%4000000000]:80");
}
END_TEST

START_TEST(the_port_of_an_address)
{
	leat_addr four = parsed("tcp:127.0.0.1:65535"), six = parsed("tcp:[::1]:7"), path = parsed("unix:/x");
	leat_addr none = { .bytes = 0 };

	expect_int(leat_addr_port(&four), 65535);
	expect_int(leat_addr_port(&six), 7);
	expect_int(leat_addr_port(&path), 0);
	expect_int(leat_addr_port(&none), 0);
}
END_TEST

START_TEST(the_struct_goes_in_and_comes_out)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(99), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	leat_addr addr = leat_addr_from((const struct sockaddr *)&in, sizeof in);

	expect_str(printed(&addr), "tcp:127.0.0.1:99");
	expect_size(addr.bytes, sizeof in);
	expect_mem(leat_addr_sockaddr(&addr), &in, sizeof in);
}
END_TEST

START_TEST(unix_names_are_brought_to_one_form)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/run/x" };
	leat_addr wanted = parsed("unix:/run/x");
	leat_addr whole = leat_addr_from((const struct sockaddr *)&un, sizeof un);
	leat_addr bare = leat_addr_from((const struct sockaddr *)&un, offsetof(struct sockaddr_un, sun_path) + 6);

	expect_int(leat_addr_compare(&whole, &wanted), 0);
	expect_int(leat_addr_compare(&bare, &wanted), 0);
	expect_size(whole.bytes, bare.bytes);
}
END_TEST

START_TEST(a_path_without_an_end_is_taken_whole)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char words[200];
	leat_addr addr;

	memset(un.sun_path, 'y', sizeof un.sun_path);
	addr = leat_addr_from((const struct sockaddr *)&un, sizeof un);
	expect_int(leat_addr_print(&addr, words, sizeof words), 5 + 108);
	expect_int(words[5 + 107], 'y');
}
END_TEST

START_TEST(an_unnamed_end_and_none_have_words)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	leat_addr addr = leat_addr_from((const struct sockaddr *)&un, sizeof un.sun_family);

	expect_str(printed(&addr), "unix:");
	addr = leat_addr_from((const struct sockaddr *)&un, 0);
	expect_str(printed(&addr), "none");
	addr = leat_addr_from((const struct sockaddr *)&un, 4096);
	expect_str(printed(&addr), "none");
}
END_TEST

START_TEST(a_nul_in_an_abstract_name_is_read_again)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "\0a\0b%00" };
	leat_addr addr = leat_addr_from((const struct sockaddr *)&un, offsetof(struct sockaddr_un, sun_path) + 7);
	leat_addr again = parsed("unix:@a%00b%2500");

	expect_str(printed(&addr), "unix:@a%00b%2500");
	expect_int(leat_addr_compare(&addr, &again), 0);
}
END_TEST

START_TEST(the_longest_abstract_name_is_read_again)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	leat_addr addr = leat_addr_from((const struct sockaddr *)&un, sizeof un), again;
	char words[400];

	expect_int(leat_addr_print(&addr, words, sizeof words), (int)strlen("unix:@") + 3 * 107);
	expect_ok(leat_addr_parse(words, &again));
	expect_int(leat_addr_compare(&addr, &again), 0);
	strcat(words, "%00");
	expect_kind(leat_addr_parse(words, &again), LEAT_LIMIT);
}
END_TEST

START_TEST(a_length_that_makes_no_sense_gives_none)
{
	static const struct {
		sa_family_t family;
		size_t least, most;
	} sense[] = {
		{ AF_INET, sizeof(struct sockaddr_in), sizeof(struct sockaddr_storage) },
		{ AF_INET6, sizeof(struct sockaddr_in6), sizeof(struct sockaddr_storage) },
		/* of a path that fills the struct the kernel counts the NUL behind it */
		{ AF_UNIX, sizeof(sa_family_t), sizeof(struct sockaddr_un) + 1 },
	};

	for (size_t i = 0; i < sizeof sense / sizeof *sense; i++) {
		for (size_t bytes = 0; bytes < sizeof(struct sockaddr_storage) + 2; bytes++) {
			unsigned char raw[sizeof(struct sockaddr_storage) + 2];
			struct sockaddr any = { .sa_family = sense[i].family };
			leat_addr addr;

			memset(raw, 'y', sizeof raw);
			memcpy(raw, &any.sa_family, sizeof any.sa_family);
			addr = leat_addr_from((const struct sockaddr *)(const void *)raw, bytes);
			expect_int(addr.bytes > 0, bytes >= sense[i].least && bytes <= sense[i].most);
		}
	}
}
END_TEST

START_TEST(another_family_is_told_by_its_number)
{
	struct sockaddr_storage other = { .ss_family = AF_NETLINK };
	leat_addr addr = leat_addr_from((const struct sockaddr *)&other, 12);

	expect_str(printed(&addr), "family:16");
}
END_TEST

START_TEST(printing_cuts_as_snprintf_does)
{
	leat_addr addr = parsed("tcp:127.0.0.1:80");
	char words[8];

	expect_int(leat_addr_print(&addr, NULL, 0), 16);
	expect_int(leat_addr_print(&addr, words, sizeof words), 16);
	expect_str(words, "tcp:127");
}
END_TEST

START_TEST(addresses_are_in_order)
{
	static const char *const sorted[] = { "unix:/a", "unix:/a/b", "unix:/b", "tcp:9.0.0.1:9", "tcp:10.0.0.1:1",
		"tcp:10.0.0.1:2", "tcp:[::1]:1", "tcp:[::1]:300", "tcp:[fe80::1]:1", "tcp:[fe80::1%lo]:1" };
	enum { N = sizeof sorted / sizeof *sorted };

	for (int i = 0; i < N; i++) {
		for (int j = 0; j < N; j++) {
			leat_addr a = parsed(sorted[i]), b = parsed(sorted[j]);
			int order = leat_addr_compare(&a, &b);

			ck_assert_msg((order > 0) - (order < 0) == (i > j) - (i < j), "%s and %s", sorted[i], sorted[j]);
		}
	}
}
END_TEST

START_TEST(none_is_before_every_address)
{
	leat_addr none = { .bytes = 0 }, also = { .bytes = 0 }, path = parsed("unix:/a");

	memset(also.sockaddr.raw, 0xff, sizeof also.sockaddr.raw);
	expect_int(leat_addr_compare(&none, &also), 0);
	expect_true(leat_addr_compare(&none, &path) < 0);
}
END_TEST

SUITE("addr",
	EACH(what_is_read_is_written_the_same, sizeof good / sizeof *good),
	EACH(nonsense_is_invalid, sizeof bad / sizeof *bad),
	EACH(an_error_says_which_part_is_wrong, sizeof wrong / sizeof *wrong),
	EACH(a_path_that_does_not_fit_is_a_limit, 2),
	a_scope_may_be_a_number,
	the_port_of_an_address,
	the_struct_goes_in_and_comes_out,
	unix_names_are_brought_to_one_form,
	a_path_without_an_end_is_taken_whole,
	an_unnamed_end_and_none_have_words,
	a_nul_in_an_abstract_name_is_read_again,
	the_longest_abstract_name_is_read_again,
	a_length_that_makes_no_sense_gives_none,
	another_family_is_told_by_its_number,
	printing_cuts_as_snprintf_does,
	addresses_are_in_order,
	none_is_before_every_address)

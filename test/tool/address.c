/* SPDX-License-Identifier: ISC */
/* The address of leat(1): what is read, and what is said of what cannot be. */
#include "support/suite.h"

#include "support/expect.h"

#include "../../tool/leat/address.h"

/* What follows takes a pointer into this one. */
static struct address got;
static struct complaint why;

static void end(void)
{
	address_free(&got);
}

#define expect_address(text, role) \
	ck_assert_msg(address_parse((text), (role), &got, &why), "%s: %s", (text), why.words)

static const char *value(size_t part, enum option option)
{
	const struct setting *setting = part_setting(&got.parts[part], option);

	return setting ? setting->value : NULL;
}

START_TEST(tcp_is_a_host_and_a_port)
{
	expect_address("tcp:example.org:443", ROLE_TARGET);
	expect_size(got.count, 1);
	expect_int(address_end(&got)->kind, KIND_TCP);
	expect_str(got.host, "example.org");
	expect_str(got.port, "443");
	end();
}
END_TEST

START_TEST(a_host_of_ipv6_loses_its_brackets)
{
	expect_address("tcp:[fe80::1%eth0]:http", ROLE_TARGET);
	expect_str(got.host, "fe80::1%eth0");
	expect_str(got.port, "http");
	end();
}
END_TEST

START_TEST(to_listen_needs_no_host_and_any_port_will_do)
{
	expect_address("tcp::0", ROLE_LISTEN);
	expect_str(got.host, "");
	expect_str(got.port, "0");
	end();
}
END_TEST

START_TEST(a_path_is_taken_as_it_stands)
{
	expect_address("unix:/a,b:c=%41", ROLE_EITHER);
	expect_str(got.path, "/a,b:c=%41");
	end();
	expect_address("unix:@name", ROLE_LISTEN);
	expect_str(got.path, "@name");
	end();
}
END_TEST

START_TEST(a_path_has_107_bytes_at_most)
{
	char text[5 + 108 + 1] = "unix:";

	memset(text + 5, 'x', 107);
	expect_address(text, ROLE_TARGET);
	end();
	text[5 + 107] = 'x';
	expect_false(address_parse(text, ROLE_TARGET, &got, &why));
	expect_str(why.words, "a socket's path has at most 107 bytes, this one 108");
}
END_TEST

START_TEST(descriptors_are_one_or_two)
{
	expect_address("fd:0,1", ROLE_TARGET);
	expect_int(got.in, 0);
	expect_int(got.out, 1);
	end();
	expect_address("fd:2147483647", ROLE_LISTEN);
	expect_int(got.in, 2147483647);
	expect_int(got.out, 2147483647);
	end();
}
END_TEST

START_TEST(a_command_is_taken_as_it_stands)
{
	expect_address("exec:tr a-z A-Z | sed 's,:,%3a,'", ROLE_TARGET);
	expect_str(got.command, "tr a-z A-Z | sed 's,:,%3a,'");
	end();
}
END_TEST

START_TEST(layers_stand_from_the_outermost_to_the_end)
{
	expect_address("gzip,level=9:tls,verify=no,alpn=h2+http/1.1:tls:tcp:a:1", ROLE_TARGET);
	expect_size(got.count, 4);
	expect_int(got.parts[0].kind, KIND_GZIP);
	expect_int(part_setting(&got.parts[0], OPTION_LEVEL)->number, 9);
	expect_int(got.parts[1].kind, KIND_TLS);
	expect_int(part_setting(&got.parts[1], OPTION_VERIFY)->number, 0);
	expect_str(value(1, OPTION_ALPN), "h2+http/1.1");
	expect_size(got.parts[2].count, 0);
	expect_int(address_end(&got)->kind, KIND_TCP);
	end();
}
END_TEST

START_TEST(a_value_is_decoded)
{
	expect_address("tls,ca=/c%3A/a%2cb%25:tcp:a:1", ROLE_TARGET);
	expect_str(value(0, OPTION_CA), "/c:/a,b%");
	expect_null(value(0, OPTION_CERT));
	end();
}
END_TEST

START_TEST(each_part_knows_its_place)
{
	expect_address("tls,ca=x:tcp:[::1]:80", ROLE_TARGET);
	expect_size(got.parts[0].at.at, 0);
	expect_size(got.parts[0].at.bytes, 3);
	expect_size(part_setting(&got.parts[0], OPTION_CA)->at.at, 7);
	expect_size(got.parts[1].at.at, 9);
	expect_size(got.rest.at, 13);
	expect_size(got.host_at.at, 14);
	expect_size(got.host_at.bytes, 3);
	expect_size(got.port_at.at, 19);
	end();
}
END_TEST

static const struct wrong {
	const char *text;
	enum role role;
	size_t at, bytes;
	const char *words;
} wrongs[] = {
	{ "", ROLE_TARGET, 0, 0, "an address begins with one of tcp, unix, fd, exec, tls, gzip" },
	{ ":", ROLE_TARGET, 0, 0, "an address begins with one of tcp, unix, fd, exec, tls, gzip" },
	{ "tpc:a:1", ROLE_TARGET, 0, 3, "no such kind of address: 'tpc'; there are tcp, unix, fd, exec, tls, gzip" },
	{ "TCP:a:1", ROLE_TARGET, 0, 3, "no such kind of address: 'TCP'; there are tcp, unix, fd, exec, tls, gzip" },
	{ "/run/x", ROLE_TARGET, 0, 6, "no such kind of address: '/run/x'; there are tcp, unix, fd, exec, tls, gzip" },
	{ "tcp", ROLE_TARGET, 3, 0, "after tcp comes ':' and HOST:PORT" },
	{ "tls,verify=no", ROLE_TARGET, 13, 0, "after tls comes ':' and ADDRESS" },
	{ "tls:", ROLE_TARGET, 4, 0, "an address begins with one of tcp, unix, fd, exec, tls, gzip" },
	{ "tcp:", ROLE_TARGET, 4, 0, "tcp needs more: tcp:HOST:PORT" },
	{ "tcp:a", ROLE_TARGET, 5, 0, "tcp needs a port: tcp:HOST:PORT" },
	{ "tcp:a:", ROLE_TARGET, 6, 0, "tcp needs a port: tcp:HOST:PORT" },
	{ "tcp:[::1]", ROLE_TARGET, 9, 0, "tcp needs a port: tcp:HOST:PORT" },
	{ "tcp:[::1]x:1", ROLE_TARGET, 9, 0, "tcp needs a port: tcp:HOST:PORT" },
	{ "tcp:[::1:80", ROLE_TARGET, 4, 1, "this bracket is not closed" },
	{ "tcp:[a]:80", ROLE_TARGET, 4, 3, "only an IPv6 address stands in brackets" },
	{ "tcp:[]:80", ROLE_TARGET, 4, 2, "only an IPv6 address stands in brackets" },
	{ "tcp:::1:80", ROLE_TARGET, 4, 6, "an IPv6 address is written in brackets: tcp:[::1]:80" },
	{ "tcp:a b:80", ROLE_TARGET, 4, 3, "this is no name of a host" },
	{ "tcp:a/b:80", ROLE_TARGET, 4, 3, "this is no name of a host" },
	{ "tcp::80", ROLE_TARGET, 4, 0, "a target needs a host before its port" },
	{ "tcp:a:0", ROLE_TARGET, 6, 1, "port 0 is for listening; a target needs its port" },
	{ "tcp:a:65536", ROLE_LISTEN, 6, 5, "a port is a number from 0 to 65535, without leading zeros" },
	{ "tcp:a:080", ROLE_LISTEN, 6, 3, "a port is a number from 0 to 65535, without leading zeros" },
	{ "tcp:a:99999999999999999999", ROLE_LISTEN, 6, 20, "a port is a number from 0 to 65535, without leading zeros" },
	{ "tcp:a:-1 ", ROLE_LISTEN, 6, 3, "a port is a number, or a service by its name" },
	{ "unix:", ROLE_LISTEN, 5, 0, "unix needs more: unix:PATH" },
	{ "unix:@", ROLE_LISTEN, 5, 1, "the abstract name after '@' is empty" },
	{ "fd:", ROLE_TARGET, 3, 0, "fd needs more: fd:NUMBER" },
	{ "fd:x", ROLE_TARGET, 3, 1, "a descriptor is a number, as in fd:3 or fd:0,1" },
	{ "fd:-1", ROLE_TARGET, 3, 2, "a descriptor is a number, as in fd:3 or fd:0,1" },
	{ "fd:2147483648", ROLE_TARGET, 3, 10, "a descriptor is a number, as in fd:3 or fd:0,1" },
	{ "fd:0,", ROLE_TARGET, 5, 0, "a descriptor is a number, as in fd:3 or fd:0,1" },
	{ "fd:0,1,2", ROLE_TARGET, 6, 2, "fd has one descriptor to read and one to write: fd:IN,OUT" },
	{ "fd:0,1", ROLE_LISTEN, 4, 2, "one listens on one descriptor: fd:N" },
	{ "exec:cat", ROLE_LISTEN, 0, 4, "exec is a target; one cannot listen there" },
	{ "exec:", ROLE_TARGET, 5, 0, "exec needs more: exec:COMMAND" },
	{ "unix,mode=1:/x", ROLE_LISTEN, 5, 4, "unix has no options" },
	{ "tls,cret=x:tcp:a:1", ROLE_TARGET, 4, 4, "tls has no option 'cret'; it has alpn, ca, cert, key, name, verify" },
	{ "tls,:tcp:a:1", ROLE_TARGET, 4, 0, "tls has no option ''; it has alpn, ca, cert, key, name, verify" },
	{ "tls,ca=:tcp:a:1", ROLE_TARGET, 7, 0, "ca= is empty" },
	{ "tls,ca:tcp:a:1", ROLE_TARGET, 4, 2, "ca needs a value: ca=..." },
	{ "tls,ca=x,ca=y:tcp:a:1", ROLE_TARGET, 9, 2, "ca was said before" },
	{ "tls,verify=maybe:tcp:a:1", ROLE_TARGET, 11, 5, "verify is yes or no" },
	{ "tls,name=x:tcp:a:1", ROLE_LISTEN, 4, 4, "name is for a target, not for where one listens" },
	{ "tls:tcp:a:1", ROLE_LISTEN, 0, 3, "to listen, tls needs a certificate: tls,cert=FILE,key=FILE:..." },
	{ "tls,key=k:tcp:a:1", ROLE_TARGET, 8, 1, "a key goes with a certificate: cert=FILE" },
	{ "tls,ca=c,verify=no:tcp:a:1", ROLE_TARGET, 7, 1, "with verify=no nobody asks who signed what" },
	{ "tls,cert=c,ca=c:tcp:a:1", ROLE_LISTEN, 14, 1, "to listen, ca goes with verify=yes: clients need a certificate" },
	{ "gzip,level=0:tcp:a:1", ROLE_TARGET, 11, 1, "level is a number from 1 to 9" },
	{ "gzip,level=:tcp:a:1", ROLE_TARGET, 11, 0, "level is a number from 1 to 9" },
	{ "gzip,level=+5:tcp:a:1", ROLE_TARGET, 11, 2, "level is a number from 1 to 9" },
	{ "tls,ca=a%:tcp:a:1", ROLE_TARGET, 8, 1, "'%' begins two digits, as %3a for a colon and %25 for itself" },
	{ "tls,ca=a%3:tcp:a:1", ROLE_TARGET, 8, 2, "'%' begins two digits, as %3a for a colon and %25 for itself" },
	{ "tls,ca=%zz:tcp:a:1", ROLE_TARGET, 7, 3, "'%' begins two digits, as %3a for a colon and %25 for itself" },
	{ "tls,ca=%00:tcp:a:1", ROLE_TARGET, 7, 3, "'%' begins two digits, as %3a for a colon and %25 for itself" },
	{ "tls:tls:tls:tls:tls:tls:tls:tls:tls:tcp:a:1", ROLE_TARGET, 32, 3, "more than 8 layers" },
};

enum { WRONGS = sizeof wrongs / sizeof *wrongs };

START_TEST(what_is_wrong_is_named_and_pointed_at)
{
	const struct wrong *w = &wrongs[_i];

	ck_assert_msg(!address_parse(w->text, w->role, &got, &why), "%s is taken", w->text);
	expect_str(why.words, w->words);
	expect_ptr(why.text, w->text);
	expect_size(why.place.at, w->at);
	expect_size(why.place.bytes, w->bytes);
}
END_TEST

START_TEST(eight_layers_are_fine)
{
	expect_address("tls:tls:tls:tls:tls:tls:tls:tls:tcp:a:1", ROLE_TARGET);
	expect_size(got.count, ADDRESS_PARTS);
	end();
}
END_TEST

/* ---- the finger ---- */

static void expect_print(const struct complaint *what, const char *wanted)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	complaint_print(what, out);
	fclose(out);
	expect_str(text, wanted);
	free(text);
}

START_TEST(the_finger_stands_under_the_place)
{
	complain(&why, "tls:tpc:a:1", (struct piece){ 4, 3 }, "what is %s?", "tpc");
	expect_print(&why, "leat: what is tpc?\n  tls:tpc:a:1\n      ^~~\n");
}
END_TEST

START_TEST(a_character_of_several_bytes_is_one_column)
{
	complain(&why, "unix:/\xc3\xa4/\xe2\x82\xac/x", (struct piece){ 13, 1 }, "no");
	expect_print(&why, "leat: no\n  unix:/\xc3\xa4/\xe2\x82\xac/x\n            ^\n");
}
END_TEST

START_TEST(what_a_terminal_obeys_is_not_printed)
{
	complain(&why, "a\x1b[2J\n", (struct piece){ 1, 1 }, "no '\x1b'");
	expect_print(&why, "leat: no '?'\n  a?[2J?\n   ^\n");
}
END_TEST

START_TEST(of_a_long_address_the_neighbourhood_is_shown)
{
	char text[1001], wanted[512];

	memset(text, 'x', 1000);
	text[1000] = '\0';
	text[500] = '!';
	complain(&why, text, (struct piece){ 500, 2 }, "no");
	snprintf(wanted, sizeof wanted, "leat: no\n  ...%.48s!%.51s...\n  %51s^~\n", text, text, "");
	expect_print(&why, wanted);
}
END_TEST

SUITE("address", tcp_is_a_host_and_a_port, a_host_of_ipv6_loses_its_brackets,
	to_listen_needs_no_host_and_any_port_will_do, a_path_is_taken_as_it_stands, a_path_has_107_bytes_at_most,
	descriptors_are_one_or_two, a_command_is_taken_as_it_stands, layers_stand_from_the_outermost_to_the_end,
	a_value_is_decoded, each_part_knows_its_place, EACH(what_is_wrong_is_named_and_pointed_at, WRONGS),
	eight_layers_are_fine, the_finger_stands_under_the_place, a_character_of_several_bytes_is_one_column,
	what_a_terminal_obeys_is_not_printed, of_a_long_address_the_neighbourhood_is_shown)

/* SPDX-License-Identifier: ISC */
/* host - whom a client may ask for */
#include "tls/party.h"

static struct party p;

static void begin(void)
{
	party_open(&p);
	party_usual(&p);
}

static void end(void)
{
	party_close(&p);
}

/* Before a byte is sent, and `why` tells. */
static void refuses(const char *host, const char *words)
{
	leat_flow *ends[2];

	leat_flow_pair(p.w.loop, ends);
	party_take(&p, CLIENT, party_client(&p, ends[0], host));
	expect_kind(p.error[CLIENT], LEAT_INVALID);
	expect_str(p.why[CLIENT], words);
	expect_settled(leat_flow_read(ends[1]), LEAT_RESET);
	leat_flow_unref(ends[1]);
}

static void is_no_name(const char *host)
{
	refuses(host, "host: neither a name nor an IP address");
}

static void knows(int i, const char *host)
{
	leat_tls_info info = { .size = sizeof info };

	expect_true(leat_tls_info_get(p.flow[i], &info));
	expect_str(info.host, host);
}

static void asks(const char *host, const char *sent)
{
	party_meet(&p, host);
	ck_assert_msg(!leat_error_set(p.error[CLIENT]), "%s: %s", host, p.why[CLIENT]);
	knows(SERVER, sent);
	party_part(&p);
}

/* A server with a certificate of just that name. */
static void is_a_name(const char *host)
{
	struct cert cert = cert_new(&(struct cert_want){ .name = host, .by = &p.ca });

	leat_tls_unref(p.tls[SERVER]);
	p.tls[SERVER] = tls_of(cert_context(&cert, NULL), (leat_tls_options){ 0 });
	cert_free(&cert);
	asks(host, host);
}

START_TEST(one_must_be_there)
{
	begin();
	refuses(NULL, "host: missing");
	refuses("", "host: missing");
	end();
}
END_TEST

START_TEST(names_of_hosts_are_asked)
{
	begin();
	is_a_name("good.test");
	is_a_name("localhost");
	is_a_name("GOOD.test");
	is_a_name("4.good-2.test");
	is_a_name("_http._tcp.a_b.test");
	is_a_name("xn--bcher-kva.test");
	is_a_name("1and1.x9");
	end();
}
END_TEST

START_TEST(a_dot_may_end_a_name)
{
	begin();
	asks("good.test.", "good.test");
	end();
}
END_TEST

/* OpenSSL would take any name below it. */
START_TEST(no_dot_begins_one)
{
	begin();
	is_no_name(".test");
	is_no_name(".good.test");
	is_no_name(".");
	is_no_name("..");
	is_no_name("good..test");
	is_no_name("good.test..");
	end();
}
END_TEST

START_TEST(what_no_host_is_called_is_refused)
{
	begin();
	is_no_name("*.test");
	is_no_name("good.test\n");
	is_no_name(" good.test");
	is_no_name("good .test");
	is_no_name("good\x01.test");
	is_no_name("good.test\x7f");
	is_no_name("b\xc3\xbc" "cher.test");
	is_no_name("good.test:443");
	is_no_name("user@good.test");
	is_no_name("https://good.test");
	is_no_name("-good.test");
	is_no_name("good-.test");
	is_no_name("good.-");
	end();
}
END_TEST

/* As an address is looked at by some and as a name by others. */
START_TEST(half_an_address_is_refused)
{
	begin();
	is_no_name("127.1");
	is_no_name("2130706433");
	is_no_name("192.0.2.7.1");
	is_no_name("192.0.2.256");
	is_no_name("192.0.2.7:443");
	is_no_name("[2001:db8::7]");
	is_no_name("2001:db8::7%");
	is_no_name("%lo");
	end();
}
END_TEST

/* Where it is sent, it is looked at. */
START_TEST(nor_is_it_asked_where_any_certificate_will_do)
{
	begin();
	leat_tls_unref(p.tls[CLIENT]);
	p.tls[CLIENT] = tls_of(cert_context(NULL, NULL), (leat_tls_options){ .verify = LEAT_TLS_ANY });
	is_no_name(".test");
	is_no_name("good test");
	asks("", "");
	asks(NULL, "");
	end();
}
END_TEST

START_TEST(addresses_are_not_sent)
{
	begin();
	asks("192.0.2.7", "");
	asks("2001:db8::7", "");
	asks("2001:DB8:0::0:7", "");
	asks("2001:db8::7%lo", ""); /* which interface leads there, no certificate knows */
	end();
}
END_TEST

/* Also what is not sent. */
START_TEST(the_client_knows_whom_it_asked)
{
	begin();
	party_meets(&p);
	knows(CLIENT, "good.test");
	party_part(&p);
	party_meet(&p, "good.test.");
	knows(CLIENT, "good.test");
	party_part(&p);
	party_meet(&p, "2001:DB8::7");
	knows(CLIENT, "2001:DB8::7");
	party_part(&p);
	leat_tls_unref(p.tls[CLIENT]);
	p.tls[CLIENT] = tls_of(cert_context(NULL, NULL), (leat_tls_options){ .verify = LEAT_TLS_ANY });
	party_meet(&p, NULL);
	knows(CLIENT, "");
	end();
}
END_TEST

/* Puts so many letters there, a dot behind every so many. */
static const char *name_of(char *name, int bytes, int label)
{
	for (int i = 0; i < bytes; i++)
		name[i] = i % (label + 1) == label ? '.' : 'x';
	name[bytes] = '\0';
	return name;
}

START_TEST(one_may_be_too_long)
{
	char name[600];

	begin();
	is_a_name(name_of(name, 63, 63));
	is_no_name(name_of(name, 64, 64));
	refuses(name_of(name, 254, 63), "host: too long");
	refuses(name_of(name, 599, 63), "host: too long");
	leat_tls_unref(p.tls[CLIENT]);
	p.tls[CLIENT] = tls_of(cert_context(NULL, NULL), (leat_tls_options){ .verify = LEAT_TLS_ANY });
	asks(name_of(name, 253, 63), name);
	end();
}
END_TEST

SUITE("host",
	one_must_be_there,
	names_of_hosts_are_asked,
	a_dot_may_end_a_name,
	no_dot_begins_one,
	what_no_host_is_called_is_refused,
	half_an_address_is_refused,
	nor_is_it_asked_where_any_certificate_will_do,
	addresses_are_not_sent,
	the_client_knows_whom_it_asked,
	one_may_be_too_long)

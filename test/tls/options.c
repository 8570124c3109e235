/* SPDX-License-Identifier: ISC */
/* options - a context made of files, and one with something wrong */
#include <stdio.h>

#include "support/dies.h"
#include "tls/party.h"

static struct party p;
static char folder[] = "/tmp/leat-tls-XXXXXX";
static char cert_pem[64], key_pem[64], ca_pem[64], junk_pem[64];

static void write_pem(const char *path, const struct cert *cert, bool key)
{
	FILE *f = fopen(path, "w");

	expect_some(f);
	if (key)
		PEM_write_PrivateKey(f, cert->key, NULL, NULL, 0, NULL, NULL);
	else
		PEM_write_X509(f, cert->cert);
	fclose(f);
}

static void begin(void)
{
	FILE *junk;

	party_open(&p);
	strcpy(folder, "/tmp/leat-tls-XXXXXX");
	expect_some(mkdtemp(folder));
	snprintf(cert_pem, sizeof cert_pem, "%s/cert.pem", folder);
	snprintf(key_pem, sizeof key_pem, "%s/key.pem", folder);
	snprintf(ca_pem, sizeof ca_pem, "%s/ca.pem", folder);
	snprintf(junk_pem, sizeof junk_pem, "%s/junk.pem", folder);
	write_pem(cert_pem, &p.good, false);
	write_pem(key_pem, &p.good, true);
	write_pem(ca_pem, &p.ca, false);
	junk = fopen(junk_pem, "w");
	fputs("this is no certificate\n", junk);
	fclose(junk);
}

static void end(void)
{
	remove(cert_pem);
	remove(key_pem);
	remove(ca_pem);
	remove(junk_pem);
	remove(folder);
	party_close(&p);
}

#define OPTIONS(...) (&(leat_tls_options){ .size = sizeof(leat_tls_options), __VA_ARGS__ })

START_TEST(files_will_do)
{
	leat_tls_info info = { .size = sizeof info };

	begin();
	p.tls[SERVER] = leat_tls_new(OPTIONS(.cert_file = cert_pem, .key_file = key_pem, .alpn = "echo,http/1.1"));
	p.tls[CLIENT] = leat_tls_new(OPTIONS(.ca_file = ca_pem, .alpn = "http/1.1,echo"));
	for (int i = 0; i < 2; i++)
		expect_ok(leat_tls_error(p.tls[i], NULL));
	party_meets(&p);
	party_talk(&p);
	expect_true(leat_tls_info_get(p.flow[CLIENT], &info));
	expect_str(info.alpn, "echo"); /* the server's choice */
	end();
}
END_TEST

/* Of TLS 1.2 OpenSSL keeps it in the session, where the server said that it knows it. */
START_TEST(a_server_knows_the_name_of_a_resumed_connection)
{
	SSL_CTX *context;
	leat_tls_info info = { .size = sizeof info };

	begin();
	context = cert_context(NULL, &p.ca);
	SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
	p.tls[CLIENT] = tls_of(context, (leat_tls_options){ 0 });
	p.tls[SERVER] = leat_tls_new(OPTIONS(.cert_file = cert_pem, .key_file = key_pem));
	party_meets(&p);
	p.session = leat_tls_session_get(p.flow[CLIENT]);
	party_part(&p);
	party_meets(&p);
	for (int i = 0; i < 2; i++) {
		expect_true(leat_tls_info_get(p.flow[i], &info));
		expect_true(info.resumed);
		expect_str(info.host, "good.test");
	}
	end();
}
END_TEST

START_TEST(no_protocol_in_common_is_refused)
{
	begin();
	p.tls[SERVER] = leat_tls_new(OPTIONS(.cert_file = cert_pem, .key_file = key_pem, .alpn = "echo"));
	p.tls[CLIENT] = leat_tls_new(OPTIONS(.ca_file = ca_pem, .alpn = "h2"));
	party_meet(&p, "good.test");
	expect_kind(p.error[SERVER], LEAT_PROTOCOL);
	expect_kind(p.error[CLIENT], LEAT_PROTOCOL);
	end();
}
END_TEST

START_TEST(whom_nobody_is_told_to_trust_nobody_trusts)
{
	begin();
	p.tls[CLIENT] = leat_tls_new(NULL);
	party_meet(&p, "good.test");
	expect_kind(p.error[CLIENT], LEAT_DENIED);
	end();
}
END_TEST

START_TEST(an_old_version_is_refused)
{
	SSL_CTX *context;

	begin();
	context = cert_context(NULL, &p.ca);
	SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
	p.tls[CLIENT] = tls_of(context, (leat_tls_options){ 0 });
	p.tls[SERVER] = leat_tls_new(OPTIONS(.cert_file = cert_pem, .key_file = key_pem, .min_version = 0x0304));
	party_meet(&p, "good.test");
	expect_kind(p.error[SERVER], LEAT_PROTOCOL);
	expect_kind(p.error[CLIENT], LEAT_PROTOCOL);
	end();
}
END_TEST

/* Takes the context. */
static void is_wrong(leat_tls *tls, leat_kind kind, const char *name)
{
	const char *option;
	leat_flow *ends[2];
	leat_tls_peer peer = { .size = sizeof peer, .host = "good.test" };

	expect_int((int)ERR_peek_error(), 0);
	expect_kind(leat_tls_error(tls, &option), kind);
	ck_assert_msg(option && strcmp(option, name) == 0, "%s is wrong, not %s", option ? option : "nothing", name);
	leat_flow_pair(p.w.loop, ends);
	expect_settled(leat_tls_client(ends[0], tls, &peer), kind);
	expect_settled(leat_tls_server(ends[1], tls, NULL), kind);
	expect_size(world_stats(&p.w).flows_live, 0);
	leat_tls_unref(tls);
}

START_TEST(what_is_wrong_is_named)
{
	begin();
	is_wrong(leat_tls_new(OPTIONS(.cert_file = "/nowhere/x.pem")), LEAT_NOT_FOUND, "cert_file");
	is_wrong(leat_tls_new(OPTIONS(.cert_file = junk_pem)), LEAT_INVALID, "cert_file");
	is_wrong(leat_tls_new(OPTIONS(.cert_file = cert_pem, .key_file = "/nowhere/x.pem")), LEAT_NOT_FOUND, "key_file");
	is_wrong(leat_tls_new(OPTIONS(.cert_file = cert_pem, .key_file = junk_pem)), LEAT_INVALID, "key_file");
	is_wrong(leat_tls_new(OPTIONS(.cert_file = ca_pem, .key_file = key_pem)), LEAT_INVALID, "key_file");
	is_wrong(leat_tls_new(OPTIONS(.key_file = key_pem)), LEAT_INVALID, "key_file");
	is_wrong(leat_tls_new(OPTIONS(.ca_file = "/nowhere/x.pem")), LEAT_NOT_FOUND, "ca_file");
	is_wrong(leat_tls_new(OPTIONS(.ca_file = junk_pem)), LEAT_INVALID, "ca_file");
	is_wrong(leat_tls_new(OPTIONS(.alpn = "")), LEAT_INVALID, "alpn");
	is_wrong(leat_tls_new(OPTIONS(.alpn = "h2,")), LEAT_INVALID, "alpn");
	is_wrong(leat_tls_new(OPTIONS(.alpn = "h2,,x")), LEAT_INVALID, "alpn");
	is_wrong(leat_tls_new(OPTIONS(.alpn = "h2, x")), LEAT_INVALID, "alpn");
	is_wrong(leat_tls_new(OPTIONS(.min_version = 0x0301)), LEAT_INVALID, "min_version");
	is_wrong(leat_tls_new(OPTIONS(.min_version = 77777)), LEAT_INVALID, "min_version");
	is_wrong(leat_tls_new(OPTIONS(.verify = (leat_tls_verify)9)), LEAT_INVALID, "verify");
	end();
}
END_TEST

/* As leat_error_print says it. */
static void is_told(leat_tls *tls, const char *name, const char *words)
{
	char said[160];

	leat_error_print(leat_tls_error(tls, NULL), said, sizeof said);
	expect_str(said, words);
	is_wrong(tls, LEAT_INVALID, name);
}

START_TEST(what_a_file_lacks_is_told)
{
	begin();
	is_told(leat_tls_new(OPTIONS(.cert_file = junk_pem)), "cert_file", "TLS: no certificate in PEM");
	is_told(leat_tls_new(OPTIONS(.cert_file = key_pem)), "cert_file", "TLS: no certificate in PEM");
	is_told(leat_tls_new(OPTIONS(.cert_file = cert_pem)), "cert_file", "TLS: no key that can be read");
	is_told(leat_tls_new(OPTIONS(.cert_file = cert_pem, .key_file = junk_pem)), "key_file", "TLS: no key that can be read");
	end();
}
END_TEST

/* Nobody is asked at the terminal. */
START_TEST(a_key_with_a_passphrase_is_refused)
{
	FILE *f;

	begin();
	f = fopen(junk_pem, "w");
	PEM_write_PKCS8PrivateKey(f, p.good.key, EVP_aes_128_cbc(), "open", 4, NULL, NULL);
	fclose(f);
	is_told(leat_tls_new(OPTIONS(.cert_file = cert_pem, .key_file = junk_pem)), "key_file", "TLS: the key has a passphrase");
	end();
}
END_TEST

START_TEST(a_folder_is_no_file_and_the_reverse)
{
	begin();
	is_wrong(leat_tls_new(OPTIONS(.cert_file = folder)), LEAT_INVALID, "cert_file");
	is_wrong(leat_tls_new(OPTIONS(.cert_file = cert_pem, .key_file = folder)), LEAT_INVALID, "key_file");
	is_wrong(leat_tls_new(OPTIONS(.ca_file = folder)), LEAT_INVALID, "ca_file");
	is_wrong(leat_tls_new(OPTIONS(.ca_folder = ca_pem)), LEAT_INVALID, "ca_folder");
	is_wrong(leat_tls_new(OPTIONS(.ca_folder = "/nowhere")), LEAT_NOT_FOUND, "ca_folder");
	p.tls[CLIENT] = leat_tls_new(OPTIONS(.ca_folder = folder));
	expect_ok(leat_tls_error(p.tls[CLIENT], NULL));
	end();
}
END_TEST

START_TEST(a_context_of_yours_takes_no_files)
{
	begin();
	is_wrong(tls_of(cert_context(NULL, NULL), (leat_tls_options){ .cert_file = cert_pem }), LEAT_INVALID, "cert_file");
	is_wrong(tls_of(cert_context(NULL, NULL), (leat_tls_options){ .ca_file = ca_pem }), LEAT_INVALID, "ca_file");
	is_wrong(tls_of(cert_context(NULL, NULL), (leat_tls_options){ .min_version = 0x0303 }), LEAT_INVALID, "min_version");
	end();
}
END_TEST

/* Before a client comes; one of the user's contexts may have another way to get one. */
START_TEST(a_server_must_have_a_certificate)
{
	leat_flow *ends[2];

	begin();
	p.tls[SERVER] = leat_tls_new(OPTIONS(.ca_file = ca_pem));
	expect_ok(leat_tls_error(p.tls[SERVER], NULL));
	leat_flow_pair(p.w.loop, ends);
	party_take(&p, SERVER, party_server(&p, ends[1]));
	expect_kind(p.error[SERVER], LEAT_INVALID);
	expect_str(p.why[SERVER], "cert_file: missing");
	leat_flow_unref(ends[0]);
	leat_tls_unref(p.tls[SERVER]);
	p.tls[SERVER] = tls_of(cert_context(NULL, NULL), (leat_tls_options){ 0 });
	party_meet(&p, "good.test");
	expect_kind(p.error[SERVER], LEAT_PROTOCOL);
	end();
}
END_TEST

static void take_options(void) { leat_tls_unref(leat_tls_new(&(leat_tls_options){ .verify = LEAT_TLS_CHAIN })); }

static void take_peer(void)
{
	leat_tls *tls = leat_tls_new(NULL);
	leat_flow *ends[2];

	leat_flow_pair(p.w.loop, ends);
	leat_io_ignore(leat_tls_client(ends[0], tls, &(leat_tls_peer){ .host = "good.test" }));
}

static void give_info(void)
{
	leat_flow *ends[2];

	leat_flow_pair(p.w.loop, ends);
	leat_tls_info_get(ends[0], &(leat_tls_info){ .version = NULL });
}

START_TEST(a_struct_without_its_size_is_named)
{
	begin();
	expect_dies(take_options, "a leat_tls_options was given whose size is 0");
	expect_dies(take_peer, "options.c:", "a leat_tls_peer was given whose size is 0");
	expect_dies(give_info, "a leat_tls_info was given whose size is 0");
	end();
}
END_TEST

/* As one of an older program's. */
START_TEST(a_short_struct_is_not_overread)
{
	leat_tls_options options = { .size = offsetof(leat_tls_options, alpn), .alpn = "" };

	begin();
	p.tls[CLIENT] = leat_tls_new(&options);
	expect_ok(leat_tls_error(p.tls[CLIENT], NULL));
	end();
}
END_TEST

SUITE("options",
	files_will_do,
	a_server_knows_the_name_of_a_resumed_connection,
	no_protocol_in_common_is_refused,
	whom_nobody_is_told_to_trust_nobody_trusts,
	an_old_version_is_refused,
	what_is_wrong_is_named,
	what_a_file_lacks_is_told,
	a_key_with_a_passphrase_is_refused,
	a_folder_is_no_file_and_the_reverse,
	a_context_of_yours_takes_no_files,
	a_server_must_have_a_certificate,
	a_struct_without_its_size_is_named,
	a_short_struct_is_not_overread)

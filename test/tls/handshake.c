/* SPDX-License-Identifier: ISC */
/* handshake - who is let in, and what those hear who are not */
#include "tls/party.h"

static struct party p;

static void begin(void)
{
	party_open(&p);
}

static void end(void)
{
	party_close(&p);
}

/* The server shows that one. */
static void shows(struct cert *cert)
{
	p.tls[SERVER] = tls_of(cert_context(cert, NULL), (leat_tls_options){ 0 });
	cert_free(cert);
}

static void refuses(int code, const char *words)
{
	expect_null(p.flow[CLIENT]);
	expect_kind(p.error[CLIENT], LEAT_DENIED);
	expect_ptr(p.error[CLIENT].domain, &leat_tls_verify_errors);
	expect_int(p.error[CLIENT].code & 0xffff, code);
	ck_assert_msg(strstr(p.why[CLIENT], words) != NULL, "\"%s\" is not in \"%s\"", words, p.why[CLIENT]);
}

START_TEST(a_good_certificate_is_let_in)
{
	begin();
	party_meets(&p);
	party_talk(&p);
	end();
}
END_TEST

START_TEST(addresses_are_names_too)
{
	begin();
	party_meet(&p, "192.0.2.7");
	expect_ok(p.error[CLIENT]);
	party_part(&p);
	party_meet(&p, "2001:db8::7");
	expect_ok(p.error[CLIENT]);
	party_part(&p);
	party_meet(&p, "192.0.2.8");
	refuses(X509_V_ERR_IP_ADDRESS_MISMATCH, "good.test");
	end();
}
END_TEST

START_TEST(a_wrong_name_is_refused)
{
	begin();
	party_meet(&p, "bad.test");
	refuses(X509_V_ERR_HOSTNAME_MISMATCH, "good.test");
	expect_kind(p.error[SERVER], LEAT_DENIED); /* it was told */
	end();
}
END_TEST

START_TEST(an_expired_certificate_is_refused)
{
	struct cert old;

	begin();
	old = cert_new(&(struct cert_want){ .name = "good.test", .by = &p.ca, .from_s = -7200, .until_s = -3600 });
	shows(&old);
	party_meet(&p, "good.test");
	refuses(X509_V_ERR_CERT_HAS_EXPIRED, "expired");
	expect_kind(p.error[SERVER], LEAT_DENIED);
	end();
}
END_TEST

START_TEST(one_that_is_not_valid_yet_is_refused)
{
	struct cert young;

	begin();
	young = cert_new(&(struct cert_want){ .name = "good.test", .by = &p.ca, .from_s = 3600, .until_s = 7200 });
	shows(&young);
	party_meet(&p, "good.test");
	refuses(X509_V_ERR_CERT_NOT_YET_VALID, "not yet valid");
	end();
}
END_TEST

START_TEST(one_that_has_signed_itself_is_refused)
{
	struct cert self;

	begin();
	self = cert_new(&(struct cert_want){ .name = "good.test" });
	shows(&self);
	party_meet(&p, "good.test");
	refuses(X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "self");
	end();
}
END_TEST

START_TEST(the_place_in_the_chain_is_told)
{
	leat_error error = leat_error_make(&leat_tls_verify_errors, 2 << 16 | X509_V_ERR_CERT_HAS_EXPIRED);
	char text[128];

	leat_error_print(error, text, sizeof text);
	expect_str(text, "certificate 2 above the peer's: certificate has expired");
	error.code = X509_V_ERR_CERT_HAS_EXPIRED;
	leat_error_print(error, text, sizeof text);
	expect_str(text, "the peer's certificate: certificate has expired");
}
END_TEST

START_TEST(any_certificate_is_let_in_where_that_is_asked)
{
	struct cert self = cert_new(&(struct cert_want){ .name = "other.test" });
	leat_tls_info info = { .size = sizeof info };
	char why[128];

	begin();
	shows(&self);
	p.tls[CLIENT] = tls_of(cert_context(NULL, NULL), (leat_tls_options){ .verify = LEAT_TLS_ANY });
	party_meet(&p, NULL);
	expect_ok(p.error[CLIENT]);
	party_talk(&p);
	expect_true(leat_tls_info_get(p.flow[CLIENT], &info));
	expect_false(info.verified);
	expect_some(info.certificate);
	leat_tls_why(p.flow[CLIENT], why, sizeof why);
	expect_some(strstr(why, "self"));
	end();
}
END_TEST

/* Let pass, and told: also where the session was made for a name that fits. */
START_TEST(then_a_wrong_name_is_told)
{
	leat_tls_info info = { .size = sizeof info };
	static const char *const hosts[] = { "good.test", "bad.test", "good.test", "192.0.2.9", NULL };
	char why[128];

	begin();
	p.tls[CLIENT] = tls_of(cert_context(NULL, &p.ca), (leat_tls_options){ .verify = LEAT_TLS_ANY });
	party_meet(&p, "bad.test");
	expect_ok(p.error[CLIENT]);
	expect_true(leat_tls_info_get(p.flow[CLIENT], &info));
	expect_false(info.verified);
	leat_tls_why(p.flow[CLIENT], why, sizeof why);
	expect_str(why, "the peer's certificate: hostname mismatch");
	party_part(&p);
	for (int i = 0; i < 5; i++) {
		bool fits = i % 2 == 0;

		party_meet(&p, hosts[i]);
		expect_ok(p.error[CLIENT]);
		party_talk(&p);
		expect_true(leat_tls_info_get(p.flow[CLIENT], &info));
		expect(info.resumed == (i > 0));
		expect(info.verified == fits);
		leat_tls_why(p.flow[CLIENT], why, sizeof why);
		expect(strstr(why, "mismatch") ? !fits : fits);
		leat_tls_session_free(p.session);
		p.session = leat_tls_session_get(p.flow[CLIENT]);
		party_part(&p);
	}
	end();
}
END_TEST

START_TEST(a_chain_is_enough_where_that_is_asked)
{
	begin();
	p.tls[CLIENT] = tls_of(cert_context(NULL, &p.ca), (leat_tls_options){ .verify = LEAT_TLS_CHAIN });
	party_meet(&p, NULL);
	expect_ok(p.error[CLIENT]);
	end();
}
END_TEST

START_TEST(a_client_that_verifies_must_know_whom)
{
	leat_flow *ends[2];

	begin();
	party_usual(&p);
	leat_flow_pair(p.w.loop, ends);
	expect_settled(leat_tls_client(ends[0], p.tls[CLIENT], NULL), LEAT_INVALID);
	expect_int((int)world_stats(&p.w).flows_live, 1);
	leat_flow_unref(ends[1]);
	end();
}
END_TEST

/* ---- clients ---- */

static void with_client(const struct cert *shown)
{
	p.tls[CLIENT] = tls_of(cert_context(shown, &p.ca), (leat_tls_options){ 0 });
	p.tls[SERVER] = tls_of(cert_context(&p.good, &p.ca), (leat_tls_options){ .verify = LEAT_TLS_CHAIN });
}

START_TEST(a_client_may_have_to_show_a_certificate)
{
	leat_tls_info info = { .size = sizeof info };
	struct cert mine;

	begin();
	mine = cert_new(&(struct cert_want){ .name = "client.test", .by = &p.ca });
	with_client(&mine);
	party_meets(&p);
	party_talk(&p);
	expect_true(leat_tls_info_get(p.flow[SERVER], &info));
	expect_true(info.verified);
	expect_some(info.certificate);
	cert_free(&mine);
	end();
}
END_TEST

/* TLS 1.3: the client is done before it hears. */
START_TEST(one_that_has_none_is_refused_and_told)
{
	begin();
	with_client(NULL);
	party_meet(&p, "good.test");
	expect_kind(p.error[SERVER], LEAT_DENIED);
	expect_some(p.flow[CLIENT]);
	expect_int(tls_ends(&p, CLIENT), LEAT_DENIED);
	end();
}
END_TEST

START_TEST(one_that_nobody_signed_is_refused)
{
	struct cert self = cert_new(&(struct cert_want){ .name = "client.test" });

	begin();
	with_client(&self);
	party_meet(&p, "good.test");
	expect_kind(p.error[SERVER], LEAT_DENIED);
	expect_some(strstr(p.why[SERVER], "client.test"));
	cert_free(&self);
	end();
}
END_TEST

/* Of two servers with one SSL_CTX the one asks for no more than any certificate, or none. */
START_TEST(a_session_does_not_stand_for_a_clients_certificate)
{
	SSL_CTX *context;

	begin();
	context = cert_context(&p.good, &p.ca);
	SSL_CTX_set_session_id_context(context, (const unsigned char *)"x", 1);
	SSL_CTX_up_ref(context);
	p.tls[SERVER] = tls_of(context, (leat_tls_options){ .verify = LEAT_TLS_ANY });
	party_meets(&p);
	party_talk(&p);
	p.session = leat_tls_session_get(p.flow[CLIENT]);
	party_part(&p);
	leat_tls_unref(p.tls[SERVER]);
	p.tls[SERVER] = tls_of(context, (leat_tls_options){ .verify = LEAT_TLS_CHAIN });
	party_meet(&p, "good.test");
	expect_kind(p.error[SERVER], LEAT_DENIED);
	end();
}
END_TEST

/* ---- what does not speak TLS ---- */

static leat_io *server_alone(leat_flow **far)
{
	leat_flow *ends[2];

	party_usual(&p);
	leat_flow_pair(p.w.loop, ends);
	*far = ends[0];
	return party_server(&p, ends[1]);
}

START_TEST(a_client_that_speaks_no_tls_is_refused)
{
	leat_flow *far;
	leat_io *io;

	begin();
	io = server_alone(&far);
	leat_io_detach(leat_flow_write(far, "GET / HTTP/1.0\r\n\r\n", 18));
	party_run(&p);
	expect_settled(io, LEAT_PROTOCOL);
	expect(p.why[SERVER][0] != 0);
	leat_flow_unref(far);
	end();
}
END_TEST

START_TEST(one_that_stops_half_way_runs_out_of_time)
{
	leat_flow *far;
	leat_io *io;

	begin();
	io = server_alone(&far);
	leat_io_detach(leat_flow_write(far, "\x16\x03\x01\x00", 4));
	party_pass(&p, 29999);
	expect_size(world_stats(&p.w).flows_live, 3);
	party_pass(&p, 2);
	expect_settled(io, LEAT_TIMEOUT);
	expect_str(p.why[SERVER], "time ran out");
	expect_size(world_stats(&p.w).flows_live, 1);
	leat_flow_unref(far);
	end();
}
END_TEST

START_TEST(the_deadline_can_be_set)
{
	leat_flow *far;
	leat_io *io;

	begin();
	p.tls[SERVER] = tls_of(cert_context(&p.good, NULL), (leat_tls_options){ .handshake_ms = 50 });
	io = server_alone(&far);
	party_pass(&p, 51);
	expect_settled(io, LEAT_TIMEOUT);
	leat_flow_unref(far);
	end();
}
END_TEST

START_TEST(one_that_goes_half_way_is_truncated)
{
	leat_flow *far;
	leat_io *io;

	begin();
	io = server_alone(&far);
	leat_io_detach(leat_flow_write(far, "\x16\x03\x01", 3));
	leat_io_detach(leat_flow_shutdown(far, LEAT_WRITE));
	party_run(&p);
	expect_settled(io, LEAT_TRUNCATED);
	leat_flow_unref(far);
	end();
}
END_TEST

START_TEST(one_that_is_cut_half_way_is_reset)
{
	leat_flow *far;
	leat_io *io;

	begin();
	io = server_alone(&far);
	party_run(&p);
	leat_flow_abort(far);
	party_run(&p);
	expect_settled(io, LEAT_RESET);
	leat_flow_unref(far);
	end();
}
END_TEST

/* It cannot be told anything. */
START_TEST(one_whose_writing_is_shut_shakes_no_hands)
{
	begin();
	party_usual(&p);
	for (int i = 0; i < 2; i++) {
		leat_flow *ends[2];
		leat_io *io;

		leat_flow_pair(p.w.loop, ends);
		leat_io_ignore(leat_flow_shutdown(ends[0], LEAT_WRITE));
		io = i == CLIENT ? party_client(&p, ends[0], "good.test") : party_server(&p, ends[0]);
		party_run(&p);
		expect_settled(io, LEAT_CLOSED);
		leat_flow_unref(ends[1]);
	}
	end();
}
END_TEST

/* ---- the handles ---- */

START_TEST(the_flow_is_taken)
{
	leat_flow *ends[2], *mine;

	begin();
	leat_flow_pair(p.w.loop, ends);
	mine = leat_flow_ref(ends[0]);
	party_meet_over(&p, ends, "good.test");
	expect_settled(leat_flow_read(mine), LEAT_CLOSED);
	leat_flow_unref(mine);
	party_talk(&p);
	end();
}
END_TEST

START_TEST(one_that_is_being_read_is_busy)
{
	leat_flow *ends[2];
	leat_io *reading, *io;

	begin();
	party_usual(&p);
	leat_flow_pair(p.w.loop, ends);
	reading = leat_flow_read(ends[0]);
	io = party_client(&p, ends[0], "good.test");
	party_run(&p);
	expect_settled(io, LEAT_BUSY);
	expect_settled(reading, LEAT_CLOSED);
	leat_flow_unref(ends[1]);
	end();
}
END_TEST

START_TEST(dropping_the_handshake_frees_all)
{
	leat_flow *far;
	leat_io *io;

	begin();
	io = server_alone(&far);
	party_run(&p);
	leat_io_cancel(io);
	expect_size(world_stats(&p.w).flows_live, 1);
	leat_flow_unref(far);
	end();
}
END_TEST

static leat_io *dropped;

static int drop_it(int ok, X509_STORE_CTX *store)
{
	leat_io *io = dropped;

	(void)store;
	dropped = NULL; /* it is called for each certificate */
	leat_io_cancel(io);
	return ok;
}

/* The user's callback runs inside OpenSSL. */
START_TEST(it_may_be_dropped_inside_a_verify_callback)
{
	SSL_CTX *context;
	leat_flow *ends[2];
	leat_io *server;

	begin();
	context = cert_context(NULL, &p.ca);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, drop_it);
	p.tls[CLIENT] = tls_of(context, (leat_tls_options){ 0 });
	party_usual(&p);
	leat_flow_pair(p.w.loop, ends);
	dropped = party_client(&p, ends[0], "good.test");
	server = party_server(&p, ends[1]);
	party_run(&p);
	expect_true(leat_error_set(settled(server)));
	end();
}
END_TEST

/* ---- what was agreed ---- */

START_TEST(what_was_agreed_can_be_asked)
{
	leat_tls_info info = { .size = sizeof info };

	begin();
	party_meets(&p);
	expect_true(leat_tls_info_get(p.flow[CLIENT], &info));
	expect_str(info.version, "TLSv1.3");
	expect_some(strstr(info.cipher, "TLS_"));
	expect_str(info.alpn, "");
	expect_true(info.verified);
	expect_false(info.resumed);
	expect_some(info.certificate);
	expect_some(leat_tls_ssl(p.flow[CLIENT]));
	info = (leat_tls_info){ .size = sizeof info };
	expect_true(leat_tls_info_get(p.flow[SERVER], &info));
	expect_str(info.host, "good.test");
	expect_null(info.certificate);
	leat_flow_abort(p.flow[SERVER]);
	expect_false(leat_tls_info_get(p.flow[SERVER], &info));
	expect_null(leat_tls_ssl(p.flow[SERVER]));
	end();
}
END_TEST

START_TEST(a_short_info_is_not_overrun)
{
	struct {
		leat_tls_info info;
	} two = { .info = { .size = offsetof(leat_tls_info, cipher), .cipher = "mine" } };

	begin();
	party_meets(&p);
	expect_true(leat_tls_info_get(p.flow[CLIENT], &two.info));
	expect_str(two.info.version, "TLSv1.3");
	expect_str(two.info.cipher, "mine");
	end();
}
END_TEST

START_TEST(it_is_of_no_other_flow)
{
	leat_tls_info info = { .size = sizeof info };
	leat_flow *ends[2];

	begin();
	leat_flow_pair(p.w.loop, ends);
	expect_false(leat_tls_info_get(ends[0], &info));
	expect_null(leat_tls_session_get(ends[0]));
	leat_flow_unref(ends[0]);
	leat_flow_unref(ends[1]);
	end();
}
END_TEST

static int choose(SSL *ssl, const unsigned char **out, unsigned char *bytes, const unsigned char *in, unsigned n, void *ctx)
{
	(void)ssl;
	(void)n;
	(void)ctx;
	*out = in + 1;
	*bytes = in[0];
	return SSL_TLSEXT_ERR_OK;
}

START_TEST(a_protocol_is_agreed)
{
	leat_tls_info info = { .size = sizeof info };
	SSL_CTX *context;

	begin();
	context = cert_context(&p.good, NULL);
	SSL_CTX_set_alpn_select_cb(context, choose, NULL);
	p.tls[SERVER] = tls_of(context, (leat_tls_options){ 0 });
	p.tls[CLIENT] = tls_of(cert_context(NULL, &p.ca), (leat_tls_options){ .alpn = "h2,http/1.1" });
	party_meets(&p);
	for (int i = 0; i < 2; i++) {
		expect_true(leat_tls_info_get(p.flow[i], &info));
		expect_str(info.alpn, "h2");
	}
	end();
}
END_TEST

/* ---- sessions ---- */

static bool meets_again(void)
{
	leat_tls_info info = { .size = sizeof info };

	party_talk(&p);
	leat_tls_session_free(p.session);
	p.session = leat_tls_session_get(p.flow[CLIENT]);
	expect_some(p.session);
	party_part(&p);
	party_meets(&p);
	expect_true(leat_tls_info_get(p.flow[CLIENT], &info));
	party_talk(&p);
	return info.resumed;
}

START_TEST(a_session_is_resumed)
{
	begin();
	party_meets(&p);
	expect_true(meets_again());
	expect_true(meets_again());
	end();
}
END_TEST

START_TEST(one_of_tls_1_2_too)
{
	SSL_CTX *context;

	begin();
	context = cert_context(NULL, &p.ca);
	SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
	p.tls[CLIENT] = tls_of(context, (leat_tls_options){ 0 });
	party_meets(&p);
	expect_true(meets_again());
	end();
}
END_TEST

static int let_pass(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1; /* a program that knows the one certificate it wants */
}

START_TEST(what_the_users_callback_lets_pass_is_resumed)
{
	struct cert self = cert_new(&(struct cert_want){ .name = "good.test" });
	SSL_CTX *context;

	begin();
	shows(&self);
	context = cert_context(NULL, NULL);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, let_pass);
	p.tls[CLIENT] = tls_of(context, (leat_tls_options){ 0 });
	party_meets(&p);
	expect_true(meets_again());
	expect_true(meets_again());
	end();
}
END_TEST

/* Its certificate was looked at for another name. */
START_TEST(a_session_of_another_host_is_let_be)
{
	begin();
	party_meets(&p);
	party_talk(&p);
	p.session = leat_tls_session_get(p.flow[CLIENT]);
	party_part(&p);
	party_meet(&p, "bad.test");
	refuses(X509_V_ERR_HOSTNAME_MISMATCH, "good.test");
	end();
}
END_TEST

/* One that a program has kept, as bytes: nothing tells where it came from. */
static void keep_session(void)
{
	unsigned char *bytes = NULL;
	const unsigned char *at;
	int count = i2d_SSL_SESSION(p.session, &bytes);

	leat_tls_session_free(p.session);
	at = bytes;
	p.session = d2i_SSL_SESSION(NULL, &at, count);
	expect_some(p.session);
	OPENSSL_free(bytes);
}

/* Takes the client's other context. */
static void client_becomes(leat_tls *tls)
{
	party_talk(&p);
	leat_tls_session_free(p.session);
	p.session = leat_tls_session_get(p.flow[CLIENT]);
	expect_some(p.session);
	party_part(&p);
	leat_tls_unref(p.tls[CLIENT]);
	p.tls[CLIENT] = tls;
}

static bool is_resumed(void)
{
	leat_tls_info info = { .size = sizeof info };

	expect_ok(p.error[CLIENT]);
	expect_true(leat_tls_info_get(p.flow[CLIENT], &info));
	return info.resumed;
}

/* A server nobody has signed meets a client who does not ask, then one who does. */
static void meets_who_does_not_ask(int most)
{
	struct cert self = cert_new(&(struct cert_want){ .name = "good.test" });
	SSL_CTX *context = cert_context(NULL, NULL);

	shows(&self);
	SSL_CTX_set_max_proto_version(context, most);
	p.tls[CLIENT] = tls_of(context, (leat_tls_options){ .verify = LEAT_TLS_ANY });
	party_meets(&p);
	client_becomes(tls_of(cert_context(NULL, &p.ca), (leat_tls_options){ 0 }));
}

START_TEST(a_session_nobody_verified_is_not_believed)
{
	begin();
	meets_who_does_not_ask(TLS1_3_VERSION);
	keep_session();
	party_meet(&p, "good.test");
	refuses(X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "(/CN=good.test)");
	end();
}
END_TEST

/* What one context lets in is nothing to another: it looks for itself. */
START_TEST(a_session_of_another_context_is_let_be)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	for (int i = 0; i < 2; i++) {
		begin();
		meets_who_does_not_ask(versions[i]);
		party_meet(&p, "good.test");
		refuses(X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "good.test");
		end();
	}
}
END_TEST

START_TEST(nor_does_one_trust_whom_another_trusts)
{
	struct cert other = cert_new(&(struct cert_want){ .name = "another authority", .ca = true });

	begin();
	party_meets(&p);
	expect_true(meets_again());
	client_becomes(tls_of(cert_context(NULL, &other), (leat_tls_options){ 0 }));
	party_meet(&p, "good.test");
	refuses(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "good.test");
	cert_free(&other);
	end();
}
END_TEST

/* A full handshake, and the session of that is its own. */
START_TEST(another_context_makes_a_session_of_its_own)
{
	begin();
	party_meets(&p);
	expect_true(meets_again());
	client_becomes(tls_of(cert_context(NULL, &p.ca), (leat_tls_options){ 0 }));
	party_meets(&p);
	expect_false(is_resumed());
	expect_true(meets_again());
	expect_true(meets_again());
	end();
}
END_TEST

START_TEST(a_session_that_was_kept_is_resumed_by_any)
{
	begin();
	party_meets(&p);
	client_becomes(tls_of(cert_context(NULL, &p.ca), (leat_tls_options){ 0 }));
	keep_session();
	party_meets(&p);
	expect_true(is_resumed());
	end();
}
END_TEST

/* ---- a key that both have ---- */

static unsigned client_key(SSL *ssl, const char *hint, char *name, unsigned room, unsigned char *key, unsigned most)
{
	snprintf(name, room, "somebody");
	memset(key, 7, 16);
	return 16;
}

static unsigned server_key(SSL *ssl, const char *name, unsigned char *key, unsigned most)
{
	memset(key, 7, 16);
	return 16;
}

static SSL_CTX *keyed(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_method());

	SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
	SSL_CTX_set_psk_client_callback(context, client_key);
	SSL_CTX_set_psk_server_callback(context, server_key);
	return context;
}

/* It stands for a certificate: OpenSSL takes it for a session that goes on. */
START_TEST(a_key_from_elsewhere_is_enough)
{
	static const leat_tls_verify verify[] = { LEAT_TLS_USUAL, LEAT_TLS_CHAIN, LEAT_TLS_ANY };

	begin();
	p.tls[CLIENT] = tls_of(keyed(), (leat_tls_options){ .verify = verify[_i] });
	p.tls[SERVER] = tls_of(keyed(), (leat_tls_options){ .verify = LEAT_TLS_USUAL });
	party_meets(&p);
	party_talk(&p);
	end();
}
END_TEST

SUITE("handshake",
	EACH(a_key_from_elsewhere_is_enough, 3),
	a_good_certificate_is_let_in,
	addresses_are_names_too,
	a_wrong_name_is_refused,
	an_expired_certificate_is_refused,
	one_that_is_not_valid_yet_is_refused,
	one_that_has_signed_itself_is_refused,
	the_place_in_the_chain_is_told,
	any_certificate_is_let_in_where_that_is_asked,
	then_a_wrong_name_is_told,
	a_chain_is_enough_where_that_is_asked,
	a_client_that_verifies_must_know_whom,
	a_client_may_have_to_show_a_certificate,
	one_that_has_none_is_refused_and_told,
	one_that_nobody_signed_is_refused,
	a_session_does_not_stand_for_a_clients_certificate,
	a_client_that_speaks_no_tls_is_refused,
	one_that_stops_half_way_runs_out_of_time,
	the_deadline_can_be_set,
	one_that_goes_half_way_is_truncated,
	one_that_is_cut_half_way_is_reset,
	one_whose_writing_is_shut_shakes_no_hands,
	the_flow_is_taken,
	one_that_is_being_read_is_busy,
	dropping_the_handshake_frees_all,
	it_may_be_dropped_inside_a_verify_callback,
	what_was_agreed_can_be_asked,
	a_short_info_is_not_overrun,
	it_is_of_no_other_flow,
	a_protocol_is_agreed,
	a_session_is_resumed,
	one_of_tls_1_2_too,
	what_the_users_callback_lets_pass_is_resumed,
	a_session_of_another_host_is_let_be,
	a_session_nobody_verified_is_not_believed,
	a_session_of_another_context_is_let_be,
	nor_does_one_trust_whom_another_trusts,
	another_context_makes_a_session_of_its_own,
	a_session_that_was_kept_is_resumed_by_any)

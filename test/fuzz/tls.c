/* SPDX-License-Identifier: ISC */
/* tls - whatever comes after a handshake, what is read is what the peer said
 *
 * The peer is OpenSSL alone, over memory; both share a key, and no group to agree on
 * another with, which makes a handshake cheap. The input is deeds: what the peer says
 * is passed on whole, in pieces, spoilt, twice or not at all, beside bytes that are no
 * record; keys are changed, directions end, and our side reads, writes, cancels. Below us
 * is a pair, or what can be taken from and put to directly.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <leat/buf.h>
#include <leat/tls.h>

#include "fuzz/fuzz.h"
#include "support/hose.h"

static struct fuzz_world w;
enum { SERVER, CLIENT };
static SSL_CTX *theirs[2];
static leat_tls *ours[2][2]; /* of TLS 1.2, of what there is */

static struct hose hose;
static bool hosed;

static SSL *peer;
static leat_flow *flow, *far;
static leat_io *reading;

static struct {
	size_t said;       /* bytes of the text that the peer has said */
	size_t heard;      /* that we have read */
	bool whole;        /* all that it said came, once and in order */
	bool spoilt;       /* something came that it did not say */
	bool notified;     /* its close_notify came */
	bool ended, cut;   /* the flow below */
	bool over;         /* we have read the last */
	bool broken;       /* ours, or the peer's, can do no more */
} is;

/* ---- both sides ---- */

static unsigned client_key(SSL *ssl, const char *hint, char *name, unsigned name_bytes, unsigned char *key, unsigned bytes)
{
	(void)ssl;
	(void)hint;
	(void)bytes;
	snprintf(name, name_bytes, "fuzz");
	memset(key, 7, 16);
	return 16;
}

static unsigned server_key(SSL *ssl, const char *name, unsigned char *key, unsigned bytes)
{
	(void)ssl;
	(void)name;
	(void)bytes;
	memset(key, 7, 16);
	return 16;
}

static SSL_CTX *context(int most, int side)
{
	SSL_CTX *made = SSL_CTX_new(TLS_method());

	SSL_CTX_set_cipher_list(made, "PSK-AES128-GCM-SHA256");
	SSL_CTX_set_ciphersuites(made, "TLS_AES_128_GCM_SHA256");
	SSL_CTX_set1_groups(made, &(int){ side == SERVER ? NID_X25519 : NID_X9_62_prime256v1 }, 1);
	SSL_CTX_set_max_proto_version(made, most);
	SSL_CTX_set_num_tickets(made, 0);
	if (side == SERVER)
		SSL_CTX_set_session_id_context(made, (const unsigned char *)"fuzz", 4);
	SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(made, SSL_OP_NO_TICKET | SSL_OP_ALLOW_NO_DHE_KEX);
	SSL_CTX_set_psk_client_callback(made, client_key);
	SSL_CTX_set_psk_server_callback(made, server_key);
	return made;
}

static void set_up(void)
{
	static const int most[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	if (theirs[0])
		return;
	for (int side = 0; side < 2; side++) {
		theirs[side] = context(TLS1_3_VERSION, side);
		for (int i = 0; i < 2; i++) {
			SSL_CTX *made = context(most[i], side);

			ours[i][side] = leat_tls_new(&(leat_tls_options){ .size = sizeof(leat_tls_options), .context = made,
				.verify = LEAT_TLS_CHAIN });
			SSL_CTX_free(made);
		}
	}
}

static void run(void)
{
	for (int i = 0; i < 3; i++)
		fuzz_run(&w);
}

/* ---- the wire ---- */

/* Whether it was passed on; what our side no longer takes is dropped. */
static bool pass(const void *bytes, size_t n)
{
	leat_io *io;
	leat_result result;
	bool ok = true;

	if (n == 0)
		return true;
	if (is.ended || is.cut)
		return false;
	io = leat_flow_write(far, bytes, n);
	if (leat_io_try(io, &result)) {
		ok = leat_result_ok(&result);
		leat_result_clear(&result);
	} else {
		leat_io_detach(io);
	}
	return ok;
}

/* What our side says, to the peer. */
static void hear_ours(void)
{
	leat_io *io;
	leat_result result;
	leat_buf *buf;

	for (;;) {
		run();
		io = leat_flow_read(far);
		run();
		if (!leat_io_try(io, &result)) {
			leat_io_cancel(io);
			return;
		}
		buf = leat_result_ok(&result) ? leat_result_buf(&result) : NULL;
		leat_result_clear(&result);
		if (!buf)
			return;
		BIO_write(SSL_get_rbio(peer), leat_buf_data(buf), (int)leat_buf_size(buf));
		leat_buf_unref(buf);
	}
}

/* What the peer says, to ours; how is the input's. */
static void pass_on(fuzz *f)
{
	static unsigned char bytes[1 << 17];
	int got = BIO_read(SSL_get_wbio(peer), bytes, sizeof bytes);
	size_t n = got > 0 ? (size_t)got : 0, part;
	unsigned how = f ? fuzz_byte(f) % 16 : 0;

	switch (n > 0 ? how : 0) {
	case 1: /* spoilt */
		bytes[fuzz_byte(f) % n] ^= (unsigned char)(1 + fuzz_byte(f) % 255);
		is.spoilt = true;
		break;
	case 2: /* lost */
		is.whole = false;
		return;
	case 3: /* its end is */
		n -= fuzz_byte(f) % n;
		is.whole = false;
		break;
	case 4: /* twice */
		pass(bytes, n);
		is.spoilt = true;
		break;
	case 5: /* in two */
		part = fuzz_byte(f) % n;
		is.whole &= pass(bytes, part);
		run();
		memmove(bytes, bytes + part, n - part);
		n -= part;
		break;
	}
	is.whole &= pass(bytes, n);
}

/* ---- the handshake ---- */

static bool meet(leat_tls *tls, int side)
{
	leat_tls_peer options = { .size = sizeof options };
	leat_flow *ends[2];
	leat_result result;
	leat_io *io;
	bool done = false;

	peer = SSL_new(theirs[!side]);
	SSL_set_bio(peer, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	BIO_set_mem_eof_return(SSL_get_rbio(peer), -1);
	if (side == CLIENT)
		SSL_set_accept_state(peer);
	else
		SSL_set_connect_state(peer);
	if (hosed)
		hose_new(&hose, w.loop, ends);
	else
		leat_flow_pair(w.loop, ends);
	far = ends[1];
	io = side == CLIENT ? leat_tls_client(ends[0], tls, &options) : leat_tls_server(ends[0], tls, &options);
	for (int i = 0; i < 8 && !done; i++) {
		ERR_clear_error();
		SSL_do_handshake(peer);
		pass_on(NULL);
		hear_ours();
		done = leat_io_try(io, &result);
	}
	if (!done)
		leat_io_cancel(io);
	flow = done && leat_result_ok(&result) ? leat_result_flow(&result) : NULL;
	if (done)
		leat_result_clear(&result);
	ERR_clear_error();
	if (flow && !SSL_is_init_finished(peer))
		SSL_do_handshake(peer);
	ERR_clear_error();
	fuzz_must(flow || w.failed);
	return flow && SSL_is_init_finished(peer);
}

/* ---- what is read ---- */

static unsigned char text_at(size_t at)
{
	return (unsigned char)(at * 31 + at / 256);
}

FUZZ_UNSEEN static void text_bytes(unsigned char *out, size_t at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		out[i] = text_at(at + i);
}

FUZZ_UNSEEN static bool was_said(const unsigned char *bytes, size_t at, size_t n)
{
	size_t i = 0;

	while (i < n && bytes[i] == text_at(at + i))
		i++;
	return i == n;
}

static void is_text(leat_buf *buf)
{
	size_t n = leat_buf_size(buf);

	fuzz_must(was_said(leat_buf_data(buf), is.heard, n));
	is.heard += n;
	fuzz_must(is.heard <= is.said);
	leat_buf_unref(buf);
}

static void is_last(const leat_result *result)
{
	leat_error error = leat_result_error(result);

	if (leat_result_ok(result)) /* the end */
		fuzz_must((is.notified && (is.heard == is.said || !is.whole)) || is.broken);
	else if (leat_error_is(error, LEAT_TRUNCATED))
		fuzz_must(is.ended);
	else if (leat_error_is(error, LEAT_RESET))
		fuzz_must(is.cut);
	else if (leat_error_is(error, LEAT_NOMEM))
		fuzz_must(w.failed);
	else
		fuzz_must(is.spoilt || !is.whole || w.failed || is.broken);
	is.over = true;
}

static void look(void)
{
	leat_result result;
	leat_buf *buf;

	run();
	fuzz_must(ERR_peek_error() == 0);
	if (!reading || !leat_io_try(reading, &result))
		return;
	reading = NULL;
	buf = leat_result_ok(&result) ? leat_result_buf(&result) : NULL;
	if (buf)
		is_text(buf);
	else
		is_last(&result);
	leat_result_clear(&result);
}

/* ---- deeds ---- */

static void peer_says(fuzz *f)
{
	static unsigned char text[1 << 16];
	size_t n = fuzz_byte(f) + 1;

	if (n % 16 == 0)
		n *= 200;
	text_bytes(text, is.said, n);
	if (SSL_write(peer, text, (int)n) > 0)
		is.said += n;
	ERR_clear_error();
	pass_on(f);
}

static void peer_listens(void)
{
	unsigned char bytes[4096];

	while (SSL_read(peer, bytes, sizeof bytes) > 0) {
	}
	ERR_clear_error();
	pass_on(NULL);
}

static void junk(fuzz *f)
{
	size_t n = fuzz_byte(f);
	const unsigned char *bytes = fuzz_bytes(f, &n);

	is.spoilt |= n > 0;
	pass(bytes, n);
}

static void rarely(fuzz *f)
{
	switch (fuzz_byte(f) % 6) {
	case 0:
		is.notified |= SSL_shutdown(peer) >= 0;
		pass_on(f);
		break;
	case 1:
		is.ended = true;
		leat_io_detach(leat_flow_shutdown(far, LEAT_WRITE));
		break;
	case 2:
		is.cut = true;
		leat_flow_abort(far);
		break;
	case 3:
		is.broken |= fuzz_byte(f) % 2;
		if (is.broken)
			leat_io_detach(leat_flow_close(flow));
		else
			leat_io_detach(leat_flow_shutdown(flow, LEAT_WRITE));
		break;
	default:
		SSL_key_update(peer, fuzz_byte(f) % 2 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
		SSL_do_handshake(peer);
		pass_on(f);
	}
	ERR_clear_error();
}

static void we_say(fuzz *f)
{
	static const unsigned char words[70000];
	unsigned n = fuzz_byte(f);

	leat_io_detach(leat_flow_write(flow, words, n == 255 ? sizeof words : n));
	hear_ours();
	peer_listens();
}

static void deed(fuzz *f)
{
	switch (fuzz_byte(f) % 8) {
	case 0:
	case 1:
		peer_says(f);
		break;
	case 2:
		junk(f);
		break;
	case 3:
		we_say(f);
		break;
	case 4:
		rarely(f);
		break;
	case 5:
		leat_io_cancel(reading);
		reading = NULL;
		break;
	default:
		if (!reading && !is.over)
			reading = leat_flow_read(flow);
	}
	look();
}

/* What goes through at once. */
static void narrow(fuzz *f)
{
	if (!hosed)
		return;
	hose.holds = 100 + fuzz_byte(f) * 270;
	hose.gives = 100 + fuzz_byte(f) * 270;
}

static void records(fuzz *f)
{
	unsigned first = fuzz_byte(f);

	set_up();
	memset(&is, 0, sizeof is);
	is.whole = true;
	reading = NULL;
	hosed = first & 64;
	if (!fuzz_open(&w, first & 4 ? fuzz_byte(f) + 1 : 0))
		return;
	if (meet(ours[first % 2][first / 2 % 2], first / 2 % 2)) {
		narrow(f);
		while (f->bytes > 0)
			deed(f);
	}
	leat_io_cancel(reading);
	leat_flow_unref(flow);
	leat_flow_unref(far);
	if (hosed)
		hose_free(&hose);
	run();
	SSL_free(peer);
	fuzz_must(ERR_peek_error() == 0);
	fuzz_close(&w);
}

FUZZ("tls", records)

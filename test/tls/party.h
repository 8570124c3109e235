/* SPDX-License-Identifier: ISC */
/* party.h - a client and a server, with certificates made on the spot
 *
 *	struct party p;
 *
 *	party_open(&p);                     an authority, a good certificate, a loop
 *	party_meet(&p, "good.test");        handshakes over a pair: p.flow, p.error
 *	party_close(&p);                    nothing may be left, OpenSSL's queue is clean
 *
 * Index 0 is the client's, 1 the server's. A context that is set before the meeting is
 * used, else the usual ones are made.
 */
#ifndef TEST_TLS_PARTY_H
#define TEST_TLS_PARTY_H

#include <openssl/err.h>

#include <leat/buf.h>
#include <leat/tls.h>

#include "support/certs.h"
#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

enum { CLIENT, SERVER };

struct party {
	struct world w;
	struct cert ca, good;
	leat_tls *tls[2];
	leat_flow *below[2];
	leat_flow *flow[2];
	leat_error error[2];
	char why[2][256];
	struct ssl_session_st *session; /* to resume */
};

/* What one pass sends, and runs nothing, is there for the next. */
static inline void party_run(struct party *p)
{
	for (int idle = 0; idle < 4;)
		idle = leat_loop_run_ready(p->w.loop) > 0 ? 0 : idle + 1;
}

static inline void party_pass(struct party *p, int64_t ms)
{
	p->w.now_ns += ms * 1000000;
	party_run(p);
}

/* Takes the context. */
static inline leat_tls *tls_of(SSL_CTX *context, leat_tls_options options)
{
	leat_tls *tls;

	options.size = sizeof options;
	options.context = context;
	tls = leat_tls_new(&options);
	SSL_CTX_free(context);
	return tls;
}

static inline void party_open(struct party *p)
{
	*p = (struct party){ 0 };
	world_open(&p->w);
	p->ca = cert_new(&(struct cert_want){ .name = "authority", .ca = true });
	p->good = cert_new(&(struct cert_want){ .name = "good.test", .more = "IP:192.0.2.7,IP:2001:db8::7", .by = &p->ca });
}

static inline void party_usual(struct party *p)
{
	if (!p->tls[CLIENT])
		p->tls[CLIENT] = tls_of(cert_context(NULL, &p->ca), (leat_tls_options){ 0 });
	if (!p->tls[SERVER])
		p->tls[SERVER] = tls_of(cert_context(&p->good, NULL), (leat_tls_options){ 0 });
}

/* What came of it; NULL: not yet, and it stays the caller's. */
static inline void party_take(struct party *p, int i, leat_io *io)
{
	leat_result result;

	ck_assert_msg(leat_io_try(io, &result), "the %s's handshake hangs", i == CLIENT ? "client" : "server");
	p->error[i] = leat_result_error(&result);
	p->flow[i] = leat_result_ok(&result) ? leat_result_flow(&result) : NULL;
	leat_result_clear(&result);
}

static inline leat_io *party_client(struct party *p, leat_flow *below, const char *host)
{
	leat_tls_peer peer = { .size = sizeof peer, .host = host, .session = p->session, .why = p->why[CLIENT],
		.why_bytes = sizeof p->why[CLIENT] };

	return leat_tls_client(below, p->tls[CLIENT], &peer);
}

static inline leat_io *party_server(struct party *p, leat_flow *below)
{
	leat_tls_peer peer = { .size = sizeof peer, .why = p->why[SERVER], .why_bytes = sizeof p->why[SERVER] };

	return leat_tls_server(below, p->tls[SERVER], &peer);
}

static inline void party_meet_over(struct party *p, leat_flow *below[2], const char *host)
{
	leat_io *client, *server;

	party_usual(p);
	client = party_client(p, below[0], host);
	server = party_server(p, below[1]);
	party_run(p);
	party_take(p, CLIENT, client);
	party_take(p, SERVER, server);
}

static inline void party_meet(struct party *p, const char *host)
{
	leat_flow *below[2];

	leat_flow_pair(p->w.loop, below);
	party_meet_over(p, below, host);
}

static inline void party_meets(struct party *p)
{
	party_meet(p, "good.test");
	expect_ok(p->error[CLIENT]);
	expect_ok(p->error[SERVER]);
}

/* Ends the connection, not the contexts. */
static inline void party_part(struct party *p)
{
	for (int i = 0; i < 2; i++) {
		leat_flow_unref(p->flow[i]);
		p->flow[i] = NULL;
	}
	party_run(p);
}

static inline void party_close(struct party *p)
{
	expect_int((int)ERR_peek_error(), 0);
	party_part(p);
	party_pass(p, 60000);
	expect_int((int)ERR_peek_error(), 0);
	for (int i = 0; i < 2; i++)
		leat_tls_unref(p->tls[i]);
	leat_tls_session_free(p->session);
	cert_free(&p->ca);
	cert_free(&p->good);
	world_close(&p->w);
}

/* Both closes have ended in order, and nothing is left of either side. */
static inline void party_has_closed(struct party *p, leat_io *both[2])
{
	for (int i = 0; i < 2; i++) {
		leat_result result;

		expect_true(leat_io_try(both[i], &result));
		expect_ok(leat_result_ending(&result));
		leat_result_clear(&result);
	}
	expect_size(world_stats(&p->w).flows_live, 0);
}

/* ---- talking ---- */

static inline void tls_says(struct party *p, int i, const char *text)
{
	leat_io *io = leat_flow_write(p->flow[i], text, strlen(text));

	expect_ok(settled(io));
}

/* Reads until so many bytes came; gives what came instead. */
static inline leat_error tls_hears(struct party *p, int i, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		leat_io *io = leat_flow_read(p->flow[i]);
		leat_result result;
		leat_error error;
		leat_buf *buf;

		party_run(p);
		expect_true(leat_io_try(io, &result));
		error = leat_result_error(&result);
		buf = leat_result_ok(&result) ? leat_result_buf(&result) : NULL;
		leat_result_clear(&result);
		if (!buf)
			return leat_error_set(error) ? error : leat_error_core(LEAT_CLOSED);
		expect(leat_buf_size(buf) <= left);
		expect_mem(leat_buf_data(buf), text, leat_buf_size(buf));
		text += leat_buf_size(buf);
		left -= leat_buf_size(buf);
		leat_buf_unref(buf);
	}
	return (leat_error){ 0 };
}
#define expect_tls_hears(p, i, text) expect_ok(tls_hears((p), (i), (text)))

/* What the next read gives, where it is not bytes: LEAT_NONE is the end. */
static inline leat_kind tls_ends(struct party *p, int i)
{
	leat_io *io = leat_flow_read(p->flow[i]);
	leat_result result;
	leat_kind kind;

	party_run(p);
	expect_true(leat_io_try(io, &result));
	kind = leat_error_kind(leat_result_error(&result));
	if (kind == LEAT_NONE)
		expect_null(leat_result_peek(&result));
	leat_result_clear(&result);
	return kind;
}

static inline void party_talk(struct party *p)
{
	tls_says(p, CLIENT, "question");
	expect_tls_hears(p, SERVER, "question");
	tls_says(p, SERVER, "answer");
	expect_tls_hears(p, CLIENT, "answer");
}

#endif

/* SPDX-License-Identifier: ISC */
/* sweep_tls - handshakes, cancelled at every turn of their run
 *
 * Wherever it was cut, the flow below is gone with it, the peer knows, and what was
 * made is free.
 */
#include <leat/tls.h>

#include "contract/turns.h"
#include "support/certs.h"
#include "support/suite.h"

/* This one is about no kind. */
const struct kind kinds[1];
const size_t n_kinds;

static leat_tls *tls;

static void set_up(void)
{
	struct cert cert = cert_new(&(struct cert_want){ .name = "leat.test" });
	SSL_CTX *context = cert_context(&cert, &cert);

	tls = leat_tls_new(&(leat_tls_options){ .size = sizeof(leat_tls_options), .context = context });
	SSL_CTX_free(context);
	cert_free(&cert);
}

static leat_io *peers; /* the other side's handshake */
static char why[256];

static leat_io *on_made(void *ctx, leat_result *result)
{
	(void)ctx;
	a = leat_result_flow(result);
	thing_moment();
	return NULL;
}

static leat_io *client_of(leat_flow *below, const char *host)
{
	leat_tls_peer peer = { .size = sizeof peer, .host = host, .why = why, .why_bytes = sizeof why };

	return leat_tls_client(below, tls, &peer);
}

static leat_io *start_client(void)
{
	leat_flow *ends[2];

	leat_flow_pair(stage.loop, ends);
	peers = leat_tls_server(ends[1], tls, NULL);
	return leat_io_then(client_of(ends[0], "leat.test"), on_made, thing_owned(""));
}

static leat_io *start_server(void)
{
	leat_flow *ends[2];

	leat_flow_pair(stage.loop, ends);
	peers = client_of(ends[1], "leat.test");
	return leat_io_then(leat_tls_server(ends[0], tls, NULL), on_made, thing_owned(""));
}

static leat_io *passed(void *ctx, leat_result *result)
{
	(void)ctx;
	return leat_result_pass(result);
}

static leat_io *start_refusal(void)
{
	leat_flow *ends[2];

	leat_flow_pair(stage.loop, ends);
	peers = leat_tls_server(ends[1], tls, NULL);
	return leat_io_branch(client_of(ends[0], "other.test"), on_made, passed, thing_owned(""));
}

/* Both are there and talk, or the peer is told. */
static void the_peer_knows(void)
{
	leat_result result;
	bool made;

	if (a) { /* the peer may be missing the last word */
		made = leat_await(peers, &result);
	} else {
		settle();
		made = leat_io_try(peers, &result) && leat_result_ok(&result);
	}
	if (made)
		b = leat_result_flow(&result);
	leat_result_clear(&result);
	if (a && b) {
		say(a, "question");
		expect_hears(b, "question");
		say(b, "answer");
		expect_hears(a, "answer");
	} else if (b) {
		expect_true(leat_error_set(get(leat_flow_read(b)).error));
	}
}

static const struct program programs[] = {
	{ "leat_tls_client", start_client, NULL, the_peer_knows, ANY },
	{ "leat_tls_server", start_server, NULL, the_peer_knows, ANY },
	{ "leat_tls_client: that refuses the server", start_refusal, NULL, the_peer_knows, ANY },
};
enum { PROGRAMS = sizeof programs / sizeof *programs };

START_TEST(cancelled_at_any_turn_a_handshake_leaves_nothing)
{
	set_up();
	turns_sweep(&programs[_i]);
	leat_tls_unref(tls);
}
END_TEST

SUITE("sweep_tls", EACH(cancelled_at_any_turn_a_handshake_leaves_nothing, PROGRAMS))

/* SPDX-License-Identifier: ISC */
/* holding - over a layer that keeps what is written until it is flushed, as one that compresses */
#include <leat/transform.h>

#include "tls/party.h"

static struct party p;

/* ---- the layer ---- */

struct hold {
	size_t used;
	unsigned char bytes[200000];
};

static leat_error keep(void *state, leat_coding *c)
{
	struct hold *hold = state;

	expect(hold->used + c->in_bytes <= sizeof hold->bytes);
	memcpy(hold->bytes + hold->used, c->in, c->in_bytes);
	hold->used += c->in_bytes;
	c->in += c->in_bytes;
	c->in_bytes = 0;
	return (leat_error){ 0 };
}

static leat_error let_go(void *state, leat_coding *c)
{
	struct hold *hold = state;
	leat_coding kept = { .in = hold->bytes, .in_bytes = hold->used, .out = c->out, .out_bytes = c->out_bytes };
	size_t moved = leat_coding_copy(&kept, hold->used);

	memmove(hold->bytes, hold->bytes + moved, hold->used - moved);
	hold->used -= moved;
	c->out = kept.out;
	c->out_bytes = kept.out_bytes;
	c->done = hold->used == 0;
	return (leat_error){ 0 };
}

static leat_error pass(void *state, leat_coding *c)
{
	(void)state;
	leat_coding_copy(c, c->in_bytes);
	return (leat_error){ 0 };
}

static leat_error pass_end(void *state, leat_coding *c)
{
	(void)state;
	c->done = true;
	return (leat_error){ 0 };
}

static const leat_coder coder = { .size = sizeof(leat_coder), .name = "hold", .state_bytes = sizeof(struct hold),
	.encode = keep, .encode_flush = let_go, .encode_finish = let_go, .decode = pass, .decode_finish = pass_end,
	.holds = true };

/* ---- */

static void meets(int most)
{
	SSL_CTX *context;
	leat_flow *below[2];

	party_open(&p);
	context = cert_context(NULL, &p.ca);
	SSL_CTX_set_max_proto_version(context, most);
	p.tls[CLIENT] = tls_of(context, (leat_tls_options){ 0 });
	leat_flow_pair(p.w.loop, below);
	for (int i = 0; i < 2; i++)
		below[i] = leat_transform_new(below[i], &coder, NULL);
	party_usual(&p);
	party_meet_over(&p, below, "good.test");
	expect_ok(p.error[CLIENT]);
	expect_ok(p.error[SERVER]);
}

static void says(int from, int to, const char *word)
{
	leat_io *io;

	tls_says(&p, from, word);
	io = leat_flow_flush(p.flow[from]);
	expect_tls_hears(&p, to, word);
	party_run(&p);
	expect_ok(settled(io));
}

START_TEST(both_hear_the_last_of_a_handshake)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	for (int i = 0; i < 2; i++) {
		meets(versions[i]);
		says(SERVER, CLIENT, "I first");
		says(CLIENT, SERVER, "and I");
		party_close(&p);
	}
}
END_TEST

START_TEST(a_shutdown_is_heard)
{
	leat_io *io;

	meets(TLS1_3_VERSION);
	tls_says(&p, CLIENT, "last");
	io = leat_flow_shutdown(p.flow[CLIENT], LEAT_WRITE);
	expect_tls_hears(&p, SERVER, "last");
	expect_int(tls_ends(&p, SERVER), LEAT_NONE);
	expect_ok(settled(io));
	says(SERVER, CLIENT, "still here");
	party_close(&p);
}
END_TEST

/* No time passes. */
START_TEST(a_close_is_heard)
{
	leat_io *both[2];

	meets(TLS1_3_VERSION);
	tls_says(&p, CLIENT, "last");
	both[CLIENT] = leat_flow_close(p.flow[CLIENT]);
	expect_tls_hears(&p, SERVER, "last");
	expect_int(tls_ends(&p, SERVER), LEAT_NONE);
	both[SERVER] = leat_flow_close(p.flow[SERVER]);
	party_run(&p);
	party_has_closed(&p, both);
	party_close(&p);
}
END_TEST

SUITE("holding",
	both_hear_the_last_of_a_handshake,
	a_shutdown_is_heard,
	a_close_is_heard)

/* SPDX-License-Identifier: ISC */
/* ends - the three ends of a stream stay three, at any moment; what comes after a handshake
 *
 * Between the two sides stands a wire that passes so many bytes and then ends, or is cut.
 */
#include <sys/socket.h>

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

/* ---- the three ends ---- */

static void detach_shutdown(leat_flow *flow)
{
	leat_io_detach(leat_flow_shutdown(flow, LEAT_WRITE));
}

START_TEST(close_notify_is_the_end)
{
	begin();
	party_meets(&p);
	tls_says(&p, SERVER, "last");
	detach_shutdown(p.flow[SERVER]);
	expect_tls_hears(&p, CLIENT, "last");
	expect_int(tls_ends(&p, CLIENT), LEAT_NONE);
	expect_int(tls_ends(&p, CLIENT), LEAT_NONE);
	end();
}
END_TEST

START_TEST(each_direction_ends_by_itself)
{
	begin();
	party_meets(&p);
	detach_shutdown(p.flow[CLIENT]);
	expect_int(tls_ends(&p, SERVER), LEAT_NONE);
	tls_says(&p, SERVER, "still here");
	expect_tls_hears(&p, CLIENT, "still here");
	detach_shutdown(p.flow[SERVER]);
	expect_int(tls_ends(&p, CLIENT), LEAT_NONE);
	party_run(&p);
	/* both ways are shut: the flows below are closed */
	expect_size(world_stats(&p.w).flows_live, 2);
	end();
}
END_TEST

START_TEST(closing_says_goodbye_both_ways)
{
	leat_io *both[2];

	begin();
	party_meets(&p);
	for (int i = 0; i < 2; i++)
		both[i] = leat_flow_close(p.flow[i]);
	party_run(&p);
	party_has_closed(&p, both);
	end();
}
END_TEST

/* The SSL_CTX of somebody else's: it says no close_notify, and takes each shutdown for the peer's. */
START_TEST(a_quiet_context_says_goodbye_all_the_same)
{
	SSL_CTX *context;
	leat_io *shut;

	begin();
	context = cert_context(&p.good, NULL);
	SSL_CTX_set_quiet_shutdown(context, 1);
	p.tls[SERVER] = tls_of(context, (leat_tls_options){ 0 });
	party_meets(&p);
	shut = leat_flow_shutdown(p.flow[SERVER], LEAT_WRITE);
	expect_int(tls_ends(&p, CLIENT), LEAT_NONE);
	expect_ok(settled(shut));
	tls_says(&p, CLIENT, "still here");
	expect_tls_hears(&p, SERVER, "still here");
	end();
}
END_TEST

/* ---- callbacks of OpenSSL's ---- */

static leat_flow *to_abort;

static void abort_it(int writing, int version, int type, const void *bytes, size_t count, SSL *ssl, void *ctx)
{
	leat_flow *flow = to_abort;

	(void)version;
	(void)type;
	(void)bytes;
	(void)count;
	(void)ssl;
	if (!flow || writing != *(int *)ctx)
		return;
	to_abort = NULL;
	leat_flow_abort(flow);
}

/* It is called behind the first record of several: what they are made of must stay. */
static void aborts_inside(int writing)
{
	static char text[60000];
	leat_flow *ends[2];

	begin();
	party_meets(&p);
	SSL_set_msg_callback(leat_tls_ssl(p.flow[CLIENT]), abort_it);
	SSL_set_msg_callback_arg(leat_tls_ssl(p.flow[CLIENT]), &writing);
	memset(text, 'x', sizeof text);
	for (int i = 0; i < 2; i++)
		ends[i] = leat_flow_ref(p.flow[i]);
	to_abort = ends[CLIENT];
	for (int i = 0; i < 2; i++)
		leat_io_ignore(leat_flow_send(ends[i], leat_buf_copy(p.w.loop, text, sizeof text)));
	leat_io_ignore(leat_flow_read(ends[CLIENT]));
	party_run(&p);
	expect_null(to_abort);
	expect_settled(leat_flow_write(ends[CLIENT], "x", 1), LEAT_CLOSED);
	for (int i = 0; i < 2; i++)
		leat_flow_unref(ends[i]);
	end();
}

START_TEST(it_may_be_aborted_while_openssl_writes)
{
	aborts_inside(1);
}
END_TEST

START_TEST(it_may_be_aborted_while_openssl_reads)
{
	aborts_inside(0);
}
END_TEST

/* ---- a wire ---- */

struct wire {
	leat_flow *near[2]; /* beside the client, beside the server */
	size_t left;        /* bytes that it passes, all told */
	bool cut;           /* RST, else FIN */
	bool over;
	bool spoils;        /* the last bit of what goes to the server */
};
static struct wire wire;

static void end_wire(void)
{
	wire.over = true;
	for (int i = 0; i < 2; i++)
		if (wire.cut)
			leat_flow_abort(wire.near[i]);
		else
			detach_shutdown(wire.near[i]);
}

static leat_io *pass_on(void *ctx, leat_result *result)
{
	leat_flow *to = ctx;
	leat_buf *buf = leat_result_buf(result);
	size_t bytes = buf ? leat_buf_size(buf) : 0;

	if (!buf || wire.over) {
		leat_buf_unref(buf);
		if (!wire.over)
			detach_shutdown(to);
		return leat_io_int(leat_result_loop(result), 0);
	}
	if (wire.spoils && to == wire.near[1])
		((unsigned char *)leat_buf_space(buf))[bytes - 1] ^= 1;
	if (bytes > wire.left)
		leat_buf_cut(buf, wire.left);
	wire.left -= leat_buf_size(buf);
	leat_io_detach(leat_flow_send(to, buf));
	if (wire.left == 0)
		end_wire();
	return leat_io_int(leat_result_loop(result), !wire.over);
}

static leat_io *pass(void *ctx, leat_result *result)
{
	leat_flow *to = ctx;

	(void)result;
	return leat_io_then(leat_flow_read(to == wire.near[0] ? wire.near[1] : wire.near[0]), pass_on, leat_ctx_borrow(to));
}

static leat_io *ignore(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	return NULL;
}

/* Gives the two outer ends. */
static void string(leat_flow *below[2], size_t bytes, bool cut)
{
	leat_flow *ends[2];

	wire = (struct wire){ .left = bytes, .cut = cut };
	for (int i = 0; i < 2; i++) {
		leat_flow_pair(p.w.loop, ends);
		below[i] = ends[0];
		wire.near[i] = ends[1];
	}
	for (int i = 0; i < 2; i++)
		leat_io_detach(leat_io_branch(leat_io_repeat(p.w.loop, pass, leat_ctx_borrow(wire.near[i])), ignore, ignore,
			leat_ctx_none()));
}

static void unstring(void)
{
	for (int i = 0; i < 2; i++)
		leat_flow_unref(wire.near[i]);
	party_run(&p);
}

/* ---- a peer that dies at any byte ---- */

/* The end or the error of a side: bytes before it are the ones that were said. */
static leat_kind side_ends(int i, const char *text, bool *whole)
{
	leat_error error = tls_hears(&p, i, text);

	*whole = !leat_error_set(error);
	if (*whole)
		return tls_ends(&p, i);
	return leat_error_kind(error) == LEAT_CLOSED ? LEAT_NONE : leat_error_kind(error);
}

static void looks(int i, leat_kind kind, bool whole, size_t at)
{
	leat_kind cut = wire.cut ? LEAT_RESET : LEAT_TRUNCATED;

	ck_assert_msg(kind == cut || (kind == LEAT_NONE && whole), "cut at %zu: the %s hears %s, %s", at,
		i == CLIENT ? "client" : "server", leat_kind_name(kind), whole ? "and all" : "but not all");
}

static void say_and_shut(int i, const char *text)
{
	if (!p.flow[i])
		return;
	leat_io_detach(leat_io_branch(leat_flow_write(p.flow[i], text, strlen(text)), ignore, ignore, leat_ctx_none()));
	leat_io_detach(leat_io_branch(leat_flow_shutdown(p.flow[i], LEAT_WRITE), ignore, ignore, leat_ctx_none()));
}

/* True: the conversation was over before. */
static bool dies_at(size_t at, bool cut)
{
	leat_flow *below[2];
	bool whole = false;

	string(below, at, cut);
	party_meet_over(&p, below, "good.test");
	say_and_shut(CLIENT, "question");
	say_and_shut(SERVER, "answer");
	party_run(&p);
	for (int i = 0; i < 2; i++) {
		leat_kind kind = p.flow[i] ? side_ends(i, i == CLIENT ? "answer" : "question", &whole)
		                           : leat_error_kind(p.error[i]);

		looks(i, kind, p.flow[i] && whole, at);
	}
	party_part(&p);
	unstring();
	return !wire.over;
}

static void dies_anywhere(bool cut)
{
	size_t step = suite_number("CK_TIMEOUT_MULTIPLIER", 1) > 1 ? 41 : SUITE_SLOWNESS > 1 ? 3 : 1, at = 1;

	begin();
	while (!dies_at(at, cut))
		at += step;
	ck_assert_msg(at > 1000, "all was over after %zu bytes", at);
	p.w.unhandled = 0;
	end();
}

START_TEST(a_peer_may_end_at_any_byte)
{
	dies_anywhere(false);
}
END_TEST

START_TEST(a_peer_may_be_cut_at_any_byte)
{
	dies_anywhere(true);
}
END_TEST

/* ---- the end of the flow below ---- */

static void says_then_ends(bool fin_ends, bool ignored)
{
	leat_flow *below[2];
	SSL_CTX *context;

	begin();
	context = cert_context(NULL, &p.ca);
	if (ignored)
		SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
	p.tls[CLIENT] = tls_of(context, (leat_tls_options){ .fin_ends = fin_ends });
	string(below, SIZE_MAX, false);
	party_meet_over(&p, below, "good.test");
	expect_ok(p.error[CLIENT]);
	tls_says(&p, SERVER, "all there is");
	party_run(&p);
	detach_shutdown(wire.near[0]);
	expect_tls_hears(&p, CLIENT, "all there is");
}

static void stop(void)
{
	party_part(&p);
	unstring();
	p.w.unhandled = 0;
	end();
}

START_TEST(an_end_without_goodbye_is_truncated)
{
	says_then_ends(false, false);
	expect_int(tls_ends(&p, CLIENT), LEAT_TRUNCATED);
	expect_int(tls_ends(&p, CLIENT), LEAT_TRUNCATED);
	tls_says(&p, CLIENT, "can you hear me?"); /* writing is another matter */
	expect_tls_hears(&p, SERVER, "can you hear me?");
	stop();
}
END_TEST

START_TEST(it_is_an_end_where_that_is_asked)
{
	says_then_ends(true, false);
	expect_int(tls_ends(&p, CLIENT), LEAT_NONE);
	stop();
	says_then_ends(false, true);
	expect_int(tls_ends(&p, CLIENT), LEAT_NONE);
	stop();
}
END_TEST

/* ---- after the handshake ---- */

/* What is no data makes a read of OpenSSL's return with the rest untouched then. */
START_TEST(an_object_that_was_told_not_to_retry_loses_nothing)
{
	enum { BYTES = 40000 };
	static char sent[BYTES], got[BYTES];
	leat_io *writing, *reading;

	begin();
	party_meets(&p);
	SSL_clear_mode(leat_tls_ssl(p.flow[SERVER]), SSL_MODE_AUTO_RETRY);
	SSL_key_update(leat_tls_ssl(p.flow[CLIENT]), SSL_KEY_UPDATE_NOT_REQUESTED);
	memset(sent, 'x', BYTES);
	writing = leat_flow_write(p.flow[CLIENT], sent, BYTES);
	reading = leat_flow_read_into(p.flow[SERVER], got, BYTES, BYTES);
	party_run(&p);
	expect_int((int)settled_int(reading), BYTES);
	expect_ok(settled(writing));
	expect(memcmp(got, sent, BYTES) == 0);
	end();
}
END_TEST

START_TEST(keys_are_changed_on_the_way)
{
	begin();
	party_meets(&p);
	for (int i = 0; i < 20; i++) {
		SSL_key_update(leat_tls_ssl(p.flow[CLIENT]), SSL_KEY_UPDATE_REQUESTED);
		SSL_key_update(leat_tls_ssl(p.flow[SERVER]), SSL_KEY_UPDATE_NOT_REQUESTED);
		party_talk(&p);
	}
	end();
}
END_TEST

/* Flips a bit in what passes. */
static leat_io *spoil(void *ctx, leat_result *result)
{
	leat_buf *buf = leat_result_buf(result);
	unsigned char *bytes = leat_buf_space(buf);

	bytes[leat_buf_size(buf) - 1] ^= 1;
	return leat_flow_send(ctx, buf);
}

START_TEST(a_record_that_was_tampered_with_ends_all)
{
	leat_flow *below[2];

	begin();
	string(below, SIZE_MAX, false);
	party_meet_over(&p, below, "good.test");
	party_talk(&p);
	wire.over = true; /* the next one is spoilt by us */
	tls_says(&p, CLIENT, "first");
	party_run(&p);
	tls_says(&p, CLIENT, "second");
	leat_io_detach(leat_io_then(leat_flow_read(wire.near[0]), spoil, leat_ctx_borrow(wire.near[1])));
	expect_int(tls_ends(&p, SERVER), LEAT_PROTOCOL);
	expect_settled(leat_flow_write(p.flow[SERVER], "x", 1), LEAT_PROTOCOL);
	stop();
}
END_TEST

static leat_io *close_here(void *flow, leat_result *result)
{
	leat_io_ignore(leat_flow_close(flow));
	return NULL;
}

/* Why is in an alert, which a reset would overtake. */
START_TEST(one_closed_in_that_turn_has_said_why)
{
	leat_flow *below[2];
	leat_io *heard;

	begin();
	string(below, SIZE_MAX, false);
	party_meet_over(&p, below, "good.test");
	party_talk(&p);
	wire.spoils = true;
	tls_says(&p, CLIENT, "question");
	heard = leat_flow_read(p.flow[SERVER]);
	leat_io_detach(leat_io_catch(heard, leat_match_all(), close_here, leat_ctx_borrow(p.flow[SERVER])));
	expect_int(tls_ends(&p, CLIENT), LEAT_PROTOCOL);
	stop();
}
END_TEST

/* No retry trap: what is written while OpenSSL's last record waits is not what
 * it was given before. */
START_TEST(any_size_may_be_written_at_any_moment)
{
	enum { LARGE = 3000000 };
	static char large[LARGE], got[LARGE];
	size_t sizes[] = { 1, 16383, 16384, 16385, 65024, 65025, 70000, 200000, 1, LARGE };

	begin();
	party_meets(&p);
	for (size_t i = 0; i < LARGE; i++)
		large[i] = (char)(i * 7 + i / 251);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		leat_io *writing = leat_flow_write(p.flow[CLIENT], large, sizes[i]);
		leat_io *reading = leat_flow_read_into(p.flow[SERVER], got, sizes[i], sizes[i]);

		party_run(&p);
		expect_ok(settled(writing));
		expect_int((int)settled_int(reading), (int)sizes[i]);
		expect(memcmp(got, large, sizes[i]) == 0);
	}
	end();
}
END_TEST

/* Many small ones in a turn are one record. */
START_TEST(small_writes_share_a_record)
{
	leat_flow *below[2];
	size_t before;

	begin();
	string(below, 1 << 20, false);
	party_meet_over(&p, below, "good.test");
	party_talk(&p);
	before = wire.left;
	for (int i = 0; i < 10; i++)
		tls_says(&p, CLIENT, "0123456789");
	party_run(&p);
	expect_size(before - wire.left, 100 + 22);
	expect_tls_hears(&p, SERVER, "0123456789012345678901234567890123456789"
		"012345678901234567890123456789012345678901234567890123456789");
	stop();
}
END_TEST

static leat_io *write_now(void *flow, leat_result *result)
{
	(void)result;
	return leat_flow_write(flow, "now", 3);
}

/* Through each layer in the same turn. */
START_TEST(what_is_written_in_a_turn_leaves_in_it)
{
	leat_flow *below[2], *over[2];
	char bytes[256];
	int fds[2];

	begin();
	expect_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	for (int i = 0; i < 2; i++)
		below[i] = leat_flow_from_fd(p.w.loop, fds[i]);
	party_usual(&p);
	for (int layers = 0; layers < 2; layers++) {
		leat_io *both[2] = { party_client(&p, below[0], "good.test"), party_server(&p, below[1]) };

		for (int i = 1; i >= 0; i--)
			over[i] = below[i] = leat_await_flow(both[i], NULL);
	}
	event_base_loop(p.w.base, EVLOOP_NONBLOCK);
	leat_io_detach(leat_io_then(leat_io_done(p.w.loop), write_now, leat_ctx_borrow(over[0])));
	while (recv(fds[1], bytes, sizeof bytes, 0) > 0) { /* what is not of this turn */
	}
	leat_loop_run_ready(p.w.loop);
	expect(recv(fds[1], bytes, sizeof bytes, 0) > 0);
	for (int i = 0; i < 2; i++)
		leat_flow_unref(over[i]);
	p.w.unhandled = 0;
	end();
}
END_TEST

SUITE("ends",
	close_notify_is_the_end,
	each_direction_ends_by_itself,
	closing_says_goodbye_both_ways,
	a_quiet_context_says_goodbye_all_the_same,
	it_may_be_aborted_while_openssl_writes,
	it_may_be_aborted_while_openssl_reads,
	a_peer_may_end_at_any_byte,
	a_peer_may_be_cut_at_any_byte,
	an_end_without_goodbye_is_truncated,
	it_is_an_end_where_that_is_asked,
	an_object_that_was_told_not_to_retry_loses_nothing,
	keys_are_changed_on_the_way,
	a_record_that_was_tampered_with_ends_all,
	one_closed_in_that_turn_has_said_why,
	any_size_may_be_written_at_any_moment,
	small_writes_share_a_record,
	what_is_written_in_a_turn_leaves_in_it)

/* SPDX-License-Identifier: ISC */
/* bev_ssl - adopted OpenSSL bufferevents: three ends that stay distinct, a
 * goodbye that libevent never says (doc/libevent.md, 20 and 21) */
#include <netinet/tcp.h>
#include <openssl/err.h>

#include <event2/bufferevent_ssl.h>

#include "flow/bev.h"
#include "flow/ssl.h"
#include "support/suite.h"

/* ---- our end: four ways to make one ---- */

enum way { SOCKET, FILTER_ON_SOCKET, FILTER_ON_FILTER, PLAIN_FILTER_ON_IT, WAYS };
enum { FILTERS = 2 }; /* of OpenSSL on another bufferevent */

struct tls {
	struct world w;
	SSL_CTX *ctx;
	leat_flow *flow;
	SSL *peer; /* a plain OpenSSL client on w.theirs */
};

static struct bufferevent *wrapped(struct tls *t, enum way way)
{
	SSL *ssl = SSL_new(t->ctx);
	int options = BEV_OPT_CLOSE_ON_FREE, fd = t->w.ours;
	struct bufferevent *below, *bev;

	t->w.ours = -1;
	if (way == SOCKET || way == PLAIN_FILTER_ON_IT) {
		bev = bufferevent_openssl_socket_new(t->w.base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING, options);
		return way == SOCKET ? bev : bufferevent_filter_new(bev, NULL, NULL, options, NULL, NULL);
	}
	below = bufferevent_socket_new(t->w.base, fd, options);
	if (way == FILTER_ON_FILTER) /* not deferred, OpenSSL would be called from inside its own write */
		below = bufferevent_filter_new(below, NULL, NULL, options | BEV_OPT_DEFER_CALLBACKS, NULL, NULL);
	return bufferevent_openssl_filter_new(t->w.base, below, ssl, BUFFEREVENT_SSL_ACCEPTING, options);
}

/* Does an operation of the peer until it has succeeded or failed. */
#define PEER(t, result, call)                                                              \
	do {                                                                               \
		ERR_clear_error();                                                         \
		result = (call);                                                           \
		turn(&(t)->w);                                                             \
	} while (result <= 0 && (SSL_get_error((t)->peer, result) == SSL_ERROR_WANT_READ || \
				 SSL_get_error((t)->peer, result) == SSL_ERROR_WANT_WRITE))

static void tls_open(struct tls *t, enum way way)
{
	int done;

	world_open(&t->w);
	tcp_pair(&t->w);
	t->ctx = ssl_context();
	t->flow = leat_flow_from_bufferevent(t->w.loop, wrapped(t, way));
	expect_str(kind_of(t->flow), "bufferevent");
	t->peer = SSL_new(t->ctx);
	SSL_set_fd(t->peer, t->w.theirs);
	SSL_set_connect_state(t->peer);
	PEER(t, done, SSL_do_handshake(t->peer));
	expect_int(done, 1);
}

static void tls_close(struct tls *t)
{
	leat_flow_abort(t->flow);
	leat_flow_unref(t->flow);
	settle(&t->w);
	SSL_free(t->peer);
	SSL_CTX_free(t->ctx);
	world_close(&t->w);
}

static void tls_peer_says(struct tls *t, const char *words)
{
	int done;

	PEER(t, done, SSL_write(t->peer, words, (int)strlen(words)));
	expect_int(done, strlen(words));
}

static void tls_peer_hears(struct tls *t, const char *words)
{
	char text[256];
	int got = 0, done;

	while (got < (int)strlen(words)) {
		PEER(t, done, SSL_read(t->peer, text + got, (int)strlen(words) - got));
		ck_assert_msg(done > 0, "the peer's read fails: %d", SSL_get_error(t->peer, done));
		got += done;
	}
	expect_mem(text, words, strlen(words));
}

/* close_notify first, then the transport's end. */
static void tls_peer_hears_the_end(struct tls *t)
{
	char byte;
	int done;

	PEER(t, done, SSL_read(t->peer, &byte, 1));
	expect_int(done, 0);
	expect_int(SSL_get_error(t->peer, done), SSL_ERROR_ZERO_RETURN);
	peer_hears_the_end(&t->w);
}

static void tls_peer_says_goodbye(struct tls *t)
{
	expect(SSL_shutdown(t->peer) >= 0);
	shutdown(t->w.theirs, SHUT_WR);
}

/* ---- the tests ---- */

START_TEST(bytes_go_both_ways_and_both_say_goodbye)
{
	struct tls t;

	tls_open(&t, _i);
	tls_peer_says(&t, "from the peer");
	flow_hears(t.flow, "from the peer");
	flow_says(t.flow, "from us");
	expect_ok(failure_of(leat_flow_flush(t.flow)));
	tls_peer_hears(&t, "from us");
	expect_ok(failure_of(leat_flow_shutdown(t.flow, LEAT_WRITE)));
	tls_peer_hears_the_end(&t);
	tls_peer_says(&t, "we go on reading");
	flow_hears(t.flow, "we go on reading");
	tls_peer_says_goodbye(&t);
	flow_hears_the_end(t.flow);
	expect_ok(ending_of(t.flow));
	tls_close(&t);
}
END_TEST

START_TEST(a_goodbye_is_the_end_and_we_go_on_writing)
{
	struct tls t;

	tls_open(&t, _i);
	tls_peer_says(&t, "last words");
	tls_peer_says_goodbye(&t);
	flow_hears(t.flow, "last words");
	flow_hears_the_end(t.flow);
	flow_hears_the_end(t.flow);
	settle(&t.w);
	flow_hears_the_end(t.flow); /* libevent's second word is not believed */
	flow_says(t.flow, "answer");
	tls_peer_hears(&t, "answer");
	expect_ok(ending_of(t.flow));
	tls_peer_hears_the_end(&t);
	tls_close(&t);
}
END_TEST

START_TEST(a_goodbye_does_not_stop_what_waits_to_be_sent)
{
	static char block[8 << 20];
	struct tls t;
	leat_io *write;
	leat_result result;
	size_t total = 0;
	int done;

	tls_open(&t, _i);
	write = leat_flow_write(t.flow, block, sizeof block);
	settle(&t.w);
	expect_false(leat_io_try(write, &result));
	tls_peer_says_goodbye(&t);
	flow_hears_the_end(t.flow);
	while (total < sizeof block) {
		PEER(&t, done, SSL_read(t.peer, block, sizeof block));
		expect(done > 0);
		total += (size_t)done;
	}
	expect_true(leat_await(write, NULL));
	tls_close(&t);
}
END_TEST

START_TEST(an_end_without_a_goodbye_is_truncated)
{
	struct tls t;

	tls_open(&t, _i);
	tls_peer_says(&t, "half a sen");
	shutdown(t.w.theirs, SHUT_WR);
	flow_hears(t.flow, "half a sen");
	expect_kind(failure_of(leat_flow_read(t.flow)), LEAT_TRUNCATED);
	expect_kind(failure_of(leat_flow_read(t.flow)), LEAT_TRUNCATED);
	tls_close(&t);
}
END_TEST

START_TEST(a_reset_is_a_reset)
{
	struct tls t;

	tls_open(&t, _i);
	tls_peer_says(&t, "cut");
	flow_hears(t.flow, "cut");
	cut(t.w.theirs);
	t.w.theirs = -1;
	expect_kind(failure_of(leat_flow_read(t.flow)), LEAT_RESET);
	expect(leat_error_set(failure_of(leat_flow_write(t.flow, "x", 1))));
	tls_close(&t);
}
END_TEST

START_TEST(what_is_no_tls_is_a_protocol_error)
{
	struct tls t;

	tls_open(&t, _i);
	expect_int(write(t.w.theirs, "GET / HTTP/1.0\r\n\r\n", 18), 18);
	expect_kind(failure_of(leat_flow_read(t.flow)), LEAT_PROTOCOL);
	tls_close(&t);
}
END_TEST

START_TEST(megabytes_arrive_whole_before_the_goodbye)
{
	static char block[1 << 20], got[1 << 20];
	struct tls t;
	leat_io *close;
	int done;
	size_t total = 0;

	tls_open(&t, _i);
	for (size_t i = 0; i < sizeof block; i++)
		block[i] = (char)(i * 31 + i / 255);
	leat_io_detach(leat_flow_write(t.flow, block, sizeof block));
	close = leat_flow_close(t.flow);
	for (;;) {
		PEER(&t, done, SSL_read(t.peer, got + total, (int)(sizeof got - total)));
		if (done <= 0 || (total += (size_t)done) == sizeof got)
			break;
	}
	expect_size(total, sizeof got);
	expect_mem(got, block, sizeof got);
	tls_peer_hears_the_end(&t);
	tls_peer_says_goodbye(&t);
	expect_true(leat_await(close, NULL));
	tls_close(&t);
}
END_TEST

/* The descriptor is filled behind libevent's back, and the peer takes what it
 * was filled with before its OpenSSL sees it. */
START_TEST(a_goodbye_waits_for_a_full_descriptor)
{
	static char block[65536];
	struct tls t;
	leat_io *told;
	leat_result result;
	size_t filled = 0;
	ssize_t n;

	tls_open(&t, SOCKET);
	flow_says(t.flow, "x"); /* what OpenSSL sent by itself is taken with it */
	tls_peer_hears(&t, "x");
	while ((n = write(fd_of(t.flow), block, sizeof block)) > 0)
		filled += (size_t)n;
	told = leat_flow_shutdown(t.flow, LEAT_WRITE);
	settle(&t.w);
	expect_false(leat_io_try(told, &result));
	for (; filled > 0; filled -= sizeof block < filled ? sizeof block : filled)
		peer_read(&t.w, block, sizeof block < filled ? sizeof block : filled);
	expect_true(leat_await(told, NULL));
	tls_peer_hears_the_end(&t);
	tls_close(&t);
}
END_TEST

/* Each waits for the other, and neither reads any more. */
START_TEST(a_handshake_is_no_deadlock_at_any_moment)
{
	struct tls t = { .peer = NULL };
	leat_flow *other;

	world_open(&t.w);
	tcp_pair(&t.w);
	t.ctx = ssl_context();
	t.flow = leat_flow_from_bufferevent(t.w.loop, wrapped(&t, _i % WAYS));
	other = leat_flow_from_bufferevent(t.w.loop, bufferevent_openssl_socket_new(t.w.base, t.w.theirs,
		SSL_new(t.ctx), BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE));
	t.w.theirs = -1;
	for (int turns = _i / WAYS % 6; turns > 0; turns--)
		turn(&t.w);
	if (_i >= 6 * WAYS) {
		leat_io_cancel(leat_flow_read(t.flow));
		leat_io_cancel(leat_flow_read(other));
	}
	flow_says(other, "from the other");
	flow_says(t.flow, "from us");
	leat_io_detach(leat_flow_flush(other));
	expect_ok(failure_of(leat_flow_flush(t.flow)));
	flow_hears(other, "from us");
	flow_hears(t.flow, "from the other");
	leat_flow_abort(other);
	leat_flow_unref(other);
	tls_close(&t);
}
END_TEST

/* ---- giving back ---- */

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	*(int *)arg = *(int *)arg * 1000 + what;
}

/* Gives back; gives what is told then: BEV_EVENT_..., each one three digits, without the
 * second word that a filter says after an end: doc/libevent.md, 20. */
static int told_afterwards(struct tls *t, size_t left)
{
	struct bufferevent *bev;
	int told = 0;

	expect_ok(leat_flow_to_bufferevent(t->flow, &bev));
	bufferevent_setcb(bev, NULL, NULL, on_event, &told);
	bufferevent_enable(bev, EV_READ);
	settle(&t->w);
	expect_int(evbuffer_get_length(bufferevent_get_input(bev)), left);
	bufferevent_free(bev);
	return told > 1000 && told % 1000 == BEV_EVENT_ERROR ? told / 1000 : told;
}

START_TEST(given_back_it_tells_of_the_goodbye)
{
	struct tls t;

	tls_open(&t, _i);
	tls_peer_says(&t, "last words");
	tls_peer_says_goodbye(&t);
	flow_hears(t.flow, "last ");
	settle(&t.w);
	expect_int(told_afterwards(&t, 5), BEV_EVENT_READING | BEV_EVENT_EOF);
	tls_close(&t);
}
END_TEST

START_TEST(given_back_it_tells_of_a_goodbye_without_the_transports_end)
{
	struct tls t;
	int yes = 1;

	tls_open(&t, _i);
	expect_int(setsockopt(t.w.theirs, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes), 0);
	tls_peer_says(&t, "last words");
	expect(SSL_shutdown(t.peer) >= 0);
	flow_hears(t.flow, "last ");
	settle(&t.w);
	expect_int(told_afterwards(&t, 5), BEV_EVENT_READING | BEV_EVENT_EOF);
	tls_close(&t);
}
END_TEST

/* A filter says that bare. */
START_TEST(given_back_it_tells_that_it_was_cut)
{
	struct tls t;
	int told;

	tls_open(&t, _i);
	tls_peer_says(&t, "last words");
	shutdown(t.w.theirs, SHUT_WR);
	flow_hears(t.flow, "last ");
	settle(&t.w);
	told = told_afterwards(&t, 5);
	expect_int(told & ~BEV_EVENT_READING, BEV_EVENT_ERROR);
	tls_close(&t);
}
END_TEST

START_TEST(given_back_it_tells_of_nonsense_once)
{
	static const char record[] = "\x17\x03\x03\0\x20nonsensenonsensenonsensenonsense";
	struct tls t;

	tls_open(&t, _i);
	expect_int(write(t.w.theirs, record, sizeof record - 1), sizeof record - 1);
	expect_kind(failure_of(leat_flow_read(t.flow)), LEAT_PROTOCOL);
	expect_int(told_afterwards(&t, 0), BEV_EVENT_READING | BEV_EVENT_ERROR);
	tls_close(&t);
}
END_TEST

/* On a descriptor OpenSSL does no more after that. */
START_TEST(one_that_was_cut_is_so_for_who_adopts_it_again)
{
	struct bufferevent *bev;
	struct tls t;

	tls_open(&t, FILTER_ON_SOCKET + _i);
	shutdown(t.w.theirs, SHUT_WR);
	expect_kind(failure_of(leat_flow_read(t.flow)), LEAT_TRUNCATED);
	expect_ok(leat_flow_to_bufferevent(t.flow, &bev));
	leat_flow_unref(t.flow);
	t.flow = leat_flow_from_bufferevent(t.w.loop, bev);
	expect_kind(failure_of(leat_flow_read(t.flow)), LEAT_TRUNCATED);
	flow_says(t.flow, "answer");
	tls_peer_hears(&t, "answer");
	tls_close(&t);
}
END_TEST

START_TEST(what_was_lent_to_it_goes_out_once)
{
	static char block[60000], got[sizeof block];
	struct bufferevent *bev;
	struct tls t;
	int n, sum = 0;

	tls_open(&t, _i);
	memset(block, 'y', sizeof block);
	leat_io_detach(leat_flow_send(t.flow, leat_buf_copy(t.w.loop, block, sizeof block)));
	leat_loop_run_ready(t.w.loop);
	expect_ok(leat_flow_to_bufferevent(t.flow, &bev));
	bufferevent_enable(bev, EV_WRITE);
	while (sum < (int)sizeof block) {
		PEER(&t, n, SSL_read(t.peer, got + sum, (int)sizeof block - sum));
		expect(n > 0);
		sum += n;
	}
	expect_mem(got, block, sizeof block);
	settle(&t.w);
	expect(SSL_read(t.peer, got, 1) < 0);
	expect_int(evbuffer_get_length(bufferevent_get_output(bev)), 0);
	bufferevent_free(bev);
	tls_close(&t);
}
END_TEST

/* On a descriptor libevent 2.1.12 does not know OpenSSL 3's word for that. */
START_TEST(where_it_may_end_without_a_goodbye_it_ends)
{
	struct tls t;
	struct bufferevent *bev;

	tls_open(&t, FILTER_ON_SOCKET + _i);
	expect_ok(leat_flow_to_bufferevent(t.flow, &bev));
	leat_flow_unref(t.flow);
	bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	t.flow = leat_flow_from_bufferevent(t.w.loop, bev);
	tls_peer_says(&t, "last words");
	shutdown(t.w.theirs, SHUT_WR);
	flow_hears(t.flow, "last words");
	flow_hears_the_end(t.flow);
	flow_says(t.flow, "answer");
	tls_peer_hears(&t, "answer");
	tls_close(&t);
}
END_TEST

SUITE("bev_ssl",
	EACH(a_handshake_is_no_deadlock_at_any_moment, 2 * 6 * WAYS),
	EACH(bytes_go_both_ways_and_both_say_goodbye, WAYS),
	EACH(a_goodbye_is_the_end_and_we_go_on_writing, WAYS),
	EACH(a_goodbye_does_not_stop_what_waits_to_be_sent, WAYS),
	EACH(an_end_without_a_goodbye_is_truncated, WAYS),
	EACH(a_reset_is_a_reset, WAYS),
	EACH(what_is_no_tls_is_a_protocol_error, WAYS),
	EACH(megabytes_arrive_whole_before_the_goodbye, WAYS),
	EACH(given_back_it_tells_of_the_goodbye, WAYS),
	EACH(given_back_it_tells_of_a_goodbye_without_the_transports_end, WAYS),
	EACH(given_back_it_tells_that_it_was_cut, WAYS),
	EACH(given_back_it_tells_of_nonsense_once, WAYS),
	EACH(one_that_was_cut_is_so_for_who_adopts_it_again, FILTERS),
	EACH(what_was_lent_to_it_goes_out_once, WAYS),
	EACH(where_it_may_end_without_a_goodbye_it_ends, FILTERS),
	a_goodbye_waits_for_a_full_descriptor)

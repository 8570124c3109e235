/* SPDX-License-Identifier: ISC */
/* bev - what only adopted bufferevents do: taking over, giving back, and all
 * that libevent does differently from the contract (doc/libevent.md) */
#include <signal.h>

#include <leat/flow_ops.h>

#include "flow/bev.h"
#include "support/suite.h"

#define PLAIN(i) ((i) == 0)
#define KIND(i) (PLAIN(i) ? "socket" : "bufferevent")

/* ---- taking over ---- */

START_TEST(what_had_arrived_is_read_first)
{
	struct world w;
	struct bufferevent *bev;
	leat_flow *flow;

	world_open(&w);
	unix_pair(&w);
	bev = socket_bev(&w, PLAIN(_i));
	bufferevent_enable(bev, EV_READ);
	peer_say(&w, "before ");
	while (evbuffer_get_length(bufferevent_get_input(bev)) < 7)
		turn(&w);
	flow = leat_flow_from_bufferevent(w.loop, bev);
	expect_str(kind_of(flow), KIND(_i));
	peer_say(&w, "after");
	flow_hears(flow, "before after");
	leat_flow_abort(flow);
	leat_flow_unref(flow);
	world_close(&w);
}
END_TEST

START_TEST(what_was_queued_is_sent_first)
{
	struct world w;
	struct bufferevent *bev;
	leat_flow *flow;

	world_open(&w);
	unix_pair(&w);
	bev = socket_bev(&w, true);
	bufferevent_write(bev, "before ", 7);
	flow = leat_flow_from_bufferevent(w.loop, bev);
	expect_str(kind_of(flow), "bufferevent");
	flow_says(flow, "after");
	peer_hears(&w, "before after");
	leat_flow_abort(flow);
	leat_flow_unref(flow);
	world_close(&w);
}
END_TEST

static void never_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	(void)arg;
	ck_abort_msg("the user's callback was called");
}

static void never_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)arg;
	ck_abort_msg("the user's event callback was called: %d", what);
}

START_TEST(the_users_callbacks_are_not_called_any_more)
{
	struct world w;
	struct bufferevent *bev;
	leat_flow *flow;

	world_open(&w);
	unix_pair(&w);
	bev = socket_bev(&w, PLAIN(_i));
	bufferevent_setcb(bev, never_read, never_read, never_event, NULL);
	bufferevent_enable(bev, EV_READ);
	flow = leat_flow_from_bufferevent(w.loop, bev);
	peer_say(&w, "hello");
	flow_hears(flow, "hello");
	flow_says(flow, "bye");
	peer_hears(&w, "bye");
	shutdown(w.theirs, SHUT_WR);
	flow_hears_the_end(flow);
	leat_flow_abort(flow);
	leat_flow_unref(flow);
	world_close(&w);
}
END_TEST

START_TEST(only_a_plain_connected_socket_is_promoted)
{
	struct timeval second = { .tv_sec = 1 };
	struct ev_token_bucket_cfg *rate = ev_token_bucket_cfg_new(1000, 1000, 1000, 1000, &second);

	for (int i = 0; i < 5; i++) {
		struct world w;
		struct bufferevent *bev;
		leat_flow *flow;

		world_open(&w);
		unix_pair(&w);
		bev = bufferevent_socket_new(w.base, w.ours,
		                             BEV_OPT_CLOSE_ON_FREE | (i == 4 ? BEV_OPT_DEFER_CALLBACKS : 0));
		if (i == 1)
			bufferevent_set_timeouts(bev, &second, NULL);
		if (i == 2)
			bufferevent_set_rate_limit(bev, rate);
		if (i == 3)
			bufferevent_write(bev, "x", 1);
		flow = leat_flow_from_bufferevent(w.loop, bev);
		expect_str(kind_of(flow), KIND(i));
		leat_flow_abort(flow);
		leat_flow_unref(flow);
		world_close(&w);
	}
	ev_token_bucket_cfg_free(rate);
}
END_TEST

START_TEST(a_foreign_base_is_refused)
{
	struct world w;
	struct event_base *other = event_base_new();
	struct bufferevent *bev = bufferevent_socket_new(other, -1, BEV_OPT_CLOSE_ON_FREE);
	leat_flow *flow;

	world_open(&w);
	flow = leat_flow_from_bufferevent(w.loop, bev);
	expect_kind(failure_of(leat_flow_read(flow)), LEAT_INVALID);
	leat_flow_unref(flow);
	flow = leat_flow_from_bufferevent(w.loop, NULL);
	expect_kind(failure_of(leat_flow_read(flow)), LEAT_INVALID);
	leat_flow_unref(flow);
	world_close(&w);
	event_base_free(other);
}
END_TEST

START_TEST(the_descriptor_is_closed_with_the_flow)
{
	struct world w;
	leat_flow *flow;
	int fd;

	world_open(&w);
	unix_pair(&w);
	fd = w.ours;
	flow = leat_flow_from_bufferevent(w.loop, bufferevent_socket_new(w.base, fd, _i & 2 ? BEV_OPT_CLOSE_ON_FREE : 0));
	if (_i & 1)
		bufferevent_free(bufferevent_socket_new(w.base, -1, 0));
	leat_flow_abort(flow);
	expect_int(fcntl(fd, F_GETFD), -1);
	leat_flow_unref(flow);
	world_close(&w);
}
END_TEST

/* ---- connecting ---- */

START_TEST(a_connecting_one_is_taken_over)
{
	struct world w;
	struct sockaddr_in addr;
	struct bufferevent *bev;
	leat_flow *flow;
	int listener = tcp_listen(&addr);

	world_open(&w);
	bev = bufferevent_socket_new(w.base, -1, BEV_OPT_CLOSE_ON_FREE);
	expect_int(bufferevent_socket_connect(bev, (struct sockaddr *)&addr, sizeof addr), 0);
	flow = leat_flow_from_bufferevent(w.loop, bev);
	flow_says(flow, "hello");
	expect_ok(failure_of(leat_flow_shutdown(flow, LEAT_WRITE)));
	w.theirs = accept(listener, NULL, NULL);
	expect(w.theirs >= 0);
	nonblocking(w.theirs);
	peer_hears(&w, "hello");
	peer_hears_the_end(&w);
	peer_say(&w, "bye");
	flow_hears(flow, "bye");
	leat_flow_abort(flow);
	leat_flow_unref(flow);
	world_close(&w);
	close(listener);
}
END_TEST

START_TEST(a_refused_connection_fails_both_directions)
{
	struct world w;
	struct sockaddr_in addr;
	struct bufferevent *bev;
	leat_flow *flow;

	close(tcp_listen(&addr));
	world_open(&w);
	bev = bufferevent_socket_new(w.base, -1, BEV_OPT_CLOSE_ON_FREE);
	expect_int(bufferevent_socket_connect(bev, (struct sockaddr *)&addr, sizeof addr), 0);
	flow = leat_flow_from_bufferevent(w.loop, bev);
	expect_kind(failure_of(leat_flow_read(flow)), LEAT_REFUSED);
	expect_kind(failure_of(leat_flow_write(flow, "x", 1)), LEAT_REFUSED);
	leat_flow_abort(flow);
	leat_flow_unref(flow);
	world_close(&w);
}
END_TEST

/* ---- LIBEVENT 1, 2, 3, 6, 9 ---- */

START_TEST(the_end_is_told_again_and_writing_goes_on)
{
	struct world w;
	leat_flow *flow;

	world_open(&w);
	tcp_pair(&w);
	flow = adopted(&w, PLAIN(_i));
	peer_say(&w, "last");
	shutdown(w.theirs, SHUT_WR);
	flow_hears(flow, "last");
	flow_hears_the_end(flow);
	flow_hears_the_end(flow);
	flow_says(flow, "still here");
	peer_hears(&w, "still here");
	expect_ok(ending_of(flow));
	peer_hears_the_end(&w);
	leat_flow_unref(flow);
	world_close(&w);
}
END_TEST

/* Writes until the stream is known to be broken. */
static leat_error write_until_it_fails(leat_flow *flow)
{
	static char block[65536];
	leat_error error;

	do
		error = failure_of(leat_flow_write(flow, block, sizeof block));
	while (!leat_error_set(error));
	return error;
}

START_TEST(a_reset_stays_one_for_the_reader_when_the_writer_met_it)
{
	struct world w;
	leat_flow *flow;

	signal(SIGPIPE, PLAIN(_i) ? SIG_DFL : SIG_IGN);
	world_open(&w);
	tcp_pair(&w);
	flow = adopted(&w, PLAIN(_i));
	peer_say(&w, "ten bytes.");
	cut(w.theirs);
	w.theirs = -1;
	expect(leat_error_set(write_until_it_fails(flow)));
	flow_hears(flow, "ten bytes.");
	expect_kind(failure_of(leat_flow_read(flow)), LEAT_RESET);
	expect_kind(failure_of(leat_flow_read(flow)), LEAT_RESET);
	leat_flow_abort(flow);
	leat_flow_unref(flow);
	world_close(&w);
	signal(SIGPIPE, SIG_DFL);
}
END_TEST

START_TEST(a_broken_stream_fails_each_later_write)
{
	struct world w;
	leat_flow *flow;

	signal(SIGPIPE, SIG_IGN); /* libevent writes: the manual says so */
	world_open(&w);
	tcp_pair(&w);
	flow = adopted(&w, false);
	cut(w.theirs);
	w.theirs = -1;
	write_until_it_fails(flow);
	for (int i = 0; i < 3; i++)
		expect(leat_error_set(failure_of(leat_flow_write(flow, "x", 1))));
	expect(leat_error_set(failure_of(leat_flow_flush(flow))));
	expect(leat_error_set(ending_of(flow)));
	leat_flow_unref(flow);
	world_close(&w);
	signal(SIGPIPE, SIG_DFL);
}
END_TEST

START_TEST(a_write_is_done_when_its_bytes_are_taken_not_when_libevent_calls)
{
	static char block[8 << 20];
	struct world w;
	struct bufferevent *bev;
	leat_flow *flow;
	leat_io *write;
	leat_result result;
	char *got = malloc(sizeof block);

	world_open(&w);
	unix_pair(&w);
	bev = socket_bev(&w, false);
	flow = leat_flow_from_bufferevent(w.loop, bev);
	memset(block, 'x', sizeof block);
	write = leat_flow_write(flow, block, sizeof block);
	for (int i = 0; i < 5; i++) {
		bufferevent_enable(bev, EV_WRITE); /* a write callback each, in libevent */
		settle(&w);
	}
	expect_false(leat_io_try(write, &result));
	peer_read(&w, got, sizeof block);
	expect_mem(got, block, sizeof block);
	expect_true(leat_await(write, NULL));
	leat_flow_abort(flow);
	leat_flow_unref(flow);
	world_close(&w);
	free(got);
}
END_TEST

START_TEST(watermarks_of_the_user_do_not_hold_bytes_back)
{
	struct world w;
	struct bufferevent *bev;
	leat_flow *flow;

	world_open(&w);
	unix_pair(&w);
	bev = socket_bev(&w, PLAIN(_i));
	bufferevent_setwatermark(bev, EV_READ, 100, 200);
	flow = leat_flow_from_bufferevent(w.loop, bev);
	peer_say(&w, "abc");
	flow_hears(flow, "abc");
	peer_say(&w, "def");
	shutdown(w.theirs, SHUT_WR);
	flow_hears(flow, "def");
	flow_hears_the_end(flow);
	leat_flow_abort(flow);
	leat_flow_unref(flow);
	world_close(&w);
}
END_TEST

START_TEST(nobody_reading_is_back_pressure_without_spinning)
{
	static char block[1 << 20];
	struct world w;
	leat_flow *flow;
	leat_flow_info info = { .size = sizeof info };
	size_t sent = 0;
	ssize_t n;

	world_open(&w);
	unix_pair(&w);
	flow = adopted(&w, false);
	peer_say(&w, "x");
	flow_hears(flow, "x"); /* it listens now */
	for (int i = 0; i < 1000; i++) {
		while ((n = write(w.theirs, block, sizeof block)) > 0)
			sent += (size_t)n;
		turn(&w);
	}
	leat_flow_info_get(flow, &info);
	expect(sent > 0);
	expect(info.kept_bytes <= 65536);
	expect_int(event_base_loop(w.base, EVLOOP_NONBLOCK), 1); /* nothing waits for anything */
	leat_flow_abort(flow);
	leat_flow_unref(flow);
	world_close(&w);
}
END_TEST

/* ---- timeouts and limits that the bufferevent came with ---- */

START_TEST(its_own_timeout_fails_a_read_that_waits)
{
	struct world w;
	struct timeval soon = { .tv_usec = 1000 };
	struct bufferevent *bev;
	leat_flow *flow;

	world_open(&w);
	unix_pair(&w);
	bev = socket_bev(&w, true);
	bufferevent_set_timeouts(bev, &soon, NULL);
	flow = leat_flow_from_bufferevent(w.loop, bev);
	expect_kind(failure_of(leat_flow_read(flow)), LEAT_TIMEOUT);
	flow_says(flow, "still here");
	peer_hears(&w, "still here");
	leat_flow_abort(flow);
	leat_flow_unref(flow);
	world_close(&w);
}
END_TEST

START_TEST(bytes_win_over_a_timeout_of_the_same_turn)
{
	struct world w;
	struct timeval soon = { .tv_usec = 1000 };
	struct bufferevent *bev;
	leat_flow *flow;
	leat_io *read;
	int64_t start;

	world_open(&w);
	unix_pair(&w);
	bev = socket_bev(&w, true);
	bufferevent_set_timeouts(bev, &soon, NULL);
	flow = leat_flow_from_bufferevent(w.loop, bev);
	read = leat_flow_read(flow);
	settle(&w);
	peer_say(&w, "just in time");
	for (start = leat_loop_now_ms(w.loop); leat_loop_now_ms(w.loop) < start + 3;)
		; /* both are due when the loop turns again */
	expect_true(leat_await(read, NULL));
	leat_flow_abort(flow);
	leat_flow_unref(flow);
	world_close(&w);
}
END_TEST

START_TEST(a_rate_limit_goes_on_limiting)
{
	static char block[4096];
	struct world w;
	struct timeval tick = { .tv_usec = 1000 };
	struct ev_token_bucket_cfg *rate = ev_token_bucket_cfg_new(1024, 1024, 1024, 1024, &tick);
	struct bufferevent *bev;
	leat_flow *flow;
	char got[sizeof block];

	world_open(&w);
	unix_pair(&w);
	bev = socket_bev(&w, true);
	bufferevent_set_rate_limit(bev, rate);
	flow = leat_flow_from_bufferevent(w.loop, bev);
	leat_io_detach(leat_flow_write(flow, block, sizeof block));
	leat_io_detach(leat_flow_flush(flow));
	turn(&w);
	expect(read(w.theirs, got, sizeof got) < (ssize_t)sizeof block);
	expect_ok(failure_of(leat_flow_flush(flow)));
	leat_flow_abort(flow);
	leat_flow_unref(flow);
	world_close(&w);
	ev_token_bucket_cfg_free(rate);
}
END_TEST

/* ---- LIBEVENT 14, 18: pairs ---- */

struct partner {
	int ends, errors, error;
};

static void on_partner_event(struct bufferevent *bev, short what, void *arg)
{
	struct partner *partner = arg;
	int number = errno;

	(void)bev;
	partner->ends += !!(what & BEV_EVENT_EOF);
	if (what & BEV_EVENT_ERROR) {
		partner->errors++;
		partner->error = number;
	}
}

static leat_flow *half_pair(struct world *w, struct bufferevent **other, struct partner *partner)
{
	struct bufferevent *ends[2];

	expect_int(bufferevent_pair_new(w->base, BEV_OPT_CLOSE_ON_FREE, ends), 0);
	*partner = (struct partner){ 0 };
	bufferevent_setcb(ends[1], NULL, NULL, on_partner_event, partner);
	bufferevent_enable(ends[1], EV_READ | EV_WRITE);
	*other = ends[1];
	return leat_flow_from_bufferevent(w->loop, ends[0]);
}

static void partner_hears(struct world *w, struct bufferevent *bev, const char *words)
{
	char text[256];

	while (evbuffer_get_length(bufferevent_get_input(bev)) < strlen(words))
		turn(w);
	expect_int(bufferevent_read(bev, text, sizeof text), strlen(words));
	expect_mem(text, words, strlen(words));
}

START_TEST(a_pair_is_half_closed_once)
{
	struct world w;
	struct partner partner;
	struct bufferevent *other;
	leat_flow *flow;

	world_open(&w);
	flow = half_pair(&w, &other, &partner);
	flow_says(flow, "hello");
	expect_ok(failure_of(leat_flow_shutdown(flow, LEAT_WRITE)));
	expect_ok(failure_of(leat_flow_shutdown(flow, LEAT_WRITE)));
	partner_hears(&w, other, "hello");
	settle(&w);
	expect_int(partner.ends, 1);
	bufferevent_write(other, "and you", 7);
	flow_hears(flow, "and you");
	bufferevent_flush(other, EV_WRITE, BEV_FINISHED);
	flow_hears_the_end(flow);
	expect_ok(ending_of(flow));
	settle(&w);
	expect_int(partner.ends, 1);
	expect_int(partner.errors, 0);
	leat_flow_unref(flow);
	bufferevent_free(other);
	world_close(&w);
}
END_TEST

START_TEST(the_partner_of_an_aborted_pair_sees_a_reset)
{
	struct world w;
	struct partner partner;
	struct bufferevent *other;
	leat_flow *flow;

	world_open(&w);
	flow = half_pair(&w, &other, &partner);
	leat_flow_abort(flow);
	settle(&w);
	expect_int(partner.ends, 0);
	expect_int(partner.errors, 1);
	expect_int(partner.error, ECONNRESET);
	leat_flow_unref(flow);
	bufferevent_free(other);
	world_close(&w);
}
END_TEST

START_TEST(a_partner_that_was_freed_is_a_reset)
{
	struct world w;
	struct partner partner;
	struct bufferevent *other;
	leat_flow *flow;

	world_open(&w);
	flow = half_pair(&w, &other, &partner);
	bufferevent_write(other, "last", 4);
	bufferevent_free(other);
	settle(&w);
	flow_hears(flow, "last");
	expect_kind(failure_of(leat_flow_read(flow)), LEAT_RESET);
	expect(leat_error_set(failure_of(leat_flow_write(flow, "x", 1))));
	expect(leat_error_set(ending_of(flow)));
	leat_flow_unref(flow);
	world_close(&w);
}
END_TEST

START_TEST(a_partner_that_wants_no_more_fails_the_writer)
{
	struct world w;
	struct partner partner;
	struct bufferevent *other;
	leat_flow *flow;

	world_open(&w);
	flow = half_pair(&w, &other, &partner);
	bufferevent_flush(other, EV_READ, BEV_FINISHED); /* WRITING | EOF at our end */
	settle(&w);
	expect_kind(failure_of(leat_flow_write(flow, "x", 1)), LEAT_CLOSED);
	bufferevent_write(other, "read on", 7);
	flow_hears(flow, "read on");
	leat_flow_abort(flow);
	leat_flow_unref(flow);
	bufferevent_free(other);
	world_close(&w);
}
END_TEST

START_TEST(a_pair_nobody_reads_is_back_pressure)
{
	static char block[32768];
	struct world w;
	struct partner partner;
	struct bufferevent *other;
	leat_flow *flow;
	leat_io *write = NULL;
	leat_result result;
	int done = 0;

	world_open(&w);
	flow = half_pair(&w, &other, &partner);
	bufferevent_disable(other, EV_READ);
	do {
		write = leat_flow_write(flow, block, sizeof block);
		settle(&w);
		if (!leat_io_try(write, &result))
			break;
		expect(++done < 20);
	} while (true);
	bufferevent_enable(other, EV_READ);
	expect_true(leat_await(write, NULL));
	leat_flow_abort(flow);
	leat_flow_unref(flow);
	bufferevent_free(other);
	world_close(&w);
}
END_TEST

START_TEST(both_ends_of_a_pair_close_in_order)
{
	struct world w;
	struct bufferevent *ends[2];
	leat_flow *a, *b;
	leat_io *close_a;

	world_open(&w);
	expect_int(bufferevent_pair_new(w.base, BEV_OPT_CLOSE_ON_FREE, ends), 0);
	a = leat_flow_from_bufferevent(w.loop, ends[0]);
	b = leat_flow_from_bufferevent(w.loop, ends[1]);
	flow_says(a, "hello");
	close_a = leat_flow_close(a);
	flow_hears(b, "hello");
	flow_hears_the_end(b);
	expect_ok(ending_of(b));
	expect_true(leat_await(close_a, NULL));
	leat_flow_unref(a);
	leat_flow_unref(b);
	world_close(&w);
}
END_TEST

/* ---- LIBEVENT 19: filters ---- */

/* Lets bytes pass; ends what it writes with a mark, and keeps back of what
 * it reads as much as the mark may be, until it hears that it was the end. */
struct trailer {
	int written, freed;
	bool missing; /* what ended was not the mark */
};

enum { MARK_BYTES = 3 };

static enum bufferevent_filter_result trailer_out(struct evbuffer *from, struct evbuffer *to, ev_ssize_t limit,
                                                  enum bufferevent_flush_mode mode, void *arg)
{
	struct trailer *t = arg;
	bool any = evbuffer_get_length(from) > 0;

	(void)limit;
	evbuffer_remove_buffer(from, to, evbuffer_get_length(from));
	if (mode == BEV_FINISHED) {
		evbuffer_add(to, "END", MARK_BYTES);
		t->written++;
	}
	return any || mode == BEV_FINISHED ? BEV_OK : BEV_NEED_MORE;
}

static enum bufferevent_filter_result trailer_in(struct evbuffer *from, struct evbuffer *to, ev_ssize_t limit,
                                                 enum bufferevent_flush_mode mode, void *arg)
{
	struct trailer *t = arg;
	size_t bytes = evbuffer_get_length(from);
	char mark[MARK_BYTES];

	(void)limit;
	if (bytes > MARK_BYTES)
		evbuffer_remove_buffer(from, to, bytes - MARK_BYTES);
	if (mode == BEV_FINISHED)
		t->missing = evbuffer_remove(from, mark, sizeof mark) != MARK_BYTES || memcmp(mark, "END", MARK_BYTES);
	return bytes > MARK_BYTES ? BEV_OK : BEV_NEED_MORE;
}

static void trailer_free(void *arg)
{
	((struct trailer *)arg)->freed++;
}

static struct bufferevent *filtered(struct bufferevent *below, struct trailer *trailer)
{
	struct bufferevent *filter;

	*trailer = (struct trailer){ 0 };
	filter = bufferevent_filter_new(below, trailer_in, trailer_out, BEV_OPT_CLOSE_ON_FREE, trailer_free, trailer);
	expect_some(filter);
	return filter;
}

/* Two transports of filters: a socket, and a pair. */
static void filter_ends(struct world *w, bool pair, struct bufferevent *ends[2])
{
	int fds[2];

	if (pair) {
		expect_int(bufferevent_pair_new(w->base, BEV_OPT_CLOSE_ON_FREE, ends), 0);
		return;
	}
	expect_int(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	for (int i = 0; i < 2; i++) {
		nonblocking(fds[i]);
		ends[i] = bufferevent_socket_new(w->base, fds[i], BEV_OPT_CLOSE_ON_FREE);
	}
}

START_TEST(a_filter_ends_what_it_writes_and_what_it_reads)
{
	struct world w;
	struct bufferevent *ends[2];
	struct trailer at_a, at_b;
	leat_flow *a, *b;

	world_open(&w);
	filter_ends(&w, _i, ends);
	a = leat_flow_from_bufferevent(w.loop, filtered(ends[0], &at_a));
	b = leat_flow_from_bufferevent(w.loop, filtered(ends[1], &at_b));
	flow_says(a, "from a");
	expect_ok(failure_of(leat_flow_shutdown(a, LEAT_WRITE)));
	flow_hears(b, "from a");
	flow_hears_the_end(b);
	expect_false(at_b.missing);
	flow_says(b, "from b");
	expect_ok(ending_of(b));
	flow_hears(a, "from b");
	flow_hears_the_end(a);
	expect_false(at_a.missing);
	expect_ok(ending_of(a));
	expect_int(at_a.written, 1);
	expect_int(at_b.written, 1);
	leat_flow_unref(a);
	leat_flow_unref(b);
	settle(&w);
	expect_int(at_a.freed, 1);
	expect_int(at_b.freed, 1);
	world_close(&w);
}
END_TEST

static unsigned noises;

static leat_io *noise(void *ctx, leat_result *result)
{
	(void)result;
	return leat_io_int(((struct world *)ctx)->loop, --noises > 0);
}

/* While others have their turn both come, and are looked at together.  The guard asks again
 * inside the first answer, of what listens and need not be asked. */
START_TEST(an_end_that_comes_with_the_last_bytes_is_heard_while_closing)
{
	struct world w;
	struct bufferevent *ends[2];
	struct trailer at_a;
	leat_flow *a;
	leat_io *closing;
	leat_result result;

	world_open(&w);
	leat_loop_free(w.loop);
	w.loop = leat_loop_new(NULL, &(leat_loop_options){ .size = sizeof(leat_loop_options), .budget = 1,
		.report = world_report, .ctx = &w });
	w.base = leat_loop_base(w.loop);
	filter_ends(&w, false, ends);
	a = leat_flow_from_bufferevent(w.loop, filtered(ends[0], &at_a));
	closing = leat_flow_close(a);
	settle(&w);
	noises = 20;
	leat_io_ignore(leat_io_repeat(w.loop, noise, leat_ctx_borrow(&w)));
	expect_size(write(bufferevent_getfd(ends[1]), "last END", 8), 8);
	shutdown(bufferevent_getfd(ends[1]), SHUT_WR);
	for (int i = 0; i < 5; i++)
		settle(&w);
	expect_int(noises, 0);
	expect_true(leat_io_try(closing, &result));
	leat_result_clear(&result);
	leat_flow_unref(a);
	bufferevent_free(ends[1]);
	settle(&w);
	world_close(&w);
}
END_TEST

START_TEST(filters_on_filters_are_ended_from_the_top)
{
	struct world w;
	struct bufferevent *ends[2];
	struct trailer upper, middle, lower;
	struct evbuffer *input;
	leat_flow *a;

	world_open(&w);
	filter_ends(&w, _i, ends);
	a = leat_flow_from_bufferevent(w.loop, filtered(filtered(filtered(ends[0], &lower), &middle), &upper));
	bufferevent_enable(ends[1], EV_READ);
	flow_says(a, "words");
	expect_ok(failure_of(leat_flow_shutdown(a, LEAT_WRITE)));
	input = bufferevent_get_input(ends[1]);
	while (evbuffer_get_length(input) < 14)
		turn(&w);
	settle(&w);
	expect_size(evbuffer_get_length(input), 14);
	expect_mem(evbuffer_pullup(input, -1), "wordsENDENDEND", 14);
	leat_flow_abort(a);
	leat_flow_unref(a);
	bufferevent_free(ends[1]);
	settle(&w);
	expect_int(upper.freed + middle.freed + lower.freed, 3);
	world_close(&w);
}
END_TEST

START_TEST(a_filter_holds_no_more_than_there_is_room_for)
{
	static char block[65536];
	struct world w;
	struct bufferevent *ends[2];
	struct trailer trailer;
	leat_flow *a;
	leat_flow_info info = { .size = sizeof info };
	leat_io *write;
	leat_result result;
	int done = 0;

	world_open(&w);
	filter_ends(&w, false, ends);
	a = leat_flow_from_bufferevent(w.loop, filtered(ends[0], &trailer));
	for (;;) {
		write = leat_flow_write(a, block, sizeof block);
		settle(&w);
		if (!leat_io_try(write, &result))
			break;
		expect(++done < 100); /* the write callback of a filter says nothing */
	}
	leat_flow_info_get(a, &info);
	expect(info.queued_bytes <= 4 * sizeof block);
	leat_io_cancel(write);
	leat_flow_abort(a);
	leat_flow_unref(a);
	bufferevent_free(ends[1]);
	world_close(&w);
}
END_TEST

START_TEST(a_filter_that_was_paused_goes_on)
{
	static char block[65536], got[65536];
	struct world w;
	struct bufferevent *ends[2];
	struct trailer at_a, at_b;
	leat_flow *a, *b;
	size_t total = 0;

	world_open(&w);
	filter_ends(&w, _i, ends);
	a = leat_flow_from_bufferevent(w.loop, filtered(ends[0], &at_a));
	b = leat_flow_from_bufferevent(w.loop, filtered(ends[1], &at_b));
	leat_io_cancel(leat_flow_read(b)); /* it listens, and nobody reads */
	for (size_t i = 0; i < sizeof block; i++)
		block[i] = (char)(i * 7);
	leat_io_detach(leat_flow_write(a, block, sizeof block));
	leat_io_detach(leat_flow_close(a));
	settle(&w);
	while (total < sizeof got) {
		leat_result result;
		leat_buf *buf;

		expect_true(leat_await(leat_flow_read(b), &result));
		buf = leat_result_buf(&result);
		ck_assert_msg(buf, "the end after %zu bytes", total);
		memcpy(got + total, leat_buf_data(buf), leat_buf_size(buf));
		total += leat_buf_size(buf);
		leat_buf_unref(buf);
	}
	expect_mem(got, block, sizeof block);
	flow_hears_the_end(b);
	expect_ok(ending_of(b));
	leat_flow_unref(a);
	leat_flow_unref(b);
	settle(&w);
	world_close(&w);
}
END_TEST

/* ---- giving back ---- */

START_TEST(it_is_given_back_with_what_nobody_took)
{
	struct world w;
	struct bufferevent *bev;
	leat_flow *flow;
	char text[16];

	world_open(&w);
	unix_pair(&w);
	flow = adopted(&w, PLAIN(_i));
	peer_say(&w, "hello");
	flow_hears(flow, "he");
	leat_io_detach(leat_flow_write(flow, "bye", 3));
	leat_flow_unread(flow, leat_buf_copy(w.loop, "<>", 2));
	expect_ok(leat_flow_to_bufferevent(flow, &bev));
	expect_kind(failure_of(leat_flow_read(flow)), LEAT_CLOSED);
	expect_int(bufferevent_get_enabled(bev), 0);
	settle(&w);
	expect_int(read(w.theirs, text, sizeof text), -1); /* disabled: nothing is sent */
	expect_int(bufferevent_read(bev, text, sizeof text), 5);
	expect_mem(text, "<>llo", 5);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	peer_hears(&w, "bye");
	peer_say(&w, "more");
	while (evbuffer_get_length(bufferevent_get_input(bev)) < 4)
		turn(&w);
	leat_flow_unref(flow);
	bufferevent_free(bev);
	world_close(&w);
}
END_TEST

START_TEST(what_was_lent_to_it_is_not_ours_any_more)
{
	static char block[1 << 20];
	struct world w;
	struct event_base *base = event_base_new();
	struct bufferevent *bev;
	leat_flow *flow;
	char *got = malloc(sizeof block);

	world_open(&w);
	leat_loop_free(w.loop);
	w.loop = leat_loop_new(base, NULL);
	w.base = base;
	unix_pair(&w);
	flow = adopted(&w, PLAIN(_i));
	memset(block, 'y', sizeof block);
	leat_io_detach(leat_flow_send(flow, leat_buf_copy(w.loop, block, sizeof block)));
	settle(&w); /* some of it is sent */
	expect_kind(leat_flow_to_bufferevent(flow, &bev), LEAT_BUSY); /* a write is pending */
	leat_flow_abort(flow);
	leat_flow_unref(flow);
	close(w.theirs);
	unix_pair(&w);
	flow = adopted(&w, PLAIN(_i));
	leat_io_detach(leat_flow_send(flow, leat_buf_copy(w.loop, block, 60000)));
	leat_loop_run_ready(w.loop);
	expect_ok(leat_flow_to_bufferevent(flow, &bev));
	leat_flow_unref(flow);
	leat_loop_free(w.loop);
	bufferevent_enable(bev, EV_WRITE);
	peer_read(&w, got, 60000);
	expect_mem(got, block, 60000);
	bufferevent_free(bev);
	event_base_free(base);
	close(w.theirs);
	free(got);
}
END_TEST

START_TEST(giving_back_waits_for_nobody)
{
	struct world w;
	struct bufferevent *bev;
	struct bufferevent *again;
	leat_flow *flow, *null;
	leat_io *read;

	world_open(&w);
	unix_pair(&w);
	flow = adopted(&w, PLAIN(_i));
	read = leat_flow_read(flow);
	expect_kind(leat_flow_to_bufferevent(flow, &bev), LEAT_BUSY);
	leat_io_cancel(read);
	expect_ok(leat_flow_to_bufferevent(flow, &bev));
	expect_kind(leat_flow_to_bufferevent(flow, &again), LEAT_CLOSED);
	expect_null(again);
	leat_flow_unref(flow);
	flow = leat_flow_from_bufferevent(w.loop, bev); /* and once more */
	expect_str(kind_of(flow), KIND(_i));
	leat_flow_abort(flow);
	leat_flow_unref(flow);
	null = leat_flow_null(w.loop);
	expect_kind(leat_flow_to_bufferevent(null, &bev), LEAT_UNSUPPORTED);
	leat_flow_abort(null);
	leat_flow_unref(null);
	world_close(&w);
}
END_TEST

/* ---- freeing whatever, wherever ---- */

struct freeing {
	leat_flow *flow;
	int ran;
};

static leat_io *free_it(void *ctx, leat_result *result)
{
	struct freeing *f = ctx;

	(void)result;
	leat_flow_abort(f->flow);
	leat_flow_unref(f->flow);
	f->ran++;
	return NULL;
}

START_TEST(a_flow_may_be_freed_in_its_own_callback)
{
	struct world w;
	struct freeing f = { 0 };

	world_open(&w);
	unix_pair(&w);
	f.flow = adopted(&w, PLAIN(_i));
	peer_say(&w, "x");
	leat_await(leat_io_then(leat_flow_read(f.flow), free_it, leat_ctx_borrow(&f)), NULL);
	expect_int(f.ran, 1);
	world_close(&w);
}
END_TEST

static void free_in_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	if (what & BEV_EVENT_EOF)
		free_it(arg, NULL);
}

START_TEST(a_flow_may_be_freed_in_its_partners_callback)
{
	struct world w;
	struct bufferevent *other;
	struct partner partner;
	struct freeing f = { 0 };

	world_open(&w);
	f.flow = half_pair(&w, &other, &partner);
	bufferevent_setcb(other, NULL, NULL, free_in_event, &f);
	leat_io_detach(leat_flow_shutdown(f.flow, LEAT_WRITE));
	while (!f.ran)
		turn(&w);
	bufferevent_free(other);
	world_close(&w);
}
END_TEST

static leat_flow *doomed;

static enum bufferevent_filter_result free_in_filter(struct evbuffer *from, struct evbuffer *to, ev_ssize_t limit,
                                                     enum bufferevent_flush_mode mode, void *arg)
{
	(void)to;
	(void)limit;
	(void)mode;
	(void)arg;
	evbuffer_drain(from, evbuffer_get_length(from));
	if (doomed)
		leat_flow_abort(doomed);
	return BEV_OK;
}

START_TEST(a_flow_may_be_freed_in_its_own_filter)
{
	struct world w;
	struct bufferevent *ends[2], *filter;

	world_open(&w);
	filter_ends(&w, _i, ends);
	filter = bufferevent_filter_new(ends[0], NULL, free_in_filter, BEV_OPT_CLOSE_ON_FREE, NULL, NULL);
	doomed = leat_flow_from_bufferevent(w.loop, filter);
	leat_io_detach(leat_flow_write(doomed, "x", 1));
	settle(&w);
	expect_kind(failure_of(leat_flow_write(doomed, "x", 1)), LEAT_CLOSED);
	leat_flow_unref(doomed);
	doomed = NULL;
	bufferevent_free(ends[1]);
	settle(&w);
	world_close(&w);
}
END_TEST

START_TEST(the_loop_ends_them_with_all_that_is_pending)
{
	static char block[1 << 20];
	struct world w;
	struct bufferevent *ends[2], *pair[2];
	struct trailer at_a, at_b;
	leat_flow *flows[4];

	world_open(&w);
	filter_ends(&w, false, ends);
	expect_int(bufferevent_pair_new(w.base, BEV_OPT_CLOSE_ON_FREE, pair), 0);
	flows[0] = leat_flow_from_bufferevent(w.loop, filtered(ends[0], &at_a));
	flows[1] = leat_flow_from_bufferevent(w.loop, filtered(ends[1], &at_b));
	flows[2] = leat_flow_from_bufferevent(w.loop, pair[0]);
	flows[3] = leat_flow_from_bufferevent(w.loop, pair[1]);
	for (int i = 0; i < 4; i++) {
		leat_io_detach(leat_flow_read(flows[i]));
		leat_io_detach(leat_flow_write(flows[i], block, sizeof block));
	}
	if (_i)
		settle(&w);
	for (int i = 0; i < 4; i++)
		leat_flow_unref(flows[i]);
	world_close(&w);
}
END_TEST

START_TEST(a_deferred_one_is_as_any_other)
{
	struct world w;
	struct bufferevent *bev;
	leat_flow *flow;

	world_open(&w);
	tcp_pair(&w);
	bev = bufferevent_socket_new(w.base, w.ours, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	flow = leat_flow_from_bufferevent(w.loop, bev);
	peer_say(&w, "hello");
	flow_hears(flow, "hello");
	flow_says(flow, "bye");
	peer_hears(&w, "bye");
	peer_say(&w, "last");
	cut(w.theirs);
	w.theirs = -1;
	flow_hears(flow, "last");
	expect_kind(failure_of(leat_flow_read(flow)), LEAT_RESET);
	leat_flow_abort(flow);
	leat_flow_unref(flow);
	world_close(&w);
}
END_TEST

START_TEST(an_aborted_socket_resets_its_peer_at_once)
{
	struct world w;
	leat_flow *flow;
	char byte;

	world_open(&w);
	tcp_pair(&w);
	flow = adopted(&w, PLAIN(_i));
	leat_flow_abort(flow);
	expect_int(read(w.theirs, &byte, 1), -1);
	expect_int(errno, ECONNRESET);
	leat_flow_unref(flow);
	world_close(&w);
}
END_TEST

SUITE("bev",
	EACH(what_had_arrived_is_read_first, 2),
	what_was_queued_is_sent_first,
	EACH(the_users_callbacks_are_not_called_any_more, 2),
	only_a_plain_connected_socket_is_promoted,
	a_foreign_base_is_refused,
	EACH(the_descriptor_is_closed_with_the_flow, 4),
	a_connecting_one_is_taken_over,
	a_refused_connection_fails_both_directions,
	EACH(the_end_is_told_again_and_writing_goes_on, 2),
	EACH(a_reset_stays_one_for_the_reader_when_the_writer_met_it, 2),
	a_broken_stream_fails_each_later_write,
	a_write_is_done_when_its_bytes_are_taken_not_when_libevent_calls,
	EACH(watermarks_of_the_user_do_not_hold_bytes_back, 2),
	nobody_reading_is_back_pressure_without_spinning,
	its_own_timeout_fails_a_read_that_waits,
	bytes_win_over_a_timeout_of_the_same_turn,
	a_rate_limit_goes_on_limiting,
	a_pair_is_half_closed_once,
	the_partner_of_an_aborted_pair_sees_a_reset,
	a_partner_that_was_freed_is_a_reset,
	a_partner_that_wants_no_more_fails_the_writer,
	a_pair_nobody_reads_is_back_pressure,
	both_ends_of_a_pair_close_in_order,
	EACH(a_filter_ends_what_it_writes_and_what_it_reads, 2),
	an_end_that_comes_with_the_last_bytes_is_heard_while_closing,
	EACH(filters_on_filters_are_ended_from_the_top, 2),
	a_filter_holds_no_more_than_there_is_room_for,
	EACH(a_filter_that_was_paused_goes_on, 2),
	EACH(it_is_given_back_with_what_nobody_took, 2),
	EACH(what_was_lent_to_it_is_not_ours_any_more, 2),
	EACH(giving_back_waits_for_nobody, 2),
	EACH(a_flow_may_be_freed_in_its_own_callback, 2),
	a_flow_may_be_freed_in_its_partners_callback,
	EACH(a_flow_may_be_freed_in_its_own_filter, 2),
	EACH(the_loop_ends_them_with_all_that_is_pending, 2),
	a_deferred_one_is_as_any_other,
	EACH(an_aborted_socket_resets_its_peer_at_once, 2))

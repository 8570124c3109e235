/* SPDX-License-Identifier: ISC */
/* bridge - a bufferevent over any flow does what libevent says of bufferevents */
#include <leat/flow_ops.h>
#include <leat/transform.h>

#include "flow/bridge.h"
#include "support/starve.h"
#include "support/suite.h"

/* ---- reading ---- */

START_TEST(what_is_said_is_heard_on_both_sides)
{
	struct world w;
	struct user user;
	leat_flow *peer;

	world_open(&w);
	peer = bridge(&w, _i, &user);
	user_says(&user, "from a bufferevent");
	peer_hears(peer, "from a bufferevent");
	settle(&w);
	peer_says(peer, "from a flow");
	settle(&w);
	expect_size(user.got, 11);
	expect(user.sum == sum_of(0, (const unsigned char *)"from a flow", 11));
	tape_expect("w r");
	part(&w, &user, peer);
	world_close(&w);
}
END_TEST

START_TEST(the_end_comes_after_all_bytes)
{
	struct world w;
	struct user user;
	leat_flow *peer;

	world_open(&w);
	peer = bridge(&w, _i, &user);
	bufferevent_disable(user.bev, EV_READ);
	peer_says(peer, "last words");
	leat_io_detach(leat_flow_shutdown(peer, LEAT_WRITE));
	settle(&w);
	tape_expect("");
	bufferevent_enable(user.bev, EV_READ);
	settle(&w);
	expect_size(user.got, 10);
	tape_expect("r Rend");
	expect_int(bufferevent_get_enabled(user.bev), EV_WRITE);
	user_says(&user, "still here");
	peer_hears(peer, "still here");
	part(&w, &user, peer);
	world_close(&w);
}
END_TEST

START_TEST(the_end_comes_again_when_it_is_asked_for)
{
	struct world w;
	struct user user;
	leat_flow *peer;

	world_open(&w);
	peer = bridge(&w, _i, &user);
	leat_io_detach(leat_flow_shutdown(peer, LEAT_WRITE));
	settle(&w);
	tape_expect("Rend");
	bufferevent_enable(user.bev, EV_READ);
	settle(&w);
	tape_expect("Rend");
	settle(&w);
	tape_expect("");
	part(&w, &user, peer);
	world_close(&w);
}
END_TEST

static leat_flow_info info_of(leat_flow *flow)
{
	leat_flow_info info = { .size = sizeof info };

	leat_flow_info_get(flow, &info);
	return info;
}

START_TEST(who_does_not_read_leaves_the_bytes_with_the_peer)
{
	struct world w;
	struct user user;
	leat_flow *peer;

	world_open(&w);
	peer = bridge(&w, OVER_PAIR, &user);
	bufferevent_disable(user.bev, EV_READ);
	settle(&w);
	for (int i = 0; i < 10; i++)
		peer_says(peer, "0123456789");
	settle(&w);
	/* one read was under way when EV_READ went off */
	expect(info_of(peer).queued_bytes >= 90);
	expect_size(evbuffer_get_length(bufferevent_get_input(user.bev)), 0);
	bufferevent_enable(user.bev, EV_READ);
	settle(&w);
	expect_size(user.got, 100);
	part(&w, &user, peer);
	world_close(&w);
}
END_TEST

START_TEST(nothing_is_read_of_the_flow_before_somebody_reads)
{
	struct world w;
	struct user user;
	leat_flow *ends[2];

	world_open(&w);
	leat_flow_pair(w.loop, ends);
	user_has(&user, ends[0]);
	peer_says(ends[1], "early");
	settle(&w);
	expect_size(info_of(ends[1]).queued_bytes, 5);
	bufferevent_enable(user.bev, EV_READ);
	settle(&w);
	expect_size(user.got, 5);
	part(&w, &user, ends[1]);
	world_close(&w);
}
END_TEST

static leat_io *say_much(leat_loop *loop, leat_flow *flow, size_t bytes)
{
	leat_buf *buf = leat_buf_new(loop, bytes);

	memset(leat_buf_space(buf), 'x', bytes);
	return leat_flow_send(flow, buf);
}

/* Keeps it all in the input, whose watermark stops it. */
static void keep(struct bufferevent *bev, void *arg)
{
	(void)bev;
	(void)arg;
}

START_TEST(a_high_watermark_stops_reading_until_it_is_drained)
{
	struct world w;
	struct user user;
	leat_flow *peer;
	struct evbuffer *input;
	size_t total = 0;

	world_open(&w);
	peer = bridge(&w, _i, &user);
	input = bufferevent_get_input(user.bev);
	bufferevent_setcb(user.bev, NULL, NULL, NULL, NULL);
	bufferevent_setwatermark(user.bev, EV_READ, 0, 1000);
	expect_ok(failure(say_much(w.loop, peer, 9999)));
	for (int i = 0; i < 10; i++) {
		settle(&w);
		expect_size(evbuffer_get_length(input), i < 9 ? 1000 : 999);
		total += evbuffer_get_length(input);
		evbuffer_drain(input, 1000);
	}
	expect_size(total, 9999);
	bufferevent_setcb(user.bev, keep, NULL, NULL, NULL);
	part(&w, &user, peer);
	world_close(&w);
}
END_TEST

START_TEST(a_low_watermark_holds_the_callback_back_and_the_end_does_not_mind)
{
	struct world w;
	struct user user;
	leat_flow *peer;

	world_open(&w);
	peer = bridge(&w, OVER_PAIR, &user);
	bufferevent_setwatermark(user.bev, EV_READ, 8, 0);
	peer_says(peer, "1234");
	settle(&w);
	tape_expect("");
	peer_says(peer, "5678");
	settle(&w);
	tape_expect("r");
	peer_says(peer, "90");
	leat_io_detach(leat_flow_shutdown(peer, LEAT_WRITE));
	settle(&w);
	tape_expect("Rend");
	expect_size(evbuffer_get_length(bufferevent_get_input(user.bev)), 2);
	part(&w, &user, peer);
	world_close(&w);
}
END_TEST

/* ---- writing ---- */

/* Writes a bit whenever it is told that the last one is gone. */
static void write_more(struct bufferevent *bev, void *arg)
{
	static const char bit[16384];

	*(size_t *)arg += sizeof bit;
	bufferevent_write(bev, bit, sizeof bit);
}

START_TEST(who_writes_by_callback_stops_when_the_peer_does)
{
	struct world w;
	struct user user;
	leat_flow *peer;
	size_t written = 0, then;
	uint64_t sum = 0;

	world_open(&w);
	peer = bridge(&w, OVER_PAIR, &user);
	bufferevent_setcb(user.bev, NULL, write_more, NULL, &written);
	write_more(user.bev, &written);
	settle(&w);
	then = written;
	expect(then > 65536 && then < 4 * 65536);
	settle(&w);
	expect_size(written, then);
	bufferevent_setcb(user.bev, NULL, NULL, NULL, NULL);
	free_user(&user);
	expect_size(peer_hears_all(peer, &sum), then);
	part(&w, &user, peer);
	world_close(&w);
}
END_TEST

START_TEST(what_is_written_while_ev_write_is_off_waits_for_it)
{
	struct world w;
	struct user user;
	leat_flow *peer;

	world_open(&w);
	peer = bridge(&w, OVER_PAIR, &user);
	bufferevent_disable(user.bev, EV_WRITE);
	user_says(&user, "later");
	settle(&w);
	world_pass(&w, 10);
	settle(&w);
	tape_expect("");
	expect_size(evbuffer_get_length(bufferevent_get_output(user.bev)), 5);
	bufferevent_enable(user.bev, EV_WRITE);
	world_pass(&w, 200);
	settle(&w);
	tape_expect("w");
	peer_hears(peer, "later");
	part(&w, &user, peer);
	world_close(&w);
}
END_TEST

START_TEST(a_flush_does_not_wait_for_ev_write)
{
	struct world w;
	struct user user;
	leat_flow *peer;

	world_open(&w);
	peer = bridge(&w, OVER_PAIR, &user);
	bufferevent_disable(user.bev, EV_WRITE);
	user_says(&user, "now");
	bufferevent_flush(user.bev, EV_WRITE, BEV_FLUSH);
	peer_hears(peer, "now");
	part(&w, &user, peer);
	world_close(&w);
}
END_TEST

START_TEST(a_finished_flush_is_a_half_close)
{
	struct world w;
	struct user user;
	leat_flow *peer;
	uint64_t sum = 0;

	world_open(&w);
	peer = bridge(&w, _i, &user);
	user_says(&user, "question");
	bufferevent_flush(user.bev, EV_WRITE, BEV_FINISHED);
	expect_size(peer_hears_all(peer, &sum), 8);
	settle(&w);
	tape_expect("w");
	peer_says(peer, "answer");
	settle(&w);
	expect_size(user.got, 6);
	tape_expect("r");
	leat_io_detach(leat_flow_shutdown(peer, LEAT_WRITE));
	settle(&w);
	tape_expect("Rend");
	user_says(&user, "too late");
	settle(&w);
	tape_expect("w WEPIPE");
	part(&w, &user, peer);
	world_close(&w);
}
END_TEST

/* ---- errors ---- */

START_TEST(a_reset_comes_after_what_arrived)
{
	struct world w;
	struct user user;
	leat_flow *peer;

	world_open(&w);
	peer = bridge(&w, OVER_PAIR, &user);
	peer_says(peer, "before");
	settle(&w);
	leat_flow_abort(peer);
	settle(&w);
	expect_size(user.got, 6);
	tape_expect("r RECONNRESET");
	bufferevent_enable(user.bev, EV_READ);
	settle(&w);
	tape_expect("RECONNRESET");
	leat_flow_unref(peer);
	free_user(&user);
	settle(&w);
	world_end(&w);
}
END_TEST

START_TEST(a_write_that_fails_is_told_once_and_later_ones_vanish)
{
	struct world w;
	struct user user;
	leat_flow *peer;

	world_open(&w);
	peer = bridge(&w, OVER_PAIR, &user);
	bufferevent_disable(user.bev, EV_READ);
	settle(&w);
	leat_flow_abort(peer);
	leat_flow_unref(peer);
	user_says(&user, "nobody there");
	settle(&w);
	tape_expect("w WEPIPE");
	user_says(&user, "nor now");
	settle(&w);
	expect_size(evbuffer_get_length(bufferevent_get_output(user.bev)), 0);
	tape_expect("w");
	free_user(&user);
	settle(&w);
	world_end(&w);
}
END_TEST

/* ---- a flow whose end cannot be told ---- */

static leat_error as_it_is(void *state, leat_coding *c)
{
	(void)state;
	leat_coding_copy(c, SIZE_MAX);
	return (leat_error){ 0 };
}

static leat_error denied(void *state, leat_coding *c)
{
	(void)state;
	(void)c;
	return leat_error_core(LEAT_DENIED);
}

static const leat_coder endless = { .size = sizeof endless, .name = "endless", .encode = as_it_is,
	.decode = as_it_is, .encode_finish = denied };

static leat_flow *over_endless(struct world *w, struct user *user)
{
	leat_flow *ends[2];

	world_open(w);
	leat_flow_pair(w->loop, ends);
	user_has(user, leat_transform_new(ends[0], &endless, NULL));
	user_says(user, "hello");
	peer_hears(ends[1], "hello");
	settle(w);
	tape_expect("w");
	return ends[1];
}

START_TEST(a_half_close_that_fails_is_told)
{
	struct world w;
	struct user user;
	leat_flow *peer = over_endless(&w, &user);

	bufferevent_flush(user.bev, EV_WRITE, BEV_FINISHED);
	settle(&w);
	tape_expect("WEACCES");
	free_user(&user);
	settle(&w);
	expect_int(w.unhandled, 0);
	leat_flow_unref(peer);
	world_end(&w);
}
END_TEST

START_TEST(a_goodbye_that_fails_is_told)
{
	struct world w;
	struct user user;
	leat_flow *peer = over_endless(&w, &user);

	free_user(&user);
	settle(&w);
	expect_int(w.unhandled, 1);
	w.unhandled = 0;
	leat_flow_unref(peer);
	world_end(&w);
}
END_TEST

/* The socket took them into its flow's queue, and could not send them. */
START_TEST(bytes_that_were_accepted_and_lost_are_told)
{
	struct world w;
	struct user user;
	int fds[2];

	world_open(&w);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	user_has(&user, leat_flow_from_fd(w.loop, fds[0]));
	bufferevent_disable(user.bev, EV_READ);
	settle(&w);
	close(fds[1]);
	user_says(&user, "nobody there");
	settle(&w);
	free_user(&user);
	settle(&w);
	expect_int(w.unhandled, 1);
	w.unhandled = 0;
	world_end(&w);
}
END_TEST

static void flushes(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
	struct user *user = arg;

	(void)output;
	if (info->n_deleted > 0 && user->bev)
		bufferevent_flush(user->bev, EV_WRITE, BEV_FLUSH);
}

START_TEST(a_flush_while_it_sends_keeps_the_order)
{
	enum { BYTES = 200000 };
	static unsigned char bytes[BYTES];
	struct world w;
	struct user user;
	leat_flow *peer;
	uint64_t sum = 0;

	world_open(&w);
	peer = bridge(&w, OVER_PAIR, &user);
	for (size_t i = 0; i < BYTES; i++)
		bytes[i] = (unsigned char)(i * i >> 7);
	evbuffer_add_cb(bufferevent_get_output(user.bev), flushes, &user);
	expect_int(bufferevent_write(user.bev, bytes, BYTES), 0);
	bufferevent_flush(user.bev, EV_WRITE, BEV_FINISHED);
	expect_size(peer_hears_all(peer, &sum), BYTES);
	expect_true(sum == sum_of(0, bytes, BYTES));
	settle(&w);
	tape_clear();
	part(&w, &user, peer);
	world_close(&w);
}
END_TEST

START_TEST(a_flow_that_was_never_there_fails_as_it_does)
{
	struct world w;
	struct user user;

	world_open(&w);
	user_has(&user, leat_flow_stillborn(w.loop, leat_error_errno(EHOSTDOWN)));
	bufferevent_enable(user.bev, EV_READ);
	settle(&w);
	tape_expect("REHOSTDOWN");
	free_user(&user);
	settle(&w);
	world_end(&w);
}
END_TEST

/* ---- freeing ---- */

enum { MEGABYTE = 1 << 20 };

static void write_much(struct bufferevent *bev, size_t bytes)
{
	static const char zeros[1000];

	for (; bytes > sizeof zeros; bytes -= sizeof zeros)
		bufferevent_write(bev, zeros, sizeof zeros);
	bufferevent_write(bev, zeros, bytes);
}

START_TEST(freeing_hands_on_what_was_written)
{
	struct world w;
	struct user user;
	leat_flow *peer;
	uint64_t sum = 0;

	world_open(&w);
	peer = bridge(&w, _i, &user);
	write_much(user.bev, MEGABYTE);
	free_user(&user);
	expect_size(peer_hears_all(peer, &sum), MEGABYTE);
	part(&w, &user, peer);
	world_close(&w);
}
END_TEST

START_TEST(freeing_hands_on_what_waited_for_the_peer)
{
	struct world w;
	struct user user;
	leat_flow *peer;
	uint64_t sum = 0;

	world_open(&w);
	peer = bridge(&w, _i, &user);
	write_much(user.bev, MEGABYTE);
	settle(&w);
	bufferevent_disable(user.bev, EV_WRITE);
	write_much(user.bev, 10);
	free_user(&user);
	settle(&w);
	expect_size(peer_hears_all(peer, &sum), MEGABYTE + 10);
	part(&w, &user, peer);
	world_close(&w);
}
END_TEST

START_TEST(freeing_is_legal_in_each_callback)
{
	static const char *const where[] = { "read", "write", "event" };
	struct world w;
	struct user user;
	leat_flow *peer;
	uint64_t sum = 0;

	world_open(&w);
	peer = bridge(&w, _i % OVER, &user);
	user.frees = where[_i / OVER];
	peer_says(peer, "hello");
	leat_io_detach(leat_flow_shutdown(peer, LEAT_WRITE));
	if (_i / OVER == 1)
		user_says(&user, "goodbye");
	settle(&w);
	expect_null(user.bev);
	expect_size(peer_hears_all(peer, &sum), _i / OVER == 1 ? 7 : 0);
	part(&w, &user, peer);
	world_close(&w);
}
END_TEST

START_TEST(freed_before_anything_happened_it_closes)
{
	struct world w;
	struct user user;
	leat_flow *peer;
	uint64_t sum = 0;

	world_open(&w);
	peer = bridge(&w, _i, &user);
	free_user(&user);
	expect_size(peer_hears_all(peer, &sum), 0);
	part(&w, &user, peer);
	world_close(&w);
}
END_TEST

START_TEST(between_its_free_and_its_end_nothing_touches_it)
{
	struct world w;
	struct user user;
	leat_flow *peer;

	world_open(&w);
	peer = bridge(&w, OVER_PAIR, &user);
	user_says(&user, "unsent");
	peer_says(peer, "unread");
	free_user(&user);
	world_run(&w);
	peer_hears(peer, "unsent");
	part(&w, &user, peer);
	world_close(&w);
}
END_TEST

static void free_it(struct evbuffer *buffer, const struct evbuffer_cb_info *info, void *arg)
{
	(void)buffer;
	if (info->n_added > 0)
		free_user(arg);
}

/* The callbacks of its evbuffers are the only ones that are not deferred. */
START_TEST(freeing_is_legal_in_a_callback_of_its_input)
{
	struct world w;
	struct user user;
	leat_flow *peer;
	uint64_t sum = 0;

	world_open(&w);
	peer = bridge(&w, _i, &user);
	evbuffer_add_cb(bufferevent_get_input(user.bev), free_it, &user);
	user_says(&user, "sent");
	peer_says(peer, "hello");
	settle(&w);
	expect_null(user.bev);
	expect_size(peer_hears_all(peer, &sum), 4);
	part(&w, &user, peer);
	world_close(&w);
}
END_TEST

static void free_when_sent(struct evbuffer *buffer, const struct evbuffer_cb_info *info, void *arg)
{
	(void)buffer;
	if (info->n_deleted > 0)
		free_user(arg);
}

START_TEST(freeing_is_legal_in_a_callback_of_its_output)
{
	struct world w;
	struct user user;
	leat_flow *peer;
	uint64_t sum = 0;

	world_open(&w);
	peer = bridge(&w, _i, &user);
	evbuffer_add_cb(bufferevent_get_output(user.bev), free_when_sent, &user);
	write_much(user.bev, MEGABYTE);
	if (_i == OVER_PAIR)
		bufferevent_flush(user.bev, EV_WRITE, BEV_FLUSH);
	expect_size(peer_hears_all(peer, &sum), MEGABYTE);
	expect_null(user.bev);
	part(&w, &user, peer);
	world_close(&w);
}
END_TEST

START_TEST(a_reset_may_come_between_its_free_and_its_end)
{
	struct world w;
	struct user user;
	leat_flow *peer;

	world_open(&w);
	peer = bridge(&w, OVER_PAIR, &user);
	write_much(user.bev, MEGABYTE);
	settle(&w);
	tape_expect("");
	free_user(&user);
	leat_flow_abort(peer);
	leat_flow_unref(peer);
	world_run(&w);
	settle(&w);
	tape_expect("");
	expect(w.unhandled > 0);
	world_end(&w);
}
END_TEST

START_TEST(the_loop_may_end_while_it_is_freed_by_that)
{
	struct world w;
	struct user user;
	leat_flow *peer;

	world_open(&w);
	peer = bridge(&w, OVER_PAIR, &user);
	evbuffer_add_cb(bufferevent_get_output(user.bev), free_when_sent, &user);
	bufferevent_disable(user.bev, EV_WRITE);
	user_says(&user, "unsent");
	leat_flow_unref(peer);
	leat_loop_free(w.loop);
	expect_null(user.bev);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

START_TEST(the_loop_may_be_freed_first)
{
	struct world w;
	struct user user;
	leat_flow *peer;

	world_open(&w);
	peer = bridge(&w, _i, &user);
	user_says(&user, "in vain");
	leat_flow_unref(peer);
	leat_loop_free(w.loop);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	tape_expect("RWECANCELED");
	user_says(&user, "nobody hears");
	bufferevent_enable(user.bev, EV_READ | EV_WRITE);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	expect_size(evbuffer_get_length(bufferevent_get_output(user.bev)), 0);
	bufferevent_free(user.bev);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
	expect_int(w.reports, 1); /* that it is still held */
}
END_TEST

START_TEST(the_loop_may_be_freed_at_once_after_it)
{
	struct world w;
	struct user user;
	leat_flow *peer;

	world_open(&w);
	peer = bridge(&w, OVER_PAIR, &user);
	user_says(&user, "in vain");
	if (_i)
		settle(&w);
	free_user(&user);
	leat_flow_unref(peer);
	leat_loop_free(w.loop);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

/* ---- libevent's own timeouts: of real time ---- */

static void wait_for_event(struct world *w, struct user *user)
{
	while (!user->last) {
		leat_loop_run_ready(w->loop);
		event_base_loop(w->base, EVLOOP_ONCE);
	}
}

START_TEST(a_read_timeout_is_told)
{
	struct world w;
	struct user user;
	leat_flow *peer;

	world_open(&w);
	peer = bridge(&w, OVER_PAIR, &user);
	bufferevent_set_timeouts(user.bev, &(struct timeval){ 0, 1000 }, NULL);
	wait_for_event(&w, &user);
	tape_expect("Rlate");
	expect_int(bufferevent_get_enabled(user.bev), EV_WRITE);
	part(&w, &user, peer);
	world_close(&w);
}
END_TEST

START_TEST(a_write_timeout_is_told_where_bytes_wait)
{
	struct world w;
	struct user user;
	leat_flow *peer;
	uint64_t sum = 0;

	world_open(&w);
	peer = bridge(&w, OVER_PAIR, &user);
	bufferevent_set_timeouts(user.bev, NULL, &(struct timeval){ 0, 1000 });
	write_much(user.bev, MEGABYTE);
	wait_for_event(&w, &user);
	tape_expect("Wlate");
	free_user(&user);
	expect_size(peer_hears_all(peer, &sum), MEGABYTE);
	part(&w, &user, peer);
	world_close(&w);
}
END_TEST

START_TEST(a_write_timeout_is_not_told_where_none_do)
{
	struct world w;
	struct user user;
	leat_flow *peer;

	world_open(&w);
	peer = bridge(&w, OVER_PAIR, &user);
	bufferevent_set_timeouts(user.bev, &(struct timeval){ 0, 20000 }, &(struct timeval){ 0, 1000 });
	bufferevent_enable(user.bev, EV_READ | EV_WRITE);
	user_says(&user, "gone at once");
	peer_hears(peer, "gone at once");
	wait_for_event(&w, &user);
	tape_expect("w Rlate");
	part(&w, &user, peer);
	world_close(&w);
}
END_TEST

/* ---- without memory ---- */

static leat_io *not_said(void *said, leat_result *result)
{
	(void)result;
	*(bool *)said = false;
	return NULL;
}

static void converse(struct world *w)
{
	struct user user;
	leat_flow *ends[2];
	bool said = true;

	tape_clear();
	leat_flow_pair(w->loop, ends);
	user_has(&user, ends[0]);
	if (user.bev) {
		bufferevent_enable(user.bev, EV_READ);
		user_says(&user, "question");
		leat_io_detach(leat_io_catch(leat_flow_write(ends[1], "answer", 6), leat_match_all(), not_said, leat_ctx_borrow(&said)));
	}
	settle(w);
	if (user.bev && !user.last && said)
		expect_size(user.got, 6);
	free_user(&user);
	settle(w);
	leat_flow_unref(ends[1]);
	settle(w);
	w->unhandled = 0; /* what was written may have been lost */
}

START_TEST(without_memory_it_fails_and_leaves_nothing)
{
	starve(converse);
}
END_TEST

SUITE("bridge",
	EACH(what_is_said_is_heard_on_both_sides, OVER),
	EACH(the_end_comes_after_all_bytes, OVER),
	EACH(the_end_comes_again_when_it_is_asked_for, OVER),
	who_does_not_read_leaves_the_bytes_with_the_peer,
	nothing_is_read_of_the_flow_before_somebody_reads,
	EACH(a_high_watermark_stops_reading_until_it_is_drained, OVER),
	a_low_watermark_holds_the_callback_back_and_the_end_does_not_mind,
	who_writes_by_callback_stops_when_the_peer_does,
	what_is_written_while_ev_write_is_off_waits_for_it,
	a_flush_does_not_wait_for_ev_write,
	EACH(a_finished_flush_is_a_half_close, OVER),
	a_reset_comes_after_what_arrived,
	a_write_that_fails_is_told_once_and_later_ones_vanish,
	a_half_close_that_fails_is_told,
	a_goodbye_that_fails_is_told,
	bytes_that_were_accepted_and_lost_are_told,
	a_flush_while_it_sends_keeps_the_order,
	a_flow_that_was_never_there_fails_as_it_does,
	EACH(freeing_hands_on_what_was_written, OVER),
	EACH(freeing_hands_on_what_waited_for_the_peer, OVER),
	EACH(freeing_is_legal_in_each_callback, 3 * OVER),
	EACH(freed_before_anything_happened_it_closes, OVER),
	between_its_free_and_its_end_nothing_touches_it,
	EACH(freeing_is_legal_in_a_callback_of_its_input, OVER),
	EACH(freeing_is_legal_in_a_callback_of_its_output, OVER),
	a_reset_may_come_between_its_free_and_its_end,
	the_loop_may_end_while_it_is_freed_by_that,
	EACH(the_loop_may_be_freed_first, OVER),
	EACH(the_loop_may_be_freed_at_once_after_it, 2),
	a_read_timeout_is_told,
	a_write_timeout_is_told_where_bytes_wait,
	a_write_timeout_is_not_told_where_none_do,
	without_memory_it_fails_and_leaves_nothing)

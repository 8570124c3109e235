/* SPDX-License-Identifier: ISC */
/* proxy - each byte, each end and each break goes across
 *
 * `mine` and `theirs` are the two who talk; the proxy joins `one` and `other`, whose
 * peers they are. Each test runs over each pair of kinds below.
 */
#include <unistd.h>

#include <event2/event.h>

#include <leat/leat.h>

#include "support/expect.h"
#include "support/oom.h"
#include "support/sockets.h"
#include "support/stream.h"
#include "support/suite.h"

/* ---- two ends of a kind ---- */

static void ends_pair(leat_loop *loop, leat_flow *ends[2])
{
	leat_flow_pair(loop, ends);
}

struct topology {
	void (*near)(leat_loop *, leat_flow *[2]), (*far)(leat_loop *, leat_flow *[2]);
	bool near_resets, far_resets; /* an abort is a reset, not an end */
};

static const struct topology topologies[] = {
	{ ends_pair, ends_pair, true, true },
	{ ends_tcp, ends_tcp, true, true },
	{ ends_unix, ends_unix, false, false },
	{ ends_pair, ends_tcp, true, true },
	{ ends_tcp, ends_pair, true, true },
	{ ends_unix, ends_tcp, false, true },
};
enum { TOPOLOGIES = sizeof topologies / sizeof *topologies };

/* ---- the scene ---- */

static leat_loop *loop;
static leat_flow *mine, *one, *other, *theirs;
static leat_io *proxy;
static int64_t now_ns; /* of the tests that hold the clock */

static void join(const leat_proxy_options *options)
{
	proxy = leat_proxy(one, other, options);
}

static void make_flows(const struct topology *t)
{
	leat_flow *ends[2];

	t->near(loop, ends);
	mine = ends[0];
	one = ends[1];
	t->far(loop, ends);
	other = ends[0];
	theirs = ends[1];
}

static void open_with(const struct topology *t, const leat_loop_options *options)
{
	loop = leat_loop_new(NULL, options);
	make_flows(t);
}

static void open_at(int topology)
{
	open_with(&topologies[topology], NULL);
}

static void drop_flows(void)
{
	leat_flow **all[] = { &mine, &one, &other, &theirs };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		leat_flow_unref(*all[i]);
		*all[i] = NULL;
	}
}

static void close_all(void)
{
	leat_loop_stats stats = { .size = sizeof stats };

	drop_flows();
	leat_loop_run_ready(loop);
	leat_loop_stats_get(loop, &stats);
	expect_size(stats.ios_live, 0);
	expect_size(stats.flows_live, 0);
	leat_loop_free(loop);
}

static void turn(void)
{
	for (int i = 0; i < 20; i++)
		event_base_loop(leat_loop_base(loop), EVLOOP_NONBLOCK);
}

static leat_error outcome(leat_io *io)
{
	leat_result result;
	leat_error error;

	leat_await(io, &result);
	error = leat_result_error(&result);
	leat_result_clear(&result);
	return error;
}

static leat_proxied ended(void)
{
	leat_result result;
	leat_proxied proxied;

	if (!leat_await(proxy, &result))
		ck_abort_msg("failed: %s", leat_kind_name(leat_error_kind(leat_result_error(&result))));
	proxied = leat_result_proxied(&result);
	leat_result_clear(&result);
	return proxied;
}

static bool is_over(void)
{
	leat_result result;

	turn();
	if (!leat_io_try(proxy, &result))
		return false;
	leat_result_clear(&result);
	return true;
}

static void say(leat_flow *flow, const char *words, size_t bytes)
{
	expect_ok(outcome(leat_flow_write(flow, words, bytes)));
	expect_ok(outcome(leat_flow_flush(flow)));
}

static void hear(leat_flow *flow, const char *words, size_t bytes)
{
	char got[64] = "";

	if (bytes == 0)
		return;
	expect_ok(outcome(leat_flow_read_into(flow, got, bytes, bytes)));
	expect_mem(got, words, bytes);
}

static void hear_end(leat_flow *flow)
{
	leat_error error;
	leat_buf *buf = leat_await_buf(leat_flow_read(flow), &error);

	expect_ok(error);
	ck_assert_msg(buf == NULL, "%zu bytes instead of the end", buf ? leat_buf_size(buf) : 0);
}

static leat_error hear_failure(leat_flow *flow)
{
	leat_error error;
	leat_buf *buf = leat_await_buf(leat_flow_read(flow), &error);

	expect_true(buf == NULL);
	return error;
}

static void hear_nothing(leat_flow *flow)
{
	leat_io *read = leat_flow_read(flow);
	leat_result result;

	turn();
	expect_false(leat_io_try(read, &result));
	leat_io_cancel(read);
}

static void shut(leat_flow *flow)
{
	expect_ok(outcome(leat_flow_shutdown(flow, LEAT_WRITE)));
}

/* ---- order ---- */

START_TEST(both_ways_go_across_and_are_counted)
{
	leat_proxied proxied;

	open_at(_i);
	join(NULL);
	say(mine, "question", 8);
	hear(theirs, "question", 8);
	say(theirs, "answer", 6);
	hear(mine, "answer", 6);
	shut(mine);
	shut(theirs);
	proxied = ended();
	expect_int(proxied.end, LEAT_PROXY_ENDED);
	expect_ok(proxied.error);
	expect_size(proxied.there_bytes, 8);
	expect_size(proxied.back_bytes, 6);
	hear_end(mine);
	hear_end(theirs);
	close_all();
}
END_TEST

START_TEST(half_an_end_is_carried_across_and_the_other_half_goes_on)
{
	open_at(_i);
	join(NULL);
	say(mine, "all", 3);
	shut(mine);
	hear(theirs, "all", 3);
	hear_end(theirs);
	say(theirs, "late ", 5);
	hear(mine, "late ", 5);
	expect_false(is_over());
	say(theirs, "answer", 6);
	shut(theirs);
	hear(mine, "answer", 6);
	hear_end(mine);
	expect_int(ended().end, LEAT_PROXY_ENDED);
	close_all();
}
END_TEST

START_TEST(half_an_end_is_carried_back)
{
	open_at(_i);
	join(NULL);
	shut(theirs);
	hear_end(mine);
	say(mine, "still", 5);
	hear(theirs, "still", 5);
	shut(mine);
	hear_end(theirs);
	expect_int(ended().end, LEAT_PROXY_ENDED);
	close_all();
}
END_TEST

START_TEST(both_flows_are_closed_at_the_end)
{
	leat_flow_info info = { .size = sizeof info };

	open_at(_i);
	join(NULL);
	shut(mine);
	shut(theirs);
	ended();
	leat_flow_info_get(one, &info);
	expect_true(info.closed);
	leat_flow_info_get(other, &info);
	expect_true(info.closed);
	close_all();
}
END_TEST

START_TEST(counts_are_there_while_it_runs)
{
	leat_proxied so_far = { .there_bytes = 99 };
	leat_proxy_options options = { .size = sizeof options, .so_far = &so_far };

	open_at(_i);
	join(&options);
	say(mine, "three", 5);
	hear(theirs, "three", 5);
	expect_size(so_far.there_bytes, 5);
	expect_size(so_far.back_bytes, 0);
	leat_io_cancel(proxy);
	close_all();
}
END_TEST

/* ---- a break ---- */

START_TEST(a_reset_is_passed_on_after_what_came_before_it)
{
	const struct topology *t = &topologies[_i];
	leat_proxied proxied;

	open_at(_i);
	join(NULL);
	say(mine, "last words", 10);
	leat_flow_abort(mine);
	hear(theirs, "last words", 10);
	if (t->near_resets) {
		leat_error error = hear_failure(theirs);

		if (t->far_resets)
			expect_kind(error, LEAT_RESET);
		proxied = ended();
		expect_int(proxied.end, LEAT_PROXY_ONE_BROKE);
		expect_kind(proxied.error, LEAT_RESET);
		expect_size(proxied.there_bytes, 10);
	} else {
		leat_io_cancel(proxy);
	}
	close_all();
}
END_TEST

START_TEST(a_reset_goes_back_too)
{
	const struct topology *t = &topologies[_i];

	open_at(_i);
	join(NULL);
	say(theirs, "last words", 10);
	leat_flow_abort(theirs);
	hear(mine, "last words", 10);
	if (t->far_resets) {
		leat_error error = hear_failure(mine);
		leat_proxied proxied = ended();

		if (t->near_resets)
			expect_kind(error, LEAT_RESET);
		expect_int(proxied.end, LEAT_PROXY_OTHER_BROKE);
		expect_size(proxied.back_bytes, 10);
	} else {
		leat_io_cancel(proxy);
	}
	close_all();
}
END_TEST

START_TEST(a_flow_that_is_aborted_here_is_broken)
{
	leat_proxied proxied;

	open_at(_i);
	join(NULL);
	turn();
	leat_flow_abort(one);
	proxied = ended();
	expect_int(proxied.end, LEAT_PROXY_ONE_BROKE);
	expect_kind(proxied.error, LEAT_CLOSED);
	outcome(leat_flow_read(theirs));
	close_all();
}
END_TEST

/* ---- killed at every byte ---- */

static const struct {
	bool mine;
	const char *words;
} talk[] = { { true, "helo" }, { false, "250 ok" }, { true, "a" }, { false, "b" }, { true, "quit!" } };
enum { TALK = 4 + 6 + 1 + 1 + 5, SAYINGS = sizeof talk / sizeof *talk };

/* Plays the talk to that byte; what the last speaker said is not heard yet. */
static size_t play(size_t to, bool *by_me)
{
	size_t n = 0;

	for (int i = 0; i < SAYINGS && to > 0; i++) {
		size_t length = strlen(talk[i].words);

		n = to < length ? to : length;
		*by_me = talk[i].mine;
		say(talk[i].mine ? mine : theirs, talk[i].words, n);
		to -= n;
		if (to == 0)
			return n;
		hear(talk[i].mine ? theirs : mine, talk[i].words, n);
	}
	return n;
}

static const char *words_of(size_t at)
{
	int i = 0;

	for (; at > strlen(talk[i].words); i++)
		at -= strlen(talk[i].words);
	return talk[i].words;
}

/* By FIN: the survivor hears all, then the end. */
static void kill_softly(size_t at, bool kill_me)
{
	bool by_me = true;
	size_t unheard = play(at, &by_me);
	leat_flow *dead = kill_me ? mine : theirs, *survivor = kill_me ? theirs : mine;
	leat_io *closing;

	if (by_me != kill_me && unheard > 0)
		hear(dead, words_of(at), unheard);
	closing = leat_flow_close(dead);
	if (by_me == kill_me && unheard > 0)
		hear(survivor, words_of(at), unheard);
	hear_end(survivor);
	expect_ok(outcome(leat_flow_close(survivor)));
	expect_int(ended().end, LEAT_PROXY_ENDED);
	expect_ok(outcome(closing));
}

/* By RST: the survivor hears all that was said, then that it broke. */
static void kill_hard(const struct topology *t, size_t at, bool kill_me)
{
	bool by_me = true, resets = kill_me ? t->near_resets : t->far_resets;
	size_t unheard = play(at, &by_me);
	leat_flow *dead = kill_me ? mine : theirs, *survivor = kill_me ? theirs : mine;
	leat_proxied proxied;

	leat_flow_abort(dead);
	if (by_me == kill_me && unheard > 0)
		hear(survivor, words_of(at), unheard);
	outcome(leat_flow_read(survivor));
	leat_flow_abort(survivor);
	proxied = ended();
	if (resets)
		expect_int(proxied.end, kill_me ? LEAT_PROXY_ONE_BROKE : LEAT_PROXY_OTHER_BROKE);
	expect_true(proxied.there_bytes + proxied.back_bytes <= at);
	expect_true(proxied.there_bytes + proxied.back_bytes + (by_me == kill_me ? 0 : unheard) >= at);
}

START_TEST(killed_at_any_byte_by_fin_nothing_is_lost)
{
	for (size_t at = 0; at <= TALK; at++)
		for (int kill_me = 0; kill_me < 2; kill_me++) {
			open_at(_i);
			join(NULL);
			kill_softly(at, kill_me);
			close_all();
		}
}
END_TEST

START_TEST(killed_at_any_byte_by_rst_what_was_said_arrives)
{
	for (size_t at = 0; at <= TALK; at++)
		for (int kill_me = 0; kill_me < 2; kill_me++) {
			open_at(_i);
			join(NULL);
			kill_hard(&topologies[_i], at, kill_me);
			close_all();
		}
}
END_TEST

/* ---- who does not read, who cannot be written to ---- */

enum { MUCH = 400000 };
static char much[MUCH];

static void limit(leat_flow *flow, size_t high_water)
{
	leat_flow_limits limits = { .size = sizeof limits, .high_water_bytes = high_water };

	expect_ok(leat_flow_set_limits(flow, &limits));
}

/* One that has settled is over; another is dropped. */
static bool is_pending(leat_io *io)
{
	leat_result result;

	if (!leat_io_try(io, &result)) {
		leat_io_cancel(io);
		return true;
	}
	expect_true(leat_result_ok(&result));
	return false;
}

START_TEST(who_does_not_read_is_not_read_for)
{
	leat_io *writing;
	leat_flow_info info = { .size = sizeof info };

	open_at(_i);
	limit(other, 1000);
	join(NULL);
	for (int i = 0; i < 100; i++) {
		writing = leat_flow_write(mine, much, MUCH);
		turn();
		if (is_pending(writing))
			break;
	}
	leat_flow_info_get(other, &info);
	expect_true(info.queued_bytes <= 1000 + MUCH);
	leat_io_cancel(proxy);
	close_all();
}
END_TEST

/* ---- much, which the kernel may move ---- */

enum { BULK = 2000000 };

static struct source out_mine, out_theirs;
static struct sink in_mine, in_theirs;

static void pour_both_ways(void)
{
	join(NULL);
	source_start(&out_mine, mine, BULK);
	source_start(&out_theirs, theirs, BULK / 2);
	sink_start(&in_mine, mine);
	sink_start(&in_theirs, theirs);
}

static void stop_pouring(void)
{
	source_stop(&out_mine);
	source_stop(&out_theirs);
	sink_stop(&in_mine);
	sink_stop(&in_theirs);
}

START_TEST(much_goes_both_ways_at_once)
{
	leat_proxied proxied;

	open_at(_i);
	pour_both_ways();
	proxied = ended();
	expect_int(proxied.end, LEAT_PROXY_ENDED);
	expect_size(proxied.there_bytes, BULK);
	expect_size(proxied.back_bytes, BULK / 2);
	for (int i = 0; i < 100 && !(in_mine.ended && in_theirs.ended); i++)
		turn();
	expect_size(in_theirs.at, BULK);
	expect_size(in_mine.at, BULK / 2);
	expect_false(in_mine.wrong || in_theirs.wrong);
	stop_pouring();
	close_all();
}
END_TEST

START_TEST(killed_in_the_middle_of_much_no_hole_is_left)
{
	for (int turns = 0; turns < 20; turns++) {
		open_at(_i);
		pour_both_ways();
		for (int i = 0; i < turns; i++)
			event_base_loop(leat_loop_base(loop), EVLOOP_ONCE | EVLOOP_NONBLOCK);
		leat_flow_abort(turns % 2 ? mine : theirs);
		ended();
		expect_false(in_mine.wrong || in_theirs.wrong);
		stop_pouring();
		close_all();
	}
}
END_TEST

/* ---- limits, with a clock of our own ---- */

static int64_t clock_ns(void *ctx)
{
	(void)ctx;
	return now_ns;
}

static void open_with_clock(void)
{
	now_ns = 1000000000;
	open_with(&topologies[0], &(leat_loop_options){ .size = sizeof(leat_loop_options), .clock_ns = clock_ns });
}

static void pass(int64_t ms)
{
	for (int64_t i = 0; i < ms; i += 5) {
		now_ns += 5 * 1000000;
		while (leat_loop_run_ready(loop) > 0) {
		}
	}
}

static bool over_after(int64_t ms)
{
	leat_result result;

	pass(ms);
	if (!leat_io_try(proxy, &result))
		return false;
	proxy = leat_result_pass(&result);
	return true;
}

START_TEST(who_says_nothing_for_too_long_is_cut)
{
	leat_proxied proxied;

	open_with_clock();
	join(&(leat_proxy_options){ .size = sizeof(leat_proxy_options), .idle_ms = 1000 });
	expect_false(over_after(990));
	expect_true(over_after(300));
	proxied = ended();
	expect_int(proxied.end, LEAT_PROXY_IDLE);
	expect_kind(proxied.error, LEAT_TIMEOUT);
	expect_kind(hear_failure(mine), LEAT_RESET);
	expect_kind(hear_failure(theirs), LEAT_RESET);
	close_all();
}
END_TEST

START_TEST(the_limit_begins_anew_with_each_byte)
{
	open_with_clock();
	join(&(leat_proxy_options){ .size = sizeof(leat_proxy_options), .idle_ms = 1000 });
	for (int i = 0; i < 5; i++) {
		expect_false(over_after(900));
		say(i % 2 ? mine : theirs, "x", 1);
		hear(i % 2 ? theirs : mine, "x", 1);
	}
	expect_false(over_after(700));
	expect_true(over_after(600));
	expect_int(ended().end, LEAT_PROXY_IDLE);
	close_all();
}
END_TEST

START_TEST(half_open_has_a_limit_of_its_own)
{
	leat_proxied proxied;

	open_with_clock();
	join(&(leat_proxy_options){ .size = sizeof(leat_proxy_options), .idle_ms = 10000, .half_open_ms = 100 });
	expect_false(over_after(5000));
	shut(mine);
	hear_end(theirs);
	for (int i = 0; i < 5; i++) {
		expect_false(over_after(90));
		say(theirs, "x", 1);
		hear(mine, "x", 1);
	}
	expect_true(over_after(200));
	proxied = ended();
	expect_int(proxied.end, LEAT_PROXY_HALF_OPEN);
	expect_kind(proxied.error, LEAT_TIMEOUT);
	expect_size(proxied.back_bytes, 5);
	close_all();
}
END_TEST

START_TEST(half_open_may_last_for_ever)
{
	open_with_clock();
	join(&(leat_proxy_options){ .size = sizeof(leat_proxy_options), .idle_ms = 100, .half_open_ms = -1 });
	shut(mine);
	expect_false(over_after(5000));
	leat_io_cancel(proxy);
	close_all();
}
END_TEST

/* A sanitizer sees what overflows. */
START_TEST(the_longest_limits_are_as_good_as_none)
{
	open_with_clock();
	join(&(leat_proxy_options){ .size = sizeof(leat_proxy_options), .idle_ms = INT64_MAX, .half_open_ms = INT64_MAX });
	expect_false(over_after(5000));
	say(mine, "much too much", 13);
	leat_flow_abort(mine);
	expect_false(over_after(5000));
	leat_io_cancel(proxy);
	close_all();
}
END_TEST

/* What had come from the broken one waits for a reader, but not for ever. */
START_TEST(after_a_break_what_is_left_has_a_limit)
{
	open_with_clock();
	join(&(leat_proxy_options){ .size = sizeof(leat_proxy_options), .half_open_ms = 1000 });
	say(mine, "much too much", 13);
	leat_flow_abort(mine);
	expect_false(over_after(900));
	expect_true(over_after(500));
	expect_int(ended().end, LEAT_PROXY_ONE_BROKE);
	close_all();
}
END_TEST

/* ---- who takes no more, but speaks ---- */

/* Its reader is gone, and it may go on for ever: a pipe each way. */
static void join_a_deaf_one(void)
{
	int there[2], back[2];
	leat_flow *ends[2];

	loop = leat_loop_new(NULL, NULL);
	expect_int(pipe(there), 0);
	expect_int(pipe(back), 0);
	one = leat_flow_from_fds(loop, there[0], back[1]);
	mine = leat_flow_from_fd(loop, there[1]);
	leat_flow_pair(loop, ends);
	other = ends[0];
	theirs = ends[1];
	join(NULL);
	close(back[0]);
}

START_TEST(who_cannot_be_written_to_any_more_is_heard_out)
{
	leat_proxied proxied;

	join_a_deaf_one();
	say(mine, "heard", 5);
	say(theirs, "not heard", 9);
	turn(); /* what fails after it was accepted is known by the next write */
	expect_ok(outcome(leat_flow_write(theirs, "nor this", 8)));
	hear(theirs, "heard", 5);
	proxied = ended();
	expect_kind(hear_failure(theirs), LEAT_RESET);
	expect_int(proxied.end, LEAT_PROXY_ONE_BROKE);
	expect_kind(proxied.error, LEAT_CLOSED);
	close_all();
}
END_TEST

static leat_io *say_more(void *flow, leat_result *result)
{
	return leat_io_then(leat_flow_write(flow, "more", 4), say_more, leat_ctx_borrow(flow));
}

static leat_io *hear_more(void *flow, leat_result *result)
{
	leat_buf_unref(leat_result_buf(result));
	return leat_io_then(leat_flow_read(flow), hear_more, leat_ctx_borrow(flow));
}

/* As "yes | leat pipe ... | head". */
START_TEST(who_cannot_be_written_to_any_more_is_not_heard_for_ever)
{
	leat_io *said, *heard;

	join_a_deaf_one();
	say(theirs, "not heard", 9);
	turn();
	expect_ok(outcome(leat_flow_write(theirs, "nor this", 8)));
	said = leat_io_then(leat_flow_write(mine, "more", 4), say_more, leat_ctx_borrow(mine));
	heard = leat_io_then(leat_flow_read(theirs), hear_more, leat_ctx_borrow(theirs));
	expect_int(ended().end, LEAT_PROXY_ONE_BROKE);
	leat_io_cancel(said);
	leat_io_cancel(heard);
	close_all();
}
END_TEST

/* One that answers listens only as long as its answers are taken. */
START_TEST(who_cannot_be_written_to_any_more_does_not_stop_the_answers)
{
	static const char plenty[1 << 20];
	leat_io *said, *echo;
	leat_proxied proxied;

	join_a_deaf_one();
	echo = leat_copy(theirs, theirs);
	said = leat_flow_write(mine, plenty, sizeof plenty);
	proxied = ended();
	expect_size(proxied.there_bytes, sizeof plenty);
	expect_int(proxied.end, LEAT_PROXY_ONE_BROKE);
	expect_ok(outcome(said));
	leat_io_cancel(echo);
	close_all();
}
END_TEST

/* ---- cancelling ---- */

START_TEST(cancelling_leaves_both_open_and_loses_nothing)
{
	open_at(_i);
	join(NULL);
	say(mine, "one", 3);
	hear(theirs, "one", 3);
	say(mine, "two", 3);
	leat_io_cancel(proxy);
	turn();
	join(NULL);
	hear(theirs, "two", 3);
	say(theirs, "three", 5);
	hear(mine, "three", 5);
	leat_io_cancel(proxy);
	hear_nothing(mine);
	close_all();
}
END_TEST

START_TEST(the_handles_may_go_before_it_ends)
{
	open_at(_i);
	join(NULL);
	leat_flow_unref(one);
	leat_flow_unref(other);
	one = other = NULL;
	say(mine, "x", 1);
	hear(theirs, "x", 1);
	shut(mine);
	shut(theirs);
	expect_int(ended().end, LEAT_PROXY_ENDED);
	close_all();
}
END_TEST

START_TEST(freeing_the_loop_ends_it)
{
	open_at(_i);
	join(NULL);
	leat_io_detach(proxy);
	say(mine, "x", 1);
	drop_flows();
	leat_loop_free(loop);
}
END_TEST

/* ---- without memory ---- */

static leat_io *let_be(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	return NULL;
}

static void proxy_once(struct oom *oom, const struct topology *t, bool cut)
{
	leat_result result;

	make_flows(t);
	join(&(leat_proxy_options){ .size = sizeof(leat_proxy_options), .idle_ms = 20 });
	if (!leat_await(leat_flow_write(mine, "x", 1), NULL) || cut)
		leat_flow_abort(mine);
	else
		leat_io_detach(leat_io_catch(leat_flow_close(mine), leat_match_all(), let_be, leat_ctx_none()));
	leat_io_detach(leat_io_catch(leat_flow_close(theirs), leat_match_all(), let_be, leat_ctx_none()));
	if (!leat_await(proxy, &result))
		expect_true(oom->failed);
	leat_result_clear(&result);
	drop_flows();
}

START_TEST(any_allocation_may_fail)
{
	struct oom oom;

	OOM_EACH(&oom) {
		loop = leat_loop_new(NULL, &(leat_loop_options){ .size = sizeof(leat_loop_options), .memory = &oom.memory });
		if (loop)
			proxy_once(&oom, &topologies[_i / 2], _i % 2);
		leat_loop_free(loop);
	}
}
END_TEST

#define OVER_ALL(test) EACH(test, TOPOLOGIES)

SUITE("proxy",
	OVER_ALL(both_ways_go_across_and_are_counted),
	OVER_ALL(half_an_end_is_carried_across_and_the_other_half_goes_on),
	OVER_ALL(half_an_end_is_carried_back),
	OVER_ALL(both_flows_are_closed_at_the_end),
	OVER_ALL(counts_are_there_while_it_runs),
	OVER_ALL(a_reset_is_passed_on_after_what_came_before_it),
	OVER_ALL(a_reset_goes_back_too),
	OVER_ALL(a_flow_that_is_aborted_here_is_broken),
	OVER_ALL(killed_at_any_byte_by_fin_nothing_is_lost),
	OVER_ALL(killed_at_any_byte_by_rst_what_was_said_arrives),
	OVER_ALL(who_does_not_read_is_not_read_for),
	OVER_ALL(much_goes_both_ways_at_once),
	OVER_ALL(killed_in_the_middle_of_much_no_hole_is_left),
	who_says_nothing_for_too_long_is_cut,
	the_limit_begins_anew_with_each_byte,
	half_open_has_a_limit_of_its_own,
	half_open_may_last_for_ever,
	the_longest_limits_are_as_good_as_none,
	after_a_break_what_is_left_has_a_limit,
	who_cannot_be_written_to_any_more_is_heard_out,
	who_cannot_be_written_to_any_more_is_not_heard_for_ever,
	who_cannot_be_written_to_any_more_does_not_stop_the_answers,
	OVER_ALL(cancelling_leaves_both_open_and_loses_nothing),
	OVER_ALL(the_handles_may_go_before_it_ends),
	OVER_ALL(freeing_the_loop_ends_it),
	EACH(any_allocation_may_fail, 2 * TOPOLOGIES))

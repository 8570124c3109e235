/* SPDX-License-Identifier: ISC */
/* transform - a flow that rewrites what passes, seen through a coder that marks what
 * is asked of it
 *
 * Written: bytes as they are, '|' for a flush, '.' for the end; "?" is never taken, "!"
 * is an error. Read: the same, '.' is the end, '*' is `burst` times 'x', '|' is nothing.
 */
#include <leat/buf.h>
#include <leat/flow.h>
#include <leat/transform.h>

#include "support/starve.h"
#include "support/suite.h"

/* ---- the coder ---- */

struct marks {
	size_t left; /* of a burst */
	size_t burst;
	size_t goodbye; /* how many '.' the end is; 0: one */
	size_t said;    /* of those */
	const void *in, *out; /* of the last call that did anything */
};

static size_t bursts_written; /* bytes of bursts, over all */
static unsigned destroyed;

static leat_error pass_or_not(leat_coding *c)
{
	if (*c->in == '!')
		return leat_error_core(LEAT_PROTOCOL);
	if (*c->in != '?')
		leat_coding_copy(c, 1);
	return (leat_error){ 0 };
}

static leat_error marks_encode(void *state, leat_coding *c)
{
	struct marks *m = state;
	leat_error error = { 0 };

	m->in = c->in;
	m->out = c->out;
	while (c->in_bytes > 0 && c->out_bytes > 0 && *c->in != '?' && !leat_error_set(error))
		error = pass_or_not(c);
	return error;
}

static leat_error marks_flush(void *state, leat_coding *c)
{
	if (c->out_bytes > 0)
		leat_coding_put(c, "|", 1);
	c->done = true;
	return (leat_error){ 0 };
}

static leat_error marks_finish(void *state, leat_coding *c)
{
	struct marks *m = state;

	if (!m->goodbye)
		m->goodbye = 1;
	while (m->said < m->goodbye && c->out_bytes > 0) {
		leat_coding_put(c, ".", 1);
		m->said++;
	}
	c->done = m->said == m->goodbye;
	return (leat_error){ 0 };
}

static void burst(struct marks *m, leat_coding *c)
{
	for (; m->left > 0 && c->out_bytes > 0; m->left--) {
		leat_coding_put(c, "x", 1);
		bursts_written++;
	}
	c->more = m->left > 0;
}

static leat_error marks_decode(void *state, leat_coding *c)
{
	struct marks *m = state;
	leat_error error = { 0 };

	m->in = c->in;
	m->out = c->out;
	burst(m, c);
	while (c->in_bytes > 0 && c->out_bytes > 0 && *c->in != '?' && !c->done && !leat_error_set(error)) {
		if (*c->in == '.')
			c->done = leat_coding_byte(c);
		else if (*c->in == '*')
			m->left += (unsigned)(leat_coding_byte(c) == '*') * m->burst;
		else if (*c->in == '|')
			leat_coding_byte(c);
		else
			error = pass_or_not(c);
		burst(m, c);
	}
	return error;
}

static leat_error marks_open_end(void *state, leat_coding *c)
{
	leat_coding_put(c, "fine", 4);
	c->done = true;
	return (leat_error){ 0 };
}

static leat_error denied(void *state, leat_coding *c)
{
	return leat_error_core(LEAT_DENIED);
}

static void marks_destroy(void *state)
{
	expect_some(state);
	destroyed++;
}

#define MARKS .size = sizeof(leat_coder), .name = "marks", .state_bytes = sizeof(struct marks), \
	.encode = marks_encode, .encode_flush = marks_flush, .encode_finish = marks_finish, .decode = marks_decode, \
	.destroy = marks_destroy
static const leat_coder marks = { MARKS };
static const leat_coder holding = { MARKS, .holds = true };
static const leat_coder open_ended = { MARKS, .decode_finish = marks_open_end };
static const leat_coder endless = { .size = sizeof endless, .name = "endless", .encode_finish = denied };
static const leat_coder neither = { .size = sizeof neither, .name = "neither" };
static const leat_coder plain = { .size = sizeof plain, .name = "plain", .encode = marks_encode, .decode = marks_decode,
	.state_bytes = sizeof(struct marks) };

/* ---- the stage: `flow` over one end of a pair, whose other end is `peer` ---- */

static struct world w;
static leat_flow *flow, *peer;
static struct marks *state;

static void over_pair(const leat_coder *coder)
{
	leat_flow *ends[2];
	void *ours;

	destroyed = 0;
	bursts_written = 0;
	world_open(&w);
	leat_flow_pair(w.loop, ends);
	flow = leat_transform_new(ends[0], coder, &ours);
	state = ours;
	peer = ends[1];
	expect_some(state);
}

static void leave(void)
{
	leat_flow_unref(flow);
	leat_flow_unref(peer);
	world_run(&w);
	world_close(&w);
}

/* ---- saying and hearing ---- */

/* What is written outside a turn is sent by a pass that runs no continuation. */
static void settle(void)
{
	for (int i = 0; i < 4; i++)
		world_run(&w);
}

static leat_error outcome(leat_io *io)
{
	settle();
	return settled(io);
}
#define expect_done(io) expect_kind(outcome(io), LEAT_NONE)
#define expect_fails(io, kind) expect_kind(outcome(io), kind)

static void say_to(leat_flow *to, const char *text)
{
	expect_done(leat_flow_write(to, text, strlen(text)));
}

/* What can be read now; NULL: the end. */
static leat_buf *heard(leat_flow *from)
{
	leat_result result;
	leat_io *io = leat_flow_read(from);

	settle();
	expect_true(leat_io_try(io, &result));
	expect_ok(leat_result_error(&result));
	return leat_result_buf(&result);
}

static void hears(leat_flow *from, const char *text, int line)
{
	while (*text) {
		leat_buf *buf = heard(from);
		size_t n;

		ck_assert_msg(buf != NULL, "line %d: the end, not \"%s\"", line, text);
		n = leat_buf_size(buf);
		ck_assert_msg(strncmp(leat_buf_data(buf), text, n) == 0, "line %d: \"%.*s\", not \"%s\"", line, (int)n,
			(const char *)leat_buf_data(buf), text);
		text += n;
		leat_buf_unref(buf);
	}
}
#define expect_hears(from, text) hears((from), (text), __LINE__)

static void expect_end(leat_flow *from)
{
	expect_null(heard(from));
}

static void expect_nothing(leat_flow *from)
{
	leat_io *io = leat_flow_read(from);
	leat_result result;

	settle();
	expect_false(leat_io_try(io, &result));
	leat_io_cancel(io);
}

/* ---- writing ---- */

START_TEST(a_turns_writes_are_encoded_and_flushed_once)
{
	over_pair(&marks);
	leat_io_detach(leat_flow_write(flow, "o", 1));
	leat_io_detach(leat_flow_write(flow, "n", 1));
	leat_io_detach(leat_flow_write(flow, "e", 1));
	world_run(&w);
	expect_hears(peer, "one|");
	say_to(flow, "two");
	expect_hears(peer, "two|");
	leave();
}
END_TEST

START_TEST(a_flush_after_a_flush_adds_nothing)
{
	over_pair(&marks);
	expect_done(leat_flow_flush(flow));
	expect_nothing(peer);
	say_to(flow, "one");
	expect_done(leat_flow_flush(flow));
	expect_done(leat_flow_flush(flow));
	expect_hears(peer, "one|");
	expect_nothing(peer);
	leave();
}
END_TEST

START_TEST(one_that_holds_waits_for_a_flush)
{
	leat_io *flushed;

	over_pair(&holding);
	say_to(flow, "one");
	expect_nothing(peer);
	flushed = leat_flow_flush(flow);
	expect_hears(peer, "one|");
	expect_done(flushed);
	say_to(flow, "two");
	leat_io_detach(leat_flow_shutdown(flow, LEAT_WRITE));
	expect_hears(peer, "two.");
	expect_end(peer);
	leave();
}
END_TEST

START_TEST(a_shutdown_finishes_sends_and_shuts_below)
{
	leat_io *told;

	over_pair(&marks);
	leat_io_detach(leat_flow_write(flow, "last", 4));
	told = leat_flow_shutdown(flow, LEAT_WRITE);
	expect_hears(peer, "last|.");
	expect_end(peer);
	expect_done(told);
	say_to(peer, "answer");
	expect_hears(flow, "answer");
	leave();
}
END_TEST

START_TEST(a_flush_that_a_shutdown_overtakes_is_answered)
{
	leat_io *flushed, *told;

	over_pair(&marks);
	leat_io_detach(leat_flow_write(flow, "last", 4));
	flushed = leat_flow_flush(flow);
	told = leat_flow_shutdown(flow, LEAT_WRITE);
	expect_hears(peer, "last|.");
	expect_end(peer);
	expect_done(told);
	expect_done(flushed);
	expect_done(leat_flow_flush(flow));
	leave();
}
END_TEST

START_TEST(an_end_of_many_blocks_goes_out_with_back_pressure)
{
	size_t seen = 0;
	leat_io *told;
	leat_buf *buf;

	over_pair(&marks);
	state->goodbye = 1000000;
	told = leat_flow_shutdown(flow, LEAT_WRITE);
	world_run(&w);
	expect_true(state->said < 300000);
	while ((buf = heard(peer))) {
		seen += leat_buf_size(buf);
		leat_buf_unref(buf);
	}
	expect_size(seen, 1000000);
	expect_done(told);
	leave();
}
END_TEST

START_TEST(a_large_write_is_taken_in_pieces_in_place)
{
	enum { BYTES = 3000000 };
	leat_buf *large, *buf;
	leat_io *sent;
	size_t seen = 0;

	over_pair(&plain);
	large = leat_buf_new(w.loop, BYTES);
	memset(leat_buf_space(large), 'x', BYTES);
	sent = leat_flow_send(flow, leat_buf_ref(large));
	world_run(&w);
	expect_true((const char *)state->in >= (const char *)leat_buf_data(large));
	expect_true((const char *)state->in < (const char *)leat_buf_data(large) + 600000);
	leat_buf_unref(large);
	while (seen < BYTES) {
		buf = heard(peer);
		expect_true(leat_buf_size(buf) <= 65536);
		seen += leat_buf_size(buf);
		leat_buf_unref(buf);
	}
	expect_done(sent);
	leave();
}
END_TEST

START_TEST(a_write_of_any_size_is_flushed_at_its_end)
{
	for (size_t bytes = 65000; bytes < 600000; bytes += 1777) {
		leat_buf *large, *buf;
		leat_io *sent;
		size_t seen = 0;

		over_pair(&marks);
		large = leat_buf_new(w.loop, bytes);
		memset(leat_buf_space(large), 'x', bytes);
		sent = leat_flow_send(flow, large);
		while (seen <= bytes) {
			buf = heard(peer);
			seen += leat_buf_size(buf);
			expect_int(((const char *)leat_buf_data(buf))[leat_buf_size(buf) - 1] == '|', seen == bytes + 1);
			leat_buf_unref(buf);
		}
		expect_done(sent);
		leave();
	}
}
END_TEST

START_TEST(an_error_of_the_encoder_is_the_writers)
{
	over_pair(&marks);
	leat_io_detach(leat_flow_write(flow, "a!b", 3));
	world_run(&w);
	expect_fails(leat_flow_write(flow, "c", 1), LEAT_PROTOCOL);
	expect_fails(leat_flow_flush(flow), LEAT_PROTOCOL);
	say_to(peer, "heard");
	expect_hears(flow, "heard");
	leave();
}
END_TEST

static void expect_cut(leat_kind kind)
{
	leat_result result;

	expect_true(leat_await(leat_flow_close(flow), &result));
	expect_kind(leat_result_ending(&result), kind);
	while (leat_await(leat_flow_read(peer), &result))
		leat_result_clear(&result);
	expect_kind(leat_result_error(&result), LEAT_RESET);
}

START_TEST(a_close_after_an_error_of_the_encoder_cuts_below)
{
	over_pair(&marks);
	leat_io_detach(leat_flow_write(flow, "a!b", 3));
	world_run(&w);
	expect_true(leat_await(leat_flow_shutdown(flow, LEAT_WRITE), NULL));
	expect_cut(LEAT_PROTOCOL);
	leave();
}
END_TEST

START_TEST(a_close_that_cannot_be_finished_cuts_below)
{
	over_pair(&endless);
	say_to(flow, "hay");
	expect_hears(peer, "hay");
	expect_cut(LEAT_DENIED);
	leave();
}
END_TEST

START_TEST(one_that_rewrites_neither_way_lets_pass_all_and_the_end)
{
	over_pair(&neither);
	say_to(flow, "hay");
	expect_hears(peer, "hay");
	say_to(peer, "straw");
	expect_hears(flow, "straw");
	leat_io_detach(leat_flow_shutdown(peer, LEAT_WRITE));
	expect_end(flow);
	leat_io_detach(leat_flow_shutdown(flow, LEAT_WRITE));
	expect_end(peer);
	leave();
}
END_TEST

START_TEST(an_encoder_that_does_nothing_is_invalid)
{
	over_pair(&marks);
	leat_io_detach(leat_flow_write(flow, "a?b", 3));
	world_run(&w);
	expect_fails(leat_flow_write(flow, "c", 1), LEAT_INVALID);
	leave();
}
END_TEST

START_TEST(what_fails_below_fails_above)
{
	leat_io *reading;

	over_pair(&marks);
	reading = leat_flow_read(flow);
	leat_flow_abort(peer);
	expect_fails(reading, LEAT_RESET);
	expect_fails(leat_flow_read(flow), LEAT_RESET);
	expect_fails(leat_flow_write(flow, "c", 1), LEAT_CLOSED);
	leave();
}
END_TEST

/* ---- reading ---- */

START_TEST(what_is_decoded_is_the_block_that_was_written_to)
{
	leat_buf *sent, *buf;

	over_pair(&marks);
	sent = leat_buf_copy(w.loop, "hay", 3);
	leat_io_detach(leat_flow_send(peer, leat_buf_ref(sent)));
	buf = heard(flow);
	expect_bytes(leat_buf_data(buf), leat_buf_size(buf), "hay");
	expect_ptr(state->out, leat_buf_data(buf));
	leat_buf_unref(buf);
	leat_buf_unref(sent);
	leave();
}
END_TEST

START_TEST(a_burst_is_decoded_as_it_is_read)
{
	size_t seen = 0;

	over_pair(&marks);
	state->burst = 10000000;
	say_to(peer, "*end");
	for (int i = 0; i < 20; i++) {
		leat_buf *buf = heard(flow);

		expect_true(leat_buf_size(buf) <= 65536);
		seen += leat_buf_size(buf);
		expect_size(bursts_written, seen);
		leat_buf_unref(buf);
	}
	expect_true(seen > 500000);
	leave();
}
END_TEST

START_TEST(what_follows_a_burst_is_there)
{
	size_t seen = 0;
	leat_buf *buf;

	over_pair(&marks);
	state->burst = 200000;
	say_to(peer, "a*b.");
	while ((buf = heard(flow))) {
		seen += leat_buf_size(buf);
		leat_buf_unref(buf);
	}
	expect_size(seen, 200002);
	leave();
}
END_TEST

START_TEST(input_that_gives_nothing_is_read_over)
{
	leat_io *reading;

	over_pair(&marks);
	reading = leat_flow_read(flow);
	for (int i = 0; i < 20; i++)
		say_to(peer, "|");
	say_to(peer, "hay");
	expect_done(reading);
	leave();
}
END_TEST

START_TEST(the_decoders_end_is_the_readers_before_the_end_below)
{
	over_pair(&marks);
	say_to(peer, "hay.straw");
	expect_hears(flow, "hay");
	expect_end(flow);
	expect_end(flow);
	say_to(flow, "on");
	expect_hears(peer, "on|");
	leave();
}
END_TEST

START_TEST(the_end_below_before_the_decoders_is_truncated)
{
	over_pair(&marks);
	say_to(peer, "hay");
	leat_io_detach(leat_flow_shutdown(peer, LEAT_WRITE));
	expect_hears(flow, "hay");
	expect_fails(leat_flow_read(flow), LEAT_TRUNCATED);
	expect_fails(leat_flow_read(flow), LEAT_TRUNCATED);
	leave();
}
END_TEST

START_TEST(a_decoder_may_end_where_the_flow_below_ends)
{
	over_pair(&open_ended);
	say_to(peer, "hay");
	leat_io_detach(leat_flow_shutdown(peer, LEAT_WRITE));
	expect_hears(flow, "hayfine");
	expect_end(flow);
	leave();
}
END_TEST

START_TEST(an_error_of_the_decoder_comes_after_what_it_wrote)
{
	over_pair(&marks);
	say_to(peer, "hay!straw");
	expect_hears(flow, "hay");
	expect_fails(leat_flow_read(flow), LEAT_PROTOCOL);
	expect_fails(leat_flow_read(flow), LEAT_PROTOCOL);
	say_to(flow, "on");
	expect_hears(peer, "on|");
	leave();
}
END_TEST

START_TEST(a_decoder_that_does_nothing_is_invalid)
{
	over_pair(&marks);
	say_to(peer, "hay?straw");
	expect_hears(flow, "hay");
	expect_fails(leat_flow_read(flow), LEAT_INVALID);
	leave();
}
END_TEST

/* ---- life ---- */

START_TEST(the_state_is_the_coders_until_the_end)
{
	leat_flow_info info = { .size = sizeof info };

	over_pair(&marks);
	expect_ptr(leat_transform_state(flow, &marks), state);
	expect_null(leat_transform_state(flow, &holding));
	expect_null(leat_transform_state(peer, &marks));
	leat_flow_info_get(flow, &info);
	expect_str(info.kind, "marks");
	leat_flow_abort(flow);
	expect_int(destroyed, 1);
	expect_null(leat_transform_state(flow, &marks));
	leave();
	expect_int(destroyed, 1);
}
END_TEST

START_TEST(a_close_in_order_closes_below_and_destroys_once)
{
	leat_io *closed;

	over_pair(&marks);
	closed = leat_flow_close(flow);
	expect_hears(peer, ".");
	expect_end(peer);
	say_to(peer, ".");
	expect_done(leat_flow_close(peer));
	expect_done(closed);
	expect_int(destroyed, 1);
	expect_size(world_stats(&w).flows_live, 0);
	leave();
}
END_TEST

START_TEST(a_freed_loop_destroys_once)
{
	leat_flow *ends[2];

	destroyed = 0;
	world_open(&w);
	leat_flow_pair(w.loop, ends);
	flow = leat_transform_new(ends[0], &marks, NULL);
	leat_io_detach(leat_flow_close(flow));
	leat_flow_unref(flow);
	leat_io_detach(leat_flow_close(ends[1]));
	leat_flow_unref(ends[1]);
	world_end(&w);
	expect_int(destroyed, 1);
}
END_TEST

START_TEST(over_a_busy_flow_it_is_stillborn)
{
	leat_flow *ends[2];
	leat_io *reading;

	world_open(&w);
	leat_flow_pair(w.loop, ends);
	reading = leat_flow_read(ends[0]);
	flow = leat_transform_new(ends[0], &marks, NULL);
	peer = ends[1];
	world_run(&w);
	expect_fails(leat_flow_read(flow), LEAT_BUSY);
	leat_io_cancel(reading);
	leave();
}
END_TEST

/* ---- without memory ---- */

static void ends_somehow(struct world *world, leat_io *io)
{
	world_run(world);
	leat_io_cancel(io);
}

static void talk(struct world *world)
{
	leat_flow *ends[2];
	void *ours[2];

	leat_flow_pair(world->loop, ends);
	for (int i = 0; i < 2; i++) {
		ends[i] = leat_transform_new(ends[i], &marks, &ours[i]);
		if (ours[i])
			((struct marks *)ours[i])->burst = 100000;
	}
	leat_io_cancel(leat_flow_write(ends[0], "question *", 10));
	ends_somehow(world, leat_flow_read(ends[1]));
	for (int i = 0; i < 2; i++)
		ends_somehow(world, leat_flow_write(ends[i], "answer *", 8));
	ends_somehow(world, leat_flow_flush(ends[0]));
	for (int i = 0; i < 4; i++)
		ends_somehow(world, leat_flow_read(ends[i % 2]));
	ends_somehow(world, leat_flow_shutdown(ends[0], LEAT_WRITE));
	ends_somehow(world, leat_flow_close(ends[1]));
	for (int i = 0; i < 2; i++)
		leat_flow_unref(ends[i]);
	world_run(world);
	world->unhandled = 0;
}

START_TEST(each_allocation_may_fail)
{
	OOM_EACH(&w.oom) {
		size_t at = w.oom.fail_at;

		if (!world_try(&w, at, 0))
			continue;
		talk(&w);
		world_end(&w);
	}
	starve(talk);
}
END_TEST

SUITE("transform", a_turns_writes_are_encoded_and_flushed_once, a_flush_after_a_flush_adds_nothing,
	one_that_holds_waits_for_a_flush, a_shutdown_finishes_sends_and_shuts_below,
	a_flush_that_a_shutdown_overtakes_is_answered, an_end_of_many_blocks_goes_out_with_back_pressure,
	a_large_write_is_taken_in_pieces_in_place, a_write_of_any_size_is_flushed_at_its_end, an_error_of_the_encoder_is_the_writers,
	a_close_after_an_error_of_the_encoder_cuts_below, a_close_that_cannot_be_finished_cuts_below,
	one_that_rewrites_neither_way_lets_pass_all_and_the_end,
	an_encoder_that_does_nothing_is_invalid, what_fails_below_fails_above,
	what_is_decoded_is_the_block_that_was_written_to, a_burst_is_decoded_as_it_is_read, what_follows_a_burst_is_there,
	input_that_gives_nothing_is_read_over, the_decoders_end_is_the_readers_before_the_end_below,
	the_end_below_before_the_decoders_is_truncated, a_decoder_may_end_where_the_flow_below_ends,
	an_error_of_the_decoder_comes_after_what_it_wrote, a_decoder_that_does_nothing_is_invalid,
	the_state_is_the_coders_until_the_end, a_close_in_order_closes_below_and_destroys_once,
	a_freed_loop_destroys_once, over_a_busy_flow_it_is_stillborn, each_allocation_may_fail)

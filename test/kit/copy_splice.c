/* SPDX-License-Identifier: ISC */
/* copy_splice - what is much goes by the kernel, and nobody can tell but by the speed
 *
 * `in` writes to `from`, which is copied to `to`, whose peer `out` is read. In turns
 * of libevent, so that a test can do something at each of them.
 */
#include <dirent.h>
#include <fcntl.h>

#include <event2/event.h>

#include <leat/leat.h>

#include "support/child.h"
#include "support/oom.h"
#include "support/sockets.h"
#include "support/stream.h"
#include "support/suite.h"

enum { MUCH = 3000000, TURNS = 20000 };

/* The first writes, the second reads. */
static void ends_pipe(leat_loop *loop, leat_flow *ends[2])
{
	int fds[2];

	expect_int(pipe2(fds, O_CLOEXEC), 0);
	ends[0] = leat_flow_from_fd(loop, fds[1]);
	ends[1] = leat_flow_from_fd(loop, fds[0]);
}

typedef void (*ends_maker)(leat_loop *, leat_flow *[2]);

static const struct {
	ends_maker near, far;
} kinds[] = {
	{ ends_unix, ends_unix }, { ends_tcp, ends_tcp }, { ends_unix, ends_tcp }, { ends_tcp, ends_unix },
	{ ends_pipe, ends_tcp }, { ends_tcp, ends_pipe }, { ends_pipe, ends_pipe }, /* one way */
};
enum { ONE_WAY_TOO = sizeof kinds / sizeof *kinds, KINDS = ONE_WAY_TOO - 3 };

static leat_loop *loop;
static leat_flow *in, *from, *to, *out;
static leat_io *copy;
static struct source source;
static struct sink sink;
static int fds_before;
static int64_t skipped_ns;

/* ---- the scene ---- */

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static int64_t clock_ns(void *ctx)
{
	struct timespec now;

	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec + skipped_ns;
}

static void make_flows(int kind)
{
	leat_flow *ends[2];

	kinds[kind].near(loop, ends);
	in = ends[0];
	from = ends[1];
	kinds[kind].far(loop, ends);
	to = ends[0];
	out = ends[1];
}

static void open_at(int kind)
{
	skipped_ns = 0;
	loop = leat_loop_new(NULL, &(leat_loop_options){ .size = sizeof(leat_loop_options), .clock_ns = clock_ns, .budget = 1 });
	event_base_loop(leat_loop_base(loop), EVLOOP_ONCE | EVLOOP_NONBLOCK);
	make_flows(kind);
	fds_before = count_fds();
}

static void turn(void)
{
	leat_loop_run_ready(loop);
	event_base_loop(leat_loop_base(loop), EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void drop_flows(void)
{
	leat_flow **all[] = { &in, &from, &to, &out };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		leat_flow_unref(*all[i]);
		*all[i] = NULL;
	}
}

static void close_all(void)
{
	leat_loop_stats stats = { .size = sizeof stats };

	source_stop(&source);
	sink_stop(&sink);
	drop_flows();
	for (int i = 0; i < 3; i++)
		turn();
	leat_loop_stats_get(loop, &stats);
	expect_size(stats.ios_live, 0);
	leat_loop_free(loop);
}

static leat_flow_info info_of(leat_flow *flow)
{
	leat_flow_info info = { .size = sizeof info };

	leat_flow_info_get(flow, &info);
	return info;
}

static leat_error outcome_of(leat_io *io, int64_t *number)
{
	leat_result result;
	leat_error error;

	leat_await(io, &result);
	error = leat_result_error(&result);
	if (number && leat_result_ok(&result))
		*number = leat_result_int(&result);
	leat_result_clear(&result);
	return error;
}

static bool is_by_kernel(void)
{
	return count_fds() >= fds_before + 2;
}

/* Runs until the pipe is there. */
static void until_by_kernel(void)
{
	for (int i = 0; i < TURNS; i++) {
		turn();
		if (is_by_kernel())
			return;
	}
	ck_abort_msg("it never goes by the kernel");
}

static void until_sunk(uint64_t total)
{
	for (int i = 0; i < TURNS && sink.at < total; i++)
		turn();
	expect_size(sink.at, total);
	expect_false(sink.wrong);
}

static void cancel_and_begin_again(void)
{
	leat_io_cancel(copy);
	copy = leat_copy(from, to);
}

/* ---- it goes by the kernel ---- */

START_TEST(much_arrives_in_order_and_is_counted)
{
	int64_t bytes = 0;

	open_at(_i);
	copy = leat_copy(from, to);
	source_start(&source, in, MUCH);
	sink_start(&sink, out);
	until_by_kernel();
	expect_ok(outcome_of(copy, &bytes));
	expect_int(bytes, MUCH);
	expect_size(info_of(from).read_bytes, MUCH);
	expect_size(info_of(to).written_bytes, MUCH);
	until_sunk(MUCH);
	expect_false(is_by_kernel());
	close_all();
}
END_TEST

START_TEST(so_many_bytes_and_the_rest_is_still_there)
{
	const int64_t most = MUCH / 2 + 12345;
	int64_t bytes = 0;

	open_at(_i);
	copy = leat_copy_most(from, to, (uint64_t)most, NULL);
	source_start(&source, in, MUCH);
	sink_start(&sink, out);
	until_by_kernel();
	expect_ok(outcome_of(copy, &bytes));
	expect_int(bytes, most);
	until_sunk((uint64_t)most);
	sink_stop(&sink);
	sink_go_on(&sink, from);
	until_sunk(MUCH);
	close_all();
}
END_TEST

START_TEST(little_never_does)
{
	open_at(_i);
	copy = leat_copy(from, to);
	sink_start(&sink, out);
	for (uint64_t at = 0; at < 100000; at += 1000) {
		unsigned char piece[1000];

		for (size_t i = 0; i < sizeof piece; i++)
			piece[i] = stream_at(at + i);
		expect_ok(outcome_of(leat_flow_write(in, piece, sizeof piece), NULL));
		until_sunk(at + sizeof piece);
		expect_false(is_by_kernel());
	}
	leat_io_cancel(copy);
	close_all();
}
END_TEST

START_TEST(who_wants_it_by_bufs_has_it_by_bufs)
{
	open_at(_i);
	copy = leat_copy_most(from, to, LEAT_COPY_ALL,
		&(leat_copy_options){ .size = sizeof(leat_copy_options), .by_bufs = true });
	source_start(&source, in, MUCH);
	sink_start(&sink, out);
	for (int i = 0; i < TURNS && sink.at < MUCH; i++) {
		turn();
		expect_false(is_by_kernel());
	}
	expect_ok(outcome_of(copy, NULL));
	close_all();
}
END_TEST

START_TEST(an_echo_goes_by_the_kernel_too)
{
	open_at(_i);
	copy = leat_copy(from, from);
	source_start(&source, in, MUCH);
	sink_start(&sink, in);
	until_by_kernel();
	until_sunk(MUCH);
	leat_io_cancel(copy);
	close_all();
}
END_TEST

/* ---- a file ---- */

static leat_flow *open_file(size_t bytes)
{
	char path[] = "/tmp/leat-copy-XXXXXX";
	int fd = mkstemp(path);
	leat_flow *flow = leat_flow_from_file_fd(loop, fd, 0, LEAT_FILE_ALL);

	unlink(path);
	for (size_t at = 0; at < bytes;) {
		unsigned char piece[8192];

		for (size_t i = 0; i < sizeof piece; i++)
			piece[i] = stream_at(at + i);
		at += (size_t)write(fd, piece, bytes - at < sizeof piece ? bytes - at : sizeof piece);
	}
	return flow;
}

START_TEST(a_file_is_sent_and_counted)
{
	int64_t bytes = 0;

	open_at(_i);
	leat_flow_unref(from);
	from = open_file(MUCH);
	copy = leat_copy(from, to);
	sink_start(&sink, out);
	expect_ok(outcome_of(copy, &bytes));
	expect_int(bytes, MUCH);
	expect_size(info_of(from).read_bytes, MUCH);
	expect_true(info_of(from).reads < MUCH / 65536); /* not by bufs */
	expect_size(info_of(to).written_bytes, MUCH);
	until_sunk(MUCH);
	close_all();
}
END_TEST

START_TEST(a_file_that_is_cancelled_goes_on_where_it_was)
{
	for (int turns = 0; turns < 40; turns += 3) {
		open_at(_i);
		leat_flow_unref(from);
		from = open_file(MUCH);
		copy = leat_copy(from, to);
		sink_start(&sink, out);
		for (int i = 0; i < turns; i++)
			turn();
		cancel_and_begin_again();
		until_sunk(MUCH);
		expect_ok(outcome_of(copy, NULL));
		close_all();
	}
}
END_TEST

/* ---- the pipe goes when nothing comes ---- */

START_TEST(no_pipe_is_kept_for_who_says_nothing)
{
	open_at(_i);
	copy = leat_copy(from, to);
	source = (struct source){ .flow = in, .stays = true };
	source_go_on(&source, MUCH / 2);
	sink_start(&sink, out);
	until_by_kernel();
	until_sunk(MUCH / 2);
	source_stop(&source);
	for (int i = 0; i < 4 && is_by_kernel(); i++) {
		skipped_ns += INT64_C(1100000000);
		turn();
	}
	expect_false(is_by_kernel());
	source.stays = false;
	source_go_on(&source, MUCH);
	until_by_kernel();
	until_sunk(MUCH);
	expect_ok(outcome_of(copy, NULL));
	close_all();
}
END_TEST

START_TEST(who_does_not_read_keeps_little_waiting)
{
	open_at(_i);
	copy = leat_copy(from, to);
	source_start(&source, in, 100 * (uint64_t)MUCH);
	sink_start(&sink, out);
	until_by_kernel();
	sink_stop(&sink);
	for (int i = 0; i < 1000; i++)
		turn();
	expect_true(source.at < 20 * (uint64_t)MUCH);
	expect_size(info_of(to).queued_bytes, 0);
	leat_io_cancel(copy);
	close_all();
}
END_TEST

/* ---- what happens in the middle ---- */

START_TEST(meanwhile_the_two_directions_are_busy_and_the_others_are_not)
{
	open_at(_i);
	copy = leat_copy(from, to);
	source_start(&source, in, MUCH);
	sink_start(&sink, out);
	until_by_kernel();
	expect_kind(outcome_of(leat_flow_read(from), NULL), LEAT_BUSY);
	expect_kind(outcome_of(leat_flow_write(to, "x", 1), NULL), LEAT_BUSY);
	expect_ok(outcome_of(leat_flow_write(from, "back", 4), NULL));
	expect_ok(outcome_of(leat_flow_write(out, "back", 4), NULL));
	expect_size(leat_await_int(leat_flow_read_into(to, (char[4]){ 0 }, 4, 4), NULL), 4);
	until_sunk(MUCH);
	expect_ok(outcome_of(copy, NULL));
	close_all();
}
END_TEST

/* Plays so many turns, does it, and goes on. */
static void cut_at(int kind, int turns, void (*act)(void))
{
	open_at(kind);
	copy = leat_copy(from, to);
	source_start(&source, in, MUCH);
	sink_start(&sink, out);
	for (int i = 0; i < turns; i++)
		turn();
	act();
}

START_TEST(cancelled_at_any_turn_no_byte_is_lost)
{
	for (int turns = 0; turns < 60; turns += 2) {
		cut_at(_i, turns, cancel_and_begin_again);
		until_sunk(MUCH);
		expect_ok(outcome_of(copy, NULL));
		close_all();
	}
}
END_TEST

/* What went over and what is left is all. */
static void cancel_and_read_on(void)
{
	leat_io_cancel(copy);
	leat_io_detach(leat_flow_shutdown(to, LEAT_WRITE));
}

START_TEST(cancelled_at_any_turn_the_rest_is_read_from_where_it_came)
{
	for (int turns = 1; turns < 60; turns += 3) {
		cut_at(_i, turns, cancel_and_read_on);
		for (int i = 0; i < TURNS && !sink.ended; i++)
			turn();
		sink_stop(&sink);
		sink_go_on(&sink, from);
		until_sunk(MUCH);
		close_all();
	}
}
END_TEST

static void unread_nothing_new(void)
{
	leat_buf *buf = leat_buf_copy(loop, "abc", 3);

	leat_flow_unread(from, buf);
}

/* It comes before what has not been read, and after what has. */
START_TEST(unread_in_the_middle_comes_next)
{
	for (int turns = 0; turns < 40; turns += 3) {
		int64_t bytes = 0;

		cut_at(_i, turns, unread_nothing_new);
		expect_ok(outcome_of(copy, &bytes));
		expect_int(bytes, MUCH + 3);
		for (int i = 0; i < TURNS && sink.at < MUCH + 3; i++)
			turn();
		expect_size(sink.at, MUCH + 3);
		close_all();
	}
}
END_TEST

static void close_to(void)
{
	leat_io_detach(leat_io_catch(leat_flow_close(to), leat_match_all(), source_failed, leat_ctx_borrow(&source)));
}

/* All that was accepted arrives; the next write fails. */
START_TEST(closing_the_target_in_the_middle_leaves_no_hole)
{
	for (int turns = 0; turns < 40; turns += 2) {
		uint64_t moved;

		cut_at(_i, turns, close_to);
		expect_kind(outcome_of(copy, NULL), LEAT_CLOSED);
		moved = info_of(to).written_bytes;
		for (int i = 0; i < TURNS && !sink.ended; i++)
			turn();
		expect_size(sink.at, moved);
		expect_false(sink.wrong);
		close_all();
	}
}
END_TEST

static void abort_from(void)
{
	leat_flow_abort(from);
}

static void abort_to(void)
{
	leat_flow_abort(to);
}

static void abort_in(void)
{
	leat_flow_abort(in);
}

static void abort_out(void)
{
	sink_stop(&sink);
	leat_flow_abort(out);
}

static void close_from(void)
{
	leat_io_detach(leat_io_catch(leat_flow_close(from), leat_match_all(), source_failed, leat_ctx_borrow(&source)));
}

static void free_both(void)
{
	leat_flow_unref(from);
	leat_flow_unref(to);
	from = to = NULL;
}

static void shut_from(void)
{
	leat_io_detach(leat_flow_shutdown(from, LEAT_READ));
}

/* Whatever it is, it ends or goes on, and nothing is sent that was not said. */
START_TEST(at_any_turn_anything_may_happen)
{
	void (*const acts[])(void) = { abort_from, abort_to, abort_in, abort_out, close_from, free_both, shut_from };
	leat_result result;

	for (size_t a = 0; a < sizeof acts / sizeof *acts; a++)
		for (int turns = 0; turns < 40; turns += 5) {
			bool over = false;

			cut_at(_i, turns, acts[a]);
			for (int i = 0; i < TURNS && !over; i++) {
				turn();
				over = leat_io_try(copy, &result);
			}
			expect_true(over);
			leat_result_clear(&result);
			for (int i = 0; i < 10; i++)
				turn();
			expect_false(sink.wrong);
			expect_int(count_fds() <= fds_before, 1);
			close_all();
		}
}
END_TEST

/* By the kernel or by bufs, of a socket or of a file. */
static void copy_to_who_does_not_read(bool by_bufs, bool file, bool *to_failed)
{
	open_at(1);
	if (file) {
		leat_flow_unref(from);
		from = open_file(8 * MUCH);
	} else {
		source_start(&source, in, 8 * MUCH);
	}
	copy = leat_copy_most(from, to, LEAT_COPY_ALL, &(leat_copy_options){
		.size = sizeof(leat_copy_options), .by_bufs = by_bufs, .to_failed = to_failed });
	for (int i = 0; i < 100; i++)
		turn();
	if (!by_bufs && !file)
		expect_true(is_by_kernel());
}

START_TEST(a_target_that_is_reset_is_a_reset)
{
	bool to_failed = false;

	copy_to_who_does_not_read(_i % 2, _i / 2, &to_failed);
	leat_flow_abort(out);
	expect_kind(outcome_of(copy, NULL), LEAT_RESET);
	expect_true(to_failed);
	expect_kind(outcome_of(leat_flow_write(to, "x", 1), NULL), LEAT_CLOSED);
	expect_int(count_fds() <= fds_before + 1, 1);
	close_all();
}
END_TEST

static void let_be(void)
{
}

START_TEST(the_loop_may_go_at_any_turn)
{
	for (int turns = 0; turns < 30; turns++) {
		cut_at(_i, turns, let_be);
		leat_io_detach(leat_io_catch(copy, leat_match_all(), source_failed, leat_ctx_borrow(&source)));
		leat_io_detach(source.io);
		leat_io_detach(sink.io);
		leat_loop_free(loop);
		drop_flows();
	}
}
END_TEST

START_TEST(an_idle_limit_of_the_flow_ends_it)
{
	leat_flow_limits limits = { .size = sizeof limits, .idle_ms = 100 };

	open_at(_i);
	copy = leat_copy(from, to);
	source_start(&source, in, 100 * (uint64_t)MUCH);
	sink_start(&sink, out);
	until_by_kernel();
	sink_stop(&sink);
	for (int i = 0; i < 100; i++)
		turn();
	expect_ok(leat_flow_set_limits(to, &limits));
	for (int i = 0; i < 20; i++) {
		skipped_ns += 30 * 1000000;
		turn();
	}
	expect_kind(outcome_of(copy, NULL), LEAT_TIMEOUT);
	close_all();
}
END_TEST

static leat_io *cancel_it(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	leat_io_cancel(copy);
	return NULL;
}

/* Both in one turn, so that nobody has looked yet; `_i` odd: the limit of the source. */
START_TEST(cancelled_as_an_idle_limit_ends_it_no_byte_is_lost)
{
	leat_flow_limits limits = { .size = sizeof limits, .idle_ms = 100 };
	leat_flow *idle;

	open_at(_i / 2);
	idle = _i % 2 ? from : to;
	copy = leat_copy(from, to);
	source_start(&source, in, 8 * (uint64_t)MUCH);
	sink_start(&sink, out);
	until_by_kernel();
	sink_stop(&sink);
	for (int i = 0; i < 100; i++)
		turn();
	expect_ok(leat_flow_set_limits(idle, &limits));
	leat_io_detach(leat_io_then(leat_sleep(loop, 90), cancel_it, leat_ctx_none()));
	for (int i = 0; i < 5; i++) {
		skipped_ns += 26 * 1000000;
		turn();
	}
	limits.idle_ms = -1;
	expect_ok(leat_flow_set_limits(idle, &limits));
	copy = leat_copy(from, to);
	sink_go_on(&sink, out);
	until_sunk(8 * (uint64_t)MUCH);
	leat_io_cancel(copy);
	close_all();
}
END_TEST

/* ---- without memory ---- */

static void copy_once(struct oom *oom, int kind)
{
	leat_error error;

	make_flows(kind);
	copy = leat_copy(from, to);
	source_start(&source, in, MUCH / 4);
	sink_start(&sink, out);
	for (int i = 0; i < 100; i++)
		turn();
	source_stop(&source);
	leat_flow_abort(in);
	sink_stop(&sink);
	leat_flow_abort(out);
	error = outcome_of(copy, NULL);
	expect_false(sink.wrong);
	expect_true(!leat_error_set(error) || oom->failed || leat_error_is(error, LEAT_RESET) || leat_error_is(error, LEAT_CLOSED));
	drop_flows();
}

START_TEST(any_allocation_may_fail)
{
	struct oom oom;

	OOM_EACH(&oom) {
		loop = leat_loop_new(NULL, &(leat_loop_options){ .size = sizeof(leat_loop_options), .memory = &oom.memory });
		if (loop)
			copy_once(&oom, _i);
		leat_loop_free(loop);
	}
}
END_TEST

#define OVER_ALL(test) EACH(test, KINDS)

/* ---- a child of fork ---- */

static void frees_the_loop(void *ctx)
{
	(void)ctx;
	need(!leat_error_set(leat_loop_after_fork(loop)));
	leat_loop_free(loop);
}

/* And has what was on its way in its own copy. */
static void cancels_the_copy(void *ctx)
{
	uint64_t at = info_of(to).written_bytes;
	leat_buf *buf;

	(void)ctx;
	need(!leat_error_set(leat_loop_after_fork(loop)));
	leat_io_cancel(copy);
	buf = leat_await_buf(leat_flow_read(from), NULL);
	need(buf && leat_buf_size(buf) > 0);
	for (size_t i = 0; i < leat_buf_size(buf); i++)
		need(((const unsigned char *)leat_buf_data(buf))[i] == stream_at(at + i));
}

/* Those whose target can be filled. */
static const int filled[] = { 0, 3, 5, 6 };

START_TEST(a_child_of_fork_takes_nothing_out_of_its_parents_pipe)
{
	open_at(filled[_i / 2]);
	copy = leat_copy(from, to);
	source_start(&source, in, MUCH);
	sink_start(&sink, out);
	until_by_kernel();
	sink_stop(&sink);
	for (int i = 0; i < 300; i++)
		turn();
	expect_true(is_by_kernel());
	in_a_child(_i % 2 ? cancels_the_copy : frees_the_loop, NULL);
	sink_go_on(&sink, out);
	until_sunk(MUCH);
	expect_ok(outcome_of(copy, NULL));
	close_all();
}
END_TEST

SUITE("copy_splice",
	EACH(much_arrives_in_order_and_is_counted, ONE_WAY_TOO),
	EACH(so_many_bytes_and_the_rest_is_still_there, ONE_WAY_TOO),
	EACH(little_never_does, ONE_WAY_TOO),
	OVER_ALL(who_wants_it_by_bufs_has_it_by_bufs),
	OVER_ALL(an_echo_goes_by_the_kernel_too),
	OVER_ALL(a_file_is_sent_and_counted),
	OVER_ALL(a_file_that_is_cancelled_goes_on_where_it_was),
	EACH(no_pipe_is_kept_for_who_says_nothing, ONE_WAY_TOO),
	OVER_ALL(who_does_not_read_keeps_little_waiting),
	OVER_ALL(meanwhile_the_two_directions_are_busy_and_the_others_are_not),
	EACH(cancelled_at_any_turn_no_byte_is_lost, ONE_WAY_TOO),
	EACH(cancelled_at_any_turn_the_rest_is_read_from_where_it_came, ONE_WAY_TOO),
	EACH(unread_in_the_middle_comes_next, ONE_WAY_TOO),
	EACH(closing_the_target_in_the_middle_leaves_no_hole, ONE_WAY_TOO),
	EACH(at_any_turn_anything_may_happen, ONE_WAY_TOO),
	EACH(a_target_that_is_reset_is_a_reset, 4),
	EACH(the_loop_may_go_at_any_turn, ONE_WAY_TOO),
	OVER_ALL(an_idle_limit_of_the_flow_ends_it),
	EACH(cancelled_as_an_idle_limit_ends_it_no_byte_is_lost, 2 * KINDS),
	EACH(a_child_of_fork_takes_nothing_out_of_its_parents_pipe, 2 * sizeof filled / sizeof *filled),
	EACH(any_allocation_may_fail, ONE_WAY_TOO))

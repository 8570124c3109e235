/* SPDX-License-Identifier: ISC */
/* lease - a descriptor is lent where nothing is in the way, and taken back at any time */
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>

#include <leat/flow_ops.h>
#include <leat/loop.h>
#include <leat/thread.h>

#include "support/sockets.h"
#include "support/suite.h"
#include "support/world.h"

static struct world w;
static leat_flow *mine, *theirs; /* what lends, and its peer */
static leat_lease lease;
static unsigned recalls;
static leat_error why;
static int pipe_fds[2];

static void on_recall(void *ctx, leat_error error)
{
	expect_true(ctx == &lease);
	expect_true(lease.flow == NULL);
	recalls++;
	why = error;
}

static leat_error borrow(leat_direction direction)
{
	lease = (leat_lease){ .size = sizeof lease, .recall = on_recall, .ctx = &lease };
	return leat_flow_lease(mine, direction, &lease);
}

static void turn(void)
{
	for (int i = 0; i < 3; i++) {
		world_run(&w);
		event_base_loop(w.base, EVLOOP_NONBLOCK);
	}
}

static void open_with(void (*ends)(leat_loop *, leat_flow *[2]))
{
	leat_flow *both[2];

	recalls = 0;
	why = (leat_error){ 0 };
	lease = (leat_lease){ 0 };
	world_open(&w);
	ends(w.loop, both);
	mine = both[0];
	theirs = both[1];
	expect_int(pipe2(pipe_fds, O_NONBLOCK | O_CLOEXEC), 0);
}

static void pair(leat_loop *loop, leat_flow *both[2])
{
	leat_flow_pair(loop, both);
}

static void begin(void)
{
	open_with(ends_tcp);
}

static void finish(void)
{
	leat_lease_end(&lease);
	leat_flow_unref(mine);
	leat_flow_unref(theirs);
	turn();
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	world_close(&w);
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

static void say(leat_flow *flow, const char *words)
{
	expect_ok(outcome(leat_flow_write(flow, words, strlen(words))));
	expect_ok(outcome(leat_flow_flush(flow)));
}

static void hear(leat_flow *flow, const char *words)
{
	char got[64] = "";

	expect_ok(outcome(leat_flow_read_into(flow, got, strlen(words), strlen(words))));
	expect_str(got, words);
}

static leat_flow_info info(void)
{
	leat_flow_info info = { .size = sizeof info };

	leat_flow_info_get(mine, &info);
	return info;
}

static void drop(leat_io *io)
{
	leat_io_cancel(io);
}

/* ---- who lends, and when ---- */

START_TEST(a_socket_lends_each_direction)
{
	begin();
	expect_ok(borrow(LEAT_READ));
	expect_true(lease.fd >= 0 && lease.flow == mine && lease.offset == -1);
	leat_lease_end(&lease);
	expect_ok(borrow(LEAT_WRITE));
	expect_true(lease.fd >= 0);
	finish();
}
END_TEST

START_TEST(what_has_no_descriptor_never_lends)
{
	open_with(pair);
	expect_kind(borrow(LEAT_READ), LEAT_UNSUPPORTED);
	expect_kind(borrow(LEAT_WRITE), LEAT_UNSUPPORTED);
	expect_true(lease.flow == NULL && lease.fd == -1);
	finish();
}
END_TEST

START_TEST(nothing_is_lent_twice)
{
	leat_lease second = { .size = sizeof second, .recall = on_recall, .ctx = &lease };

	begin();
	expect_ok(borrow(LEAT_READ));
	expect_kind(leat_flow_lease(mine, LEAT_READ, &second), LEAT_BUSY);
	expect_ok(leat_flow_lease(mine, LEAT_WRITE, &second));
	leat_lease_end(&second);
	finish();
}
END_TEST

START_TEST(a_pending_read_is_in_the_way)
{
	leat_io *read;

	begin();
	read = leat_flow_read(mine);
	expect_kind(borrow(LEAT_READ), LEAT_BUSY);
	drop(read);
	expect_ok(borrow(LEAT_READ));
	finish();
}
END_TEST

START_TEST(bytes_that_are_kept_are_in_the_way)
{
	begin();
	leat_flow_unread(mine, leat_buf_copy(w.loop, "kept", 4));
	expect_kind(borrow(LEAT_READ), LEAT_BUSY);
	hear(mine, "kept");
	expect_ok(borrow(LEAT_READ));
	finish();
}
END_TEST

START_TEST(bytes_that_are_queued_are_in_the_way)
{
	begin();
	expect_ok(outcome(leat_flow_write(mine, "queued", 6)));
	expect_kind(borrow(LEAT_WRITE), LEAT_BUSY);
	expect_ok(outcome(leat_flow_flush(mine)));
	expect_ok(borrow(LEAT_WRITE));
	hear(theirs, "queued");
	finish();
}
END_TEST

START_TEST(what_has_ended_is_not_lent)
{
	begin();
	expect_ok(outcome(leat_flow_shutdown(mine, LEAT_WRITE)));
	expect_kind(borrow(LEAT_WRITE), LEAT_BUSY);
	leat_flow_abort(mine);
	expect_kind(borrow(LEAT_READ), LEAT_CLOSED);
	finish();
}
END_TEST

START_TEST(a_one_way_flow_lends_that_way)
{
	static const leat_flow_ops ops = { .size = sizeof ops, .name = "old", .directions = LEAT_READ };
	void *state;

	begin();
	leat_flow_unref(mine);
	mine = leat_flow_new(w.loop, &ops, &state);
	expect_kind(borrow(LEAT_READ), LEAT_UNSUPPORTED);
	expect_kind(borrow(LEAT_WRITE), LEAT_UNSUPPORTED);
	finish();
}
END_TEST

/* A table from before there were leases is shorter. */
START_TEST(a_short_table_never_lends)
{
	static leat_flow_ops ops = { .size = offsetof(leat_flow_ops, lease_fd), .name = "old" };
	void *state;

	begin();
	ops.lease_fd = (bool (*)(leat_flow *, void *, leat_lease *))(uintptr_t)1;
	leat_flow_unref(mine);
	mine = leat_flow_new(w.loop, &ops, &state);
	expect_kind(borrow(LEAT_READ), LEAT_UNSUPPORTED);
	finish();
}
END_TEST

/* ---- meanwhile ---- */

START_TEST(meanwhile_that_direction_is_busy_and_the_other_is_not)
{
	begin();
	expect_ok(borrow(LEAT_READ));
	expect_kind(outcome(leat_flow_read(mine)), LEAT_BUSY);
	say(mine, "out");
	hear(theirs, "out");
	leat_lease_end(&lease);
	expect_ok(borrow(LEAT_WRITE));
	expect_kind(outcome(leat_flow_write(mine, "x", 1)), LEAT_BUSY);
	expect_kind(outcome(leat_flow_send(mine, leat_buf_copy(w.loop, "x", 1))), LEAT_BUSY);
	expect_ok(outcome(leat_flow_flush(mine)));
	say(theirs, "in");
	hear(mine, "in");
	expect_size(recalls, 0);
	finish();
}
END_TEST

START_TEST(what_came_meanwhile_is_read_afterwards)
{
	begin();
	expect_ok(borrow(LEAT_READ));
	say(theirs, "later");
	turn();
	leat_lease_end(&lease);
	hear(mine, "later");
	finish();
}
END_TEST

START_TEST(a_lease_holds_its_flow)
{
	begin();
	expect_ok(borrow(LEAT_READ));
	leat_flow_unref(mine);
	mine = NULL;
	expect_size(recalls, 0);
	leat_lease_end(&lease); /* the last reference: aborts */
	expect_kind(outcome(leat_flow_read(theirs)), LEAT_RESET);
	finish();
}
END_TEST

START_TEST(ended_twice_is_ended)
{
	begin();
	expect_ok(borrow(LEAT_READ));
	leat_lease_end(&lease);
	leat_lease_end(&lease);
	expect_size(recalls, 0);
	finish();
}
END_TEST

START_TEST(what_is_lent_cannot_be_taken_or_leave)
{
	leat_flow *taken;
	leat_parcel *parcel;

	begin();
	expect_ok(borrow(LEAT_READ));
	expect_kind(leat_flow_export(mine, &parcel), LEAT_BUSY);
	taken = leat_flow_take(mine);
	mine = NULL;
	expect_kind(outcome(leat_flow_read(taken)), LEAT_BUSY);
	expect_size(recalls, 1); /* it was aborted */
	leat_flow_unref(taken);
	finish();
}
END_TEST

/* ---- taken back ---- */

static void abort_it(void)
{
	leat_flow_abort(mine);
}

static void close_it(void)
{
	leat_io_ignore(leat_flow_close(mine));
}

static void shut_reading(void)
{
	leat_io_detach(leat_flow_shutdown(mine, LEAT_READ));
}

static void shut_writing(void)
{
	leat_io_detach(leat_flow_shutdown(mine, LEAT_WRITE));
}

static void unread(void)
{
	leat_flow_unread(mine, leat_buf_copy(w.loop, "x", 1));
}

static const struct {
	void (*act)(void);
	leat_direction recalled;
	leat_kind why;
} ends[] = {
	{ abort_it, LEAT_BOTH, LEAT_CLOSED },
	{ close_it, LEAT_BOTH, LEAT_NONE },
	{ shut_reading, LEAT_READ, LEAT_NONE },
	{ shut_writing, LEAT_WRITE, LEAT_NONE },
	{ unread, LEAT_READ, LEAT_NONE },
};
enum { ENDS = sizeof ends / sizeof *ends };

START_TEST(it_is_taken_back_once)
{
	for (leat_direction d = LEAT_READ; d <= LEAT_WRITE; d++) {
		begin();
		expect_ok(borrow(d));
		ends[_i].act();
		expect_size(recalls, ends[_i].recalled & d ? 1 : 0);
		expect_kind(why, recalls ? ends[_i].why : LEAT_NONE);
		leat_flow_abort(mine);
		expect_size(recalls, 1);
		finish();
	}
}
END_TEST

static void on_recall_drop(void *ctx, leat_error error)
{
	(void)ctx;
	(void)error;
	recalls++;
	leat_flow_unref(mine);
}

START_TEST(one_that_cannot_be_taken_back_is_not_lent)
{
	begin();
	lease = (leat_lease){ .size = sizeof lease };
	expect_kind(leat_flow_lease(mine, LEAT_READ, &lease), LEAT_INVALID);
	finish();
}
END_TEST

START_TEST(its_recall_may_drop_the_last_handle)
{
	begin();
	expect_ok(borrow(LEAT_READ));
	lease.recall = on_recall_drop;
	ends[_i].act();
	if (recalls == 0)
		leat_flow_abort(mine);
	expect_size(recalls, 1);
	mine = leat_flow_null(w.loop);
	finish();
}
END_TEST

static leat_error again;

static void on_recall_again(void *ctx, leat_error error)
{
	(void)ctx;
	(void)error;
	recalls++;
	again = leat_flow_lease(mine, lease.direction, &lease);
}

/* Whatever takes it back is not done yet. */
START_TEST(it_is_not_lent_again_inside_its_recall)
{
	for (leat_direction d = LEAT_READ; d <= LEAT_WRITE; d++) {
		begin();
		expect_ok(borrow(d));
		lease.recall = on_recall_again;
		again = (leat_error){ 0 };
		ends[_i].act();
		expect_size(recalls, ends[_i].recalled & d ? 1 : 0);
		if (recalls > 0) {
			expect_true(lease.flow == NULL);
			expect_kind(again, ends[_i].act == abort_it ? LEAT_CLOSED : LEAT_BUSY);
		}
		leat_flow_abort(mine);
		finish();
	}
}
END_TEST

START_TEST(silence_takes_it_back)
{
	leat_flow_limits limits = { .size = sizeof limits, .idle_ms = 100 };

	begin();
	expect_ok(leat_flow_set_limits(mine, &limits));
	expect_ok(borrow(LEAT_READ));
	for (int i = 0; i < 10; i++)
		world_pass(&w, 25);
	expect_size(recalls, 1);
	expect_kind(why, LEAT_TIMEOUT);
	finish();
}
END_TEST

START_TEST(the_end_of_the_loop_takes_it_back)
{
	begin();
	expect_ok(borrow(LEAT_WRITE));
	leat_loop_free(w.loop);
	expect_size(recalls, 1);
	expect_kind(why, LEAT_CLOSED);
	leat_flow_unref(mine);
	leat_flow_unref(theirs);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	event_base_free(w.base);
}
END_TEST

/* ---- moving ---- */

static void pour(const char *words)
{
	expect_int(write(pipe_fds[1], words, strlen(words)), (int)strlen(words));
}

static void expect_poured(const char *words)
{
	char got[64] = "";

	expect_int(read(pipe_fds[0], got, sizeof got - 1), (int)strlen(words));
	expect_str(got, words);
}

START_TEST(take_moves_into_a_pipe_and_counts)
{
	begin();
	say(theirs, "in the pipe");
	turn();
	expect_ok(borrow(LEAT_READ));
	expect_int(leat_lease_take(&lease, pipe_fds[1], 6), 6);
	expect_int(leat_lease_take(&lease, pipe_fds[1], 100), 5);
	expect_int(leat_lease_take(&lease, pipe_fds[1], 100), 0);
	expect_poured("in the pipe");
	expect_size(info().read_bytes, 11);
	expect_size(info().reads, 2);
	finish();
}
END_TEST

START_TEST(put_moves_out_of_a_pipe_and_counts)
{
	begin();
	expect_ok(borrow(LEAT_WRITE));
	pour("out of it");
	expect_int(leat_lease_put(&lease, pipe_fds[0], 100), 9);
	expect_int(leat_lease_put(&lease, pipe_fds[0], 100), 0);
	expect_size(info().written_bytes, 9);
	expect_size(info().writes, 1);
	hear(theirs, "out of it");
	finish();
}
END_TEST

START_TEST(the_end_that_take_finds_is_the_flows)
{
	begin();
	expect_ok(borrow(LEAT_READ));
	expect_ok(outcome(leat_flow_shutdown(theirs, LEAT_WRITE)));
	turn();
	expect_int(leat_lease_take(&lease, pipe_fds[1], 100), -1);
	expect_true(lease.flow == NULL);
	expect_ok(lease.error);
	expect_size(recalls, 0);
	expect_true(info().read_ended);
	expect_true(leat_await_buf(leat_flow_read(mine), NULL) == NULL);
	say(mine, "still"); /* R7 */
	hear(theirs, "still");
	finish();
}
END_TEST

START_TEST(the_error_that_take_finds_is_the_flows)
{
	begin();
	expect_ok(borrow(LEAT_READ));
	leat_flow_abort(theirs);
	turn();
	expect_int(leat_lease_take(&lease, pipe_fds[1], 100), -1);
	expect_kind(lease.error, LEAT_RESET);
	expect_kind(outcome(leat_flow_read(mine)), LEAT_RESET);
	expect_kind(outcome(leat_flow_write(mine, "x", 1)), LEAT_CLOSED);
	finish();
}
END_TEST

/* And the signal of it would end this program. */
START_TEST(the_error_that_put_finds_is_the_flows_and_no_signal)
{
	open_with(_i == 0 ? ends_tcp : ends_unix);
	signal(SIGPIPE, SIG_DFL);
	expect_ok(borrow(LEAT_WRITE));
	leat_flow_abort(theirs);
	turn();
	pour("nobody");
	for (int i = 0; i < 3 && lease.flow; i++)
		leat_lease_put(&lease, pipe_fds[0], 100);
	expect_true(lease.flow == NULL);
	expect_kind(lease.error, _i == 0 ? LEAT_RESET : LEAT_CLOSED);
	expect_int(leat_lease_put(&lease, pipe_fds[0], 100), -1);
	expect_kind(outcome(leat_flow_write(mine, "x", 1)), LEAT_CLOSED);
	finish();
}
END_TEST

START_TEST(what_is_over_moves_nothing)
{
	begin();
	expect_ok(borrow(LEAT_READ));
	leat_flow_abort(mine);
	expect_int(leat_lease_take(&lease, pipe_fds[1], 100), -1);
	finish();
}
END_TEST

SUITE("lease",
	a_socket_lends_each_direction,
	what_has_no_descriptor_never_lends,
	nothing_is_lent_twice,
	a_pending_read_is_in_the_way,
	bytes_that_are_kept_are_in_the_way,
	bytes_that_are_queued_are_in_the_way,
	what_has_ended_is_not_lent,
	a_one_way_flow_lends_that_way,
	a_short_table_never_lends,
	meanwhile_that_direction_is_busy_and_the_other_is_not,
	what_came_meanwhile_is_read_afterwards,
	a_lease_holds_its_flow,
	ended_twice_is_ended,
	what_is_lent_cannot_be_taken_or_leave,
	EACH(it_is_taken_back_once, ENDS),
	one_that_cannot_be_taken_back_is_not_lent,
	EACH(its_recall_may_drop_the_last_handle, ENDS),
	EACH(it_is_not_lent_again_inside_its_recall, ENDS),
	silence_takes_it_back,
	the_end_of_the_loop_takes_it_back,
	take_moves_into_a_pipe_and_counts,
	put_moves_out_of_a_pipe_and_counts,
	the_end_that_take_finds_is_the_flows,
	the_error_that_take_finds_is_the_flows,
	EACH(the_error_that_put_finds_is_the_flows_and_no_signal, 2),
	what_is_over_moves_nothing)

/* SPDX-License-Identifier: ISC */
/* handover - a flow that goes on in another loop, on another thread */
#include <leat/buf.h>
#include <leat/flow.h>
#include <leat/flow_ops.h>
#include <leat/thread.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/starve.h"
#include "support/suite.h"
#include "support/world.h"

/* Two loops, and a socket whose one end is a flow of the first. */
struct two {
	struct world a, b;
	leat_flow *flow;
	int peer;
};

static void two_open(struct two *t)
{
	int ends[2];

	world_open(&t->a);
	world_open(&t->b);
	expect_int(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	t->flow = leat_flow_from_fd(t->a.loop, ends[0]);
	t->peer = ends[1];
}

static void two_close(struct two *t)
{
	leat_flow_unref(t->flow);
	if (t->peer >= 0)
		close(t->peer);
	world_close(&t->a);
	world_close(&t->b);
}

static void peer_says(const struct two *t, const char *words)
{
	expect_int(write(t->peer, words, strlen(words)), (ssize_t)strlen(words));
}

static void peer_hears(const struct two *t, const char *words)
{
	char heard[64] = { 0 };

	expect_int(read(t->peer, heard, sizeof heard - 1), (ssize_t)strlen(words));
	expect_str(heard, words);
}

/* From the first loop to the second. */
static void move(struct two *t)
{
	leat_parcel *parcel;

	expect_ok(leat_flow_export(t->flow, &parcel));
	leat_flow_unref(t->flow);
	t->flow = leat_flow_import(t->b.loop, parcel);
	expect_ptr(leat_flow_loop(t->flow), t->b.loop);
}

static void reads(leat_flow *flow, const char *words)
{
	leat_error why;
	leat_buf *buf = leat_await_buf(leat_flow_read(flow), &why);

	expect_ok(why);
	expect_some(buf);
	expect_bytes(leat_buf_data(buf), leat_buf_size(buf), words);
	leat_buf_unref(buf);
}

static leat_kind read_fails(leat_flow *flow)
{
	leat_error why;

	expect_null(leat_await_buf(leat_flow_read(flow), &why));
	return leat_error_kind(why);
}

START_TEST(a_quiet_flow_goes_on_in_another_loop)
{
	struct two t;

	two_open(&t);
	peer_says(&t, "one");
	reads(t.flow, "one");
	expect_true(leat_await(leat_flow_write(t.flow, "two", 3), NULL));
	move(&t);
	peer_hears(&t, "two");
	peer_says(&t, "three");
	reads(t.flow, "three");
	expect_true(leat_await(leat_flow_write(t.flow, "four", 4), NULL));
	expect_true(leat_await(leat_flow_flush(t.flow), NULL));
	peer_hears(&t, "four");
	two_close(&t);
}
END_TEST

START_TEST(what_was_unread_comes_first)
{
	struct two t;

	two_open(&t);
	peer_says(&t, "later");
	leat_flow_unread(t.flow, leat_buf_copy(t.a.loop, "second ", 7));
	leat_flow_unread(t.flow, leat_buf_copy(t.a.loop, "first ", 6));
	move(&t);
	reads(t.flow, "first second ");
	reads(t.flow, "later");
	two_close(&t);
}
END_TEST

START_TEST(what_was_written_in_this_turn_goes_out_before)
{
	struct two t;
	leat_io *io;

	two_open(&t);
	io = leat_flow_write(t.flow, "hay", 3);
	move(&t);
	peer_hears(&t, "hay");
	expect_true(leat_await(io, NULL));
	two_close(&t);
}
END_TEST

START_TEST(the_old_handle_is_a_shell)
{
	struct two t;
	leat_parcel *parcel, *again;

	two_open(&t);
	expect_ok(leat_flow_export(t.flow, &parcel));
	expect_int(read_fails(t.flow), LEAT_CLOSED);
	expect_kind(leat_flow_export(t.flow, &again), LEAT_CLOSED);
	expect_null(again);
	leat_flow_unref(t.flow);
	t.flow = leat_flow_import(t.b.loop, parcel);
	two_close(&t);
}
END_TEST

/* ---- what has ended ---- */

START_TEST(the_end_of_reading_goes_along)
{
	struct two t;

	two_open(&t);
	peer_says(&t, "last");
	shutdown(t.peer, SHUT_WR);
	reads(t.flow, "last");
	expect_int(read_fails(t.flow), LEAT_NONE);
	leat_flow_unread(t.flow, leat_buf_copy(t.a.loop, "back", 4));
	move(&t);
	reads(t.flow, "back");
	expect_int(read_fails(t.flow), LEAT_NONE);
	expect_true(leat_await(leat_flow_write(t.flow, "x", 1), NULL));
	expect_true(leat_await(leat_flow_flush(t.flow), NULL));
	peer_hears(&t, "x");
	two_close(&t);
}
END_TEST

START_TEST(what_arrives_after_a_shutdown_of_reading_is_discarded_there_too)
{
	static const char much[1 << 20];
	struct two t;
	ssize_t n;
	size_t sent = 0;

	two_open(&t);
	expect_true(leat_await(leat_flow_shutdown(t.flow, LEAT_READ), NULL));
	move(&t);
	expect_int(fcntl(t.peer, F_SETFL, O_NONBLOCK), 0);
	for (int turn = 0; turn < 1000 && sent < sizeof much; turn++) {
		n = write(t.peer, much, sizeof much - sent);
		sent += n > 0 ? (size_t)n : 0;
		event_base_loop(leat_loop_base(t.b.loop), EVLOOP_NONBLOCK);
	}
	expect_size(sent, sizeof much);
	expect_null(leat_await_buf(leat_flow_read(t.flow), NULL));
	two_close(&t);
}
END_TEST

START_TEST(the_end_of_writing_goes_along_and_close_still_works)
{
	struct two t;
	leat_result result;
	leat_io *closing;

	two_open(&t);
	expect_true(leat_await(leat_flow_shutdown(t.flow, LEAT_WRITE), NULL));
	move(&t);
	expect_false(leat_await(leat_flow_write(t.flow, "x", 1), &result));
	expect_kind(leat_result_error(&result), LEAT_CLOSED);
	closing = leat_flow_close(t.flow);
	close(t.peer);
	t.peer = -1;
	expect_true(leat_await(closing, &result));
	expect_ok(leat_result_ending(&result));
	two_close(&t);
}
END_TEST

START_TEST(an_error_that_ended_the_stream_is_the_answer)
{
	struct two t;
	leat_parcel *parcel;
	leat_result result;

	two_open(&t);
	close(t.peer);
	t.peer = -1;
	leat_io_detach(leat_flow_write(t.flow, "x", 1));
	expect_false(leat_await(leat_flow_flush(t.flow), &result));
	t.a.unhandled = 0;
	expect_kind(leat_flow_export(t.flow, &parcel), leat_error_kind(leat_result_error(&result)));
	expect_null(parcel);
	two_close(&t);
}
END_TEST

START_TEST(limits_and_counters_go_along)
{
	struct two t;
	leat_flow_limits limits = { .size = sizeof limits, .high_water_bytes = 10 };
	leat_flow_info info = { .size = sizeof info };
	char full[100] = { 0 };
	leat_io *io;

	two_open(&t);
	peer_says(&t, "three");
	reads(t.flow, "three");
	expect_ok(leat_flow_set_limits(t.flow, &limits));
	move(&t);
	leat_flow_info_get(t.flow, &info);
	expect_int(info.read_bytes, 5);
	expect_int(info.reads, 1);
	for (int i = 0; i < 100000; i++) {
		io = leat_flow_write(t.flow, full, sizeof full);
		if (is_pending(io))
			break;
		leat_flow_info_get(t.flow, &info);
		expect_true(info.queued_bytes < 10 + sizeof full);
		leat_loop_run_ready(t.b.loop);
		io = NULL;
	}
	leat_io_cancel(io);
	two_close(&t);
}
END_TEST

/* ---- not quiet ---- */

START_TEST(a_flow_that_is_busy_stays)
{
	struct two t;
	leat_parcel *parcel;
	leat_io *io;

	two_open(&t);
	io = leat_flow_read(t.flow);
	expect_kind(leat_flow_export(t.flow, &parcel), LEAT_BUSY);
	expect_null(parcel);
	peer_says(&t, "hay");
	event_base_loop(t.a.base, EVLOOP_ONCE);
	expect_kind(leat_flow_export(t.flow, &parcel), LEAT_BUSY);
	leat_io_cancel(io);
	move(&t);
	reads(t.flow, "hay");
	two_close(&t);
}
END_TEST

START_TEST(what_the_transport_does_not_take_keeps_it)
{
	static char much[1 << 20];
	struct two t;
	leat_parcel *parcel;

	two_open(&t);
	leat_io_detach(leat_flow_write(t.flow, much, sizeof much));
	expect_kind(leat_flow_export(t.flow, &parcel), LEAT_BUSY);
	leat_flow_abort(t.flow);
	t.a.unhandled = 0;
	world_run(&t.a);
	t.a.unhandled = 0;
	two_close(&t);
}
END_TEST

START_TEST(a_closing_flow_stays)
{
	struct two t;
	leat_parcel *parcel;

	two_open(&t);
	leat_io_detach(leat_flow_close(t.flow));
	expect_kind(leat_flow_export(t.flow, &parcel), LEAT_BUSY);
	leat_flow_abort(t.flow);
	t.a.unhandled = 0;
	world_run(&t.a);
	t.a.unhandled = 0;
	two_close(&t);
}
END_TEST

START_TEST(a_flow_in_memory_cannot)
{
	struct world w;
	leat_flow *ends[2];
	leat_parcel *parcel;

	world_open(&w);
	leat_flow_pair(w.loop, ends);
	expect_kind(leat_flow_export(ends[0], &parcel), LEAT_UNSUPPORTED);
	expect_null(parcel);
	leat_flow_unref(ends[0]);
	leat_flow_unref(ends[1]);
	world_close(&w);
}
END_TEST

/* ---- other kinds ---- */

START_TEST(a_flow_that_a_layer_took_goes_by_its_new_handle)
{
	struct two t;
	leat_parcel *parcel;
	leat_flow *old;

	two_open(&t);
	old = leat_flow_ref(t.flow);
	t.flow = leat_flow_take(t.flow);
	expect_kind(leat_flow_export(old, &parcel), LEAT_CLOSED);
	move(&t);
	peer_says(&t, "hay");
	reads(t.flow, "hay");
	leat_flow_unref(old);
	two_close(&t);
}
END_TEST

START_TEST(a_pipe_goes_too_and_is_at_the_end_as_it_was)
{
	struct two t;
	int ends[2], spare;

	two_open(&t);
	expect_int(pipe(ends), 0);
	spare = dup(ends[0]);
	leat_flow_unref(t.flow);
	t.flow = leat_flow_from_fd(t.a.loop, ends[0]);
	move(&t);
	expect_int(write(ends[1], "hay", 3), 3);
	reads(t.flow, "hay");
	expect_true(fcntl(spare, F_GETFL) & O_NONBLOCK);
	leat_flow_abort(t.flow);
	expect_false(fcntl(spare, F_GETFL) & O_NONBLOCK);
	close(spare);
	close(ends[1]);
	two_close(&t);
}
END_TEST

/* ---- lost on the way ---- */

/* Of what was no socket, the descriptor of a direction that ended is closed: that
 * direction is one that ended all the same, not one that never was. */
START_TEST(the_end_of_a_pipes_writing_goes_along)
{
	struct two t;
	leat_result result;
	int in[2], out[2];

	two_open(&t);
	for (int way = 0; way < 2; way++) { /* both directions, then writing alone */
		expect_int(pipe(in), 0);
		expect_int(pipe(out), 0);
		leat_flow_unref(t.flow);
		t.flow = leat_flow_from_fds(t.a.loop, way == 0 ? in[0] : -1, out[1]);
		expect_true(leat_await(leat_flow_shutdown(t.flow, LEAT_WRITE), NULL));
		move(&t);
		expect_false(leat_await(leat_flow_write(t.flow, "x", 1), &result));
		expect_kind(leat_result_error(&result), LEAT_CLOSED);
		expect_true(leat_await(leat_flow_shutdown(t.flow, LEAT_WRITE), NULL));
		if (way == 0) {
			expect_int(write(in[1], "hello", 5), 5);
			reads(t.flow, "hello");
		} else {
			close(in[0]);
		}
		close(in[1]);
		expect_true(leat_await(leat_flow_close(t.flow), NULL));
		close(out[0]);
	}
	two_close(&t);
}
END_TEST

START_TEST(a_parcel_that_is_freed_ends_the_stream)
{
	struct two t;
	leat_parcel *parcel;
	char byte;

	two_open(&t);
	expect_ok(leat_flow_export(t.flow, &parcel));
	leat_parcel_free(parcel);
	leat_parcel_free(NULL);
	expect_true(read(t.peer, &byte, 1) <= 0);
	two_close(&t);
}
END_TEST

static void adopt(void *parcel, leat_loop *loop)
{
	leat_flow_unref(leat_flow_import(loop, parcel));
	tape_add("adopted");
}

START_TEST(a_parcel_that_is_posted_in_vain_is_freed)
{
	struct two t;
	leat_parcel *parcel;
	leat_remote *remote;
	char byte;

	two_open(&t);
	remote = leat_remote_new(t.b.loop);
	expect_ok(leat_flow_export(t.flow, &parcel));
	leat_loop_free(t.b.loop);
	expect_int(leat_post(remote, adopt, leat_ctx_parcel(parcel)), LEAT_CLOSED);
	expect_true(read(t.peer, &byte, 1) <= 0);
	tape_expect("");
	leat_remote_unref(remote);
	leat_flow_unref(t.flow);
	close(t.peer);
	event_base_free(t.b.base);
	world_close(&t.a);
}
END_TEST

START_TEST(a_parcel_for_a_loop_that_is_being_freed_is_stillborn)
{
	struct two t;
	leat_parcel *parcel;
	leat_remote *remote;

	two_open(&t);
	remote = leat_remote_new(t.b.loop);
	expect_ok(leat_flow_export(t.flow, &parcel));
	expect_int(leat_post(remote, adopt, leat_ctx_parcel(parcel)), LEAT_NONE);
	leat_remote_unref(remote);
	two_close(&t);
	tape_expect("adopted");
}
END_TEST

/* ---- want of memory ---- */

static void moved_and_read(struct world *w)
{
	int ends[2];
	leat_parcel *parcel;
	leat_flow *flow;
	leat_error error;

	expect_int(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	flow = leat_flow_from_fd(w->loop, ends[0]);
	leat_flow_unread(flow, leat_buf_copy(w->loop, "hay", 3));
	error = leat_flow_export(flow, &parcel);
	leat_flow_unref(flow);
	expect_true(!leat_error_set(error) || leat_error_is(error, LEAT_NOMEM));
	if (parcel) {
		leat_buf *buf;

		flow = leat_flow_import(w->loop, parcel);
		buf = leat_await_buf(leat_flow_read(flow), &error);
		expect_true(buf ? leat_buf_size(buf) == 3 : leat_error_is(error, LEAT_NOMEM));
		leat_buf_unref(buf);
		leat_flow_unref(flow);
	}
	close(ends[1]);
}

START_TEST(without_memory_there_is_an_error)
{
	starve(moved_and_read);
}
END_TEST

START_TEST(without_memory_for_the_way_the_flow_stays)
{
	struct oom shared;

	OOM_EACH(&shared) {
		struct world w;

		world_open_shared(&w, &shared);
		moved_and_read(&w);
		world_close(&w);
	}
}
END_TEST

/* ---- two threads ---- */

struct worker {
	pthread_t thread;
	leat_remote *remote; /* of its loop */
	leat_remote_maker ready;
};

static leat_io *echo_once(void *flow, leat_result *result)
{
	leat_buf *buf = leat_result_buf(result);

	return buf ? leat_flow_send(flow, buf) : NULL;
}

static leat_io *done(void *flow, leat_result *result)
{
	leat_io_detach(leat_flow_close(flow));
	leat_flow_unref(flow);
	return leat_result_pass(result);
}

static void serve_once(void *parcel, leat_loop *loop)
{
	leat_flow *flow = leat_flow_import(loop, parcel);
	leat_io *io = leat_io_then(leat_flow_read(flow), echo_once, leat_ctx_borrow(flow));

	leat_io_detach(leat_io_finally(io, done, leat_ctx_borrow(flow)));
}

/* Its loop goes on as long as somebody may post to it. */
static void *work(void *ctx)
{
	struct worker *worker = ctx;
	leat_loop *loop = leat_loop_new(NULL, NULL);

	worker->remote = leat_remote_new(loop);
	leat_remote_resolve(worker->ready);
	event_base_dispatch(leat_loop_base(loop));
	leat_loop_free(loop);
	return NULL;
}

START_TEST(many_flows_go_to_a_loop_on_another_thread)
{
	enum { FLOWS = 100 };
	struct world w;
	struct worker worker;
	leat_io *ready;
	int peers[FLOWS];

	world_open(&w);
	ready = leat_io_new_remote(w.loop, &worker.ready);
	expect_int(pthread_create(&worker.thread, NULL, work, &worker), 0);
	expect_true(leat_await(ready, NULL));
	for (int i = 0; i < FLOWS; i++) {
		leat_parcel *parcel;
		leat_flow *flow;
		int ends[2];

		expect_int(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
		flow = leat_flow_from_fd(w.loop, ends[0]);
		peers[i] = ends[1];
		leat_flow_unread(flow, leat_buf_copy(w.loop, &i, sizeof i));
		expect_ok(leat_flow_export(flow, &parcel));
		leat_flow_unref(flow);
		expect_int(leat_post(worker.remote, serve_once, leat_ctx_parcel(parcel)), LEAT_NONE);
	}
	leat_remote_unref(worker.remote);
	for (int i = 0; i < FLOWS; i++) {
		int heard = -1;

		expect_int(read(peers[i], &heard, sizeof heard), sizeof heard);
		expect_int(heard, i);
		close(peers[i]);
	}
	pthread_join(worker.thread, NULL);
	world_close(&w);
}
END_TEST

SUITE("handover", a_quiet_flow_goes_on_in_another_loop, what_was_unread_comes_first,
	what_was_written_in_this_turn_goes_out_before, the_old_handle_is_a_shell, the_end_of_reading_goes_along,
	what_arrives_after_a_shutdown_of_reading_is_discarded_there_too,
	the_end_of_writing_goes_along_and_close_still_works, an_error_that_ended_the_stream_is_the_answer,
	limits_and_counters_go_along, a_flow_that_is_busy_stays, what_the_transport_does_not_take_keeps_it,
	a_closing_flow_stays, a_flow_in_memory_cannot, a_flow_that_a_layer_took_goes_by_its_new_handle,
	a_pipe_goes_too_and_is_at_the_end_as_it_was, the_end_of_a_pipes_writing_goes_along,
	a_parcel_that_is_freed_ends_the_stream,
	a_parcel_that_is_posted_in_vain_is_freed, a_parcel_for_a_loop_that_is_being_freed_is_stillborn,
	without_memory_there_is_an_error, without_memory_for_the_way_the_flow_stays,
	many_flows_go_to_a_loop_on_another_thread)

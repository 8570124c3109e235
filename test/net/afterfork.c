/* SPDX-License-Identifier: ISC */
/* afterfork - flows and listeners in a child of fork */
#include <leat/buf.h>
#include <leat/flow.h>
#include <leat/net.h>
#include <leat/thread.h>

#include <event2/bufferevent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "support/child.h"
#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

struct stream {
	struct world w;
	leat_flow *flow;
	int peer;
};

static void stream_open(struct stream *s)
{
	int ends[2];

	world_open(&s->w);
	expect_int(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	s->flow = leat_flow_from_fd(s->w.loop, ends[0]);
	s->peer = ends[1];
	expect_int(write(s->peer, "one", 3), 3);
	leat_buf_unref(leat_await_buf(leat_flow_read(s->flow), NULL));
}

static void stream_close(struct stream *s)
{
	leat_flow_unref(s->flow);
	close(s->peer);
	world_close(&s->w);
}

static void is_closed(void *ctx)
{
	struct stream *s = ctx;
	leat_flow *other;

	need(outcome(leat_flow_read(s->flow)) == LEAT_CLOSED);
	need(outcome(leat_flow_write(s->flow, "x", 1)) == LEAT_CLOSED);
	need(outcome(leat_flow_flush(s->flow)) == LEAT_CLOSED);
	leat_flow_abort(s->flow);
	leat_flow_unref(s->flow);
	other = leat_flow_from_fd(s->w.loop, dup(s->peer));
	need(outcome(leat_flow_write(other, "x", 1)) == LEAT_CLOSED);
	leat_flow_unref(other);
	leat_loop_free(s->w.loop);
}

/* Both directions, and nothing but what was said. */
static void is_whole(struct stream *s)
{
	char heard[8] = { 0 };

	expect_true(leat_await(leat_flow_write(s->flow, "two", 3), NULL));
	expect_true(leat_await(leat_flow_flush(s->flow), NULL));
	expect_int(read(s->peer, heard, sizeof heard - 1), 3);
	expect_str(heard, "two");
	expect_int(write(s->peer, "three", 5), 5);
	expect_int(leat_await_int(leat_flow_read_into(s->flow, heard, 5, 5), NULL), 5);
	expect_str(heard, "three");
}

START_TEST(a_childs_use_of_a_flow_does_nothing_to_the_stream)
{
	struct stream s;

	stream_open(&s);
	in_a_child(is_closed, &s);
	is_whole(&s);
	stream_close(&s);
}
END_TEST

static void uses_it(void *ctx)
{
	struct stream *s = ctx;

	need(!leat_error_set(leat_loop_after_fork(s->w.loop)));
	need(leat_await(leat_flow_write(s->flow, "child", 5), NULL));
	need(leat_await(leat_flow_flush(s->flow), NULL));
	need(write(s->peer, "to child", 8) == 8);
	leat_buf_unref(leat_await_buf(leat_flow_read(s->flow), NULL));
}

START_TEST(a_child_that_takes_the_loop_over_has_the_stream_too)
{
	struct stream s;
	char heard[8] = { 0 };

	stream_open(&s);
	in_a_child(uses_it, &s);
	expect_int(read(s.peer, heard, sizeof heard - 1), 5);
	expect_str(heard, "child");
	is_whole(&s);
	stream_close(&s);
}
END_TEST

static void lets_go_early(void *ctx)
{
	struct stream *s = ctx;

	close(s->peer);
	leat_flow_unref(s->flow);
	need(!leat_error_set(leat_loop_after_fork(s->w.loop)));
	leat_loop_free(s->w.loop);
	need(s->w.oom.live == 0);
}

START_TEST(what_was_let_go_before_goes_when_the_loop_is_taken_over)
{
	struct stream s;

	stream_open(&s);
	in_a_child(lets_go_early, &s);
	stream_close(&s);
}
END_TEST

/* ---- what belongs to the open socket or pipe, and so to both ---- */

static void takes_over_and_aborts(void *ctx)
{
	struct stream *s = ctx;

	need(!leat_error_set(leat_loop_after_fork(s->w.loop)));
	leat_flow_abort(s->flow);
}

static void takes_over_and_frees(void *ctx)
{
	struct stream *s = ctx;

	need(!leat_error_set(leat_loop_after_fork(s->w.loop)));
	leat_loop_free(s->w.loop);
}

static void takes_over_and_frees_a_parcel(void *ctx)
{
	struct stream *s = ctx;
	leat_parcel *parcel;

	need(!leat_error_set(leat_loop_after_fork(s->w.loop)));
	need(!leat_error_set(leat_flow_export(s->flow, &parcel)));
	leat_parcel_free(parcel);
}

static void moves_it_and_aborts(void *ctx)
{
	struct stream *s = ctx;
	leat_parcel *parcel;
	leat_flow *flow;

	need(!leat_error_set(leat_loop_after_fork(s->w.loop)));
	need(!leat_error_set(leat_flow_export(s->flow, &parcel)));
	flow = leat_flow_import(s->w.loop, parcel);
	leat_flow_abort(flow);
	leat_flow_unref(flow);
}

static bool lingers(const struct stream *s)
{
	leat_flow_info info = { .size = sizeof info };
	struct linger linger = { .l_onoff = 0 };
	socklen_t bytes = sizeof linger;

	leat_flow_info_get(s->flow, &info);
	expect_int(getsockopt(info.fd, SOL_SOCKET, SO_LINGER, &linger, &bytes), 0);
	return linger.l_onoff;
}

START_TEST(what_a_child_lets_go_of_is_not_reset_for_its_parent)
{
	static void (*const ways[])(void *) = { takes_over_and_aborts, takes_over_and_frees,
		                                takes_over_and_frees_a_parcel, moves_it_and_aborts };

	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		struct stream s;

		stream_open(&s);
		in_a_child(ways[i], &s);
		expect_false(lingers(&s));
		is_whole(&s);
		stream_close(&s);
	}
}
END_TEST

START_TEST(what_was_written_and_not_sent_at_a_fork_is_said_once)
{
	struct stream s;
	char heard[16] = { 0 };

	stream_open(&s);
	leat_io_ignore(leat_flow_write(s.flow, "once", 4));
	in_a_child(takes_over_and_frees, &s);
	expect_true(leat_await(leat_flow_flush(s.flow), NULL));
	expect_int(read(s.peer, heard, sizeof heard - 1), 4);
	is_whole(&s);
	stream_close(&s);
}
END_TEST

struct parcelled {
	struct stream s;
	leat_parcel *parcel;
};

static void frees_its_parents_parcel(void *ctx)
{
	leat_parcel_free(((struct parcelled *)ctx)->parcel);
}

static void imports_its_parents_parcel(void *ctx)
{
	struct parcelled *p = ctx;

	need(!leat_error_set(leat_loop_after_fork(p->s.w.loop)));
	leat_flow_unref(leat_flow_import(p->s.w.loop, p->parcel));
}

static void is_refused_its_parents_parcel(void *ctx)
{
	struct parcelled *p = ctx;

	leat_flow_unref(leat_flow_import(p->s.w.loop, p->parcel));
}

START_TEST(nor_is_what_was_in_a_parcel_when_the_process_forked)
{
	struct parcelled p;

	stream_open(&p.s);
	expect_ok(leat_flow_export(p.s.flow, &p.parcel));
	leat_flow_unref(p.s.flow);
	in_a_child(frees_its_parents_parcel, &p);
	in_a_child(imports_its_parents_parcel, &p);
	p.s.flow = leat_flow_import(p.s.w.loop, p.parcel);
	expect_false(lingers(&p.s));
	is_whole(&p.s);
	stream_close(&p.s);
}
END_TEST

START_TEST(nor_is_a_stack_of_bufferevents_cut)
{
	struct bufferevent *below;
	struct stream s;
	int ends[2];

	world_open(&s.w);
	expect_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	below = bufferevent_socket_new(s.w.base, ends[0], BEV_OPT_CLOSE_ON_FREE);
	s.flow = leat_flow_from_bufferevent(s.w.loop, bufferevent_filter_new(below, NULL, NULL, BEV_OPT_CLOSE_ON_FREE,
		NULL, NULL));
	s.peer = ends[1];
	expect_int(fcntl(s.peer, F_SETFL, 0), 0);
	in_a_child(takes_over_and_aborts, &s);
	in_a_child(takes_over_and_frees, &s);
	is_whole(&s);
	expect_true(leat_await(leat_flow_shutdown(s.flow, LEAT_WRITE), NULL));
	close(s.peer);
	expect_true(leat_await(leat_flow_close(s.flow), NULL));
	leat_flow_unref(s.flow);
	world_run(&s.w);
	event_base_loop(s.w.base, EVLOOP_NONBLOCK);
	world_close(&s.w);
}
END_TEST

START_TEST(a_pipe_stays_as_its_parent_has_it)
{
	struct parcelled p;
	int ends[2];

	world_open(&p.s.w);
	expect_int(pipe(ends), 0);
	p.s.flow = leat_flow_from_fd(p.s.w.loop, ends[0]);
	in_a_child(takes_over_and_aborts, &p.s);
	in_a_child(takes_over_and_frees, &p.s);
	in_a_child(takes_over_and_frees_a_parcel, &p.s);
	in_a_child(moves_it_and_aborts, &p.s);
	expect_int(fcntl(ends[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	expect_ok(leat_flow_export(p.s.flow, &p.parcel));
	in_a_child(frees_its_parents_parcel, &p);
	in_a_child(is_refused_its_parents_parcel, &p);
	expect_int(fcntl(ends[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	leat_parcel_free(p.parcel);
	leat_flow_unref(p.s.flow);
	close(ends[1]);
	world_close(&p.s.w);
}
END_TEST

static void closes_it(void *ctx)
{
	struct stream *s = ctx;
	char heard[8];

	need(!leat_error_set(leat_loop_after_fork(s->w.loop)));
	need(leat_await(leat_flow_shutdown(s->flow, LEAT_WRITE), NULL));
	need(read(s->peer, heard, sizeof heard) == 0);
}

START_TEST(a_child_that_closes_tells_the_peer)
{
	struct stream s;

	stream_open(&s);
	in_a_child(closes_it, &s);
	stream_close(&s);
}
END_TEST

/* ---- listeners ---- */

struct house {
	struct world w;
	leat_listener *listener;
	leat_addr where;
};

static void no_house(void *ctx)
{
	struct house *h = ctx;

	need(outcome(leat_accept(h->listener)) == LEAT_CLOSED);
	leat_listener_close(h->listener);
	leat_listener_unref(h->listener);
	leat_loop_free(h->w.loop);
}

static void visit(struct house *h)
{
	leat_io *accepting = leat_accept(h->listener);
	leat_flow *guest = leat_await_flow(leat_connect_addr(h->w.loop, &h->where, NULL), NULL);
	leat_flow *host = leat_await_flow(accepting, NULL);

	expect_true(leat_await(leat_flow_write(guest, "hay", 3), NULL));
	leat_buf_unref(leat_await_buf(leat_flow_read(host), NULL));
	leat_flow_unref(guest);
	leat_flow_unref(host);
}

static void takes_guests(void *ctx)
{
	struct house *h = ctx;

	need(!leat_error_set(leat_loop_after_fork(h->w.loop)));
	visit(h);
}

enum { HOUSE_PATH = 64 };

static void open_house(struct house *h, char *path)
{
	world_open(&h->w);
	snprintf(path, HOUSE_PATH, "unix:afterfork-%d.socket", (int)getpid());
	h->listener = leat_listen(h->w.loop, path, NULL);
	h->where = leat_listener_addr(h->listener);
}

START_TEST(a_child_does_not_close_what_its_parent_listens_with)
{
	char path[HOUSE_PATH];
	struct house h;

	open_house(&h, path);
	in_a_child(no_house, &h);
	visit(&h);
	in_a_child(takes_guests, &h);
	visit(&h);
	leat_listener_unref(h.listener);
	expect_int(access(path + strlen("unix:"), F_OK), -1);
	world_close(&h.w);
}
END_TEST

static void takes_the_house_and_leaves(void *ctx)
{
	struct house *h = ctx;

	need(!leat_error_set(leat_loop_after_fork(h->w.loop)));
	leat_listener_unref(h->listener);
	leat_loop_free(h->w.loop);
}

static void moves_the_house_and_leaves(void *ctx)
{
	struct house *h = ctx;
	const char *path = ((const struct sockaddr_un *)(const void *)leat_addr_sockaddr(&h->where))->sun_path;
	leat_listener *own;
	char words[128];

	need(!leat_error_set(leat_loop_after_fork(h->w.loop)));
	need(unlink(path) == 0);
	leat_addr_print(&h->where, words, sizeof words);
	own = leat_listen(h->w.loop, words, NULL);
	need(access(path, F_OK) == 0);
	leat_listener_unref(own);
	need(access(path, F_OK) < 0);
}

START_TEST(a_path_is_removed_by_the_process_that_made_it)
{
	char path[HOUSE_PATH];
	struct house h;

	open_house(&h, path);
	in_a_child(takes_the_house_and_leaves, &h);
	visit(&h);
	in_a_child(moves_the_house_and_leaves, &h);
	leat_listener_unref(h.listener);
	world_close(&h.w);
}
END_TEST

SUITE("afterfork", what_was_written_and_not_sent_at_a_fork_is_said_once, a_childs_use_of_a_flow_does_nothing_to_the_stream,
	a_child_that_takes_the_loop_over_has_the_stream_too, what_was_let_go_before_goes_when_the_loop_is_taken_over,
	what_a_child_lets_go_of_is_not_reset_for_its_parent, nor_is_what_was_in_a_parcel_when_the_process_forked,
	nor_is_a_stack_of_bufferevents_cut, a_pipe_stays_as_its_parent_has_it, a_child_that_closes_tells_the_peer,
	a_child_does_not_close_what_its_parent_listens_with, a_path_is_removed_by_the_process_that_made_it)

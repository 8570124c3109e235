/* SPDX-License-Identifier: ISC */
/* connect - the ways it ends, and what is left behind: nothing */
#include <sys/resource.h>

#include <leat/flow_ops.h>

#include "net/wire.h"
#include "support/suite.h"

/* A TCP port that is nobody's while the descriptor is open, so that no other
 * connection can come to have it. */
static int reserve_port(leat_addr *addr)
{
	int fd = raw_bind("tcp:127.0.0.1:0", -1);

	*addr = raw_addr(fd);
	return fd;
}

START_TEST(a_port_without_a_listener_refuses)
{
	struct wire w;
	leat_addr addr;
	int fd;

	wire_open(&w);
	fd = reserve_port(&addr);
	expect_kind(await_error(leat_connect(w.loop, addr_words(addr), NULL)), LEAT_REFUSED);
	expect_kind(await_error(leat_connect_addr(w.loop, &addr, NULL)), LEAT_REFUSED);
	close(fd);
	wire_close(&w);
}
END_TEST

START_TEST(where_no_way_leads_is_unreachable)
{
	struct wire w;

	wire_open(&w);
	expect_kind(await_error(leat_connect(w.loop, "tcp:224.0.0.1:1", NULL)), LEAT_UNREACHABLE);
	wire_close(&w);
}
END_TEST

/* A listener whose backlog is full leaves the next client without an answer. */
struct mute {
	int listener, clients[8], count;
	leat_addr addr;
};

static bool fills(struct mute *m)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	fd_set set;
	struct timeval soon = { .tv_usec = 20000 };

	m->clients[m->count++] = fd;
	if (connect(fd, leat_addr_sockaddr(&m->addr), m->addr.bytes) == 0)
		return false;
	FD_ZERO(&set);
	FD_SET(fd, &set);
	return select(fd + 1, NULL, &set, NULL, &soon) == 0;
}

static void mute_open(struct mute *m)
{
	*m = (struct mute){ .listener = raw_bind("tcp:127.0.0.1:0", 0) };
	m->addr = raw_addr(m->listener);
	while (!fills(m))
		expect_true(m->count < 8);
}

static void mute_close(struct mute *m)
{
	while (m->count > 0)
		close(m->clients[--m->count]);
	close(m->listener);
}

START_TEST(no_answer_in_time_is_a_timeout)
{
	struct wire w;
	struct mute m;
	leat_connect_options soon = { .size = sizeof soon, .timeout_ms = 5 };

	wire_open(&w);
	mute_open(&m);
	expect_kind(await_error(leat_connect_addr(w.loop, &m.addr, &soon)), LEAT_TIMEOUT);
	mute_close(&m);
	wire_close(&w);
}
END_TEST

START_TEST(an_answer_in_time_is_a_flow)
{
	struct wire w;
	leat_connect_options late = { .size = sizeof late, .timeout_ms = 60000 };
	leat_listener *listener;

	wire_open(&w);
	listener = leat_listen(w.loop, "tcp:127.0.0.1:0", NULL);
	expect_ok(await_error(leat_connect(w.loop, listener_words(listener), &late)));
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

START_TEST(cancelling_closes_what_was_made)
{
	struct wire w;
	struct mute m;
	leat_io *io;
	int before;

	wire_open(&w);
	mute_open(&m);
	before = wire_descriptors();
	io = leat_connect_addr(w.loop, &m.addr, NULL);
	expect_int(wire_descriptors(), before + 1);
	if (_i)
		wire_settle(&w);
	leat_io_cancel(io);
	expect_int(wire_descriptors(), before);
	mute_close(&m);
	wire_close(&w);
}
END_TEST

START_TEST(a_flow_that_nobody_took_is_cut)
{
	struct wire w;
	int listener, server;
	leat_addr addr;
	leat_io *io;

	wire_open(&w);
	listener = raw_bind("tcp:127.0.0.1:0", 1);
	addr = raw_addr(listener);
	io = leat_connect_addr(w.loop, &addr, NULL);
	server = accept(listener, NULL, NULL);
	wire_settle(&w);
	leat_io_cancel(io);
	expect_null(raw_hear(&w, server));
	close(server);
	close(listener);
	wire_close(&w);
}
END_TEST

START_TEST(freeing_the_loop_ends_it)
{
	struct wire w;
	struct mute m;
	leat_io *io;

	wire_open(&w);
	mute_open(&m);
	io = leat_connect_addr(w.loop, &m.addr, NULL);
	leat_io_detach(io);
	mute_close(&m);
	wire_close(&w);
}
END_TEST

START_TEST(without_descriptors_it_is_a_limit)
{
	struct wire w;
	struct rlimit before, none;
	leat_error error;

	wire_open(&w);
	getrlimit(RLIMIT_NOFILE, &before);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = before.rlim_max };
	setrlimit(RLIMIT_NOFILE, &none);
	error = await_error(leat_connect(w.loop, "tcp:127.0.0.1:1", NULL));
	setrlimit(RLIMIT_NOFILE, &before);
	expect_kind(error, LEAT_LIMIT);
	wire_close(&w);
}
END_TEST

static const char *const unknown[] = { "", "tcp", "udp:127.0.0.1:1", "tcpx:127.0.0.1:1", ":", "127.0.0.1:80" };

START_TEST(an_unknown_scheme_is_invalid)
{
	struct wire w;
	leat_listener *listener;

	wire_open(&w);
	expect_kind(await_error(leat_connect(w.loop, unknown[_i], NULL)), LEAT_INVALID);
	expect_int(await_error(leat_connect(w.loop, unknown[_i], NULL)).code, LEAT_ADDR_SCHEME);
	listener = leat_listen(w.loop, unknown[_i], NULL);
	expect_kind(leat_listener_error(listener), LEAT_INVALID);
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

START_TEST(the_address_none_is_invalid)
{
	struct wire w;
	leat_addr none = { .bytes = 0 };

	wire_open(&w);
	expect_kind(await_error(leat_connect_addr(w.loop, &none, NULL)), LEAT_INVALID);
	wire_close(&w);
}
END_TEST

START_TEST(options_may_be_shorter_than_ours)
{
	struct wire w;
	struct mute m;
	leat_connect_options old = { .size = offsetof(leat_connect_options, timeout_ms), .timeout_ms = 1 };
	leat_io *io;

	wire_open(&w);
	mute_open(&m);
	io = leat_io_timeout_at(leat_connect_addr(w.loop, &m.addr, &old), 10, "ours");
	expect_str(await_error(io).where, "ours");
	mute_close(&m);
	wire_close(&w);
}
END_TEST

/* ---- schemes ---- */

static leat_io *void_connect(leat_loop *loop, const char *rest, const leat_connect_options *options, const char *where)
{
	return rest[0] ? leat_io_flow(loop, leat_flow_stillborn(loop, leat_error_core(LEAT_OTHER)))
		       : leat_io_fail(loop, leat_error_core(LEAT_DENIED));
}

static leat_listener *void_listen(leat_loop *loop, const char *rest, const leat_listen_options *options,
                                  const char *where)
{
	return leat_listener_stillborn(loop, leat_error_core(LEAT_DENIED));
}

static const leat_scheme void_scheme = {
	.size = sizeof(leat_scheme), .name = "void", .connect = void_connect, .listen = void_listen
};
static const leat_scheme our_tcp = { .size = sizeof(leat_scheme), .name = "tcp", .connect = void_connect };
static const leat_scheme short_scheme = {
	.size = offsetof(leat_scheme, listen), .name = "short", .connect = void_connect, .listen = void_listen
};

START_TEST(a_scheme_that_was_added_is_known)
{
	struct wire w;
	leat_listener *listener;

	wire_open(&w);
	expect_kind(await_error(leat_connect(w.loop, "void:x", NULL)), LEAT_INVALID);
	expect_ok(leat_loop_add_scheme(w.loop, &void_scheme));
	expect_ok(await_error(leat_connect(w.loop, "void:x", NULL)));
	expect_kind(await_error(leat_connect(w.loop, "void:", NULL)), LEAT_DENIED);
	listener = leat_listen(w.loop, "void:x", NULL);
	expect_kind(leat_listener_error(listener), LEAT_DENIED);
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

START_TEST(the_last_of_a_name_comes_first)
{
	struct wire w;

	wire_open(&w);
	expect_ok(leat_loop_add_scheme(w.loop, &our_tcp));
	expect_ok(await_error(leat_connect(w.loop, "tcp:anything", NULL)));
	wire_close(&w);
}
END_TEST

START_TEST(what_a_scheme_lacks_is_unsupported)
{
	struct wire w;
	leat_listener *listener;

	wire_open(&w);
	expect_ok(leat_loop_add_scheme(w.loop, &our_tcp));
	expect_ok(leat_loop_add_scheme(w.loop, &short_scheme));
	listener = leat_listen(w.loop, _i ? "short:x" : "tcp:x", NULL);
	expect_kind(leat_listener_error(listener), LEAT_UNSUPPORTED);
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

/* ---- without memory ---- */

static void connect_and_talk(struct wire *w, leat_listener *listener)
{
	leat_result result;

	if (leat_await(leat_connect(w->loop, listener_words(listener), NULL), &result)) {
		leat_flow *flow = leat_result_flow(&result);

		leat_await(leat_flow_write(flow, "x", 1), NULL);
		leat_flow_unref(flow);
	} else {
		expect_kind(leat_result_error(&result), LEAT_NOMEM);
	}
	leat_result_clear(&result);
}

START_TEST(any_allocation_may_fail)
{
	struct oom oom;

	OOM_EACH(&oom) {
		struct wire w;

		if (wire_try(&w, &oom)) {
			leat_listener *listener = leat_listen(w.loop, _i ? wire_path(&w, "s") : "tcp:127.0.0.1:0", NULL);

			if (!leat_error_set(leat_listener_error(listener)))
				connect_and_talk(&w, listener);
			leat_listener_unref(listener);
			leat_loop_add_scheme(w.loop, &void_scheme);
			wire_end(&w);
		}
	}
}
END_TEST

SUITE("connect",
	a_port_without_a_listener_refuses,
	where_no_way_leads_is_unreachable,
	no_answer_in_time_is_a_timeout,
	an_answer_in_time_is_a_flow,
	EACH(cancelling_closes_what_was_made, 2),
	a_flow_that_nobody_took_is_cut,
	freeing_the_loop_ends_it,
	without_descriptors_it_is_a_limit,
	EACH(an_unknown_scheme_is_invalid, sizeof unknown / sizeof *unknown),
	the_address_none_is_invalid,
	options_may_be_shorter_than_ours,
	a_scheme_that_was_added_is_known,
	the_last_of_a_name_comes_first,
	EACH(what_a_scheme_lacks_is_unsupported, 2),
	EACH(any_allocation_may_fail, 2))

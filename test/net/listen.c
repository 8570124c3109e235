/* SPDX-License-Identifier: ISC */
/* listen - accepting: how often the kernel is asked, and what it may answer
 *
 * accept4 is this program's own here: it counts, and fails when told to.
 */
#include <sys/resource.h>
#include <sys/syscall.h>

#include "net/wire.h"
#include "support/suite.h"

static struct {
	int calls, in_vain;
	int fail_with, fail_times; /* the next so many calls */
} kernel;

int accept4(int fd, struct sockaddr *addr, socklen_t *bytes, int flags)
{
	int got;

	kernel.calls++;
	if (kernel.fail_times > 0) {
		kernel.fail_times--;
		errno = kernel.fail_with;
		return -1;
	}
	got = (int)syscall(SYS_accept4, fd, addr, bytes, flags);
	if (got < 0 && errno == EAGAIN)
		kernel.in_vain++;
	return got;
}

static leat_listener *listen_as(struct wire *w, const leat_listen_options *options)
{
	leat_listener *listener;

	memset(&kernel, 0, sizeof kernel);
	wire_open(w);
	listener = leat_listen(w->loop, "tcp:127.0.0.1:0", options);
	expect_ok(leat_listener_error(listener));
	return listener;
}

static leat_listener *listen_here(struct wire *w)
{
	return listen_as(w, NULL);
}

static int client_of(leat_listener *listener)
{
	return raw_connect(leat_listener_addr(listener));
}

/* ---- somebody at the door ---- */

struct visit {
	struct wire w;
	leat_listener *listener;
	leat_io *io; /* the accept, which was there first */
	int client;
};

static void visit_begin(struct visit *v, const leat_listen_options *options)
{
	v->listener = listen_as(&v->w, options);
	v->io = leat_accept(v->listener);
	v->client = client_of(v->listener);
}

static void visit_end(struct visit *v)
{
	close(v->client);
	leat_listener_unref(v->listener);
	wire_close(&v->w);
}

/* ---- the contract of a listener ---- */

START_TEST(who_came_before_the_accept_is_not_lost)
{
	struct wire w;
	leat_listener *listener = listen_here(&w);
	int client = client_of(listener);

	raw_say(client, "early");
	leat_flow *flow = await_flow(leat_accept(listener));
	expect_str(await_words(flow), "early");
	leat_flow_unref(flow);
	close(client);
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

START_TEST(a_second_accept_is_busy)
{
	struct wire w;
	leat_listener *listener = listen_here(&w);
	leat_io *first = leat_accept(listener);
	int client;

	expect_kind(await_error(leat_accept(listener)), LEAT_BUSY);
	client = client_of(listener);
	leat_flow_unref(await_flow(first));
	close(client);
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

START_TEST(a_cancelled_accept_loses_no_connection)
{
	struct visit v;
	leat_flow *flow;

	visit_begin(&v, NULL);
	if (_i)
		wire_settle(&v.w);
	leat_io_cancel(v.io);
	raw_say(v.client, "still here");
	flow = await_flow(leat_accept(v.listener));
	expect_str(await_words(flow), "still here");
	leat_flow_unref(flow);
	visit_end(&v);
}
END_TEST

START_TEST(closing_ends_the_accept_and_the_port)
{
	struct wire w;
	leat_listener *listener = listen_here(&w);
	leat_addr addr = leat_listener_addr(listener);
	leat_io *io = leat_accept(listener);

	leat_listener_close(listener);
	leat_listener_close(listener);
	expect_kind(await_error(io), LEAT_CLOSED);
	expect_kind(await_error(leat_accept(listener)), LEAT_CLOSED);
	expect_kind(leat_listener_error(listener), LEAT_CLOSED);
	expect_kind(await_error(leat_connect_addr(w.loop, &addr, NULL)), LEAT_REFUSED);
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

START_TEST(whom_nobody_accepted_is_cut_at_the_close)
{
	struct wire w;
	leat_listener *listener = listen_here(&w);
	leat_io *io = leat_accept(listener);
	int client = client_of(listener);

	wire_settle(&w);
	leat_io_cancel(io);
	leat_listener_unref(listener);
	expect_null(raw_hear(&w, client));
	close(client);
	wire_close(&w);
}
END_TEST

START_TEST(the_last_reference_closes)
{
	struct wire w;
	leat_listener *listener = listen_here(&w);
	leat_addr addr = leat_listener_addr(listener);

	leat_listener_unref(leat_listener_ref(listener));
	expect_ok(leat_listener_error(listener));
	leat_listener_unref(listener);
	expect_kind(await_error(leat_connect_addr(w.loop, &addr, NULL)), LEAT_REFUSED);
	wire_close(&w);
}
END_TEST

START_TEST(freeing_the_loop_ends_the_accept)
{
	struct wire w;
	leat_listener *listener = listen_here(&w);

	leat_io_detach(leat_accept(listener));
	leat_listener_unref(listener);
	w.unhandled = 0;
	wire_end(&w);
}
END_TEST

START_TEST(a_loop_with_nobody_accepting_has_nothing_to_do)
{
	struct wire w;
	leat_listener *listener = listen_here(&w);
	leat_io *io = leat_accept(listener);

	expect_int(event_base_get_num_events(w.base, EVENT_BASE_COUNT_ADDED) > 0, 1);
	leat_io_cancel(io);
	expect_int(event_base_dispatch(w.base), 1);
	expect_int(event_base_get_num_events(w.base, EVENT_BASE_COUNT_ADDED), 0);
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

/* ---- how often the kernel is asked ---- */

struct taker {
	struct wire *w;
	leat_listener *listener;
	leat_flow *flows[200];
	int count;
	leat_io *io;
};

static leat_io *take_next(void *ctx, leat_result *result)
{
	struct taker *t = ctx;

	t->flows[t->count++] = leat_result_flow(result);
	return leat_io_then(leat_accept(t->listener), take_next, leat_ctx_borrow(t));
}

static void taker_open(struct taker *t, struct wire *w, leat_listener *listener)
{
	*t = (struct taker){ .w = w, .listener = listener };
	t->io = leat_io_then(leat_accept(listener), take_next, leat_ctx_borrow(t));
}

static void taker_close(struct taker *t)
{
	leat_io_cancel(t->io);
	while (t->count > 0)
		leat_flow_unref(t->flows[--t->count]);
	leat_listener_unref(t->listener);
	wire_close(t->w);
}

START_TEST(one_connection_is_one_call)
{
	struct wire w;
	struct taker t;
	int clients[5];

	taker_open(&t, &w, listen_here(&w));
	for (int i = 0; i < 5; i++) {
		clients[i] = client_of(t.listener);
		wire_until(&w, t.count == i + 1);
		raw_say(clients[i], "x");
		expect_str(await_words(t.flows[i]), "x");
	}
	wire_settle(&w);
	expect_int(kernel.calls, 5);
	expect_int(kernel.in_vain, 0);
	for (int i = 0; i < 5; i++)
		close(clients[i]);
	taker_close(&t);
}
END_TEST

START_TEST(a_burst_is_at_most_one_call_in_vain)
{
	enum { MANY = 100 };
	struct wire w;
	struct taker t;
	int clients[MANY], passes = 0;

	taker_open(&t, &w, listen_here(&w));
	for (int i = 0; i < MANY; i++)
		clients[i] = client_of(t.listener);
	for (; t.count < MANY; passes++)
		wire_turn(&w);
	wire_settle(&w);
	expect_int(t.count, MANY);
	ck_assert_int_le(kernel.in_vain, 1);
	ck_assert_int_lt(passes, MANY / 4);
	for (int i = 0; i < MANY; i++)
		close(clients[i]);
	taker_close(&t);
}
END_TEST

static const int lost[] = { ECONNABORTED, EPROTO, EINTR, EPERM, ENETDOWN, EHOSTUNREACH };

START_TEST(connections_that_are_gone_are_passed_over)
{
	struct visit v;

	visit_begin(&v, NULL);
	kernel.fail_with = lost[_i];
	kernel.fail_times = 3;
	leat_flow_unref(await_flow(v.io));
	visit_end(&v);
}
END_TEST

START_TEST(what_the_kernel_should_not_say_ends_the_accept)
{
	struct visit v;

	visit_begin(&v, NULL);
	kernel.fail_with = EINVAL;
	kernel.fail_times = 1;
	expect_kind(await_error(v.io), LEAT_INVALID);
	leat_flow_unref(await_flow(leat_accept(v.listener)));
	visit_end(&v);
}
END_TEST

/* ---- shortage ---- */

static const leat_listen_options impatient = { .size = sizeof impatient, .retry_ms = 5 };

START_TEST(without_descriptors_it_rests_and_goes_on_later)
{
	struct wire w;
	leat_listener *listener = listen_as(&w, &impatient);
	struct rlimit before, none;
	leat_io *io = leat_accept(listener);
	int clients[4]; /* under valgrind a shortage costs one */

	for (int i = 0; i < 4; i++)
		clients[i] = client_of(listener);
	getrlimit(RLIMIT_NOFILE, &before);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = before.rlim_max };
	setrlimit(RLIMIT_NOFILE, &none);
	wire_until(&w, kernel.calls == 3);
	setrlimit(RLIMIT_NOFILE, &before);
	leat_flow_unref(await_flow(io));
	for (int i = 0; i < 4; i++)
		close(clients[i]);
	leat_listener_unref(listener);
	expect_int(w.reports, 1);
	w.reports = 0;
	wire_close(&w);
}
END_TEST

static const int short_of[] = { EMFILE, ENFILE, ENOBUFS, ENOMEM };

START_TEST(a_shortage_does_not_spin)
{
	struct visit v;

	visit_begin(&v, NULL);
	kernel.fail_with = short_of[_i];
	kernel.fail_times = 1000;
	wire_until(&v.w, kernel.calls == 1);
	wire_settle(&v.w);
	expect_int(kernel.calls, 1);
	leat_io_cancel(v.io);
	expect_int(v.w.reports, 1);
	v.w.reports = 0;
	visit_end(&v);
}
END_TEST

START_TEST(a_shortage_can_be_given_up_and_taken_up)
{
	struct visit v;

	visit_begin(&v, &impatient);
	kernel.fail_with = EMFILE;
	kernel.fail_times = 1;
	wire_until(&v.w, kernel.calls == 1);
	leat_io_cancel(v.io);
	leat_flow_unref(await_flow(leat_accept(v.listener)));
	v.w.reports = 0;
	visit_end(&v);
}
END_TEST

/* ---- a socket that listens already ---- */

START_TEST(a_socket_that_listens_is_taken)
{
	struct wire w;
	int client, fd = raw_bind("tcp:127.0.0.1:0", 4);
	leat_listener *listener;
	leat_flow *flow;

	wire_open(&w);
	w.descriptors--; /* fd is not ours any more */
	listener = leat_listen_fd(w.loop, fd, NULL);
	expect_ok(leat_listener_error(listener));
	expect_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	expect_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	client = client_of(listener);
	flow = await_flow(leat_accept(listener));
	expect_true(option_of(flow_fd(flow), IPPROTO_TCP, TCP_NODELAY));
	leat_flow_unref(flow);
	close(client);
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

START_TEST(the_file_of_a_socket_that_was_given_stays)
{
	struct wire w;
	struct stat file;
	leat_listener *listener;

	wire_open(&w);
	listener = leat_listen_fd(w.loop, raw_bind(wire_path(&w, "socket"), 4), NULL);
	expect_str(listener_words(listener), wire_path(&w, "socket"));
	expect_ok(await_error(leat_connect(w.loop, w.path, NULL)));
	leat_listener_unref(listener);
	expect_int(stat(path_in(&w, "socket"), &file), 0);
	unlink(path_in(&w, "socket"));
	wire_close(&w);
}
END_TEST

/* It listens, but its connections keep the bounds of what was sent. */
static int listen_for_packets(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr none = { .sa_family = AF_UNIX };

	expect_int(bind(fd, &none, sizeof none.sa_family), 0);
	expect_int(listen(fd, 4), 0);
	return fd;
}

static int what_cannot_listen(int i)
{
	switch (i) {
	case 0:
		return raw_bind("tcp:127.0.0.1:0", -1);
	case 1:
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	case 2:
		return listen_for_packets();
	default:
		return -1;
	}
}

START_TEST(what_does_not_listen_is_invalid_and_closed)
{
	struct wire w;
	leat_listener *listener;

	wire_open(&w);
	listener = leat_listen_fd(w.loop, what_cannot_listen(_i), NULL);
	expect_kind(leat_listener_error(listener), LEAT_INVALID);
	expect_kind(await_error(leat_accept(listener)), LEAT_INVALID);
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

/* ---- without memory ---- */

static void accept_one(struct wire *w, leat_listener *listener)
{
	int client = client_of(listener);
	leat_result result;

	if (leat_await(leat_accept(listener), &result))
		leat_flow_abort(leat_result_peek(&result));
	else
		expect_kind(leat_result_error(&result), LEAT_NOMEM);
	leat_result_clear(&result);
	close(client);
}

START_TEST(any_allocation_may_fail)
{
	leat_listen_options options = { .size = sizeof options, .retry_ms = 1 };
	struct oom oom;

	OOM_EACH(&oom) {
		struct wire w;

		if (wire_try(&w, &oom)) {
			leat_listener *listener = leat_listen(w.loop, _i ? wire_path(&w, "s") : "tcp:127.0.0.1:0", &options);

			if (!leat_error_set(leat_listener_error(listener)))
				accept_one(&w, listener);
			else
				expect_kind(leat_listener_error(listener), LEAT_NOMEM);
			leat_listener_unref(listener);
			wire_end(&w);
		}
	}
}
END_TEST

SUITE("listen",
	who_came_before_the_accept_is_not_lost,
	a_second_accept_is_busy,
	EACH(a_cancelled_accept_loses_no_connection, 2),
	closing_ends_the_accept_and_the_port,
	whom_nobody_accepted_is_cut_at_the_close,
	the_last_reference_closes,
	freeing_the_loop_ends_the_accept,
	a_loop_with_nobody_accepting_has_nothing_to_do,
	one_connection_is_one_call,
	a_burst_is_at_most_one_call_in_vain,
	EACH(connections_that_are_gone_are_passed_over, sizeof lost / sizeof *lost),
	what_the_kernel_should_not_say_ends_the_accept,
	without_descriptors_it_rests_and_goes_on_later,
	EACH(a_shortage_does_not_spin, sizeof short_of / sizeof *short_of),
	a_shortage_can_be_given_up_and_taken_up,
	a_socket_that_listens_is_taken,
	the_file_of_a_socket_that_was_given_stays,
	EACH(what_does_not_listen_is_invalid_and_closed, 4),
	EACH(any_allocation_may_fail, 2))

/* SPDX-License-Identifier: ISC */
/* fds - pipes, terminals, and two descriptors as one flow */
#include <pty.h>
#include <signal.h>
#include <termios.h>

#include "flow/bev.h"
#include "support/suite.h"

/* A pipe, one end of which is a flow's. */
static void make_pipe(int ends[2])
{
	expect_int(pipe(ends), 0);
}

static leat_direction directions_of(leat_flow *flow)
{
	leat_flow_info info = { .size = sizeof info };

	leat_flow_info_get(flow, &info);
	return info.directions;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void end(leat_flow *flow)
{
	leat_flow_abort(flow);
	leat_flow_unref(flow);
}

/* ---- a pipe ---- */

START_TEST(a_pipe_is_read_to_its_end)
{
	struct world w;
	leat_flow *flow;
	int ends[2];

	world_open(&w);
	make_pipe(ends);
	flow = leat_flow_from_fd(w.loop, ends[0]);
	expect_str(kind_of(flow), "pipe");
	expect_int(directions_of(flow), LEAT_READ);
	expect_int(write(ends[1], "hello", 5), 5);
	flow_hears(flow, "hello");
	expect_int(write(ends[1], "bye", 3), 3);
	close(ends[1]);
	flow_hears(flow, "bye");
	flow_hears_the_end(flow);
	flow_hears_the_end(flow);
	expect_ok(ending_of(flow));
	expect_false(is_open(ends[0]));
	leat_flow_unref(flow);
	world_close(&w);
}
END_TEST

START_TEST(a_pipe_has_one_direction)
{
	struct world w;
	leat_flow *in, *out;
	int ends[2];

	world_open(&w);
	make_pipe(ends);
	in = leat_flow_from_fd(w.loop, ends[0]);
	out = leat_flow_from_fd(w.loop, ends[1]);
	expect_int(directions_of(out), LEAT_WRITE);
	expect_kind(failure_of(leat_flow_write(in, "x", 1)), LEAT_UNSUPPORTED);
	expect_kind(failure_of(leat_flow_read(out)), LEAT_UNSUPPORTED);
	flow_says(out, "through");
	flow_hears(in, "through");
	expect_ok(ending_of(out));
	flow_hears_the_end(in);
	expect_ok(ending_of(in));
	leat_flow_unref(in);
	leat_flow_unref(out);
	world_close(&w);
}
END_TEST

START_TEST(a_full_pipe_is_back_pressure_and_loses_nothing)
{
	static char block[1 << 20], got[1 << 20];
	struct world w;
	leat_flow *out;
	leat_io *write;
	leat_result result;
	int ends[2];

	world_open(&w);
	make_pipe(ends);
	for (size_t i = 0; i < sizeof block; i++)
		block[i] = (char)(i * 13 + i / 255);
	out = leat_flow_from_fd(w.loop, ends[1]);
	write = leat_flow_write(out, block, sizeof block);
	settle(&w);
	expect_false(leat_io_try(write, &result));
	nonblocking(ends[0]);
	w.theirs = ends[0];
	peer_read(&w, got, sizeof got);
	expect_mem(got, block, sizeof got);
	expect_true(leat_await(write, NULL));
	expect_ok(ending_of(out));
	peer_hears_the_end(&w);
	leat_flow_unref(out);
	world_close(&w);
}
END_TEST

static void on_sigpipe(int number)
{
	(void)number;
	ck_abort_msg("SIGPIPE");
}

/* The default, a handler of the program's, blocked, and pending already. */
START_TEST(a_pipe_without_reader_raises_no_signal)
{
	struct world w;
	leat_flow *out;
	sigset_t only, pending;
	int ends[2];

	sigemptyset(&only);
	sigaddset(&only, SIGPIPE);
	signal(SIGPIPE, _i == 1 ? on_sigpipe : SIG_DFL);
	if (_i >= 2)
		sigprocmask(SIG_BLOCK, &only, NULL);
	if (_i == 3)
		raise(SIGPIPE);
	world_open(&w);
	make_pipe(ends);
	out = leat_flow_from_fd(w.loop, ends[1]);
	close(ends[0]);
	leat_io_detach(leat_flow_write(out, "x", 1));
	settle(&w);
	expect_kind(failure_of(leat_flow_write(out, "x", 1)), LEAT_CLOSED);
	end(out);
	world_close(&w);
	sigpending(&pending);
	expect_int(sigismember(&pending, SIGPIPE), _i == 3);
	signal(SIGPIPE, SIG_IGN); /* takes away what is pending */
	if (_i >= 2)
		sigprocmask(SIG_UNBLOCK, &only, NULL);
	signal(SIGPIPE, SIG_DFL);
}
END_TEST

START_TEST(a_cancelled_read_of_a_pipe_loses_nothing)
{
	struct world w;
	leat_flow *in;
	int ends[2];

	world_open(&w);
	make_pipe(ends);
	in = leat_flow_from_fd(w.loop, ends[0]);
	leat_io_cancel(leat_flow_read(in));
	expect_int(write(ends[1], "hello", 5), 5);
	settle(&w);
	leat_io_cancel(leat_flow_read(in));
	flow_hears(in, "hello");
	close(ends[1]);
	end(in);
	world_close(&w);
}
END_TEST

START_TEST(a_pipe_nobody_reads_does_not_spin_nor_hide_a_deadlock)
{
	struct world w;
	leat_flow *in;
	leat_maker maker;
	int ends[2];

	world_open(&w);
	make_pipe(ends);
	in = leat_flow_from_fd(w.loop, ends[0]);
	expect_int(write(ends[1], "hello", 5), 5);
	flow_hears(in, "hello");
	expect_int(write(ends[1], "hello", 5), 5);
	settle(&w);
	expect_kind(failure_of(leat_io_new(w.loop, &maker, NULL, NULL)), LEAT_DEADLOCK);
	expect_true(w.still > 0); /* the loop has reported it */
	w.still = 0;
	flow_hears(in, "hello");
	close(ends[1]);
	end(in);
	world_close(&w);
}
END_TEST

/* ---- two descriptors ---- */

START_TEST(two_descriptors_are_one_flow)
{
	struct world w;
	leat_flow *flow;
	int to_us[2], from_us[2];
	char text[8];

	world_open(&w);
	make_pipe(to_us);
	make_pipe(from_us);
	flow = leat_flow_from_fds(w.loop, to_us[0], from_us[1]);
	expect_int(directions_of(flow), LEAT_BOTH);
	expect_int(write(to_us[1], "ping", 4), 4);
	flow_hears(flow, "ping");
	flow_says(flow, "pong");
	expect_ok(failure_of(leat_flow_shutdown(flow, LEAT_WRITE)));
	expect_int(read(from_us[0], text, 4), 4);
	expect_int(read(from_us[0], text, 4), 0); /* they hear the end, and go on */
	expect_int(write(to_us[1], "more", 4), 4);
	flow_hears(flow, "more");
	close(to_us[1]);
	expect_ok(ending_of(flow));
	expect_false(is_open(to_us[0]));
	expect_false(is_open(from_us[1]));
	close(from_us[0]);
	leat_flow_unref(flow);
	world_close(&w);
}
END_TEST

/* ---- terminals and other devices ---- */

START_TEST(one_socket_given_twice_is_a_socket)
{
	struct world w;
	leat_flow *flow;
	char heard[3];
	int ends[2];

	world_open(&w);
	expect_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	flow = leat_flow_from_fds(w.loop, ends[0], ends[0]);
	expect_str(kind_of(flow), "socket");
	flow_says(flow, "hi");
	expect_true(leat_await(leat_flow_shutdown(flow, LEAT_WRITE), NULL));
	expect_int(read(ends[1], heard, sizeof heard), 2);
	expect_int(read(ends[1], heard, sizeof heard), 0);
	end(flow);
	close(ends[1]);
	world_close(&w);
}
END_TEST

START_TEST(a_terminal_is_left_as_it_was)
{
	struct world w;
	struct termios raw;
	leat_flow *flow;
	int master, slave, other;

	world_open(&w);
	expect_int(openpty(&master, &slave, NULL, NULL, NULL), 0);
	tcgetattr(slave, &raw);
	cfmakeraw(&raw);
	tcsetattr(slave, TCSANOW, &raw);
	other = dup(slave);
	flow = leat_flow_from_fd(w.loop, slave);
	expect_int(directions_of(flow), LEAT_BOTH);
	expect(fcntl(other, F_GETFL) & O_NONBLOCK);
	nonblocking(master);
	w.theirs = master;
	peer_say(&w, "typed");
	flow_hears(flow, "typed");
	flow_says(flow, "shown");
	peer_hears(&w, "shown");
	end(flow);
	expect_false(fcntl(other, F_GETFL) & O_NONBLOCK);
	close(other);
	world_close(&w);
}
END_TEST

START_TEST(a_terminal_that_is_hung_up_has_ended)
{
	struct world w;
	leat_flow *flow;
	int master, slave;

	world_open(&w);
	expect_int(openpty(&master, &slave, NULL, NULL, NULL), 0);
	flow = leat_flow_from_fd(w.loop, master);
	close(slave);
	flow_hears_the_end(flow);
	end(flow);
	world_close(&w);
}
END_TEST

START_TEST(what_cannot_be_waited_for_is_always_ready)
{
	struct world w;
	leat_flow *zero, *null;
	char zeros[100000];

	world_open(&w);
	zero = leat_flow_from_fd(w.loop, open("/dev/zero", O_RDONLY));
	null = leat_flow_from_fd(w.loop, open("/dev/null", O_RDWR));
	memset(zeros, 'x', sizeof zeros);
	expect_ok(failure_of(leat_flow_read_into(zero, zeros, sizeof zeros, sizeof zeros)));
	for (size_t i = 0; i < sizeof zeros; i++)
		expect_int(zeros[i], 0);
	flow_says(null, "into the void");
	flow_hears_the_end(null);
	expect_ok(ending_of(null));
	leat_flow_unref(null);
	end(zero);
	world_close(&w);
}
END_TEST

START_TEST(what_is_no_stream_is_refused_and_closed)
{
	struct world w;
	char path[] = "/tmp/leat-fds-XXXXXX";
	leat_flow *flow;
	int fd, ends[2];

	world_open(&w);
	fd = mkstemp(path);
	unlink(path);
	flow = leat_flow_from_fd(w.loop, fd);
	expect_kind(failure_of(leat_flow_read(flow)), LEAT_INVALID);
	expect_false(is_open(fd));
	leat_flow_unref(flow);
	flow = leat_flow_from_fd(w.loop, fd);
	expect(leat_error_set(failure_of(leat_flow_read(flow))));
	leat_flow_unref(flow);
	make_pipe(ends);
	flow = leat_flow_from_fds(w.loop, ends[1], ends[0]); /* the wrong way round */
	expect_kind(failure_of(leat_flow_write(flow, "x", 1)), LEAT_INVALID);
	expect_false(is_open(ends[0]));
	expect_false(is_open(ends[1]));
	leat_flow_unref(flow);
	world_close(&w);
}
END_TEST

SUITE("fds",
	a_pipe_is_read_to_its_end,
	a_pipe_has_one_direction,
	a_full_pipe_is_back_pressure_and_loses_nothing,
	EACH(a_pipe_without_reader_raises_no_signal, 4),
	a_cancelled_read_of_a_pipe_loses_nothing,
	a_pipe_nobody_reads_does_not_spin_nor_hide_a_deadlock,
	two_descriptors_are_one_flow,
	one_socket_given_twice_is_a_socket,
	a_terminal_is_left_as_it_was,
	a_terminal_that_is_hung_up_has_ended,
	what_cannot_be_waited_for_is_always_ready,
	what_is_no_stream_is_refused_and_closed)

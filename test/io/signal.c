/* SPDX-License-Identifier: ISC */
/* signal - what comes to the process, told once to each who asked, and to
 * whoever had it before
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include <leat/signal.h>

#include "io/loop.h"
#include "support/starve.h"
#include "support/suite.h"
#include "support/sweep.h"

/* ---- what was there before ---- */

static volatile sig_atomic_t heard;

static void hear(int number)
{
	heard = heard + number;
}

static void set_handler(int number, void (*handler)(int))
{
	expect_int(sigaction(number, &(struct sigaction){ .sa_handler = handler }, NULL), 0);
}

static void (*handler_of(int number))(int)
{
	struct sigaction now;

	expect_int(sigaction(number, NULL, &now), 0);
	return now.sa_handler;
}

/* What has come is looked at. */
static void turn(struct world *w)
{
	event_base_loop(w->base, EVLOOP_NONBLOCK);
	world_run(w);
}

static leat_signals *listen_to(struct world *w, int number)
{
	return leat_signals_new(w->loop, number);
}

static leat_error await_error(leat_io *io)
{
	leat_result result;

	leat_await(io, &result);
	return leat_result_error(&result);
}

/* ---- one ---- */

START_TEST(a_signal_resolves_with_its_number_when_it_comes)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	io = leat_signal(w.loop, SIGUSR1);
	turn(&w);
	expect_true(is_pending(io));
	raise(SIGUSR1);
	turn(&w);
	expect_int(settled_int(io), SIGUSR1);
	world_close(&w);
}
END_TEST

START_TEST(what_was_before_is_set_back_once_it_has_come)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	set_handler(SIGUSR1, hear);
	io = leat_signal(w.loop, SIGUSR1);
	expect_true(handler_of(SIGUSR1) != hear);
	raise(SIGUSR1);
	turn(&w);
	expect_true(handler_of(SIGUSR1) == hear);
	expect_int(settled_int(io), SIGUSR1);
	set_handler(SIGUSR1, SIG_DFL);
	world_close(&w);
}
END_TEST

START_TEST(what_was_before_is_set_back_where_it_is_cancelled)
{
	struct world w;
	leat_io *one, *two;

	world_open(&w);
	set_handler(SIGUSR1, SIG_IGN);
	one = leat_signal(w.loop, SIGUSR1);
	two = leat_signal(w.loop, SIGUSR1);
	leat_io_cancel(one);
	expect_true(handler_of(SIGUSR1) != SIG_IGN);
	leat_io_cancel(two);
	expect_true(handler_of(SIGUSR1) == SIG_IGN);
	set_handler(SIGUSR1, SIG_DFL);
	world_close(&w);
}
END_TEST

START_TEST(who_had_the_signal_before_hears_it_too)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	heard = 0;
	set_handler(SIGUSR1, hear);
	io = leat_signal(w.loop, SIGUSR1);
	raise(SIGUSR1);
	expect_int(heard, SIGUSR1);
	turn(&w);
	raise(SIGUSR1);
	expect_int(heard, 2 * SIGUSR1);
	expect_int(settled_int(io), SIGUSR1);
	set_handler(SIGUSR1, SIG_DFL);
	world_close(&w);
}
END_TEST

static siginfo_t heard_info;

static void hear_info(int number, siginfo_t *info, void *context)
{
	(void)number;
	heard = context != NULL;
	heard_info = *info;
}

START_TEST(who_had_it_before_is_told_who_sent_it)
{
	struct sigaction action = { .sa_sigaction = hear_info, .sa_flags = SA_SIGINFO };
	struct world w;
	leat_io *io;

	world_open(&w);
	expect_int(sigaction(SIGUSR1, &action, NULL), 0);
	io = leat_signal(w.loop, SIGUSR1);
	kill(getpid(), SIGUSR1);
	expect_int(heard_info.si_pid, getpid());
	expect_true(heard);
	leat_io_cancel(io);
	set_handler(SIGUSR1, SIG_DFL);
	world_close(&w);
}
END_TEST

static void on_theirs(evutil_socket_t number, short what, void *arg)
{
	(void)number;
	(void)what;
	++*(int *)arg;
}

START_TEST(the_users_base_keeps_its_signals)
{
	struct world w;
	struct event *theirs;
	int told = 0;
	leat_io *io;

	world_open(&w);
	theirs = evsignal_new(w.base, SIGUSR1, on_theirs, &told);
	evsignal_add(theirs, NULL);
	io = leat_signal(w.loop, SIGUSR1);
	raise(SIGUSR1);
	turn(&w);
	expect_int(told, 1);
	expect_int(settled_int(io), SIGUSR1);
	raise(SIGUSR1);
	turn(&w);
	expect_int(told, 2);
	event_free(theirs);
	expect_true(handler_of(SIGUSR1) == SIG_DFL);
	world_close(&w);
}
END_TEST

START_TEST(the_second_one_does_what_it_did_before)
{
	struct world w;
	int status;
	pid_t child;

	world_open(&w);
	child = fork();
	if (child == 0) {
		leat_loop *loop = leat_loop_new(NULL, NULL);
		leat_io *io = leat_signal(loop, SIGUSR2);

		raise(SIGUSR2);
		if (!leat_await(io, NULL))
			_exit(1);
		raise(SIGUSR2);
		_exit(2);
	}
	expect_int(waitpid(child, &status, 0), child);
	expect_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR2);
	world_close(&w);
}
END_TEST

/* ---- bad ones ---- */

START_TEST(what_cannot_be_caught_is_invalid)
{
	static const int numbers[] = { 0, -1, 65, 1000, SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL };
	struct world w;
	leat_signals *s;

	world_open(&w);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		expect_settled(leat_signal(w.loop, numbers[i]), LEAT_INVALID);
		s = leat_signals_new(w.loop, SIGUSR1, numbers[i]);
		expect_kind(leat_signals_error(s), LEAT_INVALID);
		expect_settled(leat_signals_next(s), LEAT_INVALID);
		leat_signals_free(s);
		expect_true(handler_of(SIGUSR1) == SIG_DFL);
	}
	world_close(&w);
}
END_TEST

START_TEST(a_stream_of_nothing_is_invalid)
{
	struct world w;
	leat_signals *s;

	world_open(&w);
	s = leat_signals_new_at(w.loop, NULL, 0, LEAT_HERE);
	expect_settled(leat_signals_next(s), LEAT_INVALID);
	leat_signals_free(s);
	leat_signals_free(NULL);
	world_close(&w);
}
END_TEST

START_TEST(without_descriptors_it_fails_with_limit)
{
	struct world w;
	leat_signals *s;
	int fds[4096], n = 0;
	struct rlimit before, few;

	world_open(&w);
	getrlimit(RLIMIT_NOFILE, &before);
	few = (struct rlimit){ .rlim_cur = 64, .rlim_max = before.rlim_max };
	setrlimit(RLIMIT_NOFILE, &few);
	while ((fds[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		n++;
	expect_settled(leat_signal(w.loop, SIGUSR1), LEAT_LIMIT);
	s = listen_to(&w, SIGUSR1);
	expect_kind(leat_signals_error(s), LEAT_LIMIT);
	leat_signals_free(s);
	while (n > 0)
		close(fds[--n]);
	setrlimit(RLIMIT_NOFILE, &before);
	leat_io_cancel(leat_signal(w.loop, SIGUSR1));
	world_close(&w);
}
END_TEST

START_TEST(more_than_256_loops_are_a_limit)
{
	enum { MOST = 256 };
	leat_loop *loops[MOST + 1];
	leat_io *ios[MOST + 1];

	for (int i = 0; i <= MOST; i++) {
		loops[i] = leat_loop_new(NULL, NULL);
		ios[i] = leat_signal(loops[i], SIGUSR1);
	}
	expect_settled(ios[MOST], LEAT_LIMIT);
	leat_io_cancel(ios[7]);
	leat_io_cancel(leat_signal(loops[MOST], SIGUSR1));
	for (int i = 0; i <= MOST; i++)
		leat_loop_free(loops[i]);
	expect_true(handler_of(SIGUSR1) == SIG_DFL);
}
END_TEST

/* ---- streams ---- */

START_TEST(nothing_is_lost_between_two_waits)
{
	struct world w;
	leat_signals *s;

	world_open(&w);
	s = listen_to(&w, SIGUSR1);
	for (int i = 0; i < 3; i++)
		raise(SIGUSR1);
	for (int i = 0; i < 3; i++)
		expect_int(settled_int(leat_signals_next(s)), SIGUSR1);
	leat_io_cancel(leat_signals_next(s));
	raise(SIGUSR1);
	expect_int(settled_int(leat_signals_next(s)), SIGUSR1);
	leat_signals_free(s);
	world_close(&w);
}
END_TEST

START_TEST(what_came_before_the_stream_is_not_in_it)
{
	struct world w;
	leat_signals *one, *two;
	leat_io *io;

	world_open(&w);
	one = listen_to(&w, SIGUSR1);
	raise(SIGUSR1);
	two = listen_to(&w, SIGUSR1);
	io = leat_signals_next(two);
	turn(&w);
	expect_true(is_pending(io));
	expect_int(settled_int(leat_signals_next(one)), SIGUSR1);
	leat_io_cancel(io);
	leat_signals_free(two);
	leat_signals_free(one);
	world_close(&w);
}
END_TEST

START_TEST(of_several_the_first_of_the_list_comes_first)
{
	struct world w;
	leat_signals *s;

	world_open(&w);
	s = leat_signals_new(w.loop, SIGUSR2, SIGUSR1, SIGHUP);
	raise(SIGHUP);
	raise(SIGUSR1);
	raise(SIGUSR2);
	expect_int(settled_int(leat_signals_next(s)), SIGUSR2);
	expect_int(settled_int(leat_signals_next(s)), SIGUSR1);
	expect_int(settled_int(leat_signals_next(s)), SIGHUP);
	leat_signals_free(s);
	world_close(&w);
}
END_TEST

START_TEST(one_that_is_named_twice_is_told_once)
{
	struct world w;
	leat_signals *s;
	leat_io *io;

	world_open(&w);
	s = leat_signals_new(w.loop, SIGUSR1, SIGHUP, SIGUSR1);
	raise(SIGHUP);
	raise(SIGUSR1);
	expect_int(settled_int(leat_signals_next(s)), SIGUSR1);
	expect_int(settled_int(leat_signals_next(s)), SIGHUP);
	io = leat_signals_next(s);
	turn(&w);
	expect_true(is_pending(io));
	leat_io_cancel(io);
	leat_signals_free(s);
	world_close(&w);
}
END_TEST

START_TEST(a_cancelled_next_loses_none)
{
	struct world w;
	leat_signals *s;
	leat_io *io;

	world_open(&w);
	s = leat_signals_new(w.loop, SIGUSR2, SIGUSR1);
	io = leat_signals_next(s);
	raise(SIGUSR1);
	turn(&w);
	leat_io_cancel(io);
	raise(SIGUSR2);
	expect_int(settled_int(leat_signals_next(s)), SIGUSR2);
	expect_int(settled_int(leat_signals_next(s)), SIGUSR1);
	io = leat_io_timeout(leat_signals_next(s), 10);
	world_pass(&w, 10);
	expect_settled(io, LEAT_TIMEOUT);
	leat_signals_free(s);
	world_close(&w);
}
END_TEST

START_TEST(one_next_at_a_time)
{
	struct world w;
	leat_signals *s;
	leat_io *io;

	world_open(&w);
	s = listen_to(&w, SIGUSR1);
	io = leat_signals_next(s);
	expect_settled(leat_signals_next(s), LEAT_BUSY);
	raise(SIGUSR1);
	turn(&w);
	expect_settled(leat_signals_next(s), LEAT_BUSY);
	expect_int(settled_int(io), SIGUSR1);
	leat_io_cancel(leat_signals_next(s));
	leat_signals_free(s);
	world_close(&w);
}
END_TEST

START_TEST(freeing_fails_the_pending_next)
{
	struct world w;
	leat_signals *s;
	leat_io *io;

	world_open(&w);
	s = listen_to(&w, SIGUSR1);
	io = leat_signals_next(s);
	leat_signals_free(s);
	expect_settled(io, LEAT_CLOSED);
	expect_true(handler_of(SIGUSR1) == SIG_DFL);
	world_close(&w);
}
END_TEST

START_TEST(freeing_with_one_on_its_way_still_delivers_it)
{
	struct world w;
	leat_signals *s;
	leat_io *io;

	world_open(&w);
	s = listen_to(&w, SIGUSR1);
	raise(SIGUSR1);
	io = leat_signals_next(s);
	leat_signals_free(s);
	expect_true(handler_of(SIGUSR1) == SIG_DFL);
	expect_int(settled_int(io), SIGUSR1);
	s = listen_to(&w, SIGUSR1);
	raise(SIGUSR1);
	io = leat_signals_next(s);
	leat_signals_free(s);
	leat_io_cancel(io);
	world_close(&w);
}
END_TEST

static leat_io *free_in_callback(void *s, leat_result *result)
{
	(void)result;
	leat_signals_free(s);
	return NULL;
}

START_TEST(it_may_be_freed_inside_its_own_callback)
{
	struct world w;
	leat_signals *s, *other;
	leat_io *io;

	world_open(&w);
	s = listen_to(&w, SIGUSR1);
	other = listen_to(&w, SIGUSR1);
	io = leat_io_then(leat_signals_next(s), free_in_callback, leat_ctx_borrow(other));
	io = leat_io_then(io, free_in_callback, leat_ctx_borrow(s));
	raise(SIGUSR1);
	turn(&w);
	expect_ok(settled(io));
	world_close(&w);
}
END_TEST

/* ---- the loop ---- */

static void reap(pid_t child)
{
	int status;

	expect_int(waitpid(child, &status, 0), child);
	expect_int(status, 0);
}

START_TEST(waiting_for_nothing_but_a_signal_is_no_deadlock)
{
	struct world w;
	leat_io *io;
	pid_t child;

	world_open(&w);
	io = leat_signal(w.loop, SIGUSR1);
	child = fork();
	if (child == 0)
		_exit(kill(getppid(), SIGUSR1));
	expect_int(leat_await_int(io, NULL), SIGUSR1);
	reap(child);
	world_close(&w);
}
END_TEST

START_TEST(listening_without_waiting_hides_no_deadlock)
{
	struct world w;
	leat_signals *s;
	leat_maker maker;

	world_open(&w);
	s = listen_to(&w, SIGUSR1);
	leat_io_cancel(leat_signals_next(s));
	expect_kind(await_error(pending(w.loop, &maker)), LEAT_DEADLOCK);
	expect_int(event_base_dispatch(w.base), 1);
	leat_signals_free(s);
	w.reports = 0;
	world_close(&w);
}
END_TEST

START_TEST(freeing_the_loop_leaves_a_shell_and_reports_it)
{
	struct world w;
	leat_signals *s, *held;
	leat_io *io;
	void (*hup)(int) = handler_of(SIGHUP); /* as nohup has it, perhaps */

	world_open(&w);
	s = listen_to(&w, SIGUSR1);
	held = listen_to(&w, SIGUSR2);
	leat_io_detach(leat_signals_next(s));
	raise(SIGUSR2);
	io = leat_signals_next(held);
	(void)io;
	leat_io_detach(leat_signal(w.loop, SIGHUP));
	leat_loop_free(w.loop);
	expect_some(strstr(w.report, "signals made at"));
	expect_true(handler_of(SIGUSR1) == SIG_DFL);
	expect_true(handler_of(SIGUSR2) == SIG_DFL);
	expect_true(handler_of(SIGHUP) == hup);
	expect_kind(leat_signals_error(s), LEAT_CLOSED);
	leat_signals_free(s);
	leat_signals_free(held);
	expect_size(w.oom.live, 0);
	event_base_free(w.base);
}
END_TEST

START_TEST(each_loop_is_told)
{
	struct world a, b;
	leat_io *in_a, *in_b;

	world_open(&a);
	world_open(&b);
	in_a = leat_signal(a.loop, SIGUSR1);
	in_b = leat_signal(b.loop, SIGUSR1);
	raise(SIGUSR1);
	turn(&a);
	turn(&b);
	expect_int(settled_int(in_a), SIGUSR1);
	expect_int(settled_int(in_b), SIGUSR1);
	expect_true(handler_of(SIGUSR1) == SIG_DFL);
	world_close(&b);
	world_close(&a);
}
END_TEST

static void *raise_there(void *number)
{
	raise(*(int *)number);
	return NULL;
}

START_TEST(it_does_not_matter_which_thread_it_comes_to)
{
	struct world w;
	pthread_t thread;
	int number = SIGUSR1;
	leat_io *io;

	world_open(&w);
	io = leat_signal(w.loop, SIGUSR1);
	expect_int(pthread_create(&thread, NULL, raise_there, &number), 0);
	expect_int(leat_await_int(io, NULL), SIGUSR1);
	expect_int(pthread_join(thread, NULL), 0);
	world_close(&w);
}
END_TEST

enum { STORM = 2000 };

static void *storm(void *stop)
{
	while (!__atomic_load_n((bool *)stop, __ATOMIC_ACQUIRE))
		raise(SIGUSR1);
	return NULL;
}

START_TEST(coming_and_going_while_another_thread_is_in_the_handler_is_safe)
{
	struct world w;
	pthread_t thread;
	bool stop = false;
	leat_signals *s;

	world_open(&w);
	set_handler(SIGUSR1, hear);
	expect_int(pthread_create(&thread, NULL, storm, &stop), 0);
	for (int i = 0; i < STORM; i++) {
		s = listen_to(&w, SIGUSR1);
		if (i % 64 == 0)
			expect_int(leat_await_int(leat_signals_next(s), NULL), SIGUSR1);
		leat_signals_free(s);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	expect_int(pthread_join(thread, NULL), 0);
	set_handler(SIGUSR1, SIG_DFL);
	world_close(&w);
}
END_TEST

/* ---- fork ---- */

START_TEST(a_child_of_fork_has_what_was_before)
{
	struct world w;
	leat_signals *s;
	leat_io *io;
	int status;
	pid_t child;

	world_open(&w);
	s = listen_to(&w, SIGUSR2);
	io = leat_signals_next(s);
	child = fork();
	if (child == 0) {
		raise(SIGUSR2);
		_exit(1);
	}
	expect_int(waitpid(child, &status, 0), child);
	expect_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR2);
	turn(&w);
	expect_true(is_pending(io));
	leat_signals_free(s);
	expect_settled(io, LEAT_CLOSED);
	world_close(&w);
}
END_TEST

static int in_the_child(leat_signals *parents)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	leat_io *io;

	leat_signals_free(parents);
	io = leat_signal(loop, SIGUSR1);
	raise(SIGUSR1);
	if (leat_await_int(io, NULL) != SIGUSR1 || handler_of(SIGUSR1) != SIG_DFL)
		return 1;
	leat_loop_free(loop);
	return 0;
}

START_TEST(a_child_of_fork_can_listen_on_a_loop_of_its_own)
{
	struct world w;
	leat_signals *s;
	pid_t child;

	world_open(&w);
	s = listen_to(&w, SIGUSR1);
	child = fork();
	if (child == 0)
		_exit(in_the_child(s));
	reap(child);
	expect_true(handler_of(SIGUSR1) != SIG_DFL);
	leat_signals_free(s);
	world_close(&w);
}
END_TEST

static int goes_on(struct world *w, leat_signals *s, leat_io *io)
{
	event_reinit(w->base);
	if (!lt_signals_after_fork(w->loop))
		return 1;
	raise(SIGUSR1);
	turn(w);
	if (is_pending(io))
		return 2;
	leat_signals_free(s);
	return handler_of(SIGUSR1) == SIG_DFL ? 0 : 3;
}

START_TEST(a_child_of_fork_can_listen_on_the_loop_it_inherited)
{
	struct world w;
	leat_signals *s;
	leat_io *io;
	pid_t child;

	world_open(&w);
	s = listen_to(&w, SIGUSR1);
	io = leat_signals_next(s);
	child = fork();
	if (child == 0)
		_exit(goes_on(&w, s, io));
	reap(child);
	turn(&w);
	expect_true(is_pending(io));
	raise(SIGUSR1);
	turn(&w);
	expect_int(settled_int(io), SIGUSR1);
	leat_signals_free(s);
	world_close(&w);
}
END_TEST

/* ---- who comes later ---- */

START_TEST(whoever_sets_a_handler_later_has_the_signal_and_keeps_it)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	heard = 0;
	io = leat_signal(w.loop, SIGUSR1);
	set_handler(SIGUSR1, hear);
	raise(SIGUSR1);
	turn(&w);
	expect_int(heard, SIGUSR1);
	expect_true(is_pending(io));
	leat_io_cancel(io);
	expect_true(handler_of(SIGUSR1) == hear);
	set_handler(SIGUSR1, SIG_DFL);
	world_close(&w);
}
END_TEST

static struct sigaction under;

static void pass_under(int number, siginfo_t *info, void *context)
{
	heard = heard + 1;
	if (under.sa_flags & SA_SIGINFO)
		under.sa_sigaction(number, info, context);
}

START_TEST(two_who_call_each_other_do_so_once)
{
	struct sigaction action = { .sa_sigaction = pass_under, .sa_flags = SA_SIGINFO };
	struct world w;
	leat_io *io;

	world_open(&w);
	heard = 0;
	io = leat_signal(w.loop, SIGUSR2);
	expect_int(sigaction(SIGUSR2, &action, &under), 0);
	raise(SIGUSR2);
	turn(&w);
	expect_int(settled_int(io), SIGUSR2);
	io = leat_signal(w.loop, SIGUSR2); /* calls them, who call us */
	raise(SIGUSR2);
	turn(&w);
	expect_int(settled_int(io), SIGUSR2);
	expect_int(heard, 2);
	set_handler(SIGUSR2, SIG_DFL);
	world_close(&w);
}
END_TEST

/* ---- everywhere, and without memory ---- */

static leat_signals *stream;

static void free_stream(void *s)
{
	leat_signals_free(s);
}

static leat_io *then_next(void *text, leat_result *result)
{
	leat_io *io = leat_signals_next(stream);

	(void)text;
	(void)result;
	thing_moment(); /* the stream may be gone after it */
	return io;
}

static leat_io *then_signal(void *text, leat_result *result)
{
	(void)text;
	thing_moment();
	return leat_signal(leat_result_loop(result), SIGUSR1);
}

static leat_io *start_listening(struct world *w)
{
	leat_io *io;

	stream = listen_to(w, SIGUSR1);
	io = leat_io_then(leat_signals_next(stream), then_next, thing_owned("c1"));
	io = leat_io_then(leat_io_timeout(io, 1000), then_signal, thing_owned("c2"));
	return leat_io_hold(io, leat_ctx_own(stream, free_stream));
}

static bool play_signals(struct world *w, size_t n)
{
	if (n >= 6)
		return false;
	if (handler_of(SIGUSR1) != SIG_DFL)
		raise(SIGUSR1);
	event_base_loop(w->base, EVLOOP_NONBLOCK);
	return true;
}

static void nobody_listens(void)
{
	expect_true(handler_of(SIGUSR1) == SIG_DFL);
}

START_TEST(cancelled_at_any_point_it_leaves_nothing)
{
	static const struct sweep_program program = { "leat_signal leat_signals_next", start_listening, play_signals, nobody_listens };

	sweep(&program);
}
END_TEST

static void ends(struct world *w, leat_io *io)
{
	leat_error error;

	if (handler_of(SIGUSR1) != SIG_DFL)
		raise(SIGUSR1);
	turn(w);
	error = settled(io);
	ck_assert_msg(!leat_error_set(error) || leat_error_is(error, LEAT_NOMEM), "it failed with %s",
		leat_kind_name(leat_error_kind(error)));
}

static void with_signals(struct world *w)
{
	leat_signals *s = listen_to(w, SIGUSR1);

	ends(w, leat_signals_next(s));
	ends(w, leat_signal(w->loop, SIGUSR1));
	leat_signals_free(s);
	expect_true(handler_of(SIGUSR1) == SIG_DFL);
}

START_TEST(without_memory_there_is_an_answer_and_nothing_is_left)
{
	starve(with_signals);
}
END_TEST

SUITE("signal", a_signal_resolves_with_its_number_when_it_comes, what_was_before_is_set_back_once_it_has_come,
	what_was_before_is_set_back_where_it_is_cancelled, who_had_the_signal_before_hears_it_too,
	who_had_it_before_is_told_who_sent_it, the_users_base_keeps_its_signals,
	the_second_one_does_what_it_did_before, what_cannot_be_caught_is_invalid, a_stream_of_nothing_is_invalid,
	without_descriptors_it_fails_with_limit, more_than_256_loops_are_a_limit, nothing_is_lost_between_two_waits,
	what_came_before_the_stream_is_not_in_it, of_several_the_first_of_the_list_comes_first,
	one_that_is_named_twice_is_told_once, a_cancelled_next_loses_none, one_next_at_a_time, freeing_fails_the_pending_next,
	freeing_with_one_on_its_way_still_delivers_it, it_may_be_freed_inside_its_own_callback,
	waiting_for_nothing_but_a_signal_is_no_deadlock, listening_without_waiting_hides_no_deadlock,
	freeing_the_loop_leaves_a_shell_and_reports_it, each_loop_is_told,
	it_does_not_matter_which_thread_it_comes_to,
	coming_and_going_while_another_thread_is_in_the_handler_is_safe, a_child_of_fork_has_what_was_before,
	a_child_of_fork_can_listen_on_a_loop_of_its_own,
	a_child_of_fork_can_listen_on_the_loop_it_inherited,
	whoever_sets_a_handler_later_has_the_signal_and_keeps_it, two_who_call_each_other_do_so_once,
	cancelled_at_any_point_it_leaves_nothing, without_memory_there_is_an_answer_and_nothing_is_left)

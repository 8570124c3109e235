/* SPDX-License-Identifier: ISC */
/* child - other programs: their ends, their streams, what they inherit */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <leat/child.h>
#include <leat/dump.h>

#include "net/wire.h"
#include "support/suite.h"

#define PIPE { .source = LEAT_CHILD_PIPE }
#define NOTHING { .source = LEAT_CHILD_NULL }
#define OPTIONS(...) (&(leat_child_options){ .size = sizeof(leat_child_options), __VA_ARGS__ })

static leat_child *program(leat_loop *loop, const char *const *argv, const leat_child_options *options)
{
	return leat_child_new(loop, argv, options);
}

static leat_child *sh(struct wire *w, const char *script, const leat_child_options *options)
{
	return program(w->loop, (const char *const[]){ "sh", "-c", script, NULL }, options);
}

static int64_t end_of(leat_child *child)
{
	leat_error why;
	int64_t status = leat_await_int(leat_child_wait(child), &why);

	expect_ok(why);
	return status;
}

static int64_t run_sh(struct wire *w, const char *script, const leat_child_options *options)
{
	leat_child *child = sh(w, script, options);
	int64_t status = end_of(child);

	leat_child_unref(child);
	return status;
}

/* What it says before its end, which is good. */
static const char *said_by(struct wire *w, const char *script, leat_child_options *options)
{
	static char words[1024];
	leat_child *child;
	leat_error why;
	int64_t bytes;

	options->out = (leat_child_stdio)PIPE;
	child = sh(w, script, options);
	bytes = leat_await_int(leat_flow_read_into(leat_child_out(child), words, sizeof words - 1, sizeof words - 1), &why);
	expect_ok(why);
	words[bytes] = '\0';
	expect_int(end_of(child), 0);
	leat_child_unref(child);
	return words;
}

static bool is_gone(pid_t pid)
{
	return kill(pid, 0) < 0 && errno == ESRCH;
}

/* ---- the end ---- */

START_TEST(the_end_is_what_it_gave_to_exit)
{
	struct wire w;

	wire_open(&w);
	expect_int(run_sh(&w, "exit 0", NULL), 0);
	expect_int(run_sh(&w, "exit 7", NULL), 7);
	expect_int(run_sh(&w, "exit 255", NULL), 255);
	wire_close(&w);
}
END_TEST

START_TEST(the_end_by_a_signal_is_its_number_negative)
{
	struct wire w;

	wire_open(&w);
	expect_int(run_sh(&w, "kill -TERM $$; exit 0", NULL), -SIGTERM);
	expect_int(run_sh(&w, "kill -KILL $$; exit 0", NULL), -SIGKILL);
	wire_close(&w);
}
END_TEST

START_TEST(everybody_who_waits_is_told_and_who_comes_later_too)
{
	struct wire w;
	leat_child *child;
	leat_io *ios[3];

	wire_open(&w);
	child = sh(&w, "read x; exit 5", OPTIONS(.in = PIPE));
	for (int i = 0; i < 3; i++)
		ios[i] = leat_child_wait(child);
	leat_io_cancel(ios[1]);
	leat_flow_abort(leat_child_in(child));
	expect_int(leat_await_int(ios[0], NULL), 5);
	expect_int(leat_await_int(ios[2], NULL), 5);
	expect_int(end_of(child), 5);
	expect_int(leat_child_pid(child), 0);
	expect_kind(leat_child_kill(child, SIGTERM), LEAT_CLOSED);
	leat_child_unref(child);
	wire_close(&w);
}
END_TEST


START_TEST(a_program_that_is_not_there_fails_with_enoent)
{
	struct wire w;
	leat_child *child;
	leat_error why;

	if (suite_on_valgrind())
		return; /* its posix_spawn forks, and does not tell of execve's error */
	wire_open(&w);
	child = program(w.loop, (const char *const[]){ "no-such-program-of-leat", NULL }, OPTIONS(.in = PIPE));
	why = await_error(leat_child_wait(child));
	expect_ptr(why.domain, &leat_errno_errors);
	expect_int(why.code, ENOENT);
	expect_kind(leat_child_error(child), LEAT_NOT_FOUND);
	expect_kind(await_error(leat_flow_write(leat_child_in(child), "x", 1)), LEAT_NOT_FOUND);
	expect_kind(await_error(leat_flow_read(leat_child_out(child))), LEAT_NOT_FOUND);
	expect_kind(leat_child_kill(child, SIGTERM), LEAT_NOT_FOUND);
	expect_int(leat_child_pid(child), 0);
	leat_child_unref(child);
	wire_close(&w);
}
END_TEST

START_TEST(what_cannot_be_started_says_why)
{
	static const char *const argv[] = { "sh", NULL }, *const none[] = { NULL };
	struct wire w;
	struct {
		const char *const *argv;
		leat_child_options options;
		leat_kind kind;
	} bad[] = {
		{ none, { .size = sizeof(leat_child_options) }, LEAT_INVALID },
		{ argv, { .size = sizeof(leat_child_options), .dir = "/no/such/place" }, LEAT_NOT_FOUND },
		{ argv, { .size = sizeof(leat_child_options), .program = "/etc/passwd" }, LEAT_DENIED },
		{ argv, { .size = sizeof(leat_child_options), .out = { LEAT_CHILD_FD, 9999 } }, LEAT_INVALID },
		{ argv, { .size = sizeof(leat_child_options), .in = { LEAT_CHILD_OUT, 0 } }, LEAT_INVALID },
		{ argv, { .size = sizeof(leat_child_options), .err = { (enum leat_child_source)77, 0 } }, LEAT_INVALID },
	};

	if (suite_on_valgrind())
		return; /* as above */
	wire_open(&w);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		leat_child *child = program(w.loop, bad[i].argv, &bad[i].options);

		expect_kind(leat_child_error(child), bad[i].kind);
		expect_kind(await_error(leat_child_wait(child)), bad[i].kind);
		leat_child_unref(child);
	}
	leat_child_unref(NULL);
	wire_close(&w);
}
END_TEST

/* ---- streams ---- */

START_TEST(its_streams_are_flows)
{
	struct wire w;
	leat_child *child;

	wire_open(&w);
	child = sh(&w, "read x; echo got $x; echo bad $x >&2; cat", OPTIONS(.in = PIPE, .out = PIPE, .err = PIPE));
	write_words(leat_child_in(child), "hay\n");
	expect_str(await_words(leat_child_out(child)), "got hay\n");
	expect_str(await_words(leat_child_err(child)), "bad hay\n");
	write_words(leat_child_in(child), "more");
	expect_str(await_words(leat_child_out(child)), "more");
	expect_ok(await_error(leat_flow_close(leat_child_in(child))));
	expect_str(await_words(leat_child_out(child)), "");
	expect_int(end_of(child), 0);
	leat_child_unref(child);
	wire_close(&w);
}
END_TEST

START_TEST(a_stream_that_is_no_pipe_is_an_invalid_flow)
{
	struct wire w;
	leat_child *child;

	wire_open(&w);
	child = sh(&w, "exit 0", NULL);
	expect_kind(await_error(leat_flow_read(leat_child_out(child))), LEAT_INVALID);
	expect_ptr(leat_child_out(child), leat_child_out(child));
	expect_int(end_of(child), 0);
	leat_child_unref(child);
	wire_close(&w);
}
END_TEST

START_TEST(err_can_be_the_same_as_out)
{
	struct wire w;

	wire_open(&w);
	expect_str(said_by(&w, "echo a; echo b >&2; echo c", OPTIONS(.err = { .source = LEAT_CHILD_OUT })), "a\nb\nc\n");
	wire_close(&w);
}
END_TEST

START_TEST(null_reads_the_end_and_swallows)
{
	struct wire w;

	wire_open(&w);
	expect_int(run_sh(&w, "cat; echo x >&2 && test -c /dev/stdin", OPTIONS(.in = NOTHING, .out = NOTHING, .err = NOTHING)), 0);
	wire_close(&w);
}
END_TEST

START_TEST(descriptors_can_be_given_crosswise)
{
	struct wire w;
	int a[2], b[2];
	char words[16] = { 0 };
	int saved_out, saved_err;

	wire_open(&w);
	expect_int(pipe(a), 0);
	expect_int(pipe(b), 0);
	fflush(stdout);
	saved_out = dup(1);
	saved_err = dup(2);
	dup2(a[1], 1);
	dup2(b[1], 2);
	expect_int(run_sh(&w, "echo out; echo err >&2",
	                  OPTIONS(.out = { LEAT_CHILD_FD, 2 }, .err = { LEAT_CHILD_FD, 1 })), 0);
	dup2(saved_out, 1);
	dup2(saved_err, 2);
	expect_int(read(a[0], words, sizeof words), 4);
	expect_mem(words, "err\n", 4);
	expect_int(read(b[0], words, sizeof words), 4);
	expect_mem(words, "out\n", 4);
	close(a[0]), close(a[1]), close(b[0]), close(b[1]), close(saved_out), close(saved_err);
	wire_close(&w);
}
END_TEST

START_TEST(a_program_without_streams_of_its_own_can_have_children)
{
	struct wire w;
	leat_child_options options = { .size = sizeof options, .in = PIPE, .err = NOTHING };
	leat_child *child;
	int saved[3];

	wire_open(&w);
	fflush(stdout);
	for (int i = 0; i < 3; i++) {
		saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 100);
		close(i);
	}
	expect_str(said_by(&w, "read x <&- ; echo fine", &options), "fine\n");
	/* our end of the pipe is not among those it inherits: it sees the end */
	child = sh(&w, "read x", OPTIONS(.in = PIPE));
	leat_flow_abort(leat_child_in(child));
	expect_int(end_of(child), 1);
	leat_child_unref(child);
	for (int i = 0; i < 3; i++) {
		dup2(saved[i], i);
		close(saved[i]);
	}
	wire_close(&w);
}
END_TEST

START_TEST(an_inherited_stream_may_be_close_on_exec)
{
	struct wire w;

	wire_open(&w);
	fcntl(2, F_SETFD, FD_CLOEXEC);
	expect_int(run_sh(&w, "test -e /proc/self/fd/2", NULL), 0);
	fcntl(2, F_SETFD, 0);
	wire_close(&w);
}
END_TEST

START_TEST(it_gets_no_other_descriptor_unless_asked)
{
	struct wire w;
	char script[64];
	int ours;

	wire_open(&w);
	ours = open("/dev/null", O_RDONLY);
	snprintf(script, sizeof script, "test -e /proc/self/fd/%d", ours);
	expect_int(run_sh(&w, script, NULL), 1);
	expect_int(run_sh(&w, script, OPTIONS(.keep_descriptors = true)), 0);
	close(ours);
	expect_str(said_by(&w, "ls /proc/self/fd | tr '\\n' ' '", OPTIONS(.in = PIPE, .err = PIPE)), "0 1 2 3 "); /* 3: ls's own */
	wire_close(&w);
}
END_TEST

/* ---- what it finds ---- */

START_TEST(it_has_the_environment_the_directory_and_the_name_it_was_given)
{
	static const char *const env[] = { "HAY=dry", "PATH=/usr/bin:/bin", NULL };
	static const char *const argv[] = { "-name", "-c", "echo $0", NULL };
	struct wire w;
	leat_child *child;

	wire_open(&w);
	expect_str(said_by(&w, "echo $HAY; pwd", OPTIONS(.env = env, .dir = "/usr")), "dry\n/usr\n");
	setenv("LEAT_TEST_HAY", "wet", 1);
	expect_str(said_by(&w, "echo $LEAT_TEST_HAY", OPTIONS(.dir = NULL)), "wet\n");
	unsetenv("LEAT_TEST_HAY");
	child = program(w.loop, argv, OPTIONS(.program = "/bin/sh", .out = PIPE));
	expect_str(await_words(leat_child_out(child)), "-name\n");
	expect_int(end_of(child), 0);
	leat_child_unref(child);
	wire_close(&w);
}
END_TEST

START_TEST(no_signal_is_blocked_or_ignored_in_it)
{
	struct wire w;
	sigset_t set, before;
	void (*pipe_before)(int) = signal(SIGPIPE, SIG_IGN);

	wire_open(&w);
	sigfillset(&set);
	sigdelset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, &before);
	expect_int(run_sh(&w, "kill -PIPE $$; exit 0", NULL), -SIGPIPE);
	expect_int(run_sh(&w, "kill -USR1 $$; exit 0", NULL), -SIGUSR1);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	signal(SIGPIPE, pipe_before);
	wire_close(&w);
}
END_TEST

START_TEST(it_can_have_a_group_or_a_session_of_its_own)
{
	struct wire w;
	leat_child *own, *joins, *session, *ours;
	int pid;

	wire_open(&w);
	own = sh(&w, "read x", OPTIONS(.in = PIPE, .group = -1));
	pid = leat_child_pid(own);
	joins = sh(&w, "read x", OPTIONS(.in = PIPE, .group = pid));
	session = sh(&w, "read x", OPTIONS(.in = PIPE, .new_session = true));
	ours = sh(&w, "read x", OPTIONS(.in = PIPE));
	expect_int(getpgid(pid), pid);
	expect_int(getpgid(leat_child_pid(joins)), pid);
	expect_int(getsid(leat_child_pid(session)), leat_child_pid(session));
	expect_int(getpgid(leat_child_pid(ours)), getpgid(0));
	leat_flow_abort(leat_child_in(joins));
	leat_flow_abort(leat_child_in(own));
	leat_flow_abort(leat_child_in(session));
	leat_flow_abort(leat_child_in(ours));
	expect_int(end_of(joins), 1);
	expect_int(end_of(own), 1);
	expect_int(end_of(session), 1);
	expect_int(end_of(ours), 1);
	leat_child_unref(own);
	leat_child_unref(joins);
	leat_child_unref(session);
	leat_child_unref(ours);
	wire_close(&w);
}
END_TEST

/* ---- killing ---- */

START_TEST(a_signal_reaches_it_and_its_group_where_it_has_one)
{
	struct wire w;
	leat_child *child;

	wire_open(&w);
	child = sh(&w, "read x", OPTIONS(.in = PIPE));
	expect_ok(leat_child_kill(child, SIGTERM));
	expect_int(end_of(child), -SIGTERM);
	leat_child_unref(child);
	/* the pipe ends when the grandchild, which holds it, was reached, too */
	child = sh(&w, "sleep 1000 & echo ready; wait", OPTIONS(.out = PIPE, .group = -1));
	expect_str(await_words(leat_child_out(child)), "ready\n");
	expect_ok(leat_child_kill(child, SIGTERM));
	expect_str(await_words(leat_child_out(child)), "");
	expect_int(end_of(child), -SIGTERM);
	leat_child_unref(child);
	wire_close(&w);
}
END_TEST

START_TEST(a_wrong_signal_is_invalid)
{
	struct wire w;
	leat_child *child;

	wire_open(&w);
	child = sh(&w, "read x", OPTIONS(.in = PIPE));
	expect_kind(leat_child_kill(child, 1000), LEAT_INVALID);
	expect_ok(leat_child_kill(child, 0));
	expect_ok(leat_child_kill(child, SIGKILL));
	expect_int(end_of(child), -SIGKILL);
	leat_child_unref(child);
	wire_close(&w);
}
END_TEST

START_TEST(a_cancelled_wait_lets_it_go_on_unless_told)
{
	struct wire w;
	leat_child *child;

	wire_open(&w);
	child = sh(&w, "read x; exit 3", OPTIONS(.in = PIPE));
	leat_io_cancel(leat_child_wait(child));
	leat_flow_abort(leat_child_in(child));
	expect_int(end_of(child), 3);
	leat_child_unref(child);

	child = sh(&w, "read x; exit 3", OPTIONS(.in = PIPE, .drop_signal = SIGKILL));
	leat_io *first = leat_child_wait(child), *second = leat_child_wait(child);
	leat_io_cancel(first);
	wire_settle(&w);
	expect_false(leat_child_pid(child) == 0);
	leat_io_cancel(second);
	expect_int(end_of(child), -SIGKILL);
	leat_child_unref(child);
	wire_close(&w);
}
END_TEST

START_TEST(a_timeout_of_the_wait_kills_it_where_that_was_asked_for)
{
	struct wire w;
	leat_child *child;

	wire_open(&w);
	child = sh(&w, "read x", OPTIONS(.in = PIPE, .drop_signal = SIGTERM));
	expect_kind(await_error(leat_io_timeout(leat_child_wait(child), 1)), LEAT_TIMEOUT);
	expect_int(end_of(child), -SIGTERM);
	leat_child_unref(child);
	wire_close(&w);
}
END_TEST

/* ---- letting go ---- */

START_TEST(a_child_that_was_let_go_is_reaped)
{
	struct wire w;
	leat_child *child;
	leat_flow *in;
	pid_t pid;

	wire_open(&w);
	child = sh(&w, "read x", OPTIONS(.in = PIPE));
	in = leat_flow_ref(leat_child_in(child));
	pid = leat_child_pid(child);
	leat_child_unref(child);
	wire_settle(&w);
	expect_false(is_gone(pid));
	leat_flow_unref(in);
	wire_until(&w, is_gone(pid));
	wire_close(&w);
}
END_TEST

START_TEST(letting_go_kills_where_that_was_asked_for)
{
	struct wire w;
	leat_child *child;
	leat_flow *in;
	pid_t pid;

	wire_open(&w);
	child = sh(&w, "read x", OPTIONS(.in = PIPE, .drop_signal = SIGKILL));
	in = leat_flow_ref(leat_child_in(child));
	pid = leat_child_pid(child);
	leat_child_unref(child);
	wire_until(&w, is_gone(pid));
	leat_flow_unref(in);
	wire_close(&w);
}
END_TEST

START_TEST(a_pending_wait_holds_the_child_and_its_flows)
{
	struct wire w;
	leat_child *child;
	leat_io *end;

	wire_open(&w);
	child = sh(&w, "read x; exit 4", OPTIONS(.in = PIPE, .drop_signal = SIGKILL));
	end = leat_child_wait(child);
	leat_io_detach(leat_flow_write(leat_child_in(child), "\n", 1));
	leat_child_unref(child);
	expect_int(leat_await_int(end, NULL), 4);
	wire_close(&w);
}
END_TEST

static leat_io *unref_it(void *child, leat_result *result)
{
	(void)result;
	leat_child_unref(child);
	return NULL;
}

START_TEST(it_may_be_let_go_inside_its_own_callback)
{
	struct wire w;
	leat_child *child;

	wire_open(&w);
	child = sh(&w, "echo x", OPTIONS(.in = PIPE, .out = PIPE));
	expect_ok(await_error(leat_io_then(leat_child_wait(child), unref_it, leat_ctx_borrow(child))));
	child = sh(&w, "echo x", OPTIONS(.in = PIPE, .out = PIPE));
	expect_ok(await_error(leat_io_then(leat_flow_read(leat_child_out(child)), unref_it, leat_ctx_borrow(child))));
	wire_close(&w);
}
END_TEST

START_TEST(a_freed_loop_leaves_it_running_or_kills_it)
{
	struct wire w;
	leat_child *child, *killed;
	leat_io *end;
	pid_t pid, other;
	int hold[2];

	expect_int(pipe2(hold, O_CLOEXEC), 0);
	wire_open(&w);
	child = sh(&w, "read x", OPTIONS(.in = { LEAT_CHILD_FD, hold[0] }));
	killed = sh(&w, "read x", OPTIONS(.in = { LEAT_CHILD_FD, hold[0] }, .drop_signal = SIGKILL));
	pid = leat_child_pid(child);
	other = leat_child_pid(killed);
	end = leat_child_wait(child);
	leat_io_detach(end);
	leat_child_unref(killed);
	leat_loop_free(w.loop);
	expect_int(w.reports, 1);
	expect_false(is_gone(pid));
	expect_kind(leat_child_kill(child, SIGTERM), LEAT_CLOSED);
	leat_child_unref(child);
	close(hold[0]);
	close(hold[1]);
	w.loop = leat_loop_new(w.base, NULL);
	while (!is_gone(pid) || !is_gone(other)) /* each start of a child reaps */
		expect_int(run_sh(&w, "exit 0", NULL), 0);
	w.descriptors -= 2;
	wire_end(&w);
}
END_TEST

/* ---- others and their signals ---- */

static int sigchlds;

static void on_sigchld(int number)
{
	(void)number;
	sigchlds++;
}

START_TEST(sigchld_stays_the_programs_own)
{
	struct wire w;
	struct sigaction now;

	wire_open(&w);
	sigchlds = 0;
	signal(SIGCHLD, on_sigchld);
	expect_int(run_sh(&w, "exit 0", NULL), 0);
	sigaction(SIGCHLD, NULL, &now);
	expect_true(now.sa_handler == on_sigchld);
	expect_int(sigchlds, 1);
	signal(SIGCHLD, SIG_DFL);
	wire_close(&w);
}
END_TEST

START_TEST(who_is_reaped_by_somebody_else_fails_with_echild)
{
	struct wire w;
	leat_child *child;
	leat_error why;

	wire_open(&w);
	child = sh(&w, "exit 0", NULL);
	expect_int(waitpid(leat_child_pid(child), NULL, 0), leat_child_pid(child));
	why = await_error(leat_child_wait(child));
	expect_int(why.code, ECHILD);
	expect_int(await_error(leat_child_wait(child)).code, ECHILD);
	leat_child_unref(child);
	signal(SIGCHLD, SIG_IGN);
	child = sh(&w, "exit 0", NULL);
	expect_int(await_error(leat_child_wait(child)).code, ECHILD);
	leat_child_unref(child);
	signal(SIGCHLD, SIG_DFL);
	wire_close(&w);
}
END_TEST

START_TEST(a_running_child_hides_no_deadlock_and_waiting_for_it_is_none)
{
	struct wire w;
	leat_child *child;
	leat_maker maker;

	wire_open(&w);
	child = sh(&w, "read x; exit 6", OPTIONS(.in = PIPE));
	expect_kind(await_error(leat_io_new(w.loop, &maker, NULL, NULL)), LEAT_DEADLOCK);
	leat_io_cancel(leat_child_wait(child));
	expect_kind(await_error(leat_io_new(w.loop, &maker, NULL, NULL)), LEAT_DEADLOCK);
	leat_flow_abort(leat_child_in(child));
	expect_int(end_of(child), 6);
	leat_child_unref(child);
	expect_int(event_base_dispatch(w.base), 1);
	w.reports = 0;
	wire_close(&w);
}
END_TEST

/* ---- without pidfds, descriptors, memory ---- */

static void refuse_pidfds(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof filter / sizeof *filter, filter };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int without_pidfds(void)
{
	struct wire w;
	leat_child *child;
	bool ok;

	refuse_pidfds();
	if (syscall(SYS_pidfd_open, getpid(), 0) >= 0)
		return 0; /* no seccomp here: nothing to see */
	wire_open(&w);
	child = sh(&w, "read x; exit 5", OPTIONS(.in = PIPE, .drop_signal = SIGTERM));
	leat_flow_abort(leat_child_in(child));
	ok = leat_await_int(leat_child_wait(child), NULL) == 5;
	leat_child_unref(child);
	child = sh(&w, "read x", OPTIONS(.in = PIPE, .drop_signal = SIGTERM));
	leat_io_cancel(leat_child_wait(child));
	ok = leat_await_int(leat_child_wait(child), NULL) == -SIGTERM && ok;
	leat_child_unref(child);
	wire_close(&w);
	return ok ? 0 : 1;
}

START_TEST(where_the_kernel_has_no_pidfd_it_is_asked)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(without_pidfds());
	expect_int(waitpid(child, &status, 0), child);
	expect_int(status, 0);
}
END_TEST

enum { FILL = 256 };

static void fill(int *fds, rlim_t limit)
{
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ limit, limit });
	for (int i = 0; i < FILL; i++)
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* In a process of its own, as the limit is lowered for good. */
static int without_descriptors(void)
{
	struct wire w;
	int fds[FILL], free_ones, born = 0;

	wire_open(&w);
	fill(fds, 64);
	for (free_ones = 0; free_ones < 12; free_ones++) {
		leat_child *child = sh(&w, "cat <&0; exit 0", OPTIONS(.in = PIPE, .out = PIPE, .err = NOTHING));
		leat_error error = leat_child_error(child);

		if (!leat_error_set(error)) {
			leat_flow_abort(leat_child_in(child));
			expect_int(end_of(child), 0);
			born++;
		} else {
			expect_kind(error, LEAT_LIMIT);
			expect_int(born, 0);
		}
		leat_child_unref(child);
		wire_settle(&w);
		for (int i = 0, done = 0; i < FILL && !done; i++) {
			done = fds[i] >= 0;
			if (done)
				close(fds[i]);
			if (done)
				fds[i] = -1;
		}
	}
	for (int i = 0; i < FILL; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	wire_close(&w);
	return born > 0 ? 0 : 1;
}

START_TEST(without_descriptors_it_is_a_limit_and_nothing_leaks)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(without_descriptors());
	expect_int(waitpid(child, &status, 0), child);
	expect_int(status, 0);
}
END_TEST

START_TEST(without_memory_there_is_an_answer_and_nothing_is_left)
{
	struct oom oom;

	OOM_EACH(&oom) {
		struct wire w;
		leat_child *child;
		leat_error error;

		if (!wire_try(&w, &oom))
			continue;
		child = sh(&w, "cat", OPTIONS(.in = PIPE, .out = PIPE));
		leat_io_detach(leat_io_catch(leat_flow_write(leat_child_in(child), "x", 1), leat_match_all(), unref_it,
		                             leat_ctx_borrow(NULL)));
		leat_io_cancel(leat_flow_read(leat_child_out(child)));
		leat_flow_abort(leat_child_in(child));
		error = await_error(leat_child_wait(child));
		if (leat_error_set(error))
			expect_kind(error, LEAT_NOMEM);
		leat_child_unref(child);
		wire_settle(&w);
		wire_end(&w);
		while (waitpid(-1, NULL, 0) > 0) {
		}
	}
}
END_TEST

/* ---- cancelled everywhere ---- */

static leat_io *then_read(void *child, leat_result *result)
{
	(void)result;
	return leat_flow_read(leat_child_out(child));
}

static leat_io *then_wait(void *child, leat_result *result)
{
	(void)result;
	return leat_child_wait(child);
}

static void drop_child(void *child)
{
	leat_child_unref(child);
}

static leat_io *talk(struct wire *w, pid_t *pid)
{
	leat_child *child = sh(w, "read x; echo $x; read x; exit 9",
	                       OPTIONS(.in = PIPE, .out = PIPE, .drop_signal = SIGKILL));
	leat_io *io = leat_flow_write(leat_child_in(child), "hay\nmore\n", 9);

	*pid = leat_child_pid(child);
	io = leat_io_then(io, then_read, leat_ctx_borrow(child));
	io = leat_io_then(io, then_wait, leat_ctx_borrow(child));
	return leat_io_hold(io, leat_ctx_own(child, drop_child));
}

/* True: it had ended by then. */
static bool cancel_after(int turns)
{
	struct wire w;
	leat_result result;
	leat_io *io;
	bool over = false;
	pid_t pid;

	wire_open(&w);
	io = talk(&w, &pid);
	for (int i = 0; i < turns && !over; i++) {
		event_base_loop(w.base, EVLOOP_ONCE);
		over = leat_io_try(io, &result);
	}
	if (!over)
		leat_io_cancel(io);
	else
		expect_int(leat_result_int(&result), 9);
	wire_until(&w, is_gone(pid));
	wire_close(&w);
	return over;
}

START_TEST(cancelled_after_any_turn_it_leaves_nothing)
{
	for (int turns = 0; !cancel_after(turns); turns++) {
	}
}
END_TEST

START_TEST(who_waits_for_it_says_its_pid)
{
	struct wire w;
	leat_child *child;
	leat_io *io;
	char words[64], text[1024];

	wire_open(&w);
	child = sh(&w, "read x", OPTIONS(.in = PIPE));
	io = leat_child_wait_at(child, "w");
	snprintf(words, sizeof words, ", pid %d\n", leat_child_pid(child));
	leat_dump_text(w.loop, text, sizeof text, &(leat_dump_options){ .size = sizeof(leat_dump_options), .only = io });
	expect_int(strncmp(text, "child w, held, made at ", 23), 0);
	expect_some(strstr(text, words));
	leat_flow_abort(leat_child_in(child));
	expect_true(leat_await(io, NULL));
	leat_child_unref(child);
	wire_close(&w);
}
END_TEST

SUITE("child", the_end_is_what_it_gave_to_exit, the_end_by_a_signal_is_its_number_negative,
	everybody_who_waits_is_told_and_who_comes_later_too, a_program_that_is_not_there_fails_with_enoent,
	what_cannot_be_started_says_why, its_streams_are_flows, a_stream_that_is_no_pipe_is_an_invalid_flow,
	err_can_be_the_same_as_out, null_reads_the_end_and_swallows, descriptors_can_be_given_crosswise,
	a_program_without_streams_of_its_own_can_have_children, an_inherited_stream_may_be_close_on_exec,
	it_gets_no_other_descriptor_unless_asked, it_has_the_environment_the_directory_and_the_name_it_was_given,
	no_signal_is_blocked_or_ignored_in_it, it_can_have_a_group_or_a_session_of_its_own,
	a_signal_reaches_it_and_its_group_where_it_has_one, a_wrong_signal_is_invalid,
	a_cancelled_wait_lets_it_go_on_unless_told, a_timeout_of_the_wait_kills_it_where_that_was_asked_for,
	a_child_that_was_let_go_is_reaped, letting_go_kills_where_that_was_asked_for,
	a_pending_wait_holds_the_child_and_its_flows, it_may_be_let_go_inside_its_own_callback,
	a_freed_loop_leaves_it_running_or_kills_it, sigchld_stays_the_programs_own,
	who_is_reaped_by_somebody_else_fails_with_echild,
	a_running_child_hides_no_deadlock_and_waiting_for_it_is_none, where_the_kernel_has_no_pidfd_it_is_asked,
	without_descriptors_it_is_a_limit_and_nothing_leaks,
	without_memory_there_is_an_answer_and_nothing_is_left, cancelled_after_any_turn_it_leaves_nothing,
	who_waits_for_it_says_its_pid)

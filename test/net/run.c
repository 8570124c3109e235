/* SPDX-License-Identifier: ISC */
/* run - a program run to its end, and what it said */
#include <signal.h>
#include <sys/wait.h>

#include <leat/child.h>

#include "net/wire.h"
#include "support/suite.h"

#define OPTIONS(...) (&(leat_run_options){ .size = sizeof(leat_run_options), __VA_ARGS__ })
#define CHILD(...) (&(leat_child_options){ .size = sizeof(leat_child_options), __VA_ARGS__ })

static leat_io *sh(struct wire *w, const char *script, const leat_run_options *options)
{
	const char *const argv[] = { "sh", "-c", script, NULL };

	return leat_run(w->loop, argv, options);
}

static leat_ran *ran(leat_io *io)
{
	leat_result result;

	expect_true(leat_await(io, &result));
	return leat_result_ran(&result);
}

#define expect_buf(buf, words) expect_bytes(leat_buf_data(buf), leat_buf_size(buf), words)

/* No child is left, not even as a zombie; reaps none. */
static bool is_childless(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
}

START_TEST(its_output_and_its_status_are_collected)
{
	struct wire w;
	leat_ran *r;

	wire_open(&w);
	r = ran(sh(&w, "echo one; echo two >&2; exit 4", NULL));
	expect_int(r->status, 4);
	expect_buf(r->out, "one\n");
	expect_buf(r->err, "two\n");
	leat_ran_free(r);
	r = ran(sh(&w, "exit 0", NULL));
	expect_int(r->status, 0);
	expect_buf(r->out, "");
	expect_buf(r->err, "");
	leat_ran_free(r);
	leat_ran_free(NULL);
	expect_true(is_childless());
	wire_close(&w);
}
END_TEST

START_TEST(it_is_fed_and_then_sees_the_end)
{
	struct wire w;
	leat_ran *r;

	wire_open(&w);
	r = ran(sh(&w, "cat; echo .", OPTIONS(.input = "hay", .input_bytes = 3)));
	expect_buf(r->out, "hay.\n");
	leat_ran_free(r);
	r = ran(sh(&w, "cat; echo .", NULL));
	expect_buf(r->out, ".\n");
	leat_ran_free(r);
	wire_close(&w);
}
END_TEST

enum { MUCH = 700 * 1000 };

START_TEST(much_goes_in_and_comes_out_whole)
{
	struct wire w;
	char *much = malloc(MUCH);
	leat_ran *r;

	wire_open(&w);
	for (size_t i = 0; i < MUCH; i++)
		much[i] = (char)(i * 31 / 7);
	r = ran(sh(&w, "cat", OPTIONS(.input = much, .input_bytes = MUCH)));
	expect_size(leat_buf_size(r->out), MUCH);
	expect_mem(leat_buf_data(r->out), much, MUCH);
	leat_ran_free(r);
	free(much);
	wire_close(&w);
}
END_TEST

START_TEST(it_need_not_listen)
{
	struct wire w;
	char *much = calloc(1, MUCH);
	leat_ran *r;

	wire_open(&w);
	r = ran(sh(&w, "exec <&-; echo enough", OPTIONS(.input = much, .input_bytes = MUCH)));
	expect_int(r->status, 0);
	expect_buf(r->out, "enough\n");
	leat_ran_free(r);
	free(much);
	wire_close(&w);
}
END_TEST

START_TEST(the_limit_is_a_limit_and_the_program_is_killed)
{
	struct wire w;
	leat_ran *r;

	wire_open(&w);
	r = ran(sh(&w, "echo 123", OPTIONS(.limit_bytes = 4)));
	expect_buf(r->out, "123\n");
	leat_ran_free(r);
	expect_kind(await_error(sh(&w, "echo 1234; read x", OPTIONS(.limit_bytes = 4))), LEAT_LIMIT);
	expect_kind(await_error(sh(&w, "echo 1234 >&2; cat /dev/zero", OPTIONS(.limit_bytes = 4))), LEAT_LIMIT);
	expect_kind(await_error(sh(&w, "cat /dev/zero", NULL)), LEAT_LIMIT);
	wire_until(&w, is_childless());
	wire_close(&w);
}
END_TEST

/* The grandchild holds the pipe, whose end we see only when it has gone, too. */
START_TEST(a_deadline_kills_it_and_what_it_has_started)
{
	leat_child_options child = { .size = sizeof child };
	struct wire w;
	int held[2];
	char byte;

	wire_open(&w);
	expect_int(pipe2(held, O_CLOEXEC), 0);
	child.in = (leat_child_stdio){ LEAT_CHILD_FD, held[0] };
	child.err = (leat_child_stdio){ LEAT_CHILD_FD, held[1] };
	expect_kind(await_error(leat_io_timeout(sh(&w, "cat; exit 1", OPTIONS(.child = &child)), 5)), LEAT_TIMEOUT);
	wire_until(&w, is_childless());
	close(held[1]);
	expect_int(read(held[0], &byte, 1), 0);
	close(held[0]);
	wire_close(&w);
}
END_TEST

START_TEST(a_program_that_is_not_there_fails)
{
	static const char *const argv[] = { "/no/such/program", NULL };
	struct wire w;

	if (suite_on_valgrind())
		return; /* its posix_spawn forks, and does not tell of execve's error */
	wire_open(&w);
	expect_kind(await_error(leat_run(w.loop, argv, NULL)), LEAT_NOT_FOUND);
	wire_close(&w);
}
END_TEST

START_TEST(the_childs_options_hold)
{
	static const char *const env[] = { "HAY=dry", NULL };
	struct wire w;
	leat_ran *r;

	wire_open(&w);
	r = ran(sh(&w, "echo $HAY; echo oh >&2", OPTIONS(.child = CHILD(.env = env, .err = { LEAT_CHILD_OUT, 0 }))));
	expect_buf(r->out, "dry\noh\n");
	expect_buf(r->err, "");
	leat_ran_free(r);
	r = ran(sh(&w, "echo x", OPTIONS(.child = CHILD(.out = { LEAT_CHILD_NULL, 0 }))));
	expect_buf(r->out, "");
	leat_ran_free(r);
	wire_close(&w);
}
END_TEST

START_TEST(what_nobody_takes_is_freed)
{
	struct wire w;

	wire_open(&w);
	expect_true(leat_await(sh(&w, "echo x", NULL), NULL));
	leat_io_detach(sh(&w, "echo x", NULL));
	wire_until(&w, is_childless());
	wire_settle(&w);
	wire_close(&w);
}
END_TEST

START_TEST(what_came_of_it_outlives_the_loop)
{
	struct wire w;
	leat_ran *r;

	wire_open(&w);
	r = ran(sh(&w, "echo x", NULL));
	leat_loop_free(w.loop);
	expect_buf(r->out, "x\n");
	leat_ran_free(r);
	w.loop = NULL;
	wire_close(&w);
}
END_TEST

START_TEST(without_memory_there_is_an_answer_and_nothing_is_left)
{
	struct oom oom;

	OOM_EACH(&oom) {
		struct wire w;
		leat_result result;

		if (!wire_try(&w, &oom))
			continue;
		if (!leat_await(sh(&w, "cat; echo x >&2", OPTIONS(.input = "hay", .input_bytes = 3)), &result))
			expect_kind(leat_result_error(&result), LEAT_NOMEM);
		leat_result_clear(&result);
		wire_settle(&w);
		wire_end(&w);
		while (waitpid(-1, NULL, 0) > 0) {
		}
	}
}
END_TEST

/* True: it had ended by then. */
static bool cancel_after(int turns)
{
	struct wire w;
	leat_result result;
	leat_io *io;
	bool over = false;

	wire_open(&w);
	io = sh(&w, "cat; echo x >&2", OPTIONS(.input = "hay", .input_bytes = 3));
	for (int i = 0; i < turns && !over; i++) {
		event_base_loop(w.base, EVLOOP_ONCE);
		over = leat_io_try(io, &result);
	}
	if (over)
		leat_result_clear(&result);
	else
		leat_io_cancel(io);
	wire_until(&w, is_childless());
	wire_settle(&w);
	wire_close(&w);
	return over;
}

START_TEST(cancelled_after_any_turn_it_leaves_nothing)
{
	for (int turns = 0; !cancel_after(turns); turns++) {
	}
}
END_TEST

SUITE("run", its_output_and_its_status_are_collected, it_is_fed_and_then_sees_the_end,
	much_goes_in_and_comes_out_whole, it_need_not_listen, the_limit_is_a_limit_and_the_program_is_killed,
	a_deadline_kills_it_and_what_it_has_started, a_program_that_is_not_there_fails, the_childs_options_hold, what_nobody_takes_is_freed,
	what_came_of_it_outlives_the_loop, without_memory_there_is_an_answer_and_nothing_is_left,
	cancelled_after_any_turn_it_leaves_nothing)

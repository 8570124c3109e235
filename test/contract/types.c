/* SPDX-License-Identifier: ISC */
/* types - T1 to T5: what an outcome may be */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract/talk.h"

static void t1_a_read_gives_data_or_the_end_or_an_error(void)
{
	say(b, "data");
	expect_hears(a, "data");
	expect_done(leat_flow_shutdown(b, LEAT_WRITE));
	expect_end(a);
	leat_flow_abort(a);
	expect_fails(leat_flow_read(a), LEAT_CLOSED);
}

static void t2_closed_is_among_the_write_errors(void)
{
	leat_flow_abort(b);
	expect_fails(leat_flow_write(b, "x", 1), LEAT_CLOSED);
	expect_fails(leat_flow_send(b, leat_buf_copy(stage.loop, "x", 1)), LEAT_CLOSED);
}

static void says(leat_error error, const char *word)
{
	char words[128];
	int n = leat_error_print(error, words, sizeof words);

	expect_int(n, (int)strlen(words));
	ck_assert_msg(strstr(words, word) != NULL, "\"%s\" does not say \"%s\"", words, word);
}

static int print_own(int code, char *out, size_t room)
{
	return snprintf(out, room, "own trouble %d", code);
}

static const leat_error_domain own_errors = { .size = sizeof own_errors, .name = "own", .print = print_own };

static void t3_both_kinds_of_error_print(void)
{
	leat_flow *own = leat_flow_stillborn(stage.loop, leat_error_make(&own_errors, 7));

	leat_flow_abort(a);
	leat_flow_abort(b);
	says(outcome(leat_flow_read(a)), "closed");
	says(outcome(leat_flow_write(b, "x", 1)), "closed");
	says(outcome(leat_flow_read(own)), "own trouble 7");
	says(outcome(leat_flow_write(own, "x", 1)), "own trouble 7");
	drop(&own);
}

static void t4_a_close_does_not_fail_because_the_peer_misbehaved(void)
{
	leat_io *closing = leat_flow_close(b);
	leat_error how;

	leat_flow_abort(a);
	how = ending(closing);
	if (kind->cut != LEAT_NONE)
		expect_true(leat_error_set(how));
}

static void t4_a_shutdown_does_not_fail_because_the_peer_misbehaved(void)
{
	leat_io *telling;

	whatever(leat_flow_write(b, "some", 4));
	leat_flow_abort(a);
	settle();
	telling = leat_flow_shutdown(b, LEAT_WRITE);
	expect_done(telling);
}

static void t4_the_value_of_a_close_says_how_it_ended(void)
{
	part();
	fresh();
	leat_flow_abort(b);
	expect_ends(leat_flow_close(b), LEAT_CLOSED);
}

static void t5_misuse_is_an_error_on_the_io(void)
{
	leat_io *reading = leat_flow_read(a);
	char memory[4];

	expect_fails(leat_flow_read(a), LEAT_BUSY);
	say(b, "x");
	expect_brings(reading, "x");
	expect_fails(leat_flow_read_into(a, memory, 3, 2), LEAT_INVALID);
	expect_fails(leat_flow_read_into(a, memory, 0, 0), LEAT_INVALID);
	leat_flow_abort(a);
	expect_fails(leat_flow_read(a), LEAT_CLOSED);
}

/* In a child, since it aborts. */
static void t5_a_broken_invariant_aborts(void)
{
	leat_result result;
	int status;
	pid_t child;

	say(b, "x");
	expect_true(leat_await(leat_flow_read(a), &result));
	fflush(NULL);
	child = fork();
	if (child == 0) {
		fclose(stderr);
		signal(SIGABRT, SIG_DFL);
		_exit((int)leat_result_int(&result) & 1);
	}
	expect_int(waitpid(child, &status, 0), child);
	expect_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	leat_result_clear(&result);
}

const struct clause type_clauses[] = {
	CLAUSE(t1_a_read_gives_data_or_the_end_or_an_error, ANY),
	CLAUSE(t2_closed_is_among_the_write_errors, ALONE),
	CLAUSE(t3_both_kinds_of_error_print, ALONE),
	CLAUSE(t4_a_close_does_not_fail_because_the_peer_misbehaved, DUPLEX),
	CLAUSE(t4_a_shutdown_does_not_fail_because_the_peer_misbehaved, ANY),
	CLAUSE(t4_the_value_of_a_close_says_how_it_ended, ALONE),
	CLAUSE(t5_misuse_is_an_error_on_the_io, ANY),
	CLAUSE(t5_a_broken_invariant_aborts, ANY),
	{ 0 },
};

/* SPDX-License-Identifier: ISC */
/* program - what the shell runs, as a flow
 *
 * Two pipes, and both ends that are ours in one flow: so its input can end while it
 * still speaks.  It is a process group of its own, so that what the shell started
 * goes with the shell.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "program.h"

static int print(int code, char *out, size_t room)
{
	if (code < 0)
		return snprintf(out, room, "the program was ended by signal %d (%s)", -code, strsignal(-code));
	return snprintf(out, room, "the program ended with status %d", code);
}

const leat_error_domain program_errors = {
	.size = sizeof(leat_error_domain),
	.name = "program",
	.print = print,
};

static void close_pair(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

/* What it hears, and what it says. */
static leat_error open_pipes(int in[2], int out[2])
{
	leat_error error = { .domain = NULL };

	if (pipe2(in, O_CLOEXEC) < 0)
		return leat_error_errno(errno);
	if (pipe2(out, O_CLOEXEC) == 0)
		return error;
	error = leat_error_errno(errno);
	close_pair(in);
	return error;
}

static leat_child *run(leat_loop *loop, const char *command, int in, int out)
{
	const char *const argv[] = { "/bin/sh", "-c", command, NULL };
	leat_child_options options = {
		.size = sizeof options,
		.in = { LEAT_CHILD_FD, in },
		.out = { LEAT_CHILD_FD, out },
		.group = -1,
		.drop_signal = SIGTERM,
	};

	return leat_child_new(loop, argv, &options);
}

leat_io *program_start(leat_loop *loop, const char *command, leat_child **child)
{
	int in[2], out[2];
	leat_error error = open_pipes(in, out);

	if (leat_error_set(error))
		return leat_io_fail(loop, error);
	*child = run(loop, command, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	error = leat_child_error(*child);
	if (!leat_error_set(error))
		return leat_io_flow(loop, leat_flow_from_fds(loop, out[0], in[1]));
	close(in[1]);
	close(out[0]);
	return leat_io_fail(loop, error);
}

static leat_io *on_end(void *ctx, leat_result *result)
{
	int status = (int)leat_result_int(result);

	return status == 0 ? NULL : leat_io_fail(leat_result_loop(result), leat_error_make(&program_errors, status));
}

leat_io *program_wait(leat_child *child)
{
	return leat_io_then(leat_child_wait(child), on_end, leat_ctx_none());
}

/* SPDX-License-Identifier: ISC */
/* child - another program, its standard streams as flows, its end as an io
 *
 * A child is started at once and reaped as soon as it has ended, whoever waits
 * for it, while its loop turns; SIGCHLD is not touched.  The handle is counted:
 * pending waits hold it, too.  A child that is let go while it runs goes on,
 * unless the options say otherwise; it keeps event_base_dispatch from
 * returning, but hides no deadlock.
 */
#ifndef LEAT_CHILD_H
#define LEAT_CHILD_H

#include <leat/api.h>
#include <leat/buf.h>
#include <leat/error.h>
#include <leat/flow.h>
#include <leat/io.h>

LEAT_BEGIN

typedef struct leat_child leat_child;

/* What a child finds at descriptor 0, 1 or 2: { .source = LEAT_CHILD_PIPE }, or
 * { LEAT_CHILD_FD, fd }. */
typedef struct leat_child_stdio {
	enum leat_child_source {
		LEAT_CHILD_INHERIT, /* what we have there */
		LEAT_CHILD_NULL,    /* /dev/null */
		LEAT_CHILD_PIPE,    /* a pipe, its other end a flow */
		LEAT_CHILD_FD,      /* `fd`, borrowed */
		LEAT_CHILD_OUT      /* for err: the same as out */
	} source;
	int fd;
} leat_child_stdio;

/* All zero but `size`: the streams are inherited, and nothing else but the
 * environment, the directory and the process group. */
typedef struct leat_child_options {
	size_t size; /* sizeof(leat_child_options) */
	leat_child_stdio in, out, err;
	const char *const *env; /* "NAME=value" up to a NULL; NULL: ours */
	const char *dir;        /* where it starts; NULL: where we are */
	const char *program;    /* the file; NULL: argv[0] */
	int group;              /* process group; 0: ours, -1: one of its own, else that one */
	bool new_session;       /* setsid: without a terminal, with a group of its own */
	bool keep_descriptors;  /* true: it gets each descriptor that is not close-on-exec; false: 0, 1 and 2 only */
	/* sent once when it runs and nobody wants it any more: its last pending
	 * wait was cancelled, its last reference is gone or its loop is freed; 0:
	 * none, it goes on */
	int drop_signal;
} leat_child_options;

/* Starts argv[0], looked for in our PATH where it has no slash, with these
 * arguments up to a NULL.  No signal is blocked in it, and SIGPIPE is not
 * ignored.  Gives the handle; stillborn with NOT_FOUND (ENOENT: no such program,
 * no such directory), DENIED, INVALID (no argv[0]; a source that makes no
 * sense), LIMIT (descriptors, processes, the length of argv and env), NOMEM,
 * CLOSED. */
#define leat_child_new(...) leat_child_new_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_child *leat_child_new_at(leat_loop *loop, const char *const *argv,
                                                      const leat_child_options *options, const char *where);
LEAT_API leat_child *leat_child_ref(leat_child *child);
/* NULL is let be. */
LEAT_API void leat_child_unref(leat_child *child);
/* Why it is stillborn; no error where it was started. */
LEAT_API leat_error leat_child_error(const leat_child *child);

/* Resolves when it has ended, with an int: what it gave to exit, 0 to 255, or
 * -n where signal n ended it.  What it wrote may still be on its way in the
 * pipes.  As many waits as you like, also afterwards.  Fails as the child is
 * stillborn; with the errno ECHILD where somebody else reaped it (a waitpid for
 * any child, SIGCHLD ignored); with CLOSED where its loop ended first.
 * Cancelling: see drop_signal. */
#define leat_child_wait(child) leat_child_wait_at((child), LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_child_wait_at(leat_child *child, const char *where);

/* Its ends of the pipes: the flow that its standard input is read from, and those
 * that it writes to.  The child's: leat_flow_ref what is to outlive the handle.
 * Close or abort `in` to let it see the end.  Stillborn as the child is, or with
 * INVALID where it is no pipe. */
LEAT_API leat_flow *leat_child_in(leat_child *child);
LEAT_API leat_flow *leat_child_out(leat_child *child);
LEAT_API leat_flow *leat_child_err(leat_child *child);

/* Sends it a signal: the whole group where it has one of its own.  CLOSED where
 * it has ended. */
LEAT_API leat_error leat_child_kill(leat_child *child, int number);
/* Its process id; 0 once it was reaped, and where it is stillborn. */
LEAT_API int leat_child_pid(const leat_child *child);

/* ---- the short way ---- */

/* What became of a program that was run. */
typedef struct leat_ran {
	int64_t status;      /* as leat_child_wait */
	leat_buf *out, *err; /* what it wrote; in one piece */
} leat_ran;
LEAT_API extern const leat_type leat_ran_type;
/* Ends what was taken with leat_result_ran. */
LEAT_API void leat_ran_free(leat_ran *ran);
#define leat_result_ran(result) ((leat_ran *)leat_result_ptr((result), &leat_ran_type))

typedef struct leat_run_options {
	size_t size;        /* sizeof(leat_run_options) */
	const void *input;  /* for its standard input, copied; NULL: it finds the end at once */
	size_t input_bytes;
	size_t limit_bytes; /* of out and of err; 0: 1 MiB */
	/* NULL: the default.  A stream that is LEAT_CHILD_INHERIT there is
	 * collected; others are as they say, and their bufs are empty.  A group
	 * that is 0 is one of its own, not ours: say getpgrp() for that. */
	const leat_child_options *child;
} leat_run_options;

/* Runs a program to its end and resolves with a leat_ran, when it has ended and
 * all of its output was read.  A status other than 0 is no failure.  Fails as
 * leat_child_new does; with LIMIT where it says more than the limit.  Whenever it
 * fails or is cancelled the program is killed, with SIGKILL and its whole group:
 * leat_io_timeout gives it a deadline. */
#define leat_run(...) leat_run_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_run_at(leat_loop *loop, const char *const *argv, const leat_run_options *options,
                                             const char *where);

LEAT_END
#endif

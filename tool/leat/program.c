/* SPDX-License-Identifier: ISC */
/* program - what the shell runs, as a flow
 *
 * What it says is read.  Where that ends because the program has, with another status
 * than 0, it is a failure, so that nobody takes the part for the whole; one that only
 * says no more has ended its half.  What it hears is written; one that listens no more
 * is let talk, and what comes for it is dropped.  In a service it is a process group of
 * its own, so that what the shell started goes with the shell.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <leat/flow_ops.h>

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

enum { EXIT_MS = 200 /* from the end of its output to its own, where that is why */ };

struct program {
	leat_flow *self, *says, *hears;
	leat_child *child;
	bool writing; /* `hears` has one of ours */
	bool deaf;    /* it takes no more */
};

/* ---- what it says ---- */

static leat_io *on_ended(void *ctx, leat_result *result)
{
	const struct program *p = ctx;
	int status = (int)leat_result_int(result);

	if (status == 0)
		leat_flow_give_end(p->self);
	else
		leat_flow_give_error(p->self, leat_error_make(&program_errors, status));
	return NULL;
}

static leat_io *on_still_there(void *ctx, leat_result *result)
{
	const struct program *p = ctx;

	leat_flow_give_end(p->self);
	return NULL;
}

/* Whoever started it waits too: giving up here is no signal to it. */
static leat_io *at_its_end(struct program *p)
{
	return leat_io_branch(leat_io_timeout(leat_child_wait(p->child), EXIT_MS), on_ended, on_still_there,
		leat_ctx_borrow(p));
}

static leat_io *on_said(void *ctx, leat_result *result)
{
	struct program *p = ctx;
	leat_buf *buf = leat_result_buf(result);

	if (!buf)
		return at_its_end(p);
	leat_flow_give(p->self, buf);
	return NULL;
}

static void program_read(leat_flow *self, void *state)
{
	struct program *p = state;

	leat_flow_keep(self, LEAT_READ, leat_io_then(leat_flow_read(p->says), on_said, leat_ctx_borrow(p)));
}

/* ---- what it hears ---- */

static leat_io *on_heard(void *ctx, leat_result *result)
{
	struct program *p = ctx;

	p->writing = false;
	p->deaf = !leat_result_ok(result);
	leat_flow_writable(p->self);
	return NULL;
}

static void program_write(leat_flow *self, void *state, leat_bufs *queue)
{
	struct program *p = state;
	leat_io *io;

	if (p->deaf)
		leat_bufs_drop(queue, leat_bufs_size(queue));
	if (p->deaf || p->writing)
		return;
	p->writing = true;
	io = leat_flow_send(p->hears, leat_bufs_take(queue));
	leat_flow_keep(self, LEAT_WRITE, leat_io_branch(io, on_heard, on_heard, leat_ctx_borrow(p)));
}

static leat_io *on_flushed(void *ctx, leat_result *result)
{
	struct program *p = ctx;

	p->deaf = p->deaf || !leat_result_ok(result);
	leat_flow_flushed(p->self);
	return NULL;
}

static void program_flush(leat_flow *self, void *state)
{
	struct program *p = state;

	leat_flow_keep(self, LEAT_WRITE, leat_io_branch(leat_flow_flush(p->hears), on_flushed, on_flushed, leat_ctx_borrow(p)));
}

static leat_io *on_told(void *ctx, leat_result *result)
{
	const struct program *p = ctx;

	leat_flow_told(p->self);
	return NULL;
}

static void program_shutdown(leat_flow *self, void *state)
{
	struct program *p = state;

	leat_flow_keep(self, LEAT_WRITE,
		leat_io_branch(leat_flow_shutdown(p->hears, LEAT_WRITE), on_told, on_told, leat_ctx_borrow(p)));
}

/* ---- the end ---- */

static void program_close(leat_flow *self, void *state)
{
	const struct program *p = state;

	leat_io_ignore(leat_flow_close(p->says));
	leat_io_ignore(leat_flow_close(p->hears));
}

/* The signal comes first: what it hears has no end, and it must not think so. */
static void program_abort(leat_flow *self, void *state)
{
	const struct program *p = state;
	leat_error gone = leat_child_kill(p->child, SIGTERM);

	(void)gone; /* it has ended by itself */
	leat_flow_abort(p->says);
	leat_flow_abort(p->hears);
}

static void program_destroy(void *state)
{
	const struct program *p = state;

	leat_flow_unref(p->says);
	leat_flow_unref(p->hears);
	leat_child_unref(p->child);
}

static const leat_flow_ops program_ops = {
	.size = sizeof program_ops,
	.name = "program",
	.state_bytes = sizeof(struct program),
	.read = program_read,
	.write = program_write,
	.flush = program_flush,
	.shutdown = program_shutdown,
	.close = program_close,
	.abort = program_abort,
	.destroy = program_destroy,
};

/* ---- the beginning ---- */

leat_io *program_start(leat_loop *loop, const char *command, bool ours, leat_child **child)
{
	const char *const argv[] = { "/bin/sh", "-c", command, NULL };
	leat_child_options options = { .size = sizeof options, .in = { .source = LEAT_CHILD_PIPE },
		.out = { .source = LEAT_CHILD_PIPE }, .group = ours ? 0 : -1, .drop_signal = SIGTERM };
	leat_flow *self;
	void *state;
	struct program *p;

	*child = leat_child_new(loop, argv, &options);
	if (leat_error_set(leat_child_error(*child)))
		return leat_io_fail(loop, leat_child_error(*child));
	self = leat_flow_new(loop, &program_ops, &state);
	p = state;
	if (p)
		*p = (struct program){ .self = self, .says = leat_flow_ref(leat_child_out(*child)),
			.hears = leat_flow_ref(leat_child_in(*child)), .child = leat_child_ref(*child) };
	return leat_io_flow(loop, self);
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

/* SPDX-License-Identifier: ISC */
/* child.h - what must be true in a child of fork
 *
 *	in_a_child(deed, ctx);    forks; the deed says need(...) and returns
 *	need(outcome(io) == LEAT_CLOSED);
 */
#ifndef TEST_SUPPORT_CHILD_H
#define TEST_SUPPORT_CHILD_H

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <leat/io.h>

#include "support/expect.h"

#define need(condition)                                                                       \
	do {                                                                                  \
		if (!(condition)) {                                                           \
			fprintf(stderr, "%s:%d: %s is false\n", __FILE__, __LINE__, #condition); \
			_exit(1);                                                             \
		}                                                                             \
	} while (0)

/* How it has settled; LEAT_KINDS: it has not. */
static inline leat_kind outcome(leat_io *io)
{
	leat_result result;
	leat_kind kind;

	if (!leat_io_try(io, &result))
		return LEAT_KINDS;
	kind = leat_error_kind(leat_result_error(&result));
	leat_result_clear(&result);
	return kind;
}

static inline void in_a_child(void (*deed)(void *ctx), void *ctx)
{
	int status;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		alarm(60);
		deed(ctx);
		_exit(0);
	}
	expect_int(waitpid(child, &status, 0), child);
	expect_int(status, 0);
}

#endif

/* SPDX-License-Identifier: ISC */
/* child.h - what must be true in a child of fork
 *
 *	in_a_child(deed, ctx);    forks; the deed says need(...) and returns
 */
#ifndef TEST_SUPPORT_CHILD_H
#define TEST_SUPPORT_CHILD_H

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/expect.h"

#define need(condition)                                                                       \
	do {                                                                                  \
		if (!(condition)) {                                                           \
			fprintf(stderr, "%s:%d: %s is false\n", __FILE__, __LINE__, #condition); \
			_exit(1);                                                             \
		}                                                                             \
	} while (0)

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

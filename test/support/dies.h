/* SPDX-License-Identifier: ISC */
/* dies.h - a deed that must end the process, and what it must say about it */
#ifndef TEST_SUPPORT_DIES_H
#define TEST_SUPPORT_DIES_H

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/expect.h"

/* Reads all that the child says. */
static inline void dies_listen(int from, char *said, size_t room)
{
	size_t used = 0;
	ssize_t n;

	while (used + 1 < room && (n = read(from, said + used, room - used - 1)) > 0)
		used += (size_t)n;
	said[used] = '\0';
}

/* Runs the deed in a child, which must die by the signal, with one line that
 * contains every one of the words (up to a NULL). */
static inline void dies_saying(void (*deed)(void), int number, const char *const *words)
{
	char said[8192];
	int ends[2], status;
	pid_t child;

	expect_int(pipe(ends), 0);
	fflush(NULL);
	child = fork();
	if (child == 0) {
		dup2(ends[1], STDERR_FILENO);
		signal(number, SIG_DFL);
		alarm(60);
		deed();
		_exit(0);
	}
	close(ends[1]);
	dies_listen(ends[0], said, sizeof said);
	close(ends[0]);
	expect_int(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == number, "it did not die by signal %d, it said: %s",
		number, said);
	for (; *words; words++)
		ck_assert_msg(strstr(said, *words) != NULL, "no \"%s\" in: %s", *words, said);
}

/* It aborts. */
#define expect_dies(deed, ...) expect_killed((deed), SIGABRT, __VA_ARGS__)
#define expect_killed(deed, number, ...) dies_saying((deed), (number), (const char *const[]){ __VA_ARGS__, NULL })

#endif

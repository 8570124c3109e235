/* SPDX-License-Identifier: ISC */
/* sigpipe - writing where only write(2) will do, without SIGPIPE
 *
 * The signal of a write to a broken pipe is sent to the writing thread.  So
 * it is blocked around the write, and where it came it is taken away before
 * it is unblocked: two system calls, whatever the program does with it.
 * Asking for the disposition first would cost one and save two, but only
 * programs that ignore the signal, and a handler may change in between.
 */
#ifndef LT_FLOW_SIGPIPE_H
#define LT_FLOW_SIGPIPE_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <time.h>

typedef struct lt_sigpipe {
	sigset_t before; /* the thread's mask */
	bool theirs;     /* one was pending before, and stays */
} lt_sigpipe;

static inline void lt_sigpipe_hold(lt_sigpipe *hold)
{
	sigset_t only, pending;

	sigemptyset(&only);
	sigaddset(&only, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &only, &hold->before);
	hold->theirs = sigismember(&hold->before, SIGPIPE) == 1 && sigpending(&pending) == 0 &&
		       sigismember(&pending, SIGPIPE) == 1;
}

/* `broken`: the write in between failed with EPIPE.  Keeps errno. */
static inline void lt_sigpipe_let(lt_sigpipe *hold, bool broken)
{
	int number = errno;
	sigset_t only;

	if (broken && !hold->theirs) {
		sigemptyset(&only);
		sigaddset(&only, SIGPIPE);
		sigtimedwait(&only, NULL, &(struct timespec){ 0, 0 });
	}
	if (sigismember(&hold->before, SIGPIPE) != 1)
		pthread_sigmask(SIG_SETMASK, &hold->before, NULL);
	errno = number;
}

#endif

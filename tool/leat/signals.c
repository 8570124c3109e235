/* SPDX-License-Identifier: ISC */
/* signals - those that a command waits for */
#include <signal.h>

#include "signals.h"

static bool is_ignored(int number)
{
	struct sigaction now;

	return sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

void signals_end(leat_signals *signals)
{
	sigset_t late;

	sigemptyset(&late);
	sigaddset(&late, SIGTERM);
	sigaddset(&late, SIGINT);
	sigaddset(&late, SIGUSR1);
	sigaddset(&late, SIGHUP);
	sigprocmask(SIG_BLOCK, &late, NULL);
	leat_signals_free(signals);
}

leat_signals *signals_to_end(leat_loop *loop)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGUSR1, SIGHUP };
	size_t count = sizeof numbers / sizeof *numbers;

	return leat_signals_new_at(loop, numbers, is_ignored(SIGHUP) ? count - 1 : count, LEAT_HERE);
}

/* SPDX-License-Identifier: ISC */
/* signals - those that a command waits for */
#include <signal.h>

#include "signals.h"

static const int numbers[] = { SIGTERM, SIGINT, SIGUSR1, SIGHUP /* last, as it may be left out */ };
enum { NUMBERS = sizeof numbers / sizeof *numbers };

static bool is_ignored(int number)
{
	struct sigaction now;

	return sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

void signals_end(leat_signals *signals)
{
	sigset_t late;

	sigemptyset(&late);
	for (int i = 0; i < NUMBERS; i++)
		sigaddset(&late, numbers[i]);
	sigprocmask(SIG_BLOCK, &late, NULL);
	leat_signals_free(signals);
}

leat_signals *signals_to_end(leat_loop *loop)
{
	return leat_signals_new_at(loop, numbers, is_ignored(SIGHUP) ? NUMBERS - 1 : NUMBERS, LEAT_HERE);
}

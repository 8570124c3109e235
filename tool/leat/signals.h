/* SPDX-License-Identifier: ISC */
/* signals - those that a command waits for */
#ifndef TOOL_LEAT_SIGNALS_H
#define TOOL_LEAT_SIGNALS_H

#include <leat/leat.h>

/* What ends us, and SIGUSR1. SIGHUP only where whoever started us did not see to it that it
 * is ignored, as nohup does. */
leat_signals *signals_to_end(leat_loop *loop);
/* Frees them; one that comes from now on is too late, and changes nothing. */
void signals_end(leat_signals *signals);

#endif

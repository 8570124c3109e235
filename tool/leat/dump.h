/* SPDX-License-Identifier: ISC */
/* dump - what is alive, for SIGUSR1 */
#ifndef TOOL_LEAT_DUMP_H
#define TOOL_LEAT_DUMP_H

#include "session.h"

/* On standard error: the sum so far, then the promises and flows. */
void dump_alive(struct journey *journey);

#endif

/* SPDX-License-Identifier: ISC */
/* program - what the shell runs, as a flow */
#ifndef TOOL_LEAT_PROGRAM_H
#define TOOL_LEAT_PROGRAM_H

#include <leat/leat.h>

/* Resolves with the flow (`ours`: it stays in our process group, as what asks at a terminal
 * has to): what the program says is read; its end is a failure where the
 * program has failed by then. What it hears is written, and dropped where it listens no
 * more. *child is given, to be waited for by whoever has it; it is told to end, by
 * SIGTERM, when the flow is aborted and when nobody wants it any more. */
LEAT_NODISCARD leat_io *program_start(leat_loop *loop, const char *command, bool ours, leat_child **child);

/* Waits for it; fails where it gave anything but 0 to exit. */
LEAT_NODISCARD leat_io *program_wait(leat_child *child);
/* The codes: what it gave to exit, or -n for signal n. */
extern const leat_error_domain program_errors;

#endif

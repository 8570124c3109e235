/* SPDX-License-Identifier: ISC */
/* loop - the end of it */
#ifndef TOOL_LEAT_LOOP_H
#define TOOL_LEAT_LOOP_H

#include <leat/leat.h>

/* Frees the loop, when the program is about to end. */
void loop_end(leat_loop *loop);

#endif

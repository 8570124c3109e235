/* SPDX-License-Identifier: ISC */
/* joint - two flows as one: reads from the first, writes to the second */
#ifndef TOOL_LEAT_JOINT_H
#define TOOL_LEAT_JOINT_H

#include <leat/leat.h>

/* Takes both. */
LEAT_NODISCARD leat_flow *joint_flow(leat_loop *loop, leat_flow *in, leat_flow *out);

#endif

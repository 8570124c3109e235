/* SPDX-License-Identifier: ISC */
/* descriptors - a flow over descriptors that somebody else opened */
#ifndef TOOL_LEAT_DESCRIPTORS_H
#define TOOL_LEAT_DESCRIPTORS_H

#include <leat/leat.h>

/* Takes both, which may be the same: what is read, and what is written. Regular files
 * are welcome on either side. */
LEAT_NODISCARD leat_flow *descriptors_flow(leat_loop *loop, int in, int out);
/* Whether one of them is a socket, whose peer has to be heard to its end. */
bool descriptors_have_socket(int in, int out);

#endif

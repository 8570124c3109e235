/* SPDX-License-Identifier: ISC */
/* file - a flow over a regular file: from where it stands to its end, or written */
#ifndef TOOL_LEAT_FILE_H
#define TOOL_LEAT_FILE_H

#include <leat/leat.h>

/* Takes the descriptor; for reading, for writing or for both. */
LEAT_NODISCARD leat_flow *file_flow(leat_loop *loop, int fd, leat_direction direction);

#endif

/* SPDX-License-Identifier: ISC */
/* fds - flows over descriptors that are not sockets */
#ifndef LT_FLOW_FDS_H
#define LT_FLOW_FDS_H

#include <leat/flow.h>

/* Reads from `in`, writes to `out`: takes both; the same one, or -1 where a
 * direction is not wanted.  The same one has the directions of its open mode.
 * Made nonblocking; at the end it is as it was before. */
leat_flow *lt_flow_from_pipe(leat_loop *loop, int in, int out, const char *where);

#endif

/* SPDX-License-Identifier: ISC */
/* fds - flows over descriptors that are not sockets */
#ifndef LT_FLOW_FDS_H
#define LT_FLOW_FDS_H

#include <leat/flow.h>

/* Reads from `in`, writes to `out`: takes both; the same one, or -1 where a
 * direction is not wanted.  The same one has the directions of its open mode.
 * Made nonblocking; at the end it is as it was before. */
leat_flow *lt_flow_from_pipe(leat_loop *loop, int in, int out, const char *where);

/* What a flow of this kind that was left (flow/leave.h) lets go of. */
typedef struct lt_pipe_ends {
	int in, out;             /* -1: none, or ended */
	int in_flags, out_flags; /* to be set at the end; -1: let them be */
	leat_direction ways;     /* those that ended, too */
} lt_pipe_ends;
bool lt_flow_is_pipe(const leat_flow *flow);
void lt_pipe_release(leat_flow *flow, lt_pipe_ends *ends);
/* A flow over them again: takes them. */
leat_flow *lt_flow_from_ends(leat_loop *loop, const lt_pipe_ends *ends, const char *where);
void lt_pipe_ends_close(const lt_pipe_ends *ends);

#endif

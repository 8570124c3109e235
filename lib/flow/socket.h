/* SPDX-License-Identifier: ISC */
/* socket - the lane for descriptors: connected stream sockets */
#ifndef LT_FLOW_SOCKET_H
#define LT_FLOW_SOCKET_H

#include <leat/flow.h>

/* Takes a connected stream socket that is nonblocking already; makes no system
 * call.  Closed where the flow cannot be made. */
leat_flow *lt_flow_from_socket(leat_loop *loop, int fd, const char *where);
/* Lets go of the descriptor of a flow of this kind that was left
 * (flow/leave.h): no shutdown, no close. */
int lt_socket_release(leat_flow *flow);
/* Closes it; who has the other end sees a reset. */
void lt_socket_reset(int fd);
bool lt_flow_is_socket(const leat_flow *flow);
/* Nobody has anything to write: the event is for reading only. */
void lt_socket_rest(leat_flow *flow);
/* Fills in a flow's descriptor and, where it is a socket, its two addresses. */
void lt_socket_info(int fd, leat_flow_info *info);

#endif

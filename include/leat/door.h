/* SPDX-License-Identifier: ISC */
/* door - a private listening socket by which flows come to a server that accepts
 * descriptors only: evhttp, or any other that takes a socket that listens */
#ifndef LEAT_DOOR_H
#define LEAT_DOOR_H

#include <leat/api.h>
#include <leat/error.h>
#include <leat/flow.h>
#include <leat/io.h>
#include <leat/proxy.h>

LEAT_BEGIN

typedef struct leat_door {
	int fd;  /* listens: for the server, which closes it; nonblocking */
	int way; /* by which flows come to it: leat_door_close closes it */
} leat_door;

/* Makes a Unix socket that listens, has no name any more, and that nobody
 * reaches but by the way: this process, and who may trace it.  Fills in both, or sets both to -1 and
 * gives what was wrong, of errno: UNSUPPORTED where there is no /proc. */
LEAT_API LEAT_NODISCARD leat_error leat_door_open(leat_door *door);
/* Closes the way.  Who is in stays; the server goes on listening, in vain. */
LEAT_API void leat_door_close(leat_door *door);
/* Brings a flow to the server: connects, then joins the two as leat_proxy does,
 * and resolves, and fails, as it does.  REFUSED: the server has closed its
 * socket; CLOSED: leat_door_close was called; the flow is as it was then.  Waits where the server is slow to accept.
 * The door and the flow are lent, `options` too; they may be NULL.  Cancelling
 * aborts the connection to the server; the flow stays open. */
#define leat_door_enter(...) leat_door_enter_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_door_enter_at(const leat_door *door, leat_flow *flow,
                                                    const leat_proxy_options *options, const char *where);

LEAT_END
#endif

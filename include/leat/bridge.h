/* SPDX-License-Identifier: ISC */
/* bridge - a bufferevent, or a descriptor, over any flow: for code that takes no other */
#ifndef LEAT_BRIDGE_H
#define LEAT_BRIDGE_H

#include <leat/api.h>
#include <leat/flow.h>
#include <leat/io.h>

LEAT_BEGIN

/* Gives a bufferevent on the loop's base that stands for the flow: what is
 * written to it is written there, what arrives there is read from it.  Takes
 * the flow.  NULL without memory: the flow is aborted.
 *   reading  nothing is taken from the flow while EV_READ is off or the high
 *            watermark is reached; after all bytes comes READING|EOF, or
 *            READING|ERROR with errno set as the flow failed.  EV_READ is off
 *            then; switched on again, the event comes again
 *   writing  the write callback comes when the flow has accepted what was
 *            written, which it does up to its own mark.  A failure, of telling
 *            the end too, is WRITING|ERROR with errno; what is written from then on vanishes.
 *            bufferevent_flush(bev, EV_WRITE, BEV_FINISHED) shuts the flow for
 *            writing, after all that was written: a half-close
 *   freeing  bufferevent_free, at any moment, also in its own callbacks, hands
 *            on what was written and closes the flow in order, which goes on by
 *            itself under the flow's limits; what arrived is dropped.  Bytes
 *            that were lost, or an end that could not be told, are unhandled
 * Callbacks are deferred: never inside a call.  Where the loop is freed first
 * the flow is aborted, both directions fail with ECANCELED, and the bufferevent
 * is still to be freed: before its base. */
#define leat_bridge_new(flow) leat_bridge_new_at((flow), LEAT_HERE)
LEAT_API LEAT_NODISCARD struct bufferevent *leat_bridge_new_at(leat_flow *flow, const char *where);

/* Gives a connected stream socket through `fd`, yours: nonblocking, closed on
 * exec.  What is written to it goes to the flow and so on, through a leat_proxy
 * between the flow and the other end of it: resolves, with a leat_proxied, and
 * fails as that does.  Half-closes go across both ways; closing the descriptor
 * ends both directions of the flow in order, but with bytes unread it is a reset
 * (of the kernel's: so it is with any Unix socket).  A flow that was reset or cut
 * is an end like any other to the descriptor: only the io tells.  The flow is lent.  *fd is
 * -1 where there is none: the io has failed, as errno says.  Cancelling aborts
 * what the descriptor is connected to; the flow stays open. */
#define leat_bridge_fd(...) leat_bridge_fd_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_bridge_fd_at(leat_flow *flow, int *fd, const char *where);

LEAT_END
#endif

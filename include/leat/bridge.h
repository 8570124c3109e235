/* SPDX-License-Identifier: ISC */
/* bridge - a bufferevent over any flow, for code that speaks libevent only */
#ifndef LEAT_BRIDGE_H
#define LEAT_BRIDGE_H

#include <leat/api.h>
#include <leat/flow.h>

LEAT_BEGIN

/* Gives a bufferevent on the loop's base that stands for the flow: what is
 * written to it is written there, what arrives there is read from it.  Takes
 * the flow.  NULL without memory: the flow is aborted.
 *   reading  nothing is taken from the flow while EV_READ is off or the high
 *            watermark is reached; after all bytes comes READING|EOF, or
 *            READING|ERROR with errno set as the flow failed.  EV_READ is off
 *            then; switched on again, the event comes again
 *   writing  the write callback comes when the flow has accepted what was
 *            written, which it does up to its own mark.  A failure is
 *            WRITING|ERROR with errno; what is written from then on vanishes.
 *            bufferevent_flush(bev, EV_WRITE, BEV_FINISHED) shuts the flow for
 *            writing, after all that was written: a half-close
 *   freeing  bufferevent_free, at any moment, also in its own callbacks, hands
 *            on what was written and closes the flow in order, which goes on by
 *            itself under the flow's limits; what arrived is dropped
 * Callbacks are deferred: never inside a call.  Where the loop is freed first
 * the flow is aborted, both directions fail with ECANCELED, and the bufferevent
 * is still to be freed: before its base. */
#define leat_bridge_new(flow) leat_bridge_new_at((flow), LEAT_HERE)
LEAT_API LEAT_NODISCARD struct bufferevent *leat_bridge_new_at(leat_flow *flow, const char *where);

LEAT_END
#endif

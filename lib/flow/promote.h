/* SPDX-License-Identifier: ISC */
/* promote - from a plain socket bufferevent to the socket lane, and back */
#ifndef LT_FLOW_PROMOTE_H
#define LT_FLOW_PROMOTE_H

#include "base/buf.h"
#include "flow/flow.h"

/* Whether it is a connected stream socket with nothing to send, without
 * timeouts, limits or deferred callbacks.  Takes its callbacks away. */
bool lt_bev_is_plain(leat_loop *loop, struct bufferevent *bev);
/* Takes it; gives a flow over its descriptor, with what had arrived. */
leat_flow *lt_flow_promote(leat_loop *loop, struct bufferevent *bev, const char *where);
/* Ends a flow that was promoted, and gives a bufferevent over its descriptor. */
leat_error lt_flow_demote(leat_flow *flow, struct bufferevent **bev);

/* Frees it; a socket's descriptor is closed. */
void lt_bev_end(struct bufferevent *bev, bool is_socket);
/* Gives a disabled one with what a flow that was left had kept and queued; both
 * are emptied.  NOMEM: it is freed. */
leat_error lt_bev_hand_back(struct bufferevent *top, leat_bufs *kept, leat_bufs *queue, struct bufferevent **bev);
/* Tells it in a later turn, to the callback that is set by then; until then libevent holds
 * the bufferevent. */
void lt_bev_say_again(struct bufferevent *bev, short what, leat_error error);

#endif

/* SPDX-License-Identifier: ISC */
/* direct - bytes between your memory and the transport, copied once, by the kernel
 *
 * For who has a place for the bytes already, as a protocol's library that keeps its own
 * blocks has: wait until there are some, take them there, and send from where they are.
 * Ordinary reads and writes go on beside it, in order with it.
 */
#ifndef LEAT_DIRECT_H
#define LEAT_DIRECT_H

#include <leat/flow.h>

LEAT_BEGIN

/* Waits until a read would not have to, and takes nothing.  Gives 1 where bytes are there
 * to be taken - or, as poll(2) has it, something that turns out to be the end or an error
 * then: that is told by the next one - and 0 for the end; fails as a read does.  It is a
 * read as any [R8]: BUSY beside another, settled by leat_flow_unread, goes on while
 * closing.  Cancelling it changes nothing. */
#define leat_flow_readable(flow) leat_flow_readable_at((flow), LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_flow_readable_at(leat_flow *flow, const char *where);

/* Takes at most `room` bytes of those that are there into the caller's memory, inside
 * the call; gives how many: of what was kept, or, where nothing is, from a kind of flow
 * that has ops->take (a socket) as much as the transport has at once, to 1 MiB.  0: there
 * are none now, a read is pending or has the next, or what comes next is the end or an
 * error.  Where it was less than `room`, wait by leat_flow_readable before you ask again. */
LEAT_API size_t leat_flow_try_read(leat_flow *flow, void *memory, size_t room);

/* Hands the transport what it takes now of the parts, in order, inside the call and not
 * at the end of the turn; gives how many bytes, which may end within a part.  0: it takes
 * none now, something is queued before them, the flow is lent, writing is over or has
 * failed, which a write of the rest tells; or a kind that has no ops->put.  At most 64
 * parts are looked at. */
LEAT_API size_t leat_flow_try_write(leat_flow *flow, const struct iovec *parts, int count);

/* Whether the two calls above reach the transport in that direction - in both, for
 * LEAT_BOTH; else what is kept is all that can be taken, and nothing is ever put. */
LEAT_API bool leat_flow_is_direct(const leat_flow *flow, leat_direction direction);

LEAT_END
#endif

/* SPDX-License-Identifier: ISC */
/* session - the life of one connection: layers on, a call to the target, both ways, the end */
#ifndef TOOL_LEAT_SESSION_H
#define TOOL_LEAT_SESSION_H

#include "route.h"
#include "settings.h"
#include "tally.h"

/* What all sessions of a run share. */
struct journey {
	leat_loop *loop;
	const struct settings *settings;
	const struct route *from; /* whose layers are put on what comes; NULL: none */
	const struct route *to;   /* NULL: an echo */
	struct tally tally;
	bool alone;               /* there is one session: a failure is shown on the address */
};

/* Takes the flow.  Resolves when all is over; fails, when that was told to the user, as
 * the session did.  Cancelling it cuts both sides. */
LEAT_NODISCARD leat_io *session_start(struct journey *journey, leat_flow *flow);

#endif

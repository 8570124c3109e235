/* SPDX-License-Identifier: ISC */
/* dial - a flow to a target */
#ifndef TOOL_LEAT_DIAL_H
#define TOOL_LEAT_DIAL_H

#include <leat/leat.h>

#include "route.h"

/* One way to a target. */
struct call {
	leat_loop *loop;
	const struct route *route;
	int64_t until_ms;   /* by the loop's clock; negative: never */
	struct blame blame; /* the part that is under way */
	bool in_front;      /* of exec: at the terminal, where there is one */
	leat_child *child;  /* of exec: to be given back; NULL: none */
};

/* Resolves with a flow to the target, its layers on; the call is lent. Cancelling ends
 * what was begun. */
LEAT_NODISCARD leat_io *dial(struct call *call);

#endif

/* SPDX-License-Identifier: ISC */
/* leave - a flow gives its transport away, which lives on */
#ifndef LT_FLOW_LEAVE_H
#define LT_FLOW_LEAVE_H

#include "base/buf.h"
#include "flow/flow.h"

/* No error: the handle is a shell, what was not read is in `kept` and what was
 * not sent in `queue`, both in order; no op but destroy is called any more.
 * BUSY while an operation is pending: nothing has changed. */
leat_error lt_flow_leave(leat_flow *flow, leat_bufs *kept, leat_bufs *queue);

#endif

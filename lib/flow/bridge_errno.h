/* SPDX-License-Identifier: ISC */
/* bridge_errno.h - what libevent's words are for leat's errors */
#ifndef LT_FLOW_BRIDGE_ERRNO_H
#define LT_FLOW_BRIDGE_ERRNO_H

#include <leat/error.h>

/* The errno that says it best; 0 where there is no error. */
int lt_bridge_errno(leat_error error);

#endif

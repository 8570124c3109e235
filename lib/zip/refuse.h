/* SPDX-License-Identifier: ISC */
/* refuse.h - options that make no sense */
#ifndef LT_ZIP_REFUSE_H
#define LT_ZIP_REFUSE_H

#include <leat/flow_ops.h>

/* Takes the flow below, which is cut; gives one that was never there. */
static inline leat_flow *lt_zip_refuse(leat_flow *below)
{
	leat_flow *self = leat_flow_stillborn(leat_flow_loop(below), leat_error_core(LEAT_INVALID));

	leat_flow_abort(below);
	leat_flow_unref(below);
	return self;
}

#endif

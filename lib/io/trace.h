/* SPDX-License-Identifier: ISC */
/* trace.h - where the floor notes what happens, while a trace is on
 *
 * While one is on, cells that are freed go to a list of the trace's and the
 * pool's own list stays empty: so each taking of a cell goes the slow way,
 * which is here, and nobody has to ask.
 */
#ifndef LT_IO_TRACE_H
#define LT_IO_TRACE_H

#include <leat/trace.h>

#include "io/loop_private.h"

typedef struct lt_age {
	uint64_t turns;
	int64_t ms;
} lt_age;
/* False: it is not known. */
bool lt_trace_age(const leat_io *io, lt_age *age);

/* A cell for lt_pool_grow; NULL without memory. */
leat_io *lt_trace_take(leat_loop *loop);
/* The rest of these where loop->trace is set. */
void lt_trace_dropped(leat_loop *loop, leat_io *io);
void lt_trace_unhandled(leat_loop *loop, leat_error error, const char *where);
/* lt_io_run_ready, watched. */
size_t lt_trace_run_ready(leat_loop *loop, size_t budget);

#endif

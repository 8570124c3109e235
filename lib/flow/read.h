/* SPDX-License-Identifier: ISC */
/* read.h - what the two ways to read have in common */
#ifndef LT_FLOW_READ_H
#define LT_FLOW_READ_H

#include "flow/flow.h"

/* ---- read.c ---- */
static inline bool lt_flow_read_is_over(const leat_flow *flow)
{
	return flow->bits & (LT_F_READ_END | LT_F_READ_ERROR | LT_F_READ_SHUT | LT_F_HOLE);
}
/* Before all that is kept. */
void lt_flow_keep_first(leat_flow *flow, leat_buf *buf);
/* The next kept buf; NULL when there is none. */
leat_buf *lt_flow_take_kept(leat_flow *flow);
/* Refusals that hold for every read, in their order; false: none. */
bool lt_flow_refuse_read(leat_flow *flow, leat_error *error);
/* A pending read that holds the flow; or NULL. */
leat_io *lt_flow_begin_read(leat_flow *flow, const char *where);
/* What a read_into had gathered is kept, or dropped: by then its io is settled, for a
 * release may cancel it. */
void lt_flow_fail_reader(leat_flow *flow, leat_io *io, const lt_outcome *outcome);

/* ---- late.c: closing ---- */
/* Keeps it or, where nobody reads, discards; the caller holds the flow. */
void lt_flow_late_keep(leat_flow *flow, leat_buf *buf);
/* Whether there is nothing to be asked for before somebody has read. */
bool lt_flow_late_waits(leat_flow *flow);

/* ---- direct.c: LT_F_INTO of at most 0 bytes ---- */
void lt_flow_settle_readable(leat_flow *flow, leat_io *io, bool is_end);

/* ---- read_into.c: LT_F_INTO ---- */
extern const leat_giver lt_flow_into_giver;
/* Of at most 0 bytes: who only waits for some, see direct.c. */
leat_io *lt_flow_read_into(leat_flow *flow, void *memory, size_t min, size_t max, const char *where);
/* Takes what fits of the buf, keeps the rest; whether it is enough, or no more
 * can be had. */
bool lt_flow_gather(leat_flow *flow, leat_buf *buf);
/* Settles the read with what was gathered. */
void lt_flow_settle_into(leat_flow *flow, leat_io *io);
/* What was gathered is the next to be read again, in order. */
void lt_flow_ungather(leat_flow *flow);

#endif

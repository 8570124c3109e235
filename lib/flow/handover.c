/* SPDX-License-Identifier: ISC */
/* handover - a quiet flow leaves its loop, and goes on in another
 *
 * Only the descriptor moves, and what the guard knows of the stream: bytes that
 * were kept, which directions have ended, limits, counters.  The new flow is
 * made as any other of its kind, then told these.
 */
#include <leat/thread.h>

#include <unistd.h>

#include "flow/fds.h"
#include "flow/leave.h"
#include "flow/socket.h"

/* What has ended stays so; and what it was before. */
enum {
	KEPT_BITS = LT_F_READ_END | LT_F_READ_SHUT | LT_F_WRITE_SHUT | LT_F_TELLING | LT_F_TOLD | LT_F_PROMOTED
};

struct leat_parcel {
	leat_memory memory;
	bool is_socket;
	lt_pipe_ends ends; /* of a socket: in alone */
	uint32_t bits;
	pid_t owner;             /* who made it; after fork somebody else has it, too */
	leat_flow_limits limits; /* size 0: the defaults */
	uint64_t read_bytes, written_bytes;
	uint32_t reads, writes;
	size_t unread;
	unsigned char bytes[];
};

/* ---- leaving ---- */

static leat_error failure_of(const leat_flow *flow)
{
	if (flow->bits & LT_F_NOMEM_READ)
		return leat_error_core(LEAT_NOMEM);
	return flow->bits & LT_F_READ_ERROR ? flow->rare->read_error : lt_flow_write_error(flow);
}

/* What was written in this turn goes out now. */
static bool has_sent_all(leat_flow *flow)
{
	if (lt_flow_queued(flow) > 0)
		lt_flow_send_now(flow);
	return lt_flow_queued(flow) == 0;
}

/* No error: it may leave, as far as we see. */
static leat_error objection(leat_flow *flow)
{
	if (lt_flow_ended(flow))
		return lt_flow_refusal(flow);
	if (!lt_flow_is_socket(flow) && !lt_flow_is_pipe(flow))
		return leat_error_core(LEAT_UNSUPPORTED);
	if (!has_sent_all(flow))
		return leat_error_core(LEAT_BUSY);
	if (lt_flow_ended(flow)) /* by the release of what was sent */
		return lt_flow_refusal(flow);
	if (flow->bits & (LT_F_READ_ERROR | LT_F_WRITE_ERROR))
		return failure_of(flow);
	return (leat_error){ 0 };
}

static leat_parcel *new_parcel(const leat_flow *flow, size_t unread)
{
	const leat_memory *memory = &flow->loop->shared;
	leat_parcel *parcel = memory->alloc(memory->ctx, sizeof *parcel + unread);

	if (!parcel)
		return NULL;
	*parcel = (leat_parcel){ .memory = *memory,
		                 .is_socket = lt_flow_is_socket(flow),
		                 .bits = flow->bits & (KEPT_BITS | LT_F_SHARED),
		                 .owner = getpid(),
		                 .read_bytes = flow->read_bytes,
		                 .written_bytes = flow->written_bytes,
		                 .reads = flow->reads,
		                 .writes = flow->writes };
	if (flow->rare)
		parcel->limits = flow->rare->limits;
	return parcel;
}

static void fill(leat_parcel *parcel, leat_bufs *kept)
{
	leat_buf *buf;

	while ((buf = lt_bufs_pop(kept))) {
		memcpy(parcel->bytes + parcel->unread, buf->data, buf->size);
		parcel->unread += buf->size;
		leat_buf_unref(buf);
	}
}

/* In a child of fork what is open is the parent's, too: its flags are let be. */
static void look_for_fork(leat_parcel *parcel)
{
	if (parcel->owner != getpid())
		parcel->bits |= LT_F_SHARED;
	if (parcel->bits & LT_F_SHARED)
		parcel->ends.in_flags = parcel->ends.out_flags = -1;
}

static void drop(leat_parcel *parcel)
{
	leat_memory memory = parcel->memory;

	memory.release(memory.ctx, parcel);
}

static leat_error leave(leat_flow *flow, leat_parcel **out)
{
	leat_bufs kept = { 0 }, queue = { 0 };
	leat_parcel *parcel = new_parcel(flow, lt_flow_kept(flow));
	leat_error error = parcel ? lt_flow_leave(flow, &kept, &queue) : leat_error_core(LEAT_NOMEM);

	if (leat_error_set(error)) {
		if (parcel)
			drop(parcel);
		return error;
	}
	fill(parcel, &kept);
	if (parcel->is_socket)
		parcel->ends = (lt_pipe_ends){ .in = lt_socket_release(flow), .out = -1, .in_flags = -1, .out_flags = -1 };
	else
		lt_pipe_release(flow, &parcel->ends);
	*out = parcel;
	return (leat_error){ 0 };
}

leat_error leat_flow_export(leat_flow *flow, leat_parcel **parcel)
{
	leat_error error;

	*parcel = NULL;
	leat_flow_ref(flow); /* what is sent may have it dropped */
	error = objection(flow);
	if (!leat_error_set(error))
		error = leave(flow, parcel);
	leat_flow_unref(flow);
	return error;
}

/* ---- arriving ---- */

static leat_flow *make(leat_loop *loop, const leat_parcel *parcel, const char *where)
{
	if (parcel->is_socket)
		return lt_flow_from_socket(loop, parcel->ends.in, where);
	return lt_flow_from_ends(loop, &parcel->ends, where);
}

/* False without memory. */
static bool furnish(leat_flow *flow, const leat_parcel *parcel)
{
	leat_buf *unread;

	flow->bits |= parcel->bits;
	flow->read_bytes = parcel->read_bytes;
	flow->written_bytes = parcel->written_bytes;
	flow->reads = parcel->reads;
	flow->writes = parcel->writes;
	if (parcel->limits.size && leat_error_set(leat_flow_set_limits(flow, &parcel->limits)))
		return false;
	if (flow->bits & LT_F_READ_SHUT)
		lt_flow_ask(flow); /* to throw away what arrives */
	if (parcel->unread == 0)
		return true;
	unread = leat_buf_copy(flow->loop, parcel->bytes, parcel->unread);
	if (leat_buf_failed(unread))
		return false;
	leat_flow_unread(flow, unread);
	return true;
}

leat_flow *leat_flow_import_at(leat_loop *loop, leat_parcel *parcel, const char *where)
{
	leat_flow *flow;

	look_for_fork(parcel);
	flow = make(loop, parcel, where);
	if (!lt_flow_ended(flow) && !furnish(flow, parcel)) {
		leat_flow_unref(flow);
		flow = leat_flow_stillborn(loop, leat_error_make_at(&leat_core_errors, LEAT_NOMEM, where));
	}
	drop(parcel);
	return flow;
}

/* ---- getting lost ---- */

void leat_parcel_free(leat_parcel *parcel)
{
	if (!parcel)
		return;
	look_for_fork(parcel);
	if (parcel->is_socket && !(parcel->bits & LT_F_SHARED))
		lt_socket_reset(parcel->ends.in);
	else
		lt_pipe_ends_close(&parcel->ends);
	drop(parcel);
}

static void lose(void *parcel)
{
	leat_parcel_free(parcel);
}

leat_ctx leat_ctx_parcel(leat_parcel *parcel)
{
	return leat_ctx_move(parcel, lose);
}

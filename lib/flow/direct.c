/* SPDX-License-Identifier: ISC */
/* direct - bytes between the caller's memory and the transport, by no buf
 *
 * Who only wants to know whether there are any is a read_into of at most no byte.  A
 * transport that can be taken from tells him and keeps them; what another gives is kept
 * here, and taken from there.
 */
#include <stdint.h>
#include <sys/uio.h>

#include <leat/direct.h>

#include "base/abort.h"
#include "flow/read.h"

enum {
	PARTS = 64,       /* of one call */
	AT_ONCE = 1 << 20 /* whatever room is said to be: the kernel refuses what ends beyond memory */
};

/* ---- reading ---- */

void lt_flow_settle_readable(leat_flow *flow, leat_io *io, bool is_end)
{
	flow->bits |= LT_F_HELD;
	flow->reads += !is_end; /* a reader to late.c, from now on until it takes them */
	lt_settle(flow->loop, io,
	          &(lt_outcome){ .type = &leat_int_type,
	                         .as.value = { .integer = !is_end, .giver = &lt_flow_into_giver, .giver_ctx = flow } });
}

static bool has_kept(const leat_flow *flow)
{
	return (flow->bits & LT_F_KEPT) || (flow->rare && flow->rare->late.bytes > 0);
}

leat_io *leat_flow_readable_at(leat_flow *flow, const char *where)
{
	return lt_flow_read_into(flow, NULL, 1, 0, where);
}

/* Where the guard reads by itself it wants the bytes. */
bool leat_flow_give_readable(leat_flow *self)
{
	const uint32_t odd = LT_F_INTO | LT_F_KEPT | LT_F_CLOSING | LT_F_READ_SHUT;
	leat_flow *flow = lt_flow_of(self);
	leat_io *reader = flow->first.reader;

	if ((flow->bits & odd) != LT_F_INTO || !reader || flow->rare->into.max > 0 || lt_flow_ended(flow))
		return false;
	lt_flow_answered(flow);
	flow->first.reader = NULL;
	lt_flow_settle_readable(flow, reader, false);
	return true;
}

/* What is done with is let go of last: a release may read. */
static size_t take_kept(leat_flow *flow, unsigned char *to, size_t room)
{
	leat_bufs done = { 0 };
	size_t used = 0;

	leat_flow_ref(flow);
	flow->reads++;
	while (used < room && has_kept(flow)) {
		leat_buf *buf = lt_flow_take_kept(flow);
		size_t bytes = buf->size < room - used ? buf->size : room - used;

		memcpy(to + used, buf->data, bytes);
		used += bytes;
		if (bytes == buf->size) {
			lt_bufs_push(&done, buf);
		} else {
			leat_buf_skip(buf, bytes);
			lt_flow_keep_first(flow, buf);
		}
	}
	lt_bufs_clear(&done);
	lt_flow_unref(flow);
	return used;
}

/* Not while it owes an answer, whose bytes would be the first. */
static bool can_take(const leat_flow *flow)
{
	const uint32_t odd = LT_F_READ_END | LT_F_READ_ERROR | LT_F_READ_SHUT | LT_F_CLOSING | LT_F_CLOSED | LT_F_WANTED;

	return !(flow->bits & odd) && lt_has(flow->ops, take);
}

size_t leat_flow_try_read(leat_flow *flow, void *memory, size_t room)
{
	leat_error error;
	size_t bytes;

	if (room == 0 || lt_flow_refuse_read(flow, &error))
		return 0;
	room = room < AT_ONCE ? room : AT_ONCE;
	if (has_kept(flow))
		return take_kept(flow, memory, room);
	if (!can_take(flow))
		return 0;
	flow->refs++; /* an error found there drops what is queued, and its release may do anything */
	bytes = flow->ops->take(lt_flow_self(flow), lt_flow_state(flow), memory, room);
	if (bytes > room)
		lt_abort("%s: \"%s\" took more bytes than there was room for", flow->where, flow->ops->name);
	flow->read_bytes += bytes;
	flow->reads += bytes > 0;
	lt_flow_unref(flow);
	return bytes;
}

/* ---- writing ---- */

/* 0 also for more than there can be of memory: a write says so, and nothing is broken by it. */
static size_t sum_of(const struct iovec *parts, int count)
{
	size_t sum = 0;

	for (int i = 0; i < count; i++) {
		if (parts[i].iov_len > PTRDIFF_MAX - sum)
			return 0;
		sum += parts[i].iov_len;
	}
	return sum;
}

size_t leat_flow_try_write(leat_flow *flow, const struct iovec *parts, int count)
{
	const uint32_t odd = LT_F_CLOSED | LT_F_MOVED | LT_F_WRITE_SHUT | LT_F_WRITE_ERROR | LT_F_WRITE_BUSY;
	size_t bytes, sum;

	count = count < PARTS ? count : PARTS;
	sum = sum_of(parts, count);
	if ((flow->bits & odd) || flow->out || sum == 0 || !lt_has(flow->ops, put) || lt_flow_is_leased(flow, LEAT_WRITE))
		return 0;
	flow->refs++;
	bytes = flow->ops->put(lt_flow_self(flow), lt_flow_state(flow), parts, count);
	if (bytes > sum)
		lt_abort("%s: \"%s\" put more bytes than there were", flow->where, flow->ops->name);
	flow->written_bytes += bytes;
	flow->writes += bytes > 0;
	if (bytes > 0)
		flow->bits &= ~(uint32_t)(LT_F_WITHDRAWN | LT_F_GOES_ON);
	lt_flow_unref(flow);
	return bytes;
}

bool leat_flow_is_direct(const leat_flow *flow, leat_direction direction)
{
	if (lt_flow_ended(flow))
		return false;
	return (!(direction & LEAT_READ) || lt_has(flow->ops, take)) && (!(direction & LEAT_WRITE) || lt_has(flow->ops, put));
}

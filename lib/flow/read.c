/* SPDX-License-Identifier: ISC */
/* read - the guard's reading half
 *
 * A read waits in `first`; the transport is asked once and answers once.  An
 * answer that finds no reader (it was cancelled) is kept there for the next
 * one.  What a settled read holds goes back there too when nobody gets it.
 * While closing, and after shutdown(read), the guard asks by itself.
 */
#include "base/abort.h"
#include "flow/read.h"

enum { ANSWERS_AT_ONCE = 16 /* of a source that answers inside the call, before I/O gets its turn */ };

typedef struct read_state {
	leat_flow *flow;
} read_state;

/* ---- what was kept ---- */

void lt_flow_keep_first(leat_flow *flow, leat_buf *buf)
{
	leat_buf *kept = flow->bits & LT_F_KEPT ? flow->first.kept : NULL;

	buf->next = kept;
	flow->first.kept = buf;
	flow->bits |= LT_F_KEPT;
}

/* After all that is kept: what came for a read that was cancelled meanwhile. */
static void keep_last(leat_flow *flow, leat_buf *buf)
{
	leat_buf *last = flow->bits & LT_F_KEPT ? flow->first.kept : NULL;

	if (!last) {
		lt_flow_keep_first(flow, buf);
		return;
	}
	while (last->next)
		last = last->next;
	last->next = buf;
	buf->next = NULL;
}

leat_buf *lt_flow_take_kept(leat_flow *flow)
{
	leat_buf *buf;

	if (!(flow->bits & LT_F_KEPT))
		return flow->rare ? lt_bufs_pop(&flow->rare->late) : NULL;
	buf = flow->first.kept;
	flow->first.kept = buf->next;
	buf->next = NULL;
	if (!flow->first.kept)
		flow->bits &= ~(uint32_t)LT_F_KEPT;
	return buf;
}

void lt_flow_drop_kept(leat_flow *flow)
{
	leat_buf *buf;

	while ((buf = lt_flow_take_kept(flow)))
		lt_buf_unref(buf);
}

static leat_io *reader_of(const leat_flow *flow)
{
	return flow->bits & LT_F_KEPT ? NULL : flow->first.reader;
}

/* ---- a settled read, on its way ---- */

static void read_delivered(void *ctx, void *value)
{
	leat_flow *flow = ctx;

	(void)value;
	flow->bits &= ~(uint32_t)LT_F_HELD;
	lt_flow_unref(flow);
}

static void read_given_back(void *ctx, void *value)
{
	leat_flow *flow = ctx;

	flow->bits &= ~(uint32_t)LT_F_HELD;
	leat_flow_unread(flow, value);
	lt_flow_unref(flow);
}

static const leat_giver read_giver = {
	.size = sizeof(leat_giver), .give_back = read_given_back, .delivered = read_delivered
};

/* The flow's reference that the read held goes along with the value. */
static inline void settle_buf(leat_flow *flow, leat_io *io, leat_buf *buf)
{
	flow->bits |= LT_F_HELD;
	flow->reads++;
	io->u.outcome.type = &leat_buf_type;
	io->u.outcome.as.value.pointer = buf;
	io->u.outcome.as.value.giver = &read_giver;
	io->u.outcome.as.value.giver_ctx = flow;
	lt_settled(flow->loop, io);
}

static void settle_without(leat_flow *flow, leat_io *io, const lt_outcome *outcome)
{
	lt_settle(flow->loop, io, outcome);
	lt_flow_unref(flow);
}

void lt_flow_fail_reader(leat_flow *flow, leat_io *io, const lt_outcome *outcome)
{
	lt_settle(flow->loop, io, outcome);
	if (flow->bits & LT_F_INTO)
		lt_flow_ungather(flow);
	lt_flow_unref(flow);
}

/* ---- asking the transport ---- */

/* The guard reads by itself: to find the end, or to throw away. */
static bool reads_alone(const leat_flow *flow)
{
	return flow->bits & (LT_F_CLOSING | LT_F_READ_SHUT);
}

static void on_again(lt_timer *timer)
{
	lt_rare *rare = (lt_rare *)(void *)((char *)timer - offsetof(lt_rare, again));

	lt_flow_ask(rare->flow);
}

/* Many answers inside the call: I/O and deadlines get their turn first. */
static bool ask_later(leat_flow *flow)
{
	lt_rare *rare = lt_flow_rare(flow);

	if (!rare || ++rare->answers < ANSWERS_AT_ONCE)
		return false;
	rare->again.fire = on_again;
	return lt_timer_start(flow->loop, &rare->again, leat_loop_now_ns(flow->loop));
}

/* Whether the transport listens by itself and need not be asked. */
static inline bool is_heard(leat_flow *flow)
{
	if (!(flow->bits & LT_F_LISTENS))
		return false;
	flow->bits |= LT_F_WANTED;
	flow->loop->readerless--;
	return true;
}

void lt_flow_ask(leat_flow *flow)
{
	leat_flow *self = lt_flow_self(flow);

	if (flow->bits & (LT_F_WANTED | LT_F_ASKING | LT_F_READ_END | LT_F_READ_ERROR) || lt_flow_ended(flow))
		return;
	if (!reader_of(flow) && lt_flow_late_waits(flow))
		return;
	flow->refs++;
	flow->bits |= LT_F_ASKING;
	if (flow->rare)
		flow->rare->answers = 0;
	do {
		if (is_heard(flow))
			break;
		flow->bits |= LT_F_WANTED;
		flow->ops->read(self, lt_flow_state(flow));
		if (flow->bits & (LT_F_WANTED | LT_F_READ_END | LT_F_READ_ERROR) || lt_flow_ended(flow))
			break;
	} while ((reader_of(flow) || (reads_alone(flow) && !lt_flow_late_waits(flow))) && !ask_later(flow));
	flow->bits &= ~(uint32_t)LT_F_ASKING;
	lt_flow_unref(flow);
}

/* ---- the user's calls ---- */

/* Nobody wants what a transport that listens by itself would give: it listens
 * for nobody now, which must not hide a deadlock. */
static void not_heard(leat_flow *flow)
{
	const uint32_t heard = LT_F_LISTENS | LT_F_WANTED;

	if ((flow->bits & heard) != heard || reads_alone(flow))
		return;
	flow->bits &= ~(uint32_t)LT_F_WANTED;
	lt_loop_readerless(flow->loop, 1);
}

static void read_cancel(void *state)
{
	leat_flow *flow = ((read_state *)state)->flow;

	flow->first.reader = NULL;
	if (flow->bits & LT_F_INTO)
		lt_flow_ungather(flow);
	not_heard(flow);
	lt_flow_unref(flow);
}

static const leat_leaf read_leaf = {
	.size = sizeof(leat_leaf), .name = "read", .state_bytes = sizeof(read_state), .cancel = read_cancel,
	.describe = lt_flow_state_describe
};

/* It closed, in order or not, before all was read. */
static bool owes_last_word(const leat_flow *flow)
{
	return flow->rare && flow->rare->last_owed;
}

bool lt_flow_refuse_read(leat_flow *flow, leat_error *error)
{
	bool kept = (flow->bits & LT_F_KEPT) || (flow->rare && flow->rare->late.bytes);

	*error = (leat_error){ 0 };
	if (flow->bits & (LT_F_MOVED | LT_F_ABORTED | LT_F_STILLBORN))
		*error = lt_flow_refusal(flow);
	else if ((flow->bits & LT_F_HELD) || reader_of(flow) || lt_flow_is_leased(flow, LEAT_READ))
		*error = leat_error_core(LEAT_BUSY);
	else if ((flow->bits & LT_F_CLOSED) && !kept && !owes_last_word(flow))
		*error = leat_error_core(LEAT_CLOSED);
	else if (flow->ops->directions == LEAT_WRITE)
		*error = leat_error_core(LEAT_UNSUPPORTED);
	return leat_error_set(*error);
}

/* What a read gets that finds nothing more: the end or the error. */
static lt_outcome last_word(leat_flow *flow)
{
	bool closed = (flow->bits & LT_F_CLOSED) && !owes_last_word(flow);

	if ((closed || (flow->bits & LT_F_HOLE)) && !(flow->bits & LT_F_READ_SHUT))
		return lt_failure(leat_error_core(LEAT_CLOSED));
	if ((flow->bits & LT_F_READ_ERROR) && !(flow->bits & LT_F_READ_SHUT))
		return lt_failure(flow->bits & LT_F_NOMEM_READ ? leat_error_core(LEAT_NOMEM) : flow->rare->read_error);
	return (lt_outcome){ .type = &leat_buf_type };
}

/* A pending read that holds the flow; or NULL. */
static inline leat_io *read_start(leat_flow *flow, const char *where)
{
	leat_loop *loop = flow->loop;
	leat_io *io = loop->closing ? NULL : lt_io_take_cell(loop, LT_LEAF, where);

	if (__builtin_expect(!io, 0))
		return NULL;
	io->u.leaf.leaf = &read_leaf;
	io->u.leaf.state[0] = flow;
	flow->refs++;
	return io;
}

leat_io *lt_flow_begin_read(leat_flow *flow, const char *where)
{
	return read_start(flow, where);
}

/* Nothing kept, nothing over, nobody else: just a read. */
static inline bool is_plain(const leat_flow *flow)
{
	const uint32_t odd = LT_F_HELD | LT_F_KEPT | LT_F_READ_END | LT_F_READ_ERROR | LT_F_READ_SHUT | LT_F_CLOSING |
	                     LT_F_CLOSED | LT_F_MOVED | LT_F_LEASED;

	return !(flow->bits & odd) && !flow->first.reader;
}

static LT_COLD leat_io *read_oddly(leat_flow *flow, const char *where)
{
	leat_error error;
	leat_buf *buf;
	leat_io *io;

	if (lt_flow_refuse_read(flow, &error))
		return lt_flow_refuse(flow, error, where);
	io = read_start(flow, where);
	if (!io)
		return lt_io_refused(flow->loop);
	buf = lt_flow_take_kept(flow);
	if (buf) {
		settle_buf(flow, io, buf);
	} else if (lt_flow_read_is_over(flow)) {
		lt_outcome last = last_word(flow);

		settle_without(flow, io, &last);
	} else {
		flow->first.reader = io;
		lt_flow_ask(flow);
	}
	return io;
}

/* lt_flow_ask for a fresh read, which holds the flow and is given back; mostly
 * the answer comes later. */
static __attribute__((noinline)) leat_io *ask_once(leat_flow *flow, leat_io *io)
{
	flow->bits |= LT_F_WANTED | LT_F_ASKING;
	flow->ops->read(lt_flow_self(flow), lt_flow_state(flow));
	flow->bits &= ~(uint32_t)LT_F_ASKING;
	return io;
}

leat_io *leat_flow_read_at(leat_flow *flow, const char *where)
{
	leat_io *io;

	if (__builtin_expect(!is_plain(flow) || flow->loop->closing || !lt_cell_ready(flow->loop), 0))
		return read_oddly(flow, where);
	io = read_start(flow, where);
	flow->first.reader = io;
	if ((flow->bits & (LT_F_WANTED | LT_F_ASKING)) || is_heard(flow))
		return io;
	return ask_once(flow, io);
}

static void unread(leat_flow *flow, leat_buf *buf)
{
	leat_io *reader = reader_of(flow);

	if ((buf->size == 0 && !lt_buf_is_failed(buf)) ||
	    (flow->bits & (LT_F_ABORTED | LT_F_MOVED | LT_F_STILLBORN | LT_F_READ_SHUT))) {
		leat_buf_unref(buf);
		return;
	}
	buf = lt_buf_unique(buf);
	if (lt_buf_is_failed(buf)) { /* its bytes are lost */
		leat_flow_give_error(lt_flow_self(flow), leat_error_core(LEAT_NOMEM));
		return;
	}
	if (!reader) {
		lt_flow_keep_first(flow, buf);
		return;
	}
	if (!(flow->bits & LT_F_INTO)) {
		flow->first.reader = NULL;
		settle_buf(flow, reader, buf);
		return;
	}
	flow->first.reader = NULL;
	if (lt_flow_gather(flow, buf))
		lt_flow_settle_into(flow, reader);
	else
		flow->first.reader = reader;
}

/* A recall may drop the last handle. */
void leat_flow_unread(leat_flow *flow, leat_buf *buf)
{
	if (!buf)
		return;
	flow->refs++;
	lt_flow_recall(flow, LEAT_READ, (leat_error){ 0 });
	unread(flow, buf);
	lt_flow_unref(flow);
}

/* ---- the transport's answers ---- */

static void give_reader(leat_flow *flow, leat_io *reader, leat_buf *buf)
{
	flow->first.reader = NULL;
	if (!(flow->bits & LT_F_INTO)) {
		settle_buf(flow, reader, buf);
	} else if (lt_flow_gather(flow, buf)) {
		lt_flow_settle_into(flow, reader);
	} else {
		flow->first.reader = reader;
		lt_flow_ask(flow);
	}
}

static LT_COLD void give_oddly(leat_flow *self, leat_buf *buf)
{
	leat_flow *flow = lt_flow_of(self);
	leat_io *reader;

	if (lt_flow_ended(flow) || (flow->bits & (LT_F_READ_END | LT_F_READ_ERROR))) {
		leat_buf_unref(buf);
		return;
	}
	if (buf->size == 0 && !lt_buf_is_failed(buf))
		lt_abort("%s: \"%s\" gave a buf without bytes; the end is told by leat_flow_give_end", flow->where,
		         flow->ops->name);
	if (buf->refs > 1)
		buf = lt_buf_unique(buf);
	if (lt_buf_is_failed(buf)) {
		leat_flow_give_error(self, leat_error_core(LEAT_NOMEM));
		return;
	}
	lt_flow_answered(flow);
	flow->read_bytes += buf->size;
	reader = reader_of(flow);
	if (reader && !(flow->bits & (LT_F_INTO | LT_F_CLOSING | LT_F_READ_SHUT))) {
		flow->first.reader = NULL;
		settle_buf(flow, reader, buf);
		return;
	}
	flow->refs++; /* a buf that is discarded may give back the last other one */
	if (reader)
		give_reader(flow, reader, buf);
	else if (flow->bits & LT_F_CLOSING)
		lt_flow_late_keep(flow, buf);
	else if (flow->bits & LT_F_READ_SHUT)
		lt_buf_unref(buf);
	else
		keep_last(flow, buf);
	lt_loop_look_later(flow->loop);
	if (reads_alone(flow)) {
		if (flow->bits & LT_F_CLOSING)
			lt_flow_paced(flow);
		lt_flow_ask(flow);
	}
	lt_flow_unref(flow);
}

/* A buf nobody shares, for a read that waits. */
void leat_flow_give(leat_flow *self, leat_buf *buf)
{
	const uint32_t odd = LT_F_KEPT | LT_F_INTO | LT_F_READ_END | LT_F_READ_ERROR | LT_F_READ_SHUT | LT_F_CLOSING |
	                     LT_F_CLOSED | LT_F_MOVED;
	leat_io *reader = self->first.reader;

	if (__builtin_expect((self->bits & odd) || !reader || buf->refs != 1 || buf->size == 0, 0)) {
		give_oddly(self, buf);
		return;
	}
	lt_flow_answered(self);
	self->read_bytes += buf->size;
	self->first.reader = NULL;
	settle_buf(self, reader, buf);
}

void leat_flow_listens(leat_flow *self, bool listens)
{
	leat_flow *flow = lt_flow_of(self);
	bool listened = flow->bits & LT_F_LISTENS;

	if (listened == listens || (listens && (lt_flow_ended(flow) || (flow->bits & (LT_F_READ_END | LT_F_READ_ERROR)))))
		return;
	flow->bits ^= LT_F_LISTENS;
	if (!(flow->bits & LT_F_WANTED))
		lt_loop_readerless(flow->loop, listens ? 1 : -1);
}

void lt_flow_read_over(leat_flow *flow)
{
	leat_io *reader = reader_of(flow);
	lt_outcome last;

	if (!reader)
		return;
	flow->first.reader = NULL;
	last = last_word(flow);
	if (!(flow->bits & LT_F_INTO)) {
		settle_without(flow, reader, &last);
	} else if (lt_is_error(&last)) {
		lt_flow_fail_reader(flow, reader, &last);
	} else {
		lt_flow_settle_into(flow, reader);
	}
}

void lt_flow_read_fail(leat_flow *flow, leat_error error)
{
	leat_io *reader = reader_of(flow);
	lt_outcome failure = lt_failure(error);

	if (!reader)
		return;
	flow->first.reader = NULL;
	lt_flow_fail_reader(flow, reader, &failure);
}

static bool write_was_reset(const leat_flow *flow)
{
	return (flow->bits & LT_F_WRITE_ERROR) && flow->rare && leat_error_is(flow->rare->write_error, LEAT_RESET);
}

void leat_flow_give_end(leat_flow *self)
{
	leat_flow *flow = lt_flow_of(self);

	if (lt_flow_ended(flow) || (flow->bits & (LT_F_READ_END | LT_F_READ_ERROR)))
		return;
	if (write_was_reset(flow)) { /* the write took the error, not the reason */
		leat_flow_give_error(self, flow->rare->write_error);
		return;
	}
	flow->refs++; /* the read may hold the last other one */
	leat_flow_listens(flow, false);
	flow->bits &= ~(uint32_t)LT_F_WANTED;
	flow->bits |= LT_F_READ_END;
	lt_flow_read_over(flow);
	lt_flow_progress(flow);
	lt_flow_unref(flow);
}

void leat_flow_give_error(leat_flow *self, leat_error error)
{
	leat_flow *flow = lt_flow_of(self);

	if (lt_flow_ended(flow) || (flow->bits & (LT_F_READ_END | LT_F_READ_ERROR)))
		return;
	flow->refs++;
	leat_flow_listens(flow, false);
	flow->bits &= ~(uint32_t)LT_F_WANTED;
	flow->bits |= LT_F_READ_ERROR;
	if (lt_flow_rare(flow))
		flow->rare->read_error = error;
	else
		flow->bits |= LT_F_NOMEM_READ;
	lt_flow_read_over(flow);
	if (leat_error_is(error, LEAT_RESET)) /* the peer is known to be gone */
		lt_flow_write_end(flow, leat_error_make_at(&leat_core_errors, LEAT_CLOSED, error.where));
	lt_flow_progress(flow);
	lt_flow_unref(flow);
}

bool leat_flow_wanted(const leat_flow *self)
{
	return lt_flow_wanted((leat_flow *)(uintptr_t)self);
}

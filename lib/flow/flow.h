/* SPDX-License-Identifier: ISC */
/* flow.h - the guard's inside: one struct in front of each implementation
 *
 * The struct and the implementation's state are one allocation.  What a flow
 * rarely needs is `rare`; what it needs while bytes wait to be sent is `out`,
 * a piece of the cells' pool.  A handle whose stream a layer took points to its
 * heir; the implementation goes on knowing the first struct as `self`.
 */
#ifndef LT_FLOW_FLOW_H
#define LT_FLOW_FLOW_H

#include <leat/flow_ops.h>

#include "base/buf.h"
#include "io/io.h"

enum lt_flow_bit {
	LT_F_WANTED = 1 << 0,      /* ops->read was called, no answer yet */
	LT_F_HELD = 1 << 1,        /* a read has settled and was not delivered */
	LT_F_KEPT = 1 << 2,        /* `first` is bufs, not a reader */
	LT_F_INTO = 1 << 3,        /* the reader is a read_into */
	LT_F_READ_END = 1 << 4,    /* the transport's end was seen */
	LT_F_READ_ERROR = 1 << 5,  /* or its error */
	LT_F_READ_SHUT = 1 << 6,   /* shutdown(read): what arrives is discarded */
	LT_F_HOLE = 1 << 7,        /* closing: something was discarded */
	LT_F_WRITE_BUSY = 1 << 8,  /* the transport takes no more until leat_flow_writable */
	LT_F_WRITE_SHUT = 1 << 9,  /* no more writes */
	LT_F_WRITE_ERROR = 1 << 10,
	LT_F_TELLING = 1 << 11,    /* ops->shutdown was called */
	LT_F_TOLD = 1 << 12,       /* the peer knows of our end, or never will */
	LT_F_CLOSING = 1 << 13,
	LT_F_CLOSED = 1 << 14,     /* the transport is gone */
	LT_F_MOVED = 1 << 15,      /* a layer took it: rare->heir */
	LT_F_HEIR = 1 << 16,       /* rare->origin has the state */
	LT_F_STILLBORN = 1 << 17,
	LT_F_SPARE = 1 << 18,      /* lives in the loop: never freed */
	LT_F_ASKING = 1 << 19,     /* ops->read is on the stack */
	LT_F_FLUSHING = 1 << 20,   /* ops->flush was called */
	LT_F_NOMEM_READ = 1 << 21, /* there was no memory to remember an error: NOMEM */
	LT_F_NOMEM_WRITE = 1 << 22,
	LT_F_WITHDRAWN = 1 << 23,  /* what became of the last cancelled write */
	LT_F_GOES_ON = 1 << 24,
	LT_F_ABORTED = 1 << 25,
	LT_F_WRITING = 1 << 26,    /* ops->write is on the stack */
	LT_F_WRITE_AGAIN = 1 << 27, /* and the transport takes more already; of a busy one: it is only paced */
	LT_F_PROMOTED = 1 << 28,   /* was a bufferevent, and can be one again */
	LT_F_LISTENS = 1 << 29,    /* the transport needs no ops->read; without LT_F_WANTED the loop counts it as readerless */
	LT_F_LEASED = 1 << 30,     /* rare->leases has one at least */
};
/* Came over a fork: the parent has what is open, too. No int, so no enumerator. */
#define LT_F_SHARED (UINT32_C(1) << 31)

/* Waiters in a ring of leaf states: flushes, shutdowns and closes. */
typedef struct lt_ring {
	struct lt_ring *next, *prev;
} lt_ring;

/* While something waits to be sent: a piece of the pool. */
typedef struct lt_out {
	leat_bufs queue;
	lt_tail tail; /* sends at the end of the turn */
	leat_flow *flow;
	leat_io *writer; /* the write that waits for the queue to sink */
} lt_out;
_Static_assert(sizeof(lt_out) <= LT_PIECE_BYTES, "fits a piece");

typedef struct lt_rare {
	leat_flow *flow;
	leat_flow *heir;   /* LT_F_MOVED */
	leat_flow *origin; /* LT_F_HEIR */
	leat_error read_error, write_error;
	leat_error ending; /* how the close ended */
	leat_bufs late;    /* arrived while closing; after what is in `first`: late.c */
	leat_io *kept;     /* what a layer has asked of the flow below, the newest first: keep.c */
	struct {
		unsigned char *memory;
		size_t min, max;
		leat_bufs got;
		bool starved; /* no memory to part a buf */
	} into;
	leat_lease *leases[2]; /* of reading, of writing; NULL: not lent */
	unsigned recalling;    /* directions whose recall is on the stack: what it is for is not done */
	lt_ring flushers, flushing; /* who waits for ops->flush to be called; to be answered */
	lt_ring shutters, closers;
	lt_timer pace;  /* closing: stall, then linger */
	lt_timer limit; /* closing, all told */
	lt_timer idle;
	lt_timer again; /* asks a source that answers inside the call */
	uint64_t idle_mark;
	uint32_t idle_ticks, answers;
	lt_timer patience;   /* closing: for a reader that late waits for */
	uint32_t reads_seen, reads_before; /* when it was set; at the close */
	bool given_up;       /* nobody had read when it was over */
	bool last_owed;      /* closed with bytes that were not read: the end or the error comes after them */
	size_t fresh; /* of the queue: written while ops->write is on the stack */
	leat_flow_limits limits;
} lt_rare;

struct leat_flow {
	const leat_flow_ops *ops;
	leat_loop *loop;
	lt_resident resident;
	const char *where;
	uint32_t refs;
	uint32_t bits;
	union {
		leat_io *reader;
		leat_buf *kept; /* LT_F_KEPT: a list */
	} first;
	lt_out *out;
	lt_rare *rare;
	lt_watch link; /* whose connection this handle is, and what that waits for: serve's */
	uint64_t read_bytes, written_bytes;
	uint32_t reads, writes;
};

_Static_assert(sizeof(struct leat_flow) <= 104, "DESIGN section 6: 104 with malloc's 8 beside the event");

enum { LT_HIGH_WATER = 65536, LT_READ_BOUND = 65536, LT_LINGER_MS = 30000, LT_STALL_MS = 30000 };

/* ---- flow.c ---- */
static inline void *lt_flow_state(leat_flow *flow)
{
	return flow->bits & LT_F_HEIR ? (void *)(flow->rare->origin + 1) : (void *)(flow + 1);
}
static inline leat_flow *lt_flow_self(leat_flow *flow)
{
	return flow->bits & LT_F_HEIR ? flow->rare->origin : flow;
}
/* From the implementation's name to the handle that has the stream now. */
static inline leat_flow *lt_flow_of(leat_flow *self)
{
	while (self->bits & LT_F_MOVED)
		self = self->rare->heir;
	return self;
}
lt_rare *lt_flow_rare(leat_flow *flow); /* NULL without memory */
/* The one of each loop that was stillborn without memory. */
leat_flow *lt_flow_spare(leat_loop *loop);
/* Why an operation is refused on an ended handle. */
leat_error lt_flow_refusal(const leat_flow *flow);
static inline bool lt_flow_ended(const leat_flow *flow)
{
	return flow->bits & (LT_F_CLOSED | LT_F_MOVED);
}
/* Whether somebody waits for it, or it is lent; also where an op of it is on the stack, and
 * lets go of a buf whose release takes it. */
bool lt_flow_is_busy(const leat_flow *flow);
/* A failure as an io. */
leat_io *lt_flow_refuse(leat_flow *flow, leat_error error, const char *where);
void lt_flow_free(leat_flow *flow);
/* How many bytes arrived and were not read. */
size_t lt_flow_kept(const leat_flow *flow);
static inline void lt_flow_unref(leat_flow *flow)
{
	if (--flow->refs == 0)
		lt_flow_free(flow);
}
/* Of an implementation that lets go without having told the peer: whether it may do so only
 * for this process, and what belongs to the open socket, pipe or terminal stays as it is. */
static inline bool lt_flow_is_shared(leat_flow *self)
{
	return lt_flow_of(self)->bits & LT_F_SHARED;
}
/* A server waits for the ios of a connection through its flow's link. */
static inline leat_flow *lt_flow_of_link(lt_watch *link)
{
	return (leat_flow *)(void *)((char *)link - offsetof(leat_flow, link));
}

/* leat_flow_wanted, inline. */
static inline bool lt_flow_wanted(leat_flow *self)
{
	if (__builtin_expect((self->bits & (LT_F_MOVED | LT_F_WANTED)) == LT_F_WANTED, 1))
		return true;
	return lt_flow_of(self)->bits & LT_F_WANTED;
}
/* An answer is awaited no more. */
static inline void lt_flow_answered(leat_flow *flow)
{
	uint32_t bits = flow->bits;

	flow->bits = bits & ~(uint32_t)LT_F_WANTED;
	if ((bits & LT_F_WANTED) && (bits & LT_F_LISTENS))
		flow->loop->readerless++;
}

/* ---- waiters ---- */
typedef struct lt_waiter {
	lt_ring ring; /* first */
	leat_flow *flow;
} lt_waiter;
_Static_assert(sizeof(lt_waiter) <= 24, "fits a cell");
leat_io *lt_waiter_new(leat_flow *flow, lt_ring *ring, const leat_leaf *leaf, const char *where);
/* Out of its ring; the flow's reference stays. */
void lt_waiter_leave(lt_waiter *waiter);
/* The cancel of a leaf that only waits. */
void lt_waiter_cancel(void *state);
void lt_waiters_settle(leat_flow *flow, lt_ring *ring, const lt_outcome *outcome);
static inline bool lt_ring_empty(const lt_ring *ring)
{
	return ring->next == ring;
}

/* ---- keep.c ---- */
/* Cancels what is kept for the implementation, the newest first. */
void lt_flow_drop_keeps(leat_flow *flow);

/* ---- describe.c: for dumps ---- */
int lt_flow_describe(const leat_flow *flow, char *out, size_t room);
/* Of leaves: where the flow is the first of the state, and of lt_waiter. */
int lt_flow_state_describe(const void *state, char *out, size_t room);
int lt_waiter_describe(const void *state, char *out, size_t room);

/* ---- read.c ---- */
/* Wants something of the transport, where nothing is wanted yet. */
void lt_flow_ask(leat_flow *flow);
/* Pending reads get the end or the error that is there by now. */
void lt_flow_read_over(leat_flow *flow);
/* A pending read fails. */
void lt_flow_read_fail(leat_flow *flow, leat_error error);
void lt_flow_drop_kept(leat_flow *flow);

/* ---- late.c: what arrives while closing ---- */
void lt_flow_late_begin(leat_flow *flow);
/* A reader was waited for: goes on asking, discards where nobody has read meanwhile.  The
 * caller holds the flow. */
void lt_flow_late_look(leat_flow *flow);

/* ---- write.c ---- */
/* Why writing has failed: LT_F_WRITE_ERROR is set. */
leat_error lt_flow_write_error(const leat_flow *flow);
static inline size_t lt_flow_queued(const leat_flow *flow)
{
	return flow->out ? flow->out->queue.bytes : 0;
}
static inline bool lt_flow_writer_waits(const leat_flow *flow)
{
	return flow->out && flow->out->writer;
}
/* Of a socket that has sent all, to whom a writer waited: if by the end of the turn one
 * waits again, he does so until leat_flow_writable is called, else lt_socket_rest is. False:
 * nobody can write any more, or there is no memory. */
bool lt_flow_pace(leat_flow *flow);
/* Whether writing has failed, and not since the peer is gone. */
static inline bool lt_flow_write_failed_here(const leat_flow *flow)
{
	const lt_rare *rare = flow->rare;

	return rare && leat_error_set(rare->write_error) && !leat_error_is(rare->write_error, LEAT_RESET) &&
	       !leat_error_is(rare->write_error, LEAT_CLOSED);
}
/* Hands the queue to the transport. */
void lt_flow_send_now(leat_flow *flow);
/* A pending write fails; its bytes go on. */
void lt_flow_writer_fail(leat_flow *flow, leat_error error);
/* A pending write goes on where the queue is below the mark by now. */
void lt_flow_writer_look(leat_flow *flow);
/* What was written and not taken is dropped; a pending write fails. */
void lt_flow_write_end(leat_flow *flow, leat_error error);

/* ---- lease.c ---- */
/* Whether that direction, or one of both, is lent. */
bool lt_flow_is_leased(const leat_flow *flow, leat_direction direction);
void lt_flow_recall_leases(leat_flow *flow, leat_direction direction, leat_error why);
/* Takes back what is lent of it; `why` as in leat_lease. */
static inline void lt_flow_recall(leat_flow *flow, leat_direction direction, leat_error why)
{
	if (__builtin_expect(flow->bits & LT_F_LEASED, 0))
		lt_flow_recall_leases(flow, direction, why);
}

/* ---- close.c ---- */
/* Something has changed: go on with what waits for it. */
void lt_flow_progress(leat_flow *flow);
/* Bytes moved while closing: the pace begins anew. */
void lt_flow_paced(leat_flow *flow);
/* Ends the stream at once; `why` is what its closes say. */
void lt_flow_cut(leat_flow *flow, leat_error why);
/* It can be waited for no longer: cuts it, but for one whose close has said all, its end
 * too, and only waits for the peer's: a reset would take back what is on its way. */
void lt_flow_let_go(leat_flow *flow, leat_error why);
void lt_flow_stop_timers(leat_flow *flow);
/* Limits were set: the clocks that they are for start anew.  False without memory:
 * a close is cut then. */
bool lt_flow_time_anew(leat_flow *flow);

#endif

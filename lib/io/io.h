/* SPDX-License-Identifier: ISC */
/* io.h - the cell, for everything in this floor and for watchers above
 *
 * A cell is 64 bytes.  Pending, its last 32 hold what its kind needs; settled,
 * they hold the outcome.  `source` is the cell it waits for; a settled cell
 * has none, so the ready queue is linked through it.  `waiter` is the cell
 * that waits for this one, or a watch (its lowest bits say so).
 *
 *	leaf <-source- then <-source- then      (waiter points the other way)
 *
 * A cell that only passes its source's outcome on (a callback gave an io that
 * is still pending) is spliced out where its waiter is a cell with one source;
 * else it is marked LT_FORWARD.  So a loop of any length has constant memory.
 */
#ifndef LT_IO_IO_H
#define LT_IO_IO_H

#include <assert.h>
#include <string.h>

#include "io/loop_private.h"

enum lt_phase {
	LT_FREE,
	LT_PENDING,
	LT_SETTLED,
	LT_SHOWN, /* settled, and on the stack of whoever looks at it */
	LT_PIECE  /* not an io: see lt_piece_take */
};

enum lt_flag {
	LT_QUEUED = 1,   /* in the ready queue */
	LT_RUNNING = 2,  /* a callback or destructor of its is on the stack: whoever cancels it leaves the rest to that frame */
	LT_DOOMED = 4,   /* cancelled while queued or running; freed when that ends */
	LT_FORWARD = 8,  /* passes on what its source gets, without a context */
	LT_IMMORTAL = 16, /* one of the loop's pre-made ones: never freed, shared by all who are given it */
	LT_MOVED = 32,   /* the context is moved */
	LT_COUNTS = 64,  /* many sources, and all but the last success are only counted */
	LT_MADE = 128,   /* has a maker: the generation is the maker's */
};

/* In `spare`: a source of it was razed that unwinds by itself, and may borrow from whoever
 * waits for the cell.  More than a fiber's class is. */
enum { LT_LOST = 128 };

/* What a cell does about its sources; 0 has its kind in the payload. */
enum lt_kind_index { LT_CUSTOM, LT_LEAF, LT_THEN, LT_CATCH, LT_BRANCH, LT_FINALLY, LT_KEEP, LT_HOLD, LT_REPEAT, LT_SPAWN, LT_FIBER, LT_KINDS };

typedef struct lt_kind {
	const char *name;
	/* a source has settled (its cell is off the queue): takes or keeps it */
	void (*arrive)(leat_loop *, leat_io *self, leat_io *source);
	/* cancelled while pending, sources are gone: free what the payload
	 * holds, not the cell; NULL: nothing */
	void (*drop)(leat_loop *, leat_io *self);
	/* many sources: gives one and forgets it, NULL when none is left */
	leat_io *(*next)(leat_io *self);
	/* popped from the queue while pending */
	void (*start)(leat_loop *, leat_io *self);
	bool counts; /* LT_COUNTS */
	/* many sources: the next one, for looking; *next begins with 0 and is
	 * its own to count with; NULL when there is none.  Where a kind has
	 * `next` and not this, its sources are shown as trees of their own. */
	leat_io *(*each)(const leat_io *self, size_t *next);
	/* what a dump says of it, as snprintf, while it is pending; NULL: nothing */
	int (*describe)(const leat_io *self, char *out, size_t room);
	bool owned; /* by what `describe` names: who has no waiter is not held by the program */
} lt_kind;

typedef struct lt_outcome {
	const leat_type *type;
	union {
		struct {
			union {
				void *pointer;
				int64_t integer;
			};
			const leat_giver *giver;
			void *giver_ctx;
		} value;
		leat_error error;
	} as;
} lt_outcome;

struct leat_io {
	/* Settled, the first 48 bytes are a leat_result: `waiter` is the loop
	 * while it is shown to a callback, so nothing is copied. */
	union {
		lt_outcome outcome;
		struct {
			union {
				leat_fn fn;
				leat_io *(*fiber)(void *ctx, leat_loop *); /* what it runs, before it began */
			};
			void *ctx;
			void (*destroy)(void *);
			uintptr_t other; /* branch: the second function; catch: the match; fiber: its lt_fiber */
		} call;
		struct {
			const leat_leaf *leaf;
			void *state[3];
		} leaf;
		struct {
			const lt_kind *kind;
			void *word[3];
		} custom;
	} u;
	const char *where;
	uintptr_t waiter;
	leat_io *source;
	/* The last 8 bytes are good in a free cell too: a maker looks at them. */
	uint32_t generation; /* of the last maker; grows with the next one, and when it is void */
	union {
		struct {
			uint8_t phase, flags, kind;
			uint8_t spare;
		};
		uint32_t word; /* the four at once */
	};
};

/* The four bytes of `word`, for a look at several of them at once. */
static inline uint32_t lt_word(uint8_t phase, uint8_t flags, uint8_t kind)
{
	const uint8_t bytes[4] = { phase, flags, kind, 0 };
	uint32_t word;

	memcpy(&word, bytes, sizeof word);
	return word;
}
/* What is looked at as a word is changed as one, where it is soon looked at: a
 * load that is wider than the store before it has to wait for it. */
static inline void lt_io_flag(leat_io *io, uint8_t flags)
{
	io->word |= lt_word(0, flags, 0);
}
static inline void lt_io_unflag(leat_io *io, uint8_t flags)
{
	io->word &= ~lt_word(0, flags, 0);
}
static inline void lt_io_enter_phase(leat_io *io, uint8_t phase)
{
	io->word = (io->word & ~lt_word(0xff, 0, 0)) | lt_word(phase, 0, 0);
}
static inline void lt_io_become(leat_io *io, uint8_t kind)
{
	io->word = (io->word & ~lt_word(0, 0, 0xff)) | lt_word(0, 0, kind);
}
/* `spare`, of a cell that was just taken. */
static inline void lt_io_set_spare(leat_io *io, uint8_t spare)
{
	const uint8_t bytes[4] = { 0, 0, 0, spare };
	uint32_t word;

	memcpy(&word, bytes, sizeof word);
	io->word |= word;
}
/* Whether it is of that phase and kind, and none of these flags is set. */
static inline bool lt_io_is(const leat_io *io, uint8_t phase, uint8_t kind, uint8_t without)
{
	return (io->word & lt_word(0xff, without, 0xff)) == lt_word(phase, 0, kind);
}
/* The same, of whatever kind. */
static inline bool lt_io_is_any(const leat_io *io, uint8_t phase, uint8_t without)
{
	return (io->word & lt_word(0xff, without, 0)) == lt_word(phase, 0, 0);
}

/* Of one that passes the other's outcome on at once. */
static inline void lt_io_note_lost(leat_io *io, const leat_io *source)
{
	if (__builtin_expect(source->spare & LT_LOST, 0))
		io->spare |= LT_LOST;
}
static inline bool lt_io_has_lost(const leat_loop *loop, const leat_io *io)
{
	return (io->spare & LT_LOST) && loop->unwinding > 0;
}

static_assert(sizeof(leat_io) == 64, "a cell is 64 bytes");
static_assert(2 * sizeof(leat_io) <= 160, "io and continuation");
static_assert(sizeof(lt_outcome) == 32, "an outcome fills the payload");
static_assert(offsetof(leat_result, where) == offsetof(leat_io, where), "a settled cell is a result");
static_assert(offsetof(leat_result, loop) == offsetof(leat_io, waiter), "a settled cell is a result");
static_assert(sizeof(leat_error) == 24, "frozen");

typedef struct lt_unwind lt_unwind; /* unwind.h */

/* ---- watchers: objects that wait without a cell ---- */
typedef struct lt_watch lt_watch;
typedef struct lt_watch_ops {
	/* runs from the queue; the cell is gone; what is left in the result is
	 * destroyed after it */
	void (*settled)(lt_watch *, leat_loop *, leat_result *);
	/* keeps no pointer to the io: another may take its place */
	bool follows;
	const char *name; /* what it is to the io, for a dump: "awaited"; NULL: "watched" */
} lt_watch_ops;
struct lt_watch {
	const lt_watch_ops *ops;
};
/* In a cell's `waiter`: a watch, and one that follows. */
enum { LT_WATCH = 1, LT_FOLLOWS = 2 };
/* Takes the io; the watch is told once, unless the io is cancelled.  False:
 * no memory to be told later; the io, a failure, is gone. */
bool lt_io_watch(leat_io *io, lt_watch *watch);
/* Cancels each watched io whose watch matches. */
void lt_io_cancel_watched(leat_loop *loop, bool (*match)(lt_watch *, void *), void *arg);

/* ---- types ---- */
/* Whether a struct of the user's is new enough to have the member: it begins
 * with its size. */
#define lt_has(pointer, member) \
	((pointer)->size >= (size_t)((const char *)(&(pointer)->member + 1) - (const char *)(pointer)) && (pointer)->member)
extern const leat_type lt_end_type;   /* marks the end of a stream: NULL of any type */
extern const leat_type lt_view_type;  /* marks what may be looked at but not taken: the value is the cell */
static inline bool lt_is_error(const lt_outcome *o)
{
	return o->type == &leat_error_type;
}
static inline lt_outcome *lt_result_outcome(leat_result *r)
{
	return (lt_outcome *)(void *)r;
}
static inline lt_outcome lt_failure(leat_error error)
{
	return (lt_outcome){ .type = &leat_error_type, .as.error = error };
}
/* Copies by words: what was stored by words would stall a wider load. */
static inline void lt_outcome_copy(lt_outcome *to, const lt_outcome *from)
{
	const leat_type *type = from->type;
	int64_t first = from->as.value.integer;
	const leat_giver *second = from->as.value.giver;
	void *third = from->as.value.giver_ctx;

#if defined(__GNUC__) && defined(__LP64__)
	__asm__("" : "+r"(type), "+r"(first), "+r"(second), "+r"(third));
#endif
	to->type = type;
	to->as.value.integer = first;
	to->as.value.giver = second;
	to->as.value.giver_ctx = third;
}
/* Tells the giver that the value has arrived. */
static inline void lt_delivered(lt_outcome *o)
{
	const leat_giver *giver = o->as.value.giver;

	if (!o->type || o->type->plain || !giver)
		return;
	o->as.value.giver = NULL;
	if (lt_has(giver, delivered))
		giver->delivered(o->as.value.giver_ctx, o->as.value.pointer);
}
/* Destroys a delivered value that was not taken. */
void lt_outcome_destroy(lt_outcome *o);
/* Gives an undelivered one back, or destroys it. */
void lt_outcome_drop(lt_outcome *o);

/* ---- the pool ---- */
void *lt_pool_grow(leat_loop *loop);
static inline leat_loop *lt_cell_loop(const void *cell)
{
	return ((const lt_slab *)((uintptr_t)cell & ~(uintptr_t)(LT_SLAB_BYTES - 1)))->loop;
}
/* Whether a cell can be taken at once: then nothing is called to take it, and
 * whoever asks first needs no frame. */
static inline bool lt_cell_ready(const leat_loop *loop)
{
	return __builtin_expect(loop->pool.free != NULL, 1);
}
static inline leat_io *lt_cell_take(leat_loop *loop)
{
	leat_io *io = loop->pool.free;

	if (__builtin_expect(io != NULL, 1)) {
		lt_cell_show(io);
		loop->pool.free = (leat_io *)io->waiter;
	} else {
		io = lt_pool_grow(loop);
		if (!io)
			return NULL;
	}
	return io;
}
static inline void lt_cell_free(leat_loop *loop, leat_io *io)
{
	leat_io **list = loop->pool.back;

	io->word = lt_word(LT_FREE, 0, 0);
	io->waiter = (uintptr_t)*list;
	*list = io;
	lt_cell_hide(io);
}

/* NULL without memory; not zeroed. */
static inline void *lt_piece_take(leat_loop *loop)
{
	leat_io *io = lt_cell_take(loop);

	if (!io)
		return NULL;
	io->word = lt_word(LT_PIECE, 0, 0);
	return io;
}
static inline void lt_piece_give(leat_loop *loop, void *piece)
{
	lt_cell_free(loop, piece);
}

/* ---- making, settling ---- */
static inline leat_io *lt_io_take_cell(leat_loop *loop, uint8_t kind, const char *where)
{
	leat_io *io;

	lt_loop_check_thread(loop);
	io = lt_cell_take(loop);
	if (!io)
		return NULL;
	io->word = lt_word(LT_PENDING, 0, kind);
	io->where = where;
	io->waiter = 0;
	io->source = NULL;
	loop->ios_made++;
	return io;
}
static inline bool lt_is_watch(uintptr_t waiter)
{
	return waiter & LT_WATCH;
}
static inline lt_watch *lt_watch_of(const leat_io *io)
{
	return (lt_watch *)(io->waiter & ~(uintptr_t)(LT_WATCH | LT_FOLLOWS));
}
static inline leat_io *lt_waiter_cell(const leat_io *io)
{
	return lt_is_watch(io->waiter) ? NULL : (leat_io *)io->waiter;
}
/* Whether the next one in the queue has to call libevent. */
static inline bool lt_must_kick(const leat_loop *loop)
{
	return !loop->quiet && !loop->kicked && !loop->ready.head;
}
/* The next in the queue, which is not empty. */
static inline leat_io *lt_pop(leat_loop *loop)
{
	leat_io *io = loop->ready.head;

	loop->ready.head = io->source;
	if (!loop->ready.head)
		loop->ready.tail = &loop->ready.head;
	return io;
}
/* Where that is not so. */
static inline void lt_enqueue_quietly(leat_loop *loop, leat_io *io)
{
	lt_io_flag(io, LT_QUEUED);
	io->source = NULL;
	*loop->ready.tail = io;
	loop->ready.tail = &io->source;
}
static inline void lt_enqueue(leat_loop *loop, leat_io *io)
{
	bool kick = lt_must_kick(loop);

	lt_enqueue_quietly(loop, io);
	if (__builtin_expect(kick, 0))
		lt_loop_kick_now(loop);
}
/* The slow half: waiters that pass on or only count.  io has a waiter. */
void lt_settled_slowly(leat_loop *loop, leat_io *io);
/* The outcome stands in the payload already. */
static inline void lt_settled(leat_loop *loop, leat_io *io)
{
	lt_loop_check_thread(loop);
	lt_io_enter_phase(io, LT_SETTLED);
	if (!io->waiter || (io->flags & LT_DOOMED))
		return;
	if (!lt_is_watch(io->waiter) && (((leat_io *)io->waiter)->flags & (LT_FORWARD | LT_COUNTS)))
		lt_settled_slowly(loop, io);
	else
		lt_enqueue(loop, io);
}
static inline void lt_settle(leat_loop *loop, leat_io *io, const lt_outcome *outcome)
{
	lt_outcome_copy(&io->u.outcome, outcome);
	lt_settled(loop, io);
}
void lt_settle_error(leat_loop *loop, leat_io *io, leat_error error);
/* One of those that are made once for a loop.  A debug build gives a cell in its
 * place, so that what is given away twice is seen. */
#ifdef LT_DEBUG
leat_io *lt_io_once(leat_loop *loop, leat_io *once, const char *where);
#else
static inline leat_io *lt_io_once(leat_loop *loop, leat_io *once, const char *where)
{
	(void)loop;
	(void)where;
	return once;
}
#endif
/* Where there is no memory, or the loop is closing. */
static inline leat_io *lt_io_nomem(leat_loop *loop)
{
	return loop->nomem;
}
static inline leat_io *lt_io_closed(leat_loop *loop)
{
	return loop->closed;
}
/* Whether it is one of these two. */
static inline bool lt_io_is_refusal(const leat_io *io)
{
	return (io->flags & LT_IMMORTAL) && lt_is_error(&io->u.outcome);
}
static inline leat_io *lt_io_refused(leat_loop *loop)
{
	return loop->closing ? lt_io_closed(loop) : lt_io_nomem(loop);
}
/* A settled cell, or a refusal, which drops the outcome.  Not refused while closing. */
leat_io *lt_io_settled(leat_loop *loop, lt_outcome *outcome, const char *where);

/* ---- chaining ---- */
/* A context that no cell took. */
void lt_ctx_drop(leat_ctx ctx);
/* leat_io_cancel for calls of the library: it leaves them the loop. */
void lt_io_cancel(leat_io *io);
/* Checks that the io may be taken: not NULL, nobody else's. */
_Noreturn void lt_io_misused(const leat_io *io, const char *call, const char *where);
static inline void lt_io_check(const leat_io *io, const char *call, const char *where)
{
	if (__builtin_expect(!io || (io->phase != LT_PENDING && io->phase != LT_SETTLED) || io->waiter, 0))
		lt_io_misused(io, call, where);
}
/* An io as a source: not a forward, and not a pre-made one.  NULL without
 * memory. */
leat_io *lt_io_as_source(leat_loop *loop, leat_io *io);
/* Makes the cell that waits for io; NULL without memory (the io is gone). */
static inline leat_io *lt_io_chain(leat_io *io, uint8_t kind, const char *where)
{
	leat_loop *loop = lt_cell_loop(io);
	leat_io *self;

	if (__builtin_expect(io->flags & (LT_FORWARD | LT_IMMORTAL), 0)) {
		io = lt_io_as_source(loop, io);
		if (!io)
			return NULL;
	}
	self = lt_io_take_cell(loop, kind, where);
	if (__builtin_expect(!self, 0)) {
		lt_io_cancel(io);
		return NULL;
	}
	self->source = io;
	io->waiter = (uintptr_t)self;
	if (io->phase == LT_SETTLED)
		lt_enqueue(loop, io);
	return self;
}
/* The context by its place: it came on the stack. */
static inline void lt_io_set_call(leat_io *self, leat_fn fn, const leat_ctx *ctx)
{
	self->u.call.fn = fn;
	self->u.call.ctx = ctx->data;
	self->u.call.destroy = ctx->destroy;
	if (__builtin_expect(ctx->moved, 0))
		self->flags |= LT_MOVED;
}
/* Makes the cell that waits for io and has a function and a context; without
 * memory both are gone, and it is the refusal. */
static inline leat_io *lt_io_chain_call(leat_io *io, uint8_t kind, leat_fn fn, const leat_ctx *ctx, const char *where)
{
	leat_loop *loop = lt_cell_loop(io);
	leat_io *self = lt_io_chain(io, kind, where);

	if (__builtin_expect(!self, 0)) {
		lt_ctx_drop(*ctx);
		return lt_io_nomem(loop);
	}
	lt_io_set_call(self, fn, ctx);
	return self;
}
/* Makes `io` a source of the cell; false without memory (io is gone). */
bool lt_io_attach(leat_loop *loop, leat_io *self, leat_io **io);
/* A callback of self gave inner, which was checked: passes its outcome on,
 * now or later. */
void lt_io_adopt(leat_loop *loop, leat_io *self, leat_io *inner);
/* Runs fn of a cell with its source's outcome, then adopts. */
void lt_io_call(leat_loop *loop, leat_io *self, leat_io *source, leat_fn fn);
/* Passes the source's outcome on, past a callback that does not run. */
void lt_io_skip(leat_loop *loop, leat_io *self, leat_io *source);
/* Destroys the context, marked as running; false: self was cancelled meanwhile, and is the
 * caller's to free. */
bool lt_io_end_ctx(leat_io *self);
/* Destroys the context of a call, cancelled; where it may be in use by a fiber
 * that unwinds, later: then self is queued. */
void lt_io_drop_ctx(leat_loop *loop, leat_io *self);
/* Takes the cells's outcome and frees it. */
static inline lt_outcome lt_io_consume(leat_loop *loop, leat_io *io)
{
	lt_outcome o;

	lt_outcome_copy(&o, &io->u.outcome);
	lt_cell_free(loop, io);
	return o;
}
/* Shows a settled cell that is off the queue to a callback, as a result; put
 * it away after it. */
static inline leat_result *lt_io_show(leat_loop *loop, leat_io *io)
{
	lt_io_enter_phase(io, LT_SHOWN);
	io->waiter = (uintptr_t)loop;
	return (leat_result *)(void *)io;
}
static inline void lt_io_put_away(leat_loop *loop, leat_io *io)
{
	const leat_type *type = io->u.outcome.type;

	if (__builtin_expect(type && io->u.outcome.as.value.pointer && type != &leat_int_type, 0))
		lt_outcome_destroy(&io->u.outcome);
	lt_cell_free(loop, io);
}
/* Leaves a callback's frame: whether self was cancelled meanwhile.  If so it
 * is freed, its context destroyed and inner cancelled. */
bool lt_io_end_if_doomed(leat_loop *loop, leat_io *self, leat_io *inner);
/* Whether inner waits for self, at the end of all. */
bool lt_io_waits_for(const leat_io *inner, const leat_io *self);
/* Aborts unless self may adopt inner.  The usual ones are seen at a glance:
 * settled, or a then on a leaf or on what has settled. */
void lt_io_check_adoption_slowly(const leat_io *self, const leat_io *inner);
static inline bool lt_is_end_of_chain(const leat_io *io)
{
	return lt_io_is(io, LT_PENDING, LT_LEAF, 0) || io->phase == LT_SETTLED;
}
static inline bool lt_is_then_on_end(const leat_io *io)
{
	return lt_io_is(io, LT_PENDING, LT_THEN, LT_FORWARD) && io->source && lt_is_end_of_chain(io->source);
}
static inline bool lt_io_may_adopt(const leat_loop *loop, const leat_io *inner)
{
	return !inner->waiter && lt_cell_loop(inner) == loop && (lt_is_then_on_end(inner) || lt_is_end_of_chain(inner));
}
static inline void lt_io_check_adoption(const leat_loop *loop, const leat_io *self, const leat_io *inner)
{
	if (__builtin_expect(!lt_io_may_adopt(loop, inner), 0))
		lt_io_check_adoption_slowly(self, inner);
}
/* A forward at the top has no waiter yet: gives its source in its place. */
leat_io *lt_io_past_forward(leat_loop *loop, leat_io *io);
/* The cancel behind leat_io_cancel; also for sources of one's own. */
void lt_io_raze(leat_loop *loop, leat_io *io);
/* The same, with the place that a trace is told. */
void lt_io_raze_at(leat_loop *loop, leat_io *io, const char *where);
/* The same, of a source of one that stays. */
void lt_io_raze_source(leat_loop *loop, leat_io *self, leat_io *source, const char *where);
void lt_io_unhandled(leat_loop *loop, leat_error error, const char *where);
/* Runs what is ready, then the tails, and again while there is something and
 * the budget lasts; gives how many of the former it was. */
size_t lt_io_drain(leat_loop *loop, size_t budget);
/* The same, watched by a trace. */
size_t lt_io_drain_watched(leat_loop *loop, size_t budget);
/* The first of the queue, which is io. */
void lt_io_run_one(leat_loop *loop, leat_io *io);
const lt_kind *lt_io_kind(const leat_io *io);
/* For messages; of settled cells too. */
const char *lt_io_kind_name(const leat_io *io);

/* Runs what was popped, but for a fiber, whose turn it is: then it is false. */
bool lt_io_run_unless_fiber(leat_loop *loop, leat_io *io);
/* The queue from a fiber's turn on, which was popped; gives what is left of
 * the budget. */
size_t lt_fiber_run_ready(leat_loop *loop, leat_io *io, size_t left);

/* Runs a repeat's step. */
void lt_repeat_step(leat_loop *loop, leat_io *self);
static inline bool lt_says_again(const lt_outcome *o)
{
	return o->type == &leat_int_type && o->as.value.integer != 0;
}

extern const lt_kind lt_then_kind, lt_catch_kind, lt_branch_kind, lt_finally_kind, lt_keep_kind, lt_hold_kind,
	lt_repeat_kind, lt_spawn_kind, lt_fiber_kind;

#endif

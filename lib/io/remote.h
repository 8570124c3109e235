/* SPDX-License-Identifier: ISC */
/* remote.h - the mailbox of a loop, which other threads throw into
 *
 * What is thrown in is a stack: a thread puts its post on top with one
 * compare-and-swap, the loop takes all of it with one exchange and turns it
 * round.  So nobody ever waits for anybody, and no place is used again under
 * the eyes of another (there is no ABA).  The head says too whether the loop
 * sleeps: who finds it asleep wakes it, once; until it has looked and found
 * nothing, nobody else needs to.
 *
 * The mailbox outlives its loop as long as somebody may throw in.  Its memory
 * comes by a door that any thread may use.
 */
#ifndef LT_IO_REMOTE_H
#define LT_IO_REMOTE_H

#include <stdatomic.h>

#include <leat/thread.h>

#include "io/io.h"
#include "io/threads_seen.h"

/* 32 bytes: two fill a line. */
typedef struct lt_post {
	uintptr_t link; /* the one below, or the next; and flags */
	leat_post_fn fn;
	void *data;
	void (*destroy)(void *); /* of data; NULL: nothing */
} lt_post;

enum {
	LT_POST_MOVED = true, /* destroy only where fn does not run */
	/* whose memory it is, when it has run */
	LT_POST_LOOSE = 2, /* an allocation of its own */
	LT_POST_KEPT = 4,  /* part of something that fn looks after */
	LT_POST_LAST = 6,  /* of its slab, which has all run with it; 0: one before that */
	LT_POST_WHOSE = 6,
	LT_POST_FLAGS = 7
};

/* The head, where it is no post. */
enum { LT_MAIL_ASLEEP = 1, LT_MAIL_CLOSED = 2, LT_MAIL_BITS = 3 };

/* A thread's posts at hand. */
typedef struct lt_stripe {
	_Atomic uintptr_t owner;   /* the thread; 0: nobody's yet */
	_Atomic(lt_post *) next;   /* the one after the other; NULL: the slab is used up */
	lt_post *end;              /* the last of the slab; NULL like next */
	struct lt_post_slab *more; /* free ones */
	char apart[64 - 4 * sizeof(uintptr_t)];
} lt_stripe;

enum { LT_STRIPES = 8 };

typedef struct lt_posts {
	lt_post *first, *last;
} lt_posts;

struct leat_remote {
	/* everybody's */
	_Atomic uintptr_t head;
	char apart[64 - sizeof(uintptr_t)];
	_Atomic(struct lt_post_slab *) spare; /* that have run: whoever needs one takes all */
	char apart_too[64 - sizeof(uintptr_t)];
	lt_stripe stripes[LT_STRIPES];
	_Atomic(struct lt_post_slab *) slabs;
	_Atomic uint32_t refs;    /* the loop, all handles together, each maker that is not settled */
	_Atomic uint32_t handles; /* what users hold */
	_Atomic uint32_t wakers;  /* threads that are in the call that wakes us */
	leat_memory memory;
	int wake_fd; /* an eventfd */
	leat_kind stillborn; /* why; all else is void then */
	/* the loop's */
	leat_loop *loop; /* NULL: gone */
	bool listens;    /* the event is added */
	bool lost;       /* after fork: what had come runs, then it goes */
	uint32_t waiting; /* ios whose maker is on another thread */
	lt_posts todo;   /* taken and turned round */
	lt_tail tail;    /* runs them */
	uint32_t vain;   /* looks since something came */
	uintptr_t left;  /* on the head by who takes all: LT_MAIL_CLOSED in the end */
	struct lt_remote_cell *cells, *youngest; /* free ones; all */
	struct event event;
};

/* A thread's posts stand the one after the other, and come from another's cache. */
enum { LT_POSTS_AHEAD = 16 * sizeof(lt_post) };

/* Asks for the line of that address, of whatever, to be written to.  For the
 * builtin prefetchw is an extension of x86-64; there are none without it, but a
 * few where it does nothing. */
static inline void lt_fetch_own(uintptr_t address)
{
#if defined(__GNUC__) && defined(__x86_64__)
	__asm__ volatile("prefetchw (%0)" : : "r"(address));
#else
	__builtin_prefetch((const void *)address, 1);
#endif
}

/* ---- remote.c: the mailbox and its sleep ---- */

/* The loop's mailbox, made where there is none, and listening: for one more
 * that waits, or a handle.  NULL: *why. */
leat_remote *lt_remote_open(leat_loop *loop, leat_kind *why);
static inline leat_remote *lt_remote_of(const leat_loop *loop)
{
	return loop->slots[LT_SLOT_REMOTE].data;
}
void lt_remote_hold(leat_remote *remote);
void lt_remote_release(leat_remote *remote);
/* One that waited does no more. */
void lt_remote_waits_less(leat_remote *remote);
/* Perhaps nobody is left for whom the event must be there. */
void lt_remote_look_later(leat_remote *remote);
void lt_remote_wake(leat_remote *remote);
/* False: the loop is gone, the post is still the caller's.  `guess`: what may
 * be on the head.  Until it returns the caller holds the mailbox. */
static inline bool lt_remote_throw(leat_remote *remote, lt_post *post, uintptr_t flags, uintptr_t guess)
{
	uintptr_t seen = guess;

	do {
		if (__builtin_expect(seen & LT_MAIL_CLOSED, 0)) {
			post->link = flags;
			return false;
		}
		post->link = (seen & ~(uintptr_t)LT_MAIL_BITS) | flags;
		lt_seen_hand_over(post);
	} while (!atomic_compare_exchange_weak_explicit(&remote->head, &seen, (uintptr_t)post, memory_order_release,
	                                                memory_order_relaxed));
	if (__builtin_expect(seen & LT_MAIL_ASLEEP, 0))
		lt_remote_wake(remote);
	return true;
}

/* ---- post.c ---- */
/* One of these has run, and nothing is needed of it any more. */
void lt_post_free_loose(leat_remote *remote, lt_post *post);
void lt_post_free_last(leat_remote *remote, lt_post *post);
void lt_posts_free(leat_remote *remote);
static inline lt_post *lt_post_next(const lt_post *post)
{
	return (lt_post *)(post->link & ~(uintptr_t)LT_POST_FLAGS);
}
static inline void lt_post_set_next(lt_post *post, const lt_post *next)
{
	post->link = (uintptr_t)next | (post->link & LT_POST_FLAGS);
}

/* ---- maker ---- */
typedef struct lt_remote_cell {
	lt_post post; /* first */
	leat_remote *remote;
	_Atomic uint32_t generation;
	_Atomic bool dropped;             /* nobody waits */
	bool come;                        /* when the process forked */
	bool held;                        /* goes when its job has ended: see offload.c */
	_Atomic(const char *) settled_at; /* NULL: not yet */
	const char *made_at;
	leat_maker maker;                 /* the loop's */
	lt_outcome outcome;               /* the settler's, then the loop's */
	struct lt_remote_cell *next;      /* free */
	struct lt_remote_cell *elder;     /* made before */
} lt_remote_cell;

/* On the loop's thread; NULL without memory. */
lt_remote_cell *lt_remote_cell_take(leat_remote *remote, leat_post_fn fn, void *data, const char *where);
void lt_remote_cell_give(leat_remote *remote, lt_remote_cell *cell);
/* Of one that is held: its job has ended, on any thread. */
void lt_remote_finish(lt_remote_cell *cell);
static inline leat_remote_maker lt_remote_maker_of(lt_remote_cell *cell)
{
	return (leat_remote_maker){ .cell = cell, .generation = atomic_load(&cell->generation) };
}
/* What came: where bytes came, they are a buf now. */
void lt_remote_outcome(leat_loop *loop, lt_remote_cell *cell, lt_outcome *out);
void lt_remote_cells_free(leat_remote *remote);
/* After fork: those whose threads are gone fail. */
void lt_remote_cells_lose(leat_loop *loop, leat_remote *remote);

/* offload.c: the same for its jobs. */
void lt_offload_after_fork(leat_loop *loop);

#endif

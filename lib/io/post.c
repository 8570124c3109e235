/* SPDX-License-Identifier: ISC */
/* post - a function to be run by a loop, from any thread
 *
 * Posts come from slabs of the mailbox's own, so that the usual one asks no
 * allocator.  Each of the first few threads has a stripe with a slab that only
 * it uses, the one post after the other; further ones ask the allocator.  A
 * thread's posts run in its order, so when the last of a slab has run all have,
 * and the loop gives it back, without having written to the others.  The
 * stripe that runs dry takes all that were given back.  A thread that ends leaves
 * its stripe to the one that gets its name after it.
 */
#include <pthread.h>

#include "io/remote.h"

enum { SLAB_POSTS = 511, LINE_BYTES = 64 };

typedef struct lt_post_slab {
	struct lt_post_slab *next; /* of all */
	struct lt_post_slab *more; /* free ones, in a list of one owner */
	uintptr_t apart[2];
	lt_post posts[SLAB_POSTS];
} lt_post_slab;
static_assert(sizeof(lt_post_slab) == 16384, "whole pages");

/* ---- where they come from ---- */

/* One for each thread, until another has the same name. */
static inline uintptr_t this_thread(void)
{
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__)
	return (uintptr_t)__builtin_thread_pointer();
#else
	return (uintptr_t)pthread_self();
#endif
}

static unsigned place_of(uintptr_t thread)
{
	return (unsigned)((thread >> 12) ^ (thread >> 20) ^ (thread >> 26)) % LT_STRIPES;
}

/* NULL where there are too many threads. */
static lt_stripe *find_stripe(leat_remote *remote, uintptr_t self)
{
	for (unsigned i = 0; i < LT_STRIPES; i++) {
		lt_stripe *stripe = &remote->stripes[(place_of(self) + i) % LT_STRIPES];
		uintptr_t owner = atomic_load_explicit(&stripe->owner, memory_order_relaxed);

		if (owner == self)
			return stripe;
		if (!owner && atomic_compare_exchange_strong(&stripe->owner, &owner, self))
			return stripe;
	}
	return NULL;
}

static lt_post_slab *add_slab(leat_remote *remote)
{
	lt_post_slab *slab = remote->memory.alloc(remote->memory.ctx, sizeof *slab);

	if (!slab)
		return NULL;
	slab->more = NULL;
	slab->next = atomic_load_explicit(&remote->slabs, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&remote->slabs, &slab->next, slab, memory_order_release,
	                                              memory_order_relaxed))
		;
	return slab;
}

static lt_post_slab *take_spare(leat_remote *remote)
{
	lt_post_slab *slab = atomic_exchange_explicit(&remote->spare, NULL, memory_order_acquire);

	lt_seen_taken(&remote->spare);
	return slab;
}

/* The next slab's first posts are on their way while this one is used. */
static void fetch_ahead(const lt_post_slab *slab)
{
	for (size_t at = 0; slab && at < LT_POSTS_AHEAD; at += LINE_BYTES)
		lt_fetch_own((uintptr_t)slab + at);
}

/* Another slab for the stripe; false without memory. */
static bool refill(leat_remote *remote, lt_stripe *stripe)
{
	lt_post_slab *slab = stripe->more ? stripe->more : take_spare(remote);

	if (!slab)
		slab = add_slab(remote);
	if (!slab)
		return false;
	stripe->more = slab->more ? slab->more : take_spare(remote);
	stripe->end = &slab->posts[SLAB_POSTS - 1];
	atomic_store_explicit(&stripe->next, slab->posts, memory_order_release);
	fetch_ahead(stripe->more);
	return true;
}

/* The stripe goes on after that one, its next; gives its flags. */
static uintptr_t take(lt_stripe *stripe, lt_post *post)
{
	bool last = post == stripe->end;

	if (last)
		stripe->end = NULL;
	atomic_store_explicit(&stripe->next, last ? NULL : post + 1, memory_order_release);
	return last ? LT_POST_LAST : 0;
}

void lt_post_free_last(leat_remote *remote, lt_post *post)
{
	lt_post_slab *slab = (lt_post_slab *)(void *)((char *)(post + 1) - sizeof *slab);

	slab->more = atomic_load_explicit(&remote->spare, memory_order_relaxed);
	do
		lt_seen_hand_over(&remote->spare);
	while (!atomic_compare_exchange_weak_explicit(&remote->spare, &slab->more, slab, memory_order_release,
	                                              memory_order_relaxed));
}

void lt_post_free_loose(leat_remote *remote, lt_post *post)
{
	remote->memory.release(remote->memory.ctx, post);
}

void lt_posts_free(leat_remote *remote)
{
	lt_post_slab *slab = atomic_load_explicit(&remote->slabs, memory_order_acquire);

	while (slab) {
		lt_post_slab *next = slab->next;

		remote->memory.release(remote->memory.ctx, slab);
		slab = next;
	}
}

/* ---- posting ---- */

static leat_kind refuse(leat_ctx ctx, leat_kind why)
{
	lt_ctx_drop(ctx);
	return why;
}

/* The post is its thread's last: the stripe, NULL for one without, has it again, and is
 * refused it each time, so that it may be the last of its slab does not matter. */
static LT_COLD leat_kind too_late(leat_remote *remote, lt_stripe *stripe, lt_post *post)
{
	leat_ctx ctx = { .data = post->data, .destroy = post->destroy };

	if (stripe)
		atomic_store_explicit(&stripe->next, post, memory_order_release);
	else
		lt_post_free_loose(remote, post);
	return refuse(ctx, LEAT_CLOSED);
}

/* What its thread put on the head before it, which may be there still.  For the first of a
 * slab, and for a loose one, that is not so, and the head says what is. */
static inline uintptr_t below(const lt_post *post)
{
	return (uintptr_t)post - sizeof *post;
}

/* The loop has taken what was on the head, or another thread put something there. */
static LT_COLD leat_kind throw_again(leat_remote *remote, lt_stripe *stripe, lt_post *post, uintptr_t flags,
                                     uintptr_t seen)
{
	return lt_remote_throw(remote, post, flags, seen) ? LEAT_NONE : too_late(remote, stripe, post);
}

/* The thread's first one, or one at the end of its slab. */
static LT_COLD leat_kind post_slowly(leat_remote *remote, leat_post_fn fn, void *data, void (*destroy)(void *),
                                     bool moved)
{
	lt_stripe *stripe = remote->stillborn ? NULL : find_stripe(remote, this_thread());
	leat_ctx ctx = { data, destroy, moved };
	uintptr_t flags = moved;
	lt_post *post = NULL;

	if (remote->stillborn)
		return refuse(ctx, remote->stillborn);
	if (!stripe)
		post = remote->memory.alloc(remote->memory.ctx, sizeof *post);
	else if (atomic_load_explicit(&stripe->next, memory_order_acquire) || refill(remote, stripe))
		post = atomic_load_explicit(&stripe->next, memory_order_relaxed);
	if (!post)
		return refuse(ctx, LEAT_NOMEM);
	flags |= stripe ? take(stripe, post) : LT_POST_LOOSE;
	*post = (lt_post){ .fn = fn, .data = data, .destroy = destroy };
	return throw_again(remote, stripe, post, flags, below(post));
}

/* All that is not usual is a call at the end, with what came in registers: so this needs
 * no stack. */
leat_kind leat_post_parts(leat_remote *remote, leat_post_fn fn, void *data, void (*destroy)(void *), bool moved)
{
	uintptr_t self = this_thread(), seen;
	lt_stripe *stripe = &remote->stripes[place_of(self)];
	lt_post *post = atomic_load_explicit(&stripe->next, memory_order_acquire);

	if (__builtin_expect(atomic_load_explicit(&stripe->owner, memory_order_relaxed) != self || post == stripe->end, 0))
		return post_slowly(remote, fn, data, destroy, moved);
	atomic_store_explicit(&stripe->next, post + 1, memory_order_release);
	lt_fetch_own((uintptr_t)post + LT_POSTS_AHEAD);
	seen = below(post);
	*post = (lt_post){ .link = seen | moved, .fn = fn, .data = data, .destroy = destroy };
	lt_seen_hand_over(post);
	if (__builtin_expect(atomic_compare_exchange_strong_explicit(&remote->head, &seen, (uintptr_t)post,
	                                                             memory_order_release, memory_order_relaxed), 1))
		return LEAT_NONE;
	return throw_again(remote, stripe, post, moved, seen);
}

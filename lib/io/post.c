/* SPDX-License-Identifier: ISC */
/* post - a function to be run by a loop, from any thread
 *
 * Posts come from slabs of the mailbox's own, so that the usual one asks no
 * allocator.  Each of the first few threads has a stripe with a list that only
 * it uses; further ones ask the allocator.  The loop gives back what has run in
 * one piece, and the stripe that runs dry takes all of it.  A thread that ends
 * leaves its stripe to the one that gets its name after it.
 */
#include <pthread.h>

#include "io/remote.h"

enum {
	SLAB_POSTS = 127,
	AHEAD_BYTES = 256 /* the loop touched it last: it has a way to come */
};

typedef struct lt_post_slab {
	struct lt_post_slab *next;
	uintptr_t apart[3];
	lt_post posts[SLAB_POSTS];
} lt_post_slab;
static_assert(sizeof(lt_post_slab) == 4096, "a page");

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

static lt_post *add_slab(leat_remote *remote)
{
	lt_post_slab *slab = remote->memory.alloc(remote->memory.ctx, sizeof *slab);

	if (!slab)
		return NULL;
	for (int i = 0; i < SLAB_POSTS; i++)
		slab->posts[i].link = i + 1 < SLAB_POSTS ? (uintptr_t)&slab->posts[i + 1] : 0;
	slab->next = atomic_load_explicit(&remote->slabs, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&remote->slabs, &slab->next, slab, memory_order_release,
	                                              memory_order_relaxed))
		;
	return slab->posts;
}

/* More for the stripe; NULL without memory. */
static lt_post *refill(leat_remote *remote)
{
	uintptr_t list = atomic_exchange_explicit(&remote->spare, 0, memory_order_acquire);

	lt_seen_taken(&remote->spare);
	return list ? (lt_post *)list : add_slab(remote);
}

static inline void take(lt_stripe *stripe, lt_post *post)
{
	lt_post *rest = (lt_post *)post->link;

	atomic_store_explicit(&stripe->free, rest, memory_order_release);
	__builtin_prefetch((const void *)((uintptr_t)rest + AHEAD_BYTES), 1);
}

static void put_spare(leat_remote *remote, lt_post *first, lt_post *last)
{
	uintptr_t seen = atomic_load_explicit(&remote->spare, memory_order_relaxed);

	do {
		last->link = seen;
		lt_seen_hand_over(&remote->spare);
	} while (!atomic_compare_exchange_weak_explicit(&remote->spare, &seen, (uintptr_t)first, memory_order_release,
	                                                memory_order_relaxed));
}

void lt_posts_give_back(leat_remote *remote, lt_posts *done)
{
	lt_post *first = NULL, *last = NULL, *next;

	for (lt_post *post = done->first; post; post = next) {
		next = lt_post_next(post);
		if (post->link & LT_POST_LOOSE) {
			remote->memory.release(remote->memory.ctx, post);
			continue;
		}
		if (last)
			last->link = (uintptr_t)post;
		else
			first = post;
		last = post;
	}
	if (first)
		put_spare(remote, first, last);
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

static LT_COLD leat_kind too_late(leat_remote *remote, lt_post *post)
{
	leat_ctx ctx = { .data = post->data, .destroy = post->destroy };

	lt_posts_give_back(remote, &(lt_posts){ post, post });
	return refuse(ctx, LEAT_CLOSED);
}

/* The thread's first one, or there is no more at hand. */
static LT_COLD leat_kind post_slowly(leat_remote *remote, leat_post_fn fn, leat_ctx ctx)
{
	lt_stripe *stripe = remote->stillborn ? NULL : find_stripe(remote, this_thread());
	uintptr_t flags = (stripe ? 0 : LT_POST_LOOSE) | (ctx.moved ? LT_POST_MOVED : 0);
	lt_post *post = NULL;

	if (remote->stillborn)
		return refuse(ctx, remote->stillborn);
	if (stripe)
		post = atomic_load_explicit(&stripe->free, memory_order_acquire);
	if (!post)
		post = stripe ? refill(remote) : remote->memory.alloc(remote->memory.ctx, sizeof *post);
	if (!post)
		return refuse(ctx, LEAT_NOMEM);
	if (stripe)
		take(stripe, post);
	*post = (lt_post){ .fn = fn, .data = ctx.data, .destroy = ctx.destroy };
	return lt_remote_throw(remote, post, flags, 0) ? LEAT_NONE : too_late(remote, post);
}

leat_kind leat_post_parts(leat_remote *remote, leat_post_fn fn, void *data, void (*destroy)(void *), bool moved)
{
	uintptr_t self = this_thread();
	lt_stripe *stripe = &remote->stripes[place_of(self)];
	lt_post *post;

	if (__builtin_expect(atomic_load_explicit(&stripe->owner, memory_order_relaxed) != self, 0))
		return post_slowly(remote, fn, (leat_ctx){ data, destroy, moved });
	post = atomic_load_explicit(&stripe->free, memory_order_acquire);
	if (__builtin_expect(!post, 0))
		return post_slowly(remote, fn, (leat_ctx){ data, destroy, moved });
	take(stripe, post);
	post->fn = fn;
	post->data = data;
	post->destroy = destroy;
	if (!lt_remote_throw(remote, post, moved, atomic_load_explicit(&stripe->last, memory_order_relaxed)))
		return too_late(remote, post);
	atomic_store_explicit(&stripe->last, (uintptr_t)post, memory_order_relaxed);
	return LEAT_NONE;
}

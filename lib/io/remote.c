/* SPDX-License-Identifier: ISC */
/* remote - a loop as other threads know it
 *
 * The loop's half: read run_posts first.  An eventfd wakes the loop; its event
 * is added only while somebody may throw something in, so the base can end and
 * a deadlock is seen.  What was thrown in runs at the end of a drain, within
 * the loop's budget.  Then I/O gets its turn and we look again, and once more:
 * only if nothing came meanwhile the loop is said to sleep, so that a burst that
 * is still going on, or follows at once, wakes nobody.
 */
#include <errno.h>
#include <event2/event.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "io/remote.h"

/* How often we look in vain before we sleep, and where somebody is waking us. */
enum { LOOKS = 2, LOOKS_AWAITED = 64 };

/* Stillborn ones, never written. */
static leat_remote without_memory = { .stillborn = LEAT_NOMEM };
static leat_remote without_descriptors = { .stillborn = LEAT_LIMIT };
static leat_remote without_loop = { .stillborn = LEAT_CLOSED };

static leat_remote *stillborn(leat_kind why)
{
	return why == LEAT_NOMEM ? &without_memory : why == LEAT_LIMIT ? &without_descriptors : &without_loop;
}

/* ---- life ---- */

void lt_remote_hold(leat_remote *remote)
{
	atomic_fetch_add_explicit(&remote->refs, 1, memory_order_relaxed);
}

static void end(leat_remote *remote)
{
	leat_memory memory = remote->memory;

	lt_posts_free(remote);
	lt_remote_cells_free(remote);
	close(remote->wake_fd);
	memory.release(memory.ctx, remote);
}

void lt_remote_release(leat_remote *remote)
{
	lt_seen_hand_over(remote);
	if (atomic_fetch_sub_explicit(&remote->refs, 1, memory_order_acq_rel) > 1)
		return;
	lt_seen_taken(remote);
	end(remote);
}

/* ---- throwing in, on any thread ---- */

void lt_remote_wake(leat_remote *remote)
{
	uint64_t one = 1;

	atomic_fetch_add_explicit(&remote->wakers, 1, memory_order_relaxed);
	while (write(remote->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
		;
	atomic_fetch_sub_explicit(&remote->wakers, 1, memory_order_relaxed);
}

/* ---- looking, on the loop's thread ---- */

/* Takes all, the oldest first.  Not looked at first: that would fetch its line twice. */
static void collect(leat_remote *remote)
{
	uintptr_t seen = atomic_exchange_explicit(&remote->head, remote->left, memory_order_acquire);
	lt_post *post = (lt_post *)(seen & ~(uintptr_t)LT_MAIL_BITS), *last = post, *first = NULL;

	while (post) {
		lt_post *below;

		lt_seen_taken(post);
		below = lt_post_next(post);
		lt_post_set_next(post, first);
		first = post;
		post = below;
	}
	if (!first)
		return;
	if (remote->todo.first)
		lt_post_set_next(remote->todo.last, first);
	else
		remote->todo.first = first;
	remote->todo.last = last;
}

static bool has_mail(const leat_remote *remote)
{
	return atomic_load_explicit(&remote->head, memory_order_relaxed) & ~(uintptr_t)LT_MAIL_BITS;
}

static bool is_wanted(const leat_remote *remote)
{
	return remote->waiting > 0 || atomic_load(&remote->handles) > 0;
}

/* Nobody is left who could throw something in. */
static void rest(leat_remote *remote)
{
	if (!remote->listens)
		return;
	remote->listens = false;
	event_del(&remote->event);
}

/* Whether nothing came for long enough.  Waking us takes a thread longer than
 * we take to run what it had posted so far: one that is not back from it has
 * more to post, perhaps, and may need the processor that we are on. */
static bool is_tired(leat_remote *remote)
{
	bool awaited = atomic_load_explicit(&remote->wakers, memory_order_relaxed) > 0;

	if (awaited)
		sched_yield();
	return ++remote->vain > (awaited ? LOOKS_AWAITED : LOOKS);
}

/* False: something came. */
static bool fall_asleep(leat_remote *remote)
{
	uintptr_t seen = 0;

	if (!atomic_compare_exchange_strong(&remote->head, &seen, LT_MAIL_ASLEEP) && seen != LT_MAIL_ASLEEP)
		return seen == LT_MAIL_CLOSED;
	if (!is_wanted(remote))
		rest(remote);
	return true;
}

static void run_one(leat_remote *remote)
{
	lt_post *at = remote->todo.first, post = *at;

	remote->todo.first = lt_post_next(at);
	if ((post.link & LT_POST_WHOSE) == LT_POST_LAST)
		lt_post_free_last(remote, at);
	else if (post.link & LT_POST_LOOSE)
		lt_post_free_loose(remote, at);
	post.fn(post.data, remote->loop);
	if (post.destroy && !(post.link & LT_POST_MOVED))
		post.destroy(post.data);
}

static void run_posts(lt_tail *tail)
{
	leat_remote *remote = (leat_remote *)(void *)((char *)tail - offsetof(leat_remote, tail));
	uint32_t left = remote->loop->budget;

	collect(remote);
	if (remote->todo.first)
		remote->vain = 0;
	else if (is_tired(remote) && fall_asleep(remote)) {
		if (remote->lost)
			lt_remote_release(remote);
		return;
	}
	while (remote->todo.first && left-- > 0)
		run_one(remote);
	lt_loop_at_end(remote->loop, tail); /* of the next turn: libevent has its own before it */
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	leat_remote *remote = arg;
	leat_loop *loop = remote->loop;
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof count) < 0)
		return;
	lt_loop_enter(loop);
	lt_loop_add_tail(loop, &remote->tail);
	lt_loop_leave(loop);
}

void lt_remote_look(leat_loop *loop)
{
	leat_remote *remote = lt_remote_of(loop);

	if (remote && has_mail(remote))
		lt_loop_add_tail(loop, &remote->tail);
}

void lt_remote_look_later(leat_remote *remote)
{
	if (remote->waiting == 0 && remote->listens)
		lt_loop_add_tail(remote->loop, &remote->tail);
}

void lt_remote_waits_less(leat_remote *remote)
{
	remote->waiting--;
	lt_remote_look_later(remote);
}

/* ---- the loop's part of its life ---- */

static void forget(leat_loop *loop, void *data)
{
	(void)loop;
	lt_remote_release(data);
}

static leat_remote *make(leat_loop *loop, leat_kind *why)
{
	leat_remote *remote = loop->shared.alloc(loop->shared.ctx, sizeof *remote);
	int fd = remote ? eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) : -1;

	*why = remote ? LEAT_LIMIT : LEAT_NOMEM;
	if (fd < 0) {
		if (remote)
			loop->shared.release(loop->shared.ctx, remote);
		return NULL;
	}
	*remote = (leat_remote){ .memory = loop->shared, .wake_fd = fd, .loop = loop, .tail.run = run_posts };
	atomic_init(&remote->head, LT_MAIL_ASLEEP);
	atomic_init(&remote->refs, 1);
	lt_seen_atomic(&remote->head);
	lt_seen_atomic(&remote->spare);
	lt_seen_atomic(&remote->stripes);
	lt_seen_atomic(&remote->slabs);
	lt_seen_atomic(&remote->refs);
	lt_seen_atomic(&remote->handles);
	lt_seen_atomic(&remote->wakers);
	event_assign(&remote->event, loop->base, fd, EV_READ | EV_PERSIST, on_wake, remote);
	loop->slots[LT_SLOT_REMOTE] = (lt_slot){ .data = remote, .end = forget };
	return remote;
}

leat_remote *lt_remote_open(leat_loop *loop, leat_kind *why)
{
	leat_remote *remote = lt_remote_of(loop);

	lt_loop_check_thread(loop);
	*why = LEAT_CLOSED;
	if (loop->closing)
		return NULL;
	if (!remote)
		remote = make(loop, why);
	if (!remote || remote->listens)
		return remote;
	*why = LEAT_NOMEM;
	remote->listens = event_add(&remote->event, NULL) == 0;
	return remote->listens ? remote : NULL;
}

/* What came in time runs now; who comes later is told so. */
void lt_remote_close(leat_loop *loop)
{
	leat_remote *remote = lt_remote_of(loop);

	if (!remote)
		return;
	remote->left = LT_MAIL_CLOSED;
	collect(remote);
	rest(remote);
	lt_loop_add_tail(loop, &remote->tail);
	lt_loop_drain_all(loop);
}

/* ---- in a child of fork ---- */

void lt_remote_lose(leat_loop *loop, bool own)
{
	leat_remote *remote = lt_remote_of(loop);

	if (!remote)
		return;
	remote->left = LT_MAIL_CLOSED;
	if (own)
		collect(remote);
	else
		atomic_store(&remote->head, LT_MAIL_CLOSED);
}

/* Whoever holds the old one is told CLOSED; the next is made when it is needed. */
void lt_remote_after_fork(leat_loop *loop)
{
	leat_remote *remote = lt_remote_of(loop);

	if (!remote)
		return;
	loop->slots[LT_SLOT_REMOTE].data = NULL;
	for (lt_post *post = remote->todo.first; post; post = lt_post_next(post))
		if ((post->link & LT_POST_WHOSE) == LT_POST_KEPT)
			((lt_remote_cell *)(void *)post)->come = true;
	rest(remote);
	remote->lost = true;
	lt_remote_cells_lose(loop, remote);
	lt_offload_after_fork(loop);
	lt_loop_add_tail(loop, &remote->tail);
}

/* ---- handles ---- */

leat_remote *leat_remote_new(leat_loop *loop)
{
	leat_kind why;
	leat_remote *remote = lt_remote_open(loop, &why);

	return remote ? leat_remote_ref(remote) : stillborn(why);
}

leat_remote *leat_remote_ref(leat_remote *remote)
{
	if (!remote->stillborn && atomic_fetch_add(&remote->handles, 1) == 0)
		lt_remote_hold(remote);
	return remote;
}

/* The last one has the loop see that nobody is left. */
void leat_remote_unref(leat_remote *remote)
{
	if (!remote || remote->stillborn)
		return;
	lt_seen_hand_over(remote);
	if (atomic_fetch_sub(&remote->handles, 1) > 1)
		return;
	if (atomic_fetch_and(&remote->head, ~(uintptr_t)LT_MAIL_ASLEEP) & LT_MAIL_ASLEEP)
		lt_remote_wake(remote);
	lt_remote_release(remote);
}

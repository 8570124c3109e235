/* SPDX-License-Identifier: ISC */
/* signal - signals as ios and as streams
 *
 * A loop on which somebody listens has a post: a seat in the process's table
 * (sigtable.c) and the eventfd that its arrivals poke.  Who listens remembers
 * how often each of its signals had come when it last looked, so what comes
 * between two waits is not lost.  The event is on the base only while somebody
 * waits: who listens without waiting hides no deadlock.
 *
 * leat_signal is a stream of one signal that ends with its first.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <leat/signal.h>

#include "io/io.h"
#include "io/sigtable.h"

typedef struct post {
	leat_loop *loop;
	leat_signals *listeners;
	struct event event;
	unsigned waiting; /* how many of them */
	int fd;
	lt_seat seat;
} post;

struct leat_signals {
	leat_loop *loop;
	post *post; /* NULL: stillborn, or the loop has ended */
	leat_signals *next, **link;
	const char *where;
	leat_io *waiter;
	leat_error error;
	bool once;  /* behind a leat_signal: ends when it settles or is cancelled */
	bool held;  /* a next has settled and was not delivered */
	bool freed; /* by the user */
	bool spare; /* lives in the loop: never freed */
	size_t count;
	struct wanted {
		int number;
		uint32_t seen;
	} of[];
};

/* ---- the post ---- */

static void on_arrival(evutil_socket_t fd, short what, void *arg);

static bool open_post(leat_loop *loop, post *p)
{
	*p = (post){ .loop = loop, .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) };
	if (p->fd < 0)
		return false;
	event_assign(&p->event, loop->base, p->fd, EV_READ | EV_PERSIST, on_arrival, p);
	if (lt_seat_take(&p->seat, p->fd))
		return true;
	close(p->fd);
	errno = EMFILE;
	return false;
}

static void close_post(post *p)
{
	lt_slot *slot = lt_loop_slot(p->loop, LT_SLOT_SIGNALS);

	slot->data = NULL;
	lt_seat_give(p->seat);
	event_del(&p->event);
	close(p->fd);
	lt_mem_release(&p->loop->mem, p);
}

static void end_post(leat_loop *loop, void *data);

/* NULL, and errno says why. */
static post *post_of(leat_loop *loop)
{
	lt_slot *slot = lt_loop_slot(loop, LT_SLOT_SIGNALS);
	post *p = slot->data;

	if (p)
		return p;
	p = lt_mem_alloc(&loop->mem, sizeof *p);
	if (!p)
		errno = ENOMEM;
	else if (!open_post(loop, p)) {
		lt_mem_release(&loop->mem, p);
		p = NULL;
	}
	*slot = (lt_slot){ .data = p, .end = end_post };
	return p;
}

/* The one that was here is left to the parent. */
static bool reopen_post(post *p)
{
	post anew;

	if (!open_post(p->loop, &anew))
		return false;
	event_del(&p->event);
	close(p->fd);
	p->fd = anew.fd;
	p->seat = anew.seat;
	event_assign(&p->event, p->loop->base, p->fd, EV_READ | EV_PERSIST, on_arrival, p);
	return p->waiting == 0 || event_add(&p->event, NULL) == 0;
}

/* ---- who listens ---- */

static void unwant(leat_signals *s, size_t count)
{
	while (count > 0)
		lt_seat_unwant(s->post->seat, s->of[--count].number);
}

/* 0, or an errno. */
static int want(leat_signals *s)
{
	for (size_t i = 0; i < s->count; i++) {
		int error = lt_seat_want(s->post->seat, s->of[i].number);

		if (error) {
			unwant(s, i);
			return error;
		}
		s->of[i].seen = lt_seat_count(s->post->seat, s->of[i].number);
	}
	return 0;
}

static void join(leat_signals *s)
{
	post *p = s->post;

	s->next = p->listeners;
	s->link = &p->listeners;
	if (s->next)
		s->next->link = &s->next;
	p->listeners = s;
}

/* What was before is set back. */
static void leave(leat_signals *s)
{
	post *p = s->post;

	if (!p)
		return;
	unwant(s, s->count);
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	s->post = NULL;
	if (!p->listeners)
		close_post(p);
}

static void release(leat_signals *s)
{
	leat_loop *loop = s->loop;

	if (!s->freed || s->held || s->spare)
		return;
	leave(s);
	lt_mem_release(&loop->mem, s);
	lt_loop_release(loop);
}

/* ---- waiting ---- */

static bool wait(leat_signals *s, leat_io *io)
{
	if (s->post->waiting == 0 && event_add(&s->post->event, NULL) < 0)
		return false;
	s->post->waiting++;
	s->waiter = io;
	return true;
}

static leat_io *stop_waiting(leat_signals *s)
{
	leat_io *io = s->waiter;

	if (io && --s->post->waiting == 0)
		event_del(&s->post->event);
	s->waiter = NULL;
	return io;
}

static struct wanted *find(leat_signals *s, int64_t number)
{
	struct wanted *at = s->of;

	while (at->number != number)
		at++;
	return at;
}

static void given_back(void *ctx, void *value)
{
	leat_signals *s = ctx;

	s->held = false;
	find(s, (int64_t)(intptr_t)value)->seen--;
	release(s);
}

static void delivered(void *ctx, void *value)
{
	leat_signals *s = ctx;

	(void)value;
	s->held = false;
	release(s);
}

static const leat_giver giver = { .size = sizeof(leat_giver), .give_back = given_back, .delivered = delivered };

/* One that has come since it was looked at; NULL: none. */
static struct wanted *arrived(leat_signals *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (lt_seat_count(s->post->seat, s->of[i].number) != s->of[i].seen)
			return &s->of[i];
	return NULL;
}

/* s may be gone after it. */
static void give(leat_signals *s, leat_io *io, struct wanted *wanted)
{
	lt_outcome outcome = { .type = &leat_int_type, .as.value.integer = wanted->number };

	wanted->seen++;
	if (s->once) {
		s->freed = true;
		lt_settle(s->loop, io, &outcome);
		release(s);
		return;
	}
	s->held = true;
	outcome.as.value.giver = &giver;
	outcome.as.value.giver_ctx = s;
	lt_settle(s->loop, io, &outcome);
}

static void look(leat_signals *s)
{
	struct wanted *wanted = s->waiter ? arrived(s) : NULL;

	if (wanted)
		give(s, stop_waiting(s), wanted);
}

static void on_arrival(evutil_socket_t fd, short what, void *arg)
{
	post *p = arg;
	leat_loop *loop = p->loop;
	uint64_t pokes;

	(void)what;
	(void)!read(fd, &pokes, sizeof pokes); /* how many is in the counters */
	lt_loop_enter(loop);
	for (leat_signals *s = p->listeners, *next; s; s = next) {
		next = s->next; /* the last to go takes the post along */
		look(s);
	}
	lt_loop_leave(loop);
}

/* ---- making ---- */

static leat_error error_of(int number, const char *where)
{
	return leat_error_make_at(&leat_errno_errors, number, where);
}

/* Once, however often it is named. */
static void name(leat_signals *s, int number)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->of[i].number == number)
			return;
	s->of[s->count++].number = number;
}

static leat_signals *allocate(leat_loop *loop, const int *numbers, size_t count, const char *where)
{
	size_t most = (SIZE_MAX - sizeof(leat_signals)) / sizeof(struct wanted);
	leat_signals *s = NULL;

	if (count <= most)
		s = lt_mem_zalloc(&loop->mem, sizeof *s + count * sizeof *s->of);
	static_assert(sizeof(leat_signals) <= LT_SPARE_BYTES, "fits");
	if (!s) {
		s = lt_loop_spare(loop, LT_SPARE_SIGNALS);
		lt_loop_hold(loop); /* each time that it is given: who has it may outlive the loop */
		*s = (leat_signals){ .loop = loop, .spare = true, .error = leat_error_core(LEAT_NOMEM) };
		return s;
	}
	lt_loop_hold(loop);
	s->loop = loop;
	s->where = where;
	for (size_t i = 0; i < count; i++)
		name(s, numbers[i]);
	return s;
}

static leat_error start(leat_signals *s)
{
	int error;

	if (lt_loop_closing(s->loop))
		return leat_error_make_at(&leat_core_errors, LEAT_CLOSED, s->where);
	if (s->count == 0)
		return error_of(EINVAL, s->where);
	s->post = post_of(s->loop);
	if (!s->post)
		return error_of(errno, s->where);
	error = want(s);
	if (!error) {
		join(s);
		return (leat_error){ 0 };
	}
	if (!s->post->listeners)
		close_post(s->post);
	s->post = NULL;
	return error_of(error, s->where);
}

leat_signals *leat_signals_new_at(leat_loop *loop, const int *numbers, size_t count, const char *where)
{
	leat_signals *s = allocate(loop, numbers, count, where);

	if (!s->spare)
		s->error = start(s);
	return s;
}

/* ---- the ios ---- */

typedef struct leaf_state {
	leat_signals *signals;
} leaf_state;

static void next_cancel(void *state)
{
	stop_waiting(((leaf_state *)state)->signals);
}

static void signal_cancel(void *state)
{
	leat_signals *s = ((leaf_state *)state)->signals;

	stop_waiting(s);
	leat_signals_free(s);
}

static int signals_describe(const void *state, char *out, size_t room)
{
	const leat_signals *s = ((const leaf_state *)state)->signals;
	size_t used = (size_t)snprintf(out, room, "number");

	for (size_t i = 0; i < s->count && used < room; i++)
		used += (size_t)snprintf(out + used, room - used, i ? ", %d" : " %d", s->of[i].number);
	return (int)used;
}

static const leat_leaf next_leaf = {
	.size = sizeof(leat_leaf), .name = "signals", .state_bytes = sizeof(leaf_state), .cancel = next_cancel,
	.describe = signals_describe
};
static const leat_leaf signal_leaf = {
	.size = sizeof(leat_leaf), .name = "signal", .state_bytes = sizeof(leaf_state), .cancel = signal_cancel,
	.describe = signals_describe
};

static leat_io *begin(leat_signals *s, const leat_leaf *leaf, const char *where)
{
	struct wanted *wanted = arrived(s);
	leat_maker maker;
	void *state;
	leat_io *io = leat_io_new_at(s->loop, &maker, leaf, &state, where);

	if (state)
		((leaf_state *)state)->signals = s;
	if (state && wanted) {
		give(s, io, wanted);
		return io;
	}
	if (state && wait(s, io))
		return io;
	if (state)
		lt_settle_error(s->loop, io, leat_error_core(LEAT_NOMEM));
	if (s->once)
		leat_signals_free(s);
	return io;
}

leat_io *leat_signals_next_at(leat_signals *s, const char *where)
{
	if (!s->post)
		return leat_io_fail_at(s->loop, s->error, where);
	if (s->waiter || s->held)
		return leat_io_fail_at(s->loop, leat_error_make_at(&leat_core_errors, LEAT_BUSY, where), where);
	return begin(s, &next_leaf, where);
}

leat_io *leat_signal_at(leat_loop *loop, int number, const char *where)
{
	leat_signals *s = leat_signals_new_at(loop, &number, 1, where);
	leat_io *io;

	if (leat_error_set(s->error)) {
		io = leat_io_fail_at(loop, s->error, where);
		leat_signals_free(s);
		return io;
	}
	s->once = true;
	return begin(s, &signal_leaf, where);
}

/* ---- ending ---- */

static void fail(leat_signals *s, leat_error error)
{
	leat_io *io = stop_waiting(s);

	if (io)
		lt_settle_error(s->loop, io, error);
}

leat_error leat_signals_error(const leat_signals *s)
{
	return s->error;
}

void leat_signals_free(leat_signals *s)
{
	if (!s)
		return;
	if (s->spare) {
		lt_loop_release(s->loop);
		return;
	}
	fail(s, leat_error_core(LEAT_CLOSED));
	leave(s);
	s->freed = true;
	release(s);
}

/* What came before the fork and was not told is the parent's. */
bool lt_signals_after_fork(leat_loop *loop)
{
	post *p = lt_loop_slot(loop, LT_SLOT_SIGNALS)->data;
	bool ok = !p || reopen_post(p);

	for (leat_signals *s = p ? p->listeners : NULL; s && ok; s = s->next)
		ok = want(s) == 0;
	return ok;
}

/* The loop ends: who still listens is a shell from now on. */
static void end_post(leat_loop *loop, void *data)
{
	post *p = data;
	leat_signals *s = p->listeners;

	while (s) {
		leat_signals *next = s->next;

		if (!s->freed)
			lt_loop_report(loop, "still held at the end of the loop: signals made at %s", s->where);
		s->error = leat_error_core(LEAT_CLOSED);
		leave(s);
		s = next;
	}
}

/* SPDX-License-Identifier: ISC */
/* child - another program, its standard streams as flows, its end as an io
 *
 * While it runs it has a watch: an event on its pidfd, which is readable when it
 * has ended.  Where the kernel has none, or descriptors ran out, a timer asks,
 * ever more seldom, while somebody waits or nobody ever will.  SIGCHLD is nobody's
 * business here.
 *
 * Users and pending waits are counted in refs.  A child without any stays in its
 * loop's list until it was reaped.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <leat/child.h>

#include "flow/flow.h"
#include "io/io.h"
#include "net/net.h"
#include "net/spawn.h"

enum { PAUSE_MS = 1, PAUSE_MOST_MS = 100 };

typedef struct watch {
	struct event event;
	leat_child *child;
	lt_timer timer;
	int64_t pause_ms;
	int pidfd; /* -1: the timer asks */
} watch;

typedef struct waiting {
	leat_child *child;
	struct waiting *next, **link;
} waiting;

struct leat_child {
	leat_loop *loop;
	const char *where;
	watch *watch; /* NULL: it does not run */
	void *next, **link; /* those of the loop that run: its slot is a void * */
	waiting *waits;
	leat_flow *flows[3];
	leat_error error;   /* stillborn; or why a wait fails */
	leat_error unborn;  /* stillborn */
	int64_t status;
	uint32_t refs;
	pid_t pid, owner;   /* owner: who started it; after fork somebody else */
	int drop_signal;
	bool group;         /* its own: killed together */
	bool readerless;    /* counted as such by the loop */
	bool spare;         /* lives in the loop: never freed */
};

/* ---- the end of all ---- */

static void unref_flows(leat_child *c)
{
	for (int i = 0; i < 3; i++) {
		leat_flow *flow = c->flows[i];

		c->flows[i] = NULL;
		leat_flow_unref(flow);
	}
}

static void release(leat_child *c)
{
	leat_loop *loop = c->loop;

	if (c->refs > 0 || c->watch || c->spare)
		return;
	lt_mem_release(lt_loop_mem(loop), c);
	lt_loop_release(loop);
}

/* ---- signals ---- */

static int send_one(leat_child *c, int number)
{
#ifdef SYS_pidfd_send_signal
	if (c->watch->pidfd >= 0)
		return (int)syscall(SYS_pidfd_send_signal, c->watch->pidfd, number, NULL, 0);
#endif
	return kill(c->pid, number);
}

static int send_signal(leat_child *c, int number)
{
	if (getpid() != c->owner)
		return EPERM;
	if (c->group ? kill(-c->pid, number) < 0 : send_one(c, number) < 0)
		return errno;
	return 0;
}

/* Nobody wants it any more. */
static void dropped(leat_child *c)
{
	int number = c->drop_signal;

	c->drop_signal = 0;
	if (c->watch && number)
		send_signal(c, number);
}

/* ---- while it runs ---- */

/* An event that nobody waits for must not hide a deadlock. */
static void count_reader(leat_child *c)
{
	bool readerless = c->watch && c->watch->pidfd >= 0 && !c->waits;

	if (readerless != c->readerless)
		lt_loop_readerless(c->loop, readerless ? 1 : -1);
	c->readerless = readerless;
}

static void end_watch(leat_child *c)
{
	watch *w = c->watch;

	*c->link = c->next;
	if (c->next)
		((leat_child *)c->next)->link = c->link;
	lt_timer_stop(c->loop, &w->timer);
	if (w->pidfd >= 0) {
		event_del(&w->event);
		close(w->pidfd);
	}
	c->watch = NULL;
	c->pid = 0;
	count_reader(c);
	lt_mem_release(lt_loop_mem(c->loop), w);
}

static bool ask_later(watch *w)
{
	leat_loop *loop = w->child->loop;
	int64_t pause_ms = w->pause_ms;

	w->pause_ms = 2 * pause_ms < PAUSE_MOST_MS ? 2 * pause_ms : PAUSE_MOST_MS;
	return lt_timer_start(loop, &w->timer, lt_loop_after_ms(loop, pause_ms));
}

/* Who waits for it, or has it, is another.  False: no memory to ask later. */
static bool attend(leat_child *c)
{
	watch *w = c->watch;
	bool must_ask = w && w->pidfd < 0 && (c->waits || c->refs == 0);

	count_reader(c);
	if (!w || w->pidfd >= 0 || must_ask == (w->timer.slot > 0))
		return true;
	lt_timer_stop(c->loop, &w->timer);
	w->pause_ms = PAUSE_MS;
	return !must_ask || ask_later(w);
}

static leat_io *cell_of(waiting *state)
{
	return (leat_io *)(void *)((char *)state - offsetof(leat_io, u.leaf.state));
}

static void enter(leat_child *c, waiting *w)
{
	*w = (waiting){ .child = leat_child_ref(c), .next = c->waits, .link = &c->waits };
	if (c->waits)
		c->waits->link = &w->next;
	c->waits = w;
}

static void leave(waiting *w)
{
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
}

static lt_outcome outcome_of(const leat_child *c)
{
	if (leat_error_set(c->error))
		return lt_failure(c->error);
	return (lt_outcome){ .type = &leat_int_type, .as.value.integer = c->status };
}

/* Tells all who wait; c may be gone after it. */
static void tell(leat_child *c)
{
	lt_outcome outcome = outcome_of(c);

	c->refs++;
	while (c->waits) {
		waiting *w = c->waits;

		leave(w);
		c->refs--;
		lt_settle(c->loop, cell_of(w), &outcome);
	}
	leat_child_unref(c);
}

static void keep_status(leat_child *c, pid_t got, int status)
{
	if (got < 0)
		c->error = leat_error_make_at(&leat_errno_errors, errno, c->where);
	else
		c->status = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* False: it goes on. */
static bool reap(leat_child *c)
{
	int status = 0;
	pid_t got;

	do
		got = waitpid(c->pid, &status, WNOHANG);
	while (got < 0 && errno == EINTR);
	if (got == 0)
		return false;
	keep_status(c, got, status);
	return true;
}

static void look(leat_child *c)
{
	if (!reap(c))
		return;
	end_watch(c);
	tell(c);
}

static void on_ended(evutil_socket_t fd, short what, void *arg)
{
	watch *w = arg;
	leat_loop *loop = w->child->loop;

	(void)fd;
	(void)what;
	lt_loop_enter(loop);
	look(w->child);
	lt_loop_leave(loop);
}

static void on_time(lt_timer *timer)
{
	watch *w = (watch *)(void *)((char *)timer - offsetof(watch, timer));

	ask_later(w); /* has a place: it was there just now */
	look(w->child);
}

/* ---- starting ---- */

static int open_pidfd(pid_t pid)
{
#ifdef SYS_pidfd_open
	return (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself */
#else
	(void)pid;
	return -1;
#endif
}

static void watch_it(leat_child *c)
{
	watch *w = c->watch;

	w->pidfd = open_pidfd(c->pid);
	if (w->pidfd < 0)
		return;
	event_assign(&w->event, leat_loop_base(c->loop), w->pidfd, EV_READ | EV_PERSIST, on_ended, w);
	if (event_add(&w->event, NULL) == 0)
		return;
	close(w->pidfd);
	w->pidfd = -1;
}

static void end_children(leat_loop *loop, void *data);

static void join(leat_child *c)
{
	lt_slot *slot = lt_loop_slot(c->loop, LT_SLOT_CHILDREN);

	slot->end = end_children;
	c->next = slot->data;
	c->link = &slot->data;
	if (c->next)
		((leat_child *)c->next)->link = &c->next;
	slot->data = c;
}

static leat_error error_of(int number, const char *where)
{
	if (number == EAGAIN) /* processes ran out */
		return leat_error_make_at(&leat_core_errors, LEAT_LIMIT, where);
	return leat_error_make_at(&leat_errno_errors, number, where);
}

/* Takes our ends. */
static leat_error make_flows(leat_child *c, int ours[3])
{
	leat_error error = { .domain = NULL };

	for (int i = 0; i < 3; i++) {
		if (ours[i] < 0)
			continue;
		c->flows[i] = leat_flow_from_fd_at(c->loop, ours[i], c->where);
		if (c->flows[i]->bits & LT_F_STILLBORN)
			error = lt_flow_refusal(c->flows[i]);
	}
	return error;
}

static leat_error run(leat_child *c, const char *const *argv, const leat_child_options *options, const int theirs[3])
{
	int error = lt_spawn(argv, options, theirs, &c->pid);

	if (error)
		return error_of(error, c->where);
	c->owner = getpid();
	c->group = options->new_session || options->group < 0;
	c->drop_signal = options->drop_signal;
	watch_it(c);
	join(c);
	attend(c);
	return (leat_error){ .domain = NULL };
}

static leat_error start(leat_child *c, const char *const *argv, const leat_child_options *options)
{
	lt_streams streams;
	leat_error error;
	int number;

	lt_orphans_reap();
	if (lt_loop_closing(c->loop))
		return leat_error_make_at(&leat_core_errors, LEAT_CLOSED, c->where);
	number = lt_streams_open(&streams, options);
	if (number)
		return error_of(number, c->where);
	error = make_flows(c, streams.ours);
	if (!leat_error_set(error))
		error = run(c, argv, options, streams.theirs);
	lt_streams_close(streams.theirs);
	return error;
}

static leat_child *spare(leat_loop *loop)
{
	leat_child *c = lt_loop_spare(loop, LT_SPARE_CHILD);

	static_assert(sizeof(leat_child) <= LT_SPARE_BYTES, "fits");
	if (c->refs > 0)
		return leat_child_ref(c);
	lt_loop_hold(loop);
	*c = (leat_child){ .loop = loop, .spare = true, .refs = 1, .unborn = leat_error_core(LEAT_NOMEM) };
	return c;
}

static leat_child *allocate(leat_loop *loop, const char *where)
{
	leat_child *c = lt_mem_zalloc(lt_loop_mem(loop), sizeof *c);
	watch *w = lt_mem_zalloc(lt_loop_mem(loop), sizeof *w);

	if (!c || !w) {
		lt_mem_release(lt_loop_mem(loop), c);
		lt_mem_release(lt_loop_mem(loop), w);
		return NULL;
	}
	*c = (leat_child){ .loop = loop, .where = where, .watch = w, .refs = 1 };
	*w = (watch){ .child = c, .timer.fire = on_time, .pause_ms = PAUSE_MS, .pidfd = -1 };
	lt_loop_hold(loop);
	return c;
}

leat_child *leat_child_new_at(leat_loop *loop, const char *const *argv, const leat_child_options *given,
                              const char *where)
{
	leat_child *c = allocate(loop, where);
	leat_child_options options;

	if (!c)
		return spare(loop);
	lt_must_have_size(given, leat_child_options);
	lt_options_take(&options, sizeof options, given);
	c->unborn = start(c, argv, &options);
	if (leat_error_set(c->unborn)) {
		unref_flows(c);
		lt_mem_release(lt_loop_mem(loop), c->watch);
		c->watch = NULL;
		c->pid = 0;
	}
	return c;
}

/* ---- the handle ---- */

leat_child *leat_child_ref(leat_child *c)
{
	c->refs++;
	return c;
}

void leat_child_unref(leat_child *c)
{
	if (!c || --c->refs > 0)
		return;
	if (c->spare) {
		unref_flows(c);
		lt_loop_release(c->loop);
		return;
	}
	dropped(c);
	unref_flows(c);
	if (!attend(c)) {
		lt_orphans_add(c->pid);
		end_watch(c);
	}
	release(c);
}

leat_error leat_child_error(const leat_child *c)
{
	return c->unborn;
}

int leat_child_pid(const leat_child *c)
{
	return c->pid;
}

leat_error leat_child_kill(leat_child *c, int number)
{
	int error;

	if (!c->watch)
		return leat_error_set(c->unborn) ? c->unborn : leat_error_core(LEAT_CLOSED);
	error = send_signal(c, number);
	return error ? leat_error_errno(error) : (leat_error){ .domain = NULL };
}

static leat_flow *stream(leat_child *c, int i)
{
	if (!c->flows[i] && c->spare)
		c->flows[i] = lt_flow_spare(c->loop);
	if (!c->flows[i])
		c->flows[i] = leat_flow_stillborn(c->loop, leat_error_set(c->unborn) ? c->unborn :
		                                           leat_error_make_at(&leat_core_errors, LEAT_INVALID, c->where));
	return c->flows[i];
}

leat_flow *leat_child_in(leat_child *c)
{
	return stream(c, 0);
}

leat_flow *leat_child_out(leat_child *c)
{
	return stream(c, 1);
}

leat_flow *leat_child_err(leat_child *c)
{
	return stream(c, 2);
}

/* ---- waiting ---- */

static void wait_cancel(void *state)
{
	waiting *w = state;
	leat_child *c = w->child;

	leave(w);
	attend(c);
	if (!c->waits)
		dropped(c);
	leat_child_unref(c);
}

static int wait_describe(const void *state, char *out, size_t room)
{
	const leat_child *c = ((const waiting *)state)->child;

	return snprintf(out, room, "made at %s, pid %d", c->where, (int)c->pid);
}

static const leat_leaf wait_leaf = {
	.size = sizeof(leat_leaf), .name = "child", .state_bytes = sizeof(waiting), .cancel = wait_cancel,
	.describe = wait_describe
};
static_assert(sizeof(waiting) <= 24, "fits a cell");

leat_io *leat_child_wait_at(leat_child *c, const char *where)
{
	leat_maker maker;
	void *state;
	leat_io *io;

	if (leat_error_set(c->unborn))
		return leat_io_fail_at(c->loop, c->unborn, where);
	if (!c->watch)
		return leat_error_set(c->error) ? leat_io_fail_at(c->loop, c->error, where) :
		                                  leat_io_int_at(c->loop, c->status, where);
	io = leat_io_new_at(c->loop, &maker, &wait_leaf, &state, where);
	if (!state)
		return io;
	enter(c, state);
	if (attend(c))
		return io;
	leave(state);
	c->refs--;
	lt_settle_error(c->loop, io, leat_error_core(LEAT_NOMEM));
	return io;
}

/* ---- the loop ends ---- */

static void orphan(leat_child *c)
{
	pid_t pid = c->pid;
	bool ours = getpid() == c->owner;

	if (c->refs > 0)
		lt_loop_report(c->loop, "still held at the end of the loop: a child made at %s", c->where);
	dropped(c);
	c->error = leat_error_make_at(&leat_core_errors, LEAT_CLOSED, c->where);
	if (ours && !reap(c))
		lt_orphans_add(pid);
	end_watch(c);
	release(c);
}

static void end_children(leat_loop *loop, void *data)
{
	leat_child *c = data;

	(void)loop;
	while (c) {
		leat_child *next = c->next;

		orphan(c);
		c = next;
	}
	lt_orphans_reap();
}

/* SPDX-License-Identifier: ISC */
/* child_watch - whether a child still runs, and signals to it
 *
 * While it runs it has a watch: an event on its pidfd, which is readable when it
 * has ended.  Where the kernel has none, or descriptors ran out, a timer asks,
 * ever more seldom, while somebody waits or nobody ever will.  SIGCHLD is nobody's
 * business here.
 */
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/child.h"

enum { PAUSE_MS = 1, PAUSE_MOST_MS = 100 };

/* ---- signals ---- */

static int send_one(leat_child *c, int number)
{
#ifdef SYS_pidfd_send_signal
	if (c->watch->pidfd >= 0)
		return (int)syscall(SYS_pidfd_send_signal, c->watch->pidfd, number, NULL, 0);
#endif
	return kill(c->pid, number);
}

int lt_child_signal(leat_child *c, int number)
{
	if (getpid() != c->owner)
		return EPERM;
	if (c->group ? kill(-c->pid, number) < 0 : send_one(c, number) < 0)
		return errno;
	return 0;
}

void lt_child_dropped(leat_child *c)
{
	int number = c->drop_signal;

	c->drop_signal = 0;
	if (c->watch && number)
		lt_child_signal(c, number);
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

void lt_child_end_watch(leat_child *c)
{
	lt_child_watcher *w = c->watch;

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

static bool ask_later(lt_child_watcher *w)
{
	leat_loop *loop = w->child->loop;
	int64_t pause_ms = w->pause_ms;

	w->pause_ms = 2 * pause_ms < PAUSE_MOST_MS ? 2 * pause_ms : PAUSE_MOST_MS;
	return lt_timer_start(loop, &w->timer, lt_loop_after_ms(loop, pause_ms));
}

bool lt_child_attend(leat_child *c)
{
	lt_child_watcher *w = c->watch;
	bool must_ask = w && w->pidfd < 0 && (c->waits || c->refs == 0);

	count_reader(c);
	if (!w || w->pidfd >= 0 || must_ask == (w->timer.slot > 0))
		return true;
	lt_timer_stop(c->loop, &w->timer);
	w->pause_ms = PAUSE_MS;
	return !must_ask || ask_later(w);
}

static void keep_status(leat_child *c, pid_t got, int status)
{
	if (got < 0)
		c->error = leat_error_make_at(&leat_errno_errors, errno, c->where);
	else
		c->status = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

bool lt_child_reap(leat_child *c)
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
	if (!lt_child_reap(c))
		return;
	lt_child_end_watch(c);
	lt_child_tell(c);
}

static void on_ended(evutil_socket_t fd, short what, void *arg)
{
	lt_child_watcher *w = arg;
	leat_loop *loop = w->child->loop;

	(void)fd;
	(void)what;
	lt_loop_enter(loop);
	look(w->child);
	lt_loop_leave(loop);
}

static void on_time(lt_timer *timer)
{
	lt_child_watcher *w = (lt_child_watcher *)(void *)((char *)timer - offsetof(lt_child_watcher, timer));

	ask_later(w); /* has a place: it was there just now */
	look(w->child);
}

void lt_child_watcher_init(lt_child_watcher *w, leat_child *child)
{
	*w = (lt_child_watcher){ .child = child, .timer.fire = on_time, .pause_ms = PAUSE_MS, .pidfd = -1 };
}

static int open_pidfd(pid_t pid)
{
#ifdef SYS_pidfd_open
	return (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself */
#else
	(void)pid;
	return -1;
#endif
}

void lt_child_watch(leat_child *c)
{
	lt_child_watcher *w = c->watch;

	w->pidfd = open_pidfd(c->pid);
	if (w->pidfd < 0)
		return;
	event_assign(&w->event, leat_loop_base(c->loop), w->pidfd, EV_READ | EV_PERSIST, on_ended, w);
	if (event_add(&w->event, NULL) == 0)
		return;
	close(w->pidfd);
	w->pidfd = -1;
}

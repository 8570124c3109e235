/* SPDX-License-Identifier: ISC */
/* afterfork - a child of fork and the loops it finds in its memory
 *
 * What a loop waits with is the parent's, too: an epoll set that is changed
 * in the child is changed for both, what is written to a socket is heard once.
 * So fork itself marks every loop of the process in the child, by flags that
 * are looked at anyway: a call on one costs nothing more, and is refused.
 * leat_loop_after_fork takes the marks off again, once the base is the child's
 * own.  Only the thread that forked is there: the loops of others were perhaps
 * in the middle of something, and stay as they are for ever.
 */
#include <event2/event.h>
#include <leat/thread.h>

#include "io/remote.h"

/* The process's, as fork is; leat(7) names the others. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static leat_loop *youngest;

/* ---- fork ---- */

static void lose_residents(leat_loop *loop, bool lost)
{
	for (int kind = 0; kind < LT_RESIDENT_KINDS; kind++) {
		lt_residents *residents = &loop->residents[kind];
		lt_resident *at = residents->head.next, *next;

		for (; residents->forked && at != &residents->head; at = next) {
			next = at->next;
			residents->forked(at, lost);
		}
	}
}

/* Writes memory, and calls nothing: other threads are gone with their locks. */
static void lose(leat_loop *loop)
{
	bool own = pthread_equal(loop->thread, pthread_self());

	if (loop->closing)
		return;
	loop->forked = loop->closing = true;
	loop->was_razing = loop->razing;
	loop->razing = true; /* cancels wait */
	lt_remote_lose(loop, own);
	if (own)
		lose_residents(loop, true);
}

static void before(void)
{
	pthread_mutex_lock(&lock);
}

static void in_parent(void)
{
	pthread_mutex_unlock(&lock);
}

static void in_child(void)
{
	for (leat_loop *loop = youngest; loop; loop = loop->older)
		lose(loop);
	pthread_mutex_unlock(&lock);
}

static void watch_forks(void)
{
	pthread_atfork(before, in_parent, in_child);
}

void lt_loop_register(leat_loop *loop)
{
	pthread_once(&once, watch_forks);
	pthread_mutex_lock(&lock);
	loop->older = youngest;
	if (youngest)
		youngest->younger = loop;
	youngest = loop;
	pthread_mutex_unlock(&lock);
}

void lt_loop_unregister(leat_loop *loop)
{
	pthread_mutex_lock(&lock);
	if (loop->younger)
		loop->younger->older = loop->older;
	else
		youngest = loop->older;
	if (loop->older)
		loop->older->younger = loop->younger;
	pthread_mutex_unlock(&lock);
}

/* ---- the child wants it ---- */

leat_error leat_loop_after_fork(leat_loop *loop)
{
	bool hears;

	if (!loop->forked)
		return (leat_error){ 0 };
	if (!pthread_equal(loop->thread, pthread_self()))
		return leat_error_core(LEAT_INVALID);
	if (event_reinit(loop->base) < 0)
		return leat_error_core(LEAT_LIMIT);
	loop->forked = loop->closing = false;
	hears = lt_signals_after_fork(loop);
	lt_remote_after_fork(loop);
	loop->razing = loop->was_razing;
	lose_residents(loop, false);
	if (!loop->razing)
		lt_io_raze_doomed(loop);
	return hears ? (leat_error){ 0 } : leat_error_core(LEAT_LIMIT);
}

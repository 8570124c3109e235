/* SPDX-License-Identifier: ISC */
/* child.h - a child: what runs, who watches it, who waits
 *
 * Users and pending waits are counted in refs.  A child without any stays in its
 * loop's list until it was reaped.
 */
#ifndef LT_NET_CHILD_H
#define LT_NET_CHILD_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/types.h>

#include <leat/child.h>

#include "io/io.h"

typedef struct lt_child_watcher {
	struct event event;
	leat_child *child;
	lt_timer timer;
	int64_t pause_ms;
	int pidfd; /* -1: the timer asks */
} lt_child_watcher;

typedef struct lt_child_waiting {
	leat_child *child;
	struct lt_child_waiting *next, **link;
} lt_child_waiting;

struct leat_child {
	leat_loop *loop;
	const char *where;
	lt_child_watcher *watch; /* NULL: it does not run */
	void *next, **link; /* those of the loop that run: its slot is a void * */
	lt_child_waiting *waits;
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

/* ---- child_watch.c ---- */
/* What begins to watch it, and asks where nothing tells. */
void lt_child_watcher_init(lt_child_watcher *watcher, leat_child *child);
/* It runs by now. */
void lt_child_watch(leat_child *c);
void lt_child_end_watch(leat_child *c);
/* Who waits for it, or has it, is another.  False: no memory to ask later. */
bool lt_child_attend(leat_child *c);
/* False: it goes on. */
bool lt_child_reap(leat_child *c);
/* Gives an errno, or 0. */
int lt_child_signal(leat_child *c, int number);
/* Nobody wants it any more. */
void lt_child_dropped(leat_child *c);

/* ---- child_wait.c ---- */
/* Tells all who wait; c may be gone after it. */
void lt_child_tell(leat_child *c);

#endif

/* SPDX-License-Identifier: ISC */
/* spawn.h - a new process, and its descriptors */
#ifndef LT_NET_SPAWN_H
#define LT_NET_SPAWN_H

#include <sys/types.h>

#include <leat/child.h>

/* Both ends of a child's standard streams; -1: none. */
typedef struct lt_streams {
	int theirs[3], ours[3];
} lt_streams;

/* Opens what the options ask for.  0, or an errno: then nothing is open. */
int lt_streams_open(lt_streams *streams, const leat_child_options *options);
/* Closes one side, from one of them on. */
void lt_streams_close(int side[3]);

/* Starts it; 0, or an errno, that of its execve included. */
int lt_spawn(const char *const *argv, const leat_child_options *options, const int theirs[3], pid_t *pid);

/* Reaps what has ended by itself of those that outlived their loops, as every
 * start of a child and every end of a loop with children does. */
void lt_orphans_reap(void);
/* Leaves one to be reaped there. */
void lt_orphans_add(pid_t pid);

#endif

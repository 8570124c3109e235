/* SPDX-License-Identifier: ISC */
/* net.h - what the transports of this floor share */
#ifndef LT_NET_NET_H
#define LT_NET_NET_H

#include <sys/types.h>

#include <leat/net.h>
#include <leat/options.h>

#include "base/abort.h"
#include "base/addr.h"

extern const leat_scheme lt_tcp_scheme, lt_unix_scheme;

/* ---- sockets (socket.c): the calls that both ends make ---- */

typedef struct lt_tuning {
	bool nagle, keepalive;
	uint32_t keepalive_s;
} lt_tuning;
/* A nonblocking stream socket; -1 and *error. */
int lt_socket_open(int family, leat_error *error);
/* Sets what the family knows of it.  On a listening socket: what Linux hands
 * down to those it accepts. */
leat_error lt_socket_tune(int fd, int family, const lt_tuning *tuning);
leat_error lt_socket_set(int fd, int level, int option, int value);
leat_addr lt_socket_addr(int fd);

/* ---- connecting (connect.c) ---- */
leat_io *lt_connect(leat_loop *loop, const leat_addr *addr, const leat_connect_options *options, const char *where);

/* ---- listening (accept.c) ---- */

/* The file of a unix listener, to be removed at its close. */
typedef struct lt_path {
	leat_addr addr; /* none: nothing to remove */
	dev_t device;
	ino_t inode;
	pid_t owner; /* who made it: to a child of fork it is its parent's */
} lt_path;
/* Takes a socket that listens, nonblocking. */
leat_listener *lt_accept_on(leat_loop *loop, int fd, const leat_listen_options *options, const lt_path *path,
                            const char *where);
/* Closes a socket that cannot be listened on (-1: there is none); the listener is
 * stillborn with the error. */
leat_listener *lt_accept_never(leat_loop *loop, int fd, leat_error error);
/* Removes the file where it is still the one that was bound, and by this process. */
void lt_path_remove(const lt_path *path);

#endif

/* SPDX-License-Identifier: ISC */
/* net - listening, connecting and serving
 *
 * An address is SCHEME:REST, as leat_addr_parse reads it: "tcp:127.0.0.1:80",
 * "tcp:[::1]:0" (the kernel chooses the port), "unix:/run/x",
 * "unix:@abstract".  A loop knows "tcp" and "unix"; others are added.
 */
#ifndef LEAT_NET_H
#define LEAT_NET_H

#include <leat/addr.h>
#include <leat/api.h>
#include <leat/flow.h>
#include <leat/io.h>
#include <leat/listener.h>

LEAT_BEGIN

typedef struct leat_connect_options {
	size_t size;
	int64_t timeout_ms;      /* 0: the kernel's own; then TIMEOUT */
	bool nagle;              /* true: TCP_NODELAY off */
	bool keepalive;          /* SO_KEEPALIVE */
	uint32_t keepalive_s;    /* silence before the first probe, at most 32767; 0: the system's */
} leat_connect_options;

typedef struct leat_listen_options {
	size_t size;
	int backlog;             /* 0: SOMAXCONN */
	bool no_reuse_address;   /* SO_REUSEADDR is on unless this is set */
	bool reuse_port;         /* SO_REUSEPORT */
	bool nagle;
	bool keepalive;
	uint32_t keepalive_s;
	bool v6_only;            /* for "tcp:[::]:..." */
	bool keep_path;          /* unix: do not remove the path at close */
	int64_t retry_ms;        /* after descriptors ran out; 0: 100 */
} leat_listen_options;

/* Resolves with the connected leat_flow.  Fails with INVALID or LIMIT (the
 * address: which part of it, see addr.h), REFUSED, UNREACHABLE, TIMEOUT, NOT_FOUND
 * (no such path), DENIED, LIMIT (descriptors).  Cancelling closes what was made. */
#define leat_connect(...) leat_connect_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_connect_at(leat_loop *loop, const char *address,
                                                 const leat_connect_options *options, const char *where);
#define leat_connect_addr(...) leat_connect_addr_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_connect_addr_at(leat_loop *loop, const leat_addr *addr,
                                                      const leat_connect_options *options, const char *where);

/* Gives a listener; stillborn with INVALID, LIMIT, IN_USE, DENIED, ...  A
 * "unix:" path is made with the umask's mode; one that is there is an error,
 * unless nobody listens on it.  The close removes it, in the process that made
 * it: not in a child of fork, which leaves it also where the parent has gone. */
#define leat_listen(...) leat_listen_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_listener *leat_listen_at(leat_loop *loop, const char *address,
                                                      const leat_listen_options *options, const char *where);
/* On a socket that listens already (socket activation): takes it; INVALID if
 * it does not listen, or not for streams.  What was said where it was bound holds: of the options
 * nagle, keepalive, retry_ms and a backlog other than 0 are heeded, and a path
 * is kept. */
#define leat_listen_fd(...) leat_listen_fd_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_listener *leat_listen_fd_at(leat_loop *loop, int fd, const leat_listen_options *options,
                                                         const char *where);

/* The life of one connection: the flow is lent until the io that it gives
 * settles; a call that takes a flow gets leat_flow_ref(flow), else it aborts.
 * NULL: done. */
typedef leat_io *(*leat_handler)(void *ctx, leat_flow *flow);

typedef struct leat_serve_options {
	size_t size;
	size_t max_connections;  /* 0: as many as there are descriptors */
	/* a handler failed; its flow is aborted after this, and serving goes
	 * on; may cancel the serve.  NULL: the failure is unhandled, see
	 * leat_loop_options */
	void (*failed)(void *ctx, leat_flow *flow, leat_error error);
	leat_flow_limits limits; /* for each flow; size 0: the defaults */
} leat_serve_options;

/* Accepts for ever, each flow given to the handler; when the handler's io
 * succeeds the flow is closed, when it fails the flow is aborted.  Takes the
 * listener's reference.  Resolves with nothing when the listener was closed
 * and the last connection has ended; fails as an accept does, once the last
 * connection has ended, but tries again where that was for want of memory.
 * Cancelling it closes the listener, cancels the handlers and aborts their
 * flows.  Grace: leat_listener_close, then leat_io_timeout on it. */
#define leat_serve(...) leat_serve_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_serve_at(leat_listener *listener, const leat_serve_options *options,
                                               leat_handler handler, void *ctx, const char *where);

/* A transport that leat_connect and leat_listen know by its name. */
typedef struct leat_scheme {
	size_t size;
	const char *name; /* "tcp" */
	/* `rest` is what follows "NAME:"; NULL where it cannot */
	leat_io *(*connect)(leat_loop *loop, const char *rest, const leat_connect_options *options, const char *where);
	leat_listener *(*listen)(leat_loop *loop, const char *rest, const leat_listen_options *options,
	                         const char *where);
} leat_scheme;
/* Makes it known to the loop, before those of the same name that are known
 * already; the struct is static.  NOMEM or no error. */
LEAT_API leat_error leat_loop_add_scheme(leat_loop *loop, const leat_scheme *scheme);

LEAT_END
#endif

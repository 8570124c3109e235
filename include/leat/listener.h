/* SPDX-License-Identifier: ISC */
/* listener - where flows come in
 *
 * The handle is counted as a flow's is.  A listener that cannot be made is
 * stillborn: accept and serve fail with the reason.
 */
#ifndef LEAT_LISTENER_H
#define LEAT_LISTENER_H

#include <leat/addr.h>
#include <leat/api.h>
#include <leat/error.h>
#include <leat/flow.h>
#include <leat/io.h>

LEAT_BEGIN

/* Resolves with the next leat_flow.  One accept at a time: BUSY.  Cancelling
 * loses no connection: the next accept gets it.  CLOSED after close. */
#define leat_accept(listener) leat_accept_at((listener), LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_accept_at(leat_listener *listener, const char *where);
/* Stops listening at once: pending accepts fail with CLOSED, what nobody
 * accepted is aborted.  Again: nothing. */
LEAT_API void leat_listener_close(leat_listener *listener);
LEAT_API leat_listener *leat_listener_ref(leat_listener *listener);
/* The last one closes and frees; NULL is let be. */
LEAT_API void leat_listener_unref(leat_listener *listener);
LEAT_API leat_loop *leat_listener_loop(const leat_listener *listener);
/* Where it listens, the port the kernel chose included; none for a
 * stillborn. */
LEAT_API leat_addr leat_listener_addr(const leat_listener *listener);
/* Why it is stillborn or closed; no error while it listens. */
LEAT_API leat_error leat_listener_error(const leat_listener *listener);

/* ---- making a listener of your own ---- */

typedef struct leat_listener_ops {
	size_t size;
	const char *name;
	size_t state_bytes;
	/* A flow is wanted: answer once, now or later, with
	 * leat_listener_give or _give_error.  Not called again before that or
	 * before pause.  What is given beyond that is kept in order, without
	 * bound: a transport that brings many in one go stops at the first.
	 * It must be there; the others may be NULL. */
	void (*accept)(leat_listener *self, void *state);
	/* Nobody wants one any more; accept is called again when somebody
	 * does.  An answer that comes nevertheless is kept for them.  NULL:
	 * nothing to do. */
	void (*pause)(leat_listener *self, void *state);
	/* Stop and free what the transport holds; once. */
	void (*close)(leat_listener *self, void *state);
	void (*addr)(const leat_listener *self, const void *state, leat_addr *addr);
} leat_listener_ops;

#define leat_listener_new(...) leat_listener_new_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_listener *leat_listener_new_at(leat_loop *loop, const leat_listener_ops *ops, void **state,
                                                            const char *where);
LEAT_API LEAT_NODISCARD leat_listener *leat_listener_stillborn(leat_loop *loop, leat_error error);
/* Takes the flow; a closed listener aborts it, and so does one that has no memory
 * to keep it beside others, which is reported. */
LEAT_API void leat_listener_give(leat_listener *self, leat_flow *flow);
/* An error that ends this accept; the listener goes on. */
LEAT_API void leat_listener_give_error(leat_listener *self, leat_error error);
/* Whether accept was called, and neither answered nor paused since. */
LEAT_API bool leat_listener_wanted(const leat_listener *self);

LEAT_END
#endif

/* SPDX-License-Identifier: ISC */
/* bridge.h - what the tests of bridges share: one end is a bufferevent's, used as by
 * code that knows nothing of leat, the other, `peer`, a flow's
 */
#ifndef TEST_FLOW_BRIDGE_H
#define TEST_FLOW_BRIDGE_H

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <sys/socket.h>

#include <leat/bridge.h>
#include <leat/buf.h>

#include "contract/kinds.h"
#include "support/tape.h"
#include "support/world.h"

struct user {
	struct bufferevent *bev; /* NULL: freed */
	const char *frees;       /* in the callback of that name */
	bool keeps;              /* what arrives stays in the input */
	size_t got;              /* bytes read */
	uint64_t sum;            /* of them, in order */
	short last;              /* event */
};

static inline uint64_t sum_of(uint64_t sum, const unsigned char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum = (sum ^ bytes[i]) * UINT64_C(1099511628211);
	return sum;
}

static inline void user_frees(struct user *user, const char *where)
{
	if (!user->frees || strcmp(user->frees, where) != 0 || !user->bev)
		return;
	bufferevent_free(user->bev);
	user->bev = NULL;
}

static inline void user_reads(struct bufferevent *bev, void *arg)
{
	struct user *user = arg;
	unsigned char bytes[4096];
	size_t n;

	tape_add("r");
	while (!user->keeps && (n = bufferevent_read(bev, bytes, sizeof bytes)) > 0) {
		user->got += n;
		user->sum = sum_of(user->sum, bytes, n);
	}
	user_frees(user, "read");
}

static inline void user_wrote(struct bufferevent *bev, void *arg)
{
	(void)bev;
	tape_add("w");
	user_frees(arg, "write");
}

static inline void user_hears(struct bufferevent *bev, short what, void *arg)
{
	int number = errno;
	struct user *user = arg;

	(void)bev;
	user->last = what;
	tape_addf("%s%s%s%s%s", what & BEV_EVENT_READING ? "R" : "", what & BEV_EVENT_WRITING ? "W" : "",
		what & BEV_EVENT_EOF ? "end" : "", what & BEV_EVENT_TIMEOUT ? "late" : "",
		what & BEV_EVENT_ERROR ? strerrorname_np(number) : "");
	user_frees(user, "event");
}

static inline void user_has(struct user *user, leat_flow *flow)
{
	*user = (struct user){ .bev = leat_bridge_new(flow) };
	if (user->bev)
		bufferevent_setcb(user->bev, user_reads, user_wrote, user_hears, user);
}

/* Turns both loops until neither has anything to do at once. */
static inline void settle(struct world *w)
{
	for (int quiet = 0; quiet < 4; quiet++) {
		if (leat_loop_run_ready(w->loop) > 0)
			quiet = -1;
		event_base_loop(w->base, EVLOOP_NONBLOCK);
		if (event_base_get_num_events(w->base, EVENT_BASE_COUNT_ACTIVE) > 0)
			quiet = -1;
	}
}

static inline void user_says(struct user *user, const char *text)
{
	expect_int(bufferevent_write(user->bev, text, strlen(text)), 0);
}

/* ---- the flows below: pair, socket, and a layer of the user's own over it ---- */

enum { OVER_PAIR, OVER_SOCKET, OVER_LAYER, OVER };

static inline void ends_of(struct world *w, int over, leat_flow *ends[2])
{
	int fds[2];

	if (over == OVER_PAIR) {
		leat_flow_pair(w->loop, ends);
		return;
	}
	expect_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	for (int i = 0; i < 2; i++) {
		ends[i] = leat_flow_from_fd(w->loop, fds[i]);
		if (over == OVER_LAYER)
			ends[i] = layer_over(w->loop, ends[i]);
	}
}

/* A bridge whose user reads, and the flow at the other end. */
static inline leat_flow *bridge(struct world *w, int over, struct user *user)
{
	leat_flow *ends[2];

	ends_of(w, over, ends);
	user_has(user, ends[0]);
	expect_some(user->bev);
	tape_clear();
	bufferevent_enable(user->bev, EV_READ);
	return ends[1];
}

static inline void free_user(struct user *user)
{
	if (user->bev)
		bufferevent_free(user->bev);
	user->bev = NULL;
}

/* ---- the peer ---- */

static inline leat_error failure(leat_io *io)
{
	leat_result result;
	leat_error error;

	leat_await(io, &result);
	error = leat_result_error(&result);
	leat_result_clear(&result);
	return error;
}

static inline void peer_says(leat_flow *peer, const char *text)
{
	expect_ok(failure(leat_flow_write(peer, text, strlen(text))));
}

static inline void peer_hears(leat_flow *peer, const char *text)
{
	char got[256];
	leat_result result;

	expect_true(leat_await(leat_flow_read_into(peer, got, strlen(text), strlen(text)), &result));
	expect_bytes(got, (size_t)leat_result_int(&result), text);
}

/* Reads to the end; gives the number of bytes, and their sum. */
static inline size_t peer_hears_all(leat_flow *peer, uint64_t *sum)
{
	size_t got = 0;
	leat_error why;
	leat_buf *buf;

	while ((buf = leat_await_buf(leat_flow_read(peer), &why))) {
		got += leat_buf_size(buf);
		*sum = sum_of(*sum, leat_buf_data(buf), leat_buf_size(buf));
		leat_buf_unref(buf);
	}
	expect_ok(why);
	return got;
}

/* Both close in order. */
static inline void part(struct world *w, struct user *user, leat_flow *peer)
{
	free_user(user);
	settle(w);
	expect_true(leat_await(leat_flow_close(peer), NULL));
	leat_flow_unref(peer);
	settle(w);
}

#endif

/* SPDX-License-Identifier: ISC */
/* door.h - what the tests of doors share: a loop, and a flow whose other end, `mine`, is
 * the test's
 */
#ifndef TEST_KIT_DOOR_H
#define TEST_KIT_DOOR_H

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <leat/leat.h>

#include "support/expect.h"

struct house {
	leat_loop *loop;
	struct event_base *base;
	leat_flow *mine, *theirs; /* what is said to one is heard at the other */
	int unhandled, still;
};

static inline void house_unhandled(void *ctx, const leat_unhandled *failure)
{
	struct house *h = ctx;

	(void)failure;
	h->unhandled++;
}

static inline void house_report(void *ctx, const char *line)
{
	struct house *h = ctx;

	(void)line;
	h->still++;
}

static inline void new_ends(struct house *h)
{
	leat_flow *ends[2];

	leat_flow_pair(h->loop, ends);
	h->mine = ends[0];
	h->theirs = ends[1];
}

static inline void house_open(struct house *h)
{
	leat_loop_options options = { .size = sizeof options, .unhandled = house_unhandled, .report = house_report, .ctx = h };

	*h = (struct house){ 0 };
	h->loop = leat_loop_new(NULL, &options);
	expect_some(h->loop);
	h->base = leat_loop_base(h->loop);
	new_ends(h);
}

static inline void house_close(struct house *h)
{
	leat_flow_unref(h->mine);
	leat_flow_unref(h->theirs);
	for (int i = 0; i < 10; i++)
		event_base_loop(h->base, EVLOOP_NONBLOCK);
	expect_int(event_base_get_num_events(h->base, EVENT_BASE_COUNT_ADDED | EVENT_BASE_COUNT_ACTIVE), 0);
	leat_loop_free(h->loop);
	expect_int(h->unhandled, 0);
	expect_int(h->still, 0);
}

static inline leat_error failure(leat_io *io)
{
	leat_result result;
	leat_error error;

	leat_await(io, &result);
	error = leat_result_error(&result);
	leat_result_clear(&result);
	return error;
}

static inline leat_proxied proxied(leat_io *io)
{
	leat_result result;
	leat_proxied how;

	if (!leat_await(io, &result))
		expect_ok(leat_result_error(&result));
	how = leat_result_proxied(&result);
	leat_result_clear(&result);
	return how;
}

static inline void say(leat_flow *flow, const char *text)
{
	expect_ok(failure(leat_flow_write(flow, text, strlen(text))));
}

/* Reads to the end into memory that is freed by the caller, and ends with a 0. */
static inline char *hear_all(leat_flow *flow, size_t *bytes)
{
	char *all = NULL;
	leat_error why;
	leat_buf *buf;

	*bytes = 0;
	while ((buf = leat_await_buf(leat_flow_read(flow), &why))) {
		all = realloc(all, *bytes + leat_buf_size(buf) + 1);
		memcpy(all + *bytes, leat_buf_data(buf), leat_buf_size(buf));
		*bytes += leat_buf_size(buf);
		leat_buf_unref(buf);
	}
	expect_ok(why);
	if (all)
		all[*bytes] = '\0';
	return all;
}

static inline void hears_all(leat_flow *flow, const char *text)
{
	size_t bytes;
	char *all = hear_all(flow, &bytes);

	expect_bytes(all, bytes, text);
	free(all);
}

static inline int open_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

#endif

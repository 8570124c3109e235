/* SPDX-License-Identifier: ISC */
/* unwatched - the kernel will not watch a socket any more: who waits for it hears of it */
#include <dlfcn.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include <leat/flow.h>

#include "support/suite.h"
#include "support/world.h"

/* Of what epoll was told to watch, nothing is taken while this is set. */
static bool refuses;
static unsigned refused;

/* Seen by libevent, which is a library of its own. */
__attribute__((visibility("default"))) int epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
	static int (*real)(int, int, int, struct epoll_event *);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "epoll_ctl");
	if (refuses && op != EPOLL_CTL_DEL) {
		refused++;
		errno = ENOMEM;
		return -1;
	}
	return real(epoll, op, fd, event);
}

static void say_nothing(int severity, const char *words)
{
	(void)severity;
	(void)words;
}

static char much[8 << 20];

START_TEST(a_writer_that_cannot_wait_is_told_and_so_is_the_reader)
{
	struct world w;
	leat_io *reading, *writing;
	leat_result result;
	leat_flow *flow;
	int ends[2];

	world_open(&w);
	expect_int(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	event_set_log_callback(say_nothing);
	flow = leat_flow_from_fd(w.loop, ends[0]);
	reading = leat_flow_read(flow);
	expect_true(leat_await(leat_flow_write(flow, "x", 1), NULL));
	refuses = true;
	writing = leat_flow_write(flow, much, sizeof much);
	expect_false(leat_await(writing, &result));
	expect_kind(leat_result_error(&result), LEAT_NOMEM);
	expect_false(leat_await(reading, &result));
	expect_kind(leat_result_error(&result), LEAT_NOMEM);
	expect_true(refused > 0);
	refuses = false;
	leat_flow_unref(flow);
	close(ends[1]);
	event_set_log_callback(NULL);
	world_close(&w);
}
END_TEST

SUITE("unwatched", a_writer_that_cannot_wait_is_told_and_so_is_the_reader)

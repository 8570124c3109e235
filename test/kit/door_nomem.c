/* SPDX-License-Identifier: ISC */
/* door_nomem - each allocation of a visit failing in turn */
#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include <leat/bridge.h>
#include <leat/door.h>
#include <leat/proxy.h>

#include "support/starve.h"
#include "support/suite.h"

static void turns(struct world *w)
{
	for (int i = 0; i < 6; i++) {
		world_run(w);
		event_base_loop(w->base, EVLOOP_NONBLOCK);
	}
}

/* It ended, in order or for want of memory; where it goes on, it is cancelled. */
static void ends(leat_io *io)
{
	leat_result result;
	leat_error error;

	if (!leat_io_try(io, &result)) {
		leat_io_cancel(io);
		return;
	}
	error = leat_result_error(&result);
	leat_result_clear(&result);
	ck_assert_msg(!leat_error_set(error) || leat_error_is(error, LEAT_NOMEM), "it failed with %s",
		leat_kind_name(leat_error_kind(error)));
}

static void talk(struct world *w, leat_flow *flow, int *fd, int listening)
{
	leat_io_ignore(leat_flow_write(flow, "question", 8));
	turns(w);
	if (*fd < 0)
		*fd = accept(listening, NULL, NULL);
	if (*fd >= 0)
		close(*fd);
	leat_io_ignore(leat_flow_shutdown(flow, LEAT_WRITE));
	turns(w);
}

static void leave(struct world *w, leat_flow *flows[2])
{
	leat_flow_unref(flows[0]);
	leat_flow_unref(flows[1]);
	turns(w);
	w->unhandled = 0; /* of the closes that a proxy leaves behind */
}

static void visit(struct world *w)
{
	leat_flow *flows[2];
	leat_door door;
	leat_io *io;
	int fd = -1;

	expect_ok(leat_door_open(&door));
	leat_flow_pair(w->loop, flows);
	io = leat_door_enter(&door, flows[1], NULL);
	talk(w, flows[0], &fd, door.fd);
	ends(io);
	close(door.fd);
	leat_door_close(&door);
	leave(w, flows);
}

static void bridge(struct world *w)
{
	leat_flow *flows[2];
	leat_io *io;
	int fd;

	leat_flow_pair(w->loop, flows);
	io = leat_bridge_fd(flows[1], &fd);
	talk(w, flows[0], &fd, -1);
	ends(io);
	leave(w, flows);
}

START_TEST(a_visit_without_memory_leaves_nothing)
{
	starve(visit);
}
END_TEST

START_TEST(a_descriptor_without_memory_leaves_nothing)
{
	starve(bridge);
}
END_TEST

SUITE("door_nomem", a_visit_without_memory_leaves_nothing, a_descriptor_without_memory_leaves_nothing)

/* SPDX-License-Identifier: ISC */
/* writes10 - ten 64 B writes in each of a number of turns; writes counts what they cost */
#include <err.h>
#include <leat/flow.h>
#include <leat/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WRITES = 10, BYTES = 64 };

static leat_loop *loop;
static int peer;
static long turns;

/* What the turn before has written is there by now. */
static void
expect_ten(void)
{
	char got[WRITES * BYTES + 1];

	if (recv(peer, got, sizeof got, MSG_DONTWAIT) != WRITES * BYTES)
		errx(1, "not ten writes at the end of the turn");
}

static leat_io *
turn(void *flow, leat_result *nothing)
{
	static const char message[BYTES];

	for (int i = 0; i < WRITES; i++)
		leat_io_detach(leat_flow_write(flow, message, sizeof message));
	return leat_sleep(loop, 1);
}

static void
run(leat_flow *flow)
{
	for (long i = 0; i < turns; i++) {
		if (!leat_await(leat_io_then(leat_sleep(loop, 0), turn, leat_ctx_borrow(flow)), NULL))
			errx(1, "the turn failed");
		expect_ten();
	}
}

int
main(int argc, char **argv)
{
	int ends[2];
	leat_flow *flow;

	turns = argc > 1 ? atol(argv[1]) : 100;
	loop = leat_loop_new(NULL, NULL);
	if (!loop || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		err(1, "socketpair");
	peer = ends[1];
	flow = leat_flow_from_fd(loop, ends[0]);
	run(flow);
	leat_flow_unref(flow);
	leat_loop_free(loop);
	printf("%ld turns of %d writes\n", turns, WRITES);
	return 0;
}

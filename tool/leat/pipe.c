/* SPDX-License-Identifier: ISC */
/* pipe - "leat pipe TARGET"
 *
 * A terminal is to be left as it was found, so the signals that end us are waited
 * for: the flows are let go first, and then the signal does what it always does.
 */
#include <signal.h>
#include <unistd.h>

#include "commands.h"
#include "descriptors.h"
#include "dump.h"
#include "status.h"

struct pipe_run {
	struct journey journey;
	leat_signals *signals;
	int fatal; /* the signal that ended us; 0: none */
};

static leat_io *on_signal(void *ctx, leat_result *result)
{
	struct pipe_run *p = ctx;
	int number = (int)leat_result_int(result);

	if (number == SIGUSR1)
		dump_alive(&p->journey);
	else
		p->fatal = number;
	return leat_io_int(p->journey.loop, !p->fatal);
}

static leat_io *next_signal(void *ctx, leat_result *result)
{
	struct pipe_run *p = ctx;

	return leat_io_then(leat_signals_next(p->signals), on_signal, leat_ctx_borrow(p));
}

/* A layer that has ended is closed for us, but what it stood on has still to hear the
 * peer's end: freed now it would be cut, and what the kernel has not delivered lost.
 * Each flow's own limits see to it that this ends. */
static void linger(leat_loop *loop)
{
	leat_await(leat_loop_drain(loop, -1), NULL);
}

static int run(struct pipe_run *p)
{
	leat_loop *loop = p->journey.loop;
	bool lingers = descriptors_have_socket(STDIN_FILENO, STDOUT_FILENO);
	leat_flow *ours = descriptors_flow(loop, STDIN_FILENO, STDOUT_FILENO);
	leat_io *either[2];
	bool ok;

	p->journey.tally.begun_ms = leat_loop_now_ms(loop);
	p->signals = leat_signals_new(loop, SIGTERM, SIGINT, SIGHUP, SIGUSR1);
	either[0] = session_start(&p->journey, leat_flow_ref(ours));
	either[1] = leat_io_repeat(loop, next_signal, leat_ctx_borrow(p));
	ok = leat_await(leat_io_race(loop, either, 2), NULL);
	leat_signals_free(p->signals);
	if (ok && !lingers) /* all was taken, and what could still be read nobody wants */
		leat_flow_abort(ours);
	leat_flow_unref(ours);
	if (!p->fatal)
		linger(loop);
	return ok ? STATUS_DONE : STATUS_FAILED;
}

int pipe_command(const struct settings *settings, char **addresses)
{
	struct pipe_run p = { .fatal = 0 };
	struct complaint why = { .words = "no memory" };
	struct route to;
	int status = STATUS_USAGE;

	if (route_make(addresses[0], ROLE_TARGET, &to, &why)) {
		p.journey = (struct journey){ .loop = leat_loop_new(NULL, NULL), .settings = settings, .to = &to, .alone = true };
		status = p.journey.loop ? run(&p) : STATUS_FAILED;
		leat_loop_free(p.journey.loop);
	} else {
		complaint_print(&why, stderr);
	}
	route_free(&to);
	if (p.fatal)
		raise(p.fatal); /* as it would have been without us */
	return status;
}

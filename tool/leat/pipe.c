/* SPDX-License-Identifier: ISC */
/* pipe - "leat pipe TARGET"
 *
 * A terminal is to be left as it was found, so the signals that end us are waited
 * for: the flows are let go first, and then the signal does what it always does.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "descriptors.h"
#include "dump.h"
#include "loop.h"
#include "signals.h"
#include "status.h"

enum { LINGER_MS = 2000 };

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
 * peer's end: what comes after we have gone would be answered by a reset. */
static void linger(leat_loop *loop)
{
	leat_await(leat_io_race(loop, (leat_io *[]){ leat_loop_drain(loop, -1), leat_sleep(loop, LINGER_MS) }, 2), NULL);
}

static int run(struct pipe_run *p)
{
	leat_loop *loop = p->journey.loop;
	bool lingers = descriptors_have_socket(STDIN_FILENO, STDOUT_FILENO);
	leat_flow *ours = descriptors_flow(loop, STDIN_FILENO, STDOUT_FILENO);
	leat_io *either[2];
	bool ok;

	p->journey.tally.begun_ms = leat_loop_now_ms(loop);
	p->signals = signals_to_end(loop);
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

/* What a shell can have put there, and what is of no use there. */
static bool check_stream(int fd, const char *name, int refused, struct complaint *why)
{
	struct piece nowhere = { 0, 0 };
	struct stat facts;

	if (fstat(fd, &facts) == 0 && S_ISDIR(facts.st_mode))
		return complain(why, NULL, nowhere, "standard %s is a folder", name);
	if ((fcntl(fd, F_GETFL) & O_ACCMODE) == refused)
		return complain(why, NULL, nowhere, "standard %s cannot be %s", name,
			refused == O_RDONLY ? "written to" : "read");
	return true;
}

static bool check(const struct route *to, struct complaint *why)
{
	return check_stream(STDIN_FILENO, "input", O_WRONLY, why) && check_stream(STDOUT_FILENO, "output", O_RDONLY, why) &&
		!route_has_descriptor(to, STDIN_FILENO, why) && !route_has_descriptor(to, STDOUT_FILENO, why);
}

static int run_route(const struct settings *settings, const struct route *to)
{
	struct pipe_run p = { .fatal = 0 };
	int status;

	p.journey = (struct journey){ .loop = leat_loop_new(NULL, NULL), .settings = settings, .to = to, .alone = true };
	if (!p.journey.loop)
		return complaint_refuse(&no_loop, STATUS_FAILED);
	status = run(&p);
	loop_end(p.journey.loop);
	if (p.fatal)
		raise(p.fatal); /* as it would have been without us */
	return status;
}

int pipe_command(const struct settings *settings, char **addresses)
{
	struct complaint why = { .words = "no memory" };
	struct route to;
	bool makes_sense = route_make(addresses[0], ROLE_TARGET, &to, &why) && check(&to, &why);
	int status = makes_sense ? run_route(settings, &to) : complaint_refuse(&why, STATUS_USAGE);

	route_free(&to);
	return status;
}

/* SPDX-License-Identifier: ISC */
/* nomem - which of libevent's own constructors die when there is no memory
 *
 * Makes and frees a bufferevent of each kind in a child, again and again, with
 * the first allocation failing, then the second, and so on.  A child that gets
 * NULL is fine; one that ends by a signal is a fault of libevent's, and printed:
 *
 *	bufferevent_pair_new: signal 11 when allocation 3 fails
 *
 * Observed with 2.1.12: doc/libevent.md, 33.  leat has its own pair and sockets,
 * and cannot help who adopts what was never made.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static long fail_at; /* the call that fails, from 1; 0: none does */
static long calls;

static void *failing_malloc(size_t bytes)
{
	return ++calls == fail_at ? NULL : malloc(bytes);
}

static void *failing_realloc(void *memory, size_t bytes)
{
	return ++calls == fail_at ? NULL : realloc(memory, bytes);
}

/* ---- what is made, on a base that has all the memory it wants ---- */

static struct bufferevent *below; /* of the filter */

static void make_socket(struct event_base *base)
{
	struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);

	if (bev)
		bufferevent_free(bev);
}

static void make_pair(struct event_base *base)
{
	struct bufferevent *ends[2];

	if (bufferevent_pair_new(base, 0, ends) < 0)
		return;
	bufferevent_free(ends[0]);
	bufferevent_free(ends[1]);
}

static void make_filter(struct event_base *base)
{
	struct bufferevent *bev = bufferevent_filter_new(below, NULL, NULL, 0, NULL, NULL);

	(void)base;
	if (bev)
		bufferevent_free(bev);
}

static const struct {
	const char *name;
	void (*make)(struct event_base *);
} things[] = {
	{ "bufferevent_socket_new", make_socket },
	{ "bufferevent_pair_new", make_pair },
	{ "bufferevent_filter_new", make_filter },
};

/* In a child: 0 when the allocation that fails was never reached. */
static void make_with(void (*make)(struct event_base *), long nth)
{
	struct event_base *base = event_base_new();

	below = bufferevent_socket_new(base, -1, 0);
	calls = 0;
	fail_at = nth;
	make(base);
	event_base_loop(base, EVLOOP_NONBLOCK);
	_exit(calls >= nth);
}

/* Whether there may be a further allocation to fail. */
static int play(size_t i, long nth)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		make_with(things[i].make, nth);
	waitpid(child, &status, 0);
	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	printf("%s: signal %d when allocation %ld fails\n", things[i].name, WTERMSIG(status), nth);
	return 1;
}

int main(void)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	event_set_mem_functions(failing_malloc, failing_realloc, free);
	printf("libevent %s\n", event_get_version());
	fflush(stdout);
	for (size_t i = 0; i < sizeof things / sizeof *things; i++)
		for (long nth = 1; nth < 1000 && play(i, nth); nth++)
			fflush(stdout);
	return 0;
}

/* SPDX-License-Identifier: ISC */
/* client - the demo's own voice
 *
 *	client talk ADDRESS     sends its input while printing what comes back
 *	client listen ADDRESS   hears the peer out first, then sends its input
 *	client cut ADDRESS      talks a little, then cuts the connection
 * Input and output are pipes. It waits on its main stack, step by step.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <leat/leat.h>

enum { PATIENCE_MS = 30000 };

struct talk {
	leat_loop *loop;
	leat_flow *peer, *in, *out;
};

/* Waits for it; says why it failed. */
static bool done(leat_io *io, const char *what)
{
	leat_result result;
	char words[128];
	bool ok = leat_await(leat_io_timeout(io, PATIENCE_MS), &result);

	if (!ok) {
		leat_error_print(leat_result_error(&result), words, sizeof words);
		fprintf(stderr, "client: %s: %s\n", what, words);
	}
	leat_result_clear(&result);
	return ok;
}

static leat_flow *connect_to(leat_loop *loop, const char *address)
{
	leat_result result;
	leat_flow *flow = NULL;

	if (leat_await(leat_connect(loop, address, NULL), &result))
		flow = leat_result_flow(&result);
	else
		fprintf(stderr, "client: cannot connect to %s: %s\n", address,
			leat_kind_name(leat_error_kind(leat_result_error(&result))));
	leat_result_clear(&result);
	return flow;
}

static leat_io *end_my_half(void *ctx, leat_result *result)
{
	return leat_flow_shutdown(ctx, LEAT_WRITE);
}

/* Closes in order: true only if the peer ended its half too. */
static bool close_in_order(struct talk *t)
{
	leat_result result;
	bool ok = leat_await(leat_flow_close(t->peer), &result) && !leat_error_set(leat_result_ending(&result));

	leat_result_clear(&result);
	if (!ok)
		fprintf(stderr, "client: the peer did not close in order\n");
	return done(leat_flow_flush(t->out), "printing") && ok;
}

static bool talk(struct talk *t)
{
	leat_io *both[] = {
		leat_io_then(leat_copy(t->in, t->peer), end_my_half, leat_ctx_borrow(t->peer)),
		leat_copy(t->peer, t->out),
	};

	return done(leat_io_all(t->loop, both, 2), "talking") && close_in_order(t);
}

static bool listen_first(struct talk *t)
{
	return done(leat_copy(t->peer, t->out), "listening") && done(leat_copy(t->in, t->peer), "sending") &&
		close_in_order(t);
}

static bool cut(struct talk *t)
{
	static const char much[256 * 1024];
	char back[1024];
	bool ok = done(leat_flow_write(t->peer, much, sizeof much), "writing") &&
		done(leat_flow_read_into(t->peer, back, sizeof back, sizeof back), "reading");

	leat_flow_abort(t->peer);
	return ok;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		bool (*run)(struct talk *t);
	} ways[] = { { "talk", talk }, { "listen", listen_first }, { "cut", cut } };
	struct talk t = { .loop = leat_loop_new(NULL, NULL) };
	bool ok = false;

	if (argc != 3 || !t.loop || !(t.peer = connect_to(t.loop, argv[2])))
		return 2;
	t.in = leat_flow_from_fd(t.loop, STDIN_FILENO);
	t.out = leat_flow_from_fd(t.loop, STDOUT_FILENO);
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		if (!strcmp(argv[1], ways[i].name))
			ok = ways[i].run(&t);
	leat_flow_unref(t.peer);
	leat_flow_unref(t.in);
	leat_flow_unref(t.out);
	leat_loop_free(t.loop);
	return ok ? 0 : 1;
}

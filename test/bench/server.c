/* SPDX-License-Identifier: ISC */
/* server - the server to compare, with leat's promises and public headers only
 *
 * A step waits and its continuation gives the next step, which is adopted: the chain
 * does not grow. A write that is accepted at once needs no promise to wait for it. */
#include <err.h>
#include <leat/buf.h>
#include <leat/fiber.h>
#include <leat/loop.h>
#include <leat/net.h>
#include <leat/proxy.h>
#include <stdio.h>
#include <string.h>

#ifdef HAVE_TLS
#include "bench/serve_tls.h"
#endif

enum { BLOCK_BYTES = 65536 };

static leat_loop *loop;
static unsigned char block[BLOCK_BYTES];

/* Goes on with the next step when the write was accepted. */
static leat_io *
when_accepted(leat_io *write, leat_fn next, void *flow)
{
	leat_result result;

	if (!leat_io_try(write, &result))
		return leat_io_then(write, next, leat_ctx_borrow(flow));
	return leat_result_ok(&result) ? next(flow, &result) : leat_result_pass(&result);
}

/* echo */

static leat_io *echo(void *flow, leat_result *ready);

static leat_io *
answer(void *flow, leat_result *result)
{
	leat_buf *buf = leat_result_buf(result);

	return buf ? when_accepted(leat_flow_send(flow, buf), echo, flow) : NULL;
}

static leat_io *
echo(void *flow, leat_result *ready)
{
	return leat_io_then(leat_flow_read(flow), answer, leat_ctx_borrow(flow));
}

/* sink */

static leat_io *sink(void *flow, leat_result *ready);

static leat_io *
discard(void *flow, leat_result *result)
{
	leat_buf *buf = leat_result_buf(result);

	leat_buf_unref(buf);
	return buf ? sink(flow, result) : NULL;
}

static leat_io *
sink(void *flow, leat_result *ready)
{
	return leat_io_then(leat_flow_read(flow), discard, leat_ctx_borrow(flow));
}

/* source: each block waits for its turn, however often it is accepted at once */

static leat_io *
source(void *flow, leat_result *ready)
{
	leat_buf *buf = leat_buf_wrap(loop, block, sizeof block, NULL, NULL);

	return leat_io_then(leat_flow_send(flow, buf), source, leat_ctx_borrow(flow));
}

/* fiber: an echo straight down */

static leat_io *
echo_down(void *flow, leat_loop *here)
{
	leat_buf *buf;

	while ((buf = leat_await_buf(leat_flow_read(flow), NULL)))
		if (!leat_await(leat_flow_send(flow, buf), NULL))
			break;
	return NULL;
}

static leat_io *
fiber(void *flow, leat_result *ready)
{
	return leat_fiber(loop, echo_down, leat_ctx_borrow(flow));
}

/* relay: to a server that is behind this one */

static char backend[64];

static leat_io *
join(void *flow, leat_result *result)
{
	leat_flow *far = leat_result_flow(result);

	return leat_io_attach(leat_proxy(flow, far, NULL), leat_ctx_flow(far));
}

static leat_io *
relay(void *flow, leat_result *ready)
{
	return leat_io_then(leat_connect(loop, backend, NULL), join, leat_ctx_borrow(flow));
}

static const struct {
	const char *name;
	leat_fn first;
} modes[] = {
	{ "echo", echo },
	{ "fiber", fiber },
	{ "sink", sink },
	{ "source", source },
};

static leat_io *
handle(void *first, leat_flow *flow)
{
	return (*(leat_fn *)first)(flow, NULL);
}

/* A peer that cuts its connection is no news here. */
static void
failed(void *ctx, leat_flow *flow, leat_error error)
{
}

static void
why(leat_error error)
{
	char text[256];

	leat_error_print(error, text, sizeof text);
	errx(1, "%s", text);
}

static int
serve(const char *port, leat_handler handler, leat_fn *first)
{
	leat_serve_options options = { .size = sizeof options, .failed = failed };
	leat_listener *listener;
	leat_result result;
	leat_addr at;
	char where[64];

	snprintf(where, sizeof where, "tcp:127.0.0.1:%s", port);
	listener = leat_listen(loop, where, NULL);
	at = leat_listener_addr(listener);
	if (leat_error_set(leat_listener_error(listener)))
		why(leat_listener_error(listener));
	printf("listening %d\n", leat_addr_port(&at));
	fflush(stdout);
	if (!leat_await(leat_serve(listener, &options, handler, first), &result))
		why(leat_result_error(&result));
	return 1;
}

/* NULL: there is no such mode. */
static leat_fn
first_of(const char *mode)
{
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
		if (strcmp(mode, modes[i].name) == 0)
			return modes[i].first;
	return NULL;
}

#ifdef HAVE_TLS
static int
serve_over_tls(char **argv)
{
	leat_fn first = first_of(argv[3]);
	leat_error error = serve_tls_init(first, argv[4], argv[5]);

	if (!first)
		errx(2, "no mode %s", argv[3]);
	if (leat_error_set(error))
		why(error);
	return serve(argv[1], serve_tls, NULL);
}
#endif

static int
serve_before(const char *port, const char *backend_port)
{
	leat_fn first = relay;

	snprintf(backend, sizeof backend, "tcp:127.0.0.1:%s", backend_port);
	return serve(port, handle, &first);
}

int
main(int argc, char **argv)
{
	leat_fn first;

	loop = leat_loop_new(NULL, NULL);
	if (!loop)
		errx(1, "no memory");
	first = argc == 3 ? first_of(argv[2]) : NULL;
	if (first)
		return serve(argv[1], handle, &first);
	if (argc == 4 && strcmp(argv[2], "relay") == 0)
		return serve_before(argv[1], argv[3]);
#ifdef HAVE_TLS
	if (argc == 6 && strcmp(argv[2], "tls") == 0)
		return serve_over_tls(argv);
#endif
	fprintf(stderr, "usage: server PORT echo|fiber|sink|source\n"
	    "       server PORT relay BACKEND_PORT\n"
	    "       server PORT tls echo|fiber|sink|source CERT KEY\n");
	return 2;
}

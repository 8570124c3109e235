/* SPDX-License-Identifier: ISC */
/* uv - the same server with libuv: one shared block to read into, the write tried at once */
#include <signal.h>
#include <uv.h>

#include "bench/listen.h"

struct rest {
	uv_write_t req;
	char bytes[];
};

static enum mode mode;
static char block[BLOCK_BYTES];

static void
on_closed(uv_handle_t *h)
{
	free(h);
}

static void
end(uv_stream_t *s)
{
	if (!uv_is_closing((uv_handle_t *)s))
		uv_close((uv_handle_t *)s, on_closed);
}

static void
on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *out)
{
	(void)h, (void)hint;
	*out = uv_buf_init(block, sizeof block);
}

static void
on_rest_written(uv_write_t *req, int status)
{
	if (status < 0)
		end(req->handle);
	free(req);
}

static void
echo(uv_stream_t *s, size_t n)
{
	uv_buf_t b = uv_buf_init(block, (unsigned)n);
	int sent = uv_try_write(s, &b, 1);
	size_t left = sent > 0 ? n - (size_t)sent : n;
	struct rest *r;

	if (left == 0)
		return;
	r = malloc(sizeof *r + left);
	if (!r)
		err(1, "malloc");
	memcpy(r->bytes, block + (n - left), left);
	b = uv_buf_init(r->bytes, (unsigned)left);
	if (uv_write(&r->req, s, &b, 1, on_rest_written) < 0)
		free(r);
}

static void
on_shut(uv_shutdown_t *req, int status)
{
	(void)status;
	end(req->handle);
	free(req);
}

/* What uv_write still holds goes out before the end does. */
static void
end_flushed(uv_stream_t *s)
{
	uv_shutdown_t *req;

	if (mode != ECHO_BACK || uv_stream_get_write_queue_size(s) == 0) {
		end(s);
		return;
	}
	uv_read_stop(s);
	req = malloc(sizeof *req);
	if (!req || uv_shutdown(req, s, on_shut) < 0)
		end(s);
}

static void
on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	(void)b;
	if (n == UV_EOF)
		end_flushed(s);
	else if (n < 0)
		end(s);
	else if (n > 0 && mode == ECHO_BACK)
		echo(s, (size_t)n);
}

static void
on_block_written(uv_write_t *req, int status)
{
	uv_buf_t b = uv_buf_init(block, sizeof block);

	if (status < 0 || uv_write(req, req->handle, &b, 1, on_block_written) < 0) {
		end(req->handle);
		free(req);
	}
}

static void
on_connection(uv_stream_t *l, int status)
{
	uv_tcp_t *c = malloc(sizeof *c);
	uv_write_t *req;

	if (status < 0 || !c || uv_tcp_init(l->loop, c) < 0)
		errx(1, "connection");
	uv_accept(l, (uv_stream_t *)c);
	uv_read_start((uv_stream_t *)c, on_alloc, on_read);
	if (mode != SOURCE)
		return;
	req = malloc(sizeof *req);
	if (!req)
		err(1, "malloc");
	req->handle = (uv_stream_t *)c;
	on_block_written(req, 0);
}

int
main(int argc, char **argv)
{
	uv_loop_t *loop = uv_default_loop();
	uv_tcp_t l;

	mode = mode_of(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	if (uv_tcp_init(loop, &l) < 0 || uv_tcp_open(&l, listen_on(argv[1])) < 0 ||
	    uv_listen((uv_stream_t *)&l, 4096, on_connection) < 0)
		errx(1, "libuv");
	return uv_run(loop, UV_RUN_DEFAULT);
}

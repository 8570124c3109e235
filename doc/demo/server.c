/* SPDX-License-Identifier: ISC */
/* server - what the demo's clients talk to
 *
 *	server FOLDER
 *
 * Three services, each on a TCP port that the kernel chooses and on a Unix
 * socket in the folder:
 *	echo   gives back what comes
 *	sum    reads to the peer's end, then answers as cksum(1) does
 *	greet  speaks and ends its half first, then reads on and says the sum here
 * It prints where it listens and what it saw, and ends with its standard input.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <leat/leat.h>

enum { POSTS = 6, GRACE_MS = 5000 };

/* One service at one address. */
struct post {
	const char *service;
	leat_handler handler;
	leat_listener *listener;
	char address[128];
};

/* What came in on a flow: its length, and cksum's CRC of it so far. */
struct tally {
	struct post *post;
	leat_flow *flow;
	uint64_t bytes;
	uint32_t crc;
};

static uint32_t crc_byte(uint32_t crc, unsigned byte)
{
	crc ^= (uint32_t)byte << 24;
	for (int bit = 0; bit < 8; bit++)
		crc = crc << 1 ^ (crc >> 31 ? 0x04c11db7u : 0);
	return crc;
}

static void tally_add(struct tally *t, const unsigned char *data, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		t->crc = crc_byte(t->crc, data[i]);
	t->bytes += bytes;
}

/* cksum's last step: the length goes in too. */
static uint32_t tally_sum(const struct tally *t)
{
	uint32_t crc = t->crc;

	for (uint64_t n = t->bytes; n; n >>= 8)
		crc = crc_byte(crc, n & 0xff);
	return ~crc;
}

static struct tally *tally_new(struct post *post, leat_flow *flow)
{
	struct tally *t = calloc(1, sizeof *t);

	if (!t)
		abort();
	t->post = post;
	t->flow = flow;
	return t;
}

/* Reading to the end ------------------------------------------------------ */

static leat_io *add(void *ctx, leat_result *result)
{
	leat_loop *loop = leat_result_loop(result);
	leat_buf *buf = leat_result_buf(result);

	if (!buf)
		return NULL;
	tally_add(ctx, leat_buf_data(buf), leat_buf_size(buf));
	leat_buf_unref(buf);
	return leat_io_int(loop, 1);
}

static leat_io *add_next(void *ctx, leat_result *result)
{
	struct tally *t = ctx;

	return leat_io_then(leat_flow_read(t->flow), add, leat_ctx_borrow(t));
}

static leat_io *add_all(struct tally *t)
{
	return leat_io_repeat(leat_flow_loop(t->flow), add_next, leat_ctx_borrow(t));
}

/* The services ------------------------------------------------------------ */

static leat_io *echo(void *ctx, leat_flow *flow)
{
	return leat_copy(flow, flow);
}

static leat_io *answer(void *ctx, leat_result *result)
{
	struct tally *t = ctx;
	char line[64];
	int bytes = snprintf(line, sizeof line, "%u %llu\n", (unsigned)tally_sum(t), (unsigned long long)t->bytes);

	return leat_flow_write(t->flow, line, (size_t)bytes);
}

static leat_io *sum(void *ctx, leat_flow *flow)
{
	struct tally *t = tally_new(ctx, flow);

	return leat_io_then(add_all(t), answer, leat_ctx_own(t, free));
}

static leat_io *end_my_half(void *ctx, leat_result *result)
{
	struct tally *t = ctx;

	return leat_flow_shutdown(t->flow, LEAT_WRITE);
}

static leat_io *hear_the_rest(void *ctx, leat_result *result)
{
	return add_all(ctx);
}

static leat_io *report(void *ctx, leat_result *result)
{
	struct tally *t = ctx;

	printf("heard %s %u %llu\n", t->post->address, (unsigned)tally_sum(t), (unsigned long long)t->bytes);
	return NULL;
}

static leat_io *greet(void *ctx, leat_flow *flow)
{
	static const char word[] = "welcome; I have said all I had to say\n";
	struct tally *t = tally_new(ctx, flow);
	leat_io *io = leat_flow_write(flow, word, strlen(word));

	io = leat_io_then(io, end_my_half, leat_ctx_borrow(t));
	io = leat_io_then(io, hear_the_rest, leat_ctx_borrow(t));
	return leat_io_then(io, report, leat_ctx_own(t, free));
}

static void lost(void *ctx, leat_flow *flow, leat_error error)
{
	struct post *post = ctx;
	char words[128];

	leat_error_print(error, words, sizeof words);
	printf("lost %s %s (%s)\n", post->address, leat_kind_name(leat_error_kind(error)), words);
}

/* The program ------------------------------------------------------------- */

static leat_io *post_open(leat_loop *loop, struct post *post)
{
	static const leat_serve_options options = { .size = sizeof options, .failed = lost };
	leat_addr addr;

	post->listener = leat_listen(loop, post->address, NULL);
	addr = leat_listener_addr(post->listener);
	if (leat_error_set(leat_listener_error(post->listener))) {
		leat_error_print(leat_listener_error(post->listener), post->address, sizeof post->address);
		fprintf(stderr, "server: %s: %s\n", post->service, post->address);
		exit(1);
	}
	leat_addr_print(&addr, post->address, sizeof post->address);
	printf("%s %s\n", post->service, post->address);
	return leat_serve(leat_listener_ref(post->listener), &options, post->handler, post);
}

static void post_close(struct post *post)
{
	leat_listener_close(post->listener);
	leat_listener_unref(post->listener);
}

/* Until whoever started us closes our standard input. */
static void wait_for_the_end(leat_loop *loop)
{
	leat_flow *in = leat_flow_from_fd(loop, STDIN_FILENO);
	struct tally ignored = { .flow = in };

	leat_await(add_all(&ignored), NULL);
	leat_flow_unref(in);
}

int main(int argc, char **argv)
{
	struct post posts[POSTS] = {
		{ .service = "echo", .handler = echo }, { .service = "echo", .handler = echo },
		{ .service = "sum", .handler = sum },   { .service = "sum", .handler = sum },
		{ .service = "greet", .handler = greet }, { .service = "greet", .handler = greet },
	};
	leat_io *served[POSTS];
	leat_loop *loop = leat_loop_new(NULL, NULL);
	bool ok;

	if (argc != 2 || !loop)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; i < POSTS; i++) {
		if (i % 2)
			snprintf(posts[i].address, sizeof posts[i].address, "unix:%s/%s", argv[1], posts[i].service);
		else
			strcpy(posts[i].address, "tcp:127.0.0.1:0");
		served[i] = post_open(loop, &posts[i]);
	}
	printf("ready %s\n", leat_version_string());

	wait_for_the_end(loop);
	for (int i = 0; i < POSTS; i++)
		post_close(&posts[i]);
	ok = leat_await(leat_io_timeout(leat_io_all(loop, served, POSTS), GRACE_MS), NULL);
	printf(ok ? "ended in order\n" : "ended with connections still open\n");
	leat_loop_free(loop);
	return ok ? 0 : 1;
}

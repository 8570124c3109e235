/* SPDX-License-Identifier: ISC */
/* lines - a channel that cuts memory into lines of 80 bytes: bytes per second of processor time
 *
 * The flow gives the same 64 KiB again and again, without a copy, so what is measured
 * is the channel: each line is a slice of the block, is looked at and given back. */
#include <err.h>
#include <leat/leat.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LINE = 80, BLOCK = 65536, LIMIT = 1024, GATE_MB = 1000 };
static const long TOTAL = 1L << 30;

static char block[BLOCK];
static long left;

static void
source_read(leat_flow *self, void *state)
{
	(void)state;
	if (left <= 0) {
		leat_flow_give_end(self);
		return;
	}
	left -= BLOCK;
	leat_flow_give(self, leat_buf_wrap(leat_flow_loop(self), block, sizeof block, NULL, NULL));
}

static const leat_flow_ops source_ops = {
	.size = sizeof(leat_flow_ops), .name = "block", .directions = LEAT_READ, .read = source_read
};

struct count {
	leat_channel *channel;
	long lines;
	size_t bytes;
};

static void
took(struct count *count, leat_buf *line)
{
	count->lines++;
	count->bytes += leat_buf_size(line) + 1;
	leat_buf_unref(line);
}

/* One promise a line. */
static leat_io *
one(void *ctx, leat_result *result)
{
	struct count *count = ctx;
	leat_buf *line = leat_result_buf(result);

	if (line)
		took(count, line);
	return leat_io_int(leat_result_loop(result), line != NULL);
}

static leat_io *
each(void *ctx, leat_result *result)
{
	(void)result;
	return leat_io_then(leat_channel_line(((struct count *)ctx)->channel, LIMIT), one, leat_ctx_borrow(ctx));
}

/* One promise for those that came together. */
static leat_io *
many(void *ctx, leat_result *result)
{
	struct count *count = ctx;
	leat_buf *line = leat_result_buf(result);

	for (; line; line = leat_channel_try_line(count->channel, LIMIT))
		took(count, line);
	return leat_io_int(leat_result_loop(result), leat_channel_buffered(count->channel) > 0 || left > 0);
}

static leat_io *
together(void *ctx, leat_result *result)
{
	(void)result;
	return leat_io_then(leat_channel_line(((struct count *)ctx)->channel, LIMIT), many, leat_ctx_borrow(ctx));
}

static void
measure(const char *name, leat_loop *loop, leat_fn step, int gate_mb)
{
	void *state;
	struct count count = { leat_channel_new(leat_flow_new(loop, &source_ops, &state)), 0, 0 };
	clock_t began = clock();
	double seconds, mb;

	left = TOTAL;
	if (!leat_await(leat_io_repeat(loop, step, leat_ctx_borrow(&count)), NULL) || count.bytes != (size_t)TOTAL)
		errx(1, "%s: %zu bytes of %ld", name, count.bytes, TOTAL);
	seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
	mb = (double)TOTAL / 1e6 / seconds;
	printf("%s: %.0f MB/s, %.1f ns a line", name, mb, seconds * 1e9 / (double)count.lines);
	if (gate_mb)
		printf("  gate %d: %s", gate_mb, mb >= gate_mb ? "reached" : "MISSED");
	putchar('\n');
	leat_channel_free(count.channel);
}

int
main(void)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);

	if (!loop)
		errx(1, "no memory");
	memset(block, 'x', sizeof block);
	for (size_t i = LINE - 1; i < sizeof block; i += LINE)
		block[i] = '\n';
	block[sizeof block - 1] = '\n';
	measure("lines of 80 B, what is there at once", loop, together, GATE_MB);
	measure("lines of 80 B, a promise each", loop, each, 0);
	leat_loop_free(loop);
	return 0;
}

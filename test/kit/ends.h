/* SPDX-License-Identifier: ISC */
/* ends.h - a channel over one end of a pair, or over a text that comes in pieces
 *
 *	begin();  feed("one\n");  expect_gives(leat_channel_line(near, 10), "[one]");  finish();
 */
#ifndef TEST_KIT_ENDS_H
#define TEST_KIT_ENDS_H

#include <stdio.h>

#include <leat/leat.h>

#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

/* `near` is the channel over one end of a pair, `far` the other end. */
static struct world w;
static leat_flow *far;
static leat_channel *near;

static inline void open_on(leat_loop *loop)
{
	leat_flow *ends[2];

	leat_flow_pair(loop, ends);
	far = ends[0];
	near = leat_channel_new(ends[1]);
}

static inline void begin(void)
{
	world_open(&w);
	open_on(w.loop);
}

static inline void close_ends(void)
{
	leat_channel_free(near);
	leat_flow_unref(far);
	near = NULL;
	far = NULL;
}

static inline void finish(void)
{
	close_ends();
	world_close(&w);
}

static inline void say_bytes(const char *words, size_t bytes)
{
	leat_io_detach(leat_flow_write(far, words, bytes));
	world_run(&w);
}

static inline void feed(const char *words)
{
	say_bytes(words, strlen(words));
}

static inline void feed_end(void)
{
	leat_io_detach(leat_flow_shutdown(far, LEAT_WRITE));
	world_run(&w);
}

/* ---- what came of an io ---- */

static char got[8192];

/* "[value]", "END", the word of an error, or "pending" where it waits still. */
static inline const char *outcome(leat_io **io)
{
	leat_result result;
	leat_buf *buf;

	world_run(&w);
	if (!leat_io_try(*io, &result))
		return "pending";
	*io = NULL;
	if (!leat_result_ok(&result))
		return leat_kind_name(leat_error_kind(leat_result_error(&result)));
	buf = leat_result_buf(&result);
	if (!buf)
		return "END";
	snprintf(got, sizeof got, "[%.*s]", (int)leat_buf_size(buf), (const char *)leat_buf_data(buf));
	leat_buf_unref(buf);
	return got;
}

#define expect_gives(io, wanted)                     \
	do {                                         \
		leat_io *io_ = (io);                 \
		expect_str(outcome(&io_), wanted);   \
		leat_io_cancel(io_);                 \
	} while (0)

static inline int64_t number(leat_io *io)
{
	world_run(&w);
	return settled_int(io);
}

static inline leat_error why(leat_io *io)
{
	world_run(&w);
	return settled(io);
}

/* What is sent arrives at the far end. */
static inline void expect_heard(const char *words)
{
	leat_io *io = leat_flow_read(far);

	expect_str(outcome(&io), words);
	leat_io_cancel(io);
}

/* ---- a flow that gives one text in pieces ---- */

struct source {
	const char *text;
	size_t bytes, at;
	size_t cuts[2];   /* a piece ends here */
	uint32_t seed;    /* not 0: pieces of 1 to `most` bytes */
	size_t most;
};

static struct source source;

static inline size_t piece_end(void)
{
	size_t end = source.bytes;

	for (int i = 0; i < 2; i++)
		if (source.cuts[i] > source.at && source.cuts[i] < end)
			end = source.cuts[i];
	if (source.seed) {
		source.seed = source.seed * 1664525 + 1013904223;
		if (end - source.at > 1 + (source.seed >> 8) % source.most)
			end = source.at + 1 + (source.seed >> 8) % source.most;
	}
	return end;
}

static inline void source_read(leat_flow *self, void *state)
{
	size_t begin = source.at;

	(void)state;
	if (begin == source.bytes) {
		leat_flow_give_end(self);
		return;
	}
	source.at = piece_end();
	leat_flow_give(self, leat_buf_copy(leat_flow_loop(self), source.text + begin, source.at - begin));
}

static const leat_flow_ops source_ops = {
	.size = sizeof(leat_flow_ops), .name = "source", .directions = LEAT_READ, .read = source_read
};

static inline leat_channel *source_channel(struct source s)
{
	void *state;

	source = s;
	return leat_channel_new(leat_flow_new(w.loop, &source_ops, &state));
}

/* ---- reads ---- */

/* A digit, and that many bytes. */
static inline leat_error digit_cutter(const void *ctx, const void *data, size_t bytes, leat_cut *cut)
{
	size_t length = (size_t)(*(const char *)data - '0');

	(void)ctx;
	if (length > 9)
		return leat_error_core(LEAT_PROTOCOL);
	cut->from = 1;
	cut->bytes = length;
	cut->used = length + 1;
	if (bytes < cut->used)
		cut->need = cut->used;
	return (leat_error){ 0 };
}

static inline leat_io *start_line(void)
{
	return leat_channel_line(near, 20);
}

static inline leat_io *start_until(void)
{
	return leat_channel_until(near, "\r\n", 2, 20);
}

static inline leat_io *start_exactly(void)
{
	return leat_channel_exactly(near, 5);
}

static inline leat_io *start_cut(void)
{
	return leat_channel_cut(near, digit_cutter, NULL);
}

static inline leat_io *start_frame(void)
{
	static const leat_frame_format format = { .size = sizeof(leat_frame_format), .width = 1 };

	return leat_frame_receive(near, &format);
}

#endif

/* SPDX-License-Identifier: ISC */
/* zip.h - what the tests of compressing flows say and hear
 *
 * `flow` stands over one end of a pair, whose other end, `peer`, holds what was
 * compressed; or two of them talk. A format makes the flow.
 */
#ifndef TEST_ZIP_ZIP_H
#define TEST_ZIP_ZIP_H

#include <stdlib.h>

#include <leat/buf.h>
#include <leat/flow.h>

#include "support/starve.h"
#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

typedef leat_flow *(*zip_make)(leat_flow *below);

static struct world w;
static leat_flow *flow, *peer;

static inline void open_over(zip_make make)
{
	leat_flow *ends[2];

	world_open(&w);
	leat_flow_pair(w.loop, ends);
	flow = make(ends[0]);
	peer = ends[1];
}

static inline void leave(void)
{
	leat_flow_unref(flow);
	leat_flow_unref(peer);
	world_run(&w);
	w.unhandled = 0; /* of writes that nobody waited for */
	world_close(&w);
}

/* What is written outside a turn is sent by a pass that runs no continuation. */
static inline void settle(void)
{
	for (int i = 0; i < 4; i++)
		world_run(&w);
}

static inline leat_error outcome(leat_io *io)
{
	settle();
	return settled(io);
}
#define expect_done(io) expect_kind(outcome(io), LEAT_NONE)
#define expect_fails(io, kind) expect_kind(outcome(io), kind)

/* ---- runs of bytes ---- */

struct text {
	unsigned char *at;
	size_t bytes;
	leat_error error; /* what ended it; none: the end */
};

/* `data` may be its own. */
static inline void text_add(struct text *text, const void *data, size_t bytes)
{
	unsigned char *both = malloc(text->bytes + bytes + 1);

	if (text->bytes > 0)
		memcpy(both, text->at, text->bytes);
	memcpy(both + text->bytes, data, bytes);
	free(text->at);
	text->at = both;
	text->bytes += bytes;
}

static inline void text_free(struct text *text)
{
	free(text->at);
	*text = (struct text){ 0 };
}

/* Words that repeat, not all of the time. */
static inline struct text text_of(size_t bytes)
{
	struct text text = { malloc(bytes + 1), bytes, { 0 } };
	unsigned seed = 1;

	for (size_t i = 0; i < bytes; i++) {
		seed = seed * 1103515245 + 12345;
		text.at[i] = (unsigned char)"etaoin shrdlu"[seed >> 16 & (i & 256 ? 3 : 7)];
	}
	return text;
}

/* What comes to its end, or until nothing more comes. */
static inline struct text hear_all(leat_flow *from)
{
	struct text all = { NULL, 0, { 0 } };
	leat_result result;
	leat_buf *buf;

	text_add(&all, "", 0);
	for (;;) {
		leat_io *io = leat_flow_read(from);

		settle();
		if (!leat_io_try(io, &result)) {
			leat_io_cancel(io);
			all.error = leat_error_core(LEAT_DEADLOCK);
			return all;
		}
		all.error = leat_result_error(&result);
		buf = leat_result_ok(&result) ? leat_result_buf(&result) : NULL;
		if (!buf)
			return all;
		text_add(&all, leat_buf_data(buf), leat_buf_size(buf));
		leat_buf_unref(buf);
	}
}

/* What the flow makes of it. */
static inline struct text packed(zip_make make, const struct text *text)
{
	struct text all;

	open_over(make);
	leat_io_detach(leat_flow_write(flow, text->at, text->bytes));
	leat_io_detach(leat_flow_shutdown(flow, LEAT_WRITE));
	all = hear_all(peer);
	expect_ok(all.error);
	leave();
	return all;
}

/* What it makes of that the other way round, which comes so many bytes at a time. */
static inline struct text unpacked(zip_make make, const void *data, size_t bytes, size_t piece)
{
	struct text all = { NULL, 0, { 0 } };

	open_over(make);
	expect_ok(leat_flow_set_limits(peer, &(leat_flow_limits){ .size = sizeof(leat_flow_limits),
		.high_water_bytes = 1 << 30 }));
	for (size_t at = 0; at < bytes; at += piece)
		leat_io_detach(leat_flow_write(peer, (const char *)data + at, piece < bytes - at ? piece : bytes - at));
	leat_io_detach(leat_flow_shutdown(peer, LEAT_WRITE));
	all = hear_all(flow);
	leave();
	return all;
}

static inline void expect_same(const struct text *got, const struct text *wanted)
{
	expect_ok(got->error);
	expect_size(got->bytes, wanted->bytes);
	expect_mem(got->at, wanted->at, wanted->bytes);
}

#endif

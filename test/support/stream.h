/* SPDX-License-Identifier: ISC */
/* stream.h - a long stream of bytes that know their place, written and checked
 *
 *	source_start(&source, flow, total);   writes them, then shuts the flow
 *	sink_start(&sink, flow);              reads on; sink.at, sink.wrong, sink.ended
 *
 * Both go on by themselves; source_stop and sink_stop end what still waits.
 */
#ifndef TEST_SUPPORT_STREAM_H
#define TEST_SUPPORT_STREAM_H

#include <leat/buf.h>
#include <leat/flow.h>

#include "support/expect.h"

enum { STREAM_PIECE = 70001 };

static inline unsigned char stream_at(uint64_t at)
{
	return (unsigned char)((at * 2654435761u) >> 13);
}

struct source {
	leat_flow *flow;
	uint64_t at, total;
	leat_io *io;
	bool failed;
	bool stays; /* it does not shut the flow */
};

static inline leat_io *source_step(void *ctx, leat_result *result)
{
	struct source *s = ctx;
	static unsigned char piece[STREAM_PIECE];
	size_t n = s->total - s->at < STREAM_PIECE ? (size_t)(s->total - s->at) : STREAM_PIECE;

	(void)result;
	if (n == 0 && s->stays)
		return NULL;
	if (n == 0)
		return leat_flow_shutdown(s->flow, LEAT_WRITE);
	for (size_t i = 0; i < n; i++)
		piece[i] = stream_at(s->at + i);
	s->at += n;
	return leat_io_then(leat_flow_write(s->flow, piece, n), source_step, leat_ctx_borrow(s));
}

static inline leat_io *source_failed(void *ctx, leat_result *result)
{
	(void)result;
	((struct source *)ctx)->failed = true;
	return NULL;
}

static inline void source_go_on(struct source *s, uint64_t total)
{
	s->total = total;
	s->io = leat_io_catch(source_step(s, NULL), leat_match_all(), source_failed, leat_ctx_borrow(s));
}

static inline void source_start(struct source *s, leat_flow *flow, uint64_t total)
{
	*s = (struct source){ .flow = flow };
	source_go_on(s, total);
}

static inline void source_stop(struct source *s)
{
	leat_io_cancel(s->io);
	s->io = NULL;
}

struct sink {
	leat_flow *flow;
	uint64_t at;
	leat_io *io;
	leat_error error;
	bool wrong, ended;
};

static inline void sink_take(struct sink *s, const leat_buf *buf)
{
	const unsigned char *bytes = leat_buf_data(buf);

	for (size_t i = 0; i < leat_buf_size(buf); i++)
		s->wrong |= bytes[i] != stream_at(s->at + i);
	s->at += leat_buf_size(buf);
}

static inline leat_io *sink_step(void *ctx, leat_result *result)
{
	struct sink *s = ctx;
	leat_buf *buf = leat_result_buf(result);

	s->ended = !buf;
	if (!buf)
		return NULL;
	sink_take(s, buf);
	leat_buf_unref(buf);
	return leat_io_then(leat_flow_read(s->flow), sink_step, leat_ctx_borrow(s));
}

static inline leat_io *sink_failed(void *ctx, leat_result *result)
{
	((struct sink *)ctx)->error = leat_result_error(result);
	return NULL;
}

/* Goes on from what it has seen already. */
static inline void sink_go_on(struct sink *s, leat_flow *flow)
{
	s->flow = flow;
	s->io = leat_io_then(leat_flow_read(flow), sink_step, leat_ctx_borrow(s));
	s->io = leat_io_catch(s->io, leat_match_all(), sink_failed, leat_ctx_borrow(s));
}

static inline void sink_start(struct sink *s, leat_flow *flow)
{
	*s = (struct sink){ 0 };
	sink_go_on(s, flow);
}

static inline void sink_stop(struct sink *s)
{
	leat_io_cancel(s->io);
	s->io = NULL;
}

#endif

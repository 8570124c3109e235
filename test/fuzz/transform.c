/* SPDX-License-Identifier: ISC */
/* transform - whatever comes is decoded or refused, and what one end writes the other reads
 *
 * The input says which coder stands at the first end of a pair. Either the other end is
 * bare, and says the input's own bytes: then a limit holds, and what ended reading ends it
 * again. Or it has the same coder: then both ends write, read, flush and shut in any order,
 * and hear exactly what the other said, as long as nothing failed for want of memory.
 */
#include <leat/buf.h>
#include <leat/transform.h>
#ifdef HAVE_ZLIB
#include <leat/zlib.h>
#endif
#ifdef HAVE_ZSTD
#include <leat/zstd.h>
#endif

#include "fuzz/fuzz.h"

enum { MOST = 1 << 16, READS_MOST = 5000 };

static struct fuzz_world w;
static unsigned alphabet; /* bits that vary in what is said */
static uint64_t limit;    /* of what may be decoded; 0: none */

static struct end {
	leat_flow *flow;
	leat_io *reading, *writing;
	uint64_t said, heard; /* bytes */
	bool bare;            /* no coder: what it says and hears is not known */
	bool shut;            /* it says no more */
	bool over;            /* it has heard the end, */
	leat_kind why;        /* or an error */
	bool aborted;
} ends[2];

/* ---- a coder of our own: lengths and the end, by bits and pieces ---- */

struct stutter {
	unsigned head, left, turns;
};

static leat_error stutter_encode(void *state, leat_coding *c)
{
	struct stutter *s = state;
	size_t most = 1 + s->turns++ % 250;

	if (c->out_bytes <= 1)
		return (leat_error){ 0 };
	most = most < c->in_bytes ? most : c->in_bytes;
	most = most < c->out_bytes ? most : c->out_bytes - 1;
	leat_coding_put(c, (unsigned char[]){ (unsigned char)most }, 1);
	leat_coding_copy(c, most);
	return (leat_error){ 0 };
}

static leat_error stutter_finish(void *state, leat_coding *c)
{
	(void)state;
	c->done = c->out_bytes > 0;
	if (c->done)
		leat_coding_put(c, "", 1);
	return (leat_error){ 0 };
}

static leat_error stutter_decode(void *state, leat_coding *c)
{
	struct stutter *s = state;

	if (s->left == 0) {
		s->left = leat_coding_byte(c);
		c->done = s->left == 0;
		return s->left > 250 ? leat_error_core(LEAT_PROTOCOL) : (leat_error){ 0 };
	}
	s->left -= (unsigned)leat_coding_copy(c, s->left);
	return (leat_error){ 0 };
}

static const leat_coder stutter = { .size = sizeof stutter, .name = "stutter", .state_bytes = sizeof(struct stutter),
	.encode = stutter_encode, .encode_finish = stutter_finish, .decode = stutter_decode };

/* ---- the ends ---- */

static leat_flow *coded(leat_flow *below, unsigned which, unsigned how)
{
#ifdef HAVE_ZLIB
	if (which % 8 < 4) {
		leat_zlib_options options = { .size = sizeof options, .format = (leat_zlib_format)(which % 3),
			.level = (int)(how % 11) - 1, .window_bits = 9 + how / 11 % 7, .holds = how & 128, .max_bytes = limit };

		return leat_zlib_new(below, &options);
	}
#endif
#ifdef HAVE_ZSTD
	if (which % 8 < 6) {
		leat_zstd_options options = { .size = sizeof options, .level = (int)(how % 4), .holds = how & 128,
			.max_bytes = limit };

		return leat_zstd_new(below, &options);
	}
#endif
	limit = 0;
	return leat_transform_new(below, &stutter, NULL);
}

static unsigned char said_at(uint64_t at)
{
	return (unsigned char)((at * 2654435761u >> 13 ^ at >> 7) & alphabet);
}

FUZZ_UNSEEN static void say_bytes(unsigned char *out, uint64_t at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		out[i] = said_at(at + i);
}

FUZZ_UNSEEN static bool was_said(const unsigned char *bytes, uint64_t at, size_t n)
{
	size_t i = 0;

	while (i < n && bytes[i] == said_at(at + i))
		i++;
	return i == n;
}

static struct end *other(const struct end *end)
{
	return end == &ends[0] ? &ends[1] : &ends[0];
}

static void heard(struct end *end, leat_buf *buf)
{
	const unsigned char *bytes = leat_buf_data(buf);
	size_t n = leat_buf_size(buf);

	fuzz_must(n > 0);
	fuzz_must(end->bare || other(end)->bare || was_said(bytes, end->heard, n));
	end->heard += n;
	fuzz_must(limit == 0 || end->bare || end->heard <= limit);
	leat_buf_unref(buf);
}

/* What is over stays over, in the same way. */
static void ended(struct end *end, leat_kind why)
{
	fuzz_must(!end->over || end->why == why || end->aborted);
	end->over = true;
	end->why = why;
}

static bool take_read(struct end *end)
{
	leat_result result;
	leat_buf *buf;

	if (!end->reading || !leat_io_try(end->reading, &result))
		return false;
	end->reading = NULL;
	if (!leat_result_ok(&result)) {
		leat_kind why = leat_error_kind(leat_result_error(&result));

		if (why != LEAT_NOMEM)
			ended(end, why);
		fuzz_must(why != LEAT_NOMEM || w.failed);
	} else if ((buf = leat_result_buf(&result))) {
		fuzz_must(!end->over);
		heard(end, buf);
	} else {
		ended(end, LEAT_NONE);
	}
	leat_result_clear(&result);
	return true;
}

static void take_write(struct end *end)
{
	leat_result result;

	if (!end->writing || !leat_io_try(end->writing, &result))
		return;
	end->writing = NULL;
	leat_result_clear(&result);
}

static void run(void)
{
	for (int i = 0; i < 3; i++)
		fuzz_run(&w);
	for (int i = 0; i < 2; i++) {
		take_read(&ends[i]);
		take_write(&ends[i]);
	}
}

/* ---- the deeds ---- */

static void say(struct end *end, size_t bytes)
{
	leat_buf *buf;
	unsigned char *space;

	if (end->writing || end->shut || end->said + bytes > MOST)
		return;
	buf = leat_buf_new(w.loop, bytes);
	space = leat_buf_space(buf);
	if (space)
		say_bytes(space, end->said, bytes);
	end->said += space ? bytes : 0;
	end->writing = leat_flow_send(end->flow, buf);
}

static void say_input(fuzz *f, struct end *end, size_t bytes)
{
	const unsigned char *at = fuzz_bytes(f, &bytes);

	if (!end->writing && !end->shut)
		end->writing = leat_flow_write(end->flow, at, bytes);
}

static void shut(struct end *end)
{
	end->shut = true;
	leat_io_cancel(leat_flow_shutdown(end->flow, LEAT_WRITE));
}

static void deed(fuzz *f)
{
	unsigned what = fuzz_byte(f), n = fuzz_byte(f);
	struct end *end = &ends[what & 1];

	switch (what >> 1 & 15) {
	case 0: case 1: case 2: case 3:
		if (end->bare)
			say_input(f, end, n);
		else
			say(end, n);
		break;
	case 4: say(end, end->bare ? 0 : (size_t)n << (what >> 5)); break;
	case 5: case 6:
		if (!end->reading)
			end->reading = leat_flow_read(end->flow);
		break;
	case 7:
		leat_io_cancel(end->reading);
		end->reading = NULL;
		break;
	case 8: leat_io_cancel(leat_flow_flush(end->flow)); break;
	case 9: shut(end); break;
	case 10:
		if (n < 8) {
			leat_flow_abort(end->flow);
			ends[0].aborted = ends[1].aborted = true;
		}
		break;
	default: run();
	}
}

/* ---- all of it ---- */

/* Whoever can still say something says that it is all; everybody hears all. */
static void hear_out(void)
{
	bool moved = true;

	for (int i = 0; i < 2; i++)
		if (!ends[i].shut)
			shut(&ends[i]);
	for (int reads = 0; moved && reads < READS_MOST; reads++) {
		moved = false;
		for (int i = 0; i < 2; i++)
			if (!ends[i].reading && !ends[i].over)
				ends[i].reading = leat_flow_read(ends[i].flow);
		for (int i = 0; i < 3; i++)
			fuzz_run(&w);
		for (int i = 0; i < 2; i++) {
			take_write(&ends[i]);
			moved = take_read(&ends[i]) || moved;
		}
	}
}

static void look(void)
{
	if (w.failed || ends[0].aborted)
		return;
	for (int i = 0; i < 2; i++) {
		struct end *end = &ends[i], *peer = other(end);

		fuzz_must(end->over);
		if (end->bare || peer->bare)
			continue;
		fuzz_must(limit && peer->said > limit ? end->why == LEAT_LIMIT && end->heard == limit
		                                      : end->why == LEAT_NONE && end->heard == peer->said);
	}
}

static void end_all(void)
{
	for (int i = 0; i < 2; i++) {
		leat_io_cancel(ends[i].reading);
		leat_io_cancel(ends[i].writing);
		leat_flow_unref(ends[i].flow);
	}
}

static void transforms(fuzz *f)
{
	unsigned which = fuzz_byte(f), how = fuzz_byte(f), fail_at = fuzz_byte(f), most = fuzz_byte(f);
	leat_flow *pair[2];

	if (!fuzz_open(&w, fail_at))
		return;
	memset(ends, 0, sizeof ends);
	alphabet = most & 15 ? (most & 15) * 17 : 255;
	limit = most & 16 ? (uint64_t)most << 3 : 0;
	leat_flow_pair(w.loop, pair);
	ends[0].flow = coded(pair[0], which, how);
	ends[1].bare = which & 128;
	ends[1].flow = ends[1].bare ? pair[1] : coded(pair[1], which, how);
	while (f->bytes > 0)
		deed(f);
	hear_out();
	look();
	end_all();
	fuzz_close(&w);
}

FUZZ("transform", transforms)

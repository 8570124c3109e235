/* SPDX-License-Identifier: ISC */
/* stacks - layers on layers on bridges, by seed: two ends say, hear, put back, cancel and
 * shut at random, and each byte is heard once, in order, and then the end; or they are freed
 * in the middle, and nothing is left
 *
 *	STACKS=17 test/flow/stacks    one seed, for a debugger
 */
#include <leat/flow_ops.h>

#include "flow/bridge.h"
#include "support/suite.h"

enum { SEEDS = 150, MOVES = 400, MOST = 60000 };

static uint64_t dice_state;

static unsigned dice(unsigned sides)
{
	dice_state = dice_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(dice_state >> 33) % sides;
}

static unsigned char byte_at(int side, size_t at)
{
	return (unsigned char)(at * 149 + at / 257 + (size_t)side * 77);
}

struct end {
	int side;
	leat_flow *flow;
	leat_io *reading, *writing;
	bool into; /* the read is a read_into */
	size_t heard, said, writes; /* bytes of the pending write */
	bool shut, heard_end, broken;
	unsigned char memory[3000];
};

static void hear(struct end *e, const unsigned char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i] != byte_at(1 - e->side, e->heard + i))
			ck_abort_msg("side %d: byte %zu is wrong", e->side, e->heard + i);
	e->heard += n;
}

/* Some of what was read is put back. */
static void hear_buf(struct end *e, leat_buf *buf)
{
	size_t bytes = leat_buf_size(buf), keep = dice(4) ? bytes : dice((unsigned)bytes);
	leat_buf *rest = leat_buf_slice(buf, keep, bytes - keep);

	hear(e, leat_buf_data(buf), keep);
	leat_buf_unref(buf);
	leat_flow_unread(e->flow, rest);
}

static void look_at_read(struct end *e)
{
	leat_result result;
	leat_buf *buf;

	if (!e->reading || !leat_io_try(e->reading, &result))
		return;
	e->reading = NULL;
	if (!leat_result_ok(&result)) {
		e->broken = true;
	} else if (e->into) {
		int64_t n = leat_result_int(&result);

		hear(e, e->memory, (size_t)n);
		e->heard_end |= n == 0;
	} else {
		buf = leat_result_buf(&result);
		if (buf)
			hear_buf(e, buf);
		e->heard_end |= !buf;
	}
	leat_result_clear(&result);
}

static void look_at_write(struct end *e)
{
	leat_result result;

	if (!e->writing || !leat_io_try(e->writing, &result))
		return;
	e->writing = NULL;
	e->broken |= !leat_result_ok(&result);
	leat_result_clear(&result);
}

static void start_read(struct end *e)
{
	size_t min = 1 + dice(2000);

	if (e->reading)
		return;
	e->into = dice(3) == 0;
	e->reading = e->into ? leat_flow_read_into(e->flow, e->memory, min, min + dice(1000)) : leat_flow_read(e->flow);
}

static void start_write(struct end *e)
{
	static unsigned char text[MOST];
	size_t n = 1 + dice(dice(3) ? 300 : MOST);

	if (e->writing || e->shut || e->broken)
		return;
	for (size_t i = 0; i < n; i++)
		text[i] = byte_at(e->side, e->said + i);
	e->writing = dice(2) ? leat_flow_write(e->flow, text, n)
	                     : leat_flow_send(e->flow, leat_buf_copy(leat_flow_loop(e->flow), text, n));
	e->said += n;
	e->writes = n;
}

static void cancel_read(struct end *e)
{
	leat_io *io = e->reading;

	e->reading = NULL;
	leat_io_cancel(io);
}

static void cancel_write(struct end *e)
{
	leat_flow_info info = { .size = sizeof info };
	leat_io *io = e->writing;

	if (!io)
		return;
	e->writing = NULL;
	leat_io_cancel(io);
	leat_flow_info_get(e->flow, &info);
	if (info.cancelled_write == LEAT_WRITE_WITHDRAWN)
		e->said -= e->writes;
}

static void shut(struct end *e)
{
	if (e->shut || e->writing)
		return;
	e->shut = true;
	leat_io_ignore(leat_flow_shutdown(e->flow, LEAT_WRITE));
}

static void move(struct end *e)
{
	if (dice(3)) /* else it may be cancelled on its way */
		look_at_read(e);
	look_at_write(e);
	switch (dice(16)) {
	case 0:
		cancel_read(e);
		break;
	case 1:
		cancel_write(e);
		break;
	case 2:
		leat_io_ignore(leat_flow_flush(e->flow));
		break;
	case 3:
		if (dice(20) == 0)
			shut(e);
		break;
	case 4: case 5: case 6: case 7: case 8:
		start_write(e);
		break;
	default:
		start_read(e);
		break;
	}
}

/* ---- the stack ---- */

static leat_flow *over(leat_loop *loop, leat_flow *below, unsigned what)
{
	return what == 0 ? layer_over(loop, below) : leat_flow_from_bufferevent(loop, leat_bridge_new(below));
}

static void build(struct world *w, struct end ends[2])
{
	leat_flow *flows[2];

	ends_of(w, (int)dice(OVER), flows);
	for (unsigned levels = dice(4); levels > 0; levels--) {
		unsigned what = dice(2);

		for (int i = 0; i < 2; i++)
			flows[i] = over(w->loop, flows[i], what);
	}
	for (int i = 0; i < 2; i++)
		ends[i] = (struct end){ .side = i, .flow = flows[i] };
}

static void turn(struct world *w)
{
	world_pass(w, (int64_t)dice(5));
	event_base_loop(w->base, EVLOOP_NONBLOCK);
}

/* All is said, all is heard. */
static void come_to_the_end(struct world *w, struct end ends[2])
{
	while (!ends[0].heard_end || !ends[1].heard_end) {
		for (int i = 0; i < 2; i++) {
			look_at_read(&ends[i]);
			look_at_write(&ends[i]);
			ck_assert_msg(!ends[i].broken, "side %d is broken", i);
			shut(&ends[i]);
			if (!ends[i].heard_end)
				start_read(&ends[i]);
		}
		turn(w);
	}
	for (int i = 0; i < 2; i++)
		expect_size(ends[i].heard, ends[1 - i].said);
}

static void leave(struct world *w, struct end ends[2])
{
	for (int i = 0; i < 2; i++) {
		if (dice(2))
			cancel_read(&ends[i]);
		if (dice(2))
			leat_io_ignore(leat_flow_close(ends[i].flow));
		leat_flow_unref(ends[i].flow);
		cancel_read(&ends[i]);
		leat_io_cancel(ends[i].writing);
	}
	settle(w);
}

static void play(uint64_t seed)
{
	struct world w;
	struct end ends[2];
	unsigned moves;

	dice_state = seed;
	world_open(&w);
	build(&w, ends);
	for (moves = dice(MOVES); moves > 0; moves--) {
		move(&ends[dice(2)]);
		if (dice(3) == 0)
			turn(&w);
	}
	if (seed % 3 > 0)
		come_to_the_end(&w, ends);
	leave(&w, ends);
	world_end(&w);
}

START_TEST(each_byte_is_heard_once_through_any_stack)
{
	const char *one = getenv("STACKS");

	play(one ? strtoull(one, NULL, 10) : (uint64_t)_i);
}
END_TEST

SUITE("stacks", EACH(each_byte_is_heard_once_through_any_stack, SEEDS))

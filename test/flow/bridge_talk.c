/* SPDX-License-Identifier: ISC */
/* bridge_talk - two users of bufferevents talk through two bridges and what is between
 * them, in pieces and with pauses by seed; each hears each byte of the other once, in
 * order, and then the end
 */
#include "flow/bridge.h"
#include "support/suite.h"

enum { SEEDS = 40, MOST = 300000 };

static uint64_t random_state;

static size_t random_below(size_t n)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (size_t)((random_state >> 33) % n);
}

/* The byte at that place of what the side says. */
static unsigned char byte_at(int side, size_t at)
{
	return (unsigned char)(at * 167 + at / 253 + (size_t)side * 91);
}

struct talker {
	int side;
	struct bufferevent *bev;
	size_t said, total, heard;
	bool finished, heard_end;
	short failed;
};

static void say_some(struct talker *t)
{
	unsigned char piece[20000];
	size_t n = 1 + random_below(random_below(3) ? 100 : sizeof piece);

	if (n > t->total - t->said)
		n = t->total - t->said;
	for (size_t i = 0; i < n; i++)
		piece[i] = byte_at(t->side, t->said + i);
	if (n > 0)
		bufferevent_write(t->bev, piece, n);
	t->said += n;
	if (t->said < t->total || t->finished)
		return;
	t->finished = true;
	bufferevent_flush(t->bev, EV_WRITE, BEV_FINISHED);
}

static void hear_some(struct bufferevent *bev, void *arg)
{
	struct talker *t = arg;
	unsigned char piece[8192];
	size_t want = 1 + random_below(sizeof piece), n = bufferevent_read(bev, piece, want);

	for (size_t i = 0; i < n; i++)
		if (piece[i] != byte_at(1 - t->side, t->heard + i))
			ck_abort_msg("side %d: byte %zu is wrong", t->side, t->heard + i);
	t->heard += n;
}

static void all_said(struct bufferevent *bev, void *arg)
{
	(void)bev;
	say_some(arg);
}

static void hear_end(struct bufferevent *bev, short what, void *arg)
{
	struct talker *t = arg;

	if (what != (BEV_EVENT_READING | BEV_EVENT_EOF))
		t->failed = what;
	while (evbuffer_get_length(bufferevent_get_input(bev)) > 0)
		hear_some(bev, arg);
	t->heard_end = true;
}

/* Things that users do in between. */
static void fidget(struct talker *t)
{
	size_t high[] = { 0, 0, 1, 500, 40000 };

	switch (random_below(12)) {
	case 0:
		bufferevent_disable(t->bev, EV_READ);
		break;
	case 1:
		if (!t->finished)
			bufferevent_disable(t->bev, EV_WRITE);
		break;
	case 2:
		if (!t->heard_end)
			bufferevent_setwatermark(t->bev, EV_READ, 0, high[random_below(5)]);
		break;
	case 3:
		bufferevent_flush(t->bev, EV_WRITE, BEV_FLUSH);
		break;
	case 4:
		bufferevent_flush(t->bev, EV_READ, BEV_FLUSH);
		break;
	case 5:
		say_some(t);
		break;
	default:
		if (!t->heard_end)
			bufferevent_enable(t->bev, EV_READ);
		bufferevent_enable(t->bev, EV_WRITE);
		hear_some(t->bev, t);
		break;
	}
}

static void talker_begins(struct talker *t, int side, leat_flow *flow)
{
	*t = (struct talker){ .side = side, .bev = leat_bridge_new(flow), .total = random_below(MOST) };
	expect_some(t->bev);
	bufferevent_setcb(t->bev, hear_some, all_said, hear_end, t);
	say_some(t);
}

START_TEST(each_byte_is_heard_once_and_then_the_end)
{
	struct world w;
	struct talker t[2];
	leat_flow *ends[2];

	random_state = (uint64_t)_i;
	world_open(&w);
	ends_of(&w, _i % OVER, ends);
	for (int i = 0; i < 2; i++)
		talker_begins(&t[i], i, ends[i]);
	while (!t[0].heard_end || !t[1].heard_end) {
		fidget(&t[random_below(2)]);
		world_pass(&w, 1 + (int64_t)random_below(100));
		event_base_loop(w.base, EVLOOP_NONBLOCK);
	}
	for (int i = 0; i < 2; i++) {
		expect_int(t[i].failed, 0);
		expect_size(t[i].heard, t[1 - i].total);
		bufferevent_free(t[i].bev);
	}
	settle(&w);
	world_close(&w);
}
END_TEST

SUITE("bridge_talk", EACH(each_byte_is_heard_once_and_then_the_end, SEEDS))

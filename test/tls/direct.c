/* SPDX-License-Identifier: ISC */
/* direct - large records over a transport that can be taken from and put to, which takes
 * and gives as little at once as the test says */
#include <sys/uio.h>

#include <leat/flow_ops.h>

#include "tls/party.h"

enum { LARGE = 300000 };

static struct party p;

/* ---- two ends of a hose ---- */

static struct {
	size_t holds, gives; /* bytes in each direction, and at once */
	unsigned taken, put, partly; /* by others than reads and writes; puts not wholly taken */
} hose;

struct end {
	leat_flow *self;
	struct end *other;
	size_t at, used; /* what came for it */
	bool blocked, ended, gone;
	unsigned char bytes[70000];
};

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t drain_end(struct end *e, void *memory, size_t room)
{
	size_t n = least(least(e->used, room), hose.gives);

	memcpy(memory, e->bytes + e->at, n);
	e->used -= n;
	e->at = e->used > 0 ? e->at + n : 0;
	return n;
}

static void has_room(struct end *e)
{
	if (!e->other->blocked)
		return;
	e->other->blocked = false;
	leat_flow_writable(e->other->self);
}

static void answer(struct end *e)
{
	leat_buf *buf;
	size_t n = least(e->used, hose.gives);

	if (e->gone || !leat_flow_wanted(e->self) || (n == 0 && !e->ended))
		return;
	if (n == 0) {
		leat_flow_give_end(e->self);
		return;
	}
	if (leat_flow_give_readable(e->self))
		return;
	buf = leat_buf_new(p.w.loop, n);
	drain_end(e, leat_buf_space(buf), n);
	leat_flow_give(e->self, buf);
	has_room(e);
}

static void hose_read(leat_flow *self, void *state)
{
	(void)self;
	answer(state);
}

static size_t hose_take(leat_flow *self, void *state, void *memory, size_t room)
{
	size_t n = drain_end(state, memory, room);

	(void)self;
	has_room(state);
	hose.taken += n > 0;
	return n;
}

/* What the other end has room for. */
static size_t fill_end(struct end *to, const void *bytes, size_t n)
{
	n = least(n, hose.holds - least(hose.holds, to->used));
	if (to->at + to->used + n > sizeof to->bytes) {
		memmove(to->bytes, to->bytes + to->at, to->used);
		to->at = 0;
	}
	memcpy(to->bytes + to->at + to->used, bytes, n);
	to->used += n;
	return n;
}

static void hose_write(leat_flow *self, void *state, leat_bufs *queue)
{
	struct end *e = state;
	struct iovec part;
	size_t n = 1;

	(void)self;
	while (n > 0 && leat_bufs_iovec(queue, &part, 1) > 0) {
		n = fill_end(e->other, part.iov_base, part.iov_len);
		leat_bufs_drop(queue, n);
	}
	e->blocked = leat_bufs_size(queue) > 0;
	answer(e->other);
}

static size_t hose_put(leat_flow *self, void *state, const struct iovec *parts, int count)
{
	struct end *e = state;
	size_t sum = 0, wanted = 0, n;

	(void)self;
	for (int i = 0; i < count; i++) {
		wanted += parts[i].iov_len;
		n = fill_end(e->other, parts[i].iov_base, parts[i].iov_len);
		sum += n;
		if (n < parts[i].iov_len)
			break;
	}
	hose.put += sum > 0;
	hose.partly += sum > 0 && sum < wanted;
	answer(e->other);
	return sum;
}

static void hose_shutdown(leat_flow *self, void *state)
{
	struct end *e = state;

	e->other->ended = true;
	answer(e->other);
	leat_flow_told(self);
}

static void hose_end(leat_flow *self, void *state)
{
	struct end *e = state;

	(void)self;
	e->gone = e->other->ended = true;
	answer(e->other);
}

static const leat_flow_ops hose_ops = {
	.size = sizeof(leat_flow_ops),
	.name = "hose",
	.state_bytes = sizeof(struct end),
	.read = hose_read,
	.write = hose_write,
	.shutdown = hose_shutdown,
	.close = hose_end,
	.abort = hose_end,
	.take = hose_take,
	.put = hose_put,
};

/* ---- over it ---- */

static leat_flow *kept[2]; /* an end may outlive the other */

static void meets(size_t holds, size_t gives)
{
	struct end *ends[2];
	leat_flow *below[2];

	party_open(&p);
	hose.holds = SIZE_MAX;
	hose.gives = SIZE_MAX;
	hose.taken = hose.put = hose.partly = 0;
	for (int i = 0; i < 2; i++) {
		void *state;

		below[i] = leat_flow_new(p.w.loop, &hose_ops, &state);
		ends[i] = state;
		ends[i]->self = below[i];
		kept[i] = leat_flow_ref(below[i]);
	}
	ends[0]->other = ends[1];
	ends[1]->other = ends[0];
	hose.holds = sizeof ends[0]->bytes;
	party_meet_over(&p, below, "good.test");
	expect_ok(p.error[CLIENT]);
	expect_ok(p.error[SERVER]);
	expect_tls_hears(&p, SERVER, "");
	hose.holds = holds;
	hose.gives = gives;
}

static void part(void)
{
	party_part(&p);
	for (int i = 0; i < 2; i++)
		leat_flow_unref(kept[i]);
	party_close(&p);
}

static char large[LARGE], got[LARGE];

static void carries(int from, int to, size_t bytes)
{
	leat_io *reading = leat_flow_read_into(p.flow[to], got, bytes, bytes);
	leat_io *writing = leat_flow_write(p.flow[from], large, bytes);

	memset(got, 0, bytes);
	party_run(&p);
	expect_int((int)settled_int(reading), (int)bytes);
	expect_ok(settled(writing));
	expect(memcmp(got, large, bytes) == 0);
}

static void fill_large(void)
{
	for (size_t i = 0; i < LARGE; i++)
		large[i] = (char)(i * 7 + i / 251);
}

static const size_t fits[] = { 7, 5000, 16405, 16406, 16407, 16709, 32812, 65000 };
enum { FITS = sizeof fits / sizeof *fits };

/* Whatever fits into the transport, and however it comes. */
START_TEST(large_records_go_both_ways_in_any_pieces)
{
	const size_t sizes[] = { 16384, 1, 32768, 16385, 49152, 100, 65536, 16383, LARGE };
	size_t holds = fits[_i / FITS], gives = fits[_i % FITS];

	fill_large();
	meets(holds, gives);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		if (least(holds, gives) < 100 && sizes[i] > 40000)
			continue;
		carries(CLIENT, SERVER, sizes[i]);
		carries(SERVER, CLIENT, sizes[i]);
	}
	part();
}
END_TEST

START_TEST(they_go_straight_between_openssls_memory_and_the_transport)
{
	fill_large();
	meets(65000, 65000);
	carries(CLIENT, SERVER, 16384);
	hose.taken = hose.put = 0;
	for (int i = 0; i < 10; i++)
		carries(CLIENT, SERVER, 16384);
	expect_int(hose.put, 10);
	expect_int(hose.taken, 10);
	part();
}
END_TEST

START_TEST(small_ones_do_not)
{
	fill_large();
	meets(65000, 65000);
	hose.taken = hose.put = 0;
	for (int i = 0; i < 10; i++)
		carries(CLIENT, SERVER, 1000);
	expect_int(hose.put, 0);
	expect_int(hose.taken, 0);
	part();
}
END_TEST

START_TEST(several_that_go_out_together_do_so_in_one_piece)
{
	fill_large();
	meets(65000, 65000);
	hose.put = 0;
	carries(CLIENT, SERVER, 3 * 16384);
	expect_int(hose.put, 1);
	part();
}
END_TEST

START_TEST(one_that_is_taken_in_part_goes_on_by_itself)
{
	fill_large();
	meets(20000, 65000);
	hose.partly = 0;
	carries(CLIENT, SERVER, 2 * 16384);
	expect_int(hose.partly, 1);
	part();
}
END_TEST

/* The record that is on its way is heard, then the end. */
START_TEST(the_end_comes_behind_them)
{
	leat_io *closing, *reading;
	leat_result result;

	fill_large();
	meets(16406, 65000);
	carries(CLIENT, SERVER, 16384);
	closing = leat_flow_shutdown(p.flow[CLIENT], LEAT_WRITE);
	party_run(&p);
	expect_ok(settled(closing));
	reading = leat_flow_read(p.flow[SERVER]);
	party_run(&p);
	expect_true(leat_io_try(reading, &result));
	expect_null(leat_result_buf(&result));
	carries(SERVER, CLIENT, 40000);
	part();
}
END_TEST

START_TEST(an_end_in_the_middle_of_one_is_truncated)
{
	leat_io *reading;

	fill_large();
	meets(16406, 65000);
	carries(CLIENT, SERVER, 16384);
	hose.holds = 10000;
	leat_io_ignore(leat_flow_write(p.flow[CLIENT], large, 16384));
	party_run(&p);
	leat_flow_abort(p.flow[CLIENT]);
	reading = leat_flow_read(p.flow[SERVER]);
	party_run(&p);
	expect_kind(settled(reading), LEAT_TRUNCATED);
	part();
}
END_TEST

SUITE("direct", EACH(large_records_go_both_ways_in_any_pieces, FITS * FITS),
	they_go_straight_between_openssls_memory_and_the_transport,
	small_ones_do_not,
	several_that_go_out_together_do_so_in_one_piece,
	one_that_is_taken_in_part_goes_on_by_itself,
	the_end_comes_behind_them,
	an_end_in_the_middle_of_one_is_truncated)

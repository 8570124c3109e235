/* SPDX-License-Identifier: ISC */
/* hose - two joined flows in memory that can be taken from and put to, and that take and
 * give as little at once as the test says
 *
 *	static struct hose hose;
 *
 *	hose_new(&hose, loop, ends);      as much as there is room for
 *	hose.gives = 7;
 *	...                               both flows are let go of
 *	hose_free(&hose);
 */
#ifndef TEST_SUPPORT_HOSE_H
#define TEST_SUPPORT_HOSE_H

#include <string.h>
#include <sys/uio.h>

#include <leat/flow_ops.h>

enum { HOSE_MOST = 70000 };

struct hose {
	size_t holds, gives; /* bytes in each direction, and at once; at least 1 */
	unsigned taken, put, partly; /* by others than reads and writes; puts not wholly taken */
	struct hose_end *ends[2];
	leat_flow *kept[2]; /* an end may outlive the other */
	unsigned char bytes[2][HOSE_MOST];
};

struct hose_end {
	leat_flow *self;
	struct hose *hose;
	struct hose_end *other;
	size_t at, used; /* what came for it */
	bool blocked, ended, cut, gone;
	unsigned char *bytes; /* HOSE_MOST */
};

static inline size_t hose_least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static inline size_t hose_drain(struct hose_end *e, void *memory, size_t room)
{
	size_t n = hose_least(hose_least(e->used, room), e->hose->gives);

	memcpy(memory, e->bytes + e->at, n);
	e->used -= n;
	e->at = e->used > 0 ? e->at + n : 0;
	return n;
}

/* What the other end has room for. */
static inline size_t hose_fill(struct hose_end *to, const void *bytes, size_t n)
{
	n = hose_least(n, to->hose->holds - hose_least(to->hose->holds, to->used));
	if (to->at + to->used + n > HOSE_MOST) {
		memmove(to->bytes, to->bytes + to->at, to->used);
		to->at = 0;
	}
	memcpy(to->bytes + to->at + to->used, bytes, n);
	to->used += n;
	return n;
}

static inline void hose_has_room(struct hose_end *e)
{
	if (!e->other || !e->other->blocked || e->other->gone)
		return;
	e->other->blocked = false;
	leat_flow_writable(e->other->self);
}

static inline void hose_answer(struct hose_end *e)
{
	leat_buf *buf;
	size_t n;

	if (!e || e->gone || !leat_flow_wanted(e->self))
		return;
	n = hose_least(e->used, e->hose->gives);
	if (n == 0) {
		if (e->cut)
			leat_flow_give_error(e->self, leat_error_core(LEAT_RESET));
		else if (e->ended)
			leat_flow_give_end(e->self);
		return;
	}
	if (leat_flow_give_readable(e->self))
		return;
	buf = leat_buf_new(leat_flow_loop(e->self), n);
	if (!leat_buf_failed(buf))
		hose_drain(e, leat_buf_space(buf), n);
	leat_flow_give(e->self, buf);
	hose_has_room(e);
}

static inline void hose_read(leat_flow *self, void *state)
{
	(void)self;
	hose_answer(state);
}

static inline size_t hose_take(leat_flow *self, void *state, void *memory, size_t room)
{
	struct hose_end *e = state;
	size_t n = hose_drain(e, memory, room);

	(void)self;
	e->hose->taken += n > 0;
	hose_has_room(e);
	return n;
}

static inline void hose_write(leat_flow *self, void *state, leat_bufs *queue)
{
	struct hose_end *e = state;
	struct iovec part;
	size_t n = 1;

	(void)self;
	while (e->other && n > 0 && leat_bufs_iovec(queue, &part, 1) > 0) {
		n = hose_fill(e->other, part.iov_base, part.iov_len);
		leat_bufs_drop(queue, n);
	}
	e->blocked = leat_bufs_size(queue) > 0;
	hose_answer(e->other);
}

static inline size_t hose_put(leat_flow *self, void *state, const struct iovec *parts, int count)
{
	struct hose_end *e = state;
	size_t sum = 0, wanted = 0;

	(void)self;
	for (int i = 0; e->other && i < count && sum == wanted; i++) {
		wanted += parts[i].iov_len;
		sum += hose_fill(e->other, parts[i].iov_base, parts[i].iov_len);
	}
	e->hose->put += sum > 0;
	e->hose->partly += sum > 0 && sum < wanted;
	hose_answer(e->other);
	return sum;
}

static inline void hose_shutdown(leat_flow *self, void *state)
{
	struct hose_end *e = state;

	if (e->other)
		e->other->ended = true;
	hose_answer(e->other);
	leat_flow_told(self);
}

static inline void hose_close(leat_flow *self, void *state)
{
	struct hose_end *e = state;

	(void)self;
	e->gone = true;
	if (e->other)
		e->other->ended = true;
	hose_answer(e->other);
}

static inline void hose_abort(leat_flow *self, void *state)
{
	struct hose_end *e = state;

	if (e->other)
		e->other->cut = true;
	hose_close(self, state);
}

/* Where there is no memory, neither is of use. */
static inline void hose_new(struct hose *hose, leat_loop *loop, leat_flow *ends[2])
{
	static const leat_flow_ops ops = {
		.size = sizeof(leat_flow_ops),
		.name = "hose",
		.state_bytes = sizeof(struct hose_end),
		.read = hose_read,
		.write = hose_write,
		.shutdown = hose_shutdown,
		.close = hose_close,
		.abort = hose_abort,
		.take = hose_take,
		.put = hose_put,
	};

	hose->holds = hose->gives = HOSE_MOST;
	hose->taken = hose->put = hose->partly = 0;
	for (int i = 0; i < 2; i++) {
		void *state;

		ends[i] = leat_flow_new(loop, &ops, &state);
		hose->kept[i] = leat_flow_ref(ends[i]);
		hose->ends[i] = state;
	}
	for (int i = 0; i < 2; i++) {
		struct hose_end *e = hose->ends[i];

		if (e) {
			e->self = ends[i];
			e->hose = hose;
			e->bytes = hose->bytes[i];
			e->other = hose->ends[!i];
		}
		if (!e || !e->other)
			leat_flow_abort(ends[i]);
	}
}

static inline void hose_free(struct hose *hose)
{
	for (int i = 0; i < 2; i++) {
		leat_flow_abort(hose->kept[i]);
		if (hose->ends[i])
			hose->ends[i]->other = NULL;
	}
	for (int i = 0; i < 2; i++)
		leat_flow_unref(hose->kept[i]);
}

#endif

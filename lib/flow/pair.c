/* SPDX-License-Identifier: ISC */
/* pair - two ends in memory
 *
 * Bytes wait in the writer's queue, which the guard bounds, until the reader
 * wants one: then a buf moves over, uncopied.  A write knocks at the peer, a
 * read knocks at the peer's queue.
 */
#include "flow/flow.h"

typedef struct lt_half {
	leat_flow *self;
	struct lt_half *peer; /* NULL: it is gone */
	bool ended;           /* no more will come from here */
} lt_half;

static void pair_read(leat_flow *self, void *state)
{
	lt_half *half = state, *peer = half->peer;

	(void)self;
	if (!peer || peer->ended)
		leat_flow_give_end(half->self);
	else
		leat_flow_writable(peer->self);
}

static void pair_write(leat_flow *self, void *state, leat_bufs *queue)
{
	lt_half *half = state;

	(void)self;
	while (half->peer && leat_bufs_size(queue) > 0 && leat_flow_wanted(half->peer->self))
		leat_flow_give(half->peer->self, leat_bufs_take(queue));
}

static void end(lt_half *half)
{
	half->ended = true;
	if (half->peer && leat_flow_wanted(half->peer->self))
		leat_flow_give_end(half->peer->self);
}

static void pair_shutdown(leat_flow *self, void *state)
{
	end(state);
	leat_flow_told(self);
}

static void part(lt_half *half)
{
	if (half->peer)
		half->peer->peer = NULL;
	half->peer = NULL;
}

static void pair_close(leat_flow *self, void *state)
{
	lt_half *half = state;

	(void)self;
	if (!half->ended)
		end(half);
	part(half);
}

static void pair_abort(leat_flow *self, void *state)
{
	lt_half *half = state, *peer = half->peer;
	leat_error reset = leat_error_core(LEAT_RESET);

	(void)self;
	part(half);
	if (!peer)
		return;
	leat_flow_ref(peer->self);
	leat_flow_give_error(peer->self, reset);
	leat_flow_write_failed(peer->self, leat_error_core(LEAT_CLOSED));
	leat_flow_unref(peer->self);
}

static const leat_flow_ops pair_ops = {
	.size = sizeof(leat_flow_ops),
	.name = "pair",
	.state_bytes = sizeof(lt_half),
	.close_tells = true,
	.read = pair_read,
	.write = pair_write,
	.shutdown = pair_shutdown,
	.close = pair_close,
	.abort = pair_abort,
};

void leat_flow_pair_at(leat_loop *loop, leat_flow *ends[2], const char *where)
{
	void *state[2];

	for (int i = 0; i < 2; i++)
		ends[i] = leat_flow_new_at(loop, &pair_ops, &state[i], where);
	for (int i = 0; i < 2; i++) {
		lt_half *half = state[i];

		if (half)
			*half = (lt_half){ .self = ends[i], .peer = state[1 - i] };
		if (half && !half->peer)
			leat_flow_abort(ends[i]);
	}
}

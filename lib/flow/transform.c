/* SPDX-License-Identifier: ISC */
/* transform - a flow over any flow that rewrites the bytes which pass
 *
 * Made of public calls only, as any layer of a user's.  What it reads is in
 * transform_in.c, what it writes in transform_out.c; here are its making and its end.
 */
#include <string.h>

#include <leat/options.h>

#include "flow/transform.h"

const unsigned char lt_transform_none[1];

size_t lt_transform_block(size_t bytes)
{
	size_t room = LEAT_CODING_ROOM;

	while (room < bytes && room < LT_TRANSFORM_LARGEST)
		room *= 2;
	return room;
}

leat_error lt_transform_pass(void *state, leat_coding *coding)
{
	(void)state;
	leat_coding_copy(coding, SIZE_MAX);
	return (leat_error){ 0 };
}

/* ---- the flow below ---- */

void lt_transform_close_below_at_the_end(lt_transform *t)
{
	if (t->end_given && t->told && t->below)
		leat_io_ignore(leat_flow_close(t->below));
}

/* ---- life ---- */

static void end(lt_transform *t)
{
	t->read_over = t->write_over = true;
	if (t->coder->destroy)
		t->coder->destroy(t->state);
	leat_memory_put(lt_transform_loop(t), t->state);
	t->state = NULL;
	leat_buf_unref(t->in);
	leat_buf_unref(t->out);
	t->in = t->out = NULL;
	leat_flow_unref(t->below);
	t->below = NULL;
}

static void transform_close(leat_flow *self, void *state)
{
	lt_transform *t = state;

	leat_io_ignore(leat_flow_close(t->below));
	end(t);
}

static void transform_abort(leat_flow *self, void *state)
{
	lt_transform *t = state;

	leat_flow_abort(t->below);
	end(t);
}

/* The descriptor is not given: what passes there is not what passes here. */
static void transform_info(leat_flow *self, void *state, leat_flow_info *info)
{
	const lt_transform *t = state;
	leat_flow_info below = { .size = sizeof below };

	info->kind = t->coder->name;
	if (!t->below)
		return;
	leat_flow_info_get(t->below, &below);
	info->local = below.local;
	info->peer = below.peer;
}

/* By what the flow below can do: over one that is only read nothing has to be finished. */
#define TRANSFORM_OPS(ways)                           \
	{                                             \
		.size = sizeof(leat_flow_ops),        \
		.name = "transform",                  \
		.state_bytes = sizeof(lt_transform),  \
		.directions = (ways),                 \
		.read = lt_transform_read,            \
		.write = lt_transform_write,          \
		.flush = lt_transform_flush,          \
		.shutdown = lt_transform_shutdown,    \
		.close = transform_close,             \
		.abort = transform_abort,             \
		.info = transform_info,               \
	}

static const leat_flow_ops transform_ops[] = {
	[LEAT_READ] = TRANSFORM_OPS(LEAT_READ),
	[LEAT_WRITE] = TRANSFORM_OPS(LEAT_WRITE),
	[LEAT_BOTH] = TRANSFORM_OPS(LEAT_BOTH),
};

static leat_direction ways_of(leat_flow *below)
{
	leat_flow_info info = { .size = sizeof info };

	leat_flow_info_get(below, &info);
	return info.directions;
}

/* Zeroed; NULL without memory. */
static void *coder_state(leat_loop *loop, const leat_coder *coder, const char *where)
{
	void *state;

	leat_options_check_at(coder, "leat_coder", where);
	state = leat_memory_get(loop, coder->state_bytes > 0 ? coder->state_bytes : 1);
	return state ? memset(state, 0, coder->state_bytes) : NULL;
}

/* Ends what could not be made. */
static leat_flow *unmade(leat_flow *self, leat_flow *below, leat_loop *loop, void *coder)
{
	leat_memory_put(loop, coder);
	leat_flow_abort(below);
	leat_flow_unref(below);
	return self;
}

leat_flow *leat_transform_new_at(leat_flow *below, const leat_coder *coder, void **state, const char *where)
{
	leat_flow *mine = leat_flow_take(below);
	leat_loop *loop = leat_flow_loop(mine);
	leat_direction ways = ways_of(mine);
	void *own = coder_state(loop, coder, where), *ours = NULL;
	leat_flow *self = own ? leat_flow_new_at(loop, &transform_ops[ways], &ours, where)
	                      : leat_flow_stillborn(loop, leat_error_core(LEAT_NOMEM));
	lt_transform *t = ours;

	if (state)
		*state = t ? own : NULL;
	if (!t)
		return unmade(self, mine, loop, own);
	*t = (lt_transform){ .self = self, .below = mine, .coder = coder, .state = own };
	t->read_over = t->end_given = ways == LEAT_WRITE;
	t->write_over = t->told = ways == LEAT_READ;
	return self;
}

void *leat_transform_state(leat_flow *flow, const leat_coder *coder)
{
	lt_transform *t = NULL;

	for (int ways = LEAT_READ; ways <= LEAT_BOTH && !t; ways++)
		t = leat_flow_state(flow, &transform_ops[ways]);
	return t && t->coder == coder ? t->state : NULL;
}

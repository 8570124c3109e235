/* SPDX-License-Identifier: ISC */
/* transform.h - what the two halves of a transform share
 *
 * What tells the guard of an end may end the flow, and give its last reference back: ops
 * are called with one held, continuations hold one themselves.
 */
#ifndef LT_FLOW_TRANSFORM_H
#define LT_FLOW_TRANSFORM_H

#include <leat/buf.h>
#include <leat/flow_ops.h>
#include <leat/memory.h>
#include <leat/transform.h>

enum { LT_TRANSFORM_LARGEST = 65536 /* of the blocks that coders write to */ };

typedef enum lt_goal { LT_GOAL_NONE, LT_GOAL_FLUSH, LT_GOAL_FINISH } lt_goal;

typedef struct lt_transform {
	leat_flow *self, *below;
	const leat_coder *coder;
	void *state;
	/* reading */
	leat_buf *in;    /* what came from below and is not all used; or NULL */
	size_t in_at;    /* how much of it is used */
	size_t room;     /* of the next block */
	bool more;       /* the decoder has more, without input */
	bool below_over; /* below has given its end */
	bool read_over;  /* the end or an error was given */
	bool end_given;  /* it was the end */
	/* writing */
	leat_buf *out;     /* the block that is being written to; or NULL */
	size_t out_bytes;  /* in it */
	size_t taken;      /* encoded in this go */
	bool encoded_more; /* the encoder has more, without input */
	bool dirty;        /* something was encoded since the last flush */
	bool full;         /* the block has no room for what comes next */
	bool busy;         /* a send below waits, or it is the others' turn */
	bool write_over;   /* writing has failed, or is finished */
	bool asked;        /* for a flush, by ops->flush */
	bool sent;         /* something went below since the last flush there */
	bool clean;        /* finishing: all of the user's had left before the goodbye */
	lt_goal goal;
	bool told;
} lt_transform;

/* What there is where there is no input: coders may add 0 to a pointer. */
extern const unsigned char lt_transform_none[1];

static inline leat_loop *lt_transform_loop(const lt_transform *t)
{
	return leat_flow_loop(t->self);
}

/* Whether neither input was used nor room. */
static inline bool lt_transform_is_idle(const leat_coding *c, size_t in_bytes, size_t out_bytes)
{
	return c->in_bytes == in_bytes && c->out_bytes == out_bytes;
}

/* ---- transform.c ---- */
/* Of a coder that leaves this direction as it is. */
leat_error lt_transform_pass(void *state, leat_coding *coding);
/* A block's size for so many bytes: a power of two. */
size_t lt_transform_block(size_t bytes);
/* Where both directions are over; how the flow below ends is not what this one's users ask. */
void lt_transform_close_below_at_the_end(lt_transform *t);

/* ---- transform_in.c ---- */
void lt_transform_read(leat_flow *self, void *state);

/* ---- transform_out.c ---- */
void lt_transform_write(leat_flow *self, void *state, leat_bufs *queue);
void lt_transform_flush(leat_flow *self, void *state);
void lt_transform_shutdown(leat_flow *self, void *state);

#endif

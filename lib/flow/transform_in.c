/* SPDX-License-Identifier: ISC */
/* transform_in - what comes from below, decoded
 *
 * Reading is pulled: one answer to each ops->read, from what is left of the buf
 * that was read below, else from the next.  `arrive` is the function to read first.
 */
#include "flow/transform.h"

enum { READS_AT_ONCE = 1 /* of below, that need not wait, for one answer */ };

static void read_failed(lt_transform *t, leat_error error)
{
	t->read_over = true;
	leat_flow_give_error(t->self, error);
}

static void read_ended(lt_transform *t)
{
	t->read_over = t->end_given = true;
	lt_transform_close_below_at_the_end(t);
	leat_flow_give_end(t->self);
}

static void use_in(lt_transform *t, size_t bytes)
{
	t->in_at += bytes;
	if (!t->in || t->in_at < leat_buf_size(t->in))
		return;
	leat_buf_unref(t->in);
	t->in = NULL;
	t->in_at = 0;
}

/* Four times its input, or, while the decoder fills them, ever larger ones. */
static leat_buf *block_to_decode(const lt_transform *t)
{
	size_t from = t->in ? leat_buf_size(t->in) - t->in_at : 0;
	size_t room = lt_transform_block(from < LT_TRANSFORM_LARGEST / 4 ? 4 * from : LT_TRANSFORM_LARGEST);

	return leat_buf_new(lt_transform_loop(t), room > t->room ? room : t->room);
}

static leat_error call_decoder(lt_transform *t, leat_coding *c)
{
	bool last = !t->in && !t->more && t->below_over;

	if (!last)
		return t->coder->decode ? t->coder->decode(t->state, c) : lt_transform_pass(t->state, c);
	if (!t->coder->decode && !t->coder->decode_finish) {
		c->done = true;
		return (leat_error){ 0 };
	}
	return t->coder->decode_finish ? t->coder->decode_finish(t->state, c) : leat_error_core(LEAT_TRUNCATED);
}

/* Takes the block with what was written to it: whether it was an answer. */
static bool give(lt_transform *t, leat_buf *block, const leat_coding *c, leat_error error)
{
	size_t room = leat_buf_size(block), bytes = room - c->out_bytes;

	t->room = c->out_bytes > 0 ? 0 : 2 * room < LT_TRANSFORM_LARGEST ? 2 * room : LT_TRANSFORM_LARGEST;
	t->read_over = c->done || leat_error_set(error);
	if (bytes > 0) {
		leat_buf_cut(block, bytes);
		leat_flow_give(t->self, block);
	} else {
		leat_buf_unref(block);
	}
	if (leat_error_set(error))
		read_failed(t, error);
	else if (c->done)
		read_ended(t);
	return bytes > 0 || t->read_over;
}

/* Has the decoder do something; whether it was an answer. */
static bool decode(lt_transform *t)
{
	const unsigned char *in = t->in ? (const unsigned char *)leat_buf_data(t->in) + t->in_at : lt_transform_none;
	size_t in_bytes = t->in ? leat_buf_size(t->in) - t->in_at : 0;
	leat_buf *block = block_to_decode(t);
	leat_coding c = { .in = in, .in_bytes = in_bytes, .out = leat_buf_space(block), .out_bytes = leat_buf_size(block) };
	leat_error error;
	bool rest;

	if (leat_buf_failed(block)) {
		leat_buf_unref(block);
		read_failed(t, leat_error_core(LEAT_NOMEM));
		return true;
	}
	rest = in_bytes > 0 || !t->more;
	error = call_decoder(t, &c);
	t->more = c.more;
	if (!leat_error_set(error) && !c.done && (rest || c.more) && lt_transform_is_idle(&c, in_bytes, leat_buf_size(block)))
		error = leat_error_core(LEAT_INVALID);
	use_in(t, in_bytes - c.in_bytes);
	return give(t, block, &c, error);
}

static void arrive(lt_transform *t);

static leat_io *on_read(void *ctx, leat_result *result)
{
	lt_transform *t = ctx;

	leat_flow_ref(t->self);
	t->in = leat_result_buf(result);
	t->below_over = !t->in;
	arrive(t);
	leat_flow_unref(t->self);
	return NULL;
}

/* Whether it is there at once; else arrive is called again. */
static bool read_below(lt_transform *t, bool wait)
{
	leat_io *io = leat_flow_read(t->below);
	leat_result result;

	if (wait || !leat_io_try(io, &result)) {
		leat_flow_keep(t->self, LEAT_READ, leat_io_then(io, on_read, leat_ctx_borrow(t)));
		return false;
	}
	if (leat_result_ok(&result)) {
		t->in = leat_result_buf(&result);
		t->below_over = !t->in;
		return true;
	}
	read_failed(t, leat_result_error(&result));
	return false;
}

/* Answers once: with what is there, else with what comes. */
static void arrive(lt_transform *t)
{
	unsigned reads = 0;

	while (!t->read_over) {
		bool ready = t->in || t->more || t->below_over;

		if (!ready && !read_below(t, reads++ >= READS_AT_ONCE))
			return;
		if (decode(t))
			return;
	}
}

void lt_transform_read(leat_flow *self, void *state)
{
	arrive(state);
}

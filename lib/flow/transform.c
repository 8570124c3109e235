/* SPDX-License-Identifier: ISC */
/* transform - a flow over any flow that rewrites the bytes which pass
 *
 * Made of public calls only, as any layer of a user's.
 *
 * Reading is pulled: one answer to each ops->read, from what is left of the buf
 * that was read below, else from the next.  `arrive` is the function to read first.
 *
 * Writing is pushed: encode takes its input in place from the guard's queue, and
 * fills blocks which are sent below.  While a send waits the flow is busy, and
 * nothing is encoded; so the queue fills, and its writers wait.  Flushing and
 * finishing are goals, which `drive` works for as soon as the queue is empty and the
 * flow not busy.
 *
 * What tells the guard of an end may end the flow, and give its last reference back: ops
 * are called with one held, continuations hold one themselves.
 */
#include <leat/buf.h>
#include <leat/flow_ops.h>
#include <leat/memory.h>
#include <leat/transform.h>

#include <sys/uio.h>

enum {
	LARGEST = 65536,          /* of the blocks that coders write to */
	ENCODED_AT_ONCE = 262144, /* before others get their turn */
	READS_AT_ONCE = 1,        /* of below, that need not wait, for one answer */
};

enum goal { NOTHING, FLUSH, FINISH };

struct transform {
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
	enum goal goal;
	bool told;
};

/* What there is where there is no input: coders may add 0 to a pointer. */
static const unsigned char none[1];

typedef leat_error (*coder_fn)(void *state, leat_coding *coding);

static leat_loop *loop_of(const struct transform *t)
{
	return leat_flow_loop(t->self);
}

/* A block's size: a power of two. */
static size_t block_for(size_t bytes)
{
	size_t room = LEAT_CODING_ROOM;

	while (room < bytes && room < LARGEST)
		room *= 2;
	return room;
}

/* Whether neither input was used nor room. */
static bool is_idle(const leat_coding *c, size_t in_bytes, size_t out_bytes)
{
	return c->in_bytes == in_bytes && c->out_bytes == out_bytes;
}

/* ---- the flow below ---- */

static leat_io *however(void *ctx, leat_result *result)
{
	return NULL;
}

/* How the flow below ends is not what this one's users ask. */
static void close_below(struct transform *t)
{
	leat_io_detach(leat_io_branch(leat_flow_close(t->below), however, however, leat_ctx_none()));
}

/* Whose both directions are shut closes the flow below. */
static void close_below_at_the_end(struct transform *t)
{
	if (t->end_given && t->told && t->below)
		close_below(t);
}

/* ---- reading ---- */

static void read_failed(struct transform *t, leat_error error)
{
	t->read_over = true;
	leat_flow_give_error(t->self, error);
}

static void read_ended(struct transform *t)
{
	t->read_over = t->end_given = true;
	close_below_at_the_end(t);
	leat_flow_give_end(t->self);
}

static void use_in(struct transform *t, size_t bytes)
{
	t->in_at += bytes;
	if (!t->in || t->in_at < leat_buf_size(t->in))
		return;
	leat_buf_unref(t->in);
	t->in = NULL;
	t->in_at = 0;
}

/* Four times its input, or, while the decoder fills them, ever larger ones. */
static leat_buf *block_to_decode(const struct transform *t)
{
	size_t from = t->in ? leat_buf_size(t->in) - t->in_at : 0;
	size_t room = block_for(from < LARGEST / 4 ? 4 * from : LARGEST);

	return leat_buf_new(loop_of(t), room > t->room ? room : t->room);
}

static leat_error call_decoder(struct transform *t, leat_coding *c)
{
	bool last = !t->in && !t->more && t->below_over;

	if (!last)
		return t->coder->decode(t->state, c);
	return t->coder->decode_finish ? t->coder->decode_finish(t->state, c) : leat_error_core(LEAT_TRUNCATED);
}

/* Takes the block with what was written to it: whether it was an answer. */
static bool give(struct transform *t, leat_buf *block, const leat_coding *c, leat_error error)
{
	size_t room = leat_buf_size(block), bytes = room - c->out_bytes;

	t->room = c->out_bytes > 0 ? 0 : 2 * room < LARGEST ? 2 * room : LARGEST;
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
static bool decode(struct transform *t)
{
	const unsigned char *in = t->in ? (const unsigned char *)leat_buf_data(t->in) + t->in_at : none;
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
	if (!leat_error_set(error) && !c.done && (rest || c.more) && is_idle(&c, in_bytes, leat_buf_size(block)))
		error = leat_error_core(LEAT_INVALID);
	use_in(t, in_bytes - c.in_bytes);
	return give(t, block, &c, error);
}

static void arrive(struct transform *t);

static leat_io *on_read(void *ctx, leat_result *result)
{
	struct transform *t = ctx;

	leat_flow_ref(t->self);
	t->in = leat_result_buf(result);
	t->below_over = !t->in;
	arrive(t);
	leat_flow_unref(t->self);
	return NULL;
}

/* Whether it is there at once; else arrive is called again. */
static bool read_below(struct transform *t, bool wait)
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
static void arrive(struct transform *t)
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

static void transform_read(leat_flow *self, void *state)
{
	arrive(state);
}

/* ---- writing ---- */

static void drive(struct transform *t);

static void write_failed(struct transform *t, leat_error error)
{
	t->write_over = true;
	leat_flow_write_failed(t->self, error);
}

/* The queue goes first. */
static void go_on(struct transform *t)
{
	t->busy = false;
	t->taken = 0;
	leat_flow_writable(t->self);
	drive(t);
}

static leat_io *on_sent(void *ctx, leat_result *result)
{
	struct transform *t = ctx;

	leat_flow_ref(t->self);
	go_on(t);
	leat_flow_unref(t->self);
	return NULL;
}

static void be_busy(struct transform *t, leat_io *io)
{
	t->busy = true;
	leat_flow_keep(t->self, LEAT_WRITE, leat_io_then(io, on_sent, leat_ctx_borrow(t)));
}

/* Sends what is written of the block; may fail, or make the flow busy. */
static void send_block(struct transform *t)
{
	leat_buf *block = t->out;
	leat_result result;
	leat_io *io;

	if (!block || t->out_bytes == 0)
		return;
	leat_buf_cut(block, t->out_bytes);
	t->out = NULL;
	t->out_bytes = 0;
	io = leat_flow_send(t->below, block);
	if (!leat_io_try(io, &result))
		be_busy(t, io);
	else if (!leat_result_ok(&result))
		write_failed(t, leat_result_error(&result));
}

/* Whether there is a block to write to; it suits that much of input. */
static bool have_block(struct transform *t, size_t bytes)
{
	if (!t->out)
		t->out = leat_buf_new(loop_of(t), block_for(bytes + LEAT_CODING_ROOM / 4));
	if (!leat_buf_failed(t->out))
		return true;
	leat_buf_unref(t->out);
	t->out = NULL;
	write_failed(t, leat_error_core(LEAT_NOMEM));
	return false;
}

/* Has the coder do something; false: writing has failed.  `full` is set where the
 * block is to be sent before it can go on. */
static bool encode(struct transform *t, coder_fn fn, leat_coding *c)
{
	size_t in_bytes = c->in_bytes, room, whole;
	leat_error error;
	bool rest;

	if (!have_block(t, in_bytes))
		return false;
	whole = leat_buf_size(t->out);
	room = whole - t->out_bytes;
	c->out = (unsigned char *)leat_buf_space(t->out) + t->out_bytes;
	c->out_bytes = room;
	c->done = c->more = false;
	error = fn(t->state, c);
	t->out_bytes += room - c->out_bytes;
	rest = in_bytes > 0 || c->more || (fn != t->coder->encode && !c->done);
	t->full = !c->done && (c->out_bytes == 0 || (rest && is_idle(c, in_bytes, room)));
	if (t->full && c->out_bytes == whole && !leat_error_set(error))
		error = leat_error_core(LEAT_INVALID);
	if (leat_error_set(error))
		write_failed(t, error);
	return !t->write_over;
}

/* After much it is the others' turn. */
static void pause_at(struct transform *t, size_t bytes)
{
	t->taken += bytes;
	if (!t->busy && !t->write_over && t->taken >= ENCODED_AT_ONCE)
		be_busy(t, leat_sleep(loop_of(t), 0));
}

/* Encodes some of the queue; false: nothing is left, or writing has failed. */
static bool encode_some(struct transform *t, leat_bufs *queue)
{
	struct iovec part = { NULL, 0 };
	leat_coding c;

	if (leat_bufs_iovec(queue, &part, 1) == 0 && !t->encoded_more)
		return false;
	c = (leat_coding){ .in = part.iov_len > 0 ? part.iov_base : none, .in_bytes = part.iov_len };
	if (!encode(t, t->coder->encode, &c))
		return false;
	t->encoded_more = c.more;
	t->dirty = true;
	leat_bufs_drop(queue, part.iov_len - c.in_bytes);
	if (t->full)
		send_block(t);
	pause_at(t, part.iov_len - c.in_bytes);
	return true;
}

static void transform_write(leat_flow *self, void *state, leat_bufs *queue)
{
	struct transform *t = state;

	while (!t->busy && !t->write_over && encode_some(t, queue)) {
	}
	if (leat_bufs_size(queue) > 0 || t->coder->holds)
		return;
	if (t->goal == NOTHING)
		t->goal = FLUSH;
	drive(t);
}

/* Has the coder flush or finish, once; false: it has to be called again. */
static bool reach(struct transform *t, coder_fn fn)
{
	leat_coding c = { .in = none, .done = true };

	if (fn && (t->goal == FINISH || t->dirty) && !encode(t, fn, &c))
		return false;
	if (c.done || t->full)
		send_block(t);
	return c.done;
}

/* ---- flushing and ending ---- */

static leat_io *on_flushed(void *ctx, leat_result *result)
{
	struct transform *t = ctx;

	leat_flow_flushed(t->self);
	return NULL;
}

static void flush_below(struct transform *t)
{
	t->asked = false;
	leat_flow_keep(t->self, LEAT_WRITE, leat_io_then(leat_flow_flush(t->below), on_flushed, leat_ctx_borrow(t)));
}

static leat_io *on_told(void *ctx, leat_result *result)
{
	struct transform *t = ctx;

	leat_flow_ref(t->self);
	t->told = true;
	if (t->asked)
		leat_flow_flushed(t->self);
	close_below_at_the_end(t);
	leat_flow_told(t->self);
	leat_flow_unref(t->self);
	return NULL;
}

static void shut_below(struct transform *t)
{
	t->write_over = true;
	leat_flow_keep(t->self, LEAT_WRITE,
	               leat_io_then(leat_flow_shutdown(t->below, LEAT_WRITE), on_told, leat_ctx_borrow(t)));
}

/* What the encoder has left over goes before all else. */
static bool has_rest(struct transform *t)
{
	leat_coding c = { .in = none };

	while (t->encoded_more && !t->busy && !t->write_over && encode(t, t->coder->encode, &c)) {
		t->encoded_more = c.more;
		if (t->full)
			send_block(t);
	}
	return t->encoded_more;
}

static void drive(struct transform *t)
{
	while (!t->busy && !t->write_over && t->goal != NOTHING) {
		bool finishing = t->goal == FINISH;

		if (has_rest(t) || !reach(t, finishing ? t->coder->encode_finish : t->coder->encode_flush))
			continue;
		t->dirty = false;
		t->goal = NOTHING;
		if (!t->write_over && finishing)
			shut_below(t);
	}
	if (t->asked && !t->busy && !t->write_over && t->goal == NOTHING)
		flush_below(t);
}

static void transform_flush(leat_flow *self, void *state)
{
	struct transform *t = state;

	t->asked = true;
	if (t->told)
		leat_flow_flushed(self);
	if (t->goal == NOTHING)
		t->goal = FLUSH;
	drive(t);
}

static void transform_shutdown(leat_flow *self, void *state)
{
	struct transform *t = state;

	t->goal = FINISH;
	drive(t);
}

/* ---- life ---- */

static void end(struct transform *t)
{
	t->read_over = t->write_over = true;
	if (t->coder->destroy)
		t->coder->destroy(t->state);
	leat_memory_put(loop_of(t), t->state);
	t->state = NULL;
	leat_buf_unref(t->in);
	leat_buf_unref(t->out);
	t->in = t->out = NULL;
	leat_flow_unref(t->below);
	t->below = NULL;
}

static void transform_close(leat_flow *self, void *state)
{
	close_below(state);
	end(state);
}

static void transform_abort(leat_flow *self, void *state)
{
	struct transform *t = state;

	leat_flow_abort(t->below);
	end(t);
}

/* The descriptor is not given: what passes there is not what passes here. */
static void transform_info(leat_flow *self, void *state, leat_flow_info *info)
{
	const struct transform *t = state;
	leat_flow_info below = { .size = sizeof below };

	info->kind = t->coder->name;
	if (!t->below)
		return;
	leat_flow_info_get(t->below, &below);
	info->local = below.local;
	info->peer = below.peer;
}

static const leat_flow_ops transform_ops = {
	.size = sizeof transform_ops,
	.name = "transform",
	.state_bytes = sizeof(struct transform),
	.read = transform_read,
	.write = transform_write,
	.flush = transform_flush,
	.shutdown = transform_shutdown,
	.close = transform_close,
	.abort = transform_abort,
	.info = transform_info,
};

/* Zeroed; NULL without memory. */
static void *coder_state(leat_loop *loop, size_t bytes)
{
	void *state = leat_memory_get(loop, bytes > 0 ? bytes : 1);

	return state ? memset(state, 0, bytes) : NULL;
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
	void *own = coder_state(loop, coder->state_bytes), *ours = NULL;
	leat_flow *self = own ? leat_flow_new_at(loop, &transform_ops, &ours, where)
	                      : leat_flow_stillborn(loop, leat_error_core(LEAT_NOMEM));
	struct transform *t = ours;

	if (state)
		*state = t ? own : NULL;
	if (!t)
		return unmade(self, mine, loop, own);
	*t = (struct transform){ .self = self, .below = mine, .coder = coder, .state = own };
	return self;
}

void *leat_transform_state(leat_flow *flow, const leat_coder *coder)
{
	struct transform *t = leat_flow_state(flow, &transform_ops);

	return t && t->coder == coder ? t->state : NULL;
}

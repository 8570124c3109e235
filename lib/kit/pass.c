/* SPDX-License-Identifier: ISC */
/* pass - a layer that passes bytes on as they are, when its owner lets them
 *
 * Reading: each ops->read is one answer, from what is left of the buf that was read
 * below, else from the next; `answer` is the function to read first.  Writing: bufs go
 * on whole where they may, else as much of them as may; while a send below waits
 * nothing is taken, so that the queue fills and its writers wait.
 *
 * What tells the guard of an end may end the flow, and give its last reference back:
 * ops are called with one held, everything else here holds one itself.
 */
#include <sys/uio.h>

#include "kit/pass.h"

/* ---- the flow below ---- */

/* Whose both directions are shut closes the flow below; how that ends is not what this
 * one's users ask. */
static void close_below_at_the_end(lt_pass *pass)
{
	if (pass->end_given && pass->told && pass->below)
		leat_io_ignore(leat_flow_close(pass->below));
}

static void say_ended(lt_pass *pass, leat_direction direction)
{
	if (pass->passing->ended)
		pass->passing->ended(pass, direction);
}

void lt_pass_fail(lt_pass *pass, leat_direction direction, leat_error error)
{
	if (direction == LEAT_WRITE) {
		leat_flow_write_failed(pass->self, error);
		return;
	}
	if (pass->read_over)
		return;
	pass->read_over = true;
	leat_flow_give_error(pass->self, error);
}

/* ---- reading ---- */

static void answer(lt_pass *pass);

void lt_pass_end_reading(lt_pass *pass)
{
	pass->read_over = pass->end_given = true;
	close_below_at_the_end(pass);
	say_ended(pass, LEAT_READ);
	leat_flow_give_end(pass->self);
}

static leat_io *on_read(void *ctx, leat_result *result)
{
	lt_pass *pass = ctx;

	leat_flow_ref(pass->self);
	pass->reading = false;
	pass->rest = leat_result_buf(result);
	if (pass->rest)
		answer(pass);
	else if (!pass->read_over)
		lt_pass_end_reading(pass);
	leat_flow_unref(pass->self);
	return NULL;
}

/* The first `bytes` of what is left; NULL without memory. */
static leat_buf *take_rest(lt_pass *pass, size_t bytes)
{
	leat_buf *buf = pass->rest;

	if (bytes >= leat_buf_size(buf)) {
		pass->rest = NULL;
		return buf;
	}
	buf = leat_buf_slice(buf, 0, bytes);
	if (leat_buf_failed(buf))
		return NULL;
	leat_buf_skip(pass->rest, bytes);
	return buf;
}

static void give(lt_pass *pass, size_t bytes)
{
	leat_buf *buf = take_rest(pass, bytes);

	pass->asked = false;
	if (!buf) {
		lt_pass_fail(pass, LEAT_READ, leat_error_core(LEAT_NOMEM));
		return;
	}
	if (pass->passing->goes)
		pass->passing->goes(pass, LEAT_READ, buf);
	leat_flow_give(pass->self, buf);
}

/* Gives what is there and may go; asks below where nothing is there. */
static void answer(lt_pass *pass)
{
	size_t bytes;

	if (!pass->asked || pass->reading || pass->read_over)
		return;
	if (pass->passing->may(pass, LEAT_READ, 0) == 0 || pass->read_over)
		return;
	if (!pass->rest) {
		pass->reading = true;
		leat_flow_keep(pass->self, LEAT_READ,
		               leat_io_then(leat_flow_read(pass->below), on_read, leat_ctx_borrow(pass)));
		return;
	}
	bytes = pass->passing->may(pass, LEAT_READ, leat_buf_size(pass->rest));
	if (bytes > 0)
		give(pass, bytes);
}

void lt_pass_read(leat_flow *self, void *state)
{
	lt_pass *pass = state;

	pass->asked = true;
	answer(pass);
}

/* ---- writing ---- */

static leat_io *on_written(void *ctx, leat_result *result)
{
	lt_pass *pass = ctx;

	leat_flow_ref(pass->self);
	pass->writing = false;
	(void)pass->passing->may(pass, LEAT_WRITE, 0);
	leat_flow_writable(pass->self);
	leat_flow_unref(pass->self);
	return NULL;
}

/* Whether it went, at once. */
static bool went(lt_pass *pass, leat_io *io)
{
	leat_result result;

	if (!leat_io_try(io, &result)) {
		pass->writing = true;
		leat_flow_keep(pass->self, LEAT_WRITE, leat_io_then(io, on_written, leat_ctx_borrow(pass)));
		return false;
	}
	if (leat_result_ok(&result))
		return true;
	lt_pass_fail(pass, LEAT_WRITE, leat_result_error(&result));
	return false;
}

/* The first buf of the queue, or as much of it as may go; whether there may be more. */
static bool write_some(lt_pass *pass, leat_bufs *queue)
{
	struct iovec part;
	leat_buf *buf;
	leat_io *io;
	size_t bytes;

	if (leat_bufs_iovec(queue, &part, 1) == 0) {
		(void)pass->passing->may(pass, LEAT_WRITE, 0);
		return false;
	}
	bytes = pass->passing->may(pass, LEAT_WRITE, part.iov_len);
	if (bytes == 0)
		return false;
	if (bytes < part.iov_len) {
		io = leat_flow_write(pass->below, part.iov_base, bytes);
		leat_bufs_drop(queue, bytes);
		return went(pass, io);
	}
	buf = leat_bufs_take(queue);
	if (pass->passing->goes)
		pass->passing->goes(pass, LEAT_WRITE, buf);
	return went(pass, leat_flow_send(pass->below, buf));
}

void lt_pass_write(leat_flow *self, void *state, leat_bufs *queue)
{
	lt_pass *pass = state;

	while (pass->below && !pass->writing && write_some(pass, queue)) {
	}
}

static leat_io *on_flushed(void *ctx, leat_result *result)
{
	lt_pass *pass = ctx;

	leat_flow_flushed(pass->self);
	return NULL;
}

void lt_pass_flush(leat_flow *self, void *state)
{
	lt_pass *pass = state;

	leat_flow_keep(self, LEAT_WRITE, leat_io_then(leat_flow_flush(pass->below), on_flushed, leat_ctx_borrow(pass)));
}

static void tell(lt_pass *pass)
{
	pass->told = true;
	close_below_at_the_end(pass);
	say_ended(pass, LEAT_WRITE);
	leat_flow_told(pass->self);
}

static leat_io *on_shut(void *ctx, leat_result *result)
{
	lt_pass *pass = ctx;

	leat_flow_ref(pass->self);
	pass->shut = true;
	if (pass->to_be_told)
		tell(pass);
	leat_flow_unref(pass->self);
	return NULL;
}

void lt_pass_end_writing(lt_pass *pass)
{
	if (pass->shutting)
		return;
	pass->shutting = true;
	leat_flow_keep(pass->self, LEAT_WRITE,
	               leat_io_then(leat_flow_shutdown(pass->below, LEAT_WRITE), on_shut, leat_ctx_borrow(pass)));
}

void lt_pass_shutdown(leat_flow *self, void *state)
{
	lt_pass *pass = state;

	pass->to_be_told = true;
	if (pass->shut)
		tell(pass);
	else
		lt_pass_end_writing(pass);
}

/* ---- life ---- */

void lt_pass_go_on(lt_pass *pass, leat_direction direction)
{
	leat_flow *self = leat_flow_ref(pass->self);

	if (direction & LEAT_READ)
		answer(pass);
	if (direction & LEAT_WRITE)
		leat_flow_writable(self);
	leat_flow_unref(self);
}

static void end(lt_pass *pass)
{
	leat_buf *rest = pass->rest;

	pass->read_over = true;
	pass->passing->gone(pass);
	leat_flow_unref(pass->below);
	pass->below = NULL;
	pass->rest = NULL;
	leat_buf_unref(rest);
}

void lt_pass_close(leat_flow *self, void *state)
{
	lt_pass *pass = state;

	leat_io_ignore(leat_flow_close(pass->below));
	end(pass);
}

void lt_pass_abort(leat_flow *self, void *state)
{
	lt_pass *pass = state;

	leat_flow_abort(pass->below);
	end(pass);
}

/* The descriptor is not given: what passes there is not what passes here. */
void lt_pass_info(leat_flow *self, void *state, leat_flow_info *info)
{
	const lt_pass *pass = state;
	leat_flow_info below = { .size = sizeof below };

	if (!pass->below)
		return;
	leat_flow_info_get(pass->below, &below);
	info->local = below.local;
	info->peer = below.peer;
}

leat_flow *lt_pass_new(leat_flow *below, const leat_flow_ops *ops, const lt_passing *passing, lt_pass **pass,
                       const char *where)
{
	leat_flow *mine = leat_flow_take(below);
	void *state;
	leat_flow *self = leat_flow_new_at(leat_flow_loop(mine), ops, &state, where);

	*pass = state;
	if (!state) {
		leat_flow_abort(mine);
		leat_flow_unref(mine);
		return self;
	}
	**pass = (lt_pass){ .self = self, .below = mine, .passing = passing };
	return self;
}

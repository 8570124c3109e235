/* SPDX-License-Identifier: ISC */
/* copy - read and send until the end
 *
 * A chain of reads, each begun by the continuation of the one before: the
 * first promise is the outcome, so it owns the record; those after it borrow.
 * The record lives in a buf, which is the public way to the loop's memory.
 *
 * `keep` is there from before a send that may have to wait until it has settled:
 * if the copy is cancelled meanwhile and the flow withdrew the write, these bytes
 * were read and not sent, and go back.
 *
 * A flow that has given large bufs in a row may be worth another way, which is
 * splice.c's; what is small never pays for it.
 */
#include <leat/options.h>

#include "kit/copy.h"

enum { LARGE_BYTES = 32768, LARGE_READS = 2 };

/* ---- the outcome ---- */

static leat_io *done(lt_copy *copy)
{
	return leat_io_int(copy->loop, (int64_t)copy->bytes);
}

static void drop_kept(lt_copy *copy)
{
	leat_buf *keep = copy->keep;

	copy->keep = NULL;
	if (keep)
		leat_buf_unref(keep);
}

/* A step may release what ends the copy: the record stays until it returns, and says so. */
static leat_io *take_step(lt_copy *copy, leat_io *(*step)(lt_copy *, leat_result *), leat_result *result)
{
	leat_buf *record = leat_buf_ref(copy->record);
	leat_io *io = step(copy, result);

	leat_buf_unref(record);
	return io;
}

/* Whether the last send was taken back. */
static bool was_withdrawn(const lt_copy *copy)
{
	leat_flow_info info = { .size = sizeof info };

	leat_flow_info_get(copy->to, &info);
	return info.cancelled_write == LEAT_WRITE_WITHDRAWN;
}

/* Whether what was in the pipe was refused, when nobody had looked yet. */
static bool was_refused(lt_copy *copy)
{
	leat_result result;
	bool refused;

	if (!copy->sending || !leat_io_try(copy->sending, &result))
		return false;
	copy->sending = NULL;
	refused = !leat_result_ok(&result);
	leat_result_clear(&result);
	return refused;
}

/* Cancelled while it sent.  A send of the chain is gone before; another one could
 * not be cancelled here and now, in a destructor, so it goes on: nobody writes to
 * `to` after that. */
static void give_back(lt_copy *copy)
{
	bool refused = was_refused(copy);

	if (refused || (!copy->sending && was_withdrawn(copy))) {
		leat_flow_unread(copy->from, copy->keep);
		return;
	}
	if (copy->sending)
		leat_io_ignore(copy->sending);
	lt_copy_count(copy, leat_buf_size(copy->keep));
	leat_buf_unref(copy->keep);
}

static void end(void *ctx)
{
	lt_copy *copy = ctx;

	copy->over = true;
	if (copy->keep)
		give_back(copy);
	if (copy->rest)
		leat_flow_unread(copy->from, copy->rest);
	leat_flow_unref(copy->from);
	leat_flow_unref(copy->to);
	leat_buf_unref(copy->record);
}

/* ---- sending ---- */

static leat_io *next(lt_copy *copy);

static bool moves_much(lt_copy *copy, size_t bytes)
{
	copy->large = bytes >= LARGE_BYTES ? copy->large + 1 : 0;
	return copy->large >= LARGE_READS && !copy->by_bufs;
}

static leat_io *sent(lt_copy *copy, leat_result *result)
{
	(void)result;
	lt_copy_count(copy, copy->sent);
	drop_kept(copy);
	if (copy->over)
		return NULL;
	if (copy->left == 0)
		return done(copy);
	return moves_much(copy, copy->sent) ? lt_copy_splice(copy) : next(copy);
}

static leat_io *unsent(lt_copy *copy, leat_result *result)
{
	drop_kept(copy);
	if (!copy->over && copy->to_failed)
		*copy->to_failed = true;
	return leat_result_pass(result);
}

static leat_io *on_sent(void *ctx, leat_result *result)
{
	return take_step(ctx, sent, result);
}

static leat_io *on_unsent(void *ctx, leat_result *result)
{
	return take_step(ctx, unsent, result);
}

/* In a step.  Over, the io is dropped by who gets it. */
static leat_io *when_sent(lt_copy *copy, leat_io *send)
{
	leat_result result;

	if (copy->over)
		return send;
	if (!leat_io_try(send, &result))
		return leat_io_branch(send, on_sent, on_unsent, leat_ctx_borrow(copy));
	return leat_result_ok(&result) ? sent(copy, &result) : unsent(copy, &result);
}

/* ---- reading ---- */

/* More came than may go over: the rest is read again, by somebody else.
 * Without memory all of it is. */
static bool leave_rest(lt_copy *copy, leat_buf *buf)
{
	leat_buf *rest = leat_buf_slice(buf, copy->left, leat_buf_size(buf) - copy->left);

	if (leat_buf_failed(rest)) {
		leat_buf_unref(rest);
		leat_flow_unread(copy->from, buf);
		return false;
	}
	leat_flow_unread(copy->from, rest);
	leat_buf_cut(buf, copy->left);
	return true;
}

static leat_io *have_read(lt_copy *copy, leat_result *result)
{
	leat_buf *buf = leat_result_buf(result);

	if (!buf)
		return done(copy);
	if (leat_buf_size(buf) > copy->left && !leave_rest(copy, buf))
		return leat_io_fail(copy->loop, leat_error_core(LEAT_NOMEM));
	copy->sent = leat_buf_size(buf);
	if (copy->sent > leat_flow_room(copy->to))
		copy->keep = leat_buf_ref(buf);
	return when_sent(copy, leat_flow_send(copy->to, buf));
}

static leat_io *on_read(void *ctx, leat_result *result)
{
	return take_step(ctx, have_read, result);
}

static leat_io *next(lt_copy *copy)
{
	return leat_io_then(leat_flow_read(copy->from), on_read, leat_ctx_borrow(copy));
}

leat_io *lt_copy_send_rest(lt_copy *copy)
{
	leat_buf *rest = copy->rest;

	if (!rest)
		return NULL;
	copy->rest = NULL;
	copy->sent = leat_buf_size(rest);
	copy->keep = leat_buf_ref(rest);
	return leat_flow_send(copy->to, rest);
}

static leat_io *go_on(lt_copy *copy, leat_result *result)
{
	leat_io *sending = copy->sending;

	(void)result;
	if (leat_error_set(copy->failure))
		return leat_io_fail(copy->loop, copy->failure);
	copy->sending = NULL;
	if (!sending)
		sending = lt_copy_send_rest(copy);
	if (sending)
		return when_sent(copy, sending);
	return copy->left == 0 ? done(copy) : next(copy);
}

leat_io *lt_copy_go_on(lt_copy *copy)
{
	return take_step(copy, go_on, NULL);
}

/* ---- the calls ---- */

static lt_copy *make(leat_flow *from, leat_flow *to)
{
	leat_buf *record = leat_buf_new(leat_flow_loop(from), sizeof(lt_copy));
	lt_copy *copy = leat_buf_space(record);

	if (!copy) {
		leat_buf_unref(record);
		return NULL;
	}
	*copy = (lt_copy){ .record = record, .loop = leat_flow_loop(from) };
	copy->from = leat_flow_ref(from);
	copy->to = leat_flow_ref(to);
	return copy;
}

leat_io *leat_copy_most_at(leat_flow *from, leat_flow *to, uint64_t bytes, const leat_copy_options *options,
                           const char *where)
{
	leat_copy_options o;
	lt_copy *copy;

	leat_options_take_at(&o, sizeof o, options, "leat_copy_options", where);
	if (bytes == 0)
		return leat_io_int_at(leat_flow_loop(from), 0, where);
	copy = make(from, to);
	if (!copy)
		return leat_io_fail_at(leat_flow_loop(from), leat_error_core(LEAT_NOMEM), where);
	copy->left = bytes;
	copy->moved = o.moved;
	copy->to_failed = o.to_failed;
	copy->by_bufs = o.by_bufs;
	return leat_io_then_at(leat_flow_read_at(from, where), on_read, leat_ctx_own(copy, end), where);
}

leat_io *leat_copy_at(leat_flow *from, leat_flow *to, const char *where)
{
	return leat_copy_most_at(from, to, LEAT_COPY_ALL, NULL, where);
}

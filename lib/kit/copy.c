/* SPDX-License-Identifier: ISC */
/* copy - read and send until the end
 *
 * A chain of reads, each begun by the continuation of the one before: the
 * first promise is the outcome, so it owns the record; those after it borrow.
 * The record lives in a buf, which is the public way to the loop's memory.
 *
 * `keep` is there from before a send until it has settled: if the copy is
 * cancelled meanwhile and the flow withdrew the write, these bytes were read
 * and not sent, and go back.
 */
#include <string.h>

#include <leat/buf.h>
#include <leat/copy.h>

struct copy {
	leat_flow *from, *to;
	leat_buf *keep;
	uint64_t bytes, left; /* that went over, that may */
	uint64_t *moved;      /* the user's count; NULL: none */
	bool *to_failed;      /* likewise */
};

static leat_io *next(leat_buf *record);

static struct copy *copy_of(leat_buf *record)
{
	return leat_buf_space(record);
}

static void drop_kept(struct copy *copy)
{
	leat_buf_unref(copy->keep);
	copy->keep = NULL;
}

static void count(struct copy *copy, size_t bytes)
{
	copy->bytes += bytes;
	copy->left -= bytes;
	if (copy->moved)
		*copy->moved += bytes;
}

static void end(void *ctx)
{
	struct copy *copy = copy_of(ctx);
	leat_flow_info info = { .size = sizeof info };

	if (copy->keep) {
		leat_flow_info_get(copy->to, &info);
		if (info.cancelled_write == LEAT_WRITE_WITHDRAWN) {
			leat_flow_unread(copy->from, copy->keep);
		} else {
			count(copy, leat_buf_size(copy->keep));
			leat_buf_unref(copy->keep);
		}
	}
	leat_flow_unref(copy->from);
	leat_flow_unref(copy->to);
	leat_buf_unref(ctx);
}

static leat_io *on_sent(void *ctx, leat_result *result)
{
	struct copy *copy = copy_of(ctx);

	count(copy, leat_buf_size(copy->keep));
	drop_kept(copy);
	return copy->left > 0 ? next(ctx) : leat_io_int(leat_result_loop(result), (int64_t)copy->bytes);
}

static leat_io *on_unsent(void *ctx, leat_result *result)
{
	struct copy *copy = copy_of(ctx);

	drop_kept(copy);
	if (copy->to_failed)
		*copy->to_failed = true;
	return leat_result_pass(result);
}

/* More came than may go over: the rest is read again, by somebody else.
 * Without memory all of it is. */
static bool leave_rest(struct copy *copy, leat_buf *buf)
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

static leat_io *on_read(void *ctx, leat_result *result)
{
	struct copy *copy = copy_of(ctx);
	leat_buf *buf = leat_result_buf(result);
	leat_result sent;
	leat_io *send;

	if (!buf)
		return leat_io_int(leat_result_loop(result), (int64_t)copy->bytes);
	if (leat_buf_size(buf) > copy->left && !leave_rest(copy, buf))
		return leat_io_fail(leat_result_loop(result), leat_error_core(LEAT_NOMEM));
	copy->keep = leat_buf_ref(buf);
	send = leat_flow_send(copy->to, buf);
	if (!leat_io_try(send, &sent))
		return leat_io_branch(send, on_sent, on_unsent, leat_ctx_borrow(ctx));
	return leat_result_ok(&sent) ? on_sent(ctx, &sent) : on_unsent(ctx, &sent);
}

static leat_io *next(leat_buf *record)
{
	return leat_io_then(leat_flow_read(copy_of(record)->from), on_read, leat_ctx_borrow(record));
}

leat_io *leat_copy_most_at(leat_flow *from, leat_flow *to, uint64_t bytes, const leat_copy_options *options,
                           const char *where)
{
	leat_loop *loop = leat_flow_loop(from);
	leat_copy_options o = { 0 };
	struct copy *copy;
	leat_buf *record;

	if (options)
		memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
	if (bytes == 0)
		return leat_io_int_at(loop, 0, where);
	record = leat_buf_new(loop, sizeof *copy);
	copy = copy_of(record);
	if (!copy) {
		leat_buf_unref(record);
		return leat_io_fail_at(loop, leat_error_core(LEAT_NOMEM), where);
	}
	*copy = (struct copy){ .from = leat_flow_ref(from),
		               .to = leat_flow_ref(to),
		               .left = bytes,
		               .moved = o.moved,
		               .to_failed = o.to_failed };
	return leat_io_then_at(leat_flow_read_at(from, where), on_read, leat_ctx_own(record, end), where);
}

leat_io *leat_copy_at(leat_flow *from, leat_flow *to, const char *where)
{
	return leat_copy_most_at(from, to, LEAT_COPY_ALL, NULL, where);
}

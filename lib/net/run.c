/* SPDX-License-Identifier: ISC */
/* run - a program run to its end, what it says collected
 *
 * Made of public calls: a child, a write, two collectors, and leat_io_all over
 * them.  The record is the chain's context; when it goes, however that comes,
 * so does the child.
 */
#include <signal.h>
#include <string.h>

#include <leat/child.h>

#include "io/io.h"
#include "net/net.h"

enum { FIRST_BYTES = 4096, LIMIT_BYTES = 1 << 20 };

/* One stream, collected. */
typedef struct sink {
	leat_flow *from;
	leat_buf *into; /* NULL: nothing yet */
	size_t used, limit;
} sink;

typedef struct run {
	leat_loop *loop;
	leat_child *child;
	const char *where;
	sink sinks[2]; /* out, err */
} run;

static void end_run(void *ctx)
{
	run *r = ctx;
	leat_loop *loop = r->loop;

	leat_child_unref(r->child);
	leat_buf_unref(r->sinks[0].into);
	leat_buf_unref(r->sinks[1].into);
	lt_mem_release(lt_loop_mem(loop), r);
}

/* ---- what came of it ---- */

typedef struct outcome {
	leat_ran ran;
	leat_loop *loop;
} outcome;

void leat_ran_free(leat_ran *ran)
{
	outcome *o = (outcome *)ran;
	leat_loop *loop;

	if (!o)
		return;
	loop = o->loop;
	leat_buf_unref(ran->out);
	leat_buf_unref(ran->err);
	lt_mem_release(lt_loop_mem(loop), o);
	lt_loop_release(loop);
}

static void destroy_ran(void *ran)
{
	leat_ran_free(ran);
}

const leat_type leat_ran_type = { .size = sizeof(leat_type), .name = "ran", .destroy = destroy_ran };

static leat_buf *take(sink *s, leat_loop *loop)
{
	leat_buf *all = s->into;

	s->into = NULL;
	if (!all)
		return leat_buf_copy(loop, "", 0);
	leat_buf_cut(all, s->used);
	return all;
}

static leat_io *on_all(void *ctx, leat_result *result)
{
	run *r = ctx;
	outcome *o = lt_mem_alloc(lt_loop_mem(r->loop), sizeof *o);

	if (!o)
		return lt_io_nomem(r->loop);
	*o = (outcome){ .loop = r->loop };
	lt_loop_hold(r->loop);
	o->ran.status = leat_result_int(leat_result_each(result, 0));
	o->ran.out = take(&r->sinks[0], r->loop);
	o->ran.err = take(&r->sinks[1], r->loop);
	return leat_io_ptr_at(r->loop, o, &leat_ran_type, r->where);
}

/* ---- collecting ---- */

static leat_io *fail(leat_flow *flow, leat_kind kind)
{
	return leat_io_fail(leat_flow_loop(flow), leat_error_core(kind));
}

/* Doubles it; false: no memory. */
static bool make_room(sink *s, size_t bytes)
{
	size_t room = s->into ? leat_buf_size(s->into) : FIRST_BYTES;
	leat_buf *larger;

	if (s->into && bytes <= room)
		return true;
	while (room < bytes)
		room *= 2;
	larger = leat_buf_new(leat_flow_loop(s->from), room);
	if (leat_buf_failed(larger))
		return false;
	if (s->used > 0)
		memcpy(leat_buf_space(larger), leat_buf_data(s->into), s->used);
	leat_buf_unref(s->into);
	s->into = larger;
	return true;
}

static leat_io *append(sink *s, const leat_buf *piece)
{
	size_t bytes = leat_buf_size(piece);

	if (bytes > s->limit - s->used)
		return fail(s->from, LEAT_LIMIT);
	if (!make_room(s, s->used + bytes))
		return fail(s->from, LEAT_NOMEM);
	memcpy((char *)leat_buf_space(s->into) + s->used, leat_buf_data(piece), bytes);
	s->used += bytes;
	return leat_io_int(leat_flow_loop(s->from), 1);
}

static leat_io *on_piece(void *ctx, leat_result *result)
{
	const leat_buf *piece = leat_result_peek(result);

	return piece ? append(ctx, piece) : leat_io_int(leat_result_loop(result), 0);
}

static leat_io *collect_some(void *ctx, leat_result *result)
{
	sink *s = ctx;

	(void)result;
	return leat_io_then(leat_flow_read(s->from), on_piece, leat_ctx_borrow(s));
}

/* ---- feeding ---- */

/* It need not listen: who says no more than it wanted to know is no failure. */
static leat_io *on_fed(void *ctx, leat_result *result)
{
	(void)result;
	return leat_flow_close(ctx);
}

/* It may take its time before it reads. */
static leat_io *feed(leat_flow *in, const leat_run_options *options)
{
	leat_flow_limits patient = { .size = sizeof patient, .stall_ms = -1, .linger_ms = -1 };
	leat_error error = leat_flow_set_limits(in, &patient);

	if (leat_error_set(error))
		return leat_io_fail(leat_flow_loop(in), error);
	return leat_io_branch(leat_flow_write(in, options->input, options->input_bytes), on_fed, on_fed, leat_ctx_borrow(in));
}

/* ---- running ---- */

/* What is to be a pipe of ours; and a group, so that what a shell started goes
 * with the shell. */
static leat_child_options child_options(const leat_run_options *options, const char *where)
{
	leat_child_options child;

	leat_options_take_at(&child, sizeof child, options->child, "leat_child_options", where);
	if (child.in.source == LEAT_CHILD_INHERIT)
		child.in.source = options->input_bytes > 0 ? LEAT_CHILD_PIPE : LEAT_CHILD_NULL;
	if (child.out.source == LEAT_CHILD_INHERIT)
		child.out.source = LEAT_CHILD_PIPE;
	if (child.err.source == LEAT_CHILD_INHERIT)
		child.err.source = LEAT_CHILD_PIPE;
	if (child.group == 0)
		child.group = -1;
	child.drop_signal = SIGKILL;
	return child;
}

static void add_sink(sink *s, leat_flow *from, leat_io **ios, size_t *count)
{
	s->from = from;
	ios[(*count)++] = leat_io_repeat(leat_flow_loop(from), collect_some, leat_ctx_borrow(s));
}

static leat_io *go(run *r, const leat_child_options *child, const leat_run_options *options)
{
	leat_io *ios[4];
	size_t count = 0;

	ios[count++] = leat_child_wait(r->child);
	if (child->in.source == LEAT_CHILD_PIPE)
		ios[count++] = feed(leat_child_in(r->child), options);
	if (child->out.source == LEAT_CHILD_PIPE)
		add_sink(&r->sinks[0], leat_child_out(r->child), ios, &count);
	if (child->err.source == LEAT_CHILD_PIPE)
		add_sink(&r->sinks[1], leat_child_err(r->child), ios, &count);
	return leat_io_all_at(r->loop, ios, count, r->where);
}

leat_io *leat_run_at(leat_loop *loop, const char *const *argv, const leat_run_options *given, const char *where)
{
	run *r = lt_mem_zalloc(lt_loop_mem(loop), sizeof *r);
	leat_run_options options;
	leat_child_options child;

	if (!r)
		return lt_io_refused(loop);
	leat_options_take_at(&options, sizeof options, given, "leat_run_options", where);
	child = child_options(&options, where);
	r->loop = loop;
	r->where = where;
	r->child = leat_child_new_at(loop, argv, &child, where);
	for (int i = 0; i < 2; i++)
		r->sinks[i].limit = options.limit_bytes ? options.limit_bytes : LIMIT_BYTES;
	if (leat_error_set(leat_child_error(r->child))) {
		leat_io *io = leat_io_fail_at(loop, leat_child_error(r->child), where);

		end_run(r);
		return io;
	}
	return leat_io_then_at(go(r, &child, &options), on_all, leat_ctx_own(r, end_run), where);
}

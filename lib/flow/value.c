/* SPDX-License-Identifier: ISC */
/* value - a flow, and the ending of one, as the value of an io; and as a context */
#include "flow/flow.h"

static void flow_destroy(void *flow)
{
	leat_flow_unref(flow);
}

static void *flow_share(void *flow)
{
	return leat_flow_ref(flow);
}

const leat_type leat_flow_type = {
	.size = sizeof(leat_type), .name = "flow", .local = true, .destroy = flow_destroy, .share = flow_share
};
const leat_type leat_ending_type = { .size = sizeof(leat_type), .name = "ending", .plain = true };

leat_flow *leat_result_flow_at(leat_result *result, const char *where)
{
	return leat_result_ptr_at(result, &leat_flow_type, where);
}

leat_error leat_result_ending_at(const leat_result *result, const char *where)
{
	if (result->type != &leat_ending_type)
		lt_abort("%s: asked for an ending, but the io made at %s gave none", where, result->where);
	return result->as.error;
}

leat_io *leat_io_flow_at(leat_loop *loop, leat_flow *flow, const char *where)
{
	return leat_io_ptr_at(loop, flow, &leat_flow_type, where);
}

void leat_resolve_flow_at(leat_maker maker, leat_flow *flow, const char *where)
{
	leat_resolve_ptr_at(maker, flow, &leat_flow_type, where);
}

leat_flow *leat_await_flow_at(leat_io *io, leat_error *why, const char *where)
{
	leat_loop *loop = leat_io_loop(io);
	leat_result result;
	bool ok = leat_await_at(io, &result, where);

	if (why)
		*why = leat_result_error(&result);
	return ok ? leat_result_flow_at(&result, where) : leat_flow_stillborn(loop, leat_result_error(&result));
}

static void end_flow(void *flow)
{
	leat_flow_abort(flow);
	leat_flow_unref(flow);
}

leat_ctx leat_ctx_flow(leat_flow *flow)
{
	return leat_ctx_own(flow, end_flow);
}

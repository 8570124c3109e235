/* SPDX-License-Identifier: ISC */
/* coded - a transform with the code of code.h, and a goodbye that is its own end */
#include <leat/transform.h>

#include "contract/code.h"
#include "contract/kinds.h"

static leat_error encode(void *state, leat_coding *c)
{
	size_t most = c->out_bytes / 2, bytes = c->in_bytes < most ? c->in_bytes : most;
	size_t used = code_encode(c->out, c->in, bytes);

	(void)state;
	c->in += bytes;
	c->in_bytes -= bytes;
	c->out += used;
	c->out_bytes -= used;
	return (leat_error){ 0 };
}

static leat_error finish(void *state, leat_coding *c)
{
	(void)state;
	c->done = c->out_bytes >= GOODBYE_BYTES;
	if (c->done)
		leat_coding_put(c, GOODBYE, GOODBYE_BYTES);
	return (leat_error){ 0 };
}

static leat_error decode(void *state, leat_coding *c)
{
	struct code *code = state;
	size_t bytes = c->in_bytes < c->out_bytes ? c->in_bytes : c->out_bytes;
	size_t used = code_decode(code, c->out, c->in, bytes);

	c->in += bytes;
	c->in_bytes -= bytes;
	c->out += used;
	c->out_bytes -= used;
	c->done = code->over;
	return (leat_error){ 0 };
}

static const leat_coder coder = {
	.size = sizeof coder,
	.name = "coded",
	.state_bytes = sizeof(struct code),
	.encode = encode,
	.encode_finish = finish,
	.decode = decode,
};

static bool over(leat_flow *ends[2])
{
	for (int i = 0; i < 2; i++)
		ends[i] = leat_transform_new(ends[i], &coder, NULL);
	return true;
}

bool make_transform(leat_loop *loop, leat_flow *ends[2])
{
	leat_flow_pair(loop, ends);
	return over(ends);
}

bool make_transform_socket(leat_loop *loop, leat_flow *ends[2])
{
	int fds[2];

	if (!fds_unix(fds))
		return false;
	for (int i = 0; i < 2; i++)
		ends[i] = leat_flow_from_fd(loop, fds[i]);
	return over(ends);
}

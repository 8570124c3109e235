/* SPDX-License-Identifier: ISC */
/* null - nothing comes, and everything goes */
#include <stdlib.h>

#include <leat/memory.h>

#include "flow/bev.h"
#include "support/suite.h"

START_TEST(reads_give_the_end)
{
	struct world w;
	leat_flow *flow;

	world_open(&w);
	flow = leat_flow_null(w.loop);
	expect_str(kind_of(flow), "null");
	flow_hears_the_end(flow);
	flow_hears_the_end(flow);
	leat_flow_abort(flow);
	leat_flow_unref(flow);
	world_close(&w);
}
END_TEST

START_TEST(writes_vanish)
{
	static char block[1 << 20];
	struct world w;
	leat_flow *flow;
	leat_flow_info info = { .size = sizeof info };

	world_open(&w);
	flow = leat_flow_null(w.loop);
	for (int i = 0; i < 10; i++)
		expect_ok(failure_of(leat_flow_write(flow, block, sizeof block)));
	expect_ok(failure_of(leat_flow_flush(flow)));
	leat_flow_info_get(flow, &info);
	expect_size(info.written_bytes, 10 * sizeof block);
	expect_size(info.queued_bytes, 0);
	expect_ok(ending_of(flow));
	leat_flow_unref(flow);
	world_close(&w);
}
END_TEST

START_TEST(it_is_shut_as_any_other)
{
	struct world w;
	leat_flow *flow;

	world_open(&w);
	flow = leat_flow_null(w.loop);
	expect_ok(failure_of(leat_flow_shutdown(flow, LEAT_WRITE)));
	expect_kind(failure_of(leat_flow_write(flow, "x", 1)), LEAT_CLOSED);
	expect_ok(ending_of(flow));
	expect_kind(failure_of(leat_flow_read(flow)), LEAT_CLOSED);
	leat_flow_unref(flow);
	world_close(&w);
}
END_TEST

static size_t held;

/* The size goes in front. */
static void *counted(void *ctx, size_t bytes)
{
	size_t *memory = malloc(bytes + 16);

	held += bytes;
	*memory = bytes;
	return (char *)memory + 16;
}

static void uncounted(void *ctx, void *memory)
{
	size_t *front = (void *)((char *)memory - 16);

	held -= *front;
	free(front);
}

/* [A4] */
START_TEST(a_shell_that_outlives_its_loop_holds_no_blocks)
{
	leat_memory memory = { .size = sizeof memory, .alloc = counted, .release = uncounted };
	leat_loop_options options = { .size = sizeof options, .memory = &memory };
	leat_loop *loop = leat_loop_new(NULL, &options);
	leat_flow *flow = leat_flow_null(loop);

	for (int i = 0; i < 2; i++)
		leat_buf_unref(leat_buf_new(loop, 65536));
	expect(held > 65536);
	leat_loop_free(loop);
	ck_assert_msg(held < 65536, "%zu bytes are still held", held);
	leat_flow_unref(flow);
	expect_size(held, 0);
}
END_TEST

SUITE("null", reads_give_the_end, writes_vanish, it_is_shut_as_any_other,
	a_shell_that_outlives_its_loop_holds_no_blocks)

/* SPDX-License-Identifier: ISC */
/* 12-stuck - a program that waits for itself, and how it tells you
 *
 * Each end of a pair waits for the other to speak first.  A dump shows it while
 * it runs; leat_await finds out that it can never end, and reports the same.
 */
#include <leat/leat.h>

#include <stdio.h>

static leat_io *answer(void *flow, leat_result *result)
{
	leat_buf *question = leat_result_buf(result);

	return leat_flow_send(flow, question);
}

static leat_io *talk(leat_flow *flow)
{
	return leat_io_then(leat_flow_read(flow), answer, leat_ctx_borrow(flow));
}

static void on_report(void *lines, const char *line)
{
	printf("! %s\n", line);
	++*(int *)lines;
}

int main(void)
{
	int lines = 0;
	leat_loop_options options = { .size = sizeof options, .report = on_report, .ctx = &lines };
	leat_loop *loop = leat_loop_new(NULL, &options);
	leat_dump_options pretty = { .size = sizeof pretty, .form = LEAT_DUMP_PRETTY };
	leat_trace ages = { .size = sizeof ages };
	leat_flow *ends[2];
	leat_error why;

	leat_trace_start(loop, &ages);
	leat_flow_pair(loop, ends);

	leat_io *talks[] = { talk(ends[0]), talk(ends[1]), leat_sleep(loop, 0) };
	leat_io *all = leat_io_all(loop, talks, 3);

	leat_loop_run_ready(loop);
	leat_dump(loop, stdout, &pretty);
	leat_await_int(all, &why);

	leat_flow_unref(ends[0]);
	leat_flow_unref(ends[1]);
	leat_loop_free(loop);
	return leat_error_is(why, LEAT_DEADLOCK) && lines > 5 ? 0 : 1;
}

/* SPDX-License-Identifier: ISC */
/* 11-child - other programs: one to talk with, one to hear out
 *
 * The first is a filter: its standard streams are flows, so it is written to and
 * read from like any peer, and its end is an io.  The second is run to its end,
 * within a time, and what it said is collected.
 */
#include <leat/leat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int talk(leat_loop *loop)
{
	static const char *const tr[] = { "tr", "a-z", "A-Z", NULL };
	leat_child_options pipes = { .size = sizeof pipes, .in.source = LEAT_CHILD_PIPE, .out.source = LEAT_CHILD_PIPE };
	leat_child *child = leat_child_new(loop, tr, &pipes);
	char said[32] = { 0 };

	leat_await(leat_flow_write(leat_child_in(child), "hay, and water\n", 15), NULL);
	leat_await(leat_flow_close(leat_child_in(child)), NULL); /* it sees the end */
	leat_await(leat_flow_read_into(leat_child_out(child), said, 15, sizeof said - 1), NULL);
	int64_t status = leat_await_int(leat_child_wait(child), NULL);
	leat_child_unref(child);
	printf("tr said %s", said);
	return status == 0 && strcmp(said, "HAY, AND WATER\n") == 0 ? 0 : 1;
}

static int hear_out(leat_loop *loop)
{
	static const char *const sh[] = { "sh", "-c", "wc -w; echo hm >&2; exit 3", NULL };
	leat_run_options options = { .size = sizeof options, .input = "one two three", .input_bytes = 13 };
	leat_result result;

	if (!leat_await(leat_io_timeout(leat_run(loop, sh, &options), 10000), &result))
		return 1; /* it took too long, said too much, or there is no such program */
	leat_ran *ran = leat_result_ran(&result);
	printf("%d words, and status %d\n", atoi(leat_buf_data(ran->out)), (int)ran->status);
	int bad = ran->status != 3 || leat_buf_size(ran->err) != 3;
	leat_ran_free(ran);
	return bad;
}

int main(void)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	int bad = talk(loop) || hear_out(loop);

	leat_loop_free(loop);
	return bad;
}

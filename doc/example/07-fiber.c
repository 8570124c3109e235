/* SPDX-License-Identifier: ISC */
/* 07-fiber - a line protocol, straight down: a fiber waits where it stands
 *
 * Each end is a function on a stack of its own. An await parks it, and the loop
 * goes on with the other one.
 */
#include <leat/leat.h>

#include <stdio.h>
#include <string.h>

/* One line, without its end; false when there is none. */
static bool hear(leat_flow *flow, char line[80])
{
	for (size_t n = 0; n < 79 && leat_await_int(leat_flow_read_into(flow, line + n, 1, 1), NULL) == 1; n++) {
		if (line[n] == '\n') {
			line[n] = '\0';
			return true;
		}
	}
	return false;
}

static bool say(leat_flow *flow, const char *line)
{
	return leat_await(leat_flow_write(flow, line, strlen(line)), NULL);
}

static leat_io *server(void *flow, leat_loop *loop)
{
	char line[80], answer[100];

	say(flow, "220 who is there?\n");
	while (hear(flow, line) && strcmp(line, "QUIT") != 0) {
		snprintf(answer, sizeof answer, "250 good morning, %s\n", line);
		say(flow, answer);
	}
	say(flow, "221 bye\n");
	return leat_flow_close(flow);
}

static leat_io *client(void *flow, leat_loop *loop)
{
	char line[80] = "";

	if (hear(flow, line) && say(flow, "miller\n") && hear(flow, line))
		printf("%s\n", line);
	say(flow, "QUIT\n");
	return leat_io_int(loop, hear(flow, line) && strcmp(line, "221 bye") == 0);
}

int main(void)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	leat_flow *ends[2];
	leat_flow_pair(loop, ends);
	leat_io_detach(leat_fiber(loop, server, leat_ctx_flow(ends[0])));
	bool polite = leat_await_int(leat_fiber(loop, client, leat_ctx_flow(ends[1])), NULL);
	leat_loop_free(loop);
	return polite ? 0 : 1;
}

/* SPDX-License-Identifier: ISC */
/* 04-countdown - a flow of your own: a source that counts down, and ends
 *
 * The guard in front keeps the contract (one read at a time, sticky ends, giving
 * back what was cancelled, closing); an implementation only moves bytes.
 */
#include <leat/leat.h>

#include <stdio.h>
#include <string.h>

struct countdown {
	int left;
};

/* Something is wanted: answer once, now or later. */
static void countdown_read(leat_flow *self, void *state)
{
	int n = ((struct countdown *)state)->left--;
	char word[16];

	snprintf(word, sizeof word, "%d...\n", n);
	if (n >= 0)
		leat_flow_give(self, leat_buf_copy(leat_flow_loop(self), word, strlen(word)));
	else
		leat_flow_give_end(self);
}

static const leat_flow_ops countdown_ops = {
	.size = sizeof countdown_ops, .name = "countdown", .directions = LEAT_READ,
	.state_bytes = sizeof(struct countdown), .read = countdown_read,
};

static leat_flow *countdown_from(leat_loop *loop, int first)
{
	void *state;
	leat_flow *flow = leat_flow_new(loop, &countdown_ops, &state);

	if (state) /* else there was no memory, and reading will say so */
		*(struct countdown *)state = (struct countdown){ .left = first };
	return flow;
}

int main(void)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	leat_flow *flow = countdown_from(loop, 3);
	size_t bytes = 0;

	for (leat_buf *buf; (buf = leat_await_buf(leat_flow_read(flow), NULL)); leat_buf_unref(buf)) {
		printf("%.*s", (int)leat_buf_size(buf), (const char *)leat_buf_data(buf));
		bytes += leat_buf_size(buf);
	}
	leat_flow_unref(flow);
	leat_loop_free(loop);
	return bytes == strlen("3...\n2...\n1...\n0...\n") ? 0 : 1;
}

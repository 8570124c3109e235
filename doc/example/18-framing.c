/* SPDX-License-Identifier: ISC */
/* 18-framing - a layer of your own: a stream that says itself where it ends
 *
 * What is written goes behind its length, two bytes; a length of 0 is the end.  So a
 * stream that was cut is an error to its reader, whatever it runs over.
 */
#include <leat/leat.h>

#include <stdio.h>

struct framing {
	unsigned head, left; /* of the frame that is read: bytes of its length that were seen, bytes to come */
};

static leat_error encode(void *framing, leat_coding *c)
{
	size_t n = c->in_bytes + 2 < c->out_bytes ? c->in_bytes : c->out_bytes - 2;

	if (c->out_bytes > 2) { /* else it is asked again, with more room */
		leat_coding_put(c, (unsigned char[]){ (unsigned char)(n >> 8), (unsigned char)n }, 2);
		leat_coding_copy(c, n);
		c->done = n == 0; /* when there is nothing left */
	}
	return (leat_error){ 0 };
}

static leat_error decode(void *framing, leat_coding *c)
{
	struct framing *f = framing;

	if (f->head < 2) {
		f->left = f->left << 8 | leat_coding_byte(c);
		c->done = ++f->head == 2 && f->left == 0;
	} else {
		f->left -= (unsigned)leat_coding_copy(c, f->left);
		f->head = f->left > 0 ? 2 : 0;
	}
	return (leat_error){ 0 };
}

static const leat_coder frames = { .size = sizeof frames, .name = "frames", .state_bytes = sizeof(struct framing),
	                           .encode = encode, .encode_finish = encode, .decode = decode };

int main(void)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	leat_flow *ends[2];
	char words[32];
	leat_flow_pair(loop, ends);
	for (int i = 0; i < 2; i++)
		ends[i] = leat_transform_new(ends[i], &frames, NULL);
	leat_io_detach(leat_flow_write(ends[0], "made while the sun shines", 25));
	leat_io_detach(leat_flow_shutdown(ends[0], LEAT_WRITE));
	int n = (int)leat_await_int(leat_flow_read_into(ends[1], words, sizeof words, sizeof words), NULL);
	printf("%.*s\n", n, words);
	leat_flow_unref(ends[0]);
	leat_flow_unref(ends[1]);
	leat_loop_free(loop);
	return n == 25 ? 0 : 1;
}

/* SPDX-License-Identifier: ISC */
/* transform - a flow over any flow that rewrites the bytes which pass
 *
 * What to rewrite them with is a table of the user's, a coder: encode for what is
 * written, decode for what is read.  The flow around it does the rest: it reads
 * below when somebody reads above, encodes no more than the flow below takes, and
 * ends as doc/contract.md says.  Memory is bounded, whatever a coder makes of its
 * input: one block each way, besides the queue.
 *
 * A coder's functions rewrite and nothing else: they call neither the flow nor the
 * loop's ios.  doc/example/18-framing.c is a whole one.
 */
#ifndef LEAT_TRANSFORM_H
#define LEAT_TRANSFORM_H

#include <leat/api.h>
#include <leat/error.h>
#include <leat/flow.h>

#include <string.h>

LEAT_BEGIN

/* What a coder's function works on.  It moves `in` and `out` on by what it used and
 * what it wrote, and takes as much off the numbers. */
typedef struct leat_coding {
	const unsigned char *in; /* to be rewritten */
	size_t in_bytes;
	unsigned char *out; /* where it goes: a fresh buf */
	size_t out_bytes;   /* room that is left */
	bool done; /* encode_flush, encode_finish: all is written; decode, decode_finish: the stream has ended here */
	bool more; /* encode, decode: there is more to write, though all input was used */
} leat_coding;

/* How bytes are rewritten.  An error that a function gives is the flow's, sticky:
 * of reading, after what was written to `out` until then; of writing.
 *
 * A function need not use all input, nor write all it could: it is called again as
 * long as there is input, or `more`, or until `done`.  If it neither uses nor
 * writes anything though it should, it is called once more with at least
 * LEAT_CODING_ROOM bytes of room; if it does so again, that is INVALID. */
typedef struct leat_coder {
	size_t size;        /* sizeof(leat_coder) */
	const char *name;   /* the flow's kind, as "zlib" */
	size_t state_bytes; /* zeroed memory for the coder */
	/* What is written; with input, or after `more`.  NULL: it goes as it is. */
	leat_error (*encode)(void *state, leat_coding *coding);
	/* All that encode has kept is to be written, so that the peer can decode all
	 * of it.  NULL: it keeps nothing. */
	leat_error (*encode_flush)(void *state, leat_coding *coding);
	/* No more will be written: what is kept, and the stream's own end.  NULL:
	 * nothing. */
	leat_error (*encode_finish)(void *state, leat_coding *coding);
	/* What is read; with input, or after `more`.  After `done` the reader gets the
	 * end, and what else comes from below is not looked at.  NULL: it comes as it
	 * is, and ends where the flow below does. */
	leat_error (*decode)(void *state, leat_coding *coding);
	/* The flow below has ended, and decode was not `done`.  NULL: TRUNCATED. */
	leat_error (*decode_finish)(void *state, leat_coding *coding);
	/* The flow has ended: free what the state holds.  Once, while the loop is
	 * there.  NULL: nothing to do. */
	void (*destroy)(void *state);
	/* false: at the end of each turn in which something was written encode_flush
	 * is called, so a message arrives without more ado.  true: only
	 * leat_flow_flush does that, and shutdown and close: for bulk. */
	bool holds;
} leat_coder;

enum { LEAT_CODING_ROOM = 256 };

/* Gives a flow that rewrites what passes to and from `below`, which it takes, as
 * leat_flow_take does; also where it fails.  The coder is lent until the flow has
 * ended.  Its zeroed state is put into *state, unless `state` is NULL; without memory
 * the flow is stillborn, *state NULL, and `below` aborted: stop there.
 *
 * After an error of writing a close cuts the stream (see leat_flow_close).
 * shutdown(write) and close call encode_finish, send what that gives, and then shut
 * `below`; the end of `below` before the decoder's own is TRUNCATED.  After an error
 * of reading what is written still goes out.  Closing it closes `below`, aborting it
 * aborts `below`. */
#define leat_transform_new(...) leat_transform_new_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_flow *leat_transform_new_at(leat_flow *below, const leat_coder *coder, void **state,
                                                         const char *where);
/* The coder's state, where the flow is a transform by that coder, and not ended;
 * else NULL. */
LEAT_API void *leat_transform_state(leat_flow *flow, const leat_coder *coder);

/* ---- for coders ---- */

/* Moves bytes over as they are: at most that many, as many as there are, and as there is
 * room for.  Gives their number. */
static inline size_t leat_coding_copy(leat_coding *coding, size_t most)
{
	size_t bytes = coding->in_bytes < most ? coding->in_bytes : most;

	if (bytes > coding->out_bytes)
		bytes = coding->out_bytes;
	if (bytes > 0)
		memcpy(coding->out, coding->in, bytes);
	coding->in += bytes;
	coding->in_bytes -= bytes;
	coding->out += bytes;
	coding->out_bytes -= bytes;
	return bytes;
}

/* Uses one byte, which must be there. */
static inline unsigned char leat_coding_byte(leat_coding *coding)
{
	coding->in_bytes--;
	return *coding->in++;
}

/* Writes these bytes, for which there must be room. */
static inline void leat_coding_put(leat_coding *coding, const void *data, size_t bytes)
{
	memcpy(coding->out, data, bytes);
	coding->out += bytes;
	coding->out_bytes -= bytes;
}

LEAT_END
#endif

/* SPDX-License-Identifier: ISC */
/* code.h - what the test's layer and the test's bufferevent filter do to bytes
 *
 * Every bit is turned over; a byte ESCAPE in the outcome is followed by a 0; ESCAPE
 * twice is the goodbye, after which nothing comes.
 */
#ifndef TEST_CONTRACT_CODE_H
#define TEST_CONTRACT_CODE_H

#include <stdbool.h>
#include <stddef.h>

enum { ESCAPE = 0xff };
#define GOODBYE "\xff\xff"
enum { GOODBYE_BYTES = 2 };

struct code {
	bool escaped; /* the last byte was an ESCAPE */
	bool over;    /* the goodbye was seen */
};

/* Writes at most 2n bytes; gives their number. */
static inline size_t code_encode(unsigned char *out, const unsigned char *in, size_t n)
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned char byte = (unsigned char)~in[i];

		out[used++] = byte;
		if (byte == ESCAPE)
			out[used++] = 0;
	}
	return used;
}

/* Writes at most n bytes, which may be over `in`; gives their number. Stops at the
 * goodbye. */
static inline size_t code_decode(struct code *code, unsigned char *out, const unsigned char *in, size_t n)
{
	size_t used = 0;

	for (size_t i = 0; i < n && !code->over; i++) {
		unsigned char byte = in[i];

		if (code->escaped && byte == ESCAPE)
			code->over = true;
		else if (code->escaped)
			out[used++] = (unsigned char)~ESCAPE;
		else if (byte != ESCAPE)
			out[used++] = (unsigned char)~byte;
		code->escaped = !code->escaped && byte == ESCAPE;
	}
	return used;
}

#endif

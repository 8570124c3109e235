/* SPDX-License-Identifier: ISC */
/* place - where in their pages bytes lie, so that OpenSSL copies them fast
 *
 * OpenSSL copies plaintext into its record and out of it. There are processors on which
 * memcpy is twenty times slower where what it writes lies a little further in its page
 * than what it reads (doc/decisions.md), and blocks of powers of two with small headers
 * come to lie like that. So bytes are put elsewhere in their block, or copied once more.
 */
#include <string.h>

#include "tls/tls.h"

enum {
	PAGE = 4096,
	NEAR = 128,            /* so little further is slow */
	NONCE = 32,            /* what a record has before its bytes is not known exactly */
	STEP = NEAR + NONCE,   /* by which a place that is slow is one no more */
	WORTH_IT = 2048,       /* fewer are copied in another way, and need no care */
	SHIFTS = 2,            /* as two places can be in the way */
};

static bool is_slow(const void *to, const void *from)
{
	return ((uintptr_t)to - (uintptr_t)from + NONCE) % PAGE < NEAR + NONCE;
}

/* Few bytes are copied in another way. */
void lt_tls_copy(void *to, const void *from, size_t bytes)
{
	size_t piece = is_slow(to, from) ? WORTH_IT / 2 : bytes;

	for (; bytes > piece; bytes -= piece) {
		memcpy(to, from, piece);
		to = (unsigned char *)to + piece;
		from = (const unsigned char *)from + piece;
	}
	memcpy(to, from, bytes);
}

/* To where it is filled fast from there, and read fast into a record. */
static void shift(const lt_tls *l, leat_buf *buf, const void *from)
{
	for (int i = 0; i < SHIFTS; i++)
		if (is_slow(leat_buf_data(buf), from) || is_slow(l->record_out, leat_buf_data(buf)))
			leat_buf_skip(buf, STEP);
}

leat_buf *lt_tls_plaintext_new(lt_tls *l, size_t bytes)
{
	size_t room = bytes < WORTH_IT ? bytes : bytes + SHIFTS * STEP;
	leat_buf *buf = leat_buf_new(leat_flow_loop(l->self), room < LT_TLS_BLOCK ? room : LT_TLS_BLOCK);

	if (leat_buf_failed(buf) || bytes < WORTH_IT)
		return buf;
	shift(l, buf, l->record_in);
	leat_buf_cut(buf, bytes);
	return buf;
}

leat_buf *lt_tls_moved(lt_tls *l, const void *from, size_t bytes)
{
	leat_buf *buf;

	if (bytes < WORTH_IT || !is_slow(l->record_out, from))
		return NULL;
	buf = leat_buf_new(leat_flow_loop(l->self), bytes + SHIFTS * STEP);
	if (leat_buf_failed(buf)) { /* slowly, then */
		leat_buf_unref(buf);
		return NULL;
	}
	shift(l, buf, from);
	memcpy(leat_buf_space(buf), from, bytes);
	leat_buf_cut(buf, bytes);
	return buf;
}

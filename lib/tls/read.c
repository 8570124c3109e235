/* SPDX-License-Identifier: ISC */
/* read - what comes is decrypted into one buf, which is given
 *
 * Only when OpenSSL can make nothing of what is there is the flow below asked, so
 * we are never ahead of the reader by more than a block.  Read `answer` first.
 */
#include "tls/tls.h"

/* Whether OpenSSL may have something to make plaintext of. */
static bool has_some(const lt_tls *l)
{
	return l->in || l->waits != LT_TLS_NOTHING || (!l->dry && SSL_has_pending(l->ssl));
}

/* How much plaintext there is at most; of what waits below that is not known. */
static size_t bound(const lt_tls *l)
{
	size_t bytes = (size_t)SSL_pending(l->ssl);

	if (l->in)
		bytes += leat_buf_size(l->in) + l->fed;
	if (!l->in || SSL_has_pending(l->ssl)) /* a part of one is there, from when large ones came */
		bytes += LT_TLS_RECORD;
	return bytes < LT_TLS_BLOCK && l->waits != LT_TLS_MUCH ? bytes : LT_TLS_BLOCK;
}

/* Small in a large block: one of the right size. */
static leat_buf *right_size(lt_tls *l, leat_buf *buf, size_t used)
{
	bool fits = used >= leat_buf_size(buf) / 4;
	leat_buf *small;

	leat_buf_cut(buf, used);
	if (fits)
		return buf;
	small = leat_buf_copy(leat_flow_loop(l->self), leat_buf_data(buf), used);
	if (leat_buf_failed(small))
		return buf;
	leat_buf_unref(buf);
	return small;
}

/* As many records as fit; gives how many bytes. */
static size_t decrypt(lt_tls *l, leat_buf *buf)
{
	unsigned char *to = leat_buf_space(buf);
	size_t used = 0, room = leat_buf_size(buf);
	int ret;

	SSL_set_mode(l->ssl, SSL_MODE_AUTO_RETRY); /* the user has the object, too */
	while (used < room && l->word == LT_TLS_MORE && !l->gone && has_some(l)) {
		ret = SSL_read(l->ssl, to + used, (int)(room - used));
		if (ret <= 0) {
			l->word = lt_tls_classify(l, ret);
			l->dry = true;
			break;
		}
		used += (size_t)ret;
		if (SSL_pending(l->ssl) == 0)
			l->fed = 0;
	}
	return used;
}

/* Gives a buf, NULL where there is not a byte yet. */
static leat_buf *decrypted(lt_tls *l)
{
	leat_buf *buf;
	size_t used;

	if (!has_some(l))
		return NULL;
	buf = lt_tls_plaintext_new(l, bound(l));
	if (leat_buf_failed(buf))
		return buf;
	used = decrypt(l, buf);
	if (used > 0)
		return right_size(l, buf, used);
	leat_buf_unref(buf);
	return NULL;
}

static leat_io *on_read(void *ctx, leat_result *result);
static leat_io *on_readable(void *ctx, leat_result *result);

/* Small records come in one block, as many as there are, and are looked at when all that
 * came has been read; large ones go straight into OpenSSL's memory. */
static void ask_below(lt_tls *l)
{
	leat_io *io;

	SSL_set_read_ahead(l->ssl, l->large);
	io = l->large ? leat_flow_readable(l->below) : leat_flow_read(l->below);
	l->reading = true;
	leat_flow_keep(l->self, LEAT_READ, leat_io_then(io, l->large ? on_readable : on_read, leat_ctx_borrow(l)));
}

/* Answers that the flow below does not take must not pile up. */
bool lt_tls_is_clogged(const lt_tls *l)
{
	return l->sending && l->out_used > LT_TLS_CLOGGED;
}

static void give_end(lt_tls *l)
{
	l->ended = true;
	lt_tls_close_below_at_the_end(l);
	leat_flow_give_end(l->self);
}

/* What OpenSSL cannot read it will not write beside. */
static void give_error(lt_tls *l)
{
	leat_flow *self = leat_flow_ref(l->self);
	leat_error error = l->error;

	leat_flow_give_error(self, error);
	leat_flow_write_failed(self, error);
	leat_flow_unref(self);
}

/* Gives what there is, or asks for more. */
static void answer(lt_tls *l)
{
	leat_flow *self = leat_flow_ref(l->self);
	leat_buf *buf;

	lt_tls_enter(l);
	buf = lt_tls_is_clogged(l) ? NULL : decrypted(l);
	if (!lt_tls_leave(l)) {
		leat_buf_unref(buf);
		leat_flow_unref(self);
		return;
	}
	lt_tls_pump(l);
	if (buf)
		leat_flow_give(self, buf);
	if (!l->gone && l->word == LT_TLS_END && !l->ended)
		give_end(l);
	else if (!l->gone && l->word == LT_TLS_ERROR)
		give_error(l);
	else if (!l->gone && !buf && !l->reading && !lt_tls_is_clogged(l) && leat_flow_wanted(self))
		ask_below(l);
	leat_flow_unref(self);
}

static void arrived(lt_tls *l, bool is_end)
{
	l->reading = false;
	if (!is_end)
		answer(l);
	else if (l->tls->fin_ends || (SSL_get_options(l->ssl) & SSL_OP_IGNORE_UNEXPECTED_EOF))
		give_end(l);
	else
		leat_flow_give_error(l->self, leat_error_core(LEAT_TRUNCATED));
}

static leat_io *on_read(void *ctx, leat_result *result)
{
	lt_tls *l = ctx;

	l->in = leat_result_buf(result);
	l->large = l->in && leat_buf_size(l->in) >= LT_TLS_RECORD && leat_flow_is_direct(l->below, LEAT_READ);
	arrived(l, !l->in);
	return NULL;
}

static leat_io *on_readable(void *ctx, leat_result *result)
{
	lt_tls *l = ctx;
	bool is_end = leat_result_int(result) == 0;

	l->waits = is_end ? LT_TLS_NOTHING : LT_TLS_SOME;
	l->taken = 0;
	arrived(l, is_end);
	return NULL;
}

void lt_tls_read(leat_flow *self, void *state)
{
	lt_tls *l = state;

	(void)self;
	if (!l->reading)
		answer(l);
}

void lt_tls_unclog(lt_tls *l)
{
	if (!l->reading && leat_flow_wanted(l->self))
		answer(l);
}

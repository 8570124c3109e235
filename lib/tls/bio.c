/* SPDX-License-Identifier: ISC */
/* bio - OpenSSL's view of the flow below: memory to take from, memory to fill
 *
 * A read finds what is there or asks to be tried again; a write always succeeds,
 * but for want of memory, so no call of OpenSSL has to be repeated with the same
 * bytes.
 */
#include <string.h>

#include "tls/tls.h"

static int flow_read(BIO *bio, char *to, int room)
{
	lt_tls *l = BIO_get_data(bio);
	size_t bytes = l && l->in ? leat_buf_size(l->in) : 0;

	BIO_clear_retry_flags(bio);
	if (bytes == 0 || room <= 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	if (bytes > (size_t)room)
		bytes = (size_t)room;
	lt_tls_copy(to, leat_buf_data(l->in), bytes);
	l->record_in = to;
	leat_buf_skip(l->in, bytes);
	l->fed += bytes;
	if (leat_buf_size(l->in) == 0) {
		leat_buf_unref(l->in);
		l->in = NULL;
	}
	return (int)bytes;
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* Room for so many bytes more. */
static bool make_room(lt_tls *l, size_t bytes)
{
	size_t had = l->out ? leat_buf_size(l->out) : 0;
	leat_buf *out;

	if (had - l->out_used >= bytes)
		return true;
	out = leat_buf_new(leat_flow_loop(l->self), larger(l->out_used + bytes, larger(l->out_hint, had * 2)));
	if (leat_buf_failed(out)) {
		leat_buf_unref(out);
		return false;
	}
	if (l->out)
		memcpy(leat_buf_space(out), leat_buf_data(l->out), l->out_used);
	leat_buf_unref(l->out);
	l->out = out;
	return true;
}

/* Behind our close_notify nothing goes out. */
static int flow_write(BIO *bio, const char *from, int bytes)
{
	lt_tls *l = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (!l || bytes <= 0)
		return -1;
	if (l->telling || l->told || l->gone)
		return bytes;
	if (!make_room(l, (size_t)bytes)) {
		l->starved = true;
		return -1;
	}
	lt_tls_copy((unsigned char *)leat_buf_space(l->out) + l->out_used, from, (size_t)bytes);
	l->record_out = from;
	l->out_used += (size_t)bytes;
	return bytes;
}

static long flow_ctrl(BIO *bio, int what, long number, void *pointer)
{
	(void)number;
	(void)pointer;
	if (what == BIO_CTRL_FLUSH)
		return 1;
	if (what == BIO_CTRL_PENDING) {
		const lt_tls *l = BIO_get_data(bio);

		return l && l->in ? (long)leat_buf_size(l->in) : 0;
	}
	return 0;
}

static int flow_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

BIO_METHOD *lt_tls_method_new(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "leat flow");

	if (method && BIO_meth_set_read(method, flow_read) && BIO_meth_set_write(method, flow_write) &&
	    BIO_meth_set_ctrl(method, flow_ctrl) && BIO_meth_set_create(method, flow_create))
		return method;
	BIO_meth_free(method);
	return NULL;
}

bool lt_tls_attach(lt_tls *l, BIO_METHOD *method)
{
	BIO *bio = BIO_new(method);

	if (!bio)
		return false;
	BIO_set_data(bio, l);
	SSL_set_bio(l->ssl, bio, bio);
	return true;
}

lt_tls *lt_tls_of(const SSL *ssl)
{
	return BIO_get_data(SSL_get_rbio(ssl));
}

leat_buf *lt_tls_take_out(lt_tls *l)
{
	leat_buf *out = l->out;

	if (!out)
		return NULL;
	leat_buf_cut(out, l->out_used);
	l->out = NULL;
	l->out_used = l->out_hint = 0;
	return out;
}

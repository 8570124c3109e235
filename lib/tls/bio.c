/* SPDX-License-Identifier: ISC */
/* bio - OpenSSL's view of the flow below: memory to take from, memory to fill
 *
 * A read finds what is there or asks to be tried again; a write always succeeds,
 * but for want of memory, so no call of OpenSSL has to be repeated with the same
 * bytes.
 */
#include <string.h>
#include <sys/uio.h>

#include "tls/tls.h"

enum { TAKEN_IN_A_ROW = 16 };

/* Of the block that was read below. */
static size_t take_in(lt_tls *l, char *to, size_t room)
{
	size_t bytes = leat_buf_size(l->in);

	if (bytes > room)
		bytes = room;
	lt_tls_copy(to, leat_buf_data(l->in), bytes);
	leat_buf_skip(l->in, bytes);
	l->fed += bytes;
	if (leat_buf_size(l->in) == 0) {
		leat_buf_unref(l->in);
		l->in = NULL;
	}
	return bytes;
}

/* What waits below, with no block between; after many in a row it is the others' turn. */
static size_t take_below(lt_tls *l, char *to, size_t room)
{
	size_t bytes = leat_flow_try_read(l->below, to, room);

	l->waits = bytes == room && ++l->taken < TAKEN_IN_A_ROW ? LT_TLS_MUCH : LT_TLS_NOTHING;
	l->large = bytes >= LT_TLS_RECORD;
	l->fed += bytes;
	return bytes;
}

static int flow_read(BIO *bio, char *to, int room)
{
	lt_tls *l = BIO_get_data(bio);
	size_t bytes = 0;

	BIO_clear_retry_flags(bio);
	if (l && room > 0 && l->in)
		bytes = take_in(l, to, (size_t)room);
	else if (l && room > 0 && l->waits != LT_TLS_NOTHING)
		bytes = take_below(l, to, (size_t)room);
	if (bytes == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	l->record_in = to;
	l->dry = false;
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

static void drop_out(lt_tls *l, size_t bytes)
{
	l->out_used -= bytes;
	if (l->out_used > 0) {
		leat_buf_skip(l->out, bytes);
		return;
	}
	leat_buf_unref(l->out);
	l->out = NULL;
}

/* Of what there is to send the transport may take the last from where it is; gives how
 * much of it is gone. */
static size_t put_below(lt_tls *l, const char *from, size_t bytes)
{
	size_t had = l->out_used, put;
	struct iovec parts[2] = { { .iov_len = had }, { .iov_base = (void *)(uintptr_t)from, .iov_len = bytes } };

	if (had > 0)
		parts[0].iov_base = leat_buf_space(l->out);
	put = leat_flow_try_write(l->below, had > 0 ? parts : parts + 1, had > 0 ? 2 : 1);
	if (l->out)
		drop_out(l, put < had ? put : had);
	return put < had ? 0 : put - had;
}

/* False without memory. */
static bool keep_out(lt_tls *l, const char *from, size_t bytes)
{
	if (bytes == 0)
		return true;
	if (!make_room(l, bytes))
		return false;
	lt_tls_copy((unsigned char *)leat_buf_space(l->out) + l->out_used, from, bytes);
	l->out_used += bytes;
	return true;
}

/* Behind our close_notify nothing goes out. */
static int flow_write(BIO *bio, const char *from, int bytes)
{
	lt_tls *l = BIO_get_data(bio);
	size_t put = 0;

	BIO_clear_retry_flags(bio);
	if (!l || bytes <= 0)
		return -1;
	if (l->telling || l->told || l->gone)
		return bytes;
	if (l->last && bytes >= LT_TLS_RECORD)
		put = put_below(l, from, (size_t)bytes);
	l->record_out = from;
	if (keep_out(l, from + put, (size_t)bytes - put))
		return bytes;
	l->starved = true;
	return -1;
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

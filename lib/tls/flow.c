/* SPDX-License-Identifier: ISC */
/* flow - the operations of a connection whose handshake is done
 *
 * Reading: a block of ciphertext from below is decrypted record by record into
 * one buf, which is given; only when OpenSSL can make nothing of what is there is
 * the flow below asked, so it is never ahead of the reader by more than a block.
 * Writing: what waits is encrypted into one block, which is sent below; while
 * that is pending nothing more is taken.  Read `answer` and `lt_tls_pump` first.
 */
#include <string.h>
#include <sys/uio.h>

#include "tls/tls.h"

enum {
	PARTS = 16,
	SMALL = 2048, /* smaller pieces are gathered into one record */
	BLOCK = 65536 /* the most plaintext given at once */
};

/* ---- the flow below ---- */

static leat_io *however(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	return NULL;
}

void lt_tls_close_below(lt_tls *l)
{
	leat_io_detach(leat_io_branch(leat_flow_close(l->below), however, however, leat_ctx_none()));
}

/* Both directions are over: nothing is to be said below any more. */
static void close_below_at_the_end(lt_tls *l)
{
	if (l->ended && l->told)
		lt_tls_close_below(l);
}

/* ---- inside OpenSSL ---- */

void lt_tls_enter(lt_tls *l)
{
	leat_flow_ref(l->self);
	l->busy = true;
	ERR_clear_error();
}

static void free_ssl(lt_tls *l)
{
	SSL *ssl = l->ssl;

	l->ssl = NULL;
	if (!ssl)
		return;
	if (!l->broken) /* a session outlives a connection that was cut */
		SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_set_bio(ssl, NULL, NULL); /* it may live on in somebody else's hands */
	SSL_free(ssl);
}

bool lt_tls_leave(lt_tls *l)
{
	bool stays = !l->gone;

	l->busy = false;
	if (l->doomed)
		free_ssl(l);
	leat_flow_unref(l->self);
	return stays;
}

/* ---- writing ---- */

static leat_io *on_sent(void *ctx, leat_result *result);

static void send_out(lt_tls *l, leat_buf *out)
{
	leat_io *io = leat_flow_send(l->below, out);
	leat_result result;

	if (!leat_io_try(io, &result)) {
		l->sending = true;
		leat_flow_keep(l->self, LEAT_WRITE, leat_io_then(io, on_sent, leat_ctx_borrow(l)));
		return;
	}
	if (!leat_result_ok(&result))
		leat_flow_write_failed(l->self, leat_result_error(&result));
	leat_result_clear(&result);
}

void lt_tls_pump(lt_tls *l)
{
	leat_buf *out;

	if (l->sending || l->gone)
		return;
	out = lt_tls_take_out(l);
	if (out)
		send_out(l, out);
}

static void write_failed(lt_tls *l)
{
	leat_flow *self = leat_flow_ref(l->self);
	leat_error error = l->error;

	lt_tls_pump(l); /* an alert */
	leat_flow_write_failed(self, error);
	leat_flow_unref(self);
}

/* The flow below has accepted the close_notify. */
static void tell(lt_tls *l)
{
	l->told = true;
	close_below_at_the_end(l);
	leat_flow_told(l->self);
}

/* All before it has left; where OpenSSL can say nothing any more, nothing. */
static void say_goodbye(lt_tls *l)
{
	int ret = 0;

	lt_tls_enter(l);
	if (!l->broken)
		ret = SSL_shutdown(l->ssl);
	if (ret < 0)
		lt_tls_classify(l, ret);
	if (!lt_tls_leave(l))
		return;
	l->telling = true;
	if (ret < 0) {
		write_failed(l);
		return;
	}
	lt_tls_pump(l);
	if (!l->gone && !l->sending)
		tell(l);
}

static void flushed(lt_tls *l)
{
	leat_flow *self = leat_flow_ref(l->self);

	if (l->flushing) {
		l->flushing = false;
		leat_flow_flushed(self);
	}
	if (!l->gone && l->shutting && !l->telling)
		say_goodbye(l);
	leat_flow_unref(self);
}

static leat_io *on_flushed(void *ctx, leat_result *result)
{
	lt_tls *l = ctx;

	(void)result;
	l->dirty = false;
	flushed(l);
	return NULL;
}

/* Sends what was written, and has it reach the transport: of the user's, since
 * a server's tickets may wait for ever for a peer that does not read. */
static void pump_through(lt_tls *l)
{
	leat_flow *self = leat_flow_ref(l->self);

	lt_tls_pump(l);
	if (!l->sending && !l->gone && l->dirty)
		leat_flow_keep(self, LEAT_WRITE, leat_io_then(leat_flow_flush(l->below), on_flushed, leat_ctx_borrow(l)));
	else if (!l->sending && !l->gone)
		flushed(l);
	leat_flow_unref(self);
}

/* Small pieces in front, copied together; NULL: the first is large or alone. */
static leat_buf *gathered(lt_tls *l, const struct iovec *parts, int count, size_t most)
{
	size_t sum = parts[0].iov_len;
	int n = 1;
	leat_buf *buf;
	unsigned char *to;

	while (n < count && sum < SMALL && parts[n].iov_len < SMALL && sum + parts[n].iov_len <= most)
		sum += parts[n++].iov_len;
	if (n == 1)
		return NULL;
	buf = leat_buf_new(leat_flow_loop(l->self), sum);
	to = leat_buf_space(buf);
	for (int i = 0; to && i < n; to += parts[i++].iov_len)
		memcpy(to, parts[i].iov_base, parts[i].iov_len);
	return buf;
}

/* Encrypts at most so many bytes of the front; gives how many, 0: it failed. */
static size_t encrypt_front(lt_tls *l, leat_bufs *queue, size_t most)
{
	struct iovec parts[PARTS];
	leat_buf *buf = gathered(l, parts, leat_bufs_iovec(queue, parts, PARTS), most);
	const void *from = buf ? leat_buf_data(buf) : parts[0].iov_base;
	size_t bytes = buf ? leat_buf_size(buf) : parts[0].iov_len;
	int ret;

	if (bytes > most)
		bytes = most;
	if (buf && leat_buf_failed(buf)) {
		l->error = leat_error_core(LEAT_NOMEM);
		leat_buf_unref(buf);
		return 0;
	}
	ret = SSL_write(l->ssl, from, (int)bytes);
	leat_buf_unref(buf);
	if (ret > 0)
		return (size_t)ret;
	if (lt_tls_classify(l, ret) != LT_TLS_ERROR) {
		l->error = leat_error_core(LEAT_PROTOCOL);
		l->broken = true;
	}
	return 0;
}

/* Encrypts one block full.  What is dropped may release what ends the flow. */
static bool encrypt(lt_tls *l, leat_bufs *queue)
{
	size_t left = leat_bufs_size(queue), n;

	if (left > LT_TLS_BATCH + LT_TLS_RECORD / 2)
		left = LT_TLS_BATCH;
	l->out_hint = left + (left / LT_TLS_RECORD + 2) * LT_TLS_RECORD_MORE;
	while (left > 0 && !l->gone) {
		n = encrypt_front(l, queue, left);
		if (n == 0)
			return false;
		l->dirty = true;
		leat_bufs_drop(queue, n);
		left -= n;
	}
	return true;
}

static void tls_write(leat_flow *self, void *state, leat_bufs *queue)
{
	lt_tls *l = state;
	bool done = true;

	leat_flow_ref(self);
	while (done && !l->gone && !l->sending && !l->broken && leat_bufs_size(queue) > 0) {
		lt_tls_enter(l);
		done = encrypt(l, queue);
		if (!lt_tls_leave(l))
			break;
		if (done)
			lt_tls_pump(l);
		else
			write_failed(l);
	}
	if (!l->gone && l->broken && done)
		write_failed(l);
	leat_flow_unref(self);
}

static void tls_flush(leat_flow *self, void *state)
{
	lt_tls *l = state;

	(void)self;
	l->flushing = true;
	pump_through(l);
}

/* close_notify goes behind what the transport has taken, as a FIN would. */
static void tls_shutdown(leat_flow *self, void *state)
{
	lt_tls *l = state;

	(void)self;
	l->shutting = true;
	pump_through(l);
}

/* ---- reading ---- */

/* How much plaintext there is at most. */
static size_t bound(const lt_tls *l)
{
	size_t bytes = (size_t)SSL_pending(l->ssl) + (l->in ? leat_buf_size(l->in) + l->fed : 0);

	return bytes < BLOCK ? bytes : BLOCK;
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

	while (used < room && l->last == LT_TLS_MORE && !l->gone && (l->in || SSL_pending(l->ssl) > 0)) {
		ret = SSL_read(l->ssl, to + used, (int)(room - used));
		if (ret <= 0) {
			l->last = lt_tls_classify(l, ret);
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
	size_t bytes = bound(l), used;
	leat_buf *buf;

	if (bytes == 0)
		return NULL;
	buf = leat_buf_new(leat_flow_loop(l->self), bytes);
	if (leat_buf_failed(buf))
		return buf;
	used = decrypt(l, buf);
	if (used > 0)
		return right_size(l, buf, used);
	leat_buf_unref(buf);
	return NULL;
}

static leat_io *on_read(void *ctx, leat_result *result);

static void ask_below(lt_tls *l)
{
	l->reading = true;
	leat_flow_keep(l->self, LEAT_READ, leat_io_then(leat_flow_read(l->below), on_read, leat_ctx_borrow(l)));
}

/* Answers that the flow below does not take must not pile up. */
static bool is_clogged(const lt_tls *l)
{
	return l->sending && l->out_used > LT_TLS_CLOGGED;
}

static void give_end(lt_tls *l)
{
	l->ended = true;
	close_below_at_the_end(l);
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
	buf = is_clogged(l) ? NULL : decrypted(l);
	if (!lt_tls_leave(l)) {
		leat_buf_unref(buf);
		leat_flow_unref(self);
		return;
	}
	lt_tls_pump(l);
	if (buf)
		leat_flow_give(self, buf);
	if (!l->gone && l->last == LT_TLS_END && !l->ended)
		give_end(l);
	else if (!l->gone && l->last == LT_TLS_ERROR)
		give_error(l);
	else if (!l->gone && !buf && !l->reading && !is_clogged(l) && leat_flow_wanted(self))
		ask_below(l);
	leat_flow_unref(self);
}

static leat_io *on_read(void *ctx, leat_result *result)
{
	lt_tls *l = ctx;

	l->reading = false;
	l->in = leat_result_buf(result);
	if (l->in)
		answer(l);
	else if (l->tls->fin_ends || (SSL_get_options(l->ssl) & SSL_OP_IGNORE_UNEXPECTED_EOF))
		give_end(l);
	else
		leat_flow_give_error(l->self, leat_error_core(LEAT_TRUNCATED));
	return NULL;
}

static void tls_read(leat_flow *self, void *state)
{
	lt_tls *l = state;

	(void)self;
	if (!l->reading)
		answer(l);
}

static leat_io *on_sent(void *ctx, leat_result *result)
{
	lt_tls *l = ctx;
	leat_flow *self = leat_flow_ref(l->self);
	bool clogged = is_clogged(l);

	(void)result;
	l->sending = false;
	if (l->telling && !l->told)
		tell(l);
	else if (l->flushing || l->shutting)
		pump_through(l);
	else
		lt_tls_pump(l);
	if (!l->gone && !l->sending)
		leat_flow_writable(self);
	if (!l->gone && clogged && !l->reading && leat_flow_wanted(self))
		answer(l);
	leat_flow_unref(self);
	return NULL;
}

/* ---- ending ---- */

/* From inside OpenSSL its object goes later. */
static leat_flow *stop(lt_tls *l)
{
	leat_flow *below = l->below;

	l->gone = true;
	l->below = NULL;
	leat_buf_unref(l->in);
	leat_buf_unref(l->out);
	l->in = l->out = NULL;
	l->out_used = 0;
	if (l->busy)
		l->doomed = true;
	else
		free_ssl(l);
	return below;
}

static void tls_close(leat_flow *self, void *state)
{
	lt_tls *l = state;

	(void)self;
	lt_tls_close_below(l);
	leat_flow_unref(stop(l));
}

static void tls_abort(leat_flow *self, void *state)
{
	leat_flow *below = stop(state);

	(void)self;
	if (!below)
		return;
	leat_flow_abort(below);
	leat_flow_unref(below);
}

/* The method must outlive the BIO, which went with the SSL. */
static void tls_destroy(void *state)
{
	lt_tls *l = state;

	leat_tls_unref(l->tls);
}

static void tls_info(leat_flow *self, void *state, leat_flow_info *info)
{
	const lt_tls *l = state;
	leat_flow_info below = { .size = sizeof below };

	(void)self;
	if (!l->below) /* its handshake has failed */
		return;
	leat_flow_info_get(l->below, &below);
	info->fd = below.fd;
	info->local = below.local;
	info->peer = below.peer;
}

const leat_flow_ops lt_tls_ops = {
	.size = sizeof(leat_flow_ops),
	.name = "tls",
	.state_bytes = sizeof(lt_tls),
	.read = tls_read,
	.write = tls_write,
	.flush = tls_flush,
	.shutdown = tls_shutdown,
	.close = tls_close,
	.abort = tls_abort,
	.destroy = tls_destroy,
	.info = tls_info,
};

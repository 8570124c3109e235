/* SPDX-License-Identifier: ISC */
/* write - what is written goes out encrypted, a block at a time
 *
 * What waits is encrypted into one block, which is sent below; while that is pending
 * nothing more is taken.  close_notify goes behind what the transport has taken.
 * Read lt_tls_pump and `encrypt` first.
 */
#include <string.h>
#include <sys/uio.h>

#include "tls/tls.h"

enum {
	PARTS = 16,
	SMALL = 2048 /* smaller pieces are gathered into one record */
};

/* ---- to the flow below ---- */

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

static leat_io *on_later(void *ctx, leat_result *result)
{
	lt_tls *l = ctx;

	(void)result;
	return leat_flow_flush(l->below);
}

/* What is written in this turn goes in one piece with it. */
void lt_tls_flush_later(lt_tls *l)
{
	leat_io *later = leat_sleep(leat_flow_loop(l->self), 0);

	leat_flow_keep(l->self, LEAT_WRITE, leat_io_then(later, on_later, leat_ctx_borrow(l)));
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

/* The flow below has accepted the close_notify. One that keeps things is asked to send it;
 * nobody waits for that, as the peer may not read. A close says so itself. */
static void tell(lt_tls *l)
{
	l->told = true;
	if (!l->ended)
		leat_io_ignore(leat_flow_flush(l->below));
	if (l->gone)
		return;
	lt_tls_close_below_at_the_end(l);
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

static void pump_through(lt_tls *l);

/* What was written since may wait: a flush does not mean it, the goodbye does. */
static void flushed(lt_tls *l)
{
	leat_flow *self = leat_flow_ref(l->self);

	if (l->flushing) {
		l->flushing = false;
		leat_flow_flushed(self);
	}
	if (!l->gone && l->shutting && !l->telling && !l->sending && l->asked == 0) {
		if (l->dirty)
			pump_through(l);
		else
			say_goodbye(l);
	}
	leat_flow_unref(self);
}

static leat_io *on_flushed(void *ctx, leat_result *result)
{
	lt_tls *l = ctx;

	(void)result;
	if (--l->asked > 0) /* what was asked later has more */
		return NULL;
	l->dirty = l->more;
	flushed(l);
	return NULL;
}

/* Sends what was written, and has it reach the transport: of the user's, since
 * a server's tickets may wait for ever for a peer that does not read. */
static void pump_through(lt_tls *l)
{
	leat_flow *self = leat_flow_ref(l->self);

	lt_tls_pump(l);
	if (!l->sending && !l->gone && l->dirty) {
		l->more = false;
		l->asked++;
		leat_flow_keep(self, LEAT_WRITE, leat_io_then(leat_flow_flush(l->below), on_flushed, leat_ctx_borrow(l)));
	} else if (!l->sending && !l->gone) {
		flushed(l);
	}
	leat_flow_unref(self);
}

static leat_io *on_sent(void *ctx, leat_result *result)
{
	lt_tls *l = ctx;
	leat_flow *self = leat_flow_ref(l->self);
	bool clogged = lt_tls_is_clogged(l);

	(void)result;
	l->sending = false;
	if (l->telling && !l->told)
		tell(l);
	if (!l->gone && (l->flushing || (l->shutting && !l->telling)) && l->asked == 0)
		pump_through(l);
	else
		lt_tls_pump(l);
	if (!l->gone && !l->sending)
		leat_flow_writable(self);
	if (!l->gone && clogged)
		lt_tls_unclog(l);
	leat_flow_unref(self);
	return NULL;
}

/* ---- encrypting ---- */

/* Small pieces in front, copied together, or what is better copied first; else the first.
 * It is held: a callback of OpenSSL's may end the flow, and the queue with it. */
static leat_buf *gathered(lt_tls *l, const leat_bufs *queue, size_t most)
{
	struct iovec parts[PARTS];
	int count = leat_bufs_iovec(queue, parts, PARTS);
	leat_buf *first = leat_bufs_peek(queue);
	size_t sum = parts[0].iov_len;
	int n = 1;
	leat_buf *buf;
	unsigned char *to;

	while (n < count && sum < SMALL && parts[n].iov_len < SMALL && sum + parts[n].iov_len <= most)
		sum += parts[n++].iov_len;
	if (n == 1) {
		buf = lt_tls_moved(l, parts[0].iov_base, sum < most ? sum : most);
		return buf ? buf : leat_buf_ref(first);
	}
	buf = leat_buf_new(leat_flow_loop(l->self), sum);
	to = leat_buf_space(buf);
	for (int i = 0; to && i < n; to += parts[i++].iov_len)
		memcpy(to, parts[i].iov_base, parts[i].iov_len);
	return buf;
}

/* Encrypts a record of the front, of the so many bytes that go out now; gives how many, 0:
 * it failed. */
static size_t encrypt_front(lt_tls *l, const leat_bufs *queue, size_t most)
{
	size_t record = most < LT_TLS_RECORD ? most : LT_TLS_RECORD;
	leat_buf *buf = gathered(l, queue, record);
	size_t bytes = leat_buf_size(buf);
	int ret;

	if (bytes > record)
		bytes = record;
	if (leat_buf_failed(buf)) {
		l->error = leat_error_core(LEAT_NOMEM);
		leat_buf_unref(buf);
		return 0;
	}
	l->last = bytes == most;
	ret = SSL_write(l->ssl, leat_buf_data(buf), (int)bytes);
	l->last = false;
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
		l->dirty = l->more = true;
		if (l->gone)
			break;
		leat_bufs_drop(queue, n);
		left -= n;
	}
	return true;
}

/* ---- the operations ---- */

void lt_tls_write(leat_flow *self, void *state, leat_bufs *queue)
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

void lt_tls_flush(leat_flow *self, void *state)
{
	lt_tls *l = state;

	(void)self;
	l->flushing = true;
	pump_through(l);
}

/* close_notify goes behind what the transport has taken, as a FIN would. */
void lt_tls_shutdown(leat_flow *self, void *state)
{
	lt_tls *l = state;

	(void)self;
	l->shutting = true;
	pump_through(l);
}

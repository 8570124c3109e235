/* SPDX-License-Identifier: ISC */
/* handshake - from a flow to a connection over it
 *
 * The flow that will be given is there from the start and belongs to the io: a
 * chain of steps, each of which lets OpenSSL go on with what has arrived, sends
 * what it says and waits for more.  Its guard has nobody to serve yet, so the
 * steps ask the flow below themselves.
 */
#include <leat/options.h>

#include "tls/tls.h"

/* ---- how it ends ---- */

/* The owner of the chain: what came to nothing is cut. */
static void drop(void *ctx)
{
	lt_tls *l = ctx;
	leat_flow *self = l->self;

	if (!l->made)
		leat_flow_abort(self);
	leat_flow_unref(self);
}

static void say_why(lt_tls *l)
{
	leat_flow *below = l->below;
	leat_buf *out = below ? lt_tls_take_out(l) : NULL;

	if (!out)
		return;
	leat_io_ignore(leat_flow_send(below, out));
	l->below = NULL;
	lt_tls_part(below);
}

static leat_io *fail(lt_tls *l, leat_error error)
{
	if (l->why && !l->why[0])
		leat_error_print(error, l->why, l->why_bytes);
	say_why(l);
	return leat_io_fail(leat_flow_loop(l->self), error);
}

static leat_io *finish(lt_tls *l)
{
	if (!lt_tls_session_is_believed(l))
		return fail(l, l->error);
	l->made = true;
	l->why = NULL;
	l->dirty = !l->server; /* a server's last words are tickets: nobody waits for them */
	lt_tls_pump(l);
	if (!l->gone && (!l->server || SSL_version(l->ssl) < TLS1_3_VERSION))
		lt_tls_flush_later(l);
	return leat_io_flow(leat_flow_loop(l->self), leat_flow_ref(l->self));
}

/* ---- the steps ---- */

static leat_io *step(lt_tls *l);

static leat_io *on_bytes(void *ctx, leat_result *result)
{
	lt_tls *l = ctx;
	leat_buf *buf = leat_result_buf(result);

	if (l->gone) {
		leat_buf_unref(buf);
		return leat_io_fail(leat_result_loop(result), leat_error_core(LEAT_CLOSED));
	}
	if (!buf)
		return fail(l, leat_error_core(LEAT_TRUNCATED));
	l->in = buf;
	return step(l);
}

static leat_io *on_failed(void *ctx, leat_result *result)
{
	lt_tls *l = ctx;

	return fail(l, leat_result_error(result));
}

static leat_io *read_on(lt_tls *l)
{
	return leat_io_branch(leat_flow_read(l->below), on_bytes, on_failed, leat_ctx_borrow(l));
}

static leat_io *on_sent(void *ctx, leat_result *result)
{
	lt_tls *l = ctx;

	return l->gone ? leat_io_fail(leat_result_loop(result), leat_error_core(LEAT_CLOSED)) : read_on(l);
}

/* A peer that went may have said why. */
static leat_io *on_unsent(void *ctx, leat_result *result)
{
	leat_kind kind = leat_error_kind(leat_result_error(result));

	return kind == LEAT_RESET || kind == LEAT_CLOSED ? on_sent(ctx, result) : on_failed(ctx, result);
}

static leat_io *flush_on(void *ctx, leat_result *result)
{
	lt_tls *l = ctx;

	return l->gone ? leat_io_fail(leat_result_loop(result), leat_error_core(LEAT_CLOSED)) : leat_flow_flush(l->below);
}

/* What OpenSSL has said goes out, then the peer has the word.  Flushed, since who
 * waits for an answer must hear that the question was lost. */
static leat_io *wait(lt_tls *l)
{
	leat_buf *out = lt_tls_take_out(l);
	leat_io *flushed;

	if (!out)
		return read_on(l);
	flushed = leat_io_then(leat_flow_send(l->below, out), flush_on, leat_ctx_borrow(l));
	return leat_io_branch(flushed, on_sent, on_unsent, leat_ctx_borrow(l));
}

static leat_io *step(lt_tls *l)
{
	leat_loop *loop = leat_flow_loop(l->self);
	lt_tls_word word = LT_TLS_MORE;
	int ret;

	lt_tls_enter(l);
	ret = SSL_do_handshake(l->ssl);
	if (ret != 1)
		word = lt_tls_classify(l, ret);
	if (!lt_tls_leave(l))
		return leat_io_fail(loop, leat_error_core(LEAT_CLOSED));
	if (ret == 1)
		return finish(l);
	if (word == LT_TLS_END)
		l->error = leat_error_core(LEAT_TRUNCATED);
	return word == LT_TLS_MORE ? wait(l) : fail(l, l->error);
}

/* By us, and the peer, who is not told, would not answer either. */
static bool is_shut(leat_flow *below)
{
	leat_flow_info info = { .size = sizeof info };

	if (leat_flow_room(below) > 0) /* asks no kernel */
		return false;
	leat_flow_info_get(below, &info);
	return info.write_ended && !info.read_ended && info.kept_bytes == 0;
}

static leat_io *begin(void *ctx, leat_result *result)
{
	lt_tls *l = ctx;

	if (l->gone || is_shut(l->below))
		return fail(l, leat_error_core(LEAT_CLOSED));
	return step(l);
}

/* ---- the beginning ---- */

/* The steps are cut off by then, what they stand on is not. */
static leat_io *on_late(void *ctx, leat_result *result)
{
	return fail(ctx, leat_result_error(result));
}

static leat_error prepare(lt_tls *l, const leat_tls_peer *peer)
{
	leat_error error = l->tls->error;

	if (leat_error_set(error))
		return error;
	l->ssl = SSL_new(l->tls->context);
	if (!l->ssl || !lt_tls_attach(l, l->tls->method))
		return leat_error_core(LEAT_NOMEM);
	SSL_set_options(l->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_set_mode(l->ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_AUTO_RETRY);
	SSL_clear_mode(l->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE);
	SSL_set_read_ahead(l->ssl, 0);
	SSL_set_quiet_shutdown(l->ssl, 0); /* it would take our end for the peer's */
	return l->server ? lt_tls_ask_client(l) : lt_tls_ask_server(l, peer);
}

/* ---- the calls ---- */

static void take_peer(leat_tls_peer *to, const leat_tls_peer *from, const char *where)
{
	leat_options_take_at(to, sizeof *to, from, "leat_tls_peer", where);
	if (to->why_bytes == 0)
		to->why = NULL;
	if (to->why)
		to->why[0] = '\0';
}

static leat_io *shake(lt_tls *l, const leat_tls_peer *peer, const char *where)
{
	leat_loop *loop = leat_flow_loop(l->self);
	leat_error error;
	leat_io *io;

	ERR_clear_error();
	error = prepare(l, peer);
	ERR_clear_error();
	if (!leat_error_set(error)) {
		io = leat_io_then_at(leat_io_done(loop), begin, leat_ctx_borrow(l), where);
		io = leat_io_timeout_at(io, l->tls->handshake_ms, where);
		return leat_io_catch_at(io, leat_match_kind(LEAT_TIMEOUT), on_late, leat_ctx_own(l, drop), where);
	}
	io = fail(l, error);
	drop(l);
	return io;
}

/* A connection that knows nothing but what it is over; NULL: the flow is cut. */
static lt_tls *make(leat_flow *flow, leat_tls *tls, const char *where)
{
	leat_flow *below = leat_flow_take(flow);
	void *state;
	leat_flow *self = leat_flow_new_at(leat_flow_loop(below), &lt_tls_ops, &state, where);
	lt_tls *l = state;

	if (!l) {
		leat_flow_abort(below);
		leat_flow_unref(below);
		leat_flow_unref(self);
		return NULL;
	}
	l->self = self;
	l->below = below;
	l->tls = leat_tls_ref(tls);
	return l;
}

static leat_io *upgrade(lt_tls *l, leat_loop *loop, const leat_tls_peer *given, const char *where)
{
	leat_tls_peer peer;

	take_peer(&peer, given, where);
	if (!l)
		return leat_io_fail_at(loop, leat_error_core(LEAT_NOMEM), where);
	l->why = peer.why;
	l->why_bytes = peer.why_bytes;
	return shake(l, &peer, where);
}

leat_io *leat_tls_client_at(leat_flow *flow, leat_tls *tls, const leat_tls_peer *peer, const char *where)
{
	leat_loop *loop = leat_flow_loop(flow);

	return upgrade(make(flow, tls, where), loop, peer, where);
}

leat_io *leat_tls_server_at(leat_flow *flow, leat_tls *tls, const leat_tls_peer *peer, const char *where)
{
	leat_loop *loop = leat_flow_loop(flow);
	lt_tls *l = make(flow, tls, where);

	if (l)
		l->server = true;
	return upgrade(l, loop, peer, where);
}

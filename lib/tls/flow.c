/* SPDX-License-Identifier: ISC */
/* flow - a connection as a flow: its operations, its ends, OpenSSL's object */
#include "tls/tls.h"

enum { LINGER_MS = 2000, GOODBYE_MS = 5000 /* of a peer that was told why it is refused */ };

/* ---- the flow below ---- */

/* Both directions are over: nothing is to be said below any more. */
void lt_tls_close_below_at_the_end(lt_tls *l)
{
	if (l->ended && l->told)
		leat_io_ignore(leat_flow_close(l->below));
}

/* ---- inside OpenSSL ---- */

void lt_tls_enter(lt_tls *l)
{
	leat_flow_ref(l->self);
	l->busy = true;
	if (ERR_peek_error()) /* clearing what is clear takes longer than all else here */
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
	l->waits = LT_TLS_NOTHING;
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
	leat_io_ignore(leat_flow_close(l->below));
	leat_flow_unref(stop(l));
}

void lt_tls_part(leat_flow *below)
{
	leat_flow_limits limits = { .size = sizeof limits, .linger_ms = LINGER_MS, .stall_ms = LINGER_MS, .close_ms = GOODBYE_MS };
	leat_error error = leat_flow_set_limits(below, &limits);

	(void)error; /* without memory the close has none either */
	leat_io_ignore(leat_flow_close(below));
	leat_flow_unref(below);
}

/* Where OpenSSL has given up, its alert may be on the way. */
static void tls_abort(leat_flow *self, void *state)
{
	const lt_tls *l = state;
	bool has_said_why = l->broken;
	leat_flow *below = stop(state);

	(void)self;
	if (!below)
		return;
	if (has_said_why) {
		lt_tls_part(below);
		return;
	}
	leat_flow_abort(below);
	leat_flow_unref(below);
}

/* The method must outlive the BIO, which went with the SSL. */
static void tls_destroy(void *state)
{
	lt_tls *l = state;

	OPENSSL_free(l->host);
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
	.read = lt_tls_read,
	.write = lt_tls_write,
	.flush = lt_tls_flush,
	.shutdown = lt_tls_shutdown,
	.close = tls_close,
	.abort = tls_abort,
	.destroy = tls_destroy,
	.info = tls_info,
};

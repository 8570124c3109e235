/* SPDX-License-Identifier: ISC */
/* session - what a connection leaves for the next, and who believes it
 *
 * A resumed session shows no certificate again: that of its first handshake counts, as it
 * was looked at then.  So each that we give is marked with the context it was made under,
 * and one of another context is let be.  OpenSSL copies the mark to the sessions that come
 * of it; those that a program has kept as bytes have none.
 */
#include <stdatomic.h>
#include <stdint.h>

#include <openssl/x509v3.h>

#include "tls/tls.h"

/* ---- marks ---- */

static _Atomic int mark_index = -1;
static _Atomic uintptr_t last_mark;

/* Two threads at once: one index is too many and goes. */
bool lt_tls_mark_new(uintptr_t *mark)
{
	int none = -1, made;

	*mark = atomic_fetch_add_explicit(&last_mark, 1, memory_order_relaxed) + 1;
	if (atomic_load(&mark_index) >= 0)
		return true;
	made = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	if (made < 0)
		return false;
	if (!atomic_compare_exchange_strong(&mark_index, &none, made))
		CRYPTO_free_ex_index(CRYPTO_EX_INDEX_SSL_SESSION, made);
	return true;
}

static uintptr_t mark_of(const SSL_SESSION *session)
{
	return (uintptr_t)SSL_SESSION_get_ex_data(session, atomic_load(&mark_index));
}

/* Other threads may have one that was resumed: it stays as it was. */
static bool mark_session(const lt_tls *l, SSL_SESSION *session)
{
	uintptr_t mark = l->tls->mark;

	if (l->server || SSL_session_reused(l->ssl) || mark_of(session) == mark)
		return true;
	return SSL_SESSION_set_ex_data(session, atomic_load(&mark_index), (void *)mark) == 1;
}

/* ---- resuming ---- */

static bool fits_host(X509 *cert, const char *host)
{
	if (lt_tls_host_is_address(host))
		return X509_check_ip_asc(cert, host, 0) == 1;
	return X509_check_host(cert, host, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}

/* Its certificate was looked at when it was made: by us, for that name? */
static bool is_ours(const leat_tls *tls, SSL_SESSION *session, const char *host)
{
	X509 *cert = SSL_SESSION_get0_peer(session);
	uintptr_t mark = mark_of(session);

	if (mark && mark != tls->mark)
		return false;
	return tls->verify != LEAT_TLS_USUAL || (cert && fits_host(cert, host));
}

bool lt_tls_session_take(lt_tls *l, SSL_SESSION *session, const char *host)
{
	return !session || !is_ours(l->tls, session, host) || SSL_set_session(l->ssl, session) == 1;
}

/* Where any certificate will do, its name is one that another asked for. */
static void look_at_name(lt_tls *l, X509 *cert)
{
	bool asked = !l->server && l->host && l->tls->verify == LEAT_TLS_ANY;

	if (!asked || !cert || SSL_get_verify_result(l->ssl) != X509_V_OK || fits_host(cert, l->host))
		return;
	SSL_set_verify_result(l->ssl, lt_tls_host_is_address(l->host) ? X509_V_ERR_IP_ADDRESS_MISMATCH : X509_V_ERR_HOSTNAME_MISMATCH);
}

/* By us, when its handshake was a whole one: a callback of the user's may have had its reasons. */
static bool was_let_in(const lt_tls *l)
{
	return !l->server && mark_of(SSL_get0_session(l->ssl)) == l->tls->mark;
}

/* It goes on with nothing: both have the key from elsewhere (RFC 8446 section 2.2), by a
 * callback of the user's SSL_CTX, which stands for a certificate. */
static bool has_key_from_elsewhere(const lt_tls *l)
{
	const SSL_SESSION *session = SSL_get0_session(l->ssl);
	unsigned bytes;

	SSL_SESSION_get_id(session, &bytes);
	return bytes == 0 && !SSL_SESSION_has_ticket(session);
}

/* A server may have two contexts with one SSL_CTX, and one of them asks nobody. */
bool lt_tls_session_is_believed(lt_tls *l)
{
	bool asked = l->server ? l->tls->verify == LEAT_TLS_CHAIN : l->tls->verify != LEAT_TLS_ANY;
	X509 *cert = SSL_get0_peer_certificate(l->ssl);
	long result = SSL_get_verify_result(l->ssl);

	if (!SSL_session_reused(l->ssl))
		return true;
	look_at_name(l, cert);
	if (!asked || (cert && result == X509_V_OK) || was_let_in(l) || (!cert && has_key_from_elsewhere(l)))
		return true;
	if (!cert) {
		l->error = leat_error_make(&leat_tls_errors, ERR_PACK(ERR_LIB_SSL, 0, SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE));
		return false;
	}
	lt_tls_refuse(l, (int)result, cert);
	l->error = leat_error_make(&leat_tls_verify_errors, l->verify);
	return false;
}

/* ---- the calls ---- */

struct ssl_session_st *leat_tls_session_get(leat_flow *flow)
{
	const lt_tls *l = lt_tls_made(flow);
	SSL_SESSION *session = l ? SSL_get1_session(l->ssl) : NULL;

	if (session && SSL_SESSION_is_resumable(session) && mark_session(l, session))
		return session;
	SSL_SESSION_free(session);
	if (l)
		ERR_clear_error();
	return NULL;
}

void leat_tls_session_free(struct ssl_session_st *session)
{
	SSL_SESSION_free(session);
}

/* SPDX-License-Identifier: ISC */
/* ask - what each side wants of the other before a word is said
 *
 * A server is asked for a certificate of its name, a client for what the options say.
 */
#include <openssl/x509v3.h>

#include "tls/tls.h"

/* It is sent, and a client can be asked for it. */
static bool name_host(lt_tls *l, const char *host)
{
	l->host = OPENSSL_strdup(host);
	return l->host && (lt_tls_host_is_address(host) || SSL_set_tlsext_host_name(l->ssl, l->host) == 1);
}

static bool verify_host(lt_tls *l, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(l->ssl);

	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (lt_tls_host_is_address(host))
		return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
	return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

leat_error lt_tls_ask_server(lt_tls *l, const leat_tls_peer *peer)
{
	leat_tls *tls = l->tls;
	leat_error nomem = leat_error_core(LEAT_NOMEM);
	char host[LT_TLS_HOST];
	const char *wrong = lt_tls_host_take(host, peer->host);

	if (!wrong && !host[0] && tls->verify == LEAT_TLS_USUAL)
		wrong = "missing";
	if (wrong)
		return lt_tls_invalid(l, "host", wrong);
	SSL_set_connect_state(l->ssl);
	if (!lt_tls_trust_system(tls))
		return nomem;
	if (host[0] && !name_host(l, host))
		return nomem;
	if (host[0] && tls->verify != LEAT_TLS_CHAIN && !verify_host(l, host))
		return nomem;
	if (tls->alpn && SSL_set_alpn_protos(l->ssl, tls->alpn, tls->alpn_bytes) != 0)
		return nomem;
	SSL_set_verify(l->ssl, SSL_VERIFY_PEER, lt_tls_on_verify);
	return lt_tls_session_take(l, peer->session, host) ? (leat_error){ 0 } : nomem;
}

/* Whether a client is asked for a certificate; the user's context may say so. */
leat_error lt_tls_ask_client(lt_tls *l)
{
	int mode = SSL_get_verify_mode(l->ssl);

	if (l->tls->bare)
		return lt_tls_invalid(l, "cert_file", "missing");
	if (l->tls->verify == LEAT_TLS_CHAIN)
		mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	else if (l->tls->verify == LEAT_TLS_ANY)
		mode = SSL_VERIFY_PEER;
	SSL_set_accept_state(l->ssl);
	SSL_set_verify(l->ssl, mode, lt_tls_on_verify);
	return (leat_error){ 0 };
}

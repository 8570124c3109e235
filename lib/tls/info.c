/* SPDX-License-Identifier: ISC */
/* info - what is known of a connection */
#include <string.h>

#include <openssl/x509_vfy.h>

#include <leat/options.h>

#include "tls/tls.h"

lt_tls *lt_tls_made(leat_flow *flow)
{
	lt_tls *l = leat_flow_state(flow, &lt_tls_ops);

	return l && l->made ? l : NULL;
}

static void fill_alpn(const lt_tls *l, char *out)
{
	const unsigned char *name;
	unsigned bytes;

	SSL_get0_alpn_selected(l->ssl, &name, &bytes);
	if (name && bytes < sizeof((leat_tls_info *)0)->alpn)
		memcpy(out, name, bytes); /* the rest is zero */
}

static void fill_host(const lt_tls *l, leat_tls_info *all)
{
	const char *host = l->server ? SSL_get_servername(l->ssl, TLSEXT_NAMETYPE_host_name) : l->host;

	if (host)
		strncpy(all->host, host, sizeof all->host - 1);
}

bool leat_tls_info_get(leat_flow *flow, leat_tls_info *info)
{
	const lt_tls *l = lt_tls_made(flow);
	leat_tls_info all = { .size = info->size };

	leat_options_check_at(info, "leat_tls_info", NULL);
	if (!l)
		return false;
	all.version = SSL_get_version(l->ssl);
	all.cipher = SSL_get_cipher_name(l->ssl);
	all.resumed = SSL_session_reused(l->ssl);
	all.certificate = SSL_get0_peer_certificate(l->ssl);
	all.verified = all.certificate && SSL_get_verify_result(l->ssl) == X509_V_OK;
	fill_alpn(l, all.alpn);
	fill_host(l, &all);
	memcpy(info, &all, info->size < sizeof all ? info->size : sizeof all);
	return true;
}

int leat_tls_why(leat_flow *flow, char *out, size_t room)
{
	const lt_tls *l = lt_tls_made(flow);
	int code;

	if (room > 0)
		out[0] = '\0';
	if (!l || !SSL_get0_peer_certificate(l->ssl))
		return 0;
	code = (int)SSL_get_verify_result(l->ssl);
	if (code == X509_V_OK)
		return 0;
	return lt_tls_verify_print(l->verify ? l->verify : code, out, room);
}

struct ssl_st *leat_tls_ssl(leat_flow *flow)
{
	const lt_tls *l = lt_tls_made(flow);

	return l ? l->ssl : NULL;
}

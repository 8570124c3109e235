/* SPDX-License-Identifier: ISC */
/* verify - which certificate was refused, and why */
#include <stdio.h>

#include <openssl/x509_vfy.h>

#include "tls/tls.h"

int lt_tls_verify_print(int code, char *out, size_t room)
{
	const char *reason = X509_verify_cert_error_string(code & 0xffff);
	int depth = code >> 16;

	if (depth == 0)
		return snprintf(out, room, "the peer's certificate: %s", reason);
	return snprintf(out, room, "certificate %d above the peer's: %s", depth, reason);
}

static void write_whose(const lt_tls *l, const X509 *cert)
{
	char whose[256] = "";
	int used;

	if (!l->why)
		return;
	if (cert)
		X509_NAME_oneline(X509_get_subject_name(cert), whose, sizeof whose);
	used = lt_tls_verify_print(l->verify, l->why, l->why_bytes);
	if (whose[0] && used >= 0 && (size_t)used < l->why_bytes)
		snprintf(l->why + used, l->why_bytes - (size_t)used, " (%s)", whose);
}

/* The first refusal is the one. */
void lt_tls_refuse(lt_tls *l, int code, const X509 *cert)
{
	if (l->verify)
		return;
	l->verify = code;
	write_whose(l, cert);
}

/* A callback of the user's context is asked first.  What LEAT_TLS_ANY lets pass is
 * kept for leat_tls_why. */
int lt_tls_on_verify(int ok, X509_STORE_CTX *store)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	lt_tls *l = lt_tls_of(ssl);
	SSL_verify_cb theirs = SSL_CTX_get_verify_callback(l->tls->context);

	if (theirs)
		ok = theirs(ok, store);
	if (!ok)
		lt_tls_refuse(l, X509_STORE_CTX_get_error_depth(store) << 16 | X509_STORE_CTX_get_error(store),
			X509_STORE_CTX_get_current_cert(store));
	return ok || l->tls->verify == LEAT_TLS_ANY;
}

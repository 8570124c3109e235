/* SPDX-License-Identifier: ISC */
/* ssl.h - OpenSSL with a certificate that is good for an hour */
#ifndef TEST_FLOW_SSL_H
#define TEST_FLOW_SSL_H

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "support/expect.h"

static inline X509 *certificate_of(EVP_PKEY *key)
{
	X509 *cert = X509_new();

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)"leat", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_set_pubkey(cert, key);
	expect(X509_sign(cert, key, EVP_sha256()) > 0);
	return cert;
}

/* Of both sides. */
static inline SSL_CTX *ssl_context(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = certificate_of(key);
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());

	expect_int(SSL_CTX_use_certificate(ctx, cert), 1);
	expect_int(SSL_CTX_use_PrivateKey(ctx, key), 1);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}

#endif

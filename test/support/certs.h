/* SPDX-License-Identifier: ISC */
/* certs.h - certificates made on the spot
 *
 *	struct cert ca = cert_new(&(struct cert_want){ .name = "an authority", .ca = true });
 *	struct cert good = cert_new(&(struct cert_want){ .name = "good.test", .by = &ca });
 *
 * One that nobody signed has signed itself. cert_free ends one.
 */
#ifndef TEST_SUPPORT_CERTS_H
#define TEST_SUPPORT_CERTS_H

#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

struct cert {
	X509 *cert;
	EVP_PKEY *key;
};

struct cert_want {
	const char *name;      /* its subject, and a name it is good for */
	const char *more;      /* names beside it, as "IP:127.0.0.1"; NULL: none */
	const struct cert *by; /* who signs; NULL: itself */
	long from_s, until_s;  /* from now; both 0: from an hour ago for two hours */
	bool ca;
};

static inline void cert_extend(X509 *cert, int what, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, what, value);

	X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
}

static inline void cert_name(X509 *cert, const struct cert_want *want)
{
	char names[512];

	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
		(const unsigned char *)want->name, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(want->by ? want->by->cert : cert));
	if (want->ca) {
		cert_extend(cert, NID_basic_constraints, "critical,CA:TRUE");
		return;
	}
	snprintf(names, sizeof names, "DNS:%s%s%s", want->name, want->more ? "," : "", want->more ? want->more : "");
	cert_extend(cert, NID_subject_alt_name, names);
}

static inline struct cert cert_new(const struct cert_want *want)
{
	static long serial;
	struct cert made = { .cert = X509_new(), .key = EVP_EC_gen("P-256") };
	bool usual = want->from_s == 0 && want->until_s == 0;

	X509_set_version(made.cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(made.cert), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(made.cert), usual ? -3600 : want->from_s);
	X509_gmtime_adj(X509_getm_notAfter(made.cert), usual ? 3600 : want->until_s);
	X509_set_pubkey(made.cert, made.key);
	cert_name(made.cert, want);
	X509_sign(made.cert, want->by ? want->by->key : made.key, EVP_sha256());
	return made;
}

static inline void cert_free(struct cert *cert)
{
	X509_free(cert->cert);
	EVP_PKEY_free(cert->key);
	*cert = (struct cert){ 0 };
}

/* Gives a context that shows `own` (NULL: nothing) and trusts `trusted` (NULL: nobody). */
static inline SSL_CTX *cert_context(const struct cert *own, const struct cert *trusted)
{
	SSL_CTX *context = SSL_CTX_new(TLS_method());

	if (own) {
		SSL_CTX_use_certificate(context, own->cert);
		SSL_CTX_use_PrivateKey(context, own->key);
	}
	if (trusted)
		X509_STORE_add_cert(SSL_CTX_get_cert_store(context), trusted->cert);
	return context;
}

#endif

/* SPDX-License-Identifier: ISC */
/* error - what OpenSSL says, as errors of ours
 *
 * A code is OpenSSL's own, its library and its reason packed, so it can still be
 * printed when its queue is long empty.
 */
#include <errno.h>
#include <stdio.h>

#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include "tls/tls.h"

/* ---- the domains ---- */

/* The peer's alert that it does not want us, or our certificate. */
static bool is_refusal(int reason)
{
	switch (reason) {
	case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
	case SSL_R_SSLV3_ALERT_NO_CERTIFICATE:
	case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
	case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
	case SSL_R_TLSV1_UNRECOGNIZED_NAME:
	case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
	case SSL_R_CERTIFICATE_VERIFY_FAILED: return true;
	}
	return false;
}

static leat_kind tls_kind(int code)
{
	int lib = ERR_GET_LIB((unsigned long)code), reason = ERR_GET_REASON((unsigned long)code);

	if (reason == ERR_R_MALLOC_FAILURE)
		return LEAT_NOMEM;
	if (lib == ERR_LIB_PEM || lib == ERR_LIB_ASN1 || lib == ERR_LIB_X509 || lib == ERR_LIB_OSSL_DECODER)
		return LEAT_INVALID;
	if (lib != ERR_LIB_SSL)
		return LEAT_PROTOCOL;
	if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return LEAT_TRUNCATED;
	return is_refusal(reason) ? LEAT_DENIED : LEAT_PROTOCOL;
}

/* What OpenSSL says of a file is of its own inside, as "unsupported". */
static const char *better(int code)
{
	int lib = ERR_GET_LIB((unsigned long)code), reason = ERR_GET_REASON((unsigned long)code);

	if (lib == ERR_LIB_OSSL_DECODER && reason == ERR_R_UNSUPPORTED)
		return "no key that can be read";
	if (lib == ERR_LIB_PEM && reason == PEM_R_NO_START_LINE)
		return "no certificate in PEM";
	if (lib == ERR_LIB_PEM && reason == PEM_R_BAD_PASSWORD_READ)
		return "the key has a passphrase";
	return ERR_reason_error_string((unsigned long)code);
}

static int tls_print(int code, char *out, size_t room)
{
	const char *reason = better(code);
	const char *lib = ERR_lib_error_string((unsigned long)code);

	if (reason)
		return snprintf(out, room, "TLS: %s", reason);
	return snprintf(out, room, "TLS: %s, reason %d", lib ? lib : "unknown", ERR_GET_REASON((unsigned long)code));
}

const leat_error_domain leat_tls_errors = {
	.size = sizeof(leat_error_domain), .name = "tls", .kind = tls_kind, .print = tls_print
};

static leat_kind verify_kind(int code)
{
	return (code & 0xffff) == X509_V_ERR_OUT_OF_MEM ? LEAT_NOMEM : LEAT_DENIED;
}

const leat_error_domain leat_tls_verify_errors = {
	.size = sizeof(leat_error_domain), .name = "tls verify", .kind = verify_kind, .print = lt_tls_verify_print
};

/* ---- making ---- */

static leat_error from_code(unsigned long code)
{
	if (ERR_SYSTEM_ERROR(code))
		return leat_error_errno(ERR_GET_REASON(code));
	return leat_error_make(&leat_tls_errors, (int)(code & INT_MAX));
}

/* The first says most, but a want of memory anywhere is one. */
leat_error lt_tls_error(leat_error otherwise)
{
	unsigned long first = ERR_get_error(), code;
	bool starved = false;

	for (code = first; code; code = ERR_get_error())
		starved |= ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
	if (starved)
		return leat_error_core(LEAT_NOMEM);
	return first ? from_code(first) : otherwise;
}

static leat_error why(lt_tls *l)
{
	leat_error error = lt_tls_error(leat_error_core(LEAT_PROTOCOL));

	if (l->starved)
		return leat_error_core(LEAT_NOMEM);
	if (error.domain == &leat_tls_errors && ERR_GET_REASON((unsigned long)error.code) == SSL_R_CERTIFICATE_VERIFY_FAILED &&
	    l->verify)
		return leat_error_make(&leat_tls_verify_errors, l->verify);
	return error;
}

leat_error lt_tls_invalid(lt_tls *l, const char *what, const char *how)
{
	if (l->why)
		snprintf(l->why, l->why_bytes, "%s: %s", what, how);
	return leat_error_core(LEAT_INVALID);
}

lt_tls_word lt_tls_classify(lt_tls *l, int ret)
{
	switch (SSL_get_error(l->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE: return LT_TLS_MORE;
	case SSL_ERROR_ZERO_RETURN: return LT_TLS_END;
	case SSL_ERROR_SSL:
	case SSL_ERROR_SYSCALL: l->error = why(l); break;
	default: /* a callback of the user's that wants to be called again later */
		l->error = leat_error_core(LEAT_UNSUPPORTED);
		ERR_clear_error();
	}
	l->broken = true;
	return LT_TLS_ERROR;
}

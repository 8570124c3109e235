/* SPDX-License-Identifier: ISC */
/* context - what connections share: the options, made into an SSL_CTX */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/pem.h>

#include <leat/options.h>

#include "tls/tls.h"

enum { HANDSHAKE_MS = 30000 };

/* ---- one that there was no memory for ---- */

static leat_tls starved = {
	.error = { .domain = &leat_core_errors, .where = LEAT_HERE, .code = LEAT_NOMEM },
};

/* ---- the options ---- */

/* Gives the failure its place and its name; false. */
static bool wrong(leat_tls *tls, const char *option, leat_error otherwise)
{
	tls->error = lt_tls_error(otherwise);
	tls->wrong = leat_error_is(tls->error, LEAT_NOMEM) ? NULL : option;
	return false;
}

static bool invalid(leat_tls *tls, const char *option)
{
	ERR_clear_error();
	return wrong(tls, option, leat_error_core(LEAT_INVALID));
}

static bool nomem(leat_tls *tls)
{
	ERR_clear_error();
	return wrong(tls, NULL, leat_error_core(LEAT_NOMEM));
}

/* "h2,http/1.1" as the wire has it: each name behind its length. */
static bool take_alpn(leat_tls *tls, const char *names)
{
	size_t bytes = names ? strlen(names) : 0, length;
	unsigned char *to;

	if (!names)
		return true;
	if (bytes == 0 || bytes >= 65535)
		return invalid(tls, "alpn");
	tls->alpn = to = OPENSSL_malloc(bytes + 1);
	if (!to)
		return nomem(tls);
	tls->alpn_bytes = (unsigned)(bytes + 1);
	for (const char *name = names; name; name = name[length] ? name + length + 1 : NULL) {
		length = strcspn(name, ",");
		if (length == 0 || length > 255 || memchr(name, ' ', length))
			return invalid(tls, "alpn");
		*to++ = (unsigned char)length;
		memcpy(to, name, length);
		to += length;
	}
	return true;
}

/* OpenSSL reads a folder as an empty file, and finds out in each handshake that there is none. */
static bool is_there(leat_tls *tls, const char *option, const char *path, bool folder)
{
	struct stat what;

	if (!path)
		return true;
	if (stat(path, &what) != 0)
		return wrong(tls, option, leat_error_errno(errno));
	return S_ISDIR(what.st_mode) == folder || wrong(tls, option, leat_error_errno(folder ? ENOTDIR : EISDIR));
}

/* Else OpenSSL asks at the terminal. */
static int on_passphrase(char *to, int room, int writing, void *ctx)
{
	(void)to;
	(void)room;
	(void)writing;
	(void)ctx;
	ERR_raise(ERR_LIB_PEM, PEM_R_BAD_PASSWORD_READ); /* the first in its queue is the one */
	return -1;
}

static bool take_certificate(leat_tls *tls, const leat_tls_options *o)
{
	const char *key = o->key_file ? o->key_file : o->cert_file;

	if (!o->cert_file)
		return !o->key_file || invalid(tls, "key_file");
	if (!is_there(tls, "cert_file", o->cert_file, false) || !is_there(tls, "key_file", o->key_file, false))
		return false;
	SSL_CTX_set_default_passwd_cb(tls->context, on_passphrase);
	if (SSL_CTX_use_certificate_chain_file(tls->context, o->cert_file) != 1)
		return wrong(tls, "cert_file", leat_error_core(LEAT_INVALID));
	if (SSL_CTX_use_PrivateKey_file(tls->context, key, SSL_FILETYPE_PEM) != 1)
		return wrong(tls, o->key_file ? "key_file" : "cert_file", leat_error_core(LEAT_INVALID));
	SSL_CTX_set_mode(tls->context, SSL_MODE_NO_AUTO_CHAIN); /* the file has it: no search for it in each handshake */
	return SSL_CTX_check_private_key(tls->context) == 1 || wrong(tls, "key_file", leat_error_core(LEAT_INVALID));
}

/* Tens of milliseconds, and files looked for in each handshake: not for a server that
 * asks nobody for a certificate.  Two threads at once: the second waits. */
bool lt_tls_trust_system(leat_tls *tls)
{
	bool done = atomic_load_explicit(&tls->trust_is_there, memory_order_acquire);

	if (!tls->trusts_system || done)
		return true;
	if (!CRYPTO_THREAD_write_lock(tls->lock))
		return false;
	done = atomic_load_explicit(&tls->trust_is_there, memory_order_relaxed) ||
	       SSL_CTX_set_default_verify_paths(tls->context) == 1;
	atomic_store_explicit(&tls->trust_is_there, done, memory_order_release);
	CRYPTO_THREAD_unlock(tls->lock);
	return done;
}

/* The clients that a server trusts are named to them. */
static bool take_trust(leat_tls *tls, const leat_tls_options *o)
{
	SSL_CTX *context = tls->context;

	if (!is_there(tls, "ca_file", o->ca_file, false) || !is_there(tls, "ca_folder", o->ca_folder, true))
		return false;
	if (o->ca_file && SSL_CTX_load_verify_file(context, o->ca_file) != 1)
		return wrong(tls, "ca_file", leat_error_core(LEAT_INVALID));
	if (o->ca_folder && SSL_CTX_load_verify_dir(context, o->ca_folder) != 1)
		return wrong(tls, "ca_folder", leat_error_core(LEAT_INVALID));
	tls->trusts_system = !o->ca_file && !o->ca_folder && o->verify != LEAT_TLS_ANY;
	if (tls->trusts_system && o->verify == LEAT_TLS_CHAIN)
		return lt_tls_trust_system(tls) || nomem(tls);
	if (o->ca_file && o->verify == LEAT_TLS_CHAIN)
		SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(o->ca_file));
	return true;
}

static int on_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_bytes, const unsigned char *theirs,
                   unsigned theirs_bytes, void *ctx)
{
	const leat_tls *tls = ctx;
	unsigned char *name = NULL;

	(void)ssl;
	if (SSL_select_next_proto(&name, chosen_bytes, tls->alpn, tls->alpn_bytes, theirs, theirs_bytes) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*chosen = name;
	return SSL_TLSEXT_ERR_OK;
}

/* Each name is known: OpenSSL keeps one in a session of TLS 1.2, for leat_tls_info, only
 * where it is told so. */
static int on_name(SSL *ssl, int *alert, void *ctx)
{
	(void)ssl;
	(void)alert;
	(void)ctx;
	return SSL_TLSEXT_ERR_OK;
}

/* ---- contexts ---- */

static bool make_context(leat_tls *tls, const leat_tls_options *o)
{
	int version = o->min_version ? o->min_version : TLS1_2_VERSION;

	tls->context = SSL_CTX_new(TLS_method());
	if (!tls->context)
		return nomem(tls);
	if (version < TLS1_2_VERSION || SSL_CTX_set_min_proto_version(tls->context, version) != 1)
		return invalid(tls, "min_version");
	tls->bare = !o->cert_file;
	SSL_CTX_set_session_id_context(tls->context, (const unsigned char *)"leat", 4);
	SSL_CTX_set_tlsext_servername_callback(tls->context, on_name);
	if (tls->alpn)
		SSL_CTX_set_alpn_select_cb(tls->context, on_alpn, tls);
	return take_certificate(tls, o) && take_trust(tls, o);
}

static bool borrow_context(leat_tls *tls, const leat_tls_options *o)
{
	const char *both = o->cert_file ? "cert_file" : o->key_file ? "key_file" : o->ca_file ? "ca_file"
	                   : o->ca_folder   ? "ca_folder"
	                   : o->min_version ? "min_version"
	                                    : NULL;

	if (both)
		return invalid(tls, both);
	SSL_CTX_up_ref(o->context);
	tls->context = o->context;
	return true;
}

static bool fill(leat_tls *tls, const leat_tls_options *o)
{
	if ((unsigned)o->verify > LEAT_TLS_ANY)
		return invalid(tls, "verify");
	tls->verify = o->verify;
	tls->handshake_ms = o->handshake_ms ? o->handshake_ms : HANDSHAKE_MS;
	tls->fin_ends = o->fin_ends;
	tls->method = lt_tls_method_new();
	tls->lock = CRYPTO_THREAD_lock_new();
	if (!tls->method || !tls->lock || !lt_tls_mark_new(&tls->mark))
		return nomem(tls);
	return take_alpn(tls, o->alpn) && (o->context ? borrow_context(tls, o) : make_context(tls, o));
}

leat_tls *leat_tls_new(const leat_tls_options *options)
{
	leat_tls_options o;
	leat_tls *tls;

	leat_options_take_at(&o, sizeof o, options, "leat_tls_options", NULL);
	ERR_clear_error();
	tls = OPENSSL_zalloc(sizeof *tls);
	if (!tls) {
		ERR_clear_error();
		return &starved;
	}
	tls->refs = 1;
	if (!fill(tls, &o)) {
		SSL_CTX_free(tls->context);
		tls->context = NULL;
	}
	ERR_clear_error();
	return tls;
}

leat_error leat_tls_error(const leat_tls *tls, const char **option)
{
	if (option)
		*option = tls->wrong;
	return tls->error;
}

leat_tls *leat_tls_ref(leat_tls *tls)
{
	if (tls != &starved)
		atomic_fetch_add_explicit(&tls->refs, 1, memory_order_relaxed);
	return tls;
}

void leat_tls_unref(leat_tls *tls)
{
	if (!tls || tls == &starved || atomic_fetch_sub_explicit(&tls->refs, 1, memory_order_acq_rel) != 1)
		return;
	SSL_CTX_free(tls->context);
	BIO_meth_free(tls->method);
	CRYPTO_THREAD_lock_free(tls->lock);
	OPENSSL_free(tls->alpn);
	OPENSSL_free(tls);
}

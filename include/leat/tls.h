/* SPDX-License-Identifier: ISC */
/* tls - TLS over any flow; in libleat-tls (pkg-config leat-tls)
 *
 * leat_tls_client and leat_tls_server make of a flow one whose bytes nobody
 * else reads; it obeys the contract of a flow in every clause.  Its three ends
 * stay distinct: the peer's close_notify is the end, the end of the flow below
 * without one is TRUNCATED, a reset is RESET.  Each direction ends by itself:
 * a shutdown(write) sends close_notify behind what was written and reading goes
 * on; the peer's leaves writing usable.
 *
 * No call leaves anything in OpenSSL's error queue of the thread; what was in it
 * before is dropped.  OpenSSL's types are only named here: who looks into them
 * includes its headers and links it.
 */
#ifndef LEAT_TLS_H
#define LEAT_TLS_H

#include <leat/api.h>
#include <leat/error.h>
#include <leat/flow.h>
#include <leat/io.h>

struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;
struct x509_st;

LEAT_BEGIN

/* ---- errors ---- */

/* What OpenSSL says.  The kind is PROTOCOL (the peer does not speak TLS, or not
 * as agreed), DENIED (its alert refuses us or our certificate), TRUNCATED,
 * NOMEM, INVALID (a file of the options). */
LEAT_API extern const leat_error_domain leat_tls_errors;
/* The peer's certificate was not accepted: DENIED.  The code is an X509_V_ERR
 * with the place in the chain, 0 the peer's own, 16 bits higher; its words say
 * both.  Whose certificate it was: see leat_tls_peer. */
LEAT_API extern const leat_error_domain leat_tls_verify_errors;

/* ---- what connections share ---- */

/* Which certificates a peer must show. */
typedef enum leat_tls_verify {
	LEAT_TLS_USUAL = 0, /* of a server: one that is trusted and bears its name; of a client: none is asked for */
	LEAT_TLS_CHAIN,     /* one that is trusted, whatever its name: of a client too */
	LEAT_TLS_ANY        /* any, or none of a client: nobody knows who the peer is */
} leat_tls_verify;

/* All zero but `size` is the default. */
typedef struct leat_tls_options {
	size_t size; /* sizeof(leat_tls_options) */
	/* an SSL_CTX of yours; its reference is copied and it is not changed.
	 * Only verify, alpn (of a client), handshake_ms and fin_ends are added;
	 * another option beside it: INVALID.  NULL: one is made of what follows */
	struct ssl_ctx_st *context;
	leat_tls_verify verify;
	/* our certificate with its chain, its key: PEM, without a passphrase;
	 * key_file NULL: cert_file.
	 * A server without them, nor a context: INVALID when it shakes hands */
	const char *cert_file, *key_file;
	/* whom to trust: PEM; a folder as `openssl rehash` leaves it; both NULL:
	 * whom the system trusts */
	const char *ca_file, *ca_folder;
	const char *alpn;                 /* protocols, the preferred first: "h2,http/1.1"; NULL: none is spoken of */
	int min_version;                  /* 0x0303 TLS 1.2, 0x0304 TLS 1.3; 0: TLS 1.2 */
	int64_t handshake_ms;             /* then TIMEOUT; 0: 30 s; negative: never */
	bool fin_ends;                    /* the end of the flow below is an end, too: an attacker can cut the stream */
} leat_tls_options;

/* A context for connections of either side, counted; any thread may use it.
 * Where something is wrong it is stillborn: what is asked of it fails with the
 * reason. */
typedef struct leat_tls leat_tls;
LEAT_API LEAT_NODISCARD leat_tls *leat_tls_new(const leat_tls_options *options);
/* Why it is stillborn; no error where it is not.  `option` may be NULL; else it
 * is set to the name of the option that is wrong, as "key_file", or to NULL. */
LEAT_API leat_error leat_tls_error(const leat_tls *tls, const char **option);
LEAT_API leat_tls *leat_tls_ref(leat_tls *tls);
/* Gives a reference back; connections hold one of their own.  NULL is let be. */
LEAT_API void leat_tls_unref(leat_tls *tls);

/* ---- connections ---- */

/* One peer.  All zero but `size` is the default. */
typedef struct leat_tls_peer {
	size_t size; /* sizeof(leat_tls_peer) */
	/* a server's: the name or the IP address that its certificate must bear;
	 * the name is sent to it.  A name is of a host: labels of 1 to 63 letters,
	 * digits, underscores and, inside, hyphens, 253 bytes in all, the last
	 * label not of digits alone; a dot may end it.  An international name is
	 * given as DNS has it, "xn--bcher-kva.example".  INVALID, before a byte
	 * is sent and with words in `why`: another text; and none, for a client
	 * that verifies names */
	const char *host;
	/* a server's: a session to resume, borrowed; NULL: none.  It is let be,
	 * and a full handshake made, where it is of another leat_tls or, with
	 * LEAT_TLS_USUAL, where its certificate is not of that host */
	struct ssl_session_st *session;
	/* lent: where words go on why a handshake failed: of a certificate, whose
	 * it is; of a struct, which member is wrong; at most `why_bytes` with the 0 that ends them */
	char *why;
	size_t why_bytes;
} leat_tls_peer;

/* Take the flow, the caller's reference, also where they fail, shake hands over it
 * and resolve with the leat_flow that is over it; handles that others hold answer
 * CLOSED.  Fail with DENIED (leat_tls_verify_errors, or the peer's alert, which of
 * TLS 1.3 a client hears when it reads), PROTOCOL, TIMEOUT, INVALID (the peer, the
 * options), UNSUPPORTED (a callback of the context's that wants to be called
 * later), TRUNCATED, NOMEM, or as the flow below did;
 * before a failure of ours the peer is told by an alert.  The context is
 * borrowed, so is `peer`, which may be NULL.  A cancel aborts the flow. */
#define leat_tls_client(...) leat_tls_client_at(__VA_ARGS__, LEAT_HERE)
#define leat_tls_server(...) leat_tls_server_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_tls_client_at(leat_flow *flow, leat_tls *tls, const leat_tls_peer *peer,
                                                    const char *where);
LEAT_API LEAT_NODISCARD leat_io *leat_tls_server_at(leat_flow *flow, leat_tls *tls, const leat_tls_peer *peer,
                                                    const char *where);

/* What was agreed.  The strings of OpenSSL live for ever. */
typedef struct leat_tls_info {
	size_t size;         /* sizeof(leat_tls_info), set by the caller */
	const char *version; /* "TLSv1.3" */
	const char *cipher;  /* "TLS_AES_256_GCM_SHA384" */
	char alpn[256];      /* the protocol that was chosen; "" where none was */
	char host[256];      /* whom the client asked for; "" where none, and to a server where an address */
	bool resumed;        /* an earlier session goes on */
	bool verified;       /* the peer showed a certificate that is accepted; of host, but with LEAT_TLS_CHAIN */
	struct x509_st *certificate; /* the peer's, lent until the flow ends; NULL: it showed none */
} leat_tls_info;
/* Fills what `info->size` has room for.  False, and nothing is known, where the
 * flow is not one of ours or has ended. */
LEAT_API bool leat_tls_info_get(leat_flow *flow, leat_tls_info *info);
/* Writes why the peer's certificate is not accepted, where LEAT_TLS_ANY let it
 * pass, as snprintf would: of a server also, where a host was given, that it does
 * not bear its name; "" where it is, and where it showed none. */
LEAT_API int leat_tls_why(leat_flow *flow, char *out, size_t room);
/* Gives the session, to be resumed by another connection of the same leat_tls: its
 * certificate is not shown again, and another may trust others.  One that a
 * program has kept as bytes, by OpenSSL, is nobody's: any takes it, and believes
 * what it says of its certificate.  Of TLS 1.3 the server sends it behind its
 * handshake, so that it is there when something was read.  NULL: there is none. */
LEAT_API LEAT_NODISCARD struct ssl_session_st *leat_tls_session_get(leat_flow *flow);
/* Gives it back; NULL is let be. */
LEAT_API void leat_tls_session_free(struct ssl_session_st *session);
/* OpenSSL's own object, for all else, lent until the flow ends: look at it and
 * set it, but neither read, write, shut nor free.  NULL as above. */
LEAT_API struct ssl_st *leat_tls_ssl(leat_flow *flow);

LEAT_END
#endif

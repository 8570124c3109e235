/* SPDX-License-Identifier: ISC */
/* tls.h - a connection's inside
 *
 * OpenSSL is fed from memory and writes to memory: `in` is the block that the
 * flow below gave last, `out` what is to be sent in one piece.  Neither is there
 * while a connection is idle.  Its calls may call the user (a verify callback, a
 * session's), who may free anything: between lt_tls_enter and lt_tls_leave the
 * SSL stays, whatever becomes of the flow.
 */
#ifndef LT_TLS_TLS_H
#define LT_TLS_TLS_H

#include <stdint.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <leat/flow_ops.h>
#include <leat/tls.h>

enum {
	LT_TLS_BLOCK = 65536,             /* the most plaintext given at once */
	LT_TLS_RECORD = 16384,            /* the most plaintext of one record */
	LT_TLS_RECORD_MORE = 96,          /* the most that a record adds to it */
	LT_TLS_BATCH = 65536 - 5 * LT_TLS_RECORD_MORE, /* plaintext for one block of the loop's */
	LT_TLS_HOST = 254,                /* a name and the 0 that ends it */
	LT_TLS_CLOGGED = 16384,           /* of answers unsent: we read no more of what asks for them */
};

struct leat_tls {
	_Atomic unsigned refs;
	SSL_CTX *context; /* NULL: stillborn */
	BIO_METHOD *method;
	uintptr_t mark;    /* of the sessions made under it */
	leat_error error;
	const char *wrong; /* the option's name, or NULL */
	leat_tls_verify verify;
	bool bare;         /* no server can be made of it: it has no certificate, nor a context of the user's */
	int64_t handshake_ms;
	bool fin_ends;
	bool trusts_system;          /* whom the system trusts; read in when a client needs it */
	_Atomic bool trust_is_there;
	CRYPTO_RWLOCK *lock;         /* while it is read in */
	unsigned char *alpn; /* as on the wire */
	unsigned alpn_bytes;
};

/* What OpenSSL said in the end of a call that did not do it. */
typedef enum lt_tls_word { LT_TLS_MORE, /* it wants more bytes */ LT_TLS_END, LT_TLS_ERROR } lt_tls_word;

/* Of bytes that were not taken from the flow below. */
typedef enum lt_tls_waits { LT_TLS_NOTHING, LT_TLS_SOME, LT_TLS_MUCH /* OpenSSL's memory was full */ } lt_tls_waits;

typedef struct lt_tls {
	leat_flow *self, *below;
	leat_tls *tls;
	SSL *ssl;
	leat_buf *in;    /* ciphertext that OpenSSL has not taken; NULL: none */
	leat_buf *out;   /* ciphertext that is not sent, and room; NULL: none */
	size_t out_used; /* bytes of it */
	size_t out_hint; /* how much will be written */
	const void *record_in, *record_out; /* where OpenSSL had its last records, to look at and not to follow */
	size_t fed;      /* bytes that OpenSSL has taken of a record it may not have whole */
	leat_error error; /* LT_TLS_ERROR: what it is */
	int verify;       /* why a certificate is refused, as of leat_tls_verify_errors; 0: none was */
	char *host;       /* the server that a client asks for, or NULL */
	char *why;        /* where words go on a failed handshake, or NULL */
	size_t why_bytes;
	lt_tls_word word; /* what is told when the bytes before it were given */
	bool server;
	bool busy, doomed; /* inside OpenSSL; to be freed behind it */
	bool made;         /* the handshake is done */
	lt_tls_waits waits; /* in the flow below */
	unsigned taken;     /* so often from there since it was waited for */
	bool large;        /* a record at a time comes: OpenSSL's memory takes it from there */
	bool dry;          /* what OpenSSL has is less than a record */
	bool last;         /* the record that is being made is the last that is there to be sent */
	bool reading;      /* the flow below has a read of ours */
	bool sending;      /* ... a send */
	bool dirty, more;  /* ... and bytes that were not flushed; since a flush began */
	unsigned asked;    /* flushes of the flow below that are not answered */
	bool flushing;     /* leat_flow_flushed is awaited */
	bool shutting;     /* leat_flow_told is */
	bool telling;      /* ... and close_notify is made */
	bool told, ended;  /* each direction is over */
	bool starved;      /* there was no memory for ciphertext */
	bool broken;       /* OpenSSL can do no more */
	bool gone;         /* closed or aborted */
} lt_tls;

/* ---- context.c ---- */
/* Reads in whom the system trusts, where that is wanted; false without memory. */
bool lt_tls_trust_system(leat_tls *tls);

/* ---- ask.c ---- */
leat_error lt_tls_ask_server(lt_tls *l, const leat_tls_peer *peer);
leat_error lt_tls_ask_client(lt_tls *l);

/* ---- host.c ---- */
bool lt_tls_host_is_address(const char *host);
/* Fills LT_TLS_HOST bytes with the host as it is sent and looked at, "" for none; gives what is
 * wrong with it, or NULL. */
const char *lt_tls_host_take(char *to, const char *host);

/* ---- bio.c ---- */
BIO_METHOD *lt_tls_method_new(void);
/* Gives the SSL its BIO; false without memory. */
bool lt_tls_attach(lt_tls *l, BIO_METHOD *method);
lt_tls *lt_tls_of(const SSL *ssl);
/* Gives what was written, NULL where that is nothing. */
leat_buf *lt_tls_take_out(lt_tls *l);

/* ---- error.c ---- */
/* Empties OpenSSL's queue; gives its first error as ours, or `otherwise`. */
leat_error lt_tls_error(leat_error otherwise);
/* What a call that gave `ret` means; l->error is set with LT_TLS_ERROR. */
lt_tls_word lt_tls_classify(lt_tls *l, int ret);
/* INVALID; which of the caller's words is wrong, and how, goes to where it is told. */
leat_error lt_tls_invalid(lt_tls *l, const char *what, const char *how);

/* ---- verify.c ---- */
int lt_tls_on_verify(int ok, X509_STORE_CTX *store);
int lt_tls_verify_print(int code, char *out, size_t room);
/* A code of leat_tls_verify_errors; whose it is goes to where it is told. */
void lt_tls_refuse(lt_tls *l, int code, const X509 *cert);

/* ---- info.c ---- */
/* NULL before the handshake is done, and after the end. */
lt_tls *lt_tls_made(leat_flow *flow);

/* ---- session.c ---- */
/* Sets one that no other context has; false without memory. */
bool lt_tls_mark_new(uintptr_t *mark);
/* To be resumed, where it is ours and of that host; NULL: none.  False without memory. */
bool lt_tls_session_take(lt_tls *l, SSL_SESSION *session, const char *host);
/* Whether the certificate of the one that was resumed was good; else l->error is set. */
bool lt_tls_session_is_believed(lt_tls *l);

/* ---- flow.c ---- */
extern const leat_flow_ops lt_tls_ops;
void lt_tls_enter(lt_tls *l);
/* False: the flow has ended meanwhile, and `l` may be gone. */
bool lt_tls_leave(lt_tls *l);
/* Takes the flow below: closes it, so that an alert arrives, which a cut would overtake; not
 * for long. */
void lt_tls_part(leat_flow *below);
/* Closes the flow below behind what was sent, where both directions are over. */
void lt_tls_close_below_at_the_end(lt_tls *l);

/* ---- read.c ---- */
void lt_tls_read(leat_flow *self, void *state);
/* Whether answers that the flow below does not take would pile up. */
bool lt_tls_is_clogged(const lt_tls *l);
/* It takes them again. */
void lt_tls_unclog(lt_tls *l);

/* ---- place.c ---- */
/* Gives room for so many bytes, which OpenSSL will copy from its record and, when they are
 * written as they are, into another. */
leat_buf *lt_tls_plaintext_new(lt_tls *l, size_t bytes);
/* memcpy, never slowly. */
void lt_tls_copy(void *to, const void *from, size_t bytes);
/* Gives a copy of what OpenSSL would copy slowly into its record, NULL where it would not. */
leat_buf *lt_tls_moved(lt_tls *l, const void *from, size_t bytes);

/* ---- write.c ---- */
void lt_tls_write(leat_flow *self, void *state, leat_bufs *queue);
void lt_tls_flush(leat_flow *self, void *state);
void lt_tls_shutdown(leat_flow *self, void *state);
/* Sends what was encrypted. */
void lt_tls_pump(lt_tls *l);
/* Has the flow below keep nothing of it, when this turn is over. */
void lt_tls_flush_later(lt_tls *l);

#endif

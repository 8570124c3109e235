/* SPDX-License-Identifier: ISC */
/* ssl - OpenSSL bufferevents that have shaken hands, with a certificate made on the spot */
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "contract/kinds.h"

static X509 *certificate(EVP_PKEY *key)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"leat", -1, -1, 0);
	X509_set_issuer_name(cert, name);
	X509_set_pubkey(cert, key);
	X509_sign(cert, key, EVP_sha256());
	return cert;
}

/* Both live until the program ends. */
static SSL_CTX *server_side(void)
{
	static SSL_CTX *server;

	if (!server) {
		EVP_PKEY *key = EVP_EC_gen("P-256");
		X509 *cert = certificate(key);

		server = SSL_CTX_new(TLS_server_method());
		SSL_CTX_use_certificate(server, cert);
		SSL_CTX_use_PrivateKey(server, key);
		X509_free(cert);
		EVP_PKEY_free(key);
	}
	return server;
}

static SSL_CTX *client_side(void)
{
	static SSL_CTX *client;

	if (!client)
		client = SSL_CTX_new(TLS_client_method());
	return client;
}

static void on_event(struct bufferevent *bev, short what, void *ctx)
{
	int *left = ctx;

	*left = what & BEV_EVENT_CONNECTED ? *left - 1 : -1;
}

/* Turns the base until both sides have shaken hands. */
static bool shake(struct event_base *base, struct bufferevent *bevs[2])
{
	int left = 2;

	for (int i = 0; i < 2; i++)
		bufferevent_setcb(bevs[i], NULL, NULL, on_event, &left);
	while (left > 0 && event_base_loop(base, EVLOOP_ONCE) == 0) {
	}
	for (int i = 0; i < 2; i++)
		bufferevent_setcb(bevs[i], NULL, NULL, NULL, NULL);
	return left == 0;
}

static bool adopt(leat_loop *loop, struct bufferevent *bevs[2], leat_flow *ends[2])
{
	if (!shake(leat_loop_base(loop), bevs))
		return false;
	bufferevent_enable(bevs[0], EV_READ); /* as in kinds.c */
	for (int i = 0; i < 2; i++)
		ends[i] = leat_flow_from_bufferevent(loop, bevs[i]);
	return true;
}

bool make_openssl(leat_loop *loop, leat_flow *ends[2])
{
	struct bufferevent *bevs[2];
	int fds[2];

	if (!fds_tcp(fds))
		return false;
	bevs[0] = bufferevent_openssl_socket_new(leat_loop_base(loop), fds[0], SSL_new(client_side()),
		BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	bevs[1] = bufferevent_openssl_socket_new(leat_loop_base(loop), fds[1], SSL_new(server_side()),
		BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	return adopt(loop, bevs, ends);
}

bool make_openssl_filter(leat_loop *loop, leat_flow *ends[2])
{
	struct event_base *base = leat_loop_base(loop);
	struct bufferevent *bevs[2];
	int fds[2];

	if (!fds_tcp(fds))
		return false;
	for (int i = 0; i < 2; i++)
		bevs[i] = bufferevent_socket_new(base, fds[i], BEV_OPT_CLOSE_ON_FREE);
	bevs[0] = bufferevent_openssl_filter_new(base, bevs[0], SSL_new(client_side()), BUFFEREVENT_SSL_CONNECTING,
		BEV_OPT_CLOSE_ON_FREE);
	bevs[1] = bufferevent_openssl_filter_new(base, bevs[1], SSL_new(server_side()), BUFFEREVENT_SSL_ACCEPTING,
		BEV_OPT_CLOSE_ON_FREE);
	return adopt(loop, bevs, ends);
}

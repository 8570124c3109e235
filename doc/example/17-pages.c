/* SPDX-License-Identifier: ISC */
/* 17-pages - evhttp, libevent's web server, behind TLS of leat's
 *
 * evhttp accepts its connections itself: a door is what it accepts them from, and
 * each flow goes in by it.  The certificate is that of 14-tls.c.
 */
#include <event2/http.h>
#include <leat/leat.h>
#include <leat/tls.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static SSL_CTX *with_certificate(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_sign(cert, key, EVP_sha256());
	SSL_CTX_use_certificate(context, cert);
	SSL_CTX_use_PrivateKey(context, key);
	X509_free(cert);
	EVP_PKEY_free(key);
	return context;
}
static void page(struct evhttp_request *request, void *ctx)
{
	evhttp_send_error(request, 418, "I'm a teapot");
}
static leat_io *enter(void *door, leat_result *result)
{
	leat_flow *flow = leat_result_flow(result);
	return leat_io_attach(leat_door_enter(door, flow, NULL), leat_ctx_flow(flow));
}
static leat_door door;
static leat_io *visit(void *tls, leat_flow *flow)
{
	return leat_io_then(leat_tls_server(leat_flow_ref(flow), tls, NULL), enter, leat_ctx_borrow(&door));
}
int main(void)
{
	leat_tls_options any = { .size = sizeof any, .context = with_certificate(), .verify = LEAT_TLS_ANY };
	leat_tls *tls = leat_tls_new(&any);
	leat_loop *loop = leat_loop_new(NULL, NULL);
	struct evhttp *http = evhttp_new(leat_loop_base(loop));
	signal(SIGPIPE, SIG_IGN); /* evhttp writes its descriptors itself */
	if (leat_error_set(leat_door_open(&door)))
		return 1;
	evhttp_accept_socket(http, door.fd);
	evhttp_set_gencb(http, page, NULL);
	leat_listener *listener = leat_listen(loop, "tcp:127.0.0.1:0", NULL);
	leat_addr addr = leat_listener_addr(listener);
	leat_io *serving = leat_serve(listener, NULL, visit, tls);
	leat_flow *below = leat_await_flow(leat_connect_addr(loop, &addr, NULL), NULL);
	leat_flow *flow = leat_await_flow(leat_tls_client(below, tls, NULL), NULL);
	char heard[33] = "";
	leat_await(leat_flow_write(flow, "GET / HTTP/1.0\r\n\r\n", 18), NULL);
	leat_await(leat_flow_read_into(flow, heard, sizeof heard - 1, sizeof heard - 1), NULL);
	printf("%.*s\n", (int)strcspn(heard, "\r"), heard);
	leat_flow_unref(flow);
	leat_io_cancel(serving);
	evhttp_free(http);
	leat_door_close(&door);
	leat_loop_free(loop);
	leat_tls_unref(tls);
	SSL_CTX_free(any.context);
	return strncmp(heard, "HTTP/1.1 418 I'm a teapot", 25) == 0 ? 0 : 1;
}

/* SPDX-License-Identifier: ISC */
/* 14-tls - an echo that nobody else can read
 * (the certificate is made on the spot; with files: .cert_file and .ca_file) */
#include <leat/leat.h>
#include <leat/tls.h>
#include <openssl/ssl.h>
#include <string.h>

static SSL_CTX *with_certificate(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const void *)"echo.test", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_set_pubkey(cert, key);
	X509_sign(cert, key, EVP_sha256());
	SSL_CTX_use_cert_and_key(context, cert, key, NULL, 1);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(context), cert);
	X509_free(cert);
	EVP_PKEY_free(key);
	return context;
}
static leat_io *part(void *flow, leat_result *result)
{
	return leat_flow_close(flow);
}
static leat_io *echo(void *ctx, leat_result *result)
{
	leat_flow *flow = leat_result_flow(result);
	return leat_io_then(leat_copy(flow, flow), part, leat_ctx_flow(flow));
}
static leat_io *serve(void *tls, leat_flow *flow)
{
	return leat_io_then(leat_tls_server(leat_flow_ref(flow), tls, NULL), echo, leat_ctx_none());
}
int main(void)
{
	SSL_CTX *context = with_certificate();
	leat_tls *tls = leat_tls_new(&(leat_tls_options){ .size = sizeof(leat_tls_options), .context = context });
	leat_loop *loop = leat_loop_new(NULL, NULL);
	leat_listener *listener = leat_listen(loop, "tcp:127.0.0.1:0", NULL);
	leat_addr addr = leat_listener_addr(listener);
	leat_io_detach(leat_serve(listener, NULL, serve, tls));
	leat_flow *below = leat_await_flow(leat_connect_addr(loop, &addr, NULL), NULL);
	leat_tls_peer peer = { .size = sizeof peer, .host = "echo.test" };
	leat_flow *flow = leat_await_flow(leat_tls_client(below, tls, &peer), NULL);
	char heard[24] = "";
	leat_await(leat_flow_write(flow, "row, row, row your boat", 23), NULL);
	leat_await(leat_flow_read_into(flow, heard, 23, 23), NULL);
	leat_await(leat_flow_close(flow), NULL);
	leat_flow_unref(flow);
	leat_loop_free(loop);
	leat_tls_unref(tls);
	SSL_CTX_free(context);
	return strcmp(heard, "row, row, row your boat") == 0 ? 0 : 1;
}

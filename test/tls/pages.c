/* SPDX-License-Identifier: ISC */
/* pages - what was written for libevent, over TLS of leat's: evhttp serves by a door, a
 * bufferevent asks over a bridge, and so does curl
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <leat/leat.h>
#include <leat/tls.h>

#include "support/certs.h"
#include "support/expect.h"
#include "support/suite.h"

enum { PAGE_BYTES = 600 * 1000 };

static unsigned char page_at(size_t at)
{
	return (unsigned char)(at * 37 + at / 241);
}

static void on_page(struct evhttp_request *request, void *arg)
{
	struct evbuffer *body = evbuffer_new();
	unsigned char *page = malloc(PAGE_BYTES);

	(void)arg;
	for (size_t at = 0; at < PAGE_BYTES; at++)
		page[at] = page_at(at);
	evbuffer_add(body, page, PAGE_BYTES);
	free(page);
	evhttp_send_reply(request, HTTP_OK, "OK", body);
	evbuffer_free(body);
}

/* ---- the site ---- */

struct site {
	leat_loop *loop;
	struct event_base *base;
	struct cert cert;
	leat_tls *tls;
	struct evhttp *http;
	leat_door door;
	leat_addr addr;
	leat_io *serving;
};

static leat_io *enter(void *door, leat_result *result)
{
	leat_flow *flow = leat_result_flow(result);

	return leat_io_attach(leat_door_enter(door, flow, NULL), leat_ctx_flow(flow));
}

static leat_io *visit(void *ctx, leat_flow *flow)
{
	struct site *s = ctx;

	return leat_io_then(leat_tls_server(leat_flow_ref(flow), s->tls, NULL), enter, leat_ctx_borrow(&s->door));
}

static leat_tls *tls_of(SSL_CTX *context)
{
	leat_tls *tls = leat_tls_new(&(leat_tls_options){ .size = sizeof(leat_tls_options), .context = context });

	SSL_CTX_free(context);
	return tls;
}

static void site_open(struct site *s)
{
	leat_listener *listener;

	*s = (struct site){ .loop = leat_loop_new(NULL, NULL) };
	signal(SIGPIPE, SIG_IGN);
	s->base = leat_loop_base(s->loop);
	s->cert = cert_new(&(struct cert_want){ .name = "pages.test", .more = "IP:127.0.0.1" });
	s->tls = tls_of(cert_context(&s->cert, NULL));
	expect_ok(leat_door_open(&s->door));
	s->http = evhttp_new(s->base);
	expect_int(evhttp_accept_socket(s->http, s->door.fd), 0);
	evhttp_set_cb(s->http, "/page", on_page, NULL);
	listener = leat_listen(s->loop, "tcp:127.0.0.1:0", NULL);
	s->addr = leat_listener_addr(listener);
	s->serving = leat_serve(listener, NULL, visit, s);
}

static void site_close(struct site *s)
{
	leat_io_cancel(s->serving);
	evhttp_free(s->http);
	leat_door_close(&s->door);
	leat_loop_free(s->loop);
	leat_tls_unref(s->tls);
	cert_free(&s->cert);
}

static void expect_page(const unsigned char *page, size_t bytes)
{
	expect_size(bytes, PAGE_BYTES);
	for (size_t at = 0; at < bytes; at++)
		if (page[at] != page_at(at))
			ck_abort_msg("byte %zu of the page is wrong", at);
}

/* ---- a client that knows libevent only ---- */

struct client {
	struct evbuffer *answer;
	short over;
};

static void on_bytes(struct bufferevent *bev, void *arg)
{
	struct client *client = arg;

	bufferevent_read_buffer(bev, client->answer);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct client *client = arg;

	(void)bev;
	client->over = what;
}

static void ask(struct client *client, struct bufferevent *bev)
{
	*client = (struct client){ .answer = evbuffer_new() };
	bufferevent_setcb(bev, on_bytes, NULL, on_event, client);
	bufferevent_enable(bev, EV_READ);
	evbuffer_add_printf(bufferevent_get_output(bev), "GET /page HTTP/1.0\r\n\r\n");
}

static void expect_answer(struct client *client)
{
	struct evbuffer_ptr head = evbuffer_search(client->answer, "\r\n\r\n", 4, NULL);

	expect_int(client->over, BEV_EVENT_READING | BEV_EVENT_EOF);
	expect(head.pos >= 0);
	evbuffer_drain(client->answer, (size_t)head.pos + 4);
	expect_page(evbuffer_pullup(client->answer, -1), evbuffer_get_length(client->answer));
	evbuffer_free(client->answer);
}

START_TEST(a_bufferevent_over_tls_gets_a_page_of_evhttp_over_tls)
{
	struct site s;
	struct client client;
	struct bufferevent *bev;
	leat_flow *below, *flow;
	leat_tls_peer peer = { .size = sizeof peer, .host = "pages.test" };
	leat_tls *tls;
	leat_error why;

	site_open(&s);
	tls = tls_of(cert_context(NULL, &s.cert));
	below = leat_await_flow(leat_connect_addr(s.loop, &s.addr, NULL), &why);
	flow = leat_await_flow(leat_tls_client(below, tls, &peer), &why);
	expect_ok(why);
	bev = leat_bridge_new(flow);
	ask(&client, bev);
	while (!client.over)
		event_base_loop(s.base, EVLOOP_ONCE);
	expect_answer(&client);
	bufferevent_free(bev);
	for (int i = 0; i < 10; i++)
		event_base_loop(s.base, EVLOOP_NONBLOCK);
	leat_tls_unref(tls);
	site_close(&s);
}
END_TEST

/* ---- curl ---- */

START_TEST(so_does_curl)
{
	struct site s;
	char authority[] = "/tmp/leat-pages-XXXXXX", url[64];
	const char *argv[] = { "curl", "--silent", "--show-error", "--http1.1", "--noproxy", "*", "--cacert", authority, url,
		url, NULL };
	leat_run_options options = { .size = sizeof options, .limit_bytes = 4 * PAGE_BYTES };
	FILE *file;
	leat_result result;
	leat_ran *ran;

	if (system("command -v curl >/dev/null") != 0)
		return;
	site_open(&s);
	file = fdopen(mkstemp(authority), "w");
	PEM_write_X509(file, s.cert.cert);
	fclose(file);
	snprintf(url, sizeof url, "https://127.0.0.1:%d/page", leat_addr_port(&s.addr));
	expect_true(leat_await(leat_run(s.loop, argv, &options), &result));
	unlink(authority);
	ran = leat_result_ran(&result);
	ck_assert_msg(ran->status == 0, "curl ended with %d: %.*s", (int)ran->status, (int)leat_buf_size(ran->err),
		(const char *)leat_buf_data(ran->err));
	expect_size(leat_buf_size(ran->out), 2 * PAGE_BYTES);
	expect_page(leat_buf_data(ran->out), PAGE_BYTES);
	expect_page((const unsigned char *)leat_buf_data(ran->out) + PAGE_BYTES, PAGE_BYTES);
	leat_ran_free(ran);
	site_close(&s);
}
END_TEST

SUITE("pages", a_bufferevent_over_tls_gets_a_page_of_evhttp_over_tls, so_does_curl)

/* SPDX-License-Identifier: ISC */
/* door_http - libevent's evhttp serves its pages over flows */
#include <event2/http.h>
#include <fcntl.h>
#include <stdio.h>

#include "kit/door.h"
#include "support/suite.h"

enum { PAGE_BYTES = 700 * 1000 };

static unsigned char page_at(size_t at)
{
	return (unsigned char)(at * 31 + at / 251);
}

static void on_page(struct evhttp_request *request, void *arg)
{
	struct evbuffer *body = evbuffer_new();
	unsigned char *space = malloc(PAGE_BYTES);

	(void)arg;
	for (size_t at = 0; at < PAGE_BYTES; at++)
		space[at] = page_at(at);
	evbuffer_add(body, space, PAGE_BYTES);
	free(space);
	evhttp_send_reply(request, HTTP_OK, "OK", body);
	evbuffer_free(body);
}

/* What was posted, back. */
static void on_echo(struct evhttp_request *request, void *arg)
{
	struct evbuffer *body = evbuffer_new();

	(void)arg;
	evbuffer_add_buffer(body, evhttp_request_get_input_buffer(request));
	evhttp_send_reply(request, HTTP_OK, "OK", body);
	evbuffer_free(body);
}

struct site {
	struct house h;
	struct evhttp *http;
	leat_door door;
};

/* evhttp writes its descriptors itself. */
static void site_open(struct site *s)
{
	signal(SIGPIPE, SIG_IGN);
	house_open(&s->h);
	expect_ok(leat_door_open(&s->door));
	s->http = evhttp_new(s->h.base);
	expect_int(evhttp_accept_socket(s->http, s->door.fd), 0);
	evhttp_set_cb(s->http, "/page", on_page, NULL);
	evhttp_set_cb(s->http, "/echo", on_echo, NULL);
}

static void site_close(struct site *s)
{
	if (s->http)
		evhttp_free(s->http);
	leat_door_close(&s->door);
	house_close(&s->h);
}

/* The body of an answer that is all there is; NULL: it is none. */
static const char *body_of(const char *answer, size_t bytes, size_t *body_bytes)
{
	const char *body = strstr(answer, "\r\n\r\n");

	ck_assert_msg(strncmp(answer, "HTTP/1.1 200 ", 13) == 0, "the answer is %.60s", answer);
	expect_some(body);
	*body_bytes = bytes - (size_t)(body + 4 - answer);
	return body + 4;
}

static void expect_page(const char *answer, size_t bytes)
{
	size_t n;
	const char *body = body_of(answer, bytes, &n);

	expect_size(n, PAGE_BYTES);
	for (size_t at = 0; at < n; at++)
		if ((unsigned char)body[at] != page_at(at))
			ck_abort_msg("byte %zu of the page is wrong", at);
}

#define ASK(close) "GET /page HTTP/1.1\r\nHost: here\r\n" close "\r\n"
#define ASK_ONCE ASK("Connection: close\r\n")

START_TEST(a_page_is_served_over_a_flow)
{
	struct site s;
	leat_io *visit;
	char *answer;
	size_t bytes;

	site_open(&s);
	visit = leat_door_enter(&s.door, s.h.theirs, NULL);
	say(s.h.mine, ASK_ONCE);
	answer = hear_all(s.h.mine, &bytes);
	expect_page(answer, bytes);
	free(answer);
	leat_io_detach(leat_flow_close(s.h.mine));
	expect_int(proxied(visit).end, LEAT_PROXY_ENDED);
	site_close(&s);
}
END_TEST

START_TEST(one_connection_brings_many_pages)
{
	enum { PAGES = 5 };
	struct site s;
	leat_io *visit;
	char *answer;
	const char *next;
	size_t bytes, one;

	site_open(&s);
	visit = leat_door_enter(&s.door, s.h.theirs, NULL);
	for (int i = 0; i < PAGES; i++)
		say(s.h.mine, i < PAGES - 1 ? ASK("") : ASK_ONCE);
	answer = hear_all(s.h.mine, &bytes);
	next = answer;
	for (int i = 0; i < PAGES - 1; i++) {
		one = (size_t)(strstr(next, "\r\n\r\n") + 4 - next) + PAGE_BYTES;
		expect_page(next, one);
		next += one;
	}
	expect_page(next, bytes - (size_t)(next - answer));
	free(answer);
	leat_io_detach(leat_flow_close(s.h.mine));
	expect_int(proxied(visit).end, LEAT_PROXY_ENDED);
	site_close(&s);
}
END_TEST

START_TEST(what_is_posted_comes_back)
{
	struct site s;
	leat_io *visit;
	leat_buf *body;
	char head[128], *answer;
	const char *echo;
	size_t bytes, n;

	site_open(&s);
	visit = leat_door_enter(&s.door, s.h.theirs, NULL);
	snprintf(head, sizeof head, "POST /echo HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: %d\r\n\r\n",
		PAGE_BYTES);
	say(s.h.mine, head);
	body = leat_buf_new(s.h.loop, PAGE_BYTES);
	memset(leat_buf_space(body), 'p', PAGE_BYTES);
	expect_ok(failure(leat_flow_send(s.h.mine, body)));
	answer = hear_all(s.h.mine, &bytes);
	echo = body_of(answer, bytes, &n);
	expect_size(n, PAGE_BYTES);
	expect(echo[0] == 'p' && memcmp(echo, echo + 1, n - 1) == 0);
	free(answer);
	leat_io_detach(leat_flow_close(s.h.mine));
	expect_int(proxied(visit).end, LEAT_PROXY_ENDED);
	site_close(&s);
}
END_TEST

/* A client that goes in the middle of its page disturbs nobody. */
START_TEST(who_goes_in_the_middle_disturbs_nobody)
{
	struct site s;
	leat_io *visit, *other;
	leat_flow *left;
	char *answer;
	size_t bytes;

	site_open(&s);
	visit = leat_door_enter(&s.door, s.h.theirs, NULL);
	say(s.h.mine, ASK_ONCE);
	leat_buf_unref(leat_await_buf(leat_flow_read(s.h.mine), NULL));
	leat_flow_abort(s.h.mine);
	expect_int(proxied(visit).end, LEAT_PROXY_ONE_BROKE);
	leat_flow_unref(s.h.mine);
	left = s.h.theirs;
	new_ends(&s.h);
	other = leat_door_enter(&s.door, s.h.theirs, NULL);
	say(s.h.mine, ASK_ONCE);
	answer = hear_all(s.h.mine, &bytes);
	expect_page(answer, bytes);
	free(answer);
	leat_io_detach(leat_flow_close(s.h.mine));
	expect_int(proxied(other).end, LEAT_PROXY_ENDED);
	leat_flow_unref(left);
	site_close(&s);
}
END_TEST

/* A page of which nobody reads waits, and is not kept in memory on the way. */
START_TEST(who_does_not_read_holds_the_server_back)
{
	struct site s;
	leat_io *visit;
	leat_flow_info info = { .size = sizeof info };
	char *answer;
	size_t bytes;

	site_open(&s);
	visit = leat_door_enter(&s.door, s.h.theirs, NULL);
	say(s.h.mine, ASK_ONCE);
	for (int i = 0; i < 200; i++)
		event_base_loop(s.h.base, EVLOOP_NONBLOCK);
	leat_flow_info_get(s.h.theirs, &info);
	expect(info.queued_bytes > 0 && info.queued_bytes < 200 * 1000);
	answer = hear_all(s.h.mine, &bytes);
	expect_page(answer, bytes);
	free(answer);
	leat_io_detach(leat_flow_close(s.h.mine));
	expect_int(proxied(visit).end, LEAT_PROXY_ENDED);
	site_close(&s);
}
END_TEST

START_TEST(a_server_that_is_freed_ends_its_connections)
{
	struct site s;
	leat_io *visit;

	site_open(&s);
	visit = leat_door_enter(&s.door, s.h.theirs, NULL);
	say(s.h.mine, "GET /pa");
	for (int i = 0; i < 10; i++)
		event_base_loop(s.h.base, EVLOOP_NONBLOCK);
	evhttp_free(s.http);
	s.http = NULL;
	hears_all(s.h.mine, "");
	leat_io_detach(leat_flow_close(s.h.mine));
	expect_int(proxied(visit).end, LEAT_PROXY_ENDED);
	site_close(&s);
}
END_TEST

SUITE("door_http",
	a_page_is_served_over_a_flow,
	one_connection_brings_many_pages,
	what_is_posted_comes_back,
	who_goes_in_the_middle_disturbs_nobody,
	who_does_not_read_holds_the_server_back,
	a_server_that_is_freed_ends_its_connections)

/* SPDX-License-Identifier: ISC */
/* bridge_ssl - libevent's own layers work on top of a bridge: filters, OpenSSL */
#include <event2/bufferevent_ssl.h>

#include "flow/bridge.h"
#include "flow/ssl.h"
#include "support/suite.h"

enum { BYTES = 200000 };

struct end {
	struct bufferevent *bev;
	bool connected;
	size_t heard;
	short last; /* other event */
};

static unsigned char byte_at(size_t at)
{
	return (unsigned char)(at * 57 + at / 255);
}

static void hear(struct bufferevent *bev, void *arg)
{
	struct end *end = arg;
	unsigned char piece[4096];
	size_t n;

	while ((n = bufferevent_read(bev, piece, sizeof piece)) > 0)
		for (size_t i = 0; i < n; i++)
			ck_assert_msg(piece[i] == byte_at(end->heard++), "byte %zu is wrong", end->heard - 1);
}

static void hear_event(struct bufferevent *bev, short what, void *arg)
{
	struct end *end = arg;

	(void)bev;
	if (what & BEV_EVENT_CONNECTED)
		end->connected = true;
	else
		end->last = what;
}

static void end_begins(struct end *end, struct bufferevent *bev)
{
	*end = (struct end){ .bev = bev };
	expect_some(bev);
	bufferevent_setcb(bev, hear, NULL, hear_event, end);
	bufferevent_enable(bev, EV_READ);
}

static void say_all(struct bufferevent *bev)
{
	unsigned char bytes[1000];

	for (size_t at = 0; at < BYTES; at += sizeof bytes) {
		for (size_t i = 0; i < sizeof bytes; i++)
			bytes[i] = byte_at(at + i);
		bufferevent_write(bev, bytes, sizeof bytes);
	}
}

static void talk(struct world *w, struct end ends[2])
{
	say_all(ends[0].bev);
	say_all(ends[1].bev);
	while ((ends[0].heard < BYTES || ends[1].heard < BYTES) && !ends[0].last && !ends[1].last)
		settle(w);
	for (int i = 0; i < 2; i++) {
		expect_int(ends[i].last, 0);
		expect_size(ends[i].heard, BYTES);
	}
}

static void part_here(struct world *w, struct end ends[2])
{
	bufferevent_free(ends[0].bev);
	while (!ends[1].last)
		settle(w);
	bufferevent_free(ends[1].bev);
	settle(w);
}

START_TEST(openssl_of_libevent_talks_over_bridges)
{
	struct world w;
	struct end ends[2];
	leat_flow *flows[2];
	SSL_CTX *ctx = ssl_context();

	world_open(&w);
	ends_of(&w, _i, flows);
	for (int i = 0; i < 2; i++)
		end_begins(&ends[i], bufferevent_openssl_filter_new(w.base, leat_bridge_new(flows[i]), SSL_new(ctx),
			i ? BUFFEREVENT_SSL_ACCEPTING : BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE));
	while (!ends[0].connected || !ends[1].connected)
		settle(&w);
	talk(&w, ends);
	part_here(&w, ends);
	SSL_CTX_free(ctx);
	world_close(&w);
}
END_TEST

static enum bufferevent_filter_result turn_over(struct evbuffer *from, struct evbuffer *to, ev_ssize_t limit,
	enum bufferevent_flush_mode mode, void *ctx)
{
	unsigned char bytes[512];
	int n = evbuffer_remove(from, bytes, limit > 0 && limit < (ev_ssize_t)sizeof bytes ? (size_t)limit : sizeof bytes);

	(void)mode;
	(void)ctx;
	for (int i = 0; i < n; i++)
		bytes[i] = (unsigned char)~bytes[i];
	return n > 0 && evbuffer_add(to, bytes, (size_t)n) == 0 ? BEV_OK : BEV_NEED_MORE;
}

START_TEST(filters_talk_over_bridges)
{
	struct world w;
	struct end ends[2];
	leat_flow *flows[2];

	world_open(&w);
	ends_of(&w, _i, flows);
	for (int i = 0; i < 2; i++)
		end_begins(&ends[i], bufferevent_filter_new(leat_bridge_new(flows[i]), turn_over, turn_over,
			BEV_OPT_CLOSE_ON_FREE, NULL, NULL));
	talk(&w, ends);
	part_here(&w, ends);
	expect_int(ends[1].last, BEV_EVENT_READING | BEV_EVENT_EOF);
	world_close(&w);
}
END_TEST

SUITE("bridge_ssl", EACH(openssl_of_libevent_talks_over_bridges, OVER), EACH(filters_talk_over_bridges, OVER))

/* SPDX-License-Identifier: ISC */
/* door - flows come to servers that know descriptors only */
#include <dirent.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <stdlib.h>

#include "kit/door.h"
#include "support/suite.h"

/* ---- a server that knows libevent only: it echoes, and ends when the client does ---- */

static int served;

static void on_bytes(struct bufferevent *bev, void *arg)
{
	(void)arg;
	bufferevent_write_buffer(bev, bufferevent_get_input(bev));
}

static void on_all_sent(struct bufferevent *bev, void *arg)
{
	(void)arg;
	served++;
	bufferevent_free(bev);
}

static void on_end(struct bufferevent *bev, short what, void *arg)
{
	(void)what;
	(void)arg;
	if (evbuffer_get_length(bufferevent_get_output(bev)) == 0)
		on_all_sent(bev, arg);
	else
		bufferevent_setcb(bev, NULL, on_all_sent, on_end, NULL);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *addr, int bytes, void *arg)
{
	struct bufferevent *bev = bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);

	(void)addr;
	(void)bytes;
	(void)arg;
	bufferevent_setcb(bev, on_bytes, NULL, on_end, NULL);
	bufferevent_enable(bev, EV_READ);
}

static struct evconnlistener *server(struct house *h, leat_door *door)
{
	struct evconnlistener *listener;

	served = 0;
	expect_ok(leat_door_open(door));
	listener = evconnlistener_new(h->base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE, 0, door->fd);
	expect_some(listener);
	return listener;
}

START_TEST(a_flow_is_served_with_its_half_closes)
{
	struct house h;
	leat_door door;
	struct evconnlistener *listener;
	leat_io *visit;
	leat_proxied how;

	house_open(&h);
	listener = server(&h, &door);
	visit = leat_door_enter(&door, h.theirs, NULL);
	say(h.mine, "hello");
	leat_io_detach(leat_flow_shutdown(h.mine, LEAT_WRITE));
	hears_all(h.mine, "hello");
	how = proxied(visit);
	expect_int(how.end, LEAT_PROXY_ENDED);
	expect_size(how.there_bytes, 5);
	expect_size(how.back_bytes, 5);
	expect_int(served, 1);
	evconnlistener_free(listener);
	leat_door_close(&door);
	house_close(&h);
}
END_TEST

START_TEST(many_come_at_once)
{
	enum { MANY = 60 };
	struct house h;
	leat_door door;
	struct evconnlistener *listener;
	leat_flow *ends[MANY][2];
	leat_io *visits[MANY];

	house_open(&h);
	listener = server(&h, &door);
	for (int i = 0; i < MANY; i++) {
		leat_flow_pair(h.loop, ends[i]);
		visits[i] = leat_door_enter(&door, ends[i][1], NULL);
		say(ends[i][0], "one of many");
		leat_io_detach(leat_flow_shutdown(ends[i][0], LEAT_WRITE));
	}
	for (int i = 0; i < MANY; i++) {
		hears_all(ends[i][0], "one of many");
		expect_int(proxied(visits[i]).end, LEAT_PROXY_ENDED);
		leat_flow_unref(ends[i][0]);
		leat_flow_unref(ends[i][1]);
	}
	expect_int(served, MANY);
	evconnlistener_free(listener);
	leat_door_close(&door);
	house_close(&h);
}
END_TEST

START_TEST(who_waits_for_a_slow_server_is_let_in_in_the_end)
{
	struct house h;
	leat_door door;
	leat_flow *other[2];
	leat_io *visits[2];
	int fd;

	house_open(&h);
	leat_flow_pair(h.loop, other);
	expect_ok(leat_door_open(&door));
	expect_int(listen(door.fd, 0), 0); /* room for one */
	visits[0] = leat_door_enter(&door, h.theirs, NULL);
	visits[1] = leat_door_enter(&door, other[1], NULL);
	expect_true(leat_await(leat_sleep(h.loop, 12), NULL));
	for (int i = 0; i < 2; i++) {
		fd = -1;
		while (fd < 0) {
			event_base_loop(h.base, EVLOOP_ONCE | (i == 0 ? EVLOOP_NONBLOCK : 0));
			fd = accept(door.fd, NULL, NULL);
		}
		close(fd);
	}
	leat_io_detach(leat_flow_shutdown(h.mine, LEAT_WRITE));
	leat_io_detach(leat_flow_shutdown(other[0], LEAT_WRITE));
	hears_all(h.mine, "");
	hears_all(other[0], "");
	for (int i = 0; i < 2; i++)
		expect_int(proxied(visits[i]).end, LEAT_PROXY_ENDED);
	leat_flow_unref(other[0]);
	leat_flow_unref(other[1]);
	close(door.fd);
	leat_door_close(&door);
	house_close(&h);
}
END_TEST

START_TEST(a_server_that_has_gone_refuses_and_the_flow_is_as_it_was)
{
	struct house h;
	leat_door door;

	house_open(&h);
	expect_ok(leat_door_open(&door));
	close(door.fd);
	expect_kind(failure(leat_door_enter(&door, h.theirs, NULL)), LEAT_REFUSED);
	say(h.mine, "still there");
	leat_io_detach(leat_flow_shutdown(h.mine, LEAT_WRITE));
	hears_all(h.theirs, "still there");
	leat_door_close(&door);
	house_close(&h);
}
END_TEST

START_TEST(nobody_enters_by_a_door_that_was_closed)
{
	struct house h;
	leat_door door;

	house_open(&h);
	expect_ok(leat_door_open(&door));
	leat_door_close(&door);
	expect_kind(failure(leat_door_enter(&door, h.theirs, NULL)), LEAT_CLOSED);
	close(door.fd);
	house_close(&h);
}
END_TEST

START_TEST(a_cancelled_visit_leaves_the_flow)
{
	struct house h;
	leat_door door;
	struct evconnlistener *listener;
	leat_io *visit;

	house_open(&h);
	listener = server(&h, &door);
	visit = leat_door_enter(&door, h.theirs, NULL);
	for (int i = 0; i < _i; i++)
		event_base_loop(h.base, EVLOOP_NONBLOCK);
	leat_io_cancel(visit);
	say(h.mine, "still there");
	leat_io_detach(leat_flow_shutdown(h.mine, LEAT_WRITE));
	hears_all(h.theirs, "still there");
	for (int i = 0; i < 5; i++)
		event_base_loop(h.base, EVLOOP_NONBLOCK);
	expect_int(served, _i > 0);
	evconnlistener_free(listener);
	leat_door_close(&door);
	house_close(&h);
}
END_TEST

/* Entries of the folder for such files that begin as ours. */
static int left_behind(void)
{
	DIR *folder = opendir(P_tmpdir);
	struct dirent *entry;
	int count = 0;

	expect_some(folder);
	while ((entry = readdir(folder)))
		count += strncmp(entry->d_name, "leat-", 5) == 0 && strlen(entry->d_name) == 11;
	closedir(folder);
	return count;
}

START_TEST(a_door_leaves_no_file_and_no_descriptor)
{
	struct house h;
	leat_door door;
	int before = left_behind(), fds = open_fds();

	house_open(&h);
	expect_ok(leat_door_open(&door));
	expect_int(left_behind(), before);
	close(door.fd);
	leat_door_close(&door);
	expect_int(door.way, -1);
	leat_door_close(&door);
	house_close(&h);
	expect_int(open_fds(), fds);
}
END_TEST

/* ---- a descriptor over a flow ---- */

START_TEST(a_descriptor_stands_for_a_flow)
{
	struct house h;
	struct bufferevent *bev;
	leat_io *bridge;
	int fd;

	house_open(&h);
	served = 0;
	bridge = leat_bridge_fd(h.theirs, &fd);
	bev = bufferevent_socket_new(h.base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(bev, on_bytes, NULL, on_end, NULL);
	bufferevent_enable(bev, EV_READ);
	say(h.mine, "through a socket pair");
	leat_io_detach(leat_flow_shutdown(h.mine, LEAT_WRITE));
	hears_all(h.mine, "through a socket pair");
	expect_int(proxied(bridge).end, LEAT_PROXY_ENDED);
	expect_int(served, 1);
	house_close(&h);
}
END_TEST

START_TEST(cancelling_it_ends_the_descriptor_and_leaves_the_flow)
{
	struct house h;
	leat_io *bridge;
	char byte;
	int fd;

	house_open(&h);
	bridge = leat_bridge_fd(h.theirs, &fd);
	event_base_loop(h.base, EVLOOP_NONBLOCK);
	leat_io_cancel(bridge);
	event_base_loop(h.base, EVLOOP_NONBLOCK);
	expect(read(fd, &byte, 1) <= 0 && errno != EAGAIN);
	close(fd);
	say(h.mine, "still there");
	leat_io_detach(leat_flow_shutdown(h.mine, LEAT_WRITE));
	hears_all(h.theirs, "still there");
	house_close(&h);
}
END_TEST

SUITE("door",
	a_flow_is_served_with_its_half_closes,
	many_come_at_once,
	who_waits_for_a_slow_server_is_let_in_in_the_end,
	a_server_that_has_gone_refuses_and_the_flow_is_as_it_was,
	nobody_enters_by_a_door_that_was_closed,
	EACH(a_cancelled_visit_leaves_the_flow, 4),
	a_door_leaves_no_file_and_no_descriptor,
	a_descriptor_stands_for_a_flow,
	cancelling_it_ends_the_descriptor_and_leaves_the_flow)

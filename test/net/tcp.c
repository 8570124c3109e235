/* SPDX-License-Identifier: ISC */
/* tcp - "tcp:ADDRESS:PORT": ports, options, what both ends get */
#include "net/wire.h"
#include "support/suite.h"

static const char *const hosts[] = { "tcp:127.0.0.1:0", "tcp:[::1]:0" };
enum { HOSTS = sizeof hosts / sizeof *hosts };

static bool has(const char *host)
{
	return host == hosts[0] || has_v6();
}

/* The rest of the test is about this address. */
#define needs(host)           \
	do {                  \
		if (!has(host)) \
			return; \
	} while (0)

START_TEST(the_port_that_the_kernel_chose_reads_back)
{
	struct wire w;
	leat_listener *listener;
	leat_addr addr;

	needs(hosts[_i]);
	wire_open(&w);
	listener = leat_listen(w.loop, hosts[_i], NULL);
	expect_ok(leat_listener_error(listener));
	addr = leat_listener_addr(listener);
	expect_int(leat_addr_port(&addr) != 0, 1);
	expect_int(strncmp(addr_words(addr), hosts[_i], strlen(hosts[_i]) - 1), 0);
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

START_TEST(what_one_end_sends_the_other_reads)
{
	struct wire w;
	leat_listener *listener;
	leat_flow *client, *server;

	needs(hosts[_i]);
	wire_open(&w);
	listener = leat_listen(w.loop, hosts[_i], NULL);
	meet(w.loop, listener, &client, &server);
	write_words(client, "there");
	expect_str(await_words(server), "there");
	write_words(server, "and back");
	expect_str(await_words(client), "and back");
	end_both(client, server);
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

START_TEST(each_end_knows_both_addresses)
{
	struct wire w;
	leat_listener *listener;
	leat_flow *client, *server;
	leat_flow_info c = { .size = sizeof c }, s = { .size = sizeof s };
	leat_addr addr;

	needs(hosts[_i]);
	wire_open(&w);
	listener = leat_listen(w.loop, hosts[_i], NULL);
	addr = leat_listener_addr(listener);
	meet(w.loop, listener, &client, &server);
	leat_flow_info_get(client, &c);
	leat_flow_info_get(server, &s);
	expect_int(leat_addr_compare(&c.peer, &addr), 0);
	expect_int(leat_addr_compare(&s.local, &addr), 0);
	expect_int(leat_addr_compare(&c.local, &s.peer), 0);
	end_both(client, server);
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

static void expect_manners(int fd)
{
	expect_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	expect_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

START_TEST(descriptors_never_block_and_never_reach_a_child)
{
	struct wire w;
	leat_listener *listener;
	leat_flow *client, *server;

	needs(hosts[_i]);
	wire_open(&w);
	listener = leat_listen(w.loop, hosts[_i], NULL);
	meet(w.loop, listener, &client, &server);
	expect_manners(flow_fd(client));
	expect_manners(flow_fd(server));
	end_both(client, server);
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

START_TEST(small_messages_do_not_wait_unless_asked_to)
{
	struct wire w;
	bool nagle = _i % 2;
	leat_listen_options there = { .size = sizeof there, .nagle = nagle };
	leat_connect_options here = { .size = sizeof here, .nagle = nagle };
	leat_listener *listener;
	leat_flow *client, *server;
	leat_io *io;

	needs(hosts[_i / 2]);
	wire_open(&w);
	listener = leat_listen(w.loop, hosts[_i / 2], &there);
	io = leat_connect(w.loop, listener_words(listener), &here);
	server = await_flow(leat_accept(listener));
	client = await_flow(io);
	expect_int(!option_of(flow_fd(client), IPPROTO_TCP, TCP_NODELAY), nagle);
	expect_int(!option_of(flow_fd(server), IPPROTO_TCP, TCP_NODELAY), nagle);
	end_both(client, server);
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

START_TEST(keepalive_is_off_unless_asked_for)
{
	struct wire w;
	bool on = _i;
	leat_listen_options there = { .size = sizeof there, .keepalive = on, .keepalive_s = 77 };
	leat_connect_options here = { .size = sizeof here, .keepalive = on, .keepalive_s = 88 };
	leat_listener *listener;
	leat_flow *client, *server;
	leat_io *io;

	wire_open(&w);
	listener = leat_listen(w.loop, hosts[0], &there);
	io = leat_connect(w.loop, listener_words(listener), &here);
	server = await_flow(leat_accept(listener));
	client = await_flow(io);
	expect_int(option_of(flow_fd(client), SOL_SOCKET, SO_KEEPALIVE), on);
	expect_int(option_of(flow_fd(server), SOL_SOCKET, SO_KEEPALIVE), on);
	expect_int(option_of(flow_fd(server), IPPROTO_TCP, TCP_KEEPIDLE) == 77, on);
	expect_int(option_of(flow_fd(client), IPPROTO_TCP, TCP_KEEPIDLE) == 88, on);
	end_both(client, server);
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

START_TEST(a_port_that_is_listened_on_is_in_use)
{
	struct wire w;
	leat_listener *first, *second;

	needs(hosts[_i]);
	wire_open(&w);
	first = leat_listen(w.loop, hosts[_i], NULL);
	second = leat_listen(w.loop, listener_words(first), NULL);
	expect_kind(leat_listener_error(second), LEAT_IN_USE);
	expect_kind(await_error(leat_accept(second)), LEAT_IN_USE);
	expect_str(listener_words(second), "none");
	leat_listener_unref(first);
	leat_listener_unref(second);
	wire_close(&w);
}
END_TEST

START_TEST(a_port_may_be_shared_by_name)
{
	struct wire w;
	leat_listen_options shared = { .size = sizeof shared, .reuse_port = true };
	leat_listener *first, *second;

	needs(hosts[_i]);
	wire_open(&w);
	first = leat_listen(w.loop, hosts[_i], &shared);
	second = leat_listen(w.loop, listener_words(first), &shared);
	expect_ok(leat_listener_error(second));
	leat_listener_unref(first);
	leat_listener_unref(second);
	wire_close(&w);
}
END_TEST

/* A connection that was closed from this side stays in TIME_WAIT. */
static leat_addr leave_a_ghost(void)
{
	int listener = raw_bind("tcp:127.0.0.1:0", 1), on = 1;
	leat_addr addr = raw_addr(listener);
	int client, server;
	char byte;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	client = raw_connect(addr);
	server = accept(listener, NULL, NULL);

	close(listener);
	close(server);
	expect_int(recv(client, &byte, 1, 0), 0);
	close(client);
	return addr;
}

/* A system whose table of them is full keeps none. */
static bool is_haunted(leat_addr addr)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	bool taken = bind(fd, leat_addr_sockaddr(&addr), addr.bytes) < 0;

	close(fd);
	return taken;
}

START_TEST(a_port_of_connections_past_is_free_unless_said_otherwise)
{
	struct wire w;
	leat_addr addr = leave_a_ghost();
	leat_listen_options strict = { .size = sizeof strict, .no_reuse_address = true };
	leat_listener *listener;

	if (!is_haunted(addr))
		return;
	wire_open(&w);
	listener = leat_listen(w.loop, addr_words(addr), &strict);
	expect_kind(leat_listener_error(listener), LEAT_IN_USE);
	leat_listener_unref(listener);
	listener = leat_listen(w.loop, addr_words(addr), NULL);
	expect_ok(leat_listener_error(listener));
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

START_TEST(all_of_v6_is_v4_too_unless_v6_only)
{
	struct wire w;
	leat_listen_options options = { .size = sizeof options, .v6_only = _i };
	leat_listener *listener;
	leat_addr addr;
	char four[40];
	leat_error error;

	needs(hosts[1]);
	wire_open(&w);
	listener = leat_listen(w.loop, "tcp:[::]:0", &options);
	addr = leat_listener_addr(listener);
	snprintf(four, sizeof four, "tcp:127.0.0.1:%u", (unsigned)leat_addr_port(&addr));
	error = await_error(leat_connect(w.loop, four, NULL));
	expect_kind(error, _i ? LEAT_REFUSED : LEAT_NONE);
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

static void expect_port_wrong(leat_error error)
{
	expect_kind(error, LEAT_INVALID);
	expect_ptr(error.domain, &leat_addr_errors);
	expect_int(error.code, LEAT_ADDR_PORT);
}

START_TEST(nonsense_is_refused_at_both_ends)
{
	struct wire w;
	leat_listener *listener;

	wire_open(&w);
	expect_port_wrong(await_error(leat_connect(w.loop, "tcp:127.0.0.1:80x", NULL)));
	listener = leat_listen(w.loop, "tcp:127.0.0.1", NULL);
	expect_port_wrong(await_error(leat_accept(listener)));
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

START_TEST(an_address_that_is_not_ours_cannot_be_listened_on)
{
	struct wire w;
	leat_listener *listener;

	wire_open(&w);
	listener = leat_listen(w.loop, "tcp:192.0.2.1:0", NULL);
	expect_kind(leat_listener_error(listener), LEAT_INVALID);
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

SUITE("tcp",
	EACH(the_port_that_the_kernel_chose_reads_back, HOSTS),
	EACH(what_one_end_sends_the_other_reads, HOSTS),
	EACH(each_end_knows_both_addresses, HOSTS),
	EACH(descriptors_never_block_and_never_reach_a_child, HOSTS),
	EACH(small_messages_do_not_wait_unless_asked_to, 2 * HOSTS),
	EACH(keepalive_is_off_unless_asked_for, 2),
	EACH(a_port_that_is_listened_on_is_in_use, HOSTS),
	EACH(a_port_may_be_shared_by_name, HOSTS),
	a_port_of_connections_past_is_free_unless_said_otherwise,
	EACH(all_of_v6_is_v4_too_unless_v6_only, 2),
	nonsense_is_refused_at_both_ends,
	an_address_that_is_not_ours_cannot_be_listened_on)

/* SPDX-License-Identifier: ISC */
/* tcp - "tcp:ADDRESS:PORT" */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "net/net.h"

static leat_io *tcp_connect(leat_loop *loop, const char *rest, const leat_connect_options *options, const char *where)
{
	leat_addr addr;
	leat_error error = lt_addr_read_ip(rest, &addr, LEAT_HERE);

	if (leat_error_set(error))
		return leat_io_fail_at(loop, error, where);
	return lt_connect(loop, &addr, options, where);
}

static leat_error set_options(int fd, int family, const leat_listen_options *options)
{
	lt_tuning tuning = { options->nagle, options->keepalive, options->keepalive_s };
	leat_error error = lt_socket_tune(fd, family, &tuning);

	if (!leat_error_set(error) && !options->no_reuse_address)
		error = lt_socket_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (!leat_error_set(error) && options->reuse_port)
		error = lt_socket_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (!leat_error_set(error) && family == AF_INET6)
		error = lt_socket_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, options->v6_only);
	return error;
}

static leat_error bind_and_listen(int fd, const leat_addr *addr, const leat_listen_options *options)
{
	leat_error error = set_options(fd, lt_addr_family(addr), options);

	if (leat_error_set(error))
		return error;
	if (bind(fd, leat_addr_sockaddr(addr), addr->bytes) < 0)
		return leat_error_errno(errno);
	if (listen(fd, options->backlog ? options->backlog : SOMAXCONN) < 0)
		return leat_error_errno(errno);
	return error;
}

static leat_listener *tcp_listen(leat_loop *loop, const char *rest, const leat_listen_options *given, const char *where)
{
	leat_listen_options options;
	leat_addr addr;
	leat_error error = lt_addr_read_ip(rest, &addr, LEAT_HERE);
	int fd = -1;

	leat_options_take_at(&options, sizeof options, given, "leat_listen_options", where);
	if (!leat_error_set(error))
		fd = lt_socket_open(lt_addr_family(&addr), &error);
	if (fd >= 0)
		error = bind_and_listen(fd, &addr, &options);
	if (leat_error_set(error))
		return lt_accept_never(loop, fd, error);
	return lt_accept_on(loop, fd, &options, NULL, where);
}

const leat_scheme lt_tcp_scheme = {
	.size = sizeof(leat_scheme),
	.name = "tcp",
	.connect = tcp_connect,
	.listen = tcp_listen,
};

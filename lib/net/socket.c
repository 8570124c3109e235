/* SPDX-License-Identifier: ISC */
/* socket - the system calls that both ends of a connection make */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "net/net.h"

int lt_socket_open(int family, leat_error *error)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*error = fd < 0 ? leat_error_errno(errno) : (leat_error){ .domain = NULL };
	return fd;
}

leat_error lt_socket_set(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof value) < 0)
		return leat_error_errno(errno);
	return (leat_error){ .domain = NULL };
}

leat_error lt_socket_tune(int fd, int family, const lt_tuning *tuning)
{
	leat_error error = { .domain = NULL };

	if (family != AF_INET && family != AF_INET6)
		return error;
	if (!tuning->nagle)
		error = lt_socket_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (tuning->keepalive && !leat_error_set(error))
		error = lt_socket_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	if (tuning->keepalive && tuning->keepalive_s && !leat_error_set(error))
		error = lt_socket_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, (int)tuning->keepalive_s);
	return error;
}

leat_addr lt_socket_addr(int fd)
{
	struct sockaddr_storage addr;
	socklen_t bytes = sizeof addr;

	if (getsockname(fd, (struct sockaddr *)&addr, &bytes) < 0)
		bytes = 0;
	return leat_addr_from((const struct sockaddr *)&addr, bytes);
}

/* SPDX-License-Identifier: ISC */
/* unix - "unix:PATH" and "unix:@NAME"
 *
 * The file of a listener outlives one that crashed, and would be in the way of
 * the next.  A datagram socket tells whether somebody is still there without
 * being taken for a client: connecting it to a stream socket that lives is
 * EPROTOTYPE, to one that is gone ECONNREFUSED.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/net.h"

static leat_io *unix_connect(leat_loop *loop, const char *rest, const leat_connect_options *options, const char *where)
{
	leat_addr addr;
	leat_error error = lt_addr_read_path(rest, &addr, LEAT_HERE);

	if (leat_error_set(error))
		return leat_io_fail_at(loop, error, where);
	return lt_connect(loop, &addr, options, where);
}

/* ---- the file ---- */

static const char *path_of(const leat_addr *addr)
{
	return ((const struct sockaddr_un *)(const void *)leat_addr_sockaddr(addr))->sun_path;
}

static bool is_abstract(const leat_addr *addr)
{
	return path_of(addr)[0] == '\0';
}

/* Which file it is. */
static bool identify(lt_path *path)
{
	struct stat file;

	if (lstat(path_of(&path->addr), &file) < 0 || !S_ISSOCK(file.st_mode))
		return false;
	path->device = file.st_dev;
	path->inode = file.st_ino;
	path->owner = getpid();
	return true;
}

void lt_path_remove(const lt_path *path)
{
	lt_path now = { .addr = path->addr };

	if (path->addr.bytes && identify(&now) && now.device == path->device && now.inode == path->inode &&
	    now.owner == path->owner)
		unlink(path_of(&path->addr));
}

static bool is_stale(const leat_addr *addr)
{
	int probe = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool stale;

	if (probe < 0)
		return false;
	stale = connect(probe, leat_addr_sockaddr(addr), addr->bytes) < 0 && errno == ECONNREFUSED;
	close(probe);
	return stale;
}

static int bind_over_stale(int fd, const leat_addr *addr)
{
	lt_path there = { .addr = *addr };

	if (bind(fd, leat_addr_sockaddr(addr), addr->bytes) == 0)
		return 0;
	if (errno != EADDRINUSE || is_abstract(addr))
		return -1;
	if (identify(&there) && is_stale(addr))
		lt_path_remove(&there);
	errno = EADDRINUSE;
	return bind(fd, leat_addr_sockaddr(addr), addr->bytes);
}

/* ---- listening ---- */

static leat_error bind_and_listen(int fd, lt_path *path, const leat_listen_options *options)
{
	leat_error error = { .domain = NULL };

	if (bind_over_stale(fd, &path->addr) < 0)
		return leat_error_errno(errno);
	if (is_abstract(&path->addr) || !identify(path))
		path->addr.bytes = 0;
	if (listen(fd, options->backlog ? options->backlog : SOMAXCONN) < 0) {
		error = leat_error_errno(errno);
		lt_path_remove(path);
	}
	if (options->keep_path)
		path->addr.bytes = 0;
	return error;
}

static leat_listener *unix_listen(leat_loop *loop, const char *rest, const leat_listen_options *given,
                                  const char *where)
{
	leat_listen_options options;
	lt_path path = { .device = 0 };
	leat_error error = lt_addr_read_path(rest, &path.addr, LEAT_HERE);
	int fd = -1;

	leat_options_take_at(&options, sizeof options, given, "leat_listen_options", where);
	if (!leat_error_set(error))
		fd = lt_socket_open(AF_UNIX, &error);
	if (fd >= 0)
		error = bind_and_listen(fd, &path, &options);
	if (leat_error_set(error))
		return lt_accept_never(loop, fd, error);
	return lt_accept_on(loop, fd, &options, &path, where);
}

const leat_scheme lt_unix_scheme = {
	.size = sizeof(leat_scheme),
	.name = "unix",
	.connect = unix_connect,
	.listen = unix_listen,
};

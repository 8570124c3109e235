/* SPDX-License-Identifier: ISC */
/* door - a private listening socket by which flows come to a server
 *
 * evhttp takes no bufferevent of ours, nor a descriptor that it did not accept.
 * So it is given a socket to accept from, and flows are connected to that.  The
 * socket must be reached by nobody else: it is bound in a folder of our own, which
 * is removed at once, and reached through a descriptor of its inode, by the name
 * that /proc has for it.  (A name in the abstract namespace has no owner: any user
 * could connect to it.)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <leat/buf.h>
#include <leat/door.h>

enum { AGAIN_MS = 5 /* the server has not accepted those before */ };

/* ---- the door ---- */

static bool has_way(int way)
{
	char name[32];

	snprintf(name, sizeof name, "/proc/self/fd/%d", way);
	return access(name, F_OK) == 0;
}

/* False: errno says why. */
static bool bind_there(leat_door *door, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	memcpy(addr.sun_path, path, strlen(path) + 1);
	door->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (door->fd < 0 || bind(door->fd, (struct sockaddr *)&addr, sizeof addr) < 0)
		return false;
	door->way = open(path, O_PATH | O_CLOEXEC);
	return door->way >= 0 && listen(door->fd, SOMAXCONN) == 0;
}

static bool open_in(leat_door *door, const char *folder)
{
	char path[sizeof((struct sockaddr_un *)NULL)->sun_path];
	int number;
	bool ok;

	snprintf(path, sizeof path, "%s/door", folder);
	ok = bind_there(door, path);
	number = errno;
	unlink(path);
	errno = number;
	if (ok && !has_way(door->way)) {
		errno = EOPNOTSUPP;
		return false;
	}
	return ok;
}

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

leat_error leat_door_open(leat_door *door)
{
	char folder[] = P_tmpdir "/leat-XXXXXX";
	leat_error why = { 0 };

	*door = (leat_door){ .fd = -1, .way = -1 };
	if (!mkdtemp(folder))
		return leat_error_errno(errno);
	if (!open_in(door, folder)) {
		why = leat_error_errno(errno);
		shut(&door->fd);
		shut(&door->way);
	}
	rmdir(folder);
	return why;
}

void leat_door_close(leat_door *door)
{
	shut(&door->way);
}

/* ---- a visit ---- */

struct visit {
	const leat_door *door;
	leat_flow *flow;
	const leat_proxy_options *options;
	const char *where;
};

/* A connected descriptor, or -1: errno. */
static int knock(const leat_door *door)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), number;

	if (fd < 0)
		return -1;
	snprintf(addr.sun_path, sizeof addr.sun_path, "/proc/self/fd/%d", door->way);
	if (connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0)
		return fd;
	number = errno;
	close(fd);
	errno = number;
	return -1;
}

static leat_io *go_in(void *record, leat_result *result)
{
	struct visit *visit = leat_buf_space(record);
	leat_loop *loop = leat_flow_loop(visit->flow);
	int fd = visit->door->way >= 0 ? knock(visit->door) : -1;
	leat_flow *server;

	if (visit->door->way < 0)
		return leat_io_fail_at(loop, leat_error_make_at(&leat_core_errors, LEAT_CLOSED, visit->where), visit->where);
	if (fd < 0 && errno == EAGAIN)
		return leat_io_then_at(leat_sleep_at(loop, AGAIN_MS, visit->where), go_in, leat_ctx_borrow(record), visit->where);
	if (fd < 0)
		return leat_io_fail_at(loop, leat_error_make_at(&leat_errno_errors, errno, visit->where), visit->where);
	server = leat_flow_from_fd_at(loop, fd, visit->where);
	return leat_io_attach_at(leat_proxy_at(visit->flow, server, visit->options, visit->where), leat_ctx_flow(server),
	                         visit->where);
}

static void end_visit(void *record)
{
	struct visit *visit = leat_buf_space(record);

	leat_flow_unref(visit->flow);
	leat_buf_unref(record);
}

leat_io *leat_door_enter_at(const leat_door *door, leat_flow *flow, const leat_proxy_options *options, const char *where)
{
	leat_loop *loop = leat_flow_loop(flow);
	leat_buf *record = leat_buf_new(loop, sizeof(struct visit));
	struct visit *visit = leat_buf_space(record);

	if (!visit) {
		leat_buf_unref(record);
		return leat_io_fail_at(loop, leat_error_core(LEAT_NOMEM), where);
	}
	*visit = (struct visit){ .door = door, .flow = leat_flow_ref(flow), .options = options, .where = where };
	return leat_io_then_at(leat_io_done(loop), go_in, leat_ctx_own(record, end_visit), where);
}

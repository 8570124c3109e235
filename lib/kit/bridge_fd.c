/* SPDX-License-Identifier: ISC */
/* bridge_fd - a descriptor over any flow: one end of a pair of sockets */
#include <errno.h>
#include <sys/socket.h>

#include <leat/bridge.h>
#include <leat/proxy.h>

leat_io *leat_bridge_fd_at(leat_flow *flow, int *fd, const char *where)
{
	leat_loop *loop = leat_flow_loop(flow);
	leat_flow *other;
	int ends[2];

	*fd = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
		return leat_io_fail_at(loop, leat_error_make_at(&leat_errno_errors, errno, where), where);
	*fd = ends[0];
	other = leat_flow_from_fd_at(loop, ends[1], where);
	return leat_io_attach_at(leat_proxy_at(flow, other, NULL, where), leat_ctx_flow(other), where);
}

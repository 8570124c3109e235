/* SPDX-License-Identifier: ISC */
/* descriptors - a flow over descriptors that somebody else opened
 *
 * The library has flows for what can be waited for.  A shell may also have put a
 * file there ("<in", ">out"); then each side gets a flow of its own, and the two
 * are joined.  One socket on both, as from inetd, is one flow, so that each of its
 * halves can end.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "descriptors.h"
#include "file.h"
#include "joint.h"

static bool is_file(int fd)
{
	struct stat facts;

	return fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode);
}

static bool is_socket(int fd)
{
	struct stat facts;

	return fstat(fd, &facts) == 0 && S_ISSOCK(facts.st_mode);
}

bool descriptors_have_socket(int in, int out)
{
	return is_socket(in) || is_socket(out);
}

static bool is_one_socket(int in, int out)
{
	struct stat facts, others;

	return is_socket(in) && fstat(in, &facts) == 0 && fstat(out, &others) == 0 && facts.st_dev == others.st_dev &&
		facts.st_ino == others.st_ino;
}

/* Its number stays taken, but the socket is let go of. */
static void blank(int fd)
{
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (nothing >= 0) {
		dup2(nothing, fd);
		close(nothing);
	}
}

static leat_flow *one(leat_loop *loop, int fd, leat_direction direction)
{
	return is_file(fd) ? file_flow(loop, fd, direction) : leat_flow_from_fd(loop, fd);
}

leat_flow *descriptors_flow(leat_loop *loop, int in, int out)
{
	if (in != out && is_one_socket(in, out)) {
		blank(out);
		out = in;
	}
	if (in == out)
		return one(loop, in, LEAT_BOTH);
	if (!is_file(in) && !is_file(out))
		return leat_flow_from_fds(loop, in, out);
	return joint_flow(loop, one(loop, in, LEAT_READ), one(loop, out, LEAT_WRITE));
}

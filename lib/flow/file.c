/* SPDX-License-Identifier: ISC */
/* file - a regular file, or a part of it, to be read as a flow
 *
 * A file is always ready, so a read is a pread(2) inside the call: from the page
 * cache a copy, else it waits for the disk, and with it the loop.  The position
 * is ours, not the descriptor's, which may be shared.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <leat/flow_ops.h>

enum { PIECE_BYTES = 65536 };

struct file {
	int fd;
	int64_t offset; /* of the next byte */
	uint64_t left;  /* that are wanted; the last of them has an offset, too */
};

static void file_read(leat_flow *self, void *state)
{
	struct file *f = state;
	size_t most = f->left < PIECE_BYTES ? (size_t)f->left : PIECE_BYTES;
	leat_buf *buf = most ? leat_buf_new(leat_flow_loop(self), most) : NULL;
	ssize_t bytes = 0;

	if (buf && leat_buf_failed(buf)) {
		leat_flow_give_error(self, leat_error_core(LEAT_NOMEM));
		return;
	}
	if (buf)
		bytes = pread(f->fd, leat_buf_space(buf), most, (off_t)f->offset);
	if (bytes > 0) {
		f->offset += bytes;
		f->left -= (uint64_t)bytes;
		leat_buf_cut(buf, (size_t)bytes);
		leat_flow_give(self, buf);
		return;
	}
	leat_buf_unref(buf);
	if (bytes == 0)
		leat_flow_give_end(self);
	else
		leat_flow_give_error(self, leat_error_errno(errno));
}

static void file_end(leat_flow *self, void *state)
{
	(void)self;
	close(((struct file *)state)->fd);
}

static void file_info(leat_flow *self, void *state, leat_flow_info *info)
{
	(void)self;
	info->fd = ((struct file *)state)->fd;
}

static bool file_lease(leat_flow *self, void *state, leat_lease *lease)
{
	const struct file *f = state;

	(void)self;
	lease->fd = f->fd;
	lease->offset = f->offset;
	lease->left = f->left;
	return true;
}

static void file_leased(leat_flow *self, void *state, const leat_lease *lease, size_t bytes)
{
	struct file *f = state;

	(void)self;
	(void)bytes;
	f->offset = lease->offset;
	f->left = lease->left;
}

static const leat_flow_ops file_ops = {
	.size = sizeof file_ops,
	.name = "file",
	.state_bytes = sizeof(struct file),
	.directions = LEAT_READ,
	.read = file_read,
	.close = file_end,
	.abort = file_end,
	.info = file_info,
	.lease_fd = file_lease,
	.leased = file_leased,
};

/* ---- making ---- */

static uint64_t at_most(uint64_t bytes, int64_t offset)
{
	uint64_t most = (uint64_t)(INT64_MAX - offset);

	return bytes < most ? bytes : most;
}

static leat_error objection(int fd, int64_t offset)
{
	struct stat stat;

	if (fstat(fd, &stat) < 0)
		return leat_error_errno(errno);
	if (offset < 0 || !S_ISREG(stat.st_mode) || (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY)
		return leat_error_core(LEAT_INVALID);
	return (leat_error){ .domain = NULL };
}

leat_flow *leat_flow_from_file_fd_at(leat_loop *loop, int fd, int64_t offset, uint64_t bytes, const char *where)
{
	leat_error error = objection(fd, offset);
	leat_flow *flow;
	void *state;

	error.where = where;
	flow = leat_error_set(error) ? leat_flow_stillborn(loop, error) : leat_flow_new_at(loop, &file_ops, &state, where);
	if (!leat_error_set(error) && state)
		*(struct file *)state = (struct file){ .fd = fd, .offset = offset, .left = at_most(bytes, offset) };
	else if (fd >= 0)
		close(fd);
	return flow;
}

leat_flow *leat_flow_from_file_at(leat_loop *loop, const char *path, int64_t offset, uint64_t bytes, const char *where)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* whatever stands there, it does not wait */

	if (fd < 0)
		return leat_flow_stillborn(loop, leat_error_make_at(&leat_errno_errors, errno, where));
	return leat_flow_from_file_fd_at(loop, fd, offset, bytes, where);
}

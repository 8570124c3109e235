/* SPDX-License-Identifier: ISC */
/* file - a flow over a regular file: from where it stands to its end, or written
 *
 * A file is always ready, and nothing can be waited for.
 */
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include <leat/flow_ops.h>

#include "file.h"

enum { CHUNK_BYTES = 64 * 1024, PARTS = 16 };

struct file {
	int fd; /* -1: closed */
};

static ssize_t read_some(int fd, void *memory, size_t room)
{
	ssize_t bytes;

	do
		bytes = read(fd, memory, room);
	while (bytes < 0 && errno == EINTR);
	return bytes;
}

static void file_read(leat_flow *self, void *state)
{
	const struct file *f = state;
	leat_buf *buf = leat_buf_new(leat_flow_loop(self), CHUNK_BYTES);
	ssize_t bytes = leat_buf_failed(buf) ? 0 : read_some(f->fd, leat_buf_space(buf), CHUNK_BYTES);

	if (bytes > 0) {
		leat_buf_cut(buf, (size_t)bytes);
		leat_flow_give(self, buf);
		return;
	}
	if (leat_buf_failed(buf))
		leat_flow_give_error(self, leat_error_core(LEAT_NOMEM));
	else if (bytes < 0)
		leat_flow_give_error(self, leat_error_errno(errno));
	else
		leat_flow_give_end(self);
	leat_buf_unref(buf);
}

static void file_write(leat_flow *self, void *state, leat_bufs *queue)
{
	const struct file *f = state;
	struct iovec parts[PARTS];

	while (leat_bufs_size(queue) > 0) {
		ssize_t bytes = writev(f->fd, parts, leat_bufs_iovec(queue, parts, PARTS));

		if (bytes >= 0) {
			leat_bufs_drop(queue, (size_t)bytes);
		} else if (errno != EINTR) {
			leat_flow_write_failed(self, leat_error_errno(errno));
			return;
		}
	}
}

static void file_shutdown(leat_flow *self, void *state)
{
	leat_flow_told(self);
}

static void file_end(leat_flow *self, void *state)
{
	struct file *f = state;

	close(f->fd);
	f->fd = -1;
}

#define FILE_OPS(direction)                                                                         \
	{                                                                                           \
		.size = sizeof(leat_flow_ops), .name = "file", .state_bytes = sizeof(struct file),  \
		.directions = (direction), .read = file_read, .write = file_write,                  \
		.shutdown = file_shutdown, .close = file_end, .abort = file_end                     \
	}

static const leat_flow_ops file_ops[] = {
	[LEAT_READ] = FILE_OPS(LEAT_READ),
	[LEAT_WRITE] = FILE_OPS(LEAT_WRITE),
	[LEAT_BOTH] = FILE_OPS(LEAT_BOTH),
};

leat_flow *file_flow(leat_loop *loop, int fd, leat_direction direction)
{
	void *state;
	leat_flow *self = leat_flow_new(loop, &file_ops[direction], &state);
	struct file *f = state;

	if (f)
		f->fd = fd;
	else
		close(fd);
	return self;
}

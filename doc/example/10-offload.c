/* SPDX-License-Identifier: ISC */
/* 10-offload - a call that blocks, while the loop goes on
 *
 * A regular file is always ready, and reading it blocks all the same.  So a
 * thread of the loop's reads it; what it found comes back as an io's value.
 * Meanwhile it posts how far it is.
 */
#include <leat/leat.h>

#include <errno.h>
#include <stdio.h>

struct file {
	const char *path;
	leat_remote *reporter;
	int reports; /* the loop's */
};

/* On the loop's thread. */
static void on_report(void *file, leat_loop *loop)
{
	((struct file *)file)->reports++;
}

/* On another one: may block, and may not touch the loop. */
static void count_bytes(void *ctx, leat_remote_maker answer)
{
	struct file *file = ctx;
	char page[4096];
	int64_t bytes = 0;
	size_t got;
	FILE *in = fopen(file->path, "rb");

	if (!in) {
		leat_remote_reject(answer, leat_error_errno(errno));
		return;
	}
	while (leat_remote_live(answer) && (got = fread(page, 1, sizeof page, in)) > 0) {
		bytes += (int64_t)got;
		leat_post(file->reporter, on_report, leat_ctx_borrow(file));
	}
	fclose(in);
	leat_remote_resolve_int(answer, bytes);
}

int main(int argc, char **argv)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	struct file me = { .path = argv[0], .reporter = leat_remote_new(loop) };
	struct file nobody = { .path = "/nowhere/at/all", .reporter = me.reporter };
	leat_error why;

	int64_t bytes = leat_await_int(leat_offload(loop, count_bytes, leat_ctx_borrow(&me)), NULL);
	leat_await_int(leat_offload(loop, count_bytes, leat_ctx_borrow(&nobody)), &why);
	printf("%lld bytes in %d pages\n", (long long)bytes, me.reports);
	leat_remote_unref(me.reporter);
	leat_loop_free(loop);
	return bytes > 0 && me.reports == (bytes + 4095) / 4096 && leat_error_is(why, LEAT_NOT_FOUND) ? 0 : 1;
}

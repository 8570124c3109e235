/* SPDX-License-Identifier: ISC */
/* parked - what a fiber that waits costs in memory
 *
 *	parked [COUNT]
 *
 * That many fibers, 100,000 unless said, are made and parked at once. Prints the
 * resident memory each of them has added, that of page tables beside it, and how many
 * mappings the process has. */
#include <err.h>
#include <leat/fiber.h>
#include <leat/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const long limit_bytes = 8192;

static leat_maker *makers;
static long failed;

static leat_io *
wait_for_it(void *maker, leat_loop *loop)
{
	leat_await(leat_io_new(loop, (leat_maker *)maker, NULL, NULL), NULL);
	return NULL;
}

static leat_io *
count_failure(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	failed++;
	return NULL;
}

/* A line of /proc/self/status, in bytes. */
static long
status(const char *name)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	long kib = 0;

	while (file && fgets(line, sizeof line, file))
		if (strncmp(line, name, strlen(name)) == 0)
			kib = atol(line + strlen(name));
	if (file)
		fclose(file);
	return kib * 1024;
}

static long
mappings(void)
{
	FILE *file = fopen("/proc/self/maps", "r");
	long lines = 0;
	int c;

	while (file && (c = getc(file)) != EOF)
		lines += c == '\n';
	if (file)
		fclose(file);
	return lines;
}

static void
run_all(leat_loop *loop)
{
	while (leat_loop_run_ready(loop) > 0) {
	}
}

int
main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 100000, before, tables, each;
	leat_loop *loop = leat_loop_new(NULL, NULL);

	makers = calloc((size_t)count, sizeof *makers);
	if (!loop || !makers)
		errx(1, "no memory");
	memset(makers, 1, (size_t)count * sizeof *makers);	/* so that they are in the sum before */
	before = status("VmRSS:");
	tables = status("VmPTE:");
	for (long i = 0; i < count; i++) {
		leat_io *io = leat_fiber(loop, wait_for_it, leat_ctx_borrow(&makers[i]));

		leat_io_detach(leat_io_catch(io, leat_match_all(), count_failure, leat_ctx_none()));
	}
	run_all(loop);
	count -= failed;
	each = (status("VmRSS:") - before) / (count ? count : 1);
	printf("    %ld parked, %ld refused: %ld B resident each, %ld B of page tables, %ld mappings", count, failed, each,
	    (status("VmPTE:") - tables) / (count ? count : 1), mappings());
	printf("  gate %ld: %s\n", limit_bytes, each <= limit_bytes && !failed ? "reached" : "MISSED");
	for (long i = 0; i < count; i++)
		if (leat_maker_live(makers[i]))
			leat_resolve(makers[i]);
	run_all(loop);
	printf("    afterwards: %ld KiB resident\n", status("VmRSS:") / 1024);
	leat_loop_free(loop);
	free(makers);
	return 0;
}

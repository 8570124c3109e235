/* SPDX-License-Identifier: ISC */
/* cpu - what an operation costs a server in processor time, against the first one named
 *
 *   cpu [-r ROUNDS] [-o ROW] [-g GATED] [-p] SERVER...
 *
 * A round runs every server once under the same load, each in a new process, and begins
 * with another one each time; a ratio is the median over the rounds of this server's
 * cost by the first one's in the same round, with the quartiles beside it. Name the
 * first server twice: that row shows what is noise. SERVER:FORM answers echoes in that
 * form of its own (server:fiber) and has no part in other rows. The clock read is the
 * server's own processor clock, user and kernel time, from the open gate to the last
 * answer. */
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/drive.h"

enum { MAX_SERVERS = 8, MAX_ROUNDS = 99 };

struct row {
	const char *name, *mode, *unit;
	double operations;
	const char *const *load;
};

#define WORDS(...) (const char *const[]){ __VA_ARGS__, NULL }

static const struct row rows[] = {
	{ "64 B, 64 connections", "echo", "message", 8000,
	    WORDS("echo", "-c64", "-s64", "-n8000") },
	{ "64 B, 1000 connections", "echo", "message", 16000,
	    WORDS("echo", "-c1000", "-s64", "-n16000") },
	{ "16 KiB, 16 connections", "echo", "message", 12000,
	    WORDS("echo", "-c16", "-s16384", "-n12000") },
	{ "64 KiB blocks in", "sink", "64 KiB", 3072,
	    WORDS("in", "-c4", "-b201326592") },
	{ "64 KiB blocks out", "source", "64 KiB", 3072,
	    WORDS("out", "-c4", "-b201326592") },
	{ "connect, echo, close", "echo", "connection", 3000,
	    WORDS("churn", "-c16", "-s64", "-n3000") },
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static const double limit = 1.05;	/* what still counts as the same */
static const char *gated;
static double cost[MAX_SERVERS][MAX_ROUNDS];
static int servers, rounds = 15;

static bool
takes_part(const char *server, const struct row *row)
{
	return !strchr(server, ':') || strcmp(row->mode, "echo") == 0;
}

static double
measure(const char *server, const struct row *row)
{
	const char *form = strchr(server, ':');
	int64_t before, after;
	char name[64];
	struct server s;
	struct load l;

	snprintf(name, sizeof name, "%.*s", (int)strcspn(server, ":"), server);
	s = server_start(name, form ? form + 1 : row->mode);
	l = load_start(&s, row->load);
	load_wait_ready(&l);
	before = server_cpu_ns(&s);
	load_go(&l);
	load_wait_ready(&l);
	after = server_cpu_ns(&s);
	load_stop(&l);
	server_stop(&s);
	return (double)(after - before) / row->operations;
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
print_ratio(const char *name, int s)
{
	double r[MAX_ROUNDS], median;

	for (int i = 0; i < rounds; i++)
		r[i] = cost[s][i] / cost[0][i];
	qsort(r, (size_t)rounds, sizeof *r, by_size);
	median = r[rounds / 2];
	printf("    %-12s %5.2f  (%.2f - %.2f)%s\n", name, median, r[rounds / 4],
	    r[rounds - 1 - rounds / 4], !gated || strcmp(name, gated) != 0 ? "" :
	    median <= limit ? "  gate 1.05: reached" : "  gate 1.05: MISSED");
}

static void
run_row(const struct row *row, char **names)
{
	double base[MAX_ROUNDS];

	for (int i = 0; i < rounds; i++)
		for (int s = 0; s < servers; s++) {
			int which = (s + i) % servers;

			if (takes_part(names[which], row))
				cost[which][i] = measure(names[which], row);
		}
	memcpy(base, cost[0], sizeof base);
	qsort(base, (size_t)rounds, sizeof *base, by_size);
	printf("%s: %s %.0f ns a %s\n", row->name, names[0], base[rounds / 2], row->unit);
	for (int s = 1; s < servers; s++)
		if (takes_part(names[s], row))
			print_ratio(names[s], s);
	fflush(stdout);
}

static void
usage(void)
{
	fprintf(stderr, "usage: cpu [-p] [-r ROUNDS] [-o PART-OF-ROW] [-g GATED] SERVER...\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	const char *only = "";
	int o;

	while ((o = getopt(argc, argv, "pr:o:g:")) != -1)
		switch (o) {
		case 'p': drive_pin(0, 1); break;
		case 'r': rounds = atoi(optarg); break;
		case 'o': only = optarg; break;
		case 'g': gated = optarg; break;
		default: usage();
		}
	servers = argc - optind;
	if (servers < 1 || servers > MAX_SERVERS || rounds < 1 || rounds > MAX_ROUNDS)
		usage();
	for (int i = 0; i < ROWS; i++)
		if (strstr(rows[i].name, only) && takes_part(argv[optind], &rows[i]))
			run_row(&rows[i], argv + optind);
	return 0;
}

/* SPDX-License-Identifier: ISC */
/* rss - what an idle connection costs a server in resident memory
 *
 *   rss [-c CONNS] [-g GATED -l BYTES] SERVER...
 *
 * The growth from the listening server to the one with CONNS connections that have each
 * had one 64 B message echoed, by their number: all told. Once with 64 of them speaking
 * at a time, as a service sees them come, and once with all in one moment: what that
 * moment leaves behind is shown beside it. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/drive.h"

static const char *conns = "10000";

static double
measure(const char *name, const char *speaking)
{
	struct server s = server_start(name, "echo");
	const char *const words[] = { "idle", "-c", conns, "-u", speaking, NULL };
	struct load l = load_start(&s, words);
	long before, after;

	load_wait_ready(&l);	/* the first ones are connected: the rest of them counts too */
	before = server_rss_bytes(&s);
	load_go(&l);
	load_wait_ready(&l);
	after = server_rss_bytes(&s);
	load_go(&l);
	load_stop(&l);
	server_stop(&s);
	return (double)(after - before) / atof(conns);
}

static void
raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (files.rlim_max < (rlim_t)atol(conns) + 64)
		errx(1, "%s connections need more descriptors than the %ju allowed", conns,
		    (uintmax_t)files.rlim_max);
}

int
main(int argc, char **argv)
{
	const char *gated = "";
	double limit = 0;
	int o;

	while ((o = getopt(argc, argv, "c:g:l:")) != -1)
		switch (o) {
		case 'c': conns = optarg; break;
		case 'g': gated = optarg; break;
		case 'l': limit = atof(optarg); break;
		default: errx(2, "usage: rss [-c CONNS] [-g GATED -l BYTES] SERVER...");
		}
	raise_files();
	for (int i = optind; i < argc; i++) {
		double calm = measure(argv[i], "64"), burst = measure(argv[i], conns);

		printf("    %-12s %5.0f bytes, after a burst %.0f", argv[i], calm, burst);
		if (strcmp(argv[i], gated) == 0)
			printf("  gate %.0f: %s", limit, calm <= limit ? "reached" : "MISSED");
		printf("\n");
		fflush(stdout);
	}
	return 0;
}

/* SPDX-License-Identifier: ISC */
/* tls_cpu - what an operation costs a TLS server in processor time, against others
 *
 *	tls_cpu CERT KEY [ROUNDS [ROW]]
 *
 * A round runs each server once under the same load, each in a new process; a ratio is
 * the median over the rounds of another's cost by leat's, or of leat's by another's, as
 * the row's gate has it. The clock is the server's own processor clock, user and kernel
 * time, from the open gate to the last answer. Programs are found beside this one. */
#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 99, SERVERS = 4 };

/* The last is what is left without any library but OpenSSL, to see how far a gate can go. */
static const char *const names[SERVERS] = { "server", "tls_bufferevent", "tls_epoll", "tls_epoll lean" };
static const char *const programs[SERVERS] = { "server", "tls_bufferevent", "tls_epoll", "tls_epoll" };

static const struct row {
	const char *name, *unit, *mode, *load, *connections, *bytes, *amount;
	double operations;
	int other;   /* which the gate is about */
	double gate; /* above 1: the other's cost by ours, at least; else ours by the other's, at most 1.05 */
} rows[] = {
	{ "64 B, 64 connections", "message", "echo", "echo", "64", "64", "32000", 32000, 1, 1.4 },
	{ "16 KiB, 16 connections", "message", "echo", "echo", "16", "16384", "8000", 8000, 1, 1.7 },
	{ "bulk in", "64 KiB", "sink", "in", "4", "0", "128", 2048, 2, 0 },
	{ "bulk out", "64 KiB", "source", "out", "4", "0", "128", 2048, 2, 0 },
	{ "full handshake", "handshake", "echo", "shake", "1", "0", "400", 400, 2, 0 },
};

static const char *cert, *key;
static char folder[PATH_MAX - 64];

struct child {
	pid_t pid;
	FILE *out;
	int in;
};

static void
become(const char *name, char **argv, const int in[2], const int out[2])
{
	char path[PATH_MAX];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(in[0], 0);
	dup2(out[1], 1);
	snprintf(path, sizeof path, "%s/%s", folder, name);
	execv(path, argv);
	err(127, "%s", path);
}

static struct child
start(const char *name, char **argv)
{
	struct child c;
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || (c.pid = fork()) < 0)
		err(1, "fork");
	if (c.pid == 0)
		become(name, argv, in, out);
	close(in[0]);
	close(out[1]);
	c.in = in[1];
	c.out = fdopen(out[0], "r");
	return c;
}

static void
end(struct child *c)
{
	close(c->in);
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	fclose(c->out);
}

static void
hear(struct child *c, const char *word)
{
	char line[128];

	do
		if (!fgets(line, sizeof line, c->out))
			errx(1, "no \"%s\"", word);
	while (strncmp(line, word, strlen(word)) != 0);
}

static double
cpu_ns(pid_t pid)
{
	clockid_t clock;
	struct timespec t;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) < 0)
		errx(1, "no processor clock of %d", (int)pid);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

#define WORD(text) ((char *)(uintptr_t)(text))

static double
measure(int which, const struct row *row)
{
	char *leats[] = { WORD("server"), WORD("0"), WORD("tls"), WORD(row->mode), WORD(cert), WORD(key), NULL };
	char *others[] = { WORD(programs[which]), WORD("0"), WORD(row->mode), WORD(cert), WORD(key),
		which == 3 ? WORD("lean") : NULL, NULL };
	struct child server = start(programs[which], which == 0 ? leats : others), load;
	char port[16];
	int number;
	double before, after;

	if (fscanf(server.out, "listening %d", &number) != 1)
		errx(1, "%s: no word of its port", programs[which]);
	snprintf(port, sizeof port, "%d", number);
	load = start("tls_load", (char *[]){ WORD("tls_load"), port, WORD(row->load), WORD(row->connections),
	    WORD(row->bytes), WORD(row->amount), NULL });
	hear(&load, "ready");
	before = cpu_ns(server.pid);
	if (write(load.in, "\n", 1) != 1)
		err(1, "the gate");
	hear(&load, "done");
	after = cpu_ns(server.pid);
	end(&load);
	end(&server);
	return (after - before) / row->operations;
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double
median(const double *of, int n)
{
	double sorted[ROUNDS];

	memcpy(sorted, of, (size_t)n * sizeof *of);
	qsort(sorted, (size_t)n, sizeof *sorted, by_size);
	return sorted[n / 2];
}

static void
run_row(const struct row *row, int rounds)
{
	double cost[SERVERS][ROUNDS], ratio[ROUNDS];

	for (int r = 0; r < rounds; r++)
		for (int i = 0; i < SERVERS; i++)
			cost[(i + r) % SERVERS][r] = measure((i + r) % SERVERS, row);
	printf("    %-24s", row->name);
	for (int i = 0; i < SERVERS; i++)
		printf(" %s %.2f us", names[i], median(cost[i], rounds) / 1000);
	for (int r = 0; r < rounds; r++)
		ratio[r] = row->gate > 1 ? cost[row->other][r] / cost[0][r] : cost[0][r] / cost[row->other][r];
	if (row->gate > 1)
		printf("  %s by ours %.2f  gate %.1f: %s\n", programs[row->other], median(ratio, rounds), row->gate,
		    median(ratio, rounds) >= row->gate ? "reached" : "MISSED");
	else
		printf("  ours by %s %.2f  gate 1.05: %s\n", programs[row->other], median(ratio, rounds),
		    median(ratio, rounds) <= 1.05 ? "reached" : "MISSED");
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	int rounds = argc > 3 ? atoi(argv[3]) : 9;
	char *slash;

	if (argc < 3 || rounds < 1 || rounds > ROUNDS)
		errx(2, "usage: tls_cpu CERT KEY [ROUNDS [ROW]]");
	cert = argv[1];
	key = argv[2];
	if (readlink("/proc/self/exe", folder, sizeof folder - 1) < 0 || !(slash = strrchr(folder, '/')))
		err(1, "/proc/self/exe");
	*slash = 0;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (argc < 5 || strcmp(argv[4], rows[i].name) == 0)
			run_row(&rows[i], rounds);
	return 0;
}

/* SPDX-License-Identifier: ISC */
/* drive - start a server and its load, and know when each is ready */
#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/drive.h"

enum { MAX_WORDS = 24, SERVER, LOAD, SIDES };

static int cpu_of[SIDES] = { [SERVER] = -1, [LOAD] = -1 };

void
drive_pin(int server_cpu, int load_cpu)
{
	cpu_of[SERVER] = server_cpu;
	cpu_of[LOAD] = load_cpu;
}

static void
beside(char *path, size_t n, const char *name)
{
	char self[PATH_MAX] = "";
	char *slash;

	if (strchr(name, '/')) {
		snprintf(path, n, "%s", name);
		return;
	}
	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
		err(1, "/proc/self/exe");
	slash = strrchr(self, '/');
	if (slash)
		*slash = 0;
	if (snprintf(path, n, "%s/%s", self, name) >= (int)n)
		errx(1, "path too long");
}

/* execv takes strings that it does not write. */
static char *
word(const char *constant)
{
	union {
		const char *in;
		char *out;
	} same = { .in = constant };

	return same.out;
}

static void
become(int side, const char *path, char *const *argv, int in, int out)
{
	cpu_set_t one;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (cpu_of[side] >= 0) {
		CPU_ZERO(&one);
		CPU_SET(cpu_of[side], &one);
		sched_setaffinity(0, sizeof one, &one);
	}
	if (in >= 0)
		dup2(in, 0);
	dup2(out, 1);
	execv(path, argv);
	err(127, "%s", path);
}

/* Reads one line without reading past it: there is one reader a line, and few lines. */
static int
read_line(int fd, char *line, size_t n)
{
	size_t at = 0;

	while (at + 1 < n && read(fd, line + at, 1) == 1 && line[at] != '\n')
		at++;
	line[at] = 0;
	return at > 0;
}

struct server
server_start(const char *name, const char *mode)
{
	struct server s = { 0 };
	char path[PATH_MAX], line[64], *argv[] = { path, word("0"), word(mode), NULL };
	int out[2];

	beside(path, sizeof path, name);
	if (pipe2(out, O_CLOEXEC) < 0 || (s.pid = fork()) < 0)
		err(1, "fork");
	if (s.pid == 0)
		become(SERVER, path, argv, -1, out[1]);
	close(out[1]);
	if (!read_line(out[0], line, sizeof line) || sscanf(line, "listening %d", &s.port) != 1)
		errx(1, "%s: no word of its port", path);
	close(out[0]);
	return s;
}

int64_t
server_cpu_ns(const struct server *s)
{
	clockid_t clock;
	struct timespec t;

	if (clock_getcpuclockid(s->pid, &clock) != 0 || clock_gettime(clock, &t) < 0)
		errx(1, "no processor clock of %d", (int)s->pid);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* VmRSS is counted per processor and late by pages; the sum over the maps is exact. */
long
server_rss_bytes(const struct server *s)
{
	char path[64], line[256];
	long kib = -1;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)s->pid);
	f = fopen(path, "r");
	while (f && kib < 0 && fgets(line, sizeof line, f))
		if (sscanf(line, "Rss: %ld kB", &kib) != 1)
			kib = -1;
	if (kib < 0)
		errx(1, "%s: no Rss", path);
	fclose(f);
	return kib * 1024;
}

void
server_stop(struct server *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
}

struct load
load_start(const struct server *s, const char *const *words)
{
	struct load l = { 0 };
	char path[PATH_MAX], port[16], *argv[MAX_WORDS] = { path, port };
	int in[2], out[2];

	beside(path, sizeof path, "load");
	snprintf(port, sizeof port, "%d", s->port);
	for (int i = 0; words[i] && i + 4 < MAX_WORDS; i++) {
		argv[i + 2] = word(words[i]);
		argv[i + 3] = word("-w");
	}
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || (l.pid = fork()) < 0)
		err(1, "fork");
	if (l.pid == 0)
		become(LOAD, path, argv, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	l.in = in[1];
	l.out = out[0];
	return l;
}

void
load_wait_ready(struct load *l)
{
	char line[256];

	do
		if (!read_line(l->out, line, sizeof line))
			errx(1, "the load ended early");
	while (strcmp(line, "ready") != 0);
}

void
load_go(struct load *l)
{
	if (write(l->in, "\n", 1) != 1)
		err(1, "the load's gate");
}

void
load_stop(struct load *l)
{
	int how;

	close(l->in);
	close(l->out);
	if (waitpid(l->pid, &how, 0) < 0 || !WIFEXITED(how) || WEXITSTATUS(how) != 0)
		errx(1, "the load failed");
}

/* SPDX-License-Identifier: ISC */
/* drive - start a server and its load, and know when each is ready */
#ifndef BENCH_DRIVE_H
#define BENCH_DRIVE_H

#include <stdint.h>
#include <sys/types.h>

struct server {
	pid_t pid;
	int port;
};

/* A load that stands at its gate: see load.c. */
struct load {
	pid_t pid;
	int in, out;
};

/* Programs are found beside this one. Each of these ends the program with a word about
 * the reason when it cannot do its work; what was started ends with it. */
void drive_pin(int server_cpu, int load_cpu);
struct server server_start(const char *name, const char *mode);
int64_t server_cpu_ns(const struct server *);
long server_rss_bytes(const struct server *);
void server_stop(struct server *);

/* `words` are the load's arguments after the port, NULL-terminated. */
struct load load_start(const struct server *, const char *const *words);
void load_wait_ready(struct load *);
void load_go(struct load *);
void load_stop(struct load *);

#endif

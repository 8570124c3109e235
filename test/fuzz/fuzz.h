/* SPDX-License-Identifier: ISC */
/* fuzz.h - a file becomes a fuzz target, and a program that replays its corpus
 *
 *	#include "fuzz/fuzz.h"
 *
 *	static void frames(fuzz *f) { ... fuzz_byte(f) ... fuzz_must(what is true) ... }
 *
 *	FUZZ("frame", frames)
 *
 * With LT_FUZZ it is libFuzzer's function and nothing else. Without, it is a main
 * that runs over the files it is given, or over all of test/fuzz/corpus/NAME.
 *
 * A deed that needs a loop opens a fuzz_world: its n-th allocation fails where the
 * input says so, and closing it wants every allocation back.
 */
#ifndef TEST_FUZZ_FUZZ_H
#define TEST_FUZZ_FUZZ_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include <leat/io.h>
#include <leat/loop.h>

#define fuzz_must(condition)                                                                  \
	do {                                                                                  \
		if (!(condition)) {                                                           \
			fprintf(stderr, "%s:%d: %s is false\n", __FILE__, __LINE__, #condition); \
			abort();                                                              \
		}                                                                             \
	} while (0)

/* Not looked at by the fuzzer, which would learn of each byte that a loop sees; nor made
 * a part of what it looks at. */
#ifdef __clang__
#define FUZZ_UNSEEN __attribute__((noinline, no_sanitize("coverage")))
#else
#define FUZZ_UNSEEN
#endif

/* ---- the input ---- */

/* What is left of it. */
typedef struct fuzz {
	const unsigned char *at;
	size_t bytes;
} fuzz;

/* The next byte; 0 where there is none. */
static inline unsigned fuzz_byte(fuzz *f)
{
	if (f->bytes == 0)
		return 0;
	f->bytes--;
	return *f->at++;
}

/* At most `*bytes` bytes of it. */
static inline const unsigned char *fuzz_bytes(fuzz *f, size_t *bytes)
{
	const unsigned char *at = f->at;

	if (*bytes > f->bytes)
		*bytes = f->bytes;
	f->at += *bytes;
	f->bytes -= *bytes;
	return at;
}

/* ---- a loop ---- */

struct fuzz_world {
	leat_loop *loop;
	leat_memory memory;
	size_t calls, live;
	size_t fail_at; /* from 1; 0: none fails */
	bool failed;    /* one did */
};

static inline void *fuzz_alloc(void *ctx, size_t bytes)
{
	struct fuzz_world *w = ctx;
	void *memory = NULL;

	if (++w->calls == w->fail_at)
		w->failed = true;
	else
		memory = malloc(bytes);
	w->live += memory != NULL;
	return memory;
}

static inline void fuzz_release(void *ctx, void *memory)
{
	struct fuzz_world *w = ctx;

	w->live--;
	free(memory);
}

/* One base for all inputs: making one costs more than most of them. False: not
 * even the loop had its memory. */
static inline bool fuzz_open(struct fuzz_world *w, size_t fail_at)
{
	static struct event_base *base;

	if (!base)
		base = event_base_new();
	*w = (struct fuzz_world){ .fail_at = fail_at };
	w->memory = (leat_memory){ .size = sizeof w->memory, .alloc = fuzz_alloc, .release = fuzz_release, .ctx = w };
	w->loop = leat_loop_new(base, &(leat_loop_options){ .size = sizeof(leat_loop_options), .memory = &w->memory });
	fuzz_must(w->loop || w->failed);
	fuzz_must(w->loop || w->live == 0);
	return w->loop;
}

static inline void fuzz_run(struct fuzz_world *w)
{
	while (leat_loop_run_ready(w->loop) > 0) {
	}
}

static inline void fuzz_close(struct fuzz_world *w)
{
	leat_loop_free(w->loop);
	fuzz_must(w->live == 0);
}

/* ---- the program ---- */

typedef void (*fuzz_deed)(fuzz *f);

#ifdef LT_FUZZ

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#define FUZZ(name, deed)                                                \
	int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)   \
	{                                                               \
		(deed)(&(fuzz){ .at = data, .bytes = bytes });          \
		return 0;                                               \
	}

#else

/* In a block of exactly its size, so that a sanitizer sees who reads past it. */
static inline void fuzz_replay(const char *path, fuzz_deed deed)
{
	FILE *file = fopen(path, "rb");
	long bytes;
	unsigned char *data;

	fuzz_must(file && fseek(file, 0, SEEK_END) == 0);
	bytes = ftell(file);
	fuzz_must(bytes >= 0);
	rewind(file);
	data = malloc(bytes > 0 ? (size_t)bytes : 1);
	fuzz_must(data && fread(data, 1, (size_t)bytes, file) == (size_t)bytes);
	fclose(file);
	deed(&(fuzz){ .at = data, .bytes = (size_t)bytes });
	free(data);
}

/* Gives how many there were. */
static inline unsigned fuzz_replay_all(const char *folder, fuzz_deed deed)
{
	struct dirent **files;
	char path[8192];
	int n = scandir(folder, &files, NULL, alphasort);
	unsigned replayed = 0;

	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, files[i]->d_name);
		if (files[i]->d_name[0] != '.') {
			fuzz_replay(path, deed);
			replayed++;
		}
		free(files[i]);
	}
	if (n >= 0)
		free(files);
	return replayed;
}

static inline int fuzz_main(int argc, char **argv, const char *name, fuzz_deed deed)
{
	const char *srcdir = getenv("srcdir");
	char folder[4000];
	unsigned replayed;

	for (int i = 1; i < argc; i++)
		fuzz_replay(argv[i], deed);
	if (argc > 1)
		return EXIT_SUCCESS;
	snprintf(folder, sizeof folder, "%s/test/fuzz/corpus/%s", srcdir ? srcdir : ".", name);
	replayed = fuzz_replay_all(folder, deed);
	printf("%u inputs of %s\n", replayed, folder);
	return replayed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define FUZZ(name, deed)                                        \
	int main(int argc, char **argv)                         \
	{                                                       \
		return fuzz_main(argc, argv, (name), (deed));   \
	}

#endif
#endif

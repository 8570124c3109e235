/* SPDX-License-Identifier: ISC */
/* tally - what was carried, and how it ended: the lines of --stats */
#ifndef TOOL_LEAT_TALLY_H
#define TOOL_LEAT_TALLY_H

#include <stdio.h>

#include <leat/leat.h>

/* "There" is towards the target. */
struct tally {
	uint64_t opened, failed;
	uint64_t there, back; /* bytes, of the connections that have ended */
	size_t live, most;
	int64_t begun_ms;
};

/* One connection. */
struct tale {
	uint64_t number;
	const char *from;
	uint64_t there, back;
	int64_t took_ms;
	leat_error error; /* none: it ended in order */
};

void tally_open(struct tally *tally);
/* Adds it. */
void tally_close(struct tally *tally, const struct tale *tale);
void tale_print(const struct tale *tale, FILE *out);
void tally_print(const struct tally *tally, int64_t now_ms, FILE *out);

#endif

/* SPDX-License-Identifier: ISC */
/* rows - run each named piece of work and print what one round of it costs */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include <stddef.h>

struct row {
	const char *name;
	void (*run)(long rounds);
};

/* Prints `name nanoseconds` a line, in the processor time of the process: the least of
 * many batches of a millisecond each. With words, only the rows so named; NAME=ROUNDS
 * runs that one once with so many rounds, to be counted from outside. */
void rows_print(const struct row *rows, size_t count, char *const *words);

#endif

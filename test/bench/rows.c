/* SPDX-License-Identifier: ISC */
/* rows - run each named piece of work and print what one round of it costs */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/rows.h"

enum { BATCHES = 40 };

static const double batch_ns = 1e6;

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double
cost(const struct row *row, long rounds)
{
	double began = now_ns();

	row->run(rounds);
	return now_ns() - began;
}

static double
least(const struct row *row)
{
	long rounds = 1;
	double best;

	while ((best = cost(row, rounds)) < batch_ns)
		rounds *= 2;
	for (int i = 0; i < BATCHES; i++) {
		double ns = cost(row, rounds);

		if (ns < best)
			best = ns;
	}
	return best / (double)rounds;
}

/* NAME or NAME=ROUNDS; gives the rounds, 0: to be found out, -1: another row. */
static long
wanted(const char *name, const char *word)
{
	size_t n = strlen(name);

	if (strncmp(word, name, n) != 0 || (word[n] && word[n] != '='))
		return -1;
	return word[n] ? atol(word + n + 1) : 0;
}

static void
print_row(const struct row *row, long rounds)
{
	printf("%s %.2f\n", row->name, rounds ? cost(row, rounds) / (double)rounds : least(row));
	fflush(stdout);
}

void
rows_print(const struct row *rows, size_t count, char *const *words)
{
	for (size_t i = 0; i < count; i++) {
		if (!*words)
			print_row(&rows[i], 0);
		for (char *const *w = words; *w; w++)
			if (wanted(rows[i].name, *w) >= 0)
				print_row(&rows[i], wanted(rows[i].name, *w));
	}
}

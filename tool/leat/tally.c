/* SPDX-License-Identifier: ISC */
/* tally - what was carried, and how it ended: the lines of --stats */
#include <inttypes.h>

#include "tally.h"

void tally_open(struct tally *tally)
{
	tally->opened++;
	if (++tally->live > tally->most)
		tally->most = tally->live;
}

void tally_close(struct tally *tally, const struct tale *tale)
{
	tally->live--;
	tally->there += tale->there;
	tally->back += tale->back;
	if (leat_error_set(tale->error))
		tally->failed++;
}

void tale_print(const struct tale *tale, FILE *out)
{
	char words[160] = "in order";

	if (leat_error_set(tale->error))
		leat_error_print(tale->error, words, sizeof words);
	fprintf(out, "leat: %" PRIu64 " %s: %" PRIu64 " there, %" PRIu64 " back, %" PRId64 ".%03" PRId64 " s: %s\n",
		tale->number, tale->from, tale->there, tale->back, tale->took_ms / 1000, tale->took_ms % 1000, words);
}

void tally_print(const struct tally *tally, int64_t now_ms, FILE *out)
{
	int64_t ms = now_ms - tally->begun_ms;

	fprintf(out,
		"leat: %" PRIu64 " taken, %" PRIu64 " failed, %zu open, at most %zu at once: %" PRIu64 " there, %" PRIu64
		" back, %" PRId64 ".%03" PRId64 " s\n",
		tally->opened, tally->failed, tally->live, tally->most, tally->there, tally->back, ms / 1000, ms % 1000);
}

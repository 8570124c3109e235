/* SPDX-License-Identifier: ISC */
/* dump - what is alive, for SIGUSR1 */
#include <unistd.h>

#include "dump.h"

enum { MOST_LINES = 1000 };

void dump_alive(struct journey *journey)
{
	leat_dump_options options = { .size = sizeof options, .most_lines = MOST_LINES,
		.form = isatty(STDERR_FILENO) ? LEAT_DUMP_PRETTY : LEAT_DUMP_TEXT };

	tally_print(&journey->tally, leat_loop_now_ms(journey->loop), stderr);
	leat_dump(journey->loop, stderr, &options);
	fputs("leat: that was all\n", stderr);
}

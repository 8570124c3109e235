/* SPDX-License-Identifier: ISC */
/* settings - what the command line says */
#ifndef TOOL_LEAT_SETTINGS_H
#define TOOL_LEAT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Times in ms; negative: never. */
struct settings {
	size_t connections; /* at once; 0: no limit */
	bool once;
	bool stats;
	int64_t idle_ms;
	int64_t half_open_ms; /* 0: idle_ms */
	int64_t connect_ms;
	int64_t grace_ms;
};

/* Reads argv[1] and on, after the command's name: options may stand anywhere.  *words is
 * set to what is no option, `count` of which there must be.  On --help and
 * --version it says so and exits; where it makes no sense it says why and exits
 * with STATUS_USAGE. */
void settings_read(int argc, char **argv, struct settings *settings, char ***words, int count);

/* Where there is no command: --help and --version do the same, and all else is let be. */
void settings_read_alone(int argc, char **argv);

/* "10", "10s", "500ms", "5m", "2h", "never"; false: none of these. */
bool read_time(const char *text, int64_t *ms);

#endif

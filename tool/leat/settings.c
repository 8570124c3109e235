/* SPDX-License-Identifier: ISC */
/* settings - what the command line says */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "settings.h"
#include "status.h"
#include "usage.h"

static const struct option options[] = {
	{ "connect", required_argument, NULL, 'c' },
	{ "connections", required_argument, NULL, 'n' },
	{ "grace", required_argument, NULL, 'g' },
	{ "half-open", required_argument, NULL, 'o' },
	{ "help", no_argument, NULL, 'h' },
	{ "idle", required_argument, NULL, 'i' },
	{ "once", no_argument, NULL, '1' },
	{ "stats", no_argument, NULL, 's' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

/* A whole number; what follows it through *rest. */
static bool read_number(const char *text, int64_t most, int64_t *number, const char **rest)
{
	int64_t value = 0;

	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++) {
		value = value * 10 + (*text - '0');
		if (value > most)
			return false;
	}
	*number = value;
	*rest = text;
	return true;
}

bool read_time(const char *text, int64_t *ms)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = { { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
	const char *unit;
	int64_t number;

	if (!strcmp(text, "never")) {
		*ms = -1;
		return true;
	}
	if (!read_number(text, 1000000000, &number, &unit))
		return false;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (!strcmp(unit, units[i].name)) {
			*ms = number * units[i].ms;
			return true;
		}
	}
	return false;
}

static void refuse(void)
{
	usage_short(stderr);
	exit(STATUS_USAGE);
}

/* 0 makes sense for a grace only: it is at once. */
static int64_t take_time(const char *name, const char *text, int64_t least)
{
	int64_t ms;

	if (read_time(text, &ms) && (ms < 0 || ms >= least))
		return ms;
	fprintf(stderr, "leat: --%s=%s: a time is %s10, 10s, 500ms, 5m, 2h or never%s\n", name, text, least ? "" : "0, ",
		least ? ", and not 0" : "");
	refuse();
	return 0;
}

static size_t take_count(const char *name, const char *text)
{
	const char *rest;
	int64_t number;

	if (read_number(text, INT32_MAX, &number, &rest) && !*rest && number > 0)
		return (size_t)number;
	fprintf(stderr, "leat: --%s=%s: a number from 1 to %d\n", name, text, INT32_MAX);
	refuse();
	return 0;
}

/* And that was all that was asked for. */
static void say(void (*words)(FILE *out))
{
	words(stdout);
	if (fflush(stdout) == 0 && !ferror(stdout))
		exit(STATUS_DONE);
	perror("leat: standard output");
	exit(STATUS_FAILED);
}

static void take(struct settings *s, int letter)
{
	switch (letter) {
	case 'n':
		s->connections = take_count("connections", optarg);
		break;
	case '1':
		s->once = true;
		break;
	case 's':
		s->stats = true;
		break;
	case 'i':
		s->idle_ms = take_time("idle", optarg, 1);
		break;
	case 'o':
		s->half_open_ms = take_time("half-open", optarg, 1);
		break;
	case 'c':
		s->connect_ms = take_time("connect", optarg, 1);
		break;
	case 'g':
		s->grace_ms = take_time("grace", optarg, 0);
		break;
	case 'h':
		say(usage_long);
		break;
	case 'V':
		say(usage_version);
		break;
	default: /* getopt has said why */
		refuse();
	}
}

static const char letters[] = "1c:g:hi:n:o:sV";

void settings_read_alone(int argc, char **argv)
{
	int letter = getopt_long(argc, argv, letters, options, NULL);

	if (letter == 'h' || letter == 'V')
		take(NULL, letter);
}

void settings_read(int argc, char **argv, struct settings *settings, char ***words, int count)
{
	int letter;

	*settings = (struct settings){ .idle_ms = -1, .connect_ms = 10000, .grace_ms = 30000 };
	while ((letter = getopt_long(argc, argv, letters, options, NULL)) != -1)
		take(settings, letter);
	if (argc - optind != count) {
		fprintf(stderr, "leat: %s\n", argc - optind < count ? "an address is missing" : "that is an address too many");
		refuse();
	}
	*words = argv + optind;
}

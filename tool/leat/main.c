/* SPDX-License-Identifier: ISC */
/* leat - joins streams of bytes, whatever they are made of: see leat(1)
 *
 *	main       which command
 *	settings   its options          usage      what --help says
 *	address    what was written, with option and end; kinds says what may be
 *	complaint  what is wrong with it, and where
 *	route      an address made ready: certificates read, numbers looked at
 *	dial       a route becomes a flow (resolve, program, descriptors, tls, gzip)
 *	session    one connection
 *	service    takes connections: signals, draining, statistics
 *	relay, pipe, echo
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "settings.h"
#include "status.h"
#include "usage.h"

static const struct command {
	const char *name;
	int addresses;
	int (*run)(const struct settings *settings, char **addresses);
} commands[] = {
	{ "relay", 2, relay_command },
	{ "pipe", 1, pipe_command },
	{ "echo", 1, echo_command },
};

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/* What is no command: --help, --version, or wrong. */
static int no_command(int argc, char **argv)
{
	if (argc > 1 && argv[1][0] == '-') {
		settings_read_alone(argc, argv); /* exits where it is one of these */
		fprintf(stderr, "leat: %s: a command comes first, then its options\n", argv[1]);
	} else if (argc > 1) {
		fprintf(stderr, "leat: no such command: %s\n", argv[1]);
	}
	usage_short(stderr);
	return STATUS_USAGE;
}

/* A standard stream that is closed would be the next socket's number, and be taken for
 * the stream. What stands there instead is at its end to be read, and cannot be written
 * to: what goes to standard output is not to vanish. */
static void open_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)!open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
	const struct command *command = argc > 1 ? find(argv[1]) : NULL;
	struct settings settings;
	char **addresses;

	if (!command)
		return no_command(argc, argv);
	open_standard_streams();
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stderr, NULL, _IOLBF, 0); /* a line is one write */
	argv[1] = argv[0]; /* whom getopt names */
	settings_read(argc - 1, argv + 1, &settings, &addresses, command->addresses);
	return command->run(&settings, addresses);
}

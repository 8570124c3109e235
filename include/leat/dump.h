/* SPDX-License-Identifier: ISC */
/* dump - who waits for whom: the live ios of a loop, as a tree
 *
 *	then stuck.c:31, awaited
 *	  all stuck.c:30, 1 of 2 left
 *	    sleep stuck.c:26, settled: nothing
 *	    then stuck.c:27
 *	      read stuck.c:27, of pair stuck.c:22
 *
 * An io stands above what it waits for.  Each line has its kind, the place
 * where it was made, and what there is to say of it; then come the flows and
 * listeners that are open.  Looking changes nothing, takes no memory, and
 * needs the same stack for one io and for a million.
 */
#ifndef LEAT_DUMP_H
#define LEAT_DUMP_H

#include <stdio.h>

#include <leat/api.h>

LEAT_BEGIN

typedef enum leat_dump_form {
	LEAT_DUMP_TEXT,   /* two spaces a level; for logs, and for grep */
	LEAT_DUMP_PRETTY, /* lines drawn in UTF-8, for a person */
	LEAT_DUMP_DOT     /* a graph for dot(1), an arrow to each io that is waited for */
} leat_dump_form;

typedef enum leat_dump_colour {
	LEAT_DUMP_COLOUR_TERMINAL, /* where it goes to a terminal */
	LEAT_DUMP_COLOUR_NEVER,
	LEAT_DUMP_COLOUR_ALWAYS
} leat_dump_colour;

/* All zero but `size` is the default. */
typedef struct leat_dump_options {
	size_t size; /* sizeof(leat_dump_options) */
	leat_dump_form form;
	leat_dump_colour colour; /* of the pretty form; the others have none */
	size_t most_lines;       /* then it is said how many ios are left; 0: all */
	const leat_io *only;     /* this io and what it waits for; NULL: the whole loop */
} leat_dump_options;

/* Writes the dump.  May be called at any time on the loop's thread, also in
 * callbacks, in a cancel, and when there is no memory.  What an io says of
 * itself (leat_leaf's describe) is made harmless for a terminal.  False:
 * `out` did not take all of it. */
LEAT_API bool leat_dump(leat_loop *loop, FILE *out, const leat_dump_options *options);
/* The same to a descriptor, which blocks. */
LEAT_API bool leat_dump_fd(leat_loop *loop, int fd, const leat_dump_options *options);
/* The same to memory: as snprintf, it writes what fits and a NUL, and gives the
 * bytes of all of it. */
LEAT_API size_t leat_dump_text(leat_loop *loop, char *out, size_t room, const leat_dump_options *options);

LEAT_END
#endif

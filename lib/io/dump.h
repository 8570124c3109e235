/* SPDX-License-Identifier: ISC */
/* dump.h - a dump under way, for the files it is made of; and one for the loop's report */
#ifndef LT_IO_DUMP_H
#define LT_IO_DUMP_H

#include <leat/dump.h>

#include "io/io.h"

enum { LT_DUMP_LINE = 1024 };

typedef struct lt_dump {
	leat_loop *loop;
	FILE *file;
	int fd;
	char *memory;
	size_t room, bytes; /* of memory */
	bool ok, colour;
	leat_dump_form form;
	size_t most, lines;
	size_t hidden;         /* ios that found no line */
	const leat_io *passed; /* a tree that had its turn */
	/* for the graph: the last line's first and last io */
	const leat_io *first, *last;
	size_t used, columns;
	char line[LT_DUMP_LINE];
} lt_dump;

/* ---- dump_line.c ---- */
/* Bytes of ours. */
void lt_dump_put(lt_dump *d, const char *text);
/* Words of others: they are not to speak to the terminal, nor end a label. */
void lt_dump_put_harmless(lt_dump *d, const char *text);
void lt_dump_putf(lt_dump *d, const char *format, ...) LEAT_PRINTF(2, 3);
/* The code of a colour, where there are colours; plain: its end. */
#define LT_DUMP_BOLD "\033[1m"
void lt_dump_colour(lt_dump *d, const char *code);
void lt_dump_plain(lt_dump *d);
/* Sends the line. */
void lt_dump_end_line(lt_dump *d);

/* ---- dump_say.c ---- */
void lt_dump_say(lt_dump *d, const leat_io *io, size_t times, bool is_root);

/* ---- dump.c ---- */
/* Reports that the io is awaited there in vain, and what waits for what, the io first; a
 * bounded number of lines.  The hook may do away with the io, and with the loop. */
void lt_dump_deadlock(leat_loop *loop, leat_io *io, const char *where);

#endif

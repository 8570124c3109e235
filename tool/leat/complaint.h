/* SPDX-License-Identifier: ISC */
/* complaint - what is wrong with an address, with a finger on the place
 *
 *	leat: no such kind of address: tpc
 *	  tls:tpc:localhost:80
 *	      ^~~
 */
#ifndef TOOL_LEAT_COMPLAINT_H
#define TOOL_LEAT_COMPLAINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A run of bytes in an address. */
struct piece {
	size_t at, bytes;
};

struct complaint {
	char words[256];
	const char *text; /* the address, borrowed; NULL: about none */
	struct piece place;
};

/* Fills it in; gives false, so that a check can end with it. */
bool complain(struct complaint *why, const char *text, struct piece place, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* That nothing can be begun. */
extern const struct complaint no_loop;
/* Three lines, or one; what a terminal might obey is shown as "?". */
void complaint_print(const struct complaint *why, FILE *out);
/* The same on standard error; gives the status. */
int complaint_refuse(const struct complaint *why, int status);
/* Prints words that may hold bytes of others. */
void print_harmless(const char *text, size_t bytes, FILE *out);

#endif

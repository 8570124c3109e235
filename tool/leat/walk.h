/* SPDX-License-Identifier: ISC */
/* walk - how far an address has been read; inside of address.c, option.c and end.c
 *
 * What is decoded goes into a copy of the text, which it fits in: each string is at
 * most as long as it was written, and the separator that followed makes room for its
 * NUL.
 */
#ifndef TOOL_LEAT_WALK_H
#define TOOL_LEAT_WALK_H

#include "address.h"
#include "kinds.h"

struct walk {
	const char *text;
	size_t at;     /* how far we are */
	char *room;    /* where the next string goes */
	enum role role;
	struct address *address;
	struct complaint *why;
};

static inline struct piece piece(size_t at, size_t bytes)
{
	return (struct piece){ at, bytes };
}

/* The run of bytes from here up to one of `stops`, or the end; steps over it. */
struct piece walk_run(struct walk *w, const char *stops);
/* A copy that ends with NUL. */
const char *walk_keep(struct walk *w, const char *bytes, size_t count);
/* Whole and without a sign; -1: no such number. */
long walk_number(const char *text, long most);

/* After the comma: reads an option of the part. */
bool option_read(struct walk *w, const struct kind_rule *kind, struct part *part);
/* Whether the options of the part make sense together. */
bool option_check(struct walk *w, const struct part *part);
/* After the colon: reads the rest of an end. */
bool end_read(struct walk *w, const struct kind_rule *kind);

#endif

/* SPDX-License-Identifier: ISC */
/* many.h - an array of ios that one cell waits for: all, any, race, settle
 *
 * A slot holds its child until the end; a child that has settled keeps its
 * outcome in its own cell.  The slots turn into the results in place.
 */
#ifndef LT_IO_MANY_H
#define LT_IO_MANY_H

#include "io/io.h"

typedef union lt_slot_or_result {
	leat_io *child; /* NULL: gone */
	leat_result result;
} lt_slot_or_result;

typedef struct lt_many {
	leat_loop *loop;
	size_t count, left; /* slots; children that have not settled */
	size_t room;        /* slots it was made with */
	size_t forgotten;   /* the slot after the one that was forgotten last */
	struct lt_many *next; /* as results among results: the one to be gone through after it */
	unsigned class;     /* of its block */
	bool gives, destroys; /* as results: some have a giver, some a destructor */
	lt_slot_or_result slot[];
} lt_many;

/* Gives the cell that waits for all of them, of that kind - or a refusal. */
leat_io *lt_many_new(leat_loop *loop, leat_io *const *ios, size_t count, const lt_kind *kind, const char *where);
/* For those whose number is not known: without children, and room for one more.
 * NULL, or false: no memory. */
enum { LT_MANY_FIRST = 8 };
lt_many *lt_many_begin(leat_loop *loop);
bool lt_many_grow(lt_many **many);
/* The children are gone, or somebody else's.  NULL is let be. */
void lt_many_free(lt_many *many);
static inline lt_many *lt_many_of(const leat_io *self)
{
	return self->u.custom.word[0];
}
/* The child is not self's any more. */
void lt_many_forget(lt_many *many, const leat_io *child);
/* Cancels the children that are left and settles self as the winner did. */
void lt_many_finish(leat_loop *loop, leat_io *self, leat_io *winner);
/* All have settled: settles self with their outcomes. */
void lt_many_results(leat_loop *loop, leat_io *self);
/* For the kinds' tables. */
leat_io *lt_many_next(leat_io *self);
void lt_many_drop(leat_loop *loop, leat_io *self);
leat_io *lt_many_each(const leat_io *self, size_t *next);
int lt_many_describe(const leat_io *self, char *out, size_t room);

#endif

/* SPDX-License-Identifier: ISC */
/* map.h - a map's inside, for the two files it is made of */
#ifndef LT_IO_MAP_H
#define LT_IO_MAP_H

#include <leat/map.h>

#include "io/many.h"

typedef struct lt_map {
	leat_map_fn make;
	leat_ctx ctx;
	size_t limit, active, made;
	leat_error last; /* any: of the failures */
	bool no_more, over; /* over: it settles as the winner did, or with `outcome` */
	leat_io *winner;
	lt_outcome outcome;
	void (*done)(leat_loop *, leat_io *self); /* all that were made have settled, none won */
	/* any and each: one has settled; NULL: no seats */
	void (*arrived)(leat_loop *, leat_io *self, leat_io *seat);
} lt_map;

static inline lt_map *lt_map_of(const leat_io *self)
{
	return self->u.custom.word[1];
}

/* Gives a map that begins from the queue, or a refusal; `like` says what it does. */
leat_io *lt_map_new(leat_loop *loop, size_t limit, const lt_kind *kind, const lt_map *like, const char *where);
/* For the kinds. */
void lt_map_drop(leat_loop *loop, leat_io *self);
void lt_map_start(leat_loop *loop, leat_io *self);
int lt_map_describe(const leat_io *self, char *out, size_t room);
/* Makes as many as there is room for; without any left it is done. */
void lt_map_fill(leat_loop *loop, leat_io *self);
/* Its outcome: the child's, or this one; the others are cancelled. */
void lt_map_settle_as(leat_loop *loop, leat_io *self, leat_io *winner);
void lt_map_settle_with(leat_loop *loop, leat_io *self, lt_outcome outcome);
/* The context goes; false: self is gone. */
bool lt_map_end_ctx(leat_loop *loop, leat_io *self);
/* Around whatever runs a user's code.  True: self was cancelled meanwhile, and is
 * gone; `made` with it. */
void lt_map_enter(leat_io *self);
bool lt_map_leave(leat_loop *loop, leat_io *self, leat_io *made);

#endif

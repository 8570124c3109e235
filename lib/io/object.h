/* SPDX-License-Identifier: ISC */
/* object.h - what stands on a loop and is waited at: semaphores, queues, events ...
 *
 * An object has one handle and a count of what is out: permits, values on their
 * way.  When its handle is freed or its loop ends, it is dead: those who wait are
 * told, operations fail.  The shell stays until all that is out has come back.
 *
 * Waiters are cells that stand in a line: first come, first served.  A line has
 * a kind of its own, by which a cell finds its line, so that of the cell's words
 * two link it and the third is its user's.
 */
#ifndef LT_IO_OBJECT_H
#define LT_IO_OBJECT_H

#include "io/io.h"

/* ---- the object: first member of each of them ---- */
typedef struct lt_object lt_object;
typedef struct lt_object_ops {
	const char *name; /* for the report of what is still held */
	/* it is dead from now on: fail those who wait, destroy what it keeps;
	 * it stays a shell during this */
	void (*end)(lt_object *);
	/* how it stands, for dumps, as snprintf */
	int (*describe)(const lt_object *, char *out, size_t room);
} lt_object_ops;
struct lt_object {
	lt_resident resident;
	const lt_object_ops *ops;
	leat_loop *loop;
	const char *where;
	size_t refs;    /* the handle's, and one for each piece that is out */
	leat_kind dead; /* what its operations fail with; LEAT_NONE: they do not */
	bool spare;     /* lives in the loop: there was no memory */
};

/* Gives a zeroed object - or a stillborn one, which is dead, and of which only
 * this head is there. */
void *lt_object_new(leat_loop *loop, const lt_object_ops *ops, size_t bytes, const char *where);
/* The handle is gone; NULL is let be. */
void lt_object_free(lt_object *object);
static inline void lt_object_ref(lt_object *object)
{
	object->refs++;
}
void lt_object_unref(lt_object *object);
/* It makes no sense, so it is dead at birth. */
void lt_object_stillborn(lt_object *object, leat_kind why);
/* Which one it is and how it stands: what a dump says of those who wait. */
int lt_object_describe(const lt_object *object, char *out, size_t room);
/* What operations answer that cannot: an io that has failed. */
leat_io *lt_object_refuse(leat_loop *loop, leat_kind why, const char *where);
/* Of a dead one, or one whose loop is closing. */
static inline leat_io *lt_object_refusal(const lt_object *object, const char *where)
{
	return lt_object_refuse(object->loop, object->dead, where);
}

/* ---- the line ---- */
typedef struct lt_line {
	lt_kind kind;
	const lt_object *object; /* that it belongs to */
	leat_io *first, *last;
	size_t count;
	/* one was cancelled, and has left; NULL: nothing to do */
	void (*left)(struct lt_line *line);
} lt_line;

/* `name` is what one does who stands in it, as "acquire". */
void lt_line_init(lt_line *line, const lt_object *object, const char *name);
/* Gives a pending io at its end, or a refusal. */
leat_io *lt_line_join(leat_loop *loop, lt_line *line, const char *where);
/* Gives the first, to be settled; NULL: nobody. */
leat_io *lt_line_next(lt_line *line);
void lt_line_fail(leat_loop *loop, lt_line *line, leat_kind kind);

#endif

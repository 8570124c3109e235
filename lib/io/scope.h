/* SPDX-License-Identifier: ISC */
/* scope.h - a scope's inside, for the two files it is made of */
#ifndef LT_IO_SCOPE_H
#define LT_IO_SCOPE_H

#include <leat/scope.h>

#include "io/io.h"

/* An io that waits for the end of a scope: what stands in its payload after its kind.
 * Cancelled as the last of them, it has the members for its sources. */
typedef struct lt_scope_wait {
	union {
		struct lt_scope_wait *next;
		leat_io *members; /* to be cancelled */
	} list;
	struct lt_scope_wait **at; /* the pointer to this one; NULL: it has left */
	leat_scope *scope;
} lt_scope_wait;
static_assert(sizeof(lt_scope_wait) <= 24, "fits a cell");

struct leat_scope {
	lt_resident resident;
	leat_loop *loop;
	const char *where;
	leat_io *members; /* newest first */
	size_t count;
	lt_scope_wait *waits; /* newest first; none once it has ended */
	leat_error error;     /* what it fails with */
	bool keep_going;
	bool over;            /* takes no more */
	bool told;            /* of the error: somebody waited */
	bool spare;           /* lives in the loop */
	bool unwinding;       /* what was cancelled has not come to its end */
	bool freed;           /* by the user; goes when that has */
	lt_watch unwound;
};

static inline bool lt_scope_has_ended(const leat_scope *scope)
{
	return scope->count == 0 && !scope->unwinding;
}

/* Whether the io waits for it: as far as one can see, down a chain. */
bool lt_scope_is_awaited_by(const leat_scope *scope, const leat_io *io);
/* It has ended. */
void lt_scope_settle_waits(leat_scope *scope);
/* Inside a cancel, of the last that waited: it is over, and its members are the caller's to
 * cancel, newest first. */
leat_io *lt_scope_give_up(leat_scope *scope);
/* The next of them; NULL: that was all. */
leat_io *lt_scope_next(leat_io **list);

#endif

/* SPDX-License-Identifier: ISC */
/* scope.h - a scope's inside, for the two files it is made of */
#ifndef LT_IO_SCOPE_H
#define LT_IO_SCOPE_H

#include <leat/scope.h>

#include "io/io.h"

/* An io that waits for the end of a scope: the state of its leaf. */
typedef struct lt_scope_wait {
	struct lt_scope_wait *next, **at; /* at: the pointer to this one */
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
/* The last member has ended. */
void lt_scope_settle_waits(leat_scope *scope);

#endif

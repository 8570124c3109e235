/* SPDX-License-Identifier: ISC */
/* permits.h - so many at a time: what a semaphore and a mutex are */
#ifndef LT_IO_PERMITS_H
#define LT_IO_PERMITS_H

#include "io/object.h"

typedef struct lt_permits {
	lt_object object;
	lt_line line;
	size_t left, out; /* while somebody stands in line, none is left */
	const char *taken; /* where the last one was asked for; NULL: not known */
} lt_permits;

lt_permits *lt_permits_new(leat_loop *loop, size_t count, const lt_object_ops *ops, const char *verb, const char *where);
/* For the ops. */
void lt_permits_end(lt_object *object);
int lt_permits_describe(const lt_object *object, char *out, size_t room);
leat_io *lt_permits_acquire(lt_permits *permits, const char *where);
bool lt_permits_try(lt_permits *permits);
/* False: none is out. */
bool lt_permits_release(lt_permits *permits);
leat_io *lt_permits_run(lt_permits *permits, leat_fn fn, leat_ctx ctx, const char *where);

#endif

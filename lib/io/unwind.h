/* SPDX-License-Identifier: ISC */
/* unwind.h - who waits for the end of what a cancel only begins
 *
 * For leaves and kinds whose work goes on after they were cancelled: they join
 * inside their cancel and leave when the work is done.
 */
#ifndef LT_IO_UNWIND_H
#define LT_IO_UNWIND_H

#include "io/io.h"

/* Inside a cancel: gives what to leave later; NULL where nobody waits. */
lt_unwind *lt_unwind_join(leat_loop *loop);
/* NULL is let be. */
void lt_unwind_leave(lt_unwind *unwind);
/* Inside a cancel, or right before one: an io that resolves when all that is dropped from
 * then on has come to its end. */
leat_io *lt_unwind_wait(leat_loop *loop, const char *where);
/* The end of the outermost cancel. */
void lt_unwind_close(leat_loop *loop);

#endif

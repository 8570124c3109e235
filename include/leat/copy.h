/* SPDX-License-Identifier: ISC */
/* copy - from one flow to another */
#ifndef LEAT_COPY_H
#define LEAT_COPY_H

#include <leat/api.h>
#include <leat/flow.h>
#include <leat/io.h>

LEAT_BEGIN

/* Reads from one and sends to the other until the end; resolves with the int
 * number of bytes.  Both flows are lent; `from` and `to` may be the same, an
 * echo.  Neither is shut.  Fails as the read or the write that failed.
 * Cancelling stops between two bytes: what was read and not sent goes back
 * to `from`. */
#define leat_copy(from, to) leat_copy_at((from), (to), LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_copy_at(leat_flow *from, leat_flow *to, const char *where);

LEAT_END
#endif

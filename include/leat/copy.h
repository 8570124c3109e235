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
 * echo.  Neither is shut.  What `to` does not take is not read.  Fails as the
 * read or the write that failed; bytes of a write that failed are gone.
 * Cancelling stops between two bytes: what was read and not sent goes back
 * to `from`. */
#define leat_copy(...) leat_copy_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_copy_at(leat_flow *from, leat_flow *to, const char *where);

#define LEAT_COPY_ALL UINT64_MAX

typedef struct leat_copy_options {
	size_t size;     /* sizeof(leat_copy_options) */
	uint64_t *moved; /* lent: grows by what `to` has accepted, whatever the outcome; NULL: not told */
	bool *to_failed; /* lent: set where it fails because `to` did; NULL: not told */
	bool by_bufs;    /* all of it goes through this process; else the kernel may move what is much */
} leat_copy_options;

/* The same for at most that many bytes: what comes after them is not touched.
 * Less only where the end came first; 0 resolves at once.  `options` may be
 * NULL.  Cancelling: as of leat_copy. */
#define leat_copy_most(...) leat_copy_most_at(__VA_ARGS__, LEAT_HERE)
LEAT_API LEAT_NODISCARD leat_io *leat_copy_most_at(leat_flow *from, leat_flow *to, uint64_t bytes,
                                                   const leat_copy_options *options, const char *where);

LEAT_END
#endif

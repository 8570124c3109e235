/* SPDX-License-Identifier: ISC */
/* abort - an invariant does not hold: say which, and end, in every build */
#ifndef LT_BASE_ABORT_H
#define LT_BASE_ABORT_H

#include <leat/api.h>

/* Writes "leat: " and the words as one line to standard error, and aborts.
 * It is the only thing the library ever prints. */
_Noreturn void lt_abort(const char *format, ...) LEAT_PRINTF(1, 2);

/* A struct that the caller fills begins with its size, since it grows from version to
 * version; where that was forgotten nothing of it would be heeded.  NULL: none given. */
#define lt_must_have_size(filled, type)                                                                   \
	do {                                                                                              \
		if ((filled) && (filled)->size == 0)                                                      \
			lt_abort("a %s was given whose size is 0: set it to sizeof(%s)", #type, #type);    \
	} while (0)

/* What is seldom run: kept out of its callers, which so need no registers for it. */
#define LT_COLD __attribute__((noinline, cold))

#endif

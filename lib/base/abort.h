/* SPDX-License-Identifier: ISC */
/* abort - an invariant does not hold: say which, and end, in every build */
#ifndef LT_BASE_ABORT_H
#define LT_BASE_ABORT_H

#include <leat/api.h>

/* Writes "leat: " and the words as one line to standard error, and aborts.
 * It is the only thing the library ever prints. */
_Noreturn void lt_abort(const char *format, ...) LEAT_PRINTF(1, 2);

/* What is seldom run: kept out of its callers, which so need no registers for it. */
#define LT_COLD __attribute__((noinline, cold))

#endif

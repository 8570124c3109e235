/* SPDX-License-Identifier: ISC */
/* options - structs that a caller fills, for functions of yours that are given them
 *
 * Such a struct grows from version to version, so it begins with `size`, the sizeof
 * that its filler knew.  Where that was forgotten nothing of the struct would be
 * heeded: a limit would not limit.  That is no failure to go on with.
 */
#ifndef LEAT_OPTIONS_H
#define LEAT_OPTIONS_H

#include <leat/api.h>

LEAT_BEGIN

/* Fills the `bytes` bytes of `own`, a struct of that type, which begins with its
 * size: what was given, as far as both have it, and zero for the rest; its size is
 * `bytes` then.  `given` may be NULL: all is zero.  Where its size is 0 it aborts and
 * names the type and the place; `where` may be NULL. */
#define leat_options_take(...) leat_options_take_at(__VA_ARGS__, LEAT_HERE)
LEAT_API void leat_options_take_at(void *own, size_t bytes, const void *given, const char *type, const char *where);
/* Only the last: for what is filled by you, or stays where it is. */
#define leat_options_check(...) leat_options_check_at(__VA_ARGS__, LEAT_HERE)
LEAT_API void leat_options_check_at(const void *given, const char *type, const char *where);

LEAT_END
#endif

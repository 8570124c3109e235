/* SPDX-License-Identifier: ISC */
/* options - structs that a caller fills: with their size, or not at all */
#include <string.h>

#include <leat/options.h>

#include "base/abort.h"

/* What every such struct begins with. */
static size_t size_of(const void *given)
{
	size_t size;

	memcpy(&size, given, sizeof size);
	return size;
}

void leat_options_check_at(const void *given, const char *type, const char *where)
{
	if (given && size_of(given) == 0)
		lt_abort("%s%sa %s was given whose size is 0: set it to sizeof(%s)", where ? where : "",
		         where ? ": " : "", type, type);
}

void leat_options_take_at(void *own, size_t bytes, const void *given, const char *type, const char *where)
{
	size_t size = given ? size_of(given) : 0;

	leat_options_check_at(given, type, where);
	memset(own, 0, bytes);
	if (size > 0)
		memcpy(own, given, size < bytes ? size : bytes);
	memcpy(own, &bytes, sizeof bytes);
}

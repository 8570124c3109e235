/* SPDX-License-Identifier: ISC */
/* abort - an invariant does not hold: say which, and end, in every build */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/abort.h"

/* One write, and no stdio: whatever is broken, this line should come out. */
void lt_abort(const char *format, ...)
{
	char line[512] = "leat: ";
	size_t used = strlen(line);
	va_list words;
	int n;

	va_start(words, format);
	n = vsnprintf(line + used, sizeof(line) - used - 1, format, words);
	va_end(words);
	if (n > 0)
		used = strlen(line);
	line[used++] = '\n';
	if (write(STDERR_FILENO, line, used) < 0)
		abort(); /* nobody to tell */
	abort();
}

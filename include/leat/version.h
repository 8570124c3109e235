/* SPDX-License-Identifier: ISC */
/* version - which leat this is */
#ifndef LEAT_VERSION_H
#define LEAT_VERSION_H

#include <leat/api.h>

LEAT_BEGIN

#define LEAT_VERSION_MAJOR 0
#define LEAT_VERSION_MINOR 1
#define LEAT_VERSION_PATCH 0

/* One number, for comparing: LEAT_VERSION >= LEAT_VERSION_NUMBER(0, 1, 0). */
#define LEAT_VERSION_NUMBER(major, minor, patch) ((major) * 10000 + (minor) * 100 + (patch))
#define LEAT_VERSION LEAT_VERSION_NUMBER(LEAT_VERSION_MAJOR, LEAT_VERSION_MINOR, LEAT_VERSION_PATCH)

/* The version of the library that is running, where LEAT_VERSION is that of the
 * headers the program was compiled with. */
LEAT_API int leat_version(void);

/* The same for people, "0.1.0"; static. */
LEAT_API const char *leat_version_string(void);

LEAT_END

#endif

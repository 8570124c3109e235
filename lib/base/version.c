/* SPDX-License-Identifier: ISC */
/* version - which leat is running */
#include <leat/version.h>

#define TEXT(x) #x
#define DOTTED(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

int leat_version(void)
{
	return LEAT_VERSION;
}

const char *leat_version_string(void)
{
	return DOTTED(LEAT_VERSION_MAJOR, LEAT_VERSION_MINOR, LEAT_VERSION_PATCH);
}

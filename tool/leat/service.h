/* SPDX-License-Identifier: ISC */
/* service - takes connections until it is told to end */
#ifndef TOOL_LEAT_SERVICE_H
#define TOOL_LEAT_SERVICE_H

#include "settings.h"

/* Listens at the first address and joins what comes with the second; NULL: gives back
 * what comes.  Gives the status. */
int service_run(const struct settings *settings, const char *listen, const char *target);

#endif

/* SPDX-License-Identifier: ISC */
/* relay - "leat relay LISTEN TARGET" */
#include "commands.h"
#include "service.h"

int relay_command(const struct settings *settings, char **addresses)
{
	return service_run(settings, addresses[0], addresses[1]);
}

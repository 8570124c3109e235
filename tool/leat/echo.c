/* SPDX-License-Identifier: ISC */
/* echo - "leat echo LISTEN" */
#include "commands.h"
#include "service.h"

int echo_command(const struct settings *settings, char **addresses)
{
	return service_run(settings, addresses[0], NULL);
}

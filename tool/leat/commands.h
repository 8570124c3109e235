/* SPDX-License-Identifier: ISC */
/* commands - what the program can do; each gives the status it ends with */
#ifndef TOOL_LEAT_COMMANDS_H
#define TOOL_LEAT_COMMANDS_H

#include "settings.h"

int relay_command(const struct settings *settings, char **addresses);
int pipe_command(const struct settings *settings, char **addresses);
int echo_command(const struct settings *settings, char **addresses);

#endif

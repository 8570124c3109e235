/* SPDX-License-Identifier: ISC */
/* usage - what --help and --version say */
#ifndef TOOL_LEAT_USAGE_H
#define TOOL_LEAT_USAGE_H

#include <stdio.h>

void usage_short(FILE *out);
void usage_long(FILE *out);
void usage_version(FILE *out);

#endif

/* SPDX-License-Identifier: ISC */
/* dump.h - a dump for the loop's report */
#ifndef LT_IO_DUMP_H
#define LT_IO_DUMP_H

#include <leat/dump.h>

#include "io/io.h"

/* Tells what waits for what, the io first; a bounded number of lines. */
void lt_dump_report(leat_loop *loop, leat_io *io);

#endif

/* SPDX-License-Identifier: ISC */
/* ignore - it runs on its own, and how it ends is nobody's business */
#include "io/io.h"

static void ignored_settled(lt_watch *watch, leat_loop *loop, leat_result *result)
{
	(void)watch;
	(void)loop;
	lt_delivered(lt_result_outcome(result));
}

static const lt_watch_ops ignored_ops = { .settled = ignored_settled, .follows = true, .name = "ignored" };
static lt_watch ignored = { .ops = &ignored_ops };

void leat_io_ignore(leat_io *io)
{
	lt_io_check(io, "leat_io_ignore", LEAT_HERE);
	if (!(io->flags & LT_IMMORTAL))
		lt_io_watch(io, &ignored);
}

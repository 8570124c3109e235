/* SPDX-License-Identifier: ISC */
/* each - every io of a loop, shown */
#include "io/io.h"

static void visit_io(leat_loop *loop, leat_io *io, void *arg)
{
	void **visit = arg;
	leat_io_visitor visitor;

	(void)loop;
	if (io->flags & (LT_IMMORTAL | LT_DOOMED))
		return;
	memcpy(&visitor, &visit[0], sizeof visitor);
	visitor(visit[1], io->where, lt_io_kind_name(io), io->phase == LT_SETTLED);
}

void leat_loop_each_io(leat_loop *loop, leat_io_visitor visit, void *ctx)
{
	void *pair[2] = { NULL, ctx };

	memcpy(&pair[0], &visit, sizeof visit);
	lt_pool_walk(loop, visit_io, pair);
}

/* SPDX-License-Identifier: ISC */
/* loop - the end of it */
#include "loop.h"
#include "resolve.h"

/* A name server that does not answer would hold us: what is open is cut, and the rest is
 * the system's to free. */
void loop_end(leat_loop *loop)
{
	if (resolve_is_at_work())
		leat_await(leat_loop_drain(loop, 0), NULL);
	else
		leat_loop_free(loop);
}

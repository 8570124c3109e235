/* SPDX-License-Identifier: ISC */
/* heard.h - what passes a layer over one end of a pair, heard at the ends
 *
 *	say_on(far, "hello");  expect_str(heard(near), "hello");
 */
#ifndef TEST_KIT_HEARD_H
#define TEST_KIT_HEARD_H

#include <stdio.h>

#include <leat/leat.h>

#include "support/starve.h"

/* `near` is the layer over one end, `far` the other. */
static struct world w;
static leat_flow *near, *far;

static inline void say_on(leat_flow *flow, const char *words)
{
	leat_io_detach(leat_flow_write(flow, words, strlen(words)));
	world_run(&w);
}

static inline void end_on(leat_flow *flow)
{
	leat_io_detach(leat_flow_shutdown(flow, LEAT_WRITE));
	world_run(&w);
}

/* The next piece, "END", a word for an error, or "pending". */
static inline const char *heard(leat_flow *flow)
{
	static char words[256];
	leat_io *io = leat_flow_read(flow);
	leat_result result;
	leat_buf *buf;

	world_run(&w);
	if (!leat_io_try(io, &result)) {
		leat_io_cancel(io);
		return "pending";
	}
	if (!leat_result_ok(&result))
		return leat_kind_name(leat_error_kind(leat_result_error(&result)));
	buf = leat_result_buf(&result);
	if (!buf)
		return "END";
	snprintf(words, sizeof words, "%.*s", (int)leat_buf_size(buf), (const char *)leat_buf_data(buf));
	leat_buf_unref(buf);
	return words;
}

#endif

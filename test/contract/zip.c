/* SPDX-License-Identifier: ISC */
/* zip - zlib over a pair, a socket, a bufferevent
 *
 * Two kinds of format between them, and no compression: what fills a flow must fill
 * the one below.
 */
#include <event2/bufferevent.h>

#include <leat/zlib.h>

#include "contract/kinds.h"

static bool over(leat_flow *ends[2], leat_zlib_format format)
{
	const leat_zlib_options options = { .size = sizeof options, .format = format, .level = LEAT_ZLIB_STORED };

	for (int i = 0; i < 2; i++)
		ends[i] = leat_zlib_new(ends[i], &options);
	return true;
}

bool make_zlib_pair(leat_loop *loop, leat_flow *ends[2])
{
	leat_flow_pair(loop, ends);
	return over(ends, LEAT_ZLIB_ZLIB);
}

bool make_zlib_socket(leat_loop *loop, leat_flow *ends[2])
{
	int fds[2];

	if (!fds_unix(fds))
		return false;
	for (int i = 0; i < 2; i++)
		ends[i] = leat_flow_from_fd(loop, fds[i]);
	return over(ends, LEAT_ZLIB_GZIP);
}

/* Not promoted, as one whose maker has set a timeout. */
bool make_zlib_bev(leat_loop *loop, leat_flow *ends[2])
{
	const struct timeval hour = { .tv_sec = 3600 };
	int fds[2];

	if (!fds_tcp(fds))
		return false;
	for (int i = 0; i < 2; i++) {
		struct bufferevent *bev = bufferevent_socket_new(leat_loop_base(loop), fds[i], BEV_OPT_CLOSE_ON_FREE);

		bufferevent_set_timeouts(bev, &hour, &hour);
		ends[i] = leat_flow_from_bufferevent(loop, bev);
	}
	return over(ends, LEAT_ZLIB_GZIP);
}

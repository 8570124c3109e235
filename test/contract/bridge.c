/* SPDX-License-Identifier: ISC */
/* bridge - flows over bridges over a pair: what a bridge does wrong, the contract finds */
#include <event2/bufferevent.h>

#include <leat/bridge.h>

#include "contract/kinds.h"

bool make_bridge(leat_loop *loop, leat_flow *ends[2])
{
	struct bufferevent *bev[2];

	leat_flow_pair(loop, ends);
	for (int i = 0; i < 2; i++)
		bev[i] = leat_bridge_new(ends[i]);
	for (int i = 0; i < 2; i++)
		ends[i] = leat_flow_from_bufferevent(loop, bev[i]);
	return true;
}

/* SPDX-License-Identifier: ISC */
/* joint - leat(1)'s two flows as one: each end reads from one pair and writes to another */
#include "../../tool/leat/joint.h"

#include "contract/kinds.h"

bool make_joint(leat_loop *loop, leat_flow *ends[2])
{
	leat_flow *there[2], *back[2];

	leat_flow_pair(loop, there);
	leat_flow_pair(loop, back);
	ends[0] = joint_flow(loop, back[0], there[0]);
	ends[1] = joint_flow(loop, there[1], back[1]);
	return true;
}

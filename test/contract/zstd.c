/* SPDX-License-Identifier: ISC */
/* zstd - zstd over a pair */
#include <leat/zstd.h>

#include "contract/kinds.h"

bool make_zstd_pair(leat_loop *loop, leat_flow *ends[2])
{
	const leat_zstd_options options = { .size = sizeof options, .level = -7 };

	leat_flow_pair(loop, ends);
	for (int i = 0; i < 2; i++)
		ends[i] = leat_zstd_new(ends[i], &options);
	return true;
}

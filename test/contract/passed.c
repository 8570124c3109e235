/* SPDX-License-Identifier: ISC */
/* passed - layers that pass bytes on as they are: tee, limit and rate, so wide that nobody notices */
#include <leat/limit.h>
#include <leat/rate.h>
#include <leat/tee.h>

#include "contract/kinds.h"

bool make_limit(leat_loop *loop, leat_flow *ends[2])
{
	leat_limit limit = { .size = sizeof limit, .read_bytes = UINT64_MAX, .write_bytes = UINT64_MAX };

	leat_flow_pair(loop, ends);
	for (int i = 0; i < 2; i++)
		ends[i] = leat_limit_new(ends[i], &limit);
	return true;
}

bool make_rate(leat_loop *loop, leat_flow *ends[2])
{
	leat_bucket *bucket = leat_bucket_new(loop, UINT64_C(1) << 33, UINT64_C(1) << 40);

	leat_flow_pair(loop, ends);
	for (int i = 0; i < 2; i++)
		ends[i] = leat_rate_new(ends[i], bucket, bucket);
	leat_bucket_unref(bucket);
	return true;
}

bool make_tee(leat_loop *loop, leat_flow *ends[2])
{
	leat_tee_options both = { .size = sizeof both, .directions = LEAT_BOTH };

	leat_flow_pair(loop, ends);
	for (int i = 0; i < 2; i++)
		ends[i] = leat_tee_new(ends[i], leat_flow_null(loop), &both);
	return true;
}

static bool is_open(leat_flow *flow)
{
	leat_flow_info info = { .size = sizeof info };

	leat_flow_info_get(flow, &info);
	return !info.closed;
}

/* A descriptor for which there is no memory is closed, and the other end is an end: so
 * it is looked whether both are there. */
static bool make_tcp(leat_loop *loop, leat_flow *ends[2])
{
	int fds[2];

	if (!fds_tcp(fds))
		return false;
	for (int i = 0; i < 2; i++)
		ends[i] = leat_flow_from_fd(loop, fds[i]);
	if (is_open(ends[0]) && is_open(ends[1]))
		return true;
	for (int i = 0; i < 2; i++)
		leat_flow_unref(ends[i]);
	return false;
}

/* The second flow has failed before anything passes: it is noticed by nobody. */
bool make_tee_socket(leat_loop *loop, leat_flow *ends[2])
{
	leat_tee_options drops = { .size = sizeof drops, .directions = LEAT_BOTH, .drops = true };
	leat_flow *second[2];

	if (!make_tcp(loop, ends))
		return false;
	for (int i = 0; i < 2; i++) {
		leat_flow_pair(loop, second);
		leat_flow_unref(second[1]);
		ends[i] = leat_tee_new(ends[i], second[0], &drops);
	}
	return true;
}

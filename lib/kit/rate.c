/* SPDX-License-Identifier: ISC */
/* rate - a layer that passes no more than its buckets hold */
#include "kit/bucket.h"
#include "kit/pass.h"

struct rate {
	lt_pass pass; /* first */
	lt_place reading, writing;
};

static lt_place *place_of(lt_pass *pass, leat_direction direction)
{
	struct rate *r = (struct rate *)(void *)pass;

	return direction == LEAT_READ ? &r->reading : &r->writing;
}

static void wake_reading(lt_place *place)
{
	struct rate *r = (struct rate *)(void *)((char *)place - offsetof(struct rate, reading));

	lt_pass_go_on(&r->pass, LEAT_READ);
}

static void wake_writing(lt_place *place)
{
	struct rate *r = (struct rate *)(void *)((char *)place - offsetof(struct rate, writing));

	lt_pass_go_on(&r->pass, LEAT_WRITE);
}

static size_t rate_may(lt_pass *pass, leat_direction direction, size_t bytes)
{
	lt_place *place = place_of(pass, direction);
	leat_error error;
	size_t may;

	if (!place->bucket || bytes == 0)
		return bytes > 0 ? bytes : 1;
	may = (size_t)lt_bucket_take(place, bytes);
	error = lt_bucket_error(place);
	if (leat_error_set(error))
		lt_pass_fail(pass, direction, error);
	return may;
}

static void rate_gone(lt_pass *pass)
{
	lt_bucket_leave(place_of(pass, LEAT_READ));
	lt_bucket_leave(place_of(pass, LEAT_WRITE));
}

static const lt_passing rate_passing = { .may = rate_may, .gone = rate_gone };

static const leat_flow_ops rate_ops = {
	.size = sizeof rate_ops, .name = "rate", .state_bytes = sizeof(struct rate), LT_PASS_OPS
};

static void stand_at(lt_place *place, leat_bucket *bucket, void (*wake)(lt_place *place))
{
	place->bucket = leat_bucket_ref(bucket);
	place->wake = wake;
}

static leat_flow *refuse(leat_flow *below, leat_loop *loop, const char *where)
{
	leat_flow_abort(below);
	leat_flow_unref(below);
	return leat_flow_stillborn(loop, leat_error_make_at(&leat_core_errors, LEAT_INVALID, where));
}

leat_flow *leat_rate_new_at(leat_flow *below, leat_bucket *reading, leat_bucket *writing, const char *where)
{
	leat_loop *loop = leat_flow_loop(below);
	leat_flow *self;
	lt_pass *pass;

	if (!lt_bucket_is_of(reading, loop) || !lt_bucket_is_of(writing, loop))
		return refuse(below, loop, where);
	self = lt_pass_new(below, &rate_ops, &rate_passing, &pass, where);
	if (!pass)
		return self;
	stand_at(place_of(pass, LEAT_READ), reading, wake_reading);
	stand_at(place_of(pass, LEAT_WRITE), writing, wake_writing);
	return self;
}

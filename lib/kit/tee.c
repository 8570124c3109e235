/* SPDX-License-Identifier: ISC */
/* tee - a layer that sends what passes to a second flow, too
 *
 * The second flow has at most one send of ours under way.  It goes on by itself when
 * the tee ends, since it is shielded; its outcome is an int: whether it was taken.
 */
#include <leat/options.h>
#include <leat/tee.h>

#include "kit/pass.h"

struct tee {
	lt_pass pass; /* first */
	leat_flow *second;
	uint64_t *missed_bytes;
	int copied; /* directions that are, and have not ended */
	bool drops;
	bool sending; /* it takes nothing more now */
	bool failed;  /* it takes nothing any more */
	size_t sending_bytes;
};

static struct tee *tee_of(lt_pass *pass)
{
	return (struct tee *)(void *)pass;
}

static void miss(struct tee *t, size_t bytes)
{
	if (t->missed_bytes)
		*t->missed_bytes += bytes;
}

/* ---- the second flow ---- */

static leat_io *taken(void *ctx, leat_result *result)
{
	return leat_io_int(leat_result_loop(result), 1);
}

static leat_io *not_taken(void *ctx, leat_result *result)
{
	return leat_io_int(leat_result_loop(result), 0);
}

static void second_failed(struct tee *t, size_t bytes)
{
	t->failed = true;
	miss(t, bytes);
}

static leat_io *on_sent(void *ctx, leat_result *result)
{
	struct tee *t = ctx;

	t->sending = false;
	if (leat_result_int(result) == 0)
		second_failed(t, t->sending_bytes);
	if (!t->drops)
		lt_pass_go_on(&t->pass, LEAT_BOTH);
	return NULL;
}

static void wait_for(struct tee *t, leat_io *io, size_t bytes)
{
	leat_io *either = leat_io_branch(io, taken, not_taken, leat_ctx_none());

	t->sending = true;
	t->sending_bytes = bytes;
	leat_flow_keep(t->pass.self, LEAT_BOTH, leat_io_then(leat_io_shield(either), on_sent, leat_ctx_borrow(t)));
}

/* A handle of its own on the same bytes. */
static void send_second(struct tee *t, leat_buf *buf)
{
	size_t bytes = leat_buf_size(buf);
	leat_io *io = leat_flow_send(t->second, leat_buf_slice(buf, 0, bytes));
	leat_result result;

	if (!leat_io_try(io, &result))
		wait_for(t, io, bytes);
	else if (!leat_result_ok(&result))
		second_failed(t, bytes);
}

/* ---- what passes ---- */

static size_t tee_may(lt_pass *pass, leat_direction direction, size_t bytes)
{
	const struct tee *t = tee_of(pass);
	bool waits = t->sending && !t->drops && (t->copied & (int)direction);

	return waits ? 0 : bytes > 0 ? bytes : 1;
}

static void tee_goes(lt_pass *pass, leat_direction direction, leat_buf *buf)
{
	struct tee *t = tee_of(pass);

	if (!(t->copied & (int)direction))
		return;
	if (t->failed || t->sending)
		miss(t, leat_buf_size(buf));
	else
		send_second(t, buf);
}

static void tee_ended(lt_pass *pass, leat_direction direction)
{
	struct tee *t = tee_of(pass);
	int before = t->copied;

	t->copied &= ~(int)direction;
	if (before && !t->copied && t->second)
		leat_io_ignore(leat_flow_shutdown(t->second, LEAT_WRITE));
}

static void tee_gone(lt_pass *pass)
{
	struct tee *t = tee_of(pass);
	leat_flow *second = t->second;

	t->second = NULL;
	t->missed_bytes = NULL;
	leat_io_ignore(leat_flow_close(second));
	leat_flow_unref(second);
}

static const lt_passing tee_passing = { .may = tee_may, .goes = tee_goes, .ended = tee_ended, .gone = tee_gone };

static const leat_flow_ops tee_ops = {
	.size = sizeof tee_ops, .name = "tee", .state_bytes = sizeof(struct tee), LT_PASS_OPS
};

leat_flow *leat_tee_new_at(leat_flow *below, leat_flow *second, const leat_tee_options *options, const char *where)
{
	leat_tee_options o;
	leat_flow *mine = leat_flow_take(second);
	lt_pass *pass;
	leat_flow *self = lt_pass_new(below, &tee_ops, &tee_passing, &pass, where);
	struct tee *t;

	leat_options_take_at(&o, sizeof o, options, "leat_tee_options", where);
	if (!pass) {
		leat_io_ignore(leat_flow_close(mine));
		leat_flow_unref(mine);
		return self;
	}
	t = tee_of(pass);
	t->second = mine;
	t->missed_bytes = o.missed_bytes;
	t->copied = o.directions ? (int)o.directions : LEAT_READ;
	t->drops = o.drops;
	return self;
}

/* SPDX-License-Identifier: ISC */
/* micro - what a promise costs: make, resolve, chain, gather, drain
 *
 * The same rows as minimal has for the least a promise can be; ratios runs both. */
#include <err.h>
#include <leat/fiber.h>
#include <leat/io.h>
#include <leat/loop.h>
#include <leat/thread.h>

#include "bench/rows.h"

static leat_loop *loop;
static long ran;

static leat_io *
count(void *ctx, leat_result *result)
{
	(void)result;
	++*(long *)ctx;
	return NULL;
}

static leat_io *
chain(leat_io *io, int links)
{
	while (links--)
		io = leat_io_then(io, count, leat_ctx_borrow(&ran));
	return io;
}

/* Its outcome was there: this frees it. */
static void
take(leat_io *io)
{
	leat_result result;

	if (!leat_io_try(io, &result))
		errx(1, "not settled");
	leat_result_clear(&result);
}

static void
create_resolve_free(long rounds)
{
	while (rounds--) {
		leat_maker maker;
		leat_io *io = leat_io_new(loop, &maker, NULL, NULL);

		leat_resolve_int(maker, 1);
		take(io);
	}
}

static void
resolved(long rounds, int links)
{
	while (rounds--) {
		leat_maker maker;
		leat_io *io = leat_io_new(loop, &maker, NULL, NULL);

		leat_resolve_int(maker, 1);
		io = chain(io, links);
		leat_loop_run_ready(loop);
		take(io);
	}
}

static void
pending(long rounds, int links)
{
	while (rounds--) {
		leat_maker maker;
		leat_io *io = chain(leat_io_new(loop, &maker, NULL, NULL), links);

		leat_resolve_int(maker, 1);
		leat_loop_run_ready(loop);
		take(io);
	}
}

static void
then1_resolved(long rounds)
{
	resolved(rounds, 1);
}

static void
then10_resolved(long rounds)
{
	resolved(rounds, 10);
}

static void
then1_pending(long rounds)
{
	pending(rounds, 1);
}

static void
then10_pending(long rounds)
{
	pending(rounds, 10);
}

static void
all100(long rounds)
{
	leat_maker maker[100];
	leat_io *each[100], *all;

	while (rounds--) {
		for (int i = 0; i < 100; i++)
			each[i] = leat_io_new(loop, &maker[i], NULL, NULL);
		all = leat_io_all(loop, each, 100);
		for (int i = 0; i < 100; i++)
			leat_resolve_int(maker[i], 1);
		leat_loop_run_ready(loop);
		take(all);
	}
}

static void
tick(long rounds)
{
	leat_io *io = leat_io_done(loop);

	while (rounds--) {
		io = leat_io_then(io, count, leat_ctx_borrow(&ran));
		leat_loop_run_ready(loop);
	}
	take(io);
}

static void
posted(void *ctx, leat_loop *here)
{
	(void)here;
	++*(long *)ctx;
}

/* There and run, on one thread, 64 a turn: test/bench/post has two. */
static void
post(long rounds)
{
	leat_remote *remote = leat_remote_new(loop);

	while (rounds > 0) {
		for (int i = 0; i < 64 && rounds > 0; i++, rounds--)
			if (leat_post(remote, posted, leat_ctx_borrow(&ran)))
				errx(1, "cannot post");
		leat_loop_run_ready(loop);
	}
	leat_remote_unref(remote);
}

static void
no_work(void *ctx, leat_remote_maker answer)
{
	(void)ctx;
	leat_remote_resolve_int(answer, 1);
}

/* One at a time: two threads wake each other. */
static void
offload(long rounds)
{
	while (rounds--)
		if (leat_await_int(leat_offload(loop, no_work, leat_ctx_none()), NULL) != 1)
			errx(1, "cannot offload");
}

/* There and back is two. */

static leat_io *
turn(void *ctx, leat_loop *here)
{
	for (long left = *(long *)ctx; left > 0; left -= 2)
		leat_fiber_yield(here);
	return NULL;
}

static void
fiber_switch(long rounds)
{
	leat_io *io = leat_fiber(loop, turn, leat_ctx_borrow(&rounds));

	while (leat_loop_run_ready(loop) > 0) {
	}
	take(io);
}

static leat_io *
nothing(void *ctx, leat_loop *here)
{
	(void)ctx;
	(void)here;
	return NULL;
}

static void
fiber_spawn(long rounds)
{
	while (rounds--) {
		leat_io *io = leat_fiber(loop, nothing, leat_ctx_none());

		leat_loop_run_ready(loop);
		take(io);
	}
}

/* Parked and resumed by a maker: what an await costs. */

static leat_maker waited;

static leat_io *
wait_for_each(void *ctx, leat_loop *here)
{
	for (long left = *(long *)ctx; left > 0; left--)
		leat_await(leat_io_new(here, &waited, NULL, NULL), NULL);
	return NULL;
}

static void
fiber_await(long rounds)
{
	leat_io *io = leat_fiber(loop, wait_for_each, leat_ctx_borrow(&rounds));

	leat_loop_run_ready(loop);
	while (leat_maker_live(waited)) {
		leat_resolve(waited);
		leat_loop_run_ready(loop);
	}
	take(io);
}

static const struct row rows[] = {
	{ "create_resolve_free", create_resolve_free },
	{ "then1_resolved", then1_resolved },
	{ "then10_resolved", then10_resolved },
	{ "then1_pending", then1_pending },
	{ "then10_pending", then10_pending },
	{ "all100", all100 },
	{ "tick", tick },
	{ "fiber_switch", fiber_switch },
	{ "fiber_spawn", fiber_spawn },
	{ "fiber_await", fiber_await },
	{ "post", post },
	{ "offload", offload },
};

int
main(int argc, char **argv)
{
	(void)argc;
	loop = leat_loop_new(NULL, NULL);
	if (!loop)
		errx(1, "no memory");
	rows_print(rows, sizeof rows / sizeof rows[0], argv + 1);
	leat_loop_free(loop);
	return 0;
}

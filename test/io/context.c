/* SPDX-License-Identifier: ISC */
/* context - borrowed, owned, moved: destroyed once or never, whatever happens */
#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

/* Every way to hang a callback on an io. */
static leat_io *hang_then(leat_io *io, leat_fn fn, leat_ctx ctx)
{
	return leat_io_then(io, fn, ctx);
}

static leat_io *hang_catch(leat_io *io, leat_fn fn, leat_ctx ctx)
{
	return leat_io_catch(io, leat_match_all(), fn, ctx);
}

static leat_io *hang_branch(leat_io *io, leat_fn fn, leat_ctx ctx)
{
	return leat_io_branch(io, fn, fn, ctx);
}

static leat_io *hang_finally(leat_io *io, leat_fn fn, leat_ctx ctx)
{
	return leat_io_finally(io, fn, ctx);
}

static const struct way {
	leat_io *(*hang)(leat_io *, leat_fn, leat_ctx);
	bool good, bad; /* what it runs after */
} ways[] = {
	{ hang_then, true, false },
	{ hang_catch, false, true },
	{ hang_branch, true, true },
	{ hang_finally, true, true },
};
enum { WAYS = sizeof ways / sizeof *ways };

static leat_io *say_owned(void *text, leat_result *result)
{
	(void)result;
	tape_addf("run %s", (char *)text);
	return NULL;
}

static leat_io *say_moved(void *text, leat_result *result)
{
	(void)result;
	tape_addf("run %s", (char *)text);
	thing_take(text);
	return NULL;
}

/* Opens the world, and in it hangs the callback in that way on an io after which it
 * runs. */
static leat_io *begin(struct world *w, int way, leat_fn fn, leat_ctx ctx)
{
	world_open(w);
	tape_clear();
	return ways[way].hang(ways[way].good ? leat_io_done(w->loop) : failed(w->loop, LEAT_RESET), fn, ctx);
}

static void end(struct world *w)
{
	world_close(w);
	expect_no_things();
}

static void finish(struct world *w, leat_io *io)
{
	world_run(w);
	(void)settled(io);
	end(w);
}

START_TEST(an_owned_one_goes_once_after_its_callback_ran)
{
	struct world w;

	finish(&w, begin(&w, _i, say_owned, thing_owned("c")));
	tape_expect("run c ~c");
}
END_TEST

START_TEST(a_moved_one_is_the_callbacks)
{
	struct world w;

	finish(&w, begin(&w, _i, say_moved, thing_moved("c")));
	tape_expect("run c");
}
END_TEST

START_TEST(both_go_once_where_the_callback_is_skipped)
{
	const struct way *way = &ways[_i];
	struct world w;
	leat_io *io;

	if (way->good && way->bad)
		return;
	world_open(&w);
	tape_clear();
	io = way->good ? failed(w.loop, LEAT_RESET) : leat_io_done(w.loop);
	io = way->hang(io, never, thing_owned("a"));
	finish(&w, way->hang(io, never, thing_moved("b")));
	tape_expect("~a ~b");
}
END_TEST

START_TEST(both_go_once_where_the_chain_is_cancelled_before)
{
	const struct way *way = &ways[_i];
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = way->hang(pending(w.loop, &maker), never, thing_owned("a"));
	leat_io_cancel(way->hang(io, never, thing_moved("b")));
	tape_expect("~a ~b");
	world_close(&w);
	tape_expect("");
}
END_TEST

static leat_io *root;

static leat_io *cancel_owned(void *text, leat_result *result)
{
	(void)result;
	leat_io_cancel(root);
	tape_addf("run %s", (char *)text);
	return NULL;
}

static leat_io *cancel_moved(void *text, leat_result *result)
{
	(void)result;
	leat_io_cancel(root);
	tape_addf("run %s", (char *)text);
	thing_take(text);
	return NULL;
}

START_TEST(an_owned_one_goes_once_where_its_callback_cancels)
{
	struct world w;

	root = begin(&w, _i, cancel_owned, thing_owned("c"));
	world_run(&w);
	tape_expect("run c ~c");
	end(&w);
}
END_TEST

START_TEST(a_moved_one_is_the_callbacks_where_it_cancels)
{
	struct world w;

	root = begin(&w, _i, cancel_moved, thing_moved("c"));
	world_run(&w);
	tape_expect("run c");
	end(&w);
}
END_TEST

static leat_maker inner;

static leat_io *give_pending(void *text, leat_result *result)
{
	tape_addf("run %s", (char *)text);
	return pending(leat_result_loop(result), &inner);
}

START_TEST(an_owned_one_lives_until_its_promise_has_its_outcome)
{
	struct world w;
	leat_io *io = begin(&w, _i, give_pending, thing_owned("c"));

	world_run(&w);
	tape_expect("run c");
	leat_resolve(inner);
	finish(&w, io);
	tape_expect("~c");
}
END_TEST

START_TEST(an_owned_one_goes_once_where_the_adopted_io_is_cancelled)
{
	struct world w;
	leat_io *io = begin(&w, _i, give_pending, thing_owned("c"));

	world_run(&w);
	leat_io_cancel(io);
	tape_expect("run c ~c");
	end(&w);
}
END_TEST

START_TEST(a_borrowed_one_is_never_touched)
{
	struct world w;
	char text[] = "c";

	finish(&w, begin(&w, _i, say_owned, leat_ctx_borrow(text)));
	tape_expect("run c");
}
END_TEST

START_TEST(all_go_with_the_loop)
{
	const struct way *way = &ways[_i];
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_then(pending(w.loop, &maker), never, thing_owned("a"));
	io = leat_io_then(io, never, thing_moved("b"));
	if (!way->bad)
		io = way->hang(io, never, thing_owned("c"));
	leat_io_detach(io);
	world_end(&w);
	tape_clear();
	expect_no_things();
}
END_TEST

START_TEST(repeat_keeps_its_own_to_the_end)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_repeat(w.loop, give_pending, thing_owned("c"));
	world_run(&w);
	leat_resolve_int(inner, 1);
	world_run(&w);
	tape_expect("run c run c");
	leat_resolve_int(inner, 0);
	finish(&w, io);
	tape_expect("~c");
}
END_TEST

SUITE("context",
	EACH(an_owned_one_goes_once_after_its_callback_ran, WAYS),
	EACH(a_moved_one_is_the_callbacks, WAYS),
	EACH(both_go_once_where_the_callback_is_skipped, WAYS),
	EACH(both_go_once_where_the_chain_is_cancelled_before, WAYS),
	EACH(an_owned_one_goes_once_where_its_callback_cancels, WAYS),
	EACH(a_moved_one_is_the_callbacks_where_it_cancels, WAYS),
	EACH(an_owned_one_lives_until_its_promise_has_its_outcome, WAYS),
	EACH(an_owned_one_goes_once_where_the_adopted_io_is_cancelled, WAYS),
	EACH(a_borrowed_one_is_never_touched, WAYS),
	EACH(all_go_with_the_loop, WAYS),
	repeat_keeps_its_own_to_the_end)

/* SPDX-License-Identifier: ISC */
/* cancel - nobody wants it any more */
#include "support/small.h"
#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

static void on_cancel(void *state)
{
	(void)state;
	tape_add("cancel");
}

static const leat_leaf noisy_leaf = { .size = sizeof noisy_leaf, .name = "noisy", .cancel = on_cancel };

static leat_io *noisy(leat_loop *loop)
{
	leat_maker maker;

	return leat_io_new(loop, &maker, &noisy_leaf, NULL);
}

START_TEST(no_io_is_let_be)
{
	leat_io_cancel(NULL);
}
END_TEST

START_TEST(the_leaf_stops_then_contexts_go_from_the_inside_out)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_then(noisy(w.loop), never, thing_owned("a"));
	io = leat_io_catch(io, leat_match_all(), never, thing_owned("b"));
	io = leat_io_finally(io, never, thing_moved("c"));
	leat_io_cancel(io);
	tape_expect("cancel ~a ~b ~c");
	world_run(&w);
	world_close(&w);
	tape_expect("");
}
END_TEST

START_TEST(what_was_settled_and_not_delivered_goes_back_first)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_then(pending(w.loop, &maker), never, thing_owned("a"));
	io = leat_io_finally(io, never, thing_owned("b"));
	lender_resolve(maker, thing("v"));
	leat_io_cancel(io);
	tape_expect("<v ~a ~b");
	world_run(&w);
	world_close(&w);
}
END_TEST

START_TEST(a_value_without_a_giver_is_destroyed)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_ptr(w.loop, thing("v"), &thing_type);
	leat_io_cancel(leat_io_then(io, never, thing_owned("a")));
	tape_expect("~v ~a");
	world_run(&w);
	world_close(&w);
}
END_TEST

START_TEST(a_failure_that_it_drops_is_not_reported)
{
	struct world w;

	world_open(&w);
	leat_io_cancel(failed(w.loop, LEAT_RESET));
	leat_io_cancel(leat_io_then(failed(w.loop, LEAT_RESET), never, leat_ctx_none()));
	world_run(&w);
	expect_size(w.unhandled, 0);
	world_close(&w);
}
END_TEST

/* ---- inside callbacks ---- */

static leat_io *root;

static leat_io *cancel_root(void *ctx, leat_result *result)
{
	tape_add("run");
	leat_io_cancel(root);
	tape_addf("still %s", (char *)ctx);
	return noisy(leat_result_loop(result));
}

START_TEST(a_callback_may_cancel_its_own_chain)
{
	struct world w;

	world_open(&w);
	tape_clear();
	root = leat_io_then(leat_io_done(w.loop), cancel_root, thing_owned("a"));
	root = leat_io_then(root, never, thing_owned("b"));
	world_run(&w);
	tape_expect("run ~b still a cancel ~a");
	expect_size(world_stats(&w).ios_live, 0);
	world_close(&w);
}
END_TEST

static leat_io *cancel_root_and_pass(void *ctx, leat_result *result)
{
	(void)ctx;
	leat_io_cancel(root);
	return leat_result_pass(result);
}

START_TEST(what_it_passes_on_then_goes)
{
	struct world w;

	world_open(&w);
	tape_clear();
	root = leat_io_ptr(w.loop, thing("v"), &thing_type);
	root = leat_io_then(root, cancel_root_and_pass, thing_owned("a"));
	world_run(&w);
	tape_expect("~v ~a");
	world_close(&w);
}
END_TEST

static leat_io *start_noisy(void *ctx, leat_result *result)
{
	(void)ctx;
	return noisy(leat_result_loop(result));
}

START_TEST(an_adopted_io_goes_with_its_chain)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_then(leat_io_done(w.loop), start_noisy, thing_owned("a"));
	io = leat_io_then(io, never, thing_owned("b"));
	world_run(&w);
	tape_expect("");
	leat_io_cancel(io);
	tape_expect("cancel ~a ~b");
	world_close(&w);
}
END_TEST

static leat_io *others[2];

static leat_io *cancel_others(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	leat_io_cancel(others[0]);
	leat_io_cancel(others[1]);
	return NULL;
}

START_TEST(a_callback_may_cancel_chains_that_are_ready_to_run)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_then(leat_io_done(w.loop), cancel_others, leat_ctx_none());
	others[0] = leat_io_then(leat_io_done(w.loop), never, thing_owned("a"));
	others[1] = leat_io_then(noisy(w.loop), never, thing_owned("b"));
	world_run(&w);
	tape_expect("~a cancel ~b");
	expect_ok(settled(io));
	world_close(&w);
}
END_TEST

/* ---- inside destructors ---- */

static leat_io *next_to_go;

static void cancel_next(void *text)
{
	leat_io *io = next_to_go;

	next_to_go = NULL;
	tape_addf("in %s", (char *)text);
	leat_io_cancel(io);
	tape_addf("out %s", (char *)text);
}

START_TEST(cancels_in_destructors_are_done_when_the_outermost_returns)
{
	struct world w;
	leat_io *io;
	char a[] = "a";

	world_open(&w);
	tape_clear();
	next_to_go = leat_io_then(noisy(w.loop), never, thing_owned("b"));
	io = leat_io_then(noisy(w.loop), never, leat_ctx_own(a, cancel_next));
	leat_io_cancel(io);
	expect_int(things_live, 0);
	ck_assert_ptr_nonnull(strstr(tape_text, "in a"));
	ck_assert_ptr_nonnull(strstr(tape_text, "~b"));
	tape_clear();
	world_close(&w);
}
END_TEST

struct link {
	leat_io *io;
};

static void cancel_link(void *ctx)
{
	struct link *link = ctx;

	leat_io_cancel(link->io);
}

static const char *nested_deep(void)
{
	size_t n = many(100000);
	struct link *links = calloc(n, sizeof *links);
	struct world w;
	leat_maker maker;

	if (!links || !world_try(&w, 0, 0))
		return "no memory";
	for (size_t i = 0; i < n; i++) {
		leat_ctx ctx = i ? leat_ctx_own(&links[i - 1], cancel_link) : leat_ctx_none();

		links[i].io = leat_io_then(pending(w.loop, &maker), never, ctx);
	}
	leat_io_cancel(links[n - 1].io);
	if (world_stats(&w).ios_live)
		return "some are left";
	leat_loop_free(w.loop);
	event_base_free(w.base);
	free(links);
	return NULL;
}

START_TEST(a_hundred_thousand_nested_cancels_need_a_small_stack)
{
	on_a_small_stack(nested_deep);
}
END_TEST

static leat_loop *busy_loop;

static void start_something(void *ctx)
{
	(void)ctx;
	leat_io_detach(leat_io_then(leat_io_done(busy_loop), say_done, word("later")));
	tape_add("started");
}

START_TEST(a_destructor_may_start_something)
{
	struct world w;

	world_open(&w);
	tape_clear();
	busy_loop = w.loop;
	leat_io_cancel(leat_io_then(noisy(w.loop), never, leat_ctx_own(&w, start_something)));
	tape_expect("cancel started");
	world_run(&w);
	tape_expect("later");
	world_close(&w);
}
END_TEST

static leat_maker twin;

static void resolve_twin(void *ctx)
{
	(void)ctx;
	leat_resolve_ptr(twin, thing("t"), &thing_type);
}

START_TEST(a_destructor_may_settle_another_chain)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = pending(w.loop, &twin);
	leat_io_cancel(leat_io_then(noisy(w.loop), never, leat_ctx_own(&w, resolve_twin)));
	expect_ok(settled(io));
	tape_expect("cancel ~t");
	world_close(&w);
}
END_TEST

START_TEST(a_destructor_may_settle_what_is_being_cancelled)
{
	struct world w;
	leat_io *ios[2];

	world_open(&w);
	tape_clear();
	ios[0] = leat_io_then(noisy(w.loop), never, leat_ctx_own(&w, resolve_twin));
	ios[1] = pending(w.loop, &twin);
	leat_io_cancel(leat_io_all(w.loop, ios, 2));
	tape_expect("cancel ~t");
	world_close(&w);
}
END_TEST

START_TEST(a_cancelled_io_in_the_queue_does_not_hold_up_the_others)
{
	struct world w;
	leat_io *a, *b, *c;

	world_open(&w);
	tape_clear();
	a = leat_io_then(leat_io_done(w.loop), say, word("a"));
	b = leat_io_then(leat_io_done(w.loop), never, leat_ctx_none());
	c = leat_io_then(leat_io_done(w.loop), say, word("c"));
	leat_io_cancel(b);
	world_run(&w);
	tape_expect("a c");
	leat_io_cancel(a);
	leat_io_cancel(c);
	world_close(&w);
}
END_TEST

/* ---- what borrows goes before what it borrows from ---- */

static void cancel_inner(void *state)
{
	leat_io_cancel(*(leat_io **)state);
}

static const leat_leaf outer_leaf = {
	.size = sizeof outer_leaf, .name = "outer", .state_bytes = sizeof(leat_io *), .cancel = cancel_inner
};

START_TEST(what_a_leaf_cancels_goes_before_those_who_waited_for_the_leaf)
{
	struct world w;
	leat_maker maker;
	void *state;
	leat_io *io;

	world_open(&w);
	tape_clear();
	io = leat_io_attach(leat_io_new(w.loop, &maker, &outer_leaf, &state), thing_owned("waits"));
	*(leat_io **)state = leat_io_attach(pending(w.loop, &maker), thing_owned("borrows"));
	leat_io_cancel(io);
	tape_expect("~borrows ~waits");
	expect_no_things();
	world_close(&w);
}
END_TEST

static void cancel_both(void *text)
{
	tape_add(text);
	leat_io_cancel(others[0]);
	leat_io_cancel(others[1]);
}

START_TEST(what_a_destructor_cancels_goes_before_those_who_waited)
{
	static char dies[] = "dies";
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	tape_clear();
	for (int i = 0; i < 2; i++)
		others[i] = leat_io_attach(pending(w.loop, &maker), thing_owned(i ? "two" : "one"));
	io = leat_io_attach(pending(w.loop, &maker), leat_ctx_own(dies, cancel_both));
	leat_io_cancel(leat_io_attach(io, thing_owned("waits")));
	tape_expect("dies ~two ~one ~waits");
	expect_no_things();
	world_close(&w);
}
END_TEST

static void cancel_its_chain(void *name)
{
	tape_addf("%s begins", (char *)name);
	leat_io_cancel(root);
	tape_addf("%s ends", (char *)name);
}

static leat_io *do_nothing(void *ctx, leat_result *result)
{
	return NULL;
}

/* No cancel is under way: the callback has returned. */
START_TEST(so_does_what_one_cancels_that_runs_by_itself)
{
	static char mine[] = "mine";
	struct world w;

	world_open(&w);
	tape_clear();
	root = leat_io_then(leat_io_done(w.loop), do_nothing, leat_ctx_own(mine, cancel_its_chain));
	root = leat_io_attach(root, thing_owned("waits"));
	world_run(&w);
	tape_expect("mine begins mine ends ~waits");
	expect_no_things();
	expect_size(world_stats(&w).ios_live, 0);
	world_close(&w);
}
END_TEST

SUITE("cancel",
	so_does_what_one_cancels_that_runs_by_itself,
	what_a_leaf_cancels_goes_before_those_who_waited_for_the_leaf,
	what_a_destructor_cancels_goes_before_those_who_waited,
	no_io_is_let_be,
	the_leaf_stops_then_contexts_go_from_the_inside_out,
	what_was_settled_and_not_delivered_goes_back_first,
	a_value_without_a_giver_is_destroyed,
	a_failure_that_it_drops_is_not_reported,
	a_callback_may_cancel_its_own_chain,
	what_it_passes_on_then_goes,
	an_adopted_io_goes_with_its_chain,
	a_callback_may_cancel_chains_that_are_ready_to_run,
	cancels_in_destructors_are_done_when_the_outermost_returns,
	a_hundred_thousand_nested_cancels_need_a_small_stack,
	a_destructor_may_start_something,
	a_destructor_may_settle_another_chain,
	a_destructor_may_settle_what_is_being_cancelled,
	a_cancelled_io_in_the_queue_does_not_hold_up_the_others)

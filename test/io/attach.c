/* SPDX-License-Identifier: ISC */
/* attach - an object that lives as long as an io is awaited */
#include <leat/buf.h>

#include "support/starve.h"
#include "support/suite.h"

static struct world w;
static leat_maker maker;

static leat_io *attached(const char *text)
{
	return leat_io_attach(pending(w.loop, &maker), thing_owned(text));
}

static void open_world(void)
{
	tape_clear();
	world_open(&w);
}

static void close_world(void)
{
	expect_no_things();
	tape_expect("");
	world_close(&w);
}

START_TEST(it_is_kept_until_the_outcome_is_there)
{
	leat_io *io;

	open_world();
	io = leat_io_then(attached("o"), say_int, leat_ctx_none());
	world_run(&w);
	tape_expect("");
	leat_resolve_int(maker, 4);
	world_run(&w);
	tape_expect("~o 4");
	expect_int(settled_int(io), 4);
	close_world();
}
END_TEST

START_TEST(a_failure_ends_it_too_and_passes_on)
{
	leat_io *io;

	open_world();
	io = attached("o");
	leat_reject(maker, leat_error_core(LEAT_RESET));
	world_run(&w);
	tape_expect("~o");
	expect_settled(io, LEAT_RESET);
	close_world();
}
END_TEST

START_TEST(a_cancel_ends_it_after_the_work_that_it_was_for)
{
	open_world();
	leat_io_cancel(leat_io_attach(leat_io_then(attached("a"), say, thing_owned("b")), thing_owned("c")));
	tape_expect("~a ~b ~c");
	close_world();
}
END_TEST

START_TEST(a_lent_value_goes_back_before_it)
{
	leat_io *io;

	open_world();
	io = attached("o");
	lender_resolve(maker, thing("v"));
	leat_io_cancel(io);
	tape_expect("<v ~o");
	close_world();
}
END_TEST

static leat_io *top;
static char o[] = "o";

static void cancel_top(void *text)
{
	tape_add(text);
	leat_io_cancel(top);
}

START_TEST(its_end_may_cancel_the_chain)
{
	open_world();
	top = leat_io_then(leat_io_attach(pending(w.loop, &maker), leat_ctx_own(o, cancel_top)), never,
		thing_owned("c"));
	lender_resolve(maker, thing("v"));
	world_run(&w);
	tape_expect("o <v ~c");
	close_world();
}
END_TEST

START_TEST(what_has_settled_is_attached_to_for_a_turn)
{
	leat_io *io;

	open_world();
	io = leat_io_attach(leat_io_done(w.loop), thing_owned("o"));
	tape_expect("");
	world_run(&w);
	tape_expect("~o");
	expect_ok(settled(io));
	close_world();
}
END_TEST

static void buf_gone(void *text)
{
	tape_add(text);
}

START_TEST(a_buf_is_a_context)
{
	leat_buf *buf;
	leat_io *io;

	open_world();
	buf = leat_buf_wrap(w.loop, "hay", 3, buf_gone, o);
	io = leat_io_attach(pending(w.loop, &maker), leat_ctx_buf(buf));
	world_run(&w);
	tape_expect("");
	leat_resolve(maker);
	world_run(&w);
	tape_expect("o");
	expect_ok(settled(io));
	close_world();
}
END_TEST

static void starved(struct world *s)
{
	leat_maker m;
	leat_io *io = leat_io_attach(pending(s->loop, &m), thing_owned(""));
	leat_error error;

	leat_resolve(m);
	world_run(s);
	error = settled(io);
	ck_assert(!leat_error_set(error) || leat_error_is(error, LEAT_NOMEM));
}

START_TEST(without_memory_it_is_ended_at_once)
{
	starve(starved);
}
END_TEST

SUITE("attach",
	it_is_kept_until_the_outcome_is_there,
	a_failure_ends_it_too_and_passes_on,
	a_cancel_ends_it_after_the_work_that_it_was_for,
	a_lent_value_goes_back_before_it,
	its_end_may_cancel_the_chain,
	what_has_settled_is_attached_to_for_a_turn,
	a_buf_is_a_context,
	without_memory_it_is_ended_at_once)

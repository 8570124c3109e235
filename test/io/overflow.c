/* SPDX-License-Identifier: ISC */
/* overflow - a fiber that runs over the end of its stack dies there, and is named if asked */
#include <leat/fiber.h>

#include "support/dies.h"
#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

static struct world w;
static bool asked;

/* Each call needs a frame of its own. */
static int sink(volatile char *above, int depth)
{
	volatile char here[512];

	here[0] = above ? above[0] : 1;
	if (depth > 0)
		here[1] = (char)sink(here, depth - 1);
	return here[0] + here[1];
}

static leat_io *recurse(void *ctx, leat_loop *loop)
{
	(void)ctx;
	return leat_io_int(loop, sink(NULL, 1 << 20));
}

static void overflow(void)
{
	world_open(&w);
	if (asked)
		expect_ok(leat_fiber_explain_overflow(w.loop));
	leat_io_detach(leat_fiber_at(w.loop, NULL, recurse, leat_ctx_none(), "the deep one"));
	world_run(&w);
}

START_TEST(it_dies_on_the_guard)
{
	asked = false;
	expect_killed(overflow, SIGSEGV, "");
}
END_TEST

START_TEST(the_line_names_it_where_somebody_asked)
{
	asked = true;
	expect_killed(overflow, SIGSEGV, "leat: the fiber made at the deep one has overflowed its stack of 262144 bytes\n");
}
END_TEST

static void overflow_a_small_one(void)
{
	leat_fiber_options small = { .size = sizeof small, .stack_bytes = 20000 };

	world_open(&w);
	expect_ok(leat_fiber_explain_overflow(w.loop));
	expect_ok(leat_fiber_explain_overflow(w.loop)); /* again: nothing */
	leat_io_detach(leat_fiber_with(w.loop, &small, recurse, leat_ctx_none()));
	world_run(&w);
}

START_TEST(a_stack_has_the_room_that_was_asked_for_rounded_up)
{
	expect_killed(overflow_a_small_one, SIGSEGV, "32768 bytes");
}
END_TEST

static void say_theirs(int number)
{
	suite_say("the one before\n");
	signal(number, SIG_DFL);
}

static void overflow_with_a_handler(void)
{
	signal(SIGSEGV, say_theirs);
	asked = true;
	overflow();
}

START_TEST(it_passes_on_to_the_handler_before)
{
	expect_killed(overflow_with_a_handler, SIGSEGV, "the deep one", "the one before");
}
END_TEST

static void fault_elsewhere(void)
{
	signal(SIGSEGV, say_theirs);
	world_open(&w);
	expect_ok(leat_fiber_explain_overflow(w.loop));
	raise(SIGSEGV);
	suite_say("and on\n");
	kill(getpid(), SIGSEGV); /* theirs set the default */
}

START_TEST(so_it_does_with_any_other_fault)
{
	expect_killed(fault_elsewhere, SIGSEGV, "the one before\n");
}
END_TEST

START_TEST(two_loops_of_a_thread_may_ask)
{
	stack_t none, stack;
	struct world other;
	struct sigaction was;

	if (SUITE_SLOWNESS > 1)
		return; /* the sanitizers have a stack for signals */
	sigaction(SIGSEGV, NULL, &was);
	sigaltstack(NULL, &none);
	world_open(&w);
	world_open(&other);
	expect_ok(leat_fiber_explain_overflow(w.loop));
	expect_ok(leat_fiber_explain_overflow(other.loop));
	world_close(&w);
	sigaltstack(NULL, &stack);
	expect_false(stack.ss_flags & SS_DISABLE);
	world_close(&other);
	sigaltstack(NULL, &stack);
	expect_int(stack.ss_flags & SS_DISABLE, none.ss_flags & SS_DISABLE);
	sigaction(SIGSEGV, &was, NULL);
}
END_TEST

START_TEST(without_memory_it_says_so)
{
	world_open(&w);
	w.oom.fail_at = w.oom.calls + 1;
	expect_kind(leat_fiber_explain_overflow(w.loop), LEAT_NOMEM);
	world_close(&w);
}
END_TEST

SUITE("overflow", it_dies_on_the_guard, the_line_names_it_where_somebody_asked,
	a_stack_has_the_room_that_was_asked_for_rounded_up, it_passes_on_to_the_handler_before,
	so_it_does_with_any_other_fault, two_loops_of_a_thread_may_ask, without_memory_it_says_so)

/* SPDX-License-Identifier: ISC */
/* sweep - every combinator's program, cancelled at every point of its life
 *
 * The words of contexts begin with "c", those of lent values with "v": whatever
 * happens, a lent value that was not delivered comes back before its chain's
 * contexts go.
 */
#include "support/suite.h"
#include "support/sweep.h"

static leat_maker makers[8];

static leat_io *wait(leat_loop *loop, int n)
{
	return pending(loop, &makers[n]);
}

/* ---- what happens from outside ---- */

static bool play_values(size_t n, size_t count)
{
	if (n >= count)
		return false;
	tape_add("+");
	lender_resolve(makers[n], thing("v"));
	return true;
}

static bool play_one(struct world *w, size_t n)
{
	(void)w;
	return play_values(n, 1);
}

static bool play_two(struct world *w, size_t n)
{
	(void)w;
	return play_values(n, 2);
}

static bool play_three(struct world *w, size_t n)
{
	(void)w;
	return play_values(n, 3);
}

static bool play_failure_then_values(struct world *w, size_t n)
{
	(void)w;
	if (n > 0)
		return play_values(n, 3);
	leat_reject(makers[0], leat_error_core(LEAT_RESET));
	return true;
}

static bool play_time(struct world *w, size_t n)
{
	if (n >= 5)
		return false;
	w->now_ns += 10 * 1000000;
	return true;
}

static bool play_numbers(struct world *w, size_t n)
{
	(void)w;
	if (n >= 4)
		return false;
	if (leat_maker_live(makers[0]))
		leat_resolve_int(makers[0], n < 3);
	return true;
}

static bool play_together(struct world *w, size_t n)
{
	if (n > 0)
		return false;
	w->now_ns += 10 * 1000000;
	return play_values(0, 1) && play_values(1, 2);
}

/* ---- what is done with it ---- */

static leat_io *keep(void *text, leat_result *result)
{
	(void)text;
	thing_moment();
	return leat_result_pass(result);
}

static leat_io *forget(void *text, leat_result *result)
{
	(void)text;
	(void)result;
	thing_moment();
	return NULL;
}

static leat_io *wait_second(void *text, leat_result *result)
{
	(void)text;
	thing_moment();
	return wait(leat_result_loop(result), 1);
}

static leat_io *wait_first(void *text, leat_result *result)
{
	(void)text;
	thing_moment();
	return wait(leat_result_loop(result), 0);
}

/* ---- programs ---- */

static leat_io *start_then(struct world *w)
{
	leat_io *io = leat_io_then(wait(w->loop, 0), wait_second, thing_owned("c1"));

	io = leat_io_then(io, keep, thing_owned("c2"));
	return leat_io_then(io, forget, thing_owned("c3"));
}

static leat_io *start_skips(struct world *w)
{
	leat_io *ios[2];
	leat_io *io = leat_io_catch(wait(w->loop, 0), leat_match_all(), forget, thing_owned("c1"));

	io = leat_io_branch(io, NULL, forget, thing_moved("c2"));
	io = leat_io_finally(io, forget, thing_owned("c3"));
	io = leat_io_timeout(io, 1000);
	ios[0] = io;
	ios[1] = leat_io_then(wait(w->loop, 1), forget, thing_owned("d"));
	io = leat_io_race(w->loop, ios, 2);
	return leat_io_catch(io, leat_match_all(), forget, thing_owned("c4"));
}

static leat_io *start_catch(struct world *w)
{
	leat_io *io = leat_io_catch(wait(w->loop, 0), leat_match_all(), wait_second, thing_owned("c1"));

	return leat_io_branch(io, keep, forget, thing_owned("c2"));
}

static leat_io *start_finally(struct world *w)
{
	leat_io *io = leat_io_finally(wait(w->loop, 0), wait_second, thing_owned("c1"));

	return leat_io_finally(io, forget, thing_owned("c2"));
}

static leat_io *start_repeat(struct world *w)
{
	leat_io *io = leat_io_repeat(w->loop, wait_first, thing_owned("c1"));

	return leat_io_then(io, forget, thing_owned("c2"));
}

static leat_io *start_fork(struct world *w)
{
	leat_io *ios[2];

	ios[0] = leat_io_fork(wait(w->loop, 0), &ios[1]);
	ios[0] = leat_io_then(ios[0], keep, thing_owned("c1"));
	ios[1] = leat_io_then(ios[1], wait_second, thing_owned("c2"));
	return leat_io_then(leat_io_all(w->loop, ios, 2), forget, thing_owned("c3"));
}

static void three(struct world *w, leat_io *ios[3])
{
	for (int i = 0; i < 3; i++)
		ios[i] = leat_io_then(wait(w->loop, i), keep, thing_owned("c1"));
}

static leat_io *start_all(struct world *w)
{
	leat_io *ios[3];

	three(w, ios);
	return leat_io_then(leat_io_all(w->loop, ios, 3), keep, thing_owned("c2"));
}

static leat_io *start_any(struct world *w)
{
	leat_io *ios[3];

	three(w, ios);
	return leat_io_then(leat_io_any(w->loop, ios, 3), keep, thing_owned("c2"));
}

static leat_io *start_race(struct world *w)
{
	leat_io *ios[3];

	three(w, ios);
	return leat_io_branch(leat_io_race(w->loop, ios, 3), keep, forget, thing_owned("c2"));
}

static leat_io *start_settle(struct world *w)
{
	leat_io *ios[3];

	three(w, ios);
	return leat_io_then(leat_io_settle(w->loop, ios, 3), keep, thing_owned("c2"));
}

static leat_io *start_timeout(struct world *w)
{
	leat_io *io = leat_io_then(wait(w->loop, 0), forget, thing_owned("c1"));

	io = leat_io_then(leat_io_timeout(io, 25), forget, thing_owned("c2"));
	return leat_io_catch(io, leat_match_kind(LEAT_TIMEOUT), forget, thing_owned("c3"));
}

static leat_io *sleep_again(void *ctx, leat_result *result)
{
	leat_loop *loop = leat_result_loop(result);

	(void)ctx;
	thing_moment();
	return leat_io_then(leat_sleep(loop, 10), keep, thing_owned("c4"));
}

static leat_io *start_sleep(struct world *w)
{
	leat_io *io = leat_io_then(leat_sleep(w->loop, 10), sleep_again, thing_owned("c1"));

	return leat_io_finally(io, sleep_again, thing_owned("c2"));
}

static leat_io *start_nest(struct world *w)
{
	leat_io *inner[2], *outer[2];

	inner[0] = leat_io_then(wait(w->loop, 0), keep, thing_owned("c1"));
	inner[1] = leat_io_timeout(wait(w->loop, 1), 10);
	outer[0] = leat_io_race(w->loop, inner, 2);
	outer[1] = leat_io_then(wait(w->loop, 2), forget, thing_owned("c2"));
	return leat_io_catch(leat_io_any(w->loop, outer, 2), leat_match_all(), forget, thing_owned("c3"));
}

static void forget_makers(void)
{
	memset(makers, 0, sizeof makers);
}

/* Wherever a lent value ("+") stood when the chain was cut ("!"), it is back before the
 * contexts of those who waited for it go. Where the value only passes by. */
static void back_before_contexts(void)
{
	const char *lent = strstr(tape_text, "+"), *cut = strstr(tape_text, "!");
	const char *back = cut ? strstr(cut, "<v") : NULL;
	const char *context = cut ? strstr(cut, "~c") : NULL;

	if (lent && lent < cut && back && context)
		ck_assert_msg(back < context, "%s", tape_text);
	forget_makers();
}

static const struct sweep_program programs[] = {
	{ "then", start_then, play_two, forget_makers },
	{ "skips", start_skips, play_one, back_before_contexts },
	{ "catch", start_catch, play_failure_then_values, forget_makers },
	{ "finally", start_finally, play_two, forget_makers },
	{ "repeat", start_repeat, play_numbers, forget_makers },
	{ "fork", start_fork, play_two, forget_makers },
	{ "all", start_all, play_three, forget_makers },
	{ "all, one fails", start_all, play_failure_then_values, forget_makers },
	{ "any", start_any, play_three, forget_makers },
	{ "any, one fails", start_any, play_failure_then_values, forget_makers },
	{ "race", start_race, play_three, forget_makers },
	{ "race, one fails", start_race, play_failure_then_values, forget_makers },
	{ "settle", start_settle, play_three, forget_makers },
	{ "settle, one fails", start_settle, play_failure_then_values, forget_makers },
	{ "timeout", start_timeout, play_time, forget_makers },
	{ "timeout in time", start_timeout, play_one, forget_makers },
	{ "sleep", start_sleep, play_time, forget_makers },
	{ "nest", start_nest, play_three, forget_makers },
	{ "nest, all at once", start_nest, play_together, forget_makers },
};

START_TEST(cancelled_at_any_point_a_program_leaves_nothing)
{
	sweep(&programs[_i]);
}
END_TEST

SUITE("sweep", EACH(cancelled_at_any_point_a_program_leaves_nothing, sizeof programs / sizeof *programs))

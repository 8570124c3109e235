/* SPDX-License-Identifier: ISC */
/* sweep - every call of io.h and its like, cancelled at every point of its life
 *
 * The words of contexts begin with "c", those of lent values with "v": whatever
 * happens, a lent value that was not delivered comes back before its chain's
 * contexts go.
 */
#include <leat/buf.h>
#include <leat/fiber.h>
#include <leat/flow.h>
#include <leat/scope.h>

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

/* ---- what is there already ---- */

static leat_io *next_value(void *text, leat_result *result)
{
	leat_loop *loop = leat_result_loop(result);

	(void)text;
	thing_moment();
	return leat_io_then(leat_io_ptr(loop, thing("v"), &thing_type), keep, thing_owned("c4"));
}

static leat_io *next_buf(void *text, leat_result *result)
{
	(void)text;
	thing_moment();
	return leat_io_buf(leat_result_loop(result), leat_buf_copy(leat_result_loop(result), "hay", 3));
}

static leat_io *next_flow(void *text, leat_result *result)
{
	(void)text;
	thing_moment();
	return leat_io_flow(leat_result_loop(result), leat_flow_null(leat_result_loop(result)));
}

static leat_io *next_failure(void *text, leat_result *result)
{
	(void)text;
	thing_moment();
	return leat_io_fail(leat_result_loop(result), leat_error_core(LEAT_RESET));
}

static leat_io *start_values(struct world *w)
{
	leat_io *io = leat_io_then(leat_io_done(w->loop), next_value, thing_owned("c1"));

	io = leat_io_then(io, next_buf, thing_owned("c2"));
	io = leat_io_then(io, next_flow, thing_owned("c3"));
	io = leat_io_then(io, next_failure, thing_owned("c5"));
	io = leat_io_catch(io, leat_match_all(), next_value, thing_owned("c6"));
	return leat_io_then(leat_io_then(io, say_take, thing_moved("c7")), keep, thing_owned("c8"));
}

static leat_io *start_number(struct world *w)
{
	return leat_io_then(leat_io_int(w->loop, 2), keep, thing_owned("c1"));
}

/* ---- a leaf's own clean-up ---- */

static void leaf_cancelled(void *state)
{
	void **held = state;

	if (*held)
		thing_destroy(*held);
}

static const leat_leaf leaf_with_state = {
	.size = sizeof(leat_leaf), .name = "with state", .state_bytes = 100, .cancel = leaf_cancelled
};
static void **leaf_state;

static leat_io *start_leaf(struct world *w)
{
	void *state;
	leat_io *io = leat_io_new(w->loop, &makers[0], &leaf_with_state, &state);

	leaf_state = state;
	*leaf_state = thing("s");
	return leat_io_then(io, keep, thing_owned("c1"));
}

static bool play_leaf(struct world *w, size_t n)
{
	(void)w;
	if (n > 0)
		return false;
	if (leat_maker_live(makers[0])) {
		void *held = *leaf_state;

		*leaf_state = NULL;
		thing_destroy(held); /* which may cancel */
	}
	lender_resolve(makers[0], thing("v"));
	return true;
}

/* ---- lifetimes ---- */

static leat_io *start_attach(struct world *w)
{
	leat_io *io = leat_io_attach(wait(w->loop, 0), thing_owned("c1"));

	io = leat_io_then(leat_io_attach(io, thing_owned("c2")), wait_second, thing_owned("c3"));
	return leat_io_attach(io, thing_owned("c4"));
}

static leat_io *start_shield(struct world *w)
{
	leat_io *io = leat_io_then(wait(w->loop, 0), wait_second, thing_owned("c1"));

	return leat_io_then(leat_io_shield(io), keep, thing_owned("c2"));
}

/* Whenever it was cut, what was shielded took its first value, and what it came to was not
 * lost. */
static void shielded_went_on(void)
{
	const char *first = strstr(tape_text, ">v");

	ck_assert_msg(first && (strstr(first + 1, "<v") || strstr(first + 1, ">v")), "%s", tape_text);
	forget_makers();
}

static leat_scope *scope;

static leat_io *add_third(void *text, leat_result *result)
{
	(void)text;
	leat_scope_add(scope, leat_io_then(wait(leat_result_loop(result), 2), forget, thing_owned("c3")));
	thing_moment(); /* after which the scope may be gone */
	return leat_result_pass(result);
}

static void fill_scope(struct world *w)
{
	scope = leat_scope_new(w->loop, NULL);
	leat_scope_add(scope, leat_io_then(wait(w->loop, 0), add_third, thing_owned("c1")));
	leat_scope_add(scope, leat_io_then(wait(w->loop, 1), forget, thing_owned("c2")));
}

static leat_io *start_scope(struct world *w)
{
	fill_scope(w);
	return leat_io_branch(leat_scope_wait(scope), forget, forget, thing_owned("c4"));
}

static leat_io *start_scope_drain(struct world *w)
{
	fill_scope(w);
	return leat_io_branch(leat_scope_drain(scope, 25), forget, forget, thing_owned("c4"));
}

static leat_io *start_scopes(struct world *w)
{
	leat_scope *outer = leat_scope_new(w->loop, NULL);

	fill_scope(w);
	leat_scope_add(outer, leat_io_attach(leat_scope_wait(scope), leat_ctx_scope(scope)));
	leat_scope_add(outer, leat_io_shield(leat_io_then(leat_sleep(w->loop, 0), forget, thing_owned("c5"))));
	return leat_io_attach(leat_scope_wait(outer), leat_ctx_scope(outer));
}

/* Cancelled with its only wait, it holds nothing more. */
static void end_scope(void)
{
	expect_size(leat_scope_count(scope), 0);
	leat_scope_add(scope, leat_io_then(leat_io_done(sweep_world->loop), forget, thing_owned("")));
	leat_scope_cancel(scope);
	leat_scope_free(scope);
	forget_makers();
}

/* ---- fibers ---- */

/* Waits twice; cancelled, it waits in vain, and unwinds. */
static leat_io *wait_twice(void *text, leat_loop *loop)
{
	leat_result result;

	(void)text;
	thing_moment();
	for (int i = 0; i < 2; i++) {
		leat_await(wait(loop, i), &result);
		thing_moment();
		leat_result_clear(&result);
	}
	leat_await(leat_io_then(leat_sleep(loop, 0), forget, thing_owned("c3")), NULL);
	return leat_io_then(leat_io_done(loop), forget, thing_owned("c4"));
}

static leat_io *start_fiber(struct world *w)
{
	leat_io *io = leat_fiber(w->loop, wait_twice, thing_owned("c1"));

	return leat_io_then(io, forget, thing_owned("c2"));
}

/* What borrows from the scope's owner is at its end when the scope is. */
static leat_io *borrow(void *held, leat_io *first)
{
	leat_loop *loop = leat_io_loop(first);
	leat_result result;

	leat_await(first, &result);
	leat_result_clear(&result);
	thing_moment();
	leat_await(leat_sleep(loop, 0), NULL);
	expect_str(held, "lent");
	return NULL;
}

static leat_io *borrow_first(void *held, leat_loop *loop)
{
	return borrow(held, wait(loop, 0));
}

static leat_io *borrow_third(void *held, leat_loop *loop)
{
	return borrow(held, wait(loop, 2));
}

static leat_io *start_scope_of_fibers(struct world *w)
{
	void *held = thing("lent");

	scope = leat_scope_new(w->loop, NULL);
	leat_scope_add(scope, leat_fiber(w->loop, borrow_first, leat_ctx_borrow(held)));
	leat_scope_add(scope, leat_io_then(wait(w->loop, 1), forget, thing_owned("c1")));
	leat_scope_add(scope, leat_fiber(w->loop, borrow_third, leat_ctx_borrow(held)));
	return leat_io_attach(leat_scope_wait(scope), leat_ctx_own(held, thing_destroy));
}

/* What is cancelled, by the program itself, and waited for. */
static leat_io *victim;

static void drop_victim(void *text)
{
	leat_io *io = victim;

	victim = NULL;
	leat_io_cancel(io);
	thing_destroy(text);
}

static leat_io *cancel_victim(void *text, leat_result *result)
{
	leat_io *io = victim;

	(void)text;
	(void)result;
	victim = NULL;
	thing_moment();
	return io ? leat_io_cancel_wait(io) : NULL;
}

static leat_io *start_cancel_wait(struct world *w)
{
	leat_io *io;

	victim = leat_io_attach(leat_fiber(w->loop, wait_twice, thing_owned("c1")), thing_owned("c2"));
	io = leat_io_then(wait(w->loop, 2), cancel_victim, leat_ctx_own(thing("c5"), drop_victim));
	return leat_io_then(io, forget, thing_owned("c6"));
}

static bool play_last_first(struct world *w, size_t n)
{
	static const int order[] = { 0, 2, 1 };

	(void)w;
	if (n > 2)
		return false;
	tape_add("+");
	lender_resolve(makers[order[n]], thing("v"));
	return true;
}

/* ---- fibers that wait for fibers ---- */

/* What was delivered to it is its own. */
static bool await_and_drop(leat_io *io)
{
	leat_result result;
	bool ok = leat_await(io, &result);

	thing_moment();
	leat_result_clear(&result);
	return ok;
}

static leat_io *wait_straight_down(void *text, leat_loop *loop)
{
	(void)text;
	thing_moment();
	await_and_drop(wait(loop, 0));
	leat_fiber_yield(loop);
	thing_moment();
	await_and_drop(leat_io_then(wait(loop, 1), keep, thing_owned("")));
	return leat_io_then(leat_sleep(loop, 0), forget, thing_owned("d"));
}

static leat_io *wait_with_a_moved_context(void *text, leat_loop *loop)
{
	thing_take(text);
	await_and_drop(wait(loop, 2));
	return wait(loop, 3);
}

static leat_io *wait_for_two_fibers(void *text, leat_loop *loop)
{
	leat_io *ios[2];

	(void)text;
	ios[0] = leat_fiber(loop, wait_straight_down, thing_owned("d1"));
	ios[1] = leat_io_attach(leat_fiber(loop, wait_with_a_moved_context, thing_moved("")), thing_owned("d2"));
	await_and_drop(leat_io_all(loop, ios, 2));
	return NULL;
}

static leat_io *start_fibers(struct world *w)
{
	return leat_io_then(leat_fiber(w->loop, wait_for_two_fibers, thing_owned("c1")), keep, thing_owned("c2"));
}

static leat_io *wait_but_not_long(void *text, leat_loop *loop)
{
	leat_io *io = leat_fiber(loop, wait_straight_down, thing_owned("d1"));

	(void)text;
	await_and_drop(leat_io_timeout(leat_io_then(io, forget, thing_owned("d2")), 25));
	await_and_drop(leat_sleep(loop, 10));
	return NULL;
}

static leat_io *start_impatient_fiber(struct world *w)
{
	return leat_io_then(leat_fiber(w->loop, wait_but_not_long, thing_owned("c1")), keep, thing_owned("c2"));
}

static bool play_four_and_time(struct world *w, size_t n)
{
	return n < 4 ? play_values(n == 1 ? 2 : n == 2 ? 1 : n, 4) : play_time(w, n - 4);
}

static leat_io *start_deadline(struct world *w)
{
	leat_io *io = leat_io_deadline(wait(w->loop, 0), w->now_ns / 1000000 + 25);

	return leat_io_branch(io, keep, forget, thing_owned("c1"));
}

static bool play_late(struct world *w, size_t n)
{
	return n < 5 ? play_time(w, n) : play_values(n - 5, 1);
}

/* The drain of a loop without flows; of one with flows, see sweep_flow. */
static leat_io *start_drain(struct world *w)
{
	leat_io *io = leat_io_then(leat_loop_drain(w->loop, 25), keep, thing_owned("c1"));

	return leat_io_then(io, forget, thing_owned("c2"));
}

static const struct sweep_program programs[] = {
	{ "leat_io_new: settled or cancelled, its state goes once", start_leaf, play_leaf, forget_makers },
	{ "leat_io_done leat_io_ptr leat_io_buf leat_io_flow leat_io_fail", start_values, NULL, forget_makers },
	{ "leat_io_int", start_number, NULL, forget_makers },
	{ "leat_io_then leat_result_pass", start_then, play_two, forget_makers },
	{ "leat_io_then: values that pass by", start_skips, play_one, back_before_contexts },
	{ "leat_io_catch", start_catch, play_failure_then_values, forget_makers },
	{ "leat_io_branch", start_catch, play_two, forget_makers },
	{ "leat_io_attach", start_attach, play_two, forget_makers },
	{ "leat_io_shield", start_shield, play_two, shielded_went_on },
	{ "leat_io_finally", start_finally, play_two, forget_makers },
	{ "leat_io_repeat", start_repeat, play_numbers, forget_makers },
	{ "leat_io_fork", start_fork, play_two, forget_makers },
	{ "leat_io_all", start_all, play_three, forget_makers },
	{ "leat_io_all: one fails", start_all, play_failure_then_values, forget_makers },
	{ "leat_io_any", start_any, play_three, forget_makers },
	{ "leat_io_any: one fails", start_any, play_failure_then_values, forget_makers },
	{ "leat_io_race", start_race, play_three, forget_makers },
	{ "leat_io_race: one fails", start_race, play_failure_then_values, forget_makers },
	{ "leat_io_settle", start_settle, play_three, forget_makers },
	{ "leat_io_settle: one fails", start_settle, play_failure_then_values, forget_makers },
	{ "leat_io_timeout", start_timeout, play_time, forget_makers },
	{ "leat_io_timeout: in time", start_timeout, play_one, forget_makers },
	{ "leat_io_deadline", start_deadline, play_late, forget_makers },
	{ "leat_io_deadline: in time", start_deadline, play_one, forget_makers },
	{ "leat_sleep", start_sleep, play_time, forget_makers },
	{ "leat_io_race: in an any", start_nest, play_three, forget_makers },
	{ "leat_io_race: in an any, all at once", start_nest, play_together, forget_makers },
	{ "leat_scope_wait", start_scope, play_three, end_scope },
	{ "leat_scope_wait: one fails", start_scope, play_failure_then_values, end_scope },
	{ "leat_scope_wait: of one in another", start_scopes, play_three, forget_makers },
	{ "leat_scope_drain", start_scope_drain, play_late, end_scope },
	{ "leat_scope_drain: in time", start_scope_drain, play_three, end_scope },
	{ "leat_scope_wait: of fibers", start_scope_of_fibers, play_three, end_scope },
	{ "leat_scope_wait: of fibers, one member fails", start_scope_of_fibers, play_failure_then_values, end_scope },
	{ "leat_fiber", start_fiber, play_two, forget_makers },
	{ "leat_fiber: one of its ios fails", start_fiber, play_failure_then_values, forget_makers },
	{ "leat_fiber: it waits for fibers", start_fibers, play_four_and_time, forget_makers },
	{ "leat_fiber: it waits for one, but not long", start_impatient_fiber, play_time, forget_makers },
	{ "leat_io_cancel_wait", start_cancel_wait, play_last_first, forget_makers },
	{ "leat_loop_drain: of no flows", start_drain, play_time, forget_makers },
};

START_TEST(cancelled_at_any_point_a_program_leaves_nothing)
{
	sweep(&programs[_i]);
}
END_TEST

SUITE("sweep", EACH(cancelled_at_any_point_a_program_leaves_nothing, sizeof programs / sizeof *programs))

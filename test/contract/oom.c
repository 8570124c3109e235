/* SPDX-License-Identifier: ISC */
/* oom - scenarios again with the n-th of leat's allocations failing, for every n
 *
 * Whatever fails, it must fail cleanly: the scenario ends, the loop is usable,
 * nothing is left. The loop keeps cells in stock, so the scenarios are played with
 * a full stock and with one that is used up. What libevent allocates for itself
 * does not go through the loop's door and never fails here.
 */
#include "contract/talk.h"

/* What was lost to a failure is not waited for any longer. */
enum { SOON_MS = 20 };

/* Any outcome but a wait that could never end; the first failure stops the play. */
static bool went_well(leat_io *io)
{
	leat_error error = outcome(io);

	ck_assert_msg(!leat_error_is(error, LEAT_DEADLOCK), "nothing could settle it any more");
	return !leat_error_set(error);
}

/* What does not arrive was lost after it was accepted: then the writer is told. */
static struct got get_soon(leat_flow *flow)
{
	struct got got = get(leat_io_timeout(leat_flow_read(flow), SOON_MS));

	if (!leat_error_is(got.error, LEAT_TIMEOUT) || leat_error_set(outcome(leat_flow_flush(flow == a ? b : a))))
		return got;
	got = get(leat_io_timeout(leat_flow_read(flow), 100 * SOON_MS));
	ck_assert_msg(!leat_error_is(got.error, LEAT_TIMEOUT), "what was written is lost and nobody was told");
	return got;
}

static bool hears_all(leat_flow *flow, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		struct got got = get_soon(flow);
		size_t n;

		if (!got.buf)
			return false;
		n = leat_buf_size(got.buf);
		expect(n <= left);
		expect_mem(leat_buf_data(got.buf), text, n);
		leat_buf_unref(got.buf);
		text += n;
		left -= n;
	}
	return true;
}

static void exchange(void)
{
	if (!went_well(leat_flow_write(b, "question", 8)) || !hears_all(a, "question"))
		return;
	if (kind->one_way || !went_well(leat_flow_write(a, "answer", 6)))
		return;
	hears_all(b, "answer");
}

static void goodbye(void)
{
	leat_io *one = leat_io_timeout(leat_flow_close(a), SOON_MS);
	leat_io *other = leat_io_timeout(leat_flow_close(b), SOON_MS);

	went_well(one);
	went_well(other);
}

static void half_close(void)
{
	leat_io *telling;

	if (!went_well(leat_flow_write(b, "last words", 10)))
		return;
	telling = leat_flow_shutdown(b, LEAT_WRITE);
	if (!hears_all(a, "last words"))
		leat_flow_abort(a);
	if (!went_well(telling) || !went_well(leat_flow_flush(b)))
		leat_flow_abort(b);
	went_well(leat_flow_read(a));
	goodbye();
}

static leat_io *look(void *ctx, leat_result *result)
{
	return NULL;
}

/* Who reads aborts in the end, whatever it was: or the writer would wait. */
static void much(void)
{
	struct pump out, in;
	leat_io *writing = pump_out(&out, b, 150000, 20000);
	leat_io *reading = leat_io_finally(pump_in(&in, a), look, leat_ctx_flow(leat_flow_ref(a)));

	if (!went_well(writing) || !went_well(leat_flow_shutdown(b, LEAT_WRITE)) || !went_well(leat_flow_flush(b)))
		leat_flow_abort(b);
	went_well(reading);
	expect_false(in.wrong);
	expect(in.at <= 150000);
}

/* Nothing that was read into is lost by the failure. */
static void cancelled(void)
{
	leat_io *reading = leat_flow_read(a);
	char memory[6];

	settle();
	leat_io_cancel(reading);
	if (!went_well(leat_flow_write(b, "kept", 4)))
		return;
	reading = leat_io_timeout(leat_flow_read(a), 10000);
	settle();
	leat_io_cancel(reading);
	if (went_well(leat_io_timeout(leat_flow_read_into(a, memory, 2, 2), SOON_MS)) && !kind->alone)
		expect_mem(memory, "ke", 2);
	leat_flow_unread(a, leat_buf_copy(stage.loop, "un", 2));
}

static void in_the_middle(void)
{
	leat_io *reading = leat_flow_read(a), *writing = leat_flow_write(b, "middle", 6), *flushed;

	stage_pass(&stage);
	flushed = leat_flow_flush(b);
	leat_flow_abort(b);
	went_well(reading);
	went_well(writing);
	went_well(flushed);
	went_well(leat_io_timeout(leat_flow_close(a), SOON_MS));
}

static void limits(void)
{
	leat_error error = leat_flow_set_limits(b, &LIMITS(.high_water_bytes = 100, .linger_ms = 1));

	if (leat_error_set(error))
		return;
	exchange();
	went_well(leat_io_timeout(leat_flow_close(b), SOON_MS));
}

static void (*const scenarios[])(void) = { exchange, half_close, much, cancelled, in_the_middle, goodbye, limits };
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios, MOST = 3000, FILLERS = 20000 };

/* Makes ios until the next would have to ask for memory, less `spare`; gives how
 * many. */
static size_t use_up(leat_io **fillers, size_t spare)
{
	size_t n = 0, calls = stage.oom.calls;
	leat_maker maker;

	while (stage.oom.calls == calls && n < FILLERS)
		fillers[n++] = leat_io_new(stage.loop, &maker, NULL, NULL);
	calls = stage.oom.calls;
	while (stage.oom.calls == calls && n < FILLERS)
		fillers[n++] = leat_io_new(stage.loop, &maker, NULL, NULL);
	spare++;
	while (spare-- > 0 && n > 0)
		leat_io_cancel(fillers[--n]);
	return n;
}

/* The loop works: a pair says so. */
static void usable(void)
{
	leat_flow *ends[2];

	stage.oom.fail_at = 0;
	leat_flow_pair(stage.loop, ends);
	say(ends[0], "works");
	expect_hears(ends[1], "works");
	drop(&ends[0]);
	drop(&ends[1]);
}

static void play(void (*scenario)(void))
{
	leat_flow *ends[2] = { NULL, NULL };

	if (kind->make(stage.loop, ends)) {
		a = ends[0];
		b = ends[1];
		scenario();
	}
	drop(&a);
	drop(&b);
	settle();
	usable();
	stage.unhandled = 0;
}

/* True: it needed fewer allocations. */
static bool play_failing(void (*scenario)(void), size_t nth)
{
	bool failed;

	if (!stage_try(&stage, 0, nth))
		return false;
	play(scenario);
	failed = stage.oom.failed;
	stage_close(&stage);
	return !failed;
}

static bool play_starved(void (*scenario)(void), size_t nth, size_t spare)
{
	static leat_io *fillers[FILLERS];
	size_t n;
	bool failed;

	stage_open(&stage, 0);
	n = use_up(fillers, spare);
	stage.oom.fail_at = stage.oom.calls + nth;
	play(scenario);
	failed = stage.oom.failed;
	while (n > 0)
		leat_io_cancel(fillers[--n]);
	stage_close(&stage);
	return !failed;
}

/* The stage that was set is left for one of each play. */
static void leave(void)
{
	drop(&a);
	drop(&b);
	stage_close(&stage);
}

static void come_back(void)
{
	stage_open(&stage, 0);
	fresh();
}

static void o1_each_allocation_may_fail(void)
{
	leave();
	for (int i = 0; i < SCENARIOS; i++)
		for (size_t nth = 1; nth < MOST && !play_failing(scenarios[i], nth); nth++) {
		}
	come_back();
}

static void o2_each_allocation_may_fail_with_few_cells_in_stock(void)
{
	leave();
	for (int i = 0; i < SCENARIOS; i++)
		for (size_t spare = 0; spare < 6; spare++)
			for (size_t nth = 1; nth < MOST && !play_starved(scenarios[i], nth, spare); nth++) {
			}
	come_back();
}

const struct clause oom_clauses[] = {
	CLAUSE(o1_each_allocation_may_fail, ALONE),
	CLAUSE(o2_each_allocation_may_fail_with_few_cells_in_stock, ALONE),
	{ 0 },
};

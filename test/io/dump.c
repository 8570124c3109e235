/* SPDX-License-Identifier: ISC */
/* dump - who waits for whom */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <leat/dump.h>
#include <leat/trace.h>

#include "support/small.h"
#include "support/step.h"
#include "support/suite.h"
#include "support/world.h"

/* ---- what a dump says ---- */

static char text[65536];

static size_t dump(struct world *w, leat_dump_options options)
{
	options.size = sizeof options;
	return leat_dump_text(w->loop, text, sizeof text, &options);
}

/* All but the head. */
static const char *trees(struct world *w)
{
	dump(w, (leat_dump_options){ 0 });
	return strchr(text, '\n') + 1;
}

static leat_io *at(leat_loop *loop, leat_maker *maker, const char *where)
{
	return leat_io_new_at(loop, maker, NULL, NULL, where);
}

static leat_io *then_at(leat_io *io, const char *where)
{
	return leat_io_then_at(io, say, word("-"), where);
}

START_TEST(an_empty_loop_has_a_head_and_nothing_else)
{
	struct world w;

	world_open(&w);
	expect_str(trees(&w), "");
	expect_str(text, "leat: 0 ios, 0 flows, 0 listeners, 0 timers, turn 0\n");
	world_close(&w);
}
END_TEST

START_TEST(an_io_stands_above_what_it_waits_for)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	io = then_at(then_at(at(w.loop, &maker, "a"), "b"), "c");
	expect_str(trees(&w), "then c, held\n  then b\n    leaf a\n");
	leat_io_cancel(io);
	world_close(&w);
}
END_TEST

START_TEST(many_sources_stand_in_their_order)
{
	struct world w;
	leat_maker a, b;
	leat_io *io, *ios[3];

	world_open(&w);
	ios[0] = then_at(at(w.loop, &a, "a"), "A");
	ios[1] = leat_io_int_at(w.loop, 7, "seven");
	ios[2] = at(w.loop, &b, "b");
	io = leat_io_all_at(w.loop, ios, 3, "all");
	expect_str(trees(&w), "all all, held, 2 of 3 left\n  then A\n    leaf a\n"
		"  leaf seven, settled: int 7\n  leaf b\n");
	leat_resolve(a);
	world_run(&w);
	expect_str(trees(&w), "all all, held, 1 of 3 left\n  then A, settled: nothing\n"
		"  leaf seven, settled: int 7\n  leaf b\n");
	leat_io_cancel(io);
	world_close(&w);
	tape_clear();
}
END_TEST

START_TEST(it_says_who_holds_a_tree)
{
	struct world w;
	leat_maker maker;

	world_open(&w);
	leat_io_detach(at(w.loop, &maker, "a"));
	expect_str(trees(&w), "leaf a, detached\n");
	leat_resolve(maker);
	world_run(&w);
	world_close(&w);
}
END_TEST

START_TEST(a_failure_is_shown_with_its_place)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	io = leat_io_fail_at(w.loop, leat_error_make_at(&leat_core_errors, LEAT_RESET, "wire.c:3"), "a");
	trees(&w);
	expect_some(strstr(text, "leaf a, held, settled: failed: "));
	expect_some(strstr(text, "at wire.c:3\n"));
	leat_io_cancel(io);
	world_close(&w);
}
END_TEST

START_TEST(what_is_ready_says_so)
{
	struct world w;
	leat_io *io;

	world_open(&w);
	io = then_at(leat_io_int_at(w.loop, 7, "a"), "b");
	expect_str(trees(&w), "then b, held\n  leaf a, ready: int 7\n");
	leat_io_cancel(io);
	io = leat_io_repeat_at(w.loop, never, leat_ctx_none(), "r");
	expect_str(trees(&w), "repeat r, held, to run\n");
	leat_io_cancel(io);
	world_run(&w);
	world_close(&w);
}
END_TEST

START_TEST(deadlines_tell_what_is_left)
{
	struct world w;
	leat_maker maker;
	leat_io *io;

	world_open(&w);
	io = leat_io_timeout_at(at(w.loop, &maker, "a"), 500, "t");
	world_pass(&w, 100);
	expect_str(trees(&w), "timeout t, held, 400 ms left\n  leaf a\n");
	leat_io_cancel(io);
	io = leat_sleep_at(w.loop, 500, "s");
	expect_str(trees(&w), "sleep s, held, 500 ms left\n");
	leat_io_cancel(io);
	world_close(&w);
}
END_TEST

START_TEST(both_halves_of_a_fork_are_shown)
{
	struct world w;
	leat_maker maker;
	leat_io *one, *two;

	world_open(&w);
	one = leat_io_fork_at(at(w.loop, &maker, "a"), &two, "f");
	trees(&w);
	expect_some(strstr(text, "fork f, held\n  leaf a\n"));
	expect_some(strstr(text, "fork f, held, waits for what its other half waits for\n"));
	leat_io_cancel(one);
	expect_str(trees(&w), "fork f, held\n  leaf a\n");
	leat_io_cancel(two);
	world_close(&w);
}
END_TEST

/* ---- leaves speak for themselves ---- */

static int describe_near(const void *state, char *out, size_t room)
{
	return snprintf(out, room, "near %s", *(const char *const *)state);
}

struct far {
	char fill[64];
	const char *text;
};

static int describe_far(const void *state, char *out, size_t room)
{
	return snprintf(out, room, "far %s", ((const struct far *)state)->text);
}

static const leat_leaf near_leaf = { .size = sizeof near_leaf, .name = "near", .state_bytes = 8, .describe = describe_near };
static const leat_leaf far_leaf = { .size = sizeof far_leaf, .name = "far", .state_bytes = sizeof(struct far),
	.describe = describe_far };
static const leat_leaf old_leaf = { .size = offsetof(leat_leaf, describe), .name = "old", .state_bytes = 8,
	.describe = describe_near };

START_TEST(a_leaf_says_what_it_waits_for)
{
	struct world w;
	leat_maker maker;
	leat_io *near, *far, *old;
	void *state;

	world_open(&w);
	near = leat_io_new_at(w.loop, &maker, &near_leaf, &state, "n");
	*(const char **)state = "water";
	far = leat_io_new_at(w.loop, &maker, &far_leaf, &state, "f");
	((struct far *)state)->text = "hills";
	old = leat_io_new_at(w.loop, &maker, &old_leaf, &state, "o");
	trees(&w);
	expect_some(strstr(text, "near n, held, near water\n"));
	expect_some(strstr(text, "far f, held, far hills\n"));
	expect_some(strstr(text, "old o, held\n"));
	leat_io_cancel(near);
	leat_io_cancel(far);
	leat_io_cancel(old);
	world_close(&w);
}
END_TEST

START_TEST(words_of_others_do_not_speak_to_the_terminal)
{
	struct world w;
	leat_maker maker;
	leat_io *io;
	void *state;

	world_open(&w);
	io = leat_io_new_at(w.loop, &maker, &near_leaf, &state, "n\r");
	*(const char **)state = "\033[2Jx\n\"\\\xc2\x9b" "31m \xc3\xa9";
	trees(&w);
	expect_some(strstr(text, "near n?, held, near ?[2Jx?\"\\?"));
	expect_some(strstr(text, "\xc3\xa9\n"));
	expect_null(strchr(text, '\033'));
	dump(&w, (leat_dump_options){ .form = LEAT_DUMP_DOT });
	expect_some(strstr(text, "near ?[2Jx?\\\"\\\\?"));
	leat_io_cancel(io);
	world_close(&w);
}
END_TEST

/* ---- forms ---- */

START_TEST(the_pretty_form_draws_the_branches)
{
	struct world w;
	leat_maker a, b;
	leat_io *io, *ios[2];

	world_open(&w);
	ios[0] = then_at(at(w.loop, &a, "a"), "A");
	ios[1] = then_at(at(w.loop, &b, "b"), "B");
	io = leat_io_all_at(w.loop, ios, 2, "all");
	dump(&w, (leat_dump_options){ .form = LEAT_DUMP_PRETTY, .only = io });
	expect_str(text,
		"all all                                     held, 2 of 2 left\n"
		"├─ then A\n"
		"│  ╰─ leaf a\n"
		"╰─ then B\n"
		"   ╰─ leaf b\n");
	leat_io_cancel(io);
	world_close(&w);
}
END_TEST

START_TEST(colours_are_for_terminals_and_for_who_asks)
{
	struct world w;

	world_open(&w);
	leat_io_detach(leat_sleep(w.loop, 5));
	dump(&w, (leat_dump_options){ .form = LEAT_DUMP_PRETTY });
	expect_null(strchr(text, '\033'));
	dump(&w, (leat_dump_options){ .form = LEAT_DUMP_PRETTY, .colour = LEAT_DUMP_COLOUR_ALWAYS });
	expect_some(strstr(text, "\033[1msleep\033[0m"));
	dump(&w, (leat_dump_options){ .colour = LEAT_DUMP_COLOUR_ALWAYS });
	expect_null(strchr(text, '\033'));
	world_pass(&w, 5);
	world_close(&w);
}
END_TEST

START_TEST(the_graph_has_a_node_and_an_arrow_for_each)
{
	struct world w;
	leat_maker a, b;
	leat_io *io, *ios[2];
	char arrow[80];

	world_open(&w);
	ios[0] = at(w.loop, &a, "a");
	ios[1] = at(w.loop, &b, "b");
	io = leat_io_all_at(w.loop, ios, 2, "all");
	dump(&w, (leat_dump_options){ .form = LEAT_DUMP_DOT });
	expect_int(strncmp(text, "digraph leat {\n", 15), 0);
	expect_some(strstr(text, "label=\"all\\nall\\nheld\\n2 of 2 left\"];\n"));
	snprintf(arrow, sizeof arrow, "io_%zx -> io_%zx;\n", (size_t)io, (size_t)ios[1]);
	expect_some(strstr(text, arrow));
	expect_str(text + strlen(text) - 2, "}\n");
	leat_io_cancel(io);
	world_close(&w);
}
END_TEST

/* ---- where it goes ---- */

START_TEST(a_file_a_descriptor_and_memory_get_the_same)
{
	struct world w;
	char got[2][1024] = { "", "" };
	FILE *file = tmpfile();
	int ends[2];
	leat_io *io;

	world_open(&w);
	io = leat_sleep_at(w.loop, 5, "s");
	trees(&w);
	expect_true(leat_dump(w.loop, file, NULL));
	rewind(file);
	expect_size(fread(got[0], 1, sizeof got[0] - 1, file), strlen(text));
	expect_int(pipe(ends), 0);
	expect_true(leat_dump_fd(w.loop, ends[1], NULL));
	expect_int(read(ends[0], got[1], sizeof got[1] - 1), strlen(text));
	expect_str(got[0], text);
	expect_str(got[1], text);
	close(ends[0]);
	close(ends[1]);
	fclose(file);
	leat_io_cancel(io);
	world_close(&w);
}
END_TEST

START_TEST(memory_gets_what_fits_and_is_told_of_the_rest)
{
	struct world w;
	char some[8];
	size_t all;

	world_open(&w);
	all = dump(&w, (leat_dump_options){ 0 });
	expect_size(all, strlen(text));
	expect_size(leat_dump_text(w.loop, some, sizeof some, NULL), all);
	expect_str(some, "leat: 0");
	expect_size(leat_dump_text(w.loop, NULL, 0, NULL), all);
	world_close(&w);
}
END_TEST

START_TEST(it_says_when_it_could_not_be_written)
{
	struct world w;

	world_open(&w);
	expect_false(leat_dump_fd(w.loop, -1, NULL));
	world_close(&w);
}
END_TEST

START_TEST(lines_can_be_bounded_and_the_rest_is_counted)
{
	struct world w;

	world_open(&w);
	for (int i = 0; i < 10; i++)
		leat_io_detach(leat_sleep_at(w.loop, 5, "s"));
	dump(&w, (leat_dump_options){ .most_lines = 4 });
	expect_some(strstr(text, "turn 0\nsleep s, detached, 5 ms left\nsleep s, detached, 5 ms left\n"
		"sleep s, detached, 5 ms left\nand 7 ios more\n"));
	world_pass(&w, 5);
	world_close(&w);
}
END_TEST

/* ---- at bad moments ---- */

static leat_io *dump_in_callback(void *world, leat_result *result)
{
	(void)result;
	tape_add(trees(world));
	return NULL;
}

START_TEST(in_a_callback_who_runs_is_seen)
{
	struct world w;

	world_open(&w);
	tape_clear();
	leat_io_detach(leat_io_then_at(leat_io_done(w.loop), dump_in_callback, leat_ctx_borrow(&w), "t"));
	world_run(&w);
	tape_expect("then t, detached, running\n");
	world_close(&w);
}
END_TEST

static struct world *dumped;
static size_t dumps;

static void dump_in_cancel(void *state)
{
	(void)state;
	trees(dumped);
	dumps++;
}

static const leat_leaf dumping_leaf = { .size = sizeof dumping_leaf, .name = "dumping", .cancel = dump_in_cancel };

START_TEST(in_a_cancel_what_goes_is_not_shown)
{
	struct world w;
	leat_maker maker;
	leat_io *ios[2], *other;

	world_open(&w);
	dumped = &w;
	dumps = 0;
	other = at(w.loop, &maker, "other");
	for (int i = 0; i < 2; i++)
		ios[i] = then_at(then_at(leat_io_new_at(w.loop, &maker, &dumping_leaf, NULL, "l"), "a"), "b");
	leat_io_cancel(leat_io_all_at(w.loop, ios, 2, "all"));
	expect_size(dumps, 2);
	expect_str(strchr(text, '\n') + 1, "leaf other, held\n");
	leat_io_cancel(other);
	world_close(&w);
}
END_TEST

START_TEST(without_memory_it_says_all_the_same)
{
	struct world w;
	leat_maker maker;
	leat_io *io;
	size_t calls;

	world_open(&w);
	io = then_at(at(w.loop, &maker, "a"), "b");
	calls = w.oom.calls;
	w.oom.fail_at = calls + 1;
	expect_str(trees(&w), "then b, held\n  leaf a\n");
	expect_size(w.oom.calls, calls);
	leat_io_cancel(io);
	world_close(&w);
}
END_TEST

/* ---- ages ---- */

START_TEST(ages_are_known_while_a_trace_is_on)
{
	struct world w;
	leat_maker maker;
	leat_io *before, *after;

	world_open(&w);
	before = at(w.loop, &maker, "before");
	expect_true(leat_trace_start(w.loop, &(leat_trace){ .size = sizeof(leat_trace) }));
	after = at(w.loop, &maker, "after");
	leat_io_detach(leat_sleep(w.loop, 70));
	world_pass(&w, 70);
	trees(&w);
	expect_some(strstr(text, "leaf before, held\n"));
	expect_some(strstr(text, "leaf after, held, 1 turns, 70 ms old\n"));
	leat_io_cancel(before);
	leat_io_cancel(after);
	leat_trace_stop(w.loop);
	world_close(&w);
}
END_TEST

/* ---- a deadlock tells ---- */

START_TEST(a_deadlock_reports_the_tree_that_was_awaited_first)
{
	struct world w;
	leat_maker maker;
	leat_io *other;

	world_open(&w);
	other = at(w.loop, &maker, "other");
	expect_false(leat_await(then_at(at(w.loop, &maker, "a"), "b"), NULL));
	expect_some(strstr(w.report, "then b, awaited\n  leaf a\nleaf other, held\n"));
	leat_io_cancel(other);
	world_end(&w);
}
END_TEST

/* ---- a million ---- */

static size_t deep(void)
{
	return many(1000000);
}

static leat_io *chain_of(leat_loop *loop, leat_maker *maker, size_t links, const char *const *where)
{
	leat_io *io = at(loop, maker, "the leaf");

	for (size_t i = 0; i < links; i++)
		io = then_at(io, where[i % 2]);
	return io;
}

static const char *chain_deed(void)
{
	static const char *const places[] = { "a", "b" }, *const same[] = { "a", "a" };
	leat_loop *loop = leat_loop_new(NULL, NULL);
	leat_maker maker;
	leat_io *one = chain_of(loop, &maker, deep(), places);
	leat_io *two = chain_of(loop, &maker, deep(), same);
	size_t bytes = leat_dump_text(loop, text, sizeof text, &(leat_dump_options){ .size = sizeof(leat_dump_options) });
	bool ok = strstr(text, "\n    then b\n      then a\n") && bytes > deep() * 10;

	leat_dump_text(loop, text, sizeof text, &(leat_dump_options){ .size = sizeof(leat_dump_options), .only = two });
	ok = ok && strncmp(text, "then a, held\n  then a, ", 23) == 0 && strstr(text, " times\n    leaf the leaf\n");
	leat_io_cancel(one);
	leat_io_cancel(two);
	leat_loop_free(loop);
	return ok ? NULL : "the dump of a long chain is not right";
}

START_TEST(a_chain_of_a_million_needs_no_stack)
{
	on_a_small_stack(chain_deed);
}
END_TEST

/* Each race has another race and a leaf; the dump counts the ios in lines. */
static const char *nest_deed(void)
{
	leat_loop *loop = leat_loop_new(NULL, NULL);
	size_t levels = deep() / 10, lines = 0;
	leat_maker maker;
	leat_io *io = at(loop, &maker, "the leaf");
	FILE *file = tmpfile();

	for (size_t i = 0; i < levels; i++) {
		leat_io *ios[3] = { at(loop, &maker, "x"), io, at(loop, &maker, "y") };

		io = leat_io_race_at(loop, ios, 3, "race");
	}
	leat_dump(loop, file, &(leat_dump_options){ .size = sizeof(leat_dump_options), .only = io });
	rewind(file);
	while (fgets(text, sizeof text, file))
		lines++;
	fclose(file);
	leat_io_cancel(io);
	leat_loop_free(loop);
	return lines == 3 * levels + 1 ? NULL : "some of what was nested is missing";
}

START_TEST(what_is_nested_a_hundred_thousand_deep_is_shown_once)
{
	on_a_small_stack(nest_deed);
}
END_TEST

SUITE("dump",
	an_empty_loop_has_a_head_and_nothing_else,
	an_io_stands_above_what_it_waits_for,
	many_sources_stand_in_their_order,
	it_says_who_holds_a_tree,
	a_failure_is_shown_with_its_place,
	what_is_ready_says_so,
	deadlines_tell_what_is_left,
	both_halves_of_a_fork_are_shown,
	a_leaf_says_what_it_waits_for,
	words_of_others_do_not_speak_to_the_terminal,
	the_pretty_form_draws_the_branches,
	colours_are_for_terminals_and_for_who_asks,
	the_graph_has_a_node_and_an_arrow_for_each,
	a_file_a_descriptor_and_memory_get_the_same,
	memory_gets_what_fits_and_is_told_of_the_rest,
	it_says_when_it_could_not_be_written,
	lines_can_be_bounded_and_the_rest_is_counted,
	in_a_callback_who_runs_is_seen,
	in_a_cancel_what_goes_is_not_shown,
	without_memory_it_says_all_the_same,
	ages_are_known_while_a_trace_is_on,
	a_deadlock_reports_the_tree_that_was_awaited_first,
	a_chain_of_a_million_needs_no_stack,
	what_is_nested_a_hundred_thousand_deep_is_shown_once)

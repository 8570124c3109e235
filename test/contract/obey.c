/* SPDX-License-Identifier: ISC */
/* obey - every clause of doc/contract.md, over every kind of flow
 *
 * The clauses are in types.c, read.c, write.c, half.c, close.c, life.c and
 * release.c, the kinds are rows of kinds.c. A test is named "KIND CLAUSE"; a
 * clause that a kind cannot obey is printed with its reason. Two programs, so that
 * two processors share them: flow, and layers for the kinds that stand on other flows.
 *
 *	test/contract/flow                     all its kinds
 *	KIND=pair CLAUSE=r9 test/contract/flow those whose names begin so
 */
#include <ctype.h>
#include <stdio.h>

#include "contract/talk.h"
#include "support/suite.h"

static const struct clause *const chapters[] = { type_clauses, read_clauses, write_clauses, half_clauses, close_clauses,
	life_clauses, release_clauses, oom_clauses, direct_clauses };
enum { CHAPTERS = sizeof chapters / sizeof *chapters, CLAUSES = 256 };

static const struct clause *clauses[CLAUSES];
static size_t n_clauses;
static unsigned signals;

static void collect(void)
{
	for (int i = 0; i < CHAPTERS; i++)
		for (const struct clause *c = chapters[i]; c->name; c++)
			clauses[n_clauses++] = c;
}

/* ---- exemptions ---- */

/* Whether `what` is the clause ("R9"), its chapter ("R") or the whole name of the test. */
static bool means(const char *what, const char *name)
{
	size_t n = strlen(what);

	if (strcmp(what, name) == 0)
		return true;
	for (size_t i = 0; i < n; i++)
		if (tolower((unsigned char)what[i]) != name[i])
			return false;
	return name[n] == '_' || n == 1;
}

static const char *why_not(const struct kind *k, const struct clause *clause)
{
	if (k->alone && !(clause->needs & ALONE))
		return "nobody is at the other end";
	if (k->one_way && (clause->needs & DUPLEX))
		return "it has one direction";
	for (int i = 0; i < EXEMPTIONS && k->exempt[i].what; i++)
		if (means(k->exempt[i].what, clause->name))
			return k->exempt[i].reason;
	return NULL;
}

/* ---- one test ---- */

static void on_signal(int number)
{
	(void)number;
	signals++;
}

static const struct clause *playing;

static void on_alarm(int number)
{
	(void)number;
	suite_say("flow: this test hangs: ");
	suite_say(kind->name);
	suite_say(" ");
	suite_say(playing->name);
	suite_say("\n");
	_exit(99);
}

START_TEST(play)
{
	const struct clause *clause = clauses[_i];

	playing = clause;
	signal(SIGALRM, on_alarm);
	a = b = NULL;
	signals = layer_late_calls = 0;
	signal(SIGPIPE, kind->signals ? SIG_IGN : on_signal);
	stage_open(&stage, clause->needs & SMALL_TURNS ? 1 : 0);
	fresh();
	clause->play();
	drop(&a);
	drop(&b);
	stage_close(&stage);
	ck_assert_msg(layer_late_calls == 0, "A2: %u ops were called after the end", layer_late_calls);
	ck_assert_msg(signals == 0, "SIGPIPE was raised %u times", signals);
}
END_TEST

/* ---- the run ---- */

static bool chosen(const char *variable, const char *name)
{
	const char *text = getenv(variable);

	return !text || strncmp(text, name, strlen(text)) == 0;
}

static void add(Suite *suite, size_t i)
{
	static char names[2 * CLAUSES * 16][96];
	static size_t n_names;
	TCase *one;

	if (n_names == sizeof names / sizeof *names)
		abort();
	snprintf(names[n_names], sizeof *names, "%s %s", kind->name, clauses[i]->name);
	one = tcase_create(names[n_names++]);
	tcase_set_timeout(one, suite_timeout() + 5);
	tcase_add_checked_fixture(one, suite_before, suite_after);
	_tcase_add_test(one, play, 0, 0, (int)i, (int)i + 1);
	suite_add_tcase(suite, one);
}

static Suite *suite_of_kind(void)
{
	Suite *suite = suite_create(kind->name);

	for (size_t i = 0; i < n_clauses; i++) {
		const char *reason = why_not(kind, clauses[i]);

		if (!chosen("CLAUSE", clauses[i]->name))
			continue;
		if (reason)
			printf("exempt: %s %s: %s\n", kind->name, clauses[i]->name, reason);
		else
			add(suite, i);
	}
	return suite;
}

static int run_kind(void)
{
	SRunner *runner;
	int failed;

	if (kind->here && !kind->here()) {
		printf("exempt: %s: this machine has none\n", kind->name);
		return 0;
	}
	if (kind->signals)
		printf("exempt: %s W6: libevent writes the descriptor itself, SIGPIPE is ignored\n", kind->name);
	if (kind->beyond)
		printf("exempt: %s %s\n", kind->name, kind->beyond);
	runner = srunner_create(suite_of_kind());
	srunner_set_fork_status(runner, CK_NOFORK);
	fflush(stdout);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed;
}

int obey(bool layers)
{
	int failed = 0;

	collect();
	for (size_t i = 0; i < n_kinds; i++) {
		kind = &kinds[i];
		if ((kind->flows > 1) == layers && chosen("KIND", kind->name))
			failed += run_kind();
	}
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

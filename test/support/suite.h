/* SPDX-License-Identifier: ISC */
/* suite.h - a file becomes a check(3) program
 *
 *	#include "support/suite.h"
 *
 *	START_TEST(cancelling_a_read_loses_nothing) { ... } END_TEST
 *	START_TEST(resolving_twice_aborts) { ... } END_TEST
 *	START_TEST(every_kind_echoes) { use(kinds[_i]); } END_TEST
 *
 *	SUITE("flow", cancelling_a_read_loses_nothing,
 *		ABORTS(resolving_twice_aborts),
 *		EACH(every_kind_echoes, N_KINDS))
 *
 * Tests run in one process, so that sanitizers and valgrind see all of it; only
 * those that must abort get a child of their own. Each test is a case of its own
 * name: CK_RUN_CASE=cancelling_a_read_loses_nothing test/flow/flow
 *
 * One that hangs is ended by alarm(2), after CK_DEFAULT_TIMEOUT seconds (20), times
 * CK_TIMEOUT_MULTIPLIER (1), times 5 under a sanitizer.
 */
#ifndef TEST_SUPPORT_SUITE_H
#define TEST_SUPPORT_SUITE_H

#include <check.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SUITE_SLOWNESS 5
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SUITE_SLOWNESS 5
#endif
#ifndef SUITE_SLOWNESS
#define SUITE_SLOWNESS 1
#endif

/* What the list says about a test besides its name. */
struct suite_mark {
	const TTest *test;
	int signal; /* it must end by this one; 0: it returns */
	int times;  /* it runs with _i = 0 .. times - 1 */
};

enum { SUITE_MARKS = 256 };
static struct suite_mark suite_marks[SUITE_MARKS];

static inline struct suite_mark *suite_mark(const TTest *test)
{
	struct suite_mark *m = suite_marks;

	while (m->test && m->test != test)
		if (++m == suite_marks + SUITE_MARKS)
			abort();
	if (!m->test)
		*m = (struct suite_mark){ .test = test, .times = 1 };
	return m;
}

static inline const TTest *suite_aborts(const TTest *test)
{
	suite_mark(test)->signal = SIGABRT;
	return test;
}

static inline const TTest *suite_each(const TTest *test, int times)
{
	suite_mark(test)->times = times;
	return test;
}

#define ABORTS(test) suite_aborts(test)
#define EACH(test, times) suite_each(test, times)

static inline unsigned suite_number(const char *variable, unsigned otherwise)
{
	const char *text = getenv(variable);
	int number = text ? atoi(text) : 0;

	return number > 0 ? (unsigned)number : otherwise;
}

static inline unsigned suite_timeout(void)
{
	return suite_number("CK_DEFAULT_TIMEOUT", 20) *
	       suite_number("CK_TIMEOUT_MULTIPLIER", 1) * SUITE_SLOWNESS;
}

/* Whether valgrind runs us; what it cannot imitate is left to the other runs. */
static inline bool suite_on_valgrind(void)
{
	const char *loaded = getenv("LD_PRELOAD");

	return loaded && strstr(loaded, "vgpreload");
}

static inline void suite_say(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		_exit(99);
}

static inline void suite_hangs(int signal_number)
{
	(void)signal_number;
	suite_say("suite: a test hangs: ");
	suite_say(tcase_name());
	suite_say("\n");
	_exit(99);
}

static inline void suite_before(void)
{
	signal(SIGALRM, suite_hangs);
	alarm(suite_timeout());
}

static inline void suite_after(void)
{
	alarm(0);
}

static inline void suite_add(Suite *suite, const TTest *test)
{
	const struct suite_mark *mark = suite_mark(test);
	TCase *one = tcase_create(test->name);

	tcase_set_timeout(one, suite_timeout() + 5);
	tcase_add_checked_fixture(one, suite_before, suite_after);
	_tcase_add_test(one, test, mark->signal, 0, 0, mark->times);
	suite_add_tcase(suite, one);
}

/* Check counts a suite without tests as 100%; so it is left out. */
static inline int suite_run_half(const char *name, const TTest **tests, size_t n, bool forked)
{
	Suite *suite = suite_create(name);
	SRunner *runner = srunner_create(suite);
	size_t mine = 0;
	int failed = 0;

	for (size_t i = 0; i < n; i++) {
		if (!!suite_mark(tests[i])->signal == forked) {
			suite_add(suite, tests[i]);
			mine++;
		}
	}
	srunner_set_fork_status(runner, forked ? CK_FORK : CK_NOFORK);
	if (mine > 0) {
		srunner_run_all(runner, CK_ENV);
		failed = srunner_ntests_failed(runner);
	}
	srunner_free(runner);
	return failed;
}

static inline int suite_run(const char *name, const TTest **tests, size_t n)
{
	int failed;

	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	failed = suite_run_half(name, tests, n, false);
	failed += suite_run_half(name, tests, n, true);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define SUITE(name, ...)                                                           \
	int main(void)                                                             \
	{                                                                          \
		const TTest *suite_tests[] = { __VA_ARGS__ };                      \
		return suite_run(name, suite_tests, sizeof suite_tests / sizeof *suite_tests); \
	}

#endif

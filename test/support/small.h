/* SPDX-License-Identifier: ISC */
/* small.h - runs a deed on a stack of 256 KiB, and long ones shorter where time is dear
 *
 * The deed runs on a thread of its own, so it must not use check's assertions: it
 * gives NULL, or what was wrong.
 */
#ifndef TEST_SUPPORT_SMALL_H
#define TEST_SUPPORT_SMALL_H

#include <pthread.h>

#include "support/expect.h"
#include "support/suite.h"

typedef const char *(*small_deed)(void);

static inline void *small_main(void *deed)
{
	return (void *)(uintptr_t)(*(small_deed *)deed)();
}

static inline void on_a_small_stack(small_deed deed)
{
	pthread_attr_t attr;
	pthread_t thread;
	void *wrong;

	expect_int(pthread_attr_init(&attr), 0);
	expect_int(pthread_attr_setstacksize(&attr, 256 * 1024), 0);
	expect_int(pthread_create(&thread, &attr, small_main, &deed), 0);
	expect_int(pthread_join(thread, &wrong), 0);
	pthread_attr_destroy(&attr);
	ck_assert_msg(!wrong, "%s", (const char *)wrong);
}

/* `n`, or a hundredth of it under valgrind, which is told by the multiplier. */
static inline size_t many(size_t n)
{
	return suite_number("CK_TIMEOUT_MULTIPLIER", 1) > 1 ? n / 100 : n;
}

#endif

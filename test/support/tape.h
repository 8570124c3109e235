/* SPDX-License-Identifier: ISC */
/* tape.h - the order of events as a string
 *
 *	tape_clear();
 *	... callbacks say tape_add("read"), tape_addf("end %d", n) ...
 *	tape_expect("read end 3");
 *
 * One tape per program. Words are separated by one space; the tape is cleared
 * when it was as expected, so that the next expectation tells the rest.
 */
#ifndef TEST_SUPPORT_TAPE_H
#define TEST_SUPPORT_TAPE_H

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TAPE_BYTES = 4096 };
static char tape_text[TAPE_BYTES];

static inline void tape_clear(void)
{
	tape_text[0] = '\0';
}

static inline void tape_add(const char *word)
{
	size_t used = strlen(tape_text);

	ck_assert_msg(used + strlen(word) + 2 < TAPE_BYTES, "the tape is full: %s", tape_text);
	snprintf(tape_text + used, TAPE_BYTES - used, "%s%s", used ? " " : "", word);
}

__attribute__((format(printf, 1, 2))) static inline void tape_addf(const char *format, ...)
{
	char word[256];
	va_list words;

	va_start(words, format);
	vsnprintf(word, sizeof word, format, words);
	va_end(words);
	tape_add(word);
}

#define tape_expect(wanted)                         \
	do {                                        \
		ck_assert_str_eq(tape_text, wanted); \
		tape_clear();                       \
	} while (0)

#endif

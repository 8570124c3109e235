/* SPDX-License-Identifier: ISC */
/* complaint - what is wrong with an address, with a finger on the place */
#include <stdarg.h>
#include <string.h>

#include "complaint.h"

/* Of a long address only the neighbourhood is shown. */
enum { BEFORE = 48, SHOWN = 100 };

const struct complaint no_loop = { .words = "there is no memory to begin with, or there are too few descriptors" };

bool complain(struct complaint *why, const char *text, struct piece place, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(why->words, sizeof why->words, format, list);
	va_end(list);
	why->text = text;
	why->place = place;
	return false;
}

/* The bytes after a character's first take no column. */
static bool continues(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

void print_harmless(const char *text, size_t bytes, FILE *out)
{
	for (size_t i = 0; i < bytes; i++) {
		unsigned char c = (unsigned char)text[i];

		putc(c < 0x20 || c == 0x7f ? '?' : c, out);
	}
}

static void repeat(char c, const char *text, size_t bytes, FILE *out)
{
	for (size_t i = 0; i < bytes; i++)
		if (!continues(text[i]))
			putc(c, out);
}

/* The shown part of the address, and the finger under it. */
static void point(const char *text, struct piece place, FILE *out)
{
	size_t bytes = strlen(text);
	size_t from = place.at > 2 * BEFORE ? place.at - BEFORE : 0;
	size_t shown = bytes - from < SHOWN ? bytes - from : SHOWN;
	size_t before = place.at - from;
	size_t marked = place.bytes < shown - before ? place.bytes : shown - before;
	const char *lead = from > 0 ? "..." : "";

	fprintf(out, "  %s", lead);
	print_harmless(text + from, shown, out);
	fprintf(out, "%s\n  %*s", from + shown < bytes ? "..." : "", (int)strlen(lead), "");
	repeat(' ', text + from, before, out);
	putc('^', out);
	if (marked > 1)
		repeat('~', text + place.at + 1, marked - 1, out);
	putc('\n', out);
}

void complaint_print(const struct complaint *why, FILE *out)
{
	fputs("leat: ", out);
	print_harmless(why->words, strlen(why->words), out);
	putc('\n', out);
	if (why->text)
		point(why->text, why->place, out);
}

int complaint_refuse(const struct complaint *why, int status)
{
	complaint_print(why, stderr);
	return status;
}

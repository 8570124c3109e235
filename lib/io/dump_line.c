/* SPDX-License-Identifier: ISC */
/* dump_line - a line of a dump, and where it goes
 *
 * A line is put together on the stack and goes out at once.  One that is too
 * long ends early; the end of a colour always has room.
 */
#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include "io/dump.h"

/* ---- out ---- */

static bool write_all(int fd, const char *text, size_t bytes)
{
	while (bytes > 0) {
		ssize_t n = write(fd, text, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text += n;
		bytes -= (size_t)n;
	}
	return true;
}

static void keep(lt_dump *d)
{
	size_t free = d->bytes < d->room ? d->room - d->bytes : 0;

	if (free > 0)
		memcpy(d->memory + d->bytes, d->line, d->used < free ? d->used : free);
	d->bytes += d->used;
}

void lt_dump_end_line(lt_dump *d)
{
	d->line[d->used++] = '\n';
	if (d->file)
		d->ok = fwrite(d->line, 1, d->used, d->file) == d->used && d->ok;
	else if (d->fd >= 0)
		d->ok = d->ok && write_all(d->fd, d->line, d->used);
	else
		keep(d);
	d->used = d->columns = 0;
	d->lines++;
}

/* ---- a line ---- */

/* Room is kept for the end of the line and of a colour. */
static size_t room_left(const lt_dump *d)
{
	return LT_DUMP_LINE - 16 - d->used;
}

/* Bytes of ours. */
void lt_dump_put(lt_dump *d, const char *text)
{
	size_t n = strlen(text), room = room_left(d);

	n = n < room ? n : room;
	memcpy(d->line + d->used, text, n);
	d->used += n;
	for (size_t i = 0; i < n; i++)
		d->columns += (text[i] & 0xc0) != 0x80; /* of a UTF-8 letter, the first */
}

/* A control character, of ASCII or in UTF-8 (two bytes). */
static bool is_control(const char *text)
{
	unsigned char c = (unsigned char)*text;

	return c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)text[1] < 0xa0);
}

/* Words of others: they are not to speak to the terminal, nor end a label. */
void lt_dump_put_harmless(lt_dump *d, const char *text)
{
	char one[3] = { 0 };

	for (; *text; text++) {
		bool quoted = d->form == LEAT_DUMP_DOT && (*text == '"' || *text == '\\');

		one[0] = quoted ? '\\' : *text;
		one[1] = quoted ? *text : '\0';
		lt_dump_put(d, is_control(text) ? "?" : one);
	}
}

void lt_dump_putf(lt_dump *d, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	lt_dump_put_harmless(d, text);
}

void lt_dump_colour(lt_dump *d, const char *code)
{
	size_t n = strlen(code);

	if (!d->colour || !n || room_left(d) < n)
		return;
	memcpy(d->line + d->used, code, n);
	d->used += n;
}

void lt_dump_plain(lt_dump *d)
{
	if (!d->colour)
		return;
	memcpy(d->line + d->used, "\033[0m", 4); /* for which room was kept */
	d->used += 4;
}

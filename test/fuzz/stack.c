/* SPDX-License-Identifier: ISC */
/* stack - leat(1)'s addresses: whatever is written, every part that is read and every
 * complaint stays inside of it
 */
#include "fuzz/fuzz.h"

#include "../../tool/leat/address.h"

static void must_be_inside(struct piece piece, const char *text)
{
	size_t bytes = strlen(text);

	fuzz_must(piece.at <= bytes && piece.bytes <= bytes - piece.at);
}

/* It has what its kind has, and nothing decoded is longer than it was written. */
static void must_be_an_end(const struct address *a)
{
	const struct part *end = address_end(a);

	must_be_inside(a->rest, a->text);
	fuzz_must(a->rest.bytes > 0 && a->rest.at + a->rest.bytes == strlen(a->text));
	switch (end->kind) {
	case KIND_TCP:
		must_be_inside(a->host_at, a->text);
		must_be_inside(a->port_at, a->text);
		fuzz_must(strlen(a->host) == a->host_at.bytes && strlen(a->port) == a->port_at.bytes);
		fuzz_must(memcmp(a->host, a->text + a->host_at.at, a->host_at.bytes) == 0);
		break;
	case KIND_UNIX:
		fuzz_must(strcmp(a->path, a->text + a->rest.at) == 0 && a->rest.bytes <= 107);
		break;
	case KIND_FD:
		fuzz_must(a->in >= 0 && a->out >= 0);
		break;
	case KIND_EXEC:
		fuzz_must(strcmp(a->command, a->text + a->rest.at) == 0);
		break;
	default:
		fuzz_must(!"a layer is no end");
	}
}

static void must_be_settings(const struct address *a, const struct part *part)
{
	fuzz_must(part->count <= ADDRESS_OPTIONS);
	for (size_t i = 0; i < part->count; i++) {
		must_be_inside(part->settings[i].at, a->text);
		fuzz_must(strlen(part->settings[i].value) <= part->settings[i].at.bytes);
		fuzz_must(part_setting(part, part->settings[i].option) == &part->settings[i]);
	}
}

static void must_be_an_address(const struct address *a)
{
	fuzz_must(a->count >= 1 && a->count <= ADDRESS_PARTS);
	for (size_t i = 0; i < a->count; i++) {
		must_be_inside(a->parts[i].at, a->text);
		fuzz_must(strlen(a->parts[i].name) == a->parts[i].at.bytes);
		must_be_settings(a, &a->parts[i]);
	}
	must_be_an_end(a);
}

static void print(const struct complaint *why)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	fuzz_must(out);
	complaint_print(why, out);
	fclose(out);
	for (size_t i = 0; i < bytes; i++)
		fuzz_must((unsigned char)text[i] >= 0x20 || text[i] == '\n');
	free(text);
}

static void must_be_a_complaint(const struct complaint *why, const char *text)
{
	fuzz_must(*why->words && why->text == text);
	must_be_inside(why->place, text);
	print(why);
}

static void parse(const char *text, enum role role)
{
	struct address address;
	struct complaint why;

	if (address_parse(text, role, &address, &why)) {
		must_be_an_address(&address);
		address_free(&address);
	} else {
		must_be_a_complaint(&why, text);
	}
}

static void stack(fuzz *f)
{
	size_t bytes = f->bytes;
	const unsigned char *at = fuzz_bytes(f, &bytes);
	char *text = malloc(bytes + 1);

	fuzz_must(text);
	if (bytes > 0)
		memcpy(text, at, bytes);
	text[bytes] = '\0';
	parse(text, ROLE_TARGET);
	parse(text, ROLE_LISTEN);
	free(text);
}

FUZZ("stack", stack)

/* SPDX-License-Identifier: ISC */
/* address - what a person writes for one end: layers, and what they stand on
 *
 * One walk from left to right, by parts; option.c and end.c are the steps.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "walk.h"

struct piece walk_run(struct walk *w, const char *stops)
{
	struct piece got = piece(w->at, strcspn(w->text + w->at, stops));

	w->at += got.bytes;
	return got;
}

const char *walk_keep(struct walk *w, const char *bytes, size_t count)
{
	char *kept = w->room;

	memcpy(kept, bytes, count);
	kept[count] = '\0';
	w->room += count + 1;
	return kept;
}

long walk_number(const char *text, long most)
{
	long value = 0;

	if (!*text || (text[0] == '0' && text[1]))
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || value > (LONG_MAX - 9) / 10)
			return -1;
		value = value * 10 + (*text - '0');
	}
	return value <= most ? value : -1;
}

static const struct kind_rule *read_kind(struct walk *w, struct piece name)
{
	const struct kind_rule *kind = kind_find(w->text + name.at, name.bytes);
	char names[128];

	if (!kind) {
		kind_names(names, sizeof names);
		if (name.bytes == 0)
			complain(w->why, w->text, name, "an address begins with one of %s", names);
		else
			complain(w->why, w->text, name, "no such kind of address: '%.*s'; there are %s",
				name.bytes < 40 ? (int)name.bytes : 40, w->text + name.at, names);
	} else if (!(kind->roles & (unsigned)w->role)) {
		complain(w->why, w->text, name, "%s is a target; one cannot listen there", kind->name);
		return NULL;
	}
	return kind;
}

static bool read_part(struct walk *w, const struct kind_rule **kind)
{
	struct address *a = w->address;
	struct part *part = &a->parts[a->count];
	struct piece name = walk_run(w, ",:");

	*kind = read_kind(w, name);
	if (!*kind)
		return false;
	if (a->count == ADDRESS_PARTS - 1 && (*kind)->layer)
		return complain(w->why, w->text, name, "more than %d layers", ADDRESS_PARTS - 1);
	part->kind = (*kind)->kind;
	part->name = (*kind)->name;
	part->at = name;
	a->count++;
	while (w->text[w->at] == ',') {
		w->at++;
		if (!option_read(w, *kind, part))
			return false;
	}
	if (w->text[w->at] != ':')
		return complain(w->why, w->text, piece(w->at, 0), "after %s comes ':' and %s", (*kind)->name, (*kind)->rest);
	w->at++;
	return option_check(w, part);
}

static bool read_all(struct walk *w)
{
	const struct kind_rule *kind;

	do {
		if (!read_part(w, &kind))
			return false;
	} while (kind->layer);
	return end_read(w, kind);
}

bool address_parse(const char *text, enum role role, struct address *address, struct complaint *why)
{
	struct walk w = { .text = text, .role = role, .address = address, .why = why };

	*address = (struct address){ .text = text, .in = -1, .out = -1, .memory = malloc(strlen(text) + 2) };
	if (!address->memory)
		return complain(why, NULL, piece(0, 0), "no memory");
	w.room = address->memory;
	if (read_all(&w))
		return true;
	address_free(address);
	return false;
}

void address_free(struct address *address)
{
	free(address->memory);
	address->memory = NULL;
}

const struct part *address_end(const struct address *address)
{
	return &address->parts[address->count - 1];
}

const struct setting *part_setting(const struct part *part, enum option option)
{
	for (size_t i = 0; i < part->count; i++)
		if (part->settings[i].option == option)
			return &part->settings[i];
	return NULL;
}

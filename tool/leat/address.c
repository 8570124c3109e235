/* SPDX-License-Identifier: ISC */
/* address - what a person writes for one end: layers, and what they stand on
 *
 * One walk from left to right.  What is decoded goes into a copy of the text,
 * which it fits in: each string is at most as long as it was written, and the
 * separator that followed makes room for its NUL.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "kinds.h"

enum { PATH_BYTES = 107, HOST_BYTES = 253 };

struct walk {
	const char *text;
	size_t at;     /* how far we are */
	char *room;    /* where the next string goes */
	enum role role;
	struct address *address;
	struct complaint *why;
};

static struct piece piece(size_t at, size_t bytes)
{
	return (struct piece){ at, bytes };
}

/* The run of bytes from here up to one of `stops`, or the end; steps over it. */
static struct piece run(struct walk *w, const char *stops)
{
	struct piece got = piece(w->at, strcspn(w->text + w->at, stops));

	w->at += got.bytes;
	return got;
}

static const char *keep(struct walk *w, const char *bytes, size_t count)
{
	char *kept = w->room;

	memcpy(kept, bytes, count);
	kept[count] = '\0';
	w->room += count + 1;
	return kept;
}

/* ---- options ---- */

static int hex(char c)
{
	const char *digits = "0123456789abcdef";
	const char *found = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

	return found ? (int)(found - digits) : -1;
}

/* Decodes "%3a"; gives NULL where that is no such thing. */
static const char *decode(struct walk *w, struct piece from)
{
	const char *text = w->text + from.at;
	char *out = w->room;

	for (size_t i = 0; i < from.bytes; i++) {
		if (text[i] != '%') {
			*out++ = text[i];
			continue;
		}
		int high = i + 2 < from.bytes ? hex(text[i + 1]) : -1;
		int low = high >= 0 ? hex(text[i + 2]) : -1;

		if (low < 0 || (high == 0 && low == 0)) {
			complain(w->why, w->text, piece(from.at + i, from.bytes - i < 3 ? from.bytes - i : 3),
				"'%%' begins two digits, as %%3a for a colon and %%25 for itself");
			return NULL;
		}
		*out++ = (char)(high << 4 | low);
		i += 2;
	}
	*out = '\0';
	text = w->room;
	w->room = out + 1;
	return text;
}

/* Whole and without a sign; -1: no such number. */
static long number(const char *text, long most)
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

static bool set_value(struct walk *w, const struct option_rule *rule, struct setting *setting)
{
	switch (rule->form) {
	case FORM_NONE:
		return complain(w->why, w->text, setting->at, "%s takes no value", rule->name);
	case FORM_TEXT:
		return *setting->value || complain(w->why, w->text, setting->at, "%s= is empty", rule->name);
	case FORM_YES_NO:
		setting->number = !strcmp(setting->value, "yes");
		return setting->number || !strcmp(setting->value, "no") ||
			complain(w->why, w->text, setting->at, "%s is yes or no", rule->name);
	case FORM_NUMBER:
		setting->number = number(setting->value, rule->most);
		return setting->number >= rule->least ||
			complain(w->why, w->text, setting->at, "%s is a number from %ld to %ld", rule->name,
				rule->least, rule->most);
	}
	return false;
}

static bool no_such_option(struct walk *w, const struct kind_rule *kind, struct piece name)
{
	char names[128];

	option_names(kind, names, sizeof names);
	if (!*names)
		return complain(w->why, w->text, name, "%s has no options", kind->name);
	return complain(w->why, w->text, name, "%s has no option '%.*s'; it has %s", kind->name,
		name.bytes < 40 ? (int)name.bytes : 40, w->text + name.at, names);
}

static const struct option_rule *find_option(struct walk *w, const struct kind_rule *kind, struct part *part,
                                             struct piece name)
{
	const struct option_rule *rule = option_find(kind, w->text + name.at, name.bytes);

	if (!rule)
		no_such_option(w, kind, name);
	else if (part_setting(part, rule->option))
		complain(w->why, w->text, name, "%s was said before", rule->name);
	else if (!(rule->roles & (unsigned)w->role))
		complain(w->why, w->text, name, "%s is for a target, not for where one listens", rule->name);
	else
		return rule;
	return NULL;
}

/* After the comma. */
static bool read_option(struct walk *w, const struct kind_rule *kind, struct part *part)
{
	struct piece name = run(w, "=,:");
	const struct option_rule *rule = find_option(w, kind, part, name);
	struct setting setting = { .at = name, .value = "" };

	if (!rule)
		return false;
	setting.option = rule->option;
	if (w->text[w->at] == '=') {
		w->at++;
		setting.at = run(w, ",:");
		setting.value = decode(w, setting.at);
		if (!setting.value || !set_value(w, rule, &setting))
			return false;
	} else if (rule->form != FORM_NONE) {
		return complain(w->why, w->text, name, "%s needs a value: %s=...", rule->name, rule->name);
	}
	part->settings[part->count++] = setting;
	return true;
}

/* ---- ends ---- */

/* What a name or a number of a host is made of. */
static bool is_host(const char *text, size_t bytes, const char *more)
{
	for (size_t i = 0; i < bytes; i++) {
		unsigned char c = (unsigned char)text[i];

		if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c >= 0x80 ||
		      (c && strchr(more, c))))
			return false;
	}
	return true;
}

static bool read_bracketed(struct walk *w, struct piece *host)
{
	struct piece whole = piece(w->at, 1);

	w->at++;
	*host = run(w, "]");
	if (w->text[w->at] != ']')
		return complain(w->why, w->text, whole, "this bracket is not closed");
	w->at++;
	if (!memchr(w->text + host->at, ':', host->bytes) || !is_host(w->text + host->at, host->bytes, ":.%-_"))
		return complain(w->why, w->text, piece(whole.at, w->at - whole.at),
			"only an IPv6 address stands in brackets");
	return true;
}

static bool read_host(struct walk *w, struct piece *host)
{
	const char *colon = strchr(w->text + w->at, ':');

	if (w->text[w->at] == '[')
		return read_bracketed(w, host);
	if (colon && strchr(colon + 1, ':'))
		return complain(w->why, w->text, w->address->rest, "an IPv6 address is written in brackets: tcp:[::1]:80");
	*host = run(w, ":");
	return is_host(w->text + host->at, host->bytes, ".-_") ||
		complain(w->why, w->text, *host, "this is no name of a host");
}

static bool check_host(struct walk *w, struct piece host)
{
	if (host.bytes == 0 && w->role != ROLE_LISTEN)
		return complain(w->why, w->text, host, "a target needs a host before its port");
	return host.bytes <= HOST_BYTES ||
		complain(w->why, w->text, host, "no host has a name of more than %d bytes", HOST_BYTES);
}

static bool check_port(struct walk *w, struct piece at, const char *port)
{
	long value = number(port, 65535);

	if (!*port)
		return complain(w->why, w->text, at, "tcp needs a port: tcp:HOST:PORT");
	if (value < 0 && strspn(port, "0123456789") == strlen(port))
		return complain(w->why, w->text, at, "a port is a number from 0 to 65535, without leading zeros");
	if (value == 0 && w->role == ROLE_TARGET)
		return complain(w->why, w->text, at, "port 0 is for listening; a target needs its port");
	return value >= 0 || is_host(port, strlen(port), "-_.+") ||
		complain(w->why, w->text, at, "a port is a number, or a service by its name");
}

static bool read_tcp(struct walk *w)
{
	struct address *a = w->address;
	struct piece host, port;

	if (!read_host(w, &host) || !check_host(w, host))
		return false;
	if (w->text[w->at] != ':')
		return complain(w->why, w->text, piece(w->at, 0), "tcp needs a port: tcp:HOST:PORT");
	w->at++;
	port = piece(w->at, strlen(w->text + w->at));
	a->host_at = host;
	a->port_at = port;
	a->host = keep(w, w->text + host.at, host.bytes);
	a->port = keep(w, w->text + port.at, port.bytes);
	return check_port(w, port, a->port);
}

static bool read_unix(struct walk *w)
{
	struct piece rest = w->address->rest;

	if (rest.bytes > PATH_BYTES)
		return complain(w->why, w->text, rest, "a socket's path has at most %d bytes, this one %zu", PATH_BYTES,
			rest.bytes);
	if (rest.bytes == 1 && w->text[rest.at] == '@')
		return complain(w->why, w->text, rest, "the abstract name after '@' is empty");
	w->address->path = keep(w, w->text + rest.at, rest.bytes);
	return true;
}

static bool read_descriptor(struct walk *w, int *fd)
{
	struct piece at = run(w, ",");
	char digits[16] = "";
	long value;

	if (at.bytes < sizeof digits)
		memcpy(digits, w->text + at.at, at.bytes);
	value = number(digits, INT_MAX);
	*fd = (int)value;
	return value >= 0 || complain(w->why, w->text, at, "a descriptor is a number, as in fd:3 or fd:0,1");
}

static bool read_fd(struct walk *w)
{
	struct address *a = w->address;
	size_t comma;

	if (!read_descriptor(w, &a->in))
		return false;
	a->out = a->in;
	if (w->text[w->at] != ',')
		return true;
	comma = w->at++;
	if (w->role == ROLE_LISTEN)
		return complain(w->why, w->text, piece(comma, strlen(w->text + comma)),
			"one listens on one descriptor: fd:N");
	return read_descriptor(w, &a->out) &&
		(!w->text[w->at] || complain(w->why, w->text, piece(w->at, strlen(w->text + w->at)),
			"fd has one descriptor to read and one to write: fd:IN,OUT"));
}

static bool read_exec(struct walk *w)
{
	struct piece rest = w->address->rest;

	w->address->command = keep(w, w->text + rest.at, rest.bytes);
	return true;
}

static bool read_rest(struct walk *w, const struct kind_rule *kind)
{
	struct piece rest = piece(w->at, strlen(w->text + w->at));

	w->address->rest = rest;
	if (rest.bytes == 0)
		return complain(w->why, w->text, rest, "%s needs more: %s:%s", kind->name, kind->name, kind->rest);
	switch (kind->kind) {
	case KIND_TCP:
		return read_tcp(w);
	case KIND_UNIX:
		return read_unix(w);
	case KIND_FD:
		return read_fd(w);
	case KIND_EXEC:
		return read_exec(w);
	default:
		return false;
	}
}

/* ---- parts ---- */

/* What options together must say. */
static bool check_settings(struct walk *w, const struct part *part)
{
	const struct setting *key = part_setting(part, OPTION_KEY);
	const struct setting *cert = part_setting(part, OPTION_CERT);
	const struct setting *ca = part_setting(part, OPTION_CA);
	const struct setting *verify = part_setting(part, OPTION_VERIFY);

	if (key && !cert)
		return complain(w->why, w->text, key->at, "a key goes with a certificate: cert=FILE");
	if (ca && verify && !verify->number)
		return complain(w->why, w->text, ca->at, "with verify=no nobody asks who signed what");
	if (ca && !verify && w->role == ROLE_LISTEN)
		return complain(w->why, w->text, ca->at, "to listen, ca goes with verify=yes: clients need a certificate");
	if (part->kind == KIND_TLS && w->role == ROLE_LISTEN && !cert)
		return complain(w->why, w->text, part->at, "to listen, tls needs a certificate: tls,cert=FILE,key=FILE:...");
	return true;
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
	struct piece name = run(w, ",:");

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
		if (!read_option(w, *kind, part))
			return false;
	}
	if (w->text[w->at] != ':')
		return complain(w->why, w->text, piece(w->at, 0), "after %s comes ':' and %s", (*kind)->name, (*kind)->rest);
	w->at++;
	return check_settings(w, part);
}

static bool read_all(struct walk *w)
{
	const struct kind_rule *kind;

	do {
		if (!read_part(w, &kind))
			return false;
	} while (kind->layer);
	return read_rest(w, kind);
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

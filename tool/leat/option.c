/* SPDX-License-Identifier: ISC */
/* option - an option of a layer or an end: "cert=a.pem" */
#include <string.h>

#include "walk.h"

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
		setting->number = walk_number(setting->value, rule->most);
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

bool option_read(struct walk *w, const struct kind_rule *kind, struct part *part)
{
	struct piece name = walk_run(w, "=,:");
	const struct option_rule *rule = find_option(w, kind, part, name);
	struct setting setting = { .at = name, .value = "" };

	if (!rule)
		return false;
	setting.option = rule->option;
	if (w->text[w->at] == '=') {
		w->at++;
		setting.at = walk_run(w, ",:");
		setting.value = decode(w, setting.at);
		if (!setting.value || !set_value(w, rule, &setting))
			return false;
	} else if (rule->form != FORM_NONE) {
		return complain(w->why, w->text, name, "%s needs a value: %s=...", rule->name, rule->name);
	}
	part->settings[part->count++] = setting;
	return true;
}

bool option_check(struct walk *w, const struct part *part)
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

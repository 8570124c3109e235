/* SPDX-License-Identifier: ISC */
/* kinds - the kinds of layers and ends, and the options each one has */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "kinds.h"

static const struct option_rule tcp_options[] = {
	{ OPTION_KEEPALIVE, "keepalive", FORM_NUMBER, ROLE_EITHER, 1, 32767 },
	{ .name = NULL },
};

static const struct option_rule tls_options[] = {
	{ OPTION_ALPN, "alpn", FORM_TEXT, ROLE_EITHER, 0, 0 },
	{ OPTION_CA, "ca", FORM_TEXT, ROLE_EITHER, 0, 0 },
	{ OPTION_CERT, "cert", FORM_TEXT, ROLE_EITHER, 0, 0 },
	{ OPTION_KEY, "key", FORM_TEXT, ROLE_EITHER, 0, 0 },
	{ OPTION_NAME, "name", FORM_TEXT, ROLE_TARGET, 0, 0 },
	{ OPTION_VERIFY, "verify", FORM_YES_NO, ROLE_EITHER, 0, 0 },
	{ .name = NULL },
};

static const struct option_rule gzip_options[] = {
	{ OPTION_LEVEL, "level", FORM_NUMBER, ROLE_EITHER, 1, 9 },
	{ OPTION_LIMIT, "limit", FORM_NUMBER, ROLE_EITHER, 1, LONG_MAX / 10 },
	{ .name = NULL },
};

static const struct kind_rule kinds[] = {
	{ KIND_TCP, "tcp", false, "HOST:PORT", ROLE_EITHER, tcp_options },
	{ KIND_UNIX, "unix", false, "PATH", ROLE_EITHER, NULL },
	{ KIND_FD, "fd", false, "NUMBER", ROLE_EITHER, NULL },
	{ KIND_EXEC, "exec", false, "COMMAND", ROLE_TARGET, NULL },
	{ KIND_TLS, "tls", true, "ADDRESS", ROLE_EITHER, tls_options },
	{ KIND_GZIP, "gzip", true, "ADDRESS", ROLE_EITHER, gzip_options },
};

enum { KINDS = sizeof kinds / sizeof *kinds };

static bool same(const char *name, const char *text, size_t bytes)
{
	return strlen(name) == bytes && memcmp(name, text, bytes) == 0;
}

const struct kind_rule *kind_find(const char *name, size_t bytes)
{
	for (size_t i = 0; i < KINDS; i++)
		if (same(kinds[i].name, name, bytes))
			return &kinds[i];
	return NULL;
}

const struct option_rule *option_find(const struct kind_rule *kind, const char *name, size_t bytes)
{
	for (const struct option_rule *rule = kind->options; rule && rule->name; rule++)
		if (same(rule->name, name, bytes))
			return rule;
	return NULL;
}

static void add_name(char *out, size_t room, const char *name)
{
	size_t used = strlen(out);

	snprintf(out + used, room - used, "%s%s", used > 0 ? ", " : "", name);
}

void kind_names(char *out, size_t room)
{
	*out = '\0';
	for (size_t i = 0; i < KINDS; i++)
		add_name(out, room, kinds[i].name);
}

void option_names(const struct kind_rule *kind, char *out, size_t room)
{
	*out = '\0';
	for (const struct option_rule *rule = kind->options; rule && rule->name; rule++)
		add_name(out, room, rule->name);
}

/* SPDX-License-Identifier: ISC */
/* kinds - the kinds of layers and ends, and the options each one has */
#ifndef TOOL_LEAT_KINDS_H
#define TOOL_LEAT_KINDS_H

#include "address.h"

/* What an option's value must look like. */
enum form { FORM_NONE, FORM_TEXT, FORM_YES_NO, FORM_NUMBER };

struct option_rule {
	enum option option;
	const char *name;
	enum form form;
	unsigned roles;      /* where it means something */
	long least, most;    /* of a number */
};

struct kind_rule {
	enum kind kind;
	const char *name;
	bool layer;          /* an address follows */
	const char *rest;    /* what follows, for messages */
	unsigned roles;
	const struct option_rule *options; /* up to one without a name; NULL: none */
};

/* By a name of `bytes` bytes; NULL: no such kind. */
const struct kind_rule *kind_find(const char *name, size_t bytes);
const struct option_rule *option_find(const struct kind_rule *kind, const char *name, size_t bytes);
/* Writes the names, with commas between. */
void kind_names(char *out, size_t room);
void option_names(const struct kind_rule *kind, char *out, size_t room);

#endif

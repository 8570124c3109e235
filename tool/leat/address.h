/* SPDX-License-Identifier: ISC */
/* address - what a person writes for one end: layers, and what they stand on
 *
 *	ADDRESS = { LAYER [ "," OPTION ]... ":" } END [ "," OPTION ]... ":" REST
 *	OPTION  = NAME [ "=" VALUE ]
 *
 * as in "tls,cert=a.pem,key=a.key:tcp:127.0.0.1:8443".  In a VALUE "%3a" is a
 * colon, "%2c" a comma and "%25" a percent sign; nothing in it means anything to
 * a shell.  REST is taken as it stands.
 *
 * Reading one looks at its bytes and at nothing else: no file, no network.
 */
#ifndef TOOL_LEAT_ADDRESS_H
#define TOOL_LEAT_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "complaint.h"

enum { ADDRESS_PARTS = 9, ADDRESS_OPTIONS = 8 };

/* How an address is used; a set of bits in the rules. */
enum role { ROLE_LISTEN = 1, ROLE_TARGET = 2, ROLE_EITHER = 3 };

enum kind { KIND_TCP, KIND_UNIX, KIND_FD, KIND_EXEC, KIND_TLS, KIND_GZIP };

enum option {
	OPTION_ALPN,
	OPTION_CA,
	OPTION_CERT,
	OPTION_KEEPALIVE,
	OPTION_KEY,
	OPTION_LEVEL,
	OPTION_LIMIT,
	OPTION_NAME,
	OPTION_VERIFY
};

struct setting {
	enum option option;
	const char *value; /* decoded; "" for one without */
	long number;       /* what a number says; 1 and 0 for yes and no */
	struct piece at;   /* of the value, else of the name */
};

/* A layer, or the end. */
struct part {
	enum kind kind;
	const char *name;
	struct piece at; /* of the name */
	struct setting settings[ADDRESS_OPTIONS];
	size_t count;
};

struct address {
	const char *text;                 /* borrowed from the caller */
	struct part parts[ADDRESS_PARTS]; /* outermost first; the last is the end */
	size_t count;
	struct piece rest;                /* what follows the end's colon */
	struct piece host_at, port_at;    /* of tcp, in the text */
	const char *host, *port;          /* of tcp; no host: everywhere */
	const char *path;                 /* of unix, as "/run/x" or "@x" */
	const char *command;              /* of exec */
	int in, out;                      /* of fd; the same where one was named */
	char *memory;                     /* holds the strings */
};

/* True: *address is filled in, and to be freed.  False: *why says what is wrong,
 * and where. */
bool address_parse(const char *text, enum role role, struct address *address, struct complaint *why);
void address_free(struct address *address);

const struct part *address_end(const struct address *address);
/* NULL where it was not given. */
const struct setting *part_setting(const struct part *part, enum option option);

#endif

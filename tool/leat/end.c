/* SPDX-License-Identifier: ISC */
/* end - what an address stands on: "tcp:HOST:PORT" and its like */
#include <limits.h>
#include <string.h>

#include "walk.h"

enum { PATH_BYTES = 107, HOST_BYTES = 253 };

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
	*host = walk_run(w, "]");
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
	*host = walk_run(w, ":");
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
	long value = walk_number(port, 65535);

	if (!*port)
		return complain(w->why, w->text, at, "tcp needs a port: tcp:HOST:PORT");
	if (value < 0 && strspn(port, "0123456789") == strlen(port))
		return complain(w->why, w->text, at, "a port is a number from 0 to 65535, without leading zeros");
	if (value == 0 && w->role == ROLE_TARGET)
		return complain(w->why, w->text, at, "port 0 is for listening; a target needs its port");
	return value >= 0 || (*port != '-' && is_host(port, strlen(port), "-_.+")) ||
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
	a->host = walk_keep(w, w->text + host.at, host.bytes);
	a->port = walk_keep(w, w->text + port.at, port.bytes);
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
	w->address->path = walk_keep(w, w->text + rest.at, rest.bytes);
	return true;
}

static bool read_descriptor(struct walk *w, int *fd)
{
	struct piece at = walk_run(w, ",");
	char digits[16] = "";
	long value;

	if (at.bytes < sizeof digits)
		memcpy(digits, w->text + at.at, at.bytes);
	value = walk_number(digits, INT_MAX);
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

	w->address->command = walk_keep(w, w->text + rest.at, rest.bytes);
	return true;
}

bool end_read(struct walk *w, const struct kind_rule *kind)
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

/* SPDX-License-Identifier: ISC */
/* addr - the address of an end: a value, read and written as words
 *
 * A leat_addr holds the system's struct in one normal form, so that what was
 * parsed equals what the kernel tells: a path is followed by one NUL that is
 * counted, an abstract name is exactly as long as it is.  That may have any bytes:
 * as words a NUL in it is "%00", and so a '%' that would be read as one is "%25".
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <leat/addr.h>

#include "base/addr.h"

#define PATH_AT offsetof(struct sockaddr_un, sun_path)
enum { PATH_ROOM = sizeof(((struct sockaddr_un *)0)->sun_path) };

_Static_assert(sizeof(leat_addr) == 136, "a leat_addr is 136 bytes");
_Static_assert(sizeof(struct sockaddr_storage) <= sizeof(((leat_addr *)0)->sockaddr), "any address fits");

typedef union {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
} form;

/* ---- from and to the system's struct ---- */

static size_t path_bytes(const struct sockaddr_un *un, size_t bytes)
{
	size_t room = bytes - PATH_AT;

	if (bytes <= PATH_AT)
		return 0;
	if (room > PATH_ROOM)
		room = PATH_ROOM;
	return un->sun_path[0] ? strnlen(un->sun_path, room) : room;
}

static bool is_path(const struct sockaddr_un *un, size_t bytes)
{
	return bytes > 0 && un->sun_path[0] != '\0';
}

static bool makes_sense(sa_family_t family, size_t bytes)
{
	switch (family) {
	case AF_INET:
		return bytes >= sizeof(struct sockaddr_in);
	case AF_INET6:
		return bytes >= sizeof(struct sockaddr_in6);
	case AF_UNIX: /* the kernel counts the NUL behind a path that fills it */
		return bytes <= sizeof(struct sockaddr_un) + 1;
	default:
		return true;
	}
}

leat_addr leat_addr_from(const struct sockaddr *from, size_t bytes)
{
	leat_addr addr = { .bytes = 0 };

	if (bytes < sizeof from->sa_family || bytes > sizeof addr.sockaddr ||
	    !makes_sense(from->sa_family, bytes))
		return addr;
	memcpy(addr.sockaddr.raw, from, bytes);
	addr.bytes = (uint32_t)bytes;
	if (from->sa_family == AF_UNIX) {
		const struct sockaddr_un *un = (const void *)addr.sockaddr.raw;
		size_t used = path_bytes(un, bytes);

		addr.bytes = (uint32_t)(PATH_AT + used + is_path(un, used));
		addr.sockaddr.raw[PATH_AT + used] = '\0';
	}
	return addr;
}

const struct sockaddr *leat_addr_sockaddr(const leat_addr *addr)
{
	return (const struct sockaddr *)addr->sockaddr.raw;
}

uint16_t leat_addr_port(const leat_addr *addr)
{
	const form *f = (const void *)addr->sockaddr.raw;

	switch (lt_addr_family(addr)) {
	case AF_INET:
		return ntohs(f->in.sin_port);
	case AF_INET6:
		return ntohs(f->in6.sin6_port);
	default:
		return 0;
	}
}

/* ---- comparing ---- */

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_bytes(const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
	int order = memcmp(a, b, a_bytes < b_bytes ? a_bytes : b_bytes);

	return order ? order : compare_numbers(a_bytes, b_bytes);
}

static int compare_in6(const struct sockaddr_in6 *a, const struct sockaddr_in6 *b)
{
	int order = memcmp(&a->sin6_addr, &b->sin6_addr, sizeof a->sin6_addr);

	if (!order)
		order = compare_numbers(a->sin6_scope_id, b->sin6_scope_id);
	return order ? order : compare_numbers(ntohs(a->sin6_port), ntohs(b->sin6_port));
}

static int compare_in(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
	int order = compare_numbers(ntohl(a->sin_addr.s_addr), ntohl(b->sin_addr.s_addr));

	return order ? order : compare_numbers(ntohs(a->sin_port), ntohs(b->sin_port));
}

int leat_addr_compare(const leat_addr *a, const leat_addr *b)
{
	const form *fa = (const void *)a->sockaddr.raw;
	const form *fb = (const void *)b->sockaddr.raw;
	int family = lt_addr_family(a);

	if (family != lt_addr_family(b))
		return compare_numbers((unsigned)family, (unsigned)lt_addr_family(b));
	switch (family) {
	case AF_INET:
		return compare_in(&fa->in, &fb->in);
	case AF_INET6:
		return compare_in6(&fa->in6, &fb->in6);
	default:
		return compare_bytes(fa, a->bytes, fb, b->bytes);
	}
}

/* ---- what may be wrong ---- */

static leat_kind part_kind(int part)
{
	return part == LEAT_ADDR_LONG ? LEAT_LIMIT : LEAT_INVALID;
}

static int part_print(int part, char *out, size_t room)
{
	static const char *const words[] = {
		[0] = "the address makes no sense",
		[LEAT_ADDR_SCHEME] = "the address has no scheme that is known",
		[LEAT_ADDR_HOST] = "the address's host is not one in numbers",
		[LEAT_ADDR_SCOPE] = "the address's scope is no interface",
		[LEAT_ADDR_PORT] = "the address's port is no number up to 65535",
		[LEAT_ADDR_PATH] = "the address has no path",
		[LEAT_ADDR_LONG] = "the address's path is too long",
	};
	bool known = part > 0 && (size_t)part < sizeof words / sizeof *words;

	return snprintf(out, room, "%s", words[known ? part : 0]);
}

const leat_error_domain leat_addr_errors = {
	.size = sizeof leat_addr_errors, .name = "address", .kind = part_kind, .print = part_print
};

/* ---- reading ---- */

static leat_error refuse(int part, leat_addr *addr, const char *where)
{
	addr->bytes = 0;
	return leat_error_make_at(&leat_addr_errors, part, where);
}

/* Decimal digits and nothing else, no zero before them. */
static bool read_number(const char *text, size_t digits, unsigned long max, unsigned long *number)
{
	unsigned long n = 0;

	if (digits == 0 || digits > 10 || (digits > 1 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < digits; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		n = n * 10 + (unsigned long)(text[i] - '0');
	}
	*number = n;
	return n <= max;
}

/* ":PORT" */
static bool read_port(const char *text, uint16_t *port)
{
	unsigned long number;

	if (text[0] != ':' || !read_number(text + 1, strlen(text + 1), 65535, &number))
		return false;
	*port = htons((uint16_t)number);
	return true;
}

/* The number or the name of an interface. */
static bool read_scope(const char *name, uint32_t *scope)
{
	unsigned long number;

	if (read_number(name, strlen(name), UINT32_MAX, &number))
		*scope = (uint32_t)number;
	else
		*scope = if_nametoindex(name);
	return *scope != 0;
}

/* "ADDRESS" or "ADDRESS%SCOPE", its own to write into.  Gives the part that is
 * wrong, or 0. */
static int read_host6(char *host, struct sockaddr_in6 *in6)
{
	char *percent = strchr(host, '%');

	if (percent)
		*percent = '\0';
	in6->sin6_family = AF_INET6;
	if (inet_pton(AF_INET6, host, &in6->sin6_addr) != 1)
		return LEAT_ADDR_HOST;
	return percent && !read_scope(percent + 1, &in6->sin6_scope_id) ? LEAT_ADDR_SCOPE : 0;
}

static int read_host4(const char *host, struct sockaddr_in *in)
{
	in->sin_family = AF_INET;
	return inet_pton(AF_INET, host, &in->sin_addr) == 1 ? 0 : LEAT_ADDR_HOST;
}

static bool cut_host(char *host, size_t room, const char *from, const char *end)
{
	size_t bytes = (size_t)(end - from);

	if (bytes >= room)
		return false;
	memcpy(host, from, bytes);
	host[bytes] = '\0';
	return true;
}

leat_error lt_addr_read_ip(const char *text, leat_addr *addr, const char *where)
{
	bool six = text[0] == '[';
	const char *colon = six ? strrchr(text, ']') : strchr(text, ':');
	char host[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE];
	form f;
	int wrong;

	memset(&f, 0, sizeof f);
	if (!colon)
		return refuse(six ? LEAT_ADDR_HOST : LEAT_ADDR_PORT, addr, where);
	if (!cut_host(host, sizeof host, text + six, colon))
		return refuse(LEAT_ADDR_HOST, addr, where);
	wrong = six ? read_host6(host, &f.in6) : read_host4(host, &f.in);
	if (!wrong && !read_port(colon + six, six ? &f.in6.sin6_port : &f.in.sin_port))
		wrong = LEAT_ADDR_PORT;
	if (wrong)
		return refuse(wrong, addr, where);
	*addr = leat_addr_from(&f.any, six ? sizeof f.in6 : sizeof f.in);
	return (leat_error){ .domain = NULL };
}

/* The next byte of an abstract name. */
static char read_byte(const char **text)
{
	bool nul = strncmp(*text, "%00", 3) == 0, percent = strncmp(*text, "%25", 3) == 0;
	char byte = nul ? '\0' : **text;

	*text += nul || percent ? 3 : 1;
	return byte;
}

/* Gives how many bytes the name has; more than there is room for is not written. */
static size_t read_abstract(const char *text, char *name)
{
	size_t bytes = 1;

	for (text++; *text; bytes++) {
		char byte = read_byte(&text);

		if (bytes < PATH_ROOM)
			name[bytes] = byte;
	}
	return bytes;
}

leat_error lt_addr_read_path(const char *text, leat_addr *addr, const char *where)
{
	bool abstract = text[0] == '@';
	size_t bytes;
	form f;

	memset(&f, 0, sizeof f);
	f.un.sun_family = AF_UNIX;
	bytes = abstract ? read_abstract(text, f.un.sun_path) : strlen(text);
	if (bytes <= (size_t)abstract)
		return refuse(LEAT_ADDR_PATH, addr, where);
	if (bytes + !abstract > PATH_ROOM)
		return refuse(LEAT_ADDR_LONG, addr, where);
	if (!abstract)
		memcpy(f.un.sun_path, text, bytes);
	*addr = leat_addr_from(&f.any, PATH_AT + bytes);
	return (leat_error){ .domain = NULL };
}

leat_error leat_addr_parse(const char *where, leat_addr *addr)
{
	if (strncmp(where, "tcp:", 4) == 0)
		return lt_addr_read_ip(where + 4, addr, LEAT_HERE);
	if (strncmp(where, "unix:", 5) == 0)
		return lt_addr_read_path(where + 5, addr, LEAT_HERE);
	return refuse(LEAT_ADDR_SCHEME, addr, LEAT_HERE);
}

/* ---- writing ---- */

static int print_in6(const struct sockaddr_in6 *in6, char *out, size_t room)
{
	char host[INET6_ADDRSTRLEN], name[IF_NAMESIZE] = "";
	unsigned port = ntohs(in6->sin6_port);

	inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
	if (in6->sin6_scope_id == 0)
		return snprintf(out, room, "tcp:[%s]:%u", host, port);
	if (!if_indextoname(in6->sin6_scope_id, name))
		snprintf(name, sizeof name, "%u", (unsigned)in6->sin6_scope_id);
	return snprintf(out, room, "tcp:[%s%%%s]:%u", host, name, port);
}

static int print_in(const struct sockaddr_in *in, char *out, size_t room)
{
	char host[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
	return snprintf(out, room, "tcp:%s:%u", host, (unsigned)ntohs(in->sin_port));
}

static size_t print_byte(const char *name, size_t left, char *out)
{
	bool escape = name[0] == '%' && left > 2 && (memcmp(name + 1, "00", 2) == 0 || memcmp(name + 1, "25", 2) == 0);
	const char *words = name[0] == '\0' ? "%00" : "%25";

	if (name[0] != '\0' && !escape) {
		*out = name[0];
		return 1;
	}
	memcpy(out, words, 3);
	return 3;
}

/* `name` is what follows the NUL that makes it one. */
static int print_abstract(const char *name, size_t bytes, char *out, size_t room)
{
	char words[3 * PATH_ROOM + 1];
	size_t used = 0;

	for (size_t i = 0; i < bytes; i++)
		used += print_byte(name + i, bytes - i, words + used);
	words[used] = '\0';
	return snprintf(out, room, "unix:@%s", words);
}

/* A path that begins with '@' would be read as an abstract name. */
static int print_un(const struct sockaddr_un *un, size_t bytes, char *out, size_t room)
{
	size_t used = path_bytes(un, bytes);

	if (used > 0 && !is_path(un, used))
		return print_abstract(un->sun_path + 1, used - 1, out, room);
	return snprintf(out, room, "unix:%s%.*s", used && un->sun_path[0] == '@' ? "./" : "", (int)used, un->sun_path);
}

int leat_addr_print(const leat_addr *addr, char *out, size_t room)
{
	const form *f = (const void *)addr->sockaddr.raw;
	int family = lt_addr_family(addr);

	switch (family) {
	case AF_UNSPEC:
		return snprintf(out, room, "none");
	case AF_INET:
		return print_in(&f->in, out, room);
	case AF_INET6:
		return print_in6(&f->in6, out, room);
	case AF_UNIX:
		return print_un(&f->un, addr->bytes, out, room);
	default:
		return snprintf(out, room, "family:%d", family);
	}
}

/* SPDX-License-Identifier: ISC */
/* addr - the address of an end: a value */
#ifndef LEAT_ADDR_H
#define LEAT_ADDR_H

#include <leat/api.h>
#include <leat/error.h>

LEAT_BEGIN

/* A socket address of any family, as bytes: `bytes` of them are used, 0 means
 * none.  Copy it freely. */
typedef struct leat_addr {
	uint32_t bytes;
	uint32_t reserved;
	union {
		unsigned char raw[128];
		uint64_t align;
	} sockaddr;
} leat_addr;

/* The domain of addresses as words, here and in net.h: its codes say which part
 * is wrong, and are printed in words.  Each is INVALID, too long is LIMIT. */
LEAT_API extern const leat_error_domain leat_addr_errors;
enum {
	LEAT_ADDR_SCHEME = 1, /* none that is known */
	LEAT_ADDR_HOST,       /* not in numbers, or not in its brackets */
	LEAT_ADDR_SCOPE,      /* no such interface */
	LEAT_ADDR_PORT,       /* none, or no number up to 65535 */
	LEAT_ADDR_PATH,       /* none */
	LEAT_ADDR_LONG        /* a path or name of too many bytes */
};

/* From and to the system's struct; none where `bytes` makes no sense: less than an
 * IP address has, more than a Unix one. */
LEAT_API leat_addr leat_addr_from(const struct sockaddr *addr, size_t bytes);
LEAT_API const struct sockaddr *leat_addr_sockaddr(const leat_addr *addr);
/* Reads "tcp:127.0.0.1:80", "tcp:[::1]:80", "tcp:[fe80::1%eth0]:80",
 * "unix:/run/x", "unix:@abstract", where "%00" is a NUL and "%25" a '%'.
 * Strictly: whole numbers without leading zeros, dotted quads, no names of hosts.
 * INVALID or LIMIT (a path or name longer than 107 bytes), which say the first
 * part that is wrong, and *addr is none. */
LEAT_API leat_error leat_addr_parse(const char *where, leat_addr *addr);
/* Writes it so that leat_addr_parse reads it, as snprintf: a scope by its
 * interface's name, a path "@x" as "./@x".  "none" for none, "unix:" for an
 * unnamed end, "family:N" for what is neither. */
LEAT_API int leat_addr_print(const leat_addr *addr, char *out, size_t room);
/* Less than, equal to or greater than 0; families first. */
LEAT_API int leat_addr_compare(const leat_addr *a, const leat_addr *b);
/* The port of an IP address; 0 otherwise. */
LEAT_API uint16_t leat_addr_port(const leat_addr *addr);

LEAT_END
#endif

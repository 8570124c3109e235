/* SPDX-License-Identifier: ISC */
/* addr - the two halves of reading an address, for who knows its scheme */
#ifndef LT_BASE_ADDR_H
#define LT_BASE_ADDR_H

#include <sys/socket.h>

#include <leat/addr.h>

/* Read what follows "tcp:" and "unix:"; errors are leat_addr_errors with
 * `where` as their place, and *addr is none. */
leat_error lt_addr_read_ip(const char *text, leat_addr *addr, const char *where);
leat_error lt_addr_read_path(const char *text, leat_addr *addr, const char *where);

static inline int lt_addr_family(const leat_addr *addr)
{
	return addr->bytes ? leat_addr_sockaddr(addr)->sa_family : AF_UNSPEC;
}

#endif

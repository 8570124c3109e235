/* SPDX-License-Identifier: ISC */
/* resolve - the addresses behind a name
 *
 * getaddrinfo(3), because it is what every other program of the machine asks:
 * /etc/hosts, nsswitch.conf, mDNS, whatever is set up.  It blocks, so it runs on
 * a thread of leat_offload, and a numeric host never goes there.
 */
#ifndef TOOL_LEAT_RESOLVE_H
#define TOOL_LEAT_RESOLVE_H

#include <leat/leat.h>

/* Where a name leads to, in the order in which to try. */
struct places {
	size_t count;
	leat_addr at[];
};

extern const leat_type places_type;
/* What getaddrinfo says, in its own words. */
extern const leat_error_domain resolve_errors;
/* Whether it is the port that leads nowhere, and not the host. */
bool resolve_blames_port(leat_error error);

/* Resolves with a struct places, of at least one. Cancelling it leaves the thread at
 * work until getaddrinfo returns. */
LEAT_NODISCARD leat_io *resolve(leat_loop *loop, const char *host, const char *port);
/* Whether a thread is at work: the loop cannot be freed before getaddrinfo returns. */
bool resolve_is_at_work(void);
/* In place, for a listener: no host is everywhere.  Gives no error, or why not; free
 * what it gives. */
leat_error resolve_now(const char *host, const char *port, struct places **places);
/* For a number only: false where it is a name.  The service may be named. */
bool resolve_number(const char *host, const char *port, struct places **places);

#endif

/* SPDX-License-Identifier: ISC */
/* scheme - which transport an address names
 *
 * A loop keeps a list of the schemes that were added to it, newest first;
 * "tcp" and "unix" come after them.
 */
#include <string.h>

#include "io/loop.h"
#include "net/net.h"

/* What a user's struct may be too short to have. */
#define HAS(scheme, member) \
	((scheme)->size >= offsetof(leat_scheme, member) + sizeof((scheme)->member) && (scheme)->member)

struct known {
	const leat_scheme *scheme;
	struct known *next;
};

static const leat_scheme *const ours[] = { &lt_tcp_scheme, &lt_unix_scheme };

static void forget(leat_loop *loop, void *data)
{
	struct known *known = data;

	while (known) {
		struct known *next = known->next;

		lt_mem_release(lt_loop_mem(loop), known);
		known = next;
	}
}

leat_error leat_loop_add_scheme(leat_loop *loop, const leat_scheme *scheme)
{
	lt_slot *slot = lt_loop_slot(loop, LT_SLOT_SCHEMES);
	struct known *known = lt_mem_alloc(lt_loop_mem(loop), sizeof *known);

	leat_options_check_at(scheme, "leat_scheme", NULL);
	if (!known)
		return leat_error_core(LEAT_NOMEM);
	*known = (struct known){ .scheme = scheme, .next = slot->data };
	*slot = (lt_slot){ .data = known, .end = forget };
	return (leat_error){ .domain = NULL };
}

/* What follows "NAME:" where the address begins so, else NULL. */
static const char *rest_of(const char *address, const leat_scheme *scheme)
{
	size_t bytes = strlen(scheme->name);

	if (strncmp(address, scheme->name, bytes) != 0 || address[bytes] != ':')
		return NULL;
	return address + bytes + 1;
}

static const leat_scheme *find(leat_loop *loop, const char *address, const char **rest)
{
	for (const struct known *known = lt_loop_slot(loop, LT_SLOT_SCHEMES)->data; known; known = known->next)
		if ((*rest = rest_of(address, known->scheme)))
			return known->scheme;
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if ((*rest = rest_of(address, ours[i])))
			return ours[i];
	return NULL;
}

leat_io *leat_connect_at(leat_loop *loop, const char *address, const leat_connect_options *options, const char *where)
{
	const char *rest;
	const leat_scheme *scheme = find(loop, address, &rest);

	if (!scheme)
		return leat_io_fail_at(loop, leat_error_make(&leat_addr_errors, LEAT_ADDR_SCHEME), where);
	if (!HAS(scheme, connect))
		return leat_io_fail_at(loop, leat_error_core(LEAT_UNSUPPORTED), where);
	return scheme->connect(loop, rest, options, where);
}

leat_listener *leat_listen_at(leat_loop *loop, const char *address, const leat_listen_options *options,
                              const char *where)
{
	const char *rest;
	const leat_scheme *scheme = find(loop, address, &rest);

	if (!scheme)
		return leat_listener_stillborn(loop, leat_error_make(&leat_addr_errors, LEAT_ADDR_SCHEME));
	if (!HAS(scheme, listen))
		return leat_listener_stillborn(loop, leat_error_core(LEAT_UNSUPPORTED));
	return scheme->listen(loop, rest, options, where);
}

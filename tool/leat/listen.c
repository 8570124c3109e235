/* SPDX-License-Identifier: ISC */
/* listen - a listener at the end of a route
 *
 * It knows nothing of the layers: they are put on what comes, by route_wrap.
 */
#include <stdio.h>
#include <stdlib.h>

#include "route.h"

static leat_listen_options options_of(const struct route *route)
{
	const struct setting *keepalive = part_setting(address_end(&route->address), OPTION_KEEPALIVE);

	return (leat_listen_options){ .size = sizeof(leat_listen_options), .keepalive = keepalive,
		.keepalive_s = keepalive ? (uint32_t)keepalive->number : 0 };
}

static leat_listener *listen_on(leat_loop *loop, const struct route *route, const leat_addr *addr)
{
	leat_listen_options options = options_of(route);
	char where[400]; /* each byte of an abstract name may be three */

	leat_addr_print(addr, where, sizeof where);
	return leat_listen(loop, where, &options);
}

static bool failed(const leat_listener *listener)
{
	return leat_error_set(leat_listener_error(listener));
}

/* The first of a name's places that can be listened on. */
static leat_listener *listen_tcp(leat_loop *loop, const struct route *route, struct piece *at)
{
	const struct address *a = &route->address;
	struct places *places;
	leat_error error = resolve_now(a->host, a->port, &places);
	leat_listener *listener;

	if (leat_error_set(error)) {
		*at = resolve_blames_port(error) ? a->port_at : a->host_at;
		return leat_listener_stillborn(loop, error);
	}
	listener = listen_on(loop, route, &places->at[0]);
	for (size_t i = 1; i < places->count && failed(listener); i++) {
		leat_listener_unref(listener);
		listener = listen_on(loop, route, &places->at[i]);
	}
	free(places);
	return listener;
}

static leat_listener *listen_unix(leat_loop *loop, const struct route *route)
{
	char where[128];

	snprintf(where, sizeof where, "unix:%s", route->address.path);
	return leat_listen(loop, where, NULL);
}

static leat_listener *listen_end(leat_loop *loop, const struct route *route, struct piece *at)
{
	switch (address_end(&route->address)->kind) {
	case KIND_TCP:
		return listen_tcp(loop, route, at);
	case KIND_UNIX:
		return listen_unix(loop, route);
	case KIND_FD:
		return leat_listen_fd(loop, route->address.in, NULL);
	default:
		return leat_listener_stillborn(loop, leat_error_core(LEAT_UNSUPPORTED));
	}
}

leat_listener *route_listen(leat_loop *loop, const struct route *route, struct complaint *why)
{
	struct piece at = route_end(route);
	leat_listener *listener = listen_end(loop, route, &at);
	char words[128];

	if (!failed(listener))
		return listener;
	if (address_end(&route->address)->kind == KIND_FD && leat_error_is(leat_listener_error(listener), LEAT_INVALID))
		snprintf(words, sizeof words, "that is no stream socket that listens");
	else
		leat_error_print(leat_listener_error(listener), words, sizeof words);
	complain(why, route->address.text, at, "cannot listen there: %s", words);
	leat_listener_unref(listener);
	return NULL;
}

/* SPDX-License-Identifier: ISC */
/* route - an address made ready: what can be wrong before the first byte is found here
 *
 * Certificates are read, descriptors and numeric hosts looked at; a route is used
 * for any number of connections.
 */
#ifndef TOOL_LEAT_ROUTE_H
#define TOOL_LEAT_ROUTE_H

#include <leat/leat.h>

#include "address.h"
#include "layer.h"
#include "resolve.h"

struct route {
	struct address address;
	enum role role;
	struct places *places;       /* of tcp, where the host is a number */
	void *layers[ADDRESS_PARTS]; /* what each layer has prepared */
};

/* True: *route is to be freed, also where it was not.  `text` is borrowed until
 * then. */
bool route_make(const char *text, enum role role, struct route *route, struct complaint *why);
void route_free(struct route *route);
/* The text from the end's name on. */
struct piece route_end(const struct route *route);
/* Whether it ends in that descriptor: a complaint where it does. */
bool route_has_descriptor(const struct route *route, int fd, struct complaint *why);
/* Whether it can be used more than once. */
bool route_is_lasting(const struct route *route);

/* Gives a listener; NULL and a complaint. */
leat_listener *route_listen(leat_loop *loop, const struct route *route, struct complaint *why);

/* Where we are on a route, for a message. */
struct blame {
	const struct route *route;
	struct piece at;
	char words[LAYER_WORDS]; /* why, where the layer knows better than its error; else "" */
};

/* Takes the flow; resolves with what its layers make of it. */
LEAT_NODISCARD leat_io *route_wrap(const struct route *route, leat_flow *flow, struct blame *blame);

#endif

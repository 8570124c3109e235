/* SPDX-License-Identifier: ISC */
/* layer - what a layer of an address does to a flow */
#ifndef TOOL_LEAT_LAYER_H
#define TOOL_LEAT_LAYER_H

#include <leat/leat.h>

#include "address.h"

/* What failed, in a layer's own words; "" where the error says it all. */
enum { LAYER_WORDS = 256 };

struct layer {
	/* Once, for all connections: what they need through *made.  False: *why
	 * says what is wrong. */
	bool (*prepare)(const struct address *address, const struct part *part, enum role role, void **made,
	                struct complaint *why);
	/* Takes the flow; resolves with the layer over it.  `words`, of LAYER_WORDS
	 * bytes, are lent until then. */
	leat_io *(*wrap)(leat_flow *below, void *made, char *words);
	void (*end)(void *made);
};

extern const struct layer tls_layer, gzip_layer;

/* NULL where this leat was built without it. */
const struct layer *layer_of(enum kind kind);

#endif

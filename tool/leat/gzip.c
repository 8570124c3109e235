/* SPDX-License-Identifier: ISC */
/* gzip - the layer gzip, by libleat-zip */
#include <stdlib.h>

#include <leat/zlib.h>

#include "layer.h"

static void end(void *made)
{
	free(made);
}

static bool prepare(const struct address *address, const struct part *part, enum role role, void **made,
                    struct complaint *why)
{
	const struct setting *level = part_setting(part, OPTION_LEVEL), *limit = part_setting(part, OPTION_LIMIT);
	leat_zlib_options *options;

	(void)address;
	(void)role;
	*made = options = malloc(sizeof *options);
	if (!options)
		return complain(why, NULL, part->at, "no memory");
	*options = (leat_zlib_options){ .size = sizeof *options, .level = level ? (int)level->number : 0,
		.max_bytes = limit ? (uint64_t)limit->number : 0 };
	return true;
}

static leat_io *wrap(leat_flow *below, void *made, char *words)
{
	leat_loop *loop = leat_flow_loop(below);

	(void)words;
	return leat_io_flow(loop, leat_zlib_new(below, made));
}

const struct layer gzip_layer = { .prepare = prepare, .wrap = wrap, .end = end };

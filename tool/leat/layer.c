/* SPDX-License-Identifier: ISC */
/* layer - the layers that were built in */
#include "layer.h"

const struct layer *layer_of(enum kind kind)
{
	(void)kind;
	return NULL;
}

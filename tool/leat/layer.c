/* SPDX-License-Identifier: ISC */
/* layer - the layers that were built in: the Makefile says LEAT_HAS_... */
#include "layer.h"

const struct layer *layer_of(enum kind kind)
{
	switch (kind) {
#ifdef LEAT_HAS_TLS
	case KIND_TLS:
		return &tls_layer;
#endif
#ifdef LEAT_HAS_GZIP
	case KIND_GZIP:
		return &gzip_layer;
#endif
	default:
		return NULL;
	}
}

/* SPDX-License-Identifier: ISC */
/* memory - the door through which a loop gets its memory */
#ifndef LEAT_MEMORY_H
#define LEAT_MEMORY_H

#include <leat/api.h>

LEAT_BEGIN

/* An allocator.  `alloc` gives memory aligned as malloc's, or NULL; `release`
 * takes what `alloc` gave (never NULL).  Both are called on the loop's thread
 * only.  The struct is copied where it is given; `ctx` must outlive the loop. */
typedef struct leat_memory {
	size_t size; /* sizeof(leat_memory) */
	void *(*alloc)(void *ctx, size_t bytes);
	void (*release)(void *ctx, void *memory);
	void *ctx;
} leat_memory;

/* Memory through a loop's door, for layers and transports of your own: NULL
 * without.  Give it back before the loop is freed. */
LEAT_API LEAT_NODISCARD void *leat_memory_get(leat_loop *loop, size_t bytes);
/* Gives it back; NULL is let be. */
LEAT_API void leat_memory_put(leat_loop *loop, void *memory);

LEAT_END
#endif

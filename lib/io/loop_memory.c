/* SPDX-License-Identifier: ISC */
/* loop_memory - the loop's door to memory, for what others build on it */
#include <leat/memory.h>

#include "base/mem.h"
#include "io/loop.h"

void *leat_memory_get(leat_loop *loop, size_t bytes)
{
	return lt_mem_alloc(lt_loop_mem(loop), bytes);
}

void leat_memory_put(leat_loop *loop, void *memory)
{
	lt_mem_release(lt_loop_mem(loop), memory);
}

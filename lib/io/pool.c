/* SPDX-License-Identifier: ISC */
/* pool - where cells come from
 *
 * Arenas of slabs; a slab is aligned to its size and begins with its loop, so
 * that a cell needs no pointer to it.  Cells are handed out in order the first
 * time, so that what was never used is never touched; later from a list of
 * free ones.  Arenas double, up to a megabyte.
 */
#include "io/io.h"
#include "io/trace.h"

enum { LT_ARENA_SLABS = 64 };

static bool add_arena(leat_loop *loop)
{
	lt_arena *last = loop->pool.arenas;
	uint32_t count = !last ? 1 : last->count < LT_ARENA_SLABS ? 2 * last->count : LT_ARENA_SLABS;
	size_t bytes = sizeof(lt_arena) + (size_t)(count + 1) * LT_SLAB_BYTES;
	lt_arena *arena = lt_mem_alloc(&loop->mem, bytes);

	if (!arena)
		return false;
	*arena = (lt_arena){ .next = last, .count = count, .bytes = bytes };
	arena->slabs = (unsigned char *)(((uintptr_t)(arena + 1) + LT_SLAB_BYTES - 1) & ~(uintptr_t)(LT_SLAB_BYTES - 1));
	loop->pool.arenas = arena;
	lt_mem_pool_grew(&loop->mem, bytes);
	return true;
}

static lt_slab *slab_at(const lt_arena *arena, uint32_t index)
{
	return (lt_slab *)(void *)(arena->slabs + (size_t)index * LT_SLAB_BYTES);
}

static bool add_slab(leat_loop *loop)
{
	lt_arena *arena = loop->pool.arenas;

	if (!arena || arena->started == arena->count) {
		if (!add_arena(loop))
			return false;
		arena = loop->pool.arenas;
	}
	loop->pool.slab = slab_at(arena, arena->started++);
	*loop->pool.slab = (lt_slab){ .loop = loop, .used = 1 };
	return true;
}

leat_io *lt_pool_carve(leat_loop *loop)
{
	lt_slab *slab = loop->pool.slab;
	leat_io *io;

	if (!slab || slab->used == LT_SLAB_CELLS) {
		if (!add_slab(loop))
			return NULL;
		slab = loop->pool.slab;
	}
	io = (leat_io *)(void *)slab + slab->used++;
	io->generation = 0;
	return io;
}

void *lt_pool_grow(leat_loop *loop)
{
	return loop->trace ? lt_trace_take(loop) : lt_pool_carve(loop);
}

/* Begins with the loop's arenas and 0. */
typedef struct place {
	const lt_arena *arena;
	uint32_t index;
} place;

/* NULL: that was the last. */
static lt_slab *next_slab(place *at)
{
	while (at->arena && at->index == at->arena->started)
		*at = (place){ .arena = at->arena->next };
	return at->arena ? slab_at(at->arena, at->index++) : NULL;
}

void lt_pool_each_slab(leat_loop *loop, void (*visit)(leat_loop *, lt_slab *))
{
	place at = { .arena = loop->pool.arenas };
	lt_slab *slab;

	while ((slab = next_slab(&at)))
		visit(loop, slab);
}

bool lt_pool_init(leat_loop *loop)
{
	loop->pool.back = &loop->pool.free;
	return add_slab(loop);
}

void lt_pool_end(leat_loop *loop)
{
	lt_arena *arena = loop->pool.arenas;

	while (arena) {
		lt_arena *next = arena->next;

#ifdef LT_MEM_ASAN
		__asan_unpoison_memory_region(arena, arena->bytes);
#endif
		lt_mem_pool_shrank(&loop->mem, arena->bytes);
		lt_mem_release(&loop->mem, arena);
		arena = next;
	}
	loop->pool = (lt_pool){ 0 };
}

static void walk_slab(leat_loop *loop, lt_slab *slab, lt_pool_visitor visit, void *arg)
{
	leat_io *cell = (leat_io *)(void *)slab;

	for (uint32_t i = 1; i < slab->used; i++)
		if (cell[i].phase == LT_PENDING || cell[i].phase == LT_SETTLED)
			visit(loop, &cell[i], arg);
}

void lt_pool_walk(leat_loop *loop, lt_pool_visitor visit, void *arg)
{
	place at = { .arena = loop->pool.arenas };
	lt_slab *slab;

	while ((slab = next_slab(&at)))
		walk_slab(loop, slab, visit, arg);
}

static size_t live_of(const lt_slab *slab)
{
	const leat_io *cell = (const leat_io *)(const void *)slab;
	size_t live = 0;

	for (uint32_t i = 1; i < slab->used; i++)
		live += cell[i].phase != LT_FREE && cell[i].phase != LT_PIECE && !(cell[i].flags & LT_IMMORTAL);
	return live;
}

size_t lt_pool_live(const leat_loop *loop)
{
	place at = { .arena = loop->pool.arenas };
	size_t live = 0;
	lt_slab *slab;

	while ((slab = next_slab(&at)))
		live += live_of(slab);
	return live;
}

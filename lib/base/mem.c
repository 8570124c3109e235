/* SPDX-License-Identifier: ISC */
/* mem - the door to memory, and blocks that wait for the next buf */
#include <stdlib.h>
#include <string.h>

#include <leat/options.h>

#include "base/mem.h"

enum {
	KEPT_PIECES_MAX = 64,        /* per class */
	KEPT_BYTES_MAX = 256 * 1024, /* per class: 4 of the largest; 1.5 MiB in all */
};

static void *plain_alloc(void *ctx, size_t bytes)
{
	(void)ctx;
	return malloc(bytes);
}

static void plain_release(void *ctx, void *piece)
{
	(void)ctx;
	free(piece);
}

static leat_memory memory_copy(const leat_memory *memory)
{
	leat_memory copy;

	leat_options_take_at(&copy, sizeof copy, memory, "leat_memory", NULL);
	if (!copy.alloc || !copy.release) {
		copy.alloc = plain_alloc;
		copy.release = plain_release;
	}
	return copy;
}

static uint8_t kept_max(unsigned class)
{
	size_t pieces = KEPT_BYTES_MAX / lt_class_capacity(class);

	return (uint8_t)(pieces < KEPT_PIECES_MAX ? pieces : KEPT_PIECES_MAX);
}

void lt_mem_init(lt_mem *mem, const leat_memory *memory)
{
	*mem = (lt_mem){ .user = memory_copy(memory) };
	for (unsigned class = 0; class < LT_CLASSES; class++)
		mem->room[class] = kept_max(class);
}

/* After the end the lt_mem is gone with the last piece: touch neither after this. */
static void piece_back(lt_mem *mem)
{
	mem->pieces--;
	if (mem->ended && mem->pieces == 0 && mem->gone)
		mem->gone(mem);
}

static void class_end(lt_mem *mem, unsigned class)
{
	void **block;

	mem->room[class] = 0;
	while ((block = mem->kept[class])) {
		lt_mem_show(block, class);
		mem->kept[class] = *block;
		lt_mem_block_free(mem, block, 0, class);
	}
}

void lt_mem_keep_none(lt_mem *mem)
{
	for (unsigned class = 0; class < LT_CLASSES; class++)
		class_end(mem, class);
}

/* One more piece while the stacks are emptied, so that gone comes last. */
void lt_mem_end(lt_mem *mem)
{
	mem->pieces++;
	lt_mem_keep_none(mem);
	mem->ended = true;
	piece_back(mem);
}

void *lt_mem_alloc(lt_mem *mem, size_t bytes)
{
	void *piece;

	if (!mem)
		return malloc(bytes);
	piece = mem->user.alloc(mem->user.ctx, bytes);
	if (piece)
		mem->pieces++;
	return piece;
}

void *lt_mem_zalloc(lt_mem *mem, size_t bytes)
{
	void *piece = lt_mem_alloc(mem, bytes);

	return piece ? memset(piece, 0, bytes) : NULL;
}

void lt_mem_release(lt_mem *mem, void *piece)
{
	if (!piece)
		return;
	if (!mem) {
		free(piece);
		return;
	}
	mem->user.release(mem->user.ctx, piece);
	piece_back(mem);
}

static size_t block_bytes(size_t capacity, unsigned class)
{
	return LT_BLOCK_HEADER + (class == LT_CLASS_LARGE ? capacity : lt_class_capacity(class));
}

void *lt_mem_block_alloc(lt_mem *mem, size_t capacity, unsigned class)
{
	void *block;

	if (capacity > SIZE_MAX - LT_BLOCK_HEADER)
		return NULL;
	block = lt_mem_alloc(mem, block_bytes(capacity, class));
	if (block)
		mem->bytes += block_bytes(capacity, class);
	return block;
}

void lt_mem_block_free(lt_mem *mem, void *block, size_t capacity, unsigned class)
{
	mem->bytes -= block_bytes(capacity, class);
	lt_mem_release(mem, block);
}

/* SPDX-License-Identifier: ISC */
/* mem - the door to memory, and blocks that wait for the next buf
 *
 * One lt_mem is embedded in each loop: the user's allocator, and for each size
 * class a short stack of freed blocks.  A block is LT_BLOCK_HEADER bytes and a
 * payload of 2^k bytes.  On the steady path a block is popped and pushed and
 * the allocator is not called; what does not fit the stacks goes back to it.
 * Everything here is the loop's thread's.
 *
 * Where a lt_mem * is NULL, memory is malloc's: for things without a loop.
 */
#ifndef LT_BASE_MEM_H
#define LT_BASE_MEM_H

#include <leat/memory.h>

#if defined(__SANITIZE_ADDRESS__)
#define LT_MEM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LT_MEM_ASAN 1
#endif
#endif
#ifdef LT_MEM_ASAN
#include <sanitizer/asan_interface.h>
#endif

enum {
	LT_BLOCK_HEADER = 40,               /* of a buf, before its bytes */
	LT_CLASS_FIRST_BITS = 5,            /* payload of the smallest class: 32 bytes */
	LT_CLASS_LAST_BITS = 16,            /* of the largest: 64 KiB */
	LT_CLASSES = LT_CLASS_LAST_BITS - LT_CLASS_FIRST_BITS + 1,
	LT_CLASS_LARGE = LT_CLASSES,        /* a block of its own size, never kept */
	LT_BLOCK_LARGEST = 1 << LT_CLASS_LAST_BITS,
};

typedef struct lt_mem lt_mem;
struct lt_mem {
	void *kept[LT_CLASSES];   /* freed blocks, each holds the next in its first word */
	uint8_t room[LT_CLASSES]; /* how many more may be kept; 0 in all after the end */
	bool ended;
	size_t bytes;             /* in blocks and counted pools, kept ones included */
	size_t pieces;            /* what the allocator gave and has not got back */
	leat_memory user;
	/* May be set before lt_mem_end: called once, when the last piece is
	 * back - then the lt_mem itself may be freed.  Bufs and shells may
	 * outlive their loop this way. */
	void (*gone)(lt_mem *mem);
};

/* `memory` is copied; NULL: malloc. */
void lt_mem_init(lt_mem *mem, const leat_memory *memory);
/* Gives the kept blocks back to the allocator; from now on none is kept. */
void lt_mem_keep_none(lt_mem *mem);
/* The same, and nobody but the pieces that are out needs the lt_mem any more. */
void lt_mem_end(lt_mem *mem);

/* Plain memory, through the allocator; NULL without.  A NULL piece is let be. */
void *lt_mem_alloc(lt_mem *mem, size_t bytes);
void *lt_mem_zalloc(lt_mem *mem, size_t bytes);
void lt_mem_release(lt_mem *mem, void *piece);

/* How many bytes are in blocks, kept ones included, and in pools. */
static inline size_t lt_mem_bytes(const lt_mem *mem)
{
	return mem->bytes;
}

/* How many pieces are out; while blocks are kept, those included. */
static inline size_t lt_mem_pieces(const lt_mem *mem)
{
	return mem->pieces;
}

/* A pool got or gave back that much by lt_mem_alloc: keeps the books only. */
static inline void lt_mem_pool_grew(lt_mem *mem, size_t bytes)
{
	mem->bytes += bytes;
}

static inline void lt_mem_pool_shrank(lt_mem *mem, size_t bytes)
{
	mem->bytes -= bytes;
}

/* The slow halves of the two calls below. */
void *lt_mem_block_alloc(lt_mem *mem, size_t capacity, unsigned class);
void lt_mem_block_free(lt_mem *mem, void *block, size_t capacity, unsigned class);

static inline size_t lt_class_capacity(unsigned class)
{
	return (size_t)1 << (class + LT_CLASS_FIRST_BITS);
}

static inline unsigned lt_class_of(size_t capacity)
{
	if (capacity <= (size_t)1 << LT_CLASS_FIRST_BITS)
		return 0;
	if (capacity > LT_BLOCK_LARGEST)
		return LT_CLASS_LARGE;
	return (unsigned)(32 - LT_CLASS_FIRST_BITS) - (unsigned)__builtin_clz((unsigned)capacity - 1);
}

static inline void lt_mem_hide(void *block, unsigned class)
{
#ifdef LT_MEM_ASAN
	__asan_poison_memory_region(block, LT_BLOCK_HEADER + lt_class_capacity(class));
#endif
	(void)block;
	(void)class;
}

static inline void lt_mem_show(void *block, unsigned class)
{
#ifdef LT_MEM_ASAN
	__asan_unpoison_memory_region(block, LT_BLOCK_HEADER + lt_class_capacity(class));
#endif
	(void)block;
	(void)class;
}

/* Whether there is one that needs no allocation; capacity is at most
 * LT_BLOCK_LARGEST. */
static inline bool lt_mem_has_block(const lt_mem *mem, size_t capacity)
{
	return mem->kept[lt_class_of(capacity)] != NULL;
}

/* Gives a block with room for `capacity` bytes after its header, or NULL; its
 * class is needed to give it back. */
static inline void *lt_mem_block(lt_mem *mem, size_t capacity, unsigned *class)
{
	void **block;

	*class = lt_class_of(capacity);
	if (__builtin_expect(*class == LT_CLASS_LARGE || !mem->kept[*class], 0))
		return lt_mem_block_alloc(mem, capacity, *class);
	block = mem->kept[*class];
	lt_mem_show(block, *class);
	mem->kept[*class] = *block;
	mem->room[*class]++;
	return block;
}

/* Takes a block.  `capacity` is what was asked for; only read where the class
 * is LT_CLASS_LARGE. */
static inline void lt_mem_unblock(lt_mem *mem, void *block, size_t capacity, unsigned class)
{
	if (__builtin_expect(class == LT_CLASS_LARGE || mem->room[class] == 0, 0)) {
		lt_mem_block_free(mem, block, capacity, class);
		return;
	}
	mem->room[class]--;
	*(void **)block = mem->kept[class];
	mem->kept[class] = block;
	lt_mem_hide(block, class);
}

#endif

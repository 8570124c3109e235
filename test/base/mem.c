/* SPDX-License-Identifier: ISC */
/* mem - blocks come back, within bounds, and the last one tells */
#include "base/mem.h"

#include "support/expect.h"
#include "support/oom.h"
#include "support/suite.h"

/* A lt_mem over the counting door. */
static struct oom door;
static lt_mem mem;

static void begin(void)
{
	oom_init(&door, 0);
	lt_mem_init(&mem, &door.memory);
}

static void end(void)
{
	lt_mem_end(&mem);
	expect_size(door.live, 0);
	expect_size(lt_mem_bytes(&mem), 0);
	expect_size(lt_mem_pieces(&mem), 0);
}

static void there_and_back(size_t capacity)
{
	unsigned class;
	void *block = lt_mem_block(&mem, capacity, &class);

	expect_some(block);
	memset(block, 0x5a, LT_BLOCK_HEADER + capacity);
	lt_mem_unblock(&mem, block, capacity, class);
}

START_TEST(without_an_allocator_it_is_malloc)
{
	lt_mem_init(&mem, NULL);
	for (size_t capacity = 0; capacity < 200000; capacity = capacity * 3 + 1)
		there_and_back(capacity);
	lt_mem_release(&mem, lt_mem_alloc(&mem, 100));
	lt_mem_end(&mem);
	expect_size(lt_mem_bytes(&mem), 0);
}
END_TEST

START_TEST(the_allocator_is_copied)
{
	leat_memory memory;

	oom_init(&door, 0);
	memory = door.memory;
	lt_mem_init(&mem, &memory);
	memset(&memory, 0, sizeof(memory));
	there_and_back(10);
	end();
	expect_size(door.calls, 1);
}
END_TEST

START_TEST(an_allocator_with_a_short_struct_is_not_read_past_its_end)
{
	leat_memory memory;

	oom_init(&door, 0);
	memory = door.memory;
	memory.size = offsetof(leat_memory, release);
	lt_mem_init(&mem, &memory);
	there_and_back(10);
	end();
	expect_size(door.calls, 0); /* half an allocator is none */
}
END_TEST

START_TEST(plain_memory_goes_through_the_allocator)
{
	unsigned char *piece;

	begin();
	lt_mem_release(&mem, lt_mem_alloc(&mem, 100));
	piece = lt_mem_zalloc(&mem, 100);
	for (int i = 0; i < 100; i++)
		expect_int(piece[i], 0);
	expect_size(door.calls, 2);
	expect_size(door.live, 1);
	lt_mem_release(&mem, piece);
	lt_mem_release(&mem, NULL);
	end();
}
END_TEST

START_TEST(without_a_loop_memory_is_mallocs)
{
	void *piece = lt_mem_zalloc(NULL, 100);

	expect_some(piece);
	lt_mem_release(NULL, piece);
	lt_mem_release(NULL, NULL);
}
END_TEST

START_TEST(a_class_is_the_smallest_that_has_room)
{
	expect_int(lt_class_of(0), 0);
	expect_int(lt_class_of(LT_BLOCK_LARGEST + 1), LT_CLASS_LARGE);
	expect_int(lt_class_of(SIZE_MAX), LT_CLASS_LARGE);
	for (size_t capacity = 1; capacity <= LT_BLOCK_LARGEST; capacity++) {
		unsigned class = lt_class_of(capacity);

		expect(class < LT_CLASSES);
		expect(lt_class_capacity(class) >= capacity);
		expect(class == 0 || lt_class_capacity(class - 1) < capacity);
	}
}
END_TEST

START_TEST(a_freed_block_is_used_again_without_the_allocator)
{
	begin();
	for (int i = 0; i < 1000; i++)
		there_and_back(1000);
	expect_size(door.calls, 1);
	end();
}
END_TEST

START_TEST(the_last_freed_is_the_first_used)
{
	unsigned class;
	void *a, *b;

	begin();
	a = lt_mem_block(&mem, 64, &class);
	b = lt_mem_block(&mem, 64, &class);
	lt_mem_unblock(&mem, a, 64, class);
	lt_mem_unblock(&mem, b, 64, class);
	expect_ptr(lt_mem_block(&mem, 64, &class), b);
	expect_ptr(lt_mem_block(&mem, 64, &class), a);
	lt_mem_unblock(&mem, a, 64, class);
	lt_mem_unblock(&mem, b, 64, class);
	end();
}
END_TEST

START_TEST(what_is_kept_is_bounded)
{
	enum { MANY = 500 };
	static void *blocks[MANY];
	size_t capacity = lt_class_capacity((unsigned)_i);
	unsigned class;

	begin();
	for (int i = 0; i < MANY; i++)
		blocks[i] = lt_mem_block(&mem, capacity, &class);
	expect_size(lt_mem_bytes(&mem), MANY * (LT_BLOCK_HEADER + capacity));
	for (int i = 0; i < MANY; i++)
		lt_mem_unblock(&mem, blocks[i], capacity, class);
	expect(door.live > 0 && door.live <= 64);
	expect_size(lt_mem_bytes(&mem), door.live * (LT_BLOCK_HEADER + capacity));
	expect(door.live * capacity <= 256 * 1024);
	end();
}
END_TEST

START_TEST(large_blocks_are_not_kept)
{
	begin();
	there_and_back(LT_BLOCK_LARGEST + 1);
	expect_size(door.live, 0);
	expect_size(lt_mem_bytes(&mem), 0);
	end();
}
END_TEST

START_TEST(sizes_beyond_all_memory_are_refused)
{
	unsigned class;

	begin();
	expect_null(lt_mem_block(&mem, SIZE_MAX, &class));
	expect_null(lt_mem_block(&mem, SIZE_MAX - LT_BLOCK_HEADER + 1, &class));
	expect_size(door.calls, 0);
	end();
}
END_TEST

START_TEST(a_refused_allocation_is_null_and_counts_for_nothing)
{
	unsigned class;

	oom_init(&door, 1);
	lt_mem_init(&mem, &door.memory);
	expect_null(lt_mem_block(&mem, 100, &class));
	end();
	oom_init(&door, 1);
	lt_mem_init(&mem, &door.memory);
	expect_null(lt_mem_zalloc(&mem, 100));
	end();
}
END_TEST

START_TEST(pools_are_counted_where_they_say_so)
{
	begin();
	lt_mem_pool_grew(&mem, 4096);
	expect_size(lt_mem_bytes(&mem), 4096);
	lt_mem_pool_shrank(&mem, 4096);
	end();
}
END_TEST

static int gone_calls;

static void on_gone(lt_mem *which)
{
	expect_ptr(which, &mem);
	gone_calls++;
}

static void begin_watched(void)
{
	begin();
	gone_calls = 0;
	mem.gone = on_gone;
}

START_TEST(with_nothing_out_the_end_tells_at_once)
{
	begin_watched();
	there_and_back(100);
	expect_int(gone_calls, 0);
	end();
	expect_int(gone_calls, 1);
}
END_TEST

START_TEST(a_block_that_outlives_the_end_tells_when_it_is_back)
{
	unsigned class;
	void *block, *piece;

	begin_watched();
	block = lt_mem_block(&mem, 100, &class);
	piece = lt_mem_alloc(&mem, 10);
	there_and_back(100);
	lt_mem_end(&mem);
	expect_size(door.live, 2);
	lt_mem_unblock(&mem, block, 100, class);
	expect_int(gone_calls, 0);
	lt_mem_release(&mem, piece);
	expect_int(gone_calls, 1);
	expect_size(door.live, 0);
}
END_TEST

START_TEST(after_the_end_nothing_is_kept)
{
	unsigned class;
	void *block, *late;

	begin_watched();
	block = lt_mem_block(&mem, 100, &class);
	lt_mem_end(&mem);
	late = lt_mem_block(&mem, 100, &class); /* a slice of a buf that is still held */
	lt_mem_unblock(&mem, late, 100, class);
	expect_size(door.live, 1);
	expect_int(gone_calls, 0);
	lt_mem_unblock(&mem, block, 100, class);
	expect_int(gone_calls, 1);
}
END_TEST

#ifdef LT_MEM_ASAN
START_TEST(a_kept_block_is_poisoned)
{
	unsigned class;
	char *block;

	begin();
	block = lt_mem_block(&mem, 100, &class);
	lt_mem_unblock(&mem, block, 100, class);
	expect_true(__asan_address_is_poisoned(block + LT_BLOCK_HEADER));
	expect_ptr(lt_mem_block(&mem, 100, &class), block);
	expect_false(__asan_address_is_poisoned(block + LT_BLOCK_HEADER + 99));
	lt_mem_unblock(&mem, block, 100, class);
	end();
}
END_TEST
#define ASAN_ONLY , a_kept_block_is_poisoned
#else
#define ASAN_ONLY
#endif

SUITE("mem",
	without_an_allocator_it_is_malloc,
	the_allocator_is_copied,
	an_allocator_with_a_short_struct_is_not_read_past_its_end,
	plain_memory_goes_through_the_allocator,
	without_a_loop_memory_is_mallocs,
	a_class_is_the_smallest_that_has_room,
	a_freed_block_is_used_again_without_the_allocator,
	the_last_freed_is_the_first_used,
	EACH(what_is_kept_is_bounded, LT_CLASSES),
	large_blocks_are_not_kept,
	sizes_beyond_all_memory_are_refused,
	a_refused_allocation_is_null_and_counts_for_nothing,
	pools_are_counted_where_they_say_so,
	with_nothing_out_the_end_tells_at_once,
	a_block_that_outlives_the_end_tells_when_it_is_back,
	after_the_end_nothing_is_kept ASAN_ONLY)

/* SPDX-License-Identifier: ISC */
/* stack - where fibers get their stacks from
 *
 * Stacks of one size come in groups, each group one mapping:
 *
 *	guard | stack 0 | guard | stack 1 | ...
 *
 * A guard is made when its stack is used for the first time: where the kernel
 * has it (6.13), by MADV_GUARD_INSTALL, which costs no mapping; else by
 * mprotect, which costs two, and the system's limit is 65,530 (LIBEVENT 36).
 * A loop keeps a few stacks warm.  Of the others the memory is given back,
 * and of groups that nobody uses the address space, all but one of a size.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef HAVE_VALGRIND_VALGRIND_H
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(low, high) ((void)(low), (void)(high), 0u)
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#endif

#include "io/io.h"
#include "io/stack.h"
#include "io/switch.h"

enum { GUARD_BYTES = LT_STACK_GUARD_BYTES, GROUP_STACKS = 64, GROUP_BYTES = 32 << 20 };

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

struct lt_stack_group {
	lt_stack_group *next, **at; /* what points to it */
	unsigned char *base;
	size_t bytes;
	lt_stack *free;          /* used before, cold */
	uint32_t count, started; /* stacks; those that were used once */
	uint32_t used;           /* by fibers, or warm */
	lt_stack stack[];
};

static size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

unsigned lt_stack_class(size_t bytes)
{
	size_t least = bytes > page_bytes() ? bytes : page_bytes();
	unsigned class = 0;

	while (class < LT_STACK_CLASSES && lt_stack_room(class) < least)
		class++;
	return class;
}

/* ---- lists of groups ---- */

static bool has_free(const lt_stack_group *group)
{
	return group->free || group->started < group->count;
}

static void link_group(lt_stack_group **list, lt_stack_group *group)
{
	group->at = list;
	group->next = *list;
	if (group->next)
		group->next->at = &group->next;
	*list = group;
}

static void unlink_group(lt_stack_group *group)
{
	*group->at = group->next;
	if (group->next)
		group->next->at = group->at;
}

static void relink_group(lt_stack_group **list, lt_stack_group *group)
{
	unlink_group(group);
	link_group(list, group);
}

/* ---- groups ---- */

static size_t step_bytes(unsigned class)
{
	return GUARD_BYTES + lt_stack_room(class);
}

static unsigned char *map(size_t bytes)
{
	void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	if (base == MAP_FAILED)
		return NULL;
	/* one stack's page must not become two megabytes */
	(void)madvise(base, bytes, MADV_NOHUGEPAGE);
	return base;
}

static void free_group(leat_loop *loop, lt_stack_group *group)
{
	for (uint32_t i = 0; i < group->started; i++)
		VALGRIND_STACK_DEREGISTER(group->stack[i].valgrind);
	munmap(group->base, group->bytes);
	lt_mem_release(&loop->mem, group);
}

static lt_stack_group *new_group(leat_loop *loop, unsigned class, uint32_t count)
{
	lt_stack_group *group = lt_mem_zalloc(&loop->mem, sizeof *group + count * sizeof group->stack[0]);

	if (!group)
		return NULL;
	group->count = count;
	group->bytes = count * step_bytes(class);
	group->base = map(group->bytes);
	if (group->base)
		return group;
	lt_mem_release(&loop->mem, group);
	return NULL;
}

/* Each has twice as many as the last, up to a limit; where there is no room
 * for them, less. */
static bool add_group(leat_loop *loop, lt_stacks *stacks, unsigned class)
{
	size_t most = GROUP_BYTES / step_bytes(class);
	uint32_t count = stacks->class[class].last ? 2 * stacks->class[class].last : 4;
	lt_stack_group *group = NULL;

	if (count > GROUP_STACKS)
		count = GROUP_STACKS;
	if (count > most)
		count = most ? (uint32_t)most : 1;
	for (; !group && count > 0; count /= 2)
		group = new_group(loop, class, count);
	if (!group)
		return false;
	stacks->class[class].last = group->count;
	stacks->class[class].unused++;
	link_group(&stacks->class[class].open, group);
	return true;
}

/* ---- a stack ---- */

static bool guard(lt_stacks *stacks, unsigned char *at)
{
	if (!stacks->no_install) {
		if (madvise(at, GUARD_BYTES, MADV_GUARD_INSTALL) == 0)
			return true;
		if (errno != EINVAL)
			return false;
		stacks->no_install = true;
	}
	return mprotect(at, GUARD_BYTES, PROT_NONE) == 0;
}

static lt_stack *take_from(lt_stacks *stacks, lt_stack_group *group, unsigned class)
{
	lt_stack *stack = group->free;

	if (stack) {
		group->free = stack->next;
		return stack;
	}
	stack = &group->stack[group->started];
	stack->low = group->base + group->started * step_bytes(class) + GUARD_BYTES;
	if (!guard(stacks, stack->low - GUARD_BYTES))
		return NULL;
	stack->group = group;
	stack->valgrind = VALGRIND_STACK_REGISTER(stack->low, stack->low + lt_stack_room(class));
	group->started++;
	return stack;
}

lt_stack *lt_stack_take_cold(leat_loop *loop, lt_stacks *stacks, unsigned class)
{
	lt_stack_group *group;
	lt_stack *stack;

	if (!stacks->class[class].open && !add_group(loop, stacks, class))
		return NULL;
	group = stacks->class[class].open;
	stack = take_from(stacks, group, class);
	if (!stack)
		return NULL;
	if (group->used++ == 0)
		stacks->class[class].unused--;
	if (!has_free(group))
		relink_group(&stacks->full, group);
	return stack;
}

void lt_stack_give_cold(leat_loop *loop, lt_stacks *stacks, lt_stack *stack, unsigned class)
{
	lt_stack_group *group = stack->group;
	bool is_spare = group->used == 1 && stacks->class[class].unused > 0;

	if (is_spare) {
		unlink_group(group);
		free_group(loop, group);
		return;
	}
	(void)madvise(stack->low, lt_stack_room(class), MADV_DONTNEED);
	if (!has_free(group))
		relink_group(&stacks->class[class].open, group);
	stack->next = group->free;
	group->free = stack;
	if (--group->used == 0)
		stacks->class[class].unused++;
}

/* ---- the loop's ---- */

static void free_groups(leat_loop *loop, lt_stack_group *group)
{
	while (group) {
		lt_stack_group *next = group->next;

		free_group(loop, group);
		group = next;
	}
}

static void end_stacks(leat_loop *loop, void *data)
{
	lt_stacks *stacks = data;

	for (unsigned class = 0; class < LT_STACK_CLASSES; class++)
		free_groups(loop, stacks->class[class].open);
	free_groups(loop, stacks->full);
	lt_mem_release(&loop->mem, stacks);
}

lt_stacks *lt_stacks_of(leat_loop *loop)
{
	lt_slot *slot = &loop->slots[LT_SLOT_STACKS];
	lt_stacks *stacks = slot->data;

	if (stacks)
		return stacks;
	stacks = lt_mem_zalloc(&loop->mem, sizeof *stacks);
	if (!stacks)
		return NULL;
	stacks->room = LT_STACKS_WARM;
	stacks->forbidden = lt_switch_forbidden();
#ifdef LT_PORTABLE_FIBERS
	stacks->no_install = true;
#endif
	*slot = (lt_slot){ .data = stacks, .end = end_stacks };
	return stacks;
}

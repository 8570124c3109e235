/* SPDX-License-Identifier: ISC */
/* stack.h - where fibers get their stacks from */
#ifndef LT_IO_STACK_H
#define LT_IO_STACK_H

#include "io/loop_private.h"

typedef struct lt_stack_group lt_stack_group;

/* One stack.  This lives apart from it, so that one that nobody uses need not
 * be touched. */
typedef struct lt_stack {
	struct lt_stack *next; /* of those that nobody uses */
	lt_stack_group *group;
	unsigned char *low;    /* the guard is below */
	unsigned valgrind;     /* what valgrind calls it */
} lt_stack;

enum {
	LT_STACK_FIRST_BITS = 14, /* the smallest: 16 KiB */
	LT_STACK_CLASSES = sizeof(size_t) > 4 ? 26 : 14, /* to 512 GiB, or 128 MiB */
	LT_STACKS_WARM = 64,      /* kept as they were left, per loop */
	LT_STACK_GUARD_BYTES = 65536 /* below each; frames up to this size cannot step over it */
};

typedef struct lt_stacks {
	lt_stack *warm[LT_STACK_CLASSES];
	uint32_t room;   /* for more warm ones */
	bool no_install; /* this kernel has no MADV_GUARD_INSTALL */
	bool forbidden;  /* lt_switch_forbidden */
	struct {
		lt_stack_group *open; /* groups with something free */
		uint32_t last;        /* how many stacks the last group was made with */
		uint32_t unused;      /* groups of which no stack is used */
	} class[LT_STACK_CLASSES];
	lt_stack_group *full; /* groups without */
} lt_stacks;

/* The class of stacks with at least that much room; LT_STACK_CLASSES where
 * there is none. */
unsigned lt_stack_class(size_t bytes);
static inline size_t lt_stack_room(unsigned class)
{
	return (size_t)1 << (class + LT_STACK_FIRST_BITS);
}
/* The loop's, made at first use; NULL without memory. */
lt_stacks *lt_stacks_of(leat_loop *loop);

static inline lt_stacks *lt_loop_stacks(leat_loop *loop)
{
	return loop->slots[LT_SLOT_STACKS].data;
}

/* The slow halves of the two calls below. */
lt_stack *lt_stack_take_cold(leat_loop *loop, lt_stacks *stacks, unsigned class);
void lt_stack_give_cold(leat_loop *loop, lt_stacks *stacks, lt_stack *stack, unsigned class);

/* NULL: no memory, or no more mappings.  A warm one has the bytes its last
 * fiber left there, any other is zero. */
static inline lt_stack *lt_stack_take(leat_loop *loop, lt_stacks *stacks, unsigned class)
{
	lt_stack *stack = stacks->warm[class];

	if (__builtin_expect(!stack, 0))
		return lt_stack_take_cold(loop, stacks, class);
	stacks->warm[class] = stack->next;
	stacks->room++;
	return stack;
}
static inline void lt_stack_give(leat_loop *loop, lt_stacks *stacks, lt_stack *stack, unsigned class)
{
	if (__builtin_expect(!stacks->room, 0)) {
		lt_stack_give_cold(loop, stacks, stack, class);
		return;
	}
	stack->next = stacks->warm[class];
	stacks->warm[class] = stack;
	stacks->room--;
}

#endif

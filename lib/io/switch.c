/* SPDX-License-Identifier: ISC */
/* switch - from one stack to another, where there is no assembly for it: switch.h */

/* The checking longjmp takes a jump to another stack for a mistake. */
#undef _FORTIFY_SOURCE

#include "io/switch.h"

#ifndef LT_SWITCH_ASM

#include <stdlib.h>
#include <ucontext.h>

/* makecontext passes ints. */
static void enter(unsigned high, unsigned low)
{
	const lt_fresh *fresh = (const lt_fresh *)((uintptr_t)high << 16 << 16 | low);

	fresh->entry(fresh->arg);
	abort();
}

void lt_switch_begin(lt_place *from, const lt_fresh *fresh)
{
	ucontext_t context;
	uintptr_t at = (uintptr_t)fresh;

	if (_setjmp(from->jump))
		return;
	if (getcontext(&context) < 0)
		abort();
	context.uc_link = NULL;
	context.uc_stack.ss_sp = fresh->low;
	context.uc_stack.ss_size = (size_t)(fresh->top - fresh->low);
	makecontext(&context, (void (*)(void))enter, 2, (unsigned)(at >> 16 >> 16), (unsigned)at);
	setcontext(&context);
	abort();
}

void lt_switch(lt_place *from, lt_place *to)
{
	if (!_setjmp(from->jump))
		_longjmp(to->jump, 1);
}

#endif

/* On x86 the instruction leaves rax alone where there is none.  Linux turns
 * aarch64's on only where each object says that it can stand it, which ours do
 * not. */
bool lt_switch_forbidden(void)
{
	uint64_t shadow = 0;

#if defined(__GNUC__) && defined(__x86_64__)
	__asm__ volatile(".byte 0xf3, 0x48, 0x0f, 0x1e, 0xc8" : "+a"(shadow)); /* rdsspq %rax */
#endif
	return shadow != 0;
}

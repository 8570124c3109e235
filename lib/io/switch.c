/* SPDX-License-Identifier: ISC */
/* switch - from one stack to another
 *
 * In assembly for x86-64 and aarch64: what the ABI has a callee keep goes on the
 * stack that is left, and comes back from the other; control words of the
 * floating point are loaded only where they differ.  It leaves by a jump: a
 * return would be predicted to go where the call came from, and is not.
 *
 * Elsewhere, and with --enable-portable-fibers: makecontext for a stack's first
 * time, which costs system calls, then _setjmp and _longjmp.  These keep no
 * floating point control.
 */
/* The checking longjmp takes a jump to another stack for a mistake. */
#undef _FORTIFY_SOURCE

#include "io/switch.h"

#ifdef LT_SWITCH_ASM

/* from->sp, top, entry, arg */
void lt_switch_begin_sp(void **from, void *top, void (*entry)(void *), void *arg);

void lt_switch_begin(lt_place *from, const lt_fresh *fresh)
{
	lt_switch_begin_sp(&from->sp, fresh->top, fresh->entry, fresh->arg);
}

#define FUNCTION(name) ".p2align 4\n.globl " name "\n.hidden " name "\n.type " name ", %function\n" name ":\n.cfi_startproc\n"
#define END(name) ".cfi_endproc\n.size " name ", .-" name "\n"

#if defined(__x86_64__)

#define KEEP                                                                                        \
	"pushq %rbp\n pushq %rbx\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n"             \
	"subq $8, %rsp\n .cfi_adjust_cfa_offset 56\n"                                               \
	"stmxcsr 4(%rsp)\n fnstcw (%rsp)\n"                                                         \
	"movq %rsp, (%rdi)\n"

/* rdi: &from->sp, rsi: to->sp.  The low six bits of mxcsr are flags, not
 * control.  notrack: where it goes is no function's beginning. */
__asm__(".text\n" FUNCTION("lt_switch_sp") KEEP
	"movl 4(%rsp), %eax\n"
	"movzwl (%rsp), %ecx\n"
	"movq %rsi, %rsp\n"
	"xorl 4(%rsp), %eax\n"
	"andl $0xffc0, %eax\n"
	"xorw (%rsp), %cx\n"
	"orl %ecx, %eax\n"
	"jne 1f\n"
	"2: addq $8, %rsp\n"
	"popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbx\n popq %rbp\n"
	"popq %rcx\n .cfi_def_cfa_offset 0\n .cfi_register %rip, %rcx\n"
	"notrack jmp *%rcx\n"
	".cfi_def_cfa_offset 64\n .cfi_offset %rip, -8\n"
	"1: ldmxcsr 4(%rsp)\n fldcw (%rsp)\n jmp 2b\n" END("lt_switch_sp"));

/* rdi: &from->sp, rsi: top, rdx: entry, rcx: arg.  A debugger sees the end of
 * the stack here. */
__asm__(".text\n" FUNCTION("lt_switch_begin_sp") KEEP
	"movq %rsi, %rsp\n"
	".cfi_undefined %rip\n"
	"xorl %ebp, %ebp\n"
	"movq %rcx, %rdi\n"
	"call *%rdx\n"
	"ud2\n" END("lt_switch_begin_sp"));

/* 0 where there is none: the instruction does nothing to rax then. */
bool lt_switch_forbidden(void)
{
	unsigned long shadow = 0;

	__asm__ volatile(".byte 0xf3, 0x48, 0x0f, 0x1e, 0xc8" : "+a"(shadow)); /* rdsspq %rax */
	return shadow != 0;
}

#else /* aarch64 */

#define KEEP                                                                                        \
	"sub sp, sp, #176\n .cfi_adjust_cfa_offset 176\n"                                           \
	"stp x19, x20, [sp]\n stp x21, x22, [sp, #16]\n stp x23, x24, [sp, #32]\n"                  \
	"stp x25, x26, [sp, #48]\n stp x27, x28, [sp, #64]\n stp x29, x30, [sp, #80]\n"             \
	"stp d8, d9, [sp, #96]\n stp d10, d11, [sp, #112]\n stp d12, d13, [sp, #128]\n"             \
	"stp d14, d15, [sp, #144]\n"                                                                \
	"mrs x9, fpcr\n str x9, [sp, #160]\n"                                                       \
	"mov x10, sp\n str x10, [x0]\n"

/* x0: &from->sp, x1: to->sp */
__asm__(".text\n" FUNCTION("lt_switch_sp") KEEP
	"mov sp, x1\n"
	"ldr x10, [sp, #160]\n"
	"cmp x9, x10\n"
	"b.eq 1f\n"
	"msr fpcr, x10\n"
	"1: ldp x19, x20, [sp]\n ldp x21, x22, [sp, #16]\n ldp x23, x24, [sp, #32]\n"
	"ldp x25, x26, [sp, #48]\n ldp x27, x28, [sp, #64]\n ldp x29, x30, [sp, #80]\n"
	"ldp d8, d9, [sp, #96]\n ldp d10, d11, [sp, #112]\n ldp d12, d13, [sp, #128]\n"
	"ldp d14, d15, [sp, #144]\n"
	"add sp, sp, #176\n .cfi_adjust_cfa_offset -176\n"
	"ret\n" END("lt_switch_sp"));

/* x0: &from->sp, x1: top, x2: entry, x3: arg */
__asm__(".text\n" FUNCTION("lt_switch_begin_sp") KEEP
	"mov sp, x1\n"
	".cfi_undefined x30\n"
	"mov x29, xzr\n"
	"mov x30, xzr\n"
	"mov x0, x3\n"
	"blr x2\n"
	"brk #0\n" END("lt_switch_begin_sp"));

/* Linux turns the guarded control stack on only where every object says that it
 * can stand it; this one does not. */
bool lt_switch_forbidden(void)
{
	return false;
}

#endif

#else /* portable */

#include <stdint.h>
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

/* glibc's context calls follow it, but its _longjmp does not. */
bool lt_switch_forbidden(void)
{
#if defined(__x86_64__) && defined(__LP64__)
	unsigned long shadow = 0;

	__asm__ volatile(".byte 0xf3, 0x48, 0x0f, 0x1e, 0xc8" : "+a"(shadow));
	return shadow != 0;
#else
	return false;
#endif
}

#endif

/* SPDX-License-Identifier: ISC */
/* switch.h - from one stack to another
 *
 * A place is where a stack was left.  In a few instructions of assembly for
 * x86-64 and aarch64, inline: what the compiler wants to keep it keeps on the
 * stack that is left, control words of the floating point are loaded only
 * where they differ.  No call is made and nothing returns: a processor predicts
 * returns by the calls that were made, and one that went astray costs more than
 * all the rest.  For the same reason nobody should return between leaving one
 * stack and entering the next: see lt_fiber_run_ready.
 *
 * Elsewhere, and with --enable-portable-fibers: makecontext for a stack's first
 * time, which costs system calls, then _setjmp and _longjmp.  These keep no
 * floating point control.
 *
 * Nobody else is told of it here: sanitizers are the callers' business.
 */
#ifndef LT_IO_SWITCH_H
#define LT_IO_SWITCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A stack that may begin: `low` and `top` are aligned to 16. */
typedef struct lt_fresh {
	unsigned char *low, *top;
	void (*entry)(void *arg); /* never returns */
	void *arg;
} lt_fresh;

/* Whether the processor keeps return addresses apart (a shadow stack), which no
 * switch here knows to follow. */
bool lt_switch_forbidden(void);

/* lt_switch_begin(from, fresh) leaves this stack for one that begins, and
 * returns when somebody switches to `from`; lt_switch(from, to) leaves it for
 * one that was left. */

#if defined(LT_PORTABLE_FIBERS) || !defined(__GNUC__) || !defined(__linux__)
#elif defined(__x86_64__) && defined(__LP64__) && !defined(__APX_F__)
#define LT_SWITCH_ASM 1

typedef struct lt_place {
	void *sp, *bp, *ip;
	uint32_t mxcsr;
	uint16_t x87;
} lt_place;

#ifdef __AVX512F__
#define LT_SWITCH_MORE                                                                                                  \
	, "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27",   \
		"xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6", "k7"
#else
#define LT_SWITCH_MORE
#endif
#define LT_SWITCH_CLOBBERS                                                                                              \
	"rax", "rbx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2",      \
		"xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",    \
		"xmm15", "memory", "cc" LT_SWITCH_MORE
#define LT_SWITCH_LEAVE                                                                                                 \
	"leaq 1f(%%rip), %%rax\n movq %%rsp, (%%rdi)\n movq %%rbp, 8(%%rdi)\n movq %%rax, 16(%%rdi)\n"                  \
	"stmxcsr 24(%%rdi)\n fnstcw 28(%%rdi)\n"

static inline __attribute__((always_inline)) void lt_switch(lt_place *from, const lt_place *to)
{
	/* The low six bits of mxcsr are flags, not control.  notrack: the target
	 * is no beginning of a function. */
	__asm__ volatile(LT_SWITCH_LEAVE
	                 "movl 24(%%rdi), %%eax\n"
	                 "movzwl 28(%%rdi), %%ecx\n"
	                 "xorl 24(%%rsi), %%eax\n"
	                 "andl $0xffc0, %%eax\n"
	                 "xorw 28(%%rsi), %%cx\n"
	                 "orl %%ecx, %%eax\n"
	                 "jne 3f\n"
	                 "2: movq (%%rsi), %%rsp\n"
	                 "movq 8(%%rsi), %%rbp\n"
	                 "notrack jmp *16(%%rsi)\n"
	                 "3: ldmxcsr 24(%%rsi)\n"
	                 "fldcw 28(%%rsi)\n"
	                 "jmp 2b\n"
	                 "1:\n"
	                 : "+D"(from), "+S"(to)
	                 :
	                 : "rcx", "rdx", LT_SWITCH_CLOBBERS);
}

/* A debugger sees the end of the stack: 0 for a return address. */
static inline __attribute__((always_inline)) void lt_switch_begin(lt_place *from, const lt_fresh *fresh)
{
	void *arg = fresh->arg;
	void (*entry)(void *) = fresh->entry;
	unsigned char *top = fresh->top;

	__asm__ volatile(LT_SWITCH_LEAVE
	                 "movq %%rdx, %%rsp\n"
	                 "xorl %%ebp, %%ebp\n"
	                 "movq %%rsi, %%rdi\n"
	                 "pushq $0\n"
	                 "jmp *%%rcx\n"
	                 "1:\n"
	                 : "+D"(from), "+S"(arg), "+d"(top), "+c"(entry)
	                 :
	                 : LT_SWITCH_CLOBBERS);
}

#elif defined(__aarch64__) && defined(__LP64__)
#define LT_SWITCH_ASM 1

typedef struct lt_place {
	void *sp, *fp, *ip;
	uint64_t fpcr;
} lt_place;

#ifdef __ARM_FEATURE_SVE
#define LT_SWITCH_MORE                                                                                                  \
	, "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13", "p14", "p15"
#else
#define LT_SWITCH_MORE
#endif
#define LT_SWITCH_CLOBBERS                                                                                              \
	"x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", \
		"x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x30", "v0", "v1", "v2", "v3", "v4", "v5",      \
		"v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20",    \
		"v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31", "memory",  \
		"cc" LT_SWITCH_MORE
#define LT_SWITCH_LEAVE                                                                                                 \
	"adr x9, 1f\n mov x10, sp\n stp x10, x29, [x0]\n mrs x11, fpcr\n stp x9, x11, [x0, #16]\n"

/* hint #36 is bti j: a jump may land there. */
static inline __attribute__((always_inline)) void lt_switch(lt_place *at, const lt_place *next)
{
	register lt_place *from __asm__("x0") = at;
	register const lt_place *to __asm__("x1") = next;

	__asm__ volatile(LT_SWITCH_LEAVE
	                 "ldp x9, x12, [x1, #16]\n"
	                 "cmp x11, x12\n"
	                 "b.eq 2f\n"
	                 "msr fpcr, x12\n"
	                 "2: ldp x10, x29, [x1]\n"
	                 "mov sp, x10\n"
	                 "br x9\n"
	                 "1: hint #36\n"
	                 : "+r"(from), "+r"(to)
	                 :
	                 : "x2", "x3", LT_SWITCH_CLOBBERS);
}

/* A debugger sees the end of the stack: 0 for a return address. */
static inline __attribute__((always_inline)) void lt_switch_begin(lt_place *at, const lt_fresh *fresh)
{
	register lt_place *from __asm__("x0") = at;
	register void *arg __asm__("x1") = fresh->arg;
	register unsigned char *top __asm__("x2") = fresh->top;
	register void (*entry)(void *) __asm__("x3") = fresh->entry;

	__asm__ volatile(LT_SWITCH_LEAVE
	                 "mov sp, x2\n"
	                 "mov x29, xzr\n"
	                 "mov x30, xzr\n"
	                 "mov x0, x1\n"
	                 "mov x16, x3\n"
	                 "br x16\n"
	                 "1: hint #36\n"
	                 : "+r"(from), "+r"(arg), "+r"(top), "+r"(entry)
	                 :
	                 : LT_SWITCH_CLOBBERS);
}
#endif

#ifdef LT_SWITCH_ASM
#define LT_SWITCH_KEEPS false /* nothing is saved where a stack is begun only once */
#else
#define LT_SWITCH_KEEPS true
#include <setjmp.h>

typedef struct lt_place {
	jmp_buf jump;
} lt_place;

void lt_switch_begin(lt_place *from, const lt_fresh *fresh);
void lt_switch(lt_place *from, lt_place *to);
#endif

#endif

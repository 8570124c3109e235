/* SPDX-License-Identifier: ISC */
/* switch.h - from one stack to another
 *
 * A place is where a stack was left.  Nobody else is told of it here:
 * sanitizers are the callers' business.
 */
#ifndef LT_IO_SWITCH_H
#define LT_IO_SWITCH_H

#include <stdbool.h>
#include <stddef.h>

#if !defined(LT_PORTABLE_FIBERS) && defined(__GNUC__) && defined(__linux__) && \
	((defined(__x86_64__) && defined(__LP64__)) || (defined(__aarch64__) && defined(__AARCH64EL__)))
#define LT_SWITCH_ASM 1
typedef struct lt_place {
	void *sp;
} lt_place;
#else
#include <setjmp.h>
typedef struct lt_place {
	jmp_buf jump;
} lt_place;
#endif

/* A stack that may begin: `low` and `top` are aligned to 16. */
typedef struct lt_fresh {
	unsigned char *low, *top;
	void (*entry)(void *arg); /* never returns */
	void *arg;
} lt_fresh;

/* Leaves this stack for one that begins.  Returns when somebody switches to
 * `from`. */
void lt_switch_begin(lt_place *from, const lt_fresh *fresh);
/* Leaves it for one that was left. */
#ifdef LT_SWITCH_ASM
void lt_switch_sp(void **from, void *to);
static inline void lt_switch(lt_place *from, const lt_place *to)
{
	lt_switch_sp(&from->sp, to->sp);
}
#else
void lt_switch(lt_place *from, lt_place *to);
#endif
/* Whether the processor keeps return addresses apart, which no switch here
 * knows to follow. */
bool lt_switch_forbidden(void);

#endif

/* SPDX-License-Identifier: ISC */
/* tell.h - address and thread sanitizer are told of every switch of stacks
 *
 * In the order of a fiber's life.  Nothing at all in other builds.
 */
#ifndef LT_IO_TELL_H
#define LT_IO_TELL_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define LT_TELL_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define LT_TELL_TSAN 1
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LT_TELL_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define LT_TELL_TSAN 1
#endif
#endif

#ifdef LT_TELL_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef LT_TELL_TSAN
#include <sanitizer/tsan_interface.h>
#endif

/* A function that is left on one stack and comes back on another must not be
 * instrumented, nor have a frame in their imitation of a stack. */
#if defined(LT_TELL_ASAN) || defined(LT_TELL_TSAN)
#define LT_TOLD 1
#define LT_PLAIN __attribute__((no_sanitize_address, no_sanitize_thread, noinline))
#define LT_PLAIN_INLINE static inline __attribute__((no_sanitize_address, no_sanitize_thread, always_inline))
#define LT_PLAIN_OUT static LT_PLAIN
#else
#define LT_PLAIN_OUT static inline
#define LT_PLAIN
#define LT_PLAIN_INLINE static inline
#endif

typedef struct lt_tell {
#ifdef LT_TELL_ASAN
	void *fake, *loop_fake;
	const void *low, *loop_low; /* the two stacks */
	size_t bytes, loop_bytes;
#endif
#ifdef LT_TELL_TSAN
	void *fiber, *loop;
#endif
	char none; /* C wants a member */
} lt_tell;

/* Before the first switch. */
LT_PLAIN_INLINE void lt_tell_made(lt_tell *tell, const void *low, size_t bytes)
{
#ifdef LT_TELL_ASAN
	tell->fake = NULL;
	tell->low = low;
	tell->bytes = bytes;
#endif
#ifdef LT_TELL_TSAN
	tell->fiber = __tsan_create_fiber(0);
#endif
	(void)tell;
	(void)low;
	(void)bytes;
}

/* On the loop's stack, about to leave it. */
LT_PLAIN_INLINE void lt_tell_entering(lt_tell *tell)
{
#ifdef LT_TELL_ASAN
	__sanitizer_start_switch_fiber(&tell->loop_fake, tell->low, tell->bytes);
#endif
#ifdef LT_TELL_TSAN
	tell->loop = __tsan_get_current_fiber();
	__tsan_switch_to_fiber(tell->fiber, 0);
#endif
	(void)tell;
}

/* On the fiber's. */
LT_PLAIN_INLINE void lt_tell_entered(lt_tell *tell)
{
#ifdef LT_TELL_ASAN
	__sanitizer_finish_switch_fiber(tell->fake, &tell->loop_low, &tell->loop_bytes);
#endif
	(void)tell;
}

/* On the fiber's, about to leave it. */
LT_PLAIN_INLINE void lt_tell_leaving(lt_tell *tell, bool for_good)
{
#ifdef LT_TELL_ASAN
	__sanitizer_start_switch_fiber(for_good ? NULL : &tell->fake, tell->loop_low, tell->loop_bytes);
	if (for_good)
		tell->fake = NULL;
#endif
#ifdef LT_TELL_TSAN
	__tsan_switch_to_fiber(tell->loop, 0);
#endif
	(void)tell;
	(void)for_good;
}

/* Back on the loop's. */
LT_PLAIN_INLINE void lt_tell_left(lt_tell *tell)
{
#ifdef LT_TELL_ASAN
	__sanitizer_finish_switch_fiber(tell->loop_fake, NULL, NULL);
#endif
	(void)tell;
}

/* It is over. */
LT_PLAIN_INLINE void lt_tell_over(lt_tell *tell)
{
#ifdef LT_TELL_TSAN
	__tsan_destroy_fiber(tell->fiber);
#endif
	(void)tell;
}

#endif

/* SPDX-License-Identifier: ISC */
/* switch - what a function keeps is there after a switch of stacks */
#include <fenv.h>
#include <stdlib.h>

#include "io/switch.h"
#include "support/expect.h"
#include "support/suite.h"

enum { STACK_BYTES = 262144, SWITCHES = 1000 };

static lt_place main_place, other_place;

struct counted {
	int64_t sum;
	double total;
};
static struct counted other_counted;

/* As many values as registers may hold, changed on both sides of each switch. */
static __attribute__((noinline)) struct counted count_up(int64_t a, double x, lt_place *from, lt_place *to)
{
	int64_t b = a + 1, c = a + 2, d = a + 3, e = a + 4, f = a + 5, g = a + 6, sum = 0;
	double p = x, q = x + 1, r = x + 2, s = x + 3, t = x + 4, u = x + 5, v = x + 6, w = x + 7;

	for (int i = 0; i < SWITCHES; i++) {
		lt_switch(from, to);
		sum += a++ + b++ + c++ + d++ + e++ + f++ + g++;
		p += 1, q += 1, r += 1, s += 1, t += 1, u += 1, v += 1, w += 1;
	}
	return (struct counted){ sum, p + q + r + s + t + u + v + w };
}

static int64_t sum_from(int64_t a)
{
	int64_t sum = 0;

	for (int64_t i = 0; i < SWITCHES; i++)
		sum += 7 * (a + i) + 21;
	return sum;
}

static void expect_counted(struct counted got, int64_t a, double x)
{
	expect_int(got.sum, sum_from(a));
	ck_assert_double_eq(got.total, 8 * (x + SWITCHES) + 28);
}

static int rounding;

static void other(void *arg)
{
	lt_place *place = arg;

	fesetround(FE_UPWARD);
	other_counted = count_up(100, 0.5, place, &main_place);
	rounding = fegetround();
	for (;;)
		lt_switch(place, &main_place);
}

START_TEST(each_side_keeps_what_it_had)
{
	unsigned char *low = aligned_alloc(4096, STACK_BYTES);
	lt_fresh fresh = { low, low + STACK_BYTES, other, &other_place };
	struct counted counted;

	lt_switch_begin(&main_place, &fresh);
#ifdef LT_SWITCH_ASM
	expect_int(fegetround(), FE_TONEAREST);
#else
	fesetround(FE_TONEAREST);
#endif
	counted = count_up(1, 0.25, &main_place, &other_place);
	expect_counted(counted, 1, 0.25);
	expect_counted(other_counted, 100, 0.5);
#ifdef LT_SWITCH_ASM
	expect_int(rounding, FE_UPWARD);
	expect_int(fegetround(), FE_TONEAREST);
#endif
	fesetround(FE_TONEAREST);
	free(low);
}
END_TEST

static uintptr_t alignment;

static void look_at_the_stack(void *arg)
{
	_Alignas(16) volatile char here[16];

	(void)arg;
	alignment = (uintptr_t)&here[0] % 16;
	for (;;)
		lt_switch(&other_place, &main_place);
}

START_TEST(a_stack_begins_as_the_abi_wants)
{
	unsigned char *low = aligned_alloc(4096, STACK_BYTES);
	lt_fresh fresh = { low, low + STACK_BYTES, look_at_the_stack, NULL };

	lt_switch_begin(&main_place, &fresh);
	expect_int(alignment, 0);
	free(low);
}
END_TEST

SUITE("switch", each_side_keeps_what_it_had, a_stack_begins_as_the_abi_wants)

/* SPDX-License-Identifier: ISC */
/* oom.h - a memory door whose n-th call fails
 *
 *	struct oom oom;
 *
 *	OOM_EACH(&oom)
 *		scenario(&oom.memory);
 *
 * runs the scenario with the first allocation failing, then with the second,
 * and so on, until a run needed fewer; each run must have released all. The
 * last run fails nothing. Only one allocation of a run fails: what is asked for
 * after it (to tell of the failure, to try again) is given.
 */
#ifndef TEST_SUPPORT_OOM_H
#define TEST_SUPPORT_OOM_H

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>

#include <leat/memory.h>

struct oom {
	leat_memory memory; /* to be given to the loop under test */
	size_t fail_at;     /* the call that fails, from 1; 0: none does */
	size_t calls;
	size_t live; /* allocations not released */
	bool failed; /* the call that fails was made */
};

static inline void *oom_alloc(void *ctx, size_t bytes)
{
	struct oom *oom = ctx;
	void *memory;

	if (++oom->calls == oom->fail_at) {
		oom->failed = true;
		return NULL;
	}
	memory = malloc(bytes);
	ck_assert_ptr_nonnull(memory);
	oom->live++;
	return memory;
}

static inline void oom_release(void *ctx, void *memory)
{
	struct oom *oom = ctx;

	ck_assert_uint_gt(oom->live, 0);
	oom->live--;
	free(memory);
}

/* A door that fails at call `fail_at`, and counts; 0: never fails. */
static inline void oom_init(struct oom *oom, size_t fail_at)
{
	*oom = (struct oom){ .fail_at = fail_at };
	oom->memory = (leat_memory){ .size = sizeof oom->memory,
		.alloc = oom_alloc, .release = oom_release, .ctx = oom };
}

static inline bool oom_next(struct oom *oom)
{
	ck_assert_msg(oom->live == 0, "with call %zu failing, %zu allocations stayed",
		oom->fail_at, oom->live);
	if (!oom->failed)
		return false;
	oom_init(oom, oom->fail_at + 1);
	return true;
}

#define OOM_EACH(oom) for (bool oom_go_ = (oom_init((oom), 1), true); oom_go_; oom_go_ = oom_next(oom))

#endif

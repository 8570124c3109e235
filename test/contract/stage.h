/* SPDX-License-Identifier: ISC */
/* stage.h - where each test of the contract plays: a loop, its memory, its leaks
 *
 * The base is the stage's, the clock is the real one and what was skipped, the
 * memory is counted. stage_close wants nothing left: no io, no flow, no memory, no
 * descriptor, no event, no failure that nobody handled.
 */
#ifndef TEST_CONTRACT_STAGE_H
#define TEST_CONTRACT_STAGE_H

#include <event2/event.h>

#include <leat/io.h>
#include <leat/loop.h>

#include "support/expect.h"
#include "support/oom.h"

struct stage {
	struct event_base *base;
	leat_loop *loop;
	struct oom oom;
	int64_t skipped_ns;
	int fds;            /* open before anything was made */
	unsigned unhandled; /* failures that nobody handled; a test that wants some sets it back */
	leat_unhandled last;
	unsigned reports; /* lines about what was still alive */
	char report[256]; /* the last of them */
};

/* A continuation a turn where `budget` is 1; the n-th allocation fails. False: not
 * even the loop could be made. */
bool stage_try(struct stage *stage, uint32_t budget, size_t fail_at);
void stage_open(struct stage *stage, uint32_t budget);
void stage_close(struct stage *stage);

/* One turn without waiting, many of them, and as long as it takes. */
void stage_pass(struct stage *stage);
void stage_settle(struct stage *stage);
/* Lets time go by at once. */
void stage_skip(struct stage *stage, int64_t ms);

leat_loop_stats stage_stats(struct stage *stage);
int stage_count_fds(void);

#endif

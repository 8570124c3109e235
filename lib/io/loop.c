/* SPDX-License-Identifier: ISC */
/* loop - the base, the ready queue and the clock
 *
 * Settled ios wait in one first-in first-out queue.  The first one kicks our
 * event, which libevent runs after what it is running now; there the queue is
 * drained, then the tails run (what was written is sent), and again, within a
 * budget.  What is left then waits for a zero timeout, so that I/O gets its
 * turn: an event that activates itself would starve it.
 */
#include <event2/event.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <leat/options.h>

#include "io/io.h"

enum { BUDGET = 1024 };

lt_tail lt_tails_end;

/* ---- the clock ---- */

static int64_t monotonic_ns(void *ctx)
{
	struct timespec now;

	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t leat_loop_now_ns(leat_loop *loop)
{
	return loop->options.clock_ns(loop->options.ctx);
}

int64_t leat_loop_now_ms(leat_loop *loop)
{
	return leat_loop_now_ns(loop) / 1000000;
}

int64_t lt_loop_after_ms(leat_loop *loop, int64_t ms)
{
	int64_t now = leat_loop_now_ns(loop);

	if (ms < 0 || ms > (INT64_MAX - now) / 1000000)
		return INT64_MAX;
	return now + ms * 1000000;
}

/* ---- the queue ---- */

void lt_loop_kick_now(leat_loop *loop)
{
	loop->kicked = true;
	event_active(&loop->kick, EV_TIMEOUT, 1);
}

/* What did not fit the budget goes on after I/O had its turn. */
static LT_COLD void go_on(leat_loop *loop)
{
	loop->kicked = true;
	event_add(&loop->kick, &(struct timeval){ 0, 0 });
}

static inline void after_drain(leat_loop *loop)
{
	if (__builtin_expect(lt_loop_has_work(loop) && !loop->kicked, 0))
		go_on(loop);
	if (__builtin_expect(loop->timers.armed && loop->timers.count == 0, 0))
		lt_timers_rest(loop);
}

/* Not where the user's own break is pending: it must be seen. */
void lt_loop_break(leat_loop *loop)
{
	if (event_base_got_break(loop->base))
		return;
	loop->endless = false;
	loop->broken = true;
	event_base_loopbreak(loop->base);
}

/* From libevent, with no user's frame above. */
static void turn(leat_loop *loop)
{
	loop->drain(loop, loop->budget);
	after_drain(loop);
	if (loop->free_asked && !loop->awaits)
		lt_loop_end(loop, true);
	else if (loop->readerless > 0)
		lt_loop_look(loop);
}

static void on_kick(evutil_socket_t fd, short what, void *arg)
{
	leat_loop *loop = arg;

	(void)fd;
	(void)what;
	loop->kicked = false;
	if (!loop->draining)
		turn(loop);
}

void lt_loop_leave_now(leat_loop *loop)
{
	if (loop->draining)
		return;
	if (!lt_loop_has_work(loop)) {
		if (loop->readerless > 0)
			lt_loop_look(loop);
		return;
	}
	if (!loop->hurried && event_base_get_num_events(loop->base, EVENT_BASE_COUNT_ACTIVE) > 0) {
		lt_loop_kick_now(loop);
		return;
	}
	loop->hurried = false;
	turn(loop);
}

size_t leat_loop_run_ready(leat_loop *loop)
{
	size_t done;

	if (loop->draining || loop->razing || loop->gone)
		return 0;
	if (loop->timers.count > 0)
		lt_timers_fire(loop);
	lt_remote_look(loop);
	if (!lt_loop_has_work(loop))
		return 0;
	done = loop->drain(loop, loop->budget);
	if (loop->free_asked && !loop->awaits)
		lt_loop_end(loop, false);
	else
		after_drain(loop);
	return done;
}

/* Without budget: for the teardown. */
void lt_loop_drain_all(leat_loop *loop)
{
	while (lt_loop_has_work(loop))
		loop->drain(loop, SIZE_MAX);
}

void lt_loop_at_end(leat_loop *loop, lt_tail *tail)
{
	if (!loop->in_tails) {
		lt_loop_add_tail(loop, tail);
	} else if (!tail->next) {
		tail->next = loop->later;
		loop->later = tail;
	}
}

static bool unlink_tail(lt_tail **at, const lt_tail *tail)
{
	for (; *at != &lt_tails_end; at = &(*at)->next) {
		if (*at == tail) {
			*at = tail->next;
			return true;
		}
	}
	return false;
}

void lt_loop_not_at_end(leat_loop *loop, lt_tail *tail)
{
	if (!tail->next)
		return;
	if (!unlink_tail(&loop->tails, tail) && !unlink_tail(&loop->running, tail))
		unlink_tail(&loop->later, tail);
	tail->next = NULL;
}

/* ---- residents ---- */

lt_residents *lt_loop_residents(leat_loop *loop, int kind)
{
	return &loop->residents[kind];
}

static void link_after(lt_resident *at, lt_resident *resident)
{
	resident->next = at->next;
	resident->prev = at;
	at->next->prev = resident;
	at->next = resident;
}

void lt_loop_move_in(leat_loop *loop, int kind, lt_resident *resident)
{
	link_after(&loop->residents[kind].head, resident);
}

void lt_loop_move_out(lt_resident *resident)
{
	if (!resident->next)
		return;
	resident->prev->next = resident->next;
	resident->next->prev = resident->prev;
	resident->next = resident->prev = NULL;
}

void lt_loop_move_to_shells(leat_loop *loop, int kind, lt_resident *resident)
{
	lt_loop_move_out(resident);
	link_after(&loop->residents[kind].shells, resident);
	if (loop->drains)
		lt_drains_look(loop);
}

/* ---- odds and ends ---- */

lt_mem *lt_loop_mem(leat_loop *loop)
{
	return &loop->mem;
}

bool lt_loop_closing(const leat_loop *loop)
{
	return loop->closing;
}

uint64_t lt_loop_turn(const leat_loop *loop)
{
	return loop->turns;
}

void lt_loop_readerless(leat_loop *loop, int change)
{
	loop->readerless += change;
	if (change > 0)
		lt_loop_look_later(loop);
}

bool lt_loop_unwinding(const leat_loop *loop)
{
	return loop->unwinding > 0;
}

void *lt_loop_spare(leat_loop *loop, int which)
{
	return loop->spare[which];
}

lt_slot *lt_loop_slot(leat_loop *loop, int which)
{
	return &loop->slots[which];
}

struct event_base *leat_loop_base(const leat_loop *loop)
{
	return loop->base;
}

void lt_loop_report(leat_loop *loop, const char *format, ...)
{
	char line[256];
	va_list args;

	if (!loop->options.report)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	loop->options.report(loop->options.ctx, line);
}

static size_t count_flows(const leat_loop *loop)
{
	size_t count = 0;
	const lt_resident *head = &loop->residents[LT_FLOWS].head;

	for (const lt_resident *at = head->next; at != head; at = at->next)
		count++;
	return count;
}

void leat_loop_stats_get(leat_loop *loop, leat_loop_stats *stats)
{
	leat_loop_stats all = {
		.size = stats->size,
		.ios_made = loop->ios_made,
		.unhandled = loop->unhandled,
		.turns = loop->turns,
		.ios_live = lt_pool_live(loop),
		.flows_live = count_flows(loop),
		.timers_live = loop->timers.count,
		.memory_bytes = lt_mem_bytes(&loop->mem),
		.callbacks = loop->callbacks,
		.longest_ns = loop->longest_ns,
		.longest_where = loop->longest_where,
	};

	leat_options_check_at(stats, "leat_loop_stats", NULL);
	memcpy(stats, &all, stats->size < sizeof all ? stats->size : sizeof all);
}

/* ---- making ---- */

static void take_options(leat_loop *loop, const leat_loop_options *options)
{
	lt_mem shared;

	leat_options_take_at(&loop->options, sizeof loop->options, options, "leat_loop_options", NULL);
	if (!loop->options.clock_ns)
		loop->options.clock_ns = monotonic_ns;
	lt_mem_init(&shared, loop->options.shared_memory);
	loop->shared = shared.user;
	loop->budget = loop->options.budget ? loop->options.budget : BUDGET;
}

static leat_io *immortal(leat_loop *loop, lt_outcome outcome)
{
	leat_io *io = lt_io_take_cell(loop, LT_LEAF, LEAT_HERE);

	io->u.outcome = outcome;
	io->phase = LT_SETTLED;
	io->flags = LT_IMMORTAL;
	loop->ios_made--;
	return io;
}

/* libevent ends the process where it gets no descriptors for its signals; a backend and a
 * clock may want one each. */
static bool has_descriptors(void)
{
	int fds[4] = { -1, -1, -1, -1 };
	bool ok = pipe2(fds, O_CLOEXEC) == 0 && pipe2(fds + 2, O_CLOEXEC) == 0;

	for (int i = 0; i < 4; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return ok;
}

/* Without libevent's cache of the time: nothing of ours asks for it, and it
 * costs a look at the clock each time around. */
static struct event_base *own_base(void)
{
	struct event_config *config = has_descriptors() ? event_config_new() : NULL;
	struct event_base *base;

	if (!config)
		return NULL;
	event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
	base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

static bool furnish(leat_loop *loop, struct event_base *base)
{
	loop->owns_base = !base;
	loop->base = base ? base : own_base();
	if (!loop->base)
		return false;
	if (!lt_pool_init(loop)) {
		if (loop->owns_base)
			event_base_free(loop->base);
		return false;
	}
	loop->nomem = immortal(loop, lt_failure(leat_error_core(LEAT_NOMEM)));
	loop->closed = immortal(loop, lt_failure(leat_error_core(LEAT_CLOSED)));
	loop->done = immortal(loop, (lt_outcome){ 0 });
	loop->yes = immortal(loop, (lt_outcome){ .type = &leat_int_type, .as.value.integer = 1 });
	loop->no = immortal(loop, (lt_outcome){ .type = &leat_int_type });
	event_assign(&loop->kick, loop->base, -1, 0, on_kick, loop);
	lt_timers_init(loop);
	return true;
}

/* The loop's own memory comes through the user's allocator, but is not one of
 * the pieces that lt_mem counts: it goes after the last of them. */
static void free_shell(lt_mem *mem)
{
	leat_loop *loop = (leat_loop *)(void *)((char *)mem - offsetof(leat_loop, mem));
	leat_memory user = loop->mem.user;

	user.release(user.ctx, loop);
}

leat_loop *leat_loop_new(struct event_base *base, const leat_loop_options *options)
{
	lt_mem mem;
	leat_loop *loop;

	leat_options_check_at(options, "leat_loop_options", NULL);
	lt_mem_init(&mem, options && options->size > offsetof(leat_loop_options, memory) ? options->memory : NULL);
	loop = mem.user.alloc(mem.user.ctx, sizeof *loop);
	if (!loop)
		return NULL;
	*loop = (leat_loop){ .mem = mem, .tails = &lt_tails_end, .running = &lt_tails_end, .later = &lt_tails_end,
		.holds = 1 };
	loop->ready.tail = &loop->ready.head;
	loop->drain = lt_io_drain;
	for (int i = 0; i < LT_RESIDENT_KINDS; i++) {
		lt_residents *residents = &loop->residents[i];

		residents->head = (lt_resident){ &residents->head, &residents->head };
		residents->shells = (lt_resident){ &residents->shells, &residents->shells };
	}
	loop->thread = pthread_self();
	take_options(loop, options);
	if (!furnish(loop, base)) {
		mem.user.release(mem.user.ctx, loop);
		return NULL;
	}
	lt_loop_register(loop);
	return loop;
}

void lt_loop_hold(leat_loop *loop)
{
	loop->holds++;
}

void lt_loop_release(leat_loop *loop)
{
	if (--loop->holds)
		return;
	lt_pool_end(loop);
	loop->mem.gone = free_shell;
	lt_mem_end(&loop->mem);
}

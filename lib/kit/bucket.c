/* SPDX-License-Identifier: ISC */
/* bucket - bytes per second, dealt out to those who stand in line
 *
 * The level is brought up to date when somebody looks.  Whoever finds nobody before
 * him takes what there is; else the first in line gets a chunk, what flows in in a
 * 64th of a second, when it is there, and stands at the end when it is used up: so
 * all get the same, whatever the size of what they have.  There is a timer while
 * there is a line, until a chunk is there.
 *
 * The record is a buf (the public way to the loop's memory), and may outlive the
 * loop.  A bucket for which there is no memory is its loop, marked by an odd address.
 */
#include <leat/buf.h>
#include <leat/io.h>
#include <leat/loop.h>

#include "kit/bucket.h"

#define SECOND UINT64_C(1000000000)
#define RATE_MOST (UINT64_C(1) << 33) /* so that a product with a second fits */

struct leat_bucket {
	leat_buf *record;
	leat_loop *loop;
	uint64_t rate, burst, level;
	int64_t since_ns; /* when the level was right */
	TAILQ_HEAD(, lt_place) line;
	struct timer *timer; /* or NULL */
	leat_error error;
	bool dealing;
};

/* A cancel inside a destructor is done after it: by then the bucket may be gone, or
 * have another timer. */
struct timer {
	leat_buf *record;
	leat_bucket *bucket; /* NULL: it was stopped */
	leat_io *io;
};

static leat_bucket *born(const leat_bucket *bucket)
{
	return (uintptr_t)bucket & 1 ? NULL : (leat_bucket *)(uintptr_t)bucket;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* ---- the level ---- */

/* a * b / c, where b and c are small enough. */
static uint64_t scale(uint64_t a, uint64_t b, uint64_t c)
{
	return a / c * b + a % c * b / c;
}

/* Whether it would be full after that long, whatever is in it. */
static bool fills_in(const leat_bucket *b, uint64_t ns)
{
	return ns / SECOND > b->burst / b->rate;
}

/* The part of a byte stays in since_ns. */
static void refill(leat_bucket *b)
{
	int64_t now = leat_loop_now_ns(b->loop);
	uint64_t ns = now > b->since_ns ? (uint64_t)(now - b->since_ns) : 0, more;

	if (b->rate == 0 || b->level >= b->burst || fills_in(b, ns)) {
		if (b->rate > 0)
			b->level = b->burst;
		b->since_ns = now;
		return;
	}
	more = least(scale(ns, b->rate, SECOND), b->burst - b->level);
	b->level += more;
	b->since_ns += (int64_t)scale(more, SECOND, b->rate);
	if (b->level == b->burst)
		b->since_ns = now;
}

static void set(leat_bucket *b, uint64_t rate, uint64_t burst)
{
	b->rate = least(rate, RATE_MOST);
	b->burst = burst > 0 ? least(burst, UINT64_MAX / 4) : b->rate;
	b->level = least(b->level, b->burst);
}

/* What is dealt out at a time. */
static uint64_t chunk(const leat_bucket *b)
{
	uint64_t bytes = least(b->rate / 64, b->burst);

	return bytes > 0 ? bytes : 1;
}

/* ---- the timer ---- */

static void deal(leat_bucket *b);

static void timer_was_dropped(void *ctx)
{
	struct timer *timer = ctx;

	if (timer->bucket)
		timer->bucket->timer = NULL;
	leat_buf_unref(timer->record);
}

static leat_io *on_time(void *ctx, leat_result *result)
{
	struct timer *timer = ctx;
	leat_bucket *b = timer->bucket;

	(void)result;
	leat_io_detach(timer->io);
	timer_was_dropped(timer);
	if (b)
		deal(b);
	return NULL;
}

/* There is no clock: nobody need wait for it. */
static leat_io *on_no_time(void *ctx, leat_result *result)
{
	const struct timer *timer = ctx;

	if (timer->bucket)
		timer->bucket->error = leat_result_error(result);
	return on_time(ctx, result);
}

static void stop(leat_bucket *b)
{
	struct timer *timer = b->timer;

	if (!timer)
		return;
	b->timer = NULL;
	timer->bucket = NULL;
	leat_io_cancel(timer->io);
}

/* Until a chunk is there; rounded up, for the clock's sake. */
static int64_t wait_ms(const leat_bucket *b)
{
	uint64_t missing = chunk(b) - least(chunk(b), b->level);

	return (int64_t)(scale(missing, SECOND, b->rate) / 1000000) + 1;
}

/* Whether it can even wait; else b->error says why not. */
static bool set_timer(leat_bucket *b)
{
	leat_buf *record = leat_buf_new(b->loop, sizeof(struct timer));
	struct timer *timer = leat_buf_space(record);
	leat_result result;
	leat_io *io;

	if (!timer) {
		leat_buf_unref(record);
		b->error = leat_error_core(LEAT_NOMEM);
		return false;
	}
	*timer = (struct timer){ .record = record, .bucket = b };
	io = leat_io_branch(leat_sleep(b->loop, wait_ms(b)), on_time, on_no_time, leat_ctx_move(timer, timer_was_dropped));
	if (leat_io_try(io, &result)) {
		b->error = leat_result_error(&result);
		return false;
	}
	timer->io = io;
	b->timer = timer;
	return true;
}

static void start(leat_bucket *b)
{
	if (!b->timer && b->rate > 0 && !TAILQ_EMPTY(&b->line) && !set_timer(b))
		deal(b);
}

/* ---- the line ---- */

static void leave_line(lt_place *place)
{
	if (place->in_line)
		TAILQ_REMOVE(&place->bucket->line, place, link);
	place->in_line = false;
}

static void grant(leat_bucket *b, lt_place *place)
{
	uint64_t bytes = leat_error_set(b->error) ? 0 : chunk(b);

	leave_line(place);
	b->level -= bytes;
	place->granted = bytes;
	place->wake(place);
}

static bool is_ready(const leat_bucket *b)
{
	return !TAILQ_EMPTY(&b->line) && (leat_error_set(b->error) || b->level >= chunk(b));
}

/* Whoever is woken may let go of the bucket, set it, or stand in line again. */
static void deal(leat_bucket *b)
{
	leat_buf *record = leat_buf_ref(b->record);

	if (!b->dealing) {
		b->dealing = true;
		refill(b);
		while (is_ready(b))
			grant(b, TAILQ_FIRST(&b->line));
		b->dealing = false;
		start(b);
	}
	leat_buf_unref(record);
}

static uint64_t take_from(uint64_t *there, uint64_t bytes)
{
	bytes = least(*there, bytes);
	*there -= bytes;
	return bytes;
}

uint64_t lt_bucket_take(lt_place *place, uint64_t bytes)
{
	leat_bucket *b = born(place->bucket);

	if (!b || leat_error_set(b->error) || place->in_line)
		return 0;
	if (place->granted > 0)
		return take_from(&place->granted, bytes);
	refill(b);
	if (TAILQ_EMPTY(&b->line) && b->level >= least(bytes, chunk(b)))
		return take_from(&b->level, bytes);
	TAILQ_INSERT_TAIL(&b->line, place, link);
	place->in_line = true;
	if (!b->dealing)
		start(b);
	return 0;
}

leat_error lt_bucket_error(const lt_place *place)
{
	leat_bucket *b = born(place->bucket);

	return b ? b->error : leat_error_core(LEAT_NOMEM);
}

void lt_bucket_leave(lt_place *place)
{
	leat_bucket *handle = place->bucket, *b = born(handle);
	bool first = b && TAILQ_FIRST(&b->line) == place;

	if (b) {
		leave_line(place);
		b->level += place->granted;
	}
	place->granted = 0;
	place->bucket = NULL;
	if (first && !b->dealing) {
		stop(b);
		deal(b);
	}
	leat_bucket_unref(handle);
}

bool lt_bucket_is_of(const leat_bucket *bucket, const leat_loop *loop)
{
	return !bucket || !born(bucket) || born(bucket)->loop == loop;
}

/* ---- the handle ---- */

leat_bucket *leat_bucket_new(leat_loop *loop, uint64_t bytes_per_s, uint64_t burst_bytes)
{
	leat_buf *record = leat_buf_new(loop, sizeof(leat_bucket));
	leat_bucket *b = leat_buf_space(record);

	if (!b) {
		leat_buf_unref(record);
		return (leat_bucket *)((uintptr_t)loop + 1);
	}
	*b = (leat_bucket){ .record = record, .loop = loop, .level = UINT64_MAX, .since_ns = leat_loop_now_ns(loop) };
	TAILQ_INIT(&b->line);
	set(b, bytes_per_s, burst_bytes);
	return b;
}

void leat_bucket_set(leat_bucket *bucket, uint64_t bytes_per_s, uint64_t burst_bytes)
{
	leat_bucket *b = born(bucket);

	if (!b)
		return;
	refill(b);
	set(b, bytes_per_s, burst_bytes);
	stop(b);
	deal(b);
}

uint64_t leat_bucket_bytes(leat_bucket *bucket)
{
	leat_bucket *b = born(bucket);

	if (!b)
		return 0;
	refill(b);
	return b->level;
}

leat_bucket *leat_bucket_ref(leat_bucket *bucket)
{
	if (bucket && born(bucket))
		leat_buf_ref(born(bucket)->record);
	return bucket;
}

/* Nobody stands in line without a reference, so there is no timer. */
void leat_bucket_unref(leat_bucket *bucket)
{
	if (bucket && born(bucket))
		leat_buf_unref(born(bucket)->record);
}

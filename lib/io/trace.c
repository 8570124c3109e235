/* SPDX-License-Identifier: ISC */
/* trace - what happens to ios, noted when it happens and told between two callbacks
 *
 * A cell is taken before it is filled in, so that an io was made is noted with
 * the next thing that is: it is `fresh` until then.  Cells that are freed gather
 * in a list until then, too; what an io was before its cell was freed stands in
 * a table beside the slab.  An outcome that goes through the queue is noted when
 * it leaves the queue, a cancel where it happens, and what is left - an outcome
 * that was taken at once, a cell that another took the place of - when the cell
 * is found in the list.
 */
#include <leat/options.h>

#include "io/io.h"
#include "io/trace.h"

enum { FIRST_ROOM = 64 };

/* What is known of a cell's io. */
typedef struct lt_life {
	const char *name;    /* of its kind; NULL: no io */
	const void *payload; /* how that begins: the same as long as a callback did not settle */
	uint32_t turn, ms;   /* when it was made, the turn plus one; 0: not known */
	bool calls;          /* it is a then, or the like */
	bool noted;          /* its end */
} lt_life;

typedef struct lt_trace {
	leat_trace user;
	leat_loop *loop;
	lt_tail tail;   /* tells at the end of the turn, for what no callback follows */
	leat_io *freed; /* cells, the last one first: their ends are to be noted */
	leat_io *free;  /* cells: the pool's own list is empty */
	leat_io *fresh;
	uint64_t made;  /* the loop's count when that was taken: if it stays, it is no io */
	leat_trace_event *noted;
	size_t count, room;
	uint64_t lost;
	bool cells;   /* they are noted */
	bool telling; /* a hook is on the stack */
	bool ended;   /* meanwhile */
} lt_trace;

static bool wants(const lt_trace *t, unsigned what)
{
	return !t->user.what || (t->user.what & what);
}

/* ---- noting ---- */

static bool make_room(lt_trace *t)
{
	size_t room = t->room ? 2 * t->room : FIRST_ROOM;
	leat_trace_event *noted;

	if (t->count < t->room)
		return true;
	noted = lt_mem_alloc(&t->loop->mem, room * sizeof *noted);
	if (!noted)
		return false;
	if (t->count)
		memcpy(noted, t->noted, t->count * sizeof *noted);
	lt_mem_release(&t->loop->mem, t->noted);
	t->noted = noted;
	t->room = room;
	return true;
}

static void note(lt_trace *t, leat_trace_event event)
{
	leat_loop *loop = t->loop;

	if (!t->user.tell || !wants(t, event.what))
		return;
	if (!make_room(t)) {
		t->lost++;
		return;
	}
	event.turn = loop->turns;
	event.at_ns = leat_loop_now_ns(loop);
	event.lost = t->lost;
	t->noted[t->count++] = event;
	lt_loop_add_tail(loop, &t->tail);
}

/* ---- lives ---- */

static lt_slab *slab_of(const leat_io *io)
{
	return (lt_slab *)((uintptr_t)io & ~(uintptr_t)(LT_SLAB_BYTES - 1));
}

static size_t index_of(const leat_io *io)
{
	return ((uintptr_t)io & (LT_SLAB_BYTES - 1)) / LT_CELL_BYTES;
}

/* NULL without memory: nothing is known then of the ios of that slab. */
static lt_life *life_of(leat_loop *loop, const leat_io *io)
{
	lt_slab *slab = slab_of(io);

	if (!slab->lives)
		slab->lives = lt_mem_zalloc(&loop->mem, LT_SLAB_CELLS * sizeof *slab->lives);
	return slab->lives ? &slab->lives[index_of(io)] : NULL;
}

static const char *name_of(const leat_io *io)
{
	const leat_leaf *leaf = io->phase == LT_PENDING && io->kind == LT_LEAF ? io->u.leaf.leaf : NULL;

	if (io->phase == LT_FREE) /* which only one that was there already can be by then */
		return "leaf";
	return leaf && leaf->name ? leaf->name : lt_io_kind_name(io);
}

/* What will not be there any more when it has ended. */
static void remember(lt_life *life, const leat_io *io)
{
	life->name = name_of(io);
	life->payload = (const void *)io->u.outcome.type;
	life->calls = io->phase == LT_PENDING && io->kind != LT_LEAF && io->kind != LT_CUSTOM;
}

static uint32_t now_ms(leat_loop *loop)
{
	return (uint32_t)leat_loop_now_ms(loop);
}

bool lt_trace_age(const leat_io *io, lt_age *age)
{
	const lt_slab *slab = slab_of(io);
	const lt_life *life = slab->lives ? &slab->lives[index_of(io)] : NULL;

	if (!life || !life->turn)
		return false;
	age->turns = (uint32_t)((uint32_t)slab->loop->turns + 1 - life->turn);
	age->ms = (uint32_t)(now_ms(slab->loop) - life->ms);
	return true;
}

static void forget_lives(leat_loop *loop, lt_slab *slab)
{
	lt_mem_release(&loop->mem, slab->lives);
	slab->lives = NULL;
}

/* ---- beginnings and ends ---- */

/* By now it is filled in. */
static void note_fresh(lt_trace *t)
{
	leat_io *io = t->fresh;
	lt_life *life;

	t->fresh = NULL;
	if (!io || t->loop->ios_made == t->made)
		return;
	life = life_of(t->loop, io);
	lt_cell_show(io);
	if (life) {
		remember(life, io);
		note(t, (leat_trace_event){ .what = LEAT_TRACE_MADE, .io = io, .kind = life->name, .where = io->where });
	} else {
		t->lost++;
	}
	if (io->phase == LT_FREE)
		lt_cell_hide(io);
}

/* Once for each io. */
static void note_end(lt_trace *t, const leat_io *io, leat_trace_what what, const char *place)
{
	leat_trace_event event = { .what = what, .io = io, .where = io->where, .place = place };
	lt_life *life = life_of(t->loop, io);

	if (!life || !life->name || life->noted)
		return;
	life->noted = true;
	event.kind = life->name;
	if (what == LEAT_TRACE_SETTLED && lt_is_error(&io->u.outcome))
		event.error = io->u.outcome.as.error;
	note(t, event);
}

static void note_freed(lt_trace *t, const leat_io *io)
{
	const lt_life *life = life_of(t->loop, io);
	bool same = life && life->calls && life->payload == (const void *)io->u.outcome.type;

	note_end(t, io, same ? LEAT_TRACE_MERGED : LEAT_TRACE_SETTLED, NULL);
}

static leat_io *in_order(leat_io *freed)
{
	leat_io *list = NULL;

	while (freed) {
		leat_io *next;

		lt_cell_show(freed);
		next = (leat_io *)freed->waiter;
		freed->waiter = (uintptr_t)list;
		list = freed;
		freed = next;
	}
	return list;
}

/* Before anything else is noted. */
static void catch_up(lt_trace *t)
{
	leat_io *io;

	note_fresh(t);
	io = in_order(t->freed);
	t->freed = NULL;
	while (io) {
		leat_io *next = (leat_io *)io->waiter;

		note_freed(t, io);
		io->waiter = (uintptr_t)t->free;
		t->free = io;
		lt_cell_hide(io);
		io = next;
	}
}

void lt_trace_dropped(leat_loop *loop, leat_io *io)
{
	if (!loop->trace->cells)
		return;
	catch_up(loop->trace);
	note_end(loop->trace, io, LEAT_TRACE_CANCELLED, loop->dropped);
}

void lt_trace_unhandled(leat_loop *loop, leat_error error, const char *where)
{
	catch_up(loop->trace);
	note(loop->trace, (leat_trace_event){
		.what = LEAT_TRACE_UNHANDLED, .where = where, .place = error.where, .error = error });
}

leat_io *lt_trace_take(leat_loop *loop)
{
	lt_trace *t = loop->trace;
	leat_io *io;
	lt_life *life;

	if (!t->cells)
		return lt_pool_carve(loop);
	catch_up(t);
	io = t->free;
	if (io) {
		lt_cell_show(io);
		t->free = (leat_io *)io->waiter;
	} else {
		io = lt_pool_carve(loop);
	}
	life = io ? life_of(loop, io) : NULL;
	if (life)
		*life = (lt_life){ .turn = (uint32_t)loop->turns + 1, .ms = now_ms(loop) };
	if (io && !t->telling) {
		t->fresh = io;
		t->made = loop->ios_made;
		lt_loop_add_tail(loop, &t->tail);
	}
	return io;
}

static void meet(leat_loop *loop, leat_io *io, void *arg)
{
	lt_life *life = life_of(loop, io);

	(void)arg;
	if (life)
		remember(life, io);
}

static void hold_cells(lt_trace *t)
{
	leat_loop *loop = t->loop;

	if (t->cells)
		return;
	t->cells = true;
	lt_pool_walk(loop, meet, NULL);
	t->free = loop->pool.free;
	loop->pool.free = NULL;
	loop->pool.back = &t->freed;
}

static void release_cells(lt_trace *t)
{
	leat_loop *loop = t->loop;

	if (!t->cells)
		return;
	catch_up(t);
	t->cells = false;
	loop->pool.free = t->free;
	loop->pool.back = &loop->pool.free;
	lt_pool_each_slab(loop, forget_lives);
}

/* ---- telling ---- */

static void put_down(lt_trace *t)
{
	leat_loop *loop = t->loop;

	lt_mem_release(&loop->mem, t->noted);
	lt_mem_release(&loop->mem, t);
}

/* What the hooks do is noted behind what they are told, and told, too. */
static void tell(lt_trace *t)
{
	if (t->telling)
		return;
	catch_up(t);
	t->telling = true;
	for (size_t i = 0; i < t->count && !t->ended; i++) {
		leat_trace_event event = t->noted[i];

		if (t->user.tell && wants(t, event.what)) /* it goes on differently meanwhile */
			t->user.tell(t->user.ctx, &event);
	}
	t->telling = false;
	t->count = 0;
	if (t->ended)
		put_down(t);
}

static void tell_rest(lt_tail *tail)
{
	tell((lt_trace *)(void *)((char *)tail - offsetof(lt_trace, tail)));
}

/* ---- running, watched ---- */

/* What is about to run: for who it is and where that was made. */
static leat_trace_event about(const leat_io *io)
{
	const leat_io *waiter = io->phase == LT_SETTLED ? lt_waiter_cell(io) : NULL;

	if (waiter)
		io = waiter;
	return (leat_trace_event){ .what = LEAT_TRACE_STALLED, .io = io, .kind = name_of(io), .where = io->where };
}

static void run_timed(leat_loop *loop, leat_io *io)
{
	leat_trace_event event = about(io);
	int64_t began_ns = leat_loop_now_ns(loop);
	lt_trace *t;

	lt_io_run_one(loop, io);
	event.ran_ns = leat_loop_now_ns(loop) - began_ns;
	if (event.ran_ns > loop->longest_ns) {
		loop->longest_ns = event.ran_ns;
		loop->longest_where = event.where;
	}
	t = loop->trace;
	if (t && t->user.stall_ms > 0 && event.ran_ns / 1000000 >= t->user.stall_ms) {
		catch_up(t);
		note(t, event);
	}
}

size_t lt_trace_run_ready(leat_loop *loop, size_t budget)
{
	size_t done = 0;

	while (done < budget && loop->trace && loop->ready.head) {
		lt_trace *t = loop->trace;
		leat_io *io = loop->ready.head;

		if (t->count > 0) { /* io stays in the queue: it may be cancelled */
			tell(t);
			continue;
		}
		if (t->cells) {
			catch_up(t);
			if (io->phase == LT_SETTLED && !(io->flags & LT_DOOMED))
				note_end(t, io, LEAT_TRACE_SETTLED, NULL);
		}
		if (t->user.stall_ms)
			run_timed(loop, io);
		else
			lt_io_run_one(loop, io);
		done++;
	}
	return done;
}

/* ---- beginning, ending ---- */

bool leat_trace_start(leat_loop *loop, const leat_trace *trace)
{
	const unsigned of_cells = LEAT_TRACE_MADE | LEAT_TRACE_SETTLED | LEAT_TRACE_MERGED | LEAT_TRACE_CANCELLED;
	lt_trace *t = loop->trace;

	if (!t) {
		t = loop->gone ? NULL : lt_mem_zalloc(&loop->mem, sizeof *t);
		if (!t)
			return false;
		t->loop = loop;
		t->tail.run = tell_rest;
		loop->trace = t;
		loop->drain = lt_io_drain_watched;
	}
	leat_options_take_at(&t->user, sizeof t->user, trace, "leat_trace", NULL);
	if (wants(t, of_cells))
		hold_cells(t);
	else
		release_cells(t);
	return true;
}

void leat_trace_stop(leat_loop *loop)
{
	lt_trace *t = loop->trace;

	if (!t)
		return;
	release_cells(t);
	lt_loop_not_at_end(loop, &t->tail);
	loop->trace = NULL;
	loop->drain = lt_io_drain;
	t->ended = true;
	if (!t->telling)
		put_down(t);
}

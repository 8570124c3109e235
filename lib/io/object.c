/* SPDX-License-Identifier: ISC */
/* object - what stands on a loop and is waited at, and its lines of waiters */
#include <stdio.h>

#include "io/object.h"

/* ---- birth ---- */

static lt_object *of_resident(const lt_resident *resident)
{
	return (lt_object *)((uintptr_t)resident - offsetof(lt_object, resident));
}

/* Dead, and still held. */
static void end(lt_object *object, leat_kind why)
{
	if (object->dead)
		return;
	object->dead = why;
	lt_object_ref(object);
	lt_loop_move_to_shells(object->loop, LT_OBJECTS, &object->resident);
	object->ops->end(object);
	lt_object_unref(object);
}

static void resident_end(lt_resident *resident)
{
	end(of_resident(resident), LEAT_CLOSED);
}

static const char *resident_where(const lt_resident *resident)
{
	return of_resident(resident)->where;
}

static const char *resident_name(const lt_resident *resident)
{
	return of_resident(resident)->ops->name;
}

static void settle_in(lt_object *object)
{
	lt_residents *residents = lt_loop_residents(object->loop, LT_OBJECTS);

	residents->end = resident_end;
	residents->where = resident_where;
	residents->name_of = resident_name;
	lt_loop_move_in(object->loop, LT_OBJECTS, &object->resident);
}

static lt_object *spare(leat_loop *loop, const lt_object_ops *ops)
{
	lt_object *object = lt_loop_spare(loop, LT_SPARE_OBJECT);

	static_assert(sizeof *object <= LT_SPARE_BYTES, "fits");
	if (object->refs == 0)
		lt_loop_hold(loop); /* who has it may outlive the loop */
	*object = (lt_object){ .ops = ops, .loop = loop, .where = LEAT_HERE, .refs = object->refs + 1,
		.dead = LEAT_NOMEM, .spare = true };
	return object;
}

void *lt_object_new(leat_loop *loop, const lt_object_ops *ops, size_t bytes, const char *where)
{
	lt_object *object = lt_mem_zalloc(&loop->mem, bytes);

	if (!object)
		return spare(loop, ops);
	*object = (lt_object){ .ops = ops, .loop = loop, .where = where, .refs = 1 };
	lt_loop_hold(loop);
	if (loop->closing)
		object->dead = LEAT_CLOSED;
	else
		settle_in(object);
	return object;
}

void lt_object_stillborn(lt_object *object, leat_kind why)
{
	lt_loop_move_out(&object->resident);
	object->dead = why;
}

/* ---- life and death ---- */

void lt_object_unref(lt_object *object)
{
	leat_loop *loop = object->loop;

	if (--object->refs > 0)
		return;
	if (!object->spare) {
		lt_loop_move_out(&object->resident);
		lt_mem_release(&loop->mem, object);
	}
	lt_loop_release(loop);
}

void lt_object_free(lt_object *object)
{
	if (!object)
		return;
	end(object, LEAT_CLOSED);
	lt_object_unref(object);
}

leat_io *lt_object_refuse(leat_loop *loop, leat_kind why, const char *where)
{
	if (loop->closing)
		return lt_io_closed(loop);
	if (why == LEAT_NOMEM)
		return lt_io_nomem(loop);
	return leat_io_fail_at(loop, leat_error_make_at(&leat_core_errors, (int)why, where), where);
}

/* ---- being looked at ---- */

int lt_object_describe(const lt_object *object, char *out, size_t room)
{
	int begun = snprintf(out, room, "of %s %s, ", object->ops->name, object->where);
	size_t used = begun > 0 ? (size_t)begun : 0;

	used = used < room ? used : room;
	return begun + object->ops->describe(object, out + used, room - used);
}

/* ---- the line ---- */

enum { NEXT, PREV };

static leat_io **link_of(leat_io *io, int which)
{
	return (leat_io **)&io->u.custom.word[which];
}

static void unlink_waiter(lt_line *line, leat_io *io)
{
	leat_io *next = *link_of(io, NEXT), *prev = *link_of(io, PREV);

	line->count--;
	if (prev)
		*link_of(prev, NEXT) = next;
	else
		line->first = next;
	if (next)
		*link_of(next, PREV) = prev;
	else
		line->last = prev;
}

static lt_line *line_of(const leat_io *io)
{
	return (lt_line *)((uintptr_t)io->u.custom.kind - offsetof(lt_line, kind));
}

static int waiter_describe(const leat_io *io, char *out, size_t room)
{
	return lt_object_describe(line_of(io)->object, out, room);
}

static void waiter_drop(leat_loop *loop, leat_io *io)
{
	lt_line *line = line_of(io);

	(void)loop;
	unlink_waiter(line, io);
	if (line->left)
		line->left(line);
}

void lt_line_init(lt_line *line, const lt_object *object, const char *name)
{
	*line = (lt_line){ .kind = { .name = name, .drop = waiter_drop, .describe = waiter_describe }, .object = object };
}

leat_io *lt_line_join(leat_loop *loop, lt_line *line, const char *where)
{
	leat_io *io = loop->closing ? NULL : lt_io_take_cell(loop, LT_CUSTOM, where);

	if (!io)
		return lt_io_refused(loop);
	io->u.custom.kind = &line->kind;
	*link_of(io, NEXT) = NULL;
	*link_of(io, PREV) = line->last;
	io->u.custom.word[2] = NULL;
	if (line->last)
		*link_of(line->last, NEXT) = io;
	else
		line->first = io;
	line->last = io;
	line->count++;
	return io;
}

leat_io *lt_line_next(lt_line *line)
{
	leat_io *io = line->first;

	if (io)
		unlink_waiter(line, io);
	return io;
}

void lt_line_fail(leat_loop *loop, lt_line *line, leat_kind kind)
{
	leat_io *io;

	while ((io = lt_line_next(line)))
		lt_settle_error(loop, io, leat_error_make_at(&leat_core_errors, (int)kind, io->where));
}

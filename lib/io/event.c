/* SPDX-License-Identifier: ISC */
/* event - it has happened, once: for any number of waiters */
#include <stdio.h>

#include <leat/event.h>

#include "io/object.h"

struct leat_event {
	lt_object object;
	lt_line line;
	bool set;
};

static void event_end(lt_object *object)
{
	lt_line_fail(object->loop, &((leat_event *)object)->line, LEAT_CLOSED);
}

static int event_describe(const lt_object *object, char *out, size_t room)
{
	return snprintf(out, room, "%zu in line", ((const leat_event *)(const void *)object)->line.count);
}

static const lt_object_ops event_ops = { .name = "an event", .end = event_end, .describe = event_describe };

leat_event *leat_event_new_at(leat_loop *loop, const char *where)
{
	leat_event *event = lt_object_new(loop, &event_ops, sizeof *event, where);

	if (!event->object.dead)
		lt_line_init(&event->line, &event->object, "wait for an event");
	return event;
}

void leat_event_free(leat_event *event)
{
	lt_object_free((lt_object *)event);
}

void leat_event_set(leat_event *event)
{
	leat_io *io;

	if (event->object.dead)
		return;
	event->set = true;
	while ((io = lt_line_next(&event->line)))
		lt_settle(event->object.loop, io, &(lt_outcome){ 0 });
}

bool leat_event_is_set(const leat_event *event)
{
	return !event->object.spare && event->set;
}

leat_io *leat_event_wait_at(leat_event *event, const char *where)
{
	if (event->object.dead)
		return lt_object_refusal(&event->object, where);
	if (event->set)
		return leat_io_done_at(event->object.loop, where);
	return lt_line_join(event->object.loop, &event->line, where);
}

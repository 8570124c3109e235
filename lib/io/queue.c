/* SPDX-License-Identifier: ISC */
/* queue - values from those who make them to those who use them, in order
 *
 * A value lives in a piece from its put until it is delivered, so that one which
 * comes back needs no memory:
 *
 *	waiting   its put stands behind the limit; `putter` is that io
 *	inside    accepted, `count` of them; those that came back may exceed the limit
 *	lent      a take has settled with it, and nobody has got it yet
 *
 * Takes stand in line only while nothing is inside or waiting.  A lent value
 * keeps the shell.
 */
#include <stdio.h>

#include <leat/queue.h>

#include "io/object.h"

typedef struct item {
	struct item *next, *prev;
	void *value;
	const leat_type *type;
	leat_queue *queue;
	leat_io *putter;
	uint64_t number; /* in the order of the puts */
} item;

static_assert(sizeof(item) <= LT_PIECE_BYTES, "a piece is enough");

typedef struct items {
	item *first, *last;
	size_t count;
} items;

struct leat_queue {
	lt_object object;
	size_t limit, lent;
	uint64_t next_number;
	items inside, waiting;
	lt_line takers;
	bool closed;
};

/* ---- lists ---- */

static void insert_after(items *list, item *at, item *it)
{
	it->prev = at;
	it->next = at ? at->next : list->first;
	if (it->next)
		it->next->prev = it;
	else
		list->last = it;
	if (at)
		at->next = it;
	else
		list->first = it;
	list->count++;
}

static item *take_out(items *list, item *it)
{
	if (it->prev)
		it->prev->next = it->next;
	else
		list->first = it->next;
	if (it->next)
		it->next->prev = it->prev;
	else
		list->last = it->prev;
	list->count--;
	return it;
}

/* Before those that were put later: only such that came back are earlier. */
static void insert_in_order(items *list, item *it)
{
	item *at = NULL, *next = list->first;

	while (next && next->number < it->number) {
		at = next;
		next = next->next;
	}
	insert_after(list, at, it);
}

/* ---- values ---- */

static void destroy_value(const leat_type *type, void *value)
{
	lt_outcome_destroy(&(lt_outcome){ .type = type, .as.value.pointer = value });
}

/* The piece goes first: what is destroyed may free the queue. */
static void destroy_item(item *it)
{
	const leat_type *type = it->type;
	void *value = it->value;

	lt_piece_give(it->queue->object.loop, it);
	destroy_value(type, value);
}

static item *new_item(leat_queue *queue, void *value, const leat_type *type)
{
	item *it = lt_piece_take(queue->object.loop);

	if (it)
		*it = (item){ .value = value, .type = type, .queue = queue, .number = queue->next_number++ };
	return it;
}

static void settle(leat_queue *queue, leat_io *io)
{
	lt_settle(queue->object.loop, io, &(lt_outcome){ 0 });
}

/* ---- on its way to a take ---- */

static lt_outcome lend(item *it);

static bool is_over(const leat_queue *queue)
{
	return queue->closed && !queue->inside.first && !queue->waiting.first && queue->lent == 0;
}

/* Those who stand in line see the end, if it is there. */
static void tell_end(leat_queue *queue)
{
	leat_io *io;

	while (is_over(queue) && (io = lt_line_next(&queue->takers)))
		lt_settle(queue->object.loop, io, &(lt_outcome){ .type = &lt_end_type });
}

static void settle_with(leat_io *taker, item *it)
{
	lt_outcome outcome = lend(it);

	lt_settle(it->queue->object.loop, taker, &outcome);
}

static void value_delivered(void *ctx, void *value)
{
	leat_queue *queue = ((item *)ctx)->queue;

	(void)value;
	lt_piece_give(queue->object.loop, ctx);
	queue->lent--;
	tell_end(queue);
	lt_object_unref(&queue->object);
}

static void value_given_back(void *ctx, void *value)
{
	item *it = ctx;
	leat_queue *queue = it->queue;
	leat_io *taker = lt_line_next(&queue->takers);

	(void)value;
	queue->lent--;
	if (taker)
		settle_with(taker, it);
	else if (queue->object.dead)
		destroy_item(it);
	else
		insert_in_order(&queue->inside, it);
	lt_object_unref(&queue->object);
}

static const leat_giver value_giver = {
	.size = sizeof(leat_giver), .give_back = value_given_back, .delivered = value_delivered
};

static lt_outcome lend(item *it)
{
	it->queue->lent++;
	lt_object_ref(&it->queue->object);
	return (lt_outcome){ .type = it->type,
		.as.value = { .pointer = it->value, .giver = &value_giver, .giver_ctx = it } };
}

/* ---- putting ---- */

static void accept_put(leat_queue *queue, item *it)
{
	leat_io *putter = it->putter;

	it->putter = NULL;
	settle(queue, putter);
}

/* The first of those who wait, accepted: for the queue or for a take. */
static item *admit(leat_queue *queue)
{
	item *it = take_out(&queue->waiting, queue->waiting.first);

	accept_put(queue, it);
	return it;
}

static void let_in(leat_queue *queue)
{
	while (queue->waiting.first && queue->inside.count < queue->limit)
		insert_after(&queue->inside, queue->inside.last, admit(queue));
}

static void put_drop(leat_loop *loop, leat_io *io)
{
	item *it = io->u.custom.word[0];

	(void)loop;
	destroy_item(take_out(&it->queue->waiting, it));
}

static int put_describe(const leat_io *io, char *out, size_t room)
{
	return lt_object_describe(&((const item *)io->u.custom.word[0])->queue->object, out, room);
}

static const lt_kind put_kind = { .name = "put", .drop = put_drop, .describe = put_describe };

/* There is room for it, now. */
static bool has_room(const leat_queue *queue)
{
	return queue->takers.first || (!queue->waiting.first && queue->inside.count < queue->limit);
}

static void put_inside(leat_queue *queue, item *it)
{
	leat_io *taker = lt_line_next(&queue->takers);

	if (taker)
		settle_with(taker, it);
	else
		insert_after(&queue->inside, queue->inside.last, it);
}

static leat_io *put_waiting(leat_queue *queue, item *it, const char *where)
{
	leat_loop *loop = queue->object.loop;
	leat_io *io = lt_io_take_cell(loop, LT_CUSTOM, where);

	if (!io) {
		io = lt_io_nomem(loop);
		destroy_item(it); /* which may free the queue and the loop */
		return io;
	}
	io->u.custom.kind = &put_kind;
	io->u.custom.word[0] = it;
	it->putter = io;
	insert_after(&queue->waiting, queue->waiting.last, it);
	return io;
}

static leat_io *put(leat_queue *queue, item *it, const char *where)
{
	if (!has_room(queue))
		return put_waiting(queue, it, where);
	put_inside(queue, it);
	return leat_io_done_at(queue->object.loop, where);
}

static bool takes_none(const leat_queue *queue)
{
	return queue->object.dead || queue->closed || queue->object.loop->closing;
}

leat_io *leat_queue_put_at(leat_queue *queue, void *value, const leat_type *type, const char *where)
{
	leat_loop *loop = queue->object.loop;
	leat_kind why = value ? queue->object.dead : LEAT_INVALID;
	item *it = NULL;
	leat_io *io;

	if (!why && (queue->closed || loop->closing))
		why = LEAT_CLOSED;
	if (!why)
		it = new_item(queue, value, type);
	if (it)
		return put(queue, it, where);
	io = lt_object_refuse(loop, why ? why : LEAT_NOMEM, where);
	destroy_value(type, value);
	return io;
}

bool leat_queue_try_put(leat_queue *queue, void *value, const leat_type *type)
{
	item *it;

	if (!value || takes_none(queue) || !has_room(queue))
		return false;
	it = new_item(queue, value, type);
	if (it)
		put_inside(queue, it);
	return it != NULL;
}

/* ---- taking ---- */

/* The next one, NULL: none. */
static item *next_item(leat_queue *queue)
{
	if (queue->inside.first)
		return take_out(&queue->inside, queue->inside.first);
	return queue->waiting.first ? admit(queue) : NULL;
}

leat_io *leat_queue_take_at(leat_queue *queue, const char *where)
{
	leat_loop *loop = queue->object.loop;
	lt_outcome outcome;
	item *it;

	if (queue->object.dead || loop->closing)
		return lt_object_refusal(&queue->object, where);
	it = next_item(queue);
	if (!it && !is_over(queue))
		return lt_line_join(loop, &queue->takers, where);
	outcome = it ? lend(it) : (lt_outcome){ .type = &lt_end_type };
	let_in(queue);
	return lt_io_settled(loop, &outcome, where);
}

/* ---- ending ---- */

void leat_queue_close(leat_queue *queue)
{
	if (takes_none(queue))
		return;
	queue->closed = true;
	tell_end(queue);
}

size_t leat_queue_count(const leat_queue *queue)
{
	return queue->object.dead ? 0 : queue->inside.count + queue->waiting.count;
}

/* What it destroys may call us; so each list is asked anew. */
static void queue_end(lt_object *object)
{
	leat_queue *queue = (leat_queue *)object;

	lt_line_fail(object->loop, &queue->takers, LEAT_CLOSED);
	for (item *it = queue->waiting.first; it; it = it->next)
		lt_settle_error(object->loop, it->putter,
		                leat_error_make_at(&leat_core_errors, LEAT_CLOSED, it->putter->where));
	while (queue->waiting.first)
		destroy_item(take_out(&queue->waiting, queue->waiting.first));
	while (queue->inside.first)
		destroy_item(take_out(&queue->inside, queue->inside.first));
}

static int queue_describe(const lt_object *object, char *out, size_t room)
{
	const leat_queue *queue = (const leat_queue *)(const void *)object;

	return snprintf(out, room, "%zu of %zu inside, %zu to put, %zu to take%s", queue->inside.count, queue->limit,
	                queue->waiting.count, queue->takers.count, queue->closed ? ", closed" : "");
}

static const lt_object_ops queue_ops = { .name = "a queue", .end = queue_end, .describe = queue_describe };

leat_queue *leat_queue_new_at(leat_loop *loop, size_t limit, const char *where)
{
	leat_queue *queue = lt_object_new(loop, &queue_ops, sizeof *queue, where);

	if (queue->object.dead)
		return queue;
	queue->limit = limit;
	lt_line_init(&queue->takers, &queue->object, "take");
	return queue;
}

void leat_queue_free(leat_queue *queue)
{
	lt_object_free((lt_object *)queue);
}

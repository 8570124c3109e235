/* SPDX-License-Identifier: ISC */
/* dump_say - what a dump says of an io: who has it, how it stands, what it waits for */
#include <stdlib.h>

#include "io/dump.h"
#include "io/trace.h"

enum { COLUMN = 44 /* where what is said of an io begins, in the pretty form */ };

#define DIM "\033[2m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"

/* Before each thing that is said of an io. */
static void comma(lt_dump *d, bool *any)
{
	if (d->form == LEAT_DUMP_DOT)
		lt_dump_put(d, "\\n");
	else if (*any || d->form == LEAT_DUMP_TEXT)
		lt_dump_put(d, ", ");
	else
		do
			lt_dump_put(d, " ");
		while (d->columns < COLUMN);
	*any = true;
}

static void say_error(lt_dump *d, leat_error error)
{
	char words[128];

	leat_error_print(error, words, sizeof words);
	lt_dump_putf(d, "%s", words);
	if (error.where)
		lt_dump_putf(d, " at %s", error.where);
}

static void say_outcome(lt_dump *d, const lt_outcome *o)
{
	if (lt_is_error(o)) {
		lt_dump_put(d, "failed: ");
		say_error(d, o->as.error);
	} else if (!o->type) {
		lt_dump_put(d, "nothing");
	} else if (o->type == &leat_int_type) {
		lt_dump_putf(d, "int %lld", (long long)o->as.value.integer);
	} else {
		lt_dump_putf(d, "%s", o->type->name);
	}
}

static bool is_owned(const leat_io *io)
{
	return io->phase == LT_PENDING && io->kind == LT_CUSTOM && io->u.custom.kind->owned;
}

/* NULL: it says so itself. */
static const char *holder(const leat_io *io)
{
	const lt_watch *watch = lt_watch_of(io);

	if (!io->waiter)
		return is_owned(io) ? NULL : "held";
	if (!lt_is_watch(io->waiter))
		return NULL;
	return watch->ops->name ? watch->ops->name : "watched";
}

static void say_holder(lt_dump *d, const leat_io *io, bool *any)
{
	const leat_io *waiter = lt_waiter_cell(io);

	const char *who = holder(io);

	if (waiter) {
		comma(d, any);
		lt_dump_putf(d, "for %s %s", lt_io_kind_name(waiter), waiter->where);
	} else if (who) {
		comma(d, any);
		lt_dump_put(d, who);
	}
}

static void say_state(lt_dump *d, const leat_io *io, bool *any)
{
	bool error = io->phase == LT_SETTLED && lt_is_error(&io->u.outcome);

	if (io->phase == LT_PENDING && !(io->flags & (LT_RUNNING | LT_DOOMED | LT_QUEUED)))
		return;
	comma(d, any);
	lt_dump_colour(d, error ? RED : io->phase == LT_SETTLED ? GREEN : YELLOW);
	if (io->flags & LT_DOOMED) {
		lt_dump_put(d, "cancelled");
	} else if (io->phase == LT_PENDING) {
		lt_dump_put(d, io->flags & LT_RUNNING ? "running" : "to run");
	} else {
		lt_dump_put(d, io->flags & LT_QUEUED ? "ready: " : "settled: ");
		say_outcome(d, &io->u.outcome);
	}
	lt_dump_plain(d);
}

static const leat_leaf *leaf_of(const leat_io *io)
{
	return io->phase == LT_PENDING && io->kind == LT_LEAF ? io->u.leaf.leaf : NULL;
}

static const void *state_of(const leat_io *io, const leat_leaf *leaf)
{
	return leaf->state_bytes > sizeof io->u.leaf.state ? io->u.leaf.state[0] : io->u.leaf.state;
}

/* What it says of itself; false: nothing. */
static bool describe(const leat_io *io, char *out, size_t room)
{
	const leat_leaf *leaf = leaf_of(io);

	*out = '\0';
	if (io->phase != LT_PENDING || (io->flags & (LT_FORWARD | LT_DOOMED)))
		return false;
	if (leaf && lt_has(leaf, describe))
		leaf->describe(state_of(io, leaf), out, room);
	else if (io->kind == LT_CUSTOM && io->u.custom.kind->describe)
		io->u.custom.kind->describe(io, out, room);
	return *out;
}

static void say_itself(lt_dump *d, const leat_io *io, bool *any)
{
	char words[256];

	if (!describe(io, words, sizeof words))
		return;
	comma(d, any);
	lt_dump_put_harmless(d, words);
}

static void say_age(lt_dump *d, const leat_io *io, bool *any)
{
	lt_age age;

	if (!lt_trace_age(io, &age))
		return;
	comma(d, any);
	lt_dump_colour(d, DIM);
	lt_dump_putf(d, "%llu turns, %lld ms old", (unsigned long long)age.turns, (long long)age.ms);
	lt_dump_plain(d);
}

static const char *name_of(const leat_io *io)
{
	const leat_leaf *leaf = leaf_of(io);

	return leaf && leaf->name ? leaf->name : lt_io_kind_name(io);
}

void lt_dump_say(lt_dump *d, const leat_io *io, size_t times, bool is_root)
{
	bool any = false;

	lt_dump_colour(d, LT_DUMP_BOLD);
	lt_dump_putf(d, "%s", name_of(io));
	lt_dump_plain(d);
	lt_dump_put(d, d->form == LEAT_DUMP_DOT ? "\\n" : " ");
	lt_dump_colour(d, DIM);
	lt_dump_putf(d, "%s", io->where);
	lt_dump_plain(d);
	if (times > 1) {
		comma(d, &any);
		lt_dump_putf(d, "%zu times", times);
	}
	if (is_root)
		say_holder(d, io, &any);
	say_state(d, io, &any);
	say_itself(d, io, &any);
	say_age(d, io, &any);
}

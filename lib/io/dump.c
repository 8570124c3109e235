/* SPDX-License-Identifier: ISC */
/* dump - who waits for whom, as text, as a drawing and as a graph
 *
 * tree.c finds the way; here each io becomes a line, on the stack, and each
 * line goes out at once: nothing is gathered, nothing allocated.  A row of
 * links that say the same (a recursion by returned ios) is one line.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/dump.h"
#include "io/trace.h"
#include "io/tree.h"

enum {
	LINE = 1024,
	DEEPEST = 24,  /* levels that are drawn; below it is said which one it is */
	COLUMN = 44,   /* where what is said of an io begins, in the pretty form */
	REPORTED = 40, /* lines of a report */
};
_Static_assert((int)DEEPEST < (int)LT_TREE_FRAMES, "the levels drawn are known exactly");

typedef struct dump {
	leat_loop *loop;
	FILE *file;
	int fd;
	char *memory;
	size_t room, bytes; /* of memory */
	bool ok, colour;
	leat_dump_form form;
	size_t most, lines;
	size_t hidden;         /* ios that found no line */
	const leat_io *passed; /* a tree that had its turn */
	/* for the graph: the last line's first and last io */
	const leat_io *first, *last;
	size_t used, columns;
	char line[LINE];
} dump;

/* ---- out ---- */

static bool write_all(int fd, const char *text, size_t bytes)
{
	while (bytes > 0) {
		ssize_t n = write(fd, text, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text += n;
		bytes -= (size_t)n;
	}
	return true;
}

static void keep(dump *d)
{
	size_t free = d->bytes < d->room ? d->room - d->bytes : 0;

	if (free > 0)
		memcpy(d->memory + d->bytes, d->line, d->used < free ? d->used : free);
	d->bytes += d->used;
}

static void end_line(dump *d)
{
	d->line[d->used++] = '\n';
	if (d->file)
		d->ok = fwrite(d->line, 1, d->used, d->file) == d->used && d->ok;
	else if (d->fd >= 0)
		d->ok = d->ok && write_all(d->fd, d->line, d->used);
	else
		keep(d);
	d->used = d->columns = 0;
	d->lines++;
}

/* ---- a line ---- */

/* Room is kept for the end of the line and of a colour. */
static size_t room_left(const dump *d)
{
	return LINE - 16 - d->used;
}

/* Bytes of ours. */
static void put(dump *d, const char *text)
{
	size_t n = strlen(text), room = room_left(d);

	n = n < room ? n : room;
	memcpy(d->line + d->used, text, n);
	d->used += n;
	for (size_t i = 0; i < n; i++)
		d->columns += (text[i] & 0xc0) != 0x80; /* of a UTF-8 letter, the first */
}

/* A control character, of ASCII or in UTF-8 (two bytes). */
static bool is_control(const char *text)
{
	unsigned char c = (unsigned char)*text;

	return c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)text[1] < 0xa0);
}

/* Words of others: they are not to speak to the terminal, nor end a label. */
static void put_harmless(dump *d, const char *text)
{
	char one[3] = { 0 };

	for (; *text; text++) {
		bool quoted = d->form == LEAT_DUMP_DOT && (*text == '"' || *text == '\\');

		one[0] = quoted ? '\\' : *text;
		one[1] = quoted ? *text : '\0';
		put(d, is_control(text) ? "?" : one);
	}
}

static void putf(dump *d, const char *format, ...) LEAT_PRINTF(2, 3);
static void putf(dump *d, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	put_harmless(d, text);
}

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"

static void colour(dump *d, const char *code)
{
	size_t n = strlen(code);

	if (!d->colour || !n || room_left(d) < n)
		return;
	memcpy(d->line + d->used, code, n);
	d->used += n;
}

static void plain(dump *d)
{
	if (!d->colour)
		return;
	memcpy(d->line + d->used, "\033[0m", 4); /* for which room was kept */
	d->used += 4;
}

/* Before each thing that is said of an io. */
static void comma(dump *d, bool *any)
{
	if (d->form == LEAT_DUMP_DOT)
		put(d, "\\n");
	else if (*any || d->form == LEAT_DUMP_TEXT)
		put(d, ", ");
	else
		do
			put(d, " ");
		while (d->columns < COLUMN);
	*any = true;
}

/* ---- what there is to say ---- */

static void say_error(dump *d, leat_error error)
{
	char words[128];

	leat_error_print(error, words, sizeof words);
	putf(d, "%s", words);
	if (error.where)
		putf(d, " at %s", error.where);
}

static void say_outcome(dump *d, const lt_outcome *o)
{
	if (lt_is_error(o)) {
		put(d, "failed: ");
		say_error(d, o->as.error);
	} else if (!o->type) {
		put(d, "nothing");
	} else if (o->type == &leat_int_type) {
		putf(d, "int %lld", (long long)o->as.value.integer);
	} else {
		putf(d, "%s", o->type->name);
	}
}

static const char *holder(const leat_io *io)
{
	const lt_watch *watch = lt_watch_of(io);

	if (!io->waiter)
		return "held";
	if (!lt_is_watch(io->waiter))
		return NULL;
	return watch->ops->name ? watch->ops->name : "watched";
}

static void say_holder(dump *d, const leat_io *io, bool *any)
{
	const leat_io *waiter = lt_waiter_cell(io);

	comma(d, any);
	if (waiter)
		putf(d, "for %s %s", lt_io_kind_name(waiter), waiter->where);
	else
		put(d, holder(io));
}

static void say_state(dump *d, const leat_io *io, bool *any)
{
	bool error = io->phase == LT_SETTLED && lt_is_error(&io->u.outcome);

	if (io->phase == LT_PENDING && !(io->flags & (LT_RUNNING | LT_DOOMED | LT_QUEUED)))
		return;
	comma(d, any);
	colour(d, error ? RED : io->phase == LT_SETTLED ? GREEN : YELLOW);
	if (io->flags & LT_DOOMED) {
		put(d, "cancelled");
	} else if (io->phase == LT_PENDING) {
		put(d, io->flags & LT_RUNNING ? "running" : "to run");
	} else {
		put(d, io->flags & LT_QUEUED ? "ready: " : "settled: ");
		say_outcome(d, &io->u.outcome);
	}
	plain(d);
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

static void say_itself(dump *d, const leat_io *io, bool *any)
{
	char words[256];

	if (!describe(io, words, sizeof words))
		return;
	comma(d, any);
	put_harmless(d, words);
}

static void say_age(dump *d, const leat_io *io, bool *any)
{
	lt_age age;

	if (!lt_trace_age(io, &age))
		return;
	comma(d, any);
	colour(d, DIM);
	putf(d, "%llu turns, %lld ms old", (unsigned long long)age.turns, (long long)age.ms);
	plain(d);
}

static const char *name_of(const leat_io *io)
{
	const leat_leaf *leaf = leaf_of(io);

	return leaf && leaf->name ? leaf->name : lt_io_kind_name(io);
}

static void say(dump *d, const leat_io *io, size_t times, bool is_root)
{
	bool any = false;

	colour(d, BOLD);
	putf(d, "%s", name_of(io));
	plain(d);
	put(d, d->form == LEAT_DUMP_DOT ? "\\n" : " ");
	colour(d, DIM);
	putf(d, "%s", io->where);
	plain(d);
	if (times > 1) {
		comma(d, &any);
		putf(d, "%zu times", times);
	}
	if (is_root)
		say_holder(d, io, &any);
	say_state(d, io, &any);
	say_itself(d, io, &any);
	say_age(d, io, &any);
}

/* ---- the tree ---- */

static void indent(dump *d, const lt_tree *tree)
{
	size_t drawn = tree->depth < DEEPEST ? tree->depth : DEEPEST;

	for (size_t level = 1; level <= drawn; level++) {
		bool more = tree->more >> level & 1;

		if (d->form == LEAT_DUMP_TEXT)
			put(d, "  ");
		else if (level == drawn)
			put(d, more ? "├─ " : "╰─ ");
		else
			put(d, more ? "│  " : "   ");
	}
	if (tree->depth > DEEPEST)
		putf(d, "[%zu] ", tree->depth);
}

/* Both are links that say no more than their place. */
static bool alike(const leat_io *a, const leat_io *b)
{
	return a->phase == LT_PENDING && b->phase == LT_PENDING && a->flags == b->flags && a->kind == b->kind &&
	       a->kind != LT_CUSTOM && a->kind != LT_LEAF && a->where == b->where;
}

/* Goes on to the last of those that are like `io`, for which the tree stands at it. */
static size_t count_alike(lt_tree *tree, const leat_io *io)
{
	size_t times = 1;
	leat_io *next;

	while ((next = lt_tree_only(tree)) && alike(io, next)) {
		tree->at = next;
		times++;
	}
	return times;
}

static bool is_full(const dump *d)
{
	return d->most && d->lines >= d->most;
}

static void put_node(dump *d, const lt_tree *tree, const leat_io *io, size_t times)
{
	const leat_io *waiter = lt_waiter_cell(io);

	putf(d, "\tio_%zx [", (size_t)io);
	put(d, "label=\"");
	say(d, io, times, io == tree->root);
	put(d, "\"");
	if (io->phase == LT_SETTLED)
		put(d, lt_is_error(&io->u.outcome) ? ", color=red" : ", color=green");
	put(d, "];");
	if (waiter) {
		put(d, " ");
		putf(d, "io_%zx -> io_%zx;", (size_t)(waiter == d->last ? d->first : waiter), (size_t)io);
	}
	d->first = io;
	d->last = tree->at;
}

static void put_line(dump *d, const lt_tree *tree, const leat_io *io, size_t depth, size_t times)
{
	lt_tree at = { .depth = depth, .more = tree->more };

	indent(d, &at);
	say(d, io, times, io == tree->root);
}

static void put_tree(dump *d, leat_io *root)
{
	lt_tree tree;

	for (leat_io *io = lt_tree_begin(&tree, root); io; io = lt_tree_next(&tree)) {
		size_t times = io == root ? 1 : count_alike(&tree, io);

		if (is_full(d)) {
			d->hidden += times;
			continue;
		}
		if (d->form == LEAT_DUMP_DOT)
			put_node(d, &tree, io, times);
		else
			put_line(d, &tree, io, tree.depth, times);
		end_line(d);
	}
}

static void visit(leat_loop *loop, leat_io *io, void *arg)
{
	dump *d = arg;

	(void)loop;
	if (!(io->flags & (LT_IMMORTAL | LT_DOOMED)) && io != d->passed && lt_tree_is_root(io))
		put_tree(d, io);
}

/* ---- flows and listeners ---- */

static size_t count(const leat_loop *loop, int kind)
{
	const lt_resident *head = &loop->residents[kind].head;
	size_t n = 0;

	for (const lt_resident *at = head->next; at != head; at = at->next)
		n++;
	return n;
}

static void put_residents(dump *d, int kind)
{
	const lt_residents *all = &d->loop->residents[kind];
	char words[256];

	for (const lt_resident *at = all->head.next; at != &all->head && !is_full(d); at = at->next) {
		colour(d, BOLD);
		put(d, kind == LT_FLOWS ? "flow " : "listener ");
		plain(d);
		words[0] = '\0';
		if (all->describe)
			all->describe(at, words, sizeof words);
		else
			snprintf(words, sizeof words, "%s", all->where(at));
		put_harmless(d, words);
		end_line(d);
	}
}

/* ---- the whole ---- */

static void put_head(dump *d)
{
	const leat_loop *loop = d->loop;

	if (d->form == LEAT_DUMP_DOT)
		return;
	putf(d, "leat: %zu ios, %zu flows, %zu listeners, %u timers, turn %llu", lt_pool_live(loop), count(loop, LT_FLOWS),
	     count(loop, LT_LISTENERS), (unsigned)loop->timers.count, (unsigned long long)loop->turns);
	if (loop->unhandled)
		putf(d, ", %llu failures unhandled", (unsigned long long)loop->unhandled);
	end_line(d);
}

static void put_rest(dump *d)
{
	if (d->hidden) {
		putf(d, "%sand %zu ios more", d->form == LEAT_DUMP_DOT ? "\t// " : "", d->hidden);
		end_line(d);
	}
}

static void put_all(dump *d, const leat_io *only)
{
	if (d->form == LEAT_DUMP_DOT) {
		put(d, "digraph leat {");
		end_line(d);
		put(d, "\trankdir=LR; node [shape=box, fontname=monospace];");
		end_line(d);
	}
	if (only) {
		put_tree(d, (leat_io *)(uintptr_t)only);
	} else {
		put_head(d);
		lt_pool_walk(d->loop, visit, d);
		if (d->form != LEAT_DUMP_DOT) {
			put_residents(d, LT_FLOWS);
			put_residents(d, LT_LISTENERS);
		}
	}
	put_rest(d);
	if (d->form == LEAT_DUMP_DOT) {
		put(d, "}");
		end_line(d);
	}
}

/* Fills in what was asked for; gives the io that it is only about. */
static const leat_io *take_options(dump *d, const leat_dump_options *options)
{
	leat_dump_options all = { 0 };

	if (options)
		memcpy(&all, options, options->size < sizeof all ? options->size : sizeof all);
	d->form = all.form;
	d->most = all.most_lines;
	if (d->form == LEAT_DUMP_PRETTY && all.colour != LEAT_DUMP_COLOUR_NEVER)
		d->colour = all.colour == LEAT_DUMP_COLOUR_ALWAYS || (d->fd >= 0 && isatty(d->fd)) ||
		            (d->file && isatty(fileno(d->file)));
	return all.only;
}

static bool go(dump *d, const leat_dump_options *options)
{
	put_all(d, take_options(d, options));
	return d->ok;
}

bool leat_dump(leat_loop *loop, FILE *out, const leat_dump_options *options)
{
	return go(&(dump){ .loop = loop, .file = out, .fd = -1, .ok = true }, options);
}

bool leat_dump_fd(leat_loop *loop, int fd, const leat_dump_options *options)
{
	return go(&(dump){ .loop = loop, .fd = fd, .ok = fd >= 0 }, options);
}

size_t leat_dump_text(leat_loop *loop, char *out, size_t room, const leat_dump_options *options)
{
	dump d = { .loop = loop, .fd = -1, .memory = out, .room = room, .ok = true };

	go(&d, options);
	if (room > 0)
		out[d.bytes < room ? d.bytes : room - 1] = '\0';
	return d.bytes;
}

/* ---- for the loop's report ---- */

/* Written first, told then: what is told may change what is told of. */
void lt_dump_report(leat_loop *loop, leat_io *io)
{
	char text[REPORTED * 128];
	dump d = { .loop = loop, .fd = -1, .memory = text, .room = sizeof text, .most = REPORTED, .ok = true, .passed = io };
	char *end;

	if (!loop->options.report)
		return;
	put_tree(&d, io);
	lt_pool_walk(loop, visit, &d);
	put_rest(&d);
	text[d.bytes < sizeof text ? d.bytes : sizeof text - 1] = '\0';
	for (char *line = text; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		loop->options.report(loop->options.ctx, line);
	}
}

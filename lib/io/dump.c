/* SPDX-License-Identifier: ISC */
/* dump - who waits for whom, as text, as a drawing and as a graph
 *
 * tree.c finds the way; here each io becomes a line (dump_say.c), and each
 * line goes out at once (dump_line.c): nothing is gathered, nothing allocated.
 * A row of links that say the same (a recursion by returned ios) is one line.
 */
#include <unistd.h>

#include <leat/options.h>

#include "io/dump.h"
#include "io/tree.h"

enum {
	DEEPEST = 24,  /* levels that are drawn; below it is said which one it is */
	REPORTED = 40, /* lines of a report */
};
_Static_assert((int)DEEPEST < (int)LT_TREE_FRAMES, "the levels drawn are known exactly");

/* ---- the tree ---- */

static void indent(lt_dump *d, const lt_tree *tree)
{
	size_t drawn = tree->depth < DEEPEST ? tree->depth : DEEPEST;

	for (size_t level = 1; level <= drawn; level++) {
		bool more = tree->more >> level & 1;

		if (d->form == LEAT_DUMP_TEXT)
			lt_dump_put(d, "  ");
		else if (level == drawn)
			lt_dump_put(d, more ? "├─ " : "╰─ ");
		else
			lt_dump_put(d, more ? "│  " : "   ");
	}
	if (tree->depth > DEEPEST)
		lt_dump_putf(d, "[%zu] ", tree->depth);
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

static bool is_full(const lt_dump *d)
{
	return d->most && d->lines >= d->most;
}

static void put_node(lt_dump *d, const lt_tree *tree, const leat_io *io, size_t times)
{
	const leat_io *waiter = lt_waiter_cell(io);

	lt_dump_putf(d, "\tio_%zx [", (size_t)io);
	lt_dump_put(d, "label=\"");
	lt_dump_say(d, io, times, io == tree->root);
	lt_dump_put(d, "\"");
	if (io->phase == LT_SETTLED)
		lt_dump_put(d, lt_is_error(&io->u.outcome) ? ", color=red" : ", color=green");
	lt_dump_put(d, "];");
	if (waiter) {
		lt_dump_put(d, " ");
		lt_dump_putf(d, "io_%zx -> io_%zx;", (size_t)(waiter == d->last ? d->first : waiter), (size_t)io);
	}
	d->first = io;
	d->last = tree->at;
}

static void put_line(lt_dump *d, const lt_tree *tree, const leat_io *io, size_t depth, size_t times)
{
	lt_tree at = { .depth = depth, .more = tree->more };

	indent(d, &at);
	lt_dump_say(d, io, times, io == tree->root);
}

static void put_tree(lt_dump *d, leat_io *root)
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
		lt_dump_end_line(d);
	}
}

static void visit(leat_loop *loop, leat_io *io, void *arg)
{
	lt_dump *d = arg;

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

static void put_residents(lt_dump *d, int kind)
{
	const lt_residents *all = &d->loop->residents[kind];
	char words[256];

	for (const lt_resident *at = all->head.next; at != &all->head && !is_full(d); at = at->next) {
		lt_dump_colour(d, LT_DUMP_BOLD);
		lt_dump_put(d, kind == LT_FLOWS ? "flow " : "listener ");
		lt_dump_plain(d);
		words[0] = '\0';
		if (all->describe)
			all->describe(at, words, sizeof words);
		else
			snprintf(words, sizeof words, "%s", all->where(at));
		lt_dump_put_harmless(d, words);
		lt_dump_end_line(d);
	}
}

/* ---- the whole ---- */

static void put_head(lt_dump *d)
{
	const leat_loop *loop = d->loop;

	if (d->form == LEAT_DUMP_DOT)
		return;
	lt_dump_putf(d, "leat: %zu ios, %zu flows, %zu listeners, %u timers, turn %llu", lt_pool_live(loop), count(loop, LT_FLOWS),
	     count(loop, LT_LISTENERS), (unsigned)loop->timers.count, (unsigned long long)loop->turns);
	if (loop->unhandled)
		lt_dump_putf(d, ", %llu failures unhandled", (unsigned long long)loop->unhandled);
	lt_dump_end_line(d);
}

static void put_rest(lt_dump *d)
{
	if (d->hidden) {
		lt_dump_putf(d, "%sand %zu ios more", d->form == LEAT_DUMP_DOT ? "\t// " : "", d->hidden);
		lt_dump_end_line(d);
	}
}

static void put_all(lt_dump *d, const leat_io *only)
{
	if (d->form == LEAT_DUMP_DOT) {
		lt_dump_put(d, "digraph leat {");
		lt_dump_end_line(d);
		lt_dump_put(d, "\trankdir=LR; node [shape=box, fontname=monospace];");
		lt_dump_end_line(d);
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
		lt_dump_put(d, "}");
		lt_dump_end_line(d);
	}
}

/* Fills in what was asked for; gives the io that it is only about. */
static const leat_io *take_options(lt_dump *d, const leat_dump_options *options)
{
	leat_dump_options all;

	leat_options_take_at(&all, sizeof all, options, "leat_dump_options", NULL);
	d->form = all.form;
	d->most = all.most_lines;
	if (d->form == LEAT_DUMP_PRETTY && all.colour != LEAT_DUMP_COLOUR_NEVER)
		d->colour = all.colour == LEAT_DUMP_COLOUR_ALWAYS || (d->fd >= 0 && isatty(d->fd)) ||
		            (d->file && isatty(fileno(d->file)));
	return all.only;
}

static bool go(lt_dump *d, const leat_dump_options *options)
{
	put_all(d, take_options(d, options));
	return d->ok;
}

bool leat_dump(leat_loop *loop, FILE *out, const leat_dump_options *options)
{
	return go(&(lt_dump){ .loop = loop, .file = out, .fd = -1, .ok = true }, options);
}

bool leat_dump_fd(leat_loop *loop, int fd, const leat_dump_options *options)
{
	return go(&(lt_dump){ .loop = loop, .fd = fd, .ok = fd >= 0 }, options);
}

size_t leat_dump_text(leat_loop *loop, char *out, size_t room, const leat_dump_options *options)
{
	lt_dump d = { .loop = loop, .fd = -1, .memory = out, .room = room, .ok = true };

	go(&d, options);
	if (room > 0)
		out[d.bytes < room ? d.bytes : room - 1] = '\0';
	return d.bytes;
}

/* ---- for the loop's report ---- */

/* Written first, told then: what is told may change what is told of. */
void lt_dump_deadlock(leat_loop *loop, leat_io *io, const char *where)
{
	char text[REPORTED * 128];
	lt_dump d = { .loop = loop, .fd = -1, .memory = text, .room = sizeof text, .most = REPORTED, .ok = true, .passed = io };
	const char *made = io->where;
	char *end;

	if (!loop->options.report)
		return;
	put_tree(&d, io);
	lt_pool_walk(loop, visit, &d);
	put_rest(&d);
	text[d.bytes < sizeof text ? d.bytes : sizeof text - 1] = '\0';
	lt_loop_report(loop, "%s: waits for what nothing can settle (made at %s)", where, made);
	for (char *line = text; !loop->gone && (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		loop->options.report(loop->options.ctx, line);
	}
}

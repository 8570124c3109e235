/* SPDX-License-Identifier: ISC */
/* tree - an io and all it waits for */
#include "io/tree.h"

/* A cell that is at work holds its sources in its hands. */
static bool is_waiting(const leat_io *io)
{
	return io->phase == LT_PENDING && !(io->flags & (LT_RUNNING | LT_DOOMED));
}

static bool has_row(const leat_io *io)
{
	return is_waiting(io) && io->kind == LT_CUSTOM && !(io->flags & LT_FORWARD) && io->u.custom.kind->each;
}

/* In the queue, `source` is the next one there. */
static leat_io *single(const leat_io *io)
{
	leat_io *source = is_waiting(io) && !(io->flags & LT_QUEUED) ? io->source : NULL;

	return source && lt_waiter_cell(source) == io ? source : NULL;
}

static leat_io *each(const leat_io *many, size_t *next)
{
	return many->u.custom.kind->each(many, next);
}

bool lt_tree_is_root(const leat_io *io)
{
	const leat_io *waiter = lt_waiter_cell(io);

	if (!waiter)
		return true;
	/* what is being cancelled is already off its waiters */
	return !lt_cell_loop(io)->razing && !has_row(waiter) && single(waiter) != io;
}

/* ---- one step ---- */

static leat_io *go(lt_tree *tree, leat_io *to, size_t depth, bool more)
{
	tree->at = to;
	tree->depth = depth;
	if (depth < LT_TREE_FRAMES)
		tree->more = (tree->more & ~(UINT32_C(1) << depth)) | (uint32_t)more << depth;
	return to;
}

/* The next one of a row. */
static leat_io *along(lt_tree *tree, leat_io *many, size_t next, size_t depth)
{
	leat_io *io = each(many, &next);
	size_t after = next;

	if (tree->nested <= LT_TREE_FRAMES)
		tree->frame[tree->nested - 1].next = next;
	return io ? go(tree, io, depth, each(many, &after)) : NULL;
}

static leat_io *down(lt_tree *tree)
{
	leat_io *at = tree->at, *source;

	if (!has_row(at)) {
		source = single(at);
		return source ? go(tree, source, tree->depth + 1, false) : NULL;
	}
	if (tree->nested++ < LT_TREE_FRAMES) {
		tree->frame[tree->nested - 1].many = at;
		tree->frame[tree->nested - 1].depth = tree->depth + 1;
	}
	source = along(tree, at, 0, tree->depth + 1);
	if (!source)
		tree->nested--;
	return source;
}

/* Where a row went on that nobody remembers: climbs to it and looks. */
static leat_io *found_again(lt_tree *tree)
{
	leat_io *below = tree->at, *many = lt_waiter_cell(below), *io;
	size_t next = 0;

	while (many && !has_row(many)) {
		below = many;
		many = lt_waiter_cell(below);
	}
	if (!many)
		return NULL;
	tree->at = many;
	do {
		io = each(many, &next);
	} while (io && io != below);
	return io ? along(tree, many, next, tree->depth) : NULL;
}

leat_io *lt_tree_next(lt_tree *tree)
{
	leat_io *io = down(tree);

	while (!io && tree->nested > 0) {
		size_t top = tree->nested - 1;

		if (top >= LT_TREE_FRAMES) {
			io = tree->at == tree->root ? NULL : found_again(tree);
		} else {
			tree->at = tree->frame[top].many;
			io = along(tree, tree->at, tree->frame[top].next, tree->frame[top].depth);
		}
		if (!io)
			tree->nested--;
	}
	return io;
}

leat_io *lt_tree_begin(lt_tree *tree, leat_io *root)
{
	tree->root = root;
	tree->nested = 0;
	tree->more = 0;
	return go(tree, root, 0, false);
}

leat_io *lt_tree_only(const lt_tree *tree)
{
	return has_row(tree->at) ? NULL : single(tree->at);
}

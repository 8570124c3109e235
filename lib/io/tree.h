/* SPDX-License-Identifier: ISC */
/* tree.h - an io and all it waits for, one after the other, in constant stack
 *
 *	for (io = lt_tree_begin(&tree, root); io; io = lt_tree_next(&tree))
 *		tree.depth, tree.more
 *
 * Down by source, or by each where a cell has many; a chain is never climbed
 * again.  Of the cells with many sources the outermost ones are remembered with
 * their place in the row; one that stands deeper is found by climbing, and its
 * place by looking for it.
 */
#ifndef LT_IO_TREE_H
#define LT_IO_TREE_H

#include "io/io.h"

enum { LT_TREE_FRAMES = 32 };

typedef struct lt_tree {
	leat_io *root, *at;
	size_t depth;  /* of `at`; where it stands deeper than LT_TREE_FRAMES, about that */
	uint32_t more; /* bit d: the one of that depth has another beside it that comes later */
	size_t nested; /* cells with many sources that are under way */
	struct {
		leat_io *many;
		size_t next, depth;
	} frame[LT_TREE_FRAMES];
} lt_tree;

leat_io *lt_tree_begin(lt_tree *tree, leat_io *root);
leat_io *lt_tree_next(lt_tree *tree);
/* The only thing that `at` waits for, where it can have no other; else NULL. */
leat_io *lt_tree_only(const lt_tree *tree);
/* Whether a tree begins with it: its waiter, if it has one, does not lead to it. */
bool lt_tree_is_root(const leat_io *io);

#endif

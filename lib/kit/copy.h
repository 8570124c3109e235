/* SPDX-License-Identifier: ISC */
/* copy.h - the record of a copy, for its two ways: by bufs, and by the kernel */
#ifndef LT_KIT_COPY_H
#define LT_KIT_COPY_H

#include <leat/buf.h>
#include <leat/copy.h>

struct lt_splice;

typedef struct lt_copy {
	leat_buf *record; /* whose bytes this is */
	leat_loop *loop;
	leat_flow *from, *to;
	leat_buf *keep;       /* is being sent, and may have to wait; else NULL */
	size_t sent;          /* bytes of the last send */
	leat_buf *rest;       /* what was in the pipe; until the chain goes on */
	leat_io *sending;     /* or this, where `to` is being shut */
	uint64_t bytes, left; /* that went over, that may */
	uint64_t *moved;      /* the user's count; NULL: none */
	bool *to_failed;      /* likewise */
	unsigned large;       /* reads in a row that were */
	bool by_bufs;         /* and never otherwise */
	bool over;            /* ended, while a step is on the stack */
	leat_error failure;   /* of the other way, which the chain would not find */
	struct lt_splice *splice; /* while the kernel moves the bytes */
} lt_copy;

/* ---- copy.c ---- */
static inline void lt_copy_count(lt_copy *copy, size_t bytes)
{
	copy->bytes += bytes;
	copy->left -= bytes;
	if (copy->moved)
		*copy->moved += bytes;
}
/* Goes on, in a continuation of the copy's chain. */
leat_io *lt_copy_go_on(lt_copy *copy);
/* Sends the rest, if there is one. */
leat_io *lt_copy_send_rest(lt_copy *copy);

/* ---- splice.c ---- */
/* Has the kernel go on with a copy that moves much, where it can; gives the
 * chain's next. */
leat_io *lt_copy_splice(lt_copy *copy);

#endif
